"""Calls of a framework, one after the other, given to the layers of their operators: the n-th of an operator to its n-th layer."""

from __future__ import annotations

import statistics as plain
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from hwsim.graph import Layer
from hwsim.validation.measured import Measurement, relative_spread

Placed = tuple[Measurement, str]


def by_layer(rows: Sequence[Measurement], priced: Sequence[Layer]) -> tuple[list[Placed], list[Measurement], int]:
    """Calls with the layer that each is of; what is left as one row an operator; and the times that the network ran.

    rows : of scope ``call``, in the order in which they ran. The network ran as often as most of the time says, by calls over layers of an
    operator. An operator with as many calls a run as layers is joined in order, the median of the runs counts; the
    calls of any other are added up, those of one run.
    """
    calls: dict[str, list[Measurement]] = defaultdict(list)
    for row in rows:
        calls[row.op].append(row)
    layers: dict[str, list[str]] = defaultdict(list)
    for layer in priced:
        layers[layer.op].append(layer.name)
    runs = _runs(calls, layers)
    placed: list[Placed] = []
    left: list[Measurement] = []
    for op, group in calls.items():
        names = layers.get(op, [])
        if len(group) == runs * len(names):
            placed += [(_middle(group[place :: len(names)]), name) for place, name in enumerate(names)]
        else:
            left.append(replace(_added(group, runs), name=op, scope="operator"))
    return placed, left, runs


def _runs(calls: dict[str, list[Measurement]], layers: dict[str, list[str]]) -> int:
    time: dict[int, float] = defaultdict(float)
    for op, group in calls.items():
        runs, rest = divmod(len(group), len(layers.get(op, group)))
        if op in layers and runs and not rest:
            time[runs] += sum(row.latency_s or 0.0 for row in group)
    return max(time, key=lambda runs: (time[runs], -runs)) if time else 1


def _middle(group: Sequence[Measurement]) -> Measurement:
    """One layer in every run."""
    if len(group) == 1:
        return replace(group[0], scope="layer")
    times = [row.latency_s or 0.0 for row in group]
    middle = plain.median(times)
    spread = relative_spread(times)
    return replace(group[0], scope="layer", latency_s=middle, minimum_s=min(times), repeats=len(group), spread=spread)


def _added(group: Sequence[Measurement], runs: int) -> Measurement:
    """All calls of an operator in one run."""
    return replace(group[0], latency_s=sum(row.latency_s or 0.0 for row in group) / runs, minimum_s=None, spread=None)
