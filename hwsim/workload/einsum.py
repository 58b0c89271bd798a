"""Einsum: an equation over named indices as matrix products."""

from __future__ import annotations

from collections import Counter

from hwsim.graph import Tensor
from hwsim.workload.call import Call, Demand, operand, product, vector
from hwsim.workload.nest import LoopNest


def einsum(call: Call) -> Demand:
    """Einsum: of two operands one nest, of more a chain of them from left to right, of one a reduction or a move.

    An index of both operands and the result is a group; of one operand and the result a row or a column; whatever the result lacks is
    reduced. So the MACs of a pair are the product of the extents of all its indices.
    """
    operands = [tensor for tensor in call.inputs if tensor is not None]
    terms, result = parse_equation(call, [len(tensor.shape) for tensor in operands])
    extents: dict[str, int] = {}
    for term, tensor in zip(terms, operands, strict=True):
        for index, size in zip(term, tensor.shape, strict=True):
            if extents.setdefault(index, size) == 1:
                extents[index] = size
    out = call.result()
    if len(operands) == 1:
        added = operands[0].elements
        return (
            Demand(vectors=vector("reduce", added, out.elements)) if set(terms[0]) - set(result) else Demand(moved=True)
        )
    nests: tuple[LoopNest, ...] = ()
    left, indices = operands[0], terms[0]
    for position in range(1, len(operands)):
        right, term = operands[position], terms[position]
        last = position == len(operands) - 1
        later = set(result).union(*terms[position + 1 :])
        kept = tuple(dict.fromkeys(index for index in indices + term if index in later))
        nests += _pair(left, right, indices, term, result if last else kept, extents, out)
        left = Tensor("", tuple(extents[index] for index in kept), left.dtype)
        indices = kept
    return Demand(nests)


def _pair(
    left: Tensor,
    right: Tensor,
    first: tuple[str, ...],
    second: tuple[str, ...],
    kept: tuple[str, ...],
    extents: dict[str, int],
    out: Tensor,
) -> tuple[LoopNest, ...]:
    sizes = {"groups": 1, "rows": 1, "reduction": 1, "columns": 1}
    for index in dict.fromkeys(first + second):
        if index not in kept:
            role = "reduction"
        elif index in first and index in second:
            role = "groups"
        else:
            role = "rows" if index in first else "columns"
        sizes[role] *= extents[index]
    return product(left, right, operand(out), **sizes)


def parse_equation(call: Call, ranks: list[int]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Index names of every operand and of the result; an ellipsis becomes ``.0``, ``.1``, ... counted from the right.

    Raises ModelError where the equation does not fit the operands.
    """
    equation = call.text("equation").replace(" ", "")
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise call.error(f"equation {equation!r} names {len(parts)} operands, the node has {len(ranks)}")
    widest = 0
    terms: list[tuple[str, ...]] = []
    for part, rank in zip(parts, ranks, strict=True):
        named = len(part.replace("...", ""))
        spare = rank - named
        if spare < 0 or (spare > 0 and "..." not in part):
            raise call.error(f"equation {equation!r}: {part!r} does not fit an operand of {rank} dims")
        widest = max(widest, spare)
        terms.append(_expanded(part, spare))
    if arrow:
        result = _expanded(right, widest)
    else:
        names = Counter(index for term in terms for index in term)
        once = sorted(index for index, count in names.items() if count == 1 and not index.startswith("."))
        result = (*_expanded("...", widest), *once)
    if unknown := set(result) - {index for term in terms for index in term}:
        raise call.error(f"equation {equation!r}: no operand has {', '.join(sorted(unknown))}")
    return terms, result


def _expanded(part: str, spare: int) -> tuple[str, ...]:
    before, dots, after = part.partition("...")
    middle = tuple(f".{position}" for position in reversed(range(spare))) if dots else ()
    return (*before, *middle, *after)
