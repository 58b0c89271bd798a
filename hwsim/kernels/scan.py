"""Check, count and price a whole block of mappings of one nest in one call, each by itself."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from hwsim.kernels.counting import count_exact
from hwsim.kernels.counting_hops import multiply_by_hops
from hwsim.kernels.counting_room import places_across, room_for
from hwsim.kernels.counting_timeloop import axes_of, count_timeloop, work_for
from hwsim.kernels.jit import merged_kernel, nested_kernel, passed_kernel
from hwsim.kernels.packed import (
    ALWAYS,
    NEVER,
    NO,
    OUTPUT,
    UNLIMITED,
    YES,
    CountArrays,
    Float,
    HierarchyArrays,
    Int,
    MappingArrays,
    NestArrays,
)
from hwsim.kernels.pricing import price_counts

#: What is the matter with a mapping: nothing; a factor below 1 or an order that is none; counts beyond 64 bits; a dim not covered (or,
#: where factors must be perfect, not exactly); more children than the mesh has; an operand kept where it cannot be or not where it must;
#: a pool that is too small.
FITS, MALFORMED, TOO_LARGE, UNCOVERED, SPREAD, MISPLACED, OVERFULL = range(7)
#: What has not been counted.
UNKNOWN = -1
#: Instances along height and width that there is room for at first.
_FEW = cast(int, np.int64(64))


class ScanArrays(NamedTuple):
    """Results for M mappings; what follows ``status`` is undefined where that is not FITS.

    status [M]. cycles [M] : of all repeats, whole numbers. joules [M] : of all repeats [J], nan unknown. The others are those of
    ``CountArrays`` with M in front: accesses, busiest [M, L, 3 operands, 3 directions], final [M, L, 3], tile [M, L, 3], used [M, L, 2],
    network [M, L, 3, 2], hops [M, L, 3], scalars [M, 4].
    """

    status: Int
    cycles: Float
    joules: Float
    accesses: Int
    busiest: Int
    final: Int
    tile: Int
    used: Int
    network: Int
    hops: Float
    scalars: Int


def empty_scan(mappings: int, levels: int) -> ScanArrays:
    """Room for the results of so many mappings."""
    return ScanArrays(
        status=np.zeros(mappings, np.int64),
        cycles=np.zeros(mappings, np.float64),
        joules=np.zeros(mappings, np.float64),
        accesses=np.zeros((mappings, levels, 3, 3), np.int64),
        busiest=np.zeros((mappings, levels, 3, 3), np.int64),
        final=np.zeros((mappings, levels, 3), np.int64),
        tile=np.zeros((mappings, levels, 3), np.int64),
        used=np.zeros((mappings, levels, 2), np.int64),
        network=np.zeros((mappings, levels, 3, 2), np.int64),
        hops=np.zeros((mappings, levels, 3), np.float64),
        scalars=np.zeros((mappings, 4), np.int64),
    )


@merged_kernel
def _misplaced(
    row: int, perfect: bool, growth: float, extents: Int, fanout: Int, keeps: Int, mappings: MappingArrays
) -> int:
    """Status of a mapping whatever its tiles hold. growth : how much larger than its iterations a count of bits can be."""
    temporal, spatial_x, spatial_y = mappings.temporal, mappings.spatial_x, mappings.spatial_y
    orders, keep = (mappings.order, mappings.order_x, mappings.order_y), mappings.keep
    levels = temporal.shape[1]
    iterations = growth
    for level in range(levels):
        for order in orders:
            seen = 0
            for place in range(8):
                dim = order[row, level, place]
                seen |= 1 << dim if 0 <= dim < 8 else 0
            if seen != 255:
                return MALFORMED
        for dim in range(8):
            times, x, y = temporal[row, level, dim], spatial_x[row, level, dim], spatial_y[row, level, dim]
            if times < 1 or x < 1 or y < 1:
                return MALFORMED
            iterations *= float(times) * float(x) * float(y)
    if not iterations < UNLIMITED:
        return TOO_LARGE
    for dim in range(8):
        covered = 1
        for level in range(levels):
            covered *= temporal[row, level, dim] * spatial_x[row, level, dim] * spatial_y[row, level, dim]
        if covered < extents[dim] or (perfect and covered != extents[dim]):
            return UNCOVERED
    for level in range(levels):
        across = down = 1
        for dim in range(8):
            across *= spatial_x[row, level, dim]
            down *= spatial_y[row, level, dim]
        if across > fanout[level, 0] or down > fanout[level, 1]:
            return SPREAD
        for operand in range(3):
            kept, may = keep[row, level, operand], keeps[level, operand]
            if (kept and may == NEVER) or (not kept and (may == ALWAYS or level == levels - 1)):
                return MISPLACED
    return FITS


@merged_kernel
def _legal(
    row: int,
    perfect: bool,
    growth: float,
    nest: NestArrays,
    hierarchy: HierarchyArrays,
    mappings: MappingArrays,
    results: ScanArrays,
) -> bool:
    """Note the status of a mapping whatever its tiles hold; whether it is to be counted."""
    status = _misplaced(row, perfect, growth, nest.extents, hierarchy.fanout, hierarchy.keeps, mappings)
    results.status[row] = status
    return status == FITS


@merged_kernel
def _overfull(bits: Int, pool: Int, pool_bits: Int, tile: Int, incomplete: Int) -> bool:
    """Whether the tiles of any pool need more bits than it has."""
    for level in range(tile.shape[0]):
        for place in range(3):
            need = 0
            for operand in range(3):
                if pool[level, operand] == place:
                    partial = operand == OUTPUT and incomplete[level]
                    need += tile[level, operand] * (max(bits[OUTPUT], bits[3]) if partial else bits[operand])
            if need > pool_bits[level, place]:
                return True
    return False


@merged_kernel
def _write(row: int, out: CountArrays, results: ScanArrays) -> None:
    """Copy the counts of one mapping to its row."""
    for level in range(out.used.shape[0]):
        for operand in range(3):
            for direction in range(3):
                results.accesses[row, level, operand, direction] = out.accesses[level, operand, direction]
                results.busiest[row, level, operand, direction] = out.busiest[level, operand, direction]
            for direction in range(2):
                results.network[row, level, operand, direction] = out.network[level, operand, direction]
            results.final[row, level, operand] = out.final[level, operand]
            results.tile[row, level, operand] = out.tile[level, operand]
            results.hops[row, level, operand] = out.hops[level, operand]
        for axis in range(2):
            results.used[row, level, axis] = out.used[level, axis]
    for place in range(4):
        results.scalars[row, place] = out.scalars[place]


@merged_kernel
def _silence(hop_j: Float, hops: Float) -> bool:
    """Forget messages on wires that cost nothing; whether any are left."""
    left = False
    for level in range(hop_j.shape[0]):
        if hop_j[level] == 0:
            for operand in range(3):
                hops[level, operand] = 0.0
        left = left or hop_j[level] != 0
    return left


@passed_kernel
def scan_timeloop(
    nest: NestArrays,
    hierarchy: HierarchyArrays,
    mappings: MappingArrays,
    repeat: int,
    growth: float,
    priced: bool,
    out: CountArrays,
    results: ScanArrays,
) -> None:
    """Status, counts and price of M mappings (arrays [M, L, .]) in the timeloop rules.

    priced : else valid mappings are only counted, not asked for their status, and the counts of the last are in ``out``.
    out : room for the counts of one, zeroed. Source: the semantics of the reference program, measured on it.
    """
    levels = mappings.temporal.shape[1]
    axes, work = axes_of(nest), work_for(levels)
    for row in range(mappings.temporal.shape[0]):
        if priced and not _legal(row, YES, growth, nest, hierarchy, mappings, results):
            continue
        count_timeloop(row, hierarchy.pass_level, axes, mappings, work, out)
        _finish(row, repeat, priced, YES, axes, nest, hierarchy, mappings, out, results)


@passed_kernel
def scan_exact(
    nest: NestArrays,
    hierarchy: HierarchyArrays,
    mappings: MappingArrays,
    repeat: int,
    growth: float,
    priced: bool,
    out: CountArrays,
    results: ScanArrays,
) -> None:
    """The same in the exact rules."""
    levels = mappings.temporal.shape[1]
    axes, places = axes_of(nest), _FEW
    room = room_for(levels, places)
    for row in range(mappings.temporal.shape[0]):
        if priced and not _legal(row, NO, growth, nest, hierarchy, mappings, results):
            continue
        across = places_across(row, mappings)
        if across > places:
            places = 2 * across
            room = room_for(levels, places)
        _clear(out)
        count_exact(row, nest, hierarchy, mappings, room, out)
        _finish(row, repeat, priced, NO, axes, nest, hierarchy, mappings, out, results)


@nested_kernel
def _finish(
    row: int,
    repeat: int,
    priced: bool,
    packed: bool,
    axes: Int,
    nest: NestArrays,
    hierarchy: HierarchyArrays,
    mappings: MappingArrays,
    out: CountArrays,
    results: ScanArrays,
) -> None:
    """What both rule sets do with the counts of a mapping: see that it fits, follow its messages, price it, write all down."""
    if priced and _overfull(nest.bits, hierarchy.pool, hierarchy.pool_bits, out.tile, out.incomplete):
        results.status[row] = OVERFULL
        return
    if _silence(hierarchy.hop_j, out.hops):
        multiply_by_hops(
            axes,
            mappings.temporal[row],
            mappings.spatial_x[row],
            mappings.spatial_y[row],
            mappings.order_x[row],
            mappings.order_y[row],
            hierarchy.fanout,
            hierarchy.topology,
            packed,
            out.hops,
        )
    if priced:
        results.cycles[row], results.joules[row] = price_counts(nest.bits, repeat, hierarchy, packed, out)
        _write(row, out, results)


@merged_kernel
def _clear(out: CountArrays) -> None:
    """Zero all counts."""
    for part in (out.accesses, out.busiest):
        part[:] = 0
    for part in (out.final, out.busiest_final, out.tile, out.network_final):
        part[:] = 0
    out.incomplete[:] = 0
    out.network[:] = 0
    out.network_busiest[:] = 0
    out.hops[:] = 0.0
