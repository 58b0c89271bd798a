"""Waits of lanes that skip zeros: against draws, exact small cases, and what a profile's lanes do to an estimate."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest

import hwsim
from hwsim.cli import main
from hwsim.estimation.imbalance import balance, counted, longest, longest_of
from tests.onnx_io.build import model, node


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


@pytest.mark.parametrize(
    ("window", "shares"), [(36, (0.1, 0.4, 0.25, 0.4)), (500, (0.02, 0.05, 0.0)), (20, (0.9, 0.1))]
)
def test_the_busiest_of_lanes_that_differ(window: int, shares: tuple[float, ...]) -> None:
    draws = np.random.default_rng(3).binomial(window, shares, size=(200_000, len(shares))).max(axis=1)
    assert longest_of(window, shares) == pytest.approx(draws.mean(), rel=0.005)
    assert longest_of(window, (shares[0],) * 5) == pytest.approx(longest(window, shares[0], 5), rel=1e-12)


def test_counted_zeros_are_walked_lane_by_lane() -> None:
    """16 outputs of very different density on 4 lanes, each an output at a time, none starting its next before all have ended."""
    generator = np.random.default_rng(4)
    weights = generator.random((16, 90)) < generator.uniform(0.05, 0.9, (16, 1))
    busy = 0
    for first in range(0, 16, 4):
        busy += max(sum(1 for there in weights[lane] if there) for lane in range(first, first + 4))
    nonzeros = [int(row.sum()) for row in weights]
    assert counted(nonzeros, 90, 4, 90, 1.0) == pytest.approx(busy / (4 * 90), rel=1e-12)
    assert counted(nonzeros, 90, 4, 90, 1.0) > weights.mean()
    assert counted([45] * 16, 90, 4, 90, 1.0) == 0.5  # even work waits for nobody
    assert counted([45] * 16, 90, 4, 30, 1.0) == pytest.approx(longest(30, 0.5, 4) / 30)
    assert counted(nonzeros, 90, 4, 90, 0.3) > 0.3 * counted(nonzeros, 90, 4, 90, 1.0)


@pytest.mark.parametrize("turned", [False, True])
def test_estimates_take_the_counts_of_each_output_from_the_file(turned: bool) -> None:
    """Half of the outputs without zeros, half all zeros, in turns: skipping gains nothing where full and empty lanes share a group."""
    convolution, product = np.ones((8, 4, 3, 3), np.float32), np.ones((8, 8), np.float32)
    convolution[::2] = 0.0
    product[::2] = 0.0
    nodes = [
        node("Conv", "x w", "y"),
        node("GlobalAveragePool", "y", "m"),
        node("Flatten", "m", "f"),
        node("Gemm", "f v", "z", transB=int(turned)),
    ]
    weights = {"w": convolution, "v": product if turned else product.T.copy()}
    made = model(nodes, {"x": [1, 4, 10, 10]}, weights=weights)

    def compute_s(lanes: int, *zeros: str, place: int) -> float:
        more = ["sparsity.skipped=[weight]", f"sparsity.lanes={lanes}", "sparsity.sync_macs=1000"]
        device = hwsim.load_device("ws_16x16", more)
        found = hwsim.estimate(made, device, rung="roofline", bits="w8a8", count_zeros=bool(zeros))
        return [layer for layer in found.layers if layer.macs][place].compute_s

    for place in (0, 1):
        dense = compute_s(2, place=place)
        assert compute_s(2, "counted", place=place) == pytest.approx(dense)
    tensors = hwsim.prepare(made, count_zeros=True).network.tensors
    assert [tensors[name].density for name in ("w", "v")] == [0.5, 0.5]
    nests = [nest for work in hwsim.prepare(made, count_zeros=True).works for nest in work.nests]
    assert [nest.weight.nonzeros for nest in nests] == [(0, 36) * 4, (0, 8) * 4]
    assert not hwsim.prepare(made, count_zeros=True, density={"weight": 0.5}).works[0].nests[0].weight.nonzeros


def test_lanes_need_their_window(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "show", "ws_16x16", "--set", "sparsity.lanes=16"]) == 2
    assert "lanes and sync_macs go together" in capsys.readouterr().err
