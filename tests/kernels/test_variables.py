"""Variables of kernels as values: what Python says holds, references come out even, and indices mean what they say."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.runtime import _nrt_python as memory
from numba.core.runtime.nrt import rtsys

from hwsim.kernels.inside import Whole
from hwsim.kernels.jit import lean_kernel, nested_kernel

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


def compiled(function: Callable[..., Any], **flags: bool) -> Callable[..., Any]:
    return numba.njit(pipeline_class=Whole, **flags)(function)  # type: ignore[no-any-return]


def carried(numbers: np.ndarray, rounds: int) -> tuple[int, int, int]:
    """What one turn of a loop leaves to the next, and to those that come after it."""
    last, before, largest = 0, -1, numbers[0]
    while rounds > 0:
        rounds -= 1
        if rounds % 2:
            before = last
        for number in numbers:
            if number > largest:
                largest = number
                continue
            last = number + rounds
        numbers = numbers[1:] if len(numbers) > 1 else numbers
    return last, before, largest


def places(one: np.ndarray, two: np.ndarray, three: np.ndarray) -> float:
    found = 0.0
    for i in range(one.shape[0]):
        one[i] += one[len(one) - 1 - i] - one[-1]
        for j in range(two.shape[1]):
            two[i, two.shape[1] - 1 - j] = two[i, j] + one[i]
            for k in range(3):
                three[i, j, 3 + k] = three[-1, j, k] = two[-1, j] - k
                found += three[three.shape[0] - 1 - i, j, k] * two[i, -3] + three[i, j, -1]
    return found


@nested_kernel
def either(first: np.ndarray, second: np.ndarray, which: bool) -> np.ndarray:
    chosen = first if which else second
    for _ in range(3):
        chosen = chosen[: len(chosen)]
    return chosen


@lean_kernel
def ends(numbers: np.ndarray) -> float:
    inside = numbers[1:-1]
    return numbers[0] + numbers[-1] + inside[0]


def given(first: np.ndarray, second: np.ndarray, rounds: int) -> tuple[np.ndarray, float]:
    """Arrays that are given, returned, assigned anew, and made."""
    found = first
    total = 0.0
    for turn in range(rounds):
        found = either(found, second, turn % 3 == 0)
        made = found + turn
        total += ends(made) + ends(second)
        second = made if turn % 4 == 3 else second
    return found, total


def beyond(numbers: np.ndarray, place: int) -> float:
    return numbers[place]  # type: ignore[no-any-return]


@pytest.mark.parametrize("rounds", range(6))
def test_loops_leave_what_they_leave_in_python(rounds: int) -> None:
    numbers = np.array([3, 1, 4, 1, 5, 9, 2, 6])
    assert compiled(carried)(numbers, rounds) == carried(numbers, rounds)


@pytest.mark.parametrize("kind", [np.int64, np.float64])
@pytest.mark.parametrize("order", ["C", "F", "A"])
def test_indices_mean_the_same_whatever_the_layout(kind: type, order: str) -> None:
    pick = np.random.default_rng(5)
    shapes = (4,), (4, 3), (4, 3, 6)

    def arrays() -> list[np.ndarray]:
        made = [pick.integers(0, 9, [2 * n for n in shape]).astype(kind) for shape in shapes]
        every = [one[tuple(slice(None, n) for n in shape)] for one, shape in zip(made, shapes, strict=True)]
        return every if order == "A" else [np.array(one, order=order) for one in every]  # type: ignore[call-overload]

    fast = arrays()
    slow = [one.copy(order="K") for one in fast]
    assert compiled(places)(*fast) == pytest.approx(places(*slow))
    for one, other in zip(fast, slow, strict=True):
        assert (one == other).all()


def test_references_to_arrays_come_out_even() -> None:
    first, second = np.arange(5.0), np.arange(6.0)
    function = compiled(given)
    for rounds in range(9):
        before = sys.getrefcount(first), sys.getrefcount(second)
        found, total = function(first, second, rounds)
        assert total == python_total(first, second, rounds)
        del found
        assert (sys.getrefcount(first), sys.getrefcount(second)) == before


def test_what_is_made_is_freed() -> None:
    first, second = np.arange(5.0), np.arange(6.0)
    function = compiled(given)
    function(first, second, 8)
    memory.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        for _ in range(50):
            function(first, second, 8)
        after = rtsys.get_allocation_stats()
    finally:
        memory.memsys_disable_stats()
    assert after.alloc - before.alloc == after.free - before.free > 400
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free > 400


def python_total(first: np.ndarray, second: np.ndarray, rounds: int) -> float:
    found, total = first, 0.0
    for turn in range(rounds):
        found = found if turn % 3 == 0 else second
        made = found + turn
        total += made[0] + made[-1] + made[1] + second[0] + second[-1] + second[1]
        second = made if turn % 4 == 3 else second
    return float(total)


def test_bounds_are_checked_where_that_is_asked_for() -> None:
    checked = compiled(beyond, boundscheck=True)
    numbers = np.arange(4.0)
    assert [checked(numbers, place) for place in (0, 3)] == [0, 3]
    for place in (4, -1, -5):  # only a constant counts from the end
        with pytest.raises(IndexError):
            checked(numbers, place)


def counted(number: int) -> Iterator[int]:
    for place in range(number):
        yield place * place


def perhaps(numbers: np.ndarray, which: bool) -> float:
    found = numbers if which else None
    return 0.0 if found is None else found[0]


def test_generators_and_what_may_be_none_are_left_to_numba() -> None:
    assert list(compiled(counted)(5)) == [0, 1, 4, 9, 16]
    assert [compiled(perhaps)(np.arange(2.0, 4.0), which) for which in (True, False)] == [2.0, 0.0]
