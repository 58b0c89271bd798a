"""Good mappings in hundredths of a second: the most promising patterns, each climbed from simple starts, the best carried over to others.

For sweeps of many designs. What is worked out for a nest before capacities matter (patterns, their floors, the arrays of the search) is
kept for hierarchies that differ in capacities alone; nothing else is carried from one search to another, so that an answer depends on its
own question only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from hwsim.kernels.packed import Int
from hwsim.kernels.search_terms import Problem
from hwsim.mapping import Hierarchy
from hwsim.search.bounds import Anywhere, anywhere, at_any_capacity, beyond
from hwsim.search.by_axis import free_to_spread, least_by_axis
from hwsim.search.improving import improve
from hwsim.search.patterns import Patterns, children_of
from hwsim.search.problem import build, within
from hwsim.search.progress import Progress
from hwsim.search.space import Keep, Space, space_of
from hwsim.search.survey import NEAR, Surveyed, carry, surveyed
from hwsim.search.terms import Terms, terms_of
from hwsim.workload import LoopNest

#: Patterns that are climbed at most, fewer in the quick search; those whose turn comes until so many have a start that fits; and mappings
#: looked at in one climb.
_CLIMBED, _FEW, _TRIED, _MOST = 5, 2, 24, 2_000
#: Nests on hierarchies that are remembered at most; and with all of their patterns, for what follows the quick search.
_REMEMBERED, _AT_ONCE = 256, 4


def quick(space: Space, objective: str, progress: Progress) -> None:
    """Climb the patterns with the least floors and carry what is best over to others.

    Leaves the best mapping in ``progress``, and in ``given_up`` what none can beat. Nothing is found where no start of any pattern fits:
    a search in earnest may then find a mapping.
    """
    bound = climb_promising(space, objective, progress, _FEW)
    carry(space, _promising(_question(space, objective)).surveyed, NEAR, progress)
    if progress.mapping is not None:
        progress.given_up = bound


def climb_promising(space: Space, objective: str, progress: Progress, patterns: int = _CLIMBED) -> float:
    """Climb some of the patterns with the least floors from simple starts; leaves the best in ``progress``, returns what none beats."""
    promising = _promising(_question(space, objective))
    climbed = 0
    for place in range(len(promising.ranked)):
        pattern = promising.pattern(place)
        if pattern is not None:
            fits = [_climbed(space, pattern, start, progress) for start in range(space.levels - 1, -1, -1)]
            climbed += any(fits)
        if climbed == patterns:
            break
    return promising.bound


def surveyed_far(space: Space, objective: str) -> Surveyed:
    """What the quick search surveyed before it went on with less."""
    return _surveyed(_question(space, objective))


def known_anywhere(space: Space, objective: str) -> list[Anywhere]:
    """``anywhere``, from what the quick search has found."""
    return anywhere(space, _at_any_capacity(_question(space, objective)))


@dataclass(frozen=True, slots=True)
class _Question:
    """What promising patterns depend on. told : the hierarchy in words, to compare by."""

    nest: LoopNest
    told: str
    objective: str
    exact: bool
    perfect: bool
    hierarchy: Hierarchy = field(compare=False)


def _question(space: Space, objective: str) -> _Question:
    unlimited, told = space.unlimited
    return _Question(space.nest, told, objective, space.exact, space.perfect, unlimited)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A spatial pattern with kept operands: children along x and y [L, 8], and the arrays of its search."""

    keep: Keep
    along: tuple[Int, Int]
    problem: Problem


@dataclass(frozen=True, slots=True)
class _Promising:
    """The patterns with the least floors, whatever the capacities.

    ranked : kept operands, children along x and y, and costs of a word. bound : no mapping costs less. built : problems made so far, None
    where no factors cover a dim.
    """

    space: Space
    objective: str
    ranked: tuple[tuple[Keep, tuple[Int, Int], Terms], ...]
    bound: float
    surveyed: Surveyed
    built: dict[int, _Pattern | None] = field(default_factory=dict)

    def pattern(self, place: int) -> _Pattern | None:
        """One of the ranked patterns, its problem built when it is first asked for."""
        if place not in self.built:
            keep, along, terms = self.ranked[place]
            children = children_of(self.space, along[0][None], along[1][None])[0]
            problem = build(self.space, keep, children, self.objective, terms, climbed=True)
            self.built[place] = None if problem is None else _Pattern(keep, along, problem)
        return self.built[place]


@lru_cache(maxsize=_AT_ONCE)
def _surveyed(question: _Question) -> Surveyed:
    return surveyed(space_of(question.nest, question.hierarchy, question.exact, question.perfect), question.objective)


@lru_cache(maxsize=_AT_ONCE)
def _at_any_capacity(question: _Question) -> list[Anywhere]:
    return at_any_capacity(_surveyed(question).space)


@lru_cache(maxsize=_REMEMBERED)
def _promising(question: _Question) -> _Promising:
    objective, known = question.objective, _surveyed(question)
    space, listed = known.space, known.listed
    found: list[tuple[float, int, int]] = []
    for number, some in enumerate(known.costs):
        first = np.argsort(some.low, kind="stable")[:_TRIED]
        found += [(float(some.low[row]), number, int(row)) for row in first]
    found.sort()
    bound = found[0][0] if found else math.inf
    ranked = [
        (space.keeps[number], (listed.along_x[row], listed.along_y[row]), known.costs[number].terms.of(row))
        for _, number, row in found[:_TRIED]
    ]
    if math.isfinite(listed.dropped):
        everywhere = anywhere(space, _at_any_capacity(question))
        bound = min(bound, beyond(space, everywhere, listed.dropped, objective))
        if free_to_spread(space):
            ranked = [*_by_axis(space, everywhere, listed, found, objective), *ranked]
    return _Promising(space, objective, tuple(ranked), bound, known.first(NEAR.patterns))


def _by_axis(
    space: Space, known: list[Anywhere], listed: Patterns, found: list[tuple[float, int, int]], objective: str
) -> list[tuple[Keep, tuple[Int, Int], Terms]]:
    """Patterns that more steps make no slower, most promising first: found from the best of each choice of kept operands."""
    starts = {number: (row, low) for low, number, row in reversed(found)}
    reached = []
    for number, (row, low) in starts.items():
        least, across, along = low, listed.along_x[row], listed.along_y[row]
        nearest = beyond(space, [known[number]], listed.dropped, objective)
        if nearest < low:  # else no pattern that is not listed has less
            least, across, along = least_by_axis(space, known[number], (across, along), objective, low)
        reached.append((least, number, (across, along)))
    reached.sort(key=lambda item: item[:2])
    return [
        (
            space.keeps[number],
            along,
            terms_of(space, space.keeps[number], children_of(space, *(one[None] for one in along))),
        )
        for _, number, along in reached
    ]


def _climbed(space: Space, pattern: _Pattern, absorbs: int, progress: Progress) -> bool:
    """Climb a pattern from all trips at the level ``absorbs``, or next to it where that level's are given; whether that start fits."""
    problem = within(pattern.problem, space)
    reached = improve(space, problem, pattern.keep, pattern.along, absorbs, _MOST, progress)
    return math.isfinite(reached)
