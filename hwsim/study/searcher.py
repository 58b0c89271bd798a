"""Ask and tell over a study: any optimizer that knows places of values can search it.

Every axis is coded by the places of its values, axes that are zipped by one place together. Filters are constraints like any other.
What was evaluated stays in the search's store under the number of its point, so a search that was killed replays its way without
evaluating again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.study.axes import Point, Value
from hwsim.study.evaluation import Evaluator
from hwsim.study.fast import rows
from hwsim.study.store import Store
from hwsim.study.study import Results, Study, cost_of

#: Cost of an objective that is not known: beyond any real one, and finite.
_UNKNOWN = 1e30


@dataclass
class Searcher:
    """Ask and tell over a study: ``points`` are given by their places, ``tell`` evaluates and keeps them."""

    study: Study
    store: Path | str = ":memory:"
    _evaluator: Evaluator = field(init=False)
    _kept: Store = field(init=False)
    _known: dict[int, dict[str, Value]] = field(init=False)

    def __post_init__(self) -> None:
        study = self.study
        self._evaluator = Evaluator(dict(study.base), study.limits)
        self._kept = Store(self.store, f"{study.signature}/search", study.columns, study.description, in_turns=True)
        self._known = {number: dict(zip(study.columns, values, strict=True)) for number, values in self._kept.rows()}

    @property
    def evaluated(self) -> int:
        """Different designs evaluated so far, of earlier runs of the same search too [1]."""
        return len(self._known)

    @property
    def ordered(self) -> tuple[bool, ...]:
        """Whether the values of each variable ascend or descend: words and groups have no order."""
        found = []
        for group, values in self.study.space.columns:
            numbers = [row[0] for row in values]
            plain = len(group) == 1 and all(
                isinstance(one, int | float) and not isinstance(one, bool) for one in numbers
            )
            found.append(plain and numbers in (sorted(numbers), sorted(numbers, reverse=True)))  # type: ignore[type-var]
        return tuple(found)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Values of every variable [1]: an axis, or axes that are zipped."""
        return self.study.space.sizes

    def tell(self, places: Sequence[Sequence[int]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Objectives [N, D] and residuals [N, C] of designs by places; at most 0 is feasible. Always finite."""
        study = self.study
        numbers = [study.space.number(choice) for choice in places]
        fresh: dict[int, Point] = {}
        broken: set[int] = set()
        for number, choice in zip(numbers, places, strict=True):
            point, passes = study.space.at(choice)
            if not passes:
                broken.add(number)
            elif number not in self._known:
                fresh[number] = point
        made = rows(self._evaluator, list(fresh.values()))
        for (number, point), row in zip(fresh.items(), made, strict=True):
            self._known[number] = {**point, **row}
        self._kept.add(
            [(number, study._values(point, row)) for (number, point), row in zip(fresh.items(), made, strict=True)]
        )
        names = [*(limit.name for limit in study.limits), "residual_mapping"]
        costs = np.full((len(numbers), len(study.objectives)), _UNKNOWN)
        residuals = np.ones((len(numbers), len(names) + 1))
        for place, number in enumerate(numbers):
            if number in broken:
                continue
            row = self._known[number]
            residuals[place] = [*(float(row[name]) for name in names), 0.0]  # type: ignore[arg-type]
            if all(row[name.removeprefix("-")] is not None for name in study.objectives):
                costs[place] = [cost_of(row, name) for name in study.objectives]
            else:
                residuals[place, -1] = 1.0
        return costs, residuals

    def results(self) -> Results:
        """All that was evaluated so far."""
        return Results(self._kept, tuple(self.study.objectives), self.study.names, self.study.description)
