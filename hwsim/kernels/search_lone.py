"""Tiles that stay in place while others change: where factors do not divide, some children may have a single one.

A loop over a dim that an operand depends on, inside of one over a dim that it is free of, makes the outer one bring all tiles back. But
what is left for the last run of the inner loop may be one tile, or none, for some children: theirs stays. Bounds let as many stay as there
can be, whatever the loops.
"""

from __future__ import annotations

from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import INPUT, Int, P, Q, R, S
from hwsim.kernels.search_terms import AT_MOST, CHOICE, FIXED, FREE_OF, PERFECT, SPATIAL, Problem, ceiling
from hwsim.kernels.search_tile import ONE


@lean_kernel
def regroups(dim: int, level: int, count: Int, temporal: Int, problem: Problem) -> bool:
    """Whether loops outside of ``level`` may have other trips for as many tiles [L, 8] of every level: four and one of five, not three
    and two."""
    nest, factors = problem.nest, problem.factors
    if nest[PERFECT]:
        return False
    for outer in range(level + 1, factors.shape[1]):
        trips = temporal[outer, dim] + 1
        number = ceiling(count[outer - 1, dim], factors[SPATIAL, outer, dim])
        if factors[FIXED, outer, dim] or trips > min(number, factors[AT_MOST, outer, dim]):
            continue
        if ceiling(number, trips) == count[outer, dim]:
            return True
    return False


@lean_kernel
def largest_trips(dim: int, level: int, count: Int, problem: Problem) -> int:
    """The most trips of a level's loop over a dim for as many tiles [L, 8]."""
    number = ceiling(count[level - 1, dim], problem.factors[SPATIAL, level, dim])
    most = number if count[level, dim] == 1 else (number - 1) // (count[level, dim] - 1)
    return min(most, problem.factors[AT_MOST, level, dim])


@lean_kernel
def _alone(tiles: int, children: int, further: bool) -> int:
    """Of so many tiles dealt out to children in runs, the most that can be the only one of their child in a run.

    Runs are of two tiles or more of each child. All tiles in a single run: children of the second iteration have two, or more. Else, if
    there are ``further`` loops for that, those of the last run may have one.
    """
    if children < tiles < 2 * children:
        return 2 * children - tiles
    return min(children, tiles - 2 * children) if further and tiles > 2 * children else 0


@lean_kernel
def lone_tiles(dim: int, level: int, tiles: int, problem: Problem) -> int:
    """Of the ``tiles`` of ``level`` along a dim, the most that can be the only one of their child while others change."""
    most, children, top = 0, 1, problem.factors.shape[1] - 1
    for outer in range(level + 1, top + 1 if problem.nest[PERFECT] == 0 else 0):
        children *= problem.factors[SPATIAL, outer, dim]
        if outer == top or problem.levels[CHOICE, outer, 1]:
            most = max(most, _alone(tiles, children, outer < top))
    return most


@lean_kernel
def lone_share(dim: int, level: int, over: int, fewest: int, most: int, problem: Problem) -> float:
    """The share of a dim's extent that they cover, of as many tiles as one likes from ``fewest`` to ``most``, while loops outside of
    ``over`` run.

    Of T tiles none is longer than (extent - 1) / (T - 1). Of a single run the fewest tiles leave most alone, of several three a child.
    """
    share, children, top, extent = 0.0, 1, problem.factors.shape[1] - 1, problem.nest[dim]
    for outer in range(level + 1, top + 1 if problem.nest[PERFECT] == 0 else 0):
        children *= problem.factors[SPATIAL, outer, dim]
        if outer <= over or (outer != top and not problem.levels[CHOICE, outer, 1]):
            continue
        for tiles in (max(fewest, children + 1), min(most, max(fewest, 3 * children))):
            alone = _alone(tiles, children, outer < top) if tiles <= most else 0
            if alone:
                share = max(share, alone * (extent - 1) / ((tiles - 1) * extent))
    return min(1.0, share)


@lean_kernel
def lonely_tiles(
    dim: int,
    level: int,
    stop_level: int,
    stop_place: int,
    count: Int,
    temporal: Int,
    order: Int,
    grouped: bool,
    problem: Problem,
) -> int:
    """Of the tiles of ``level`` along a dim, those that are the only one of their child while the loops inside of a place run.

    Where factors do not divide a dim, the children of a last iteration may have one tile where others have two: theirs stays in place
    over the loops outside. stop_level, stop_place : of the innermost loop outside; order [8] : dims of that level's loops. count, temporal
    [L, 8]; grouped : see ``boundary``.
    """
    unit, factors, tiles = ONE, problem.factors, count[level, dim]
    for outer in range(level + 1, temporal.shape[0]):
        unit *= factors[SPATIAL, outer, dim] * temporal[outer, dim]
    place = 0
    while order[place] != dim:
        place += 1
    # tiles in whole blocks of which every child has one; those of the last block; how many of a block a second iteration covers
    whole = covered = 0 * unit
    rest = tiles
    for outer in range(temporal.shape[0] - 1, level, -1):
        trips, children = temporal[outer, dim], factors[SPATIAL, outer, dim]
        each = unit // trips
        unit = each // children
        if outer > stop_level or (outer == stop_level and place > stop_place):
            whole = whole * trips * children + rest // unit
            rest %= unit
            continue
        whole = whole * children if trips == 1 else 0 * whole
        if covered and trips == 1:
            whole += children - ceiling(covered, unit)
        covered = covered % unit if trips == 1 else 0 * covered
        iterations = ceiling(rest, each)
        if iterations == 1:
            whole += rest // unit
            rest %= unit
        else:
            if iterations == 2:
                whole += children - ceiling(rest - each, unit)
                covered = (rest - each) % unit
            rest = 0 * rest
    if grouped and whole < tiles and regroups(dim, level, count, temporal, problem):
        return lone_tiles(dim, level, tiles, problem)
    return whole


@lean_kernel
def has_share(operand: int, dim: int) -> bool:
    """Whether lone tiles along a dim are a share of an operand's: of inputs along height and width they are told apart."""
    return FREE_OF[dim] != operand and (operand != INPUT or dim not in (Q, P, S, R))


@lean_kernel
def returned(times: float, once: float, lone: float) -> float:
    """How often tiles move that loops outside bring back so many times, if a share that is ``lone`` stays in place meanwhile."""
    return times - lone * max(0.0, times - once)
