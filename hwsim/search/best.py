"""The best mapping of a nest on a hierarchy, with a proof of how far it can be from optimal."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hwsim.cost import Cost, price
from hwsim.counts import Counts, Rules, count
from hwsim.errors import Infeasible, MappingError, UsageError
from hwsim.mapping import Hierarchy, Mapping
from hwsim.search import cache as kept
from hwsim.search.exhaustive import scan_all
from hwsim.search.found import Effort, Found, Objective, value
from hwsim.search.infeasible import why
from hwsim.search.moved import move_dims
from hwsim.search.progress import Progress
from hwsim.search.proof import prove
from hwsim.search.quick import climb_promising, known_anywhere, quick, surveyed_far
from hwsim.search.size import size_of
from hwsim.search.space import Space, space_of
from hwsim.search.survey import FAR, FURTHER, carry
from hwsim.search.unpadded import find_unpadded
from hwsim.workload import LoopNest

#: Work that a search may do, in tiles looked at: a few tenths of a second of one core.
BUDGET = 2_000_000
#: The same where the hardware fixes loops and factors need not divide, and work after which such a search goes on only if a proof is near:
#: there are many patterns then and bounds come slowly, but the mappings that it begins with seldom become better.
_GIVEN, _PATIENCE = 80_000, 15_000
#: How near to the bound of the quick search what it found need not be made better before all is proven.
_CLOSE = 0.01
#: How far from that bound it is looked for longer: climbs of a few steps may all have ended far from where others do.
_FAR_OFF = 0.75


def best(
    nest: LoopNest,
    hierarchy: Hierarchy,
    objective: Objective = "edp",
    rules: Rules = "exact",
    seconds: float | None = None,
    perfect: bool = False,
    cache: bool = True,
    effort: Effort = "full",
) -> Found | Infeasible:
    """Find the mapping with the least EDP, energy or latency under the hierarchy's constraints, and bound what could be better.

    rules : counting rules; the ``timeloop`` rules imply ``perfect``, factors that divide. seconds : time to search [s]; without it a fixed
    amount of work, so that the answer does not depend on the machine. cache : read and keep results on disk; a search cut short by time
    is never kept. effort : ``quick`` takes a twentieth of that work and proves less; where it finds nothing, the full search is
    asked. Raises UsageError for an unknown objective, or one of energy where the hierarchy gives none; MappingError for what cannot be
    counted in 64 bits.
    """
    _check(hierarchy, objective, rules, seconds, effort)
    single = replace(nest, repeat=1)
    perfect = perfect or rules == "timeloop"
    file = kept.place(single, hierarchy, objective, rules, perfect, effort, seconds is not None) if cache else None
    known = kept.read(file) if file else None
    if known is not None:
        counts, cost = _counted(nest, hierarchy, known.mapping, rules)
        return _found(nest, known, counts, cost, objective, False)
    space = space_of(single, hierarchy, rules == "exact", perfect)
    if seconds is None:
        given = any(space.constrained) and not perfect
        progress = Progress(min(BUDGET, _GIVEN), math.inf, _PATIENCE) if given else Progress(BUDGET, math.inf)
    else:
        progress = Progress(1 << 62, time.perf_counter() + seconds)
    if effort == "quick" or not scan_all(space, objective, progress):
        _search(space, objective, effort, progress)
    mapping = progress.mapping
    if mapping is None:
        return why(space, progress)
    entry = kept.Entry(mapping, _bound(space, progress, objective), progress.evaluated, size_of(space))
    counts, cost = _counted(nest, hierarchy, mapping, rules)
    if file and not progress.limited:
        kept.write(file, entry)
    return _found(nest, entry, counts, cost, objective, progress.limited)


def _search(space: Space, objective: Objective, effort: Effort, progress: Progress) -> None:
    """Search a space too large to be priced whole; leaves the best mapping and what is given up in ``progress``."""
    if effort == "quick":
        quick(space, objective, progress)
        if progress.mapping is not None:
            return
    least = climb_promising(space, objective, progress)  # what is good from the start cuts most of what is to be proven
    if not least >= (1 - _CLOSE) * progress.value:
        if any(space.constrained):
            find_unpadded(space, objective, progress)
        else:
            move_dims(space, objective, progress)
        known = surveyed_far(space, objective)
        carry(space, known, FAR, progress)
        near = least / (1 - _FAR_OFF)
        if near < progress.value:
            carry(space, known, FURTHER, progress, near)
    progress.patience += progress.priced  # which counts from here
    prove(space, objective, progress, known_anywhere(space, objective))
    progress.given_up = max(progress.given_up, least)


def best_many(
    nests: Sequence[LoopNest],
    hierarchy: Hierarchy,
    objective: Objective = "edp",
    rules: Rules = "exact",
    seconds: float | None = None,
    perfect: bool = False,
    cache: bool = True,
    threads: int = 1,
) -> list[Found | Infeasible]:
    """``best`` of each nest; equal ones are searched once. The answers are the same for any number of threads."""
    distinct = list(dict.fromkeys(nests))

    def one(nest: LoopNest) -> Found | Infeasible:
        return best(nest, hierarchy, objective, rules, seconds, perfect, cache)

    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            answers = dict(zip(distinct, pool.map(one, distinct), strict=True))
    else:
        answers = {nest: one(nest) for nest in distinct}
    return [answers[nest] for nest in nests]


def _check(hierarchy: Hierarchy, objective: str, rules: str, seconds: float | None, effort: str) -> None:
    if effort not in ("full", "quick"):
        raise UsageError(f"search {effort!r}: there are full and quick")
    if objective not in ("edp", "energy", "latency"):
        raise UsageError(f"objective {objective!r}: there are edp, energy and latency")
    if rules not in ("exact", "timeloop"):
        raise UsageError(f"counting rules {rules!r}: there are exact and timeloop")
    if seconds is not None and not seconds > 0:
        raise UsageError(f"search time {seconds!r}: needs a number of seconds above 0")
    known = hierarchy.mac_j is not None and all(
        level.read_j is not None or all(keep == "never" for keep in level.keeps) for level in hierarchy.levels
    )
    if objective != "latency" and not known:
        raise UsageError(f"{hierarchy.name}: objective {objective} needs energies, and it gives none (use latency)")


def _bound(space: Space, progress: Progress, objective: Objective) -> float:
    """The proven bound of one repeat, in SI: the kernel counts time in cycles."""
    bound = min(progress.value, progress.given_up)
    return bound if objective == "energy" else bound / space.hierarchy.clock_hz


def _counted(nest: LoopNest, hierarchy: Hierarchy, mapping: Mapping, rules: Rules) -> tuple[Counts, Cost]:
    counts = count(nest, hierarchy, mapping, rules)
    if isinstance(counts, Infeasible):
        raise MappingError(f"{hierarchy.name}: a mapping that was found does not count: {counts}")
    return counts, price(counts, hierarchy, nest)


def _found(nest: LoopNest, entry: kept.Entry, counts: Counts, cost: Cost, objective: Objective, limited: bool) -> Found:
    times = nest.repeat**2 if objective == "edp" else nest.repeat
    reached = value(cost, objective)
    bound = min(entry.lower_bound * times, reached)
    gap = (reached - bound) / reached if reached else 0.0
    if gap < _ROUNDING:
        bound, gap = reached, 0.0
    return Found(entry.mapping, counts, cost, gap, bound, entry.evaluated, entry.space_size, limited)


#: Differences that come from adding the same numbers in another order.
_ROUNDING = 1e-9
