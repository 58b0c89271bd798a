"""One core of a server's CPU (Sapphire Rapids, a virtual machine, other programs running beside) under onnxruntime: networks held out.

``own_cpu.csv`` is what ``hwsim measure`` and the micro-benchmarks of ``calibrate --from-measure`` gave there on one day: the fastest of
eight passes of up to 16 runs of eight networks that come with the onnx package, each node by itself. spread : between the passes of the
first and of the second half. The profile starts from ``generic_x86_server_core``, the machine's own caches, and the clock that its
products show.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.device import Device, load
from hwsim.estimation import prepare
from hwsim.validation import calibration
from hwsim.validation.cases import Case
from hwsim.validation.gathering import Gathered, gather
from hwsim.validation.machine import clock_of
from hwsim.validation.measured import Measurement
from hwsim.validation.microbenchmarks import FUSED, microbenchmarks
from hwsim.validation.statistics import Statistics, noise_floor, statistics

ROWS = Path(__file__).with_name("own_cpu.csv")
PROFILE = "generic_x86_server_core"
#: As Linux gave them there; of the outermost, which the host shares out, the profile's own.
CACHES = ("memory.l1.capacity_kib=48", "memory.l2.capacity_kib=2048")
#: A layer repeats where the two halves of the passes agree to a tenth: their standard deviation over their mean is that over the root of 2.
REPEATS = 0.1 / 2**0.5
BEGIN, END = "<!-- accuracy of a CPU -->", "<!-- /accuracy of a CPU -->"


@lru_cache(maxsize=1)
def cases() -> tuple[Case, ...]:
    """The networks and micro-benchmarks with their rows."""
    rows: dict[str, list[Measurement]] = {}
    with ROWS.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            spread = float(line["spread"]) if line["spread"] else None
            row = Measurement(
                line["name"],
                scope=line["scope"],  # type: ignore[arg-type]
                op=line["op"],
                latency_s=float(line["latency_us"]) * 1e-6,
                spread=spread,
            )
            rows.setdefault(line["model"], []).append(row)
    own = {net.name: prepare(net) if net.name == FUSED else prepare(net, passes=()) for net in microbenchmarks()}
    return tuple(
        Case(name, own[name] if name in own else prepare(name), tuple(found), complete=name not in own)
        for name, found in rows.items()
    )


def device() -> Device:
    """The profile with what the machine says of itself."""
    clock = clock_of([case for case in cases() if not case.complete], load(PROFILE, CACHES))
    assert clock is not None
    return load(PROFILE, [*CACHES, f"clock_mhz={clock / 1e6:.0f}"])


@dataclass(frozen=True, slots=True)
class Result:
    """Predictions of rows that a fit had not seen. layers, networks : their statistics; repeatable : rows of layers that repeat within
    10 %, and the share of them that is predicted within 10 % [1]; noise : error that one repeat has, of layers [1].
    """

    layers: Statistics
    networks: Statistics
    macs: Statistics
    repeatable: tuple[int, float]
    noise: float


def _result(
    data: Gathered, predicted: NDArray[np.float64], guess: NDArray[np.float64], spreads: Sequence[float | None]
) -> Result:
    measured = np.asarray([row.measured for row in data.rows])
    seen = ~np.isnan(predicted)
    layers, wholes = seen & ~data.whole, seen & data.whole
    steady = layers & np.asarray([spread is not None and spread <= REPEATS for spread in spreads])
    close = np.abs(predicted[steady] / measured[steady] - 1) <= 0.1
    noise = noise_floor([spread for spread, kept in zip(spreads, layers, strict=True) if kept]).value
    return Result(
        statistics(predicted[layers], measured[layers]),
        statistics(predicted[wholes], measured[wholes]),
        statistics(guess[wholes], measured[wholes]),
        (int(steady.sum()), float(close.mean())),
        noise or 0.0,
    )


def _gathered() -> tuple[Gathered, list[float | None]]:
    from hwsim.validation.join import join

    found = gather(cases(), lambda mode: device(), "cpu", "model")
    spreads = [
        item.row.spread
        for case in cases()
        for item in join(case.rows, case.prepared, case.complete).joined
        if item.row.latency_s
    ]
    return found, spreads


def networks_held_out() -> Result:
    """Each network by a fit to the micro-benchmarks and the other networks."""
    data, spreads = _gathered()
    predicted, guess = np.full(len(data.rows), np.nan), np.full(len(data.rows), np.nan)
    for case in cases():
        if case.complete:
            out = np.asarray([label == case.name for label in data.labels])
            predicted[out], guess[out] = calibration._without(data, out, (), 0)
    return _result(data, predicted, guess, spreads)


def from_microbenchmarks() -> Result:
    """All networks by a fit to the micro-benchmarks alone: what ``calibrate --from-measure`` gives."""
    data, spreads = _gathered()
    whole = {case.name for case in cases() if case.complete}
    out = np.asarray([label in whole for label in data.labels])
    predicted, guess = np.full(len(data.rows), np.nan), np.full(len(data.rows), np.nan)
    predicted[out], guess[out] = calibration._without(data, out, (), 0)
    return _result(data, predicted, guess, spreads)


def lines() -> list[str]:
    """The table in Markdown."""
    head = (
        "fitted to",
        "networks",
        "whole, mean error",
        "∝ MACs",
        "layers",
        "median error",
        "≤ 10 %, of those that repeat so",
        "Spearman",
        "noise floor",
    )
    made = [head, ("---",) * len(head)]
    for name, found in (
        ("micro-benchmarks and the other networks", networks_held_out()),
        ("micro-benchmarks alone", from_microbenchmarks()),
    ):
        count, share = found.repeatable
        made.append(
            (
                name, str(found.networks.n), _share(found.networks.mape.value), _share(found.macs.mape.value), str(found.layers.n),
                _share(found.layers.median_ape.value), f"{_share(share)} of {count}", f"{found.layers.spearman.value or 0:.2f}",
                _share(found.noise),
            )
        )  # fmt: skip
    return [f"| {' | '.join(row)} |" for row in made]


def _share(value: float | None) -> str:
    return f"{100 * (value or 0):.1f} %"
