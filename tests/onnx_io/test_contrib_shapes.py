"""Shapes and refusals of onnxruntime's rarer operators, as its page of contrib operators describes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from hwsim.errors import ModelError
from hwsim.onnx_io import read
from tests.onnx_io.build import floats, model, node

U8 = TensorProto.UINT8
QUANT: dict[str, Any] = {"s": np.float32(1), "z": np.uint8(0)}


def written(op: str, inputs: str, shapes: dict[str, Any], weights: dict[str, Any], outputs: str, **more: Any) -> Any:
    made = model(
        [node(op, inputs, outputs, domain="com.microsoft", **more)], shapes, outputs, weights, domains=["com.microsoft"]
    )
    network = read(made)
    assert not any("unknown" in note for note in network.notes)
    return [network.tensors[name] for name in outputs.split()]


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


#: Operator and attributes; inputs; weights; shapes of all outputs.
CASES: list[tuple[str, dict[str, Any], str, dict[str, Any], dict[str, Any], list[tuple[int, ...]]]] = [
    ("QLinearWhere", {}, "c a s z b s z s z", {"c": (TensorProto.BOOL, [4, 1]), "a": (U8, [4, 5]), "b": (U8, [5])}, QUANT, [(4, 5)]),
    ("QLinearMul", {}, "a s z b s z s z", {"a": (U8, [2, 1, 5]), "b": (U8, [3, 1])}, QUANT, [(2, 3, 5)]),
    ("QLinearReduceMean", {"axes": [1], "keepdims": 0}, "a s z s z", {"a": (U8, [2, 3, 5])}, QUANT, [(2, 5)]),
    ("FusedMatMul", {"transB": 1}, "a b", {"a": [2, 7, 8], "b": [2, 5, 8]}, {}, [(2, 7, 5)]),
    ("FusedMatMul", {"transBatchA": 1}, "a b", {"a": [7, 2, 8], "b": [2, 8, 5]}, {}, [(2, 7, 5)]),
    ("FusedMatMul", {"transBatchB": 1}, "a b", {"a": [2, 7, 8], "b": [8, 2, 5]}, {}, [(2, 7, 5)]),
    ("TransposeMatMul", {"transA": 1, "transB": 1}, "a b", {"a": [8, 7], "b": [5, 8]}, {}, [(7, 5)]),
    ("DynamicQuantizeLSTM", {"hidden_size": 3, "direction": "bidirectional"}, "x w r", {"x": [7, 2, 5]},
     {"w": np.ones((2, 5, 12), np.int8), "r": np.ones((2, 3, 12), np.int8)}, [(7, 2, 2, 3), (2, 2, 3), (2, 2, 3)]),
    ("Attention", {"num_heads": 4, "qkv_hidden_sizes": [16, 16, 32]}, "a w b _ p", {"a": [2, 7, 16], "p": [2, 2, 4, 5, 4]},
     {"w": floats(16, 64), "b": floats(64)}, [(2, 7, 32), (2, 2, 4, 12, 8)]),
    ("MultiHeadAttention", {"num_heads": 4}, "q", {"q": [2, 7, 4, 3, 8]}, {}, [(2, 7, 32), (2, 4, 7, 8), (2, 4, 7, 8), (2, 4, 7, 7)]),
    ("MultiHeadAttention", {"num_heads": 4}, "q k", {"q": [2, 7, 32], "k": [2, 9, 4, 2, 8]}, {}, [(2, 7, 32), (2, 4, 9, 8)]),
    ("MultiHeadAttention", {"num_heads": 4}, "q k v _ _ _ p r", {"q": [2, 1, 32], "k": [2, 4, 1, 8], "v": [2, 4, 1, 6], "p": [2, 4,
     9, 8], "r": [2, 4, 9, 6]},
     {}, [(2, 1, 24), (2, 4, 10, 8), (2, 4, 10, 6), (2, 4, 1, 10)]),
    ("DecoderMaskedMultiHeadAttention", {"num_heads": 4}, "q k v _ _ p r", {"q": [2, 1, 32], "k": [2, 1, 32], "v": [2, 1, 32],
     "p": [2, 4, 9, 8], "r": [2, 4, 9, 8]},
     {}, [(2, 1, 32), (2, 4, 9, 8), (2, 4, 9, 8)]),
    ("GroupQueryAttention", {"num_heads": 8, "kv_num_heads": 2}, "q _ _ _ _ l t", {"q": [1, 5, 96], "l": (TensorProto.INT32, [1])},
     {"t": np.int32(12)},
     [(1, 5, 64), (1, 2, 12, 8), (1, 2, 12, 8)]),
    ("PackedAttention", {"num_heads": 4}, "a w b o c", {"a": [14, 16], "o": (TensorProto.INT32, [2, 7]), "c": (TensorProto.INT32, [3])},
     {"w": floats(16, 48), "b": floats(48)}, [(14, 16)]),
    ("PackedAttention", {"num_heads": 4, "qkv_hidden_sizes": [16, 16, 24]}, "a w", {"a": [14, 16]}, {"w": floats(16, 56)}, [(14, 24)]),
    ("PackedMultiHeadAttention", {"num_heads": 4}, "q k v", {"q": [14, 16], "k": [14, 16], "v": [14, 24]}, {}, [(14, 24)]),
    ("PackedMultiHeadAttention", {"num_heads": 4}, "q", {"q": [14, 4, 3, 8]}, {}, [(14, 32)]),
    ("LinearAttention", {"q_num_heads": 4, "kv_num_heads": 2}, "q k v", {"q": [2, 7, 32], "k": [2, 7, 16], "v": [2, 7, 12]}, {},
     [(2, 7, 24), (2, 2, 8, 6)]),
    ("LinearAttention", {}, "q k v", {"q": [2, 4, 7, 8], "k": [2, 4, 7, 8], "v": [2, 4, 7, 6]}, {}, [(2, 4, 7, 6), (2, 4, 8, 6)]),
    ("GatherBlockQuantized", {"gather_axis": 0, "bits": 4}, "w i s", {"i": (TensorProto.INT64, [3, 2])}, {"w": np.ones((9, 8),
     np.uint8), "s": floats(9, 1)}, [(3, 2, 16)]),
    ("ExpandDims", {}, "a x", {"a": [4, 5]}, {"x": np.int32(1)}, [(4, 1, 5)]),
    ("ExpandDims", {}, "a x", {"a": [4, 5]}, {"x": np.int32(-1)}, [(4, 5, 1)]),
    ("BiasSplitGelu", {}, "a w", {"a": [2, 7, 16]}, {"w": floats(16)}, [(2, 7, 8)]),
    ("CDist", {"metric": "euclidean"}, "a b", {"a": [4, 5], "b": [6, 5]}, {}, [(4, 6)]),
    ("CropAndResize", {}, "a r b c", {"a": [2, 3, 9, 9]}, {"r": floats(5, 4), "b": np.zeros(5, np.int32), "c": np.array([4, 6],
     np.int32)}, [(5, 3, 4, 6)]),
    ("ReorderInput", {}, "a", {"a": [2, 8, 5, 6]}, {}, [(2, 8, 5, 6)]),
    ("ReorderInput", {"channels_last": 1}, "a", {"a": [2, 5, 6, 8]}, {}, [(2, 8, 5, 6)]),
    ("ReorderOutput", {"channels": 6}, "a", {"a": [2, 8, 5, 4]}, {}, [(2, 6, 5, 4)]),
    ("ReorderOutput", {"channels": 6, "channels_last": 1}, "a", {"a": [2, 8, 5, 4]}, {}, [(2, 5, 4, 6)]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[f"{number} {case[0]}" for number, case in enumerate(CASES)])
def test_shapes_of_all_outputs(case: Any) -> None:
    op, attributes, inputs, shapes, weights, expected = case
    found = written(op, inputs, shapes, weights, " ".join("yabc"[: len(expected)].replace("a", "u")), **attributes)
    assert [tensor.shape for tensor in found] == expected


@pytest.mark.parametrize(("scaled", "dtype"), [("s z", "uint8"), ("", "float32")])
def test_a_product_without_a_scale_for_its_output_stays_float(scaled: str, dtype: str) -> None:
    weights = QUANT | {"w": np.ones((8, 3), np.uint8)}
    (found,) = written("QGemm", f"a s z w s z _ {scaled}", {"a": (U8, [2, 8])}, weights, "y")
    assert (found.shape, found.dtype) == ((2, 3), dtype)


@pytest.mark.parametrize(
    ("op", "attributes", "inputs", "shapes", "weights", "message"),
    [
        ("QLinearConcat", {"axis": 1}, "s z", {}, QUANT, "no tensors to concatenate"),
        ("MatMulNBits", {"K": 60, "N": 4}, "a w s", {"a": [1, 64]}, {"w": np.ones((4, 2, 16), np.uint8), "s": floats(8)}, "K 60 and N 4"),
        ("MatMulNBits", {"K": 64, "N": 4, "bits": 9}, "a w s", {"a": [1, 64]}, {"w": np.ones((4, 2, 16), np.uint8),
     "s": floats(8)}, "1 to 8 are possible"),
        ("DynamicQuantizeLSTM", {}, "x w r", {"x": [7, 5]}, {"w": np.ones((1, 5, 12), np.int8), "r": np.ones((1, 3, 12), np.int8)},
     "must have 3 dims"),
        ("Attention", {"num_heads": 0}, "a w b", {"a": [2, 7, 16]}, {"w": floats(16, 48), "b": floats(48)}, "num_heads is 0"),
        ("Attention", {"num_heads": 4}, "a w b", {"a": [2, 7, 17]}, {"w": floats(16, 48), "b": floats(48)}, "do not fit"),
        ("MultiHeadAttention", {"num_heads": 5}, "q k", {"q": [2, 7, 16], "k": [2, 7, 16]}, {}, "does not divide into 5 heads"),
        ("GroupQueryAttention", {"num_heads": 8, "kv_num_heads": 3}, "q k v", {"q": [1, 1, 64], "k": [1, 1, 16], "v": [1, 1, 16]},
     {}, "3 key heads do not fit"),
        ("LinearAttention", {"q_num_heads": 5}, "q k v", {"q": [2, 7, 32], "k": [2, 7, 32], "v": [2, 7, 32]}, {}, "do not fit 5 heads"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(
    op: str, attributes: Any, inputs: str, shapes: Any, weights: Any, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        written(op, inputs, shapes or {"unused": [1]}, weights, "y", **attributes)
