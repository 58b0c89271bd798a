"""Measured data: the records, and how long, how much and how often as a table of ours names it.

A table has one row a measurement. Its columns (CSV) or keys (JSON) are those of ``FIELDS`` and of ``QUANTITIES``, the latter with the
unit as the end of the name: ``latency_us``, ``energy_mj``, ``power_w``, ``dram_bytes``, ``clock_mhz``. ``throughput_per_s`` stands
for a latency of batch / throughput. What a column leaves empty is not known.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from hwsim.errors import nearest

Scope = Literal["layer", "operator", "call", "model", "overhead"]
SCHEMA = "hwsim/measured/1"

_TIME = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
#: Quantities by the stem of their column, with the factor to SI of each unit that may follow.
QUANTITIES: dict[str, Mapping[str, float]] = {
    "latency": _TIME,
    "minimum": _TIME,
    "energy": {"pj": 1e-12, "nj": 1e-9, "uj": 1e-6, "mj": 1e-3, "j": 1.0},
    "power": {"uw": 1e-6, "mw": 1e-3, "w": 1.0},
    "dram": {"bytes": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1024.0, "mib": 1024.0**2, "gib": 1024.0**3},
    "clock": {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    "throughput": {"per_s": 1.0},
}
#: All other columns, and what they hold.
FIELDS: dict[str, str] = {
    "scope": "what the row is of: layer (default), operator (all layers of one operator), call (of an operator, rows in the order in which "
    "they ran), model, or overhead (of no layer)",
    "name": "layer, operator or model",
    "model": "network the row belongs to, where the table holds several",
    "op": "operator of the layer",
    "output": "tensor that the layer writes",
    "covers": "further layers or nodes that ran in it, joined by ;",
    "device": "what it ran on",
    "mode": "operating point of the device",
    "precision": "operand types, as --bits takes them",
    "batch": "inputs at a time",
    "source": "where the figure is from",
    "repeats": "runs behind the figure",
    "spread": "standard deviation of the runs over their mean",
}
_COUNTS = ("batch", "repeats")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured figure or several of the same thing.

    latency_s : of the whole batch [s]; minimum_s : of the fastest run [s]. energy_j [J], power_w [W], dram_bytes : off-chip traffic [B].
    spread : standard deviation of the repeats over their mean [1]. where : ``file:line`` it was read from. For the rest see ``FIELDS``.
    """

    name: str
    scope: Scope = "layer"
    model: str = ""
    op: str = ""
    output: str = ""
    covers: tuple[str, ...] = ()
    latency_s: float | None = None
    minimum_s: float | None = None
    energy_j: float | None = None
    power_w: float | None = None
    dram_bytes: float | None = None
    clock_hz: float | None = None
    device: str = ""
    mode: str = ""
    precision: str = ""
    batch: int | None = None
    source: str = ""
    repeats: int | None = None
    spread: float | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """The rows of one file. form : what it was recognised as; complete : whether its layers are all that ran, so that a layer without
    a row must have run inside of another. sha256 : of the file. notes : what was assumed on reading.
    """

    rows: tuple[Measurement, ...]
    form: str = "table"
    path: str = ""
    sha256: str = ""
    complete: bool = False
    notes: tuple[str, ...] = field(default=())


def fastest(measured: Measured) -> Measured:
    """The same with the fastest run of each row as its latency, where it is known: what a busy machine disturbs least."""
    rows = (row if row.minimum_s is None else replace(row, latency_s=row.minimum_s) for row in measured.rows)
    return replace(measured, rows=tuple(rows))


def relative_spread(times: Sequence[float]) -> float | None:
    """Sample standard deviation over the mean [1]; None of fewer than two times, and of times of zero."""
    mean = statistics.mean(times) if len(times) > 1 else 0.0
    return statistics.stdev(times) / mean if mean > 0 else None


def columns() -> tuple[str, ...]:
    """Every name that a column may have."""
    return (*FIELDS, *(f"{stem}_{unit}" for stem, units in QUANTITIES.items() for unit in units))


def unknown_columns(names: Sequence[str]) -> list[tuple[str, str]]:
    """Names that mean nothing, or mean the same as another, each with what is wrong."""
    known = columns()
    found: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    for name in names:
        if name not in known:
            stem = name if name in QUANTITIES else name.rpartition("_")[0]
            units = QUANTITIES.get(stem)
            hint = f" (the unit is one of {', '.join(units)})" if units else nearest(name, known)
            found.append((name, f"unknown column{hint}"))
            continue
        stem = name if name in FIELDS else _stem(name)
        if stem in seen:
            found.append((name, f"says the same as {seen[stem]}: give one of them"))
        seen.setdefault(stem, name)
    return found


def measurement(given: Mapping[str, object], where: str) -> tuple[Measurement | None, list[tuple[str, str]]]:
    """A row of named values as a record, or None and what is wrong with it, column by column."""
    wrong: list[tuple[str, str]] = []
    plain: dict[str, object] = {"where": where, "name": ""}
    for column, value in given.items():
        if value is None or value == "":
            continue
        try:
            key, read = _value(column, value)
        except ValueError as error:
            wrong.append((column, str(error)))
        else:
            plain[key] = read
    throughput = plain.pop("throughput", None)
    if throughput is not None:
        assert isinstance(throughput, float)
        batch = plain.get("batch", 1)
        assert isinstance(batch, int)
        if "latency_s" in plain:
            wrong.append(("throughput_per_s", "given beside a latency: give one of them"))
        plain["latency_s"] = batch / throughput
        if not 0 < batch / throughput < math.inf:
            wrong.append(("throughput_per_s", f"{_quoted(throughput)} a second is out of range"))
    wrong += _missing(plain, bool(wrong))
    return (None, wrong) if wrong else (Measurement(**plain), [])  # type: ignore[arg-type]


def _missing(plain: Mapping[str, object], broken: bool) -> list[tuple[str, str]]:
    found = []
    if not any(plain.get(key) for key in ("name", "output")) and plain.get("scope") != "overhead":
        found.append(("name", "missing: a row names a layer, an operator or a model, or gives the output tensor"))
    if not broken and not any(key in plain for key in ("latency_s", "energy_j", "power_w", "dram_bytes")):
        found.append(("latency_us", "missing: a row gives a latency, an energy, a power or a traffic"))
    return found


def _stem(column: str) -> str:
    return column.partition("_")[0]


def _value(column: str, value: object) -> tuple[str, object]:
    """The field of a column and its value in SI; raises ValueError in words."""
    if column in _COUNTS:
        number = _number(value)
        if number != int(number) or number < 1:
            raise ValueError(f"{_quoted(value)} is not a whole number of at least 1")
        return column, int(number)
    if column == "spread":
        return column, _at_least_zero(value)
    if column == "scope":
        if value not in get_args(Scope):
            raise ValueError(f"{_quoted(value)} is not one of {', '.join(get_args(Scope))}")
        return column, value
    if column == "covers":
        parts = value if isinstance(value, list) else str(value).split(";")
        return column, tuple(str(part).strip() for part in parts if str(part).strip())
    if column in FIELDS:
        return column, str(value)
    stem, _, unit = column.partition("_")
    number = _at_least_zero(value) if stem in ("dram", "energy") else _positive(value)
    si = number * QUANTITIES[stem][unit]
    if math.isinf(si) or (number and not si):
        raise ValueError(f"{_quoted(value)} is out of range")
    names = {
        "dram": "dram_bytes",
        "clock": "clock_hz",
        "throughput": "throughput",
        "energy": "energy_j",
        "power": "power_w",
    }
    return names.get(stem, f"{stem}_s"), si


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{_quoted(value)} is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        hint = " (use a point, and no separators between thousands)" if isinstance(value, str) and "," in value else ""
        raise ValueError(f"{_quoted(value)} is not a number{hint}") from None
    if not math.isfinite(number):
        raise ValueError(f"{_quoted(value)} is not a finite number")
    return number


def _at_least_zero(value: object) -> float:
    number = _number(value)
    if number < 0:
        raise ValueError(f"{_quoted(value)} is below 0")
    return number


def _positive(value: object) -> float:
    number = _number(value)
    if number <= 0:
        raise ValueError(f"{_quoted(value)} is not above 0")
    return number


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
