"""SI inside, prefixed units at the edge: the factors and the formatter."""

from __future__ import annotations

import math

#: Factors to SI or to bits, by the suffix a profile key may end in.
KIB = 1024
MIB = 1024**2
GIB = 1024**3

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"))
_SMALL = ((1e-9, "n"), (1e-12, "p"), (1e-15, "f"))
#: Beyond these no prefix keeps a number short, or shows anything of it.
_MOST, _LEAST = 1e18, 1e-17


def humanize(value: float | None, unit: str, digits: int = 3) -> str:
    """A number with an SI prefix: ``humanize(0.0021, "s") == "2.10 ms"``; ``-`` for None or NaN.

    Beyond the prefixes the number is written with its power of ten: ``1.00e+294 s``.
    """
    if value is None or math.isnan(value):
        return "-"
    if value == 0 or math.isinf(value):
        return f"{value:g} {unit}".rstrip()
    if abs(value) >= _MOST or (unit and abs(value) < _LEAST):
        return f"{value:.{max(0, digits - 1)}e} {unit}".rstrip()
    table = _PREFIXES + (_SMALL if unit else ())
    for factor, prefix in table:  # noqa: B007 - used after the loop
        scaled = abs(value) / factor
        if round(scaled, max(0, digits - 1)) >= 1:
            break
    if factor < 1 and not unit:
        factor, prefix = 1.0, ""
    scaled = value / factor
    whole = len(str(int(abs(scaled))))
    return f"{scaled:.{max(0, digits - whole)}f} {prefix}{unit}".rstrip()


def rate(value: float) -> str:
    """A rate without prefixes, four digits or all of its integer part: ``1,083``, ``2.911``."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


__all__ = ["GIB", "KIB", "MIB", "humanize", "rate"]
