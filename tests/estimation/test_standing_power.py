"""What flows whenever a device is on, and what crosses the host's link, are charged once and where they belong."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import hwsim
from hwsim.cost.fill import with_technology
from hwsim.device import Device
from hwsim.device.records import Host
from hwsim.graph import Network
from tests.technology.devices import small


@pytest.fixture(scope="module")
def network() -> Network:
    return Network.builder("two").input("x", (2, 4, 8, 8), "int8").conv(4, kernel=1).flatten().dense(10).build()


def _leaking(**more: object) -> Device:
    device = with_technology(small())
    spad, *rest = device.memories
    return replace(device, static_w=2.0, memories=(replace(spad, leakage_w=3.0), *rest), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("power", "watts"), [({}, 5.0), ({"idle": 4.0}, 5.0), ({"idle": 7.0}, 7.0)])
def test_leakage_of_chip_and_memories_or_all_that_idles(
    power: dict[str, float], watts: float, network: Network
) -> None:
    device = _leaking(power_w=power)
    assert device.standing_w == watts
    found = hwsim.estimate(network, device, rung="roofline")
    charged = math.fsum((layer.energy_by_j or {})["leakage"] for layer in found.layers)
    assert charged == pytest.approx(watts * found.totals.latency_s)


def test_a_device_that_says_nothing_is_not_known_to_idle() -> None:
    assert replace(small(), static_w=None).standing_w is None


def test_idling_goes_with_the_square_of_the_supply_and_with_the_clock() -> None:
    whole, low = hwsim.load_device("eyeriss_v1"), hwsim.load_device("eyeriss_v1", ["operating_point=low"])
    assert whole.standing_w == pytest.approx(0.125)
    assert low.standing_w == pytest.approx(0.125 * 0.82**2 * 100 / 200)
    assert hwsim.load_device("eyeriss_v1", ["clock_mhz=100"]).standing_w == pytest.approx(0.0625)


@pytest.mark.parametrize("rung", ["roofline", "systolic", "simulate"])
def test_inputs_and_results_cross_the_link_once(rung: str, network: Network) -> None:
    base = _leaking()
    base = replace(base, dataflow=replace(base.dataflow, stationary="weight"))
    plain = hwsim.estimate(network, base, rung=rung)
    linked = hwsim.estimate(network, replace(base, host=Host(1e9, 0.0, 2e-12)), rung=rung)
    charged = [(layer.energy_by_j or {})["host"] for layer in linked.layers]
    assert charged == pytest.approx([2 * 4 * 64 * 2e-12, 2 * 10 * 2e-12])
    assert linked.totals.energy_j == pytest.approx((plain.totals.energy_j or 0) + sum(charged))
    assert all((layer.energy_by_j or {})["host"] == 0 for layer in plain.layers)
