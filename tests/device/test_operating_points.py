"""Operating points end to end: energy of the chip with the square of the supply, the clock as given or by the alpha-power law."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hwsim.cli.main import main
from hwsim.device import load
from hwsim.device.technology import alpha_power, clock_at

POINTS = """\
name: scaled
extends: eyeriss_v1
default_source: estimated
operating_points:
  - {name: slow, voltage_v: 0.8}
"""


@pytest.fixture
def record(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(device: str, *options: str) -> dict[str, Any]:
        line = [
            "estimate",
            "--conv",
            "1,16,32,32,16,3,3,1",
            "--device",
            device,
            "--model",
            "roofline",
            "--format",
            "json",
        ]
        assert main([*line, *options]) == 0
        return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]

    return run


@pytest.mark.parametrize(("point", "volts", "megahertz"), [("low", 0.82, 100), ("high", 1.17, 250)])
def test_energy_goes_with_the_square_of_the_supply(record: Any, point: str, volts: float, megahertz: float) -> None:
    plain, moved = record("eyeriss_v1"), record("eyeriss_v1", "--set", f"operating_point={point}")
    before, after = plain["layers"][0], moved["layers"][0]
    assert after["compute_s"] == pytest.approx(before["compute_s"] * 200 / megahertz)
    for part in ("mac", "spad", "gbuf"):
        assert after["energy_by_j"][part] == pytest.approx(volts**2 * before["energy_by_j"][part])
    assert after["energy_by_j"]["dram"] == before["energy_by_j"]["dram"]
    assert any("square of the supply's ratio" in note for note in moved["notes"])
    assert plain["device"]["sha256"] != moved["device"]["sha256"]


def test_the_nominal_point_is_the_profile_itself(record: Any) -> None:
    assert record("eyeriss_v1", "--set", "operating_point=nominal")["totals"] == record("eyeriss_v1")["totals"]


def test_the_clock_follows_the_supply_where_the_point_gives_none(record: Any, tmp_path: Path) -> None:
    path = tmp_path / "scaled.yaml"
    path.write_text(POINTS)
    wanted = clock_at(200, 0.8, 1.0, alpha_power(65))
    assert load(path, ["operating_point=slow"]).clock_hz == pytest.approx(wanted * 1e6)
    before, after = record(str(path)), record(str(path), "--set", "operating_point=slow")
    ratio = after["layers"][0]["compute_s"] / before["layers"][0]["compute_s"]
    assert ratio == pytest.approx(200 / wanted)


def test_the_law_meets_the_chip_at_its_highest_supply_and_is_generous_at_its_lowest() -> None:
    """Eyeriss ran at 250 MHz on 1.17 V (law: 252), and was reported at 100 MHz on 0.82 V, where the law gives 146: a miss."""
    law = alpha_power(65)
    assert clock_at(200, 1.17, 1.0, law) == pytest.approx(250, rel=0.02)
    assert clock_at(200, 0.82, 1.0, law) == pytest.approx(146, rel=0.02)


def test_power_modes_of_the_jetson_tx2(record: Any) -> None:
    latencies = {
        mode: record("jetson_tx2", "--set", f"operating_point={mode}", "--bits", "fp16")["layers"][0]["compute_s"]
        for mode in ("maxn", "maxp", "maxq")
    }
    assert latencies["maxp"] / latencies["maxn"] == pytest.approx(1.33 / 1.15, rel=0.02)
    assert latencies["maxq"] / latencies["maxn"] == pytest.approx(1.33 / 0.87, rel=0.02)


def test_a_point_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["estimate", "--conv", "1,16,32,32,16,3,3,1", "--device", "jetson_tx2", "--set", "operating_point=maxx"]
    assert main(line) == 2
    assert "no operating point maxx (did you mean max" in capsys.readouterr().err
