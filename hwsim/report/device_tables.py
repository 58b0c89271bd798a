"""Device profiles as a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hwsim.device import Device
from hwsim.report.text import columns, safe
from hwsim.units import humanize


def summary(device: Device) -> dict[str, Any]:
    """What one line of the list says, as plain numbers: peaks [op/s] count 1 MAC as 2 operations."""
    peaks = {
        f"{item.input}x{item.weight}": 2 * device.array.pes * item.macs_per_pe_per_cycle * device.clock_hz
        for item in device.precisions
    }
    off_chip = device.off_chip
    return {
        "name": device.name,
        "kind": device.kind,
        "description": device.description,
        "clock_hz": device.clock_hz,
        "peak_op_per_s": peaks,
        "memory": [memory.name for memory in device.memories],
        "off_chip_bandwidth_b_per_s": None
        if off_chip is None
        else off_chip.shared_bandwidth or off_chip.read_bandwidth,
        "power_w": dict(device.power_w),
        "area_mm2": dict(device.area_mm2),
    }


def listing(devices: Sequence[Device]) -> str:
    """The table that ``hwsim devices`` prints."""
    rows = []
    for device in devices:
        facts = summary(device)
        name, peak = max(facts["peak_op_per_s"].items(), key=lambda item: item[1])
        types = name.split("x")
        peak_text = f"{humanize(peak, 'op/s')} {types[0] if types[0] == types[1] else name}"
        rows.append(
            (
                device.name,
                device.kind,
                peak_text,
                humanize(facts["off_chip_bandwidth_b_per_s"], "B/s"),
                safe(device.description),
            )
        )
    return "\n".join(columns(rows, ("name", "kind", "largest peak", "off chip", "description"), left=2, prose=True))


def by_bits(rows: Sequence[Mapping[str, Any]]) -> str:
    """Peaks by the widths of weights and activations: a line a device and width of weights; a star where the hardware has no such type."""
    widths = sorted({row["activation_bits"] for row in rows})
    cells = {(row["device"], row["weight_bits"], row["activation_bits"]): row for row in rows}
    lines = []
    for name, weight in dict.fromkeys((row["device"], row["weight_bits"]) for row in rows):
        found = [cells.get((name, weight, width)) for width in widths]
        texts = [
            "-" if cell is None else humanize(cell["ops_per_s"], "op/s") + ("" if cell["native"] else "*")
            for cell in found
        ]
        lines.append((safe(name), f"w{weight}", *texts))
    told = columns(lines, ("device", "weights", *(f"a{width}" for width in widths)), left=2)
    return "\n".join([*told, "* no type of the hardware's own: wider or bit-serial units run it; - not computed"])
