"""Words that pass one boundary of a mapping: all that tiles need, less what stays in place from one step to the next."""

from __future__ import annotations

from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import INPUT, C, Float, G, Int, K, N, P, Q, R, S
from hwsim.kernels.search_lone import largest_trips, lone_tiles, regroups
from hwsim.kernels.search_terms import (
    ADDRESSES,
    DATA,
    FREE_OF,
    PARENT,
    PERFECT,
    SHARE,
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
def _lonely(
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
def moved_inputs(
    level: int,
    stop_level: int,
    stop_place: int,
    held: Float,
    count: Int,
    tile: Int,
    temporal: Int,
    chosen: Int,
    grouped: bool,
    problem: Problem,
    state: Int,
) -> float:
    """Inputs that arrive in the tiles of ``level``: all that they hold along height and width, less what each step finds there already.

    The loops are walked outwards from the first that moves the tile. A step of loop j moves it by its own stride less the way back over
    the loops inside: one stride each in the reference's samples, all strides but one in truth. The reference credits only a move equal to
    one of the innermost loop; in truth every overlap counts. Where a factor does not divide what is left, the way back can be shorter, and
    of few positions or taps tiles may be larger than the least of as many: moves may be shorter by ``slack``, and those of a share of
    children that end ``early`` by more. Nor do then all tiles change
    with every loop of another dim. state [5, 8], room to work in: of each dim trips left of one child, children so far, and steps of all of
    them; tiles left when children since the dim's last loop were not yet counted, and these.
    """
    nest, factors, orders = problem.nest, problem.factors, problem.orders
    addresses = nest[ADDRESSES]
    rows, taps_high = tile[level, Q], tile[level, S]
    columns, taps_wide = tile[level, P], tile[level, R]
    high_words, wide_words = held[0, 0], held[1, 0]
    if addresses and grouped:
        rows, taps_high = largest_of(Q, rows, count[level, Q], nest), largest_of(S, taps_high, count[level, S], nest)
        columns, taps_wide = (
            largest_of(P, columns, count[level, P], nest),
            largest_of(R, taps_wide, count[level, R], nest),
        )
    tiles_high, tiles_wide = count[level, Q] * count[level, S], count[level, P] * count[level, R]
    saved = 0.0
    behind_high = behind_wide = slack_high = slack_wide = early_high = early_wide = least_high = least_wide = 0
    early = 0.0
    first_high = first_wide = 0
    elsewhere = started = turned_high = turned_wide = False
    # What padding takes away, or partial tiles do not hold, may lie in tiles that save nothing.
    high_all, wide_all = high_words, wide_words
    if nest[DATA] < nest[Q] * nest[S] or not nest[PERFECT]:
        high_all = float(tiles_high * span(rows, taps_high, nest[WINDOW + 0], nest[WINDOW + 1], addresses))
    if nest[DATA + 1] < nest[P] * nest[R] or not nest[PERFECT]:
        wide_all = float(tiles_wide * span(columns, taps_wide, nest[WINDOW + 2], nest[WINDOW + 3], addresses))
    for dim in range(8):
        state[0, dim] = state[2, dim] = state[3, dim] = count[level, dim]
        state[1, dim] = state[4, dim] = 1
    for outer in range(level + 1, stop_level):
        for dim in range(8):
            state[1, dim] *= factors[SPATIAL, outer, dim]
            state[4, dim] *= factors[SPATIAL, outer, dim]
            if state[0, dim] > 1:
                state[0, dim] = ceiling(ceiling(state[0, dim], factors[SPATIAL, outer, dim]), temporal[outer, dim])
            if temporal[outer, dim] > 1:
                state[3, dim], state[4, dim] = ceiling(state[3, dim], state[4, dim] * temporal[outer, dim]), 1
    share = 1.0
    begin = stop_place
    for outer in range(stop_level, temporal.shape[0]):
        for dim in range(8):
            state[1, dim] *= factors[SPATIAL, outer, dim]
            state[4, dim] *= factors[SPATIAL, outer, dim]
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
            if addresses and grouped and here:
                larger = (
                    largest_of(dim, step, ceiling(count[outer - 1, dim], factors[SPATIAL, outer, dim]), nest) - step
                )
                larger_high = larger * high // step
                larger_wide = larger * wide // step
            turned_high, turned_wide = turned_high or dim in (Q, S), turned_wide or dim in (P, R)
            rest = min(state[2, dim], state[1, dim] * after) / state[2, dim]
            alone = 1.0 if here else 0.0  # share of tiles that other dims have left in place
            for other in (N, G, C):
                if alone > 0 and elsewhere and count[level, other] > 1:
                    lone = 0
                    if addresses and not nest[PERFECT]:
                        order = orders[outer, chosen[outer]]
                        lone = _lonely(other, level, outer, place, count, temporal, order, grouped, problem)
                    alone *= min(
                        1.0,
                        lone
                        * largest(nest[other], count[level, other], nest[PERFECT], tile[level, other])
                        / nest[other],
                    )
            if alone > 0:
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
                    credit = 0.0
                    for part in range(2):
                        weight = 1.0 - early if part == 0 else early
                        if weight <= 0:
                            continue
                        if part == 1:
                            move_high, move_wide = max(0, move_high - early_high), max(0, move_wide - early_wide)
                        if part == 1 and dim == K and not (move_high or move_wide):
                            # what does not move at all is ``_least_moved``'s: here it moves one step at least
                            move_high, move_wide = least_high, least_wide
                        both = high_all if turned_high else high_words
                        if move_high:
                            common = overlap(rows, taps_high, nest[WINDOW + 0], nest[WINDOW + 1], move_high, addresses)
                            both = min(both, float(common * tiles_high))
                        moves = wide_all if turned_wide else wide_words
                        if move_wide:
                            common = overlap(
                                columns, taps_wide, nest[WINDOW + 2], nest[WINDOW + 3], move_wide, addresses
                            )
                            moves = min(moves, float(common * tiles_wide))
                        if part == 1 and dim == K and move_high == least_high > 0 and move_wide == least_wide > 0:
                            both, moves = max(both * wide_all, high_all * moves), 1.0  # in one direction
                        credit += weight * both * moves
                    saved += credit * share * alone * (1.0 - 1.0 / trips)
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
                # children of the last iterations may take fewer steps
                children, runs = state[4, dim], ceiling(state[3, dim], state[4, dim] * trips)
                last = (state[3, dim] - 1) % (children * trips) + 1
                short = trips - max(1, last // children)
                if short and (high or wide):
                    some = min(children, last)
                    early += (some - max(0, last - children * (trips - 1))) / (children * (runs - 1) + some)
                if grouped and (high or wide) and regroups(dim, outer - 1, count, temporal, problem):
                    short, early = max(short, largest_trips(dim, outer, count, problem) - 1), 1.0
                early = min(1.0, early)
                state[3, dim], state[4, dim] = runs, 1
                early_high += high * short
                early_wide += wide * short
                least_high = high if high and (least_high == 0 or high < least_high) else least_high
                least_wide = wide if wide and (least_wide == 0 or wide < least_wide) else least_wide
            if here:
                share *= rest
            state[2, dim] = min(state[2, dim], state[1, dim] * after)
            state[0, dim] = after
            if elsewhere and not addresses:
                break
        if elsewhere and (nest[PERFECT] or not addresses):
            break
        begin = 0
    return max(0.0, high_words * wide_words - saved)


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
            lonely = _lonely(dim, level, stop_level, stop_place, count, temporal, order, grouped, problem)
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
        nest = problem.nest
        slides = min(nest[Q], nest[S]) > 1 or min(nest[P], nest[R]) > 1
        if stop_level < levels and (slides or not nest[ADDRESSES]):
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
