"""Counts as the reference program makes them: bounding boxes, two samples a loop, perfect factors.

Every loop of bound n is sampled at its indices 0 and 1, the latter with weight n - 1, and a box is compared with the box sampled before.
With d_b the translation of the box by one step of loop b, advancing loop a translates it by t_a = d_a - sum of d_b over the loops b inside
of a. Let z be the innermost loop that moves the box. Steps of z always follow a refetch or another step of z, so they keep the overlap;
a step of an outer loop follows a step of z, so it keeps the overlap only where t_a = d_z, costs nothing where t_a = 0, and otherwise
fetches the whole box. That makes the sum over samples a product over loops.
"""

from __future__ import annotations

import numpy as np

from hwsim.kernels.counting_hops import gcd, sums
from hwsim.kernels.jit import kernel, nested_kernel
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


@nested_kernel
def box(level: int, extents: Int, operand: int, axes: Int) -> int:
    """Words in the bounding box of one operand for the extents [., 8] of ``level``.

    axes [2, 2] : stride and dilation of height and width.
    """
    if operand == WEIGHT:
        return extents[level, G] * extents[level, K] * extents[level, C] * extents[level, S] * extents[level, R]
    images = extents[level, N] * extents[level, G]
    if operand == OUTPUT:
        return images * extents[level, K] * extents[level, Q] * extents[level, P]
    return images * extents[level, C] * _reach(level, extents, 0, axes) * _reach(level, extents, 1, axes)


@nested_kernel
def _reach(level: int, extents: Int, axis: int, axes: Int) -> int:
    """Rows (axis 0) or columns (axis 1) of the input's box."""
    return (extents[level, Q + axis] - 1) * axes[axis, 0] + (extents[level, S + axis] - 1) * axes[axis, 1] + 1


@nested_kernel
def _relevant(dim: int, operand: int) -> bool:
    if operand == INPUT:
        return dim != K
    if operand == WEIGHT:
        return dim not in (N, Q, P)
    return dim not in (C, S, R)


@nested_kernel
def _moved(level: int, operand: int, tile: Int, spread: Int, temporal: Int, order: Int, axes: Int) -> int:
    """Words that one child of ``level`` takes in over the run, for the sampled loops of ``level`` and above.

    tile [L + 1, 8] : extents inside of each level; spread [L, 8] : steps of its temporal loops.
    """
    levels = temporal.shape[0]
    volume = box(level, tile, operand, axes)
    trips = 1
    for outer in range(level, levels):
        for dim in range(8):
            trips *= temporal[outer, dim]
    moved, passed = volume, 1
    slides = -1  # axis of the image that the innermost relevant loop moves along; 2 where it moves along none
    kept = stride = rows = columns = 0
    other = False
    for outer in range(level, levels):
        for place in range(8):
            dim = order[outer, place]
            bound = temporal[outer, dim]
            if bound == 1:
                continue
            passed *= bound
            weight = (bound - 1) * (trips // passed)
            relevant = _relevant(dim, operand)
            if slides < 0 and not relevant:
                continue
            axis, step = 2, 0
            if relevant and operand == INPUT and dim >= Q:
                axis = (dim - Q) & 1
                step = spread[outer, dim] * axes[axis, (dim - Q) >> 1]
            own = relevant and axis == 2
            ahead_rows, ahead_columns = (step if axis == 0 else 0) - rows, (step if axis == 1 else 0) - columns
            if slides < 0:
                slides, stride = axis, step
                if axis < 2:
                    reach = _reach(level, tile, axis, axes)
                    kept = volume // reach * max(0, reach - step)
                moved += weight * (volume - kept)
            elif slides == 2 or own or other:
                moved += weight * volume
            elif ahead_rows == (stride if slides == 0 else 0) and ahead_columns == (stride if slides == 1 else 0):
                moved += weight * (volume - kept)
            elif ahead_rows != 0 or ahead_columns != 0:
                moved += weight * volume
            other = other or own
            rows += step if axis == 0 else 0
            columns += step if axis == 1 else 0
    return moved


@nested_kernel
def _groups(level: int, operand: int, fan: Int, tile: Int, axes: Int) -> int:
    """Children of one instance of ``level`` with different boxes. fan [L, 8] : children by dim; tile [L + 1, 8] : extents of one."""
    if operand == WEIGHT:
        return fan[level, G] * fan[level, K] * fan[level, C] * fan[level, S] * fan[level, R]
    if operand == OUTPUT:
        return fan[level, N] * fan[level, G] * fan[level, K] * fan[level, Q] * fan[level, P]
    rows = sums(fan[level, Q], tile[level, Q] * axes[0, 0], fan[level, S], tile[level, S] * axes[0, 1])
    columns = sums(fan[level, P], tile[level, P] * axes[1, 0], fan[level, R], tile[level, R] * axes[1, 1])
    return fan[level, N] * fan[level, G] * fan[level, C] * rows * columns


@nested_kernel
def _extents(temporal: Int, spatial_x: Int, spatial_y: Int, tile: Int, spread: Int, fan: Int) -> None:
    """Extents of what lies inside of each level (``tile`` [L + 1, 8]) and of all its children together (``spread`` [L, 8])."""
    for dim in range(8):
        tile[0, dim] = 1
    for level in range(temporal.shape[0]):
        for dim in range(8):
            fan[level, dim] = spatial_x[level, dim] * spatial_y[level, dim]
            spread[level, dim] = tile[level, dim] * fan[level, dim]
            tile[level + 1, dim] = spread[level, dim] * temporal[level, dim]


@nested_kernel
def _shares(operand: int, tile: Int, spread: Int, axes: Int, part: Int) -> None:
    """Share of one instance of each level in the tensor, ``part`` [L]."""
    levels = part.shape[0]
    part[levels - 1] = box(levels, tile, operand, axes)
    for level in range(levels - 2, -1, -1):
        part[level] = part[level + 1]
        held, covered = box(level + 1, tile, operand, axes), box(level + 1, spread, operand, axes)
        if held != covered:
            divisor = gcd(held, covered)  # keeps the product within 64 bits
            part[level] = part[level] * (held // divisor) // (covered // divisor)


@nested_kernel
def _used(axis: int, spatial: Int, used: Int) -> int:
    """Instances at work along one axis of the mesh, ``used`` [L, 2]; returns the PEs."""
    running = 1
    for level in range(spatial.shape[0] - 1, -1, -1):
        used[level, axis] = running
        for dim in range(8):
            running *= spatial[level, dim]
    return running


@kernel
def count_timeloop(nest: NestArrays, hierarchy: HierarchyArrays, mapping: MappingArrays, out: CountArrays) -> None:
    """Count one valid mapping with perfect factors into ``out``, with messages in ``out.hops`` for ``multiply_by_hops``.

    Source: the semantics of the reference program, measured on it.
    """
    temporal, order, keep = mapping.temporal, mapping.order, mapping.keep
    spatial_x, spatial_y = mapping.spatial_x, mapping.spatial_y
    busiest, used = out.busiest, out.used
    network, network_busiest = out.network, out.network_busiest
    levels = temporal.shape[0]
    tile = np.empty((levels + 1, 8), np.int64)
    spread, fan = np.empty((levels, 8), np.int64), np.empty((levels, 8), np.int64)
    axes = np.empty((2, 2), np.int64)
    for axis in range(2):
        axes[axis, 0], axes[axis, 1] = nest.stride[axis], nest.dilation[axis]
    part = np.empty(levels, np.int64)
    _extents(temporal, spatial_x, spatial_y, tile, spread, fan)
    pes = _used(0, spatial_x, used) * _used(1, spatial_y, used)
    steps = passes = 1
    for level in range(levels):
        for dim in range(8):
            steps *= temporal[level, dim]
            if 0 <= hierarchy.pass_level <= level:
                passes *= temporal[level, dim]
    out.scalars[0], out.scalars[1], out.scalars[2], out.scalars[3] = steps, passes, steps * pes, pes
    for operand in range(3):
        _shares(operand, tile, spread, axes, part)
        content = 0
        for level in range(levels):
            moved = steps
            if level > 0:
                moved = _moved(level, operand, tile, spread, temporal, order, axes)
                if keep[level - 1, operand]:
                    busiest[level - 1, operand, FILL] = moved - (part[level - 1] if operand == OUTPUT else 0)
                    content = moved
            else:
                content = moved
            groups = _groups(level, operand, fan, tile, axes)
            content *= groups
            network_busiest[level, operand, 1 if operand == OUTPUT else 0] = content
            if (
                operand == OUTPUT and level == levels - 1
            ):  # the reference counts sums that come back at the outermost wires only
                network_busiest[level, operand, 0] = content - part[level]
            out.hops[level, operand] = groups * moved * used[level, 0] * used[level, 1]
            if keep[level, operand]:
                out.tile[level, operand] = box(level + 1, tile, operand, axes)
                busiest[level, operand, UPDATE if operand == OUTPUT else READ] = content
                if operand == OUTPUT:
                    busiest[level, operand, READ] = content - part[level]
    for level in range(levels):
        instances = used[level, 0] * used[level, 1]
        for operand in range(3):
            for direction in range(3):
                out.accesses[level, operand, direction] = busiest[level, operand, direction] * instances
            for direction in range(2):
                network[level, operand, direction] = network_busiest[level, operand, direction] * instances
        for direction in range(3):
            out.busiest_final[level, direction] = busiest[level, OUTPUT, direction]
            out.final[level, direction] = busiest[level, OUTPUT, direction] * instances
        out.network_final[level, 0], out.network_final[level, 1] = (
            network[level, OUTPUT, 1],
            network_busiest[level, OUTPUT, 1],
        )
