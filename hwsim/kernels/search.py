"""Branch and bound over the tiles and loop orders of one nest, for spatial factors and kept operands already chosen.

For every level whose tile is a choice, ``tiles`` lists the tiles that fit, each with the least that its own boundary can cost: one operand
stays still over everything outside, the other two are fetched for each tile. ``join`` then puts tiles of all levels together, from the
outermost inwards, most promising first, so that at each step the boundaries outside are priced exactly and those inside by their least.

Why that least is one: the innermost loop outside of a tile with more than one trip changes all operands but the one that is free of its
dim, so at most one operand stays still; a tile's traffic does not depend on how its inside is split; energies add up over boundaries;
a level's time is no less than any one boundary's share of it.
"""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import inline_kernel, kernel
from hwsim.kernels.packed import INPUT, OUTPUT, WEIGHT, C, Float, G, Int, K, N, P, Q, R, S
from hwsim.kernels.search_terms import (
    ADDRESSES,
    AT_MOST,
    BITS,
    CHOICE,
    COMPUTE,
    COUNT,
    FIXED,
    FREE_OF,
    KEEP,
    LEADS,
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

_DEPTHS = np.array((R, S, P, Q, N, G, K, C), np.int64)


@inline_kernel
def cycles_of(compute: float, load: Float, problem: Problem) -> float:
    """Cycles of a layer: the larger of compute and hidden transfers, then the transfers that nothing hides."""
    hidden = compute
    shown = 0.0
    last, most = 0, 0.0
    for resource in range(load.shape[0]):
        group = int(problem.base[4, 1 + resource])
        if group == 0:
            hidden = max(hidden, load[resource])
            continue
        if group != last:
            shown += most
            last, most = group, 0.0
        most = max(most, load[resource])
    return hidden + shown + most


@inline_kernel
def tile_bits(operand: int, tile: Int, problem: Problem) -> int:
    """Bits of the tile of one operand; tile [8]."""
    extents = problem.nest
    if operand == WEIGHT:
        words = 1
        for dim in (G, K, C, S, R):
            words *= min(tile[dim], extents[dim])
        return words * problem.nest[BITS + WEIGHT]
    if operand == OUTPUT:
        words = 1
        for dim in (N, G, K, Q, P):
            words *= min(tile[dim], extents[dim])
        return words * problem.nest[BITS + OUTPUT]
    words = min(tile[N], extents[N]) * min(tile[G], extents[G]) * min(tile[C], extents[C])
    addresses = problem.nest[ADDRESSES]
    rows = span(min(tile[Q], extents[Q]), min(tile[S], extents[S]), problem.nest[WINDOW + 0], problem.nest[WINDOW + 1], addresses)
    columns = span(min(tile[P], extents[P]), min(tile[R], extents[R]), problem.nest[WINDOW + 2], problem.nest[WINDOW + 3], addresses)
    if addresses:
        rows, columns = min(rows, problem.nest[REAL + 1]), min(columns, problem.nest[REAL + 3])
    return words * rows * columns * problem.nest[BITS + INPUT]


@inline_kernel
def fits(level: int, tile: Int, problem: Problem) -> bool:
    """Whether the tiles kept at ``level`` fit its pools; tile [8]."""
    for place in range(3):
        need = 0
        for operand in range(3):
            if problem.levels[KEEP, level, operand] and problem.levels[POOL, level, operand] == place:
                need += tile_bits(operand, tile, problem)
        if need > problem.levels[POOL_BITS, level, place]:
            return False
    return True


@inline_kernel
def axis_least(level: int, axis: int, position_at: int, tap_at: int, plain: float, problem: Problem) -> float:
    """The same inputs as ``axis_words``, with the overlap of neighbours along the better dim never fetched again."""
    position, tap = (Q, S) if axis == 0 else (P, R)
    stride, dilation, addresses = problem.nest[WINDOW + 2 * axis], problem.nest[WINDOW + 2 * axis + 1], problem.nest[ADDRESSES]
    tile, taps = problem.tables[SIZE, level, position, position_at], problem.tables[SIZE, level, tap, tap_at]
    whole = span(tile, taps, stride, dilation, addresses)
    common = 0
    for dim in (position, tap):
        left = problem.tables[COUNT, level, dim, position_at if dim == position else tap_at]
        spread, most = 1, 1
        for outer in range(level + 1, problem.factors.shape[1]):
            most *= problem.factors[SPATIAL, outer, dim]
        if left <= most:
            continue
        spread = problem.factors[SPATIAL, level + 1, dim]
        step = spread * (tile * stride if dim == position else taps * dilation)
        common = max(common, overlap(tile, taps, stride, dilation, step, addresses))
    return plain * (1.0 - common / whole)


@kernel
def tiles(
    level: int, problem: Problem, other_energy: float, other_cycles: float, limit: float, keys: Float, found: Int
) -> tuple[int, float, float, float]:
    """List the tiles of one level that fit and whose least value is below ``limit``.

    other_energy, other_cycles : least of all other boundaries, base included. keys [T], found [T, 8] : value and choice of each.
    Returns how many there are (beyond T they are not written), and the least energy, cycles and value of all that fit.
    """
    size = np.ones(8, np.int64)
    at = np.zeros(8, np.int64)
    total = np.ones((9, 8), np.float64)
    fewest = np.empty(3, np.float64)
    ends = np.empty((3, 2), np.float64)
    still = np.empty((3, 2), np.float64)
    load = np.empty(problem.base.shape[1] - 1, np.float64)
    longest = problem.factors[LENGTH, level].max()
    plain = np.empty((2, longest, longest), np.float64)
    least = np.empty((2, longest, longest), np.float64)
    together = _axis_tables(level, problem, plain, least)
    outermost = problem.factors.shape[1] - 1
    for operand in range(3):
        still[operand, 0] = still[operand, 1] = 1.0
        if not problem.levels[KEEP, level, operand]:
            continue
        for dim in range(8):
            if FREE_OF[dim] == operand:
                parent = problem.levels[PARENT, level, operand]
                still[operand, 0] *= windows(dim, level, parent, outermost, 1, True, operand, problem)
                still[operand, 1] *= windows(dim, level, parent, outermost, 1, False, operand, problem)
    shared = np.ones((3, 8, longest), np.float64)
    for operand in range(3):
        for dim in range(8):
            if problem.levels[KEEP, level, operand] and FREE_OF[dim] == operand:
                for choice in range(problem.factors[LENGTH, level, dim]):
                    shared[operand, dim, choice] = windows(
                        dim, level, problem.levels[PARENT, level, operand], level, problem.tables[COUNT, level, dim, choice], True, operand, problem
                    )
    number = 0
    least_energy = least_cycles = least_value = np.inf
    depth = 0
    at[_DEPTHS[0]] = -1
    while depth >= 0:
        dim = _DEPTHS[depth]
        at[dim] += 1
        if at[dim] >= problem.factors[LENGTH, level, dim]:
            size[dim] = 1
            depth -= 1
            continue
        size[dim] = problem.tables[SIZE, level, dim, at[dim]]
        if not fits(level, size, problem):
            size[dim] = 1
            depth -= 1
            continue
        count = float(problem.tables[COUNT, level, dim, at[dim]])
        for operand in range(3):
            before_leaves, before_arrives = total[depth, 2 * operand], total[depth, 2 * operand + 1]
            if FREE_OF[dim] == operand:
                before_leaves *= shared[operand, dim, at[dim]]
                before_arrives *= count
            total[depth + 1, 2 * operand], total[depth + 1, 2 * operand + 1] = before_leaves, before_arrives
        total[depth + 1, 6] = total[depth, 6] * problem.tables[STEPS, level, dim, at[dim]]
        if depth < 7:
            depth += 1
            at[_DEPTHS[depth]] = -1
            continue
        for operand in range(3):
            volume = 1.0
            for other in range(8):
                if FREE_OF[other] != operand and (operand != INPUT or other not in (Q, P, S, R)):
                    volume *= problem.nest[other]
            if operand == INPUT:
                high, wide = plain[0, at[Q], at[S]], plain[1, at[P], at[R]]
                volume *= min(least[0, at[Q], at[S]] * wide, least[1, at[P], at[R]] * high)
            ends[operand, 0], ends[operand, 1] = volume, volume
            if operand == INPUT:
                ends[operand, 0] *= together
        energy = _least_energy(level, total[8], ends, still, problem)
        cycles = _least_cycles(level, total[8], ends, still, load, problem)
        cycles = max(cycles, total[8, 6] / problem.reals[RATE])
        least_energy, least_cycles = min(least_energy, energy), min(least_cycles, cycles)
        value = value_of(other_energy + energy, max(other_cycles, cycles), problem)
        least_value = min(least_value, value)
        if value < limit:
            if number < keys.shape[0]:
                keys[number] = value
                for other in range(8):
                    found[number, other] = at[other]
            number += 1
    return number, least_energy, least_cycles, least_value


@inline_kernel
def _axis_tables(level: int, problem: Problem, plain: Float, least: Float) -> float:
    """Fill ``axis_words`` and ``axis_least`` for all choices; returns the least share of children with inputs of their own."""
    share = 1.0
    for axis in range(2):
        position, tap = (Q, S) if axis == 0 else (P, R)
        for position_at in range(problem.factors[LENGTH, level, position]):
            for tap_at in range(problem.factors[LENGTH, level, tap]):
                words = axis_words(level, axis, position_at, tap_at, problem)
                plain[axis, position_at, tap_at] = words
                least[axis, position_at, tap_at] = axis_least(level, axis, position_at, tap_at, words, problem)
        if problem.levels[KEEP, level, INPUT]:
            for outer in range(level + 1, problem.levels[PARENT, level, INPUT] + 1):
                first, second = problem.factors[SPATIAL, outer, position], problem.factors[SPATIAL, outer, tap]
                if problem.levels[SHARE, outer, INPUT] and first > 1 and second > 1:
                    share *= (first + second - 1) / (first * second)
    return share


@inline_kernel
def _least_energy(level: int, total: Float, ends: Float, still: Float, problem: Problem) -> float:
    """Energy of the boundary of one tile with the best operand staying still [J]."""
    moving = saved = 0.0
    for operand in range(3):
        if not problem.levels[KEEP, level, operand]:
            continue
        outer, inner = problem.words[level, operand, 0, 0], problem.words[level, operand, 1, 0]
        leaves, arrives = ends[operand, 0], ends[operand, 1]
        moves = outer * leaves * total[2 * operand] + inner * arrives * total[2 * operand + 1]
        moving += moves
        if problem.levels[LEADS, level + 1, operand]:
            saved = max(saved, moves - (outer * leaves * still[operand, 0] + inner * arrives * still[operand, 1]))
    return moving - saved


@inline_kernel
def _least_cycles(level: int, total: Float, ends: Float, still: Float, load: Float, problem: Problem) -> float:
    """Cycles of the transfers of that boundary alone, with the best operand staying still."""
    if load.shape[0] == 0:
        return 0.0
    best = np.inf
    for stays in range(3):
        if not problem.levels[LEADS, level + 1, stays]:
            continue
        for resource in range(load.shape[0]):
            load[resource] = problem.base[3, 1 + resource]
            for operand in range(3):
                if problem.levels[KEEP, level, operand]:
                    leaves, arrives = ends[operand, 0], ends[operand, 1]
                    if operand == stays:
                        leaves, arrives = leaves * still[operand, 0], arrives * still[operand, 1]
                    else:
                        leaves, arrives = leaves * total[2 * operand], arrives * total[2 * operand + 1]
                    load[resource] += (
                        problem.words[level, operand, 0, 1 + resource] * leaves
                        + problem.words[level, operand, 1, 1 + resource] * arrives
                    )
        best = min(best, cycles_of(0.0, load, problem))
    return best


@inline_kernel
def steps_of(dim: int, lowest: int, shared: int, temporal: Int, tile: Int, problem: Problem) -> int:
    """Trips of one dim over the loops of ``lowest`` and above, in space and in time.

    Children of levels up to ``shared`` count once for all (with -1: of every level, which leaves the trips in time of the busiest PE).
    tile [L, 8] : nominal extents.
    """
    left = problem.nest[dim]
    total = 0
    for level in range(temporal.shape[0] - 1, lowest - 1, -1):
        below = tile[level - 1, dim] if level > 0 else 1
        each = below * problem.factors[SPATIAL, level, dim]
        apart = shared >= 0 and level > shared
        inside = problem.factors[SPATIAL, level, dim] if apart else 1
        within = 1
        for inner in range(lowest, level):
            within *= temporal[inner, dim]
            if shared >= 0 and inner > shared:
                within *= problem.factors[SPATIAL, inner, dim]
        full = left // each
        total += full * inside * within
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
def mac_words(operand: int, temporal: Int, tile: Int, problem: Problem) -> float:
    """Words that PEs take from the innermost level that keeps an operand, all instances; tile [L, 8] : nominal extents."""
    nearest = 0
    while not problem.levels[KEEP, nearest, operand]:
        nearest += 1
    words = 1.0
    for dim in range(8):
        if FREE_OF[dim] == operand:
            if problem.levels[SHARE, : nearest + 1, operand].all():
                words *= steps_of(dim, 0, nearest, temporal, tile, problem)
            else:
                number = problem.nest[dim]
                for level in range(nearest + 1):
                    if problem.levels[SHARE, level, operand]:
                        number = ceiling(number, problem.factors[SPATIAL, level, dim])
                words *= number
        else:
            words *= problem.nest[dim]
    if operand == INPUT:
        words *= neighbours(-1, nearest, tile, problem)
    return words


@inline_kernel
def _signature(level: int, choice: int, temporal: Int, problem: Problem) -> int:
    """The loops of one order that decide which operands stay still: those with more than one trip, up to the first of a second kind."""
    kind, code = -2, 0
    for place in range(8):
        dim = problem.orders[level, choice, place]
        if temporal[level, dim] == 1:
            continue
        code = 9 * code + dim + 1
        if kind != -2 and FREE_OF[dim] != kind:
            return code
        kind = FREE_OF[dim]
    return code


@inline_kernel
def _connect(level: int, upper: int, count: Int, tile: Int, temporal: Int, problem: Problem) -> bool:
    """Temporal factors of ``upper`` (and 1 between) that lead from the tiles of ``level`` to its own; False where none do."""
    for dim in range(8):
        number, extent = count[level, dim], tile[level, dim]
        for between in range(level + 1, upper):
            spread = problem.factors[SPATIAL, between, dim]
            if problem.nest[PERFECT] and number % spread != 0:
                return False
            number, extent = ceiling(number, spread), extent * spread
            count[between, dim], tile[between, dim], temporal[between, dim] = number, extent, 1
        spread = problem.factors[SPATIAL, upper, dim]
        if problem.nest[PERFECT] and number % spread != 0:
            return False
        number = ceiling(number, spread)
        trips = problem.factors[FIXED, upper, dim]
        if trips == 0:
            trips = ceiling(number, count[upper, dim])
        if problem.nest[PERFECT] and trips * count[upper, dim] != number:
            return False
        if ceiling(number, trips) != count[upper, dim]:
            return False
        if trips > problem.factors[AT_MOST, upper, dim]:
            return False
        temporal[upper, dim] = trips
    return True


@inline_kernel
def _finish(lowest: int, count: Int, temporal: Int, exact_tile: Int, problem: Problem) -> bool:
    """Temporal factors of the innermost chosen level, and all extents; False where something does not fit after all."""
    levels = count.shape[0]
    for dim in range(8):
        extent, number = 1, problem.nest[dim]
        for level in range(levels):
            extent *= problem.factors[SPATIAL, level, dim]
            if level < lowest:
                temporal[level, dim] = 1
            if level <= lowest:
                number = ceiling(number, problem.factors[SPATIAL, level, dim])
            if level == lowest:
                trips = problem.factors[FIXED, level, dim]
                temporal[level, dim] = trips if trips else ceiling(number, count[level, dim])
            extent *= temporal[level, dim]
            exact_tile[level, dim] = extent
    for level in range(levels):
        if not fits(level, exact_tile[level], problem):
            return False
    return True


@kernel
def join(
    problem: Problem,
    keys: Float,
    found: Int,
    starts: Int,
    rest_energy: Float,
    rest_cycles: Float,
    best: float,
    budget: int,
    out_temporal: Int,
    out_order: Int,
) -> tuple[float, int, int, float, float, float]:
    """The best way to put tiles of all levels together, if its value is below ``best``.

    keys [T], found [T, 8] : tiles of all levels whose tile is a choice, innermost level first and each level's in the order of keys;
    starts [L + 1] : where each level's begin. rest_energy, rest_cycles [L] : least of all boundaries inside of a level's own.
    budget : boundaries to price at most. out_temporal, out_order [L, 8] : the loops found.
    Returns its value (``best`` where there is none), boundaries priced, mappings priced, the bound on what was left when the budget ran
    out (infinity where nothing was), energy and cycles found.
    """
    levels = problem.factors.shape[1]
    resources = problem.base.shape[1] - 1
    count = np.ones((levels, 8), np.int64)
    tile = np.ones((levels, 8), np.int64)
    exact_tile = np.ones((levels, 8), np.int64)
    temporal = np.ones((levels, 8), np.int64)
    chosen = np.zeros(levels, np.int64)
    tried = np.zeros(16, np.int64)
    reach = np.zeros(8, np.int64)
    words = np.zeros(2, np.float64)
    energy = np.zeros(levels + 1, np.float64)
    load = np.zeros((levels + 1, resources), np.float64)
    at = np.zeros(levels, np.int64)
    order_at = np.zeros(levels, np.int64)
    upper = np.zeros(levels, np.int64)
    lower = np.full(levels, -1, np.int64)
    top = levels - 1
    lowest, previous = -1, -1
    for level in range(levels - 1):
        if problem.levels[CHOICE, level, 0]:
            if previous >= 0:
                upper[previous] = level
            else:
                lowest = level
            lower[level] = previous
            previous = level
    for dim in range(8):
        tile[top, dim] = problem.nest[dim]
    priced = leaves = 0
    best_energy = best_cycles = 0.0
    if previous < 0:
        return best, 0, 0, np.inf, 0.0, 0.0
    upper[previous] = top
    level, outermost = previous, previous
    energy[top] = problem.base[3, 0]
    load[top] = problem.base[3, 1:]
    at[level], order_at[level] = starts[level], -1
    plain = np.zeros(levels, np.float64)
    while True:
        over = upper[level]
        if order_at[level] < 0:
            if at[level] >= starts[level + 1] or keys[at[level]] >= best:
                if level == outermost:
                    break
                level = upper[level]
                order_at[level] += 1
                continue
            if priced > budget:
                return best, priced, leaves, keys[at[outermost]], best_energy, best_cycles
            priced += 1
            for dim in range(8):
                pick = found[at[level], dim]
                count[level, dim], tile[level, dim] = problem.tables[COUNT, level, dim, pick], problem.tables[SIZE, level, dim, pick]
            if not _connect(level, over, count, tile, temporal, problem):
                at[level] += 1
                continue
            if problem.levels[KEEP, level, INPUT]:
                pick = found[at[level]]
                rows = axis_words(level, 0, pick[Q], pick[S], problem)
                plain[level] = rows * axis_words(level, 1, pick[P], pick[R], problem)
            order_at[level] = 0
        if order_at[level] >= problem.levels[ORDERS, over, 0]:
            at[level] += 1
            order_at[level] = -1
            continue
        choice = order_at[level]
        repeated = False
        code = _signature(over, choice, temporal, problem)
        for other in range(choice):
            if _signature(over, other, temporal, problem) == code:
                repeated = True
                break
        if repeated:
            order_at[level] += 1
            continue
        chosen[over] = choice
        energy[level] = energy[over]
        for resource in range(resources):
            load[level, resource] = load[over, resource]
        for operand in range(3):
            if not problem.levels[KEEP, level, operand]:
                continue
            boundary(operand, level, plain[level], count, tile, temporal, chosen, problem, reach, words)
            priced += 1
            energy[level] += (
                problem.words[level, operand, 0, 0] * words[0] + problem.words[level, operand, 1, 0] * words[1]
            )
            for resource in range(resources):
                load[level, resource] += (
                    problem.words[level, operand, 0, 1 + resource] * words[0]
                    + problem.words[level, operand, 1, 1 + resource] * words[1]
                )
        cycles = max(cycles_of(problem.reals[COMPUTE], load[level], problem), rest_cycles[level])
        if value_of(energy[level] + rest_energy[level], cycles, problem) >= best:
            order_at[level] += 1
            continue
        if level != lowest:
            level = lower[level]
            at[level], order_at[level] = starts[level], -1
            continue
        if not _finish(lowest, count, temporal, exact_tile, problem):
            order_at[level] = problem.levels[ORDERS, over, 0]
            continue
        leaves += 1
        total = energy[level]
        for operand in range(3):
            more = mac_words(operand, temporal, exact_tile, problem) - problem.reals[MAC_LEAST + operand]
            total += more * problem.base[operand, 0]
            for resource in range(resources):
                load[level, resource] += more * problem.base[operand, 1 + resource]
        steps = passes = 1.0
        for dim in range(8):
            steps *= steps_of(dim, 0, -1, temporal, exact_tile, problem)
            if problem.nest[PASS_LEVEL] >= 0:
                passes *= steps_of(dim, problem.nest[PASS_LEVEL], -1, temporal, exact_tile, problem)
        cycles = cycles_of(steps / problem.reals[RATE] + passes * problem.reals[PASS_CYCLES], load[level], problem)
        value = value_of(total, cycles, problem)
        if value < best:
            best, best_energy, best_cycles = value, total, cycles
            for here in range(levels):
                for place in range(8):
                    out_temporal[here, place] = temporal[here, place]
                    out_order[here, place] = problem.orders[here, chosen[here], place]
        order_at[level] += 1
    return best, priced, leaves, np.inf, best_energy, best_cycles
