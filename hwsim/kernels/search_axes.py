"""Inputs along height and width that tiles hold, and the least that arrives of them, for every choice of a level."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwsim.kernels.jit import kernel, lean_kernel
from hwsim.kernels.packed import (
    INPUT,
    YES,
    Float,
    P,
    Q,
    R,
    S,
)
from hwsim.kernels.search_lone import has_share, lone_share, lone_tiles
from hwsim.kernels.search_terms import (
    ADDRESSES,
    BY_POSITION,
    BY_TAP,
    CHOICE,
    COUNT,
    HELD,
    LENGTH,
    PERFECT,
    SIZE,
    SPATIAL,
    WINDOW,
    Problem,
    axis_words,
    largest_span,
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
    left there, and of each further one what is new. Where positions and taps both move, one of them takes every other step at least (every
    third, where a run may end early), and that saves what neighbours share; all runs are of both dims, or of one, again and again. So they
    are wherever loops at several levels may move the tile. touched : inputs along the axis that the nest needs at all.
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
        common = max(common, overlap(tile, taps, stride, dilation, step, addresses, YES))
        shortest = (
            1 if left % most else left // most - 1
        )  # strides back to the first tile, where factors may not divide
        back = max(back, overlap(tile, taps, stride, dilation, step * shortest, addresses, YES))
    if moving == 0:
        return plain
    if not addresses:
        # At least every other step is one of the innermost loop that moves the tile.
        return plain - number * common if moving == 1 else max(float(children * whole), 0.5 * (plain - number * common))
    runs = plain - number * common
    several = 0
    for outer in range(level + 1, factors.shape[1] - 1):
        several += problem.levels[CHOICE, outer, 1]
    if several > 0:
        return max(0.0, runs if moving == 1 else runs / (2.0 if nest[PERFECT] else 3.0))
    if moving == 2:
        return max(0.0, min(runs, touched - children * whole))
    if new == plain:
        new = plain - (number - children) * common
    return max(0.0, new - children * back, touched - children * back)


class Tabled(NamedTuple):
    """What is known of each choice of a level before it is taken.

    plain, fewest [L, 2, M, M] : ``axis_words`` and ``axis_least`` of height and width. swept [L, 2, 3, M, M] : HELD, BY_POSITION and
    BY_TAP. lone [L, 8, M] : share of a dim, and lone_inputs [L, 2, M, M] of the inputs along an axis, whose tile may be the only one of its
    child while others of theirs change. loneliest [L, 3] : the largest such share of each operand.
    """

    plain: Float
    fewest: Float
    swept: Float
    lone: Float
    lone_inputs: Float
    loneliest: Float


def tabled_for(levels: int, longest: int) -> Tabled:
    """Room for so many choices."""
    plain, fewest, lone_inputs = np.zeros((3, levels, 2, longest, longest))
    swept = np.zeros((levels, 2, 3, longest, longest))
    return Tabled(plain, fewest, swept, np.zeros((levels, 8, longest)), lone_inputs, np.zeros((levels, 3)))


@kernel
def axes(problem: Problem, tabled: Tabled) -> None:
    """Fill all of it."""
    nest, tables = problem.nest, problem.tables
    held = np.ones(problem.factors.shape[1])
    for level in range(problem.factors.shape[1] - 1):
        for dim in range(8):
            for choice in range(problem.factors[LENGTH, level, dim]):
                tiles = tables[COUNT, level, dim, choice]
                share = lone_share(dim, level, level, tiles, tiles, problem)
                tabled.lone[level, dim, choice] = share
                for operand in range(3):
                    if has_share(operand, dim):
                        tabled.loneliest[level, operand] = max(tabled.loneliest[level, operand], share)
    for axis in range(2):
        position, tap = (Q, S) if axis == 0 else (P, R)
        touched = axis_words(HELD, axis, nest[position], ONE, nest[tap], ONE, nest, problem.sides)
        for level in range(problem.factors.shape[1] - 1):
            again = 0.0
            for position_at in range(problem.factors[LENGTH, level, position]):
                for tap_at in range(problem.factors[LENGTH, level, tap]):
                    for place in range(3):
                        tabled.swept[level, axis, place, position_at, tap_at] = axis_words(
                            HELD if place == 0 else BY_POSITION if place == 1 else BY_TAP,
                            axis,
                            tables[SIZE, level, position, position_at],
                            tables[COUNT, level, position, position_at],
                            tables[SIZE, level, tap, tap_at],
                            tables[COUNT, level, tap, tap_at],
                            nest,
                            problem.sides,
                        )
                    words = tabled.swept[level, axis, :, position_at, tap_at]
                    tabled.plain[level, axis, position_at, tap_at] = words[0]
                    tabled.fewest[level, axis, position_at, tap_at] = axis_least(
                        level, axis, position_at, tap_at, words, touched, problem
                    )
                    share = _lone_inputs(level, axis, position_at, tap_at, words[0], problem)
                    tabled.lone_inputs[level, axis, position_at, tap_at] = share
                    tabled.loneliest[level, INPUT] = max(tabled.loneliest[level, INPUT], share)
                    again = max(again, words[0])
            held[level] *= again / touched if touched > 0 else np.inf
    for level in range(problem.factors.shape[1] - 1):
        if tabled.loneliest[level, INPUT] > 0:  # of what is needed at all it is a larger share than of what tiles hold
            tabled.loneliest[level, INPUT] = min(1.0, tabled.loneliest[level, INPUT] * held[level])


@lean_kernel
def _lone_inputs(level: int, axis: int, position_at: int, tap_at: int, words: float, problem: Problem) -> float:
    """Share of the ``words`` of all tiles along an axis that lone ones may hold."""
    position, tap = (Q, S) if axis == 0 else (P, R)
    nest, tables = problem.nest, problem.tables
    rows, taps = tables[COUNT, level, position, position_at], tables[COUNT, level, tap, tap_at]
    lone = max(lone_tiles(position, level, rows, problem) * taps, rows * lone_tiles(tap, level, taps, problem))
    if lone == 0 or words == 0:
        return 0.0
    size, reach = tables[SIZE, level, position, position_at], tables[SIZE, level, tap, tap_at]
    return min(1.0, lone * largest_span(axis, size, reach, rows, taps, nest) / words)
