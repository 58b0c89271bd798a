"""Complexity: totals, bytes, liveness, and what bits and batch do to them."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.passes import apply
from hwsim.graph.precision import with_bits
from hwsim.workload import LoopNest, OperandType, lower
from hwsim.workload.complexity import complexity
from hwsim.workload.liveness import activation_bytes, aliases, peak_activation_bytes
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


def test_each_figure_of_a_layer_by_hand():
    """A product of 3 x 8 by 8 x 4 with a table that is gathered from: bytes, operations and what they are over each other."""
    tensors = [
        activation("x", 3, 8), parameter("w", 8, 4, dtype="int8"), activation("t", 3, 4), parameter("table", 100, 4),
        Tensor("i", (5,), "int64", "constant"), activation("y", 5, 4),
    ]  # fmt: skip
    layers = [
        Layer("p", "Gemm", ("x", "w"), ("t",), {"activation": "tanh"}),
        Layer("g", "Gather", ("table", "i"), ("y",), fused=("f",)),
    ]
    found = complexity(network(layers, tensors))
    first, second = (layer.to_dict() for layer in found.layers)
    bops = 96 * (32 * 8 + 32 + 8 + math.log2(8))
    traffic, moved = 96 + 32 + 48, 80 + 40 + 80
    hcm_bits = 24 * 32 + 32 * 8 + 12 * 32
    assert first == {
        "name": "p", "op": "Gemm", "macs": 96, "parameters": 32, "weight_bytes": 32, "input_bytes": 96, "output_bytes": 48,
        "traffic_bytes": traffic, "vector_operations": 12, "bops": bops, "bops_product": 96 * 256, "hcm_operations": 192,
        "hcm_traffic_bits": hcm_bits, "intensity_ops_per_byte": 2 * 96 / traffic, "hcm_intensity_ops_per_bit": 192 / hcm_bits,
        "known": True, "fused": [],
    }  # fmt: skip
    assert second == {
        "name": "g", "op": "Gather", "macs": 0, "parameters": 400, "weight_bytes": 1600, "input_bytes": 40, "output_bytes": 80,
        "traffic_bytes": moved, "vector_operations": 0, "bops": 0.0, "bops_product": 0, "hcm_operations": 0, "hcm_traffic_bits": 0,
        "intensity_ops_per_byte": 0.0, "hcm_intensity_ops_per_bit": 0.0, "known": True, "fused": ["f"],
    }  # fmt: skip
    assert found.intensity == 192 / (traffic + moved) and found.hcm_intensity == 192 / hcm_bits
    totals = found.to_dict()["totals"]
    assert (
        totals["intensity_ops_per_byte"] == found.intensity
        and totals["parameters"] == 432
        and totals["weight_bytes"] == 1632
    )
    assert (totals["peak_activation_bytes"], totals["peak_layer"]) == (found.peak_activation_bytes, found.peak_layer)
    assert found.to_dict()["operators"] == {"Gemm": 1, "Gather": 1} and found.to_dict()["unknown_operators"] == {}
    free = complexity(
        network([Layer("v", "Identity", ("x",), ("z",))], [activation("x", 3), activation("z", 3)])
    ).layers[0]
    assert (free.traffic_bytes, free.intensity, free.hcm_intensity) == (0, 0.0, 0.0)


def test_operators_are_counted_most_of_them_first():
    layers = [
        Layer("a", "Relu", ("x",), ("y",)),
        *(Layer(f"b{place}", "Wat", ("x",), (f"z{place}",), domain="o") for place in range(2)),
    ]
    layers.append(
        Layer(
            "c",
            "MatMul",
            ("x", "x"),
            ("u",),
            members=(Layer("m", "MatMul", ("x", "x"), ("t",)), Layer("n", "Relu", ("t",), ("u",))),
        )
    )
    tensors = [activation(name, 2, 2) for name in ("x", "y", "z0", "z1", "t", "u")]
    found = complexity(network(layers, tensors))
    assert list(found.operators.items()) == [("Relu", 2), ("o::Wat", 2), ("MatMul", 1)] and found.unknown == {
        "o::Wat": 2
    }


def test_what_is_alive_in_each_layer():
    """An output that nobody reads lives for its layer alone; what the network returns, or a view of it, to the end."""

    def alive(layers, tensors, outputs=None):
        found = network(layers, tensors)
        if outputs is not None:
            found = replace(found, outputs=outputs)
        return activation_bytes(found, [lower(layer, found) for layer in found.layers])

    some = [activation("x", 2), activation("a", 3), activation("b", 5), activation("c", 7), activation("y", 1)]
    split = Layer("s", "Split", ("x",), ("a", "b"))
    layers = [split, Layer("r", "Relu", ("a",), ("c",)), Layer("e", "Relu", ("c",), ("y",))]
    assert alive(layers, some) == [40, 60, 52]  # b is an output of the network: kept
    assert alive(layers, some, ("y",)) == [40, 40, 32]
    assert alive(layers, some, ("y", "a")) == [40, 40, 44]
    assert alive(layers, some, ("y", "x")) == [40, 48, 40]
    views = [
        Layer("v", "Reshape", ("x", "a"), ("b",)),
        Layer("w", "Identity", ("b",), ("c",)),
        Layer("e", "Relu", ("a",), ("y",)),
    ]
    assert alive(views, some, ("y", "c")) == [20, 20, 24]  # x lives on under the name of c
    assert alive(views, some, ("y",)) == [20, 20, 16]
    weights = [activation("x", 2), parameter("w", 9), activation("y", 1)]
    assert alive([Layer("e", "Add", ("x", "w"), ("y",))], weights) == [12]
    twice = replace(network([Layer("e", "Relu", ("x",), ("y",))], weights), inputs=("x", "x", "w", "nobody"))
    assert activation_bytes(twice, [lower(layer, twice) for layer in twice.layers]) == [12]
    again = [Layer("e", "Relu", ("x",), ("y",)), Layer("f", "Relu", ("x",), ("y",))]
    assert alive(again, weights) == [12, 12]


def test_what_has_no_value_of_its_operand_is_no_view():
    layers = [
        Layer("s", "Shape", ("x",), ("a",)),
        Layer("v", "Identity", ("",), ("b",)),
        Layer("i", "Identity", ("x",), ("c", "")),
    ]
    found = network(layers, [activation(name, 2) for name in "xabc"])
    assert aliases(found, [lower(layer, found) for layer in layers]) == {"c": "x"}
    nothing = Network("empty", (), {"x": activation("x", 4)}, ("x",), ())
    assert peak_activation_bytes(nothing, []) == (16, "")


def test_nests_reach_as_far_as_their_windows():
    """Unpadded: four results three apart with windows of five taps two apart span 3 * 3 + 4 * 2 + 1."""
    nest = LoopNest(2, 3, 5, 7, 4, 6, 5, 2, stride_h=3, stride_w=4, dilation_h=2, dilation_w=5)
    assert (nest.input_height, nest.input_width) == (18, 26)
    assert nest.elements == (2 * 3 * 7 * 18 * 26, 3 * 5 * 7 * 10, 2 * 3 * 5 * 24)
    assert nest.macs == 2 * 3 * 5 * 7 * 4 * 6 * 5 * 2 and replace(nest, repeat=3).macs == 3 * nest.macs
    given_ = replace(nest, height=11, width=13)
    assert (given_.input_height, given_.input_width, given_.elements[0]) == (11, 13, 42 * 143)
    plain = LoopNest()
    assert (plain.macs, plain.elements, plain.input.bits, plain.accumulator.dtype, plain.weight_role) == (
        1,
        (1, 1, 1),
        8,
        "int32",
        "parameter",
    )
    assert OperandType() == OperandType("int8", 1.0, ())
