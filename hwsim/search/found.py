"""What a search returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hwsim.cost import Cost
from hwsim.counts import Counts
from hwsim.mapping import Mapping

Objective = Literal["edp", "energy", "latency"]
#: How much is looked at: ``full`` searches to a proof, or as far as its work goes; ``quick`` climbs from a few starts (``search.quick``).
Effort = Literal["full", "quick"]


@dataclass(frozen=True, slots=True)
class Found:
    """The best mapping found, and how far it can be from the best there is.

    lower_bound : what no mapping can beat, in the unit of the objective: EDP [J s], energy [J] or latency [s]; of all repeats, as ``cost``.
    bound_gap : (found - lower_bound) / found, 0 where the mapping is proven optimal [1].
    evaluated : mappings priced completely [1]. space_size : mappings in the space, every factor, order and bypass [1].
    limited : whether a limit of time (not of work) ended the search; such a result depends on the machine.
    """

    mapping: Mapping
    counts: Counts
    cost: Cost
    bound_gap: float
    lower_bound: float
    evaluated: int
    space_size: float
    limited: bool = False


def value(cost: Cost, objective: Objective) -> float:
    """What a search minimizes: EDP [J s], energy [J] or latency [s]."""
    if objective == "latency":
        return cost.seconds
    joules = cost.joules if cost.joules is not None else float("inf")
    return joules if objective == "energy" else joules * cost.seconds
