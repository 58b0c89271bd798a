"""The page of estimates: cards, pictures, layers with their loop nests, and everything needed to reproduce them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any

from hwsim.report import charts
from hwsim.report.document import document, figure, table
from hwsim.report.sheet import Sheet
from hwsim.report.text import safe
from hwsim.units import humanize, rate
from hwsim.version import __version__

_CAPTIONS = {
    "roofline": "Each point is a layer; its size is its share of the time. A layer under a slanted roof waits for that memory's "
    "bandwidth, one under a flat roof for the MAC array. On-chip roofs are drawn for traffic as large as the off-chip one.",
    "time": "The largest resource of each layer colours its bar.",
    "energy": "Stacked by where it is spent.",
    "memory": "Activations alive while each layer runs, in the order of the graph.",
    "area": "Estimated from technology tables, one fraction for controllers and wiring; published areas stand in the cards.",
}


def page(sheets: Sequence[Sheet]) -> str:
    """The page of one or several estimates; raises UsageError where the ``report`` extra is not installed."""
    specifications: dict[str, Any] = {}
    body = [_heading(sheets)]
    if len(sheets) > 1:
        body.append(figure("devices", "Side by side", partial(charts.devices, sheets), "", specifications))
        body.append(_comparison(sheets))
    for number, sheet in enumerate(sheets):
        body.append(_section(sheet, number, specifications))
    return document(", ".join(sheet.title for sheet in sheets), body, specifications)


def _heading(sheets: Sequence[Sheet]) -> str:
    links = "".join(f'<li><a href="#run{number}">{escape(sheet.title)}</a></li>' for number, sheet in enumerate(sheets))
    return f'<h1>hwsim report</h1><nav aria-label="Estimates"><ul>{links}</ul></nav>'


def _comparison(sheets: Sequence[Sheet]) -> str:
    head = ("estimate", "model", "latency", "inferences/s", "energy", "average power", "area [mm²]", "utilization")
    rows = []
    for sheet in sheets:
        totals = sheet.estimate.totals
        area = "-" if totals.area_mm2 is None else f"{totals.area_mm2:.4g}"
        rows.append(
            (
                sheet.title,
                sheet.estimate.settings["model"],
                humanize(totals.latency_s, "s"),
                rate(totals.throughput_per_s),
                humanize(totals.energy_j, "J"),
                humanize(totals.average_power_w, "W"),
                area,
                f"{totals.utilization:.1%}",
            )
        )
    return table(head, rows, left=2)


def _section(sheet: Sheet, number: int, specifications: dict[str, Any]) -> str:
    estimate = sheet.estimate
    parts = [
        f'<section id="run{number}"><h2>{escape(sheet.title)}</h2>',
        f'<p class="lead">{escape(_lead(sheet))}</p>',
        _cards(sheet),
        *(f'<p class="remark">warning: {escape(safe(text))}</p>' for text in estimate.warnings),
    ]
    for name, draw in charts.CHARTS.items():
        title, caption = name.capitalize(), _CAPTIONS[name]
        parts.append(
            figure(f"{name}{number}", title, partial(draw, sheet), caption, specifications, rows=f"layer{number}-")
        )
        if name in ("energy", "memory", "area"):
            parts.append(_behind(name, sheet))
    parts += [_layers(sheet, number), _settings(sheet), "</section>"]
    return "\n".join(parts)


def _lead(sheet: Sheet) -> str:
    estimate = sheet.estimate
    bounds = [
        f"{cause}-bound {share:.0%} of the time in {count} layer{'s' if count != 1 else ''}"
        for cause, (share, count) in estimate.shares().items()
        if share >= 0.005
    ]
    return f"{estimate.settings['model']} model, batch {estimate.settings['batch']}: {'; '.join(bounds) or 'nothing takes time'}."


def _cards(sheet: Sheet) -> str:
    totals, bands, origins = sheet.estimate.totals, sheet.estimate.bands, sheet.estimate.origins
    missing = sheet.estimate.unavailable

    def band(name: str, unit: str) -> str:
        ends = bands.get(name)
        if not ends or ends[1] - ends[0] <= 1e-9 * ends[1]:
            return ""
        low, high = (f"{end:.4g} {unit}" if unit == "mm²" else humanize(end, unit) for end in ends)
        return f"{low} to {high} by its sources"

    energy_from = ", ".join(dict.fromkeys(origin for name, origin in origins.items() if name != "area_mm2"))
    unknown = missing.get("energy_j", "") and "no power without the energy"
    facts = [
        ("latency", humanize(totals.latency_s, "s"), band("latency_s", "s")),
        ("throughput", f"{rate(totals.throughput_per_s)} inferences/s", f"{totals.cycles:,} cycles"),
        ("energy", humanize(totals.energy_j, "J"), band("energy_j", "J") or missing.get("energy_j", "")),
        ("power", humanize(totals.average_power_w, "W"), f"energies from: {energy_from}" if energy_from else unknown),
        (
            "area",
            "-" if totals.area_mm2 is None else f"{totals.area_mm2:.4g} mm²",
            f"from: {origins['area_mm2']}" if "area_mm2" in origins else missing.get("area_mm2", ""),
        ),
        ("utilization", f"{totals.utilization:.1%}", "MACs done over MACs possible"),
        ("MACs", humanize(totals.macs, ""), f"{humanize(totals.parameters, '')} parameters; 1 MAC = 2 ops"),
        (
            "off-chip traffic",
            humanize(totals.dram_bytes, "B"),
            f"activations at most {humanize(totals.peak_activation_bytes, 'B')}",
        ),
    ]
    cells = "".join(
        f'<div class="card"><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(safe(note))}</small></dd></div>'
        for name, value, note in facts
    )
    return f'<dl class="cards">{cells}</dl>'


def _behind(name: str, sheet: Sheet) -> str:
    if name == "area":
        rows: list[tuple[str, ...]] = [(part, f"{size:.4g}") for part, size in sheet.area.items()]
        head: tuple[str, ...] = ("component", "area [mm²]")
    elif name == "memory":
        rows, head = (
            [(str(row["index"]), row["layer"], f"{row['bytes']:,}") for row in sheet.alive],
            ("position", "layer", "alive [B]"),
        )
    else:
        parts = list(dict.fromkeys(row["part"] for row in sheet.energies))
        spent: dict[int, dict[str, float]] = {}
        for row in sheet.energies:
            spent.setdefault(row["index"], {})[row["part"]] = row["energy_j"]
        rows = [
            (sheet.layers[index]["layer"], *(humanize(by.get(part, 0.0), "J") for part in parts))
            for index, by in spent.items()
        ]
        head = ("layer", *parts)
    if not rows:
        return ""
    left = 2 if name == "memory" else 1
    return f"<details><summary>{name} as a table</summary>{table(head, rows, left=left)}</details>"


def _layers(sheet: Sheet, number: int) -> str:
    head = (
        "layer",
        "op",
        "shape",
        "MACs",
        "latency",
        "share",
        "compute",
        "memory",
        "bound by",
        "utilization",
        "energy",
        "off chip",
        "gap",
    )
    rows = []
    for row in sheet.layers:
        loops = sheet.mappings.get(row["index"])
        name = escape(row["layer"])
        if loops:
            name = f"<details><summary>{name}</summary><pre>{escape(loops)}</pre></details>"
        gap = "-" if row["bound_gap"] is None else "proven" if row["bound_gap"] == 0 else f"≤ {row['bound_gap']:.1%}"
        cells = (
            escape(row["op"]),
            row["shape"],
            humanize(row["macs"], "") if row["macs"] else "-",
            humanize(row["latency_s"], "s"),
            f"{row['share']:.1%}",
            humanize(row["compute_s"], "s"),
            humanize(row["memory_s"], "s"),
            escape(row["bound_by"]),
            f"{row['utilization']:.0%}" if row["macs"] else "-",
            humanize(row["energy_j"], "J"),
            humanize(row["dram_bytes"], "B"),
            gap,
        )
        text = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr id="layer{number}-{row["index"]}"><th scope="row">{name}</th>{text}</tr>')
    heads = "".join(f'<th scope="col">{title}</th>' for title in head)
    hint = "A layer's name opens its loop nest. " if sheet.mappings else ""
    return (
        f'<h3>Layers</h3><p class="remark">{hint}Click a point or a bar above to come here.</p>'
        f'<div class="wide"><table class="layers"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _settings(sheet: Sheet) -> str:
    estimate = sheet.estimate
    facts = {
        "hwsim": __version__,
        "model": estimate.model,
        "device": estimate.device,
        **estimate.settings,
    }
    rows = [
        (name, value if isinstance(value, str) else json.dumps(value, default=str)) for name, value in facts.items()
    ]
    notes = "".join(f"<li>{escape(safe(note))}</li>" for note in estimate.notes)
    sources = "".join(
        f"<li>{escape(safe(key))}: {escape(safe(text))}</li>" for key, text in sheet.device.sources.items()
    )
    return (
        f"<details><summary>Everything needed to reproduce this</summary>{table(('setting', 'value'), rows, left=2)}</details>"
        + (f"<details><summary>Assumptions</summary><ul>{notes}</ul></details>" if notes else "")
        + (
            f"<details><summary>Sources of the device's numbers</summary><ul>{sources}</ul></details>"
            if sources
            else ""
        )
    )
