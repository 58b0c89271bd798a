"""Training steps against counts by hand and closed forms."""

from __future__ import annotations

import pytest

import hwsim
from hwsim.errors import UsageError
from hwsim.estimation import Prepared, prepare
from hwsim.graph import Network
from hwsim.system.gradients import gradients, training_step
from hwsim.system.links import Link
from hwsim.system.training import Training, train
from hwsim.workload import LoopNest

DEVICE = hwsim.load_device("a100_sxm_80g")
WIDTH, DEPTH, BATCH = 256, 6, 32


def perceptron(depth: int = DEPTH, bits: str | None = None) -> Prepared:
    built = Network.builder("mlp").input("x", (BATCH, WIDTH))
    for _ in range(depth):
        built.dense(WIDTH, bias=False).relu()
    return prepare(built.build(), bits=bits)


@pytest.mark.parametrize(
    "nest",
    [
        LoopNest(n=2, k=8, c=4, q=5, p=7, s=3, r=3),
        LoopNest(n=2, g=4, k=1, c=1, q=5, p=5, s=3, r=3, stride_h=2, stride_w=2),
        LoopNest(k=16, c=32, p=8, weight_role="activation", repeat=3),
    ],
)
def test_each_gradient_has_the_products_of_the_forward_pass(nest: LoopNest) -> None:
    back, weight = gradients(nest)
    assert back.macs == weight.macs == nest.macs
    assert back.elements[1] == nest.elements[1]
    assert weight.elements[2] == nest.elements[1]
    if nest.weight_role == "parameter":
        assert gradients(nest, of_input=False) == (weight,)


def test_macs_are_three_times_the_forward_pass_less_one_gradient() -> None:
    forward = perceptron()
    step = training_step(forward)
    one = BATCH * WIDTH * WIDTH
    assert forward.complexity.macs == DEPTH * one
    assert step.complexity.macs == (3 * DEPTH - 1) * one
    assert step.complexity.parameters == forward.complexity.parameters


def test_convolution_of_the_input_has_no_input_gradient() -> None:
    built = Network.builder("c").input("x", (1, 3, 8, 8)).conv(4, kernel=3).conv(8, kernel=3).build()
    forward = prepare(built)
    first, second = (work.macs for work in forward.works if work.macs)
    assert training_step(forward).complexity.macs == 2 * first + 3 * second


def test_branches_add_their_gradients() -> None:
    built = Network.builder("b").input("x", (1, 8)).dense(8, bias=False, name="a").dense(8, bias=False, name="l")
    built.at("a").dense(8, bias=False, name="r").add("l")
    step = training_step(prepare(built.build(), passes=()))
    adds = [op for layer, work in zip(step.network.layers, step.works, strict=True) for op in work.vectors
            if layer.name.startswith("gradient/") and op.function == "add" and layer.op != "Add"]  # fmt: skip
    assert sum(op.elements for op in adds) == 8


def test_saved_activations_are_alive_until_the_backward_pass() -> None:
    """Every hidden layer saves its input: depth x batch x width x 4 bytes, and a little more while gradients pass."""
    saved = perceptron().network.tensors["x"].bytes
    step = training_step(perceptron())
    peak = step.complexity.peak_activation_bytes
    assert DEPTH * saved <= peak <= (DEPTH + 3) * saved


def test_recomputation_trades_macs_for_memory() -> None:
    deep = perceptron(36)
    plain, thrifty = training_step(deep), training_step(deep, segments=6)
    assert thrifty.complexity.peak_activation_bytes < 0.5 * plain.complexity.peak_activation_bytes
    one = BATCH * WIDTH * WIDTH
    again = thrifty.complexity.macs - plain.complexity.macs
    assert (36 - 6) * one <= again <= 36 * one


def test_memory_of_mixed_precision_with_adam() -> None:
    """16 bytes a parameter: 2 of weight, 2 of gradient, 4 of master copy and 4 + 4 of states (Rajbhandari et al., SC 2020, section 3.1)."""
    found = train(perceptron(bits="fp16"), DEVICE, optimizer="adam", rung="roofline")
    parameters = DEPTH * WIDTH * WIDTH
    assert found.parameter_bytes + found.gradient_bytes + found.optimizer_bytes == 16 * parameters
    single = train(perceptron(), DEVICE, optimizer="sgd", rung="roofline")
    assert single.optimizer_bytes == 0
    assert single.parameter_bytes + single.gradient_bytes == 8 * parameters


def parts(found: Training) -> float:
    return found.forward_s + found.recompute_s + found.backward_s + found.optimizer_s


def test_phases_sum_to_the_step_and_backward_takes_about_twice() -> None:
    found = train(prepare("light_resnet50", batch=32, bits="fp16"), DEVICE, segments=4, rung="roofline")
    assert parts(found) == pytest.approx(found.step.totals.latency_s)
    assert found.latency_s == found.step.totals.latency_s
    assert 1.5 < found.backward_s / found.forward_s < 3
    assert 0 < found.recompute_s < found.forward_s * 1.1
    assert found.to_dict()["throughput_per_s"] == pytest.approx(32 / found.latency_s)


def test_replicas_sum_their_gradients() -> None:
    alone = train(perceptron(), DEVICE, rung="roofline")
    link = Link(25e9, 1e-6)
    four = train(perceptron(), DEVICE, replicas=4, link=link, overlap=False, rung="roofline")
    assert four.all_reduce_s == pytest.approx(2 * 3 * (1e-6 + four.gradient_bytes / 4 / 25e9))
    assert four.latency_s == pytest.approx(alone.latency_s + four.all_reduce_s)
    hidden = train(perceptron(), DEVICE, replicas=4, link=link, rung="roofline")
    assert hidden.latency_s == pytest.approx(alone.latency_s + max(0.0, four.all_reduce_s - alone.backward_s))
    with pytest.raises(UsageError, match="a link"):
        train(perceptron(), DEVICE, replicas=2)


def test_what_cannot_be_trained_is_said() -> None:
    with pytest.raises(UsageError, match="floating point"):
        training_step(perceptron(bits="w8a8"))
    with pytest.raises(UsageError, match="there are sgd"):
        training_step(perceptron(), "adagrad")
