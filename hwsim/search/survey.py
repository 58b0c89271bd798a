"""A good mapping before anything is proven: the best one known is carried over to every pattern, and improved where it does best."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hwsim.kernels.packed import Float, Int
from hwsim.kernels.search_survey import Carried, Prices, priced, survey
from hwsim.kernels.search_terms import MAC_LEAST, ORDERS, SPATIAL, SUMS, Problem
from hwsim.mapping import Mapping
from hwsim.mapping.pack import pack_mapping
from hwsim.search.bounds import floors, values
from hwsim.search.improving import climbed, climber, opened
from hwsim.search.patterns import Patterns, children_of, fewest_steps
from hwsim.search.problem import build, of_nest, within
from hwsim.search.progress import Progress
from hwsim.search.space import Keep, Space
from hwsim.search.terms import Spread, Terms, terms_of


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a mapping is carried. patterns : it is carried over to so many; promising, low : of them, those that are improved because
    it does well there, or because their floors are low; steps : mappings looked at to improve one; climbed, most : those that are then
    climbed, and mappings looked at in that; rounds : how often all that is done.
    """

    patterns: int
    promising: int
    low: int
    steps: int
    climbed: int
    most: int
    rounds: int


FAR = Reach(512, 24, 12, 120, 5, 500, 2)
FURTHER = Reach(512, 64, 32, 400, 16, 3_000, 3)
NEAR = Reach(128, 16, 8, 100, 3, 500, 2)
#: One call of Python's own is cheaper than compiling a way in.
_priced = getattr(priced, "py_func", priced)
#: Patterns tried for one that factors cover.
_TRIED = 8


def carry(space: Space, known: Surveyed, reach: Reach, progress: Progress, enough: float = -math.inf) -> None:
    """Carry the best mapping that ``progress`` has, if any, over to the patterns with the fewest steps; leaves a better one there.

    What is good at one pattern is so at its neighbours: how much of each dim a level holds hardly depends on how the children share it.
    enough : of a value as low no further round begins.
    """
    listed = known.listed
    groups = [replace(group, problem=within(group.problem, space)) for group in known.groups]
    if not groups:
        return
    tile, order = np.ones((space.levels, 8), np.int64), np.zeros(space.levels, np.int64)
    for _ in range(reach.rounds):
        if progress.mapping is not None:
            tile, order = known_mapping(space, groups[0].problem, progress.mapping)
        before = progress.value
        for value, group, row, temporal, chosen in _improved(space, groups, tile, order, reach, progress):
            if math.isinf(value):
                continue
            candidates = opened(listed.along_x[row], listed.along_y[row], group.costs.keep)
            candidates.temporal[0] = temporal
            climbed(space, group.of(row), candidates, chosen, reach.most, progress)
        if progress.value >= before or progress.value <= enough:
            break


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The patterns with the fewest steps and what they cost, which no capacity changes.

    costs : with each choice of kept operands, none where a part is kept for ``carry`` alone. groups : those with which factors cover all
    dims in one of the first.
    """

    space: Space
    listed: Patterns
    costs: tuple[_Costs, ...]
    groups: tuple[_Group, ...]

    def first(self, number: int) -> Surveyed:
        """What ``carry`` takes of so many of the patterns, apart from the others."""
        listed = self.listed
        along = listed.along_x[:number].copy(), listed.along_y[:number].copy()
        groups = (replace(group, costs=group.costs.first(number)) for group in self.groups)
        return Surveyed(self.space, Patterns(*along, listed.steps[:number].copy()), (), tuple(groups))

    def for_nest(self, space: Space, objective: str) -> Surveyed:
        """What ``carry`` takes of the same patterns of a nest that differs in padding alone: a word costs as much on its way. Floors stay
        those of this nest: where it is the one with padding they are bounds of the other, if not the best."""
        groups = (replace(group, problem=of_nest(group.problem, space, objective)) for group in self.groups)
        return Surveyed(space, self.listed, (), tuple(groups))


def surveyed(space: Space, objective: str) -> Surveyed:
    """As many patterns of a nest as a mapping is carried to at most."""
    listed = fewest_steps(space, FAR.patterns)
    children = children_of(space, listed.along_x, listed.along_y)
    spread = Spread(space, children)

    def cost(keep: Keep) -> _Costs:
        terms = terms_of(space, keep, children, spread)
        return _Costs(keep, children, terms, values(space, *floors(space, terms, listed.steps), objective))

    costs = tuple(map(cost, space.keeps if len(listed.steps) else ()))
    groups = (_group(space, some, objective) for some in costs)
    return Surveyed(space, listed, costs, tuple(group for group in groups if group is not None))


@dataclass(frozen=True, slots=True)
class _Costs:
    """What patterns cost with one choice of kept operands. low [T] : their floors."""

    keep: Keep
    children: Int
    terms: Terms
    low: Float

    def first(self, number: int) -> _Costs:
        """Those of so many patterns, apart from the others."""
        return _Costs(self.keep, self.children[:number].copy(), self.terms.part(0, number), self.low[:number].copy())


@dataclass(frozen=True, slots=True)
class _Group:
    """The patterns with one choice of kept operands. problem : of one of them."""

    costs: _Costs
    problem: Problem

    def of(self, row: int) -> Problem:
        """What climbing needs of one pattern's problem: all but the tables."""
        return _priced(self.problem, self.prices(np.array([row])), 0)

    def prices(self, rows: Int) -> Prices:
        """What some patterns cost."""
        return prices_of(self.problem, self.costs.children, self.costs.terms, rows)


def prices_of(problem: Problem, children: Int, terms: Terms, rows: Int) -> Prices:
    """What some patterns cost, of those with these children by dim [T, L, 8] and terms. problem : of any of them."""
    factors = np.repeat(problem.factors[None], len(rows), axis=0)
    reals = np.repeat(problem.reals[None], len(rows), axis=0)
    factors[:, SPATIAL] = children[rows]
    reals[:, SUMS] = terms.sums[rows]
    reals[:, MAC_LEAST:][:, :3] = terms.mac_least[rows]
    reals[:, MAC_LEAST + 3 :][:, : children.shape[1]] = terms.apart[rows]
    return Prices(factors, terms.words[rows], terms.base[rows], terms.still[rows], reals)


def _group(space: Space, costs: _Costs, objective: str) -> _Group | None:
    """None where no factors cover a dim in the first patterns."""
    for row in range(min(_TRIED, len(costs.children))):
        problem = build(space, costs.keep, costs.children[row], objective, costs.terms.of(row), climbed=True)
        if problem is not None:
            return _Group(costs, problem)
    return None


def _improved(
    space: Space, groups: list[_Group], tile: Int, order: Int, reach: Reach, progress: Progress
) -> Iterator[tuple[float, _Group, int, Int, Int]]:
    """The mappings worth climbing: value, group, pattern, trips [L, 8] and orders [L]."""
    starts, able, least = [], [], np.full(reach.promising, math.inf)
    simple = 0 if progress.mapping is None else space.levels
    for group in groups:
        reached = np.full(len(group.costs.low), math.inf)
        able.append(group.costs.low < progress.value)  # no mapping of the others is better than what is known
        rows = np.flatnonzero(able[-1])
        reached[rows] = _surveyed(space, group, rows, tile, order, simple, 0, least, progress).reached
        starts.append(reached)
    promising = {*_least(starts, reach.promising), *_least([group.costs.low for group in groups], reach.low)}
    found = []
    for number, group in enumerate(groups):
        rows = np.array(sorted(row for of, row in promising if of == number and able[number][row]), np.int64)
        carried = _surveyed(space, group, rows, tile, order, 0, reach.steps, np.empty(0), progress)
        found += [
            (float(value), number, int(row), trips, chosen)
            for row, value, trips, chosen in zip(rows, carried.reached, carried.temporal, carried.chosen, strict=True)
        ]
    for value, number, row, trips, chosen in sorted(found, key=lambda one: one[:3])[: reach.climbed]:
        yield value, groups[number], row, trips, chosen


def _least(values: list[Float], number: int) -> list[tuple[int, int]]:
    """Group and row of so many of the least."""
    ranked = np.argsort(np.concatenate(values), kind="stable")[:number]
    ends = np.cumsum([len(some) for some in values])
    groups = np.searchsorted(ends, ranked, side="right")
    rows = ranked - np.concatenate(([0], ends))[groups]
    return list(zip(groups.tolist(), rows.tolist(), strict=True))


def _surveyed(
    space: Space,
    group: _Group,
    rows: Int,
    tile: Int,
    order: Int,
    simple: int,
    most: int,
    least: Float,
    progress: Progress,
) -> Carried:
    out = Carried(
        np.ones((len(rows), space.levels, 8), np.int64),
        np.zeros((len(rows), space.levels), np.int64),
        np.empty(len(rows)),
    )
    climbs = climber(space, group.problem)
    progress.evaluated += survey(group.problem, group.prices(rows), tile, order, simple, most, *climbs, least, out)
    return out


def known_mapping(space: Space, problem: Problem, mapping: Mapping) -> tuple[Int, Int]:
    """Extents of a mapping's tiles [L, 8], and the numbers of its orders [L], the first where none is the same."""
    packed = pack_mapping(mapping, space.levels)
    order = np.zeros(space.levels, np.int64)
    for level, trips in enumerate(packed.temporal):
        own = [dim for dim in packed.order[level] if trips[dim] > 1]
        for number in range(int(problem.levels[ORDERS, level, 0]) - 1, -1, -1):
            if [dim for dim in problem.orders[level, number] if trips[dim] > 1] == own:
                order[level] = number
    return np.cumprod(packed.temporal * packed.spatial_x * packed.spatial_y, axis=0), order
