"""Spatial patterns: which dims are spread over which axis of which level, by how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import Int
from hwsim.search.space import ANY, Space, factors_of

#: Patterns kept at a time.
MOST = 200_000
#: Ways to fill both axes of a level that are looked at, and shares of an axis that are asked for where there are more.
_PAIRS, _SHARES = 1_000_000, (0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Spatial factors of every pattern: along_x, along_y [P, L, 8]; steps [P] : least compute
    steps, the product of ceil(extent / children), ascending. dropped : no pattern that is not listed has fewer steps.
    """

    along_x: Int
    along_y: Int
    steps: NDArray[np.float64]
    dropped: float = np.inf

    @property
    def factors(self) -> Int:
        """Children by dim [P, L, 8]."""
        return self.along_x * self.along_y


def patterns(space: Space, share: float) -> Patterns:
    """All patterns in which every axis of every mesh is filled to at least ``share`` of the most that the nest allows there.

    Patterns that differ only in how a dim's children are split between x and y count the same (where wires cost nothing) and are listed
    once. Of factors with the same number of trips left over the smallest is listed: it uses fewer children for the same steps. Others are
    only where a level inside has a limited rate, for the busiest of more children may have less to do: its last tile may be a partial one.
    """
    levels = space.levels
    extents = np.array(space.extents, np.int64)
    along_x = np.ones((1, levels, 8), np.int64)
    along_y = np.ones((1, levels, 8), np.int64)
    fans = space.packed.fanout.astype(np.float64).prod(axis=1)
    dropped = np.inf
    for level in range(levels):
        further = float(fans[level + 1 :].prod())
        fan_x, fan_y = (int(fan) for fan in space.packed.fanout[level])
        needed = space.spatial_fixed[level] > 1
        if fan_x * fan_y == 1 and not needed.any():
            continue
        left, group = np.unique(_left(extents, along_x * along_y, space.perfect), axis=0, return_inverse=True)
        parts_x, parts_y = [], []
        for number, rest in enumerate(left):
            here = np.flatnonzero(group.reshape(-1) == number)
            own_x, own_y, unlisted = _level_patterns(space, level, rest, fan_x, fan_y, share)
            dropped = min(dropped, unlisted / further)
            grown_x = np.repeat(along_x[here], len(own_x), axis=0)
            grown_y = np.repeat(along_y[here], len(own_y), axis=0)
            grown_x[:, level] = np.tile(own_x, (len(here), 1))
            grown_y[:, level] = np.tile(own_y, (len(here), 1))
            parts_x.append(grown_x)
            parts_y.append(grown_y)
        along_x, along_y = np.concatenate(parts_x), np.concatenate(parts_y)
        if len(along_x) > MOST:
            steps = _steps(extents, along_x * along_y)
            ranked = np.argsort(steps, kind="stable")
            dropped = min(dropped, float(steps[ranked[MOST]]) / further)
            chosen = np.sort(ranked[:MOST])
            along_x, along_y = along_x[chosen], along_y[chosen]
        if not len(along_x):
            break
    steps = _steps(extents, along_x * along_y)
    ranked = np.argsort(steps, kind="stable")
    return Patterns(along_x[ranked], along_y[ranked], steps[ranked], float(dropped))


def at_work(space: Space, listed: Patterns) -> Patterns:
    """The patterns that put the hierarchy's least share of its PEs to work."""
    need = space.packed.min_utilization * space.hierarchy.pes_x * space.hierarchy.pes_y
    busy = listed.factors.astype(np.float64).prod(axis=(1, 2)) >= need * (1 - 1e-12)
    return Patterns(listed.along_x[busy], listed.along_y[busy], listed.steps[busy], listed.dropped)


def _left(extents: Int, factors: Int, perfect: bool) -> Int:
    """Trips left over of each dim for each pattern [P, 8]."""
    left = np.broadcast_to(extents, (len(factors), 8)).copy()
    for level in range(factors.shape[1]):
        left = -(-left // factors[:, level])
    return left


def _steps(extents: Int, factors: Int) -> NDArray[np.float64]:
    return np.asarray(_left(extents, factors, False).astype(np.float64).prod(axis=1))


def _level_patterns(
    space: Space, level: int, left: Int, fan_x: int, fan_y: int, share: float
) -> tuple[Int, Int, float]:
    """Patterns of one level for the trips ``left`` [8] : along x and along y [P, 8]; least steps of those that fill an axis too little.

    Where axes can be filled in too many ways only those that fill a larger share are listed.
    """
    fixed, at_most = space.spatial_fixed[level], space.spatial_at_most[level]
    every = not space.perfect and bool(
        np.isfinite(space.packed.bandwidth[:level]).any() or np.isfinite(space.packed.network[:level]).any()
    )
    unlisted = np.inf
    for least in (share, *(larger for larger in _SHARES if larger > share)):
        across = _axis(left, fan_x, space.along[level, 0], fixed, at_most, space.perfect, every, least)
        along = _axis(left, fan_y, space.along[level, 1], fixed, at_most, space.perfect, every, least)
        if least > 0:
            most = float(across.prod(axis=1).max()) * float(along.prod(axis=1).max())
            unlisted = float(left.astype(np.float64).prod()) / (least * most)
        if len(across) * len(along) <= _PAIRS:
            break
    both = (across[:, None, :] * along[None, :, :]).reshape(-1, 8)
    legal = (both <= np.minimum(at_most, np.where(left > 1, ANY, 1))).all(axis=1)
    legal &= ((fixed == 0) | (both == fixed)).all(axis=1)
    legal &= (left % both == 0).all(axis=1) if space.perfect else (both < 2 * left).all(axis=1)
    where = np.flatnonzero(legal)
    where = where[first_of_each(both[where])]
    return across[where // len(along)], along[where % len(along)], unlisted


#: Odd numbers to tell rows apart by; rows that are told apart wrongly are looked at one by one.
_MIXED = np.array(
    [int.from_bytes(bytes((7 * dim + 13 * byte) % 251 for byte in range(8)), "little") | 1 for dim in range(64)],
    np.uint64,
)


def first_of_each(rows: Int) -> Int:
    """Numbers of rows [P, 8 or so] that equal no earlier one, ascending."""
    flat = rows.reshape(len(rows), int(np.prod(rows.shape[1:]))).astype(np.uint64)
    code = (flat * _MIXED[: flat.shape[1]]).sum(axis=1, dtype=np.uint64)
    _, first, group = np.unique(code, return_index=True, return_inverse=True)
    if not (flat == flat[first[group]]).all():
        _, first = np.unique(flat, axis=0, return_index=True)
    return np.asarray(np.sort(first), np.int64)


def further(listed: Patterns, known: Patterns) -> Patterns:
    """What of ``listed`` is not among ``known``."""
    both = np.concatenate((known.factors, listed.factors))
    fresh = first_of_each(both)
    fresh = fresh[fresh >= len(known.steps)] - len(known.steps)
    return Patterns(listed.along_x[fresh], listed.along_y[fresh], listed.steps[fresh], listed.dropped)


def _axis(left: Int, fan: int, allowed: Int, fixed: Int, at_most: Int, perfect: bool, every: bool, share: float) -> Int:
    """Factors by dim along one axis with at most ``fan`` children, filling ``share`` of the most that fills it [A, 8]. every : also
    factors that leave as many trips as a smaller one."""
    rows: list[tuple[int, tuple[int, ...]]] = [(1, (1,) * 8)]
    for dim in range(8):
        if left[dim] == 1 or not allowed[dim]:
            continue
        limit = min(fan, int(at_most[dim]), int(fixed[dim]) or ANY)
        listed = range(1, min(limit, int(left[dim])) + 1) if every else factors_of(int(left[dim]), perfect)
        options = [factor for factor in listed if factor <= limit]
        if fixed[dim] > 1 and int(fixed[dim]) <= fan and int(fixed[dim]) not in options:
            options.append(int(fixed[dim]))
        rows = [
            (used * factor, (*row[:dim], factor, *row[dim + 1 :]))
            for used, row in rows
            for factor in options
            if used * factor <= fan
        ]
    most = max(used for used, _ in rows)
    return np.array([row for used, row in rows if used >= share * most], np.int64)
