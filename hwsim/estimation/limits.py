"""Limits on the totals: those that the user asks for, and the power that a profile says its device must keep below."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hwsim.device import Device
from hwsim.errors import UsageError, nearest
from hwsim.estimation.records import Estimate
from hwsim.units import humanize

#: What can be limited: field of the totals, its name in words, its unit.
LIMITED: Mapping[str, tuple[str, str]] = {
    "average_power_w": ("average power", "W"),
    "energy_j": ("energy", "J"),
    "latency_s": ("latency", "s"),
    "area_mm2": ("area", "mm²"),
}
#: Powers of a profile that are limits, and what they are called.
CAPS = {"cap": "the power cap", "thermal_cap": "the thermal cap"}


def limited(estimate: Estimate, device: Device, limits: Mapping[str, float]) -> Estimate:
    """The estimate with a sentence in ``missed`` for every limit that it does not keep; its numbers stay as they are.

    limits : largest value by field of the totals (a key of LIMITED, in its unit). The profile's own power and thermal caps hold as well;
    more average power than its ``tdp_w`` is a warning. A total that is not known keeps no limit that is asked for. Raises UsageError for
    a limit that cannot be set.
    """
    for name, most in limits.items():
        if name not in LIMITED:
            raise UsageError(
                f"limit on {name}: none can be set{nearest(name, list(LIMITED))}; there are {', '.join(LIMITED)}"
            )
        if not (most > 0 and math.isfinite(most)):
            raise UsageError(f"limit on {name}: {most:g} is not above 0")
    settings = {**estimate.settings, "limits": dict(limits)} if limits else estimate.settings
    return replace(
        estimate,
        settings=settings,
        missed=(*_asked(estimate, limits), *_caps(estimate, device)),
        warnings=(*estimate.warnings, *_design_power(estimate, device)),
    )


def _asked(estimate: Estimate, limits: Mapping[str, float]) -> Iterator[str]:
    for name, most in limits.items():
        value: float | None = getattr(estimate.totals, name)
        words, unit = LIMITED[name]
        if value is None:
            yield f"{words} is not known, so not known to keep {most:g} {unit}: {estimate.unavailable.get(name, 'not given')}"
        elif value > most:
            yield f"{words} of {_figure(value, unit)} misses the limit of {_figure(most, unit)}"


def _caps(estimate: Estimate, device: Device) -> Iterator[str]:
    power = estimate.totals.average_power_w
    for name, words in CAPS.items():
        most = device.power_w.get(name)
        if most is not None and power is not None and power > most:
            yield f"average power of {humanize(power, 'W', 4)} misses {words} of {device.name}, {humanize(most, 'W', 4)}"


def _design_power(estimate: Estimate, device: Device) -> Iterator[str]:
    power, most = estimate.totals.average_power_w, device.power_w.get("tdp")
    if power is not None and most is not None and power > most:
        yield (
            f"average power of {humanize(power, 'W', 4)} is above the thermal design power of {device.name}, {humanize(most, 'W', 4)}: "
            "the real device would slow down, or the energies are too high"
        )


def _figure(value: float, unit: str) -> str:
    return f"{value:.4g} {unit}" if unit == "mm²" else humanize(value, unit, 4)
