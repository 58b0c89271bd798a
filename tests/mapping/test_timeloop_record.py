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
