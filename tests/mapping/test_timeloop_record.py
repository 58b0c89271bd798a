"""What a Timeloop mapping answers: energies of levels and data spaces add up, to the price of the whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hwsim.cost import price
from hwsim.cost.timeloop import timeloop_record
from hwsim.counts import Counts, count
from hwsim.mapping.timeloop import read_timeloop
from tests.mapping.test_timeloop_reader import FLAT, MAPPING, PROBLEM


@pytest.mark.parametrize("hop_j", [0.0, 3e-12])
def test_levels_have_the_energy_of_their_words_and_of_the_wires_below_them(tmp_path: Path, hop_j: float) -> None:
    files = []
    for name, text in (("problem", PROBLEM), ("arch", FLAT), ("mapping", MAPPING)):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(text, encoding="utf-8")
    problem = read_timeloop(files)
    assert problem.mapping is not None
    levels = tuple(replace(level, hop_j=hop_j) for level in problem.hierarchy.levels)
    hierarchy = replace(problem.hierarchy, levels=levels)
    counts = count(problem.nest, hierarchy, problem.mapping, "timeloop")
    assert isinstance(counts, Counts)
    cost = price(counts, hierarchy, problem.nest)
    assert cost.energy is not None and cost.joules is not None
    record = timeloop_record(problem, problem.mapping, counts, cost)
    wires = {name: sum(level.wires) for name, level in cost.energy.levels.items()}
    assert any(wires.values()) == (hop_j > 0)
    for name, level in record["levels"].items():
        of = cost.energy.levels[name]
        parts = sum(of.reads) + sum(of.fills) + sum(of.updates) + sum(of.wires)
        assert level["energy_pj"] == pytest.approx(1e12 * parts)
    whole = sum(level["energy_pj"] for level in record["levels"].values())
    assert record["energy_pj"] == pytest.approx(whole + 1e12 * (cost.energy.mac + cost.energy.leakage))
    for name, level in record["levels"].items():
        wires_of = [space["network_pj"] for space in level["data_spaces"].values()]
        assert sum(wires_of) == pytest.approx(1e12 * wires[name], rel=1e-13, abs=0)
        stored = [space["energy_pj"] for space in level["data_spaces"].values()]
        assert sum(stored) == pytest.approx(1e12 * cost.energy.levels[name].storage, rel=1e-13, abs=0)


def test_a_record_in_the_file_s_own_words(tmp_path: Path) -> None:
    """Loops from the outside in, levels outermost first, counts of each data space; what is not known is said."""
    path = tmp_path / "all.yaml"
    path.write_text(PROBLEM + FLAT + MAPPING, encoding="utf-8")
    problem = read_timeloop([path])
    assert problem.mapping is not None
    counts = count(problem.nest, problem.hierarchy, problem.mapping, "timeloop")
    assert isinstance(counts, Counts)
    cost = price(counts, problem.hierarchy, problem.nest)
    found = timeloop_record(problem, problem.mapping, counts, cost, 0.25)
    assert cost.joules is not None
    assert found["energy_pj"] == cost.joules * 1e12 and found["edp"] == found["energy_pj"] * cost.cycles
    assert (found["schema"], found["cycles"], found["macs"], found["bound_by"], found["bound_gap"], found["unavailable"]) == (
        "hwsim/timeloop/1", cost.cycles, 8 * 8 * 4 * 3, cost.bound_by, 0.25, {},
    )  # fmt: skip
    assert found["utilization"] == cost.utilization and list(found["levels"]) == ["DRAM", "GLB", "Reg"]
    assert found["mapping"] == [
        {"target": "DRAM", "keep": ["Inputs", "Weights", "Outputs"], "temporal": [["K", 2]], "spatial_x": [], "spatial_y": []},
        {"target": "GLB", "keep": ["Inputs", "Weights", "Outputs"], "temporal": [["C", 2], ["P", 4]],
         "spatial_x": [["K", 4]], "spatial_y": [["C", 2]]},
        {"target": "Reg", "keep": ["Weights"], "temporal": [["C", 2], ["R", 3]], "spatial_x": [], "spatial_y": []},
    ]  # fmt: skip
    for level in counts.levels:
        told = found["levels"][level.name]
        assert told["instances"] == level.instances and list(told["data_spaces"]) == ["Inputs", "Weights", "Outputs"]
        for operand, space in zip(level, told["data_spaces"].values(), strict=True):
            assert (space["keep"], space["tile"]) == (operand.kept, operand.tile)
            for name in ("reads", "fills", "updates"):
                assert (space[name], space[f"{name}_per_instance"]) == (
                    getattr(operand.total, name),
                    getattr(operand.busiest, name),
                )
    bare = replace(problem.hierarchy, mac_j=None)
    unknown = timeloop_record(problem, problem.mapping, counts, price(counts, bare, problem.nest))
    assert (unknown["energy_pj"], unknown["edp"], unknown["bound_gap"]) == (None, None, None)
    assert unknown["unavailable"] == {"energy_pj": "the file gives no energy of a MAC"}
    assert all(level["energy_pj"] is None for level in unknown["levels"].values())
    assert all(
        space["energy_pj"] is space["network_pj"] is None
        for level in unknown["levels"].values()
        for space in level["data_spaces"].values()
    )
