"""A missed limit is a negative answer: exit code 1, a sentence, and the numbers all the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import hwsim
from hwsim.cli.main import main
from hwsim.device import Device
from hwsim.errors import UsageError
from hwsim.graph import Network

LINE = ["estimate", "--conv", "1,16,32,32,16,3,3,1", "--device", "eyeriss_v1", "--model", "roofline"]
OPTIONS = {
    "average_power_w": "--max-power-w",
    "energy_j": "--max-energy-j",
    "latency_s": "--max-latency-s",
    "area_mm2": "--max-area-mm2",
}


@pytest.fixture(scope="module")
def network() -> Network:
    return Network.builder("one").input("x", (1, 16, 32, 32), "int16").conv(16, kernel=3).build()


@pytest.fixture(scope="module")
def device() -> Device:
    return hwsim.load_device("eyeriss_v1")


@pytest.mark.parametrize("name", OPTIONS)
def test_a_total_may_reach_its_limit_and_not_exceed_it(name: str, network: Network, device: Device) -> None:
    free = hwsim.estimate(network, device, rung="roofline")
    value = getattr(free.totals, name)
    assert hwsim.estimate(network, device, rung="roofline", limits={name: value}).missed == ()
    tight = hwsim.estimate(network, device, rung="roofline", limits={name: 0.999 * value})
    (sentence,) = tight.missed
    assert "misses the limit of" in sentence
    assert tight.totals == free.totals
    assert tight.settings["limits"] == {name: 0.999 * value}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_command_exits_1_and_prints_the_answer(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINE, "--format", "json", OPTIONS[name], "1e-12"]) == 1
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert record["totals"][name] > 1e-12
    assert len(record["missed"]) == 1
    assert record["missed"][0] in err
    assert main([*LINE, "--format", "json", OPTIONS[name], "1e12"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["missed"] == []
    assert err == ""


def test_what_is_not_known_keeps_no_limit(network: Network) -> None:
    found = hwsim.estimate(network, "cortex_m7", limits={"energy_j": 1.0})
    assert found.totals.energy_j is None
    (sentence,) = found.missed
    assert sentence.startswith("energy is not known, so not known to keep 1 J: ")


@pytest.mark.parametrize(("name", "words"), [("cap", "the power cap"), ("thermal_cap", "the thermal cap")])
def test_caps_of_the_profile_hold_unasked(name: str, words: str, network: Network, device: Device) -> None:
    power = hwsim.estimate(network, device, rung="roofline").totals.average_power_w
    assert power is not None
    capped = hwsim.estimate(network, replace(device, power_w={**device.power_w, name: 0.9 * power}), rung="roofline")
    assert [words in sentence for sentence in capped.missed] == [True]
    assert (
        hwsim.estimate(network, replace(device, power_w={**device.power_w, name: 1.1 * power}), rung="roofline").missed
        == ()
    )


def test_a_cap_in_the_file_ends_in_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINE, "--set", "power.cap_mw=1"]) == 1
    assert "misses the power cap of eyeriss_v1, 1.000 mW" in capsys.readouterr().err


def test_more_than_the_design_power_is_a_warning(network: Network, device: Device) -> None:
    hot = hwsim.estimate(network, replace(device, power_w={"tdp": 1e-6}), rung="roofline")
    assert hot.missed == ()
    assert any("thermal design power" in warning for warning in hot.warnings)
    cool = hwsim.estimate(network, replace(device, power_w={"tdp": 1e6}), rung="roofline")
    assert not any("thermal design power" in warning for warning in cool.warnings)


def test_limits_that_cannot_be_set_are_told(
    network: Network, device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=r"limit on latency: none can be set \(did you mean latency_s\?\)"):
        hwsim.estimate(network, device, rung="roofline", limits={"latency": 1.0})
    with pytest.raises(UsageError, match="-1 is not above 0"):
        hwsim.estimate(network, device, rung="roofline", limits={"latency_s": -1.0})
    with pytest.raises(SystemExit) as ended:
        main([*LINE, "--max-power-w", "much"])
    assert ended.value.code == 2
    assert "'much' is not a number above 0" in capsys.readouterr().err
