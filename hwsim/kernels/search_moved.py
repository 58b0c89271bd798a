"""Inputs that arrive in tiles along height and width: a window that slides on finds some of them there already."""

from __future__ import annotations

from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import C, Float, G, Int, K, N, P, Q, R, S
from hwsim.kernels.search_lone import largest_trips, lonely_tiles, regroups
from hwsim.kernels.search_terms import (
    ADDRESSES,
    DATA,
    PERFECT,
    SPATIAL,
    WINDOW,
    Problem,
    both_tiled,
    ceiling,
    largest,
    largest_span,
    overlap,
    span,
)


@lean_kernel
def _longest(dim: int, least: int, level: int, count: Int, nest: Int) -> int:
    """The longest of as many tiles of a dim of height or width, where steps depend on it.

    Where positions alone, or taps, are in several tiles, each is next to another, however long they are, and has as much in common with it.
    """
    return largest(nest[dim], count[level, dim], nest[PERFECT], least) if both_tiled(dim, level, count) else least


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
    children that end ``early`` by more. Nor do all tiles change then with every loop of another dim. grouped : see ``boundary``. state
    [5, 8], room to work in: of each dim trips left of one child, children so far, and steps of all of them; tiles left before the children
    since the dim's last loop, and these children.
    """
    nest, factors, orders = problem.nest, problem.factors, problem.orders
    addresses = nest[ADDRESSES]
    rows, taps_high = tile[level, Q], tile[level, S]
    columns, taps_wide = tile[level, P], tile[level, R]
    high_words, wide_words = held[0, 0], held[1, 0]
    uneven = False  # whether tiles and steps may be longer than the least of as many
    most_high = span(rows, taps_high, nest[WINDOW + 0], nest[WINDOW + 1], addresses)
    most_wide = span(columns, taps_wide, nest[WINDOW + 2], nest[WINDOW + 3], addresses)
    if addresses and grouped:
        spread_high = spread_wide = 1
        for outer in range(level, temporal.shape[0]):
            for dim in (Q, P, S, R):
                uneven = (
                    uneven or largest(nest[dim], count[outer, dim], nest[PERFECT], tile[outer, dim]) > tile[outer, dim]
                )
            if outer > level:
                spread_high *= factors[SPATIAL, outer, Q] * factors[SPATIAL, outer, S]
                spread_wide *= factors[SPATIAL, outer, P] * factors[SPATIAL, outer, R]
        # what stays while others come back is the last one, the shortest, unless several children have some
        if spread_high > 1:
            most_high = largest_span(0, rows, taps_high, count[level, Q], count[level, S], nest)
        if spread_wide > 1:
            most_wide = largest_span(1, columns, taps_wide, count[level, P], count[level, R], nest)
        rows, taps_high = _longest(Q, rows, level, count, nest), _longest(S, taps_high, level, count, nest)
        columns, taps_wide = _longest(P, columns, level, count, nest), _longest(R, taps_wide, level, count, nest)
    tiles_high, tiles_wide = count[level, Q] * count[level, S], count[level, P] * count[level, R]
    saved = 0.0
    behind_high = behind_wide = slack_high = slack_wide = early_high = early_wide = least_high = least_wide = 0
    longer_high = longer_wide = 0
    early, ends, absent = 0.0, 0, 0
    first_high = first_wide = 0
    elsewhere = started = turned_high = turned_wide = False
    # What padding takes away, or partial tiles do not hold, may lie in tiles that save nothing.
    high_all, wide_all = high_words, wide_words
    if nest[DATA] < nest[Q] * nest[S] or not nest[PERFECT]:
        high_all = float(tiles_high * most_high)
    if nest[DATA + 1] < nest[P] * nest[R] or not nest[PERFECT]:
        wide_all = float(tiles_wide * most_wide)
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
                state[2, dim] = min(state[2, dim], state[1, dim] * state[0, dim])  # the others left it in place
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
            if addresses and grouped and (high or wide) and both_tiled(dim, level, count):
                tiles = ceiling(count[outer - 1, dim], factors[SPATIAL, outer, dim])
                larger = max(step, largest(nest[dim], tiles, nest[PERFECT], step)) - step
                larger_high = larger * high // step
                larger_wide = larger * wide // step
            other_groups = grouped and regroups(dim, outer - 1, count, temporal, problem)
            most = max(trips, largest_trips(dim, outer, count, problem)) if other_groups else trips
            turned_high, turned_wide = turned_high or dim in (Q, S), turned_wide or dim in (P, R)
            rest = min(state[2, dim], state[1, dim] * after) / state[2, dim]
            alone = 1.0 if here else 0.0  # share of tiles that other dims have left in place
            for other in (N, G, C):
                if alone > 0 and elsewhere and count[level, other] > 1:
                    lone = 0
                    if addresses and not nest[PERFECT]:
                        order = orders[outer, chosen[outer]]
                        lone = lonely_tiles(other, level, outer, place, count, temporal, order, grouped, problem)
                    alone *= min(
                        1.0,
                        lone
                        * largest(nest[other], count[level, other], nest[PERFECT], tile[level, other])
                        / nest[other],
                    )
            if alone > 0:
                move_high, move_wide = high - behind_high, wide - behind_wide
                move_high = max(0, move_high - longer_high) if move_high > 0 else -move_high
                move_wide = max(0, move_wide - longer_wide) if move_wide > 0 else -move_wide
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
                    shorter = uneven or early > 0 or slack_high + slack_wide + larger_high + larger_wide > 0
                    shorter = shorter or longer_high + longer_wide > 0
                    credit = 0.0
                    for part in range(2):
                        weight = 1.0 - early if part == 0 else early
                        if weight <= 0:
                            continue
                        if part == 1:
                            shorter = True
                            move_high, move_wide = max(0, move_high - early_high), max(0, move_wide - early_wide)
                        if part == 1 and dim == K and not (move_high or move_wide):
                            # what does not move at all is ``_least_moved``'s: here it moves one step at least
                            move_high, move_wide = least_high, least_wide
                        both = high_all if turned_high else high_words
                        if move_high:
                            common = overlap(
                                rows, taps_high, nest[WINDOW + 0], nest[WINDOW + 1], move_high, addresses, shorter
                            )
                            both = min(both, float(common * tiles_high))
                        moves = wide_all if turned_wide else wide_words
                        if move_wide:
                            common = overlap(
                                columns, taps_wide, nest[WINDOW + 2], nest[WINDOW + 3], move_wide, addresses, shorter
                            )
                            moves = min(moves, float(common * tiles_wide))
                        if part == 1 and dim == K and move_high == least_high > 0 and move_wide == least_wide > 0:
                            both, moves = max(both * wide_all, high_all * moves), 1.0  # in one direction
                        credit += weight * both * moves
                    saved += credit * share * alone * (1.0 - 1.0 / most)
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
                some = min(children, last)
                if short and (high or wide):
                    early += (some - max(0, last - children * (trips - 1))) / (children * (runs - 1) + some)
                    ends |= 1 << dim
                elif ends >> dim & 1:  # the last of these runs ends as the last of those inside does
                    early += some / (children * (runs - 1) + some)
                if high or wide:
                    if other_groups:
                        short = max(short, most - 1)
                        longer_high += high * (most - trips)
                        longer_wide += wide * (most - trips)
                    gone = absent >> dim & 1  # children without a tile in the last run have one iteration less
                    if gone:
                        short = max(short, min(short + 1, trips - 1))
                    if other_groups or gone:
                        early += 1.0 / runs
                    if children > 1 and (some < children or other_groups):
                        absent |= 1 << dim
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
