"""What only kernels call is compiled with them: once for all constants, linked once, and Python's collector is left as it was."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
import pytest
from llvmlite.binding import ffi, parse_bitcode
from numba.core import errors, lowering, typeinfer
from numba.core.postproc import PostProcessor
from numba.extending import overload

from hwsim.kernels.inside import Inside, Whole
from hwsim.kernels.jit import FAILED, kernel, lean_kernel, merged_kernel, nested_kernel, passed, passed_kernel

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


@merged_kernel
def most(one: int, other: int) -> int:
    return max(one, other)


@lean_kernel
def total(numbers: np.ndarray, least: int) -> int:
    found = 0
    for number in numbers:
        found += most(number, least)
    return found


@nested_kernel
def doubled(numbers: np.ndarray, least: int) -> np.ndarray:
    return np.full(2, total(numbers, least) + total(numbers, 5))


def whole(numbers: np.ndarray, least: int) -> int:
    return doubled(numbers, least).sum() + total(numbers, 3) + most(least, 1)


def test_functions_several_calls_deep_are_linked_once_and_serve_all_constants() -> None:
    assert gc.isenabled() and gc.get_freeze_count() == 0
    compiled = numba.njit(pipeline_class=Whole)(whole)
    numbers = np.array([1, 2, 9])
    for least in (0, 4, 7):
        assert compiled(numbers, least) == 2 * (sum(max(n, least) for n in numbers) + 19) + 15 + max(least, 1)
    for inner in (most, total, doubled):
        assert len(inner.made.signatures) == 1  # type: ignore[attr-defined]
    code = compiled.inspect_llvm(compiled.signatures[0])
    assert code.count("define") == len({line.split("(")[0] for line in code.splitlines() if line.startswith("define")})
    assert gc.isenabled() and gc.get_freeze_count() == 0
    library, entered = (
        compiled.overloads[compiled.signatures[0]].library,
        compiled.overloads[compiled.signatures[0]].fndesc,
    )
    kept = library.serialize_using_object_code()
    assert (
        len(kept[2][1]) < len(library._get_module_for_linking().as_bitcode()) / 4
    )  # what it was made from is not kept
    names = {one.name for one in parse_bitcode(kept[2][1]).global_variables}
    assert {entered.llvm_cpython_wrapper_name, entered.llvm_func_name} <= names and len(names) <= 3
    again = library.codegen.unserialize_library(kept)
    assert all(map(again.get_pointer_to_function, names))


def test_long_functions_are_called_and_not_given_what_they_do_not_read() -> None:
    lines = [f"    if number % {place + 2} == 1:\n        found += {place} * number" for place in range(80)]
    room: dict[str, Any] = {}
    exec("\n".join(("def long(number, unread):", "    found = 0", *lines, "    return found")), room)
    long = lean_kernel(room["long"])

    def twice(number: int, unread: np.ndarray) -> int:
        return long(number, unread) + long(number + 1, unread)  # type: ignore[no-any-return]

    compiled = numba.njit(pipeline_class=Whole)(twice)
    expected = sum(place * number for number in (7, 8) for place in range(80) if number % (place + 2) == 1)
    assert compiled(7, np.ones((2, 2))) == expected
    code = compiled.inspect_llvm(compiled.signatures[0]).splitlines()
    (line,) = (line for line in code if line.startswith("define") and "4long" in line)
    assert line.startswith("define internal") and line.count("%") <= 2  # an array is nine arguments


def unlike(number: int) -> int:
    return number + "1"  # type: ignore[operator, no-any-return]


def test_numba_is_left_as_it_was_even_by_what_cannot_be_compiled() -> None:
    compiled = numba.njit(pipeline_class=Whole)(unlike)
    with pytest.raises(numba.TypingError, match="number") as told:
        compiled(1)
    with pytest.raises(numba.TypingError) as plainly:
        numba.njit(unlike)(1)
    where, there = (
        [line for line in str(one.value).splitlines() if line.startswith("During")] for one in (told, plainly)
    )
    assert where == there and len(where) > 1
    callbacks = list(ffi.lib._lock._cblist)
    assert numba.njit(pipeline_class=Whole)(whole)(np.array([1, 2, 9]), 2) > 0
    assert "get_call_type" not in vars(numba.types.Function)
    assert PostProcessor.run.__module__ == "numba.core.postproc"
    assert lowering.new_error_context is typeinfer.new_error_context is errors.new_error_context  # type: ignore[attr-defined]
    assert callbacks and callbacks == ffi.lib._lock._cblist


def within(number: int) -> int:
    def twice(one: int) -> int:
        return 2 * one

    return twice(number)


def scaled(numbers: np.ndarray, least: int) -> np.ndarray:
    return (numbers + least) * 2 - numbers


def counted(least: int) -> Iterator[int]:
    for number in range(least):
        if number % 2:
            yield number * least


def passing(least: int) -> int:
    found = 0
    for number in _counted(least):
        found += number
    return found


_counted = numba.njit(pipeline_class=Inside, no_cpython_wrapper=True)(counted)


def test_what_steps_that_are_left_out_would_do_is_refused_or_done_without_them() -> None:
    with pytest.raises(numba.NumbaError):
        numba.njit(pipeline_class=Whole)(within)(2)
    numbers = np.array([5, 7])
    assert list(numba.njit(pipeline_class=Whole)(scaled)(numbers, 3)) == [11, 13]
    assert numba.njit(pipeline_class=Whole)(passing)(6) == 6 * (1 + 3 + 5)


@passed_kernel
def halves(numbers: np.ndarray, least: int) -> tuple[float, int]:
    return numbers[0] / 2, most(least, 3)


@kernel
def sums(halved: Callable[[np.ndarray, int], tuple[float, int]], numbers: np.ndarray) -> float:
    half, larger = halved(numbers, most(4, 2))
    return half + larger


def test_a_kernel_may_be_passed_to_another_and_return_something() -> None:
    numbers = np.array([5, 7])
    given = passed(halves, (numbers, 1))
    assert sums(given, numbers) == 2.5 + 4 and given(numbers, 1) == (2.5, 3)
    assert passed(halves, (numbers, 1)) is given


def test_what_somebody_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        assert numba.njit(pipeline_class=Whole)(whole)(np.array([1, 2, 9]), 2) > 0
        assert gc.get_freeze_count() >= 0.9 * frozen > 0
    finally:
        gc.unfreeze()


@passed_kernel
def failing(numbers: np.ndarray, least: int) -> tuple[float, int]:
    if least > 2:
        raise ValueError("no")
    return numbers[0] / 2, 1


@kernel
def looks(halved: Callable[[np.ndarray, int], tuple[float, int]], numbers: np.ndarray, least: int) -> float:
    half, number = halved(numbers, least)
    if number == 0:
        raise RuntimeError(FAILED)
    return half


def test_what_a_passed_kernel_fails_in_is_seen_by_a_caller_that_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.array([5, 7])
    given = passed(failing, (numbers, 1))
    assert looks(given, numbers, 2) == 2.5
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with pytest.raises(RuntimeError, match="has failed"):
        looks(given, numbers, 3)
    assert [one.exc_type for one in told] == [ValueError]


def ratio(one: float, other: float) -> float:
    """For an overload below."""
    return one / other


@overload(ratio)
def _ratio(one, other):  # type: ignore[no-untyped-def]  # its names must be those of what it stands for, types included
    return lambda one, other: one / other


def divided(one: float, other: float) -> float:
    return ratio(one, other)


def test_what_is_known_of_a_call_is_known_for_the_same_flags_alone() -> None:
    with_errors = numba.njit(pipeline_class=Whole, error_model="python")(divided)
    without = numba.njit(pipeline_class=Whole, error_model="numpy")(divided)
    with pytest.raises(ZeroDivisionError):
        with_errors(1.0, 0.0)
    assert without(1.0, 0.0) == np.inf


def test_kernels_are_passed_by_the_types_of_their_arguments() -> None:
    whole, real = np.array([5, 7]), np.array([5.0, 7.0])
    assert passed(halves, (whole, 1)) is not passed(halves, (real, 1))
    assert passed(halves, (real, 1))(real, 4) == (2.5, 4)
