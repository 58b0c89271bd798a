"""Sets of sums, and the wires that a message to a group of children takes."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import inline_kernel
from hwsim.kernels.packed import INPUT, WEIGHT, C, G, HierarchyArrays, Int, K, MappingArrays, N, NestArrays, P, Q, R, S


@inline_kernel
def gcd(one: int, other: int) -> int:
    """Greatest common divisor of two whole numbers, not both 0."""
    while other:
        one, other = other, one % other
    return one


@inline_kernel
def sums(count: int, step: int, other_count: int, other_step: int) -> int:
    """Different values of i*step + j*other_step, 0 <= i < count, 0 <= j < other_count; steps from 1 on.

    With steps a*g and b*g, (i, j) and (i - b, j + a) give the same value, and only such chains do: one value a chain.
    """
    divisor = gcd(step, other_step)
    return count * other_count - max(0, count - other_step // divisor) * max(0, other_count - step // divisor)


@inline_kernel
def _place(index: int, factors: Int, order: Int, digits: Int) -> None:
    """Digits [8] of a child's place on one axis; the first dim of ``order`` varies first."""
    for place in range(8):
        dim = order[place]
        digits[dim] = index % factors[dim]
        index //= factors[dim]


@inline_kernel
def _label(
    operand: int,
    along_x: Int,
    along_y: Int,
    tile: Int,
    nest: NestArrays,
    mapping: MappingArrays,
    level: int,
    label: Int,
) -> None:
    """What a child at the given digits holds of an operand: equal labels [5] where the boxes are equal."""
    label[:] = 0
    for dim in range(8):
        offset = along_x[dim] + along_y[dim] * mapping.spatial_x[level, dim]
        if operand == INPUT:
            if dim == N:
                label[0] = offset
            elif dim == G:
                label[1] = offset
            elif dim == C:
                label[2] = offset
            elif dim == Q:
                label[3] += offset * tile[Q] * nest.stride[0]
            elif dim == S:
                label[3] += offset * tile[S] * nest.dilation[0]
            elif dim == P:
                label[4] += offset * tile[P] * nest.stride[1]
            elif dim == R:
                label[4] += offset * tile[R] * nest.dilation[1]
        elif operand == WEIGHT:
            if dim == G:
                label[0] = offset
            elif dim == K:
                label[1] = offset
            elif dim == C:
                label[2] = offset
            elif dim == S:
                label[3] = offset
            elif dim == R:
                label[4] = offset
        elif dim == N:
            label[0] = offset
        elif dim == G:
            label[1] = offset
        elif dim == K:
            label[2] = offset
        elif dim == Q:
            label[3] = offset
        elif dim == P:
            label[4] = offset


@inline_kernel
def mean_hops(
    operand: int,
    level: int,
    tile: Int,
    nest: NestArrays,
    hierarchy: HierarchyArrays,
    mapping: MappingArrays,
    packed: bool,
) -> float:
    """Wires that one word takes from an instance of ``level`` to the children that need it, averaged over their groups [hop].

    A message enters at x = 0 and y = (Y - 1) / 2 of the X by Y mesh of children, runs along that row to the farthest column of its group,
    and in each column that has a member runs to the lowest and to the highest of them.
    packed : children are numbered along x over those in use and laid out row by row over the mesh, as the reference does it; else
    a child's place is its own. tile [8] : extents of a child.
    """
    wide = high = 1
    for dim in range(8):
        wide *= mapping.spatial_x[level, dim]
        high *= mapping.spatial_y[level, dim]
    children = wide * high
    mesh_x = max(1, hierarchy.fanout[level, 0])
    centre = (hierarchy.fanout[level, 1] - 1) / 2.0
    along_x, along_y, label = np.zeros(8, np.int64), np.zeros(8, np.int64), np.zeros(5, np.int64)
    seen = np.zeros((children, 5), np.int64)
    size = 2
    while size < 2 * children:
        size *= 2
    table = np.full(size, -1, np.int64)
    group = np.empty(children, np.int64)
    groups = 0
    for child in range(children):
        _place(child % wide, mapping.spatial_x[level], mapping.order_x[level], along_x)
        _place(child // wide, mapping.spatial_y[level], mapping.order_y[level], along_y)
        _label(operand, along_x, along_y, tile, nest, mapping, level, label)
        slot = _hash(label) & (size - 1)
        while table[slot] >= 0 and not _equal(seen[table[slot]], label):
            slot = (slot + 1) & (size - 1)
        if table[slot] < 0:
            table[slot] = groups
            seen[groups, :] = label
            groups += 1
        group[child] = table[slot]
    return _hops_of(group, groups, wide, mesh_x, centre, packed) / groups


@inline_kernel
def _hash(label: Int) -> int:
    mixed = 0
    for value in label:
        mixed = (mixed * 1000003 + value) & 0xFFFFFFFF
    return mixed ^ (mixed >> 15)


@inline_kernel
def _equal(one: Int, other: Int) -> bool:
    for place in range(5):
        if one[place] != other[place]:
            return False
    return True


@inline_kernel
def _hops_of(group: Int, groups: int, wide: int, mesh_x: int, centre: float, packed: bool) -> float:
    """Wires of all groups' messages. group [children] : the group of each child."""
    children = group.shape[0]
    start = np.zeros(groups + 1, np.int64)
    for child in range(children):
        start[group[child] + 1] += 1
    for index in range(groups):
        start[index + 1] += start[index]
    member = np.empty(children, np.int64)
    filled = start.copy()
    for child in range(children):
        member[filled[group[child]]] = child
        filled[group[child]] += 1
    columns = max(mesh_x, wide)
    lowest, highest = np.empty(columns, np.int64), np.empty(columns, np.int64)
    row = mesh_x if packed else wide
    hops = 0.0
    for index in range(groups):
        lowest[:] = -1
        farthest = 0
        for place in range(start[index], start[index + 1]):
            x, y = member[place] % row, member[place] // row
            farthest = max(farthest, x)
            if lowest[x] < 0:
                lowest[x], highest[x] = y, y
            lowest[x], highest[x] = min(lowest[x], y), max(highest[x], y)
        hops += farthest
        for x in range(farthest + 1):
            if lowest[x] >= 0:
                hops += max(0.0, centre - lowest[x]) + max(0.0, highest[x] - centre)
    return hops
