"""Tiles of all levels put together to mappings, branch and bound from the outermost inwards and there most promising first: at each step
the boundaries outside are priced exactly and those inside by their least.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from hwsim.kernels.jit import FAILED, Passed, kernel, lean_kernel
from hwsim.kernels.packed import (
    INPUT,
    NO,
    OUTPUT,
    YES,
    Float,
    Int,
    MappingArrays,
    P,
    Q,
    R,
    S,
)
from hwsim.kernels.scan import UNKNOWN
from hwsim.kernels.search_axes import Tabled
from hwsim.kernels.search_boundary import boundary
from hwsim.kernels.search_choices import begin, idle, lists
from hwsim.kernels.search_inside import (
    AXES,
    DEPTHS,
    brought_back,
    least_inside,
    regrouped,
    spread_parts,
    trips_to,
    volumes,
)
from hwsim.kernels.search_lone import has_share, returned
from hwsim.kernels.search_needs import mac_words, taken
from hwsim.kernels.search_terms import (
    ADDRESSES,
    COMPUTE,
    COUNT,
    DATA,
    FIXED,
    FREE_OF,
    KEEP,
    LEAVES,
    MAC_LEAST,
    ORDERS,
    SIZE,
    SPATIAL,
    Problem,
    ceiling,
    value_of,
)
from hwsim.kernels.search_tile import ONE, cycles_of, fits, sums_fit
from hwsim.kernels.search_whole import Chain, Climb, Exact, compute_cycles, copied, value_at

#: Tiles that one might look at in the time that it takes to count a mapping, and to tell what one costs at least.
_COUNTED, _PRICED = cast(int, np.int64(100)), cast(int, np.int64(8))
#: Mappings counted at most of those that make as many tiles in the same orders; of a dim of 512 in two tiles there are 256.
_MOST_GROUPS = cast(int, np.int64(4096))


@lean_kernel
def _finish(lowest: int, count: Int, temporal: Int, exact_tile: Int, problem: Problem) -> bool:
    """Temporal factors of the innermost chosen level, and all extents; False where something does not fit after all."""
    nest, factors = problem.nest, problem.factors
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
                temporal[level, dim] = min(trips, number) if trips else ceiling(number, count[level, dim])
            extent *= temporal[level, dim]
            exact_tile[level, dim] = extent
    for level in range(count.shape[0]):
        if not fits(level, exact_tile[level], problem):
            return False
    return True


@kernel
def join(  # noqa: PLR0917
    problem: Problem,
    keys: Float,
    found: Int,
    path: Int,
    tabled: Tabled,
    stays: Int,
    within: Float,
    rest_energy: Float,
    best: float,
    first: int,
    budget: int,
    grace: int,
    each: int,
    climb: Climb,
    chain: Chain,
    scan: Passed,
    exact: Exact,
    candidates: MappingArrays,
    out_temporal: Int,
    out_order: Int,
) -> tuple[float, int, int, float, int, float]:
    """The best way to put tiles of all levels together, if its value is below ``best``.

    keys [T], found [T, 8] : tiles of the outermost level whose tile is a choice, in the order of their keys. path [3, L] : the next such
    level outside and inside of each; then the outermost and the innermost.
    stays [L, A] : operand that an order leaves in place, -1 any. within [L] : least energy of each boundary, -inf for none. rest_energy
    [L] : least of all boundaries inside of a level's own. first : the tile to begin with. budget : tiles to look at, at most, grace : more
    of them to be done with an outermost tile; each : of them for one of these under one order (then what is returned is no bound). climb :
    tells what a mapping in ``chain`` costs at least. scan : counts and prices one.
    candidates : one mapping with its spatial factors and kept operands; loops are written into it to count it.
    out_temporal, out_order [L, 8] : the loops found.
    Returns its value (``best`` where there is none), tiles looked at, mappings priced, the bound on what was left when the budget ran out
    (infinity where nothing was), the tile at which it did, and the bound on other groups of as many tiles that were too many to look at.
    """
    nest, factors, tables, levels, words = problem.nest, problem.factors, problem.tables, problem.levels, problem.words
    sides, plain, least, swept = problem.sides, tabled.plain, tabled.fewest, tabled.swept
    orders, base, reals = problem.orders, problem.base, problem.reals
    depths = factors.shape[1]
    resources = base.shape[1] - 1
    longest = tables.shape[3]
    count = np.empty((depths, 8), np.int64)
    tile = np.empty((depths, 8), np.int64)
    exact_tile = np.empty((depths, 8), np.int64)
    temporal = np.empty((depths, 8), np.int64)
    chosen = np.empty(depths, np.int64)
    reach, takes = np.empty(8, np.int64), np.empty(8, np.int64)
    moved = np.empty(2, np.float64)
    energy = np.empty(depths, np.float64)
    held = np.empty((2, 3), np.float64)
    state, spare = np.empty((5, 8), np.int64), np.empty(resources, np.float64)
    beyond, parts, moves = np.zeros((2, 8), np.int64), np.empty((depths, 8), np.int64), np.empty((2, depths, 2, 8))
    load = np.empty((depths, resources), np.float64)
    pick = np.empty((depths, 8), np.int64)
    listed = np.empty((depths, 8), np.int64)
    choices = np.empty((depths, 8, longest), np.int64)
    trips = np.empty((depths, 8, longest), np.int64)
    at = np.empty((depths, 8), np.int64)
    depth = np.empty(depths, np.int64)
    carried = np.empty(depths, np.int64)
    partial = np.empty((depths, 9, 9), np.float64)
    fewest = np.empty((depths, 9, 9), np.float64)
    lone = np.zeros((depths, 8))
    volume = np.empty(5, np.float64)
    volumes(problem, volume)
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
    given_up = np.inf
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
                    return best, looked, leaves, keys[candidate], candidate, given_up
                for dim in range(8):
                    pick[level, dim] = found[candidate, dim]
                chosen[over] = 0
            begun = looked
        elif looked > budget + grace:
            return best, looked, leaves, keys[candidate], candidate, given_up
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
                begin(level, over, chosen[over], carried[level], count, partial, stays, problem)
                depth[level] = 0
                at[level, 0] = listed[level, DEPTHS[0]]
            here = depth[level]
            dim = DEPTHS[here]
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
            if not fits(level, tile[level], problem):
                continue
            for place in range(9):
                partial[level, here + 1, place] = partial[level, here, place]
            for operand in range(3):
                if has_share(operand, dim):
                    share = tabled.lone[level, dim, choice]
                    partial[level, here + 1, 6 + operand] = max(share, partial[level, here, 6 + operand])
            free = FREE_OF[dim]
            if free >= 0 and free != stay:
                partial[level, here + 1, 2 * free] *= tables[LEAVES, level, dim, choice]
                partial[level, here + 1, 2 * free + 1] *= tables[COUNT, level, dim, choice]
            if here + 1 >= AXES:
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
                    share = max(partial[level, here + 1, 6 + operand], fewest[level, here + 1, 6 + operand])
                    if operand == INPUT:
                        inputs = min(
                            least[level, 0, pick[level, Q], pick[level, S]] * columns,
                            least[level, 1, pick[level, P], pick[level, R]] * rows,
                        )
                        amount *= inputs
                        share = max(share, tabled.lone_inputs[level, 0, pick[level, Q], pick[level, S]])
                        share = max(share, tabled.lone_inputs[level, 1, pick[level, P], pick[level, R]])
                        share = min(1.0, share * rows * columns / inputs) if inputs > 0 else 1.0
                    if words[level, operand, 0, 0] >= 0:
                        away = returned(away, problem.still[level, operand, 0], share)
                    if words[level, operand, 1, 0] >= 0:
                        here_in = returned(here_in, problem.still[level, operand, 1], share)
                    if operand == INPUT:
                        away *= reals[MAC_LEAST + 3 + level]
                    total += amount * (words[level, operand, 0, 0] * away + words[level, operand, 1, 0] * here_in)
                    if words[level, operand, 0, 0] < 0 or words[level, operand, 1, 0] < 0:
                        total = -np.inf  # less of it is no bound
                cycles = cycles_of(reals[COMPUTE], load[over], base, False)
                if value_of(total + rest_energy[level], cycles, nest, reals) >= best:
                    continue
            if here < 7:
                depth[level] += 1
                at[level, here + 1] = listed[level, DEPTHS[here + 1]]
                continue
        # A whole tile: its boundary, exactly.
        for dim in range(8):
            count[level, dim] = tables[COUNT, level, dim, pick[level, dim]]
            tile[level, dim] = tables[SIZE, level, dim, pick[level, dim]]
        linked = True
        pure = True
        for dim in range(8):
            temporal[over, dim] = trips_to(dim, level, over, count[level, dim], count[over, dim], nest, factors)
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
        if idle(over, chosen[over], stays, temporal, orders):
            continue
        if level != outermost and stays[over, chosen[over]] >= 0 and pure != (carried[level] == 1):
            continue
        for place in range(3):
            held[0, place] = swept[level, 0, place, pick[level, Q], pick[level, S]]
            held[1, place] = swept[level, 1, place, pick[level, P], pick[level, R]]
        energy[level] = energy[over]
        for resource in range(resources):
            load[level, resource] = load[over, resource]
        room = True
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
                YES,
                problem,
                reach,
                state,
                moved,
            )
            looked += 1
            if operand == OUTPUT:
                room = sums_fit(level, moved[0], count, tile, nest, factors, levels, sides)
            energy[level] += words[level, operand, 0, 0] * moved[0] + words[level, operand, 1, 0] * moved[1]
            for resource in range(resources):
                load[level, resource] += (
                    words[level, operand, 0, 1 + resource] * moved[0]
                    + words[level, operand, 1, 1 + resource] * moved[1]
                )
        cycles = cycles_of(reals[COMPUTE], load[level], base, False)
        if not room or value_of(energy[level] + rest_energy[level], cycles, nest, reals) >= best:
            continue
        if level != lowest:
            for resource in range(resources):
                spare[resource] = load[level, resource]
            beyond[1] = 0
            if stays[over, chosen[over]] < 0:
                brought_back(over, temporal, chosen, problem, beyond)
            for dim in range(8):
                spread_parts(dim, level, tile[level, dim], count[level, dim], parts, moves, lone, problem)
            total = energy[level] + least_inside(
                level, parts, moves, beyond[1], lone, tabled.loneliest, within, volume, spare, problem
            )
            cycles = max(cycles, cycles_of(reals[COMPUTE], spare, base, False))
            if value_of(total, cycles, nest, reals) >= best:
                continue
            inner = path[1, level]
            if lists(inner, level, count, listed, choices, trips, fewest, tabled.lone, problem):
                level = inner
                chosen[path[0, inner]] = -1
                carried[inner] = 1
                depth[inner] = -1
                for dim in range(8):
                    tile[inner, dim] = 1
            continue
        if not _finish(lowest, count, temporal, exact_tile, problem):
            continue
        leaves += 1
        total = energy[level]
        for dim in range(8):
            takes[dim] = taken(dim, temporal, exact_tile, problem)
        for operand in range(3):
            more = mac_words(operand, takes, exact_tile, problem)
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
            chain.chosen[here] = chosen[here]
            for place in range(8):
                candidates.order[0, here, place] = orders[here, chosen[here], place]
        groups = 0
        while True:
            for here in range(depths):
                for dim in range(8):
                    fixed = factors[FIXED, here, dim]
                    chain.temporal[here, dim] = fixed if fixed > 1 else temporal[here, dim]
            copied(chain.temporal, candidates.temporal[0])
            reached, seen = climb(problem, chain, ONE, NO, best)
            if seen == 0:
                raise RuntimeError(FAILED)
            looked += _PRICED
            if reached < best:  # padding makes counting slow, and few are the best
                looked += counting
                exact.results.status[0] = UNKNOWN
                scan(exact.nest, exact.hierarchy, candidates, ONE, exact.growth, YES, exact.counts, exact.results)
                if exact.results.status[0] == UNKNOWN:
                    raise RuntimeError(FAILED)
                reached = value_at(nest, exact)
            if reached < best:
                best = reached
                copied(candidates.temporal[0], out_temporal)
                copied(candidates.order[0], out_order)
            groups += 1
            if best <= value or not nest[ADDRESSES] or not regrouped(lowest, count, temporal, chosen, problem):
                break  # no other groups can be better than their bound
            if groups == _MOST_GROUPS:
                given_up = min(given_up, value)
                break
    return best, looked, leaves, np.inf, candidate, given_up
