"""Sets of sums, and the wires that a message to a group of children takes."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import lean_kernel, nested_kernel
from hwsim.kernels.packed import BUS, INPUT, NEIGHBOUR, OUTPUT, Float, Int, Q, S

#: For each operand and dim (N, G, K, C, Q, P, S, R): 0 does not matter, 1 an index of its own, 4 one of two in an axis of the input.
_PLACES = (1, 1, 0, 1, 4, 4, 4, 4, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0)


@lean_kernel
def gcd(one: int, other: int) -> int:
    """Greatest common divisor of two whole numbers, not both 0."""
    while other:
        one, other = other, one % other
    return one


@lean_kernel
def sums(count: int, step: int, other_count: int, other_step: int) -> int:
    """Different values of i*step + j*other_step, 0 <= i < count, 0 <= j < other_count; steps from 1 on.

    With steps a*g and b*g, (i, j) and (i - b, j + a) give the same value, and only such chains do: one value a chain.
    """
    divisor = gcd(step, other_step)
    return count * other_count - max(0, count - other_step // divisor) * max(0, other_count - step // divisor)


@lean_kernel
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


@lean_kernel
def _keys(level: int, spatial: Int, order: Int, weight: Int, scale: Int, keys: Int) -> None:
    """Weighted sum of the offsets of each place on one axis, ``keys``; the first dim of ``order`` varies first; scale [8]."""
    for index in range(keys.shape[0]):
        rest, keys[index] = index, 0
        for place in range(8):
            dim = order[level, place]
            keys[index] += rest % spatial[level, dim] * scale[dim] * weight[dim]
            rest //= spatial[level, dim]


@lean_kernel
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


@lean_kernel
def _members(group: Int, groups: int, start: Int, member: Int) -> None:
    """Children by group: those of group g are ``member[start[g] : start[g + 1]]``, by rising number. start [groups + 2]."""
    start[:] = 0
    for child in range(group.shape[0]):
        start[group[child] + 2] += 1
    for index in range(groups):
        start[index + 2] += start[index + 1]
    for child in range(group.shape[0]):
        member[start[group[child] + 1]] = child
        start[group[child] + 1] += 1


@nested_kernel
def _along_a_row(start: Int, member: Int, groups: int, row: int, centre: float) -> float:
    """Wires of all messages that run along the middle row first. row : children in a row of the mesh."""
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


@lean_kernel
def _along_a_column(start: Int, member: Int, groups: int, row: int, centre: float) -> float:
    """Wires of all messages that run along the first column first, and into each row that has a member."""
    hops = 0.0
    for index in range(groups):
        first, last = member[start[index]] // row, member[start[index + 1] - 1] // row
        hops += max(0.0, centre - first) + max(0.0, last - centre)
        for place in range(start[index], start[index + 1]):
            ends = place + 1 == start[index + 1] or member[place + 1] // row != member[place] // row
            if ends:
                hops += member[place] % row
    return hops


@lean_kernel
def _along_buses(
    start: Int, member: Int, groups: int, row: int, fan_x: int, fan_y: int, from_child_to_child: bool
) -> float:
    """Wires of all messages on buses: the whole of one along y, and of one along x in every row that has a member.

    from_child_to_child : members but one are reached by their neighbours, as sums are that are added up before they leave.
    """
    hops = 0.0
    for index in range(groups):
        rows = 1
        for place in range(start[index] + 1, start[index + 1]):
            rows += member[place] // row != member[place - 1] // row
        if from_child_to_child:
            hops += start[index + 1] - start[index] - 1
            rows = 1
        hops += (fan_y - 1) + rows * (fan_x - 1)
    return hops


@nested_kernel
def multiply_by_hops(
    axes: Int,
    temporal: Int,
    spatial_x: Int,
    spatial_y: Int,
    order_x: Int,
    order_y: Int,
    fanout: Int,
    topology: Int,
    packed: bool,
    hops: Float,
) -> None:
    """Multiply messages, ``hops`` [L, 3 operands], by the wires that one takes from an instance of its level to the children that need it.

    On a mesh a message enters at x = 0 and y = (Y - 1) / 2 of the X by Y children. It runs along that row to the farthest column of its
    group, and in each column that has a member to the lowest and to the highest of them; or along column 0, and in each row that has a
    member to the farthest of them: an operand's wires are laid out in whichever of the two ways is shorter. On a bus it drives all of the
    bus along y and of those along x in rows that have a member, but sums go from child to child until there is one; between neighbours
    every member takes one hop. The mean is over the groups of a level.
    axes [2, 2] : stride and dilation of height and width. temporal, spatial_x, spatial_y, order_x, order_y [L, 8] : loops. fanout [L, 2].
    topology [L] : MESH, BUS or NEIGHBOUR. packed : as the reference does it, rows first on a mesh, and children numbered along x over
    those in use and laid out row by row over the mesh; else a child's place is its own.
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
                    operand, level, tile, axes, spatial_x, spatial_y, order_x, order_y, fanout, topology[level], packed
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
    topology: int,
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
    start, member = np.empty(groups + 2, np.int64), np.empty(wide * high, np.int64)
    _members(group, groups, start, member)
    centre = (fanout[level, 1] - 1) / 2.0
    if packed:
        return _along_a_row(start, member, groups, fanout[level, 0], centre) / groups
    if topology == NEIGHBOUR:
        return wide * high / groups
    if topology == BUS:
        return _along_buses(start, member, groups, wide, fanout[level, 0], fanout[level, 1], operand == OUTPUT) / groups
    along_a_row = _along_a_row(start, member, groups, wide, centre)
    return min(along_a_row, _along_a_column(start, member, groups, wide, centre)) / groups
