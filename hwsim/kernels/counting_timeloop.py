"""Counts as the reference program makes them: bounding boxes, two samples a loop, perfect factors.

Every loop of bound n is sampled at its indices 0 and 1, the latter with weight n - 1, and a box is compared with the box sampled before.
With d_b the translation of the box by one step of loop b, advancing loop a translates it by t_a = d_a - sum of d_b over the loops b inside
of a. Let z be the innermost loop that moves the box. Steps of z always follow a refetch or another step of z, so they keep the overlap;
a step of an outer loop follows a step of z, so it keeps the overlap only where t_a = d_z, costs nothing where t_a = 0, and otherwise
fetches the whole box. That makes the sum over samples a product over loops: the box times the trips of z and of all loops outside of it,
less what z keeps, and less what those few loops outside keep that move the box along the same axis before any loop moves it elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwsim.kernels.counting_hops import sums
from hwsim.kernels.jit import merged_kernel, nested_kernel
from hwsim.kernels.packed import (
    FILL,
    INPUT,
    OUTPUT,
    READ,
    UPDATE,
    WEIGHT,
    Bool,
    C,
    CountArrays,
    G,
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

#: Columns of a table of loops.
_DIM, _FACTOR, _STEP = range(3)


class Work(NamedTuple):
    """Room to count in.

    tile [L + 1, 8] : extents inside of each level. fan [L, 8] : children of one instance by dim. loops [8 L, 3] : dim, factor and step of
    the temporal loops of a factor above 1, from the inside. first [L + 1] : the first of them at each level or outside of it. outer
    [8 L + 1] : product of the factors of a loop and of all outside of it. moved [L] : words that a child of each level takes in.
    """

    tile: Int
    fan: Int
    loops: Int
    first: Int
    outer: Int
    moved: Int


@nested_kernel
def work_for(levels: int) -> Work:
    """Room for a hierarchy of so many levels."""
    return Work(
        np.ones((levels + 1, 8), np.int64),
        np.ones((levels, 8), np.int64),
        np.zeros((8 * levels, 3), np.int64),
        np.zeros(levels + 1, np.int64),
        np.ones(8 * levels + 1, np.int64),
        np.zeros(levels, np.int64),
    )


@merged_kernel
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


@merged_kernel
def _reach(level: int, extents: Int, axis: int, axes: Int) -> int:
    """Rows (axis 0) or columns (axis 1) of the input's box."""
    return (extents[level, Q + axis] - 1) * axes[axis, 0] + (extents[level, S + axis] - 1) * axes[axis, 1] + 1


@merged_kernel
def _relevant(dim: int, operand: int) -> bool:
    if operand == INPUT:
        return dim != K
    if operand == WEIGHT:
        return dim not in (N, Q, P)
    return dim not in (C, S, R)


@merged_kernel
def _lay_out(row: int, mappings: MappingArrays, work: Work) -> int:
    """Extents and loops of mapping ``row`` into ``work``; returns how many temporal loops there are."""
    tile, fan, loops, first, outer = work.tile, work.fan, work.loops, work.first, work.outer
    temporal, spatial_x, spatial_y, order = mappings.temporal, mappings.spatial_x, mappings.spatial_y, mappings.order
    levels, number = fan.shape[0], 0
    for level in range(levels):
        first[level] = number
        for dim in range(8):
            fan[level, dim] = spatial_x[row, level, dim] * spatial_y[row, level, dim]
            tile[level + 1, dim] = tile[level, dim] * fan[level, dim] * temporal[row, level, dim]
        for place in range(8):
            dim = order[row, level, place]
            factor = temporal[row, level, dim]
            if factor > 1:
                loops[number, _DIM], loops[number, _FACTOR] = dim, factor
                loops[number, _STEP] = tile[level, dim] * fan[level, dim]
                number += 1
    first[levels] = number
    outer[number] = 1
    for place in range(number - 1, -1, -1):
        outer[place] = outer[place + 1] * loops[place, _FACTOR]
    return number


@merged_kernel
def _moved(operand: int, number: int, work: Work, axes: Int) -> None:
    """Words that one child of each level takes in over the run, ``work.moved``, for the sampled loops of the level and above."""
    tile, loops, first, outer, moved = work.tile, work.loops, work.first, work.outer, work.moved
    for level in range(1, moved.shape[0]):
        volume = box(level, tile, operand, axes)
        place = first[level]
        while place < number and not _relevant(loops[place, _DIM], operand):
            place += 1
        moved[level] = volume * outer[place]
        if operand != INPUT or place == number or loops[place, _DIM] < Q:
            continue
        axis = (loops[place, _DIM] - Q) & 1
        step = loops[place, _STEP] * axes[axis, (loops[place, _DIM] - Q) >> 1]
        reach, passed = _reach(level, tile, axis, axes), step
        kept = volume // reach * max(0, reach - step)
        moved[level] -= kept * (outer[place] - outer[place + 1])
        for beyond in range(place + 1, number):
            dim = loops[beyond, _DIM]
            if dim == K:
                continue
            if dim < Q or (dim - Q) & 1 != axis:
                break
            ahead = loops[beyond, _STEP] * axes[axis, (dim - Q) >> 1]
            if ahead - passed == step:
                moved[level] -= kept * (outer[beyond] - outer[beyond + 1])
            elif ahead == passed:
                moved[level] -= volume * (outer[beyond] - outer[beyond + 1])
            passed += ahead


@merged_kernel
def _groups(level: int, operand: int, fan: Int, tile: Int, axes: Int) -> int:
    """Children of one instance of ``level`` with different boxes. fan [L, 8] : children by dim; tile [L + 1, 8] : extents of one."""
    if operand == WEIGHT:
        return fan[level, G] * fan[level, K] * fan[level, C] * fan[level, S] * fan[level, R]
    if operand == OUTPUT:
        return fan[level, N] * fan[level, G] * fan[level, K] * fan[level, Q] * fan[level, P]
    groups = fan[level, N] * fan[level, G] * fan[level, C]
    for axis in range(2):
        positions, taps = fan[level, Q + axis], fan[level, S + axis]
        if positions == 1 or taps == 1:
            groups *= positions * taps
        else:
            step, tap_step = tile[level, Q + axis] * axes[axis, 0], tile[level, S + axis] * axes[axis, 1]
            groups *= sums(positions, step, taps, tap_step)
    return groups


@merged_kernel
def count_timeloop(row: int, pass_level: int, axes: Int, mappings: MappingArrays, work: Work, out: CountArrays) -> None:
    """Count mapping ``row`` of many, valid and with perfect factors, into ``out``, all of it written but what is 0 in these rules."""
    fan, tile, moved, keep = work.fan, work.tile, work.moved, mappings.keep
    spatial_x, spatial_y = mappings.spatial_x, mappings.spatial_y
    busiest, used, network_busiest, hops = out.busiest, out.used, out.network_busiest, out.hops
    levels = fan.shape[0]
    number = _lay_out(row, mappings, work)
    across = down = 1
    for level in range(levels - 1, -1, -1):
        used[level, 0], used[level, 1] = across, down
        for dim in range(8):
            across *= spatial_x[row, level, dim]
            down *= spatial_y[row, level, dim]
    steps, pes = work.outer[0], across * down
    out.scalars[0], out.scalars[2], out.scalars[3] = steps, steps * pes, pes
    out.scalars[1] = work.outer[work.first[pass_level]] if pass_level >= 0 else 1
    for operand in range(3):
        _moved(operand, number, work, axes)
        moved[0] = content = steps
        for level in range(levels):
            if level > 0:
                kept = keep[row, level - 1, operand]
                busiest[level - 1, operand, FILL] = moved[level] if kept else 0
                if kept:
                    content = moved[level]
            groups = _groups(level, operand, fan, tile, axes)
            content *= groups
            network_busiest[level, operand, 1 if operand == OUTPUT else 0] = content
            hops[level, operand] = groups * moved[level] * used[level, 0] * used[level, 1]
            kept = keep[row, level, operand]
            out.tile[level, operand] = box(level + 1, tile, operand, axes) if kept else 0
            busiest[level, operand, READ] = content if kept else 0
            busiest[level, operand, UPDATE] = 0
        busiest[levels - 1, operand, FILL] = 0
    _elide(row, keep, work, axes, out)
    _total(out)


@merged_kernel
def _elide(row: int, keep: Bool, work: Work, axes: Int, out: CountArrays) -> None:
    """Outputs: what a level reads are updates, and the first of each sum finds nothing to read; nor does the first fill.

    An instance's share of the tensor is that of the level outside of it by the children with outputs of their own.
    """
    fan, tile, busiest, network_busiest = work.fan, work.tile, out.busiest, out.network_busiest
    levels = fan.shape[0]
    part = box(levels, tile, OUTPUT, axes)
    # the reference counts sums that come back at the outermost wires only
    network_busiest[levels - 1, OUTPUT, 0] = network_busiest[levels - 1, OUTPUT, 1] - part
    for level in range(levels - 1, -1, -1):
        if level < levels - 1:
            part //= _groups(level + 1, OUTPUT, fan, tile, axes)
        if keep[row, level, OUTPUT]:
            busiest[level, OUTPUT, UPDATE] = busiest[level, OUTPUT, READ]
            busiest[level, OUTPUT, READ] -= part
            if level < levels - 1:
                busiest[level, OUTPUT, FILL] -= part


@merged_kernel
def _total(out: CountArrays) -> None:
    """All instances are alike, and all outputs final."""
    busiest, used, network_busiest = out.busiest, out.used, out.network_busiest
    for level in range(used.shape[0]):
        instances = used[level, 0] * used[level, 1]
        for operand in range(3):
            for direction in range(3):
                out.accesses[level, operand, direction] = busiest[level, operand, direction] * instances
            for direction in range(2):
                out.network[level, operand, direction] = network_busiest[level, operand, direction] * instances
        for direction in range(3):
            out.busiest_final[level, direction] = busiest[level, OUTPUT, direction]
            out.final[level, direction] = out.accesses[level, OUTPUT, direction]
        out.network_final[level, 0] = out.network[level, OUTPUT, 1]
        out.network_final[level, 1] = network_busiest[level, OUTPUT, 1]


@nested_kernel
def axes_of(nest: NestArrays) -> Int:
    """Stride and dilation [2, 2] of height and width."""
    axes = np.empty((2, 2), np.int64)
    for axis in range(2):
        axes[axis, 0], axes[axis, 1] = nest.stride[axis], nest.dilation[axis]
    return axes
