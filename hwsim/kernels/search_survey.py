"""Many spatial patterns at a time: one good mapping carried over to each of them, and improved for a few steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwsim.kernels.jit import FAILED, kernel, lean_kernel, nested_kernel
from hwsim.kernels.packed import NO, Float, Int
from hwsim.kernels.search_terms import FIXED, PERFECT, SPATIAL, Problem, ceiling
from hwsim.kernels.search_tile import NONE, ONE
from hwsim.kernels.search_whole import Chain, Climb, closed, copied


class Prices(NamedTuple):
    """What differs between T patterns of one nest, as a ``Problem`` has it: all that climbing looks at, without the tables of the
    search."""

    factors: Int
    words: Float
    base: Float
    still: Float
    reals: Float


class Carried(NamedTuple):
    """One mapping of each of T patterns: trips [T, L, 8], orders by number [T, L], what it costs at least [T]."""

    temporal: Int
    chosen: Int
    reached: Float


@nested_kernel
def priced(problem: Problem, prices: Prices, row: int) -> Problem:
    """The problem of one pattern, which differs in that from the problem of another."""
    return Problem(
        problem.nest,
        prices.factors[row],
        problem.tables,
        problem.orders,
        problem.levels,
        prices.words[row],
        prices.base[row],
        prices.still[row],
        prices.reals[row],
        problem.sides,
        problem.needs,
        problem.starts,
    )


@kernel
def survey(
    problem: Problem,
    prices: Prices,
    tile: Int,
    order: Int,
    simple: int,
    most: int,
    climb: Climb,
    chain: Chain,
    least: Float,
    out: Carried,
) -> int:
    """For each pattern the best of simple mappings and of the one nearest to a given one.

    problem : of any pattern with the same kept operands. tile [L, 8], order [L] : extents and orders (by number) of the mapping to carry
    over. simple : the first level that takes all trips in a simple mapping; with L none is tried. most : mappings to look at in each
    pattern to improve its own. climb : what improves them, or tells what one costs. chain : room to work in. least [N] : so many of the
    least, ascending, where none is improved; those of these patterns are put among them, and one that is not is given up, as bad as none;
    empty where all are told. out : infinity where no mapping was found that may fit. Returns how many were looked at.
    """
    depths = tile.shape[0]
    looked = 0
    for row in range(prices.factors.shape[0]):
        own = priced(problem, prices, row)
        temporal, chosen = out.temporal[row], out.chosen[row]
        value, worst = np.inf, least[least.shape[0] - 1] if least.shape[0] else np.inf
        for start in range(simple, depths + 1):
            goes = (
                _carried(tile, chain.temporal, problem.nest, own.factors)
                if start == depths
                else _absorbed(start, chain.temporal, problem.nest, own.factors)
            )
            for level in range(depths):
                chain.chosen[level] = order[level] if start == depths else 0
            here, seen = climb(own, chain, ONE, NO, min(worst, value)) if goes else (np.inf, 1)
            if seen == 0:
                raise RuntimeError(FAILED)
            looked += 1
            if here < value or start == simple:
                value = here
                copied(chain.temporal, temporal)
                for level in range(depths):
                    chosen[level] = chain.chosen[level]
        _put(value, least)
        if most:
            copied(temporal, chain.temporal)
            for level in range(depths):
                chain.chosen[level] = chosen[level]
            value, more = climb(own, chain, most, NO, np.inf)
            if more == 0:
                raise RuntimeError(FAILED)
            looked += more
            copied(chain.temporal, temporal)
            for level in range(depths):
                chosen[level] = chain.chosen[level]
        out.reached[row] = value
    return looked


@lean_kernel
def _put(value: float, least: Float) -> None:
    """Put a value among the least [N], ascending, where it is one of them."""
    place = least.shape[0] - 1
    while place >= 0 and value < least[place]:
        if place + 1 < least.shape[0]:
            least[place + 1] = least[place]
        least[place] = value
        place -= 1


@lean_kernel
def _carried(tile: Int, temporal: Int, nest: Int, factors: Int) -> bool:
    """Trips [L, 8] that lead to tiles no larger than ``tile`` [L, 8], or as small as children make them; whether they are allowed."""
    for dim in range(8):
        inside, left = ONE, nest[dim]
        outermost = NONE
        for level in range(temporal.shape[0]):
            inside *= factors[SPATIAL, level, dim]
            left = ceiling(left, factors[SPATIAL, level, dim])
            trips = factors[FIXED, level, dim]
            if trips == 0:
                trips = max(ONE, min(tile[level, dim], nest[dim]) // inside)
                while nest[PERFECT] and left % trips:
                    trips -= 1
                outermost = level
            temporal[level, dim] = trips
            inside *= trips
            left = ceiling(left, trips)
        if not _covered(dim, outermost, temporal, nest, factors):
            return False
    return True


@lean_kernel
def _absorbed(absorbs: int, temporal: Int, nest: Int, factors: Int) -> bool:
    """Trips [L, 8] all at the level ``absorbs`` or the next one inside, else outside, that may take them; whether that is allowed."""
    for dim in range(8):
        here = NONE
        for level in range(temporal.shape[0] - 1, -1, -1):
            temporal[level, dim] = max(ONE, factors[FIXED, level, dim])
            if not factors[FIXED, level, dim] and (here < 0 or here > absorbs):
                here = level
        if not _covered(dim, here, temporal, nest, factors):
            return False
    return True


@lean_kernel
def _covered(dim: int, absorbs: int, temporal: Int, nest: Int, factors: Int) -> bool:
    """Let the level ``absorbs`` take what is left of a dim, -1 none; whether all of it is covered then."""
    if absorbs >= 0:
        return closed(dim, absorbs, temporal, nest, factors)
    covered = ONE
    for level in range(temporal.shape[0]):
        covered *= factors[SPATIAL, level, dim] * temporal[level, dim]
    return covered >= nest[dim]
