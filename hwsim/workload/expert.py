"""Mixtures of experts: every token passes through its top-k experts, each a small feed-forward network."""

from __future__ import annotations

from hwsim.graph import Tensor
from hwsim.workload.call import Call, Demand, operand, operand_type, product, vector
from hwsim.workload.functions import ACTIVATION, SOFTMAX
from hwsim.workload.nest import LoopNest
from hwsim.workload.work import VectorOp

#: How far below the number of experts a divisor of the tokens is looked for.
_TRIED = 4096


def experts(call: Call) -> Demand:
    """com.microsoft MoE: input, router_probs, fc1, its bias, fc2, its bias, and perhaps a gating fc3."""
    return _experts(call, (2, 4, 6), "")


def quantized_experts(call: Call) -> Demand:
    """com.microsoft QMoE: the same with a scale after every weight, packed ``expert_weight_bits`` wide."""
    bits = call.integer("expert_weight_bits", 4)
    return _experts(call, (2, 5, 8), f"uint{bits if 1 <= bits <= 8 else 8}")


def _experts(call: Call, positions: tuple[int, int, int], packed: str) -> Demand:
    x, router, out = call.need(0, 2), call.need(1, 2), call.result()
    width = x.shape[-1]
    tokens = x.elements // width if width else 0
    chosen = tokens * max(1, call.integer("k", 1))
    first = call.need(positions[0], 3)
    call.need(positions[1], 3)
    total = first.shape[0]
    touched = min(total, chosen)
    # tokens are spread evenly; the groups divide them exactly so that MACs are exact
    groups = next((count for count in range(touched, max(0, touched - _TRIED), -1) if chosen % count == 0), 1)
    rows = chosen // groups if groups else 0
    inner = _inner(first, width, packed)
    reduction = inner // 2 if call.text("activation_type").lower() == "swiglu" else inner
    middle = Tensor("", (), out.dtype)
    nests: tuple[LoopNest, ...] = ()
    reads: dict[int, int] = {}
    for position, columns, depth in (
        (positions[0], inner, width),
        (positions[1], width, reduction),
        (positions[2], inner, width),
    ):
        weight = call.input(position)
        if weight is None:
            continue
        reads[position] = weight.bytes * touched // max(1, total)
        stored = Tensor(weight.name, weight.shape, packed or weight.dtype, "parameter", weight.density)
        nests += product(
            middle if position == positions[1] else x,
            stored,
            operand(out),
            groups=groups,
            rows=rows,
            reduction=depth,
            columns=columns,
        )
    vectors = vector("softmax", SOFTMAX * router.elements, router.elements)
    function, operations = ACTIVATION.get(call.text("activation_type", "relu").lower(), ("compare", 1))
    vectors += vector(function, operations * chosen * reduction, chosen * reduction)
    return Demand(nests, vectors + _combine(chosen, width), reads=reads)


def _inner(first: Tensor, width: int, packed: str) -> int:
    """Columns of fc1: the stored weight is (experts, columns, width), or (experts, width, columns) in older graphs."""
    per_byte = 8 // operand_type(packed).bits if packed else 1
    if first.shape[2] * per_byte == width or first.shape[2] == width:
        return first.shape[1]
    return first.shape[2] * per_byte


def _combine(chosen: int, width: int) -> tuple[VectorOp, ...]:
    """Results of the chosen experts, weighted and added up."""
    return vector("mul", 2 * chosen * width, chosen * width)
