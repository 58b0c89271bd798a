"""Words that pass one boundary of a mapping: all that tiles need, less what stays in place from one step to the next."""

from __future__ import annotations

from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import INPUT, Float, Int, P, Q, R, S
from hwsim.kernels.search_lone import lonely_tiles, regroups
from hwsim.kernels.search_moved import moved_inputs
from hwsim.kernels.search_terms import (
    ADDRESSES,
    FREE_OF,
    PARENT,
    PERFECT,
    SHARE,
    SPATIAL,
    Problem,
    ceiling,
    largest,
    largest_span,
    neighbours,
    slides,
    windows,
)


@lean_kernel
def _served(
    dim: int,
    level: int,
    parent: int,
    reach: int,
    count: Int,
    operand: int,
    temporal: Int,
    grouped: bool,
    problem: Problem,
) -> tuple[int, int]:
    """``windows`` where all loops from ``level`` outwards are known: how often its tile leaves the parent because of a dim, and arrives.

    reach : the outermost level whose loop over the dim leaves the tile in place; count, temporal [L, 8]; grouped : see ``boundary``.
    Children that get none of the last tile of ``reach`` fetch nothing.
    """
    factors, levels, tiles = problem.factors, problem.levels, count[level, dim]
    if grouped and regroups(dim, level, count, temporal, problem):
        return windows(dim, level, parent, reach, count[reach, dim], operand, problem.nest, factors, levels)
    unit = together = apart = every = 1
    for outer in range(level + 1, factors.shape[1]):
        children = factors[SPATIAL, outer, dim]
        shared = outer <= parent and levels[SHARE, outer, operand]
        if outer <= reach:
            unit *= children * temporal[outer, dim]
            every *= children
            apart *= 1 if shared else children
        elif shared:
            together *= children
    whole, rest = tiles // unit, tiles % unit
    leaves, arrives = whole * apart, whole * every
    away = here = True  # whether children of the last tile are still to be told apart
    for outer in range(reach, level, -1):
        if rest == 0 or not (away or here):
            break
        children = factors[SPATIAL, outer, dim]
        shared = outer <= parent and levels[SHARE, outer, operand]
        unit //= temporal[outer, dim]
        several = rest > unit  # the first of its iterations is whole
        each = unit // children
        number = rest // each
        if here:
            arrives += every if several else number * (every // children)
            here = not several
        if away and shared:
            leaves += apart if several or number else 0
            away = not (several or number)
        elif away:
            leaves += apart if several else number * (apart // children)
            away = not several
        every, apart = every // children, apart if shared else apart // children
        unit, rest = each, rest % each
    return ceiling(leaves, together), arrives


@lean_kernel
def _least_moved(
    operand: int,
    level: int,
    stop_level: int,
    stop_place: int,
    words: float,
    count: Int,
    tile: Int,
    temporal: Int,
    chosen: Int,
    grouped: bool,
    problem: Problem,
) -> float:
    """Of ``words`` that move with the loops inside of a place, what may belong to tiles that stay in place; 0 where factors divide."""
    nest = problem.nest
    order = problem.orders[stop_level, chosen[stop_level]]
    stays = 1.0
    for dim in range(8):
        if FREE_OF[dim] == operand or nest[dim] == 1:
            continue
        tiles = count[level, dim]
        lonely = tiles
        if tiles > 1:
            lonely = lonely_tiles(dim, level, stop_level, stop_place, count, temporal, order, grouped, problem)
        if lonely == 0:
            return 0.0
        if operand == INPUT and dim >= Q:
            stays *= lonely
        else:
            stays *= min(nest[dim], lonely * largest(nest[dim], tiles, nest[PERFECT], tile[level, dim]))
    if operand == INPUT:
        for axis in range(2):
            position, tap = (Q, S) if axis == 0 else (P, R)
            rows, taps = tile[level, position], tile[level, tap]
            stays *= largest_span(axis, rows, taps, count[level, position], count[level, tap], nest)
    return min(words, stays)


@lean_kernel
def boundary(
    operand: int,
    level: int,
    held: Float,
    count: Int,
    tile: Int,
    temporal: Int,
    chosen: Int,
    grouped: bool,
    problem: Problem,
    reach: Int,
    state: Int,
    out: Float,
) -> None:
    """Words that leave the parent for the tile of ``operand`` at ``level``, and that arrive there, all instances: ``out[0]``, ``out[1]``.

    count, tile, temporal [L, 8], known from ``level`` outwards; chosen [L] : order of each level's loops, known outside of ``level``;
    held [2, 3] : ``axis_words`` of height and width, by HELD, by position and by tap; grouped : the least over all trips that
    make as many tiles, else of these very trips; reach [8], state [5, 8] : room to work in.
    """
    levels = count.shape[0]
    parent = problem.levels[PARENT, level, operand]
    for dim in range(8):
        reach[dim] = level
    stop_level, stop_place = levels, 0
    for outer in range(level + 1, levels):
        for place in range(8):
            dim = problem.orders[outer, chosen[outer], place]
            if temporal[outer, dim] == 1:
                continue
            if FREE_OF[dim] == operand:
                reach[dim] = outer
            else:
                stop_level, stop_place = outer, place
                break
        if stop_level < levels:
            break
    # the innermost loop outside of that which brings back what has gone
    back_level, back_place = levels, 0
    for outer in range(stop_level, levels if problem.nest[PERFECT] == 0 else 0):
        for place in range(stop_place + 1 if outer == stop_level else 0, 8):
            dim = problem.orders[outer, chosen[outer], place]
            if temporal[outer, dim] > 1 and FREE_OF[dim] == operand:
                back_level, back_place = outer, place
                break
        if back_level < levels:
            break
    leaves = arrives = words = 1.0
    for dim in range(8):
        if FREE_OF[dim] == operand:
            if problem.nest[dim] > 1:
                away, here = _served(dim, level, parent, reach[dim], count, operand, temporal, grouped, problem)
                leaves *= away
                arrives *= here
        elif operand != INPUT or dim not in (Q, P, S, R):
            words *= problem.nest[dim]
    if operand == INPUT:
        inputs = held[0, 0] * held[1, 0]
        if stop_level < levels and (slides(problem.nest) or not problem.nest[ADDRESSES]):
            inputs = moved_inputs(
                level,
                stop_level,
                stop_place,
                held,
                count,
                tile,
                temporal,
                chosen,
                grouped,
                problem,
                state,
            )
        words *= inputs
    stays = 0.0
    if back_level < levels:
        stays = _least_moved(
            operand, level, back_level, back_place, words, count, tile, temporal, chosen, grouped, problem
        )
    leaves = words * leaves - stays * max(0.0, leaves - problem.still[level, operand, 0])
    arrives = words * arrives - stays * max(0.0, arrives - problem.still[level, operand, 1])
    if operand == INPUT:
        for axis in range(2):
            leaves *= neighbours(axis, level, parent, tile, problem.nest, problem.factors, problem.levels)
    out[0] = leaves
    out[1] = arrives
