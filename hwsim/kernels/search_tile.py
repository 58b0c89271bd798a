"""Tiles in a search: whether they fit, what PEs take from the innermost of them, and the steps that they take."""

from __future__ import annotations

from typing import cast

import numpy as np

from hwsim.kernels.jit import kernel, lean_kernel
from hwsim.kernels.packed import OUTPUT, WEIGHT, C, Float, G, Int, K, N, P, Q, R, S
from hwsim.kernels.search_terms import (
    ADDRESSES,
    BITS,
    FINAL_BITS,
    KEEP,
    PARENT,
    POOL,
    POOL_BITS,
    SPATIAL,
    SUMS,
    Problem,
    side_words,
)

#: Typed as 64 bits, for a literal would be a type of its own to compile for.
ZERO, ONE, NONE = cast(int, np.int64(0)), cast(int, np.int64(1)), cast(int, np.int64(-1))


@lean_kernel
def cycles_of(compute: float, load: Float, base: Float, whole: bool) -> float:
    """Cycles of a layer: the larger of compute and hidden transfers, then the transfers that nothing hides.

    whole : all boundaries are in ``load``; else those that may still lose some of it are left out.
    """
    hidden = compute
    shown = 0.0
    last, most = 0, 0.0
    for resource in range(load.shape[0]):
        group = int(base[4, 1 + resource])
        if not whole and base[5, 1 + resource] > 0:
            continue
        if group == 0:
            hidden = max(hidden, load[resource])
            continue
        if group != last:
            shown += most
            last, most = group, 0.0
        most = max(most, load[resource])
    return hidden + shown + most


@lean_kernel
def tile_bits(operand: int, tile: Int, partial: bool, nest: Int, sides: Int) -> int:
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
    rows = side_words(0, rows, min(tile[S], nest[S]), nest, sides)
    columns = side_words(1, columns, min(tile[R], nest[R]), nest, sides)
    return words * min(tile[C], nest[C]) * rows * columns * nest[BITS + operand]


@kernel
def bits_of(operand: int, tile: Int, nest: Int, sides: Int) -> int:
    """``tile_bits`` of complete outputs, for Python."""
    return tile_bits(operand, tile, False, nest, sides)


@lean_kernel
def fits(level: int, tile: Int, problem: Problem) -> bool:
    """Whether the tiles kept at ``level`` may fit its pools; tile [8]. Outputs are as wide as complete ones where they may be complete."""
    return holds(level, tile, level == problem.reals[SUMS], problem.nest, problem.levels, problem.sides)


@lean_kernel
def holds(level: int, tile: Int, partial: bool, nest: Int, levels: Int, sides: Int) -> bool:
    """Whether pools of a level hold the tiles kept there; tile [8]. partial : outputs are incomplete sums."""
    first = second = third = 0
    for operand in range(3):
        if levels[KEEP, level, operand]:
            bits = tile_bits(operand, tile, partial, nest, sides)
            place = levels[POOL, level, operand]
            if place == 0:
                first += bits
            elif place == 1:
                second += bits
            else:
                third += bits
    limits = levels[POOL_BITS, level]
    return first <= limits[0] and second <= limits[1] and third <= limits[2]


@lean_kernel
def sums_fit(level: int, moved: float, count: Int, tile: Int, nest: Int, factors: Int, levels: Int, sides: Int) -> bool:
    """Whether outputs may fit where they are certain to be incomplete sums: at a level of which more of them pass the next one outside than
    there are, and at that one; and at a level whose sums are added up over children further out.

    moved : words that leave that level for the tiles, at least; count, tile [L, 8], known from ``level`` outwards. The exact rules alone
    tell widths of sums apart.
    """
    if not nest[ADDRESSES]:
        return True
    again = moved > nest[N] * nest[G] * nest[K] * nest[Q] * nest[P] + 0.5
    spread = False
    for outer in range(level + 1, factors.shape[1]):
        for dim in (C, S, R):
            spread = spread or (factors[SPATIAL, outer, dim] > 1 and count[outer - 1, dim] > 1)
    if (again or spread) and not holds(level, tile[level], True, nest, levels, sides):
        return False
    outside = levels[PARENT, level, OUTPUT]
    return not again or holds(outside, tile[outside], True, nest, levels, sides)


@lean_kernel
def steps_of(dim: int, lowest: int, shared: int, temporal: Int, tile: Int, extent: int, spatial: Int) -> int:
    """Trips of one dim over the loops of ``lowest`` and above, in space and in time.

    Children of levels up to ``shared`` count once for all (with -1: of every level, which leaves the trips in time of the busiest PE).
    tile [L, 8] : nominal extents; spatial [L, 8].
    """
    if extent == 1:
        return ONE
    left = extent
    total = ZERO
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
