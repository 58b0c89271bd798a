"""The equation of an Einsum: which named index stands where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hwsim.errors import ModelError

Indices = tuple[str, ...]


def parse_equation(equation: str, ranks: Sequence[int]) -> tuple[list[Indices], Indices]:
    """Index names of every operand and of the result; an ellipsis becomes ``.0``, ``.1``, ... counted from the right.

    ranks : number of dims of each operand. Raises ModelError where the equation is none, or does not fit the operands.
    """
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise ModelError(f"equation {equation[:80]!r} names {len(parts)} operands, the node has {len(ranks)}")
    for part in (*parts, right):
        named = part.replace("...", "", 1)
        if named and not (named.isascii() and named.isalpha()):
            raise ModelError(
                f"equation {equation[:80]!r}: {part[:80]!r} is not made of letters and at most one ellipsis"
            )
    widest = 0
    terms: list[Indices] = []
    for part, rank in zip(parts, ranks, strict=True):
        spare = rank - len(part.replace("...", ""))
        if spare < 0 or (spare > 0 and "..." not in part):
            raise ModelError(f"equation {equation[:80]!r}: {part[:80]!r} does not fit an operand of {rank} dims")
        widest = max(widest, spare)
        terms.append(_expanded(part, spare))
    if arrow:
        result = _expanded(right, widest)
    else:
        names = Counter(index for term in terms for index in term)
        once = sorted(index for index, count in names.items() if count == 1 and not index.startswith("."))
        result = (*_expanded("...", widest), *once)
    if unknown := set(result) - {index for term in terms for index in term}:
        raise ModelError(f"equation {equation[:80]!r}: no operand has {', '.join(sorted(unknown))}")
    if len(set(result)) != len(result):
        raise ModelError(f"equation {equation[:80]!r}: the result names an index twice")
    return terms, result


def index_extents(terms: Sequence[Indices], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """Extent of every index; an extent of 1 gives way to another. Raises ModelError where two differ."""
    extents: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for index, size in zip(term, shape, strict=True):
            known = extents.setdefault(index, size)
            if known == 1:
                extents[index] = size
            elif size not in (1, known):
                raise ModelError(f"index {index!r} is {known} in one operand and {size} in another")
    return extents


def _expanded(part: str, spare: int) -> Indices:
    before, dots, after = part.partition("...")
    middle = tuple(f".{position}" for position in reversed(range(spare))) if dots else ()
    return (*before, *middle, *after)
