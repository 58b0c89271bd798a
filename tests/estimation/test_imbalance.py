"""Waits of lanes that skip zeros: against draws, exact small cases, and what a profile's lanes do to an estimate."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest

import hwsim
from hwsim.cli import main
from hwsim.estimation.imbalance import balance, longest


@pytest.mark.parametrize(
    ("window", "share", "lanes"),
    [(16, 0.5, 8), (64, 0.1, 16), (256, 0.35, 64), (9, 0.9, 4), (1000, 0.02, 256), (100_000, 0.3, 12)],
)
def test_the_busiest_lane_of_a_hundred_thousand_draws(window: int, share: float, lanes: int) -> None:
    """Within 1 % of a Monte Carlo mean, whose own standard error is below 0.2 %."""
    draws = np.random.default_rng(1).binomial(window, share, size=(100_000 // lanes * 8, lanes)).max(axis=1)
    assert draws.std() / draws.mean() / len(draws) ** 0.5 < 0.002
    assert longest(window, share, lanes) == pytest.approx(draws.mean(), rel=0.01)


@pytest.mark.parametrize(("window", "share", "lanes"), [(3, 0.4, 2), (4, 0.7, 3), (2, 0.05, 4)])
def test_all_outcomes_of_small_windows(window: int, share: float, lanes: int) -> None:
    chance = [comb(window, k) * share**k * (1 - share) ** (window - k) for k in range(window + 1)]
    expected = sum(
        max(outcome) * np.prod([chance[k] for k in outcome]) for outcome in product(range(window + 1), repeat=lanes)
    )
    assert longest(window, share, lanes) == pytest.approx(expected, rel=1e-12)


def test_ends() -> None:
    assert longest(64, 0.0, 8) == 0 and balance(64, 0.0, 8) == 1
    assert longest(64, 1.0, 8) == 64 and balance(64, 1.0, 8) == 1
    assert longest(50, 0.3, 1) == pytest.approx(15, rel=1e-12)
    assert balance(16, 0.5, 64) < balance(1024, 0.5, 64) < balance(10**7, 0.5, 64) < 1


def test_lanes_of_a_profile_lengthen_what_skipping_leaves() -> None:
    net = hwsim.Network.builder("c").input("x", (1, 64, 28, 28), "int8").conv(64, kernel=3).build()

    def compute_s(density: float, *more: str) -> float:
        device = hwsim.load_device("ws_16x16", ["sparsity.skipped=[weight]", *more])
        return hwsim.estimate(net, device, rung="roofline", density={"weight": density}).layers[0].compute_s

    lanes = ("sparsity.lanes=16", "sparsity.sync_macs=36")
    draws = np.random.default_rng(2).binomial(36, 0.25, size=(50_000, 16)).max(axis=1).mean() / 36
    assert compute_s(0.25, *lanes) / compute_s(1.0, *lanes) == pytest.approx(draws, rel=0.01)
    assert compute_s(0.25) < compute_s(0.25, *lanes) < compute_s(1.0)
    assert compute_s(0.25, *lanes, "sparsity.skip_efficiency=0.8") == pytest.approx(compute_s(0.25, *lanes) / 0.8)
    assert compute_s(1.0, *lanes) == compute_s(1.0)


def test_lanes_need_their_window(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "show", "ws_16x16", "--set", "sparsity.lanes=16"]) == 2
    assert "lanes and sync_macs go together" in capsys.readouterr().err
