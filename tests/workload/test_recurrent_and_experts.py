"""Recurrent layers and mixtures of experts, by the equations that define them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
