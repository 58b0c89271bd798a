"""Branch and bound over the tiles and loop orders of one nest, for spatial factors and kept operands already chosen.

``tiles`` goes through all tiles of one level that fit and finds the least that its boundary can cost: one operand stays still over
everything outside, the other two are fetched for each tile. ``join`` then puts tiles of all levels together, from the outermost inwards
and there most promising first, so that at each step the boundaries outside are priced exactly and those inside by their least.

Why that least is one: the innermost loop outside of a tile with more than one trip changes all operands but the one that is free of its
dim, so at most one operand stays still; a tile's traffic does not depend on how its inside is split; energies add up over boundaries;
a level's time is no less than any one boundary's share of it.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from hwsim.kernels.jit import Passed, kernel, lean_kernel
from hwsim.kernels.packed import (
    INPUT,
    C,
    Float,
    G,
    Int,
    K,
    MappingArrays,
    N,
    P,
    Q,
    R,
    S,
)
from hwsim.kernels.search_needs import mac_words
from hwsim.kernels.search_terms import (
    ADDRESSES,
    AT_MOST,
    BY_POSITION,
    BY_TAP,
    COMPUTE,
    COUNT,
    DATA,
    FIXED,
    FREE_OF,
    HELD,
    KEEP,
    LEADS,
    LEAVES,
    LENGTH,
    MAC_LEAST,
    ORDERS,
    PARENT,
    PERFECT,
    POOL,
    POOL_BITS,
    RATE,
    SIZE,
    SPATIAL,
    STEPS,
    WINDOW,
    Problem,
    axis_words,
    boundary,
    ceiling,
    overlap,
    span,
    value_of,
    windows,
)
from hwsim.kernels.search_tile import ONE, ZERO, cycles_of, fits, tile_bits
from hwsim.kernels.search_whole import Exact, compute_cycles, copied, value_at

_DEPTHS = np.array((R, S, P, Q, N, K, C, G), np.int64)
#: Depth from which on both axes of the input are known.
_AXES = 4
_ALL = np.ones(8, np.int64)


#: Tiles that one might look at in the time that it takes to count a mapping.
_COUNTED = cast(int, np.int64(100))
#: Yes, as a value.
_YES = cast(bool, np.bool_(True))


@lean_kernel
def axis_least(
    level: int, axis: int, position_at: int, tap_at: int, words: Float, touched: float, problem: Problem
) -> float:
    """The same inputs as ``axis_words``, with what neighbours along the better dim have in common never fetched again.

    In a run of steps in which no other dim of the tile moves, each child fetches its first tile but for what the end of the run before has
    left there, and of each further one what is new. touched : inputs along the axis that the nest needs at all.
    """
    position, tap = (Q, S) if axis == 0 else (P, R)
    nest, factors, tables = problem.nest, problem.factors, problem.tables
    stride, dilation, addresses = nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1], nest[ADDRESSES]
    tile, taps = tables[SIZE, level, position, position_at], tables[SIZE, level, tap, tap_at]
    whole = span(tile, taps, stride, dilation, addresses)
    plain, common, back, moving = words[0], 0, 0, 0
    new = plain
    number = children = 1
    for dim in (position, tap):
        left = tables[COUNT, level, dim, position_at if dim == position else tap_at]
        most = 1
        for outer in range(level + 1, factors.shape[1]):
            most *= factors[SPATIAL, outer, dim]
        number *= left
        children *= min(most, left)
        if left <= most:
            continue
        moving += 1
        if most == 1 and addresses:
            new = words[1 if dim == position else 2]
        step = factors[SPATIAL, level + 1, dim] * (tile * stride if dim == position else taps * dilation)
        common = max(common, overlap(tile, taps, stride, dilation, step, addresses))
        shortest = (
            1 if left % most else left // most - 1
        )  # strides back to the first tile, where factors may not divide
        back = max(back, overlap(tile, taps, stride, dilation, step * shortest, addresses))
    if moving == 0:
        return plain
    if not addresses:
        # At least every other step is one of the innermost loop that moves the tile.
        return plain - number * common if moving == 1 else max(float(children * whole), 0.5 * (plain - number * common))
    if moving == 2:
        common = back = whole
        new = 0.0
    elif new == plain:
        new = plain - (number - children) * common
    return max(0.0, new - children * back, touched - children * back)


@kernel
def axes(problem: Problem, plain: Float, least: Float, swept: Float) -> None:
    """Fill ``axis_words`` and ``axis_least`` of height and width for every choice of every level [L, 2, M, M]; swept [L, 2, 3, M, M]."""
    nest, tables = problem.nest, problem.tables
    for axis in range(2):
        position, tap = (Q, S) if axis == 0 else (P, R)
        touched = axis_words(HELD, axis, nest[position], ONE, nest[tap], ONE, nest, problem.sides)
        for level in range(problem.factors.shape[1] - 1):
            for position_at in range(problem.factors[LENGTH, level, position]):
                for tap_at in range(problem.factors[LENGTH, level, tap]):
                    for place in range(3):
                        swept[level, axis, place, position_at, tap_at] = axis_words(
                            HELD if place == 0 else BY_POSITION if place == 1 else BY_TAP,
                            axis,
                            tables[SIZE, level, position, position_at],
                            tables[COUNT, level, position, position_at],
                            tables[SIZE, level, tap, tap_at],
                            tables[COUNT, level, tap, tap_at],
                            nest,
                            problem.sides,
                        )
                    words = swept[level, axis, :, position_at, tap_at]
                    plain[level, axis, position_at, tap_at] = words[0]
                    least[level, axis, position_at, tap_at] = axis_least(
                        level, axis, position_at, tap_at, words, touched, problem
                    )


@lean_kernel
def _volumes(problem: Problem, volume: Float) -> None:
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
def _unheld(dim: int, level: int, over: int, factors: Int, levels: Int) -> bool:
    """Whether nothing that is held at ``level`` or inside of it depends on a dim that is not spread over children between it and ``over``.

    Then all its trips may as well run inside of the tile: none of what is held there grows, nor moves more often; what is held further out
    sees the same tile of ``over``; and one loop in place of two takes no more steps.
    """
    for inner in range(level + 1):
        for operand in range(3):
            if levels[KEEP, inner, operand] and FREE_OF[dim] != operand:
                return False
    for outer in range(level + 1, over + 1):
        if factors[SPATIAL, outer, dim] > 1:
            return False
    return True


@lean_kernel
def _trips(dim: int, level: int, upper: int, number: int, goal: int, nest: Int, factors: Int) -> int:
    """Temporal factor of ``upper`` that leads from ``number`` tiles of ``level`` to ``goal`` of its own, 0 where none does."""
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
    return trips


@lean_kernel
def _beyond(first: int, temporal: Int, chosen: Int, problem: Problem, beyond: Int) -> None:
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
def _spread(dim: int, over: int, size: int, number: int, parts: Int, moves: Float, problem: Problem) -> None:
    """What a tile of ``over``, or one of ``number`` along a dim, leaves to the levels inside; size : its extent.

    parts [L, 8], out : extent of a child's part of it; moves [2, L, 2, 8], out : how often a tile that is this part leaves its parent, and
    arrives, because of a dim that its operand is free of: if loops outside of ``over`` bring it back, and if they leave it in place.
    """
    factors, levels = problem.factors, problem.levels
    free, top = FREE_OF[dim], factors.shape[1] - 1
    for level in range(over, -1, -1):
        parts[level, dim] = size
        size = ceiling(size, factors[SPATIAL, level, dim])
        if free < 0:
            continue
        parent = levels[PARENT, level, free]
        leaves, arrives = windows(dim, level, parent, over, number, free, factors, levels)
        moves[0, level, 0, dim], moves[0, level, 1, dim] = leaves, arrives
        leaves, arrives = windows(dim, level, parent, top, ONE, free, factors, levels)
        moves[1, level, 0, dim], moves[1, level, 1, dim] = leaves, arrives


@lean_kernel
def _delivered(operand: int, level: int, beyond: Int, moves: Float) -> tuple[float, float]:
    """How often a tile leaves its parent, and arrives, for loops outside alone: those over dims in ``beyond`` bring it back."""
    away = here = 1.0
    for dim in range(8):
        if FREE_OF[dim] == operand:
            stays = 1 - beyond[dim]
            away *= moves[stays, level, 0, dim]
            here *= moves[stays, level, 1, dim]
    return away, here


@lean_kernel
def _inside(
    over: int, parts: Int, moves: Float, beyond: Int, within: Float, volume: Float, load: Float, problem: Problem
) -> float:
    """Least energy of all boundaries inside of ``over`` under a tile of it; adds to ``load`` what they move at least.

    A level that cannot hold a child's part of that tile fetches it anew for each tile of ``over``, of those that differ in dims that the
    operand is free of, too; one that can does so where loops outside bring back what has gone. parts, moves : ``_spread``. beyond [8] :
    dims of such loops. within [L] : least energy of each level's boundary, whatever the tile of ``over``, -inf where a level has none.
    volume [5] : words of each operand but for height and width of inputs, then these.
    """
    levels, words = problem.levels, problem.words
    energy = 0.0
    for level in range(over):
        if within[level] == -np.inf:
            continue
        own = 0.0
        for operand in range(3):
            if not levels[KEEP, level, operand]:
                continue
            bits = tile_bits(operand, parts[level], False, problem.nest, problem.sides)
            holds = bits <= levels[POOL_BITS, level, levels[POOL, level, operand]]
            away, here_in = _delivered(operand, level, beyond if holds else _ALL, moves)
            amount = volume[operand]
            if operand == INPUT:
                amount *= volume[3] * volume[4]
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


@lean_kernel
def _part(level: int, total: Float, volume: Float, inputs: float, problem: Problem) -> float:
    """Least energy of a level's boundary with some dims of its tile chosen; total [8] : deliveries so far, volume [5] : ``_volumes``.

    inputs : along height and width, all that are needed as long as these are open.
    """
    levels, words = problem.levels, problem.words
    moving = saved = 0.0
    for operand in range(3):
        if not levels[KEEP, level, operand]:
            continue
        outer, inner, amount = words[level, operand, 0, 0], words[level, operand, 1, 0], volume[operand]
        if outer < 0 or inner < 0:
            return -np.inf
        if operand == INPUT:
            amount *= inputs
            outer *= problem.reals[MAC_LEAST + 3 + level]
        moves = amount * (outer * total[2 * operand] + inner * total[2 * operand + 1])
        moving += moves
        if levels[LEADS, level + 1, operand]:
            still = outer * problem.still[level, operand, 0] + inner * problem.still[level, operand, 1]
            saved = max(saved, moves - amount * still)
    return moving - saved


@lean_kernel
def _among(number: int, known: Int) -> bool:
    for other in known:
        if other == number:
            return True
    return False


@kernel
def tiles(
    level: int,
    problem: Problem,
    plain: Float,
    least: Float,
    alone: int,
    other_energy: float,
    other_cycles: float,
    within: Float,
    stays: Int,
    limit: float,
    keys: Float,
    found: Int,
) -> tuple[int, float, int]:
    """List the tiles of one level that fit and whose least value is below ``limit``.

    plain, least [2, M, M] : the level's ``axes``. alone : 1 where the value is the energy of the level's own boundary. other_energy,
    other_cycles : least of all boundaries outside, base included, and of all others. within [L] : least energy of each boundary inside,
    -inf for none. stays [A] : as in ``join``, of the outermost level, which is next to this one unless ``alone``. keys [T], found [T, 8] :
    value and choice of each; without any room for them only the least is looked for.
    Returns how many there are (beyond T they are not written), the least value of all that are below ``limit`` (else infinity), and how
    many were looked at.
    """
    nest, factors, tables, levels, words = problem.nest, problem.factors, problem.tables, problem.levels, problem.words
    sides = problem.sides
    resources = problem.base.shape[1] - 1
    size = np.empty(8, np.int64)
    at = np.empty(8, np.int64)
    first = np.zeros(8, np.int64)
    total = np.empty((9, 8), np.float64)
    volume = np.empty(5, np.float64)
    load = np.empty(resources, np.float64)
    beyond, top = np.zeros((2, 8), np.int64), factors.shape[1] - 1
    ends, fixed = np.empty((3, 2), np.float64), np.empty((3, 2), np.float64)
    parts, moves = np.empty((level + 1, 8), np.int64), np.empty((2, level + 1, 2, 8), np.float64)
    temporal, chosen = np.ones((top + 1, 8), np.int64), np.zeros(top + 1, np.int64)
    code = np.empty(levels[ORDERS, top, 0], np.int64)
    for dim in range(8):
        size[dim] = 1
        total[0, dim] = 1.0
        if _unheld(dim, level, factors.shape[1] - 1, factors, levels):
            last = factors[LENGTH, level, dim] - 1
            first[dim] = last if tables[COUNT, level, dim, last] == 1 else 0
    _volumes(problem, volume)
    number = looked = 0
    smallest = np.inf
    inputs = volume[3] * volume[4]
    rest = other_energy
    for inner_level in range(level):
        rest += within[inner_level] if within[inner_level] > -np.inf else 0.0
    depth = 0
    at[_DEPTHS[0]] = factors[LENGTH, level, _DEPTHS[0]]
    while depth >= 0:
        dim = _DEPTHS[depth]
        at[dim] -= 1  # the largest first: they are the ones that move least, by which others are cut
        if at[dim] < first[dim]:
            size[dim] = 1
            depth -= 1
            continue
        size[dim] = tables[SIZE, level, dim, at[dim]]
        if not fits(level, size, False, nest, levels, sides):
            continue
        if not alone:
            _spread(dim, level, size[dim], tables[COUNT, level, dim, at[dim]], parts, moves, problem)
        for place in range(7):
            total[depth + 1, place] = total[depth, place]
        free = FREE_OF[dim]
        if free >= 0:
            total[depth + 1, 2 * free] *= tables[LEAVES, level, dim, at[dim]]
            total[depth + 1, 2 * free + 1] *= tables[COUNT, level, dim, at[dim]]
        total[depth + 1, 6] *= tables[STEPS, level, dim, at[dim]]
        if depth < 7:
            if depth + 1 == _AXES:
                inputs = min(
                    least[0, at[Q], at[S]] * plain[1, at[P], at[R]], least[1, at[P], at[R]] * plain[0, at[Q], at[S]]
                )
            elif depth + 1 < _AXES:
                inputs = volume[3] * volume[4]
            energy = _part(level, total[depth + 1], volume, inputs, problem)
            value = energy if alone else value_of(rest + energy, other_cycles, nest, problem.reals)
            if value >= (limit if keys.shape[0] else min(limit, smallest)):
                continue
            depth += 1
            at[_DEPTHS[depth]] = factors[LENGTH, level, _DEPTHS[depth]]
            continue
        if not fits(level, size, True, nest, levels, sides):
            continue
        looked += 1
        moving = saved = 0.0
        for operand in range(3):
            if not levels[KEEP, level, operand]:
                continue
            amount = volume[operand] * (inputs if operand == INPUT else 1.0)
            apart = problem.reals[MAC_LEAST + 3 + level] if operand == INPUT else 1.0
            ends[operand, 0] = amount * apart * total[8, 2 * operand]
            ends[operand, 1] = amount * total[8, 2 * operand + 1]
            fixed[operand, 0] = amount * apart * problem.still[level, operand, 0]
            fixed[operand, 1] = amount * problem.still[level, operand, 1]
            outer, inner = words[level, operand, 0, 0], words[level, operand, 1, 0]
            through = outer * ends[operand, 0] + inner * ends[operand, 1]
            moving += through
            if levels[LEADS, level + 1, operand]:
                saved = max(saved, through - outer * fixed[operand, 0] - inner * fixed[operand, 1])
        energy = moving - saved
        if alone:
            smallest = min(smallest, energy)
            continue
        steps = max(other_cycles, total[8, 6] / problem.reals[RATE])
        highest = limit if keys.shape[0] else min(limit, smallest)
        if value_of(rest + energy, steps, nest, problem.reals) >= highest:
            continue
        if stays[0] >= 0:
            # Any operand may stay: which one decides what the others cost, and nothing of what is inside.
            waits = np.inf
            for stay in range(3 if resources > 0 else 0):
                if not levels[LEADS, level + 1, stay]:
                    continue
                for resource in range(resources):
                    load[resource] = problem.base[3, 1 + resource]
                    for operand in range(3):
                        if levels[KEEP, level, operand]:
                            moved = fixed if operand == stay else ends
                            load[resource] += (
                                words[level, operand, 0, 1 + resource] * moved[operand, 0]
                                + words[level, operand, 1, 1 + resource] * moved[operand, 1]
                            )
                waits = min(waits, cycles_of(0.0, load, problem.base, False))
            cycles = max(steps, waits) if waits < np.inf else steps
            if value_of(rest + energy, cycles, nest, problem.reals) >= highest:
                continue
            for resource in range(resources):
                load[resource] = problem.base[3, 1 + resource]
            inside = _inside(level, parts, moves, beyond[1], within, volume, load, problem)
            cycles = max(cycles, cycles_of(problem.reals[COMPUTE], load, problem.base, False))
            value = value_of(other_energy + energy + inside, cycles, nest, problem.reals)
        else:
            linked = True
            for place in range(8):
                number_of = tables[COUNT, level, place, at[place]]
                temporal[top, place] = _trips(place, level, top, number_of, ONE, nest, factors)
                linked = linked and temporal[top, place] > 0
            value = np.inf
            for choice in range(levels[ORDERS, top, 0] if linked else 0):
                chosen[top] = choice
                _beyond(top, temporal, chosen, problem, beyond)
                code[choice] = 0
                for place in range(8):
                    code[choice] = 4 * code[choice] + 2 * beyond[0, place] + beyond[1, place]
                if _among(code[choice], code[:choice]):
                    continue
                energy = 0.0
                for resource in range(resources):
                    load[resource] = problem.base[3, 1 + resource]
                for operand in range(3):
                    if not levels[KEEP, level, operand]:
                        continue
                    away, here = _delivered(operand, level, beyond[0], moves)
                    amount = volume[operand] * (inputs if operand == INPUT else 1.0)
                    away *= amount * (problem.reals[MAC_LEAST + 3 + level] if operand == INPUT else 1.0)
                    here *= amount
                    energy += words[level, operand, 0, 0] * away + words[level, operand, 1, 0] * here
                    for resource in range(resources):
                        load[resource] += (
                            words[level, operand, 0, 1 + resource] * away
                            + words[level, operand, 1, 1 + resource] * here
                        )
                cycles = max(steps, cycles_of(0.0, load, problem.base, False))
                if value_of(rest + energy, cycles, nest, problem.reals) >= min(highest, value):
                    continue
                inside = _inside(level, parts, moves, beyond[1], within, volume, load, problem)
                cycles = max(steps, cycles_of(problem.reals[COMPUTE], load, problem.base, False))
                value = min(value, value_of(other_energy + energy + inside, cycles, nest, problem.reals))
        if value < limit:
            smallest = min(smallest, value)
            if number < keys.shape[0]:
                keys[number] = value
                for other in range(8):
                    found[number, other] = at[other]
            number += 1
    return number, smallest, looked


@lean_kernel
def _signature(level: int, choice: int, temporal: Int, orders: Int) -> int:
    """The loops of one order that decide which operands stay still: those with more than one trip, up to the first of a second kind."""
    kind, code = -2, 0
    for place in range(8):
        dim = orders[level, choice, place]
        if temporal[level, dim] == 1:
            continue
        code = 9 * code + dim + 1
        if kind != -2 and FREE_OF[dim] != kind:
            return code
        kind = FREE_OF[dim]
    return code


@lean_kernel
def _idle(level: int, choice: int, stays: Int, temporal: Int, orders: Int) -> bool:
    """Whether another order stands for this one: an earlier one with the same loops, or one made for the operand that really stays."""
    code = _signature(level, choice, temporal, orders)
    if code == 0:
        return False
    for place in range(8):
        dim = orders[level, choice, place]
        if temporal[level, dim] > 1:
            if stays[level, choice] >= 0 and FREE_OF[dim] >= 0 and FREE_OF[dim] != stays[level, choice]:
                return True
            break
    for other in range(choice):
        if stays[level, other] == stays[level, choice] and _signature(level, other, temporal, orders) == code:
            return True
    return False


@lean_kernel
def _finish(
    lowest: int, count: Int, temporal: Int, exact_tile: Int, nest: Int, factors: Int, levels: Int, sides: Int
) -> bool:
    """Temporal factors of the innermost chosen level, and all extents; False where something does not fit after all."""
    for dim in range(8):
        extent, number = 1, nest[dim]
        for level in range(count.shape[0]):
            extent *= factors[SPATIAL, level, dim]
            if level < lowest:
                temporal[level, dim] = 1
            if level <= lowest:
                number = ceiling(number, factors[SPATIAL, level, dim])
            if level == lowest:
                trips = factors[FIXED, level, dim]
                temporal[level, dim] = trips if trips else ceiling(number, count[level, dim])
            extent *= temporal[level, dim]
            exact_tile[level, dim] = extent
    for level in range(count.shape[0]):
        if not fits(level, exact_tile[level], True, nest, levels, sides):
            return False
    return True


@kernel
def join(  # noqa: PLR0917
    problem: Problem,
    keys: Float,
    found: Int,
    path: Int,
    plain: Float,
    least: Float,
    swept: Float,
    stays: Int,
    within: Float,
    rest_energy: Float,
    best: float,
    first: int,
    budget: int,
    each: int,
    scan: Passed,
    exact: Exact,
    candidates: MappingArrays,
    out_temporal: Int,
    out_order: Int,
) -> tuple[float, int, int, float, int]:
    """The best way to put tiles of all levels together, if its value is below ``best``.

    keys [T], found [T, 8] : tiles of the outermost level whose tile is a choice, in the order of their keys. path [3, L] : the next such
    level outside and inside of each; then the outermost and the innermost. plain, least [L, 2, M, M], swept [L, 2, 3, M, M] : ``axes``.
    stays [L, A] : operand that an order leaves in place, -1 any. within [L] : least energy of each boundary, -inf for none. rest_energy
    [L] : least of all boundaries inside of a level's own. first : the tile to begin with. budget : tiles to look at, at most; each : of
    them for one outermost tile under one order (then what is returned is no bound). scan : counts and prices a mapping.
    candidates : one mapping with its spatial factors and kept operands; loops are written into it to count it.
    out_temporal, out_order [L, 8] : the loops found.
    Returns its value (``best`` where there is none), tiles looked at, mappings priced, and the bound on what was left when the budget ran
    out (infinity where nothing was), and the tile at which it did.
    """
    nest, factors, tables, levels, words = problem.nest, problem.factors, problem.tables, problem.levels, problem.words
    sides = problem.sides
    orders, base, reals = problem.orders, problem.base, problem.reals
    depths = factors.shape[1]
    resources = base.shape[1] - 1
    longest = tables.shape[3]
    count = np.empty((depths, 8), np.int64)
    tile = np.empty((depths, 8), np.int64)
    exact_tile = np.empty((depths, 8), np.int64)
    temporal = np.empty((depths, 8), np.int64)
    chosen = np.empty(depths, np.int64)
    reach = np.empty(8, np.int64)
    moved = np.empty(2, np.float64)
    energy = np.empty(depths, np.float64)
    held = np.empty((2, 3), np.float64)
    state, spare = np.empty((3, 8), np.int64), np.empty(resources, np.float64)
    beyond, parts, moves = np.zeros((2, 8), np.int64), np.empty((depths, 8), np.int64), np.empty((2, depths, 2, 8))
    load = np.empty((depths, resources), np.float64)
    pick = np.empty((depths, 8), np.int64)
    listed = np.empty((depths, 8), np.int64)
    choices = np.empty((depths, 8, longest), np.int64)
    trips = np.empty((depths, 8, longest), np.int64)
    at = np.empty((depths, 8), np.int64)
    depth = np.empty(depths, np.int64)
    carried = np.empty(depths, np.int64)
    partial = np.empty((depths, 9, 6), np.float64)
    fewest = np.empty((depths, 9, 6), np.float64)
    volume = np.empty(5, np.float64)
    _volumes(problem, volume)
    outermost, lowest = path[2, 0], path[2, 1]
    top = depths - 1
    for here in range(depths):
        chosen[here] = 0
        for dim in range(8):
            count[here, dim] = tile[here, dim] = temporal[here, dim] = 1
    for dim in range(8):
        tile[top, dim] = nest[dim]
    energy[top] = base[3, 0]
    for resource in range(resources):
        load[top, resource] = base[3, 1 + resource]
    looked = leaves = begun = 0
    counting = _COUNTED
    if nest[ADDRESSES] and nest[DATA] * nest[DATA + 1] < nest[Q] * nest[S] * nest[P] * nest[R]:
        counting += 4 * (nest[Q] * nest[S] + nest[P] * nest[R])  # padding is counted tile by tile
    candidate, level = first - 1, outermost
    while True:
        over = path[0, level]
        if level == outermost:
            # The next order of the outermost level's tile, or the next tile.
            if candidate >= first:
                chosen[over] += 1
            if candidate < first or chosen[over] >= levels[ORDERS, over, 0]:
                candidate += 1
                if candidate >= keys.shape[0] or keys[candidate] >= best:
                    break
                if looked > budget:
                    return best, looked, leaves, keys[candidate], candidate
                for dim in range(8):
                    pick[level, dim] = found[candidate, dim]
                chosen[over] = 0
            begun = looked
        elif looked > budget:
            return best, looked, leaves, keys[candidate], candidate
        elif looked - begun > each:
            level = outermost
            continue
        else:
            if depth[level] < 0:
                # All tiles under this order are done: the next order, or back out.
                if carried[level] == 0 and stays[over, chosen[over]] >= 0:
                    carried[level] = 1
                else:
                    carried[level] = 0
                    chosen[over] += 1
                if chosen[over] >= levels[ORDERS, over, 0]:
                    level = over
                    continue
                _begin(level, over, chosen[over], carried[level], count, partial, stays, problem)
                depth[level] = 0
                at[level, 0] = listed[level, _DEPTHS[0]]
            here = depth[level]
            dim = _DEPTHS[here]
            at[level, here] -= 1
            if at[level, here] < 0:
                tile[level, dim] = 1
                depth[level] -= 1
                continue
            index = at[level, here]
            looked += 1
            stay = stays[over, chosen[over]]
            if carried[level] == 1 and FREE_OF[dim] != stay and trips[level, dim, index] > 1:
                continue
            choice = choices[level, dim, index]
            pick[level, dim] = choice
            tile[level, dim] = tables[SIZE, level, dim, choice]
            if not fits(level, tile[level], here == 7, nest, levels, sides):
                continue
            for place in range(6):
                partial[level, here + 1, place] = partial[level, here, place]
            free = FREE_OF[dim]
            if free >= 0 and free != stay:
                partial[level, here + 1, 2 * free] *= tables[LEAVES, level, dim, choice]
                partial[level, here + 1, 2 * free + 1] *= tables[COUNT, level, dim, choice]
            if here + 1 >= _AXES:
                total = energy[over]
                rows, columns = (
                    plain[level, 0, pick[level, Q], pick[level, S]],
                    plain[level, 1, pick[level, P], pick[level, R]],
                )
                for operand in range(3):
                    if not levels[KEEP, level, operand]:
                        continue
                    away, here_in = partial[level, here + 1, 2 * operand], partial[level, here + 1, 2 * operand + 1]
                    away, here_in = (
                        away * fewest[level, here + 1, 2 * operand],
                        here_in * fewest[level, here + 1, 2 * operand + 1],
                    )
                    if stay == operand:
                        away, here_in = partial[level, 0, 2 * operand], partial[level, 0, 2 * operand + 1]
                    elif stay < 0:
                        away = min(away, problem.still[level, operand, 0])
                        here_in = min(here_in, problem.still[level, operand, 1])
                    amount = volume[operand]
                    if operand == INPUT:
                        amount *= min(
                            least[level, 0, pick[level, Q], pick[level, S]] * columns,
                            least[level, 1, pick[level, P], pick[level, R]] * rows,
                        )
                        away *= reals[MAC_LEAST + 3 + level]
                    total += amount * (words[level, operand, 0, 0] * away + words[level, operand, 1, 0] * here_in)
                cycles = cycles_of(reals[COMPUTE], load[over], base, False)
                if value_of(total + rest_energy[level], cycles, nest, reals) >= best:
                    continue
            if here < 7:
                depth[level] += 1
                at[level, here + 1] = listed[level, _DEPTHS[here + 1]]
                continue
        # A whole tile: its boundary, exactly.
        for dim in range(8):
            count[level, dim] = tables[COUNT, level, dim, pick[level, dim]]
            tile[level, dim] = tables[SIZE, level, dim, pick[level, dim]]
        linked = True
        pure = True
        for dim in range(8):
            temporal[over, dim] = _trips(dim, level, over, count[level, dim], count[over, dim], nest, factors)
            linked = linked and temporal[over, dim] > 0
            pure = pure and (temporal[over, dim] == 1 or FREE_OF[dim] == stays[over, chosen[over]])
            number, extent = count[level, dim], tile[level, dim]
            for between in range(level + 1, over):
                number, extent = (
                    ceiling(number, factors[SPATIAL, between, dim]),
                    extent * factors[SPATIAL, between, dim],
                )
                count[between, dim], tile[between, dim], temporal[between, dim] = number, extent, 1
        if not linked:
            chosen[over] = levels[ORDERS, over, 0]
            continue
        if _idle(over, chosen[over], stays, temporal, orders):
            continue
        if level != outermost and stays[over, chosen[over]] >= 0 and pure != (carried[level] == 1):
            continue
        for place in range(3):
            held[0, place] = swept[level, 0, place, pick[level, Q], pick[level, S]]
            held[1, place] = swept[level, 1, place, pick[level, P], pick[level, R]]
        energy[level] = energy[over]
        for resource in range(resources):
            load[level, resource] = load[over, resource]
        for operand in range(3):
            if not levels[KEEP, level, operand]:
                continue
            boundary(
                operand,
                level,
                held,
                count,
                tile,
                temporal,
                chosen,
                problem,
                reach,
                state,
                moved,
            )
            looked += 1
            energy[level] += words[level, operand, 0, 0] * moved[0] + words[level, operand, 1, 0] * moved[1]
            for resource in range(resources):
                load[level, resource] += (
                    words[level, operand, 0, 1 + resource] * moved[0]
                    + words[level, operand, 1, 1 + resource] * moved[1]
                )
        cycles = cycles_of(reals[COMPUTE], load[level], base, False)
        if value_of(energy[level] + rest_energy[level], cycles, nest, reals) >= best:
            continue
        if level != lowest:
            for resource in range(resources):
                spare[resource] = load[level, resource]
            beyond[1] = 0
            if stays[over, chosen[over]] < 0:
                _beyond(over, temporal, chosen, problem, beyond)
            for dim in range(8):
                _spread(dim, level, tile[level, dim], count[level, dim], parts, moves, problem)
            total = energy[level] + _inside(level, parts, moves, beyond[1], within, volume, spare, problem)
            cycles = max(cycles, cycles_of(reals[COMPUTE], spare, base, False))
            if value_of(total, cycles, nest, reals) >= best:
                continue
            inner = path[1, level]
            if _lists(inner, level, count, listed, choices, trips, fewest, problem):
                level = inner
                chosen[path[0, inner]] = -1
                carried[inner] = 1
                depth[inner] = -1
                for dim in range(8):
                    tile[inner, dim] = 1
            continue
        if not _finish(lowest, count, temporal, exact_tile, nest, factors, levels, sides):
            continue
        leaves += 1
        total = energy[level]
        for operand in range(3):
            more = mac_words(operand, temporal, exact_tile, problem)
            more -= reals[MAC_LEAST + operand]
            total += more * base[operand, 0]
            for resource in range(resources):
                load[level, resource] += more * base[operand, 1 + resource]
        compute = compute_cycles(temporal, exact_tile, nest, factors, reals)
        cycles = cycles_of(compute, load[level], base, True)
        value = value_of(total, cycles, nest, reals)
        if value >= best:
            continue
        for here in range(depths):
            for place in range(8):
                candidates.temporal[0, here, place] = temporal[here, place]
                candidates.order[0, here, place] = orders[here, chosen[here], place]
        looked += counting
        scan(exact.nest, exact.hierarchy, candidates, ONE, exact.growth, _YES, exact.counts, exact.results)
        value = value_at(nest, exact)
        if value < best:
            best = value
            copied(candidates.temporal[0], out_temporal)
            copied(candidates.order[0], out_order)
    return best, looked, leaves, np.inf, candidate


@lean_kernel
def _lists(
    level: int, over: int, count: Int, listed: Int, choices: Int, trips: Int, fewest: Float, problem: Problem
) -> bool:
    """The choices of every dim at ``level`` that lead to the tile chosen at ``over``, and the fewest windows that they leave.

    listed [L, 8]; choices, trips [L, 8, M] : choice and temporal factor of ``over``; fewest [L, 9, 6] : product over the dims from a depth
    on of the fewest deliveries, for each operand leaving the parent and arriving. False where a dim has none.
    """
    nest, factors, tables = problem.nest, problem.factors, problem.tables
    for place in range(6):
        fewest[level, 8, place] = 1.0
    for here in range(7, -1, -1):
        dim = _DEPTHS[here]
        number = 0
        away = inside = np.inf
        first, last = ZERO, factors[LENGTH, level, dim]
        if _unheld(dim, level, over, factors, problem.levels):
            # The largest tile is as good as any: the last choice that takes a single trip.
            for choice in range(last - 1, -1, -1):
                if _trips(dim, level, over, tables[COUNT, level, dim, choice], count[over, dim], nest, factors) == 1:
                    first, last = choice, choice + 1
                    break
        for choice in range(first, last):
            factor = _trips(dim, level, over, tables[COUNT, level, dim, choice], count[over, dim], nest, factors)
            if factor > 0:
                choices[level, dim, number], trips[level, dim, number] = choice, factor
                away = min(away, float(tables[LEAVES, level, dim, choice]))
                inside = min(inside, float(tables[COUNT, level, dim, choice]))
                number += 1
        listed[level, dim] = number
        if number == 0:
            return False
        for place in range(6):
            fewest[level, here, place] = fewest[level, here + 1, place]
        free = FREE_OF[dim]
        if free >= 0:
            fewest[level, here, 2 * free] *= away
            fewest[level, here, 2 * free + 1] *= inside
    return True


@lean_kernel
def _begin(
    level: int, over: int, order: int, carried: int, count: Int, partial: Float, stays: Int, problem: Problem
) -> None:
    """Deliveries before any dim is chosen: one, but for the operand that ``order`` leaves in place those of the tile outside.

    Where the loops of ``over`` move nothing but that operand's free dims (``carried``) it may stay in place further out as well.
    """
    for operand in range(3):
        partial[level, 0, 2 * operand] = partial[level, 0, 2 * operand + 1] = 1.0
        if operand != stays[over, order] or not problem.levels[KEEP, level, operand]:
            continue
        if carried:
            partial[level, 0, 2 * operand] = problem.still[level, operand, 0]
            partial[level, 0, 2 * operand + 1] = problem.still[level, operand, 1]
            continue
        for dim in range(8):
            if FREE_OF[dim] == operand:
                away, inside = windows(
                    dim,
                    level,
                    problem.levels[PARENT, level, operand],
                    over,
                    count[over, dim],
                    operand,
                    problem.factors,
                    problem.levels,
                )
                partial[level, 0, 2 * operand] *= away
                partial[level, 0, 2 * operand + 1] *= inside
