"""What may be chosen next as tiles are put together: orders of a level's loops that differ, and tiles that lead to the one outside."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import Float, Int
from hwsim.kernels.search_inside import DEPTHS, trips_to, unheld
from hwsim.kernels.search_lone import has_share
from hwsim.kernels.search_terms import COUNT, FREE_OF, KEEP, LEAVES, LENGTH, PARENT, Problem, windows
from hwsim.kernels.search_tile import ZERO


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
def idle(level: int, choice: int, stays: Int, temporal: Int, orders: Int) -> bool:
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
def lists(
    level: int,
    over: int,
    count: Int,
    listed: Int,
    choices: Int,
    trips: Int,
    fewest: Float,
    lone: Float,
    problem: Problem,
) -> bool:
    """The choices of every dim at ``level`` that lead to the tile chosen at ``over``, and the fewest windows that they leave.

    listed [L, 8]; choices, trips [L, 8, M] : choice and temporal factor of ``over``; fewest [L, 9, 9] : product over the dims from a depth
    on of the fewest deliveries, for each operand leaving the parent and arriving, and the largest share of lone tiles. lone [L, 8, M] : see
    ``Tabled``. False where a dim has none.
    """
    nest, factors, tables = problem.nest, problem.factors, problem.tables
    for place in range(6):
        fewest[level, 8, place] = 1.0
    for operand in range(3):
        fewest[level, 8, 6 + operand] = 0.0
    for here in range(7, -1, -1):
        dim = DEPTHS[here]
        number = 0
        away = inside = np.inf
        alone = 0.0
        first, last = ZERO, factors[LENGTH, level, dim]
        if unheld(dim, level, over, nest, factors, problem.levels):
            # The largest tile is as good as any: the last choice that takes a single trip.
            for choice in range(last - 1, -1, -1):
                if trips_to(dim, level, over, tables[COUNT, level, dim, choice], count[over, dim], nest, factors) == 1:
                    first, last = choice, choice + 1
                    break
        for choice in range(first, last):
            factor = trips_to(dim, level, over, tables[COUNT, level, dim, choice], count[over, dim], nest, factors)
            if factor > 0:
                choices[level, dim, number], trips[level, dim, number] = choice, factor
                away = min(away, float(tables[LEAVES, level, dim, choice]))
                inside = min(inside, float(tables[COUNT, level, dim, choice]))
                alone = max(alone, lone[level, dim, choice])
                number += 1
        listed[level, dim] = number
        if number == 0:
            return False
        for place in range(6):
            fewest[level, here, place] = fewest[level, here + 1, place]
        for operand in range(3):
            fewest[level, here, 6 + operand] = fewest[level, here + 1, 6 + operand]
            if has_share(operand, dim):
                fewest[level, here, 6 + operand] = max(alone, fewest[level, here, 6 + operand])
        free = FREE_OF[dim]
        if free >= 0:
            fewest[level, here, 2 * free] *= away
            fewest[level, here, 2 * free + 1] *= inside
    return True


@lean_kernel
def begin(
    level: int, over: int, order: int, carried: int, count: Int, partial: Float, stays: Int, problem: Problem
) -> None:
    """Deliveries before any dim is chosen: one, but for the operand that ``order`` leaves in place those of the tile outside.

    Where the loops of ``over`` move nothing but that operand's free dims (``carried``) it may stay in place further out as well.
    """
    for operand in range(3):
        partial[level, 0, 2 * operand] = partial[level, 0, 2 * operand + 1] = 1.0
        partial[level, 0, 6 + operand] = 0.0
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
                    problem.nest,
                    problem.factors,
                    problem.levels,
                )
                partial[level, 0, 2 * operand] *= away
                partial[level, 0, 2 * operand + 1] *= inside
