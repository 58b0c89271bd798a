"""One mapping on one page: the loop nest, what moves where, what binds, and how far it can be from the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hwsim.cost import Cost
from hwsim.counts import Counts, OperandCounts
from hwsim.mapping import Hierarchy
from hwsim.mapping import Mapping as LoopMapping
from hwsim.mapping.text import as_dict, loop_nest
from hwsim.report.text import columns, safe, wrapped
from hwsim.search import Found
from hwsim.units import humanize
from hwsim.workload import DIMS, OPERANDS, LoopNest
from hwsim.workload.nest import Operand

SCHEMA = "hwsim/mapping-report/1"

#: Gaps from which on it is worth saying how to search on.
_WIDE = 0.1


@dataclass(frozen=True, slots=True)
class Placed:
    """One nest on one hierarchy, priced. search : what a search said of it, None where the mapping was given."""

    name: str
    nest: LoopNest
    hierarchy: Hierarchy
    mapping: LoopMapping
    counts: Counts
    cost: Cost
    objective: str
    search: Found | None = None


def text(placed: Placed) -> str:
    """What ``hwsim map`` prints."""
    nest = placed.nest
    extents = " ".join(f"{dim}={size}" for dim, size in zip(DIMS, nest.extents, strict=True) if size > 1)
    lines = [f"{safe(placed.name)} on {safe(placed.hierarchy.name)}: {extents or 'one MAC'}", ""]
    lines += loop_nest(nest, placed.hierarchy, placed.mapping).splitlines()
    lines += ["", *_accesses(placed), "", *_verdict(placed)]
    return "\n".join(lines)


def _accesses(placed: Placed) -> list[str]:
    nest = placed.nest
    widths = {"input": nest.input.bits, "weight": nest.weight.bits, "output": nest.output.bits}
    rows = []
    for level, counts in reversed(list(zip(placed.hierarchy.levels, placed.counts.levels, strict=True))):
        for operand, done in zip(OPERANDS, counts, strict=True):
            if done.kept:
                rows.append(
                    (level.name, operand, *_figures(done, widths[operand]), _energy(placed.cost, level.name, operand))
                )
    return columns(rows, ("level", "operand", "tile", "reads", "fills", "updates", "energy"), left=2)


def _figures(done: OperandCounts, bits: int) -> tuple[str, ...]:
    total = done.total
    return (
        humanize(done.tile * bits / 8, "B"),
        *(humanize(count, "") if count else "-" for count in (total.reads, total.fills, total.updates)),
    )


def _energy(cost: Cost, level: str, operand: Operand) -> str:
    accesses = _access_j(cost, level, operand)
    if cost.energy is None or accesses is None:
        return "-"
    return humanize(accesses + cost.energy.levels[level].wires[OPERANDS.index(operand)], "J")


def _access_j(cost: Cost, level: str, operand: Operand) -> float | None:
    """Energy of all accesses of an operand at a level [J], None where it is not known."""
    if cost.energy is None:
        return None
    spent, place = cost.energy.levels[level], OPERANDS.index(operand)
    return spent.reads[place] + spent.fills[place] + spent.updates[place]


def _verdict(placed: Placed) -> list[str]:
    cost, nest, found = placed.cost, placed.nest, placed.search
    lead = f", {cost.slack:.2f}× over {cost.second_bound_by}" if cost.second_bound_by and cost.slack < 1e6 else ""
    lines = [
        f"latency      {humanize(cost.seconds, 's')} ({cost.cycles:,} cycles), bound by {cost.bound_by}{lead}",
        f"utilization  {cost.utilization:.1%} of peak MACs; {cost.spatial_utilization:.1%} of the PEs' slots filled",
        f"energy       {humanize(cost.joules, 'J')}"
        + (f" ({_split(cost)})" if cost.energy else f" (no {cost.missing})"),
    ]
    if nest.repeat > 1:
        lines.append(f"repeats      {nest.repeat}, counted in latency and energy")
    if found is not None:
        optimal = "proven optimal" if found.bound_gap == 0 else f"at most {found.bound_gap:.2%} from the best possible"
        lines += wrapped(
            f"search       {optimal} in {placed.objective.upper() if placed.objective == 'edp' else placed.objective}; "
            f"{found.evaluated:,} of {found.space_size:.2g} mappings priced"
            + ("; stopped by the time limit" if found.limited else "")
            + ("; --search-seconds 15 searches on" if found.bound_gap > _WIDE and not found.limited else ""),
            indent=" " * 13,
        )
    return lines


def _split(cost: Cost) -> str:
    energy = cost.energy
    assert energy is not None
    parts = {
        "MACs": energy.mac,
        **{name: level.storage for name, level in energy.levels.items()},
        "network": energy.network,
    }
    if energy.leakage:
        parts["leakage"] = energy.leakage
    total = energy.total or 1.0
    return ", ".join(f"{name} {joules / total:.0%}" for name, joules in parts.items() if joules)


def plain(placed: Placed) -> dict[str, Any]:
    """The same as plain values; counts are words, energies joules."""
    cost, search = placed.cost, placed.search
    return {
        "schema": SCHEMA,
        "layer": placed.name,
        "hierarchy": placed.hierarchy.name,
        "extents": dict(zip(DIMS, placed.nest.extents, strict=True)),
        "repeat": placed.nest.repeat,
        "objective": placed.objective,
        "counting": placed.counts.rules,
        "cycles": cost.cycles,
        "latency_s": cost.seconds,
        "energy_j": cost.joules,
        "mac_j": None if cost.energy is None else cost.energy.mac,
        "leakage_j": None if cost.energy is None else cost.energy.leakage,
        "utilization": cost.utilization,
        "spatial_utilization": cost.spatial_utilization,
        "bound_by": cost.bound_by,
        "second_bound_by": cost.second_bound_by,
        "bound_gap": None if search is None else search.bound_gap,
        "evaluated": None if search is None else search.evaluated,
        "space_size": None if search is None else search.space_size,
        "levels": {
            counts.name: {
                operand: {
                    "keep": done.kept,
                    "tile": done.tile,
                    "reads": done.total.reads,
                    "fills": done.total.fills,
                    "updates": done.total.updates,
                    "access_j": _access_j(cost, counts.name, operand),
                    "wires_j": None if cost.energy is None else cost.energy.levels[counts.name].wires[place],
                }
                for place, (operand, done) in enumerate(zip(OPERANDS, counts, strict=True))
            }
            for counts in reversed(placed.counts.levels)
        },
        "mapping": as_dict(placed.hierarchy, placed.mapping),
    }


def timeloop_text(record: Mapping[str, Any]) -> str:
    """A ``hwsim/timeloop/1`` record as a table."""
    energy = record["energy_pj"]
    lines = [f"{safe(str(record['file']))}: {record['macs']:,} MACs", ""]
    for level in record["mapping"]:
        loops = [
            f"{word}{dim} {factor}"
            for word, kind in (("", "temporal"), ("x:", "spatial_x"), ("y:", "spatial_y"))
            for dim, factor in level[kind]
            if factor > 1
        ]
        lines.append(f"{safe(level['target'])} [{', '.join(level['keep'])}]: {' '.join(loops) or '-'}")
    rows = [
        (
            safe(name),
            safe(space),
            f"{data['reads']:,}",
            f"{data['fills']:,}",
            f"{data['updates']:,}",
            "-" if data["energy_pj"] is None else f"{data['energy_pj']:,.6g}",
        )
        for name, level in record["levels"].items()
        for space, data in level["data_spaces"].items()
        if data["keep"]
    ]
    lines += ["", *columns(rows, ("level", "data space", "reads", "fills", "updates", "pJ"), left=2), ""]
    lines.append(
        f"cycles {record['cycles']:,}   utilization {record['utilization']:.1%}   bound by {record['bound_by']}"
    )
    if energy is not None:
        lines.append(f"energy {energy:,.6g} pJ   EDP {record['edp']:.6e} pJ·cycles")
    for quantity, reason in record["unavailable"].items():
        lines += wrapped(f"not given: {quantity}: {reason}")
    if record["bound_gap"] is not None:
        gap = record["bound_gap"]
        lines.append("proven optimal" if gap == 0 else f"at most {gap:.2%} from the best possible")
    return "\n".join(lines)
