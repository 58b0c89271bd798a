"""Layers dealt out to devices in a row: the cut whose slowest stage is fastest, under the memory of each device.

PipeDream: Narayanan et al., SOSP 2019, doi:10.1145/3341301.3359646, section 3.1; here exact, by dynamic programming over all contiguous
cuts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import Infeasible
from hwsim.estimation import Prepared

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stage:
    """Layers ``first`` to ``last`` (excluded) of those that take time, on worker number ``worker``."""

    worker: int
    first: int
    last: int


def cut_bytes(prepared: Prepared) -> NDArray[np.int64]:
    """Bytes of activations that cross each cut before layer 1, 2, ... of those that are priced, the end included [L] [B]."""
    network, priced = prepared.network, prepared.priced
    born: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, (_, work) in enumerate(priced):
        for name, _ in work.reads:
            last[name] = index
        for name, _ in work.writes:
            born.setdefault(name, index)
    for name in (prepared.aliases.get(name, name) for name in network.outputs):
        if name in born:
            last[name] = len(priced)
    change = np.zeros(len(priced) + 2, np.int64)
    for name, start in born.items():
        end = last.get(name, start)
        change[start] += network.tensors[name].bytes if end > start else 0
        change[end] -= network.tensors[name].bytes if end > start else 0
    return np.cumsum(change)[: len(priced)]


def weight_bytes(prepared: Prepared) -> NDArray[np.int64]:
    """Bytes of parameters that each priced layer is the first to read [L] [B]."""
    seen: set[str] = set()
    found = np.zeros(len(prepared.priced), np.int64)
    for index, (_, work) in enumerate(prepared.priced):
        for name, _ in work.reads:
            tensor = prepared.network.tensors[name]
            if tensor.role != "activation" and name not in seen:
                seen.add(name)
                found[index] += tensor.bytes
    return found


def balance(
    times: Reals,
    sizes: NDArray[np.int64],
    sending: Reals,
    capacities: Sequence[float],
) -> tuple[Stage, ...] | Infeasible:
    """The contiguous cut with the least slowest stage; a stage is as slow as its layers or as sending on its result.

    times, sending [W, L] : seconds of each layer on each worker, and for which what crosses behind it keeps the way to the next worker
    busy. sizes [L] : bytes of weights. capacities [W] : of each worker's memory [B]. Workers may stay without layers. Ties go
    to fewer stages.
    """
    workers, layers = times.shape
    start = np.concatenate((np.zeros((workers, 1)), np.cumsum(times, axis=1)), axis=1)
    stored = np.concatenate(([0], np.cumsum(sizes)))
    best = np.full((workers + 1, layers + 1), math.inf)
    best[0, 0] = 0.0
    back = np.zeros((workers + 1, layers + 1), np.int64)
    for worker in range(workers):
        best[worker + 1], back[worker + 1] = best[worker], np.arange(layers + 1)
        for end in range(1, layers + 1):
            first = int(np.searchsorted(stored, stored[end] - capacities[worker], side="left"))
            if first >= end:
                continue
            sent = 0.0 if end == layers else sending[worker, end - 1]
            slowest = np.maximum(
                best[worker, first:end], np.maximum(start[worker, end] - start[worker, first:end], sent)
            )
            place = int(np.argmin(slowest))
            if slowest[place] < best[worker + 1, end]:
                best[worker + 1, end], back[worker + 1, end] = slowest[place], first + place
    if math.isinf(best[workers, layers]):
        return Infeasible(
            "memory",
            int(stored[-1]),
            int(sum(capacities)),
            "B of weights over all devices",
            ("more devices", "narrower weights"),
        )
    stages: list[Stage] = []
    end = layers
    for worker in range(workers - 1, -1, -1):
        first = int(back[worker + 1, end])
        if first < end:
            stages.append(Stage(worker, first, end))
        end = first
    return tuple(reversed(stages))
