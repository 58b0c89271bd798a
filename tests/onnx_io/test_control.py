"""Graphs inside nodes: If, Loop, Scan, functions, sequences."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hwsim.errors import ModelError
from hwsim.graph import Network
from hwsim.onnx_io import read
from tests.onnx_io.build import floats, model, node, subgraph


def shape(network: Network) -> tuple[int, ...]:
    return network.tensors[network.outputs[0]].shape


def branches() -> dict[str, onnx.GraphProto]:
    return {
        "then_branch": subgraph([node("Relu", "x", "t")], {}, ["t"]),
        "else_branch": subgraph([node("Sigmoid", "x", "a"), node("Concat", "a a", "e", axis=1)], {}, ["e"]),
    }


@pytest.mark.parametrize(("condition", "ops"), [(True, ["Relu"]), (False, ["Sigmoid", "Concat"])])
def test_a_constant_if_is_inlined(condition: bool, ops: list[str]) -> None:
    network = read(model([node("If", "c", "y", **branches())], {"x": [1, 4]}, weights={"c": np.bool_(condition)}))
    assert [layer.op for layer in network.layers] == ops
    assert network.outputs == ("y",)
    assert network.layers[-1].outputs == ("y",)


def test_an_undecided_if_takes_the_larger_branch_and_says_so() -> None:
    network = read(model([node("If", "c", "y", **branches())], {"x": [1, 4], "c": (TensorProto.BOOL, [])}))
    assert shape(network) == (1, 8)
    assert any("larger branch" in note for note in network.notes)


def test_an_undecided_if_falls_back_to_the_branch_that_fits() -> None:
    bad = subgraph([node("Relu", "x", "r"), node("Squeeze", "r axes", "e")], {}, ["e"])
    made = model(
        [node("If", "c", "y", then_branch=branches()["then_branch"], else_branch=bad)],
        {"x": [1, 4], "c": (TensorProto.BOOL, [])},
        weights={"axes": np.int64([1])},
    )
    network = read(made)
    assert [layer.op for layer in network.layers] == ["Relu"]


def loop(scan: bool = True) -> onnx.GraphProto:
    nodes = [node("MatMul", "h w", "h2"), node("Identity", "go", "go2")]
    return subgraph(
        nodes,
        {"i": (TensorProto.INT64, []), "go": (TensorProto.BOOL, []), "h": [1, 4]},
        ["go2", "h2", "h2"] if scan else ["go2", "h2"],
    )


def test_a_loop_repeats_its_layers() -> None:
    made = model(
        [node("Loop", "m _ h0", "y s", body=loop(), name="l")],
        {"h0": [1, 4]},
        "y s",
        weights={"m": np.int64(6), "w": floats(4, 4)},
    )
    network = read(made)
    product = next(layer for layer in network.layers if layer.op == "MatMul")
    assert product.repeat == 6
    assert network.tensors["s"].shape == (6, 1, 4)
    assert network.notes == ()


def test_trips_of_an_open_loop_are_given_by_the_user() -> None:
    inputs = {"h0": [1, 4], "m": (TensorProto.INT64, [])}
    made = model([node("Loop", "m _ h0", "y", body=loop(scan=False), name="l")], inputs, weights={"w": floats(4, 4)})
    assert read(made).layers[0].repeat == 1
    assert any("--trips 'l=N'" in note for note in read(made).notes)
    assert read(made, trips={"l": 9}).layers[0].repeat == 9


def test_loops_in_loops_multiply() -> None:
    inner = node("Loop", "m _ h", "h2", body=loop(scan=False))
    body = subgraph(
        [inner, node("Identity", "go", "go3")],
        {"i": (TensorProto.INT64, []), "go": (TensorProto.BOOL, []), "h": [1, 4]},
        ["go3", "h2"],
    )
    body.node[0].attribute[0].g.input[2].name = "h_inner"
    body.node[0].attribute[0].g.node[0].input[0] = "h_inner"
    made = model(
        [node("Loop", "n _ h0", "y", body=body)],
        {"h0": [1, 4]},
        weights={"m": np.int64(5), "n": np.int64(3), "w": floats(4, 4)},
    )
    assert next(layer for layer in read(made).layers if layer.op == "MatMul").repeat == 15


def test_a_scan_runs_once_a_slice() -> None:
    body = subgraph([node("MatMul", "x w", "z"), node("Add", "z h", "h2")], {"h": [4], "x": [4]}, ["h2", "z"])
    made = model(
        [node("Scan", "h0 xs", "y zs", body=body, num_scan_inputs=1)],
        {"h0": [4], "xs": [7, 4]},
        "y zs",
        weights={"w": floats(4, 4)},
    )
    network = read(made)
    assert network.layers[0].repeat == 7
    assert network.tensors["zs"].shape == (7, 4)


def function(name: str, nodes: list[onnx.NodeProto], attributes: tuple[str, ...] = ()) -> onnx.FunctionProto:
    return helper.make_function(
        "local",
        name,
        ["a"],
        ["b"],
        nodes,
        [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
        list(attributes),
    )


def test_functions_are_inlined_under_unique_names() -> None:
    body = [node("Relu", "a", "r", name="act"), node("Softmax", "r", "b", name="out")]
    body[1].attribute.append(onnx.AttributeProto(name="axis", ref_attr_name="where", type=onnx.AttributeProto.INT))
    calls = [
        node("F", "x", "m", domain="local", name="one", where=0),
        node("F", "m", "y", domain="local", name="two", where=1),
    ]
    made = model(calls, {"x": [2, 3]}, domains=["local"], functions=[function("F", body, ("where",))])
    network = read(made)
    assert [layer.name for layer in network.layers] == ["one/act", "one/out", "two/act", "two/out"]
    assert [layer.attributes.get("axis") for layer in network.layers if layer.op == "Softmax"] == [0, 1]
    assert network.layers[-1].outputs == ("y",)


def test_functions_that_call_themselves_are_refused() -> None:
    made = model(
        [node("F", "x", "y", domain="local")],
        {"x": [2]},
        domains=["local"],
        functions=[function("F", [node("F", "a", "b", domain="local")])],
    )
    with pytest.raises(ModelError, match="calls itself"):
        read(made)


def test_functions_that_double_forty_times_are_refused_at_once() -> None:
    functions = [function("F0", [node("Relu", "a", "b")])]
    for level in range(1, 41):
        below = f"F{level - 1}"
        functions.append(
            function(f"F{level}", [node(below, "a", "m", domain="local"), node(below, "m", "b", domain="local")])
        )
    made = model([node("F40", "x", "y", domain="local")], {"x": [2]}, domains=["local"], functions=functions)
    with pytest.raises(ModelError, match=r"expand to 1\.1e"):
        read(made)


def test_functions_nested_too_deep_are_refused() -> None:
    functions = [function("F0", [node("Relu", "a", "b")])]
    functions += [function(f"F{level}", [node(f"F{level - 1}", "a", "b", domain="local")]) for level in range(1, 400)]
    made = model([node("F399", "x", "y", domain="local")], {"x": [2]}, domains=["local"], functions=functions)
    with pytest.raises(ModelError, match="400 deep"):
        read(made)


def test_sequences_cost_nothing_until_joined() -> None:
    nodes = [
        node("SplitToSequence", "x", "s", axis=0),
        node("SequenceAt", "s zero", "a"),
        node("SequenceInsert", "s a", "t"),
        node("ConcatFromSequence", "t", "y", axis=0),
    ]
    network = read(model(nodes, {"x": [3, 4]}, weights={"zero": np.int64(0)}))
    assert [layer.op for layer in network.layers] == ["Split", "Concat"]
    assert shape(network) == (4, 4)


def test_order_of_nodes_does_not_matter() -> None:
    network = read(
        model([node("Relu", "a", "y", name="second"), node("Sigmoid", "x", "a", name="first")], {"x": [1, 4]})
    )
    assert [layer.name for layer in network.layers] == ["first", "second"]


def test_duplicate_and_missing_names_are_made_unique() -> None:
    network = read(
        model([node("Relu", "x", "a", name="n"), node("Relu", "a", "b", name="n"), node("Relu", "b", "y")], {"x": [1]})
    )
    assert [layer.name for layer in network.layers] == ["n", "n_2", "Relu_2"]
    assert any("renamed" in note for note in network.notes)
