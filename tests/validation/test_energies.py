"""Energies recovered from rows made of known ones, and what the command says and writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.cli.main import main
from hwsim.device import load
from hwsim.errors import UsageError
from hwsim.validation.cases import Case, Cases
from hwsim.validation.energies import calibrate_energies
from hwsim.validation.measured import Measurement
from hwsim.validation.profile import profile_text

NETWORK = hwsim.prepare("light_squeezenet", bits="w16a16")
TRUTH = {"mac": 3.0, "dram": 60.0, "gbuf": 9.0, "leakage": 0.2}


def _rows(noise: float, seed: int) -> Cases:
    """Energies of all layers on Eyeriss as a roofline, with other constants than the profile's, and noise."""
    device = load("eyeriss_v1")
    unit = dict.fromkeys(("input", "weight", "output"), 1e-12)
    memories = tuple(
        replace(memory, read_j=scaled, write_j=scaled, leakage_w=None)
        for memory in device.memories
        for scaled in [{name: value * TRUTH.get(memory.name, 0.5) for name, value in unit.items()}]
    )
    chip = replace(
        device, memories=memories, precisions=tuple(replace(item, mac_j=TRUTH["mac"] * 1e-12) for item in device.precisions),
        networks=tuple(replace(wires, hop_j=0.0) for wires in device.networks), static_w=TRUTH["leakage"], power_w={},
        vector=replace(device.vector, op_j=1e-12) if device.vector else None,
    )  # fmt: skip
    random = np.random.default_rng(seed)
    rows = []
    for layer in hwsim.estimate(NETWORK, chip, rung="roofline").layers:
        if layer.energy_j:  # measured times are not those of the model: bytes and standing power would else be one
            seconds = layer.latency_s * float(random.uniform(0.3, 3))
            joules = layer.energy_j + TRUTH["leakage"] * (seconds - layer.latency_s)
            rows.append(
                Measurement(layer.name, energy_j=joules * float(np.exp(random.normal(0, noise))), latency_s=seconds)
            )
    return Cases((Case("squeezenet", NETWORK, tuple(rows)),))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_what_the_rows_decide_is_found_again(seed: int) -> None:
    found = calibrate_energies(_rows(0.02, seed), load("eyeriss_v1"), rung="roofline", samples=40, seed=seed)
    assert found.held_out.mape.value is not None and found.held_out.mape.value < 0.04
    assert not found.worse
    values = {item.path: item for item in found.constants}
    dram = values["memory.dram.pj_per_byte"]
    assert dram.low <= dram.value <= dram.high
    assert dram.value == pytest.approx(TRUTH["dram"], rel=0.35)
    assert all(item.value >= 0 for item in found.constants)


def test_an_outlier_does_not_pull_the_fit() -> None:
    (case,) = _rows(0.0, 0).cases
    wild = replace(case.rows[5], energy_j=1e3 * (case.rows[5].energy_j or 0.0))
    found = calibrate_energies(
        Cases((replace(case, rows=(*case.rows[:5], wild, *case.rows[6:])),)),
        load("eyeriss_v1"),
        rung="roofline",
        samples=5,
    )
    assert found.in_sample.median_ape.value is not None and found.in_sample.median_ape.value < 0.05


def test_the_profile_that_is_written_answers_with_the_fitted_energies(tmp_path: Path) -> None:
    device, output = load("eyeriss_v1"), tmp_path / "mine.yaml"
    found = calibrate_energies(_rows(0.0, 0), device, rung="roofline", samples=5)
    output.write_text(profile_text(found, device, str(output)))
    mine = load(output)
    expected = {item.path: item.value for item in found.constants}
    assert mine.precisions[0].mac_j == pytest.approx(expected["compute.precisions.int16.mac_pj"] * 1e-12, rel=1e-4)
    assert mine.memories[-1].read_j is not None
    assert mine.memories[-1].read_j["input"] == pytest.approx(expected["memory.dram.pj_per_byte"] * 1e-12, rel=1e-4)
    assert mine.power_w["idle"] == pytest.approx(expected["power.idle_mw"] * 1e-3, rel=1e-4)


def test_too_few_rows_and_rungs_whose_counts_depend_on_energies_are_refused() -> None:
    (case,) = _rows(0.0, 0).cases
    with pytest.raises(UsageError, match="1 rows with an energy"):
        calibrate_energies(Cases((replace(case, rows=case.rows[:1]),)), load("eyeriss_v1"), rung="roofline")
    with pytest.raises(UsageError, match="not mapping"):
        calibrate_energies(Cases((case,)), load("eyeriss_v1"), rung="mapping")


def test_the_command_fits_energies_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _rows(0.0, 0).cases[0].rows
    table = tmp_path / "energies.csv"
    table.write_text("name,energy_mj\n" + "".join(f"{row.name},{1e3 * (row.energy_j or 0):.9g}\n" for row in rows))
    output = tmp_path / "mine.yaml"
    code = main(
        [
            "calibrate",
            "light_squeezenet",
            "--bits",
            "w16a16",
            "--measured",
            str(table),
            "--device",
            "eyeriss_v1",
            "--output",
            str(output),
            "--samples",
            "5",
        ]
    )
    assert code == 0
    assert "memory.dram.pj_per_byte" in capsys.readouterr().out
    assert load(output).memories[-1].read_j
