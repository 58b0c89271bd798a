"""Whole mappings in a search: counted and priced like any other, and improved by changing one or two factors at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hwsim.kernels.jit import lean_kernel, nested_kernel
from hwsim.kernels.packed import (
    INPUT,
    NO,
    OUTPUT,
    YES,
    CountArrays,
    Float,
    HierarchyArrays,
    Int,
    NestArrays,
    P,
    Q,
    R,
    S,
)
from hwsim.kernels.scan import FITS, ScanArrays
from hwsim.kernels.search_boundary import boundary
from hwsim.kernels.search_needs import mac_words, taken
from hwsim.kernels.search_terms import (
    ADDRESSES,
    AT_MOST,
    BY_POSITION,
    BY_TAP,
    ENERGY,
    FIXED,
    HELD,
    KEEP,
    LATENCY,
    MAC_LEAST,
    OBJECTIVE,
    ORDERS,
    PASS_CYCLES,
    PASS_LEVEL,
    PERFECT,
    RATE,
    SPATIAL,
    Problem,
    axis_words,
    ceiling,
    slides,
    value_of,
)
from hwsim.kernels.search_tile import NONE, ONE, ZERO, cycles_of, fits, steps_of, sums_fit


class Exact(NamedTuple):
    """What counting a mapping as a whole takes. growth : see ``scan``; counts, results : room for one; busy : the least PEs at work."""

    nest: NestArrays
    hierarchy: HierarchyArrays
    growth: float
    counts: CountArrays
    results: ScanArrays
    busy: float


@lean_kernel
def value_at(nest: Int, exact: Exact) -> float:
    """The objective of the mapping that was counted last; infinity where it does not fit, or leaves too many PEs idle."""
    if exact.results.status[0] != FITS or exact.results.scalars[0, 3] < exact.busy:
        return np.inf
    cycles, joules = exact.results.cycles[0], exact.results.joules[0]
    if nest[OBJECTIVE] == LATENCY:
        return cycles
    return joules if nest[OBJECTIVE] == ENERGY else joules * cycles


class Chain(NamedTuple):
    """Room for one mapping's tiles.

    now [3, L, 8] : of it tiles [L, 8] of each level, tile : their extents, trips : of ``temporal``, those that have something to do. chosen
    [L] : orders by number. steps [1, 3, 8] : compute steps and passes along each dim, and how often PEs take a word because of it. before,
    steps_before : the same as ``now`` and ``steps`` of the mapping that is being improved. sums [2, L + 1, 1 + B] : energy and cycles on
    each resource of the boundaries from each level's outwards, nothing at the outermost, and last of what PEs take and no tiles change, of
    that mapping, then of the one looked at. reach [8], state [5, 8], held [2, 3], moved [2], load, total [B] : room to work in.
    """

    now: Int
    tiles: Int
    tile: Int
    temporal: Int
    chosen: Int
    trips: Int
    steps: Int
    before: Int
    steps_before: Int
    sums: Float
    reach: Int
    state: Int
    held: Float
    moved: Float
    load: Float
    total: Float


#: What improves the mapping in a chain, looking at so many at most, with exchanges or without, or gives it up where it begins at so much:
#: value, and how many it looked at.
Climb = Callable[[Problem, Chain, int, bool, float], tuple[float, int]]


@lean_kernel
def copied(source: Int, target: Int) -> None:
    """Copy numbers by level and dim [L, 8]: to assign whole arrays takes seconds to compile, for what it says of shapes that differ."""
    for level in range(source.shape[0]):
        for dim in range(8):
            target[level, dim] = source[level, dim]


@lean_kernel
def tiled(dim: int, problem: Problem, chain: Chain) -> None:
    """Find the tiles and steps of a dim, which its trips lead to."""
    nest, factors, temporal = problem.nest, problem.factors, chain.temporal
    number, extent = nest[dim], ONE
    for level in range(factors.shape[1]):
        chain.trips[level, dim] = 1  # more may be fixed than there is left to do
        if number > 1:
            left = ceiling(number, factors[SPATIAL, level, dim])
            chain.trips[level, dim] = min(temporal[level, dim], left)
            number = ceiling(left, temporal[level, dim])
        extent *= factors[SPATIAL, level, dim] * temporal[level, dim]
        chain.tiles[level, dim], chain.tile[level, dim] = number, extent
    chain.steps[0, 0, dim], chain.steps[0, 1, dim] = _steps(dim, temporal, chain.tile, nest, factors)
    chain.steps[0, 2, dim] = taken(dim, temporal, chain.tile, problem)


@lean_kernel
def adopted(dim: int, chain: Chain) -> None:
    """Take the tiles of a dim for those of the mapping that is being improved."""
    _copy_dim(dim, chain.now, chain.before)
    _copy_dim(dim, chain.steps, chain.steps_before)


@lean_kernel
def restored(dim: int, chain: Chain) -> None:
    """Go back to the tiles that were ``adopted``, but for the trips that lead to them."""
    _copy_dim(dim, chain.before, chain.now)
    _copy_dim(dim, chain.steps_before, chain.steps)


@lean_kernel
def _copy_dim(dim: int, source: Int, target: Int) -> None:
    for place in range(source.shape[0]):
        for level in range(source.shape[1]):
            target[place, level, dim] = source[place, level, dim]


@lean_kernel
def changed(dim: int, chain: Chain) -> int:
    """The outermost level whose boundary is another than with the tiles that were ``adopted``, -1 none."""
    depths = chain.tiles.shape[0]
    for level in range(depths - 1, -1, -1):
        same = chain.tiles[level, dim] == chain.before[0, level, dim]
        if not (same and chain.tile[level, dim] == chain.before[1, level, dim]):
            return min(level, depths - 2)
        if chain.trips[level, dim] != chain.before[2, level, dim]:
            return level - 1
    return NONE


@lean_kernel
def summed(outermost: int, chain: Chain) -> None:
    """Take what a mapping with other boundaries from a level on inwards adds up to for that of the one that is being improved."""
    depths = chain.tiles.shape[0]
    for level in range(outermost + 2):
        _copy_sums(1, 0, level, chain)
    _copy_sums(1, 0, depths, chain)


@lean_kernel
def _copy_sums(source: int, target: int, level: int, chain: Chain) -> None:
    for place in range(chain.sums.shape[2]):
        chain.sums[target, level, place] = chain.sums[source, level, place]


@lean_kernel
def chain_value(problem: Problem, chain: Chain, beyond: float, outermost: int, tiles: bool) -> float:
    """What a mapping of these trips and orders costs at least, infinity where it cannot fit: in most cases the very price.

    chain : every dim is ``tiled``. outermost : the outermost level whose boundary is another than those ``summed``, or L - 2 for all; tiles
    : whether tiles are others, too. beyond : infinity is told as well of what costs as much as that, often before all of it is known:
    boundaries add to it, but where one gives energy back, and the outermost ones, which cost most, come first.
    """
    nest, factors, levels, words = problem.nest, problem.factors, problem.levels, problem.words
    reals = problem.reals
    count, tile, trips, load = chain.tiles, chain.tile, chain.trips, chain.load
    depths = factors.shape[1]
    if tiles:
        for level in range(depths if outermost == depths - 2 else outermost + 1):
            if not fits(level, tile[level], problem):
                return np.inf
        _add_macs(problem, chain)
    else:
        _copy_sums(0, 1, depths, chain)
    energy = chain.sums[0, outermost + 1, 0]
    for resource in range(load.shape[0]):
        load[resource] = chain.sums[0, outermost + 1, 1 + resource]
    steps = passes = 1.0
    for dim in range(8):
        steps *= chain.steps[0, 0, dim]
        passes *= chain.steps[0, 1, dim]
    compute = _cycles(steps, passes, nest, reals)
    known, sliding = nest[ADDRESSES] and problem.sides.shape[2] > 0, slides(nest)
    adds = problem.base[5, 0] == 0  # else what is to come may give back
    for level in range(outermost, -1, -1):
        _note(level + 1, energy, chain)
        if adds and _whole(energy, compute, False, problem, chain) >= beyond:
            return np.inf
        for axis in range(2):
            position, tap = (Q, S) if axis == 0 else (P, R)
            rows, taps = min(tile[level, position], nest[position]), min(tile[level, tap], nest[tap])
            for place in range(3):
                which = HELD if place == 0 else BY_POSITION if place == 1 else BY_TAP
                if known:
                    chain.held[axis, place] = problem.sides[axis, which, rows, taps]
                else:
                    chain.held[axis, place] = axis_words(
                        which, axis, rows, count[level, position], taps, count[level, tap], nest, problem.sides
                    )
        for place in range(3):
            operand = (place + 1) % 3  # inputs last: what of them is in place already takes longest to find
            if not levels[KEEP, level, operand]:
                continue
            if operand == INPUT and sliding and adds and _whole(energy, compute, False, problem, chain) >= beyond:
                return np.inf
            boundary(
                operand,
                level,
                chain.held,
                count,
                tile,
                trips,
                chain.chosen,
                NO,
                problem,
                chain.reach,
                chain.state,
                chain.moved,
            )
            if operand == OUTPUT and not sums_fit(
                level, chain.moved[0], count, tile, nest, factors, levels, problem.sides
            ):
                return np.inf
            for end in range(2):
                energy += words[level, operand, end, 0] * chain.moved[end]
                for resource in range(load.shape[0]):
                    load[resource] += words[level, operand, end, 1 + resource] * chain.moved[end]
    _note(ZERO, energy, chain)
    value = _whole(energy, compute, True, problem, chain)
    return value if value < beyond else np.inf


@lean_kernel
def _note(level: int, energy: float, chain: Chain) -> None:
    """Write down what the boundaries from a level outwards add up to."""
    chain.sums[1, level, 0] = energy
    for resource in range(chain.load.shape[0]):
        chain.sums[1, level, 1 + resource] = chain.load[resource]


@lean_kernel
def _add_macs(problem: Problem, chain: Chain) -> None:
    """What PEs take and what no tiles change: energy, then cycles on each resource."""
    base, sums, depths = problem.base, chain.sums, chain.tiles.shape[0]
    for place in range(base.shape[1]):
        sums[1, depths, place] = base[3, place]
    for operand in range(3):
        more = mac_words(operand, chain.steps[0, 2], chain.tile, problem) - problem.reals[MAC_LEAST + operand]
        for place in range(base.shape[1]):
            sums[1, depths, place] += more * base[operand, place]


@lean_kernel
def _whole(energy: float, compute: float, whole: bool, problem: Problem, chain: Chain) -> float:
    """The objective with what boundaries add to what PEs take; whole : see ``cycles_of``."""
    depths = chain.tiles.shape[0]
    for resource in range(chain.load.shape[0]):
        chain.total[resource] = chain.sums[1, depths, 1 + resource] + chain.load[resource]
    cycles = cycles_of(compute, chain.total, problem.base, whole)
    return value_of(chain.sums[1, depths, 0] + energy, cycles, problem.nest, problem.reals)


@lean_kernel
def compute_cycles(temporal: Int, tile: Int, nest: Int, factors: Int, reals: Float) -> float:
    """Cycles of the busiest PE, ramp-up of passes included; temporal, tile [L, 8]."""
    steps = passes = 1.0
    for dim in range(8):
        trips, times = _steps(dim, temporal, tile, nest, factors)
        steps *= trips
        passes *= times
    return _cycles(steps, passes, nest, reals)


@lean_kernel
def _steps(dim: int, temporal: Int, tile: Int, nest: Int, factors: Int) -> tuple[int, int]:
    """Compute steps of the busiest PE along a dim, and the passes that they make."""
    trips = steps_of(dim, ZERO, NONE, temporal, tile, nest[dim], factors[SPATIAL])
    inside = ONE
    for inner in range(nest[PASS_LEVEL]):
        inside *= temporal[inner, dim]
    return trips, ceiling(trips, inside)


@lean_kernel
def _cycles(steps: float, passes: float, nest: Int, reals: Float) -> float:
    return steps / reals[RATE] + (passes * reals[PASS_CYCLES] if nest[PASS_LEVEL] >= 0 else 0.0)


@lean_kernel
def closed(dim: int, absorbs: int, temporal: Int, nest: Int, factors: Int) -> bool:
    """Set the factor of a dim at the level ``absorbs`` to the least that covers it with all others; whether that is allowed.

    temporal [L, 8] : changed in place.
    """
    inside, outside = nest[dim], ONE
    for level in range(temporal.shape[0] - 1, absorbs, -1):
        outside *= factors[SPATIAL, level, dim] * temporal[level, dim]
    for level in range(absorbs + 1):
        spread = factors[SPATIAL, level, dim]
        if nest[PERFECT] and inside % spread:
            return False
        inside = ceiling(inside, spread)
        if level < absorbs:
            if nest[PERFECT] and inside % temporal[level, dim]:
                return False
            inside = ceiling(inside, temporal[level, dim])
    if nest[PERFECT] and inside % outside:
        return False
    temporal[absorbs, dim] = ceiling(inside, outside)
    if dim >= S and temporal[absorbs, dim] * outside != inside:
        return False  # taps are few: a partial tile of them is half of one
    inside = nest[dim]
    for level in range(temporal.shape[0]):
        fixed = factors[FIXED, level, dim]
        inside = ceiling(inside, factors[SPATIAL, level, dim])
        if not fixed:
            temporal[level, dim] = min(temporal[level, dim], inside)
        inside = ceiling(inside, temporal[level, dim])
        if temporal[level, dim] > factors[AT_MOST, level, dim] or (fixed and temporal[level, dim] != fixed):
            return False
    return True


@nested_kernel
def descend(problem: Problem, chain: Chain, most: int, beyond: float) -> tuple[float, int]:
    """Improve a mapping until no change of one factor with another of the same dim, nor of one level's order, makes it better.

    chain : its trips and orders, improved in place. most : mappings looked at from which on no further round begins. beyond : one that
    costs as much at first is as bad as one that does not fit. Returns the value reached, as ``chain_value`` has it, and how many were
    looked at; those that were met before count, but are not priced again. Nothing is proven by it: it finds a good mapping to cut others
    by.
    """
    depths = problem.factors.shape[1]
    before = np.empty(depths, np.int64)
    tried = np.empty((10 * depths * depths, depths), np.int64)
    looked = np.empty(8 + depths, np.int64)
    for dim in range(8):
        tiled(dim, problem, chain)
    value = chain_value(problem, chain, beyond, depths - 2, YES)
    number = 1
    if number >= most:
        return value, number
    for dim in range(8):
        adopted(dim, chain)
    summed(depths - 2, chain)
    in_vain = ZERO  # dims and levels since the last one that made it better
    while in_vain < 8 + depths and number < most:
        for place in range(8 + depths):
            if in_vain < 8 + depths:
                if place < 8:
                    reached, looked[place] = _refactored(place, value, problem, chain, before, tried)
                else:
                    reached, looked[place] = _reordered(place - 8, value, problem, chain)
                in_vain = ZERO if reached < value else in_vain + 1
                value = reached
            number += looked[place]  # as many as last time where nothing has changed since
    return value, number


@lean_kernel
def _refactored(dim: int, value: float, problem: Problem, chain: Chain, before: Int, tried: Int) -> tuple[float, int]:
    """Change one factor of a dim with another, whatever makes a mapping of that value better: value, and how many were looked at.

    before [L], tried [10·L·L, L] : room to work in.
    """
    nest, factors, temporal = problem.nest, problem.factors, chain.temporal
    depths = factors.shape[1]
    met = number = ZERO
    for level in range(depths if nest[dim] > 1 else 0):
        for absorbs in range(depths - 1, -1, -1):
            if absorbs == level or factors[FIXED, level, dim] or factors[FIXED, absorbs, dim]:
                continue
            for step in range(10):
                for other in range(depths):
                    before[other] = temporal[other, dim]
                if step == 0:
                    temporal[absorbs, dim] = 1  # all of it here
                    goes = closed(dim, level, temporal, nest, factors)
                else:
                    temporal[level, dim] = _step(step, before[level])
                    goes = closed(dim, absorbs, temporal, nest, factors)
                same = True
                for other in range(depths):
                    same = same and temporal[other, dim] == before[other]
                reached, outermost = np.inf, depths - 2
                if goes and not same:
                    number += 1
                    if _is_new(dim, temporal, tried, met):
                        met += 1
                        tiled(dim, problem, chain)
                        outermost = changed(dim, chain) if value < np.inf else outermost
                        reached = chain_value(problem, chain, value, outermost, YES)
                if reached < value:
                    value, met = reached, ZERO
                    adopted(dim, chain)
                    summed(outermost, chain)
                else:
                    for other in range(depths):
                        temporal[other, dim] = before[other]
    restored(dim, chain)
    return value, number


@lean_kernel
def _reordered(level: int, value: float, problem: Problem, chain: Chain) -> tuple[float, int]:
    """Change the order of a level's loops, if that makes a mapping of that value better: value, and how many were looked at."""
    depths, choices = problem.factors.shape[1], problem.levels[ORDERS, level, 0]
    for choice in range(choices):
        was, known = chain.chosen[level], False
        for other in range(choices if value < np.inf else 0):
            if other < choice or other == was:
                known = known or _same_loops(level, choice, other, problem, chain)
        if known:
            continue
        chain.chosen[level] = choice
        outermost = level - 1 if value < np.inf else depths - 2
        reached = chain_value(problem, chain, value, outermost, value == np.inf)
        if reached < value:
            value = reached
            summed(outermost, chain)
        else:
            chain.chosen[level] = was
    return value, choices


@lean_kernel
def _same_loops(level: int, one: int, other: int, problem: Problem, chain: Chain) -> bool:
    """Whether two orders of a level differ in loops alone that have nothing to do."""
    orders, place = problem.orders, ZERO
    for here in range(8):
        dim = orders[level, one, here]
        if chain.trips[level, dim] > 1:
            while chain.trips[level, orders[level, other, place]] == 1:
                place += 1
            if orders[level, other, place] != dim:
                return False
            place += 1
    return True


@lean_kernel
def _is_new(dim: int, temporal: Int, tried: Int, met: int) -> bool:
    """Whether trips of a dim are none of so many that were tried before; they are written behind those."""
    depths = temporal.shape[0]
    for level in range(depths):
        tried[met, level] = temporal[level, dim]
    for known in range(met):
        level = 0
        while level < depths and tried[known, level] == temporal[level, dim]:
            level += 1
        if level == depths:
            return False
    return True


@lean_kernel
def _step(step: int, factor: int) -> int:
    """A factor to try in place of one."""
    if step == 1:
        return ONE
    if step == 2:
        return factor + 1
    if step == 3:
        return max(ONE, factor - 1)
    if step == 4:
        return 2 * factor
    if step == 5:
        return ceiling(factor, 2)
    if step == 6:
        return 3 * factor
    if step == 7:
        return ceiling(factor, 3)
    return 5 * factor if step == 8 else 7 * factor
