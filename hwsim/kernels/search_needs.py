"""Inputs that PEs need along one axis of an image over all steps, where children whose position and tap add up to the same share them."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import kernel, lean_kernel
from hwsim.kernels.packed import INPUT, Int, P, Q, R, S
from hwsim.kernels.search_terms import DATA, FREE_OF, KEEP, SHARE, SPATIAL, Problem, ceiling, neighbours, sums
from hwsim.kernels.search_tile import NONE, ONE, ZERO, steps_of


@kernel
def tabulate_needs(extents: Int, axis: Int, starts: Int, needs: Int) -> None:
    """Fill ``needs`` [A, B]: the sum over all steps of the different inputs that are no padding of ``number`` children along positions,
    ``step`` of them apart, and of as many along taps; entry ``starts[0, step] + number - 1``, for taps with ``starts[1]``.

    extents [2] : positions, taps. axis [4] : stride, dilation, pad, size. starts [2, E + 1]. Numbers run up to ceil(extent / step).
    """
    seen = np.zeros(axis[3], np.int64)
    stamp = 0
    for step in range(1, extents[0] + 1):
        for number in range(1, ceiling(extents[0], step) + 1):
            for tap_step in range(1, extents[1] + 1):
                for tap_number in range(1, ceiling(extents[1], tap_step) + 1):
                    total, stamp = _needed_by(step, number, tap_step, tap_number, extents, axis, seen, stamp)
                    needs[starts[0, step] + number - 1, starts[1, tap_step] + tap_number - 1] = total


@lean_kernel
def _needed_by(
    step: int, number: int, tap_step: int, tap_number: int, extents: Int, axis: Int, seen: Int, stamp: int
) -> tuple[int, int]:
    """One entry of ``needs``, and the next stamp; seen [size] : the last stamp that met an input."""
    positions, taps = extents[0], extents[1]
    along, across = step * axis[0], tap_step * axis[1]
    total = different = known = known_taps = 0
    for block in range(0, positions, step * number):
        for base in range(block, min(block + step, positions)):
            rows = min(number, ceiling(positions - base, step))
            for tap_block in range(0, taps, tap_step * tap_number):
                deep = ZERO
                for tap_base in range(tap_block, min(tap_block + tap_step, taps)):
                    if deep == 0 or tap_base + (deep - 1) * tap_step >= taps:
                        deep = min(tap_number, ceiling(taps - tap_base, tap_step))
                    if rows != known or deep != known_taps:
                        known, known_taps, different = rows, deep, sums(rows, along, deep, across)
                    first = base * axis[0] + tap_base * axis[1] - axis[2]
                    if first >= 0 and first + (rows - 1) * along + (deep - 1) * across < axis[3]:
                        total += different
                        continue
                    stamp += 1
                    for one in range(first, first + rows * along, along):
                        for address in range(one, one + deep * across, across):
                            if 0 <= address < axis[3] and seen[address] != stamp:
                                seen[address] = stamp
                                total += 1
    return total, stamp


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
def mac_words(operand: int, temporal: Int, tile: Int, problem: Problem) -> float:
    """Words that PEs take from the innermost level that keeps an operand, all instances; tile [L, 8] : nominal extents."""
    nest, factors, levels = problem.nest, problem.factors, problem.levels
    nearest = ZERO
    while not levels[KEEP, nearest, operand]:
        nearest += 1
    words = 1.0
    for dim in range(8):
        if FREE_OF[dim] == operand:
            shared = NONE
            number = nest[dim]
            for level in range(nearest + 1):
                if levels[SHARE, level, operand]:
                    number = ceiling(number, factors[SPATIAL, level, dim])
                    shared = level if shared == level - 1 else shared
            if shared == nearest:
                number = steps_of(dim, ZERO, nearest, temporal, tile, nest[dim], factors[SPATIAL])
            words *= number
        else:
            words *= nest[dim]
    if operand == INPUT:
        words *= needed(nearest, tile, problem)
    return words
