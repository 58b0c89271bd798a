"""The space of a study: axes, axes that move together or exist on a condition, derived parameters, filters; its points in a fixed order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hwsim.errors import UsageError, nearest
from hwsim.study.expression import evaluate, names_in

Value = str | int | float | bool | None
Point = dict[str, Value]
#: Axes that are not paths of a device profile.
NAMED = ("model", "device", "batch", "bits", "rung", "objective", "search", "counting", "units", "technology")
#: What starts the name of an axis that binds a symbolic dim, a density, or the bits of the layers that a glob matches.
DIMS, DENSITY, BITS = "dims.", "density.", "bits."
MAX_VALUES = 1_000_000


def values_of(given: Any, name: str) -> tuple[Value, ...]:
    """Values of an axis: a list, one value, ``{range: [first, last, step]}`` (the last included), ``{log: [first, last, count]}`` or
    ``{values: [...]}``, the last three with a condition ``when`` beside them.
    """
    if isinstance(given, Mapping):
        kinds = {key: bounds for key, bounds in given.items() if key != "when"}
        if len(kinds) != 1:
            raise UsageError(f"axis {name}: one of range, log and values, or a list")
        kind, bounds = next(iter(kinds.items()))
        if kind == "values" and not isinstance(bounds, Mapping):
            return values_of(bounds, name)
        if (
            kind not in ("range", "log")
            or not isinstance(bounds, Sequence)
            or len(bounds) != 3
            or not all(map(_number, bounds))
        ):
            hint = nearest(str(kind), ("range", "log", "values", "when"))
            raise UsageError(f"axis {name}: {{range: [first, last, step]}} or {{log: [first, last, count]}}{hint}")
        return _range(name, *bounds) if kind == "range" else _log(name, *bounds)
    listed = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not listed:
        raise UsageError(f"axis {name}: has no values")
    for value in listed:
        if not isinstance(value, str | int | float | bool | None) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            raise UsageError(f"axis {name}: {value!r} is neither a word nor a finite number")
    if len(set(map(repr, listed))) < len(listed):
        raise UsageError(f"axis {name}: a value stands there twice")
    return tuple(listed)


def condition_of(given: Any, name: str) -> str | None:
    """The expression in ``when`` of an axis, None where it has none."""
    if not isinstance(given, Mapping) or "when" not in given:
        return None
    if not isinstance(given["when"], str):
        raise UsageError(f"axis {name}: when: an expression in quotes")
    return given["when"]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _range(name: str, first: float, last: float, step: float) -> tuple[Value, ...]:
    if step == 0 or (last - first) / step < 0 or (last - first) / step > MAX_VALUES:
        raise UsageError(
            f"axis {name}: a range from {first:g} to {last:g} in steps of {step:g} has no end, or too many values"
        )
    count = math.floor((last - first) / step * (1 + 1e-12) + 1e-12) + 1
    return tuple(first + number * step for number in range(count))


def _log(name: str, first: float, last: float, count: float) -> tuple[Value, ...]:
    if not (first > 0 and last > 0 and count == int(count) and 2 <= count <= MAX_VALUES):
        raise UsageError(f"axis {name}: log needs two numbers above 0 and a whole count of at least 2")
    ratio = (last / first) ** (1 / (count - 1))
    whole = isinstance(first, int) and isinstance(last, int)
    found = [first * ratio**number for number in range(int(count))]
    return tuple(dict.fromkeys(round(value) for value in found)) if whole else (*found[:-1], float(last))


@dataclass(frozen=True)
class Space:
    """All points of a study.

    axes : values by name; the last axis changes fastest. together : groups of axes that take their first, second, ... values at the same
    time. derived : expressions by name, evaluated in order from the axes and from one another. where : expressions that must hold.
    when : conditions by axis, over the axes before it. Where one does not hold, the point goes without that axis: the base's value or the
    profile's own stands. So do axes and derived parameters that follow from it, and filters that speak of it let the point pass.
    """

    axes: Mapping[str, tuple[Value, ...]]
    together: tuple[tuple[str, ...], ...] = ()
    derived: Mapping[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    when: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.axes:
            raise UsageError("a study needs an axis")
        self._check_groups()
        before: set[str] = set()
        for name in self.axes:
            missing = names_in(self.when.get(name, "0")) - before
            if missing:
                raise UsageError(f"axis {name}: when {self.when[name]!r}: no axis {min(missing)} before it")
            before.add(name)
        known = set(self.axes)
        for name, text in self.derived.items():
            missing = names_in(text) - known
            if name in known or missing:
                raise UsageError(
                    f"derived {name}: {'is an axis already' if name in known else f'no axis {min(missing)}'}"
                )
            known.add(name)
        for text in self.where:
            missing = names_in(text) - known
            if missing:
                raise UsageError(f"where {text!r}: no axis {min(missing)}")

    def _check_groups(self) -> None:
        seen: set[str] = set()
        for group in self.together:
            for name in group:
                if name not in self.axes:
                    raise UsageError(f"zip: no axis {name}{nearest(name, list(self.axes))}")
                if name in seen:
                    raise UsageError(f"zip: axis {name} is in two groups")
                if name in self.when:
                    raise UsageError(f"zip: axis {name} has a condition, and cannot move with others")
                seen.add(name)
            sizes = {len(self.axes[name]) for name in group}
            if len(sizes) > 1:
                raise UsageError(f"zip: {', '.join(group)} have different numbers of values")

    @cached_property
    def columns(self) -> list[tuple[tuple[str, ...], list[tuple[Value, ...]]]]:
        """Axes that move on their own, and groups, in the order of their first names, with their rows of values."""
        group_of = {name: group for group in self.together for name in group}
        columns: dict[tuple[str, ...], list[tuple[Value, ...]]] = {}
        for name in self.axes:
            group = group_of.get(name, (name,))
            columns.setdefault(group, list(zip(*(self.axes[inner] for inner in group), strict=True)))
        return list(columns.items())

    @property
    def cardinality(self) -> int:
        """Points before filters and conditions [1]."""
        return math.prod(len(rows) for _, rows in self.columns)

    @property
    def pruned(self) -> bool:
        """Whether there can be fewer points than ``cardinality``."""
        return bool(self.where or self.when)

    def points(self) -> Iterator[Point]:
        """The points that pass the filters, always in the same order; those that differ in an absent axis alone are one."""
        if self.when:
            for places in itertools.product(*(range(size) for size in self.sizes)):
                if self.canonical(places) == places:
                    point, passes = self.at(places)
                    if passes:
                        yield point
            return
        columns = self.columns
        for choice in itertools.product(*(rows for _, rows in columns)):
            point, passes = self._made(columns, choice)
            if passes:
                yield point

    def _made(
        self, columns: list[tuple[tuple[str, ...], list[tuple[Value, ...]]]], choice: Sequence[tuple[Value, ...]]
    ) -> tuple[Point, bool]:
        point: Point = {}
        for (group, _), row in zip(columns, choice, strict=True):
            point.update(zip(group, row, strict=True))
        point = {name: point[name] for name in self.axes}
        if not self.when:
            for name, text in self.derived.items():
                point[name] = evaluate(text, point)
            return point, all(evaluate(text, point) for text in self.where)
        kept: Point = {}
        for name, value in point.items():
            if self.active(name, kept):
                kept[name] = value
        for name, text in self.derived.items():
            if names_in(text) <= kept.keys():
                kept[name] = evaluate(text, kept)
        return kept, all(evaluate(text, kept) for text in self.where if names_in(text) <= kept.keys())

    def active(self, name: str, point: Point) -> bool:
        """Whether a point that has ``point`` of the axes before it has this axis."""
        text = self.when.get(name)
        return text is None or (names_in(text) <= point.keys() and bool(evaluate(text, point)))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Values of each axis that moves on its own, and of each group [1]; the last changes fastest."""
        return tuple(len(rows) for _, rows in self.columns)

    def at(self, places: Sequence[int]) -> tuple[Point, bool]:
        """The point at the places of its values, and whether it passes the filters."""
        columns = self.columns
        return self._made(columns, [rows[place] for (_, rows), place in zip(columns, places, strict=True)])

    def canonical(self, places: Sequence[int]) -> tuple[int, ...]:
        """The places that stand for a point: the first of each axis that it goes without."""
        if not self.when:
            return tuple(places)
        kept: Point = {}
        found = []
        for (group, rows), place in zip(self.columns, places, strict=True):
            if self.active(group[0], kept):
                kept.update(zip(group, rows[place], strict=True))
                found.append(place)
            else:
                found.append(0)
        return tuple(found)

    def number(self, places: Sequence[int]) -> int:
        """Number of a point before filters, from the places of its values [1]."""
        number = 0
        for size, place in zip(self.sizes, self.canonical(places), strict=True):
            number = number * size + place
        return number

    def places(self, number: int) -> tuple[int, ...]:
        """Places of the values of a point, from its number before filters [1]."""
        found = []
        for size in reversed(self.sizes):
            number, place = divmod(number, size)
            found.append(place)
        return tuple(reversed(found))
