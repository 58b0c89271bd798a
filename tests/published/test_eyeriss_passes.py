"""AlexNet on Eyeriss, JSSC 2017, Table V, from the structure of its passes; nothing is fitted to the rows.

Tolerances: processing latency 10 % a layer and 5 % in total, latency with DRAM 10 %, words of DRAM and of the buffer 15 %: partial passes
take as long as full ones here, and controllers between passes are not modelled. hwsim's own plans, the ones whose words take least energy
in DRAM and buffer (of those within 1 % the fastest; 0.8 to 2 % give the same), are Table III's rows in CONV1, 2, 4 and 5, and in CONV3
the row of CONV4. By Table III's own row of CONV3 42 % too many words pass the buffer, since its sums go there for every four channels:
the chip's counter, and its time, are those of the six channels of CONV4's row.
"""

from __future__ import annotations

import csv
from functools import lru_cache

import pytest

import hwsim
from hwsim.counts.row_stationary import Plan
from hwsim.errors import ProfileError
from tests.published.eyeriss import LAYERS
from tests.published.eyeriss_passes import MEASURED, Ratio, ratios
from tests.shared import SHARED, needs_shared


@lru_cache(maxsize=2)
def _ratios(published: bool) -> tuple[Ratio, ...]:
    return tuple(ratios(published))


@pytest.mark.parametrize("published", [True, False])
def test_processing_latency(published: bool) -> None:
    found = _ratios(published)
    assert all(0.9 <= one.processing <= 1.1 for one in found)
    measured = sum(row[0] for row in MEASURED.values())
    assert sum(one.processing_s for one in found) == pytest.approx(measured, rel=0.05)


@pytest.mark.parametrize("published", [True, False])
def test_latency_with_dram(published: bool) -> None:
    found = _ratios(published)
    assert all(0.9 <= one.total <= 1.1 for one in found)
    assert sum(one.total_s for one in found) == pytest.approx(sum(layer.seconds for layer in LAYERS), rel=0.05)


@pytest.mark.parametrize("published", [True, False])
def test_words_over_the_edge_and_through_the_buffer(published: bool) -> None:
    found = _ratios(published)
    assert all(0.85 <= one.dram <= 1.15 for one in found)
    assert all(0.85 <= one.buffer <= 1.15 for one in found if one.name != "CONV3" or not published)
    if published:
        assert next(one.buffer for one in found if one.name == "CONV3") == pytest.approx(1.42, abs=0.02)


def test_plans_of_least_energy_are_the_chips() -> None:
    """JSSC 2017, Table III; of CONV3 the row of CONV4 is found, see above."""
    rows = {layer.name: Plan(*layer.rows) for layer in LAYERS}
    found = {one.name: one.plan for one in _ratios(False)}
    assert found == {**rows, "CONV3": rows["CONV4"]}


def test_the_rung_answers_with_the_same_passes() -> None:
    network = hwsim.Network.builder("conv5").input("x", (4, 384, 13, 13), "int16")
    estimate = hwsim.estimate(
        network.conv(256, kernel=3, groups=2, bias=False).relu().build(), "eyeriss_v1", rung="row_stationary"
    )
    (layer,) = estimate.layers
    (conv5,) = (one for one in _ratios(False) if one.name == "CONV5")
    assert layer.compute_s == pytest.approx(conv5.processing_s)
    assert layer.latency_s > layer.compute_s
    assert layer.mapping is not None
    dram, buffer, pads = layer.mapping[0]["levels"]  # Table III: m 64, n 4, e 13, p 16, q 3, r 2, t 2
    assert (dram["temporal"], buffer["temporal"]) == (["G=2", "K=2", "C=32"], ["K=2", "N=4", "P=13"])
    assert (buffer["spatial_x"], buffer["spatial_y"]) == (["Q=13"], ["K=2", "C=2", "S=3"])
    assert pads["temporal"] == ["K=16", "C=3", "R=3"]
    assert estimate.totals.energy_j is not None
    with pytest.raises(ProfileError, match="row_stationary needs scratchpads"):
        hwsim.estimate(network.build(), "t4", rung="row_stationary")


def test_the_fastest_plan_is_taken_where_time_is_the_objective() -> None:
    network = hwsim.Network.builder("deep").input("x", (3, 512, 14, 14), "int16")
    built = network.conv(512, kernel=3, padding=1, bias=False).build()
    least, fastest = (
        hwsim.estimate(built, "eyeriss_v1", rung="row_stationary", objective=aim) for aim in (None, "latency")
    )
    assert fastest.settings["objective"] == "latency"
    assert fastest.totals.latency_s < least.totals.latency_s
    assert fastest.totals.dram_bytes > least.totals.dram_bytes


@needs_shared
def test_the_facts_are_those_at_hand() -> None:
    def rows(name: str) -> dict[str, dict[str, str]]:
        with (SHARED / "measured" / name).open(encoding="utf-8") as file:
            return {row["layer"]: row for row in csv.DictReader(line for line in file if not line.startswith("#"))}

    measured, densities = rows("eyeriss_v1_alexnet_layers.csv"), rows("eyeriss_v1_dram_compression.csv")
    for name, (processing, dram, inputs, outputs) in MEASURED.items():
        row = measured[name]
        assert processing == pytest.approx(float(row["processing_latency_ms"]) / 1e3)
        assert dram == float(row["dram_access_MB"])
        assert inputs == pytest.approx(1 - float(row["ifmap_zeros_pct"]) / 100, abs=0.001)
        assert outputs == pytest.approx(float(densities[name]["ofmap_density"]))
