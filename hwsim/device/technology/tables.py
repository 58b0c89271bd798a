"""The tables of this package, read once, and curves through their points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hwsim.device.yaml_reader import read

FOLDER = Path(__file__).parent / "data"


@lru_cache(maxsize=16)
def table(name: str) -> Any:
    """Contents of ``data/<name>.yaml`` as plain values."""
    path = FOLDER / f"{name}.yaml"
    return read(path.read_text(encoding="utf-8"), path.name).value


@dataclass(frozen=True, slots=True)
class Curve:
    """A positive quantity through tabulated points, straight in log-log space between and beyond them.

    points : (x, y) by rising x. exponent : slope where there is one point only. everywhere : the law is exact, no x lies outside.
    """

    points: tuple[tuple[float, float], ...]
    exponent: float = 1.0
    everywhere: bool = False

    def at(self, x: float) -> tuple[float, bool]:
        """Value at x, exact at the points; True where x lies outside of them."""
        points = self.points
        outside = not (self.everywhere or points[0][0] <= x <= points[-1][0])
        if len(points) == 1:
            ((at, value),) = points
            return value * (x / at) ** self.exponent, outside
        last = len(points) - 1
        left = max(0, min(last - 1, sum(at <= x for at, _ in points) - 1))
        (x0, y0), (x1, y1) = points[left], points[left + 1]
        if x == x0 or y0 == y1:
            return y0, outside
        if x == x1:
            return y1, outside
        share = math.log(x / x0) / math.log(x1 / x0)
        return y0 * (y1 / y0) ** share, outside


def curve(xs: Sequence[float], ys: Sequence[float], exponent: float = 1.0) -> Curve:
    """Curve through pairs given in any order."""
    return Curve(tuple(sorted(zip(map(float, xs), map(float, ys), strict=True))), exponent)
