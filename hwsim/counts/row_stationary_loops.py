"""A plan of row-stationary passes as the loop nest that it is: what a PE keeps, what lies side by side, what waits in the buffer."""

from __future__ import annotations

from math import ceil

from hwsim.counts.row_stationary import Plan
from hwsim.mapping import Mapping
from hwsim.mapping.record import LevelLoops
from hwsim.workload import Dim, LoopNest


def loops(nest: LoopNest, plan: Plan, columns: int, filters_in_buffer: bool = True) -> Mapping:
    """Loops of scratchpads, buffer and off-chip memory, inner to outer; factors that do not divide an extent are rounded up.

    A PE keeps p filters of q channels; a set of kernel height × e PEs, folded where it is wider than the ``columns`` of the array, is
    repeated for r channels and t filters; m filters wait. filters_in_buffer : whether those of a pass take part of the buffer.
    """
    folds = ceil(plan.e / columns)
    wide = ceil(plan.e / folds)
    beside = min(plan.t, columns // wide)
    stacked = ceil(plan.t / beside)
    held = ceil(plan.m / (plan.p * plan.t))
    pads = LevelLoops(temporal=_above_one({"R": nest.r, "C": plan.q, "K": plan.p}))
    buffer = LevelLoops(
        temporal=_above_one({"P": nest.p, "N": plan.n, "K": held}),
        spatial_x=_above_one({"Q": wide, "K": beside}),
        spatial_y=_above_one({"S": nest.s, "Q": folds, "C": plan.r, "K": stacked}),
        keep=(True, filters_in_buffer, True),
    )
    edge = LevelLoops(
        temporal=_above_one(
            {
                "C": ceil(nest.c / (plan.q * plan.r)),
                "K": ceil(nest.k / (plan.p * beside * stacked * held)),
                "N": ceil(nest.n / plan.n),
                "Q": ceil(nest.q / (wide * folds)),
                "G": nest.g,
            }
        )
    )
    return Mapping((pads, buffer, edge))


def _above_one(factors: dict[Dim, int]) -> tuple[tuple[Dim, int], ...]:
    """Loops from the innermost out; those of one step are none."""
    return tuple((dim, factors[dim]) for dim in factors if factors[dim] > 1)
