"""Quantization folding: the ways in which exporters write the same thing."""

from __future__ import annotations

import pytest

from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.passes import fold_quantization
from hwsim.graph.quantization import qonnx_dtype
from hwsim.workload import lower
from hwsim.workload.complexity import complexity


def built(layers: list[Layer], *tensors: Tensor, outputs: tuple[str, ...]) -> Network:
    known = {tensor.name: tensor for tensor in tensors}
    for name in ("scale", "zero", "bits"):
        known.setdefault(name, Tensor(name, (), "float32", "constant"))
    written = {name for layer in layers for name in layer.outputs}
    inputs = tuple(name for name, tensor in known.items() if tensor.role == "activation" and name not in written)
    return Network("q", tuple(layers), known, inputs, outputs)


def node(op: str, inputs: str, output: str, domain: str = "", **attributes: object) -> Layer:
    return Layer(output, op, tuple(inputs.split()), (output,), attributes, domain)  # type: ignore[arg-type]


def types(network: Network, name: str) -> tuple[str, str, str, str]:
    layer = next(layer for layer in network.layers if layer.name == name)
    (nest,) = lower(layer, network).nests
    return nest.input.dtype, nest.weight.dtype, nest.output.dtype, nest.accumulator.dtype


def qdq(domain: str = "", weight: str = "int8") -> Network:
    """x -> Q -> DQ -> MatMul(DQ(w)) -> Relu -> Q -> DQ -> y."""
    layers = [
        node("QuantizeLinear", "x scale zero", "xq", domain),
        node("DequantizeLinear", "xq scale zero", "xd", domain),
        node("DequantizeLinear", "wq scale zero", "w", domain),
        node("MatMul", "xd w", "a"),
        node("Relu", "a", "r"),
        node("QuantizeLinear", "r scale zero", "rq", domain),
        node("DequantizeLinear", "rq scale zero", "y", domain),
    ]
    wide = [Tensor(name, (4, 8)) for name in ("x", "xd")] + [Tensor(name, (4, 6)) for name in ("a", "r", "y")]
    stored = [Tensor("wq", (8, 6), weight, "parameter"), Tensor("w", (8, 6))]
    return built(layers, *wide, *stored, Tensor("xq", (4, 8), "uint8"), Tensor("rq", (4, 6), "uint8"), outputs=("y",))


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
@pytest.mark.parametrize("weight", ["int8", "int4"])
def test_pairs_fold_away(domain, weight):
    before, after = qdq(domain, weight), fold_quantization(qdq(domain, weight))
    assert [layer.name for layer in after.layers] == ["xq", "a", "r", "y"]
    assert types(after, "a") == ("uint8", weight, "float32", "int32")
    assert after.layers[2].fused == ("rq",) and after.layers[2].outputs == ("rq",)
    assert complexity(after).macs == complexity(before).macs == 4 * 8 * 6
    assert complexity(after).parameters == 48
    assert complexity(after).weight_bytes == (48 if weight == "int8" else 24)
    assert after.notes == ("folded 2 DequantizeLinear and 1 QuantizeLinear into the layers around them",)


def test_a_product_followed_by_its_quantization_writes_the_narrow_type():
    layers = [node("MatMul", "x w", "a"), node("QuantizeLinear", "a scale zero", "y")]
    plain = built(
        layers,
        Tensor("x", (4, 8), "int8"),
        Tensor("w", (8, 6), "int8", "parameter"),
        Tensor("a", (4, 6)),
        Tensor("y", (4, 6), "int8"),
        outputs=("y",),
    )
    after = fold_quantization(plain)
    assert types(after, "a") == ("int8", "int8", "int8", "int32")
    work = lower(after.layers[0], after)
    assert dict(work.writes) == {"y": 24} and work.vectors[0].function == "quantize"


def test_a_value_that_others_read_is_quantized_apart():
    layers = [node("MatMul", "x w", "a"), node("QuantizeLinear", "a scale zero", "y"), node("Relu", "a", "z")]
    plain = built(
        layers,
        Tensor("x", (4, 8)),
        Tensor("w", (8, 6), role="parameter"),
        *(Tensor(name, (4, 6)) for name in "az"),
        Tensor("y", (4, 6), "int8"),
        outputs=("y", "z"),
    )
    assert fold_quantization(plain) is plain


def test_types_pass_through_what_only_moves():
    layers = [
        node("DequantizeLinear", "xq scale zero", "x"),
        node("MaxPool", "x", "p", kernel_shape=(1, 1)),
        node("Transpose", "p", "t"),
        node("Reshape", "t", "r"),
        node("QuantizeLinear", "r scale zero", "rq"),
        node("DequantizeLinear", "rq scale zero", "rd"),
        node("MatMul", "rd w", "y"),
    ]
    wide = [Tensor(name, (1, 4, 2, 2)) for name in "xp"] + [
        Tensor("t", (2, 2, 4, 1)),
        Tensor("r", (4, 4)),
        Tensor("rd", (4, 4)),
    ]
    plain = built(
        layers,
        *wide,
        Tensor("xq", (1, 4, 2, 2), "uint8"),
        Tensor("rq", (4, 4), "uint8"),
        Tensor("w", (4, 4), role="parameter"),
        Tensor("y", (4, 4)),
        outputs=("y",),
    )
    after = fold_quantization(plain)
    assert [layer.op for layer in after.layers] == ["MaxPool", "Transpose", "Reshape", "MatMul"]
    assert types(after, "y")[0] == "uint8"
    assert {after.tensors[name].dtype for name in "ptr"} == {"uint8"}


def test_stored_weights_are_turned_ahead_of_time():
    layers = [
        node("DequantizeLinear", "wq scale", "w", block_size=2),
        node("Transpose", "w", "t"),
        node("MatMul", "x t", "y"),
    ]
    plain = built(
        layers,
        Tensor("wq", (6, 8), "int4", "parameter"),
        Tensor("w", (6, 8), "float16"),
        Tensor("t", (8, 6), "float16"),
        Tensor("x", (3, 8), "float16"),
        Tensor("y", (3, 6), "float16"),
        outputs=("y",),
    )
    after = fold_quantization(plain)
    assert [layer.op for layer in after.layers] == ["MatMul"]
    assert types(after, "y") == ("float16", "int4", "float16", "float32")
    assert (complexity(after).parameters, complexity(after).weight_bytes) == (48, 24)


def test_weights_scaled_by_hand():
    layers = [node("Cast", "wq", "c"), node("Mul", "c s", "w"), node("MatMul", "x w", "y")]
    plain = built(
        layers,
        Tensor("wq", (8, 6), "int8", "parameter"),
        Tensor("c", (8, 6)),
        Tensor("w", (8, 6)),
        Tensor("s", (6,), role="parameter"),
        Tensor("x", (3, 8)),
        Tensor("y", (3, 6)),
        outputs=("y",),
    )
    after = fold_quantization(plain)
    assert [layer.op for layer in after.layers] == ["MatMul"]
    assert types(after, "y") == ("float32", "int8", "float32", "float32")
    assert complexity(after).parameters == 48


def test_activations_that_are_cast_or_scaled_stay():
    layers = [node("Cast", "i", "c"), node("Mul", "c s", "y")]
    plain = built(
        layers, Tensor("i", (8,), "int8"), Tensor("c", (8,)), Tensor("s", (8,)), Tensor("y", (8,)), outputs=("y",)
    )
    assert fold_quantization(plain) is plain


@pytest.mark.parametrize(
    ("op", "attributes", "dtype"),
    [
        ("Quant", {"bits": 4, "signed": 1}, "int4"),
        ("IntQuant", {"bits": 2, "signed": 0}, "uint2"),
        ("Quant", {"bits": 3.5}, "int4"),
        ("BipolarQuant", {}, "int1"),
        ("FloatQuant", {"exponent_bits": 4, "mantissa_bits": 3}, "float8"),
    ],
)
def test_qonnx_operators_set_the_type(op, attributes, dtype):
    layers = [
        node(op, "w scale zero bits", "wn", "qonnx.custom_op.general", **attributes),
        node("MatMul", "x wn", "a"),
        node("Relu", "a", "r"),
        node(op, "r scale zero bits", "rn", "onnx.brevitas", **attributes),
        node("MatMul", "rn wn", "y"),
    ]
    plain = built(
        layers,
        Tensor("w", (6, 6), role="parameter"),
        Tensor("wn", (6, 6)),
        *(Tensor(name, (4, 6)) for name in ("x", "a", "r", "rn", "y")),
        outputs=("y",),
    )
    after = fold_quantization(plain)
    assert [layer.op for layer in after.layers] == ["MatMul", "Relu", "MatMul"]
    assert types(after, "y")[:2] == (dtype, dtype)
    assert after.tensors["rn"].dtype == dtype and complexity(after).parameters == 36


def test_quantizers_of_unknown_width_stay():
    layers = [node("Quant", "x scale zero bits", "y", "onnx.brevitas")]
    plain = built(layers, Tensor("x", (4,)), Tensor("y", (4,)), outputs=("y",))
    assert fold_quantization(plain) is plain


def test_a_weight_rounded_to_two_types_is_stored_twice():
    layers = [
        node("Quant", "w scale zero bits", "w4", "onnx.brevitas", bits=4),
        node("Quant", "w scale zero bits", "w8", "onnx.brevitas", bits=8),
        node("MatMul", "x w4", "a"),
        node("MatMul", "a w8", "y"),
    ]
    plain = built(
        layers,
        Tensor("w", (6, 6), role="parameter"),
        *(Tensor(name, (6, 6)) for name in ("w4", "w8")),
        *(Tensor(name, (4, 6)) for name in "xay"),
        outputs=("y",),
    )
    after = fold_quantization(plain)
    assert (types(after, "a")[1], types(after, "y")[1]) == ("int4", "int8")
    assert complexity(after).parameters == 36


def test_thresholds_write_the_type_that_they_name():
    layers = [node("MultiThreshold", "x t", "y", "qonnx.custom_op.general", out_dtype="UINT4"), node("Relu", "y", "z")]
    plain = built(
        layers,
        Tensor("x", (4,)),
        Tensor("t", (4, 15), role="parameter"),
        Tensor("y", (4,)),
        Tensor("z", (4,)),
        outputs=("z",),
    )
    after = fold_quantization(plain)
    assert (after.tensors["y"].dtype, len(after.layers), after.notes) == ("uint4", 2, ())
    assert [qonnx_dtype(name) for name in ("BIPOLAR", "TERNARY", "INT3", "", "SCALEDINT<8>")] == [
        "int1",
        "int2",
        "int3",
        None,
        None,
    ]
