"""Tiles of one level in a search, for spatial factors and kept operands already chosen: all that fit, with the least that each can cost.

One operand stays still over everything outside, the other two are fetched for each tile. Why that is the least: the innermost loop
outside of a tile with more than one trip changes all operands but the one that is free of its dim, so at most one operand stays still; a
tile's traffic does not depend on how its inside is split; energies add up over boundaries; a level's time is no less than any one
boundary's share of it.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from hwsim.kernels.jit import kernel, lean_kernel
from hwsim.kernels.packed import (
    INPUT,
    Float,
    Int,
    P,
    Q,
    R,
    S,
)
from hwsim.kernels.search_axes import Tabled
from hwsim.kernels.search_inside import (
    AXES,
    DEPTHS,
    all_delivered,
    brought_back,
    least_inside,
    spread_parts,
    trips_to,
    unheld,
    volumes,
)
from hwsim.kernels.search_lone import has_share, returned
from hwsim.kernels.search_terms import (
    COMPUTE,
    COUNT,
    FREE_OF,
    KEEP,
    LEADS,
    LEAVES,
    LENGTH,
    MAC_LEAST,
    ORDERS,
    RATE,
    SIZE,
    STEPS,
    Problem,
    value_of,
)
from hwsim.kernels.search_tile import NONE, ONE, ZERO, cycles_of, fits


@lean_kernel
def _part(
    level: int, total: Float, open_lone: Float, slid: float, volume: Float, inputs: float, problem: Problem
) -> float:
    """Least energy of a level's boundary with some dims of its tile chosen; volume [5] : ``volumes``.

    total [10] : deliveries so far, steps, and shares of lone tiles, open_lone [3] of dims that are open. inputs : along height and width,
    all that are needed as long as these are open; slid : tiles hold so many times as many.
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
        share = min(1.0, max(total[7 + operand], open_lone[operand]) * (slid if operand == INPUT else 1.0))
        away = returned(total[2 * operand], problem.still[level, operand, 0], share)
        arrives = returned(total[2 * operand + 1], problem.still[level, operand, 1], share)
        moves = amount * (outer * away + inner * arrives)
        moving += moves
        if levels[LEADS, level + 1, operand]:
            still = outer * problem.still[level, operand, 0] + inner * problem.still[level, operand, 1]
            saved = max(saved, moves - amount * still)
    return moving - saved


#: What is not known yet of a loop order, or brings back the same as one before it.
_UNKNOWN, _KNOWN = NONE, cast(int, np.int64(-2))


@lean_kernel
def _coded(beyond: Int, known: Int) -> int:
    """``beyond`` [2, 8] in one number; but _KNOWN where that is known."""
    code = ZERO
    for back in range(2):
        for dim in range(8):
            code = 2 * code + beyond[back, dim]
    for other in known:
        if other == code:
            return _KNOWN
    return code


@lean_kernel
def _decoded(code: int, beyond: Int) -> None:
    """The reverse."""
    for back in range(1, -1, -1):
        for dim in range(7, -1, -1):
            beyond[back, dim] = code & 1
            code >>= 1


@lean_kernel
def _take_parts(
    dim: int, known_parts: Int, known_moves: Float, known_lone: Float, parts: Int, moves: Float, lone: Float
) -> None:
    """What ``spread_parts`` found of a choice of a dim, for the tile that is looked at now."""
    for level in range(parts.shape[0]):
        parts[level, dim], lone[level, dim] = known_parts[level, dim], known_lone[level, dim]
        for back in range(2):
            for side in range(2):
                moves[back, level, side, dim] = known_moves[back, level, side, dim]


@kernel
def tiles(
    level: int,
    problem: Problem,
    tabled: Tabled,
    alone: int,
    within: Float,
    stays: Int,
    limit: float,
    keys: Float,
    found: Int,
) -> tuple[int, float, int]:
    """List the tiles of one level that fit and whose least value is below ``limit``.

    alone : 1 where the value is the energy of the level's own boundary, else there are those inside, and all that tiles do not change.
    within [L] : least energy of each boundary inside, -inf for none. stays [A] : as in ``join``, of the outermost level, which is next to
    this one unless ``alone``. keys [T], found [T, 8] : value and choice of each; without any room for them only the least is looked for.
    Returns how many there are (beyond T they are not written), the least value of all that are below ``limit`` (else infinity), and how
    many were looked at.
    """
    nest, factors, tables, levels, words = problem.nest, problem.factors, problem.tables, problem.levels, problem.words
    plain, least = tabled.plain[level], tabled.fewest[level]
    other_energy, other_cycles = (0.0, 0.0) if alone else (problem.base[3, 0], problem.reals[COMPUTE])
    resources = problem.base.shape[1] - 1
    size = np.empty(8, np.int64)
    at = np.empty(8, np.int64)
    first = np.zeros(8, np.int64)
    total, open_lone = np.zeros((9, 10)), np.zeros((9, 3))
    volume = np.empty(5, np.float64)
    load = np.empty(resources, np.float64)
    beyond, top = np.zeros((2, 8), np.int64), factors.shape[1] - 1
    ends, fixed, share = np.empty((3, 2), np.float64), np.empty((3, 2), np.float64), np.empty(3)
    back = np.empty((3, 2), np.float64)
    parts, moves = np.empty((level + 1, 8), np.int64), np.empty((2, level + 1, 2, 8), np.float64)
    lone = np.zeros((level + 1, 8))
    choices = 0 if alone else tables.shape[3]
    known_parts, known_moves = np.empty((choices, level + 1, 8), np.int64), np.empty((choices, 2, level + 1, 2, 8))
    known_lone = np.empty((choices, level + 1, 8))
    temporal, chosen = np.ones((top + 1, 8), np.int64), np.zeros(top + 1, np.int64)
    # by which dims have several trips at the outermost level
    codes = np.full((256, 0 if alone else levels[ORDERS, top, 0]), _UNKNOWN)
    for dim in range(8):
        size[dim] = 1
        if dim < 7:
            total[0, dim] = 1.0
        if unheld(dim, level, factors.shape[1] - 1, nest, factors, levels):
            last = factors[LENGTH, level, dim] - 1
            first[dim] = last if tables[COUNT, level, dim, last] == 1 else 0
    for later in range(7, -1, -1):
        dim = DEPTHS[later]
        for operand in range(3):
            open_lone[later, operand] = open_lone[later + 1, operand]
            if has_share(operand, dim):
                for choice in range(first[dim], factors[LENGTH, level, dim]):
                    open_lone[later, operand] = max(open_lone[later, operand], tabled.lone[level, dim, choice])
    for dim in range(0 if alone else 8):
        for one in range(first[dim], factors[LENGTH, level, dim]):
            extent, count = tables[SIZE, level, dim, one], tables[COUNT, level, dim, one]
            spread_parts(dim, level, extent, count, known_parts[one], known_moves[one], known_lone[one], problem)
    volumes(problem, volume)
    number = looked = 0
    smallest = np.inf
    inputs, slid = volume[3] * volume[4], 1.0
    rest = other_energy
    for inner_level in range(level):
        rest += within[inner_level] if within[inner_level] > -np.inf else 0.0
    depth = 0
    at[DEPTHS[0]] = factors[LENGTH, level, DEPTHS[0]]
    while depth >= 0:
        dim = DEPTHS[depth]
        at[dim] -= 1  # the largest first: they are the ones that move least, by which others are cut
        if at[dim] < first[dim]:
            size[dim] = 1
            depth -= 1
            continue
        size[dim] = tables[SIZE, level, dim, at[dim]]
        if not fits(level, size, problem):
            continue
        if not alone:
            one = at[dim]
            _take_parts(dim, known_parts[one], known_moves[one], known_lone[one], parts, moves, lone)
        for place in range(10):
            total[depth + 1, place] = total[depth, place]
        for operand in range(3):
            if has_share(operand, dim):
                total[depth + 1, 7 + operand] = max(total[depth, 7 + operand], tabled.lone[level, dim, at[dim]])
        free = FREE_OF[dim]
        if free >= 0:
            total[depth + 1, 2 * free] *= tables[LEAVES, level, dim, at[dim]]
            total[depth + 1, 2 * free + 1] *= tables[COUNT, level, dim, at[dim]]
        total[depth + 1, 6] *= tables[STEPS, level, dim, at[dim]]
        if depth < 7:
            if depth + 1 == AXES:
                every = plain[0, at[Q], at[S]] * plain[1, at[P], at[R]]
                inputs = min(
                    least[0, at[Q], at[S]] * plain[1, at[P], at[R]], least[1, at[P], at[R]] * plain[0, at[Q], at[S]]
                )
                slid = every / inputs if inputs > 0 else 1.0
                along = max(tabled.lone_inputs[level, 0, at[Q], at[S]], tabled.lone_inputs[level, 1, at[P], at[R]])
                total[depth + 1, 7 + INPUT] = max(total[depth + 1, 7 + INPUT], along)
            elif depth + 1 < AXES:
                inputs, slid = volume[3] * volume[4], 1.0
            energy = _part(level, total[depth + 1], open_lone[depth + 1], slid, volume, inputs, problem)
            value = energy if alone else value_of(rest + energy, other_cycles, nest, problem.reals)
            if value >= (limit if keys.shape[0] else min(limit, smallest)):
                continue
            depth += 1
            at[DEPTHS[depth]] = factors[LENGTH, level, DEPTHS[depth]]
            continue
        looked += 1
        moving = saved = 0.0
        for operand in range(3):
            if not levels[KEEP, level, operand]:
                continue
            amount = volume[operand] * (inputs if operand == INPUT else 1.0)
            apart = problem.reals[MAC_LEAST + 3 + level] if operand == INPUT else 1.0
            share[operand] = min(1.0, total[8, 7 + operand] * (slid if operand == INPUT else 1.0))
            for side in range(2):
                moves_out = total[8, 2 * operand + side]
                if words[level, operand, side, 0] >= 0:
                    moves_out = returned(moves_out, problem.still[level, operand, side], share[operand])
                ends[operand, side] = amount * moves_out * (apart if side == 0 else 1.0)
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
            inside = least_inside(level, parts, moves, beyond[1], lone, tabled.loneliest, within, volume, load, problem)
            cycles = max(cycles, cycles_of(problem.reals[COMPUTE], load, problem.base, False))
            value = value_of(other_energy + energy + inside, cycles, nest, problem.reals)
        else:
            linked, several = True, ZERO
            for place in range(8):
                number_of = tables[COUNT, level, place, at[place]]
                temporal[top, place] = trips_to(place, level, top, number_of, ONE, nest, factors)
                linked = linked and temporal[top, place] > 0
                several = 2 * several + (temporal[top, place] > 1)
            value = np.inf
            for choice in range(levels[ORDERS, top, 0] if linked else 0):
                if codes[several, choice] == _UNKNOWN:
                    chosen[top] = choice
                    brought_back(top, temporal, chosen, problem, beyond)
                    codes[several, choice] = _coded(beyond, codes[several, :choice])
                if codes[several, choice] == _KNOWN:
                    continue
                _decoded(codes[several, choice], beyond)
                energy = 0.0
                for resource in range(resources):
                    load[resource] = problem.base[3, 1 + resource]
                all_delivered(level, beyond[0], moves, back)
                for operand in range(3):
                    if not levels[KEEP, level, operand]:
                        continue
                    away = returned(back[operand, 0], problem.still[level, operand, 0], share[operand])
                    here = returned(back[operand, 1], problem.still[level, operand, 1], share[operand])
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
                inside = least_inside(
                    level, parts, moves, beyond[1], lone, tabled.loneliest, within, volume, load, problem
                )
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
