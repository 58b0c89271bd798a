"""A simulated run as tables: who is busy, who waits for what, and the critical path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwsim.estimation import Estimate
from hwsim.estimation.simulated import Simulated
from hwsim.report.text import columns, safe, shorten, wrapped
from hwsim.simulation.memory import Plan
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
    if run.tried:
        lines += ["", *_tried(estimate, run)]
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
            {
                "name": name,
                "core": _core(program.owners[engine], run),
                "busy_s": ticks * tick,
                "utilization": ticks / max(1, run.timeline.ticks),
            }
            for engine, (name, ticks) in enumerate(zip(program.engines, program.work, strict=True))
        ],
        "waits": [
            {
                "engine": program.engines[stall.engine],
                "layer": program.streams[stall.stream].name,
                "core": _core(program.lanes[program.streams[stall.stream].lane].core, run),
                "reason": stall.reason,
                "behind": program.streams[stall.behind].name if stall.behind >= 0 else None,
                "wait_s": stall.ticks * tick,
            }
            for stall in stalls(run.timeline)
        ],
        "critical_path": [
            {"layer": layer, "core": _core(core, run), "stage": stage, "time_s": ticks * tick}
            for layer, core, stage, ticks in path_parts(run)
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
        "memory_levels": [
            {
                "level": one.level,
                "core": _core(one.core, run),
                "off_chip": one.off_chip,
                "capacity_bytes": one.capacity,
                "peak_bytes": _peak(one, steps),
                "kept": len(one.places),
                "spilled": len(one.spilled),
                "spilled_traffic_bytes": one.spilled_bytes,
                "bytes_over_time": [[time * tick, alive] for time, alive in steps],
            }
            for one, steps in run.held()
        ],
        "placements_s": {
            name: {"latency": latency, "interval": interval} for name, (latency, interval) in run.tried.items()
        },
        "pieces": [
            {
                "layer": stream.name,
                "core": program.lanes[stream.lane].core,
                "start_s": int(run.timeline.start[index]) * tick,
                "end_s": int(run.timeline.end[index]) * tick,
            }
            for index, stream in enumerate(program.streams)
        ]
        if program.cores > 1
        else [],
    }


def _peak(plan: Plan, steps: Sequence[tuple[int, int]]) -> int:
    """The highest address in use; off the chip the most in use, if layers beside each other need more than one by one."""
    return max(plan.peak, *(alive for _, alive in steps)) if plan.off_chip and steps else plan.peak


def _core(core: int, run: Simulated) -> int | None:
    """A core's number, None for what all share, or where there is but one."""
    return core if core >= 0 and run.timeline.program.cores > 1 else None


def path_parts(run: Simulated) -> list[tuple[str, int, str, int]]:
    """Layer, core, stage and ticks of the critical path, in order, neighbours of one layer and stage together [tick]."""
    program = run.timeline.program
    parts: dict[tuple[int, int], int] = {}
    for step in reversed(critical_path(run.timeline)):
        parts[step.stream, step.stage] = parts.get((step.stream, step.stage), 0) + step.ticks
    return [
        (program.streams[stream].name, program.lanes[program.streams[stream].lane].core, program.stages[stage], ticks)
        for (stream, stage), ticks in sorted(parts.items())
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


def _on(layer: str, core: int, run: Simulated, width: int) -> str:
    """A layer, and on which of several cores."""
    return shorten(layer, width) + ("" if _core(core, run) is None else f" (core {core})")


def _tried(estimate: Estimate, run: Simulated) -> list[str]:
    chosen = estimate.settings["placement"]
    rows = [
        (name, humanize(latency, "s"), humanize(interval, "s"), "chosen" if name == chosen else "")
        for name, (latency, interval) in run.tried.items()
    ]
    head = ("placement on cores", "latency", "interval", "")
    return columns(rows, head)


def _memory(run: Simulated) -> list[str]:
    if all(not plan.places and not plan.spilled for plan in run.plans if not plan.off_chip):
        lines = ["memory: no tensor is passed on between layers on the chip"]
    else:
        on_chip = [plan for plan in run.plans if not plan.off_chip]
        kept = sum(place.tensor.moved for plan in on_chip for place in plan.places if not place.tensor.must)
        last = [plan for plan in on_chip if plan.level == on_chip[-1].level]
        spilled = sum(plan.spilled_bytes for plan in last)
        lines = wrapped(
            f"memory: tensors that stay on the chip save {humanize(kept, 'B')} over its edge; "
            f"{sum(len(plan.spilled) for plan in last)} do not, which costs {humanize(spilled, 'B')}"
        )
    rows = []
    for plan, steps in run.held():
        limit = "unlimited" if plan.capacity is None else humanize(plan.capacity, "B")
        most = max(steps, key=lambda step: step[1], default=(0, 0))
        name = plan.level if plan.core < 0 else f"{plan.level} {plan.core}"
        rows.append(
            (
                safe(name),
                f"{len(plan.places)}",
                f"{len(plan.spilled)}",
                humanize(_peak(plan, steps), "B"),
                limit,
                humanize(most[1], "B"),
                humanize(most[0] * run.tick_s, "s"),
            )
        )
    head = ("level", "kept", "spilled", "peak", "of", "most in use", "at")
    return [*lines, *columns(rows, head, left=1)]


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
    ranked = sorted(range(len(parts)), key=lambda place: -parts[place][3])[: max(0, top)]
    rows = [
        (_on(layer, core, run, 50), stage, humanize(ticks * run.tick_s, "s"), f"{ticks / total:.1%}")
        for layer, core, stage, ticks in (parts[place] for place in sorted(ranked))
    ]
    rest = sum(ticks for *_, ticks in parts) - sum(parts[place][3] for place in ranked)
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
            _on(program.streams[stall.stream].name, program.lanes[program.streams[stall.stream].lane].core, run, 34),
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
