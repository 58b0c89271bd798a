"""Operators without an onnx schema: onnxruntime's and QONNX's, whose own pages document the shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from hwsim.graph import Network
from hwsim.onnx_io import read
from tests.onnx_io.build import floats, model, node

U8, I8 = TensorProto.UINT8, TensorProto.INT8
MS = "com.microsoft"


def contrib(
    op: str,
    inputs: str,
    shapes: dict[str, Any],
    outputs: str = "y",
    weights: dict[str, Any] | None = None,
    **attributes: Any,
) -> Network:
    made = model([node(op, inputs, outputs, domain=MS, **attributes)], shapes, outputs, weights or {}, domains=[MS])
    network = read(made)
    assert not any("unknown" in note for note in network.notes)
    return network


QUANT = {"s": np.float32(1), "z": np.uint8(0)}


@pytest.mark.parametrize(
    ("op", "inputs", "shapes", "weights", "attributes", "expected"),
    [
        ("QLinearAdd", "a s z b s z s z", {"a": (U8, [1, 4, 5]), "b": (U8, [5])}, QUANT, {}, [(1, 4, 5)]),
        ("QLinearConcat", "s z a s z b s z", {"a": (U8, [1, 4]), "b": (U8, [1, 5])}, QUANT, {"axis": 1}, [(1, 9)]),
        (
            "QLinearGlobalAveragePool",
            "a s z s z",
            {"a": (U8, [1, 4, 5, 6])},
            QUANT,
            {"channels_last": 0},
            [(1, 4, 1, 1)],
        ),
        (
            "QLinearGlobalAveragePool",
            "a s z s z",
            {"a": (U8, [1, 5, 6, 4])},
            QUANT,
            {"channels_last": 1},
            [(1, 1, 1, 4)],
        ),
        (
            "QLinearAveragePool",
            "a s z s z",
            {"a": (U8, [1, 4, 6, 6])},
            QUANT,
            {"kernel_shape": [2, 2], "strides": [2, 2]},
            [(1, 4, 3, 3)],
        ),
        ("QLinearSigmoid", "a s z s z", {"a": (U8, [1, 4])}, QUANT, {}, [(1, 4)]),
        (
            "QGemm",
            "a s z w s z _ s z",
            {"a": (U8, [2, 8])},
            QUANT | {"w": np.ones((3, 8), np.int8)},
            {"transB": 1},
            [(2, 3)],
        ),
        (
            "MatMulNBits",
            "a w s",
            {"a": [1, 7, 64]},
            {"w": np.ones((48, 2, 16), np.uint8), "s": floats(96)},
            {"K": 64, "N": 48, "bits": 4, "block_size": 32},
            [(1, 7, 48)],
        ),
        (
            "DynamicQuantizeMatMul",
            "a w s",
            {"a": [1, 7, 8]},
            {"w": np.ones((8, 3), np.int8), "s": floats(3)},
            {},
            [(1, 7, 3)],
        ),
        (
            "MatMulIntegerToFloat",
            "a w s s",
            {"a": (U8, [7, 8])},
            {"w": np.ones((8, 3), np.int8), "s": np.float32(1)},
            {},
            [(7, 3)],
        ),
        ("FusedMatMul", "a b", {"a": [2, 8, 7], "b": [2, 8, 5]}, {}, {"transA": 1}, [(2, 7, 5)]),
        ("FusedConv", "a w", {"a": [1, 3, 8, 8]}, {"w": floats(4, 3, 3, 3)}, {"activation": "Relu"}, [(1, 4, 6, 6)]),
        ("NhwcConv", "a w", {"a": [1, 8, 8, 3]}, {"w": floats(4, 3, 3, 3)}, {}, [(1, 6, 6, 4)]),
        ("BiasGelu", "a w", {"a": [1, 7, 8]}, {"w": floats(8)}, {}, [(1, 7, 8)]),
        ("SkipLayerNormalization", "a a w w", {"a": [1, 7, 8]}, {"w": floats(8)}, {}, [(1, 7, 8)]),
        (
            "EmbedLayerNormalization",
            "i _ t p _ w w",
            {"i": (TensorProto.INT32, [2, 7])},
            {"t": floats(50, 8), "p": floats(9, 8), "w": floats(8)},
            {},
            [(2, 7, 8)],
        ),
        (
            "Attention",
            "a w b",
            {"a": [2, 7, 16]},
            {"w": floats(16, 48), "b": floats(48)},
            {"num_heads": 4},
            [(2, 7, 16)],
        ),
        (
            "MultiHeadAttention",
            "q k v",
            {"q": [2, 7, 16], "k": [2, 9, 16], "v": [2, 9, 32]},
            {},
            {"num_heads": 4},
            [(2, 7, 32)],
        ),
        (
            "DynamicQuantizeLSTM",
            "x w r",
            {"x": [7, 2, 5]},
            {"w": np.ones((1, 5, 12), np.int8), "r": np.ones((1, 3, 12), np.int8)},
            {"hidden_size": 3},
            [(7, 1, 2, 3)],
        ),
        ("MoE", "x r w", {"x": [6, 16], "r": [6, 4]}, {"w": floats(4, 16, 32)}, {"k": 2}, [(6, 16)]),
    ],
    ids=lambda value: value if isinstance(value, str) and value[0].isupper() else "",
)
def test_output_shape(
    op: str, inputs: str, shapes: Any, weights: Any, attributes: Any, expected: list[tuple[int, ...]]
) -> None:
    network = contrib(op, inputs, shapes, weights=weights, **attributes)
    assert [network.tensors[name].shape for name in network.outputs] == expected


def test_grouped_query_attention_keeps_a_growing_cache() -> None:
    shapes = {"q": [1, 1, 64], "k": [1, 1, 16], "v": [1, 1, 16], "pk": [1, 2, 30, 8], "pv": [1, 2, 30, 8]}
    network = contrib("GroupQueryAttention", "q k v pk pv", shapes, "y nk nv", num_heads=8, kv_num_heads=2)
    assert [network.tensors[name].shape for name in ("y", "nk", "nv")] == [(1, 1, 64), (1, 2, 31, 8), (1, 2, 31, 8)]


def test_packed_weights_count_as_many_numbers_as_they_hold() -> None:
    weights = {"w": np.ones((48, 2, 16), np.uint8), "s": floats(96)}
    network = contrib("MatMulNBits", "a w s", {"a": [1, 64]}, weights=weights, K=64, N=48, bits=4, block_size=32)
    assert network.tensors["w"].parameters == 48 * 64
    assert network.tensors["w"].bytes == 48 * 32
    assert network.tensors["s"].role == "constant"


@pytest.mark.parametrize("op", ["QuantizeLinear", "DequantizeLinear"])
def test_onnxruntime_spells_the_standard_quantizers_its_own_way(op: str) -> None:
    shapes: dict[str, Any] = {"x": [2, 3]} if op == "QuantizeLinear" else {"x": (TensorProto.INT16, [2, 3])}
    network = contrib(op, "x s z", shapes, weights={"s": np.float32(1), "z": np.int16(0)})
    assert network.tensors["y"].dtype == ("int16" if op == "QuantizeLinear" else "float32")


@pytest.mark.parametrize("domain", ["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"])
@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "bits", "signed"),
    [
        ("Quant", "w s z four", {"signed": 1, "narrow": 1}, 4, 1),
        ("IntQuant", "w s z four", {"signed": 0, "narrow": 0}, 4, 0),
        ("BipolarQuant", "w s", {}, 1, 1),
        ("Trunc", "w s z four two", {}, 2, 1),
        ("FloatQuant", "w s four two z z", {}, 7, 1),
        ("MultiThreshold", "w t", {"out_dtype": "UINT3"}, 3, 0),
    ],
)
def test_bit_widths_of_qonnx(
    domain: str, op: str, inputs: str, attributes: dict[str, Any], bits: int, signed: int
) -> None:
    weights = {
        "w": floats(8, 3),
        "s": np.float32(1),
        "z": np.float32(0),
        "four": np.float32(4),
        "two": np.float32(2),
        "t": floats(8, 7),
    }
    nodes = [node(op, inputs, "q", domain=domain, **attributes), node("MatMul", "x q", "y")]
    network = read(model(nodes, {"x": [1, 8]}, weights=weights, domains=[domain]))
    layer = network.layers[0]
    assert (layer.op, layer.attributes["bits"], layer.attributes["signed"]) == (op, bits, signed)
    assert network.tensors["w"].dtype == "float32"


def test_channels_last_operators_of_qonnx() -> None:
    domain = "qonnx.custom_op.channels_last"
    nodes = [
        node("Conv", "x w", "c", domain=domain, kernel_shape=[3, 3]),
        node("MaxPool", "c", "y", domain=domain, kernel_shape=[2, 2], strides=[2, 2]),
    ]
    network = read(model(nodes, {"x": [1, 8, 8, 3]}, weights={"w": floats(4, 3, 3, 3)}, domains=[domain]))
    assert network.tensors["y"].shape == (1, 3, 3, 4)


def test_an_unknown_operator_is_named_and_the_rest_goes_on() -> None:
    nodes = [node("Mystery", "x", "a", domain="acme"), node("Relu", "a", "y")]
    network = read(model(nodes, {"x": [1, 4]}, domains=["acme"]))
    assert [layer.op for layer in network.layers] == ["Mystery", "Relu"]
    assert any("acme.Mystery is unknown (1 node(s))" in note for note in network.notes)


def test_the_file_may_declare_what_an_unknown_operator_writes() -> None:
    declared = [onnx.helper.make_tensor_value_info("a", TensorProto.FLOAT16, ["N", 9])]
    nodes = [node("Mystery", "x", "a", domain="acme"), node("Relu", "a", "y")]
    network = read(model(nodes, {"x": ["N", 4]}, domains=["acme"], value_info=declared), batch=3)
    assert (network.tensors["y"].shape, network.tensors["y"].dtype) == ((3, 9), "float16")


@pytest.mark.parametrize(
    ("op", "inputs", "outputs", "bound", "shape"),
    [
        ("NonZero", "x", "y", 24, (2, 24)),
        ("Compress", "x c", "y", 24, (24,)),
        ("Unique", "x", "y", 24, (24,)),
    ],
)
def test_sizes_that_depend_on_data_are_bounded_and_said(
    op: str, inputs: str, outputs: str, bound: int, shape: tuple[int, ...]
) -> None:
    shapes: dict[str, Any] = {"x": [4, 6]} | ({"c": (TensorProto.BOOL, [24])} if " " in inputs else {})
    made = model([node(op, inputs, outputs)], shapes, outputs)
    network = read(made)
    assert network.tensors["y"].shape == shape
    assert any(f"{bound} are assumed" in note for note in network.notes)
    assert read(made, dims={"y": 5}).tensors["y"].shape == (*shape[:-1], 5)


def test_boxes_are_bounded_by_the_limit_per_class() -> None:
    shapes = {"b": [1, 100, 4], "s": [1, 3, 100]}
    network = read(model([node("NonMaxSuppression", "b s m", "y")], shapes, weights={"m": np.int64([20])}))
    assert network.tensors["y"].shape == (60, 3)
    assert network.layers[0].attributes["max_output_boxes_per_class"] == 20


def test_two_bounds_for_one_unknown_size_meet_at_the_smaller() -> None:
    nodes = [node("NonZero", "a", "i"), node("NonZero", "b", "j"), node("Add", "i j", "y")]
    network = read(model(nodes, {"a": [6], "b": [4]}))
    assert network.tensors["y"].shape == (1, 4)


def test_a_split_traced_with_fewer_parts_than_possible() -> None:
    nodes = [node("NonZero", "x", "i"), node("Transpose", "i", "t"), node("Split", "t s", "y z", axis=0)]
    network = read(model(nodes, {"x": [8]}, "y z", {"s": np.int64([1, 1])}))
    assert network.tensors["z"].shape == (1, 1)
