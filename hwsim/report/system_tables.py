"""Systems, training steps, served language models and scenarios as console tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hwsim.report.text import columns, safe, shorten, wrapped
from hwsim.system.profile import System
from hwsim.system.record import SystemEstimate
from hwsim.system.serving import Serving
from hwsim.system.training import Training
from hwsim.units import humanize, rate


def listing(systems: Sequence[System]) -> str:
    """What ``hwsim systems`` prints."""
    rows = [
        (item.name, f"{len(item.workers)} × {item.devices[item.workers[0]].name}", safe(item.description))
        for item in systems
    ]
    return "\n".join(columns(rows, ("name", "devices", "description"), left=2, prose=True))


def system_text(found: SystemEstimate) -> str:
    """What ``hwsim system`` prints."""
    settings = found.settings
    title = f"{safe(str(found.model['name']))} on {safe(found.system)}: {settings['way']}, {settings['model']} model, "
    title += f"batch {settings['batch']}"
    lines = wrapped(title)
    lines += wrapped(f"{found.bound_by} sets the pace: a batch every {humanize(found.interval_s, 's')}")
    pairs = [
        ("latency", humanize(found.latency_s, "s")),
        *_waits(found),
        ("throughput", f"{rate(found.throughput_per_s)} inferences/s"),
        ("energy", humanize(found.energy_j, "J")),
        ("average power", humanize(found.average_power_w, "W")),
        ("memory", humanize(found.memory_bytes, "B")),
        ("idle in bubbles", f"{found.bubble_share:.1%}" if settings["way"] == "pipeline" else "-"),
    ]
    lines += ["", *(f"{name:<17}{value}" for name, value in pairs), ""]
    rows = [
        (
            shorten(share.instance, 16),
            shorten(share.device, 24),
            str(len(share.layers)),
            humanize(share.compute_s, "s"),
            humanize(share.exchange_s, "s"),
            humanize(share.memory_bytes, "B"),
            humanize(share.capacity_bytes, "B"),
        )
        for share in found.shares
    ]
    lines += columns(rows, ("instance", "device", "layers", "compute", "exchange", "memory", "of"), left=2)
    if found.links:
        wires = [(name, humanize(seconds, "s")) for name, seconds in found.links.items()]
        lines += ["", *columns(wires, ("link", "busy a batch"))]
    lines += _unknown(found.unavailable)
    for warning in found.warnings:
        lines += wrapped(f"warning: {warning}")
    return "\n".join(lines)


def _unknown(unavailable: Mapping[str, str]) -> list[str]:
    return [line for quantity, reason in unavailable.items() for line in wrapped(f"not given: {quantity}: {reason}")]


def _waits(found: SystemEstimate) -> list[tuple[str, str]]:
    if not found.queries_per_s:
        return []
    if math.isinf(found.latency_mean_s):
        return [("with waiting", "without end: more arrive than leave")]
    ends = ", ".join(f"{percent} % within {humanize(found.percentile_s(percent), 's')}" for percent in (50, 90, 99))
    return [("with waiting", f"{humanize(found.latency_mean_s, 's')} in the mean, {ends}")]


def training_text(found: Training) -> str:
    """What ``hwsim train`` prints."""
    step = found.step
    settings = step.settings
    title = (
        f"{safe(str(step.model['name']))} on {found.replicas} × {safe(str(step.device['name']))}: "
        f"a training step with {settings['training']}, "
        f"batch {settings['batch']} a device, {settings['model']} model"
    )
    exposed = found.all_reduce_s - found.hidden_s
    times = [
        ("forward", found.forward_s),
        ("recomputing", found.recompute_s),
        ("backward", found.backward_s),
        ("optimizer", found.optimizer_s),
        ("summing gradients", exposed),
    ]
    memory = [
        ("parameters", found.parameter_bytes),
        ("gradients", found.gradient_bytes),
        ("optimizer", found.optimizer_bytes),
        ("activations", found.activation_bytes),
    ]
    lines = [*wrapped(title), ""]
    rows = [(name, humanize(seconds, "s"), f"{seconds / found.latency_s:.1%}") for name, seconds in times if seconds]
    lines += columns([*rows, ("step", humanize(found.latency_s, "s"), "100.0%")], ("time", "", "share"))
    rows = [(name, humanize(size, "B"), f"{size / found.memory_bytes:.1%}") for name, size in memory]
    lines += [
        "",
        *columns([*rows, ("a device", humanize(found.memory_bytes, "B"), "100.0%")], ("memory", "", "share")),
        "",
    ]
    lines.append(f"{rate(found.throughput_per_s)} examples/s, {humanize(step.totals.macs, '')} MACs a device and step")
    if found.hidden_s:
        lines.append(f"{humanize(found.hidden_s, 's')} of summing gradients runs beside the backward pass")
    lines.append(f"energy {humanize(found.energy_j, 'J')}, average power {humanize(found.average_power_w, 'W')}")
    lines += _unknown(found.unavailable)
    for warning in step.warnings:
        lines += wrapped(f"warning: {warning}")
    return "\n".join(lines)


def serving_text(found: Serving, rows: Sequence[dict[str, Any]], turning: int | None, context: int) -> str:
    """What ``hwsim decode`` prints."""
    lines = wrapped(
        f"{found.batch} sequences on {safe(found.device)} ({found.rung} model): prompt of {found.prompt} tokens, "
        f"{len(found.token_s) + 1} answered"
    )
    pairs = [
        ("first token", humanize(found.first_token_s, "s")),
        ("each further token", humanize(found.mean_token_s, "s") if found.token_s else "-"),
        ("tokens a second", rate(found.tokens_per_s) if found.token_s else "-"),
        ("whole answer", humanize(found.latency_s, "s")),
        ("energy", humanize(found.energy_j, "J")),
        ("average power", humanize(found.average_power_w, "W")),
        ("weights", humanize(found.weight_bytes, "B")),
        ("cache at its end", humanize(found.cache_bytes, "B")),
        ("memory", humanize(found.memory_bytes, "B")),
        ("decoding bound by", found.bound_by),
    ]
    lines += ["", *(f"{name:<20}{value}" for name, value in pairs), ""]
    table = [
        (
            str(row["batch"]),
            humanize(float(row["token_s"]), "s"),
            rate(float(row["tokens_per_s"])),
            str(row["bound_by"]),
        )
        for row in rows
    ]
    lines += columns(table, ("sequences", "a token", "tokens/s", "bound by"))
    lines += wrapped(
        f"products with weights turn from memory to compute at {turning} sequences (context {context})"
        if turning
        else "products with weights stay bound by memory or overhead at any number of sequences whose cache fits"
    )
    lines += _unknown(found.unavailable)
    for warning in found.warnings:
        lines += wrapped(f"warning: {warning}")
    return "\n".join(lines)


def scenario_text(record: dict[str, Any]) -> str:
    """What ``hwsim scenario`` prints."""
    title = f"{safe(record['model'])} on {record['replicas']} × {safe(record['device'])}: {record['scenario']}"
    lines = wrapped(f"{title}, batch {record['batch']}")
    for name, value in record.items():
        if name.endswith("_s") and value is not None:
            text = f"{rate(value)}/s" if name.endswith("per_s") else humanize(value, "s")
            said = name.removesuffix("_s").removesuffix("_per").replace("_", " ")
            lines.append(f"{said:<28}{text}")
        elif name == "load":
            lines.append(f"{'load':<28}{value:.1%}")
        elif name in ("max_batch", "mean_batch") and value is not None:
            lines.append(f"{name.replace('_', ' '):<28}{value:.4g}")
    return "\n".join(lines)
