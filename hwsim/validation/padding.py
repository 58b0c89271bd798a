"""Multiples to which a device's code fills up channels, chosen by measured rows: behind ``hwsim calibrate --fit-padding``.

A multiple is no number that can be moved a little, so each is tried: first of K (outputs of a group), then of C (inputs), the others as
they are. The
one whose fit leaves the smallest error on rows held out is kept, and only where that is smaller by a tenth than without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hwsim.device import Device
from hwsim.validation.calibration import Calibration, Fitted, calibrate
from hwsim.validation.cases import Cases
from hwsim.validation.constants import entry_name

#: Multiples that are tried: vectors and blocks of processors are powers of two.
MULTIPLES = (1, 4, 8, 16, 32, 64)
#: Share of the error that has to remain less for a multiple to be kept [1].
_WORTH = 0.9


def with_padding(device: Device, padded: dict[str, int]) -> Device:
    """The device with all its precisions filled up to these multiples, by dim; 1 is none."""
    kept = {dim: multiple for dim, multiple in padded.items() if multiple > 1}
    precisions = tuple(
        replace(item, padded=tuple(({name: size for name, size in item.padded if name not in padded} | kept).items()))
        for item in device.precisions
    )
    return replace(device, precisions=precisions)


def calibrate_padding(found: Cases, device: Callable[[str], Device], **settings: Any) -> Calibration:
    """As ``calibrate``, with multiples of K and C among the constants where they are worth it; takes some ten times as long.

    The choice of the multiple is by the error on rows held out, so that error is a little better than on rows nobody has seen.
    """
    chosen: dict[str, int] = {}
    best = calibrate(found, device, **settings)
    for dim in ("K", "C"):
        for multiple in MULTIPLES[1:]:
            trial = {**chosen, dim: multiple}
            fitted = calibrate(found, lambda mode, trial=trial: with_padding(device(mode), trial), **settings)  # type: ignore[misc]
            if _error(fitted) < _WORTH * _error(best):
                best, chosen = fitted, trial
    if not chosen:
        return best
    base = device("")
    multiples = tuple(
        _multiple(
            f"compute.precisions.{entry_name(item)}.padded.{dim}", dict(item.padded).get(dim, 1), multiple, best.rows
        )
        for item in base.precisions
        for dim, multiple in chosen.items()
    )
    note = "multiples of padding were chosen by the error on rows held out, which is that much the smaller for it"
    return replace(best, constants=(*best.constants, *multiples), notes=(*best.notes, note))


def _multiple(path: str, before: int, value: int, rows: int) -> Fitted:
    return Fitted(path, before, value, value, value, rows)


def _error(calibration: Calibration) -> float:
    """Median error on rows held out [1], in-sample where nothing could be."""
    held = calibration.held_out.median_ape.value
    return float(held if held is not None else calibration.in_sample.median_ape.value or 0.0)
