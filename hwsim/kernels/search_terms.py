"""What one operand moves between two levels, from the numbers of tiles alone: the terms that a search adds up.

A tile at a level is described by how many of it cover each dim (``count``), not by where it lies. That is enough: an operand's traffic
into a tile is its volume times, for every dim that it does not depend on, the number of windows of that dim during which the tile stays
where it is. With ceiling division the counts of a chain of tiles are a chain again, for ceil(ceil(n / a) / b) = ceil(n / (a b)).
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from hwsim.kernels.counting_sets import common_size, set_size
from hwsim.kernels.jit import kernel, lean_kernel
from hwsim.kernels.packed import INPUT, OUTPUT, WEIGHT, C, Float, G, Int, K, N, P, Q, R, S

#: The operand that does not depend on a dim, -1 where all three do: N, G, K, C, Q, P, S, R.
FREE_OF = np.array((WEIGHT, -1, INPUT, OUTPUT, WEIGHT, WEIGHT, OUTPUT, OUTPUT), np.int64)


#: Where things are in ``Problem.nest``: extents first, then (stride, dilation) of height and width, whether addresses (1) or boxes (0)
#: make a tile of inputs, (pad before, unpadded size) of height and width, bits of a word held, whether factors divide, the objective's
#: number, the level from which on passes are counted (-1 none), bits of an output that is complete, pairs
#: of a position and a tap along height and width that meet data.
WINDOW, ADDRESSES, REAL, BITS, PERFECT, OBJECTIVE, PASS_LEVEL, FINAL_BITS, DATA = 8, 12, 13, 17, 20, 21, 22, 23, 24
#: ``Problem.factors``: children by dim; temporal factor, 0 free; the largest; choices in ``tables``.
SPATIAL, FIXED, AT_MOST, LENGTH = range(4)
#: ``Problem.tables``: tiles that cover the dim; their least extent; least compute steps of the dim; how often a tile leaves the parent
#: because of the dim, for the operand that is free of it.
COUNT, SIZE, STEPS, LEAVES = range(4)
#: ``Problem.levels``: operand kept; next level outside that keeps it, -1 none; whether one word serves all children; pool; bits of
#: each pool; operands that some loop order at or outside of the level can leave in place; orders listed; whether the tile is a choice.
KEEP, PARENT, SHARE, POOL, POOL_BITS, LEADS, ORDERS, CHOICE = range(8)
#: ``Problem.reals``: least cycles of what overlaps, compute among it; MACs per PE and cycle; leakage per cycle [J]; ramp-up cycles of a
#: pass; least words that PEs take of each operand.
COMPUTE, RATE, LEAKAGE_J, PASS_CYCLES, MAC_LEAST = range(5)
#: A tile, as a number of 64 bits.
ONE_TILE = cast(int, np.int64(1))
#: Objectives by number.
EDP, ENERGY, LATENCY = range(3)


class Problem(NamedTuple):
    """One nest on one hierarchy with spatial factors and kept operands chosen; what is left is tiles in time and loop orders.

    Few arrays with named places, for a kernel compiles ten times slower with forty. L levels, M choices, A orders, B limited resources.
    nest [26]; factors [4, L, 8]; tables [4, L, 8, M]; orders [L, A, 8] : loop orders to try, inner to outer; levels [8, L, 3].
    words [L, 3, 2, 1 + B] : energy of one word of an operand, then the cycles that it takes on each resource, for words that leave the
    parent for a level's tile and for words that arrive there. base [6, 1 + B] : the same for words between the PEs and the innermost
    level that keeps each operand, then of all that tiles do not change; then 0 for resources that hide behind compute, else the number
    (from 1) of the level whose transfers add; then 1 for resources of which some boundary gives back. still [L, 3, 2] : how often the
    tile of an operand leaves the parent and arrives that stays in place over all loops outside; for inputs times the least share of
    children with inputs of their own. reals [7].
    sides [2, 4, extent, taps] : along height and width what the tiles of such an extent hold (``tabulate``);
    without entries where that would be long or is no matter of addresses. needs [2, A, B], starts [2, 2, E] : what PEs need along them
    (``search_needs``); without entries likewise.
    """

    nest: Int
    factors: Int
    tables: Int
    orders: Int
    levels: Int
    words: Float
    base: Float
    still: Float
    reals: Float
    sides: Int
    needs: Int
    starts: Int


@lean_kernel
def ceiling(value: int, divisor: int) -> int:
    """Quotient, rounded up."""
    return (value + divisor - 1) // divisor


@lean_kernel
def value_of(energy: float, cycles: float, nest: Int, reals: Float) -> float:
    """The objective [J·cycle, J or cycle], leakage included."""
    whole = np.ceil(cycles - 1e-9 * cycles)
    if nest[OBJECTIVE] == 2:
        return whole
    total = energy + reals[LEAKAGE_J] * whole
    if nest[OBJECTIVE] == 1:
        return total
    return total * whole


@lean_kernel
def sums(first: int, first_step: int, second: int, second_step: int) -> int:
    """Distinct values of i·first_step + j·second_step for i < first, j < second.

    (i, j) and (i + b, j - a) with a : b the reduced ratio of the steps give the same sum, so of each such chain one value counts.
    """
    a, b = first_step, second_step
    while b:
        a, b = b, a % b
    across, along = second_step // a, first_step // a
    return first * second - max(0, first - across) * max(0, second - along)


@lean_kernel
def span(tile: int, kernel: int, stride: int, dilation: int, addresses: int) -> int:
    """Inputs along one axis that a tile of ``tile`` positions and ``kernel`` taps touches: addresses, or the box around them."""
    if addresses:
        return sums(tile, stride, kernel, dilation)
    return (tile - 1) * stride + (kernel - 1) * dilation + 1


@lean_kernel
def overlap(tile: int, kernel: int, stride: int, dilation: int, step: int, addresses: int) -> int:
    """Inputs along one axis that two such tiles ``step`` inputs apart have in common, at most."""
    if not addresses:
        return max(0, (tile - 1) * stride + (kernel - 1) * dilation + 1 - step)
    shared = 0
    if step % stride == 0 and step // stride < tile:
        shared = max(shared, sums(tile - step // stride, stride, kernel, dilation))
    return max(
        shared,
        min(span(tile, kernel, stride, dilation, 1), max(0, (tile - 1) * stride + (kernel - 1) * dilation + 1 - step)),
    )


@lean_kernel
def windows(
    dim: int, level: int, parent: int, reach: int, count: int, operand: int, factors: Int, levels: Int
) -> tuple[int, int]:
    """How often the tile at ``level`` is delivered because of a dim its operand is free of: leaving the parent, arriving in all children.

    reach : the outermost level whose loop over the dim leaves the tile in place; count : tiles of that level.
    """
    leaves, arrives, together = count, count, 1
    for outer in range(level + 1, factors.shape[1]):
        children = factors[SPATIAL, outer, dim]
        if outer <= reach:
            arrives *= children
        if outer <= parent and levels[SHARE, outer, operand]:
            if outer > reach:
                together *= children
        elif outer <= reach:
            leaves *= children
    return ceiling(leaves, together), arrives


@lean_kernel
def neighbours(axis: int, level: int, parent: int, tile: Int, nest: Int, factors: Int, levels: Int) -> float:
    """Share of a parent's children, down to ``level``, that need different inputs because of Q and S (axis 0) or P and R (tile [L, 8]).

    The reference compares the children of one level; in the exact rules those of all levels in between share. Where these cannot simply
    be counted it is the least that it can be: as many sums as rows and taps less one, or, where some meet padding, one for each row.
    """
    position, tap = (Q, S) if axis == 0 else (P, R)
    here = 1.0
    rows_in_all = taps_in_all = 1
    both = False
    for outer in range(level + 1, parent + 1):
        first, second = factors[SPATIAL, outer, position], factors[SPATIAL, outer, tap]
        if not levels[SHARE, outer, INPUT] or (first == 1 and second == 1):
            continue
        rows_in_all, taps_in_all = rows_in_all * first, taps_in_all * second
        if first == 1 or second == 1:
            continue
        rows = tile[outer - 1, position] if outer > 0 else 1
        taps = tile[outer - 1, tap] if outer > 0 else 1
        different = sums(first, rows * nest[WINDOW + 2 * axis], second, taps * nest[WINDOW + 2 * axis + 1])
        both = rows_in_all == first and taps_in_all == second
        if not nest[ADDRESSES] or both:
            here *= different / (first * second)
    pairs = rows_in_all * taps_in_all
    padded = nest[ADDRESSES] and nest[DATA + axis] < nest[position] * nest[tap]
    if padded and pairs > 1:
        rows = min(tile[level, position], nest[position]) if level >= 0 else 1
        taps = min(tile[level, tap], nest[tap]) if level >= 0 else 1
        stride, dilation = nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1]
        if nest[REAL + 2 * axis + 1] <= (rows - 1) * stride + (taps - 1) * dilation + max(stride, dilation) - 1:
            return 1.0 / pairs  # what padding leaves of two tiles may be the same
    if not nest[ADDRESSES] or rows_in_all == 1 or taps_in_all == 1:
        return here
    if padded:
        return 1.0 / min(rows_in_all, taps_in_all)
    return here if both else (rows_in_all + taps_in_all - 1) / pairs


#: ``Problem.sides``: what tiles hold together, the largest of them, and what arrives of the first where each position follows the one
#: before it for every tap, or each tap for every position.
HELD, LARGEST, BY_POSITION, BY_TAP = range(4)


@kernel
def tabulate(side: int, axes: Int, words: Int) -> None:
    """Fill ``words`` [4, extent + 1, taps + 1] for one side of the input, see HELD. The largest is that of any larger tiles, too.

    axes [2, 4] : stride, dilation, pad and size of height and width.
    """
    rows, taps = words.shape[1] - 1, words.shape[2] - 1
    for tile in range(rows, 0, -1):
        for depth in range(taps, 0, -1):
            total = largest = kept_rows = kept_taps = 0
            for first in range(0, rows, tile):
                wide = min(tile, rows - first)
                for deep in range(0, taps, depth):
                    many = min(depth, taps - deep)
                    here = set_size(first, wide, deep, many, axes, side)
                    total += here
                    largest = max(largest, here)
                    if first > 0:
                        kept_rows += common_size(first, wide, deep, many, first - tile, tile, deep, many, axes, side)
                    if deep > 0:
                        kept_taps += common_size(first, wide, deep, many, first, wide, deep - depth, depth, axes, side)
            words[HELD, tile, depth] = total
            if tile < rows:
                largest = min(largest, words[LARGEST, tile + 1, depth])
            if depth < taps:
                largest = min(largest, words[LARGEST, tile, depth + 1])
            words[LARGEST, tile, depth] = largest
            words[BY_POSITION, tile, depth], words[BY_TAP, tile, depth] = total - kept_rows, total - kept_taps


@lean_kernel
def _outside(axis: int, nest: Int) -> int:
    """Padding along height or width, on both sides together."""
    position, tap = (Q, S) if axis == 0 else (P, R)
    before, size = nest[REAL + 2 * axis], nest[REAL + 2 * axis + 1]
    reach = (nest[position] - 1) * nest[WINDOW + 2 * axis] + (nest[tap] - 1) * nest[WINDOW + 2 * axis + 1] + 1
    return max(0, before) + max(0, reach - before - size)


@lean_kernel
def side_words(axis: int, rows: int, taps: int, nest: Int, sides: Int) -> int:
    """Inputs along height (axis 0) or width (1) in the largest tile of at least so many positions and taps, at least."""
    if sides.shape[2]:
        return sides[axis, LARGEST, rows, taps]
    addresses = nest[ADDRESSES]
    words = span(rows, taps, nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1], addresses)
    return max(0, words - _outside(axis, nest)) if addresses else words


@lean_kernel
def _largest(extent: int, tiles: int, perfect: int, least: int) -> int:
    """The largest extent of so many tiles, not above the dim's."""
    if perfect:
        return least
    return extent if tiles == 1 else (extent - 1) // (tiles - 1)


@lean_kernel
def axis_words(
    which: int, axis: int, least_tile: int, tiles: int, least_kernel: int, kernels: int, nest: Int, sides: Int
) -> float:
    """HELD, BY_POSITION or BY_TAP along height (axis 0) or width (1) of so many pairs of a window tile and a tap tile: the least that it
    can be, whatever their extent from the least one on. Where tiles are boxes, only HELD is known, and stands for all."""
    position, tap = (Q, S) if axis == 0 else (P, R)
    if not nest[ADDRESSES]:
        stride, dilation = nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1]
        return float(tiles * kernels * span(least_tile, least_kernel, stride, dilation, 0))
    if not sides.shape[2]:  # one address each at least
        return float(max(0, nest[position] - _outside(axis, nest)))
    least_tile, least_kernel = min(least_tile, nest[position]), min(least_kernel, nest[tap])
    total = sides[axis, which, least_tile, least_kernel]
    for tile in range(least_tile, _largest(nest[position], tiles, nest[PERFECT], least_tile) + 1):
        for depth in range(least_kernel, _largest(nest[tap], kernels, nest[PERFECT], least_kernel) + 1):
            total = min(total, sides[axis, which, tile, depth])
    return float(total)


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
    one of the innermost loop; in truth every overlap counts. Where a factor does not divide what is left, the way back can be shorter: by
    ``slack`` at most. state [3, 8], room to work in: of each dim trips left of one child, children so far, and steps of all of them.
    """
    addresses = nest[ADDRESSES]
    rows, taps_high = tile[level, Q], tile[level, S]
    columns, taps_wide = tile[level, P], tile[level, R]
    high_words, wide_words = held[0, 0], held[1, 0]
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
                    move_high, move_wide = max(0, move_high - slack_high), max(0, move_wide - slack_wide)
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
    unit = ONE_TILE
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
            stays *= min(nest[dim], lonely * _largest(nest[dim], tiles, nest[PERFECT], tile[level, dim]))
    if operand == INPUT:
        for axis in range(2):
            position, tap = (Q, S) if axis == 0 else (P, R)
            rows, taps = min(tile[level, position], nest[position]), min(tile[level, tap], nest[tap])
            rows = _largest(nest[position], count[level, position], nest[PERFECT], rows)
            taps = _largest(nest[tap], count[level, tap], nest[PERFECT], taps)
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
