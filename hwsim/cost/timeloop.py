"""What Timeloop's user compares: cycles, energy in pJ, and the counts of every level under the file's own names."""

from __future__ import annotations

from typing import Any

from hwsim.cost.record import Cost
from hwsim.counts import Counts, OperandCounts
from hwsim.mapping import Mapping
from hwsim.mapping.timeloop import TimeloopProblem

SCHEMA = "hwsim/timeloop/1"


def timeloop_record(
    problem: TimeloopProblem, mapping: Mapping, counts: Counts, cost: Cost, bound_gap: float | None = None
) -> dict[str, Any]:
    """One result as plain values, in the file's words, pJ and cycles; EDP in pJ x cycles, levels outermost first.

    bound_gap : None where the file gave the mapping, so that nothing was searched.
    """
    energy = None if cost.joules is None else cost.joules * 1e12
    levels = {}
    for level in reversed(counts.levels):
        parts = cost.energy.levels[level.name] if cost.energy else None
        spaces = {}
        for index, (space, operand) in enumerate(zip(problem.names.spaces, level, strict=True)):
            joules = None if parts is None else parts.reads[index] + parts.fills[index] + parts.updates[index]
            wires = None if parts is None else parts.wires[index]
            spaces[space] = _operand(operand, joules, wires)
        levels[level.name] = {
            "instances": level.instances,
            "energy_pj": None if parts is None else (parts.storage + sum(parts.wires)) * 1e12,
            "data_spaces": spaces,
        }
    return {
        "schema": SCHEMA,
        "cycles": cost.cycles,
        "energy_pj": energy,
        "edp": None if energy is None else energy * cost.cycles,
        "utilization": cost.utilization,
        "bound_gap": bound_gap,
        "bound_by": cost.bound_by,
        "macs": counts.macs,
        "levels": levels,
        "mapping": _mapping(problem, mapping),
        "unavailable": {"energy_pj": f"the file gives no {cost.missing}"} if cost.missing else {},
    }


def _operand(operand: OperandCounts, joules: float | None, wires: float | None) -> dict[str, Any]:
    return {
        "keep": operand.kept,
        "tile": operand.tile,
        "reads": operand.total.reads,
        "fills": operand.total.fills,
        "updates": operand.total.updates,
        "reads_per_instance": operand.busiest.reads,
        "fills_per_instance": operand.busiest.fills,
        "updates_per_instance": operand.busiest.updates,
        "energy_pj": None if joules is None else joules * 1e12,
        "network_pj": None if wires is None else wires * 1e12,
    }


def _mapping(problem: TimeloopProblem, mapping: Mapping) -> list[dict[str, Any]]:
    """Loops from the outside in, in the file's names."""
    theirs = problem.names.theirs
    found = []
    for level, loops in reversed(list(zip(problem.hierarchy.levels, mapping.levels, strict=True))):
        kinds = (("temporal", loops.temporal), ("spatial_x", loops.spatial_x), ("spatial_y", loops.spatial_y))
        lists = {kind: [[theirs.get(dim, dim), factor] for dim, factor in reversed(pairs)] for kind, pairs in kinds}
        kept = [space for space, keep in zip(problem.names.spaces, loops.keep, strict=True) if keep]
        found.append({"target": level.name, "keep": kept, **lists})
    return found
