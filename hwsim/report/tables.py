"""Estimates and complexities as console tables."""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.estimation import Estimate, LayerEstimate
from hwsim.report.text import columns, inputs_text, safe, shorten, wrapped
from hwsim.units import humanize, rate

#: Bounds that the headline names one by one.
_BOUNDS = 3


def estimate_text(estimate: Estimate, top: int = 15, wide: bool = False) -> str:
    """One estimate: the sentence that matters first, the totals, then the layers that take longest and the rest summed.

    wide : more columns than WIDTH holds: energy, off-chip traffic, intensity, gap, a bar for the share.
    """
    lines = [*_title(estimate), "", *_totals(estimate), "", *_layers(estimate, top, wide)]
    return "\n".join(lines + _remarks(estimate))


def comparison_text(estimates: Sequence[Estimate]) -> str:
    """Several estimates side by side, a row each."""
    rows = []
    for estimate in estimates:
        totals = estimate.totals
        bound, (share, _) = next(iter(estimate.shares().items()), ("-", (0.0, 0)))
        rows.append(
            (
                shorten(str(estimate.model["name"]), 24),
                shorten(str(estimate.device["name"]), 20),
                estimate.settings["model"],
                humanize(totals.latency_s, "s"),
                humanize(totals.throughput_per_s, ""),
                humanize(totals.energy_j, "J"),
                f"{totals.utilization:.1%}",
                f"{shorten(bound, 12)} {share:.0%}",
            )
        )
    head = ("model", "device", "rung", "latency", "inf/s", "energy", "util.", "bound by")
    lines = columns(rows, head, left=3)
    remarks = {f"note: {note}": None for estimate in estimates for note in estimate.notes}
    for estimate in estimates:
        remarks |= {f"warning: {estimate.model['name']}: {warning}": None for warning in estimate.warnings}
    for remark in remarks:
        lines += wrapped(remark)
    return "\n".join(lines)


def _title(estimate: Estimate) -> list[str]:
    settings = estimate.settings
    names = f"{safe(str(estimate.model['name']))} on {safe(str(estimate.device['name']))}"
    title = f"{names}: {settings['model']} model, batch {settings['batch']}"
    told = [(f"{bound}-bound", share, count) for bound, (share, count) in estimate.shares().items()]
    rest = told[_BOUNDS:]
    if len(rest) > 1:
        told[_BOUNDS:] = [("others", sum(share for _, share, _ in rest), sum(count for _, _, count in rest))]
    sentence = "; ".join(
        f"{bound}: {share:.0%} of the time in {count} layer{'s' if count != 1 else ''}"
        for bound, share, count in told
        if share >= 0.005
    )
    return [title, *wrapped(inputs_text(estimate.model["inputs"])), *wrapped(sentence or "nothing takes time")]


def _totals(estimate: Estimate) -> list[str]:
    totals, bands = estimate.totals, estimate.bands
    ops = 2 * totals.macs / totals.latency_s if totals.latency_s else 0.0
    pairs = [
        ("latency", humanize(totals.latency_s, "s") + _band(bands.get("latency_s"), "s", totals.latency_s)),
        ("throughput", f"{rate(totals.throughput_per_s)} inferences/s"),
        ("cycles", f"{totals.cycles:,}"),
        ("attained", f"{humanize(ops, 'op/s')} (1 MAC = 2 ops)"),
        ("energy", humanize(totals.energy_j, "J") + _band(bands.get("energy_j"), "J", totals.energy_j)),
        ("average power", humanize(totals.average_power_w, "W")),
        ("MACs", humanize(totals.macs, "")),
        ("utilization", f"{totals.utilization:.1%} of peak MACs"),
        ("parameters", humanize(totals.parameters, "")),
        ("weights", humanize(totals.weight_bytes, "B")),
        ("off-chip traffic", humanize(totals.dram_bytes, "B")),
        ("peak activations", humanize(totals.peak_activation_bytes, "B")),
        ("bit operations", humanize(totals.bops, "BOP")),
        ("area", _area_text(estimate)),
    ]
    cells = [f"{name:<17}{value}" for name, value in pairs]
    half = (len(cells) + 1) // 2
    second = [*cells[half:], ""][:half]
    return [f"{left:<48}{right}".rstrip() for left, right in zip(cells[:half], second, strict=True)]


def _band(band: tuple[float, float] | None, unit: str, value: float | None) -> str:
    """`` (0.5 to 2.1 mJ)``: the ends of a band, nothing where it has no width."""
    if band is None or not value or band[1] - band[0] <= 1e-9 * value:
        return ""
    low, high = humanize(band[0], unit), humanize(band[1], unit)
    number, _, name = low.partition(" ")
    return f" ({number if high.endswith(f' {name}') else low} to {high})"


def _area_text(estimate: Estimate) -> str:
    area = estimate.totals.area_mm2
    if area is None:
        return "-"
    low, high = estimate.bands.get("area_mm2") or (area, area)
    return f"{area:.4g} mm²" + (f" ({low:.4g} to {high:.4g})" if high - low > 1e-9 * area else "")


def _layers(estimate: Estimate, top: int, wide: bool) -> list[str]:
    total = estimate.totals.latency_s or 1.0
    ranked = sorted(range(len(estimate.layers)), key=lambda index: -estimate.layers[index].latency_s)
    shown = sorted(index for index in ranked[: max(0, top)])
    layers = [estimate.layers[index] for index in shown]
    rest = [estimate.layers[index] for index in ranked[max(0, top) :]]
    rows = [_row(layer, total) + (_more(layer, total) if wide else ()) for layer in layers]
    if rest:
        rows.append(_sum_row(f"{len(rest)} more layers", rest, total))
    rows.append(_sum_row("total", list(estimate.layers), total))
    head: tuple[str, ...] = ("layer", "op", "MACs", "latency", "share", "compute", "memory", "bound by", "by", "util.")
    if wide:
        head += _MORE
        rows = [(*row, *("",) * (len(head) - len(row))) for row in rows]
    return columns(rows, head, left=2)


_MORE = ("energy", "off chip", "op/B", "gap", "share of time")
_BAR = 20


def _more(layer: LayerEstimate, total: float) -> tuple[str, ...]:
    intensity = f"{2 * layer.macs / layer.dram_bytes:.3g}" if layer.macs and layer.dram_bytes else "-"
    gap = "-" if layer.bound_gap is None else "proven" if layer.bound_gap == 0 else f"{layer.bound_gap:.1%}"
    bar = "█" * round(_BAR * layer.latency_s / total)
    return humanize(layer.energy_j, "J"), humanize(layer.dram_bytes, "B"), intensity, gap, bar.ljust(_BAR)


def _row(layer: LayerEstimate, total: float) -> tuple[str, ...]:
    folded = f" +{len(layer.fused)}" if layer.fused else ""
    return (
        shorten(layer.name, 26 - len(folded)) + folded,
        shorten(layer.op, 12),
        humanize(layer.macs, "") if layer.macs else "-",
        humanize(layer.latency_s, "s"),
        f"{layer.latency_s / total:.1%}",
        humanize(layer.compute_s, "s"),
        humanize(layer.memory_s, "s"),
        shorten(layer.bound_by, 12),
        "-" if layer.slack is None else f"{layer.slack:.1f}×" if layer.slack < 100 else ">99×",
        f"{layer.utilization:.0%}" if layer.macs else "-",
    )


def _sum_row(name: str, layers: Sequence[LayerEstimate], total: float) -> tuple[str, ...]:
    latency = sum(layer.latency_s for layer in layers)
    return (
        name,
        "",
        humanize(sum(layer.macs for layer in layers), ""),
        humanize(latency, "s"),
        f"{latency / total:.1%}",
        humanize(sum(layer.compute_s for layer in layers), "s"),
        humanize(sum(layer.memory_s for layer in layers), "s"),
        "",
        "",
        "",
    )


def _remarks(estimate: Estimate) -> list[str]:
    lines: list[str] = []
    folded = estimate.settings.get("folded", [])
    if folded:
        lines += ["", *wrapped("graph: " + "; ".join(folded))]
    if any(layer.fused for layer in estimate.layers):
        lines += wrapped(
            "'+n' after a name counts the nodes folded into that layer; 'by' is the lead over the second bound."
        )
    for reason in dict.fromkeys(estimate.unavailable.values()):
        names = [name for name, given in estimate.unavailable.items() if given == reason]
        lines += wrapped(f"not given: {', '.join(names)}: {reason}")
    for note in estimate.notes:
        lines += wrapped(f"note: {note}")
    for warning in estimate.warnings:
        lines += wrapped(f"warning: {warning}")
    return lines
