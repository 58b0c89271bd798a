"""Spatial patterns: which dims are spread over which axis of which level, by how much."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import Int
from hwsim.kernels.search_pairs import first_of_each, pairs
from hwsim.search.space import ANY, Space, factors_of

#: Patterns kept at a time.
MOST = 200_000
#: Ways to fill both axes of a level that are listed at most.
_PAIRS = 1_000_000


@dataclass(frozen=True, slots=True)
class Patterns:
    """Spatial factors of every pattern: along_x, along_y [P, L, 8]; steps [P] : least compute
    steps, the product of ceil(extent / children), ascending. dropped : no pattern that is not listed has fewer steps; upto : all with no
    more steps are listed.
    """

    along_x: Int
    along_y: Int
    steps: NDArray[np.float64]
    dropped: float = np.inf
    upto: float = np.inf


#: Lists that are remembered at most, each the longest of its nest and hierarchy, and of so many patterns at most.
_LISTS, _LONG = 2, 100_000
_LISTED: dict[tuple[object, ...], tuple[float, Patterns]] = {}


def patterns(space: Space, most: float, number: int = MOST) -> Patterns:
    """All patterns that leave at most so many compute steps, as long a list as was made last looked through first; of more than ``number``
    those with the fewest steps."""
    key = (number, *_told(space))
    upto, known = _LISTED.get(key, (-np.inf, None))
    if known is None or most > upto:
        known = _patterns(space, most, number)
        if len(known.steps) <= _LONG:
            if len(_LISTED) >= _LISTS:
                _LISTED.pop(next(iter(_LISTED)))
            _LISTED[key] = min(most, known.upto), known
        return known
    end = int(np.searchsorted(known.steps, most, side="right"))
    dropped = min(known.dropped, float(known.steps[end]) if end < len(known.steps) else np.inf)
    return Patterns(known.along_x[:end], known.along_y[:end], known.steps[:end], dropped, most)


def _patterns(space: Space, most: float, number: int) -> Patterns:
    """The same, listed.

    Patterns that differ only in how a dim's children are split between x and y count the same (where wires cost nothing) and are listed
    once. Of factors with the same number of trips left over the smallest uses fewer children for the same steps. But of more children
    some may have a single tile, which stays in place, or a partial last one where a level inside has a limited rate; and a least share of
    them may have to be at work. So all are listed, on wide meshes the smallest and the largest alone where neither rates nor shares are
    limited: what children cost and save changes with their number at a constant rate, nearly.
    """
    levels = space.levels
    extents = np.array(space.extents, np.int64)
    along_x = np.ones((1, levels, 8), np.int64)
    along_y = np.ones((1, levels, 8), np.int64)
    fans = space.packed.fanout.astype(np.float64).prod(axis=1)
    dropped, upto = np.inf, most
    for level in range(levels):
        further = float(fans[level + 1 :].prod())
        needed = space.spatial_fixed[level] > 1
        if fans[level] == 1 and not needed.any():
            continue
        left, group = np.unique(_left(extents, along_x * along_y, space.perfect), axis=0, return_inverse=True)
        parts_x, parts_y = [], []
        ranked = np.argsort(group.reshape(-1), kind="stable")
        ends = np.cumsum(np.bincount(group.reshape(-1), minlength=len(left)))
        for rest, here in zip(left, np.split(ranked, ends[:-1]), strict=True):
            own_x, own_y, unlisted = _level_patterns(space, level, rest, most * further)
            dropped, upto = min(dropped, unlisted / further), min(upto, unlisted / further * (1 - 1e-12))
            grown_x = np.repeat(along_x[here], len(own_x), axis=0)
            grown_y = np.repeat(along_y[here], len(own_y), axis=0)
            grown_x[:, level] = np.tile(own_x, (len(here), 1))
            grown_y[:, level] = np.tile(own_y, (len(here), 1))
            parts_x.append(grown_x)
            parts_y.append(grown_y)
        along_x, along_y = np.concatenate(parts_x), np.concatenate(parts_y)
        if len(along_x) > number:
            steps = _steps(extents, along_x * along_y)
            ranked = np.argsort(steps, kind="stable")
            dropped = min(dropped, float(steps[ranked[number]]) / further)
            upto = min(upto, dropped * (1 - 1e-12))
            chosen = np.sort(ranked[:number])
            along_x, along_y = along_x[chosen], along_y[chosen]
        if not len(along_x):
            break
    steps = _steps(extents, along_x * along_y)
    ranked = np.argsort(steps, kind="stable")
    return Patterns(along_x[ranked], along_y[ranked], steps[ranked], float(dropped), float(upto))


def children_of(space: Space, along_x: Int, along_y: Int) -> Int:
    """Children by dim [P, L, 8] that have something to do: of six in two rows of three, five where a dim has five trips."""
    factors = along_x * along_y
    left = np.broadcast_to(np.array(space.extents, np.int64), (len(factors), 8))
    for level in range(factors.shape[1]):
        factors[:, level] = np.minimum(factors[:, level], left)
        left = -(-left // factors[:, level])
    return factors


def enough(space: Space, children: Int) -> NDArray[np.bool_]:
    """Whether children [P, L, 8] are the hierarchy's least share of its PEs [P]."""
    return np.asarray(children.astype(np.float64).prod(axis=(1, 2)) >= least_busy(space))


def least_busy(space: Space) -> float:
    """The least PEs that the hierarchy wants at work [1]."""
    return float(space.packed.min_utilization * space.hierarchy.pes_x * space.hierarchy.pes_y) * (1 - 1e-12)


def at_work(space: Space, listed: Patterns) -> Patterns:
    """The patterns that put the hierarchy's least share of its PEs to work."""
    busy = enough(space, children_of(space, listed.along_x, listed.along_y))
    return Patterns(listed.along_x[busy], listed.along_y[busy], listed.steps[busy], listed.dropped, listed.upto)


#: Children along an axis of a mesh up to which all numbers of them are listed, of those that take as many turns, too.
_NARROW = 16
#: Steps up to which patterns are listed, in units of what a mesh that is always full would take; more where there are few.
_RATIOS = (1.25, 1.6, 2.5, 6.0, np.inf)
#: Lists of the patterns with the fewest steps that are remembered at most.
_REMEMBERED = 256
_KNOWN: dict[tuple[object, ...], Patterns] = {}


def fewest_steps(space: Space, number: int) -> Patterns:
    """So many patterns with the fewest steps, or all that there are.

    They do not depend on energies, nor on rates but for whether there are any: what is listed is kept for hierarchies that differ in these.
    """
    key = (number, *_told(space))
    known = _KNOWN.get(key)
    if known is not None:
        return known
    fewest = float(np.prod(np.array(space.extents, np.float64)) / space.packed.fanout.astype(np.float64).prod())
    for ratio in _RATIOS:
        listed = at_work(space, patterns(space, fewest * ratio))
        if len(listed.steps) >= number:
            break
    dropped = min(listed.dropped, *(float(more) for more in listed.steps[number : number + 1]), np.inf)
    along = listed.along_x[:number].copy(), listed.along_y[:number].copy()
    if len(_KNOWN) >= _REMEMBERED:
        _KNOWN.clear()
    known = _KNOWN[key] = Patterns(*along, listed.steps[:number].copy(), dropped)
    return known


def _told(space: Space) -> tuple[object, ...]:
    """What patterns depend on."""
    packed = space.packed
    arrays = (packed.fanout, space.spatial_fixed, space.spatial_at_most, space.along)
    limited = (np.isfinite(packed.bandwidth), np.isfinite(packed.network), packed.min_utilization)
    told = (np.array(one).tobytes() for one in (*arrays, *limited))
    return space.extents, space.perfect, *told


def steps_of(space: Space, children: Int) -> NDArray[np.float64]:
    """Least compute steps of patterns [P], children [P, L, 8]."""
    return _steps(np.array(space.extents, np.int64), children)


def along_axis(space: Space, along: Int, level: int, axis: int) -> Int:
    """Factors by dim [O, 8] that one axis of a level may have beside all others of a pattern; along [2, L, 8] : children along x and y."""
    others = along.copy()
    others[axis, level] = 1
    spread = others.prod(axis=(0, 1))
    left = tuple(-(-extent // int(factor)) for extent, factor in zip(space.extents, spread, strict=True))
    allowed = tuple(map(int, space.along[level, axis]))
    return _axis(left, int(space.packed.fanout[level, axis]), allowed, (0,) * 8, (ANY,) * 8, space.perfect, False)


def _left(extents: Int, factors: Int, perfect: bool) -> Int:
    """Trips left over of each dim for each pattern [P, 8]."""
    left = np.broadcast_to(extents, (len(factors), 8)).copy()
    for level in range(factors.shape[1]):
        left = -(-left // factors[:, level])
    return left


def _steps(extents: Int, factors: Int) -> NDArray[np.float64]:
    return np.asarray(_left(extents, factors, False).astype(np.float64).prod(axis=1))


def _level_patterns(space: Space, level: int, left: Int, most: float) -> tuple[Int, Int, float]:
    """Patterns of one level for the trips ``left`` [8] that leave at most ``most``: along x and along y [P, 8]; least steps of others."""
    fan_x, fan_y = (int(fan) for fan in space.packed.fanout[level])
    total = float(left.astype(np.float64).prod())
    if total / (fan_x * fan_y) > most:
        return np.empty((0, 8), np.int64), np.empty((0, 8), np.int64), total / (fan_x * fan_y)
    fixed, at_most = space.spatial_fixed[level], space.spatial_at_most[level]
    limited = np.isfinite(space.packed.bandwidth[:level]).any() or np.isfinite(space.packed.network[:level]).any()
    every = not space.perfect and (bool(limited) or space.packed.min_utilization > 0 or max(fan_x, fan_y) <= _NARROW)
    bounds = tuple(map(int, fixed)), tuple(map(int, np.minimum(at_most, ANY)))
    trips = tuple(map(int, left))
    across = _axis(trips, fan_x, tuple(map(int, space.along[level, 0])), *bounds, space.perfect, every)
    along = _axis(trips, fan_y, tuple(map(int, space.along[level, 1])), *bounds, space.perfect, every)
    room = 1 << 16
    while True:
        chosen, steps = np.empty((room, 2), np.int64), np.empty(room)
        number, dropped = pairs(across, along, left, fixed, at_most, int(space.perfect), most, chosen, steps)
        if number <= room:
            break
        if room < _PAIRS:
            room = _PAIRS
        else:  # too many: those with the fewest steps
            most = float(np.median(steps))
            if most <= steps.min():
                most = float(np.nextafter(steps.min(), 0.0))
    one, other = chosen[:number, 0], chosen[:number, 1]
    first = _distinct(across[one] * along[other])
    return across[one[first]], along[other[first]], dropped


def _distinct(rows: Int) -> Int:
    """Numbers of rows [P, ...] that equal no earlier one, ascending."""
    if not len(rows):
        return np.empty(0, np.int64)
    first = np.empty(len(rows), np.int64)
    table = np.full(2 << len(rows).bit_length(), -1, np.int64)
    return first[: first_of_each(rows.reshape(len(rows), -1), table, first)]


def further(listed: Patterns, known: Patterns) -> Patterns:
    """What of ``listed`` is not among ``known``."""
    beyond = np.flatnonzero(listed.steps > known.upto)
    again = (known.along_x * known.along_y)[known.steps > known.upto]
    if len(again):
        fresh = _distinct(np.concatenate((again, listed.along_x[beyond] * listed.along_y[beyond])))
        beyond = beyond[fresh[fresh >= len(again)] - len(again)]
    return Patterns(listed.along_x[beyond], listed.along_y[beyond], listed.steps[beyond], listed.dropped, listed.upto)


@lru_cache(maxsize=4096)
def _axis(
    left: tuple[int, ...],
    fan: int,
    allowed: tuple[int, ...],
    fixed: tuple[int, ...],
    at_most: tuple[int, ...],
    perfect: bool,
    every: bool,
) -> Int:
    """Factors by dim along one axis with at most ``fan`` children, by falling product [A, 8]. every : all factors that leave as many
    trips, not the least and the largest of them alone."""
    rows, used = np.ones((1, 8), np.int64), np.ones(1, np.int64)
    for dim in range(8):
        if left[dim] == 1 or not allowed[dim]:
            continue
        limit = min(fan, at_most[dim], fixed[dim] or ANY)
        if every:
            options = list(range(1, min(limit, left[dim]) + 1))
        else:
            options = [factor for factor in factors_of(left[dim], perfect) if factor <= limit]
            if not perfect:
                trips = (-(-left[dim] // factor) for factor in options if factor < left[dim])
                options = sorted({*options, *(min(limit, (left[dim] - 1) // (each - 1)) for each in trips)})
        if fixed[dim] > 1 and fixed[dim] <= fan and fixed[dim] not in options:
            options.append(fixed[dim])
        products = used[:, None] * np.array(options, np.int64)
        row, option = np.nonzero(products <= fan)
        rows, used = rows[row], products[row, option]
        rows[:, dim] = np.array(options, np.int64)[option]
    return rows[np.argsort(-used, kind="stable")]
