"""A resolved profile as text: every number with its unit and source."""

from __future__ import annotations

from hwsim.device.loading import peak
from hwsim.device.precision import label
from hwsim.device.records import Device, Precision
from hwsim.device.technology import Estimated, Technology, mac_energies
from hwsim.errors import UsageError


def describe(device: Device) -> str:
    """The profile as ``hwsim device show`` prints it: key, value and unit, source, in aligned columns; then what follows from it."""
    rows = [(key, _figure(device, key), source) for key, (_, _, source) in device.quantities.items()]
    derived = [("PEs", f"{device.array.pes:,}", "arithmetic")]
    for index, precision in enumerate(device.precisions):
        pair = label(precision.input, precision.weight)
        derived.append((f"peak {pair}", f"{peak(device, index) / 1e12:.4g} Top/s", "PEs × MACs × 2 × clock"))
    derived += _macs_by_family(device)
    widths = [max(len(row[column]) for row in rows + derived) for column in (0, 1)]
    head = [f"{device.name} ({device.kind}): {device.description}", f"file {device.path}", f"sha256 {device.sha256}"]
    if device.operating_point:
        head.append(f"operating point {device.operating_point} of {', '.join(device.operating_points)}")
    elif device.operating_points:
        head.append(f"operating points {', '.join(device.operating_points)}: --set operating_point=NAME")
    if device.node_nm is not None:
        chosen = f"{device.technology_family}, the profile's choice"
        by_default = f"{Technology(device.node_nm).family}, by default"
        head.append(f"technology tables {chosen if device.technology_family else by_default}")
    lines = [*head, "", *(_row(row, widths) for row in rows), "", *(_row(row, widths) for row in derived)]
    if device.sources:
        lines += ["", "sources", *(f"  {key}: {text}" for key, text in device.sources.items())]
    if device.notes:
        lines += ["", "notes", *(f"  {note}" for note in device.notes)]
    return "\n".join(lines)


def _macs_by_family(device: Device) -> list[tuple[str, str, str]]:
    """Energy of one MAC of each precision in every family of technology tables, at the profile's node and supply; they disagree."""
    if device.node_nm is None:
        return []
    technology = Technology(device.node_nm, voltage_v=device.voltage_v)
    return [
        (
            f"MAC {label(precision.input, precision.weight)} by {family}",
            f"{estimate.value * 1e12:.3g} pJ{' (extrapolated)' if estimate.extrapolated else ''}",
            f"technology:{family}@{device.node_nm:g}nm",
        )
        for precision in device.precisions
        for family, estimate in _by_family(technology, precision).items()
    ]


def _by_family(technology: Technology, precision: Precision) -> dict[str, Estimated]:
    try:
        return mac_energies(technology, precision)
    except UsageError:  # a type that no table describes has no estimate
        return {}


def _row(row: tuple[str, str, str], widths: list[int]) -> str:
    return f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip()


def _figure(device: Device, key: str) -> str:
    value, unit, source = device.quantities[key]
    text = f"{value:.10g} {unit}".rstrip()
    if key in device.intervals:
        text += " [{:g}, {:g}]".format(*device.intervals[key])
    quality = device.qualities.get(key)
    return f"{text} ({quality})" if quality and quality != source else text
