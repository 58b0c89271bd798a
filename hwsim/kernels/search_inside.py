"""What a tile leaves to the levels inside of it and at least costs there, in branch and bound over tiles."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import (
    INPUT,
    C,
    Float,
    G,
    Int,
    K,
    N,
    P,
    Q,
    R,
    S,
)
from hwsim.kernels.search_lone import has_share, lone_share, returned
from hwsim.kernels.search_terms import (
    ADDRESSES,
    AT_MOST,
    BITS,
    FIXED,
    FREE_OF,
    HELD,
    KEEP,
    MAC_LEAST,
    PARENT,
    PASS_LEVEL,
    PERFECT,
    POOL,
    POOL_BITS,
    SPATIAL,
    WINDOW,
    Problem,
    axis_words,
    both_tiled,
    ceiling,
    largest,
    outside,
    slides,
    span,
    windows,
)
from hwsim.kernels.search_tile import ONE, ZERO, tile_bits

#: Dims in the order in which a tile's are chosen, and the depth from which on both axes of the input are known.
DEPTHS, AXES = np.array((R, S, P, Q, N, K, C, G), np.int64), 4
_ALL = np.ones(8, np.int64)
#: Positions or taps up to which groups of any sizes are tried where both are in several tiles.
_FEW = 8


@lean_kernel
def volumes(problem: Problem, volume: Float) -> None:
    """Words of each operand but for height and width of inputs; these, as far as they are needed at all [5]."""
    nest = problem.nest
    for operand in range(3):
        volume[operand] = 1.0
        for dim in range(8):
            if FREE_OF[dim] != operand and (operand != INPUT or dim not in (Q, P, S, R)):
                volume[operand] *= nest[dim]
    for axis in range(2):
        position, tap = (Q, S) if axis == 0 else (P, R)
        if nest[ADDRESSES]:
            volume[3 + axis] = axis_words(HELD, axis, nest[position], ONE, nest[tap], ONE, nest, problem.sides)
        else:  # without what boxes hold in between
            stride, dilation = nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1]
            volume[3 + axis] = span(nest[position], nest[tap], stride, dilation, ONE)


@lean_kernel
def unheld(dim: int, level: int, over: int, nest: Int, factors: Int, levels: Int) -> bool:
    """Whether nothing that is held at ``level`` or inside of it depends on a dim that is not spread over children between it and ``over``.

    Then all its trips may as well run inside of the tile: none of what is held there grows, nor moves more often; what is held further out
    sees the same tile of ``over``; and one loop in place of two takes no more steps. In the reference's rules not where that makes fewer
    passes: a word may then be counted at another step.
    """
    if not nest[ADDRESSES] and level < nest[PASS_LEVEL] and nest[PASS_LEVEL] <= over:
        return False
    for inner in range(level + 1):
        for operand in range(3):
            if levels[KEEP, inner, operand] and FREE_OF[dim] != operand:
                return False
    for outer in range(level + 1, over + 1):
        if factors[SPATIAL, outer, dim] > 1:
            return False
    return True


@lean_kernel
def trips_to(dim: int, level: int, upper: int, number: int, goal: int, nest: Int, factors: Int) -> int:
    """Temporal factor of ``upper`` that leads from ``number`` tiles of ``level`` to ``goal`` of its own, 0 where none does.

    Of a fixed factor only the trips that have something to do.
    """
    for between in range(level + 1, upper + 1):
        spread = factors[SPATIAL, between, dim]
        if spread > 1:
            if nest[PERFECT] and number % spread != 0:
                return 0
            number = ceiling(number, spread)
    trips = factors[FIXED, upper, dim]
    if trips == 0:
        trips = ceiling(number, goal)
    if ceiling(number, trips) != goal or trips > factors[AT_MOST, upper, dim]:
        return 0
    if nest[PERFECT] and trips * goal != number:
        return 0
    return min(trips, number)


@lean_kernel
def regrouped(lowest: int, count: Int, temporal: Int, chosen: Int, problem: Problem) -> bool:
    """Go on to other groups along some dim, as many as before but of other sizes: four and two of six, not three and three.

    Of the last group more may stay in place while others change: if it is of one, or of two of which some children have one. And padding
    may leave less of it. So no groups are tried but those that leave so few for the last, and any where windows slide over few positions
    and taps, in other steps then. count, temporal [L, 8]; chosen [L] : orders by number; lowest : the innermost level with loops. False,
    and the smallest groups again, after the last.
    """
    nest, factors = problem.nest, problem.factors
    for dim in range(8 if nest[PERFECT] == 0 else 0):
        number, padding, some = nest[dim], ZERO, False
        if dim >= Q:
            padding = outside(0 if dim in (Q, S) else 1, nest)
            some = nest[dim] <= _FEW and both_tiled(dim, lowest, count)
        spread = extent = ONE
        for level in range(temporal.shape[0]):
            spread = max(spread, factors[SPATIAL, level, dim])
            extent *= factors[SPATIAL, level, dim]
            if level < lowest:
                number = ceiling(number, factors[SPATIAL, level, dim])
                continue
            number = ceiling(number if level == lowest else count[level - 1, dim], factors[SPATIAL, level, dim])
            trips, goal = temporal[level, dim], count[level, dim]
            if factors[FIXED, level, dim] == 0 and number > 1 and goal > 1:
                trips += 1
                if not some:
                    last = max(padding // extent, ONE if spread == 1 else 2 * ONE)
                    trips = max(trips, ceiling(max(ZERO, number - last), goal - 1))
                    if padding < extent and spread == 1 and not _brings_back(dim, level, temporal, chosen, problem):
                        trips = number + 1
                if trips <= min(number, factors[AT_MOST, level, dim]) and ceiling(number, trips) == goal:
                    temporal[level, dim] = trips
                    return True
                trips = ceiling(number, goal)
                temporal[level, dim] = trips
            extent *= trips
    return False


@lean_kernel
def _brings_back(dim: int, level: int, temporal: Int, chosen: Int, problem: Problem) -> bool:
    """Whether, between a level's loop over a dim and the next one outside, another brings back tiles of an operand that depends on it."""
    began = False
    for outer in range(level, temporal.shape[0]):
        for place in range(8):
            other = problem.orders[outer, chosen[outer], place]
            if other == dim:
                if began and temporal[outer, dim] > 1:
                    return False
                began = True
            elif began and temporal[outer, other] > 1 and FREE_OF[other] >= 0 and FREE_OF[other] != FREE_OF[dim]:
                return True
    return False


@lean_kernel
def brought_back(first: int, temporal: Int, chosen: Int, problem: Problem, beyond: Int) -> None:
    """Which loops at ``first`` and outside of it bring tiles back that have gone; temporal [L, 8], chosen [L] : orders.

    beyond [2, 8], out : by dim, 1 where each of its loops has one inside it that moves the operand free of the dim. Steps of a tile of
    inputs that leave some of it in place count in row 0 alone, for what is made of them is only known where that is allowed for.
    """
    nest = problem.nest
    some = everything = ZERO  # bits of operands that have moved; of those that have moved as a whole
    for dim in range(8):
        beyond[0, dim] = beyond[1, dim] = 1
    for level in range(first, temporal.shape[0]):
        for place in range(8):
            dim = problem.orders[level, chosen[level], place]
            if temporal[level, dim] == 1:
                continue
            free = FREE_OF[dim]
            if free >= 0 and not some >> free & 1:
                beyond[0, dim] = 0
            if free >= 0 and not everything >> free & 1:
                beyond[1, dim] = 0
            for operand in range(3):
                if operand != free:
                    some |= 1 << operand
                    apart = dim < Q or (dim == Q and nest[S] == 1) or (dim == P and nest[R] == 1)
                    if operand != INPUT or apart:
                        everything |= 1 << operand


@lean_kernel
def spread_parts(
    dim: int, over: int, size: int, number: int, parts: Int, moves: Float, lone: Float, problem: Problem
) -> None:
    """What a tile of ``over``, or one of ``number`` along a dim, leaves to the levels inside; size : its extent.

    parts [L, 8], out : extent of a child's part of it; moves [2, L, 2, 8], out : how often a tile that is this part leaves its parent, and
    arrives, because of a dim that its operand is free of: if loops outside of ``over`` bring it back, and if they leave it in place. lone
    [L, 8], out : share of the dim whose parts may be the only one of their child while those loops run.
    """
    factors, levels = problem.factors, problem.levels
    free, top = FREE_OF[dim], factors.shape[1] - 1
    longest = largest(problem.nest[dim], number, problem.nest[PERFECT], size)
    for level in range(over, -1, -1):
        parts[level, dim] = size
        fewest, most = ceiling(problem.nest[dim], longest), ceiling(problem.nest[dim], size)
        lone[level, dim] = lone_share(dim, level, over, fewest, most, problem)
        longest = ceiling(longest, factors[SPATIAL, level, dim])
        size = ceiling(size, factors[SPATIAL, level, dim])
        if free < 0:
            continue
        parent = levels[PARENT, level, free]
        leaves, arrives = windows(dim, level, parent, over, number, free, problem.nest, factors, levels)
        moves[0, level, 0, dim], moves[0, level, 1, dim] = leaves, arrives
        leaves, arrives = windows(dim, level, parent, top, ONE, free, problem.nest, factors, levels)
        moves[1, level, 0, dim], moves[1, level, 1, dim] = leaves, arrives


@lean_kernel
def delivered(operand: int, level: int, beyond: Int, moves: Float) -> tuple[float, float]:
    """How often a tile leaves its parent, and arrives, for loops outside alone: those over dims in ``beyond`` bring it back."""
    away = here = 1.0
    for dim in range(8):
        if FREE_OF[dim] == operand:
            stays = 1 - beyond[dim]
            away *= moves[stays, level, 0, dim]
            here *= moves[stays, level, 1, dim]
    return away, here


@lean_kernel
def all_delivered(level: int, beyond: Int, moves: Float, out: Float) -> None:
    """The same of every operand [3, 2]."""
    for operand in range(3):
        out[operand, 0] = out[operand, 1] = 1.0
    for dim in range(8):
        operand, stays = FREE_OF[dim], 1 - beyond[dim]
        if operand >= 0:
            out[operand, 0] *= moves[stays, level, 0, dim]
            out[operand, 1] *= moves[stays, level, 1, dim]


@lean_kernel
def _kept(level: int, part: Int, problem: Problem) -> float:
    """Inputs that all parts [8] of them together leave in the room that children of a level have."""
    nest, levels = problem.nest, problem.levels
    words = float(levels[POOL_BITS, level, levels[POOL, level, INPUT]] // nest[BITS + INPUT])
    for dim in range(8):
        if FREE_OF[dim] != INPUT:
            words *= ceiling(nest[dim], min(part[dim], nest[dim]))
    return words


@lean_kernel
def least_inside(
    over: int,
    parts: Int,
    moves: Float,
    beyond: Int,
    lone: Float,
    loneliest: Float,
    within: Float,
    volume: Float,
    load: Float,
    problem: Problem,
) -> float:
    """Least energy of all boundaries inside of ``over`` under a tile of it; adds to ``load`` what they move at least.

    A level that cannot hold a child's part of that tile fetches it anew for each tile of ``over``, of those that differ in dims that the
    operand is free of, too; one that can does so where loops outside bring back what has gone. parts, moves : ``spread_parts``.
    beyond [8] : dims of such loops. lone [L, 8] : ``spread_parts``; loneliest [L, 3] : the same of any tiles of a level. within [L] : least
    energy of each level's boundary, whatever the tile of ``over``, -inf where a level has none. volume [5] : words of each operand but for
    height and width of inputs, then these.
    """
    levels, words = problem.levels, problem.words
    energy = 0.0
    sliding = slides(problem.nest)
    for level in range(over):
        if within[level] == -np.inf:
            continue
        own = 0.0
        for operand in range(3):
            if not levels[KEEP, level, operand]:
                continue
            bits = tile_bits(operand, parts[level], False, problem.nest, problem.sides)
            holds = bits <= levels[POOL_BITS, level, levels[POOL, level, operand]]
            away, here_in = delivered(operand, level, beyond if holds else _ALL, moves)
            share = 0.0
            for dim in range(8):
                if FREE_OF[dim] != operand:
                    # of inputs along height and width tiles have edges in common
                    each = lone[level, dim] if has_share(operand, dim) or not sliding else np.ceil(lone[level, dim])
                    share = max(share, each)
            if not holds:
                share = max(share, loneliest[level, operand])
            away = returned(away, problem.still[level, operand, 0], share)
            here_in = returned(here_in, problem.still[level, operand, 1], share)
            amount = volume[operand]
            if operand == INPUT:
                amount *= volume[3] * volume[4]
                if sliding and not holds:  # what a child holds at the end of its part is there when it begins anew
                    amount = max(0.0, amount - _kept(level, parts[level], problem))
                away *= problem.reals[MAC_LEAST + 3 + level]
            if words[level, operand, 0, 0] < 0:
                own = -np.inf  # less of it is no bound
            own += amount * (words[level, operand, 0, 0] * away + words[level, operand, 1, 0] * here_in)
            for resource in range(load.shape[0]):
                load[resource] += amount * (
                    words[level, operand, 0, 1 + resource] * away + words[level, operand, 1, 1 + resource] * here_in
                )
        energy += max(within[level], own)
    return energy
