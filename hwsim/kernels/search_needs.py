"""Inputs that PEs need along one axis of an image over all steps, where children whose position and tap add up to the same share them."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import kernel, lean_kernel
from hwsim.kernels.packed import INPUT, Int, P, Q, R, S
from hwsim.kernels.search_terms import DATA, FREE_OF, KEEP, SHARE, SPATIAL, Problem, ceiling, neighbours
from hwsim.kernels.search_tile import NONE, ONE, ZERO, steps_of


@kernel
def tabulate_needs(extents: Int, axis: Int, starts: Int, needs: Int) -> None:
    """Fill ``needs`` [A, B]: the sum over all steps of the different inputs that are no padding of ``number`` children along positions,
    ``step`` of them apart, and of as many along taps; entry ``starts[0, step] + number - 1``, for taps with ``starts[1]``.

    extents [2] : positions, taps. axis [4] : stride, dilation, pad, size. starts [2, E + 1]. Numbers run up to ceil(extent / step).
    """
    positions, taps = extents[0], extents[1]
    stride, dilation, pad, size = axis[0], axis[1], axis[2], axis[3]
    seen = np.zeros(size, np.int64)
    stamp = 0
    for step in range(1, positions + 1):
        for number in range(1, ceiling(positions, step) + 1):
            for tap_step in range(1, taps + 1):
                for tap_number in range(1, ceiling(taps, tap_step) + 1):
                    total = 0
                    for base in range(positions):
                        if base // step % number:
                            continue
                        for tap_base in range(taps):
                            if tap_base // tap_step % tap_number:
                                continue
                            stamp += 1
                            for position in range(base, min(positions, base + number * step), step):
                                for tap in range(tap_base, min(taps, tap_base + tap_number * tap_step), tap_step):
                                    address = position * stride + tap * dilation - pad
                                    if 0 <= address < size and seen[address] != stamp:
                                        seen[address] = stamp
                                        total += 1
                    needs[starts[0, step] + number - 1, starts[1, tap_step] + tap_number - 1] = total


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
