"""Which rows are of which network, as it was run: model, batch, precision and operating point."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hwsim.device import Device
from hwsim.errors import UsageError, nearest
from hwsim.estimation import Prepared
from hwsim.validation.measured import Measured, Measurement

#: Reads a model by the name it was given under, for a batch and operand bits (None: as the model has them).
Reader = Callable[[str, int | None, str | None], Prepared]


@dataclass(frozen=True, slots=True)
class Case:
    """A network as it was measured, and its rows. mode : operating point of the device, "" for the profile's own."""

    name: str
    prepared: Prepared
    rows: tuple[Measurement, ...]
    mode: str = ""
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Cases:
    """All cases, and the rows of networks that were not given, each with the reason."""

    cases: tuple[Case, ...]
    strays: tuple[tuple[Measurement, str], ...] = field(default=())


def cases(models: Sequence[str], measured: Sequence[Measured], read: Reader) -> Cases:
    """Sort rows by network.

    models : names under which ``read`` knows them. A row belongs to the model that its ``model`` column names (a whole-model row: that
    its name names), by the name given here, its file's stem or the network's own name. A row that names none belongs to the only model
    there is, or where there are as many files as models to the one in its file's place. Raises UsageError where that leaves rows
    without a model.
    """
    known = {alias: model for model in models for alias in (Path(model).stem, model)}
    groups: dict[tuple[str, int | None, str, str, bool], list[Measurement]] = {}
    strays: list[tuple[Measurement, str]] = []
    nameless: list[Measured] = []
    for place, data in enumerate(measured):
        default = models[0] if len(models) == 1 else models[place] if len(models) == len(measured) else None
        for row in data.rows:
            given = row.model or (row.name if row.scope == "model" else "")
            model = known.get(given) if given else default
            if given and model is None and default is not None and _own_name(read, default) == given:
                model = default
            if model is not None:
                key = (model, row.batch, row.precision, row.mode, data.complete)
                groups.setdefault(key, []).append(row)
            elif given:
                strays.append((row, f"no model {given!r} was given{nearest(given, list(known))}"))
            elif not nameless or nameless[-1] is not data:
                nameless.append(data)
    if nameless:
        raise UsageError(
            *(
                f"{os.fspath(data.path)}: its rows name no model, and {len(models)} were given: fill the column model"
                for data in nameless
            )
        )
    found = [
        Case(Path(model).stem, read(model, batch, precision or None), tuple(rows), mode, complete)
        for (model, batch, precision, mode, complete), rows in groups.items()
    ]
    return Cases(tuple(found), tuple(strays))


def check_modes(found: Cases, device: Device) -> None:
    """Raise UsageError with the first row of every operating point that the device does not have, by ``file:line: mode``."""
    points = tuple(device.operating_points)
    wrong = {case.mode: case.rows[0] for case in reversed(found.cases) if case.mode and case.mode not in points}
    there = f"there are {', '.join(points)}" if points else "its profile has none: leave the column empty"
    if wrong:
        raise UsageError(
            *(
                f"{row.where}: mode: {device.name} has no operating point {mode}{nearest(mode, points) or f' ({there})'}"
                for mode, row in sorted(wrong.items(), key=lambda item: item[1].where)
            )
        )


def _own_name(read: Reader, model: str) -> str:
    return read(model, None, None).network.name


def from_prepared(prepared: Mapping[str, Prepared]) -> Reader:
    """A reader of networks that are prepared already; a row of another batch raises UsageError."""

    def read(model: str, batch: int | None, bits: str | None) -> Prepared:
        found = prepared[model]
        have = found.settings.get("batch")
        if batch is not None and batch != have:
            raise UsageError(
                f"{model}: measured at batch {batch}, prepared for batch {have}: give the file, not a prepared network"
            )
        if bits is not None and bits != found.settings.get("bits"):
            have = found.settings.get("bits")
            raise UsageError(
                f"{model}: measured with {bits}, prepared with {have}: give the file, not a prepared network"
            )
        return found

    return read
