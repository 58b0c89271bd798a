"""A simulated run as tables: who is busy, who waits for what, and the critical path."""

from __future__ import annotations

from typing import Any

from hwsim.estimation import Estimate
from hwsim.estimation.simulated import Simulated
from hwsim.report.text import columns, safe, shorten, wrapped
from hwsim.simulation.waits import critical_path, stalls
from hwsim.units import humanize, rate

SCHEMA = "hwsim/simulation/1"


def text(estimate: Estimate, explain: bool, top: int) -> str:
    """What ``hwsim simulate`` prints."""
    run = _run(estimate)
    totals, settings = estimate.totals, estimate.settings
    names = f"{safe(str(estimate.model['name']))} on {safe(str(estimate.device['name']))}"
    streams = run.timeline.program.streams
    lines = [
        f"{names}: tiles of the {settings['tiles']} model in simulated time, batch {settings['batch']}",
        "",
        f"latency      {humanize(totals.latency_s, 's')}",
        f"throughput   {rate(totals.throughput_per_s)} inferences/s, one every {humanize(run.interval_s, 's')} in steady state",
        f"tiles        {sum(stream.tiles for stream in streams):,}, of which {len(run.timeline.log):,} tasks were run one by one",
        "",
        *_engines(run),
        "",
        *_layers(estimate, top),
    ]
    if run.plan is not None:
        lines += ["", *_memory(run)]
    if run.groups:
        lines += ["", *_groups(estimate, run)]
    if explain:
        lines += ["", *_path(run, top), "", *_waits(run, top)]
    for warning in estimate.warnings:
        lines += wrapped(f"warning: {warning}")
    for note in estimate.notes:
        lines += wrapped(f"note: {note}")
    return "\n".join(lines)


def plain(estimate: Estimate) -> dict[str, Any]:
    """The same as ``hwsim/simulation/1``: the estimate's record with engines, waits, critical path and memory."""
    run = _run(estimate)
    program, tick = run.timeline.program, run.tick_s
    plan = run.plan
    return {
        **estimate.to_dict(),
        "schema": SCHEMA,
        "interval_s": run.interval_s,
        "engines": [
            {"name": name, "busy_s": ticks * tick, "utilization": ticks / max(1, run.timeline.ticks)}
            for name, ticks in zip(program.engines, program.work, strict=True)
        ],
        "waits": [
            {
                "engine": program.engines[stall.engine],
                "layer": program.streams[stall.stream].name,
                "reason": stall.reason,
                "behind": program.streams[stall.behind].name if stall.behind >= 0 else None,
                "wait_s": stall.ticks * tick,
            }
            for stall in stalls(run.timeline)
        ],
        "critical_path": [
            {"layer": layer, "stage": stage, "time_s": ticks * tick} for layer, stage, ticks in path_parts(run)
        ],
        "fused": [
            {
                "layers": [estimate.layers[position].name for position in one.positions],
                "rows": one.group.rows,
                "halo": one.group.halo,
                "buffer_bytes": one.group.buffer_bytes,
                "unfused_bytes": one.unfused_bytes,
                "fused_bytes": one.group.traffic,
            }
            for one in run.groups
        ],
        "memory": None
        if plan is None
        else {
            "level": plan.level,
            "capacity_bytes": plan.capacity,
            "peak_bytes": plan.peak,
            "kept": [
                {
                    "tensor": place.tensor.name,
                    "offset_bytes": place.offset,
                    "bytes": place.tensor.size,
                    "first_layer": place.tensor.made,
                    "last_layer": place.tensor.used,
                }
                for place in plan.places
            ],
            "spilled": [{"tensor": tensor.name, "bytes": tensor.size} for tensor in plan.spilled],
            "spilled_traffic_bytes": plan.spilled_bytes,
        },
    }


def path_parts(run: Simulated) -> list[tuple[str, str, int]]:
    """Layer, stage and ticks of the critical path, in order, neighbours of one layer and stage together [tick]."""
    program = run.timeline.program
    parts: dict[tuple[int, int], int] = {}
    for step in reversed(critical_path(run.timeline)):
        parts[step.stream, step.stage] = parts.get((step.stream, step.stage), 0) + step.ticks
    return [
        (program.streams[stream].name, program.stages[stage], ticks) for (stream, stage), ticks in sorted(parts.items())
    ]


def _run(estimate: Estimate) -> Simulated:
    assert estimate.simulation is not None, "only --model simulate has a timeline"
    return estimate.simulation


def _engines(run: Simulated) -> list[str]:
    program, total = run.timeline.program, max(1, run.timeline.ticks)
    waits: dict[int, dict[str, int]] = {}
    for stall in stalls(run.timeline):
        reasons = waits.setdefault(stall.engine, {})
        reasons[stall.reason] = reasons.get(stall.reason, 0) + stall.ticks
    rows = []
    for engine, (name, ticks) in enumerate(zip(program.engines, program.work, strict=True)):
        if ticks:
            most = max(waits.get(engine, {}).items(), key=lambda item: item[1], default=("", 0))
            why = f"{most[0]} ({humanize(most[1] * run.tick_s, 's')})" if most[1] else "-"
            rows.append((safe(name), humanize(ticks * run.tick_s, "s"), f"{ticks / total:.0%}", why))
    return columns(rows, ("engine", "busy", "share", "waits most for"), prose=True)


def _layers(estimate: Estimate, top: int) -> list[str]:
    ranked = sorted(range(len(estimate.layers)), key=lambda index: -estimate.layers[index].latency_s)
    rows = [
        (
            shorten(layer.name, 34),
            shorten(layer.op, 12),
            humanize(layer.extra["start_s"], "s"),
            humanize(layer.extra["end_s"], "s"),
            humanize(layer.latency_s, "s"),
            humanize(layer.extra["stall_s"], "s"),
            layer.bound_by,
        )
        for layer in (estimate.layers[index] for index in sorted(ranked[: max(0, top)]))
    ]
    more = len(estimate.layers) - len(rows)
    lines = columns(rows, ("layer", "op", "start", "end", "adds", "stalls", "busiest"), left=2)
    return lines + ([f"{more} more layers"] if more else [])


def _memory(run: Simulated) -> list[str]:
    plan = run.plan
    assert plan is not None
    if not plan.places and not plan.spilled:
        return ["memory: no tensor is passed on between layers on the chip"]
    limit = "unlimited" if plan.capacity is None else humanize(plan.capacity, "B")
    kept = sum(place.tensor.moved for place in plan.places if not place.tensor.must)
    return wrapped(
        f"memory: {len(plan.places)} tensors stay in {safe(plan.level)} (peak {humanize(plan.peak, 'B')} of {limit}), which saves "
        f"{humanize(kept, 'B')} over the chip's edge; {len(plan.spilled)} do not, which costs {humanize(plan.spilled_bytes, 'B')}"
    )


def _groups(estimate: Estimate, run: Simulated) -> list[str]:
    rows = []
    for one in run.groups:
        names = [estimate.layers[position].name for position in one.positions]
        rows.append(
            (
                shorten(f"{names[0]} … {names[-1]}", 44),
                f"{len(names)}",
                f"{one.group.rows}",
                str(one.group.halo),
                humanize(one.group.buffer_bytes, "B"),
                humanize(one.unfused_bytes, "B"),
                humanize(one.group.traffic, "B"),
            )
        )
    head = ("run depth first", "layers", "rows", "halo", "buffer", "one by one", "fused")
    saved = sum(one.unfused_bytes - one.group.traffic for one in run.groups)
    return [f"fusion saves {humanize(saved, 'B')} over the chip's edge", *columns(rows, head)]


def _path(run: Simulated, top: int) -> list[str]:
    total = max(1, run.timeline.ticks)
    parts = path_parts(run)
    ranked = sorted(range(len(parts)), key=lambda place: -parts[place][2])[: max(0, top)]
    rows = [
        (shorten(layer, 50), stage, humanize(ticks * run.tick_s, "s"), f"{ticks / total:.1%}")
        for layer, stage, ticks in (parts[place] for place in sorted(ranked))
    ]
    rest = sum(ticks for *_, ticks in parts) - sum(parts[place][2] for place in ranked)
    if rest:
        rows.append((f"{len(parts) - len(ranked)} more", "", humanize(rest * run.tick_s, "s"), f"{rest / total:.1%}"))
    return [
        "critical path: what the end of the run hung on",
        *columns(rows, ("layer", "stage", "time", "share"), left=2),
    ]


def _waits(run: Simulated, top: int) -> list[str]:
    program = run.timeline.program
    rows = [
        (
            safe(program.engines[stall.engine]),
            shorten(program.streams[stall.stream].name, 34),
            humanize(stall.ticks * run.tick_s, "s"),
            stall.reason
            + (f" ({safe(program.streams[stall.behind].name)})" if stall.behind not in (-1, stall.stream) else ""),
        )
        for stall in stalls(run.timeline)[: max(0, top)]
    ]
    return [
        "what waits cost, by engine and the layer it went on with",
        *columns(rows, ("engine", "layer", "waited", "for"), prose=True),
    ]
