"""Elementwise fusion: chains, diamonds, branches, order, and that no work is lost."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.fusion import fuse_elementwise
from hwsim.graph.network import in_topological_order
from hwsim.workload import lower
from hwsim.workload.complexity import complexity

SHAPE = (2, 4)


def built(
    *rows: tuple[str, str, str], outputs: tuple[str, ...] = (), shapes: dict[str, tuple[int, ...]] | None = None
) -> Network:
    """Rows of (operator, operands, result): ``("MatMul", "x w", "a")``; a name that starts with w is a parameter."""
    layers = tuple(Layer(result, op, tuple(operands.split()), (result,)) for op, operands, result in rows)
    names = {name for layer in layers for name in (*layer.inputs, *layer.outputs)}
    written = {name for layer in layers for name in layer.outputs}
    read = {name for layer in layers for name in layer.inputs}
    shapes = shapes or {}
    tensors = {
        name: Tensor(
            name,
            (4, 4) if name[0] == "w" else shapes.get(name, SHAPE),
            role="parameter" if name[0] == "w" else "activation",
        )
        for name in names
    }
    ends = outputs or tuple(layer.name for layer in layers if layer.name not in read)
    return Network("built", layers, tensors, tuple(name for name in names - written if name[0] != "w"), ends)


def names(network: Network) -> list[tuple[str, tuple[str, ...]]]:
    return [(layer.name, layer.fused) for layer in network.layers]


def test_a_chain_joins_its_product():
    plain = built(("MatMul", "x w", "a"), ("Add", "a w", "b"), ("Relu", "b", "c"), ("MatMul", "c w2", "y"))
    after = fuse_elementwise(plain)
    assert names(after) == [("a", ("b", "c")), ("y", ())]
    assert [member.name for member in after.layers[0].members] == ["a", "b", "c"]
    assert after.notes == ("fused 1 Add and 1 Relu into the layers before them",)
    assert complexity(after).operators == complexity(plain).operators


def test_diamonds_close():
    silu = built(("MatMul", "x w", "a"), ("Sigmoid", "a", "s"), ("Mul", "a s", "y"))
    assert names(fuse_elementwise(silu)) == [("a", ("s", "y"))]
    gelu = built(
        ("MatMul", "x w", "a"), ("Pow", "a c", "b"), ("Mul", "b c", "d"), ("Add", "a d", "e"), ("Mul", "e c", "f"),
        ("Tanh", "f", "g"), ("Add", "g c", "h"), ("Mul", "a c", "i"), ("Mul", "h i", "y"), ("MatMul", "y w", "z"),
    )  # fmt: skip
    assert [name for name, _ in names(fuse_elementwise(gelu))] == ["a", "z"]
    exact = built(
        ("Gemm", "x w", "a"),
        ("Div", "a c", "b"),
        ("Erf", "b", "d"),
        ("Add", "d c", "e"),
        ("Mul", "a e", "f"),
        ("Mul", "f c", "y"),
    )
    assert len(fuse_elementwise(exact).layers) == 1


def test_what_others_read_stays_outside():
    open_ = built(("MatMul", "x w", "a"), ("Sigmoid", "a", "s"), ("MatMul", "a w", "b"), ("Mul", "s b", "y"))
    assert names(fuse_elementwise(open_)) == [("a", ()), ("s", ()), ("b", ("y",))]
    returned = built(("MatMul", "x w", "a"), ("Relu", "a", "b"), ("Relu", "b", "y"), outputs=("b", "y"))
    assert names(fuse_elementwise(returned)) == [("a", ("b",)), ("y", ())]


def test_a_residual_joins_the_later_branch():
    plain = built(("MatMul", "x w", "a"), ("MatMul", "x w", "b"), ("Add", "a b", "s"), ("Relu", "s", "y"))
    assert names(fuse_elementwise(plain)) == [("a", ()), ("b", ("s", "y"))]


def test_reshapes_on_the_way_are_seen_through_and_never_last():
    shapes = {"v": (8,), "y": (8,), "t": (2, 2, 2)}
    plain = built(
        ("MatMul", "x w", "a"), ("Reshape", "a", "v"), ("Relu", "v", "y"), ("Reshape", "y", "t"), shapes=shapes
    )
    assert names(fuse_elementwise(plain)) == [("a", ("v", "y")), ("t", ())]


def test_followers_of_another_size_stay():
    grown = built(("MatMul", "x w", "a"), ("Add", "a b", "y"), shapes={"b": (3, 1, 1), "y": (3, 2, 4)})
    assert len(fuse_elementwise(grown).layers) == 2


def test_data_moves_lead_no_group():
    plain = built(("Transpose", "x", "a"), ("Relu", "a", "y"))
    assert fuse_elementwise(plain) is plain


OPERATORS = ["Relu", "Sigmoid", "Add", "Mul", "MatMul", "Transpose", "Softmax", "Reshape"]


@given(st.lists(st.tuples(st.sampled_from(OPERATORS), st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=25))
def test_random_graphs_keep_their_work_and_their_order(drawn):
    rows, available = [], ["x"]
    for index, (op, one, other) in enumerate(drawn):
        first, second = available[-1 - one % min(4, len(available))], available[-1 - other % min(4, len(available))]
        operands = f"{first} {second}" if op in ("Add", "Mul") else f"{first} w" if op == "MatMul" else first
        available.append(f"t{index}")
        rows.append((op, operands, f"t{index}"))
    plain = built(*rows)
    after = fuse_elementwise(plain)
    seen = set(plain.inputs) | {name for name, tensor in plain.tensors.items() if tensor.role != "activation"}
    for layer in after.layers:
        assert set(layer.inputs) <= seen
        seen |= set(layer.outputs)
    assert set(after.outputs) <= seen
    assert {layer.name for layer in in_topological_order(after.layers)} == {layer.name for layer in after.layers}
    folded = [name for layer in after.layers for name in (layer.name, *layer.fused)]
    assert sorted(folded) == sorted(layer.name for layer in plain.layers)
    before, now = complexity(plain), complexity(after)
    assert (now.macs, now.vector_operations) == (before.macs, before.vector_operations)
    assert now.traffic_bytes <= before.traffic_bytes
    for layer in after.layers:
        written = {name for name, _ in lower(layer, after).writes}
        assert written <= set(layer.outputs)


def test_a_long_chain_is_one_layer():
    rows = [("Relu", f"t{index}" if index else "x", f"t{index + 1}") for index in range(20000)]
    after = fuse_elementwise(built(*rows))
    assert len(after.layers) == 1 and len(after.layers[0].members) == 20000
    assert complexity(after).vector_operations == 20000 * 8


def test_a_wide_fan_stays_open():
    rows = [("Relu", "x", f"t{index}") for index in range(2000)]
    plain = built(("Sigmoid", "z", "x"), *rows, ("Sum", " ".join(row[2] for row in rows), "y"))
    assert len(fuse_elementwise(plain).layers) == 2001


def test_layers_that_run_at_different_rates_stay_apart():
    plain = built(("MatMul", "x w", "a"), ("Relu", "a", "y"))
    looped = Network(
        "n", (replace(plain.layers[0], repeat=5), plain.layers[1]), plain.tensors, plain.inputs, plain.outputs
    )
    assert fuse_elementwise(looped) is looped


def test_the_scaling_of_an_integer_product_joins_it():
    plain = built(
        ("DynamicQuantizeLinear", "x", "q"),
        ("MatMulInteger", "q w", "a"),
        ("Cast", "a", "c"),
        ("Mul", "s w1", "t"),
        ("Mul", "c t", "y"),
        shapes={"s": (), "t": ()},
    )
    tensors = dict(plain.tensors)
    for name, dtype in (("q", "uint8"), ("w", "int8"), ("a", "int32")):
        tensors[name] = replace(tensors[name], dtype=dtype)
    tensors["w1"] = Tensor("w1", (), role="constant")
    after = fuse_elementwise(Network("n", plain.layers, tensors, plain.inputs, plain.outputs))
    assert names(after) == [("q", ()), ("t", ()), ("a", ("c", "y"))]
    (nest,) = lower(after.layers[2], after).nests
    assert (nest.input.dtype, nest.weight.dtype, nest.accumulator.dtype, nest.output.dtype) == (
        "uint8",
        "int8",
        "int32",
        "float32",
    )
