"""Codes for zeros: sizes against codes written out bit by bit, and what the capabilities of a device are worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hwsim
from hwsim.estimation.encodings import RUN_BITS, compression, stored_bits


def test_bitmask_figures() -> None:
    assert compression("bitmask", 8, 0.5) == pytest.approx(1.60)
    assert compression("bitmask", 8, 0.1) == pytest.approx(4.44, abs=0.005)
    assert compression("bitmask", 8, 0.875) == pytest.approx(1.0)
    assert compression("bitmask", 8, 0.9) < 1 < compression("bitmask", 8, 0.85)


def walked_runs(values: np.ndarray, bits: int, run_bits: int) -> int:
    """Entries written one by one: zeros skipped so far, then a value; a full counter stores the zero itself."""
    size = run = 0
    for value in values:
        if value or run == 2**run_bits - 1:
            size, run = size + bits + run_bits, 0
        else:
            run += 1
    return size


@pytest.mark.parametrize("density", [0.02, 0.1, 0.5, 0.9, 1.0])
def test_sizes_are_those_of_codes_written_out(density: float) -> None:
    values = np.random.default_rng(5).random(200_000) < density
    rows = values.reshape(-1, 100)
    counted = values.mean()
    assert stored_bits("run_length", values.size, 8, counted) == pytest.approx(
        walked_runs(values, 8, RUN_BITS), rel=0.02
    )
    assert stored_bits("bitmask", values.size, 8, counted) == pytest.approx(values.size + 8 * values.sum())
    written = values.sum() * (8 + 7) + (len(rows) + 1) * 18
    assert stored_bits("csr", values.size, 8, counted, columns=100) == pytest.approx(written)
    assert stored_bits("n_m", values.size, 8, counted, pattern=(2, 4)) == values.size / 2 * (8 + 2)


CAPABLE = """\
extends: ws_16x16
name: capable
sparsity: {SPARSITY}
"""


def profile(folder: Path, sparsity: str) -> str:
    path = folder / "capable.yaml"
    path.write_text(CAPABLE.replace("SPARSITY", sparsity), encoding="utf-8")
    return str(path)


def test_a_dense_array_gains_nothing_and_it_is_said(tmp_path: Path) -> None:
    net = hwsim.Network.builder("c").input("x", (1, 64, 28, 28), "int8").conv(64, kernel=3).build()
    dense = hwsim.estimate(net, "ws_16x16", rung="roofline")
    pruned = hwsim.estimate(net, "ws_16x16", rung="roofline", density={"weight": 0.25})
    assert pruned.totals.cycles == dense.totals.cycles
    assert any("computes on zeros" in note for note in pruned.notes)
    assert not any("computes on zeros" in note for note in dense.notes)
    skipping = hwsim.estimate(net, profile(tmp_path, "skipped: [weight]"), rung="roofline", density={"weight": 0.25})
    assert skipping.layers[0].compute_s == pytest.approx(dense.layers[0].compute_s / 4)
    uneven = profile(tmp_path, "skipped: [weight], skip_efficiency: {value: 0.8, source: estimated}")
    slower = hwsim.estimate(net, uneven, rung="roofline", density={"weight": 0.25})
    assert slower.layers[0].compute_s == pytest.approx(dense.layers[0].compute_s / 4 / 0.8)


@pytest.mark.parametrize(
    ("code", "ratio"), [("bitmask", 1.6), ("run_length", compression("run_length", 8, 0.5)), ("n_m", 8 / 5)]
)
def test_codes_of_a_profile_are_priced(tmp_path: Path, code: str, ratio: float) -> None:
    net = hwsim.Network.builder("d").input("x", (1, 4096), "int8").dense(4096, bias=False).build()
    dense = hwsim.estimate(net, "ws_16x16", rung="roofline", density={"weight": 0.5})
    packed = hwsim.estimate(
        net,
        profile(tmp_path, f"compressed: [weight], encoding: {code}"),
        rung="roofline",
        density={"weight": 0.5},
    )
    saved = dense.totals.dram_bytes - packed.totals.dram_bytes
    assert 4096 * 4096 / (4096 * 4096 - saved) == pytest.approx(ratio, rel=1e-6)
