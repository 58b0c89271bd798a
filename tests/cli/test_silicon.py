"""Energy and area as a user asks for them: what is given, what is filled in and marked, what is missing and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hwsim.cli.main import main

CONV = ["estimate", "--conv", "1,16,32,32,16,3,3,1", "--format", "json", "--device"]


@pytest.fixture
def record(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> dict[str, Any]:
        assert main(list(words)) == 0
        return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]

    return run


def test_a_profile_without_energy_answers_null_and_a_reason(record: Any) -> None:
    found = record(*CONV, "edge_tpu")
    for total in ("energy_j", "average_power_w", "area_mm2"):
        assert found["totals"][total] is None
        assert "--technology 28nm" in found["unavailable"][total]
    assert found["bands"]["energy_j"] is None and found["from"] == {}


def test_a_node_fills_in_what_is_missing_and_marks_it(record: Any) -> None:
    found = record(*CONV, "edge_tpu", "--technology", "28nm")
    totals = found["totals"]
    assert totals["energy_j"] > 0 and totals["area_mm2"] > 0
    assert set(found["from"].values()) == {"technology"}
    assert found["settings"]["technology"] == ["horowitz@28nm"]
    for total in ("energy_j", "area_mm2"):
        low, high = found["bands"][total]
        assert low < totals[total] < high
    other = record(*CONV, "edge_tpu", "--technology", "28nm", "--family", "aladdin")
    assert other["settings"]["technology"] == ["aladdin@28nm"]
    assert other["totals"]["energy_j"] > totals["energy_j"]


def test_a_number_of_the_profile_is_never_replaced(record: Any) -> None:
    own, filled = record(*CONV, "eyeriss_v1"), record(*CONV, "eyeriss_v1", "--technology", "28nm")
    assert own["from"]["mac"] == filled["from"]["mac"] == "profile"
    assert own["from"]["area_mm2"] == filled["from"]["area_mm2"] == "profile"
    assert own["totals"]["area_mm2"] == filled["totals"]["area_mm2"] == 12.25


def test_extrapolation_is_said(record: Any) -> None:
    near, far = (record(*CONV, "edge_tpu", "--technology", node) for node in ("28nm", "5nm"))
    said = [" ".join(found["notes"]) for found in (near, far)]
    assert "extrapolates its tables for" in said[1] and "memory.sram.read_pj_per_byte" in said[1]
    assert "memory.sram.read_pj_per_byte" not in said[0]


def test_the_energy_of_bit_serial_macs_goes_with_the_bits(record: Any) -> None:
    """Nearly: 16 lanes share an accumulator at 16 bits, 21.3 at one."""
    found = {
        bits: sum(
            layer["energy_by_j"]["mac"]
            for layer in record(*CONV, "unpu", "--technology", "65nm", "--bits", bits)["layers"]
        )
        for bits in ("w16a16", "w1a16")
    }
    assert found["w16a16"] == pytest.approx(16 * found["w1a16"], rel=0.05)


def test_an_area_stands_beside_the_published_one(record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = record("area", "eyeriss_v1", "--format", "json")
    assert sum(found["by_component_mm2"].values()) == pytest.approx(found["total_mm2"])
    assert main(["area", "eyeriss_v1"]) == 0
    assert (
        f"published core: 12.25 mm²; estimate / published = {found['total_mm2'] / 12.25:.2f}" in capsys.readouterr().out
    )
    assert main(["area", "edge_tpu"]) == 2
    assert "ask for one, like 28nm" in capsys.readouterr().err


def test_an_area_budget_gives_the_number_of_hcm_elements(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["device", "show", "hcm_28nm", "--set", "pe.kernel=3x3", "--set", "pe.bits=8", "--set", "area_budget_mm2=1"]
    assert main(words) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("PEs ")]
    assert "676" in line
