"""Search a space to a proof, or as far as the work budget goes."""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.cost.scanning import growth
from hwsim.kernels.packed import Float, Int, MappingArrays, empty_counts
from hwsim.kernels.scan import empty_scan
from hwsim.kernels.search import Exact, axes, join, tiles
from hwsim.kernels.search_terms import CHOICE, COMPUTE, ENERGY, LATENCY, LEAKAGE_J, OBJECTIVE, Problem
from hwsim.mapping import Mapping
from hwsim.mapping.pack import pack_hierarchy, pack_nest, unpack_mapping
from hwsim.search.bounds import compulsory, floors, values
from hwsim.search.patterns import Patterns, at_work, patterns
from hwsim.search.problem import build, staying
from hwsim.search.space import Keep, Space
from hwsim.search.terms import Terms, terms_of

#: How many times the budget a search may spend that has found nothing.
_UNTIL_FOUND = 8
#: Tiles listed per level at most.
_LISTED = 1 << 20
#: How far above its bound a pattern is searched first, then next, while no mapping is known.
_WIDENINGS = (1.01, 1.05, 1.2, 2.0, math.inf)
_WIDE = 4.0
_DIVE, _DIVE_BUDGET = 64, 50_000
_ALL = 1 << 62
#: Patterns that are searched deeply, tiles looked at in each; patterns begun before any is searched to its end; tiles looked at in
#: those that are only tasted, and of them for one tile of the outermost level.
_DEEPLY, _DEEP, _TASTED, _TASTE, _EACH = 1, 300_000, 40, 10_000, 100
#: What is known of a pattern that waits: only that others have fewer steps, and whether it is listed at all; its floor; the bound of its
#: tiles; that, and a part of it was searched.
_UNLISTED, _UNSEEN, _FLOOR, _BOUNDED, _BEGUN = range(5)
#: Patterns whose floors are found at a time, those with the fewest steps first.
_AT_A_TIME = 4096
#: Tiles looked at between looks at the clock.
_CHUNK = 300_000
#: What finding the bound of a pattern's tiles counts for, in tiles looked at.
_SETUP_WORK = 2_000


@dataclass(slots=True)
class Progress:
    """The state of one search: the best mapping so far, the least bound of what was given up, the work done."""

    budget: int
    deadline: float
    value: float = math.inf
    given_up: float = math.inf
    mapping: Mapping | None = None
    priced: int = 0
    evaluated: int = 0
    limited: bool = False

    @property
    def exhausted(self) -> bool:
        """Whether the budget of work or time is spent."""
        return self.late or self.left <= 0

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        if time.perf_counter() > self.deadline and self.mapping:
            self.limited = True
        return self.limited

    @property
    def left(self) -> int:
        """Tiles that may still be looked at; more of them while there is no mapping at all."""
        return self.budget * (1 if self.mapping else _UNTIL_FOUND) - self.priced


def prove(space: Space, objective: str, progress: Progress) -> None:  # noqa: PLR0912, PLR0915
    """Search all patterns and kept operands, most promising first; what is cut is bounded by ``progress.value`` or ``given_up``.

    A pattern waits under the best bound that is known of it: first its floor, then that of its tiles, then that of what was left of it when
    its share of the work was spent. The first are searched deeply, the next only tasted, for a good mapping lets all others be cut
    sooner; then whatever may still hold a better one is searched to its end.
    """
    listed = at_work(space, patterns(space, 0.0))
    if not len(listed.steps):
        return
    stays = staying(space)
    least = compulsory(space)
    known: dict[int, list[Terms]] = {}
    waiting: list[tuple[float, int, int]] = []

    def beyond(steps: float) -> float:
        """What no pattern with so many steps can beat."""
        return float(values(space, np.array([least]), np.array([steps / space.packed.macs_per_pe]), objective)[0])

    waiting.append((beyond(float(listed.steps[0])), 0, _UNSEEN))
    if math.isfinite(listed.dropped):
        waiting.append((beyond(listed.dropped), 0, _UNLISTED))
    heapq.heapify(waiting)
    tasted: list[tuple[float, int, int]] = []
    begun = 0
    while waiting or tasted:
        if tasted and (begun >= _TASTED or not waiting or waiting[0][0] >= progress.value):
            waiting += tasted
            tasted.clear()
            heapq.heapify(waiting)
        bound, place, stage = heapq.heappop(waiting)
        if bound >= progress.value:
            break
        if progress.exhausted:
            progress.given_up = min(progress.given_up, bound, *(other for other, _, _ in tasted))
            break
        if stage == _UNLISTED:
            progress.given_up = min(progress.given_up, bound)
            continue
        if stage == _UNSEEN:
            known[place], fresh = _floors_of(space, objective, listed, place)
            for other, job in fresh:
                if other < progress.value:
                    heapq.heappush(waiting, (max(bound, other), job, _FLOOR))
            if place + _AT_A_TIME < len(listed.steps):
                further = beyond(float(listed.steps[place + _AT_A_TIME]))
                heapq.heappush(waiting, (further, place + _AT_A_TIME, _UNSEEN))
            continue
        number, index = divmod(place, len(listed.steps))
        keep = space.keeps[number]
        group, within = divmod(index, _AT_A_TIME)
        terms = known[group * _AT_A_TIME][number]
        problem = build(space, keep, listed.along_x[index] * listed.along_y[index], objective, terms, within)
        setup = None if problem is None else _setup(problem, stays)
        if problem is None or setup is None:
            continue
        if stage == _FLOOR:
            progress.priced += _SETUP_WORK
            heapq.heappush(waiting, (max(bound, setup.bound), place, _BOUNDED))
            continue
        budget, each = _share(begun) if stage == _BOUNDED else (_ALL, _ALL)
        begun += stage == _BOUNDED
        budget = min(budget, max(0, progress.left))
        along = listed.along_x[index], listed.along_y[index]
        left = _solve(space, problem, setup, keep, along, progress, budget, each)
        if left < progress.value:
            tasted.append((max(bound, left), place, _BEGUN))


def _floors_of(
    space: Space, objective: str, listed: Patterns, start: int
) -> tuple[list[Terms], list[tuple[float, int]]]:
    """Terms of the patterns from ``start`` on for each choice of kept operands; the floor and the place of each of them."""
    part = slice(start, start + _AT_A_TIME)
    factors, steps = listed.along_x[part] * listed.along_y[part], listed.steps[part]
    known = [terms_of(space, keep, factors) for keep in space.keeps]
    fresh = []
    for number, terms in enumerate(known):
        floor = values(space, *floors(space, terms, steps), objective)
        first = number * len(listed.steps) + start
        fresh += [(float(bound), first + place) for place, bound in enumerate(floor)]
    return known, fresh


def _share(begun: int) -> tuple[int, int]:
    """Tiles to look at in a pattern that comes up for the first time, and of them for one outermost tile."""
    if begun < _DEEPLY:
        return _DEEP, _ALL
    return (_TASTE, _EACH) if begun < _TASTED else (_ALL, _ALL)


@dataclass(frozen=True, slots=True)
class _Setup:
    """What is known of a pattern before its tiles are put together. bound : no mapping of it costs less."""

    start: tuple[Int, Float, Float, Float, Int, Float, Float, Float]
    within: Float
    plain: Float
    fewest: Float
    outermost: int
    others: float
    wait: float
    bound: float


def _setup(problem: Problem, stays: Int) -> _Setup | None:
    """None where no tile of some level fits."""
    levels = problem.factors.shape[1]
    chosen = [level for level in range(levels - 1) if problem.levels[CHOICE, level, 0]]
    longest_list = problem.tables.shape[3]
    plain, fewest = np.zeros((2, levels, 2, longest_list, longest_list))
    swept = np.zeros((levels, 2, 3, longest_list, longest_list))
    axes(problem, plain, fewest, swept)
    nothing, nowhere = (np.empty(0), np.empty((0, 8), np.int64)), np.full(levels, -np.inf)
    least = {
        level: tiles(level, problem, plain[level], fewest[level], 0.0, 0.0, nowhere, -math.inf, *nothing)
        for level in chosen
    }
    path = np.full((3, levels), -1, np.int64)
    for inner, outer in zip(chosen, [*chosen[1:], levels - 1], strict=True):
        path[0, inner], path[1, outer] = outer, inner
    path[2, :2] = chosen[-1], chosen[0]
    energies = {level: least[level][1] for level in chosen}
    cycles = {level: least[level][2] for level in chosen}
    if any(math.isinf(energy) for energy in energies.values()):
        return None
    rest_energy, rest_cycles = np.zeros(levels), np.zeros(levels)
    for level in chosen:
        rest_energy[level] = sum(energies[inner] for inner in chosen if inner < level)
        rest_cycles[level] = max((cycles[inner] for inner in chosen if inner < level), default=0.0)
    within = nowhere.copy()
    for level in chosen:
        within[level] = energies[level]
    total = problem.base[3, 0] + sum(energies.values())
    outermost = chosen[-1]
    return _Setup(
        start=(path, plain, fewest, swept, stays, within, rest_energy, rest_cycles),
        within=within,
        plain=plain[outermost],
        fewest=fewest[outermost],
        outermost=outermost,
        others=problem.base[3, 0],
        wait=max(problem.reals[COMPUTE], rest_cycles[outermost]),
        bound=_value(total, max(problem.reals[COMPUTE], *cycles.values()), problem),
    )


def _solve(
    space: Space,
    problem: Problem,
    setup: _Setup,
    keep: Keep,
    along: tuple[Int, Int],
    progress: Progress,
    budget: int,
    each: int,
) -> float:
    """Search one pattern for at most ``budget`` tiles; returns a bound on what was not looked at (infinity where all was)."""
    levels = problem.factors.shape[1]
    spent = 0

    candidates = _candidates(*along, keep)
    exact = _exact(space)

    def put_together(keys: Float, found: Int, limit: float, budget: int, each: int) -> tuple[float, float]:
        nonlocal spent
        temporal, order = np.ones((levels, 8), np.int64), np.zeros((levels, 8), np.int64)
        start = (problem, keys, found, *setup.start)
        at, chunk, looked, known = 0, _CHUNK, 0, min(limit, progress.value)
        while True:
            part = budget - looked if math.isinf(progress.deadline) else min(chunk, budget - looked)
            limit, more, leaves, left, stop = join(*start, limit, at, part, each, exact, candidates, temporal, order)
            looked += more
            progress.evaluated += leaves
            if math.isinf(left) or looked > budget or progress.late:
                break
            chunk = 2 * chunk if stop == at else _CHUNK
            at = stop
        spent += looked
        progress.priced += looked
        if limit < known:
            progress.value = limit
            progress.mapping = unpack_mapping(_one(candidates, temporal, order))
        return limit, left

    for widening in _WIDENINGS if each == _ALL else (_WIDE,):
        limit = min(progress.value, setup.bound * widening)
        if setup.bound >= limit:
            return math.inf
        keys, found = _listing(problem, setup, limit)
        if math.isinf(progress.value):
            put_together(keys[:_DIVE], found[:_DIVE], math.inf, _DIVE_BUDGET, _ALL)
            limit = min(progress.value, limit)
        value, left = put_together(keys, found, limit, budget - spent, each)
        if each != _ALL:
            return setup.bound
        if value < limit or limit == progress.value or spent > budget:
            return left
    return math.inf


def _exact(space: Space) -> Exact:
    return Exact(
        pack_nest(space.nest),
        pack_hierarchy(space.hierarchy),
        growth(space.nest),
        empty_counts(space.levels),
        empty_scan(1, space.levels),
    )


def _candidates(along_x: Int, along_y: Int, keep: Keep) -> MappingArrays:
    """One mapping [1, L, .] whose temporal loops are still open."""
    plain = np.tile(np.arange(8), (1, len(along_x), 1))
    return MappingArrays(
        np.ones_like(plain),
        np.ascontiguousarray(along_x)[None],
        np.ascontiguousarray(along_y)[None],
        plain.copy(),
        plain,
        plain,
        np.array([keep]),
    )


def _one(candidates: MappingArrays, temporal: Int, order: Int) -> MappingArrays:
    """The mapping of ``candidates`` with these loops."""
    only = MappingArrays._make(array[0] for array in candidates)
    return only._replace(temporal=temporal, order=order)


def _listing(problem: Problem, setup: _Setup, limit: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Tiles of the outermost level that may lead below ``limit``, most promising first."""
    given = (setup.outermost, problem, setup.plain, setup.fewest, setup.others, setup.wait, setup.within, limit)
    keys = np.empty(4096)
    found = np.empty((4096, 8), np.int64)
    number = tiles(*given, keys, found)[0]
    if number > len(keys):
        keys = np.empty(number)
        found = np.empty((number, 8), np.int64)
        number = tiles(*given, keys, found)[0]
    ranked = np.argsort(keys[:number], kind="stable")
    return keys[ranked], found[ranked]


def _value(energy: float, cycles: float, problem: Problem) -> float:
    whole = math.ceil(cycles - 1e-9 * cycles)
    if problem.nest[OBJECTIVE] == LATENCY:
        return float(whole)
    total = float(energy + problem.reals[LEAKAGE_J] * whole)
    return total if problem.nest[OBJECTIVE] == ENERGY else total * whole
