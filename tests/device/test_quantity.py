"""Bounds of the numbers of a profile, on either side of each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hwsim.device.quantity import ByOperand, Count, NonNegative, Positive, PositiveByOperand, Quantity, Share


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Count, 1, ""), (Count, 2**31, ""), (Count, 3.0, ""), (Count, 0, "whole number"), (Count, 2**31 + 1, "from 1 to 2"),
        (Count, 1.5, "whole number"), (Count, -1, "whole number"),
        (Share, 1, ""), (Share, 1e-6, ""), (Share, 0, "above 0 and at most 1"), (Share, 1.0001, "above 0 and at most 1"),
        (Positive, 1e-18, ""), (Positive, 1e18, ""), (Positive, 0, "above 0"), (Positive, -1e-3, "above 0"),
        (NonNegative, 0, ""), (NonNegative, 1e18, ""), (NonNegative, -1e-3, "0 or more"),
        (Positive, 1.1e18, "less than or equal to 10{18} "), (NonNegative, 9e-19, "0 or at least 1e-18"),
        (NonNegative, -1.1e18, "greater than or equal to -10{18} "), (Positive, True, "must be a number"),
        (Positive, "3", "must be a number"),
        (Positive, float("nan"), "finite"), (Positive, float("inf"), "finite"),
    ],
)  # fmt: skip
def test_numbers_on_either_side_of_their_bounds(kind: Any, value: Any, message: str) -> None:
    for given in (value, {"value": value, "source": "paper"}):
        if value is True or value == "3":
            given = value  # noqa: PLW2901 - what is no number says nothing of its source
        if message:
            with pytest.raises(ValidationError, match=message):
                TypeAdapter(kind).validate_python(given)
        else:
            found = TypeAdapter(kind).validate_python(given)
            assert isinstance(found, Quantity) and found.value == value
            assert found.source == ("paper" if isinstance(given, dict) else None)


@pytest.mark.parametrize("kind", [PositiveByOperand, ByOperand])
def test_numbers_by_operand(kind: Any) -> None:
    def read(given: Any) -> dict[str, float]:
        return {key: number.value for key, number in TypeAdapter(kind).validate_python(given).items()}

    assert read(3) == read({"value": 3, "source": "paper"}) == {"input+weight+output": 3}
    assert read({"input": 1, "weight+output": 2}) == {"input": 1, "weight+output": 2}
    for given, message in (
        ({"input": 1, "weight+input": 2}, "names an operand twice"),
        ({"input+input": 1}, "several joined by"), ({"bias": 1}, "several joined by"), ({"": 1}, "several joined by"),
        ({"input": -1}, "above 0" if kind is PositiveByOperand else "0 or more"),
    ):  # fmt: skip
        with pytest.raises(ValidationError, match=message):
            read(given)


def test_a_quantity_has_its_own_keys_alone() -> None:
    whole = {"value": 2, "source": "paper", "quality": "measured", "interval": [1, 3], "note": "of two"}
    found = Quantity.model_validate(whole)
    assert (found.value, found.quality, found.interval, found.note) == (2, "measured", [1, 3], "of two")
    missing, unknown = {"source": "paper"}, {"value": 2, "unit": "W"}
    short, long = {"value": 2, "interval": [1]}, {"value": 2, "interval": [1, 2, 3]}
    for wrong in (missing, unknown, short, long, {"value": 2, "quality": "good"}):
        with pytest.raises(ValidationError):
            Quantity.model_validate(wrong)
