"""What one operand moves between two levels, from the numbers of tiles alone: the terms that a search adds up.

A tile at a level is described by how many of it cover each dim (``count``), not by where it lies. That is enough: an operand's traffic
into a tile is its volume times, for every dim that it does not depend on, the number of windows of that dim during which the tile stays
where it is. With ceiling division the counts of a chain of tiles are a chain again, for ceil(ceil(n / a) / b) = ceil(n / (a b)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwsim.kernels.counting_sets import common_size, set_size
from hwsim.kernels.jit import kernel, lean_kernel
from hwsim.kernels.packed import INPUT, OUTPUT, WEIGHT, Float, Int, P, Q, R, S

#: The operand that does not depend on a dim, -1 where all three do: N, G, K, C, Q, P, S, R.
FREE_OF = np.array((WEIGHT, -1, INPUT, OUTPUT, WEIGHT, WEIGHT, OUTPUT, OUTPUT), np.int64)


#: Where things are in ``Problem.nest``: extents first, then (stride, dilation) of height and width, whether addresses (1) or boxes (0)
#: make a tile of inputs, (pad before, unpadded size) of height and width, bits of a word held, whether factors divide, the objective's
#: number, the level from which on passes are counted (-1 none), bits of an output that is complete, pairs
#: of a position and a tap along height and width that meet data.
WINDOW, ADDRESSES, REAL, BITS, PERFECT, OBJECTIVE, PASS_LEVEL, FINAL_BITS, DATA = 8, 12, 13, 17, 20, 21, 22, 23, 24
#: ``Problem.factors``: children by dim; temporal factor, 0 free; the largest; choices in ``tables``.
SPATIAL, FIXED, AT_MOST, LENGTH = range(4)
#: ``Problem.tables``: tiles that cover the dim; their least extent; least compute steps of the dim; how often a tile leaves the parent
#: because of the dim, for the operand that is free of it.
COUNT, SIZE, STEPS, LEAVES = range(4)
#: ``Problem.levels``: operand kept; next level outside that keeps it, -1 none; whether one word serves all children; pool; bits of
#: each pool; operands that some loop order at or outside of the level can leave in place; orders listed; whether the tile is a choice
#: and, second, whether loops there may matter.
KEEP, PARENT, SHARE, POOL, POOL_BITS, LEADS, ORDERS, CHOICE = range(8)
#: ``Problem.reals``: least cycles of what overlaps, compute among it; MACs per PE and cycle; leakage per cycle [J]; ramp-up cycles of a
#: pass; the level whose outputs are certain to be incomplete sums, -1 none; least words that PEs take of each operand.
COMPUTE, RATE, LEAKAGE_J, PASS_CYCLES, SUMS, MAC_LEAST = range(6)
#: Objectives by number.
EDP, ENERGY, LATENCY = range(3)
OBJECTIVES = ("edp", "energy", "latency")


class Problem(NamedTuple):
    """One nest on one hierarchy with spatial factors and kept operands chosen; what is left is tiles in time and loop orders.

    Few arrays with named places, for a kernel compiles ten times slower with forty. L levels, M choices, A orders, B limited resources.
    nest [26]; factors [4, L, 8]; tables [4, L, 8, M]; orders [L, A, 8] : loop orders to try, inner to outer; levels [8, L, 3].
    words [L, 3, 2, 1 + B] : energy of one word of an operand, then the cycles that it takes on each resource, for words that leave the
    parent for a level's tile and for words that arrive there. base [6, 1 + B] : the same for words between the PEs and the innermost
    level that keeps each operand, then of all that tiles do not change; then 0 for resources that hide behind compute, else the number
    (from 1) of the level whose transfers add; then 1 for energy, or resources, of which some boundary gives back. still [L, 3, 2] : how
    often the tile of an operand leaves the parent and arrives that stays in place over all loops outside, at least. reals [8 + L], at the
    end for each level the least share of children with inputs of their own. sides [2, 4, extent, taps] : along height and width what the
    tiles of such an extent hold (``tabulate``);
    without entries where that would be long or is no matter of addresses. needs [2, A, B], starts [2, 2, E] : what PEs need along them
    (``search_needs``); without entries likewise.
    """

    nest: Int
    factors: Int
    tables: Int
    orders: Int
    levels: Int
    words: Float
    base: Float
    still: Float
    reals: Float
    sides: Int
    needs: Int
    starts: Int


@lean_kernel
def ceiling(value: int, divisor: int) -> int:
    """Quotient, rounded up."""
    return (value + divisor - 1) // divisor


@lean_kernel
def objective_of(energy: float, cycles: float, objective: int, leakage_j: float) -> float:
    """The objective by its number [J·cycle, J or cycle], leakage included."""
    whole = np.ceil(cycles - 1e-9 * cycles)
    if objective == 2:
        return whole
    total = energy + leakage_j * whole
    if objective == 1:
        return total
    return total * whole


@lean_kernel
def value_of(energy: float, cycles: float, nest: Int, reals: Float) -> float:
    """The objective of a problem [J·cycle, J or cycle], leakage included."""
    return objective_of(energy, cycles, nest[OBJECTIVE], reals[LEAKAGE_J])


@lean_kernel
def sums(first: int, first_step: int, second: int, second_step: int) -> int:
    """Distinct values of i·first_step + j·second_step for i < first, j < second.

    (i, j) and (i + b, j - a) with a : b the reduced ratio of the steps give the same sum, so of each such chain one value counts.
    """
    a, b = first_step, second_step
    while b:
        a, b = b, a % b
    across, along = second_step // a, first_step // a
    return first * second - max(0, first - across) * max(0, second - along)


@lean_kernel
def span(tile: int, kernel: int, stride: int, dilation: int, addresses: int) -> int:
    """Inputs along one axis that a tile of ``tile`` positions and ``kernel`` taps touches: addresses, or the box around them."""
    if addresses:
        return sums(tile, stride, kernel, dilation)
    return (tile - 1) * stride + (kernel - 1) * dilation + 1


@lean_kernel
def slides(nest: Int) -> bool:
    """Whether neighbouring tiles of inputs may have some in common: taps over several positions of an axis."""
    return min(nest[Q], nest[S]) > 1 or min(nest[P], nest[R]) > 1


@lean_kernel
def both_tiled(dim: int, level: int, count: Int) -> bool:
    """Whether the positions and the taps of a dim's axis are in several tiles of a level, counts [L, 8]."""
    return min(count[level, Q], count[level, S]) > 1 if dim in (Q, S) else min(count[level, P], count[level, R]) > 1


@lean_kernel
def overlap(tile: int, kernel: int, stride: int, dilation: int, step: int, addresses: int, shorter: bool) -> int:
    """Inputs along one axis that two such tiles ``step`` inputs apart have in common, at most. shorter : or less far apart.

    Where taps lie between one position and the next, addresses have gaps: inputs that a step does not bring onto others are not shared.
    """
    box = max(0, (tile - 1) * stride + (kernel - 1) * dilation + 1 - step)
    if not addresses:
        return box
    if shorter or (kernel - 1) * dilation >= stride:
        return min(span(tile, kernel, stride, dilation, 1), box)
    common = 0
    for tap in range(kernel):
        there = tap * dilation + step
        between = there % stride
        if between % dilation == 0 and between < kernel * dilation:
            common += max(0, tile - there // stride)
    return common


@lean_kernel
def windows(
    dim: int, level: int, parent: int, reach: int, count: int, operand: int, nest: Int, factors: Int, levels: Int
) -> tuple[int, int]:
    """How often the tile at ``level`` is delivered because of a dim its operand is free of: leaving the parent, arriving in children.

    reach : the outermost level whose loop over the dim leaves the tile in place; count : tiles of that level. The least that it can be
    whatever the loops inside: where factors may not divide, the last of these tiles may keep a single child busy, or, being the only one,
    all children of its own, but of the last of these only one.
    """
    together = apart = every = 1
    apart_inner = every_inner = 0
    for outer in range(level + 1, factors.shape[1]):
        children = factors[SPATIAL, outer, dim]
        if children == 1:
            continue
        shared = outer <= parent and levels[SHARE, outer, operand]
        if outer > reach:
            together *= children if shared else 1
            continue
        every_inner, every = every if every > 1 else 0, every * children
        if not shared:
            apart_inner, apart = apart if apart > 1 else 0, apart * children
    if nest[PERFECT]:
        return ceiling(count * apart, together), count * every
    return ceiling(_busy(count, apart, apart_inner), together), _busy(count, every, every_inner)


@lean_kernel
def _busy(count: int, children: int, inner: int) -> int:
    """Least children that ``count`` tiles keep busy, of so many each, in groups of ``inner`` (0: in one)."""
    if count > 1:
        return (count - 1) * children + 1
    return children - inner + 1 if inner else children


@lean_kernel
def neighbours(axis: int, level: int, parent: int, tile: Int, nest: Int, factors: Int, levels: Int) -> float:
    """Share of a parent's children, down to ``level``, that need different inputs because of Q and S (axis 0) or P and R (tile [L, 8]).

    The reference compares the children of one level; in the exact rules those of all levels in between share. Where these cannot simply
    be counted it is the least that it can be: as many sums as rows and taps less one, or, where some meet padding, one for each row.
    """
    position, tap = (Q, S) if axis == 0 else (P, R)
    here = 1.0
    rows_in_all = taps_in_all = 1
    both = False
    for outer in range(level + 1, parent + 1):
        first, second = factors[SPATIAL, outer, position], factors[SPATIAL, outer, tap]
        if not levels[SHARE, outer, INPUT] or (first == 1 and second == 1):
            continue
        rows_in_all, taps_in_all = rows_in_all * first, taps_in_all * second
        if first == 1 or second == 1:
            continue
        rows = tile[outer - 1, position] if outer > 0 else 1
        taps = tile[outer - 1, tap] if outer > 0 else 1
        different = sums(first, rows * nest[WINDOW + 2 * axis], second, taps * nest[WINDOW + 2 * axis + 1])
        both = rows_in_all == first and taps_in_all == second
        if not nest[ADDRESSES] or both:
            here *= different / (first * second)
    pairs = rows_in_all * taps_in_all
    padded = nest[ADDRESSES] and nest[DATA + axis] < nest[position] * nest[tap]
    if padded and pairs > 1:
        rows = min(tile[level, position], nest[position]) if level >= 0 else 1
        taps = min(tile[level, tap], nest[tap]) if level >= 0 else 1
        stride, dilation = nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1]
        if nest[REAL + 2 * axis + 1] <= (rows - 1) * stride + (taps - 1) * dilation + max(stride, dilation) - 1:
            return 1.0 / pairs  # what padding leaves of two tiles may be the same
    if not nest[ADDRESSES] or rows_in_all == 1 or taps_in_all == 1:
        return here
    if padded:
        return 1.0 / min(rows_in_all, taps_in_all)
    return here if both else (rows_in_all + taps_in_all - 1) / pairs


#: ``Problem.sides``: what tiles hold together, the largest of them, and what arrives of the first where each position follows the one
#: before it for every tap, or each tap for every position.
HELD, LARGEST, BY_POSITION, BY_TAP = range(4)


@kernel
def tabulate(side: int, axes: Int, words: Int) -> None:
    """Fill ``words`` [4, extent + 1, taps + 1] for one side of the input, see HELD. The largest is that of any larger tiles, too.

    axes [2, 4] : stride, dilation, pad and size of height and width.
    """
    rows, taps = words.shape[1] - 1, words.shape[2] - 1
    for tile in range(rows, 0, -1):
        for depth in range(taps, 0, -1):
            total = largest = kept_rows = kept_taps = 0
            for first in range(0, rows, tile):
                wide = min(tile, rows - first)
                for deep in range(0, taps, depth):
                    many = min(depth, taps - deep)
                    here = set_size(first, wide, deep, many, axes, side)
                    total += here
                    largest = max(largest, here)
                    if first > 0:
                        kept_rows += common_size(first, wide, deep, many, first - tile, tile, deep, many, axes, side)
                    if deep > 0:
                        kept_taps += common_size(first, wide, deep, many, first, wide, deep - depth, depth, axes, side)
            words[HELD, tile, depth] = total
            if tile < rows:
                largest = min(largest, words[LARGEST, tile + 1, depth])
            if depth < taps:
                largest = min(largest, words[LARGEST, tile, depth + 1])
            words[LARGEST, tile, depth] = largest
            words[BY_POSITION, tile, depth], words[BY_TAP, tile, depth] = total - kept_rows, total - kept_taps


@lean_kernel
def outside(axis: int, nest: Int) -> int:
    """Padding along height or width, on both sides together."""
    position, tap = (Q, S) if axis == 0 else (P, R)
    before, size = nest[REAL + 2 * axis], nest[REAL + 2 * axis + 1]
    reach = (nest[position] - 1) * nest[WINDOW + 2 * axis] + (nest[tap] - 1) * nest[WINDOW + 2 * axis + 1] + 1
    return max(0, before) + max(0, reach - before - size)


@lean_kernel
def side_words(axis: int, rows: int, taps: int, nest: Int, sides: Int) -> int:
    """Inputs along height (axis 0) or width (1) in the largest tile of at least so many positions and taps, at least."""
    if sides.shape[2]:
        return sides[axis, LARGEST, rows, taps]
    addresses = nest[ADDRESSES]
    words = span(rows, taps, nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1], addresses)
    return max(0, words - outside(axis, nest)) if addresses else words


@lean_kernel
def largest(extent: int, tiles: int, perfect: int, least: int) -> int:
    """The largest extent of so many tiles, not above the dim's."""
    if perfect:
        return least
    return extent if tiles == 1 else (extent - 1) // (tiles - 1)


@lean_kernel
def largest_span(axis: int, rows: int, taps: int, row_tiles: int, tap_tiles: int, nest: Int) -> int:
    """Inputs along an axis that a tile may hold of so many of at least ``rows`` positions and ``taps``, whatever their groups."""
    position, tap = (Q, S) if axis == 0 else (P, R)
    high = largest(nest[position], row_tiles, nest[PERFECT], min(rows, nest[position]))
    deep = largest(nest[tap], tap_tiles, nest[PERFECT], min(taps, nest[tap]))
    return span(high, deep, nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1], nest[ADDRESSES])


@lean_kernel
def axis_words(
    which: int, axis: int, least_tile: int, tiles: int, least_kernel: int, kernels: int, nest: Int, sides: Int
) -> float:
    """HELD, BY_POSITION or BY_TAP along height (axis 0) or width (1) of so many pairs of a window tile and a tap tile: the least that it
    can be, whatever their extent from the least one on. Where tiles are boxes, only HELD is known, and stands for all."""
    position, tap = (Q, S) if axis == 0 else (P, R)
    if not nest[ADDRESSES]:
        stride, dilation = nest[WINDOW + 2 * axis], nest[WINDOW + 2 * axis + 1]
        return float(tiles * kernels * span(least_tile, least_kernel, stride, dilation, 0))
    if not sides.shape[2]:  # one address each at least
        return float(max(0, nest[position] - outside(axis, nest)))
    least_tile, least_kernel = min(least_tile, nest[position]), min(least_kernel, nest[tap])
    total = sides[axis, which, least_tile, least_kernel]
    for tile in range(least_tile, largest(nest[position], tiles, nest[PERFECT], least_tile) + 1):
        for depth in range(least_kernel, largest(nest[tap], kernels, nest[PERFECT], least_kernel) + 1):
            total = min(total, sides[axis, which, tile, depth])
    return float(total)
