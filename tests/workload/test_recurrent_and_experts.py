"""Recurrent layers and mixtures of experts, by the equations that define them."""

from __future__ import annotations

import ast
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import ModelError
from hwsim.workload.functions import ACTIVATION, SOFTMAX
from tests.workload.single import activation, parameter, work

CONTRIB = "com.microsoft"


@given(
    st.sampled_from([("LSTM", 4), ("GRU", 3), ("RNN", 1)]),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 6),
    st.booleans(),
    st.booleans(),
)
def test_every_step_multiplies_its_input_and_its_state(cell, length, batch, inputs, hidden, both, batch_first):
    op, gates = cell
    directions = 2 if both else 1
    x = activation("x", *((batch, length) if batch_first else (length, batch)), inputs)
    w, r = parameter("w", directions, gates * hidden, inputs), parameter("r", directions, gates * hidden, hidden)
    attributes = {
        "hidden_size": hidden,
        "layout": int(batch_first),
        "direction": "bidirectional" if both else "forward",
    }
    found = work(op, [x, w, r], [activation("y", length, directions, batch, hidden)], attributes)
    macs = 0
    for _step in range(length):
        for _row in range(batch * directions * gates * hidden):
            macs += inputs + hidden
    assert found.macs == macs
    assert found.nests[1].repeat == length and found.nests[1].p == batch
    assert [nest.elements[1] for nest in found.nests] == [w.elements, r.elements]


def test_a_dynamically_quantized_cell_multiplies_integers():
    x = activation("x", 4, 1, 8)
    w, r = parameter("w", 1, 8, 32, dtype="int8"), parameter("r", 1, 8, 32, dtype="int8")
    found = work("DynamicQuantizeLSTM", [x, w, r], [activation("y", 4, 1, 1, 8)], {"hidden_size": 8}, CONTRIB)
    assert found.macs == 4 * 32 * (8 + 8)
    assert {(nest.input.dtype, nest.weight.dtype, nest.accumulator.dtype) for nest in found.nests} == {
        ("uint8", "int8", "int32")
    }


@pytest.mark.parametrize(("tokens", "top"), [(8, 2), (1, 2), (7, 1), (64, 4)])
def test_tokens_pass_through_their_experts_only(tokens, top):
    count, width, inner = 8, 16, 32
    x, router = activation("x", tokens, width), activation("p", tokens, count)
    first, second = parameter("w1", count, inner, width), parameter("w2", count, width, inner)
    operands = [x, router, first, None, second]
    found = work("MoE", operands, [activation("y", tokens, width)], {"k": top}, CONTRIB)
    assert found.macs == tokens * top * 2 * width * inner
    touched = min(count, tokens * top)
    assert dict(found.reads)["w1"] == first.bytes * touched // count
    gated = work(
        "MoE",
        [*operands, None, parameter("w3", count, inner, width)],
        [activation("y", tokens, width)],
        {"k": top},
        CONTRIB,
    )
    assert gated.macs == tokens * top * 3 * width * inner


def test_packed_experts_count_unpacked_weights():
    x, router = activation("x", 8, 16), activation("p", 8, 4)
    first, second = parameter("w1", 4, 32, 8, dtype="uint8"), parameter("w2", 4, 16, 16, dtype="uint8")
    scales = parameter("s", 4, 32)
    found = work(
        "QMoE",
        [x, router, first, scales, None, second, scales],
        [activation("y", 8, 16)],
        {"k": 1, "expert_weight_bits": 4},
        CONTRIB,
    )
    assert found.macs == 8 * 2 * 16 * 32
    assert {nest.weight.bits for nest in found.nests} == {4}
    glu = work(
        "MoE",
        [x, router, parameter("w1", 4, 64, 16), None, parameter("w2", 4, 16, 32)],
        [activation("y", 8, 16)],
        {"k": 1, "activation_type": "swiglu"},
        CONTRIB,
    )
    assert glu.macs == 8 * (16 * 64 + 32 * 16)


@pytest.mark.parametrize("activation_type", ["relu", "relu6", "silu", "swiglu"])
def test_vector_work_of_experts_by_hand(activation_type: str):
    """A softmax over the router's scores, an activation of each chosen expert's hidden numbers, and the sum over the chosen."""
    tokens, width, inner, count, top = 6, 16, 40, 4, 2
    found = work(
        "MoE",
        [
            activation("x", tokens, width),
            activation("p", tokens, count),
            parameter("w1", count, inner, width),
            None,
            parameter("w2", count, width, inner // 2 if activation_type == "swiglu" else inner),
        ],
        [activation("y", tokens, width)],
        {"k": top, "activation_type": activation_type},
        CONTRIB,
    )
    hidden = inner // 2 if activation_type == "swiglu" else inner
    function, each = ACTIVATION[activation_type]
    by_function = {item.function: item.operations for item in found.vectors}
    assert by_function[function] == each * tokens * top * hidden
    assert by_function["softmax"] == SOFTMAX * tokens * count
    assert by_function["mul"] == 2 * tokens * top * width  # weighted and added up


@pytest.mark.parametrize(("bits", "kept"), [(None, 4), (1, 1), (2, 2), (8, 8), (0, 8), (9, 8)])
def test_weights_of_experts_are_as_wide_as_the_node_says(bits: int | None, kept: int) -> None:
    x, router = activation("x", 8, 16), activation("p", 8, 4)
    first = parameter("w1", 4, 32, 16 * kept // 8, dtype="uint8")
    second, scales = parameter("w2", 4, 16, 32 * kept // 8, dtype="uint8"), parameter("s", 4, 32)
    given = {"k": 2} if bits is None else {"k": 2, "expert_weight_bits": bits}
    found = work("QMoE", [x, router, first, scales, None, second, scales], [activation("y", 8, 16)], given, CONTRIB)
    assert {nest.weight.bits for nest in found.nests} == {kept}
    assert found.macs == 2 * 8 * 2 * 16 * 32
    assert dict(found.reads)["w1"] == first.bytes


@pytest.mark.parametrize(
    ("tokens", "top", "experts", "groups"), [(6, 1, 4, 3), (5, 1, 8, 5), (7, 1, 4, 1), (8, 2, 4, 4), (1, 0, 4, 1)]
)
def test_tokens_are_spread_over_as_many_experts_as_divide_them(
    tokens: int, top: int, experts: int, groups: int
) -> None:
    """Each token chooses one expert at least."""
    x, router = activation("x", tokens, 16), activation("p", tokens, experts)
    first, second = parameter("w1", experts, 32, 16), parameter("w2", experts, 16, 32)
    found = work("MoE", [x, router, first, None, second], [activation("y", tokens, 16)], {"k": top}, CONTRIB)
    chosen = tokens * max(1, top)
    assert {(nest.g, nest.p) for nest in found.nests} == {(groups, chosen // groups)}
    assert dict(found.reads)["w2"] == second.bytes * min(experts, chosen) // experts


#: The equations of the ONNX operator reference, i and r being what the two products of a gate make: one a hidden number and step.
EQUATIONS = {
    "LSTM": ("sigmoid(i + r); sigmoid(i + r); sigmoid(i + r); tanh(i + r); c = f * c + g * h; o * tanh(c)", 4),
    "GRU": ("sigmoid(i + r); sigmoid(i + r); tanh(i + g * r); (1 - z) * n + z * h", 3),
    "RNN": ("tanh(i + r)", 1),
}


@pytest.mark.parametrize("op", [*EQUATIONS, "DynamicQuantizeLSTM"])
def test_gates_cost_what_their_equations_have(op: str) -> None:
    """Integer products are scaled back too: a factor and an offset of two products for each of four gates."""
    text, gates = EQUATIONS[op.removeprefix("DynamicQuantize")]
    expected: Counter[str] = Counter()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            expected[node.func.id] += 1  # type: ignore[attr-defined]
        if isinstance(node, ast.BinOp):
            expected["mul" if isinstance(node.op, ast.Mult) else "add"] += 1
    if op.startswith("Dynamic"):
        expected["dequantize"] = 2 * 2 * gates
    length, batch, hidden, inputs = 5, 3, 7, 4
    operands = [
        activation("x", length, batch, inputs),
        parameter("w", 2, gates * hidden, inputs),
        parameter("r", 2, gates * hidden, hidden),
    ]
    domain = CONTRIB if op.startswith("Dynamic") else ""
    given_ = {"direction": "bidirectional", "hidden_size": hidden}
    found = work(op, operands, [activation("y", length, 2, batch, hidden)], given_, domain)
    cells = 2 * length * batch * hidden
    assert {one.function: one.operations for one in found.vectors} == {
        name: each * cells for name, each in expected.items()
    }
    assert {one.elements for one in found.vectors} == {cells}
    first, second = found.nests
    assert (first.g, first.p, first.c, first.k, first.repeat) == (2, length * batch, inputs, gates * hidden, 1)
    assert (second.g, second.p, second.c, second.k, second.repeat) == (2, batch, hidden, gates * hidden, length)


def test_what_a_recurrent_node_does_not_say() -> None:
    """The hidden width is that of its recurrence; forward and reverse are one direction each; the sequence comes first."""
    operands = [activation("x", 5, 3, 4, dtype="float16"), parameter("w", 1, 7, 4), parameter("r", 1, 7, 7)]
    for attributes in ({}, {"direction": "reverse"}, {"hidden_size": 0}, {"layout": 0}):
        found = work("RNN", operands, [activation("y", 5, 1, 3, 7, dtype="float64")], attributes)
        assert [(nest.g, nest.p, nest.k, nest.repeat) for nest in found.nests] == [(1, 15, 7, 1), (1, 3, 7, 5)]
        assert [(nest.input.dtype, nest.output.dtype) for nest in found.nests] == [
            ("float16", "float64"),
            ("float64", "float64"),
        ]
    narrow = [*operands[:2], parameter("r", 1, 7, 9)]
    assert [nest.c for nest in work("RNN", narrow, [activation("y", 5, 1, 3, 9)]).nests] == [4, 9]
    turned = work("RNN", operands, [activation("y", 5, 1, 3, 7)], {"layout": 1})
    assert [(nest.p, nest.repeat) for nest in turned.nests] == [(15, 1), (5, 3)]
    for wrong in range(3):
        flat = [activation("flat", 4, 7) if place == wrong else tensor for place, tensor in enumerate(operands)]
        with pytest.raises(ModelError, match="input 'flat' has 2 dims, needs at least 3"):
            work("RNN", flat, [activation("y", 5, 1, 3, 7)])


def test_what_experts_need() -> None:
    x, router = activation("x", 8, 16), activation("p", 8, 4)
    first, second = parameter("w1", 4, 32, 16), parameter("w2", 4, 16, 32)
    fine = [x, router, first, None, second]
    y = activation("y", 8, 16)
    for wrong, tensor in enumerate(
        (activation("flat", 8), activation("flat", 8), parameter("flat", 32, 16), None, parameter("flat", 16, 32))
    ):
        if tensor is not None:
            given_ = [tensor if place == wrong else one for place, one in enumerate(fine)]
            with pytest.raises(
                ModelError, match=rf"input 'flat' has {len(tensor.shape)} dims, needs at least {len(tensor.shape) + 1}"
            ):
                work("MoE", given_, [y], {"k": 1}, CONTRIB)
    with pytest.raises(ModelError, match="input 4 is missing"):
        work("MoE", fine[:4], [y], {"k": 1}, CONTRIB)
    found = work("MoE", fine, [y], {}, CONTRIB)  # one expert a token, relu
    assert [(one.function, one.operations, one.elements) for one in found.vectors] == [
        ("softmax", SOFTMAX * 32, 32), ("compare", 8 * 32, 8 * 32), ("mul", 2 * 8 * 16, 8 * 16),
    ]  # fmt: skip
    odd = work("MoE", fine, [y], {"activation_type": "Wat"}, CONTRIB)
    assert odd.vectors == found.vectors


def test_types_of_experts_products() -> None:
    """The first product reads the tokens, the second what the first made; a gate reads the tokens again."""
    x, router = activation("x", 8, 16, dtype="float16"), activation("p", 8, 4)
    weights = [
        parameter("w1", 4, 32, 16),
        None,
        parameter("w2", 4, 16, 32, dtype="bfloat16"),
        None,
        parameter("w3", 4, 32, 16),
    ]
    found = work("MoE", [x, router, *weights], [activation("y", 8, 16, dtype="float64")], {"k": 2}, CONTRIB)
    assert [(nest.g, nest.p, nest.c, nest.k) for nest in found.nests] == [
        (4, 4, 16, 32),
        (4, 4, 32, 16),
        (4, 4, 16, 32),
    ]
    assert [(nest.input.dtype, nest.weight.dtype, nest.output.dtype) for nest in found.nests] == [
        ("float16", "float32", "float64"), ("float64", "bfloat16", "float64"), ("float16", "float32", "float64"),
    ]  # fmt: skip
    assert {nest.weight_role for nest in found.nests} == {"parameter"}
    assert {name: size for name, size in found.reads if name.startswith("w")} == {"w1": 8192, "w2": 4096, "w3": 8192}


@pytest.mark.parametrize(
    ("op", "first", "inner"),
    [
        ("MoE", (4, 32, 16), 32), ("MoE", (4, 16, 32), 32), ("QMoE", (4, 32, 8), 32), ("QMoE", (4, 32, 16), 32), ("QMoE", (4, 16, 24), 48),
    ],
)  # fmt: skip
def test_either_way_round_of_stored_weights(op: str, first: tuple[int, ...], inner: int) -> None:
    """Columns by width, packed or not, or as older graphs have them: width by columns."""
    x, router = activation("x", 8, 16), activation("p", 8, 4)
    dtype = "float32" if op == "MoE" else "uint8"
    second = [parameter("w2", 4, 16, inner, dtype=dtype)]
    inputs = [x, router, parameter("w1", *first, dtype=dtype), None, *([None] if op == "QMoE" else []), *second]
    found = work(op, inputs, [activation("y", 8, 16)], {"k": 1}, CONTRIB)
    assert [(nest.c, nest.k) for nest in found.nests] == [(16, inner), (inner, 16)]


def test_no_tokens_ask_no_experts() -> None:
    first, second = parameter("w1", 4, 32, 16), parameter("w2", 4, 16, 32)
    found = work(
        "MoE",
        [activation("x", 0, 16), activation("p", 0, 4), first, None, second],
        [activation("y", 0, 16)],
        {},
        CONTRIB,
    )
    assert found.macs == 0 and found.vectors == () and dict(found.reads)["w1"] == 0
    none = work("MoE", [activation("x", 8, 0), activation("p", 8, 4), parameter("w1", 4, 32, 0), None, parameter("w2", 4, 0, 32)],
                [activation("y", 8, 0)], {}, CONTRIB)  # fmt: skip
    assert none.macs == 0
