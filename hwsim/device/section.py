"""What every section of a profile has: a closed set of keys, one unit a quantity, a source; and the names and data types in them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from hwsim.device.keys import ALTERNATIVES
from hwsim.device.precision import known_dtype
from hwsim.device.quantity import Closed

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _is_name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > 64:
        raise PydanticCustomError("name", "must be a word of letters, digits and _ that starts with a letter")
    return value


def _is_dtype(value: str) -> str:
    if not known_dtype(value):
        raise PydanticCustomError(
            "dtype", "not a data type (int1 to int64, uint1 to uint64, float8 to float64, bfloat16, tfloat32)"
        )
    return value


Name = Annotated[str, AfterValidator(_is_name)]
Dtype = Annotated[str, AfterValidator(_is_dtype)]


class Section(Closed):
    """A part of a profile. source : of all numbers in it that name none."""

    source: str | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> Section:
        given = self.model_fields_set
        for row in ALTERNATIVES:
            both = [key for key in row if key in given]
            if len(both) > 1:
                raise PydanticCustomError("alternatives", "gives both {a} and {b}", {"a": both[0], "b": both[1]})
        return self
