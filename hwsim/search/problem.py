"""From a space, a spatial pattern and kept operands to the arrays that the search kernel takes."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import Int, P, Q, R, S
from hwsim.kernels.search_terms import (
    CHOICE,
    COUNT,
    FREE_OF,
    LEAVES,
    OBJECTIVES,
    ORDERS,
    POOL,
    POOL_BITS,
    Problem,
    tabulate,
)
from hwsim.search.bounds import floors_apart
from hwsim.search.needs import needs_of
from hwsim.search.space import Keep, Space, chains, covered
from hwsim.search.terms import Terms, parents


def build(
    space: Space, keep: Keep, spatial: Int, objective: str, terms: Terms, place: int = 0, climbed: bool = False
) -> Problem | None:
    """The arrays of one problem, or None where no chain of factors covers a dim.

    spatial [L, 8] : children by dim, pattern number ``place`` of ``terms``. climbed : it will only be climbed, which takes neither tables
    nor the least cycles of what overlaps.
    """
    levels = space.levels
    kept = np.array(keep, np.bool_)
    choice = _choices(space, kept, spatial)
    at_most = np.where(choice[:, None] == 1, space.at_most, 1)
    at_most[-1] = space.at_most[-1]
    if not choice.any():
        choice[-2] = 1
    columns = (map(tuple, of.T.tolist()) for of in (spatial, space.fixed, at_most))
    lists = []
    for extent, children, fixed, most in zip(space.extents, *columns, strict=True):
        if climbed and covered(extent, children, fixed, most, space.perfect):
            continue
        listed = chains(extent, children, fixed, most, space.perfect)
        if listed is None:
            return None
        lists.append(listed)
    parent = parents(kept)
    share = np.stack((space.packed.multicast, space.packed.multicast, space.packed.reduce), axis=1)
    packed = space.packed
    per_level = np.zeros((8, levels, 3), np.int64)
    per_level[:6] = kept, parent, share, packed.pool, packed.pool_bits, space.leads
    per_level[ORDERS] = np.array([len(order) for order in space.orders])[:, None]
    per_level[CHOICE] = np.stack((choice, _loops(space, kept, choice), choice), axis=1)
    needs, starts = needs_of(space)
    if climbed:
        tables, lengths, least = np.ones((4, levels, 8, 1), np.int64), np.ones((levels, 8), np.int64), 0.0
    else:
        tables, lengths = _tables(space, lists, spatial)
        _leaving(tables, parent, share, spatial)
        least = _least_cycles(space, spatial, terms, place)
    return Problem(
        nest=_nest_of(space, objective),
        factors=np.stack((spatial, space.fixed, at_most, lengths)),
        tables=tables,
        orders=space.listed_orders,
        levels=per_level,
        words=terms.words[place],
        base=terms.base[place],
        still=terms.still[place],
        reals=np.array(
            (
                least,
                packed.macs_per_pe,
                space.leakage_j,
                packed.pass_cycles,
                terms.sums[place],
                *terms.mac_least[place],
                *terms.apart[place],
            ),
            np.float64,
        ),
        sides=_sides(space),
        needs=needs,
        starts=starts,
    )


def within(problem: Problem, space: Space) -> Problem:
    """The same problem under the capacities of ``space``, of a hierarchy that differs in capacities alone."""
    levels = problem.levels.copy()
    levels[POOL], levels[POOL_BITS] = space.packed.pool, space.packed.pool_bits
    return problem._replace(levels=levels)


def of_nest(problem: Problem, space: Space, objective: str) -> Problem:
    """The same problem of the nest of ``space``, which differs in padding alone."""
    needs, starts = needs_of(space)
    return problem._replace(nest=_nest_of(space, objective), sides=_sides(space), needs=needs, starts=starts)


def _nest_of(space: Space, objective: str) -> Int:
    """``Problem.nest`` of a space."""
    nest, packed = space.packed_nest, space.packed
    window = (nest.stride[0], nest.dilation[0], nest.stride[1], nest.dilation[1], int(space.exact))
    real = (nest.pad[0], nest.size[0], nest.pad[1], nest.size[1])
    held = (nest.bits[0], nest.bits[1], nest.bits[3])
    rest = (int(space.perfect), OBJECTIVES.index(objective), packed.pass_level if packed.pass_cycles else -1)
    return np.array((*nest.extents, *window, *real, *held, *rest, nest.bits[2], *space.data), np.int64)


#: Extents times taps up to which tiles are looked up, not bounded.
_LOOKED_UP = 1 << 19


def _sides(space: Space) -> Int:
    """``Problem.sides`` of a space."""
    nest, extents = space.packed_nest, space.extents
    rows, taps = 1 + max(extents[4:6]), 1 + max(extents[6:8])
    if not space.exact or rows * taps > _LOOKED_UP:
        return np.zeros((2, 4, 0, 0), np.int64)
    axes = np.stack((nest.stride, nest.dilation, nest.pad, nest.size), axis=1)
    return _tabulated(extents[4:], tuple(int(figure) for figure in axes.reshape(-1)))


@lru_cache(maxsize=64)
def _tabulated(extents: tuple[int, ...], axes: tuple[int, ...]) -> Int:
    found = np.zeros((2, 4, 1 + max(extents[:2]), 1 + max(extents[2:])), np.int64)
    for side in range(2):
        own = np.zeros((4, extents[side] + 1, extents[side + 2] + 1), np.int64)
        tabulate(side, np.array(axes, np.int64).reshape(2, 4), own)
        found[side, :, : own.shape[1], : own.shape[2]] = own
    return found


def staying(space: Space) -> Int:
    """For each level and order, the operand free of its innermost dims, -1 where constraints make that depend on the factors [L, A]."""
    stays = np.full((space.levels, max(len(order) for order in space.orders)), -1, np.int64)
    for level, listed in enumerate(space.orders):
        if not space.constrained[level]:
            for place, order in enumerate(listed):
                stays[level, place] = next(FREE_OF[dim] for dim in order if space.extents[dim] > 1 or dim == order[-1])
    return stays


def _least_cycles(space: Space, spatial: Int, terms: Terms, place: int) -> float:
    """Least cycles of a pattern, of what overlaps: its compute steps, and every word moved once."""
    steps = 1.0
    for dim, extent in enumerate(space.extents):
        steps *= -(-extent // math.prod(int(factor) for factor in spatial[:, dim]))
    return float(floors_apart(space, terms.of(place), np.array([steps]))[1][0])


def _choices(space: Space, kept: NDArray[np.bool_], spatial: Int) -> Int:
    """1 for levels whose tile is a choice: those below the outermost that keep something.

    Where a level keeps nothing its temporal loops might as well be the innermost of the level outside, for no tile is held between;
    unless constraints there or here tell them apart, or passes do, which end with the loops of a level, or the reference's samples, which
    see a window slide on where a loop over taps goes on from another; or positions or taps are spread over children outside of it, which
    hold neighbours by these loops and others, an array apart, by those outside.
    """
    idle = np.zeros(space.levels, np.bool_)
    window = [dim for pair in ((Q, S), (P, R)) for dim in pair if min(space.extents[other] for other in pair) > 1]
    for level in range(space.levels):
        told = all(space.fixed[level, dim] == 1 for dim, extent in enumerate(space.extents) if extent > 1)
        passes = space.packed.pass_cycles > 0 and level < space.packed.pass_level
        slides = (spatial[level + 1 :, window] > 1).any() if space.exact else window
        idle[level] = told or not (passes or slides or any(space.constrained[level:]))
    choice = kept.any(axis=1) | ~idle
    choice[-1] = False
    return choice.astype(np.int64)


def _loops(space: Space, kept: NDArray[np.bool_], choice: Int) -> Int:
    """1 for levels whose loops may matter: the choices, and where factors may not divide all that keep nothing outside of one that does.

    There runs of a loop may end in a few tiles, of which some stay in place while the next loops run, and begin again further out.
    """
    several = np.array(space.extents) > 1
    free = (space.fixed[:, several] != 1) & (space.at_most[:, several] > 1)
    uneven = [not space.perfect and bool(kept[:level].any() and free[level].any()) for level in range(space.levels)]
    uneven[-1] = False
    return np.maximum(choice, uneven)


def _tables(space: Space, lists: list[tuple[tuple[tuple[int, int], ...], ...]], spatial: Int) -> tuple[Int, Int]:
    """``Problem.tables`` but for how often tiles leave, and how many choices there are [L, 8]."""
    levels = space.levels
    longest = max(len(listed) for dim in lists for listed in dim)
    tables = np.ones((4, levels, 8, longest), np.int64)
    lengths = np.ones((levels, 8), np.int64)
    for dim, listed in enumerate(lists):
        if space.extents[dim] > 1 or spatial[:, dim].max() > 1:
            found = _table_of(space.extents[dim], listed, tuple(int(factor) for factor in spatial[:, dim]))
            tables[:3, :, dim, : found.shape[2]] = found
        lengths[:, dim] = [len(pairs) for pairs in listed]
    return tables, lengths


@lru_cache(maxsize=4096)
def _table_of(extent: int, listed: tuple[tuple[tuple[int, int], ...], ...], spatial: tuple[int, ...]) -> Int:
    """Counts, sizes and steps of one dim [3, L, M], 1 beyond the pairs of each level."""
    levels = len(spatial)
    found = np.ones((3, levels, max(len(pairs) for pairs in listed)), np.int64)
    inner = np.cumprod(np.array(spatial, np.int64))
    least = -(-extent // int(inner[-1]))
    for level, pairs in enumerate(listed):
        for place, (count, size) in enumerate(pairs):
            steps = least
            if level + 1 < levels and spatial[level + 1] > 1:
                uneven = _uneven(extent, size, spatial[level + 1], int(inner[level]))
                steps = max(least, -(-uneven // int(inner[-1] // inner[level + 1])))
            found[:, level, place] = count, size, steps
    return found


def _uneven(extent: int, tile: int, children: int, inside: int) -> int:
    """Least compute steps of a dim that is dealt out to ``children`` in tiles, which run ``inside`` of it in parallel."""
    full, rest = divmod(extent, tile * children)
    return full * -(-tile // inside) + -(-min(tile, rest) // inside)


def _leaving(tables: Int, parent: Int, share: NDArray[np.bool_], spatial: Int) -> None:
    """How often tiles leave the parent because of each dim, as in ``kernels.search_terms.windows`` with nothing staying in place: put into
    ``Problem.tables``."""
    counts, leaves = tables[COUNT], tables[LEAVES]
    leaves[:] = counts
    for level in range(len(counts) - 1):
        for dim in range(8):
            operand = int(FREE_OF[dim])
            together = 1
            for outer in range(level + 1, int(parent[level, operand]) + 1 if operand >= 0 else 0):
                together *= int(spatial[outer, dim]) if share[outer, operand] else 1
            if together > 1:
                leaves[level, dim] = -(-counts[level, dim] // together)
