"""Sets of sums, and the wires that a message to a group of children takes."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import kernel, nested_kernel
from hwsim.kernels.packed import INPUT, Float, Int, Q, S

#: For each operand and dim (N, G, K, C, Q, P, S, R): 0 does not matter, 1 an index of its own, 4 one of two in an axis of the input.
_PLACES = (1, 1, 0, 1, 4, 4, 4, 4, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0)


@nested_kernel
def gcd(one: int, other: int) -> int:
    """Greatest common divisor of two whole numbers, not both 0."""
    while other:
        one, other = other, one % other
    return one


@nested_kernel
def sums(count: int, step: int, other_count: int, other_step: int) -> int:
    """Different values of i*step + j*other_step, 0 <= i < count, 0 <= j < other_count; steps from 1 on.

    With steps a*g and b*g, (i, j) and (i - b, j + a) give the same value, and only such chains do: one value a chain.
    """
    divisor = gcd(step, other_step)
    return count * other_count - max(0, count - other_step // divisor) * max(0, other_count - step // divisor)


@nested_kernel
def _coefficients(operand: int, level: int, tile: Int, spatial_x: Int, spatial_y: Int, axes: Int, weight: Int) -> None:
    """Weight [8] of a child's offset in each dim, so that the weighted sums are equal where the children's tiles are."""
    base = 1
    for dim in range(8):
        weight[dim] = 0
        place = _PLACES[operand * 8 + dim]
        if place and (operand != INPUT or place < 4):
            weight[dim] = base
            base *= spatial_x[level, dim] * spatial_y[level, dim]
    if operand == INPUT:
        for axis in range(2):
            position, kernel = Q + axis, S + axis
            weight[position] = base * tile[level, position] * axes[axis, 0]
            weight[kernel] = base * tile[level, kernel] * axes[axis, 1]
            positions = spatial_x[level, position] * spatial_y[level, position] * tile[level, position]
            kernels = spatial_x[level, kernel] * spatial_y[level, kernel] * tile[level, kernel]
            base *= positions * axes[axis, 0] + kernels * axes[axis, 1]


@nested_kernel
def _keys(level: int, spatial: Int, order: Int, weight: Int, scale: Int, keys: Int) -> None:
    """Weighted sum of the offsets of each place on one axis, ``keys``; the first dim of ``order`` varies first; scale [8]."""
    for index in range(keys.shape[0]):
        rest, keys[index] = index, 0
        for place in range(8):
            dim = order[level, place]
            keys[index] += rest % spatial[level, dim] * scale[dim] * weight[dim]
            rest //= spatial[level, dim]


@nested_kernel
def _hash(key: int, size: int) -> int:
    return ((key * 1000003) ^ (key >> 17)) & (size - 1)


@nested_kernel
def _grouped(along_x: Int, along_y: Int, group: Int) -> int:
    """Number children [X * Y] by the group of equal sums that they are in; returns the groups."""
    children = group.shape[0]
    size = 2
    while size < 2 * children:
        size *= 2
    table, seen = np.empty(size, np.int64), np.empty(children, np.int64)
    table[:] = -1
    groups = 0
    for child in range(children):
        key = along_x[child % along_x.shape[0]] + along_y[child // along_x.shape[0]]
        slot = _hash(key, size)
        while table[slot] >= 0 and seen[table[slot]] != key:
            slot = (slot + 1) & (size - 1)
        if table[slot] < 0:
            table[slot], seen[groups] = groups, key
            groups += 1
        group[child] = table[slot]
    return groups


@nested_kernel
def _wires(group: Int, groups: int, row: int, centre: float) -> float:
    """Wires of all groups' messages. group [children] : the group of each; row : children in a row of the mesh."""
    children = group.shape[0]
    start, member = np.empty(groups + 2, np.int64), np.empty(children, np.int64)
    start[:] = 0
    for child in range(children):
        start[group[child] + 2] += 1
    for index in range(groups):
        start[index + 2] += start[index + 1]
    for child in range(children):
        member[start[group[child] + 1]] = child
        start[group[child] + 1] += 1
    lowest, highest = np.empty(row, np.int64), np.empty(row, np.int64)
    lowest[:] = -1
    hops = 0.0
    for index in range(groups):
        farthest = 0
        for place in range(start[index], start[index + 1]):
            x, y = member[place] % row, member[place] // row
            farthest = max(farthest, x)
            if lowest[x] < 0:
                lowest[x] = y
            highest[x] = y
        hops += farthest
        for x in range(farthest + 1):
            if lowest[x] >= 0:
                hops += max(0.0, centre - lowest[x]) + max(0.0, highest[x] - centre)
            lowest[x] = -1
    return hops


@kernel
def multiply_by_hops(
    axes: Int,
    temporal: Int,
    spatial_x: Int,
    spatial_y: Int,
    order_x: Int,
    order_y: Int,
    fanout: Int,
    packed: bool,
    hops: Float,
) -> None:
    """Multiply messages, ``hops`` [L, 3 operands], by the wires that one takes from an instance of its level to the children that need it.

    A message enters at x = 0 and y = (Y - 1) / 2 of the X by Y mesh of children, runs along that row to the farthest column of its group,
    and in each column that has a member runs to the lowest and to the highest of them; the mean is over the groups of a level.
    axes [2, 2] : stride and dilation of height and width. temporal, spatial_x, spatial_y, order_x, order_y [L, 8] : loops. fanout [L, 2].
    packed : children are numbered along x over those in use and laid out row by row over the mesh, as the reference does it; else a
    child's place is its own.
    """
    tile = np.empty((hops.shape[0] + 1, 8), np.int64)
    for dim in range(8):
        tile[0, dim] = 1
    for level in range(hops.shape[0]):
        for dim in range(8):
            tile[level + 1, dim] = (
                tile[level, dim] * spatial_x[level, dim] * spatial_y[level, dim] * temporal[level, dim]
            )
        for operand in range(3):
            if hops[level, operand] != 0:
                hops[level, operand] *= _mean_hops(
                    operand, level, tile, axes, spatial_x, spatial_y, order_x, order_y, fanout, packed
                )


@nested_kernel
def _mean_hops(
    operand: int,
    level: int,
    tile: Int,
    axes: Int,
    spatial_x: Int,
    spatial_y: Int,
    order_x: Int,
    order_y: Int,
    fanout: Int,
    packed: bool,
) -> float:
    wide = high = 1
    for dim in range(8):
        wide *= spatial_x[level, dim]
        high *= spatial_y[level, dim]
    weight, scale = np.empty(8, np.int64), np.empty(8, np.int64)
    scale[:] = 1
    _coefficients(operand, level, tile, spatial_x, spatial_y, axes, weight)
    along_x, along_y, group = np.empty(wide, np.int64), np.empty(high, np.int64), np.empty(wide * high, np.int64)
    _keys(level, spatial_x, order_x, weight, scale, along_x)
    for dim in range(8):
        scale[dim] = spatial_x[level, dim]
    _keys(level, spatial_y, order_y, weight, scale, along_y)
    groups = _grouped(along_x, along_y, group)
    return _wires(group, groups, fanout[level, 0] if packed else wide, (fanout[level, 1] - 1) / 2.0) / groups
