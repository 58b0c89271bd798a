"""Studies: many designs, in order, kept on disk, resumed; their fronts, searches, budgets, sensitivities."""

from hwsim.study.budget import Budget, Needed, budget, needed
from hwsim.study.evaluation import evaluate_batch
from hwsim.study.fronts import best_under, hypervolume, knee, pareto
from hwsim.study.search import Found, search
from hwsim.study.sensitivity import Sensitivity, explain
from hwsim.study.study import Results, Study

__all__ = [
    "Budget",
    "Found",
    "Needed",
    "Results",
    "Sensitivity",
    "Study",
    "best_under",
    "budget",
    "evaluate_batch",
    "explain",
    "hypervolume",
    "knee",
    "needed",
    "pareto",
    "search",
]
