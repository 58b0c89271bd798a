"""Searches of spaces too large to enumerate: NSGA-II and III of pymoo and random draws, over the points of a study.

Every axis is coded by the places of its values, axes that are zipped by one place together. Filters are constraints like any other.
What was evaluated stays in the search's store under the number of its point, so a search that was killed replays its way without
evaluating again.

.. [1] K. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II," IEEE Trans. Evol. Comp. 6(2), 2002,
   doi:10.1109/4235.996017. J. Blank, K. Deb, "pymoo," IEEE Access 8, 2020, doi:10.1109/ACCESS.2020.2990567.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import UsageError
from hwsim.study.axes import Point, Value
from hwsim.study.evaluation import Evaluator
from hwsim.study.fast import rows
from hwsim.study.store import Store
from hwsim.study.study import Results, Study, _cost

Method = Literal["auto", "enumerate", "nsga2", "nsga3", "random"]
#: Cost of a point in a study of many alike over one that is evaluated alone [1], measured (40 µs and 12 ms with ResNet-50).
_ALIKE = 0.004
#: Cost of an objective that is not known: beyond any real one, and finite.
_UNKNOWN = 1e30


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the results (of all that it evaluated), how it was made, evaluations [1], and why so, in words."""

    results: Results
    method: str
    evaluations: int
    said: str


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
                costs[place] = [_cost(row, name) for name in study.objectives]
            else:
                residuals[place, -1] = 1.0
        return costs, residuals

    def results(self) -> Results:
        """All that was evaluated so far."""
        return Results(self._kept, tuple(self.study.objectives), self.study.names, self.study.description)


def search(
    study: Study,
    evaluations: int,
    *,
    seed: int = 0,
    method: Method = "auto",
    store: Path | str = ":memory:",
    population: int = 100,
) -> Found:
    """The best designs of a study with at most ``evaluations`` of them evaluated.

    method : ``auto`` enumerates where that costs less than the search would, and says so. seed : of everything random. Raises UsageError.
    """
    if evaluations < 1 or population < 2:
        raise UsageError("search: needs at least one evaluation and a population of two")
    if method == "auto":
        method, said = _cheaper(study, evaluations)
    else:
        said = f"{method}, as asked"
    if method == "enumerate":
        return Found(study.run(store), method, study.space.cardinality, said)
    searcher = Searcher(study, store)
    if method == "random":
        _random(searcher, evaluations, seed)
    elif method in ("nsga2", "nsga3"):
        _genetic(searcher, evaluations, seed, method, population)
    else:
        raise UsageError(f"search: there is no method {method} (enumerate, nsga2, nsga3, random)")
    return Found(searcher.results(), method, evaluations, said)


def _cheaper(study: Study, evaluations: int) -> tuple[Method, str]:
    count = study.space.cardinality
    if count <= evaluations:
        return "enumerate", f"enumerated: {count:,} designs are no more than {evaluations:,} evaluations"
    if study.base.get("rung") == "roofline" and count * _ALIKE <= evaluations:
        return "enumerate", f"enumerated: {count:,} rooflines at once cost less than {evaluations:,} one by one"
    return "nsga2", f"searched by NSGA-II: {count:,} designs are too many for {evaluations:,} evaluations"


def _random(searcher: Searcher, evaluations: int, seed: int) -> None:
    """Different designs drawn alike."""
    space = searcher.study.space
    generator = np.random.default_rng(seed)
    drawn = generator.choice(space.cardinality, size=min(evaluations, space.cardinality), replace=False)
    for start in range(0, len(drawn), 500):
        searcher.tell([space.places(int(number)) for number in drawn[start : start + 500]])


def _genetic(searcher: Searcher, evaluations: int, seed: int, method: str, population: int) -> None:
    try:
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.algorithms.moo.nsga3 import NSGA3
        from pymoo.core.problem import Problem
        from pymoo.operators.crossover.sbx import SBX
        from pymoo.operators.mutation.pm import PM
        from pymoo.operators.repair.rounding import RoundingRepair
        from pymoo.operators.sampling.rnd import IntegerRandomSampling
        from pymoo.optimize import minimize
        from pymoo.util.ref_dirs import get_reference_directions
    except ImportError:
        raise UsageError("NSGA needs pymoo: pip install 'hwsim[search]'") from None
    sizes, study = searcher.sizes, searcher.study

    class Designs(Problem):  # type: ignore[misc]
        """The study as pymoo sees it."""

        def __init__(self) -> None:
            super().__init__(
                n_var=len(sizes),
                n_obj=len(study.objectives),
                n_ieq_constr=len(study.limits) + 2,
                xl=np.zeros(len(sizes)),
                xu=np.array(sizes) - 1,
                vtype=int,
            )

        def _evaluate(self, x: NDArray[np.int64], out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"], out["G"] = searcher.tell([[int(place) for place in choice] for choice in x])

    operators: dict[str, Any] = {
        "sampling": IntegerRandomSampling(),
        "crossover": SBX(prob=0.9, eta=3.0, vtype=float, repair=RoundingRepair()),
        "mutation": PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        "eliminate_duplicates": True,
    }
    if method == "nsga2":
        algorithm = NSGA2(pop_size=min(population, evaluations), **operators)
    else:
        directions = get_reference_directions("energy", len(study.objectives), min(population, evaluations), seed=seed)
        algorithm = NSGA3(ref_dirs=directions, **operators)
    minimize(Designs(), algorithm, ("n_eval", evaluations), seed=seed, verbose=False)
