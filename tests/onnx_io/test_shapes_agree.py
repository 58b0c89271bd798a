"""The fast shape functions agree with onnx's own inference, wherever that can tell."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from hwsim.errors import ModelError
from hwsim.onnx_io.attributes import plain, schema_of
from hwsim.onnx_io.shapes import Op, RunTimeError, handler_of
from hwsim.onnx_io.shapes.inference import inferred
from hwsim.onnx_io.values import Value
from tests.onnx_io.build import node

Case = tuple[onnx.NodeProto, list[Value | None], int]


def tensor(*shape: int, dtype: str = "float32") -> Value:
    return Value("", tuple(shape), dtype)


def ints(*numbers: int) -> Value:
    return Value("", (len(numbers),), "int64", np.asarray(numbers, np.int64), static=True)


def both(case: Case) -> tuple[Any, Any]:
    """Shapes and types by this importer and by onnx; None for whoever refuses the node."""
    made, inputs, version = case
    schema = schema_of(made.op_type, "", version)
    handler = handler_of(made.op_type, "")
    assert schema is not None and handler is not None

    def op() -> Op:
        return Op(made.op_type, "", version, plain(made), tuple(inputs), len(made.output), tuple(made.output))

    mine, theirs = None, None
    with contextlib.suppress(ModelError):
        mine = [tuple(found) for found in handler(op())][: len(made.output)]
    try:
        theirs = [tuple(found) for found in inferred(op(), made, schema.found, {"": version})]
    except ModelError:
        pass
    except RunTimeError:
        theirs = mine
    return mine, theirs


def agrees(case: Case, strict: bool = False) -> None:
    """onnx accepts some illegal nodes; where it refuses one, or both accept it, the answers must be the same."""
    mine, theirs = both(case)
    if strict or mine is not None:
        assert mine == theirs, case[0]
    elif theirs is not None:
        extents = [extent for shape, _ in theirs for extent in shape]
        assert case[0].op_type in LENIENT or min(extents, default=0) < 1, (case[0], theirs)


#: Operators that onnx's inference lets pass although their operands do not fit; hwsim refuses them.
LENIENT = {
    "Conv",
    "ConvTranspose",
    "MaxPool",
    "AveragePool",
    "Gather",
    "Concat",
    "Split",
    "Reshape",
    "Pad",
    "Gemm",
    "Slice",
}

extent = st.integers(1, 9)


@st.composite
def convolutions(draw: st.DrawFn) -> Case:
    rank, group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    spatial = draw(st.lists(st.integers(1, 12), min_size=rank, max_size=rank))
    kernel = draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank))
    c, k = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    attributes: dict[str, Any] = {"group": group, "kernel_shape": kernel}
    if draw(st.booleans()):
        attributes["strides"] = draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    auto = draw(st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    if auto != "NOTSET":
        attributes["auto_pad"] = auto
    else:
        attributes["pads"] = draw(st.lists(st.integers(0, 3), min_size=2 * rank, max_size=2 * rank))
        attributes["dilations"] = draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    x = tensor(draw(extent), c * group, *spatial)
    return (
        node("Conv", "x w", "y", **attributes),
        [x, tensor(k * group, c, *kernel)],
        draw(st.sampled_from([1, 11, 17, 22])),
    )


@st.composite
def transposed(draw: st.DrawFn) -> Case:
    made, inputs, version = draw(convolutions())
    x, w = inputs
    assert x is not None and w is not None
    attributes = plain(made)
    if draw(st.booleans()):
        rank = len(x.shape) - 2
        attributes["output_padding"] = draw(st.lists(st.integers(0, 1), min_size=rank, max_size=rank))
    w.shape = (x.shape[1], draw(st.integers(1, 3)), *w.shape[2:])
    return node("ConvTranspose", "x w", "y", **attributes), inputs, max(version, 11)


@st.composite
def poolings(draw: st.DrawFn) -> Case:
    made, inputs, _ = draw(convolutions())
    attributes = plain(made)
    del attributes["group"]
    op = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    version = draw(st.sampled_from([10, 12, 19, 22]))
    if op == "AveragePool" and version < 19:
        attributes.pop("dilations", None)
    attributes["ceil_mode"] = draw(st.integers(0, 1)) if version >= 19 else 0
    if "pads" in attributes:
        kernel = attributes["kernel_shape"] * 2
        attributes["pads"] = tuple(min(pad, size - 1) for pad, size in zip(attributes["pads"], kernel, strict=True))
    outputs = "y i" if op == "MaxPool" and draw(st.booleans()) else "y"
    return node(op, "x", outputs, **attributes), inputs[:1], version


@given(convolutions())
@settings(max_examples=150, deadline=None)
def test_convolution(case: Case) -> None:
    agrees(case)


@given(transposed())
@settings(max_examples=150, deadline=None)
def test_transposed_convolution(case: Case) -> None:
    mine, theirs = both(case)
    attributes = plain(case[0])
    if mine is not None and not (attributes.get("auto_pad", "NOTSET").startswith("SAME") and "dilations" in attributes):
        assert mine == theirs


@given(poolings())
@settings(max_examples=150, deadline=None)
def test_pooling(case: Case) -> None:
    agrees(case)


@st.composite
def broadcasts(draw: st.DrawFn) -> Case:
    full = draw(st.lists(extent, max_size=4))
    shapes = []
    for _ in range(2):
        shape = [1 if draw(st.booleans()) else size for size in full][draw(st.integers(0, len(full))) :]
        shapes.append(tensor(*shape))
    if draw(st.booleans()):
        return node("Where", "c a b", "y"), [tensor(*full, dtype="bool"), *shapes], 16
    return node(draw(st.sampled_from(["Add", "Pow", "Less", "Div", "Max"])), "a b", "y"), [*shapes], 17


@given(broadcasts())
@settings(max_examples=100, deadline=None)
def test_broadcast(case: Case) -> None:
    agrees(case, strict=True)


@st.composite
def products(draw: st.DrawFn) -> Case:
    batch, (m, k, n) = draw(st.lists(extent, max_size=2)), (draw(extent) for _ in range(3))
    if draw(st.booleans()):
        ta, tb = draw(st.integers(0, 1)), draw(st.integers(0, 1))
        a, b = tensor(*((k, m) if ta else (m, k))), tensor(*((n, k) if tb else (k, n)))
        return node("Gemm", "a b", "y", transA=ta, transB=tb), [a, b], 13
    a = tensor(k) if draw(st.booleans()) else tensor(*batch, m, k)
    b = tensor(k) if draw(st.booleans()) else tensor(*(1 if draw(st.booleans()) else size for size in batch), k, n)
    return node("MatMul", "a b", "y"), [a, b], 13


@given(products())
@settings(max_examples=100, deadline=None)
def test_matrix_product(case: Case) -> None:
    agrees(case, strict=True)


@st.composite
def layouts(draw: st.DrawFn) -> Case:  # noqa: PLR0911 (one return a kind)
    shape = draw(st.lists(extent, min_size=1, max_size=4))
    rank = len(shape)
    x, axis = tensor(*shape), draw(st.integers(-rank, rank - 1))
    kinds = "Transpose Flatten Squeeze Unsqueeze Concat Split Slice Gather GatherElements Expand Tile Pad Reshape ReduceSum "
    kinds += "ReduceMax ArgMax TopK Softmax OneHot CumSum GatherND Shape DepthToSpace"
    op = draw(st.sampled_from(kinds.split()))
    if op == "Transpose":
        return node(op, "x", "y", perm=draw(st.permutations(range(rank)))), [x], 13
    if op in ("Flatten", "ArgMax", "Softmax"):
        return node(op, "x", "y", axis=axis), [x], 13
    if op in ("Squeeze", "Unsqueeze"):
        ones = [at for at, size in enumerate(shape) if size == 1]
        return node(op, "x a", "y"), [x, ints(*(ones if op == "Squeeze" else [0, rank + 1]))], 13
    if op == "Concat":
        return node(op, "x x x", "y", axis=axis), [x, x, x], 13
    if op == "Split":
        count = draw(st.integers(1, 3))
        names = " ".join(f"y{part}" for part in range(count))
        if shape[axis] % count == 0:
            return node(op, "x", names, axis=axis), [x], 13
        return node(op, "x s", names, axis=axis), [x, ints(*[1] * (count - 1), shape[axis] - count + 1)], 13
    if op == "Slice":
        start, end = draw(st.integers(-12, 12)), draw(st.integers(-12, 12))
        return (
            node(op, "x s e a t", "y"),
            [x, ints(start), ints(end), ints(axis), ints(draw(st.sampled_from([1, 2, 3, -1, -2])))],
            13,
        )
    if op == "Gather":
        return node(op, "x i", "y", axis=axis), [x, tensor(*draw(st.lists(extent, max_size=2)), dtype="int64")], 13
    if op == "GatherElements":
        return node(op, "x i", "y", axis=axis), [x, tensor(*shape, dtype="int64")], 13
    if op == "GatherND":
        return node(op, "x i", "y"), [x, tensor(draw(extent), draw(st.integers(1, rank)), dtype="int64")], 13
    if op == "Expand":
        return node(op, "x s", "y"), [x, ints(*draw(st.lists(extent, max_size=2)), *([1] * rank))], 13
    if op == "Tile":
        return node(op, "x r", "y"), [x, ints(*draw(st.lists(st.integers(0, 3), min_size=rank, max_size=rank)))], 13
    if op == "Pad":
        return (
            node(op, "x p", "y"),
            [x, ints(*draw(st.lists(st.integers(0, 3), min_size=2 * rank, max_size=2 * rank)))],
            13,
        )
    if op == "Reshape":
        target = draw(st.sampled_from([[-1], [0, -1], [1, -1, 1], [*shape, 1], [-1, shape[-1]]]))
        return node(op, "x s", "y"), [x, ints(*target)], 13
    if op == "ReduceSum":
        return (
            node(op, "x a", "y", keepdims=draw(st.integers(0, 1))),
            [x, ints(*draw(st.sets(st.integers(0, rank - 1))))],
            13,
        )
    if op == "ReduceMax":
        return node(op, "x", "y", keepdims=draw(st.integers(0, 1)), axes=[axis]), [x], 13
    if op == "TopK":
        return node(op, "x k", "v i", axis=axis), [x, ints(draw(st.integers(1, shape[axis])))], 11
    if op == "OneHot":
        return node(op, "x d v", "y", axis=axis), [tensor(*shape, dtype="int64"), ints(5), tensor(2)], 11
    if op == "CumSum":
        return node(op, "x a", "y"), [x, ints(axis)], 14
    if op == "DepthToSpace":
        return node(op, "x", "y", blocksize=2), [tensor(2, 8, 3, 5)], 13
    return node("Shape", "x", "y", start=draw(st.integers(-5, 5)), end=draw(st.integers(-5, 5))), [x], 15


@given(layouts())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_layout(case: Case) -> None:
    agrees(case)


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("layout", [0, 1])
def test_recurrence(op: str, gates: int, direction: str, layout: int) -> None:
    d = 2 if direction == "bidirectional" else 1
    x = tensor(2, 7, 5) if layout else tensor(7, 2, 5)
    names = "y h c" if op == "LSTM" else "y h"
    made = node(op, "x w r", names, hidden_size=3, direction=direction, layout=layout)
    agrees((made, [x, tensor(d, gates * 3, 5), tensor(d, gates * 3, 3)], 14), strict=True)


@pytest.mark.parametrize(
    "case",
    [
        (
            node("Resize", "x _ s", "y"),
            [tensor(1, 3, 5, 7), None, Value("", (4,), "float32", np.float32([1, 1, 2, 1.5]))],
            13,
        ),
        (node("Resize", "x _ _ s", "y"), [tensor(1, 3, 5, 7), None, None, ints(1, 3, 9, 9)], 13),
        (node("Resize", "x _ _ s", "y", axes=[2, 3]), [tensor(1, 3, 5, 7), None, None, ints(9, 9)], 19),
        (
            node("Resize", "x _ _ s", "y", axes=[2, 3], keep_aspect_ratio_policy="not_larger"),
            [tensor(1, 3, 5, 7), None, None, ints(9, 9)],
            19,
        ),
        (node("QuantizeLinear", "x s z", "y"), [tensor(2, 3), tensor(), tensor(dtype="int8")], 19),
        (node("QuantizeLinear", "x s", "y", output_dtype=TensorProto.INT4), [tensor(2, 3), tensor()], 21),
        (node("DequantizeLinear", "x s", "y"), [tensor(2, 3, dtype="int8"), tensor(dtype="float16")], 19),
        (node("DynamicQuantizeLinear", "x", "y s z"), [tensor(2, 3)], 11),
        (
            node("QLinearMatMul", "a s z b t u v w", "y"),
            [
                tensor(2, 3, dtype="uint8"),
                tensor(),
                tensor(dtype="uint8"),
                tensor(3, 4, dtype="int8"),
                tensor(),
                tensor(dtype="int8"),
                tensor(),
                tensor(dtype="uint8"),
            ],
            10,
        ),
        (node("LayerNormalization", "x w", "y m d", axis=-1), [tensor(2, 3, 4), tensor(4)], 17),
        (node("BatchNormalization", "x a b c d", "y"), [tensor(2, 3, 4), *[tensor(3)] * 4], 15),
        (node("Dropout", "x", "y m"), [tensor(2, 3)], 13),
        (node("Cast", "x", "y", to=TensorProto.BFLOAT16), [tensor(2, 3)], 13),
        (node("ConvInteger", "x w", "y"), [tensor(1, 2, 5, 5, dtype="uint8"), tensor(3, 2, 3, 3, dtype="int8")], 10),
        (node("MatMulInteger", "a b", "y"), [tensor(4, 5, dtype="uint8"), tensor(5, 3, dtype="int8")], 10),
        (node("GlobalAveragePool", "x", "y"), [tensor(1, 2, 5, 5)], 17),
        (node("Range", "a b c", "y"), [ints(3), ints(11), ints(2)], 11),
        (node("ConstantOfShape", "s", "y"), [ints(3, 4)], 9),
        (node("EyeLike", "x", "y"), [tensor(3, 4)], 9),
        (node("PRelu", "x s", "y"), [tensor(2, 3, 4), tensor(3, 1)], 16),
        (node("ScatterND", "x i u", "y"), [tensor(4, 5), tensor(2, 1, dtype="int64"), tensor(2, 5)], 16),
    ],
    ids=lambda case: case[0].op_type,
)
def test_single_cases(case: Case) -> None:
    if case[0].op_type == "Range":
        for found in case[1]:
            assert found is not None
            found.shape, found.data = (), None if found.data is None else found.data.reshape(())
    agrees(case, strict=True)
