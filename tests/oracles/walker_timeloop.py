"""The reference program's counting, written down naively from its documented semantics: sampled steps, boxes, groups, bypass, shares.

Every loop is visited at indices 0 and 1, in nest order; boxes are compared one after the other; children are enumerated. Only perfect
factors. ``walk_timeloop`` makes the arrays that the kernel makes, hops apart.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

from hwsim.kernels.packed import CountArrays, empty_counts
from hwsim.mapping import Hierarchy, Mapping
from hwsim.workload import DIMS, LoopNest
from tests.oracles.walker import FILL, OUTPUT, READ, UPDATE, Loop, loops_of

Box = tuple[tuple[int, int], ...]
SPACES = ("NGC", "GKCSR", "NGKQP")


def box(nest: LoopNest, operand: int, start: dict[str, int], extent: dict[str, int]) -> Box:
    """(first, extent) along each axis of an operand's bounding box."""
    found = [(start[dim], extent[dim]) for dim in SPACES[operand]]
    if operand == 0:
        for x, k, stride, dilation in (
            ("Q", "S", nest.stride_h, nest.dilation_h),
            ("P", "R", nest.stride_w, nest.dilation_w),
        ):
            found.append(
                (start[x] * stride + start[k] * dilation, (extent[x] - 1) * stride + (extent[k] - 1) * dilation + 1)
            )
    return tuple(found)


def volume(of: Box) -> int:
    return math.prod(extent for _, extent in of)


def overlap(one: Box, other: Box) -> int:
    return math.prod(max(0, min(a + m, b + n) - max(a, b)) for (a, m), (b, n) in zip(one, other, strict=True))


def inside(loops: list[Loop], level: int, kinds: str = "") -> dict[str, int]:
    """Extents inside of a level; with ``kinds``, of its loops of these kinds and all that is inside of it."""
    found = dict.fromkeys(DIMS, 1)
    for loop in loops:
        if loop.level < level or (loop.level == level and (not kinds or loop.kind in kinds)):
            found[loop.dim] *= loop.factor
    return {str(dim): extent for dim, extent in found.items()}


def moved(nest: LoopNest, operand: int, loops: list[Loop], child: int) -> int:
    """Words that the child at index 0 takes in, by sampled visits."""
    extent = inside(loops, child)
    outside = [loop for loop in loops if loop.level > child and loop.kind == "t" and loop.factor > 1]
    total, before, stride = 0, None, None
    for visit in itertools.product((0, 1), repeat=len(outside)):
        weight = math.prod(loop.factor - 1 for loop, index in zip(outside, visit, strict=True) if index)
        start = dict.fromkeys(map(str, DIMS), 0)
        for loop, index in zip(outside, visit, strict=True):
            start[loop.dim] += index * loop.step
        here = box(nest, operand, start, extent)
        if before is None:
            total += volume(here)
        else:
            step = tuple(a - b for (a, _), (b, _) in zip(here, before, strict=True))
            if any(step):
                if stride is None or step == stride:
                    total += weight * (volume(here) - overlap(here, before))
                    stride = step
                else:
                    total += weight * volume(here)
                    stride = None
        before = here
    return total


def groups(nest: LoopNest, operand: int, loops: list[Loop], level: int) -> Counter[Box]:
    """Children of one instance of ``level``, by their boxes."""
    extent = inside(loops, level - 1)
    spread = [loop for loop in loops if loop.level == level and loop.kind in "xy"]
    found: Counter[Box] = Counter()
    for child in itertools.product(*(range(loop.factor) for loop in spread)):
        start = dict.fromkeys(map(str, DIMS), 0)
        for loop, index in zip(spread, child, strict=True):
            start[loop.dim] += index * loop.step
        found[box(nest, operand, start, extent)] += 1
    return found


def walk_timeloop(nest: LoopNest, hierarchy: Hierarchy, mapping: Mapping) -> CountArrays:
    """Counts of one repeat in the timeloop rules."""
    loops = loops_of(mapping)
    depth = len(hierarchy.levels)
    out = empty_counts(depth)
    steps = math.prod(loop.factor for loop in loops if loop.kind == "t")
    used = [
        math.prod(loop.factor for loop in loops if loop.kind != "t" and loop.level > level) for level in range(depth)
    ]
    fanout = [
        math.prod(loop.factor for loop in loops if loop.kind != "t" and loop.level == level) for level in range(depth)
    ]
    zero = dict.fromkeys(map(str, DIMS), 0)
    for operand in range(3):
        taken = [steps, *(moved(nest, operand, loops, level - 1) for level in range(1, depth))]
        members = [groups(nest, operand, loops, level) for level in range(depth)]
        accesses = [[Fraction(taken[level])] * len(members[level]) for level in range(depth)]
        content = [sum(each) for each in accesses]
        share = list(taken)
        part = [0] * depth
        part[-1] = volume(box(nest, operand, zero, inside(loops, depth - 1)))
        for level in range(depth - 2, -1, -1):
            part[level] = part[level + 1]
            if fanout[level + 1] > 1:
                tile = volume(box(nest, operand, zero, inside(loops, level)))
                part[level] = part[level] * tile // volume(box(nest, operand, zero, inside(loops, level + 1, "xy")))
        for level in range(depth - 1):
            if not mapping.levels[level].keep[operand]:
                delivered = sum(
                    count * each for count, each in zip(members[level + 1].values(), accesses[level + 1], strict=True)
                )
                ratio = content[level] * fanout[level + 1] / delivered
                accesses[level + 1] = [each * ratio for each in accesses[level + 1]]
                content[level + 1] = sum(accesses[level + 1])
        for level in range(depth):
            if not mapping.levels[level].keep[operand]:
                continue
            out.tile[level, operand] = volume(box(nest, operand, zero, inside(loops, level)))
            elided = part[level] if operand == OUTPUT else 0
            out.busiest[level, operand, UPDATE if operand == OUTPUT else READ] = content[level]
            if operand == OUTPUT:
                out.busiest[level, operand, READ] = content[level] - elided
            if level < depth - 1:
                out.busiest[level, operand, FILL] = share[level + 1] - elided
            out.accesses[level, operand] = out.busiest[level, operand] * used[level]
    out.scalars[0], out.scalars[2] = steps, nest.macs // nest.repeat
    out.scalars[3] = used[0] * fanout[0]
    return out
