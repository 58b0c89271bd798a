"""Experts spread over devices: the same MACs, a part of the weights, tokens that travel."""

from __future__ import annotations

import pytest

import hwsim
from hwsim.errors import UsageError
from hwsim.estimation import Prepared, prepare
from hwsim.graph import Layer, Network
from hwsim.system.experts import spread_experts
from hwsim.system.links import all_to_all_s
from hwsim.system.profile import load_system, single
from hwsim.system.record import SystemEstimate
from hwsim.system.run import run
from tests.workload.single import activation, network, parameter

TOKENS, WIDTH, INNER, EXPERTS = 256, 64, 128, 16


def mixture() -> Prepared:
    tensors = [
        activation("x", TOKENS, WIDTH, dtype="float16"), activation("p", TOKENS, EXPERTS, dtype="float16"),
        parameter("w1", EXPERTS, INNER, WIDTH, dtype="float16"), parameter("w2", EXPERTS, WIDTH, INNER, dtype="float16"),
        activation("y", TOKENS, WIDTH, dtype="float16"),
    ]  # fmt: skip
    layer = Layer("moe", "MoE", ("x", "p", "w1", "", "w2"), ("y",), {"k": 1}, "com.microsoft")
    made: Network = network([layer], tensors)
    return prepare(made)


def test_the_share_of_one_device() -> None:
    whole, part = mixture(), spread_experts(mixture(), 4)
    assert part.prepared.complexity.macs == whole.complexity.macs == TOKENS * 2 * WIDTH * INNER
    assert part.prepared.complexity.weight_bytes == whole.complexity.weight_bytes / 4
    assert part.sent == {"moe": 2 * TOKENS * WIDTH * 2}


def test_capacity_and_one_hot_dispatch_cost_macs() -> None:
    plain = spread_experts(mixture(), 4).prepared.complexity.macs
    roomy = spread_experts(mixture(), 4, capacity_factor=1.25)
    assert roomy.prepared.complexity.macs == 1.25 * plain
    assert roomy.sent["moe"] == 1.25 * 2 * TOKENS * WIDTH * 2
    one_hot = spread_experts(mixture(), 4, "one-hot").prepared.complexity.macs
    assert one_hot - plain == 2 * TOKENS * TOKENS * WIDTH


def test_exchange_is_all_to_all_there_and_back() -> None:
    system = load_system("four_a100_nvlink")
    found = run(mixture(), system, "experts", rung="roofline")
    assert isinstance(found, SystemEstimate)
    link = system.between("gpu0", "gpu1")
    assert link is not None
    assert found.shares[0].exchange_s == pytest.approx(2 * all_to_all_s(TOKENS * WIDTH * 2, 4, link))
    one_hot = run(mixture(), system, "experts", rung="roofline", dispatch="one-hot")
    assert isinstance(one_hot, SystemEstimate)
    assert one_hot.latency_s >= found.latency_s


def test_one_device_is_the_device_alone() -> None:
    device = hwsim.load_device("a100_sxm_80g")
    found = run(mixture(), single(device), "experts", rung="roofline")
    assert isinstance(found, SystemEstimate)
    assert found.latency_s == hwsim.estimate(mixture(), device, rung="roofline").totals.latency_s


def test_what_has_no_experts_or_too_few_is_said() -> None:
    with pytest.raises(UsageError, match="no layer with experts"):
        spread_experts(prepare("light_squeezenet"), 2)
    with pytest.raises(UsageError, match="do not spread"):
        spread_experts(mixture(), 32)
