"""How well a total is known, and from where: the band that follows from the quality of the numbers behind it.

Every number of a profile has a source, and every source a quality; ``WIDTHS`` says how far off a number of each quality is taken to be. An
interval that a source states wins over its quality. What hangs on several numbers has the width of the least known of them, as if
the others were exact: numbers of one file err together, and their product would be wider than any of them is likely to be. Parts of a
sum are taken to err in the same direction, so the ends of a band are the sums of its parts' ends.

A band says nothing about what the model leaves out; it is what its inputs allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from hwsim.device import Device, Precision
from hwsim.estimation.records import LayerEstimate

Band = tuple[float, float]
EXACT: Band = (1.0, 1.0)

#: True value over stated value, lowest and highest [1], by quality.
WIDTHS: Mapping[str, Band] = {
    "override": EXACT,  # what the user sets is what is asked about
    "measured": (0.95, 1.05),  # one specimen, one set-up: parts of one kind differ by some per cent
    "datasheet": (0.9, 1.1),  # typical values, rounded to two digits
    "vendor": (0.9, 1.1),  # as a data sheet: white papers and sources of the maker
    "paper": (0.9, 1.1),  # of the designers, read off tables and figures of two or three digits
    "secondary": (0.8, 1.25),  # somebody else's transcription: another mode, revision or unit than meant
    "arithmetic": (0.8, 1.25),  # follows from published numbers, none of which is worse than secondary
    "fitted": (0.7, 1.4),  # where the fit states no interval: half of the areas fitted here are within 30 %
    "estimated": (0.5, 2.0),  # families of tables differ by two to four for one circuit (technology/README.md)
}


def origins(device: Device, layers: Sequence[LayerEstimate], precisions: Iterable[Precision]) -> dict[str, str]:
    """Where each component's energy and the area are from: ``profile``, ``technology`` (estimated from tables), or both.

    Components that nothing is known of, and that are therefore not charged, are left out.
    """
    precisions = tuple(precisions)
    keys = {name: _energy_keys(device, name, precisions) for name in energies(layers)} | {
        "area_mm2": _area_keys(device)
    }
    return {name: "+".join(sorted({_origin(device, key) for key in found})) for name, found in keys.items() if found}


def technologies(device: Device) -> list[str]:
    """The tables that numbers of a device were estimated from: ``horowitz@28nm``."""
    labels = {source for _, _, source in device.quantities.values() if source.startswith("technology:")}
    return sorted(label.removeprefix("technology:") for label in labels)


def _origin(device: Device, key: str) -> str:
    return "technology" if device.quantities[key][2].startswith("technology:") else "profile"


def energies(layers: Sequence[LayerEstimate]) -> dict[str, float]:
    """Energy of all layers by component [J]; empty where it is not known of each."""
    if any(layer.energy_by_j is None for layer in layers):
        return {}
    parts: dict[str, list[float]] = {}
    for layer in layers:
        for name, joules in (layer.energy_by_j or {}).items():
            parts.setdefault(name, []).append(joules)
    return {name: math.fsum(joules) for name, joules in parts.items()}


def energy_band(device: Device, layers: Sequence[LayerEstimate], precisions: Iterable[Precision]) -> Band | None:
    """Lowest and highest energy of all layers [J]; None where it is not known."""
    parts, precisions = energies(layers), tuple(precisions)
    if not parts:
        return None
    ends = [(joules, width(device, _energy_keys(device, name, precisions))) for name, joules in parts.items()]
    return math.fsum(joules * low for joules, (low, _) in ends), math.fsum(joules * high for joules, (_, high) in ends)


def latency_band(device: Device, layers: Sequence[LayerEstimate], precisions: Iterable[Precision]) -> Band:
    """Lowest and highest latency of all layers [s], each by what binds it and what would bind next."""
    precisions = tuple(precisions)
    rates: dict[str, Band] = {}
    low = high = 0.0
    for layer in layers:
        for term in (layer.bound_by, layer.second_bound_by):
            if term and term not in rates:
                rates[term] = width(device, _rate_keys(device, term, precisions))
        ends = _layer_ends(device, layer, rates)
        low, high = low + ends[0] * layer.latency_s, high + ends[1] * layer.latency_s
    return low, high


def area_band(device: Device, area_mm2: float | None) -> Band | None:
    """Lowest and highest area [mm²] of a device whose area is ``area_mm2``; None where that is not known."""
    if area_mm2 is None:
        return None
    low, high = width(device, _area_keys(device))
    return area_mm2 * low, area_mm2 * high


def width(device: Device, keys: Iterable[str]) -> Band:
    """True over stated value of what hangs on these numbers of a device [1]: the widest of theirs, exact where there are none."""
    return max((_width(device, key) for key in keys), key=_ratio, default=EXACT)


def _ratio(band: Band) -> float:
    """Highest over lowest; without end where the lowest is 0, as a fitted overhead or energy may be."""
    return band[1] / band[0] if band[0] else math.inf


def _width(device: Device, key: str) -> Band:
    value, _, source = device.quantities[key]
    if key in device.intervals and value:
        low, high = device.intervals[key]
        return min(low / value, 1.0), max(high / value, 1.0)
    # a source that states no quality is taken for a secondary one
    low, high = WIDTHS[device.qualities.get(key) or (source if source in WIDTHS else "secondary")]
    return (low, max(1.0, min(high, 1 / value))) if key.endswith("efficiency") else (low, high)


def _layer_ends(device: Device, layer: LayerEstimate, rates: Mapping[str, Band]) -> Band:
    """Lowest and highest latency of one layer over the stated one [1]."""
    low, high = _times(layer.bound_by, rates)
    if not layer.second_bound_by or not layer.slack:
        return low, high
    low_next, high_next = _times(layer.second_bound_by, rates)
    if _adds(device, layer.bound_by) or _adds(device, layer.second_bound_by):
        first = layer.slack / (1 + layer.slack)
        return first * low + (1 - first) * low_next, first * high + (1 - first) * high_next
    return max(low, low_next / layer.slack), max(high, high_next / layer.slack)


def _times(term: str, rates: Mapping[str, Band]) -> Band:
    """Lowest and highest time of a term over the stated one [1]: an overhead is a time, of all else time goes with one over the rate."""
    low, high = rates[term]
    return (low, high) if term == "overhead" else (1 / high, 1 / low if low else math.inf)


def _adds(device: Device, term: str) -> bool:
    return term == "overhead" or any(level.name == term and not level.overlapped for level in device.memories)


def _energy_keys(device: Device, component: str, precisions: Sequence[Precision]) -> list[str]:
    """Numbers that the energy of a component hangs on, by dotted key."""
    if component == "mac":
        return _given(device, *(f"{_name(item)}.mac_pj" for item in precisions))
    if component == "vector":
        own = _given(device, "compute.vector.op_pj")
        return own or [key for key in device.quantities if key.endswith(".mac_pj")][:1]
    if component == "leakage":
        idle = [key for key in device.quantities if key.startswith("power.idle_")]
        leaks = ("power.static_", "memory.")
        return idle or [
            key for key in device.quantities if key.startswith(leaks) and ("static_" in key or "leakage_" in key)
        ]
    head = f"{component}." if component in {"network", "host"} else f"memory.{component}."
    return [key for key in device.quantities if key.startswith(head) and "pj_per_" in key]


def _rate_keys(device: Device, term: str, precisions: Sequence[Precision]) -> list[str]:
    """Numbers that the rate of a term hangs on. A peak that the maker states stands for the factors it is made of."""
    if term == "compute" or (term == "vector" and device.vector is None):
        keys: list[str] = []
        for item in precisions or device.precisions[:1]:
            keys += _given(device, f"{_name(item)}.efficiency")
            keys += [key for key in device.quantities if key.startswith(f"{_name(item)}.by_class.")]
            if item.published_ops_per_s:
                keys += _given(device, f"{_name(item)}.peak_tops")
            else:
                keys += _given(device, f"{_name(item)}.macs_per_pe_per_cycle", "clock_mhz", "compute.cores")
                keys += [key for key in device.quantities if key.startswith("compute.pe_array.")]
        return keys
    if term == "vector":
        return [key for key in device.quantities if key.startswith("compute.vector.") and "pj" not in key]
    if term in {"overhead", "host"}:
        return [key for key in device.quantities if key.startswith("overheads." if term == "overhead" else "host.link")]
    head = "network." if term == "network" else f"memory.{term}."
    rates = ("bandwidth", "bytes_per_cycle", "efficiency", "by_operand")
    keys = [key for key in device.quantities if key.startswith(head) and any(rate in key for rate in rates)]
    return keys + (["clock_mhz"] if any("bytes_per_cycle" in key for key in keys) else [])


def _area_keys(device: Device) -> list[str]:
    name = area_name(device)
    return _given(device, f"area.{name}_mm2") if name else []


def area_name(device: Device) -> str | None:
    """The area that stands for the device: of its core, chip or die as published, else as estimated; None where there is none."""
    return next((name for name in ("core", "chip", "die", "estimated") if name in device.area_mm2), None)


def _name(precision: Precision) -> str:
    types = dict.fromkeys((precision.input, precision.weight))
    return f"compute.precisions.{'_'.join(types)}"


def _given(device: Device, *keys: str) -> list[str]:
    return [key for key in keys if key in device.quantities]
