"""Attention: two products with a softmax between them, in the shapes that ONNX and com.microsoft give it.

Heads that share keys and values (grouped queries) are rows of one group: G = batch · key heads, P = queries · (heads / key heads).
Masks, causal or windowed, do not lower the count: B · H · Sq · Skv · (D + Dv) is what the dense products take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hwsim.graph import Tensor
from hwsim.workload.call import Call, Demand, operand, product, vector
from hwsim.workload.functions import SOFTMAX
from hwsim.workload.nest import LoopNest
from hwsim.workload.work import VectorOp


class Heads(NamedTuple):
    """Extents of one attention: batch, query heads, key heads, queries, keys, width of a key, width of a value."""

    batch: int
    heads: int
    key_heads: int
    queries: int
    keys: int
    width: int
    value_width: int


def products_of(shape: Heads, query: Tensor, key: Tensor, value: Tensor, out: Tensor) -> tuple[LoopNest, ...]:
    """The score product Q·Kᵀ and the value product P·V; the scores travel in the type of the query."""
    groups = shape.batch * shape.key_heads
    rows = shape.queries * (shape.heads // max(1, shape.key_heads))
    scores = Tensor("", (), query.dtype)
    first = product(query, key, operand(scores), groups=groups, rows=rows, reduction=shape.width, columns=shape.keys)
    second = product(
        scores, value, operand(out), groups=groups, rows=rows, reduction=shape.keys, columns=shape.value_width
    )
    return first + second


def scores_work(call: Call, shape: Heads, masked: bool) -> tuple[VectorOp, ...]:
    """Scaling, mask and softmax of the scores, and the tanh of a soft cap."""
    count = shape.batch * shape.heads * shape.queries * shape.keys
    found = vector("mul", count, count)
    if masked:
        found += vector("add", count, count)
    softcap = call.layer.attributes.get("softcap", 0.0)
    if isinstance(softcap, int | float) and softcap:
        found += vector("tanh", 3 * count, count)
    return found + vector("softmax", SOFTMAX * count, count)


def attention(call: Call) -> Demand:
    """Attention of ai.onnx (opset 23 and later) with 4-D or 3-D operands, past_key and past_value, grouped key heads."""
    query, key, value, out = call.need(0, 3), call.need(1, 3), call.need(2, 3), call.result(3)
    if len(query.shape) == 4:
        batch, heads, queries, width = query.shape
    else:
        batch, queries = query.shape[:2]
        heads = max(1, call.integer("q_num_heads", 1))
        width = query.shape[2] // heads
    key_heads, keys, value_width = _keys(call, key, value)
    past = call.input(4)
    if past is not None and len(past.shape) == 4:
        keys += past.shape[2]
    if heads % max(1, key_heads):
        raise call.error(f"{heads} query heads do not divide into {key_heads} key heads")
    shape = Heads(batch, heads, key_heads, queries, keys, width, value_width)
    return Demand(products_of(shape, query, key, value, out), scores_work(call, shape, call.input(3) is not None))


def _keys(call: Call, key: Tensor, value: Tensor) -> tuple[int, int, int]:
    """Key heads, keys, width of a value."""
    if len(key.shape) == 4:
        return key.shape[1], key.shape[2], value.shape[-1]
    heads = max(1, call.integer("kv_num_heads") or call.integer("q_num_heads", 1))
    return heads, key.shape[1], value.shape[-1] // heads


def projected_attention(call: Call) -> Demand:
    """com.microsoft Attention, QAttention, PackedAttention: the projection of the input to Q, K and V included.

    Inputs: x (batch, sequence, width) or packed (tokens, width), weights (width, Q + K + V).
    """
    x, weight, out = call.need(0, 2), call.need(1, 2), call.result(2)
    heads = max(1, call.integer("num_heads", 1))
    sizes = call.integers("qkv_hidden_sizes")
    total = weight.shape[1]
    queries_width, _, values_width = sizes if len(sizes) == 3 else (total // 3,) * 3
    tokens = x.elements // x.shape[-1] if x.shape[-1] else 0
    projected = Tensor("", (), out.dtype)
    projection = product(x, weight, operand(projected), groups=1, rows=tokens, reduction=x.shape[-1], columns=total)
    batch, sequence = (x.shape[0], x.shape[1]) if len(x.shape) > 2 else _packed(call, tokens, 3)
    past = call.input(8 if call.layer.op == "QAttention" else 4)
    keys = sequence
    if past is not None and len(past.shape) == 5:
        keys += past.shape[3]
    shape = Heads(batch, heads, heads, sequence, keys, queries_width // heads, values_width // heads)
    inner = products_of(shape, projected, projected, projected, out)
    masked = call.input(3) is not None or call.input(5) is not None
    vectors = scores_work(call, shape, masked)
    if call.layer.op == "QAttention":
        vectors = vector("dequantize", 2 * tokens * total, tokens * total) + vectors
    return Demand(projection + inner, vectors)


def _packed(call: Call, tokens: int, position: int) -> tuple[int, int]:
    """Batch and sequence of packed tokens, from token_offset (batch, sequence): the padded extents are an upper bound."""
    offset = call.input(position)
    if offset is not None and len(offset.shape) == 2:
        return offset.shape[0], offset.shape[1]
    return 1, tokens


#: Operand with the past keys, and operands that are added to scores, by operator of com.microsoft.
_PLACES: Mapping[str, tuple[int | None, tuple[int, ...]]] = {
    "MultiHeadAttention": (6, (4, 5)),
    "DecoderMaskedMultiHeadAttention": (5, (3, 4)),
    "PackedMultiHeadAttention": (None, (6,)),
}


def multi_head(call: Call) -> Demand:
    """com.microsoft MultiHeadAttention and its packed and decoding kin.

    Inputs: query (batch, queries, heads · width) or Q, K and V packed (batch, sequence, heads, 3, width); key (batch, keys, width)
    or packed with the value (batch, keys, heads, 2, width) or per head (batch, heads, keys, width); past key (batch, heads, past, width).
    """
    query, out = call.need(0, 2), call.result(2)
    heads = max(1, call.integer("num_heads", 1))
    key, value = call.input(1), call.input(2)
    place, masks = _PLACES.get(call.layer.op, (None, ()))
    past = None if place is None else call.input(place)
    if call.layer.op == "PackedMultiHeadAttention":
        batch, queries = _packed(call, query.shape[0], 4)
    elif call.layer.op == "DecoderMaskedSelfAttention":
        return _masked_self(call, query, out, heads)
    else:
        batch, queries = query.shape[0], query.shape[1] if len(query.shape) > 2 else 1
    packed = len(query.shape) in (4, 5) and key is None
    width = query.shape[-1] if packed else query.shape[-1] // heads
    value_width = out.shape[-1] // heads
    keys = queries
    if key is not None and call.layer.op != "PackedMultiHeadAttention":
        if len(key.shape) == 4:
            keys, past = key.shape[2], None
        elif len(key.shape) > 1:
            keys = key.shape[1]
    if past is not None and len(past.shape) == 4:
        keys = _with_past(call, past, keys)
    shape = Heads(batch, heads, heads, queries, keys, width, value_width)
    masked = any(call.input(mask) is not None for mask in masks)
    return Demand(products_of(shape, query, key or query, value or query, out), scores_work(call, shape, masked))


def _with_past(call: Call, past: Tensor, keys: int) -> int:
    """Keys with those of the past: the present's where it is a result (a shared buffer has the same extents), else the sum."""
    present = call.output(1)
    if present is not None and len(present.shape) >= 4:
        return present.shape[-2]
    return past.shape[-2] + keys


def _masked_self(call: Call, x: Tensor, out: Tensor, heads: int) -> Demand:
    weight = call.need(1, 2)
    projected = Tensor("", (), out.dtype)
    tokens = x.elements // x.shape[-1] if x.shape[-1] else 0
    projection = product(
        x, weight, operand(projected), groups=1, rows=tokens, reduction=x.shape[-1], columns=weight.shape[1]
    )
    buffer = call.input(4)
    width = out.shape[-1] // heads
    queries = x.shape[1] if len(x.shape) > 2 else 1
    keys = buffer.shape[3] if buffer is not None and len(buffer.shape) == 5 else queries
    shape = Heads(x.shape[0], heads, heads, queries, keys, width, width)
    return Demand(
        projection + products_of(shape, projected, projected, projected, out), scores_work(call, shape, False)
    )


def grouped_query(call: Call) -> Demand:
    """com.microsoft GroupQueryAttention: query (batch, queries, heads · width), or with K and V packed behind where key is left out.

    Inputs 3 and 4 are the past (batch, key heads, past, width). With do_rotary, queries and keys are rotated too.
    """
    query, out = call.need(0, 3), call.result(3)
    heads = max(1, call.integer("num_heads", 1))
    key_heads = max(1, call.integer("kv_num_heads", heads))
    if heads % key_heads:
        raise call.error(f"{heads} query heads do not divide into {key_heads} key heads")
    key, value = call.input(1), call.input(2)
    batch, queries, packed = query.shape[:3]
    width = packed // heads if key is not None else packed // (heads + 2 * key_heads)
    past = call.input(3)
    keys = key.shape[1] if key is not None and len(key.shape) == 3 else queries
    if past is not None and len(past.shape) == 4:
        total = call.integer("total_sequence_length")
        keys = total if total > 0 else _with_past(call, past, keys)
    shape = Heads(batch, heads, key_heads, queries, keys, width, out.shape[-1] // heads)
    vectors = scores_work(call, shape, False)
    if call.integer("do_rotary"):
        rotated = batch * queries * width * (heads + key_heads)
        vectors = vector("mul", 3 * rotated, rotated) + vectors
    return Demand(products_of(shape, query, key or query, value or query, out), vectors)


def linear_attention(call: Call) -> Demand:
    """LinearAttention (opset 27): the state Σ k ⊗ v is updated and queried for every token, as the recurrence is written.

    An update costs dk · dv MACs for each key head and token, a query dk · dv for each query head and token, and the delta rules retrieve
    Sᵀk first, as much as an update. Chunked algorithms do more; they are not counted.
    """
    query, key, value, out = call.need(0, 3), call.need(1, 3), call.need(2, 3), call.result(3)
    batch, tokens = query.shape[:2]
    heads = max(1, call.integer("q_num_heads", 1))
    key_heads = max(1, call.integer("kv_num_heads", heads))
    if heads % key_heads:
        raise call.error(f"{heads} query heads do not divide into {key_heads} key heads")
    width, value_width = key.shape[2] // key_heads, value.shape[2] // key_heads
    groups = batch * key_heads
    state = Tensor("", (), "float32")
    nests = product(key, value, operand(state), groups=groups, rows=width, reduction=tokens, columns=value_width)
    rule = call.text("update_rule", "gated_delta")
    if rule.endswith("delta"):
        nests += product(key, state, operand(state), groups=groups, rows=tokens, reduction=width, columns=value_width)
    rows = tokens * (heads // key_heads)
    nests += product(query, state, operand(out), groups=groups, rows=rows, reduction=width, columns=value_width)
    states = groups * width * value_width * tokens
    vectors = vector("mul", out.elements, out.elements)
    if rule.startswith("gated"):
        vectors += vector("mul", states, states)  # the state decays at every token
    if rule.endswith("delta"):
        corrections = groups * tokens * value_width
        vectors += vector("mul", 2 * corrections, corrections)
    return Demand(nests, vectors)
