"""Broken and malicious files: one line that says what is wrong, or a network with a note."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hwsim.errors import ModelError
from hwsim.graph import Network
from hwsim.onnx_io import read, wheel_models
from hwsim.onnx_io.source import resolve
from tests.onnx_io.build import Shape, floats, model, node, subgraph, unseen, value
from tests.shared import SHARED, needs_shared

W = {"w": floats(4, 3, 3, 3)}


def conv(shape: Shape = (1, 3, 8, 8), weights: dict[str, Any] | None = None, **attributes: Any) -> onnx.ModelProto:
    return model([node("Conv", "x w", "y", name="conv1", **attributes)], {"x": shape}, weights=weights or W)


def one(
    op: str, inputs: str, shape: Shape, weights: dict[str, Any] | None = None, opset: int = 17, **attributes: Any
) -> onnx.ModelProto:
    return model([node(op, inputs, "y", name="n", **attributes)], {"x": shape}, weights=weights or {}, opset=opset)


def changed(made: onnx.ModelProto, change: Callable[[onnx.ModelProto], Any]) -> onnx.ModelProto:
    change(made)
    return made


def raw(dtype: int, dims: list[int], content: bytes) -> TensorProto:
    return TensorProto(data_type=dtype, dims=dims, raw_data=content)


def external(**entries: str) -> onnx.ModelProto:
    tensor = unseen(TensorProto.FLOAT, 4, 3, 3, 3)
    del tensor.external_data[:]
    for key, text in entries.items():
        tensor.external_data.add(key=key, value=text)
    return conv(weights={"w": tensor})


def endless(limit: int) -> onnx.ModelProto:
    body = subgraph(
        [node("Relu", "h", "h2"), node("Identity", "go", "go2")],
        {"i": (7, []), "go": (9, []), "h": [1, 4]},
        ["go2", "h2"],
    )
    return model([node("Loop", "m _ x", "y", body=body, name="forever")], {"x": [1, 4]}, weights={"m": np.int64(limit)})


REFUSED: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "cycle": (
        lambda: model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")], {"x": [1]}),
        "cycle",
    ),
    "written twice": (
        lambda: model([node("Relu", "x", "y"), node("Abs", "x", "y")], {"x": [1]}),
        "written by two nodes",
    ),
    "input overwritten": (
        lambda: model([node("Relu", "x", "x"), node("Abs", "x", "y")], {"x": [1]}),
        "cycle|input or initializer",
    ),
    "dangling input": (lambda: model([node("Add", "x nowhere", "y")], {"x": [1]}), "'nowhere' is written by no node"),
    "dangling output": (
        lambda: model([node("Relu", "x", "z")], {"x": [1]}),
        "output 'y' of the graph is written by no node",
    ),
    "empty graph": (lambda: changed(model([], {"x": [1]}), lambda m: m.graph.ClearField("output")), "empty"),
    "no outputs": (lambda: changed(conv(), lambda m: m.graph.ClearField("output")), "no outputs"),
    "input twice": (
        lambda: changed(conv(), lambda m: m.graph.input.append(value("x", [1, 3, 8, 8]))),
        "declared twice",
    ),
    "weight twice": (
        lambda: changed(conv(), lambda m: m.graph.initializer.append(m.graph.initializer[0])),
        "given twice",
    ),
    "shadowed input": (
        lambda: changed(conv(weights=W | {"x": floats(2, 2)}), lambda m: None),
        "'x' is declared 1x3x8x8",
    ),
    "opset zero": (lambda: changed(conv(), lambda m: setattr(m.opset_import[0], "version", 0)), "does not exist"),
    "opset twice": (lambda: changed(conv(), lambda m: m.opset_import.append(helper.make_opsetid("", 3))), "twice"),
    "unknown type": (
        lambda: changed(conv(), lambda m: setattr(m.graph.initializer[0], "data_type", 99)),
        "data type 99 is unknown",
    ),
    "untyped input": (
        lambda: changed(conv(), lambda m: m.graph.input[0].type.tensor_type.ClearField("elem_type")),
        "no element type",
    ),
    "sequence input": (
        lambda: changed(
            conv(), lambda m: m.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("x", 1, [1]))
        ),
        "is a sequence",
    ),
    "huge dims": (lambda: one("Relu", "x", (2**62, 4)), "more elements than any memory"),
    "overflowing dims": (lambda: one("Relu", "x", (2**32, 2**32)), "more elements than any memory"),
    "too many dims": (lambda: one("Relu", "x", (1,) * 5000), "5000 dims"),
    "short data": (
        lambda: conv(weights={"w": raw(1, [4, 3, 3, 3], b"\0" * 7)}),
        "holds 7 bytes; 108 elements of float32 need 432",
    ),
    "negative weight dims": (lambda: conv(weights={"w": raw(1, [-4, 3, 3, 3], b"\0" * 432)}), "negative dim"),
    "huge weight dims": (lambda: conv(weights={"w": unseen(1, 2**40, 3, 3, 3)}), "more elements"),
    "group 0": (lambda: conv(group=0), r"^node 'conv1' \(Conv\): group is 0"),
    "negative group": (lambda: conv(group=-3), "group is -3"),
    "group and channels": (lambda: conv(group=2), "3 channels"),
    "group and outputs": (lambda: conv((1, 9, 8, 8), group=3), "does not divide the 4"),
    "kernel mismatch": (lambda: conv(kernel_shape=[5, 5]), "kernel_shape .* does not match the weight's 3x3"),
    "kernel too large": (lambda: conv((1, 3, 2, 2)), "larger than the padded input"),
    "strides of text": (lambda: conv(strides="abc"), "'strides' has type STRING"),
    "strides too few": (lambda: conv(strides=[1]), "2 entries are needed"),
    "stride 0": (lambda: conv(strides=[0, 1]), "at least 1"),
    "dilation -1": (lambda: conv(dilations=[-1, 1]), "at least 1"),
    "pads huge": (lambda: conv(pads=[2**40] * 4), "'pads'"),
    "pads too many": (lambda: conv(pads=[1] * 5), "4 entries"),
    "auto_pad of nonsense": (lambda: conv(auto_pad="SAME"), "auto_pad 'SAME' is unknown"),
    "rank mismatch": (lambda: conv((1, 3, 8)), "same number of dims"),
    "bias mismatch": (
        lambda: model([node("Conv", "x w b", "y")], {"x": [1, 3, 8, 8]}, weights=W | {"b": floats(7)}),
        "bias has shape 7",
    ),
    "one input": (lambda: one("Conv", "x", (1, 3, 8, 8)), "has 1 inputs; Conv takes 2 to 3"),
    "matmul": (lambda: one("MatMul", "x w", (2, 5), {"w": floats(4, 3)}), "5 columns against 4 rows"),
    "gemm": (lambda: one("Gemm", "x w", (2, 5), {"w": floats(4, 3)}), "5 columns against 4 rows"),
    "gemm C": (
        lambda: model([node("Gemm", "x w c", "y")], {"x": [2, 4]}, weights={"w": floats(4, 3), "c": floats(7)}),
        "2x3 and 7 do not broadcast",
    ),
    "broadcast": (lambda: one("Add", "x w", (2, 5), {"w": floats(4)}), "do not broadcast"),
    "no axis": (lambda: one("Concat", "x x", (2, 5)), "required attribute 'axis' is missing"),
    "axis too large": (lambda: one("Concat", "x x", (2, 5), axis=2), "axis 2 is out of range"),
    "concat mismatch": (lambda: one("Concat", "x w", (2, 5), {"w": floats(3, 3)}, axis=0), "differ outside axis 0"),
    "two -1": (lambda: one("Reshape", "x s", (2, 6), {"s": np.int64([-1, -1])}), "more than one -1"),
    "reshape": (lambda: one("Reshape", "x s", (2, 6), {"s": np.int64([5, -1])}), "cannot become"),
    "reshape -7": (lambda: one("Reshape", "x s", (2, 6), {"s": np.int64([-7, 2])}), "below -1"),
    "reshape copies": (lambda: one("Reshape", "x s", (6,), {"s": np.int64([6, 0])}), "copies dim 1"),
    "perm": (lambda: one("Transpose", "x", (2, 6), perm=[0, 0]), "no permutation"),
    "blocksize 0": (lambda: one("DepthToSpace", "x", (1, 4, 2, 2), blocksize=0), "blocksize 0"),
    "gather": (lambda: one("Gather", "x i", (2, 6), {"i": np.int64([9])}), "index 9 is out of range"),
    "split": (lambda: one("Split", "x s", (2, 6), {"s": np.int64([2, 2])}, axis=1), "does not add up|outputs"),
    "expand": (lambda: one("Expand", "x s", (1,), {"s": np.int64([2**30, 2**30])}), "more elements"),
    "tile": (lambda: one("Tile", "x s", (4, 4), {"s": np.int64([2**30, 2**30])}), "more elements"),
    "pad": (lambda: one("Pad", "x s", (4,), {"s": np.int64([2**50, 0])}), "more elements"),
    "range step 0": (
        lambda: model(
            [node("Range", "a b c", "y")], {}, weights={"a": np.int64(0), "b": np.int64(9), "c": np.int64(0)}
        ),
        "never ends",
    ),
    "range huge": (
        lambda: model(
            [node("Range", "a b c", "y")], {}, weights={"a": np.int64(0), "b": np.int64(2**60), "c": np.int64(1)}
        ),
        "elements",
    ),
    "constant huge": (
        lambda: model([node("ConstantOfShape", "s", "y")], {}, weights={"s": np.int64([2**31, 2**31])}),
        "more elements",
    ),
    "resize": (
        lambda: one("Resize", "x _ s", (1, 3, 4, 4), {"s": np.float32([1, 1, 1e30, np.nan])}),
        "positive and finite",
    ),
    "top-k": (lambda: one("TopK", "x k", (2, 6), {"k": np.int64([9])}), "k is 9|outputs"),
    "one-hot": (lambda: one("OneHot", "x d v", (2,), {"d": np.int64(-3), "v": floats(2)}), "depth is -3"),
    "slice step 0": (lambda: one("Slice", "x a a a a", (6,), {"a": np.int64([0])}), "step is 0"),
    "squeeze": (lambda: one("Squeeze", "x a", (2, 6), {"a": np.int64([0])}), "cannot be squeezed"),
    "LSTM": (
        lambda: one("LSTM", "x w r", (7, 1, 5), {"w": floats(1, 12, 6), "r": floats(1, 12, 3)}, hidden_size=3),
        "do not fit",
    ),
    "scales": (
        lambda: one("QuantizeLinear", "x s z", (1, 3), {"s": floats(4), "z": np.zeros(4, np.int8)}),
        "4 scales for dim 1",
    ),
    "missing branch": (
        lambda: model([node("If", "c", "y", then_branch=subgraph([], {}, []))], {}, weights={"c": np.bool_(1)}),
        "else_branch",
    ),
    "an If of another width": (
        lambda: model(
            [node("If", "c", "y", then_branch=subgraph([], {}, []), else_branch=subgraph([], {}, []))],
            {},
            weights={"c": np.bool_(1)},
        ),
        "a branch has 0 outputs",
    ),
    "not in this opset": (lambda: one("Scan", "x", (1,), opset=7, num_scan_inputs=1), "does not exist in opset 7"),
}

NOTED: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "no opset": (lambda: changed(conv(), lambda m: m.ClearField("opset_import")), "names no opset"),
    "opset of the future": (
        lambda: changed(conv(), lambda m: setattr(m.opset_import[0], "version", 9999)),
        "newer than any",
    ),
    "unknown attribute": (
        lambda: changed(conv(), lambda m: m.graph.node[0].attribute.append(helper.make_attribute("evil", 1))),
        "does not have",
    ),
    "unknown domain": (
        lambda: model([node("Foo", "x", "y", domain="evil.{corp}")], {"x": [1]}, domains=["evil.{corp}"]),
        "evil.{corp}.Foo is unknown",
    ),
    "unknown operator": (lambda: one("Convv", "x", (1, 3)), "Convv is unknown"),
    "negative pads": (lambda: conv(pads=[-2, -2, -2, -2]), "cropped"),
    "zero scale": (
        lambda: one("QuantizeLinear", "x s z", (1, 3), {"s": np.float32(0), "z": np.int8(0)}),
        "zero, negative or not a number",
    ),
    "NaN scale": (
        lambda: one("QuantizeLinear", "x s z", (1, 3), {"s": np.float32("nan"), "z": np.int8(0)}),
        "not a number",
    ),
    "mixed types": (
        lambda: model([node("Add", "x i", "y")], {"x": [1], "i": (TensorProto.INT64, [1])}),
        "mix element types",
    ),
    "declared otherwise": (
        lambda: model([node("Relu", "x", "a"), node("Relu", "a", "y")], {"x": [1, 3]}, value_info=[value("a", [9, 9])]),
        "declared 9x9, computed 1x3",
    ),
    "endless loop": (lambda: endless(2**60), "--trips 'forever=N'"),
    "wide": (lambda: model([node("Sum", " ".join(["x"] * 50_000), "y")], {"x": [1, 3]}), "reads 50000 tensors"),
    "path upwards": (lambda: external(location="a/../../../etc/passwd"), "outside the model's folder"),
    "absolute path": (lambda: external(location="/dev/zero"), "outside the model's folder"),
    "negative offset": (lambda: external(location="w.bin", offset="-4"), "which is no size"),
    "huge offset": (lambda: external(location="w.bin", offset=str(2**50)), "bytes into its external file"),
    "wrong length": (lambda: external(location="w.bin", length="4"), "4 external bytes where its shape needs 432"),
    "injected keys": (lambda: external(location="w.bin", __class__="x"), "unknown external keys"),
    "no location": (lambda: external(offset="0"), "names no external file"),
    "elsewhere": (lambda: external(location="w.bin"), "which were not read"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused_in_one_line(fault: str) -> None:
    build, message = REFUSED[fault]
    with pytest.raises(ModelError, match=message) as caught:
        read(build())
    assert len(caught.value.findings) == 1
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("fault", NOTED)
def test_read_with_a_note(fault: str) -> None:
    build, message = NOTED[fault]
    network = read(build())
    assert network.layers
    assert any(message in note for note in network.notes), network.notes


@pytest.mark.parametrize(
    "name", ["a\nb", "a\x1b[31mred", "a\u202eb", "x" * 100_000, "<script>alert(1)</script>", "[bold]"]
)
def test_names_are_printable(name: str) -> None:
    network = read(model([helper.make_node("Relu", [name], ["y"], name=name)], {name: [1, 3]}))
    layer = network.layers[0]
    assert layer.name.isprintable()
    assert layer.inputs[0].isprintable()
    assert len(layer.name) < 1000
    assert network.tensors[layer.inputs[0]].shape == (1, 3)


def test_names_that_are_not_text() -> None:
    content = conv().SerializeToString().replace(b"conv1", b"con\xff1")
    from hwsim.onnx_io.binding import Given
    from hwsim.onnx_io.importer import imported
    from hwsim.onnx_io.source import parse

    with pytest.raises(ModelError, match=r"not UTF-8|not a readable"):
        imported(parse(content, "file"), Given())


def test_deeply_nested_constant_branches() -> None:
    graph = subgraph([node("Relu", "x", "z")], {}, ["z"])
    for _ in range(40):
        graph = subgraph([node("If", "c", "z", then_branch=graph, else_branch=graph)], {}, ["z"]) if _ < 10 else graph
    network = read(
        model([node("If", "c", "y", then_branch=graph, else_branch=graph)], {"x": [1]}, weights={"c": np.bool_(1)})
    )
    assert [layer.op for layer in network.layers] == ["Relu"]


def _outcome(path: Path) -> Network | ModelError:
    try:
        return read(path)
    except ModelError as problem:
        return problem


@needs_shared
@pytest.mark.parametrize("path", sorted((SHARED / "hostile").glob("*.onnx")), ids=lambda path: path.stem)
def test_reference_faults(path: Path) -> None:
    started = time.process_time()
    found = _outcome(path)
    if isinstance(found, ModelError):
        assert len(found.findings) == 1
        assert str(found).isprintable()
    else:
        assert found.layers
        assert bool(found.notes) == (path.stem != "00_ok")
    assert time.process_time() - started < 10  # the stated bound for hostile files, not a benchmark


def test_flipped_bytes_never_crash(tmp_path: Path) -> None:
    whole = resolve("light_squeezenet").read_bytes()
    assert "light_squeezenet" in wheel_models()
    chance, path = random.Random(7), tmp_path / "flipped.onnx"
    small = [conv().SerializeToString(), endless(3).SerializeToString(), whole]
    for _ in range(300):
        content = bytearray(chance.choice(small))
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.choice([0, 1, 127, 255, chance.randrange(256)])
        path.write_bytes(content)
        found = _outcome(path)
        assert isinstance(found, Network) or str(found)
