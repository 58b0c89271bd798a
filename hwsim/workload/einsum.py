"""Einsum: an equation over named indices as matrix products."""

from __future__ import annotations

from hwsim.errors import ModelError
from hwsim.graph import Tensor
from hwsim.graph.equation import index_extents, parse_equation
from hwsim.workload.call import Call, Demand, operand, product, vector
from hwsim.workload.nest import LoopNest


def einsum(call: Call) -> Demand:
    """Einsum: of two operands one nest, of more a chain of them from left to right, of one a reduction or a move.

    An index of both operands and the result is a group; of one operand and the result a row or a column; whatever the result lacks is
    reduced. So the MACs of a pair are the product of the extents of all its indices.
    """
    operands = [tensor for tensor in call.inputs if tensor is not None]
    try:
        terms, result = parse_equation(call.text("equation"), [len(tensor.shape) for tensor in operands])
        extents = index_extents(terms, [tensor.shape for tensor in operands])
    except ModelError as problem:
        raise call.error(str(problem)) from None
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
        later = set(result).union(*terms[position + 1 :])
        kept = tuple(dict.fromkeys(index for index in indices + term if index in later))
        nests += _pair(left, right, indices, term, kept, extents, out)
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
