"""Arithmetic that a study file may write: names of axes, numbers, + - * / // % **, comparisons, and/or/not, min, max, ceil, floor, sqrt,
log2.

Nothing else is understood, and nothing is ever executed: the syntax tree is walked.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from hwsim.errors import UsageError

MAX_LENGTH, LARGEST = 500, 1e300
_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "ceil": math.ceil,
    "floor": math.floor,
    "round": round,
    "sqrt": math.sqrt,
    "log2": math.log2,
    "abs": abs,
}


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression; dotted names (``memory.gbuf.capacity_kib``) are looked up whole. Raises UsageError with the
    expression.
    """
    try:
        value = _value(_parsed(text), names)
    except UsageError as error:
        raise UsageError(f"{text!r}: {error}") from None
    except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{text!r}: cannot be computed: {error}") from None
    if isinstance(value, complex) or (isinstance(value, int | float) and not abs(value) < LARGEST):
        raise UsageError(f"{text!r}: is not a finite number")
    return value


def names_in(text: str) -> frozenset[str]:
    """Names that an expression uses."""
    found: set[str] = set()

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.Attribute | ast.Name):
            found.add(_dotted(node))
            return
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.Call) and child is node.func):
                walk(child)

    walk(_parsed(text))
    return frozenset(found)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise UsageError(f"an expression of {len(text)} characters (at most {MAX_LENGTH})")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(f"{text!r}: is no arithmetic expression") from None


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise UsageError(f"{type(node).__name__} is not arithmetic")


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one return a kind of node
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    if isinstance(node, ast.Name | ast.Attribute):
        name = _dotted(node)
        if name not in names:
            raise UsageError(f"no axis {name} (there are {', '.join(sorted(names))})")
        return names[name]
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _value(node.left, names), _value(node.right, names)
        if isinstance(node.op, ast.Pow) and abs(right) > 64:
            raise UsageError("powers up to 64 alone")
        return _BINARY[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd | ast.Not):
        inner = _value(node.operand, names)
        return not inner if isinstance(node.op, ast.Not) else -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Compare):
        left = _value(node.left, names)
        for sign, other in zip(node.ops, node.comparators, strict=True):
            right = _value(other, names)
            if type(sign) not in _COMPARE:
                raise UsageError(f"{type(sign).__name__} is not a comparison of numbers")
            if not _COMPARE[type(sign)](left, right):
                return False
            left = right
        return True
    if isinstance(node, ast.BoolOp):
        values = (_value(inner, names) for inner in node.values)
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _FUNCTIONS
        and not node.keywords
    ):
        return _FUNCTIONS[node.func.id](*[_value(argument, names) for argument in node.args])
    raise UsageError(f"{type(node).__name__} is not arithmetic")
