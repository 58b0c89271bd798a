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

from hwsim.kernels.jit import inline_kernel, kernel
from hwsim.kernels.packed import INPUT, OUTPUT, WEIGHT, C, Float, G, Int, K, N, P, Q, R, S
from hwsim.kernels.search_terms import (
    ADDRESSES,
    AT_MOST,
    BITS,
    COMPUTE,
    COUNT,
    DATA,
    FINAL_BITS,
    FIXED,
    FREE_OF,
    KEEP,
    LEADS,
    LEAVES,
    LENGTH,
    MAC_LEAST,
    ORDERS,
    PARENT,
    PASS_CYCLES,
    PASS_LEVEL,
    PERFECT,
    POOL,
    POOL_BITS,
    RATE,
    REAL,
    SHARE,
    SIZE,
    SPATIAL,
    STEPS,
    WINDOW,
    Problem,
    axis_words,
    boundary,
    ceiling,
    neighbours,
    overlap,
    span,
    value_of,
    windows,
)

_DEPTHS = np.array((R, S, P, Q, N, K, C, G), np.int64)
#: Depth from which on both axes of the input are known.
_AXES = 4


@inline_kernel
def cycles_of(compute: float, load: Float, base: Float) -> float:
    """Cycles of a layer: the larger of compute and hidden transfers, then the transfers that nothing hides."""
    hidden = compute
    shown = 0.0
    last, most = 0, 0.0
    for resource in range(load.shape[0]):
        group = int(base[4, 1 + resource])
        if group == 0:
            hidden = max(hidden, load[resource])
            continue
        if group != last:
            shown += most
            last, most = group, 0.0
        most = max(most, load[resource])
    return hidden + shown + most


#: How ``fits`` sees a tile: some dims still open; all known; all known, and whether outputs arrive once, too.
_OPEN, _KNOWN, _STRICT = cast(int, np.int64(0)), cast(int, np.int64(1)), cast(int, np.int64(2))
#: Typed as 64 bits, for a literal would be a type of its own to compile for.
_ZERO, _ONE, _NONE = cast(int, np.int64(0)), cast(int, np.int64(1)), cast(int, np.int64(-1))


@inline_kernel
def _side(axis: int, rows: int, taps: int, view: int, nest: Int) -> int:
    """Inputs of the largest tile along one axis. Padding is left out; without a strict view perhaps too much of it."""
    addresses = nest[ADDRESSES]
    stride, dilation = nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1]
    words = span(rows, taps, stride, dilation, addresses)
    if not addresses:
        return words
    position, tap = (Q, S) if axis == 0 else (P, R)
    before, size = nest[REAL + 2 * axis], nest[REAL + 2 * axis + 1]
    if view < _STRICT:
        after = (nest[position] - 1) * stride + (nest[tap] - 1) * dilation + 1 - before - size
        before, after = max(0, before), max(0, after)
        if taps < nest[tap] or rows >= nest[position]:
            words -= before + after
        elif 2 * rows >= nest[position]:
            words -= min(before, after)
    return max(0, min(words, size))


@inline_kernel
def tile_bits(operand: int, tile: Int, view: int, partial: bool, nest: Int) -> int:
    """Bits of the tile of one operand; tile [8]. Outputs are as wide as complete ones, unless they are ``partial``."""
    words = min(tile[G], nest[G])
    if operand == WEIGHT:
        words *= min(tile[K], nest[K]) * min(tile[C], nest[C]) * min(tile[S], nest[S]) * min(tile[R], nest[R])
        return words * nest[BITS + operand]
    words *= min(tile[N], nest[N])
    columns, rows = min(tile[P], nest[P]), min(tile[Q], nest[Q])
    if operand == OUTPUT:
        bits = nest[BITS + operand] if partial else min(nest[FINAL_BITS], nest[BITS + operand])
        return words * min(tile[K], nest[K]) * rows * columns * bits
    rows = _side(0, rows, min(tile[S], nest[S]), view, nest)
    columns = _side(1, columns, min(tile[R], nest[R]), view, nest)
    return words * min(tile[C], nest[C]) * rows * columns * nest[BITS + operand]


@inline_kernel
def fits(level: int, tile: Int, view: int, partial: bool, nest: Int, levels: Int) -> bool:
    """Whether the tiles kept at ``level`` fit its pools; tile [8]. partial : outputs are incomplete, where the view is strict.

    Else they are known to be only where no level inside keeps outputs and the tile leaves some of C, S, R out: sums that were completed
    further inside arrive once, however little of those the tile covers.
    """
    first = second = third = 0
    if view != _STRICT:
        partial = view == _KNOWN and not (tile[C] >= nest[C] and tile[S] >= nest[S] and tile[R] >= nest[R])
        for inner in range(level):
            partial = partial and not levels[KEEP, inner, OUTPUT]
    for operand in range(3):
        if levels[KEEP, level, operand]:
            bits = tile_bits(operand, tile, view, partial, nest)
            place = levels[POOL, level, operand]
            if place == 0:
                first += bits
            elif place == 1:
                second += bits
            else:
                third += bits
    limits = levels[POOL_BITS, level]
    return first <= limits[0] and second <= limits[1] and third <= limits[2]


@inline_kernel
def axis_least(level: int, axis: int, position_at: int, tap_at: int, plain: float, problem: Problem) -> float:
    """The same inputs as ``axis_words``, with the overlap of neighbours along the better dim never fetched again."""
    position, tap = (Q, S) if axis == 0 else (P, R)
    nest, factors, tables = problem.nest, problem.factors, problem.tables
    stride, dilation, addresses = nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1], nest[ADDRESSES]
    tile, taps = tables[SIZE, level, position, position_at], tables[SIZE, level, tap, tap_at]
    whole = span(tile, taps, stride, dilation, addresses)
    common = 0
    for dim in (position, tap):
        left = tables[COUNT, level, dim, position_at if dim == position else tap_at]
        most = 1
        for outer in range(level + 1, factors.shape[1]):
            most *= factors[SPATIAL, outer, dim]
        if left <= most:
            continue
        step = factors[SPATIAL, level + 1, dim] * (tile * stride if dim == position else taps * dilation)
        common = max(common, overlap(tile, taps, stride, dilation, step, addresses))
    return plain * (1.0 - common / whole)


@kernel
def axes(problem: Problem, plain: Float, least: Float) -> None:
    """Fill ``axis_words`` and ``axis_least`` of height and width for every choice of every level [L, 2, M, M]."""
    for level in range(problem.factors.shape[1] - 1):
        for axis in range(2):
            position, tap = (Q, S) if axis == 0 else (P, R)
            for position_at in range(problem.factors[LENGTH, level, position]):
                for tap_at in range(problem.factors[LENGTH, level, tap]):
                    words = axis_words(level, axis, position_at, tap_at, problem.nest, problem.tables)
                    plain[level, axis, position_at, tap_at] = words
                    least[level, axis, position_at, tap_at] = axis_least(
                        level, axis, position_at, tap_at, words, problem
                    )


@inline_kernel
def _volumes(nest: Int, volume: Float) -> None:
    """Words of each operand but for height and width of inputs [3]."""
    for operand in range(3):
        volume[operand] = 1.0
        for dim in range(8):
            if FREE_OF[dim] != operand and (operand != INPUT or dim not in (Q, P, S, R)):
                volume[operand] *= nest[dim]


@kernel
def tiles(
    level: int,
    problem: Problem,
    plain: Float,
    least: Float,
    other_energy: float,
    other_cycles: float,
    limit: float,
    keys: Float,
    found: Int,
) -> tuple[int, float, float, float]:
    """List the tiles of one level that fit and whose least value is below ``limit``.

    plain, least [2, M, M] : the level's ``axes``. other_energy, other_cycles : least of all other boundaries, base included. keys [T],
    found [T, 8] : value and choice of each.
    Returns how many there are (beyond T they are not written), and the least energy, cycles and value of all that fit.
    """
    nest, factors, tables, levels, words = problem.nest, problem.factors, problem.tables, problem.levels, problem.words
    resources = problem.base.shape[1] - 1
    size = np.empty(8, np.int64)
    at = np.empty(8, np.int64)
    total = np.empty((9, 8), np.float64)
    ends = np.empty((3, 2), np.float64)
    fixed = np.empty((3, 2), np.float64)
    volume = np.empty(3, np.float64)
    load = np.empty(resources, np.float64)
    for dim in range(8):
        size[dim] = 1
        total[0, dim] = 1.0
    _volumes(nest, volume)
    number = 0
    least_energy = least_cycles = least_value = np.inf
    depth = 0
    at[_DEPTHS[0]] = -1
    while depth >= 0:
        dim = _DEPTHS[depth]
        at[dim] += 1
        if at[dim] >= factors[LENGTH, level, dim]:
            size[dim] = 1
            depth -= 1
            continue
        size[dim] = tables[SIZE, level, dim, at[dim]]
        if not fits(level, size, _OPEN, False, nest, levels):
            size[dim] = 1
            depth -= 1
            continue
        for place in range(7):
            total[depth + 1, place] = total[depth, place]
        free = FREE_OF[dim]
        if free >= 0:
            total[depth + 1, 2 * free] *= tables[LEAVES, level, dim, at[dim]]
            total[depth + 1, 2 * free + 1] *= tables[COUNT, level, dim, at[dim]]
        total[depth + 1, 6] *= tables[STEPS, level, dim, at[dim]]
        if depth < 7:
            depth += 1
            at[_DEPTHS[depth]] = -1
            continue
        if not fits(level, size, _KNOWN, False, nest, levels):
            continue
        moving = saved = 0.0
        for operand in range(3):
            if not levels[KEEP, level, operand]:
                continue
            amount = volume[operand]
            if operand == INPUT:
                high, wide = plain[0, at[Q], at[S]], plain[1, at[P], at[R]]
                amount *= min(least[0, at[Q], at[S]] * wide, least[1, at[P], at[R]] * high)
            apart = problem.reals[MAC_LEAST + 3 + level] if operand == INPUT else 1.0
            ends[operand, 0] = amount * apart * total[8, 2 * operand]
            ends[operand, 1] = amount * total[8, 2 * operand + 1]
            fixed[operand, 0] = amount * apart * problem.still[level, operand, 0]
            fixed[operand, 1] = amount * problem.still[level, operand, 1]
            outer, inner = words[level, operand, 0, 0], words[level, operand, 1, 0]
            moves = outer * ends[operand, 0] + inner * ends[operand, 1]
            moving += moves
            if levels[LEADS, level + 1, operand]:
                saved = max(saved, moves - outer * fixed[operand, 0] - inner * fixed[operand, 1])
        energy = moving - saved
        cycles = total[8, 6] / problem.reals[RATE]
        if resources > 0:
            waits = np.inf
            for stays in range(3):
                if not levels[LEADS, level + 1, stays]:
                    continue
                for resource in range(resources):
                    load[resource] = problem.base[3, 1 + resource]
                    for operand in range(3):
                        if levels[KEEP, level, operand]:
                            moved = fixed if operand == stays else ends
                            load[resource] += (
                                words[level, operand, 0, 1 + resource] * moved[operand, 0]
                                + words[level, operand, 1, 1 + resource] * moved[operand, 1]
                            )
                waits = min(waits, cycles_of(0.0, load, problem.base))
            if waits < np.inf:
                cycles = max(cycles, waits)
        least_energy, least_cycles = min(least_energy, energy), min(least_cycles, cycles)
        value = value_of(other_energy + energy, max(other_cycles, cycles), nest, problem.reals)
        least_value = min(least_value, value)
        if value < limit:
            if number < keys.shape[0]:
                keys[number] = value
                for other in range(8):
                    found[number, other] = at[other]
            number += 1
    return number, least_energy, least_cycles, least_value


@inline_kernel
def steps_of(dim: int, lowest: int, shared: int, temporal: Int, tile: Int, extent: int, spatial: Int) -> int:
    """Trips of one dim over the loops of ``lowest`` and above, in space and in time.

    Children of levels up to ``shared`` count once for all (with -1: of every level, which leaves the trips in time of the busiest PE).
    tile [L, 8] : nominal extents; spatial [L, 8].
    """
    left = extent
    total = 0
    for level in range(temporal.shape[0] - 1, lowest - 1, -1):
        below = tile[level - 1, dim] if level > 0 else 1
        each = below * spatial[level, dim]
        apart = shared >= 0 and level > shared
        within = 1
        for inner in range(lowest, level):
            within *= temporal[inner, dim]
            if shared >= 0 and inner > shared:
                within *= spatial[inner, dim]
        full = left // each
        total += full * within * (spatial[level, dim] if apart else 1)
        left -= full * each
        if apart:
            total += left // below * within
            left -= left // below * below
        else:
            left = min(left, below)
        if left == 0:
            return total
    return total + 1


@inline_kernel
def mac_words(operand: int, temporal: Int, tile: Int, nest: Int, factors: Int, levels: Int) -> float:
    """Words that PEs take from the innermost level that keeps an operand, all instances; tile [L, 8] : nominal extents."""
    nearest = _ZERO
    while not levels[KEEP, nearest, operand]:
        nearest += 1
    words = 1.0
    for dim in range(8):
        if FREE_OF[dim] == operand:
            shared = _NONE
            number = nest[dim]
            for level in range(nearest + 1):
                if levels[SHARE, level, operand]:
                    number = ceiling(number, factors[SPATIAL, level, dim])
                    shared = level if shared == level - 1 else shared
            if shared == nearest:
                number = steps_of(dim, _ZERO, nearest, temporal, tile, nest[dim], factors[SPATIAL])
            words *= number
        else:
            words *= nest[dim]
    if operand == INPUT:
        words *= neighbours(_NONE, nearest, tile, nest, factors, levels)
        words *= nest[DATA] * nest[DATA + 1] / (nest[Q] * nest[S] * nest[P] * nest[R])
    return words


@inline_kernel
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


@inline_kernel
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


@inline_kernel
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


@inline_kernel
def _finish(lowest: int, count: Int, temporal: Int, exact_tile: Int, nest: Int, factors: Int, levels: Int) -> bool:
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
        if not fits(level, exact_tile[level], _KNOWN, False, nest, levels):
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
    stays: Int,
    rest_energy: Float,
    rest_cycles: Float,
    best: float,
    budget: int,
    each: int,
    trust: int,
    out_temporal: Int,
    out_order: Int,
) -> tuple[float, int, int, float]:
    """The best way to put tiles of all levels together, if its value is below ``best``.

    keys [T], found [T, 8] : tiles of the outermost level whose tile is a choice, in the order of their keys. path [3, L] : the next such
    level outside and inside of each; then the outermost and the innermost. plain, least [L, 2, M, M] : ``axes``. stays [L, A] : operand
    that an order leaves in place, -1 any. rest_energy, rest_cycles [L] : least of all boundaries inside of a level's own. budget : tiles
    to look at, at most; each : of them for one outermost tile under one order (then what is returned is no bound). trust : 1 to take for
    granted that a tile of inputs in the padding or of complete outputs is as small as it can be.
    out_temporal, out_order [L, 8] : the loops found.
    Returns its value (``best`` where there is none), tiles looked at, mappings priced, and the bound on what was left when the budget ran
    out or on what may not fit (infinity where nothing was).
    """
    nest, factors, tables, levels, words = problem.nest, problem.factors, problem.tables, problem.levels, problem.words
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
    inputs = np.empty(depths, np.float64)
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
    volume = np.empty(3, np.float64)
    once = np.empty(depths, np.bool_)
    doubt = np.inf
    _volumes(nest, volume)
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
    candidate, level = -1, outermost
    while True:
        over = path[0, level]
        if level == outermost:
            # The next order of the outermost level's tile, or the next tile.
            if candidate >= 0:
                chosen[over] += 1
            if candidate < 0 or chosen[over] >= levels[ORDERS, over, 0]:
                candidate += 1
                if candidate >= keys.shape[0] or keys[candidate] >= best:
                    break
                if looked > budget:
                    return best, looked, leaves, min(doubt, keys[candidate])
                for dim in range(8):
                    pick[level, dim] = found[candidate, dim]
                chosen[over] = 0
            begun = looked
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
            if not fits(level, tile[level], _KNOWN if here == 7 else _OPEN, False, nest, levels):
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
                cycles = max(cycles_of(reals[COMPUTE], load[over], base), rest_cycles[level])
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
        inputs[level] = (
            plain[level, 0, pick[level, Q], pick[level, S]] * plain[level, 1, pick[level, P], pick[level, R]]
        )
        energy[level] = energy[over]
        for resource in range(resources):
            load[level, resource] = load[over, resource]
        for operand in range(3):
            if not levels[KEEP, level, operand]:
                continue
            boundary(operand, level, inputs[level], count, tile, temporal, chosen, problem, reach, moved)
            looked += 1
            if operand == OUTPUT:
                once[levels[PARENT, level, operand]] = moved[0] <= volume[OUTPUT] * 1.0000001
            energy[level] += words[level, operand, 0, 0] * moved[0] + words[level, operand, 1, 0] * moved[1]
            for resource in range(resources):
                load[level, resource] += (
                    words[level, operand, 0, 1 + resource] * moved[0]
                    + words[level, operand, 1, 1 + resource] * moved[1]
                )
        cycles = max(cycles_of(reals[COMPUTE], load[level], base), rest_cycles[level])
        if value_of(energy[level] + rest_energy[level], cycles, nest, reals) >= best:
            continue
        if level != lowest:
            inner = path[1, level]
            if _lists(inner, level, count, listed, choices, trips, fewest, problem):
                level = inner
                chosen[path[0, inner]] = -1
                carried[inner] = 1
                depth[inner] = -1
                for dim in range(8):
                    tile[inner, dim] = 1
            continue
        if not _finish(lowest, count, temporal, exact_tile, nest, factors, levels):
            continue
        leaves += 1
        total = energy[level]
        for operand in range(3):
            more = mac_words(operand, temporal, exact_tile, nest, factors, levels)
            if operand == OUTPUT:
                nearest = 0
                while not levels[KEEP, nearest, OUTPUT]:
                    nearest += 1
                once[nearest] = more <= volume[OUTPUT] * 1.0000001
            more -= reals[MAC_LEAST + operand]
            total += more * base[operand, 0]
            for resource in range(resources):
                load[level, resource] += more * base[operand, 1 + resource]
        steps = passes = 1.0
        for dim in range(8):
            steps *= steps_of(dim, _ZERO, _NONE, temporal, exact_tile, nest[dim], factors[SPATIAL])
        if nest[PASS_LEVEL] >= 0 and nest[ADDRESSES]:
            for dim in range(8):
                inside = _ONE
                for inner in range(nest[PASS_LEVEL]):
                    inside *= temporal[inner, dim]
                trips_here = steps_of(dim, _ZERO, _NONE, temporal, exact_tile, nest[dim], factors[SPATIAL])
                passes *= ceiling(trips_here, inside)
        cycles = cycles_of(steps / reals[RATE] + passes * reals[PASS_CYCLES], load[level], base)
        value = value_of(total, cycles, nest, reals)
        if value >= best:
            continue
        certain = True
        for here in range(depths):
            certain = certain and fits(here, exact_tile[here], _STRICT, not once[here], nest, levels)
        if not certain and not trust:
            doubt = min(doubt, value)
        else:
            best = value
            for here in range(depths):
                for place in range(8):
                    out_temporal[here, place] = temporal[here, place]
                    out_order[here, place] = orders[here, chosen[here], place]
    return best, looked, leaves, doubt


@inline_kernel
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
        for choice in range(factors[LENGTH, level, dim]):
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


@inline_kernel
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
