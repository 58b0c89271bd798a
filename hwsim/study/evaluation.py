"""Points to columns: what each design costs, and by how much it keeps or misses each constraint.

A pure function: the same points give the same columns, whatever was evaluated before. Networks are read and lowered once for all points
that share them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from hwsim.device import Device, load
from hwsim.errors import HwsimError, UsageError, nearest
from hwsim.estimation import Estimate, Prepared, Totals, estimate, prepare
from hwsim.estimation.answers import Answers
from hwsim.study.axes import BITS, DENSITY, DIMS, NAMED, Point, Value

#: Totals of the record, in its order.
TOTALS = tuple(item.name for item in fields(Totals))
Row = dict[str, Value]
#: Devices that are remembered at most.
_DEVICES = 64


@dataclass(frozen=True, slots=True)
class Limit:
    """A constraint on a total: at most (``upper``) or at least ``bound``."""

    total: str
    bound: float
    upper: bool = True

    @property
    def name(self) -> str:
        """Its column: ``residual_max_latency_s``."""
        return f"residual_{'max' if self.upper else 'min'}_{self.total}"

    def residual(self, value: float | None) -> float:
        """Signed and normalized: at most 0 where the constraint holds, 1 where the total is not known [1]."""
        if value is None:
            return 1.0
        return value / self.bound - 1 if self.upper else 1 - value / self.bound


def limits_of(given: Mapping[str, Any]) -> tuple[Limit, ...]:
    """``max_latency_s: 0.01`` and ``min_throughput_per_s: 30`` as Limits; raises UsageError for another key or a bound that is no number
    above 0.
    """
    limits = []
    for key, bound in given.items():
        side, _, total = key.partition("_")
        if side not in ("max", "min") or total not in TOTALS:
            names = [f"{word}_{name}" for name in TOTALS for word in ("max", "min")]
            raise UsageError(f"constraints: {key} is no max_ or min_ of a total{nearest(key, names)}")
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not 0 < bound < 1e300:
            raise UsageError(f"constraints: {key}: {bound!r} is not a number above 0")
        limits.append(Limit(total, float(bound), side == "max"))
    return tuple(limits)


@dataclass
class Evaluator:
    """Evaluates points. base : what every point has beside its own values. Prepared networks and parsed profiles are shared by all
    threads.
    """

    base: Point = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    cache: bool = True
    _prepared: dict[tuple[Any, ...], Prepared | HwsimError] = field(default_factory=dict)
    _devices: dict[tuple[Any, ...], Device] = field(default_factory=dict)
    #: Of ``study.fast``: what was worked out for groups of points, and the groups that were met once.
    setups: dict[Any, Any] = field(default_factory=dict)
    seen: set[Any] = field(default_factory=set)
    answers: Answers = field(default_factory=Answers)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def row(self, point: Mapping[str, Value]) -> Row:
        """One design: its totals (None where not known), a residual a constraint, ``residual_mapping`` and the reason of what is
        infeasible.
        """
        try:
            made = self.estimate(point)
        except HwsimError as error:
            return self.failed(error.findings[0])
        return self.told(made)

    def estimate(self, point: Mapping[str, Value]) -> Estimate:
        """The whole estimate of a design; raises HwsimError where there is none."""
        whole = {**self.base, **point}
        options: dict[str, Any] = {
            name: whole[name] for name in ("rung", "objective", "search") if whole.get(name) is not None
        }
        for name in ("counting", "units"):
            if whole.get(name) is not None:
                options[name] = whole[name]
        network, device = self.prepared(whole), self.device(whole)
        return estimate(network, device, cache=self.cache, answers=self.answers, **options)

    def prepared(self, whole: Mapping[str, Value]) -> Prepared:
        """The network of a design, read and lowered once."""
        binding = {
            name: value
            for name, value in whole.items()
            if name.startswith((DIMS, DENSITY, BITS)) or name in ("model", "batch", "bits")
        }
        key = tuple(binding.items())  # in their order, which is that of the rules for bits
        with self._lock:
            found = self._prepared.get(key)
            if found is None:
                try:
                    found = self._read(binding)
                except HwsimError as error:
                    found = error
                self._prepared[key] = found
        if isinstance(found, HwsimError):
            raise found
        return found

    def _read(self, binding: Mapping[str, Value]) -> Prepared:
        if "model" not in binding:
            raise UsageError("a point needs a model")
        dims = {
            name.removeprefix(DIMS): _count(name, value) for name, value in binding.items() if name.startswith(DIMS)
        }
        shares = {name.removeprefix(DENSITY): value for name, value in binding.items() if name.startswith(DENSITY)}
        counted = shares.get("weight") == "counted" and bool(shares.pop("weight"))
        rules = [f"{name.removeprefix(BITS)}={value}" for name, value in binding.items() if name.startswith(BITS)]
        rules += [str(binding[name]) for name in ("bits",) if binding.get(name) is not None]
        return prepare(
            str(binding["model"]),
            batch=None if binding.get("batch") is None else _count("batch", binding["batch"]),
            bits=",".join(rules) or None,
            dims=dims,
            density={name: _share(name, value) for name, value in shares.items()},
            count_zeros=counted,
        )

    def device(self, whole: Mapping[str, Value]) -> Device:
        """The device of a design: its profile with every dotted path of the point set."""
        if "device" not in whole:
            raise UsageError("a point needs a device")
        overrides = tuple(f"{name}={text(value)}" for name, value in whole.items() if is_path(name))
        technology = whole.get("technology")
        key = (str(whole["device"]), overrides)
        found = self._devices.get(key)
        if found is None:
            found = load(*key)
            if len(self._devices) >= _DEVICES:
                self._devices.clear()
            self._devices[key] = found
        if technology is None:
            return found
        from hwsim.cost.fill import with_technology
        from hwsim.device.technology import parse_node

        return with_technology(found, parse_node(str(technology)), "")

    def told(self, made: Estimate) -> Row:
        """An estimate as a row."""
        totals = made.totals.to_dict()
        lost = (
            [layer.name for layer in made.layers if layer.macs and layer.mapping is None]
            if made.settings["model"] == "mapping"
            else []
        )
        row: Row = {name: totals[name] for name in TOTALS}
        row["bound_gap"] = max((layer.bound_gap for layer in made.layers if layer.bound_gap is not None), default=None)
        for limit in self.limits:
            row[limit.name] = limit.residual(totals[limit.total])
        row["residual_mapping"] = len(lost) / len(made.layers) if lost else 0.0
        row["feasible"] = int(all(value <= 0 for name, value in row.items() if name.startswith("residual_")))  # type: ignore[operator]
        row["reason"] = f"{len(lost)} layers have no mapping, the first: {lost[0]}" if lost else self._missed(row)
        return row

    def _missed(self, row: Row) -> str:
        missed = [limit.name.removeprefix("residual_") for limit in self.limits if float(row[limit.name]) > 0]  # type: ignore[arg-type]
        return f"misses {', '.join(missed)}" if missed else ""

    def failed(self, reason: str) -> Row:
        """The row of a design that cannot be priced at all."""
        row: Row = dict.fromkeys((*TOTALS, "bound_gap"))
        row |= {limit.name: 1.0 for limit in self.limits}
        return row | {"residual_mapping": 1.0, "feasible": 0, "reason": reason}


def _count(name: str, value: Value) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name}: {value!r} is not a whole number of at least 1")
    return value


def _share(name: str, value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(
            f"{DENSITY}{name}: {value!r} is not a share from 0 to 1{' (or counted)' if name == 'weight' else ''}"
        )
    return float(value)


def is_path(name: str) -> bool:
    """Whether an axis is a dotted path of a device profile."""
    return name not in NAMED and not name.startswith((DIMS, DENSITY, BITS, "_"))


#: How a profile says that it has no such key.
_NO_SUCH = ("unknown key", "has no entry")


def refused(device: str, name: str, value: Value) -> str:
    """Why a profile by itself takes no such key, "" where it does, or where it is something else that does not go."""
    try:
        load(device, (f"{name}={text(value)}",))
    except HwsimError as error:
        return next((finding for finding in error.findings if any(word in finding for word in _NO_SUCH)), "")
    return ""


def text(value: Value) -> str:
    """A value as --set takes it."""
    return (
        "true"
        if value is True
        else "false"
        if value is False
        else "null"
        if value is None
        else repr(value)
        if isinstance(value, float)
        else str(value)
    )


def evaluate_batch(
    points: Sequence[Mapping[str, Value]],
    constraints: Mapping[str, Any] | None = None,
    base: Mapping[str, Value] | None = None,
) -> dict[str, list[Value]]:
    """Columns of totals, residuals and reasons for designs of any kind, as single evaluations give them, bit for bit.

    points : values by axis (``model``, ``device``, ``batch``, ``bits``, ``rung``, dotted profile paths, ...). constraints :
    ``max_latency_s: 0.01``. base : what all points share.
    """
    from hwsim.study.fast import rows

    evaluator = Evaluator(dict(base or {}), limits_of(constraints or {}))
    made = rows(evaluator, points)
    names = list(dict.fromkeys(name for row in made for name in row))
    return {name: [row[name] for row in made] for name in names}
