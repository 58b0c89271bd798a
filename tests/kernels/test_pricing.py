"""Cycles that are whole but for rounding, and the parts of a price by hand."""

from __future__ import annotations

import math

import pytest

from hwsim.kernels.pricing import NEAR, whole_cycles


@pytest.mark.parametrize(
    ("cycles", "whole"),
    [
        (0.0, 0), (0.25, 1), (1.0, 1), (1.4, 2), (1.5, 2), (1.6, 2), (2.0, 2), (7.0 + 4e-7, 7), (7.0 - 4e-7, 7), (7.0 + 6e-7, 8), (6.4, 7),
        (1e15 + 0.5, 1e15 + 1), (3.0000004, 3), (2.9999994, 3),
    ],
)  # fmt: skip
def test_cycles_are_rounded_up_but_for_rounding_errors(cycles: float, whole: float) -> None:
    assert NEAR == 5e-7 and whole_cycles(cycles) == whole and math.floor(whole) == whole
