"""Fronts and volumes against their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import UsageError
from hwsim.study import best_under, hypervolume, knee, pareto

TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.tuples(*[st.integers(0, 6)] * width), min_size=1, max_size=25)
)


def beats(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


@given(TABLES)
def test_front_is_what_nobody_beats(rows: list[tuple[int, ...]]) -> None:
    expected = [index for index, row in enumerate(rows) if not any(beats(other, row) for other in rows)]
    assert list(pareto(rows)) == expected


@given(TABLES)
def test_volume_is_the_cells_that_some_design_covers(rows: list[tuple[int, ...]]) -> None:
    """On whole numbers the volume is a number of unit cells."""
    width = len(rows[0])
    cells = sum(
        any(all(a <= c for a, c in zip(row, cell, strict=True)) for row in rows)
        for cell in itertools.product(range(5), repeat=width)
    )
    assert hypervolume(rows, [5] * width) == pytest.approx(cells)


def test_volume_of_real_numbers_by_monte_carlo() -> None:
    random = np.random.default_rng(3)
    rows = random.random((12, 3))
    draws = random.random((200_000, 3)) * 1.1
    inside = (rows[None, :, :] <= draws[:, None, :]).all(axis=2).any(axis=1).mean()
    assert hypervolume(rows, [1.1] * 3) == pytest.approx(inside * 1.1**3, rel=0.01)


def test_best_under_budgets() -> None:
    columns = {"latency_s": [3.0, 1.0, 2.0, 2.0], "energy_j": [1.0, 9.0, 4.0, 3.0]}
    assert best_under(columns, "latency_s", {}) == 1
    assert best_under(columns, "latency_s", {"energy_j": 5}) == 2
    assert best_under(columns, "latency_s", {"energy_j": 3}) == 3
    assert best_under(columns, "latency_s", {"energy_j": 0.5}) is None
    with pytest.raises(UsageError):
        best_under(columns, "area_mm2", {})


def test_knee_is_the_corner() -> None:
    assert knee([[0, 10], [1, 1], [10, 0], [5, 5]]) == 1


@pytest.mark.parametrize("costs", [[1, 2], [[1, float("nan")]], [[1, float("inf")]]])
def test_what_is_no_table_of_numbers(costs: list[object]) -> None:
    with pytest.raises(UsageError):
        pareto(costs)
    with pytest.raises(UsageError):
        hypervolume([[1, 2]], [1])
