"""Optuna's tree-structured Parzen estimator over a study, by ask and tell: for points that each take long.

A design's axes are asked for in their order, and one whose condition does not hold is not asked for at all.

.. [1] J. Bergstra et al., "Algorithms for hyper-parameter optimization," NeurIPS 2011. T. Akiba et al., "Optuna," KDD 2019,
   doi:10.1145/3292500.3330701.
"""

from __future__ import annotations

from typing import Any

from hwsim.errors import UsageError, with_extra
from hwsim.study.axes import Point
from hwsim.study.searcher import Searcher

#: Proposals for each evaluation that may fall on designs known already before a search gives up [1].
_REPEATS = 5
#: Designs drawn at random before the estimator has something to learn from [1].
_FIRST = 10


def propose(searcher: Searcher, evaluations: int, seed: int) -> None:
    """Search until ``evaluations`` different designs are known, or nothing new is proposed. Raises UsageError where Optuna is missing."""
    try:
        import optuna
    except ImportError:
        raise UsageError(f"TPE needs Optuna: {with_extra('optuna')}") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = searcher.study
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(_FIRST, evaluations))
    asked = optuna.create_study(directions=["minimize"] * len(study.objectives), sampler=sampler)
    most = min(evaluations, study.space.cardinality)
    seen: set[int] = set()
    for _ in range(_REPEATS * evaluations):
        if len(seen) >= most:
            return
        trial = asked.ask()
        places = _places(trial, searcher)
        seen.add(study.space.number(places))
        costs, residuals = searcher.tell([places])
        for number, residual in enumerate(residuals[0]):
            trial.set_constraint(str(number), float(residual))
        asked.tell(trial, [float(cost) for cost in costs[0]])


def _places(trial: Any, searcher: Searcher) -> tuple[int, ...]:
    """What a trial proposes, an axis after the other."""
    space = searcher.study.space
    kept: Point = {}
    found = []
    for (group, rows), ordered in zip(space.columns, searcher.ordered, strict=True):
        place = 0
        if space.active(group[0], kept):
            if len(rows) > 1:
                name = " ".join(group)
                place = (
                    trial.suggest_int(name, 0, len(rows) - 1)
                    if ordered
                    else trial.suggest_categorical(name, list(range(len(rows))))
                )
            kept.update(zip(group, rows[place], strict=True))
        found.append(place)
    return tuple(found)
