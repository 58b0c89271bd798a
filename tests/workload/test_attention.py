"""Attention in its many operand layouts: B · H · Sq · Skv · (D + Dv), wherever the extents stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import ModelError
from tests.workload.single import activation, parameter, work

sizes = st.integers(1, 4)
CONTRIB = "com.microsoft"


@given(sizes, sizes, sizes, sizes, sizes, sizes, sizes, st.integers(0, 3), st.booleans())
def test_attention_of_onnx(batch, key_heads, share, queries, keys, width, value_width, past, flat):
    heads = key_heads * share
    if flat:
        q, k = activation("q", batch, queries, heads * width), activation("k", batch, keys, key_heads * width)
        v, y = (
            activation("v", batch, keys, key_heads * value_width),
            activation("y", batch, queries, heads * value_width),
        )
    else:
        q, k = activation("q", batch, heads, queries, width), activation("k", batch, key_heads, keys, width)
        v, y = activation("v", batch, key_heads, keys, value_width), activation("y", batch, heads, queries, value_width)
    cache = [
        None,
        activation("pk", batch, key_heads, past, width),
        activation("pv", batch, key_heads, past, value_width),
    ]
    found = work(
        "Attention", [q, k, v, *(cache if past else [])], [y], {"q_num_heads": heads, "kv_num_heads": key_heads}
    )
    assert found.macs == batch * heads * queries * (keys + past) * (width + value_width)
    assert {nest.weight_role for nest in found.nests} == {"activation"}
    assert {nest.g for nest in found.nests} == {batch * key_heads}
    assert found.nests[0].elements[0] == q.elements
    assert found.nests[0].elements[1] == k.elements + (cache[1].elements if past else 0)


def test_scores_are_scaled_masked_and_normalized():
    q = activation("q", 1, 2, 4, 8)
    found = work(
        "Attention",
        [q, activation("k", 1, 2, 6, 8), activation("v", 1, 2, 6, 8), activation("m", 4, 6)],
        [activation("y", 1, 2, 4, 8)],
        {"softcap": 30.0},
    )
    scores = 2 * 4 * 6
    assert [(op.function, op.operations) for op in found.vectors] == [
        ("mul", scores),
        ("add", scores),
        ("tanh", 3 * scores),
        ("softmax", 5 * scores),
    ]


def test_contrib_attention_projects_first():
    batch, tokens, width, heads, past = 2, 16, 64, 4, 5
    x, w, b = activation("x", batch, tokens, width), parameter("w", width, 3 * width), parameter("b", 3 * width)
    y = activation("y", batch, tokens, width)
    projected = batch * tokens * width * 3 * width
    found = work("Attention", [x, w, b], [y], {"num_heads": heads}, CONTRIB)
    assert found.macs == projected + 2 * batch * tokens * tokens * width
    cache = activation("past", 2, batch, heads, past, width // heads)
    found = work("Attention", [x, w, b, None, cache], [y], {"num_heads": heads}, CONTRIB)
    assert found.macs == projected + 2 * batch * tokens * (tokens + past) * width


def test_contrib_attention_with_unequal_widths():
    x, w = activation("x", 1, 8, 32), parameter("w", 32, 16 + 16 + 48)
    found = work(
        "Attention", [x, w], [activation("y", 1, 8, 48)], {"num_heads": 2, "qkv_hidden_sizes": (16, 16, 48)}, CONTRIB
    )
    assert found.macs == 8 * 32 * 80 + 8 * 8 * (16 + 48)


def test_quantized_attention_keeps_an_integer_projection():
    x, w = activation("x", 1, 8, 32, dtype="uint8"), parameter("w", 32, 96, dtype="int8")
    found = work("QAttention", [x, w, parameter("b", 96)], [activation("y", 1, 8, 32)], {"num_heads": 2}, CONTRIB)
    assert found.macs == 8 * 32 * 96 + 2 * 8 * 8 * 32
    assert [nest.accumulator.dtype for nest in found.nests] == ["int32", "float32", "float32"]


def test_packed_attention_counts_the_padded_sequences():
    x, w = activation("x", 10, 32), parameter("w", 32, 96)
    offset = activation("o", 2, 8, dtype="int32")
    found = work(
        "PackedAttention", [x, w, parameter("b", 96), offset], [activation("y", 10, 32)], {"num_heads": 2}, CONTRIB
    )
    assert found.macs == 10 * 32 * 96 + 2 * (2 * 8 * 8 * 32)


def test_multi_head_layouts():
    y = activation("y", 2, 6, 32)
    dense = 2 * 2 * 6 * 9 * 32
    q, k, v = activation("q", 2, 6, 32), activation("k", 2, 9, 32), activation("v", 2, 9, 32)
    assert work("MultiHeadAttention", [q, k, v], [y], {"num_heads": 4}, CONTRIB).macs == dense
    heads = [activation("k", 2, 4, 9, 8), activation("v", 2, 4, 9, 8)]
    assert work("MultiHeadAttention", [q, *heads], [y], {"num_heads": 4}, CONTRIB).macs == dense
    packed = activation("q", 2, 6, 4, 3, 8)
    assert work("MultiHeadAttention", [packed], [y], {"num_heads": 4}, CONTRIB).macs == 2 * 2 * 6 * 6 * 32
    key_value = activation("k", 2, 9, 4, 2, 8)
    assert work("MultiHeadAttention", [q, key_value], [y], {"num_heads": 4}, CONTRIB).macs == dense
    cache = [None, None, None, activation("pk", 2, 4, 5, 8), activation("pv", 2, 4, 5, 8)]
    found = work("MultiHeadAttention", [q, k, v, *cache], [y], {"num_heads": 4}, CONTRIB)
    assert found.macs == 2 * 2 * 6 * (9 + 5) * 32


def test_values_of_another_width_and_masks_of_either_kind():
    """Keys 8 wide, values 6; a mask of keys or a bias of scores is added to each score, a bias of the projections is not."""
    q, k, v = activation("q", 2, 6, 32), activation("k", 2, 9, 32), activation("v", 2, 9, 24)
    bias, keys, scores = parameter("b", 88), activation("m", 2, 9, dtype="int32"), activation("s", 2, 4, 6, 9)
    for extra, masked in (([], False), ([bias], False), ([None, keys], True), ([None, None, scores], True)):
        found = work("MultiHeadAttention", [q, k, v, *extra], [activation("y", 2, 6, 24)], {"num_heads": 4}, CONTRIB)
        assert found.macs == 2 * 4 * 6 * 9 * (8 + 6)
        assert [nest.k for nest in found.nests] == [9, 6] and [nest.c for nest in found.nests] == [8, 9]
        functions = [one.function for one in found.vectors]
        assert functions == (["mul", "add", "softmax"] if masked else ["mul", "softmax"])
        assert [one.elements for one in found.vectors] == [2 * 4 * 6 * 9] * len(functions)


@pytest.mark.parametrize(
    ("offset", "batch", "sequence"),
    [((2, 8), 2, 8), (None, 1, 10), ((10,), 1, 10)],
)
def test_packed_heads_count_the_padded_sequences(offset, batch, sequence):
    """Ten tokens of two sequences of up to eight, or of one."""
    q, k, v = (activation(name, 10, 32) for name in "qkv")
    told = None if offset is None else activation("o", *offset, dtype="int32")
    found = work(
        "PackedMultiHeadAttention", [q, k, v, None, told], [activation("y", 10, 32)], {"num_heads": 4}, CONTRIB
    )
    assert found.macs == 2 * batch * sequence * sequence * 32


def test_a_decoder_projects_its_token_and_looks_at_all_of_its_buffer():
    """One token of a batch of two against 64 kept ones; against itself where nothing is kept."""
    x, w, y = activation("x", 2, 1, 32), parameter("w", 32, 96), activation("y", 2, 1, 32)
    buffer = activation("past", 2, 2, 4, 64, 8)
    found = work("DecoderMaskedSelfAttention", [x, w, parameter("b", 96), None, buffer], [y], {"num_heads": 4}, CONTRIB)
    assert [nest.macs for nest in found.nests] == [2 * 32 * 96, 2 * 4 * 64 * 8, 2 * 4 * 64 * 8]
    assert [nest.weight_role for nest in found.nests] == ["parameter", "activation", "activation"]
    assert [(one.function, one.elements) for one in found.vectors] == [("mul", 2 * 4 * 64), ("softmax", 2 * 4 * 64)]
    found = work("DecoderMaskedSelfAttention", [x, w, parameter("b", 96)], [y], {"num_heads": 4}, CONTRIB)
    assert found.macs == 2 * 32 * 96 + 2 * (2 * 4 * 1 * 8)
    narrow = activation("y", 2, 1, 24)  # heads of six
    inputs = [x, parameter("w", 32, 72), None, None, buffer]
    found = work("DecoderMaskedSelfAttention", inputs, [narrow], {"num_heads": 4}, CONTRIB)
    assert found.macs == 2 * 32 * 72 + 2 * (2 * 4 * 64 * 6)


def test_a_bias_of_scores_is_no_past():
    """Of as many heads, queries and keys as there are: it has the extents of kept keys, and is none."""
    q, k, v = activation("q", 2, 6, 32), activation("k", 2, 9, 32), activation("v", 2, 9, 32)
    bias, y = activation("s", 2, 4, 6, 9), activation("y", 2, 6, 32)
    past = [activation("pk", 2, 4, 5, 8), activation("pv", 2, 4, 5, 8)]
    found = work("MultiHeadAttention", [q, k, v, None, None, bias, *past], [y], {"num_heads": 4}, CONTRIB)
    assert found.macs == 2 * 2 * 6 * (9 + 5) * 32
    one = [activation(name, 2, 1, 32) for name in "qkv"]
    given = [*one, None, activation("s", 2, 4, 1, 6), *past]
    found = work("DecoderMaskedMultiHeadAttention", given, [activation("y", 2, 1, 32)], {"num_heads": 4}, CONTRIB)
    assert found.macs == 2 * 2 * (5 + 1) * 32
    assert [one.function for one in found.vectors] == ["mul", "add", "softmax"]
    index = [*one, activation("m", 2, 6, dtype="int32"), None, *past]  # a mask of keys, or a bias: either is added
    masked = work("DecoderMaskedMultiHeadAttention", index, [activation("y", 2, 1, 32)], {"num_heads": 4}, CONTRIB)
    assert masked.vectors == found.vectors
    flat, offset = [activation(name, 10, 32) for name in "qkv"], activation("o", 2, 8, dtype="int32")
    for extra, functions in (
        ([], ["mul", "softmax"]),
        ([None, activation("s", 2, 4, 8, 8)], ["mul", "add", "softmax"]),
    ):
        inputs = [*flat, None, offset, *extra]
        packed = work("PackedMultiHeadAttention", inputs, [activation("y", 10, 32)], {"num_heads": 4}, CONTRIB)
        assert [one.function for one in packed.vectors] == functions
    plain = work(
        "DecoderMaskedMultiHeadAttention",
        [*one, None, None, *past],
        [activation("y", 2, 1, 32)],
        {"num_heads": 4},
        CONTRIB,
    )
    assert plain.macs == found.macs and [one.function for one in plain.vectors] == ["mul", "softmax"]


def test_grouped_queries_share_keys():
    batch, tokens, heads, key_heads, width, past = 1, 3, 8, 2, 16, 10
    q = activation("q", batch, tokens, heads * width)
    k, v = (activation(name, batch, tokens, key_heads * width) for name in "kv")
    cache = [activation(name, batch, key_heads, past, width) for name in ("pk", "pv")]
    y = activation("y", batch, tokens, heads * width)
    attributes = {"num_heads": heads, "kv_num_heads": key_heads}
    found = work("GroupQueryAttention", [q, k, v, *cache], [y], attributes, CONTRIB)
    assert found.macs == 2 * batch * heads * tokens * (past + tokens) * width
    assert found.nests[0].g == key_heads and found.nests[0].p == tokens * heads // key_heads
    shared = [activation(name, batch, key_heads, 64, width) for name in ("nk", "nv")]
    found = work("GroupQueryAttention", [q, k, v, *cache], [y, *shared], attributes, CONTRIB)
    assert found.macs == 2 * batch * heads * tokens * 64 * width
    packed = activation("q", batch, tokens, (heads + 2 * key_heads) * width)
    found = work("GroupQueryAttention", [packed, None, None, *cache], [y], {**attributes, "do_rotary": 1}, CONTRIB)
    assert found.macs == 2 * batch * heads * tokens * (past + tokens) * width
    assert found.vectors[0].operations == 3 * tokens * width * (heads + key_heads)


@pytest.mark.parametrize(("rule", "products"), [("linear", 2), ("gated", 2), ("delta", 3), ("gated_delta", 3)])
def test_linear_attention_updates_and_queries_a_state(rule, products):
    batch, tokens, heads, key_heads, width, value_width = 2, 5, 4, 2, 8, 6
    operands = [
        activation("q", batch, tokens, heads * width),
        activation("k", batch, tokens, key_heads * width),
        activation("v", batch, tokens, key_heads * value_width),
    ]
    y = activation("y", batch, tokens, heads * value_width)
    attributes = {"q_num_heads": heads, "kv_num_heads": key_heads, "update_rule": rule}
    found = work("LinearAttention", operands, [y], attributes)
    states = batch * tokens * width * value_width
    assert found.macs == states * (key_heads * (products - 1) + heads)
    # results are scaled; a state decays at every token; a correction is a difference and a factor
    gated, delta = rule.startswith("gated"), rule.endswith("delta")
    expected = [
        y.elements,
        *([states * key_heads] if gated else []),
        *([2 * batch * key_heads * tokens * value_width] if delta else []),
    ]
    assert [one.operations for one in found.vectors] == expected
    assert [(nest.g, nest.p, nest.c, nest.k) for nest in found.nests][:: products - 1] == [
        (batch * key_heads, width, tokens, value_width),
        (batch * key_heads, tokens * heads // key_heads, width, value_width),
    ]


def test_heads_that_do_not_divide_name_the_node():
    q, k = activation("q", 1, 3, 4, 8), activation("k", 1, 2, 4, 8)
    with pytest.raises(ModelError, match="3 query heads"):
        work("Attention", [q, k, k], [activation("y", 1, 3, 4, 8)])


@pytest.mark.parametrize(
    ("op", "domain", "wrong"),
    [
        ("Attention", "", 0), ("Attention", "", 1), ("Attention", "", 2), ("Attention", CONTRIB, 0), ("Attention", CONTRIB, 1),
        ("DecoderMaskedSelfAttention", CONTRIB, 0), ("DecoderMaskedSelfAttention", CONTRIB, 1), ("MultiHeadAttention", CONTRIB, 0),
        ("GroupQueryAttention", CONTRIB, 0), ("LinearAttention", "", 0), ("LinearAttention", "", 1), ("LinearAttention", "", 2),
    ],
)  # fmt: skip
def test_operands_of_too_few_dims_name_the_node(op, domain, wrong):
    """Three tensors of 1 x 32 x 32, one of them flat."""
    inputs = [activation(name, 1, 32, 32) for name in "qkv"]
    if op in ("Attention", "DecoderMaskedSelfAttention") and domain:
        inputs[1] = parameter("k", 32, 96)
    attributes = {"num_heads": 4, "q_num_heads": 4, "kv_num_heads": 4}
    assert work(op, inputs, [activation("y", 1, 32, 32)], attributes, domain).macs > 0
    inputs[wrong] = activation("flat", 32)
    with pytest.raises(ModelError, match="node"):
        work(op, inputs, [activation("y", 1, 32, 32)], attributes, domain)
