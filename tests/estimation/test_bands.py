"""Bands follow from the quality of the numbers behind a total; every energy says whether the profile or a table gave it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

import hwsim
from hwsim.cost.fill import with_technology
from hwsim.device import Device
from hwsim.estimation import bands
from hwsim.graph import Network

QUALITIES = ("measured", "datasheet", "vendor", "paper", "secondary", "arithmetic", "fitted", "estimated")


@pytest.fixture(scope="module")
def network() -> Network:
    builder = Network.builder("small").input("x", (1, 16, 32, 32), "int16")
    return builder.conv(32, kernel=3, name="conv").relu().global_pool().flatten().dense(10, name="fc").build()


def _rated(device: Device, quality: str) -> Device:
    """The device with every number of one quality, and no interval."""
    return replace(device, qualities=dict.fromkeys(device.quantities, quality), intervals={})


def test_better_qualities_are_narrower_and_every_band_holds_its_value() -> None:
    widths = [bands.WIDTHS[quality] for quality in QUALITIES]
    assert all(0 < low <= 1 <= high for low, high in widths)
    assert [high / low for low, high in widths] == sorted(high / low for low, high in widths)
    assert bands.WIDTHS["estimated"] == (0.5, 2.0)
    assert bands.WIDTHS["override"] == (1.0, 1.0)


@pytest.mark.parametrize("quality", QUALITIES)
def test_totals_are_as_wide_as_the_numbers_behind_them(network: Network, quality: str) -> None:
    device = _rated(hwsim.load_device("eyeriss_v1"), quality)
    found = hwsim.estimate(network, device, rung="roofline")
    low, high = bands.WIDTHS[quality]
    totals = found.totals
    assert totals.energy_j is not None and totals.area_mm2 is not None
    assert found.bands["energy_j"] == pytest.approx((low * totals.energy_j, high * totals.energy_j))
    assert found.bands["area_mm2"] == pytest.approx((low * totals.area_mm2, high * totals.area_mm2))
    assert found.bands["latency_s"] == pytest.approx((totals.latency_s / high, totals.latency_s / low))


def test_a_stated_interval_wins_over_the_quality(network: Network) -> None:
    device = _rated(hwsim.load_device("eyeriss_v1"), "measured")
    area = replace(device, intervals={"area.core_mm2": (12.0, 12.5)})
    assert hwsim.estimate(network, area, rung="roofline").bands["area_mm2"] == pytest.approx((12.0, 12.5))


def test_parts_of_the_energy_add_up_with_widths_of_their_own(network: Network) -> None:
    device = _rated(hwsim.load_device("eyeriss_v1"), "measured")
    dram = "memory.dram.pj_per_byte"
    wide = replace(device, qualities={**device.qualities, dram: "estimated"})
    found = hwsim.estimate(network, wide, rung="roofline")
    parts = bands.energies(found.layers)
    rest = math.fsum(parts.values()) - parts["dram"]
    assert found.bands["energy_j"] == pytest.approx(
        (0.95 * rest + 0.5 * parts["dram"], 1.05 * rest + 2 * parts["dram"])
    )


def test_what_the_user_sets_is_exact(network: Network) -> None:
    device = hwsim.load_device("eyeriss_v1", ["area.core_mm2=10"])
    assert hwsim.estimate(network, device, rung="roofline").bands["area_mm2"] == (10.0, 10.0)


def test_the_latency_of_an_overlapped_layer_is_never_below_its_second_bound() -> None:
    network = Network.builder("one").input("x", (1, 64, 28, 28), "float16").conv(64, kernel=3).build()
    device = _rated(hwsim.load_device("a100_sxm_80g"), "measured")
    (layer,) = hwsim.estimate(network, device, rung="roofline").layers
    slow = replace(device, qualities={**device.qualities, f"memory.{layer.bound_by}.bandwidth_gb_per_s": "estimated"})
    found = hwsim.estimate(network, slow, rung="roofline")
    assert layer.slack is not None
    assert found.bands["latency_s"][0] >= 0.9 * layer.latency_s / layer.slack / 1.05


def test_every_energy_says_where_it_is_from(network: Network) -> None:
    own = json.loads(json.dumps(hwsim.estimate(network, "eyeriss_v1", rung="roofline").to_dict()))
    assert own["from"] == {
        "mac": "profile", "vector": "profile", "spad": "profile", "gbuf": "profile", "dram": "profile",
        "network": "profile", "leakage": "profile", "area_mm2": "profile",
    }  # fmt: skip
    assert own["settings"]["technology"] == []
    filled = hwsim.estimate(network, with_technology(hwsim.load_device("eyeriss_v1")), rung="roofline")
    assert filled.origins == {**own["from"], "vector": "technology"}
    assert filled.settings["technology"] == ["horowitz@65nm"]


def test_a_profile_without_energy_and_area_is_null_until_a_technology_is_chosen(network: Network) -> None:
    bare = hwsim.load_device("edge_tpu")
    found = hwsim.estimate(network, bare)
    assert (found.totals.energy_j, found.totals.area_mm2) == (None, None)
    assert found.bands["energy_j"] is None and found.bands["area_mm2"] is None
    assert {"energy_j", "area_mm2"} <= set(found.unavailable)
    assert "--technology" in found.unavailable["energy_j"] and "--technology" in found.unavailable["area_mm2"]
    estimated = hwsim.estimate(network, with_technology(bare, 28))
    assert estimated.totals.energy_j and estimated.totals.area_mm2
    assert set(estimated.origins.values()) == {"technology"}
    assert any("memory.host_memory: priced as DDR4" in note for note in estimated.notes)
    low, high = estimated.bands["area_mm2"] or (0, 0)
    assert low < estimated.totals.area_mm2 < high


def test_overheads_are_times_and_intervals_may_begin_at_nothing() -> None:
    device = hwsim.load_device("t4")
    fitted = {"overheads.per_kernel_us": (0.0, 2 * 2.6), "power.tdp_w": (1.0, 70.0)}
    device = replace(device, intervals=fitted, qualities=dict.fromkeys(device.quantities, "override"))
    tiny = Network.builder("tiny").input("x", (8,)).activation("Neg").activation("Tanh").build()
    found = hwsim.estimate(tiny, device)
    assert {layer.bound_by for layer in found.layers} == {"overhead"}
    low, high = found.bands["latency_s"]
    assert 0 <= low < 0.1 * found.totals.latency_s and high == pytest.approx(2 * found.totals.latency_s, rel=0.05)
    assert bands.width(device, ["overheads.per_kernel_us", "power.tdp_w"]) == (0.0, 2.0)


def test_energies_with_an_interval_from_nothing_have_a_band(network: Network) -> None:
    device = hwsim.load_device("eyeriss_v1")
    key = next(key for key in device.quantities if key.startswith("memory.dram.") and "pj_per_" in key)
    value = device.quantities[key][0]
    found = hwsim.estimate(network, replace(device, intervals={key: (0.0, 3 * value)}), rung="roofline")
    band = found.bands["energy_j"]
    assert band is not None and found.totals.energy_j is not None and 0 < band[0] < found.totals.energy_j < band[1]
