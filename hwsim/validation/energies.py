"""Energies of a profile fitted to measured ones: of a MAC, a vector operation, a byte at each level, and standing power.

The energy of a layer is a sum of counts times energies (and time times standing power), so a rung on a device where each energy is one
unit shows the counts. Rows are fitted as times are (``fitting``), within bounds (no energy is below 0), drawn to the profile's own
figures, and hardly at all where it gives none; what is reported is the error on rows held out. Counts that always stand in the same
proportion (MACs and accesses of registers) cannot be told apart by any rows: their intervals say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.device import Device
from hwsim.device.records import Operand
from hwsim.errors import UsageError
from hwsim.estimation import estimate
from hwsim.validation.calibration import SHARE, SUPPORT, Calibration, Fitted, fitted_rung
from hwsim.validation.cases import Case, Cases
from hwsim.validation.constants import Constant, entry_name
from hwsim.validation.fitting import Problem, Row, best
from hwsim.validation.gathering import HoldOut, fold_of
from hwsim.validation.intervals import bootstrap, hull, plausible
from hwsim.validation.join import join
from hwsim.validation.statistics import proportional, statistics
from hwsim.validation.terms import ADDED, Part, Terms

Array = NDArray[np.float64]
#: How many times its value a figure of the profile may be off, and one that the profile lacks (in tenths of a typical row) [1].
_DOUBT, _UNKNOWN = 2.0, 100.0
#: Strength of the draw to the profile that only keeps proportional counts from having no answer [1].
_UNDRAWN = 1e-4
_UNIT_J = 1e-12


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows to fit. counts : (R, C) energy of each component at one unit [J]; measured : (R,) [J]; macs : (R,); labels : (R,) folds."""

    components: tuple[str, ...]
    counts: Array
    measured: Array
    macs: Array
    labels: tuple[str, ...]


def has_energies(found: Cases) -> bool:
    """Whether there are rows with an energy, or a power and a time."""
    return any(_energy(row) is not None for case in found.cases for row in case.rows)


def has_latencies(found: Cases) -> bool:
    """Whether there are rows with a time."""
    return any(row.latency_s is not None for case in found.cases for row in case.rows)


def _energy(row: Any) -> float | None:
    if row.energy_j is not None:
        return float(row.energy_j)
    return row.power_w * row.latency_s if row.power_w is not None and row.latency_s is not None else None


def calibrate_energies(
    found: Cases,
    device: Device | Callable[[str], Device],
    *,
    rung: str | None = None,
    hold_out: HoldOut | None = None,
    samples: int = 100,
    seed: int = 0,
    data: Sequence[tuple[str, str]] = (),
) -> Calibration:
    """Fit the energies of all components that matter to the measured energies of all cases; the record is that of ``calibrate``.

    A row's standing energy is over its measured time where there is one, else over the predicted. Raises UsageError where fewer than two
    rows have
    an energy.
    """
    of_mode = device if callable(device) else lambda mode: device
    base = of_mode("")
    rung = rung or fitted_rung(base)
    if rung not in ("roofline", "systolic", "cpu", "gpu"):
        raise UsageError(
            f"calibration: energies are fitted with --model roofline, cpu, gpu or systolic, not {rung}: its counts depend on them"
        )
    hold_out = hold_out or ("model" if len({case.name for case in found.cases}) > 1 else "layer")
    rows = _gather(found.cases, of_mode, rung, hold_out)
    if len(rows.measured) < 2:
        raise UsageError(f"calibration: {len(rows.measured)} rows with an energy found their layers, at least 2 must")
    sheet = np.asarray([_given(base, name) for name in rows.components])
    problem, x = _fit(rows, sheet, seed)
    values = _values(rows, sheet, problem, x)
    # intervals with all of them free and without the draw: what stays as the profile has it may be wrong too
    full = _problem(rows, sheet, set())
    full.strength = _UNDRAWN
    at = np.clip(full.inside(values), full.least, full.most)
    ranges = hull(full, at, bootstrap(full, at, rows.labels, samples, seed), plausible(full, at))
    spans = dict(zip(rows.components, ranges, strict=True))
    held, guess, folds = _held_out(rows, sheet, seed)
    known = np.where(np.isnan(sheet), 0.0, sheet)
    decided = (problem.shares(x) >= SHARE).sum(axis=0)
    before = {name: float(value) for name, value in zip(rows.components, known, strict=True)}
    fitted = [
        Fitted(
            path, before[name] * scale, float(value) * scale, spans[name][0] * scale, spans[name][1] * scale, int(count)
        )
        for name, value, count in zip([c.path for c in problem.constants], problem.outside(x), decided, strict=True)
        for path, scale in _paths(base, name, before[name])
    ]
    names = {constant.path for constant in problem.constants}
    kept = [path for name in rows.components if name not in names for path, _ in _paths(base, name, before[name])]
    return Calibration(
        device=base.name,
        rung=rung,
        constants=tuple(fitted),
        undetermined=tuple(sorted(kept)),
        rows=len(rows.measured),
        hold_out=hold_out,
        folds=folds,
        held_out=statistics(held, rows.measured, seed=seed),
        in_sample=statistics(rows.counts @ values, rows.measured, seed=seed),
        uncalibrated=statistics(np.where(np.isnan(sheet).any(), np.nan, rows.counts @ known), rows.measured, seed=seed),
        baseline=statistics(guess, rows.measured, seed=seed),
        data=tuple(data),
    )


def _gather(cases: Sequence[Case], of_mode: Callable[[str], Device], rung: str, hold_out: HoldOut) -> _Rows:
    found: list[tuple[dict[str, float], float, float, str]] = []
    for case in cases:
        device = of_mode(case.mode)
        layers = {layer.name: layer for layer in estimate(case.prepared, _one_unit_each(device), rung=rung).layers}
        for item in join(case.rows, case.prepared, case.complete).joined:
            measured = _energy(item.row)
            if measured is None or measured <= 0:
                continue
            parts: dict[str, float] = {}
            for name in item.layers:
                for component, joules in (layers[name].energy_by_j or {}).items():
                    parts[component] = parts.get(component, 0.0) + joules
            if item.row.latency_s is not None:
                parts["leakage"] = item.row.latency_s
            macs = float(sum(layers[name].macs for name in item.layers))
            label = {"model": case.name, "mode": device.operating_point, "layer": fold_of(case, item.layers)}[hold_out]
            found.append((parts, measured, macs, label))
    names = sorted(
        {name for parts, *_ in found for name, joules in parts.items() if joules and name not in {"host", "network"}}
    )
    counts = np.asarray([[parts.get(name, 0.0) for name in names] for parts, *_ in found]).reshape(
        len(found), len(names)
    )
    return _Rows(
        tuple(names), counts, np.asarray([row[1] for row in found]), np.asarray([row[2] for row in found]), tuple(row[3] for row in found)
    )  # fmt: skip


def _one_unit_each(device: Device) -> Device:
    """The device with every energy at one picojoule, and one watt of standing power."""
    unit: dict[Operand, float] = {"input": _UNIT_J, "weight": _UNIT_J, "output": _UNIT_J}
    power = {name: value for name, value in device.power_w.items() if name != "idle"}
    return replace(
        device,
        precisions=tuple(replace(item, mac_j=_UNIT_J) for item in device.precisions),
        vector=None if device.vector is None else replace(device.vector, op_j=_UNIT_J),
        memories=tuple(replace(memory, read_j=unit, write_j=unit, leakage_w=None) for memory in device.memories),
        networks=tuple(replace(network, hop_j=0.0) for network in device.networks),
        power_w=power,
        static_w=1.0,
    )


def _given(device: Device, component: str) -> float:
    """What the profile says of a component, in its unit (pJ, W); NaN where it says nothing. Levels that cost reads and writes
    differently: their mean."""
    if component == "mac":
        known = [item.mac_j for item in device.precisions if item.mac_j is not None]
        return float(np.mean(known)) / _UNIT_J if known else np.nan
    if component == "vector":
        own = device.vector.op_j if device.vector is not None else None
        return own / _UNIT_J if own is not None else np.nan
    if component == "leakage":
        return device.standing_w if device.standing_w is not None else np.nan
    memory = next(memory for memory in device.memories if memory.name == component)
    both = [*(memory.read_j or {}).values(), *(memory.write_j or {}).values()]
    return float(np.mean(both)) / _UNIT_J if both else np.nan


def _fit(rows: _Rows, sheet: Array, seed: int) -> tuple[Problem, Array]:
    """Fit all energies, then again without those that the profile gives and that decide next to nothing: they stay as they are."""
    stay: set[str] = set()
    while True:
        problem = _problem(rows, sheet, stay)
        x = best(problem, seed=seed)
        # where the rows want much less than the profile has, they decide it as well
        support = (problem.shares(np.maximum(x, problem.sheet)) >= SHARE).sum(axis=0)
        known = dict(zip(rows.components, sheet, strict=True))
        weak = {
            constant.path
            for constant, count in zip(problem.constants, support, strict=True)
            if count < SUPPORT and known[constant.path] > 0
        }
        if not weak or len(weak) == len(problem.constants):
            return problem, x
        stay |= weak


def _problem(rows: _Rows, sheet: Array, stay: AbstractSet[str]) -> Problem:
    """The fit of energies (C,), at least 0, in units: what a row takes is the sum of its components' counts times them."""
    constants = [
        Constant(name, "time", float(value), 0.0, np.inf, _DOUBT if value > 0 else _UNKNOWN)
        for name, value in zip(rows.components, np.nan_to_num(sheet), strict=True)
    ]
    parts = [Part(constant, ADDED, column) for constant, column in zip(constants, rows.counts.T, strict=True)]
    members = [Row(0, (place,), float(joules)) for place, joules in enumerate(rows.measured)]
    free = [constant for constant in constants if constant.path not in stay]
    return Problem([Terms(tuple(map(str, range(len(members)))), tuple(parts))], members, free)


def _taken(rows: _Rows, places: NDArray[np.int64] | NDArray[np.bool_]) -> _Rows:
    labels = tuple(np.asarray(rows.labels)[places])
    return replace(
        rows, counts=rows.counts[places], measured=rows.measured[places], macs=rows.macs[places], labels=labels
    )


def _values(rows: _Rows, sheet: Array, problem: Problem, x: Array) -> Array:
    """Energies of all components (C,), in units: as fitted, else as the profile has them."""
    fitted = dict(zip([constant.path for constant in problem.constants], problem.outside(x), strict=True))
    given = zip(rows.components, np.nan_to_num(sheet), strict=True)
    return np.asarray([fitted.get(name, value) for name, value in given])


def _held_out(rows: _Rows, sheet: Array, seed: int) -> tuple[Array, Array, int]:
    """Predictions of every row by energies, and by a factor on MACs, fitted without its fold; NaN where there is one fold only."""
    folds = sorted(set(rows.labels))
    predicted, guess = np.full(len(rows.measured), np.nan), np.full(len(rows.measured), np.nan)
    for fold in folds if len(folds) > 1 else []:
        out = np.asarray([label == fold for label in rows.labels])
        rest = _taken(rows, ~out)
        predicted[out] = rows.counts[out] @ _values(rest, sheet, *_fit(rest, sheet, seed))
        factor = proportional(rest.macs, list(rest.measured))
        guess[out] = rows.macs[out] * (factor if factor is not None else np.nan)
    return predicted, guess, len(folds)


def _paths(device: Device, component: str, before: float) -> list[tuple[str, float]]:
    """Keys of the profile that a component's energy stands in, each with its value over the component's [1]."""
    if component == "mac":
        return [
            (
                f"compute.precisions.{entry_name(item)}.mac_pj",
                item.mac_j / _UNIT_J / before if item.mac_j and before else 1.0,
            )
            for item in device.precisions
        ]
    if component == "vector":
        return [("compute.vector.op_pj", 1.0)]
    if component == "leakage":
        kind = "idle" if any(key.startswith("power.idle_") for key in device.quantities) else "static"
        given = [key for key in device.quantities if key.startswith(f"power.{kind}_")]
        key = given[0] if given else f"power.{kind}_w"
        return [(key, 1e3 if key.endswith("mw") else 1.0)]
    head = f"memory.{component}."
    keys = [key for key in device.quantities if key.startswith(head) and "pj_per_" in key]
    if not keys or not before:
        return [(f"{head}pj_per_byte", 1.0)]
    return [(key, device.quantities[key][0] / before) for key in keys]
