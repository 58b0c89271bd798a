"""Whole mappings of one pattern: from a simple start to one that climbing makes no better."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hwsim.cost.scanning import growth
from hwsim.kernels.jit import passed
from hwsim.kernels.packed import Int, MappingArrays, empty_counts
from hwsim.kernels.scan import empty_scan, scan_exact, scan_timeloop
from hwsim.kernels.search_exchange import climb
from hwsim.kernels.search_terms import ADDRESSES, AT_MOST, FIXED, SPATIAL, Problem
from hwsim.kernels.search_whole import Chain, Exact, value_at
from hwsim.mapping.pack import pack_hierarchy, pack_nest, unpack_mapping
from hwsim.search.patterns import least_busy
from hwsim.search.progress import Progress
from hwsim.search.space import Keep, Space

#: The dims in their order.
_ORDER = np.arange(8)[None]
#: One call of Python's own is cheaper than compiling a way in.
_value_at = getattr(value_at, "py_func", value_at)


def improve(
    space: Space,
    problem: Problem,
    keep: Keep,
    along: tuple[Int, Int],
    absorbs: int,
    most: int,
    progress: Progress,
) -> float:
    """Climb from the mapping that leaves all trips to the level ``absorbs``, and keep it in ``progress`` if it is the best so far.

    most : mappings looked at, at most. along : children along x and y [L, 8].
    Returns what it costs, at least; infinity where it does not fit.
    """
    candidates = opened(*along, keep)
    temporal, chosen = candidates.temporal[0], np.zeros(space.levels, np.int64)
    begin(space, problem, absorbs, temporal)
    if not allowed(space, problem, temporal):
        return math.inf
    value, number = climbed(space, problem, candidates, chosen, most, progress)
    progress.priced += number
    return value


def climbed(
    space: Space,
    problem: Problem,
    candidates: MappingArrays,
    chosen: Int,
    most: int,
    progress: Progress,
) -> tuple[float, int]:
    """Climb from one mapping [1, L, .], with orders by number [L], in place; keep it in ``progress`` if it is the best so far.

    most : mappings looked at, at most. Returns what it costs, at least, and how many mappings were looked at.
    """
    temporal = candidates.temporal[0]
    reached, number = climb(problem, room_for(space, problem, temporal, chosen), most, True, math.inf)
    progress.evaluated += number
    if reached >= progress.value:
        return reached, number
    for level, choice in enumerate(chosen):
        candidates.order[0, level] = problem.orders[level, choice]
    exact = exact_of(space)
    counted_by(problem.nest)(*of_one(exact, candidates))
    value = _value_at(problem.nest, exact)
    if value < progress.value:
        progress.value = value
        progress.mapping = unpack_mapping(only(candidates, temporal, candidates.order[0]))
    return value, number


def begin(space: Space, problem: Problem, absorbs: int, temporal: Int) -> None:
    """Trips that are not fixed go to the level ``absorbs``, or the next one inside that may take them; temporal [L, 8] is written."""
    np.maximum(problem.factors[FIXED], 1, out=temporal)
    columns = zip(space.extents, *(problem.factors[of].T.tolist() for of in (FIXED, SPATIAL)), strict=True)
    for dim, (extent, fixed, spread) in enumerate(columns):
        free = [level for level, factor in enumerate(fixed) if not factor]
        if not free:
            continue
        here = max((level for level in free if level <= absorbs), default=free[0])
        inside, outside = extent, 1
        for level, (factor, children) in enumerate(zip(fixed, spread, strict=True)):
            if level > here:
                outside *= children * max(1, factor)
            else:
                inside = -(-inside // (children * max(1, factor)))
        temporal[here, dim] = -(-inside // outside)


def allowed(space: Space, problem: Problem, temporal: Int) -> bool:
    """Whether trips [L, 8] are no more than constraints allow, and make each dim exactly where factors must divide."""
    covered = (temporal * problem.factors[SPATIAL]).prod(axis=0)
    exact = not space.perfect or bool((covered == np.array(space.extents)).all())
    return exact and bool((temporal <= problem.factors[AT_MOST]).all())


def room_for(space: Space, problem: Problem, temporal: Int, chosen: Int) -> Chain:
    """Room to price mappings in, with trips [L, 8] and orders [L] by number, which climbing changes in place."""
    levels, each = space.levels, problem.base.shape[1]  # energy and resources
    now = np.ones((3, levels, 8), np.int64)
    return Chain(
        now=now,
        tiles=now[0],
        tile=now[1],
        temporal=temporal,
        chosen=chosen,
        trips=now[2],
        steps=np.zeros((1, 3, 8), np.int64),
        before=np.zeros((3, levels, 8), np.int64),
        steps_before=np.zeros((1, 3, 8), np.int64),
        sums=np.zeros((2, levels + 1, each)),
        reach=np.zeros(8, np.int64),
        state=np.zeros((5, 8), np.int64),
        held=np.zeros((2, 3)),
        moved=np.zeros(2),
        load=np.zeros(each - 1),
        total=np.zeros(each - 1),
    )


def climber(space: Space, problem: Problem) -> tuple[Any, Chain]:
    """What improves mappings for another kernel, or tells what they cost at least, and the room that it does so in."""
    room = room_for(space, problem, np.ones((space.levels, 8), np.int64), np.zeros(space.levels, np.int64))
    return passed(climb, (problem, room, 1, False, math.inf)), room


def exact_of(space: Space) -> Exact:
    """What counting a mapping of a space as a whole takes. In the reference's rules the search has arrays of its own."""
    packed = (
        (space.packed_nest, space.packed) if space.exact else (pack_nest(space.nest), pack_hierarchy(space.hierarchy))
    )
    return Exact(
        *packed,
        growth(space.nest),
        empty_counts(space.levels),
        empty_scan(1, space.levels),
        least_busy(space),
    )


def counted_by(nest: Int) -> Callable[..., None]:
    """What counts whole mappings in the rules of a search."""
    return scan_exact if nest[ADDRESSES] else scan_timeloop


def of_one(exact: Exact, candidates: MappingArrays) -> tuple[Any, ...]:
    """What that takes, to count and price one mapping [1, L, .] of one repeat."""
    return exact.nest, exact.hierarchy, candidates, 1, exact.growth, True, exact.counts, exact.results


def opened(along_x: Int, along_y: Int, keep: Keep) -> MappingArrays:
    """One mapping [1, L, .] whose temporal loops are still open."""
    orders = _ORDER.repeat(2 * len(along_x), axis=0).reshape(2, 1, -1, 8)
    return MappingArrays(
        np.ones(orders.shape[1:], np.int64),
        np.ascontiguousarray(along_x)[None],
        np.ascontiguousarray(along_y)[None],
        orders[0],
        orders[1],
        orders[1],
        np.array([keep]),
    )


def only(candidates: MappingArrays, temporal: Int, order: Int) -> MappingArrays:
    """The mapping of ``candidates`` with these loops."""
    only = MappingArrays._make(array[0] for array in candidates)
    return only._replace(temporal=temporal, order=order)
