"""Inputs along height and width that tiles hold, and the least that arrives of them, for every choice of a level."""

from __future__ import annotations

from hwsim.kernels.jit import kernel, lean_kernel
from hwsim.kernels.packed import (
    Float,
    P,
    Q,
    R,
    S,
)
from hwsim.kernels.search_terms import (
    ADDRESSES,
    BY_POSITION,
    BY_TAP,
    COUNT,
    HELD,
    LENGTH,
    SIZE,
    SPATIAL,
    WINDOW,
    Problem,
    axis_words,
    overlap,
    span,
)
from hwsim.kernels.search_tile import ONE


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
