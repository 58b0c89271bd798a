"""Everything published of Eyeriss at hand: bars that are held, and by name what is further off."""

from __future__ import annotations

import csv

import pytest

from tests.published.eyeriss import runs
from tests.published.eyeriss_claims import ACTIVE_PES, answers, claims, lines
from tests.shared import SHARED, needs_shared


def test_every_bar_is_held() -> None:
    asked = [one for one in claims() if one.bar is not None]
    assert len(asked) == 29
    assert [one.what for one in asked if not one.held] == []


def test_what_is_further_off_than_15_percent() -> None:
    """Storage: the one overhead fraction is spread over all parts alike, while a quarter of this chip is buses and control (JSSC 2017).

    The split of the power: the published one has the clock tree in each part; the relative energy of the buffer is that of one memory of
    100 kB, the chip's has banks of 4 kB.
    """
    off = {one.what: one.ratio for one in claims() if abs(one.ratio - 1) > 0.15}
    assert off == {
        "area of the core": pytest.approx(1.17, abs=0.02),
        "area, storage": pytest.approx(1.21, abs=0.02),
        "area, register files": pytest.approx(1.17, abs=0.02),
        "power, share of the network": pytest.approx(0.78, abs=0.02),
        "power, share of the buffer": pytest.approx(2.79, abs=0.05),
        "the same, buffer as banks, network": pytest.approx(0.82, abs=0.02),
        "the same, buffer as banks, buffer": pytest.approx(0.81, abs=0.03),
    }


def test_wires_of_the_passes_are_those_of_the_mapping() -> None:
    """Two counts of the same buses, one in closed form and one that walks children of a mapping (``counting_hops``)."""
    mapped = {run.layer.name: run.gated["network"] for run in runs()}
    for name, answer in zip(mapped, answers(), strict=True):
        assert answer.energy_by_j is not None
        if name != "CONV3":  # there the plans differ
            assert answer.energy_by_j["network"] == pytest.approx(mapped[name], rel=0.06)


def test_the_table_says_what_is_held() -> None:
    assert sum("| yes |" in line for line in lines()) == 29
    assert not any("| NO |" in line for line in lines())


@needs_shared
def test_active_pes_are_those_at_hand() -> None:
    with (SHARED / "measured" / "eyeriss_v1_alexnet_layers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert {row["layer"]: int(row["active_pes"]) for row in rows if row["layer"] != "Total"} == ACTIVE_PES
