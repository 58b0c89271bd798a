"""Area breakdowns as a console table and as a plain record."""

from __future__ import annotations

from typing import Any

from hwsim.cost.area import AreaBreakdown
from hwsim.device import Device
from hwsim.report.text import columns, safe, wrapped

SCHEMA = "hwsim/area/1"


def text(device: Device, breakdown: AreaBreakdown) -> str:
    """What ``hwsim area`` prints: components, the total with its interval, published figures beside it."""
    shares = breakdown.shares
    rows = [
        (component.replace("_", " "), f"{1e6 * area:.4g}", f"{shares[component]:.1%}" if component in shares else "")
        for component, area in breakdown.by_component.items()
        if area
    ]
    rows.append(("total", f"{1e6 * breakdown.total:.4g}", ""))
    lines = [f"{safe(device.name)}: area estimated from {breakdown.technology.label} tables", ""]
    lines += columns(rows, ("component", "mm²", "share of the modelled"))
    if breakdown.interval is not None:
        low, high = (1e6 * bound for bound in breakdown.interval)
        lines.append(f"between {low:.4g} and {high:.4g} mm² with the controllers and wiring that published chips show")
    for name, published in breakdown.published.items():
        lines.append(
            f"published {name}: {1e6 * published:.4g} mm²; estimate / published = {breakdown.ratios[name]:.2f}"
        )
    lines += [line for reason in breakdown.unavailable for line in wrapped(f"not included: {reason}")]
    return "\n".join(lines)


def plain(device: Device, breakdown: AreaBreakdown) -> dict[str, Any]:
    """The same as ``hwsim/area/1``, areas in mm²."""
    return {
        "schema": SCHEMA,
        "device": {"name": device.name, "sha256": device.sha256},
        "technology": breakdown.technology.label,
        "total_mm2": 1e6 * breakdown.total,
        "interval_mm2": None if breakdown.interval is None else [1e6 * bound for bound in breakdown.interval],
        "by_component_mm2": {name: 1e6 * area for name, area in breakdown.by_component.items()},
        "parts": [
            {
                "name": part.name,
                "component": part.component,
                "instances": part.instances,
                "area_mm2": 1e6 * part.area.value,
                "leakage_w": part.leakage.value,
                "source": part.area.source,
                "quality": part.area.quality,
            }
            for part in breakdown.parts
        ],
        "published_mm2": {name: 1e6 * area for name, area in breakdown.published.items()},
        "unavailable": list(breakdown.unavailable),
    }
