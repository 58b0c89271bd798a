"""Sensitivities against estimates with the constants changed by hand."""

from __future__ import annotations

import json

import pytest

import hwsim
from hwsim.cli import main
from hwsim.estimation import prepare
from hwsim.study import explain

CONV = hwsim.Network.builder("c").input("x", (1, 64, 28, 28), "int8").conv(64, kernel=3).build()


def total(*overrides: str) -> hwsim.Estimate:
    return hwsim.estimate(CONV, "ws_16x16", rung="roofline", overrides=overrides)


def test_effects_are_those_of_changing_by_hand() -> None:
    found = explain(prepare(CONV), "ws_16x16", rung="roofline")
    base = total().totals
    assert base.energy_j is not None
    effects = {effect.key: effect for effect in found.effects}
    for key, low, high in (
        ("clock_mhz", "450.0", "550.0"),
        ("compute.pe_array.x", "14", "18"),
        ("memory.dram.pj_per_bit", "7.2", "8.8"),
    ):
        less, more = total(f"{key}={low}").totals, total(f"{key}={high}").totals
        effect = effects[key]
        assert effect.latency_low == pytest.approx(less.latency_s / base.latency_s - 1)
        assert effect.latency_high == pytest.approx(more.latency_s / base.latency_s - 1)
        assert effect.energy_high == pytest.approx(more.energy_j / base.energy_j - 1)  # type: ignore[operator]
    assert "memory.weight_registers.capacity_bytes.weight" not in effects


def test_levers_move_what_binds() -> None:
    found = explain(prepare(CONV), "ws_16x16", rung="roofline")
    lever = found.levers[0]
    assert (lever.bound_by, lever.key, lever.value) == ("compute", "clock_mhz", 500)
    assert lever.moves_at is not None
    assert next(iter(total(f"clock_mhz={lever.moves_at}").shares())) != "compute"
    assert next(iter(total(f"clock_mhz={lever.moves_at * 0.99}").shares())) == "compute"


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explain", "--gemm", "64,64,64", "--device", "ws_16x16", "--model", "roofline"]
    assert main(command) == 0
    assert "doubling memory.gbuf.capacity_kib to 256 saves" in capsys.readouterr().out
    assert main([*command, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "hwsim/explain/1"
