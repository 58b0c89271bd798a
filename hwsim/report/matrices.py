"""One total of several models (down) on several devices (across)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwsim.estimation import Estimate
from hwsim.report.text import columns, safe, shorten, wrapped
from hwsim.units import humanize, rate

SCHEMA = "hwsim/compare/1"
_UNITS = {"latency_s": "s", "energy_j": "J", "average_power_w": "W", "dram_bytes": "B"}


def rows(estimates: Sequence[Estimate], metric: str) -> list[dict[str, Any]]:
    """One row a model: its name and the total on each device, None where the device cannot give it."""
    found: dict[str, dict[str, Any]] = {}
    for estimate in estimates:
        name = str(estimate.model["name"])
        found.setdefault(name, {"model": name})[str(estimate.device["name"])] = getattr(estimate.totals, metric)
    return list(found.values())


def text(estimates: Sequence[Estimate], metric: str) -> str:
    """The matrix as a table; reasons of what is missing below."""
    found = rows(estimates, metric)
    names = list(dict.fromkeys(str(estimate.device["name"]) for estimate in estimates))
    table = [(shorten(row["model"], 30), *(_cell(row.get(name), metric) for name in names)) for row in found]
    lines = [f"{metric} by model and device", "", *columns(table, ("model", *(shorten(name, 20) for name in names)))]
    for estimate in estimates:
        if getattr(estimate.totals, metric) is None:
            lines += wrapped(f"{safe(str(estimate.device['name']))}: {estimate.unavailable.get(metric, 'not known')}")
    return "\n".join(dict.fromkeys(lines))


def _cell(value: float | None, metric: str) -> str:
    if value is None:
        return "-"
    if metric == "utilization":
        return f"{value:.1%}"
    if metric == "area_mm2":
        return f"{value:.4g} mm²"
    return rate(value) + "/s" if metric == "throughput_per_s" else humanize(value, _UNITS[metric])
