"""Networks put together, as a console table."""

from __future__ import annotations

from hwsim.report.text import columns, safe, shorten, wrapped
from hwsim.system.flow_record import Flow
from hwsim.units import humanize, rate

_FACTS = {
    "slow_alone_s": "slow network alone",
    "slow_alone_j": "slow network alone",
    "break_even_escalation": "pays in time up to",
    "break_even_escalation_energy": "pays in energy up to",
    "budget_s": "budget",
    "largest_escalation": "budget allows up to",
    "uncoded_mean_s": "mean without code",
    "speedup_over_uncoded": "faster than without by",
    "work_over_uncoded": "work",
    "needed": "pieces that suffice",
    "sent": "pieces sent",
    "wide_s": "the wide network",
    "speedup_over_wide": "faster than the wide by",
    "macs_over_wide": "MACs over the wide's",
}


def flow_text(found: Flow) -> str:
    """What ``hwsim compose`` prints."""
    lines = wrapped(f"{found.kind} of {len(found.reached)} networks on {safe(found.system)}")
    lines += wrapped(f"{found.bound_by} sets the pace: an input every {humanize(found.interval_s, 's')}")
    pairs = [
        ("mean latency", humanize(found.latency_s, "s")),
        *((f"{percent}th percentile", humanize(value, "s")) for percent, value in found.percentiles_s.items()),
        ("throughput", f"{rate(found.throughput_per_s)} inputs/s"),
        ("energy an input", humanize(found.energy_j, "J")),
        ("average power", humanize(found.average_power_w, "W")),
    ]
    lines += ["", *(f"{name:<24}{value}" for name, value in pairs)]
    lines += [f"{_FACTS.get(name, name):<24}{_fact(name, value)}" for name, value in found.facts.items()]
    rows = [(shorten(name, 40), f"{share:.1%}") for name, share in found.reached.items()]
    lines += ["", *columns(rows, ("network", "runs"))]
    loads = [
        (
            shorten(load.name, 28),
            humanize(load.busy_s, "s"),
            humanize(load.memory_bytes, "B") if load.networks else "-",
            humanize(load.capacity_bytes, "B") if load.networks else "-",
        )
        for load in found.loads
    ]
    shown = columns(loads[:12], ("device or link", "busy an input", "memory", "of"))
    lines += ["", *shown, *([f"and {len(loads) - 12} more"] if len(loads) > 12 else [])]
    for quantity, reason in found.unavailable.items():
        lines += wrapped(f"not given: {quantity}: {reason}")
    for warning in found.warnings:
        lines += wrapped(f"warning: {warning}")
    return "\n".join(lines)


def _fact(name: str, value: float | None) -> str:
    if value is None:
        return "none: the fast network alone exceeds it"
    if name.endswith("_s"):
        return humanize(value, "s")
    if name.endswith("_j"):
        return humanize(value, "J")
    if "escalation" in name:
        return f"{value:.1%} of inputs"
    return f"{value:g}" if name in ("sent", "needed") else f"{value:.2f}x"
