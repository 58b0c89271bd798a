"""Shapes and refusals of classical machine learning (ai.onnx.ml), of QONNX, and of operators that move data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from hwsim.errors import ModelError
from hwsim.graph import Network
from hwsim.onnx_io import read
from tests.onnx_io.build import floats, model, node

ML, QONNX, LAST = "ai.onnx.ml", "qonnx.custom_op.general", "qonnx.custom_op.channels_last"
I64, STRING = TensorProto.INT64, TensorProto.STRING
Case = tuple[str, str, dict[str, Any], str, dict[str, Any], dict[str, Any], list[tuple[int, ...]]]


def network(
    domain: str, op: str, attributes: Any, inputs: str, shapes: Any, weights: Any, outputs: str, opset: int = 17
) -> Network:
    more = {"domain": domain} if domain else {}
    domains = [domain] if domain else []
    made = model([node(op, inputs, outputs, **more, **attributes)], shapes, outputs, weights, opset, domains)
    return read(made)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


LABELS, WORDS = {"classlabels_int64s": [3, 4, 5]}, {"classlabels_strings": ["a", "b"]}
CASES: list[Case] = [
    (ML, "SVMClassifier", LABELS, "x", {"x": [7, 4]}, {}, [(7,), (7, 3)]),
    (ML, "TreeEnsembleClassifier", WORDS, "x", {"x": [4]}, {}, [(1,), (1, 2)]),
    (ML, "LinearRegressor", {"targets": 2, "coefficients": [1.0] * 8}, "x", {"x": [7, 4]}, {}, [(7, 2)]),
    (ML, "TreeEnsembleRegressor", {"n_targets": 5}, "x", {"x": [7, 4]}, {}, [(7, 5)]),
    (ML, "SVMRegressor", {}, "x", {"x": [7, 4]}, {}, [(7, 1)]),
    (ML, "Scaler", {}, "x", {"x": (I64, [7, 4])}, {}, [(7, 4)]),
    (ML, "Imputer", {"imputed_value_floats": [0.0]}, "x", {"x": [7, 4]}, {}, [(7, 4)]),
    (ML, "FeatureVectorizer", {"inputdimensions": [4, 2]}, "x y", {"x": [7, 4], "y": [7, 2]}, {}, [(7, 6)]),
    (ML, "FeatureVectorizer", {}, "x y", {"x": [7, 4], "y": [7, 3]}, {}, [(7, 7)]),
    (ML, "ArrayFeatureExtractor", {}, "x i", {"x": [7, 4]}, {"i": ints(0, 2, 3)}, [(7, 3)]),
    (ML, "ArrayFeatureExtractor", {}, "x i", {"x": [4]}, {"i": ints(0, 2)}, [(1, 2)]),
    (ML, "OneHotEncoder", {"cats_int64s": [1, 2, 3]}, "x", {"x": (I64, [7])}, {}, [(7, 3)]),
    (QONNX, "QuantAvgPool2d", {"kernel": 2, "stride": 2, "ibits": 4, "obits": 4}, "x", {"x": [1, 3, 8, 6]}, {}, [(1, 3, 4, 3)]),
    (QONNX, "QuantAvgPool2d", {"kernel": 2, "stride": 2, "data_layout": "NHWC"}, "x", {"x": [1, 8, 6, 3]}, {}, [(1, 4, 3, 3)]),
    (QONNX, "Im2Col", {"kernel_size": [3, 2], "stride": [1, 2]}, "x", {"x": [1, 8, 6, 3]}, {}, [(1, 6, 3, 18)]),
    (QONNX, "Im2Col", {"kernel_size": [3, 3], "pad_amount": [1, 1, 1, 1]}, "x", {"x": [1, 8, 6, 3]}, {}, [(1, 8, 6, 27)]),
    (QONNX, "MultiThreshold", {}, "x t", {"x": [1, 8]}, {"t": floats(8, 15)}, [(1, 8)]),
    (LAST, "BatchNormalization", {}, "x s s s s", {"x": [1, 8, 6, 3]}, {"s": floats(3)}, [(1, 8, 6, 3)]),
    ("", "Tile", {}, "x r", {"x": [2, 3]}, {"r": ints(2, 4)}, [(4, 12)]),
    ("", "Squeeze", {}, "x", {"x": [1, 3, 1]}, {}, [(3,)]),
    ("", "Flatten", {"axis": -1}, "x", {"x": [2, 3, 4]}, {}, [(6, 4)]),
    ("", "OneHot", {"axis": 0}, "x d v", {"x": (I64, [7])}, {"d": ints(5), "v": floats(2)}, [(5, 7)]),
    ("", "Pad", {}, "x p", {"x": [4, 5]}, {"p": ints(1, -1, 2, -2)}, [(7, 2)]),
    ("", "GatherND", {"batch_dims": 1}, "x i", {"x": [2, 5, 6]}, {"i": np.zeros((2, 3, 1), np.int64)}, [(2, 3, 6)]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[f"{number} {case[1]}" for number, case in enumerate(CASES)])
def test_shapes_of_all_outputs(case: Case) -> None:
    *asked, expected = case
    outputs = " ".join(f"out{number}" for number in range(len(expected)))
    found = network(*asked, outputs)
    assert [found.tensors[name].shape for name in outputs.split()] == expected


@pytest.mark.parametrize(
    ("kind", "bits", "signed"),
    [("INT4", 4, 1), ("UINT2", 2, 0), ("BIPOLAR", 1, 1), ("BINARY", 1, 0), ("", 3, 1), ("SCALEDINT<6>", 6, 1)],
)
def test_thresholds_say_their_type_or_their_number_does(kind: str, bits: int, signed: int) -> None:
    attributes = {"out_dtype": kind} if kind else {}
    found = network(QONNX, "MultiThreshold", attributes, "x t", {"x": [1, 8]}, {"t": floats(8, 7)}, "y")
    assert (found.layers[0].attributes["bits"], found.layers[0].attributes["signed"]) == (bits, signed)


X = {"x": [4, 6]}
REFUSED: list[tuple[str, str, dict[str, Any], str, dict[str, Any], dict[str, Any], str, int]] = [
    (ML, "LinearClassifier", {"coefficients": [1.0]}, "x", X, {}, "no class labels", 17),
    (ML, "LinearRegressor", {"targets": 0, "coefficients": [1.0]}, "x", X, {}, "'targets' is 0", 17),
    (ML, "FeatureVectorizer", {"inputdimensions": [4, 0]}, "x", X, {}, "at least 1", 17),
    (ML, "ArrayFeatureExtractor", {}, "x i", {"x": []}, {"i": ints(0)}, "no dim to pick from", 17),
    (ML, "OneHotEncoder", {}, "x", {"x": (I64, [7])}, {}, "no categories", 17),
    (QONNX, "Im2Col", {"kernel_size": [3]}, "x", {"x": [1, 8, 6, 3]}, {}, "does not fit the input", 17),
    (QONNX, "Quant", {}, "x s z b", X, {"s": np.float32(1), "z": np.float32(0), "b": np.float32(2.5)}, "bit width is 2.5", 17),
    (QONNX, "Quant", {}, "x s z", X, {"s": np.float32(1), "z": np.float32(0)}, "bit width", 17),
    ("", "Reshape", {}, "x t", X, {"t": ints(4, -2)}, "a dim below -1", 17),
    ("", "Reshape", {}, "x t", X, {"t": ints(-1, -1)}, "more than one -1", 17),
    ("", "Reshape", {}, "x t", X, {"t": ints(4, 6, 0)}, "copies dim 2", 17),
    ("", "Reshape", {}, "x t", X, {"t": ints(5, -1)}, "cannot become", 17),
    ("", "Transpose", {"perm": [0, 0]}, "x", X, {}, "no permutation", 17),
    ("", "Flatten", {"axis": 3}, "x", X, {}, "axis 3 is out of range", 17),
    ("", "Squeeze", {}, "x a", X, {"a": ints(0)}, "cannot be squeezed", 17),
    ("", "Concat", {"axis": 0}, "x w", X, {"w": floats(4, 5)}, "differ outside axis 0", 17),
    ("", "Split", {"axis": 1}, "x s", X, {"s": ints(2, 3)}, "does not add up", 17),
    ("", "Split", {"axis": 1, "num_outputs": 3}, "x", X, {}, "num_outputs is 3 for 1 outputs", 18),
    ("", "Slice", {}, "x s e a t", X, {"s": ints(0), "e": ints(3), "a": ints(0), "t": ints(0)}, "a step is 0", 17),
    ("", "Slice", {}, "x s e", X, {"s": ints(0), "e": ints(3, 4)}, "differ in length", 17),
    ("", "Gather", {}, "x i", {"x": []}, {"i": ints(0)}, "scalar cannot be gathered", 17),
    ("", "Gather", {}, "x i", X, {"i": ints(-5)}, "index -5 is out of range", 17),
    ("", "GatherElements", {}, "x i", X, {"i": ints(0)}, "same number of dims", 17),
    ("", "GatherND", {"batch_dims": 2}, "x i", X, {"i": np.zeros((4, 1), np.int64)}, "do not fit the data", 17),
    ("", "ScatterElements", {}, "x i u", X, {"i": np.zeros((1, 2), np.int64), "u": floats(1, 3)}, "must have the same shape", 17),
    ("", "ScatterND", {}, "x i u", X, {"i": np.zeros((1, 3), np.int64), "u": floats(1)}, "do not fit the data", 17),
    ("", "Expand", {}, "x t", X, {"t": ints(-4, 6)}, "a negative dim", 17),
    ("", "Tile", {}, "x r", X, {"r": ints(2)}, "do not fit the input", 17),
    ("", "Pad", {}, "x p", X, {"p": ints(1, 1)}, "do not fit the 2 padded dims", 17),
    ("", "Pad", {}, "x p", X, {"p": ints(-3, 0, -2, 0)}, "crop more than dim 0", 17),
    ("", "OneHot", {}, "x d v", {"x": (I64, [7])}, {"d": ints(0), "v": floats(2)}, "depth is 0", 17),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=[f"{number} {case[1]}" for number, case in enumerate(REFUSED)])
def test_what_does_not_fit_is_said(case: Any) -> None:
    *asked, message, opset = case
    with pytest.raises(ModelError, match=message):
        network(*asked, "y z" if "Classifier" in asked[1] else "y", opset)
