"""Budgets and sensitivities as console tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hwsim.report.text import columns, safe, shorten, wrapped
from hwsim.study.budget import Budget, Needed
from hwsim.study.sensitivity import Sensitivity
from hwsim.units import humanize


def text(
    found: Sequence[Budget], back: Sequence[Needed], target: float | None, area_mm2: float, bus: float, top: int
) -> str:
    """Bit-widths side by side, the layers of the fastest, what to change, and the way back from a target."""
    rows = [
        (
            f"{item.bits}{'*' if item.extrapolated else ''}",
            f"{item.pe_um2:,.1f}",
            f"{item.side} × {item.side}",
            humanize(item.peak_op_per_s, "op/s"),
            f"{item.ridge_op_per_bit:.2f}",
            humanize(item.latency_s, "s"),
            f"{item.utilization:.1%}",
            _bound(item),
        )
        for item in found
    ]
    head = ("bits", "PE um2", "PEs", "peak", "ridge op/bit", "latency", "util.", "bound by")
    buffer = found[0].buffer_mm2
    of = f"PEs and a buffer of {buffer:.3g} mm²" if buffer else "PEs"
    lines = [f"{area_mm2:g} mm² of {of} at 28 nm, bus {humanize(bus, 'bit/s')}; a k×k kernel is k²+1 operations", ""]
    lines += columns(rows, head, left=1)
    if any(item.extrapolated for item in found):
        lines += wrapped("* the fit of PE areas covers 2 to 16 bits: this one is an extrapolation")
    best = min(found, key=lambda item: item.latency_s)
    slowest = sorted(best.layers, key=lambda layer: -layer.latency_s)[: max(0, top)]
    lines += ["", f"layers that take longest at {best.bits} bits:", ""]
    lines += columns(
        [
            (
                shorten(layer.name, 22),
                humanize(layer.operations, "op"),
                f"{layer.intensity_op_per_bit:.2f}",
                humanize(layer.attained_op_per_s, "op/s"),
                humanize(layer.latency_s, "s"),
                layer.bound_by,
                f"{layer.idle_pes:,}",
                f"{layer.groups:,}",
                humanize(layer.partial_bits, "bit"),
            )
            for layer in slowest
        ],
        ("layer", "work", "op/bit", "attained", "latency", "bound by", "idle PEs", "groups", "partial sums"),
        left=1,
    )
    for sentence in _advice(best):
        lines += wrapped(sentence)
    if back:
        lines += ["", f"what {humanize(target, 's')} takes:", ""]
        lines += columns([_needed(item) for item in back], ("bits", "PEs", "area mm2", "bus"), left=1)
        if all(not item.side for item in back):
            lines.append("no array makes it: the layers have too few channels to fill one")
        lines += [
            f"at {item.bits} bits the budget {'makes' if item.latency_s <= target else 'does not make'} it"
            for item in found
            if target is not None
        ]
    return "\n".join(lines)


def _needed(item: Needed) -> tuple[str, ...]:
    if not item.side:
        return (str(item.bits), "-", "-", "-")
    return (
        str(item.bits),
        f"{item.side} × {item.side}",
        f"{item.area_mm2:.3g}",
        humanize(item.bandwidth_bit_per_s, "bit/s"),
    )


def _bound(item: Budget) -> str:
    times: dict[str, float] = {}
    for layer in item.layers:
        times[layer.bound_by] = times.get(layer.bound_by, 0.0) + layer.latency_s
    if not times:
        return "-"
    name = max(times, key=lambda key: times[key])
    return f"{name} {times[name] / item.latency_s:.0%}"


def _advice(item: Budget) -> Iterator[str]:
    times: dict[str, float] = {}
    for layer in item.layers:
        times[layer.bound_by] = times.get(layer.bound_by, 0.0) + layer.latency_s
    bound = max(times, key=lambda key: times[key], default="")
    if bound == "memory":
        yield "change: fewer bits or a wider bus; more PEs would wait for the bus too"
    elif bound == "compute":
        yield "change: more area, fewer bits or a faster clock; a wider bus would change nothing for most of the time"
    elif bound == "channels":
        yield "change: layers with more channels, or a smaller array: most of the time PEs have no channels to work on"


def explain_text(found: Sensitivity, top: int) -> str:
    """Constants that matter, what moves the bottlenecks, capacities doubled."""
    base = found.base
    lines = [
        f"{safe(str(base.model['name']))} on {safe(str(base.device['name']))}: {base.settings['model']} model, "
        f"latency {humanize(base.totals.latency_s, 's')}, energy {humanize(base.totals.energy_j, 'J')}",
        "",
    ]
    rows = [
        (
            shorten(effect.key, 44),
            f"{effect.value:g}",
            _percent(effect.latency_low),
            _percent(effect.latency_high),
            _percent(effect.energy_low),
            _percent(effect.energy_high),
        )
        for effect in found.effects[: max(0, top)]
    ]
    head = ("constant", "value", "latency -10%", "+10%", "energy -10%", "+10%")
    lines += columns(rows, head, left=1)
    for lever in found.levers:
        sentence = f"{lever.bound_by} binds {lever.share:.0%} of the time: "
        if lever.moves_at is not None:
            sentence += f"with {lever.key} at {lever.moves_at:.4g} (now {lever.value:g}) something else binds most; "
        if lever.enough is not None:
            sentence += (
                f"{lever.key} up to {lever.enough:.4g} saves {lever.saves:.1%} of the latency, more saves nothing"
            )
        else:
            sentence += f"more {lever.key} always helps, by {lever.saves:.1%} at most"
        lines += wrapped(sentence)
    for item in found.doubled:
        energy = "" if item.energy is None else f" and {item.energy:.1%} of the energy"
        if item.latency > 5e-4 or (item.energy or 0) > 5e-4:
            lines += wrapped(
                f"doubling {item.key} to {2 * item.value:g} saves {item.latency:.1%} of the latency{energy}"
            )
        else:
            lines += wrapped(f"doubling {item.key} to {2 * item.value:g} saves nothing")
    return "\n".join(lines)


def _percent(change: float | None) -> str:
    return "-" if change is None else f"{change:+.1%}" if abs(change) > 5e-5 else "0"
