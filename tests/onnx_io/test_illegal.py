"""Nodes that no runtime would run, tensors and files that contradict themselves: one line each, or a note."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hwsim.errors import ModelError
from hwsim.estimation import prepare
from hwsim.onnx_io import read
from tests.onnx_io.build import floats, model, node, subgraph, unseen, value

Build = Callable[[], onnx.ModelProto]
MICROSOFT = "com.microsoft"
ML = "ai.onnx.ml"


def one(
    op: str, inputs: str, shape: Any, opset: int = 17, outputs: str = "y", weights: Any = None, **attributes: Any
) -> Build:
    domains = [attributes["domain"]] if "domain" in attributes else []
    return lambda: model(
        [node(op, inputs, outputs, name="n", **attributes)],
        {"x": shape},
        outputs,
        weights={key: np.asarray(array) for key, array in (weights or {}).items()},
        opset=opset,
        domains=domains,
    )


def ints(*numbers: int) -> Any:
    return np.asarray(numbers, np.int64)


def conv(weight: TensorProto | Any = None, shape: Any = (1, 3, 8, 8)) -> onnx.ModelProto:
    return model(
        [node("Conv", "x w", "y")], {"x": shape}, weights={"w": floats(4, 3, 3, 3) if weight is None else weight}
    )


def sparse(positions: list[int], values: int = 2, dims: tuple[int, ...] = (4, 3, 3, 3)) -> Build:
    def build() -> onnx.ModelProto:
        made = conv()
        del made.graph.initializer[:]
        stored = numpy_helper.from_array(np.ones(values, np.float32), "w")
        made.graph.sparse_initializer.append(
            helper.make_sparse_tensor(stored, numpy_helper.from_array(ints(*positions), "i"), dims)
        )
        return made

    return build


def twice_stored() -> onnx.ModelProto:
    tensor = numpy_helper.from_array(floats(4, 3, 3, 3), "w")
    tensor.float_data.extend([1.0] * 108)
    return conv(tensor)


def in_segments() -> onnx.ModelProto:
    tensor = numpy_helper.from_array(floats(4, 3, 3, 3), "w")
    tensor.segment.begin, tensor.segment.end = 0, 2**60
    return conv(tensor)


def loop(trips: Any) -> Build:
    body = subgraph(
        [node("MatMul", "h w", "h2"), node("Identity", "go", "go2")],
        {"i": (7, []), "go": (9, []), "h": [1, 4]},
        ["go2", "h2"],
    )
    return lambda: model(
        [node("Loop", "m _ x", "y", body=body, name="L")],
        {"x": [1, 4]},
        weights={"m": np.asarray(trips), "w": floats(4, 4)},
    )


def loops(depth: int, trips: int) -> onnx.ModelProto:
    body = loop(trips)().graph.node[0].attribute[0].g
    for _ in range(depth - 1):
        body = subgraph(
            [node("Loop", "m _ h", "h2", body=body), node("Identity", "go", "go2")],
            {"i": (7, []), "go": (9, []), "h": [1, 4]},
            ["go2", "h2"],
        )
    return model(
        [node("Loop", "m _ x", "y", body=body)], {"x": [1, 4]}, weights={"m": np.int64(trips), "w": floats(4, 4)}
    )


def scan(**attributes: Any) -> Build:
    body = subgraph([node("Relu", "h", "h2")], {"h": [4]}, ["h2"])
    return one("Scan", "x", (3, 4), num_scan_inputs=1, body=body, **attributes)


def with_functions(*names: str) -> onnx.ModelProto:
    made = model([node("A", "x", "y", domain="f")], {"x": [1, 4]}, domains=["f"])
    for name in names:
        opset = [helper.make_opsetid("", 17)]
        made.functions.append(helper.make_function("f", name, ["a"], ["b"], [node("Relu", "a", "b")], opset))
    return made


def referring() -> onnx.ModelProto:
    made = model([node("LeakyRelu", "x", "y", alpha=0.5)], {"x": [1, 4]})
    made.graph.node[0].attribute[0].ref_attr_name = "slope"
    return made


def changed(change: Callable[[onnx.ModelProto], Any]) -> Build:
    def build() -> onnx.ModelProto:
        made = conv()
        change(made)
        return made

    return build


SEQUENCE = [node("SequenceConstruct", "x x", "s")]
N_BITS = {"b": np.zeros((8, 1, 16), np.uint8), "s": floats(8)}

REFUSED: dict[str, tuple[Build, str]] = {
    "einsum that onnx never comes back from": (one("Einsum", "x", (2, 6), equation=".ij->i"), "not made of letters"),
    "einsum of four dots": (one("Einsum", "x", (2, 6), equation="...."), "not made of letters"),
    "einsum of too few": (one("Einsum", "x", (2, 6), equation="ij,jk->ik"), "names 2 operands, the node has 1"),
    "einsum of another rank": (one("Einsum", "x", (2, 6), equation="i->i"), "does not fit an operand of 2 dims"),
    "einsum of nothing": (one("Einsum", "x", (2, 6), equation="ij->k"), "no operand has k"),
    "einsum with unequal extents": (one("Einsum", "x x", (2, 6), equation="ij,jk->ik"), "index 'j' is 6 in one"),
    "heads that do not divide": (
        one("Attention", "x x x", (1, 4, 8), 23, q_num_heads=3, kv_num_heads=3),
        "'q_num_heads' is 3",
    ),
    "no heads": (one("Attention", "x x x", (1, 4, 8), 23), "'q_num_heads' is 0"),
    "key heads that do not divide": (
        one("Attention", "x x x", (1, 4, 12), 23, q_num_heads=3, kv_num_heads=2),
        "do not fit together",
    ),
    "attention of two dims": (one("Attention", "x x x", (4, 8), 23, q_num_heads=2, kv_num_heads=2), "3 or 4 dims"),
    "more heads than width": (
        one("MultiHeadAttention", "x x x", (1, 4, 8), domain=MICROSOFT, num_heads=2**60),
        "does not divide",
    ),
    "a query of one dim": (one("MultiHeadAttention", "x x x", (8,), domain=MICROSOFT, num_heads=2), "do not fit"),
    "groups of 0": (
        one("GroupNormalization", "x s s", (1, 4, 8), 21, weights={"s": floats(4)}, num_groups=0),
        "num_groups",
    ),
    "groups that do not divide": (
        one("GroupNormalization", "x s s", (1, 4, 8), 21, weights={"s": floats(4)}, num_groups=3),
        "does not divide",
    ),
    "instance scale": (
        one("InstanceNormalization", "x s s", (1, 4, 8), weights={"s": floats(9)}),
        "one number a channel",
    ),
    "layer scale": (one("LayerNormalization", "x s", (1, 3, 8), weights={"s": floats(5)}), "8 and 5|8 is needed"),
    "offset": (
        one("DeformConv", "x w o", (1, 1, 3, 3), 19, weights={"w": floats(1, 1, 2, 2), "o": floats(1, 7, 9, 9)}),
        "does not fit the output",
    ),
    "boxes of three numbers": (
        one("NonMaxSuppression", "x s", (1, 6, 3), weights={"s": floats(1, 1, 6)}),
        "do not fit",
    ),
    "running along no axis": (one("CumSum", "x a", (2, 6), weights={"a": np.int64(9)}), "axis 9 is out of range"),
    "reversed along the batch": (
        one("ReverseSequence", "x l", (2, 3), weights={"l": ints(1, 1)}, batch_axis=0, time_axis=0),
        "do not fit",
    ),
    "identity of a cube": (one("EyeLike", "x", (2, 3, 4)), "takes a matrix"),
    "constant of two values": (
        one("ConstantOfShape", "s", (1,), weights={"s": ints(2)}, value=numpy_helper.from_array(floats(2))),
        "holds 2 elements",
    ),
    "scales of another rank": (
        one(
            "DequantizeLinear",
            "w s",
            (1,),
            21,
            weights={"w": np.zeros((4, 4), np.int8), "s": floats(4, 4, 4)},
            block_size=1,
        ),
        "scales 4x4x4",
    ),
    "slices at fractions": (
        one("Slice", "x s e", (6, 6), weights={"s": np.float32([0]), "e": np.float32([3])}),
        "do not fit the operator",
    ),
    "text as weights": (
        lambda: conv(helper.make_tensor("w", TensorProto.STRING, [4, 3, 3, 3], [b"a"] * 108)),
        "holds text",
    ),
    "a sequence as a tensor": (
        lambda: model([*SEQUENCE, node("Relu", "s", "y")], {"x": [1]}),
        "is a sequence; a tensor is needed",
    ),
    "data in two places": (twice_stored, "more than one place"),
    "data in segments": (in_segments, "in segments"),
    "sparse index too large": (sparse([0, 10**9]), "an index is outside"),
    "sparse index negative": (sparse([-5, 1]), "an index is outside"),
    "sparse values without index": (sparse([0, 1], values=3), "do not fit 3 values"),
    "trips in fractions": (loop(np.float32(3)), "one whole number is needed"),
    "trips as a list": (loop(ints(3, 4)), "one whole number is needed"),
    "no trips at all": (loop(ints()), "one whole number is needed"),
    "more MACs than 64 bits": (lambda: loops(3, 2**30), "2.* and more are not costed"),
    "stacked along no axis": (scan(scan_output_axes=[9]), "axis 9 is out of range"),
    "function twice": (lambda: with_functions("A", "A"), "'A' is defined twice"),
    "reference outside a function": (referring, "outside any function"),
    "blocks of none": (
        one("MatMulNBits", "x b s", (1, 4, 32), weights=N_BITS, domain=MICROSOFT, K=32, N=8, bits=4, block_size=0),
        "'block_size' is 0",
    ),
    "no class labels": (one("TreeEnsembleClassifier", "x", (5, 4), outputs="y z", domain=ML), "no class labels"),
    "targets below one": (one("TreeEnsembleRegressor", "x", (5, 4), domain=ML, n_targets=-5), "'n_targets' is -5"),
}

VALUES: dict[str, tuple[Build, str]] = {
    "mode": (one("Pad", "x p", (4,), weights={"p": ints(1, 1)}, mode="bogus"), "constant, reflect, edge, wrap"),
    "policy": (
        one("Resize", "x _ _ s", (1, 3, 4, 4), 18, weights={"s": ints(1, 3, 8, 8)}, keep_aspect_ratio_policy="bogus"),
        "stretch",
    ),
    "direction": (
        one("LSTM", "x w r", (7, 1, 5), weights={"w": floats(1, 12, 5), "r": floats(1, 12, 3)}, direction="sideways"),
        "forward, reverse, bidirectional",
    ),
    "layout": (
        one("LSTM", "x w r", (7, 1, 5), weights={"w": floats(1, 12, 5), "r": floats(1, 12, 3)}, layout=7),
        "0 to 1 are possible",
    ),
    "size": (one("LRN", "x", (1, 3, 4, 4), size=2**40), "'size' is"),
    "sampling": (
        one(
            "RoiAlign",
            "x r b",
            (1, 3, 8, 8),
            weights={"r": floats(5, 4), "b": np.zeros(5, np.int64)},
            sampling_ratio=2**60,
        ),
        "'sampling_ratio' is",
    ),
}

NOTED: dict[str, tuple[Build, str]] = {
    "whole numbers convolved": (
        lambda: model(
            [node("Conv", "x w", "y")], {"x": (7, [1, 3, 8, 8])}, weights={"w": np.ones((4, 3, 3, 3), np.int64)}
        ),
        "element type that ONNX does not allow there",
    ),
    "indices in fractions": (one("Gather", "x i", (4, 4), weights={"i": np.float32([1])}), "does not allow there"),
    "an operator of a later opset": (one("Swish", "x", (1, 3), 20), "opset 20 does not have"),
    "an empty tensor": (
        one("Slice", "x s e a", (6, 6), weights={"s": ints(5), "e": ints(2), "a": ints(0)}),
        "1 tensor(s) are empty",
    ),
    "scales and sizes": (
        one("Resize", "x _ c s", (1, 3, 4, 4), weights={"c": np.float32([1, 1, 2, 2]), "s": ints(1, 3, 8, 8)}),
        "both scales and sizes",
    ),
    "no trips": (loop(np.int64(-5)), "never runs"),
    "output twice": (lambda: model([node("Relu", "x", "y")], {"x": [1]}, "y y"), "more than once"),
    "IR version": (changed(lambda made: setattr(made, "ir_version", 999)), "IR version 999"),
    "training": (changed(lambda made: made.training_info.add()), "describes training too"),
    "declared negative": (
        changed(lambda made: made.graph.value_info.append(value("y", [1, 4, 6, -6]))),
        "declared with a negative dim",
    ),
    "markup": (
        lambda: model([helper.make_node("Relu", ["x"], ["y"], name="<script>alert(1)</script>")], {"x": [1]}),
        "markup",
    ),
    "escape codes": (
        lambda: model([helper.make_node("Relu", ["x"], ["y"], name="\x1b[31mred")], {"x": [1]}),
        "invisible characters",
    ),
}


@pytest.mark.parametrize("fault", [*REFUSED, *VALUES])
def test_refused_in_one_line(fault: str) -> None:
    build, message = {**REFUSED, **VALUES}[fault]
    with pytest.raises(ModelError, match=message) as caught:
        prepare(read(build()))
    assert len(caught.value.findings) == 1
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("fault", NOTED)
def test_read_with_a_note(fault: str) -> None:
    build, message = NOTED[fault]
    network = read(build())
    assert any(message in note for note in network.notes), network.notes


def test_names_of_real_exporters_are_not_odd() -> None:
    from hwsim.onnx_io.names import is_odd

    for name in (
        "/model/encoder/layers.0/self_attn/q_proj/MatMul",
        "StatefulPartitionedCall:0",
        "onnx::Conv_193",
        "x[0]",
    ):
        assert not is_odd(name)


def test_unseen_data_is_no_fault() -> None:
    assert read(conv(unseen(TensorProto.FLOAT, 4, 3, 3, 3))).layers
