"""Measured rows of all cases, with what their layers are made of: what a calibration works on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwsim.device import Device
from hwsim.validation import sensitivity
from hwsim.validation.cases import Case
from hwsim.validation.constants import class_efficiency_of
from hwsim.validation.fitting import Array, Row
from hwsim.validation.join import join
from hwsim.validation.naming import OVERHEAD_OPS
from hwsim.validation.sensitivity import near
from hwsim.validation.terms import FUNCTION, Terms, terms

HoldOut = Literal["model", "layer", "mode"]
Again = Callable[[Mapping[str, float]], tuple[Terms, ...]]
_LAYER_FOLDS = 5
#: Rows of layers that one row of their whole model weighs as much as.
_WHOLE_WEIGHT = 0.2


@dataclass(frozen=True, slots=True)
class Gathered:
    """Rows ready to be fitted, R of them.

    terms : the networks they are of, taken apart. labels : (R,) fold of each; models : (R,) its network; macs : (R,); whole : (R,) whether
    it is of a whole model beside its layers. given : paths of
    the special cases (functions of the vector unit, classes of work) whose rates the profile gives. again : the networks taken apart
    near other values of the constants, None where one view of them is right everywhere.
    """

    terms: tuple[Terms, ...]
    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    models: tuple[str, ...]
    macs: Array
    whole: NDArray[np.bool_]
    given: frozenset[str]
    again: Again | None = None

    def subset(self, keep: NDArray[np.bool_]) -> Gathered:
        """The same with some of the rows."""
        chosen = [int(place) for place in np.flatnonzero(keep)]

        def pick(values: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(values[place] for place in chosen)

        return replace(
            self,
            rows=pick(self.rows),
            labels=pick(self.labels),
            models=pick(self.models),
            macs=self.macs[keep],
            whole=self.whole[keep],
        )


def gather(cases: Sequence[Case], of_mode: Callable[[str], Device], rung: str, hold_out: HoldOut) -> Gathered:
    """Join every case and take its network apart on its device."""
    parts = [_case(place, case, of_mode(case.mode), hold_out) for place, case in enumerate(cases)]

    def again(values: Mapping[str, float]) -> tuple[Terms, ...]:
        return tuple(near(case.prepared, of_mode(case.mode), rung, values) for case in cases)

    local = rung in sensitivity.RUNGS
    apart = again({}) if local else tuple(terms(case.prepared, of_mode(case.mode), rung) for case in cases)
    given = {path for mode in {case.mode for case in cases} for path in _given(of_mode(mode))}
    return Gathered(
        terms=apart,
        rows=tuple(row for rows in parts for row, _, _, _ in rows),
        labels=tuple(label for rows in parts for _, label, _, _ in rows),
        models=tuple(case.name for case, rows in zip(cases, parts, strict=True) for _ in rows),
        macs=np.asarray([macs for rows in parts for _, _, macs, _ in rows]),
        whole=np.asarray([whole for rows in parts for _, _, _, whole in rows], bool),
        given=frozenset(given),
        again=again if local else None,
    )


def _given(device: Device) -> list[str]:
    """Special cases whose rates the profile gives, by path."""
    functions = device.vector.by_function if device.vector is not None else {}
    classes = [(precision, name) for precision in device.precisions for name, _ in precision.by_class]
    return [
        *(f"{FUNCTION}{name}" for name in functions),
        *(class_efficiency_of(device, precision, name).path for precision, name in classes),
    ]


def _case(place: int, case: Case, device: Device, hold_out: HoldOut) -> list[tuple[Row, str, float, bool]]:
    """The rows of one case: what to fit, its fold, its MACs, and whether it is of the whole model beside its layers."""
    index = {layer.name: number for number, (layer, _) in enumerate(case.prepared.priced)}
    sizes = {layer.name: work.macs for layer, work in case.prepared.priced}
    joined = [item for item in join(case.rows, case.prepared, case.complete).joined if item.row.latency_s]
    relaid = sum(row.latency_s or 0.0 for row in case.rows if row.scope == "overhead" and row.op in OVERHEAD_OPS)
    below = sum(item.row.scope != "model" for item in joined)
    found = []
    for item in joined:
        whole = item.row.scope == "model" and below > 0
        trust = 1.0 / (1.0 + ((item.row.spread or 0.0) / 0.1) ** 2)
        weight = trust * (max(1.0, below * _WHOLE_WEIGHT) if whole else 1.0)
        assert item.row.latency_s is not None
        members = tuple(index[name] for name in item.layers)
        row = Row(place, members, item.row.latency_s, weight, relaid if whole else 0.0)
        label = {"model": case.name, "mode": device.operating_point, "layer": fold_of(case, item.layers)}[hold_out]
        found.append((row, label, float(sum(sizes[name] for name in item.layers)), whole))
    return found


def fold_of(case: Case, layers: Sequence[str]) -> str:
    """One of a few folds, the same for rows of equal work: a layer may not be predicted from its twin."""
    chosen = set(layers)
    works = [(work.nests, work.vectors, work.moves) for layer, work in case.prepared.priced if layer.name in chosen]
    return str(int(hashlib.sha256(repr(works).encode()).hexdigest(), 16) % _LAYER_FOLDS)
