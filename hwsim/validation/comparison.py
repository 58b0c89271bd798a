"""Predictions beside measurements: the record behind ``hwsim validate``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from hwsim.device import Device
from hwsim.estimation import Estimate, LayerEstimate, estimate
from hwsim.validation.cases import Case, Cases
from hwsim.validation.join import Join, Joined, join
from hwsim.validation.measured import Measurement
from hwsim.validation.statistics import Figure, Statistics, noise_floor, proportional, statistics
from hwsim.workload.classes import work_class
from hwsim.workload.nest import LoopNest

Quantity = Literal["latency", "energy", "power", "traffic"]
SCHEMA = "hwsim/validation/1"
UNITS: Mapping[Quantity, str] = {"latency": "s", "energy": "j", "power": "w", "traffic": "bytes"}
_FIELDS: Mapping[Quantity, str] = {
    "latency": "latency_s",
    "energy": "energy_j",
    "power": "power_w",
    "traffic": "dram_bytes",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row beside its prediction, in SI.

    layers : priced layers in it; bound_by : the term that takes most of the predicted time, and share : how much of it [1];
    spread : of the repeats [1]; by : what joined it; work : class of most of its MACs, else its operator.
    """

    model: str
    name: str
    scope: str
    op: str
    layers: tuple[str, ...]
    macs: int
    predicted: float
    measured: float
    bound_by: str
    share: float
    by: str
    spread: float | None = None
    repeats: int | None = None
    work: str = ""

    @property
    def ratio(self) -> float:
        """Predicted over measured [1]."""
        return self.predicted / self.measured if self.measured else math.inf

    @property
    def error(self) -> float:
        """Predicted minus measured over measured [1]."""
        return self.ratio - 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows of one quantity on one device, in one scope.

    entries : what the statistics are of; wholes : whole models measured beside their layers. baseline : the guess that is proportional to
    MACs, at its best factor. noise : error that one repeat has from the mean of many. joins : by model, what joined and what did not.
    """

    quantity: Quantity
    device: str
    rung: str
    entries: tuple[Entry, ...]
    wholes: tuple[Entry, ...]
    statistics: Statistics
    baseline: Statistics | None
    noise: Figure
    joins: Mapping[str, Join] = field(default_factory=dict)
    strays: tuple[tuple[Measurement, str], ...] = ()
    notes: tuple[str, ...] = ()

    def worst(self, count: int) -> list[Entry]:
        """Entries whose prediction is furthest from the measurement, in the quantity's own unit."""
        return sorted(self.entries, key=lambda entry: -abs(entry.predicted - entry.measured))[:count]

    def to_dict(self) -> dict[str, Any]:
        """The JSON record ``hwsim/validation/1``."""
        unit = UNITS[self.quantity]
        return {
            "schema": SCHEMA,
            "device": self.device,
            "settings": {"model": self.rung, "quantity": self.quantity},
            "statistics": asdict(self.statistics),
            "baseline": None if self.baseline is None else asdict(self.baseline),
            "noise_floor": asdict(self.noise),
            "layers": [_plain(entry, unit) for entry in self.entries],
            "models": [_plain(entry, unit) for entry in self.wholes],
            **joins_record(self.joins, self.strays),
            "warnings": list(self.notes),
        }

    def to_rows(self) -> list[dict[str, Any]]:
        """A flat row an entry, for CSV."""
        unit = UNITS[self.quantity]
        return [_plain(entry, unit) | {"layers": ";".join(entry.layers)} for entry in (*self.entries, *self.wholes)]


def _plain(entry: Entry, unit: str) -> dict[str, Any]:
    return {
        "model": entry.model,
        "scope": entry.scope,
        "name": entry.name,
        "op": entry.op,
        "work": entry.work,
        "macs": entry.macs,
        f"predicted_{unit}": entry.predicted,
        f"measured_{unit}": entry.measured,
        "ratio": entry.ratio,
        "error": entry.error,
        "bound_by": entry.bound_by,
        "share": entry.share,
        "joined_by": entry.by,
        "spread": entry.spread,
        "repeats": entry.repeats,
        "layers": list(entry.layers),
    }


def joins_record(joins: Mapping[str, Join], strays: Sequence[tuple[Measurement, str]]) -> dict[str, Any]:
    """What joined by model, and the rows of no model that was given, for a JSON record."""
    return {
        "join": {name: _joined(join) for name, join in joins.items()},
        "not_joined": [_stray(row, reason) for row, reason in strays],
    }


def joins_of(found: Cases) -> dict[str, Join]:
    """What joined and what did not, by model."""
    joins: dict[str, Join] = {}
    for case in found.cases:
        joins[_free(joins, case)] = join(case.rows, case.prepared, case.complete)
    return joins


def _label(case: Case) -> str:
    return case.name + (f" ({case.mode})" if case.mode else "")


def _free(joins: Mapping[str, Join], case: Case) -> str:
    """A name for the rows of one case beside those of the cases before it."""
    label = _label(case)
    return label if label not in joins else f"{label} batch {case.prepared.settings['batch']}"


def _joined(join: Join) -> dict[str, Any]:
    return {
        "joined": len(join.joined),
        "placed_with_a_neighbour": list(join.placed),
        "layers_without_a_row": list(join.silent),
        "rows_without_a_layer": [_stray(row, reason) for row, reason in join.strays],
        "overhead_s": join.overhead_s,
        "notes": list(join.notes),
    }


def _stray(row: Measurement, reason: str) -> dict[str, Any]:
    return {"where": row.where, "name": row.name or row.output, "reason": reason}


def compare(
    found: Cases,
    device: Device | Callable[[str], Device],
    *,
    rung: str | None = None,
    quantity: Quantity | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Predict every case and set it beside its rows.

    device : one device, or the device of an operating point by its name. quantity : the one to compare; by default latency where it was
    measured, else the first that was. The statistics are of layers where any were measured, else of operators, else of models.
    """
    of_mode = device if callable(device) else lambda mode: device
    kind = quantity or _measured_kind([row for case in found.cases for row in case.rows])
    entries: list[Entry] = []
    joins: dict[str, Join] = {}
    notes: dict[str, None] = {}
    name, used = "", rung or ""
    for case in found.cases:
        result = estimate(case.prepared, of_mode(case.mode), rung=rung)
        name, used = str(result.device["name"]), str(result.settings["model"])
        notes |= dict.fromkeys(result.warnings)
        joined = join(case.rows, case.prepared, case.complete)
        label = _label(case)
        joins[_free(joins, case)] = joined
        nests = {layer.name: work.nests for layer, work in case.prepared.priced}
        entries += [entry for item in joined.joined if (entry := _entry(label, item, result, kind, nests)) is not None]
    chosen, wholes = _scoped(entries)
    measured = [entry.measured for entry in chosen]
    factor = proportional([entry.macs for entry in chosen], measured)
    baseline = None
    if factor is not None:
        guess = [factor * entry.macs for entry in chosen]
        baseline = statistics(guess, measured, resamples=resamples, seed=seed)
    return Comparison(
        quantity=kind,
        device=name,
        rung=used,
        entries=tuple(chosen),
        wholes=tuple(wholes),
        statistics=statistics([entry.predicted for entry in chosen], measured, resamples=resamples, seed=seed),
        baseline=baseline,
        noise=noise_floor([entry.spread for entry in chosen]),
        joins=joins,
        strays=found.strays,
        notes=tuple(notes),
    )


def _scoped(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    for scope in ("layer", "operator"):
        chosen = [entry for entry in entries if entry.scope == scope]
        if chosen:
            return chosen, [entry for entry in entries if entry.scope == "model"]
    return [entry for entry in entries if entry.scope == "model"], []


def _measured_kind(rows: Sequence[Measurement]) -> Quantity:
    for kind, attribute in _FIELDS.items():
        if any(getattr(row, attribute) is not None for row in rows if row.scope != "overhead"):
            return kind
    return "latency"


def _entry(
    model: str, item: Joined, result: Estimate, kind: Quantity, nests: Mapping[str, Sequence[LoopNest]]
) -> Entry | None:
    measured = getattr(item.row, _FIELDS[kind])
    if measured is None:
        return None
    chosen = set(item.layers)
    layers = [layer for layer in result.layers if layer.name in chosen]
    predicted = _predicted(layers, kind)
    if predicted is None:
        return None
    bound, share = _dominant(layers)
    row = item.row
    label = model if row.scope == "model" else row.name or row.output
    operator = row.op or (layers[0].op if len(layers) == 1 else "")
    largest = max(
        (nest for name in item.layers for nest in nests.get(name, ())), key=lambda nest: nest.macs, default=None
    )
    return Entry(
        model=model,
        name=label,
        scope=row.scope,
        op=operator,
        layers=item.layers,
        macs=sum(layer.macs for layer in layers),
        predicted=predicted,
        measured=measured,
        bound_by=bound,
        share=share,
        by=item.by,
        spread=row.spread,
        repeats=row.repeats,
        work=operator if largest is None else work_class(largest),
    )


def _predicted(layers: Sequence[LayerEstimate], kind: Quantity) -> float | None:
    latency = math.fsum(layer.latency_s for layer in layers)
    if kind == "latency":
        return latency
    if kind == "traffic":
        return math.fsum(layer.dram_bytes for layer in layers)
    energies = [layer.energy_j for layer in layers]
    if any(energy is None for energy in energies):
        return None
    energy = math.fsum(energy for energy in energies if energy is not None)
    if kind == "energy":
        return energy
    return energy / latency if latency else None


def _dominant(layers: Sequence[LayerEstimate]) -> tuple[str, float]:
    """The term that takes most of the predicted time, and its share of it."""
    times: dict[str, float] = {}
    for layer in layers:
        times[layer.bound_by] = times.get(layer.bound_by, 0.0) + _spent(layer)
    if not times:
        return "", 0.0
    name = max(times, key=lambda term: times[term])
    total = sum(layer.latency_s for layer in layers)
    return name, times[name] / total if total else 0.0


def _spent(layer: LayerEstimate) -> float:
    """Time of the term that binds a layer [s]."""
    if layer.bound_by in ("compute", "vector"):
        spent = layer.compute_s
    elif layer.bound_by in layer.traffic_bytes:
        spent = layer.memory_s
    else:
        spent = layer.latency_s
    return min(layer.latency_s, spent)
