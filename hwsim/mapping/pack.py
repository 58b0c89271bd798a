"""Records to arrays and back: the one place that knows both."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hwsim.errors import MappingError
from hwsim.kernels.packed import ALWAYS, FREE, NEVER, UNLIMITED, HierarchyArrays, Int, MappingArrays, NestArrays
from hwsim.mapping.hierarchy import TOPOLOGIES, Hierarchy, Level
from hwsim.mapping.record import LevelLoops, Mapping
from hwsim.workload import DIMS, OPERANDS, Dim, LoopNest

_INDEX: dict[str, int] = {dim: index for index, dim in enumerate(DIMS)}
_KEEPS = {"never": NEVER, "always": ALWAYS, "free": FREE}


def pack_nest(nest: LoopNest) -> NestArrays:
    """One repeat of a nest as arrays."""
    return NestArrays(
        extents=np.array(nest.extents, np.int64),
        stride=np.array((nest.stride_h, nest.stride_w), np.int64),
        dilation=np.array((nest.dilation_h, nest.dilation_w), np.int64),
        pad=np.array((nest.pad_top, nest.pad_left), np.int64),
        size=np.array((nest.input_height, nest.input_width), np.int64),
        bits=np.array((nest.input.bits, nest.weight.bits, nest.output.bits, nest.accumulator.bits), np.int64),
    )


def pack_hierarchy(hierarchy: Hierarchy) -> HierarchyArrays:
    """A hierarchy as arrays; raises MappingError where its pools leave an operand out that may be kept."""
    levels = hierarchy.levels
    pool, pool_bits = _pools(levels)
    return HierarchyArrays(
        mesh=np.array([(level.mesh_x, level.mesh_y) for level in levels], np.int64),
        fanout=np.array([hierarchy.fanout(index) for index in range(len(levels))], np.int64),
        pool=pool,
        pool_bits=pool_bits,
        keeps=np.array([[_KEEPS[keep] for keep in level.keeps] for level in levels], np.int64),
        bandwidth=np.array(
            [[_rate(level.read), _rate(level.write), _rate(level.shared)] for level in levels], np.float64
        ),
        energy=np.array(
            [
                [access or (math.nan,) * 3 for access in (level.read_j, level.fill_j, level.update_j)]
                for level in levels
            ],
            np.float64,
        ),
        block=np.array([level.block_bits for level in levels], np.int64),
        network=np.array([[_rate(rate) for rate in level.network_bits_per_cycle] for level in levels], np.float64),
        multicast=np.array([level.multicast for level in levels], np.bool_),
        reduce=np.array([level.reduce for level in levels], np.bool_),
        hop_j=np.array([level.hop_j for level in levels], np.float64),
        topology=np.array([TOPOLOGIES.index(level.topology) for level in levels], np.int64),
        overlapped=np.array([level.overlapped for level in levels], np.bool_),
        macs_per_pe=float(hierarchy.macs_per_pe),
        mac_j=math.nan if hierarchy.mac_j is None else float(hierarchy.mac_j),
        clock_hz=float(hierarchy.clock_hz),
        leakage_w=math.nan if hierarchy.leakage_w is None else float(hierarchy.leakage_w),
        pass_cycles=float(hierarchy.pass_cycles),
        pass_level=int(hierarchy.pass_level),
        min_utilization=float(hierarchy.min_utilization),
    )


def pack_mapping(mapping: Mapping, levels: int) -> MappingArrays:
    """A mapping as arrays; raises MappingError for a wrong number of levels, an unknown or repeated dim, or a factor below 1."""
    if len(mapping.levels) != levels:
        raise MappingError(f"mapping: has {len(mapping.levels)} levels, the hierarchy has {levels}")
    temporal, order = _arrays(mapping, "temporal")
    along_x, order_x = _arrays(mapping, "spatial_x")
    along_y, order_y = _arrays(mapping, "spatial_y")
    return MappingArrays(
        temporal=temporal,
        spatial_x=along_x,
        spatial_y=along_y,
        order=order,
        order_x=order_x,
        order_y=order_y,
        keep=np.array([loops.keep for loops in mapping.levels], np.bool_),
    )


def pack_mappings(mappings: Sequence[Mapping], levels: int) -> MappingArrays:
    """Many mappings as arrays [M, L, .]; raises as ``pack_mapping``."""
    packed = [pack_mapping(mapping, levels) for mapping in mappings]
    if not packed:
        empty = np.ones((0, levels, 8), np.int64)
        return MappingArrays(empty, empty, empty, empty, empty, empty, np.ones((0, levels, 3), np.bool_))
    return MappingArrays(*(np.stack(arrays) for arrays in zip(*packed, strict=True)))


def unpack_mapping(arrays: MappingArrays) -> Mapping:
    """The record of packed loops, without loops of factor 1."""
    return Mapping(
        tuple(
            LevelLoops(
                temporal=_pairs(arrays.temporal[index], arrays.order[index]),
                spatial_x=_pairs(arrays.spatial_x[index], arrays.order_x[index]),
                spatial_y=_pairs(arrays.spatial_y[index], arrays.order_y[index]),
                keep=(bool(arrays.keep[index, 0]), bool(arrays.keep[index, 1]), bool(arrays.keep[index, 2])),
            )
            for index in range(len(arrays.temporal))
        )
    )


def _arrays(mapping: Mapping, kind: str) -> tuple[Int, Int]:
    """Factors and orders [L, 8] of one kind of loops."""
    found = [_loops(getattr(loops, kind), index, kind) for index, loops in enumerate(mapping.levels)]
    factors, order = (np.array([level[part] for level in found], np.int64) for part in (0, 1))
    return factors, order


def _loops(pairs: Sequence[tuple[Dim, int]], level: int, kind: str) -> tuple[list[int], list[int]]:
    factors, order = [1] * len(DIMS), []
    for dim, factor in pairs:
        if dim not in _INDEX:
            raise MappingError(f"mapping: level {level}, {kind}: {dim!r} is not a dim (use {' '.join(DIMS)})")
        if _INDEX[dim] in order:
            raise MappingError(f"mapping: level {level}, {kind}: {dim} is given twice")
        if isinstance(factor, bool) or not isinstance(factor, int | np.integer) or not 1 <= factor <= UNLIMITED:
            raise MappingError(
                f"mapping: level {level}, {kind}: factor {factor!r} of {dim} is not a whole number from 1 on"
            )
        factors[_INDEX[dim]] = int(factor)
        order.append(_INDEX[dim])
    return factors, order + [index for index in range(len(DIMS)) if index not in order]


def _pairs(factors: Int, order: Int) -> tuple[tuple[Dim, int], ...]:
    return tuple((DIMS[dim], int(factors[dim])) for dim in order if factors[dim] > 1)


def _rate(rate: float | None) -> float:
    return math.inf if rate is None else float(rate)


def _pools(levels: Sequence[Level]) -> tuple[Int, Int]:
    number = np.zeros((len(levels), 3), np.int64)
    bits = np.full((len(levels), 3), UNLIMITED, np.int64)
    for index, level in enumerate(levels):
        if len(level.storage) > 3:
            raise MappingError(f"{level.name}: {len(level.storage)} pools for three operands")
        for operand, name in enumerate(OPERANDS):
            homes = [place for place, pool in enumerate(level.storage) if pool.operands[operand]]
            if len(homes) > 1 or (not homes and level.keeps[operand] != "never"):
                raise MappingError(f"{level.name}: {name} lives in {len(homes)} pools, not in one")
            number[index, operand] = homes[0] if homes else 0
        for place, pool in enumerate(level.storage):
            if pool.bits is not None:
                bits[index, place] = min(pool.bits // level.buffering, UNLIMITED)
    return number, bits
