"""Whether a mapping covers its nest, fits its hierarchy, and can be counted in 64 bits."""

from __future__ import annotations

import math

from hwsim.counts.record import Rules
from hwsim.errors import Infeasible, MappingError
from hwsim.kernels.packed import UNLIMITED, CountArrays, HierarchyArrays
from hwsim.mapping import Hierarchy, Mapping
from hwsim.workload import DIMS, OPERANDS, LoopNest


def covered(mapping: Mapping) -> dict[str, int]:
    """Product of all factors of each dim, in whole numbers without limit."""
    products = dict.fromkeys(DIMS, 1)
    for loops in mapping.levels:
        for dim, factor in (*loops.temporal, *loops.spatial_x, *loops.spatial_y):
            products[dim] *= factor
    return {str(dim): product for dim, product in products.items()}


def check_bounds(nest: LoopNest, mapping: Mapping) -> None:
    """Raise MappingError where a count could leave 64 bits; everything that a kernel adds or multiplies stays below this bound."""
    _check(nest, math.prod(covered(mapping).values()))


def check_nest(nest: LoopNest) -> None:
    """Raise MappingError where a count could leave 64 bits whatever the mapping."""
    _check(nest, nest.macs // nest.repeat)


def _check(nest: LoopNest, iterations: int) -> None:
    """A tile's box has at most (stride + dilation) addresses per axis for each of its points, so no count exceeds the iterations of the
    padded nest times that for both axes; the share of a level in a tensor is multiplied by a tile's rows and columns.
    """
    spread = (nest.stride_h + nest.dilation_h) * (nest.stride_w + nest.dilation_w)
    reach = max(abs(nest.pad_top), abs(nest.pad_left), nest.input_height, nest.input_width)
    if iterations * spread >= UNLIMITED or max(nest.elements) * spread * reach * reach >= UNLIMITED:
        raise MappingError(
            f"nest: {iterations:.3g} iterations over a tensor of {max(nest.elements):.3g} elements cannot be counted in 64 bits "
            "(split the layer, or run fewer of its images at a time)"
        )


def misplaced(nest: LoopNest, hierarchy: Hierarchy, mapping: Mapping, rules: Rules) -> Infeasible | None:
    """What makes a mapping impossible whatever its tiles hold: a dim not covered, a mesh too small, an operand that is nowhere.

    Raises MappingError for imperfect factors under the ``timeloop`` rules.
    """
    for (dim, product), extent in zip(covered(mapping).items(), nest.extents, strict=True):
        if product < extent:
            return Infeasible("mapping", extent, product, f"iterations of {dim}", (f"larger factors of {dim}",))
        if product != extent and rules == "timeloop":
            raise MappingError(
                f"mapping: factors of {dim} make {product}, not {extent}; the timeloop rules need perfect factors"
            )
    for index, (level, loops) in enumerate(zip(hierarchy.levels, mapping.levels, strict=True)):
        for axis, spread, have in zip("xy", (loops.spatial_x, loops.spatial_y), hierarchy.fanout(index), strict=True):
            need = math.prod(factor for _, factor in spread)
            if need > have:
                return Infeasible(
                    level.name, need, have, f"children along {axis}", (f"smaller spatial factors on {axis}",)
                )
        for name, kept, keep in zip(OPERANDS, loops.keep, level.keeps, strict=True):
            if kept and keep == "never":
                return Infeasible(
                    level.name, 1, 0, f"places for {name}", (f"a mapping that bypasses {level.name} for {name}",)
                )
            if not kept and (keep == "always" or index == len(hierarchy.levels) - 1):
                return Infeasible(
                    level.name,
                    1,
                    0,
                    f"{name} tiles kept by the mapping",
                    (f"a mapping that keeps {name} at {level.name}",),
                )
    return None


def overfull(nest: LoopNest, hierarchy: Hierarchy, packed: HierarchyArrays, found: CountArrays) -> Infeasible | None:
    """The innermost pool whose tiles need more bits than it has."""
    bits = (nest.input.bits, nest.weight.bits, nest.output.bits)
    for index, level in enumerate(hierarchy.levels):
        for place, pool in enumerate(level.storage):
            need = 0
            for operand in range(3):
                if packed.pool[index, operand] == place:
                    incomplete = operand == 2 and found.incomplete[index]
                    need += int(found.tile[index, operand]) * (
                        max(bits[2], nest.accumulator.bits) if incomplete else bits[operand]
                    )
            have = int(packed.pool_bits[index, place])
            if pool.bits is not None and need > have:
                names = "+".join(name for name, shares in zip(OPERANDS, pool.operands, strict=True) if shares)
                return Infeasible(level.name, need, have, f"bits for {names}", _levers(level.buffering))
    return None


def _levers(buffering: int) -> tuple[str, ...]:
    levers = ("smaller temporal factors at this level or inside of it", "a larger capacity", "narrower operands")
    return (*levers, "single buffering") if buffering > 1 else levers
