"""Two saved estimates, layer by layer: what changed, and what bound before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwsim.errors import UsageError
from hwsim.report.text import columns, safe, shorten, wrapped
from hwsim.units import humanize

SCHEMA = "hwsim/diff/1"
_TOTALS = {
    "latency_s": "s",
    "energy_j": "J",
    "average_power_w": "W",
    "area_mm2": "mm²",
    "macs": "",
    "bops": "BOP",
    "parameters": "",
    "weight_bytes": "B",
    "dram_bytes": "B",
    "peak_activation_bytes": "B",
    "utilization": "",
}

#: What no honest number reaches; sums of such are still numbers.
_LARGEST = 1e200


def load_estimate(path: str) -> dict[str, Any]:
    """One saved ``hwsim/estimate/1`` record; raises UsageError for what is not one."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(
            f"{path}{line}: is not JSON: save one with 'hwsim estimate ... --format json --output FILE'"
        ) from None
    if isinstance(found, list):
        if len(found) != 1:
            raise UsageError(f"{path}: holds {len(found)} estimates: save one model on one device")
        found = found[0]
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != "hwsim/estimate/1":
        raise UsageError(f"{path}: is no saved estimate (its schema is {schema!r}, not 'hwsim/estimate/1')")
    broken = [
        name
        for name, kind in (("model", dict), ("device", dict), ("totals", dict), ("layers", list))
        if not isinstance(found.get(name), kind)
    ]
    if not broken and not all(
        isinstance(layer, dict) and isinstance(layer.get("name"), str) for layer in found["layers"]
    ):
        broken = ["layers"]
    numbers = [*found["totals"].values(), *(layer.get("latency_s") for layer in found["layers"])] if not broken else []
    if broken or not all(
        value is None or (isinstance(value, int | float) and abs(value) < _LARGEST) for value in numbers
    ):
        raise UsageError(f"{path}: is a damaged estimate: {', '.join(broken) or 'a number'} is not what it should be")
    return dict(found)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Totals and layers of two records joined by name (``hwsim/diff/1``); ratios are after over before, None where not defined."""
    old = {layer["name"]: layer for layer in before["layers"]}
    new = {layer["name"]: layer for layer in after["layers"]}
    layers = []
    for name in [*new, *(name for name in old if name not in new)]:
        first, second = old.get(name), new.get(name)
        layers.append(
            {
                "name": name,
                "latency_s": [_of(first, "latency_s"), _of(second, "latency_s")],
                "energy_j": [_of(first, "energy_j"), _of(second, "energy_j")],
                "dram_bytes": [_of(first, "dram_bytes"), _of(second, "dram_bytes")],
                "bound_by": [_of(first, "bound_by"), _of(second, "bound_by")],
                "change_s": (_of(second, "latency_s") or 0.0) - (_of(first, "latency_s") or 0.0),
            }
        )
    totals = {
        name: {
            "before": before["totals"].get(name),
            "after": after["totals"].get(name),
            "ratio": _ratio(before["totals"].get(name), after["totals"].get(name)),
        }
        for name in _TOTALS
    }
    return {
        "schema": SCHEMA,
        "before": _who(before),
        "after": _who(after),
        "settings": _settings(before, after),
        "totals": totals,
        "layers": layers,
    }


def text(difference: Mapping[str, Any], top: int = 15) -> str:
    """What ``hwsim diff`` prints: totals, then the layers whose latency changed most."""
    lines = wrapped(f"before: {difference['before']}") + wrapped(f"after:  {difference['after']}")
    for name, (old, new) in difference["settings"].items():
        lines += wrapped(f"{name}: {json.dumps(old)} -> {json.dumps(new)}")
    rows = [
        (
            name,
            _number(item["before"], unit),
            _number(item["after"], unit),
            "-" if item["ratio"] is None else f"×{item['ratio']:.3g}",
        )
        for (name, item), unit in zip(difference["totals"].items(), _TOTALS.values(), strict=True)
    ]
    lines += ["", *columns(rows, ("total", "before", "after", "change"))]
    changed = sorted(
        (layer for layer in difference["layers"] if layer["change_s"]), key=lambda layer: -abs(layer["change_s"])
    )
    if not changed:
        return "\n".join([*lines, "", "no layer's latency changed"])
    table: list[tuple[str, ...]] = []
    for layer in changed[: max(0, top)]:
        (old, new), (cause, now) = layer["latency_s"], layer["bound_by"]
        bound = cause if cause == now else f"{cause or '-'} -> {now or '-'}"
        table.append(
            (
                shorten(layer["name"], 30),
                shorten(bound or "-", 24),
                _number(old, "s"),
                _number(new, "s"),
                f"{'+' if layer['change_s'] > 0 else '-'}{humanize(abs(layer['change_s']), 's')}",
            )
        )
    lines += ["", *columns(table, ("layer", "bound by", "before", "after", "change"), left=2)]
    if len(changed) > max(0, top):
        rest = sum(layer["change_s"] for layer in changed[max(0, top) :])
        lines.append(
            f"{len(changed) - max(0, top)} more layers changed: {'+' if rest > 0 else '-'}{humanize(abs(rest), 's')} together"
        )
    return "\n".join(lines)


def _of(layer: Mapping[str, Any] | None, name: str) -> Any:
    return None if layer is None else layer.get(name)


def _ratio(before: float | None, after: float | None) -> float | None:
    return after / before if before and after is not None else None


def _who(record: Mapping[str, Any]) -> str:
    settings = record.get("settings", {})
    names = f"{safe(str(record['model'].get('name')))} on {safe(str(record['device'].get('name')))}"
    return f"{names} ({settings.get('model')} model, hwsim {record.get('hwsim_version')})"


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    old, new = before.get("settings", {}), after.get("settings", {})
    return {
        name: [old.get(name), new.get(name)]
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name) and name != "folded"
    }


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.4g} {unit}".rstrip() if unit == "mm²" or (unit == "" and abs(value) <= 1) else humanize(value, unit)
    )
