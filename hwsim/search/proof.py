"""Search a space to a proof, or as far as the work budget goes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.counts import count
from hwsim.errors import Infeasible
from hwsim.kernels.packed import Float, Int, MappingArrays
from hwsim.kernels.search import axes, join, tiles
from hwsim.kernels.search_terms import CHOICE, COMPUTE, ENERGY, LATENCY, LEAKAGE_J, OBJECTIVE, Problem
from hwsim.mapping import Mapping
from hwsim.mapping.pack import unpack_mapping
from hwsim.search.bounds import floors, values
from hwsim.search.patterns import at_work, patterns
from hwsim.search.problem import build, staying
from hwsim.search.space import Keep, Space
from hwsim.search.terms import terms_of

#: Tiles listed per level at most.
_LISTED = 1 << 20
#: How far above its bound a pattern is searched first, then next, while no mapping is known.
_WIDENINGS = (1.01, 1.05, 1.2, 2.0, math.inf)
_DIVE, _DIVE_BUDGET = 64, 50_000


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
        if time.perf_counter() > self.deadline:
            self.limited = True
        return self.limited or self.priced >= self.budget


def prove(space: Space, objective: str, progress: Progress) -> None:
    """Search all patterns and kept operands, most promising first; what is cut is bounded by ``progress.value`` or ``given_up``."""
    listed = at_work(space, patterns(space, 0.0))
    if not len(listed.steps):
        return
    stays = staying(space)
    known = [terms_of(space, keep, listed.factors) for keep in space.keeps]
    bounds = np.stack([values(space, *floors(space, terms, listed.steps), objective) for terms in known])
    for job in np.argsort(bounds, axis=None, kind="stable"):
        number, index = divmod(int(job), bounds.shape[1])
        bound, keep = float(bounds[number, index]), space.keeps[number]
        if bound >= progress.value:
            break
        if progress.exhausted:
            progress.given_up = min(progress.given_up, bound)
            break
        problem = build(space, keep, listed.factors[index], objective, known[number], index)
        if problem is not None:
            _solve(space, problem, stays, keep, listed.along_x[index], listed.along_y[index], progress)


def _solve(
    space: Space, problem: Problem, stays: Int, keep: Keep, along_x: Int, along_y: Int, progress: Progress
) -> None:
    levels = problem.factors.shape[1]
    chosen = [level for level in range(levels - 1) if problem.levels[CHOICE, level, 0]]
    longest_list = problem.tables.shape[3]
    plain, fewest = np.zeros((2, levels, 2, longest_list, longest_list))
    axes(problem, plain, fewest)
    nothing = np.empty(0), np.empty((0, 8), np.int64)
    least = {
        level: tiles(level, problem, plain[level], fewest[level], 0.0, 0.0, -math.inf, *nothing) for level in chosen
    }
    path = np.full((3, levels), -1, np.int64)
    for inner, outer in zip(chosen, [*chosen[1:], levels - 1], strict=True):
        path[0, inner], path[1, outer] = outer, inner
    path[2, :2] = chosen[-1], chosen[0]
    energies = {level: least[level][1] for level in chosen}
    cycles = {level: least[level][2] for level in chosen}
    if any(math.isinf(energy) for energy in energies.values()):
        return
    rest_energy, rest_cycles = np.zeros(levels), np.zeros(levels)
    for level in chosen:
        rest_energy[level] = sum(energies[inner] for inner in chosen if inner < level)
        rest_cycles[level] = max((cycles[inner] for inner in chosen if inner < level), default=0.0)
    total = problem.base[3, 0] + sum(energies.values())
    longest = max(problem.reals[COMPUTE], *cycles.values())
    bound = _value(total, longest, problem)
    outermost = chosen[-1]
    others = problem.base[3, 0] + rest_energy[outermost]
    wait = max(problem.reals[COMPUTE], rest_cycles[outermost])

    def put_together(keys: Float, found: Int, limit: float, budget: int, trust: bool = True) -> tuple[float, float]:
        temporal, order = np.ones((levels, 8), np.int64), np.zeros((levels, 8), np.int64)
        start = (problem, keys, found, path, plain, fewest, stays, rest_energy, rest_cycles)
        value, looked, leaves, left = join(*start, limit, budget, int(trust), temporal, order)
        progress.priced += looked
        progress.evaluated += leaves
        if value >= min(limit, progress.value):
            return value, left
        mapping = mapping_of(temporal, order, along_x, along_y, keep)
        if trust and isinstance(count(space.nest, space.hierarchy, mapping, space.rules), Infeasible):
            return put_together(keys, found, limit, budget, False)
        progress.value, progress.mapping = value, mapping
        return value, left

    for widening in _WIDENINGS:
        limit = min(progress.value, bound * widening)
        if bound >= limit:
            return
        keys, found = _listing(outermost, problem, plain[outermost], fewest[outermost], others, wait, limit)
        if math.isinf(progress.value):
            put_together(keys[:_DIVE], found[:_DIVE], math.inf, _DIVE_BUDGET)
            limit = min(progress.value, limit)
        value, left = put_together(keys, found, limit, progress.budget - progress.priced)
        progress.given_up = min(progress.given_up, left)
        if value < limit or limit == progress.value or math.isfinite(left):
            return


def mapping_of(temporal: Int, order: Int, along_x: Int, along_y: Int, keep: Keep) -> Mapping:
    """The record of what a kernel found."""
    plain = np.tile(np.arange(8), (len(temporal), 1))
    return unpack_mapping(MappingArrays(temporal, along_x, along_y, order, plain, plain, np.array(keep)))


def _listing(
    level: int, problem: Problem, plain: Float, fewest: Float, others: float, wait: float, limit: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    keys = np.empty(4096)
    found = np.empty((4096, 8), np.int64)
    number = tiles(level, problem, plain, fewest, others, wait, limit, keys, found)[0]
    if number > len(keys):
        keys = np.empty(number)
        found = np.empty((number, 8), np.int64)
        number = tiles(level, problem, plain, fewest, others, wait, limit, keys, found)[0]
    ranked = np.argsort(keys[:number], kind="stable")
    return keys[ranked], found[ranked]


def _value(energy: float, cycles: float, problem: Problem) -> float:
    whole = math.ceil(cycles - 1e-9 * cycles)
    if problem.nest[OBJECTIVE] == LATENCY:
        return float(whole)
    total = float(energy + problem.reals[LEAKAGE_J] * whole)
    return total if problem.nest[OBJECTIVE] == ENERGY else total * whole
