"""Prefixes and digits."""

from __future__ import annotations

import math

import pytest

from hwsim.units import humanize, rate


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0021, "s", "2.10 ms"),
        (0.9996, "s", "1.00 s"),
        (344e-3, "s", "344 ms"),
        (4.089e9, "", "4.09 G"),
        (999.9e3, "B", "1.00 MB"),
        (1.7e-12, "J", "1.70 pJ"),
        (0, "J", "0 J"),
        (None, "J", "-"),
        (math.nan, "s", "-"),
        (math.inf, "s", "inf s"),
        (12, "", "12.0"),
        (1e294, "s", "1.00e+294 s"),
        (1e18, "", "1.00e+18"),
        (9.99e17, "B", "999 PB"),
        (1e-300, "s", "1.00e-300 s"),
        (-0.5, "s", "-500 ms"),
    ],
)
def test_three_digits_and_a_prefix(value: float | None, unit: str, text: str) -> None:
    assert humanize(value, unit) == text


@pytest.mark.parametrize(("value", "text"), [(2.9113, "2.911"), (1083.4, "1,083"), (0.01, "0.01"), (94830.0, "94,830")])
def test_rates_keep_their_integer_part(value: float, text: str) -> None:
    assert rate(value) == text
