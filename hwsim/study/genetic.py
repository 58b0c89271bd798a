"""NSGA-II and III of pymoo over a study.

Where the values of every axis have an order, places are whole numbers crossed and mutated as such; where some are words, pymoo's
operators for mixed variables choose among those.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import UsageError, with_extra
from hwsim.study.searcher import Searcher


def evolve(searcher: Searcher, evaluations: int, seed: int, method: str, population: int) -> None:
    """Search with NSGA-II or III of pymoo. method : ``nsga2`` or ``nsga3``. Raises UsageError where pymoo is missing."""
    try:
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.algorithms.moo.nsga3 import NSGA3
        from pymoo.optimize import minimize
        from pymoo.util.ref_dirs import get_reference_directions
    except ImportError:
        raise UsageError(f"NSGA needs pymoo: {with_extra('search')}") from None
    problem, operators = _numbers(searcher) if all(searcher.ordered) else _mixed(searcher)
    if method == "nsga2":
        algorithm = NSGA2(pop_size=min(population, evaluations), **operators)
    else:
        objectives = len(searcher.study.objectives)
        directions = get_reference_directions("energy", objectives, min(population, evaluations), seed=seed)
        algorithm = NSGA3(ref_dirs=directions, **operators)
    minimize(problem, algorithm, ("n_eval", evaluations), seed=seed, verbose=False)


def _numbers(searcher: Searcher) -> tuple[Any, dict[str, Any]]:
    """A problem in places alone, and its operators."""
    from pymoo.core.problem import Problem
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling

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
    return Designs(), operators


def _mixed(searcher: Searcher) -> tuple[Any, dict[str, Any]]:
    """A problem some of whose variables have no order, and its operators."""
    from pymoo.core.mixed import MixedVariableDuplicateElimination, MixedVariableMating, MixedVariableSampling
    from pymoo.core.problem import Problem
    from pymoo.core.variable import Choice, Integer

    study = searcher.study
    variables = {
        f"v{place}": Integer(bounds=(0, size - 1)) if ordered and size > 1 else Choice(options=list(range(size)))
        for place, (size, ordered) in enumerate(zip(searcher.sizes, searcher.ordered, strict=True))
    }

    class Designs(Problem):  # type: ignore[misc]
        """The study as pymoo sees it."""

        def __init__(self) -> None:
            super().__init__(vars=variables, n_obj=len(study.objectives), n_ieq_constr=len(study.limits) + 2)

        def _evaluate(self, x: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"], out["G"] = searcher.tell([[int(choice[name]) for name in variables] for choice in x])

    same = MixedVariableDuplicateElimination()
    operators: dict[str, Any] = {
        "sampling": MixedVariableSampling(),
        "mating": MixedVariableMating(eliminate_duplicates=same),
        "eliminate_duplicates": same,
    }
    return Designs(), operators
