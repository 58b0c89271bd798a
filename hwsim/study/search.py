"""Searches of spaces too large to enumerate: NSGA-II and III of pymoo, TPE of Optuna, random draws; or enumeration, where that is cheaper.

.. [1] K. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II," IEEE Trans. Evol. Comp. 6(2), 2002,
   doi:10.1109/4235.996017. J. Blank, K. Deb, "pymoo," IEEE Access 8, 2020, doi:10.1109/ACCESS.2020.2990567.
.. [2] T. Akiba et al., "Optuna: A next-generation hyperparameter optimization framework," KDD 2019, doi:10.1145/3292500.3330701.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hwsim.errors import UsageError, nearest, with_extra
from hwsim.study.searcher import Searcher
from hwsim.study.study import Results, Study

Method = Literal["auto", "enumerate", "nsga2", "nsga3", "tpe", "random"]
METHODS: tuple[Method, ...] = ("auto", "enumerate", "nsga2", "nsga3", "tpe", "random")
#: Cost of a point in a study of many alike over one that is evaluated alone [1], measured (40 µs and 12 ms with ResNet-50).
_ALIKE = 0.004
#: Most evaluations that are given to TPE, whose next proposal takes longer with each one that it knows (27 ms at 500).
_FEW = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the results (of all that it evaluated), how it was made, evaluations [1], and why so, in words."""

    results: Results
    method: str
    evaluations: int
    said: str


def search(
    study: Study,
    evaluations: int,
    *,
    seed: int = 0,
    method: Method = "auto",
    store: Path | str = ":memory:",
    population: int = 100,
) -> Found:
    """The best designs of a study with at most ``evaluations`` different ones evaluated.

    method : ``auto`` enumerates where that costs less than the search would, and says so; points that take a search of mappings or a
    simulation each go to Optuna's ``tpe``, rooflines by the hundred to ``nsga2``. seed : of everything random. store : where designs are
    kept; the same search goes on from there. Raises UsageError.
    """
    if evaluations < 1 or population < 2:
        raise UsageError("search: needs at least one evaluation and a population of two")
    if method not in METHODS:
        raise UsageError(f"search: there is no method {method}{nearest(method, METHODS)} ({', '.join(METHODS)})")
    if method == "auto":
        method, said = _cheaper(study, evaluations)
    else:
        said = f"{method}, as asked"
    if method == "enumerate":
        results = study.run(store)
        return Found(results, method, sum(1 for _ in results.store.rows()), said)
    searcher = Searcher(study, store)
    if method == "random":
        _random(searcher, evaluations, seed)
    elif method == "tpe":
        from hwsim.study.proposals import propose

        propose(searcher, evaluations, seed)
    else:
        from hwsim.study.genetic import evolve

        evolve(searcher, evaluations, seed, method, population)
    return Found(searcher.results(), method, searcher.evaluated, said)


def _cheaper(study: Study, evaluations: int) -> tuple[Method, str]:
    count = study.space.cardinality
    if count <= evaluations:
        return "enumerate", f"enumerated: {count:,} designs are no more than {evaluations:,} evaluations"
    rungs = study.space.axes.get("rung", (study.base.get("rung"),))
    if rungs == ("roofline",):
        if count * _ALIKE <= evaluations:
            return "enumerate", f"enumerated: {count:,} rooflines at once cost less than {evaluations:,} one by one"
        return "nsga2", f"searched by NSGA-II: {count:,} designs are too many for {evaluations:,} evaluations"
    why = f"{count:,} designs are too many for {evaluations:,} evaluations, each of which takes long"
    if evaluations > _FEW:
        return "nsga2", f"searched by NSGA-II: {why}, and they are too many to think about each one"
    if importlib.util.find_spec("optuna") is None:
        return "nsga2", f"searched by NSGA-II: {why}; Optuna's TPE would be asked first: {with_extra('optuna')}"
    return "tpe", f"searched by Optuna's TPE: {why}"


def _random(searcher: Searcher, evaluations: int, seed: int) -> None:
    """Different designs drawn alike."""
    space = searcher.study.space
    generator = np.random.default_rng(seed)
    drawn = generator.choice(space.cardinality, size=min(evaluations, space.cardinality), replace=False)
    for start in range(0, len(drawn), 500):
        searcher.tell([space.places(int(number)) for number in drawn[start : start + 500]])
