"""Number formats as arithmetic sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from hwsim.errors import UsageError

Kind = Literal["int", "float", "block"]
_TYPE = re.compile(r"(u?int|float|bfloat|tfloat|block)(\d+)(?:e(\d+)m(\d+)\w*)?")
_SIGNIFICAND = {
    "float4": 2,
    "float6": 3,
    "float8": 4,
    "float16": 11,
    "bfloat16": 8,
    "tfloat32": 11,
    "float32": 24,
    "float64": 53,
}


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """What arithmetic sees of a data type. bits : of an element; significand : of a float's, hidden one included, else ``bits``."""

    kind: Kind
    bits: int
    significand: int


@lru_cache(maxsize=256)
def number_format(dtype: str) -> NumberFormat:
    """Format of ``int8``, ``uint4``, ``bool``, ``float16``, ``bfloat16``, ``float8e4m3fn``, ``block8``; raises UsageError for others."""
    if dtype == "bool":
        return NumberFormat("int", 1, 1)
    match = _TYPE.fullmatch(dtype)
    if not match or not 1 <= int(match.group(2)) <= 64:
        raise UsageError(
            f"{dtype}: no arithmetic for this data type (int1 to int64, float4 to float64, bfloat16, block4 to block16)"
        )
    bits = int(match.group(2))
    if match.group(1) in {"int", "uint"}:
        return NumberFormat("int", bits, bits)
    if match.group(1) == "block":
        return NumberFormat("block", bits, bits)
    significand = int(match.group(4)) + 1 if match.group(4) else _SIGNIFICAND.get(f"{match.group(1)}{bits}")
    if significand is None:
        raise UsageError(f"{dtype}: the split into exponent and significand is not known; write it as float{bits}e4m3")
    return NumberFormat("float", bits, significand)
