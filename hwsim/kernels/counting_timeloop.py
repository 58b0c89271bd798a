"""Counts as the reference program makes them: bounding boxes, two samples a loop, perfect factors.

Every loop of bound n is sampled at its indices 0 and 1, the latter with weight n - 1, and a box is compared with the box sampled before.
With d_b the translation of the box by one step of loop b, advancing loop a translates it by t_a = d_a - sum of d_b over the loops b inside
of a. Let z be the innermost loop that moves the box. Steps of z always follow a refetch or another step of z, so they keep the overlap;
a step of an outer loop follows a step of z, so it keeps the overlap only where t_a = d_z, costs nothing where t_a = 0, and otherwise
fetches the whole box. That makes the sum over samples a product over loops.
"""

from __future__ import annotations

import numpy as np

from hwsim.kernels.counting_hops import gcd, mean_hops, sums
from hwsim.kernels.jit import inline_kernel, kernel
from hwsim.kernels.packed import (
    FILL,
    INPUT,
    OUTPUT,
    READ,
    UPDATE,
    WEIGHT,
    C,
    CountArrays,
    G,
    HierarchyArrays,
    Int,
    K,
    MappingArrays,
    N,
    NestArrays,
    P,
    Q,
    R,
    S,
)

#: Axis of the input's box that a dim moves; K moves none.
_AXIS = (0, 1, -1, 2, 3, 4, 3, 4)


@inline_kernel
def box(extents: Int, operand: int, nest: NestArrays) -> int:
    """Words in the bounding box of one operand for a tile of ``extents`` [8]."""
    if operand == WEIGHT:
        return extents[G] * extents[K] * extents[C] * extents[S] * extents[R]
    if operand == OUTPUT:
        return extents[N] * extents[G] * extents[K] * extents[Q] * extents[P]
    height = (extents[Q] - 1) * nest.stride[0] + (extents[S] - 1) * nest.dilation[0] + 1
    width = (extents[P] - 1) * nest.stride[1] + (extents[R] - 1) * nest.dilation[1] + 1
    return extents[N] * extents[G] * extents[C] * height * width


@inline_kernel
def _relevant(dim: int, operand: int) -> bool:
    if operand == INPUT:
        return dim != K
    if operand == WEIGHT:
        return dim not in (N, Q, P)
    return dim not in (C, S, R)


@inline_kernel
def _component(dim: int, step: int, nest: NestArrays) -> tuple[int, int]:
    """Where a step of ``dim`` moves the input's box: axis (0 to 4: N, G, C, height, width) and distance."""
    axis = _AXIS[dim]
    if axis < 3:
        return axis, step
    if dim in (Q, P):
        return axis, step * nest.stride[axis - 3]
    return axis, step * nest.dilation[axis - 3]


@inline_kernel
def _moved(level: int, operand: int, tile: Int, inner: Int, nest: NestArrays, mapping: MappingArrays) -> int:
    """Words that one child of ``level`` takes in over the run, for the sampled loops of ``level`` and above.

    tile [8] : extents of the child. inner [L, 8] : step of each temporal loop.
    """
    levels = mapping.temporal.shape[0]
    volume = box(tile, operand, nest)
    trips = 1
    for outer in range(level, levels):
        for dim in range(8):
            trips *= mapping.temporal[outer, dim]
    found = False
    innermost_axis = innermost_step = 0
    behind = np.zeros(5, np.int64)
    moved = volume
    passed = 1
    for outer in range(level, levels):
        for place in range(8):
            dim = mapping.order[outer, place]
            bound = mapping.temporal[outer, dim]
            if bound == 1:
                continue
            passed *= bound
            weight = (bound - 1) * (trips // passed)
            relevant = _relevant(dim, operand)
            if not found and not relevant:
                continue
            if operand != INPUT:
                found = True
                moved += weight * volume
                continue
            axis, step = _component(dim, inner[outer, dim], nest) if relevant else (0, 0)
            if not found:
                found = True
                innermost_axis, innermost_step = axis, step
                moved += weight * (volume - _overlap(tile, axis, step, volume, nest))
                behind[axis] += step
                continue
            still = same = True
            for component in range(5):
                translation = (step if component == axis else 0) - behind[component]
                still = still and translation == 0
                same = same and translation == (innermost_step if component == innermost_axis else 0)
            if same:
                moved += weight * (volume - _overlap(tile, innermost_axis, innermost_step, volume, nest))
            elif not still:
                moved += weight * volume
            behind[axis] += step
    return moved


@inline_kernel
def _overlap(tile: Int, axis: int, step: int, volume: int, nest: NestArrays) -> int:
    """Words of the input's box that stay in it when it moves by ``step`` along ``axis``."""
    if axis == 0:
        extent = tile[N]
    elif axis == 1:
        extent = tile[G]
    elif axis == 2:
        extent = tile[C]
    elif axis == 3:
        extent = (tile[Q] - 1) * nest.stride[0] + (tile[S] - 1) * nest.dilation[0] + 1
    else:
        extent = (tile[P] - 1) * nest.stride[1] + (tile[R] - 1) * nest.dilation[1] + 1
    return volume // extent * max(0, extent - step)


@inline_kernel
def _groups(operand: int, fan: Int, tile: Int, nest: NestArrays) -> int:
    """Children of one instance with different boxes. fan [8] : children by dim; tile [8] : extents of one child."""
    if operand == WEIGHT:
        return fan[G] * fan[K] * fan[C] * fan[S] * fan[R]
    if operand == OUTPUT:
        return fan[N] * fan[G] * fan[K] * fan[Q] * fan[P]
    rows = sums(fan[Q], tile[Q] * nest.stride[0], fan[S], tile[S] * nest.dilation[0])
    columns = sums(fan[P], tile[P] * nest.stride[1], fan[R], tile[R] * nest.dilation[1])
    return fan[N] * fan[G] * fan[C] * rows * columns


@kernel
def count_timeloop(
    nest: NestArrays, hierarchy: HierarchyArrays, mapping: MappingArrays, all_hops: bool, out: CountArrays
) -> None:
    """Count one valid mapping with perfect factors into ``out``.

    all_hops : count hops at levels whose wires cost no energy, too. Source: the semantics of the reference program, measured on it.
    """
    levels = mapping.temporal.shape[0]
    tile = np.ones((levels + 1, 8), np.int64)
    spread = np.ones((levels, 8), np.int64)
    fan = np.ones((levels, 8), np.int64)
    steps = passes = 1
    for level in range(levels):
        for dim in range(8):
            if 0 <= hierarchy.pass_level <= level:
                passes *= mapping.temporal[level, dim]
            fan[level, dim] = mapping.spatial_x[level, dim] * mapping.spatial_y[level, dim]
            spread[level, dim] = tile[level, dim] * fan[level, dim]
            tile[level + 1, dim] = spread[level, dim] * mapping.temporal[level, dim]
            steps *= mapping.temporal[level, dim]
    out.used[levels - 1, :] = 1
    for level in range(levels - 1, 0, -1):
        for axis in range(2):
            out.used[level - 1, axis] = out.used[level, axis]
        for dim in range(8):
            out.used[level - 1, 0] *= mapping.spatial_x[level, dim]
            out.used[level - 1, 1] *= mapping.spatial_y[level, dim]
    pes = out.used[0, 0] * out.used[0, 1]
    for dim in range(8):
        pes *= fan[0, dim]
    out.scalars[0], out.scalars[1], out.scalars[2], out.scalars[3] = steps, passes, steps * pes, pes
    for operand in range(3):
        _count_operand(operand, steps, tile, spread, fan, nest, hierarchy, mapping, all_hops, out)


@inline_kernel
def _count_operand(
    operand: int,
    steps: int,
    tile: Int,
    spread: Int,
    fan: Int,
    nest: NestArrays,
    hierarchy: HierarchyArrays,
    mapping: MappingArrays,
    all_hops: bool,
    out: CountArrays,
) -> None:
    levels = fan.shape[0]
    part = np.empty(levels, np.int64)
    part[levels - 1] = box(tile[levels], operand, nest)
    for level in range(levels - 2, -1, -1):
        part[level] = part[level + 1]
        if _spreads(fan[level + 1]):
            held, covered = box(tile[level + 1], operand, nest), box(spread[level + 1], operand, nest)
            divisor = gcd(held, covered)  # keeps the product within 64 bits
            part[level] = part[level] * (held // divisor) // (covered // divisor)
    below = 0
    for level in range(levels):
        moved = steps if level == 0 else _moved(level, operand, tile[level], spread, nest, mapping)
        delivered = moved if level == 0 or mapping.keep[level - 1, operand] else below
        groups = _groups(operand, fan[level], tile[level], nest)
        content = groups * delivered
        below = content
        instances = out.used[level, 0] * out.used[level, 1]
        out.network_busiest[level, operand, 1 if operand == OUTPUT else 0] = content
        if operand == OUTPUT and level == levels - 1:  # the reference counts sums that come back at the outermost wires only
            out.network_busiest[level, operand, 0] = content - part[level]
        for direction in range(2):
            out.network[level, operand, direction] = out.network_busiest[level, operand, direction] * instances
        if all_hops or hierarchy.hop_j[level] != 0:
            hops = mean_hops(operand, level, tile[level], nest, hierarchy, mapping, True)
            out.hops[level, operand] = hops * groups * moved * instances
        if level > 0 and mapping.keep[level - 1, operand]:
            filled = moved - (part[level - 1] if operand == OUTPUT else 0)
            out.busiest[level - 1, operand, FILL] = filled
        if mapping.keep[level, operand]:
            out.tile[level, operand] = box(tile[level + 1], operand, nest)
            if operand == OUTPUT:
                out.busiest[level, operand, UPDATE] = content
                out.busiest[level, operand, READ] = content - part[level]
            else:
                out.busiest[level, operand, READ] = content
    for level in range(levels):
        for direction in range(3):
            instances = out.used[level, 0] * out.used[level, 1]
            out.accesses[level, operand, direction] = out.busiest[level, operand, direction] * instances
            if operand == OUTPUT:
                out.busiest_final[level, direction] = out.busiest[level, operand, direction]
                out.final[level, direction] = out.accesses[level, operand, direction]
        if operand == OUTPUT:
            out.network_final[level, 0] = out.network[level, operand, 1]
            out.network_final[level, 1] = out.network_busiest[level, operand, 1]


@inline_kernel
def _spreads(fan: Int) -> bool:
    for dim in range(8):
        if fan[dim] > 1:
            return True
    return False
