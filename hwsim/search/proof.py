"""Search a space to a proof, or as far as the work budget goes."""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass, replace

import numpy as np

from hwsim.kernels.jit import passed
from hwsim.kernels.packed import Float, Int
from hwsim.kernels.search_axes import Tabled, axes, tabled_for
from hwsim.kernels.search_join import join
from hwsim.kernels.search_terms import CHOICE, Problem
from hwsim.kernels.search_tiles import tiles
from hwsim.mapping.pack import unpack_mapping
from hwsim.search.bounds import Anywhere, anywhere, beyond, coarse, fine, least_cycles
from hwsim.search.improving import climber, counted_by, exact_of, improve, of_one, only, opened
from hwsim.search.patterns import MOST, Patterns, at_work, children_of, further, patterns
from hwsim.search.problem import build, staying
from hwsim.search.progress import Progress
from hwsim.search.space import Keep, Space
from hwsim.search.terms import Terms, terms_of

#: How far above its bound a pattern is searched first, then next, at most up to what is known.
_WIDENINGS = (1.005, 1.05, 1.2, 2.0, math.inf)
_WIDE = 4.0
#: Tiles up to how far above the least are listed while no mapping is known.
_NEAR = 1.5
_DIVE, _DIVE_BUDGET = 64, 50_000
_ALL = 1 << 62
#: Patterns begun before any is searched to its end; tiles looked at in those that are only tasted, and of them for one tile of the
#: outermost level.
_TASTED, _TASTE, _EACH = 16, 10_000, 100
#: What is known of a pattern that waits: only that others have fewer steps, and whether it is listed at all; its floor; the bound of its
#: tiles; that, and a part of it was searched.
_UNLISTED, _UNSEEN, _FLOOR, _BOUNDED, _BEGUN = range(5)
#: Steps of the patterns that are listed first, next, and so on, in units of what a mesh that is always full would take.
_RATIOS = (1.02, 1.1, 1.25, 1.6, 2.5, 6.0, math.inf)
#: Patterns in a list at most where time is limited: so many for each second that is left, when all is still to do and when a list was too
#: short; but some in any case.
_A_SECOND, _LATER, _AT_LEAST = 30_000, 100_000, 4_096
#: Patterns whose floors are found at a time, those with the fewest steps first.
_AT_A_TIME = 4096
_FIRST = 1024
#: Patterns that are climbed before any tiles are bounded, and how far above their floors what is known is then.
_CLIMBED, _FAR_ABOVE = 24, 0.05
#: Mappings looked at in one climb at most.
_LOOKED = 20_000
#: Tiles looked at between looks at the clock.
_CHUNK = 300_000
#: Patterns whose tiles are kept until their turn comes.
_READY = 256
#: Share of the work that may go to patterns whose floors are not known while others are tasted.
_OPENED = 0.25
#: What finding the bound of a pattern's tiles counts for, in tiles looked at.
_SETUP_WORK = 3_000
#: The same for each of these tiles, bounded under every order outside.
_TILE_WORK = 2
#: The same for listing a pattern, and for finding its floor.
_LISTED_WORK, _FLOOR_WORK = 12, 20


def prove(space: Space, objective: str, progress: Progress, known: list[Anywhere] | None = None) -> None:
    """Search all patterns and kept operands, most promising first; what is cut is bounded by ``progress.value`` or ``given_up``.

    A pattern waits under the best bound that is known of it: first its floor, then that of its tiles, then that of what was left of it when
    its share of the work was spent. The first are only tasted, each once it was climbed, for a good mapping lets all others be cut sooner;
    then whatever may still hold a better one is searched to its end. known : what ``anywhere`` has found.
    """
    queue = _Queue(space, objective, known or anywhere(space), progress.deadline)
    tasted: list[tuple[float, _Job]] = []
    begun, opened, before = 0, 0, progress.priced
    climbed: set[_Job] = set()
    first = not any(space.constrained)  # whether patterns are still to be climbed before others are looked at
    while queue.least < progress.value or tasted:
        tasting = begun < _TASTED
        if tasted and (not tasting or queue.least >= progress.value):
            for waits in tasted:
                queue.push(*waits)
            tasted.clear()
        least = min(queue.least, *(other for other, _ in tasted), progress.value)
        if progress.exhausted or progress.hopeless(least):
            progress.given_up = min(progress.given_up, least)
            break
        behind = opened < _OPENED * (progress.priced - before)
        bound, job = queue.pop(progress.value if tasting and not behind else 0.0)
        if bound >= progress.value:
            break
        if job.stage <= _UNSEEN:
            work = queue.open(job, bound, progress.value)
            progress.priced += work
            opened += work
            progress.given_up = min(progress.given_up, queue.never)
            if first and queue.floors:
                climbed, first = queue.climb(progress), False
            continue
        setup = queue.setup(job, progress.value)
        if setup is None:
            progress.priced += _SETUP_WORK
            continue
        if job.stage == _FLOOR:
            progress.priced += _SETUP_WORK + _TILE_WORK * setup.work
            queue.push(max(bound, setup.bound), job.at(_BOUNDED), setup)
            continue
        fresh = job.stage == _BOUNDED and tasting
        budget, each = (_TASTE, _EACH) if fresh else (_ALL, _ALL)
        begun += fresh
        budget = min(budget, max(0, progress.left))
        if fresh and job.at(_FLOOR) not in climbed:
            _climb(space, setup.problem, space.keeps[job.keep], queue.along(job), progress)
        others = min(queue.least, *(other for other, _ in tasted), math.inf)
        left = _solve(space, setup, (bound, others), space.keeps[job.keep], queue.along(job), progress, budget, each)
        if setup.collapsed:  # loops of levels that keep nothing were not looked at one by one
            progress.given_up = min(progress.given_up, max(bound, setup.bound))
        if left < progress.value:
            tasted.append((max(bound, left), job.at(_BEGUN)))
            queue.ready(job, setup)


@dataclass(frozen=True, slots=True, order=True)
class _Job:
    """What waits: kept operands and a pattern, by the list that it is in and its number there; or the rest of a list."""

    stage: int
    listing: int
    keep: int = 0
    index: int = 0

    def at(self, stage: int) -> _Job:
        return replace(self, stage=stage)


class _Queue:
    """Patterns in the order of the bounds that are known of them; those that fill the meshes less are listed when their turn comes."""

    def __init__(self, space: Space, objective: str, known: list[Anywhere], deadline: float) -> None:
        self.space, self.objective, self._deadline = space, objective, deadline
        self._longest = self._affordable(_A_SECOND)
        self._known: list[tuple[float, _Job]] = []
        self._others: list[tuple[float, _Job]] = []
        self.lists: list[Patterns] = []
        self.never = math.inf
        self._stays, self._anywhere = staying(space), known
        self._terms: dict[_Job, tuple[Terms, int]] = {}
        self._ready: dict[_Job, _Setup] = {}
        self._ratios = list(_RATIOS)
        self._fewest = math.prod(space.extents) / float(space.packed.fanout.astype(np.float64).prod())
        self._waits = float(least_cycles(space, np.zeros(1))[0]) * space.packed.macs_per_pe
        self.push(self._beyond(1.0), _Job(_UNLISTED, 0))

    @property
    def least(self) -> float:
        """The least bound of all that wait."""
        return min((waits[0][0] for waits in (self._known, self._others) if waits), default=math.inf)

    @property
    def floors(self) -> bool:
        """Whether the floor of any pattern that waits is known."""
        return bool(self._known)

    def push(self, bound: float, job: _Job, setup: _Setup | None = None) -> None:
        """Let a job wait, with what is known of its pattern."""
        heapq.heappush(self._known if job.stage > _UNSEEN else self._others, (bound, job))
        if setup is not None:
            self.ready(job, setup)

    def pop(self, limit: float) -> tuple[float, _Job]:
        """The job with the least bound; but patterns with known floors below ``limit`` come before those without."""
        known, others = self._known, self._others
        first = bool(known) and (not others or known[0][0] < max(limit, others[0][0]))
        return heapq.heappop(known if first else others)

    def ready(self, job: _Job, setup: _Setup) -> None:
        """Keep what is known of a pattern until its turn comes, if there is room."""
        if len(self._ready) < _READY:
            self._ready[job.at(_FLOOR)] = setup

    def along(self, job: _Job) -> tuple[Int, Int]:
        """Children along x and y [L, 8]."""
        listed = self.lists[job.listing]
        return listed.along_x[job.index], listed.along_y[job.index]

    def open(self, job: _Job, bound: float, limit: float) -> int:
        """List patterns that fill the meshes less, or find the floors of the next ones of a list; how much work that was, in tiles."""
        if job.stage == _UNLISTED and not self._ratios:
            self.never = bound
            return 0
        if job.stage == _UNLISTED:
            self._list(bound, limit)
            return _SETUP_WORK + _LISTED_WORK * len(self.lists[-1].steps)
        listed, start = self.lists[job.listing], job.index
        end = start + (_AT_A_TIME if job.listing or start else _FIRST)
        factors = children_of(self.space, listed.along_x[start:end], listed.along_y[start:end])
        steps = listed.steps[start:end]
        work = 0
        for number, keep in enumerate(self.space.keeps):
            if self._beyond(float(steps[0]), number) >= limit:
                continue
            known = self._anywhere[number]
            some = np.flatnonzero(coarse(self.space, known, factors, steps, self.objective, limit) < limit)
            if not len(some):
                continue
            terms = terms_of(self.space, keep, factors[some])
            found = fine(self.space, known, terms, factors[some], steps[some], self.objective, limit)
            for row in np.flatnonzero(found < limit):
                fresh = _Job(_FLOOR, job.listing, number, start + int(some[row]))
                self._terms[fresh] = terms, int(row)
                self.push(max(bound, float(found[row])), fresh)
            work += _FLOOR_WORK * len(some)
        if end < len(listed.steps):
            self.push(max(bound, self._beyond(float(listed.steps[end]))), replace(job, index=end))
        return work

    def climb(self, progress: Progress) -> set[_Job]:
        """Climb the patterns with the least floors, where these are far below what is known; which ones.

        It takes a third of what finding the bound of their tiles does, which is less with a better mapping.
        """
        done = set()
        for bound, job in heapq.nsmallest(_CLIMBED, self._known):
            if progress.exhausted or bound >= (1 - _FAR_ABOVE) * progress.value:
                break
            problem = self._problem(job, climbed=True)
            if problem is not None:
                _climb(self.space, problem, self.space.keeps[job.keep], self.along(job), progress)
            done.add(job)
        return done

    def _problem(self, job: _Job, climbed: bool = False) -> Problem | None:
        """The arrays of a pattern, see ``build``."""
        across, along = self.along(job)
        terms, row = self._terms[job.at(_FLOOR)]
        children = children_of(self.space, across[None], along[None])[0]
        return build(self.space, self.space.keeps[job.keep], children, self.objective, terms, row, climbed)

    def _list(self, bound: float, limit: float) -> None:
        """List patterns with more steps, but none with so many that what is known beats them all."""
        ratio = self._ratios.pop(0)
        again = [ratio, *self._ratios]
        while self._ratios and self._fewest * self._ratios[0] <= self._waits:
            ratio = self._ratios.pop(0)  # those with fewer steps only wait for the outermost level
        most = min(self._fewest * ratio, self._steps_below(limit))
        listed = at_work(self.space, patterns(self.space, most, self._longest))
        if listed.upto < most * (1 - 1e-9):  # as many as are listed at most: with more steps it would be the same ones
            longer = self._affordable(_LATER)
            self._ratios = again if longer > self._longest else []
            self._longest = max(longer, self._longest)
        for known in self.lists:
            listed = further(listed, known)
        self.lists.append(listed)
        if len(listed.steps):
            self.push(max(bound, self._beyond(float(listed.steps[0]))), _Job(_UNSEEN, len(self.lists) - 1))
        if math.isfinite(listed.dropped):
            self.push(max(bound, self._beyond(listed.dropped)), _Job(_UNLISTED, len(self.lists)))

    def _affordable(self, each: int) -> int:
        """How long lists may be where so many patterns are listed for each second that is left."""
        if math.isinf(self._deadline):
            return MOST
        return int(min(MOST, max(_AT_LEAST, each * (self._deadline - time.perf_counter()))))

    def _steps_below(self, limit: float) -> float:
        """Steps from which on no pattern can be below ``limit``, or a few more."""
        low, high = 1.0, float(math.prod(self.space.extents))
        if self._beyond(high) < limit:
            return math.inf
        while high > low * 1.001:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self._beyond(middle) >= limit else (middle, high)
        return high

    def _beyond(self, steps: float, keep: int | None = None) -> float:
        """What no pattern with so many steps can beat, under some choice of kept operands or any."""
        known = self._anywhere if keep is None else [self._anywhere[keep]]
        return beyond(self.space, known, steps, self.objective)

    def setup(self, job: _Job, limit: float) -> _Setup | None:
        """What is known of a pattern; None where no mapping of it is below ``limit``."""
        setup = self._ready.pop(job.at(_FLOOR), None)
        if setup is None:
            problem = self._problem(job)
            setup = None if problem is None else _setup(problem, self._stays, limit)
        return setup if setup is not None and setup.bound < limit else None


_Start = tuple[Int, Tabled, Int, Float, Float]


@dataclass(slots=True)
class _Setup:
    """What is known of a pattern before its tiles are put together.

    start : what ``join`` takes. bound : no mapping of the pattern costs less, or less than the limit that it was found under. work : tiles
    that were bounded for it, or, where they are listed at once, those that are left. widened : passes made with limits that were too low,
    so far. limit : up to which tiles are listed.
    """

    problem: Problem
    start: _Start
    bound: float
    work: int
    widened: int = 0
    limit: float = -math.inf
    _tiles: tuple[Float, Int] = (np.empty(0), np.empty((0, 8), np.int64))

    @property
    def collapsed(self) -> bool:
        """Whether loops may matter where no tile is a choice."""
        choice = self.problem.levels[CHOICE]
        return bool((choice[:, 1] > choice[:, 0]).any())

    def listed(self, limit: float) -> tuple[Float, Int]:
        """Tiles of the outermost level that is a choice, most promising first: keys and choices of all that are below ``limit``."""
        if math.isinf(limit):  # what is near to the least is enough for a start
            limit = max(self.limit, abs(self.bound) * _NEAR)
        if limit > self.limit:
            self.limit, self._tiles = limit, _listing(self.problem, self.start, limit)
        return self._tiles


def _setup(problem: Problem, stays: Int, limit: float) -> _Setup | None:
    """None where no tile of some level fits, or no mapping can be below ``limit``."""
    levels = problem.factors.shape[1]
    chosen = [level for level in range(levels - 1) if problem.levels[CHOICE, level, 0]]
    longest_list = problem.tables.shape[3]
    tabled = tabled_for(levels, longest_list)
    axes(problem, tabled)
    within, rest = np.full(levels, -np.inf), np.zeros(levels)
    path = np.full((3, levels), -1, np.int64)
    for inner, outer in zip(chosen, [*chosen[1:], levels - 1], strict=True):
        path[0, inner], path[1, outer] = outer, inner
    path[2, :2] = chosen[-1], chosen[0]
    for level in chosen[:-1]:
        alone = tiles(level, problem, tabled, 1, within, stays[-1], math.inf, *_NOTHING)
        within[level] = alone[1]
        if math.isinf(alone[1]):
            return None
    for level in chosen:
        rest[level] = sum(within[inner] for inner in chosen if inner < level)
    start = (path, tabled, stays, within, rest)
    if math.isfinite(limit) and stays[-1, 0] >= 0:  # these are bounded so quickly that they are listed at once
        found = _listing(problem, start, limit)
        return _Setup(problem, start, float(found[0][0]), len(found[0]), 0, limit, found) if len(found[0]) else None
    _, least, looked = tiles(*_outermost(problem, start), limit, *_NOTHING)
    return None if math.isinf(least) else _Setup(problem, start, least, looked)


_NOTHING = (np.empty(0), np.empty((0, 8), np.int64))


def _outermost(problem: Problem, start: _Start) -> tuple[int, Problem, Tabled, int, Float, Int]:
    """What ``tiles`` takes of the outermost level that is a choice."""
    path, tabled, stays, within, _ = start
    return int(path[2, 0]), problem, tabled, 0, within, stays[-1]


def _listing(problem: Problem, start: _Start, limit: float) -> tuple[Float, Int]:
    """The tiles of the outermost level below ``limit``, most promising first."""
    given, room = _outermost(problem, start), 4096
    while True:
        keys, found = np.empty(room), np.empty((room, 8), np.int64)
        number, _, _ = tiles(*given, limit, keys, found)
        if number <= room:
            ranked = np.argsort(keys[:number], kind="stable")
            return keys[ranked], found[ranked]
        room = number


def _solve(
    space: Space,
    setup: _Setup,
    between: tuple[float, float],
    keep: Keep,
    along: tuple[Int, Int],
    progress: Progress,
    budget: int,
    each: int,
) -> float:
    """Search one pattern for at most ``budget`` tiles; returns a bound on what was not looked at (infinity where all was).

    between : no mapping of the pattern costs less than the first. It is searched for those that cost little more, which are few: where
    there are none, the bound is as much larger, and the search goes on only if that is below the second, the bound of other patterns.
    """
    levels = space.levels
    spent = 0
    candidates = opened(*along, keep)
    exact = exact_of(space)
    scan = passed(counted_by(setup.problem.nest), of_one(exact, candidates))
    pricing = *climber(space, setup.problem), scan, exact, candidates

    def put_together(keys: Float, found: Int, limit: float, budget: int, each: int) -> tuple[float, float]:
        nonlocal spent
        temporal, order = np.ones((levels, 8), np.int64), np.zeros((levels, 8), np.int64)
        start = (setup.problem, keys, found, *setup.start)
        at, looked, known = 0, 0, min(limit, progress.value)
        chunk, grace = (_CHUNK, _CHUNK) if math.isfinite(progress.deadline) else (_ALL, 0)
        while True:
            part = min(chunk, budget - looked)
            limit, more, leaves, left, stop, skipped = join(
                *start, limit, at, part, grace, each, *pricing, temporal, order
            )
            looked += more
            progress.evaluated += leaves
            progress.given_up = min(progress.given_up, skipped)
            if math.isinf(left) or looked > budget or progress.late:
                break
            chunk = 2 * chunk if stop == at else _CHUNK
            at = stop
        spent += looked
        progress.priced += looked
        if limit < known:
            progress.value = limit
            progress.mapping = unpack_mapping(only(candidates, temporal, order))
        return limit, left

    least = bound = max(between[0], setup.bound)
    for widening in _WIDENINGS[setup.widened :] if each == _ALL else (_WIDE,):
        limit = min(progress.value, least * widening)
        if bound >= limit:
            return math.inf
        keys, found = setup.listed(limit)
        if math.isinf(progress.value):
            put_together(keys[:_DIVE], found[:_DIVE], math.inf, _DIVE_BUDGET, _ALL)
            limit = min(progress.value, limit)
        value, left = put_together(keys, found, limit, budget - spent, each)
        if each != _ALL:
            return bound
        if math.isinf(value):  # only so many tiles were listed as there is no limit
            progress.given_up = min(progress.given_up, setup.limit)
        if value < limit or limit == progress.value or math.isfinite(left):
            return max(left, bound)
        bound = limit
        setup.widened += 1
        if bound > between[1]:
            return bound
    return math.inf


def _climb(space: Space, problem: Problem, keep: Keep, along: tuple[Int, Int], progress: Progress) -> None:
    """Look for a good mapping of a pattern, from those that leave all to one level."""
    for absorbs in range(space.levels - 1, -1, -1):
        improve(space, problem, keep, along, absorbs, _LOOKED, progress)
