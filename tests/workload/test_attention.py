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


def _told(found):
    return [(one.function, one.operations, one.elements) for one in found.vectors]


def _scores(count, *functions):
    each = {"mul": 1, "add": 1, "tanh": 3, "softmax": 5}
    return [(function, each[function] * count, count) for function in functions]


@pytest.mark.parametrize("op", ["Attention", "QAttention", "PackedAttention"])
def test_a_projected_attention_adds_masks_and_biases_of_scores(op):
    """The mask of keys is input 3, a bias of scores input 5 (of a packed one: where sequences begin); past keys are 4, or 8."""
    tokens, width = 6, 32
    x, w, y = activation("x", 1, tokens, width), parameter("w", width, 96), activation("y", 1, tokens, width)
    none, scores, total = [None] * 3, 4 * tokens * tokens, tokens * 96
    first = [("dequantize", 2 * total, total)] if op == "QAttention" else []
    mask, bias = activation("m", 1, tokens, dtype="int32"), activation("s", 1, 4, tokens, tokens)
    for extra, masked in (
        ([], False),
        ([None, mask], True),
        ([*none, bias], True),
        ([None, None, bias], False),
        ([None, mask, None, bias], True),
    ):
        found = work(op, [x, w, *extra], [y], {"num_heads": 4}, CONTRIB)
        assert _told(found)[: len(first)] == first
        if len(extra) != 3 or masked:
            names = ("mul", "add", "softmax") if masked else ("mul", "softmax")
            assert _told(found)[len(first) :] == _scores(scores, *names)
    past = activation("p", 2, 1, 4, 5, 8)
    places = {"QAttention": 8}
    place = places.get(op, 4)
    for at in (4, 8):
        inputs = [x, w, *[None] * (at - 2), past]
        found = work(op, inputs, [y], {"num_heads": 4}, CONTRIB)
        keys = tokens + (5 if at == place else 0)
        assert [nest.macs for nest in found.nests] == [tokens * width * 96, *[tokens * keys * width] * 2]
    flat = activation("p", 2, 1, 5, 8)
    assert work(op, [x, w, *[None] * (place - 2), flat], [y], {"num_heads": 4}, CONTRIB).nests[1].k == tokens
    assert [nest.g for nest in work(op, [x, w], [y], {}, CONTRIB).nests] == [
        1,
        1,
        1,
    ]  # of one head where nothing is said
    assert (
        work(op, [x, w], [y], {"qkv_hidden_sizes": (8, 8)}, CONTRIB).nests[1].c == 32
    )  # of three widths, or a third each


def test_packed_tokens_are_of_sequences_where_an_offset_says_so():
    x, w, y = activation("x", 10, 32), parameter("w", 32, 96), activation("y", 10, 32)
    for shape, batch, sequence in (((2, 8), 2, 8), ((10,), 1, 10), ((2, 8, 1), 1, 10)):
        found = work(
            "PackedAttention", [x, w, None, activation("o", *shape, dtype="int32")], [y], {"num_heads": 2}, CONTRIB
        )
        assert [nest.g for nest in found.nests] == [1, 2 * batch, 2 * batch]
        assert [nest.p for nest in found.nests] == [10, sequence, sequence]
    empty = work("PackedAttention", [activation("x", 10, 0), parameter("w", 0, 96)], [y], {"num_heads": 2}, CONTRIB)
    assert empty.macs == 0


def test_queries_of_many_heads_in_each_layout():
    """Two dims are one query each; four and five are packed where no key is given; one head where nothing is said."""
    y = activation("y", 2, 32)
    (first, second) = work(
        "MultiHeadAttention",
        [activation("q", 2, 32), activation("k", 2, 9, 32), activation("v", 2, 9, 32)],
        [y],
        {},
        CONTRIB,
    ).nests
    assert (first.g, first.p, first.c, first.k) == (2, 1, 32, 9) and (second.c, second.k) == (9, 32)
    y = activation("y", 2, 6, 32)
    (first, _) = work("MultiHeadAttention", [activation("q", 2, 6, 4, 8)], [y], {"num_heads": 4}, CONTRIB).nests
    assert (first.g, first.p, first.c, first.k) == (8, 6, 8, 6)
    (first, _) = work("MultiHeadAttention", [activation("q", 2, 6, 32)], [y], {"num_heads": 4}, CONTRIB).nests
    assert (first.g, first.p, first.c, first.k) == (8, 6, 8, 6)
    five = activation("q", 2, 6, 4, 1, 32)
    (first, _) = work("MultiHeadAttention", [five, activation("k", 2, 9, 32)], [y], {"num_heads": 4}, CONTRIB).nests
    assert (first.c, first.k) == (8, 9)
    for key, keys in (((9,), 6), ((2, 9), 9), ((2, 9, 32), 9), ((2, 4, 9, 8), 9), ((2, 9, 4, 2, 8), 9)):
        inputs = [activation("q", 2, 6, 32), activation("k", *key)]
        assert work("MultiHeadAttention", inputs, [y], {"num_heads": 4}, CONTRIB).nests[0].k == keys
    assert (
        work("PackedMultiHeadAttention", [activation(n, 10, 32) for n in "qkv"], [activation("y", 10, 32)], {}, CONTRIB)
        .nests[0]
        .g
        == 1
    )


@pytest.mark.parametrize(
    ("op", "place", "queries"), [("MultiHeadAttention", 6, 3), ("DecoderMaskedMultiHeadAttention", 5, 1)]
)
def test_keys_that_are_kept(op, place, queries):
    """Of four dims; beside new ones, unless those are given by head; as many as the present has where that is a result."""
    q, y = activation("q", 2, queries, 32), activation("y", 2, queries, 32)
    k, v = activation("k", 2, queries, 32), activation("v", 2, queries, 32)

    def keys(key, value, past, *present, at=place):
        inputs = [q, key, value, *[None] * (at - 3), past]
        return work(op, inputs, [y, *present], {"num_heads": 4}, CONTRIB).nests[0].k

    past, by_head = activation("p", 2, 4, 5, 8), activation("k", 2, 4, 9, 8)
    assert keys(k, v, past) == queries + 5
    assert keys(k, v, activation("p", 2, 5, 32)) == queries
    assert keys(k, v, past, at=place + 1) == queries
    assert keys(by_head, by_head, past) == 9
    assert keys(k, v, past, activation("n", 2, 4, 64, 8)) == 64
    assert keys(k, v, past, activation("n", 64, 8)) == queries + 5


def test_queries_in_groups_in_each_layout():
    q, y = activation("q", 1, 3, 128), activation("y", 1, 3, 128)
    attributes = {"num_heads": 8, "kv_num_heads": 2}
    k, v = activation("k", 1, 7, 32), activation("v", 1, 7, 32)
    past = activation("p", 1, 2, 10, 16)

    def keys(key, value, *more, **given):
        return work("GroupQueryAttention", [q, key, value, *more], [y], {**attributes, **given}, CONTRIB).nests[0].k

    assert keys(k, v) == 7 and keys(k, v, past) == 17 and keys(k, v, activation("p", 1, 2, 160)) == 7
    assert keys(activation("k", 1, 2, 7, 16), v) == 3
    assert keys(k, v, past, total_sequence_length=12) == 12 and keys(k, v, total_sequence_length=12) == 7
    found = work("GroupQueryAttention", [q, k, v], [y], {"num_heads": 8, "do_rotary": 1}, CONTRIB)
    assert [(nest.g, nest.p, nest.c, nest.k) for nest in found.nests] == [(8, 3, 16, 7), (8, 3, 7, 16)]
    assert _told(found) == [("mul", 3 * 3 * 16 * 16, 3 * 16 * 16), *_scores(8 * 3 * 7, "mul", "softmax")]
    assert work("GroupQueryAttention", [q, k, v], [y], {}, CONTRIB).nests[0].g == 1
    with pytest.raises(ModelError, match="8 query heads do not divide into 3 key heads"):
        work("GroupQueryAttention", [q, k, v], [y], {"num_heads": 8, "kv_num_heads": 3}, CONTRIB)
    with pytest.raises(ModelError, match="output 'y' has 2 dims, needs at least 3"):
        work("GroupQueryAttention", [q, k, v], [activation("y", 3, 128)], attributes, CONTRIB)


def test_attention_of_onnx_says_its_heads():
    """By an attribute where operands are flat, one where there is none; keys have as many as queries where nothing else is said."""
    q, k, v = activation("q", 2, 3, 48), activation("k", 2, 5, 24), activation("v", 2, 5, 12)
    for told, groups, width, value_width in (
        ({"q_num_heads": 6, "kv_num_heads": 3}, 3, 8, 4), ({"q_num_heads": 6}, 6, 8, 2), ({}, 1, 48, 12),
    ):  # fmt: skip
        first, second = work("Attention", [q, k, v], [activation("y", 2, 3, 24)], told).nests
        assert (first.g, first.c, first.k, second.k) == (2 * groups, width, 5, value_width)
        assert first.p == 3 * told.get("q_num_heads", 1) // groups
    cube = [activation(name, 2, 4, 5, 8) for name in "qkv"]
    for past, keys in (((2, 4, 3, 8), 8), ((2, 3, 32), 5)):
        found = work(
            "Attention", [*cube, None, activation("p", *past)], [activation("y", 2, 4, 5, 8)], {"softcap": 0.0}
        )
        assert found.nests[0].k == keys and _told(found) == _scores(2 * 4 * 5 * keys, "mul", "softmax")
    kept = work("Attention", cube, [activation("y", 2, 4, 5, 8)], {"softcap": 2})
    assert [one.function for one in kept.vectors] == ["mul", "tanh", "softmax"]
    assert [
        one.function for one in work("Attention", cube, [activation("y", 2, 4, 5, 8)], {"softcap": "x"}).vectors
    ] == ["mul", "softmax"]


def test_types_of_scores_and_results():
    """Scores travel in the type of the query; a second product has a weight that was made at run time."""
    q, k, v = (
        activation(name, 1, 2, 4, 8, dtype=kind) for name, kind in (("q", "float16"), ("k", "int8"), ("v", "bfloat16"))
    )
    first, second = work("Attention", [q, k, v], [activation("y", 1, 2, 4, 8)]).nests
    assert (first.input.dtype, first.weight.dtype, first.output.dtype) == ("float16", "int8", "float16")
    assert (second.input.dtype, second.weight.dtype, second.output.dtype) == ("float16", "bfloat16", "float32")


def test_linear_attention_says_its_heads_and_its_rule():
    q, k, v = (activation(name, 2, 5, 24, dtype="float16") for name in "qkv")
    found = work("LinearAttention", [q, k, v], [activation("y", 2, 5, 24)], {})
    none = work("LinearAttention", [q, k, v], [activation("y", 2, 5, 24)], {"q_num_heads": 0, "kv_num_heads": 0})
    assert none == found
    assert [(nest.g, nest.p, nest.c, nest.k) for nest in found.nests] == [
        (2, 24, 5, 24),
        (2, 5, 24, 24),
        (2, 5, 24, 24),
    ]
    states = 2 * 24 * 24 * 5
    assert _told(found) == [
        ("mul", 240, 240),
        ("mul", states, states),
        ("mul", 2 * 240, 240),
    ]  # gated_delta where nothing is said
    assert [(nest.input.dtype, nest.weight.dtype, nest.output.dtype) for nest in found.nests] == [
        ("float16", "float16", "float32"), ("float16", "float32", "float32"), ("float16", "float32", "float32"),
    ]  # fmt: skip
    with pytest.raises(ModelError, match="3 query heads do not divide into 2 key heads"):
        work("LinearAttention", [q, k, v], [activation("y", 2, 5, 24)], {"q_num_heads": 3, "kv_num_heads": 2})
    found = work("LinearAttention", [q, k, v], [activation("y", 2, 5, 24)], {"q_num_heads": 4, "update_rule": "linear"})
    assert found.nests[0].g == 8
    with pytest.raises(ModelError, match="needs at least 3"):
        work("LinearAttention", [q, k, v], [activation("y", 5, 24)], {})
