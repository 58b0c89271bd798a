"""Layers on cores by hand: when all are done if every core runs its own in the network's order, and the least of that over all ways."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """time : on a core; after : numbers of the layers that it needs; unit : 0 for the MAC array, 1 for the vector unit."""

    time: float
    after: tuple[int, ...] = ()
    unit: int = 0


def makespan(layers: Sequence[Layer], cores: Sequence[int]) -> float:
    """When the last layer is done, each starting when its inputs are there and its core's unit is free."""
    ends: list[float] = []
    free: dict[tuple[int, int], float] = {}
    for layer, core in zip(layers, cores, strict=True):
        start = max([free.get((core, layer.unit), 0.0), *(ends[before] for before in layer.after)])
        ends.append(start + layer.time)
        free[core, layer.unit] = ends[-1]
    return max(ends, default=0.0)


def best(layers: Sequence[Layer], cores: int) -> float:
    """The least makespan over every assignment."""
    return min(makespan(layers, chosen) for chosen in itertools.product(range(cores), repeat=len(layers)))
