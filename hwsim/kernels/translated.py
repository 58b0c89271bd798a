"""What kernels are full of, put shortly for LLVM: loops over ranges, arrays that are made, the least or largest of numbers, division.

Numba takes a range's iterator and each step of it through memory, in forty instructions, compiles a function of its own for each shape and
type of ``np.empty`` and each way to call ``min``, and branches where it divides: a third of all that it wrote. LLVM finds most of it out,
after a while. Lengths of arrays are the kernels' own: nobody asks whether they are negative, or more than memory has addresses.
"""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any, cast

import numpy as np
from llvmlite.ir import Constant
from numba.core.cgutils import for_range, memset, pack_array, pack_struct, unpack_tuple, voidptr_t
from numba.core.imputils import Registry
from numba.core.types import Any as Anything
from numba.core.types import (
    Array,
    BaseFunction,
    Integer,
    UniTuple,
    VarArg,
    float64,
    intp,
    unliteral,
)
from numba.core.typing.npydecl import parse_dtype
from numba.core.typing.templates import signature
from numba.np.arrayobj import get_itemsize

_MAKERS = {np.empty: "hwsim.empty", np.zeros: "hwsim.zeros", np.ones: "hwsim.ones"}
_EXTREMES = {min: "hwsim.min", max: "hwsim.max"}
_DIVISIONS = {
    operator.floordiv: "hwsim.floordiv",
    operator.ifloordiv: "hwsim.floordiv",
    operator.mod: "hwsim.mod",
    operator.imod: "hwsim.mod",
}
#: What is translated here, and by what name.
_NAMES: dict[Any, str] = {range: "hwsim.range", **_MAKERS, **_EXTREMES, **_DIVISIONS}
OURS = Registry("hwsim")  # type: ignore[no-untyped-call]


def ours(function: Any, context: Any, args: tuple[Any, ...], names: Any, makes: bool) -> tuple[Any, str]:
    """The signature of a call of one of Numba's own functions, and by what name it is translated: ours, or Numba's. makes : whether its
    caller may make arrays."""
    what, called = function.typing_key, None
    if makes and what in _MAKERS and not names:
        called = _array(args)
    elif what in _EXTREMES and len(args) > 1 and not names:
        called = _extreme(context, args)
    if called is not None:
        return called, _NAMES[what]
    called = cast(Any, BaseFunction).get_call_type(function, context, args, names)
    if what is range or (what in _DIVISIONS and called.args == (intp, intp)):
        return called, _NAMES[what]
    return called, function.get_impl_key(called)


def _extreme(context: Any, args: tuple[Any, ...]) -> Any | None:
    """The signature of the least or largest of these; None where they are not plain numbers."""
    kind = context.unify_types(*(unliteral(one) for one in args))  # type: ignore[no-untyped-call]
    return signature(kind, *[kind] * len(args)) if kind in (intp, float64) else None  # type: ignore[no-untyped-call]


def _array(args: tuple[Any, ...]) -> Any | None:
    """The signature of what makes an array of these lengths and kind; None where they are not numbers of one type."""
    shape = unliteral(args[0])  # type: ignore[no-untyped-call]
    several = isinstance(shape, UniTuple)
    kind = parse_dtype(args[1]) if len(args) > 1 else float64  # type: ignore[no-untyped-call]
    if kind is None or not isinstance(shape.dtype if several else shape, Integer):
        return None
    made = Array(kind, shape.count if several else 1, "C")
    lengths = UniTuple(intp, shape.count) if several else intp  # type: ignore[no-untyped-call]
    return signature(made, lengths, *args[1:])  # type: ignore[no-untyped-call]


@OURS.lower("hwsim.min", VarArg(Anything))  # type: ignore[no-untyped-call]
def _min(context: Any, builder: Any, called: Any, args: Any) -> Any:
    return reduce(lambda known, other: _either("<", called.return_type, builder, known, other), args)


@OURS.lower("hwsim.max", VarArg(Anything))  # type: ignore[no-untyped-call]
def _max(context: Any, builder: Any, called: Any, args: Any) -> Any:
    return reduce(lambda known, other: _either(">", called.return_type, builder, known, other), args)


def _either(beyond: str, kind: Any, builder: Any, known: Any, other: Any) -> Any:
    """As Python has it, also of what is no number: the first, unless the other is beyond it."""
    compare = builder.icmp_signed if kind == intp else builder.fcmp_ordered
    return builder.select(compare(beyond, other, known), other, known)


@OURS.lower("hwsim.floordiv", Anything, Anything)  # type: ignore[no-untyped-call]
def _floordiv(context: Any, builder: Any, called: Any, args: Any) -> Any:
    return _divided(builder, *args)[0]


@OURS.lower("hwsim.mod", Anything, Anything)  # type: ignore[no-untyped-call]
def _mod(context: Any, builder: Any, called: Any, args: Any) -> Any:
    return _divided(builder, *args)[1]


def _divided(builder: Any, number: Any, by: Any) -> tuple[Any, Any]:
    """Quotient and rest, rounded down, both 0 where ``by`` is. No number here is the least that there is, which -1 does not divide."""
    nothing, one = by.type(0), by.type(1)
    none = builder.icmp_signed("==", by, nothing)
    some = builder.select(none, one, by)
    quotient, rest = builder.sdiv(number, some), builder.srem(number, some)
    other_sign = builder.icmp_signed("<", builder.xor(rest, some), nothing)
    above = builder.and_(builder.icmp_signed("!=", rest, nothing), other_sign)
    quotient = builder.select(above, builder.sub(quotient, one), quotient)
    rest = builder.select(above, builder.add(rest, some), rest)
    return builder.select(none, nothing, quotient), builder.select(none, nothing, rest)


def _made(context: Any, builder: Any, called: Any, args: Any) -> tuple[Any, Any, Any]:
    """The array, its numbers' place and how many there are."""
    kind = called.return_type
    several = isinstance(called.args[0], UniTuple)
    shape = unpack_tuple(builder, args[0]) if several else [args[0]]  # type: ignore[no-untyped-call]
    size = context.get_constant(intp, get_itemsize(context, kind))  # type: ignore[no-untyped-call]
    number, strides = shape[-1], [size]
    for length in reversed(shape[:-1]):
        strides.insert(0, builder.mul(number, size))
        number = builder.mul(number, length)
    held = context.nrt.meminfo_alloc_aligned(
        builder, builder.mul(number, size), context.get_preferred_array_alignment(kind.dtype)
    )
    data = builder.bitcast(context.nrt.meminfo_data(builder, held), context.get_data_type(kind.dtype).as_pointer())
    nobody = Constant(voidptr_t, None)
    parts = held, nobody, number, size, data, pack_array(builder, shape), pack_array(builder, strides)  # type: ignore[no-untyped-call]
    return pack_struct(builder, parts), data, number  # type: ignore[no-untyped-call]


@OURS.lower("hwsim.empty", Anything)  # type: ignore[no-untyped-call]
@OURS.lower("hwsim.empty", Anything, Anything)  # type: ignore[no-untyped-call]
def _empty(context: Any, builder: Any, called: Any, args: Any) -> Any:
    return _made(context, builder, called, args)[0]


@OURS.lower("hwsim.zeros", Anything)  # type: ignore[no-untyped-call]
@OURS.lower("hwsim.zeros", Anything, Anything)  # type: ignore[no-untyped-call]
def _zeros(context: Any, builder: Any, called: Any, args: Any) -> Any:
    array, data, number = _made(context, builder, called, args)
    size = context.get_constant(intp, get_itemsize(context, called.return_type))  # type: ignore[no-untyped-call]
    memset(builder, data, builder.mul(number, size), 0)  # type: ignore[no-untyped-call]
    return array


@OURS.lower("hwsim.ones", Anything)  # type: ignore[no-untyped-call]
@OURS.lower("hwsim.ones", Anything, Anything)  # type: ignore[no-untyped-call]
def _ones(context: Any, builder: Any, called: Any, args: Any) -> Any:
    array, data, number = _made(context, builder, called, args)
    one = context.get_data_type(called.return_type.dtype)(1)
    with for_range(builder, number) as loop:
        builder.store(one, builder.gep(data, [loop.index]))
    return array


@OURS.lower("hwsim.range", Integer)  # type: ignore[no-untyped-call]
@OURS.lower("hwsim.range", Integer, Integer)  # type: ignore[no-untyped-call]
@OURS.lower("hwsim.range", Integer, Integer, Integer)  # type: ignore[no-untyped-call]
def _range(context: Any, builder: Any, called: Any, args: Any) -> Any:
    kind = called.return_type
    start = args[0] if len(args) > 1 else context.get_constant(kind.dtype, 0)
    step = args[2] if len(args) > 2 else context.get_constant(kind.dtype, 1)
    return pack_struct(builder, (start, args[min(1, len(args) - 1)], step))  # type: ignore[no-untyped-call]


def begun(builder: Any, given: Any) -> Any | None:
    """The iterator of a range, as Numba has it: where its next number is kept, stop, step, and where it is kept how many are left. None
    where the step is not a constant."""
    start, stop, step = (builder.extract_value(given, place) for place in range(3))
    if not isinstance(step, Constant) or step.constant == 0:
        return None
    along, many = (stop, start) if step.constant > 0 else (start, stop)
    number = builder.sub(along, many)
    each = abs(step.constant)
    if each > 1:
        number = builder.sdiv(builder.add(number, number.type(each - 1)), number.type(each))
    with builder.goto_entry_block():
        following, left = builder.alloca(start.type), builder.alloca(start.type)
    builder.store(start, following)
    builder.store(number, left)
    return pack_struct(builder, (following, stop, step, left))  # type: ignore[no-untyped-call]


def gone_on(builder: Any, given: Any) -> Any:
    """A pair of the iterator's next number and whether there is one. A loop that has ended asks no more."""
    following, _, step, left = (builder.extract_value(given, place) for place in range(4))
    value, number = builder.load(following), builder.load(left)
    builder.store(builder.add(value, step), following)
    builder.store(builder.sub(number, number.type(1)), left)
    return pack_struct(builder, (value, builder.icmp_signed(">", number, number.type(0))))  # type: ignore[no-untyped-call]
