"""Check golden vectors of the reference program: ``python -m tests.golden.timeloop PATH...``.

A path is a .json file with one vector, a .jsonl file with one a line, or a folder of both. Counts and cycles may differ by 1, energies by
1e-5 of their value; a vector that the reference rejected must be rejected, at the same level.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hwsim.cost import Cost, price
from hwsim.counts import Counts, OperandCounts, count
from hwsim.errors import Infeasible
from hwsim.mapping import Hierarchy, Level, LevelLoops, Mapping, Storage
from hwsim.workload import LoopNest, OperandType

WORD = OperandType("uint1")
SPACES = ("Inputs", "Weights", "Outputs")
EVERYTHING = (True, True, True)


def vectors(path: Path) -> Iterator[dict[str, Any]]:
    """Vectors of a file or folder."""
    if path.is_dir():
        for inner in sorted((*path.rglob("*.json"), *path.rglob("*.jsonl"))):
            yield from vectors(inner)
    elif path.suffix == ".jsonl":
        for line in path.read_text().splitlines():
            if line.strip():
                yield json.loads(line)
    else:
        found = json.loads(path.read_text())
        yield from found if isinstance(found, list) else [found]


def nest_of(problem: dict[str, int]) -> LoopNest:
    return LoopNest(
        **{dim.lower(): problem.get(dim, 1) for dim in "NGKCQPSR"},
        stride_w=problem.get("Wstride", 1),
        stride_h=problem.get("Hstride", 1),
        dilation_w=problem.get("Wdilation", 1),
        dilation_h=problem.get("Hdilation", 1),
        input=WORD,
        weight=WORD,
        output=WORD,
        accumulator=WORD,
    )


def hierarchy_of(architecture: dict[str, Any], ert: dict[str, Any] | None) -> Hierarchy:
    tables = {
        table["name"].split(".")[-1]: {action["name"]: action["energy"] * 1e-12 for action in table["actions"]}
        for table in (ert or {}).get("tables", [])
    }
    levels = []
    for storage in architecture["storage"]:
        wide = storage.get("meshX", storage["instances"])
        energy = storage.get("vector_access_energy")
        table = tables.get(storage["name"], dict.fromkeys(("read", "write", "update"), energy and energy * 1e-12))
        if energy == 0:
            table = dict.fromkeys(("read", "write", "update"), 0.0)
        read, fill, update = (
            None if table[action] is None else (table[action],) * 3 for action in ("read", "write", "update")
        )
        levels.append(
            Level(
                storage["name"],
                wide,
                storage["instances"] // wide,
                storage=(Storage(EVERYTHING, storage.get("entries")),),
                keeps=("free", "free", "free"),
                buffering=storage.get("multiple_buffering", 1),
                read=storage.get("read_bandwidth"),
                write=storage.get("write_bandwidth"),
                shared=storage.get("shared_bandwidth"),
                read_j=read,
                fill_j=fill,
                update_j=update,
                block_bits=storage.get("block_size", 1),
                hop_j=storage.get("energy_per_hop", 0.0) * 1e-12,
            )
        )
    mac = architecture["arithmetic"]
    wide = mac.get("meshX", mac["instances"])
    joules = tables.get(mac["name"], {}).get("compute", mac.get("energy", 0) * 1e-12)
    return Hierarchy("golden", tuple(levels), wide, mac["instances"] // wide, mac_j=joules, leakage_w=0.0)


def mapping_of(outer_to_inner: list[dict[str, Any]]) -> Mapping:
    return Mapping(
        tuple(
            LevelLoops(
                temporal=tuple((dim, factor) for dim, factor in reversed(level["temporal_outer_to_inner"])),
                spatial_x=tuple((dim, factor) for dim, factor in reversed(level["spatial_x"])),
                spatial_y=tuple((dim, factor) for dim, factor in reversed(level["spatial_y"])),
                keep=tuple(space in level["keep"] for space in SPACES),  # type: ignore[arg-type]
            )
            for level in reversed(outer_to_inner)
        )
    )


def differences(vector: dict[str, Any]) -> list[str]:
    """What differs from the vector's expectation."""
    expected = vector["expected_link_transfers_disabled"]
    nest, mapping = nest_of(vector["problem"]), mapping_of(vector["mapping_outer_to_inner"])
    hierarchy = hierarchy_of(vector["architecture"], vector.get("ert"))
    counts = count(nest, hierarchy, mapping, "timeloop", all_hops=True)
    if "error" in expected:
        return rejected(expected["error"], counts)
    if isinstance(counts, Infeasible):
        return [f"infeasible: {counts}"]
    cost = price(counts, hierarchy, nest)
    return [*count_differences(expected, counts), *cost_differences(expected, counts, cost)]


def rejected(error: str, counts: Counts | Infeasible) -> list[str]:
    if not isinstance(counts, Infeasible):
        return [f"accepted, but the reference says {error}"]
    if "capacity" in error:
        words = re.search(r"level (\S+): mapped tile size (\d+) exceeds buffer capacity (\d+)", error)
        same = bool(words) and (counts.level, int(counts.need), int(counts.have)) == (
            words[1],
            int(words[2]),
            int(words[3]),
        )
    else:
        same = counts.unit.startswith("children")
    return [] if same else [f"rejected with {counts}, but the reference says {error}"]


def count_differences(expected: dict[str, Any], counts: Counts) -> list[str]:
    found = []

    def compare(name: str, here: float, there: float, tolerance: float = 1) -> None:
        if abs(here - there) > tolerance:
            found.append(f"{name}: {here} instead of {there}")

    for level in counts.levels:
        spaces = expected["levels"][level.name]["dataspaces"]
        for space, operand in zip(SPACES, level, strict=True):
            there, name = spaces[space], f"{level.name} {space}"
            for action, here in _per_action(operand).items():
                compare(f"{name} {action} per instance", here[0], there[f"{action}_per_instance"])
                compare(f"{name} {action} total", here[1], there[f"{action}_total"])
            if operand.kept:
                compare(f"{name} tile", operand.tile, there["tile_size_words"], 0)
                compare(f"{name} instances", level.instances, there["utilized_instances"], 0)
    for network, level in zip(expected.get("networks", []), reversed(counts.levels), strict=False):
        if not network["name"].startswith(f"{level.name} "):
            continue
        for space, operand in zip(SPACES, level, strict=True):
            there, wires = network["dataspaces"][space], operand.wires
            crossing, ingresses = wires.down + wires.up, there["ingresses_per_instance"]
            compare(f"{network['name']} {space} words", crossing / level.instances, ingresses)
            tolerance = 0.0051 * ingresses + 1
            compare(
                f"{network['name']} {space} hops",
                wires.hops / level.instances,
                there["avg_hops_rounded2"] * ingresses,
                tolerance,
            )
    compare("macs", counts.macs, expected["arithmetic"]["computes"], 0)
    compare("PEs", counts.pes, expected["arithmetic"]["utilized_instances"], 0)
    return found


def _per_action(operand: OperandCounts) -> dict[str, tuple[int, int]]:
    return {
        action: (getattr(operand.busiest, action), getattr(operand.total, action))
        for action in ("reads", "fills", "updates")
    }


def cost_differences(expected: dict[str, Any], counts: Counts, cost: Cost) -> list[str]:
    found = []

    def energy(name: str, here: float, there: float) -> None:
        if abs(here * 1e12 - there) > 1e-5 * abs(there) + 1e-9:
            found.append(f"{name}: {here * 1e12} pJ instead of {there}")

    if abs(cost.cycles - expected["cycles"]) > 1:
        found.append(f"cycles: {cost.cycles} instead of {expected['cycles']}")
    if cost.energy is None or cost.joules is None:
        return [*found, f"no energy: {cost.missing}"]
    for level in counts.levels:
        parts = cost.energy.levels[level.name]
        for index, space in enumerate(SPACES):
            here = parts.reads[index] + parts.fills[index] + parts.updates[index]
            energy(
                f"{level.name} {space}", here, expected["levels"][level.name]["dataspaces"][space]["energy_total_pJ"]
            )
    energy("MACs", cost.energy.mac, expected["arithmetic"]["energy_total_pJ"])
    energy("total", cost.joules, expected["energy_total_pJ"])
    return found


def main(paths: list[str]) -> int:
    """Check all vectors under ``paths``; exit status 1 where one differs."""
    total = mismatches = 0
    for path in paths:
        for vector in vectors(Path(path)):
            total += 1
            found = differences(vector)
            mismatches += bool(found)
            for line in found:
                print(f"{vector.get('id', path)}: {line}")
    print(f"{total} vectors, {mismatches} mismatches")
    return 1 if mismatches or not total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
