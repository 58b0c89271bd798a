"""Inputs that PEs need along one axis of an image over all steps, where children whose position and tap add up to the same share them."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import kernel, lean_kernel
from hwsim.kernels.packed import INPUT, Int, P, Q, R, S
from hwsim.kernels.search_terms import DATA, FREE_OF, KEEP, SHARE, SPATIAL, Problem, ceiling, neighbours, sums
from hwsim.kernels.search_tile import NONE, ONE, ZERO, steps_of

#: Figures of steps at which as many children have something to do: where the first round of them begins, the end of the last one, how far
#: rounds are apart, the first step in each, the end of the last one, and how many children.
START, STOP, APART, FROM, UNTIL, BUSY, FIGURES = range(7)


@kernel
def tabulate_needs(extents: Int, axis: Int, starts: Int, needs: Int) -> None:
    """Fill ``needs`` [A, B]: the sum over all steps of the different inputs that are no padding of ``number`` children along positions,
    ``step`` of them apart, and of as many along taps; entry ``starts[0, step] + number - 1``, for taps with ``starts[1]``.

    extents [2] : positions, taps. axis [4] : stride, dilation, pad, size. starts [2, E + 1]. Numbers run up to ceil(extent / step).
    """
    rows, taps = np.empty((3, FIGURES), np.int64), np.empty((needs.shape[1], 3, FIGURES), np.int64)
    for step in range(1, extents[1] + 1):
        for number in range(1, ceiling(extents[1], step) + 1):
            _alike(step, number, extents[1], taps[starts[1, step] + number - 1])
    for step in range(1, extents[0] + 1):
        for number in range(1, ceiling(extents[0], step) + 1):
            _alike(step, number, extents[0], rows)
            entry = starts[0, step] + number - 1
            for tap_step in range(1, extents[1] + 1):
                for other in range(starts[1, tap_step], starts[1, tap_step] + ceiling(extents[1], tap_step)):
                    needs[entry, other] = 0
                    for some in range(3):
                        for others in range(3):
                            if rows[some, BUSY] and taps[other, others, BUSY]:
                                needs[entry, other] += _needed_by(step, rows[some], tap_step, taps[other, others], axis)


@lean_kernel
def _alike(step: int, number: int, extent: int, out: Int) -> None:
    """Steps at which as many of ``number`` children, ``step`` apart, have something to do: in whole rounds of them, and twice in the last
    one. out [3, 6] : START to BUSY, no children where there are no such steps."""
    apart = step * number
    whole = extent // apart * apart
    out[0, START], out[0, STOP], out[0, FROM], out[0, UNTIL] = 0, whole, 0, step
    out[0, BUSY] = number if whole else 0
    left = extent - whole
    busy = ceiling(left, step)
    more = left - (busy - 1) * step  # steps at which the last of them has something to do
    for last in range(1, 3):
        out[last, START], out[last, STOP], out[last, BUSY] = whole, whole + 1, max(ZERO, busy + 1 - last)
    out[1, FROM], out[1, UNTIL], out[2, FROM], out[2, UNTIL] = 0, more, more, step
    for some in range(3):
        out[some, APART] = apart


@lean_kernel
def _needed_by(step: int, rows: Int, tap_step: int, taps: Int, axis: Int) -> int:
    """What children need at steps that are ``_alike``."""
    along, across = step * axis[0], tap_step * axis[1]
    span = (rows[BUSY] - 1) * along + (taps[BUSY] - 1) * across + 1
    different = rows[BUSY] * taps[BUSY]
    if rows[BUSY] > 1 and taps[BUSY] > 1:
        different = sums(rows[BUSY], along, taps[BUSY], across)
    every, last = _steps(rows), rows[STOP] - 1 - (rows[STOP] - 1 - rows[START]) % rows[APART]
    total = different * every * _steps(taps)
    for tap_block in range(taps[START], taps[STOP], taps[APART]):
        for tap_base in range(tap_block + taps[FROM], tap_block + taps[UNTIL]):
            start = tap_base * axis[1] - axis[2]  # of the inputs of the first child at step 0
            block = rows[START]
            while block < rows[STOP] and start + (block + rows[FROM]) * axis[0] < 0:
                for base in range(block + rows[FROM], block + rows[UNTIL]):
                    before = min(-(start + base * axis[0]), span)
                    total -= _least(before, rows[BUSY], along, taps[BUSY], across)
                block += rows[APART]
            block = last
            while block >= rows[START] and start + (block + rows[UNTIL] - 1) * axis[0] + span > axis[3]:
                for base in range(block + rows[FROM], block + rows[UNTIL]):  # the largest lie as the least do
                    behind = min(start + base * axis[0] + span - axis[3], span)
                    total -= _least(behind, rows[BUSY], along, taps[BUSY], across)
                block -= rows[APART]
    return total


@lean_kernel
def _steps(alike: Int) -> int:
    """How many steps there are."""
    return ceiling(alike[STOP] - alike[START], alike[APART]) * (alike[UNTIL] - alike[FROM])


@lean_kernel
def _least(below: int, first: int, first_step: int, second: int, second_step: int) -> int:
    """How many of the numbers below one are i·first_step + j·second_step for some i < first, j < second."""
    met = ZERO
    for value in range(below):
        left, other = value, ZERO
        while other < second and left >= 0:
            if left % first_step == 0 and left // first_step < first:
                met += 1
                break
            left -= second_step
            other += 1
    return met


@lean_kernel
def needed(nearest: int, tile: Int, problem: Problem) -> float:
    """Share of all steps of all PEs that need an input which no other one gets with it, padding left out; tile [L, 8] : nominal extents.

    nearest : the innermost level that keeps inputs.
    """
    nest, factors, levels = problem.nest, problem.factors, problem.levels
    share = 1.0
    for axis in range(2):
        position, tap = (Q, S) if axis == 0 else (P, R)
        here = -1.0
        if problem.starts[axis, 0, 1] >= 0:
            number = step = tap_number = tap_step = ONE
            known = True
            for level in range(nearest + 1):
                if not levels[SHARE, level, INPUT]:
                    continue
                if factors[SPATIAL, level, position] > 1:
                    known = known and number == 1
                    number = factors[SPATIAL, level, position]
                    step = min(nest[position], tile[level - 1, position]) if level > 0 else ONE
                if factors[SPATIAL, level, tap] > 1:
                    known = known and tap_number == 1
                    tap_number = factors[SPATIAL, level, tap]
                    tap_step = min(nest[tap], tile[level - 1, tap]) if level > 0 else ONE
            if known:
                one = problem.starts[axis, 0, step] + min(number, ceiling(nest[position], step)) - 1
                other = problem.starts[axis, 1, tap_step] + min(tap_number, ceiling(nest[tap], tap_step)) - 1
                here = float(problem.needs[axis, one, other])
        if here < 0:
            here = neighbours(axis, NONE, nearest, tile, nest, factors, levels) * nest[DATA + axis]
        share *= here / (nest[position] * nest[tap])
    return share


@lean_kernel
def nearest_to(operand: int, levels: Int) -> int:
    """The innermost level that keeps an operand."""
    nearest = ZERO
    while not levels[KEEP, nearest, operand]:
        nearest += 1
    return nearest


@lean_kernel
def taken(dim: int, temporal: Int, tile: Int, problem: Problem) -> int:
    """How often PEs take a word of the operand that is free of a dim because of it; the dim's extent where all operands depend on it."""
    nest, factors, levels = problem.nest, problem.factors, problem.levels
    operand = FREE_OF[dim]
    if operand < 0:
        return nest[dim]
    nearest, shared = nearest_to(operand, levels), NONE
    number = nest[dim]
    for level in range(nearest + 1):
        if levels[SHARE, level, operand]:
            number = ceiling(number, factors[SPATIAL, level, dim])
            shared = level if shared == level - 1 else shared
    if shared == nearest:
        number = steps_of(dim, ZERO, nearest, temporal, tile, nest[dim], factors[SPATIAL])
    return number


@lean_kernel
def mac_words(operand: int, takes: Int, tile: Int, problem: Problem) -> float:
    """Words that PEs take from the innermost level that keeps an operand, all instances.

    takes [8] : ``taken`` of each dim; tile [L, 8] : nominal extents.
    """
    words = 1.0
    for dim in range(8):
        words *= takes[dim] if FREE_OF[dim] == operand else problem.nest[dim]
    if operand == INPUT:
        words *= needed(nearest_to(INPUT, problem.levels), tile, problem)
    return words
