"""How long importing is followed by: lowering, counting and the passes."""

from __future__ import annotations

import pytest

from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.passes import apply
from hwsim.onnx_io import read
from hwsim.workload import lower
from hwsim.workload.complexity import complexity


@pytest.fixture(scope="module")
def densenet() -> Network:
    return read("light_densenet121")


@pytest.fixture(scope="module")
def chain() -> Network:
    """200,000 elementwise layers, one after the other."""
    count = 200_000
    tensors = {f"t{index}": Tensor(f"t{index}", (1, 64)) for index in range(count + 1)}
    layers = tuple(Layer(f"l{index}", "Relu", (f"t{index}",), (f"t{index + 1}",)) for index in range(count))
    return Network("chain", layers, tensors, ("t0",), (f"t{count}",))


def test_lower_densenet(benchmark, densenet):
    works = benchmark(lambda: [lower(layer, densenet) for layer in densenet.layers])
    assert sum(work.macs for work in works) == 2_834_161_664


def test_passes_of_densenet(benchmark, densenet):
    assert len(benchmark(apply, densenet).layers) < len(densenet.layers) / 2


def test_complexity_of_a_long_chain(benchmark, chain):
    assert benchmark.pedantic(complexity, (chain,), rounds=1).vector_operations == 200_000 * 64


def test_passes_of_a_long_chain(benchmark, chain):
    assert len(benchmark.pedantic(apply, (chain,), rounds=1).layers) == 1
