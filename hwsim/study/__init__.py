"""Studies: many designs, in order, kept on disk, resumed; their fronts."""

from hwsim.study.fronts import best_under, hypervolume, knee, pareto
from hwsim.study.study import Results, Study

__all__ = ["Results", "Study", "best_under", "hypervolume", "knee", "pareto"]
