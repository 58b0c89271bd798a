"""Complexity: totals, bytes, liveness, and what bits and batch do to them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.passes import apply
from hwsim.graph.precision import with_bits
from hwsim.workload import lower
from hwsim.workload.complexity import complexity
from tests.workload.single import activation, network, parameter


def tiny(batch: int = 1, filters: int = 8, dtype: str = "float32") -> Network:
    return (
        Network.builder("tiny")
        .input("x", (batch, 3, 8, 8), dtype)
        .conv(filters)
        .relu()
        .conv(filters, groups=filters)
        .add("relu1")
        .pool()
        .flatten()
        .dense(10)
        .softmax()
        .build()
    )


def test_totals_by_hand():
    found = complexity(tiny())
    places = 64
    assert found.macs == places * 8 * 27 + places * 8 * 9 + 128 * 10
    assert found.parameters == (8 * 27 + 8) + (8 * 9 + 8) + (1280 + 10)
    assert found.weight_bytes == 4 * found.parameters
    assert found.operators == {
        "Conv": 2, "Relu": 1, "Add": 1, "MaxPool": 1, "Flatten": 1, "Gemm": 1, "Softmax": 1,
    }  # fmt: skip
    assert found.vector_operations == 512 + 512 + 4 * 128 + 5 * 10
    assert found.unknown == {}
    assert found.traffic_bytes == sum(layer.traffic_bytes for layer in found.layers)
    first = found.layers[0]
    assert first.traffic_bytes == 4 * (3 * 64 + 8 * 27 + 8 + 8 * 64)
    assert first.intensity == 2 * first.macs / first.traffic_bytes
    relu = next(layer for layer in found.layers if layer.op == "Relu")
    for name in ("bops", "bops_product", "hcm_operations", "hcm_traffic_bits", "macs"):  # only products have bits
        assert getattr(relu, name) == 0 < getattr(first, name)
        assert getattr(found, name) == sum(getattr(layer, name) for layer in found.layers)


def test_peak_counts_what_is_alive_at_once():
    found = complexity(tiny())
    assert (found.peak_activation_bytes, found.peak_layer) == (4 * 3 * 512, "add1")


def walked_peak(found: Network) -> int:
    """Bytes alive at each layer, by asking of every tensor whether it is written already and still wanted."""
    written = {name: index for index, layer in enumerate(found.layers) for name in layer.outputs}
    peak = 0
    for now in range(len(found.layers)):
        alive = 0
        for name, tensor in found.tensors.items():
            if tensor.role != "activation":
                continue
            wanted = name in found.outputs or any(name in layer.inputs for layer in found.layers[now:])
            if written.get(name, -1) <= now and (wanted or written.get(name) == now):
                alive += tensor.bytes
        peak = max(peak, alive)
    return peak


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 9)), min_size=1, max_size=12))
def test_liveness_agrees_with_a_walk(edges):
    tensors, layers = [activation("t0", 4)], []
    for index, (one, other, size) in enumerate(edges):
        names = tuple(tensors[choice % len(tensors)].name for choice in (one, other))
        tensors.append(activation(f"t{index + 1}", size))
        layers.append(Layer(f"l{index}", "Add", names, (f"t{index + 1}",)))
    found = network(layers, tensors)
    if "t0" in found.inputs:
        assert complexity(found).peak_activation_bytes == walked_peak(found)


def test_views_take_no_memory_and_keep_their_tensor():
    layers = [
        Layer("first", "Relu", ("x",), ("a",)),
        Layer("view", "Reshape", ("a",), ("b",)),
        Layer("second", "Relu", ("x",), ("c",)),
        Layer("sum", "Add", ("b", "c"), ("y",)),
    ]
    found = network(layers, [activation(name, 4) for name in "xac"] + [activation(name, 2, 2) for name in "by"])
    assert complexity(found).peak_activation_bytes == 3 * 16


def test_where_nothing_is_made_the_input_is_the_peak_of_the_first_layer():
    layers = [Layer("first", "Reshape", ("x",), ("a",)), Layer("second", "Reshape", ("a",), ("y",))]
    found = network(layers, [activation("x", 4), activation("a", 2, 2), activation("y", 4)])
    assert (complexity(found).peak_activation_bytes, complexity(found).peak_layer) == (16, "first")


def test_shared_parameters_count_once_in_all():
    layers = [Layer("one", "MatMul", ("x", "w"), ("a",)), Layer("two", "MatMul", ("a", "w"), ("y",))]
    found = complexity(
        network(layers, [activation("x", 2, 4), parameter("w", 4, 4), activation("a", 2, 4), activation("y", 2, 4)])
    )
    assert found.parameters == 16 and found.weight_bytes == 64
    assert [layer.parameters for layer in found.layers] == [16, 16]


def test_packed_weights_stand_for_their_numbers():
    blob = Tensor("w", (48, 2, 16), "uint8", "parameter", learned=48 * 64)
    layer = Layer("n", "MatMulNBits", ("x", "w"), ("y",), {"K": 64, "N": 48, "bits": 4}, "com.microsoft")
    found = complexity(network([layer], [activation("x", 1, 64), blob, activation("y", 1, 48)]))
    assert (found.parameters, found.weight_bytes) == (48 * 64, 48 * 64 // 2)
    assert found.operators == {"com.microsoft::MatMulNBits": 1}


def test_unknown_operators_are_named_and_counted():
    layers = [Layer(f"n{index}", "Wat", ("x",), (f"y{index}",), domain="org.example") for index in range(3)]
    found = complexity(network(layers, [activation("x", 4)] + [activation(f"y{index}", 4) for index in range(3)]))
    assert found.unknown == {"org.example::Wat": 3}
    assert all(not layer.known and layer.traffic_bytes == 32 for layer in found.layers)


@given(st.integers(1, 6), st.integers(1, 5))
def test_batch_scales_macs_linearly(batch, filters):
    assert complexity(tiny(batch, filters)).macs == batch * complexity(tiny(1, filters)).macs


@pytest.mark.parametrize("folded", [False, True])
def test_fewer_bits_never_move_more_bytes(folded):
    specs = ["fp64", "fp32", "w16a16", "fp8", "w8a8", "w4a8", "w4a4", "w2a2", "w1a1"]
    plain = apply(tiny()) if folded else tiny()
    found = [complexity(with_bits(plain, spec)) for spec in specs]
    for wide, narrow in pairwise(found):
        assert narrow.macs == wide.macs
        assert narrow.traffic_bytes <= wide.traffic_bytes
        assert narrow.weight_bytes <= wide.weight_bytes
        assert narrow.peak_activation_bytes <= wide.peak_activation_bytes
        assert narrow.bops_product <= wide.bops_product


def test_the_record_as_json():
    network_ = tiny()
    found = complexity(network_)
    assert complexity(network_, [lower(layer, network_) for layer in network_.layers]) == found
    record = found.to_dict()
    assert record["schema"] == "hwsim/complexity/1"
    assert record["model"] == {"name": "tiny", "sha256": "", "inputs": {"x": [1, 3, 8, 8]}}
    totals, layers = record["totals"], record["layers"]
    for key in ("macs", "input_bytes", "output_bytes", "traffic_bytes", "vector_operations", "bops", "bops_product"):
        assert totals[key] == sum(layer[key] for layer in layers)
    assert [layer["name"] for layer in layers][:2] == ["conv1", "relu1"]
    assert found.hcm_intensity == totals["hcm_intensity_ops_per_bit"]


def test_nothing_that_moves_nothing_has_an_intensity():
    found = complexity(Network("empty", (), {}))
    assert (found.macs, found.intensity, found.hcm_intensity, found.peak_activation_bytes) == (0, 0.0, 0.0, 0)
