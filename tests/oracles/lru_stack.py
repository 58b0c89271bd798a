"""Stack distances by sets of bytes: what lies between two touches, looked up anew for each byte."""

from __future__ import annotations

from collections.abc import Sequence

Byte = tuple[str, int]


def distances(touched: Sequence[set[Byte]]) -> list[dict[Byte, float]]:
    """Of the second of two runs of the same kernels, each byte's distance from when it was touched before.

    touched : bytes of each kernel. Bytes that only kernels in between touched, and half of what the two kernels touch.
    """
    twice = [*touched, *touched]
    found: list[dict[Byte, float]] = []
    for now in range(len(touched), len(twice)):
        here: dict[Byte, float] = {}
        for byte in twice[now]:
            then = max(place for place in range(now) if byte in twice[place])
            between: set[Byte] = set().union(*twice[then + 1 : now])
            here[byte] = len(between) + (len(twice[then] - between) + len(twice[now])) / 2
        found.append(here)
    return found
