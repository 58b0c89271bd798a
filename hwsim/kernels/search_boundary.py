"""Words that pass one boundary of a mapping: all that tiles need, less what stays in place from one step to the next."""

from __future__ import annotations

from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import INPUT, C, Float, G, Int, K, N, P, Q, R, S
from hwsim.kernels.search_terms import (
    ADDRESSES,
    DATA,
    FREE_OF,
    PARENT,
    PERFECT,
    SPATIAL,
    WINDOW,
    Problem,
    ceiling,
    largest,
    largest_of,
    neighbours,
    overlap,
    span,
    windows,
)
from hwsim.kernels.search_tile import ONE


@lean_kernel
def moved_inputs(
    level: int,
    stop_level: int,
    stop_place: int,
    held: Float,
    count: Int,
    tile: Int,
    temporal: Int,
    chosen: Int,
    nest: Int,
    factors: Int,
    orders: Int,
    state: Int,
) -> float:
    """Inputs that arrive in the tiles of ``level``: all that they hold along height and width, less what each step finds there already.

    The loops are walked outwards from the first that moves the tile. A step of loop j moves it by its own stride less the way back over
    the loops inside: one stride each in the reference's samples, all strides but one in truth. The reference credits only a move equal to
    one of the innermost loop; in truth every overlap counts. Where a factor does not divide what is left, the way back can be shorter, and
    of few positions or taps tiles may be larger than the least of as many: moves may be shorter by ``slack``. state [3, 8], room to work
    in: of each dim trips left of one child, children so far, and steps of all of them.
    """
    addresses = nest[ADDRESSES]
    rows, taps_high = tile[level, Q], tile[level, S]
    columns, taps_wide = tile[level, P], tile[level, R]
    high_words, wide_words = held[0, 0], held[1, 0]
    if addresses:
        rows, taps_high = largest_of(Q, rows, count[level, Q], nest), largest_of(S, taps_high, count[level, S], nest)
        columns, taps_wide = (
            largest_of(P, columns, count[level, P], nest),
            largest_of(R, taps_wide, count[level, R], nest),
        )
    tiles_high, tiles_wide = count[level, Q] * count[level, S], count[level, P] * count[level, R]
    saved = 0.0
    behind_high = behind_wide = slack_high = slack_wide = 0
    first_high = first_wide = 0
    elsewhere = started = turned_high = turned_wide = False
    # What padding takes away may lie in tiles that save nothing.
    high_all, wide_all = high_words, wide_words
    if nest[DATA] < nest[Q] * nest[S]:
        high_all = float(tiles_high * span(rows, taps_high, nest[WINDOW + 0], nest[WINDOW + 1], addresses))
    if nest[DATA + 1] < nest[P] * nest[R]:
        wide_all = float(tiles_wide * span(columns, taps_wide, nest[WINDOW + 2], nest[WINDOW + 3], addresses))
    for dim in range(8):
        state[0, dim] = state[2, dim] = count[level, dim]
        state[1, dim] = 1
    for outer in range(level + 1, stop_level):
        for dim in range(8):
            state[1, dim] *= factors[SPATIAL, outer, dim]
            if state[0, dim] > 1:
                state[0, dim] = ceiling(ceiling(state[0, dim], factors[SPATIAL, outer, dim]), temporal[outer, dim])
    share = 1.0
    begin = stop_place
    for outer in range(stop_level, temporal.shape[0]):
        for dim in range(8):
            state[1, dim] *= factors[SPATIAL, outer, dim]
            if state[0, dim] > 1:
                state[0, dim] = ceiling(state[0, dim], factors[SPATIAL, outer, dim])
        for place in range(begin, 8):
            dim = orders[outer, chosen[outer], place]
            trips = temporal[outer, dim]
            if trips == 1:
                continue
            left = state[0, dim]
            after = ceiling(left, trips)
            step = tile[outer - 1, dim] * factors[SPATIAL, outer, dim]
            high = step * (nest[WINDOW + 0] if dim == Q else nest[WINDOW + 1]) if dim in (Q, S) else 0
            wide = step * (nest[WINDOW + 2] if dim == P else nest[WINDOW + 3]) if dim in (P, R) else 0
            here = dim not in (N, G, C)
            larger_high = larger_wide = 0 * step
            if addresses and here:
                larger = (
                    largest_of(dim, step, ceiling(count[outer - 1, dim], factors[SPATIAL, outer, dim]), nest) - step
                )
                larger_high = larger * high // step
                larger_wide = larger * wide // step
            turned_high, turned_wide = turned_high or dim in (Q, S), turned_wide or dim in (P, R)
            rest = min(state[2, dim], state[1, dim] * after) / state[2, dim]
            if here and not elsewhere:
                move_high, move_wide = abs(high - behind_high), abs(wide - behind_wide)
                credited = True
                if not addresses and started:
                    credited = high - behind_high == first_high and wide - behind_wide == first_wide
                    credited = credited or (move_high == 0 and move_wide == 0)
                if addresses and not started and here and dim != K and after == 1 and left == count[level, dim]:
                    # One loop goes through all tiles of the dim.
                    axis = 0 if dim in (Q, S) else 1
                    swept = held[axis, 1 if dim in (Q, P) else 2]
                    saved += (high_words - swept) * wide_words if axis == 0 else (wide_words - swept) * high_words
                elif credited:
                    move_high, move_wide = (
                        max(0, move_high - slack_high - larger_high),
                        max(0, move_wide - slack_wide - larger_wide),
                    )
                    both = high_all if turned_high else high_words
                    if move_high:
                        common = overlap(rows, taps_high, nest[WINDOW + 0], nest[WINDOW + 1], move_high, addresses)
                        both = min(both, float(common * tiles_high))
                    moves = wide_all if turned_wide else wide_words
                    if move_wide:
                        common = overlap(columns, taps_wide, nest[WINDOW + 2], nest[WINDOW + 3], move_wide, addresses)
                        moves = min(moves, float(common * tiles_wide))
                    both *= moves
                    saved += both * share * (1.0 - 1.0 / trips)
            if not started:
                started = True
                first_high, first_wide = high, wide
            if not here:
                elsewhere = True
            back = trips - 1 if addresses else 1
            behind_high += high * back
            behind_wide += wide * back
            if addresses:
                slack_high += larger_high * back
                slack_wide += larger_wide * back
                short = trips - 1 - (left - 1) % trips if after * trips != left else 0
                slack_high += high * short
                slack_wide += wide * short
            share *= rest
            state[2, dim] = min(state[2, dim], state[1, dim] * after)
            state[0, dim] = after
            if elsewhere and not addresses:
                break
        if elsewhere:
            break
        begin = 0
    return max(0.0, high_words * wide_words - saved)


@lean_kernel
def _lonely(
    dim: int, level: int, stop_level: int, stop_place: int, tiles: int, factors: Int, temporal: Int, order: Int
) -> int:
    """Of the ``tiles`` of ``level`` along a dim, those that are the only one of their child while the loops inside of a place run.

    Where factors do not divide a dim, the children of a last iteration may have one tile where others have two: theirs stays in place
    over the loops outside. stop_level, stop_place : of the innermost loop outside; order [8] : dims of that level's loops.
    """
    unit = ONE
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
    return whole


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
            lonely = _lonely(dim, level, stop_level, stop_place, tiles, problem.factors, temporal, order)
        if lonely == 0:
            return 0.0
        if operand == INPUT and dim >= Q:
            stays *= lonely
        else:
            stays *= min(nest[dim], lonely * largest(nest[dim], tiles, nest[PERFECT], tile[level, dim]))
    if operand == INPUT:
        for axis in range(2):
            position, tap = (Q, S) if axis == 0 else (P, R)
            rows, taps = min(tile[level, position], nest[position]), min(tile[level, tap], nest[tap])
            rows = largest(nest[position], count[level, position], nest[PERFECT], rows)
            taps = largest(nest[tap], count[level, tap], nest[PERFECT], taps)
            stays *= span(rows, taps, nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1], nest[ADDRESSES])
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
    problem: Problem,
    reach: Int,
    state: Int,
    out: Float,
) -> None:
    """Words that leave the parent for the tile of ``operand`` at ``level``, and that arrive there, all instances: ``out[0]``, ``out[1]``.

    count, tile, temporal [L, 8], known from ``level`` outwards; chosen [L] : order of each level's loops, known outside of ``level``;
    held [2, 3] : ``axis_words`` of height and width, by HELD, by position and by tap; reach [8], state [3, 8] : room to work in.
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
                number = count[reach[dim], dim]
                away, here = windows(dim, level, parent, reach[dim], number, operand, problem.factors, problem.levels)
                leaves *= away
                arrives *= here
        elif operand != INPUT or dim not in (Q, P, S, R):
            words *= problem.nest[dim]
    if operand == INPUT:
        inputs = held[0, 0] * held[1, 0]
        if stop_level < levels:
            inputs = moved_inputs(
                level,
                stop_level,
                stop_place,
                held,
                count,
                tile,
                temporal,
                chosen,
                problem.nest,
                problem.factors,
                problem.orders,
                state,
            )
        words *= inputs
    stays = 0.0
    if back_level < levels:
        stays = _least_moved(operand, level, back_level, back_place, words, count, tile, temporal, chosen, problem)
    leaves = words * leaves - stays * max(0.0, leaves - problem.still[level, operand, 0])
    arrives = words * arrives - stays * max(0.0, arrives - problem.still[level, operand, 1])
    if operand == INPUT:
        for axis in range(2):
            leaves *= neighbours(axis, level, parent, tile, problem.nest, problem.factors, problem.levels)
    out[0] = leaves
    out[1] = arrives
