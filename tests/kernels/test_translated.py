"""What kernels are full of, as it is translated here: the same as Python has it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.runtime import _nrt_python as memory
from numba.core.runtime.nrt import rtsys

from hwsim.kernels.inside import Whole
from hwsim.kernels.jit import kernel, lean_kernel, nested_kernel

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return numba.njit(pipeline_class=Whole, error_model="numpy")(function)  # type: ignore[no-any-return]


def made(rows: int, columns: int) -> tuple[Any, ...]:
    empty = np.empty((rows, 3, columns), np.int64)
    empty[:] = 7
    return (
        empty,
        np.zeros(rows),
        np.zeros((rows, columns), np.int64),
        np.zeros((2, 3)),
        np.ones(columns, np.bool_),
        np.ones((2, rows, 2, 2)),
        np.ones((rows, columns), np.int32),
        np.zeros(5, np.int64),
    )


@pytest.mark.parametrize("rows", [0, 1, 4])
@pytest.mark.parametrize("columns", [0, 1, 5])
def test_arrays_are_what_numpy_makes(rows: int, columns: int) -> None:
    for fast, slow in zip(compiled(made)(rows, columns), made(rows, columns), strict=True):
        assert (fast.shape, fast.dtype, fast.flags.c_contiguous) == (slow.shape, slow.dtype, True)
        assert fast.size == 0 or fast.strides == slow.strides
        assert (fast == slow).all()
        assert fast.ctypes.data % 32 == 0


def test_arrays_are_freed() -> None:
    function = compiled(made)
    function(2, 3)
    memory.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        for _ in range(20):
            function(2, 3)
        after = rtsys.get_allocation_stats()
    finally:
        memory.memsys_disable_stats()
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free >= 160


def walked(start: int, stop: int, step: int) -> list[tuple[int, int]]:
    """Numbers of ranges with constant steps and one that is not, each with which it is of; and what a loop leaves behind."""
    found = []
    for number in range(stop):
        found.append((0, number))
    for number in range(start, stop):
        found.append((1, number))
    for number in range(start, stop, 3):
        found.append((2, number))
        if number > 4:
            break
    for number in range(start, stop, -1):
        found.append((3, number))
    for number in range(start, stop, -4):
        if number % 3 == 0:
            continue
        found.append((4, number))
    last = -1
    for number in range(start, stop, step):
        last = number
        found.append((5, number))
    found.append((6, last))
    for number in range(start, stop):
        for other in range(number, stop, 2):
            found.append((number, other))
    found.append((7, len(range(start, stop))))
    return found


def test_ranges_have_the_numbers_that_python_s_have() -> None:
    function = compiled(walked)
    for start, stop in itertools.product(range(-7, 8), repeat=2):
        for step in (-5, -2, -1, 1, 2, 3, 20):
            assert function(start, stop, step) == walked(start, stop, step)


def extremes(one: int, other: int, real: float, further: float) -> tuple[Any, ...]:
    return (
        min(one, other),
        max(one, other),
        min(one, other, 3),
        max(2, one, other),
        min(one, real),
        max(real, other),
        min(real, further),
        max(real, further),
        max(real, 1.0, further),
    )


def test_the_least_and_the_largest_are_python_s_even_of_what_is_no_number() -> None:
    function = compiled(extremes)
    reals = (-1.5, 0.0, 2.0, math.inf, math.nan)
    for one, other in itertools.product((-4, 0, 2, 9), repeat=2):
        for real, further in itertools.product(reals, repeat=2):
            fast, slow = function(one, other, real, further), extremes(one, other, real, further)
            assert repr(tuple(map(float, fast))) == repr(tuple(map(float, slow)))


def divided(number: int, by: int) -> tuple[int, int, int, int]:
    first, second = number, number
    first //= by
    second %= by
    return number // by, number % by, first, second


def test_division_rounds_down_and_by_nothing_gives_nothing() -> None:
    function = compiled(divided)
    for number, by in itertools.product((-(2**62), -9, -8, -1, 0, 1, 7, 8, 2**62), (-8, -3, -1, 1, 2, 8)):
        assert function(number, by) == divided(number, by)
    assert function(5, 0) == (0, 0, 0, 0)


@lean_kernel
def checked(number: int) -> int:
    if number > 10:
        raise ValueError("above ten")
    return number + 1


@nested_kernel
def halves(numbers: np.ndarray) -> tuple[np.ndarray, float]:
    return numbers[: len(numbers) // 2], numbers.sum()


@lean_kernel
def written(numbers: np.ndarray, number: int) -> None:
    numbers[0] = checked(number)
    numbers[1:3] = 5


@kernel
def calls(numbers: np.ndarray, number: int) -> float:
    written(numbers, number)
    half, total = halves(numbers)
    half[-1] = total
    return total + half.shape[0]


def test_calls_return_what_they_do_and_tell_of_errors_however_deep() -> None:
    numbers = np.arange(4.0)
    assert calls(numbers, 10) == 11 + 5 + 5 + 3 + 2
    assert numbers.tolist() == [11, 24, 5, 3]
    with pytest.raises(ValueError, match="above ten"):
        calls(numbers, 11)
    assert calls(numbers, 0) == 1 + 5 + 5 + 3 + 2


def caught(number: int) -> int:
    try:
        return checked(number) + 100
    except Exception:
        return -1


def test_errors_are_caught_where_they_are_tried_for() -> None:
    function = compiled(caught)
    assert [function(number) for number in (3, 11)] == [104, -1]
