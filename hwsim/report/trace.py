"""A simulated run as a Chrome trace: engines as tracks, tasks and stalls as slices, memory as counters. Opens in Perfetto as it is.

Trace Event Format, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU: complete events (``ph: X``) with
``ts`` and ``dur`` in microseconds, counters (``ph: C``), metadata (``ph: M``). Slices of one track never overlap.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hwsim.estimation import Estimate
from hwsim.estimation.simulated import Simulated
from hwsim.kernels.events_state import END, STAGE, START, STREAM, TILE
from hwsim.kernels.events_streams import AT, FROM, PERIOD, ROW, TIMES
from hwsim.report.text import safe
from hwsim.simulation import Program
from hwsim.simulation.run import Timeline
from hwsim.simulation.waits import Sharing, engines_of

#: Processes of the trace: engines (of all cores), layers, memory, and where there are several cores one for each from _CORES on.
_ENGINES, _LAYERS, _MEMORY, _CORES = 1, 2, 3, 10
#: Tracks of layers in a core's process come after those of engines.
_LANES = 1_000_000


def trace_text(estimate: Estimate) -> str:
    """The trace as JSON text; of an estimate by the simulate rung."""
    assert estimate.simulation is not None, "only --model simulate has a timeline"
    return json.dumps(trace(estimate.simulation, str(estimate.device["name"])), separators=(",", ":"), allow_nan=False)


def trace(simulated: Simulated, device: str) -> dict[str, Any]:
    """The trace as plain values."""
    program = simulated.timeline.program
    several = program.cores > 1
    shared = "engines that cores share" if several else "engines"
    events = [
        _named("process_name", _ENGINES, 0, f"{safe(device)}: {shared}"),
        *([] if several else [_named("process_name", _LAYERS, 0, "layers")]),
        _named("process_name", _MEMORY, 0, "memory"),
    ]
    if several:
        for core in range(program.cores):
            events.append(_named("process_name", _CORES + core, 0, f"{safe(device)}: core {core}"))
    for engine, name in enumerate(program.engines):
        process = _process(program, engine)
        events.append(_named("thread_name", process, 2 * engine, safe(name)))
        events.append(_named("thread_name", process, 2 * engine + 1, f"{safe(name)}: waits"))
    for lane, one in enumerate(program.lanes):
        events.append(_named("thread_name", *_lane(program, lane), safe(one.name)))
    events += [*_tasks(simulated), *_steady(simulated), *_layers(simulated), *_counters(simulated)]
    return {"traceEvents": events, "displayTimeUnit": "ns"}


def _process(program: Program, engine: int) -> int:
    """The process that shows an engine."""
    owner = program.owners[engine]
    return _ENGINES if owner < 0 or program.cores == 1 else _CORES + owner


def _lane(program: Program, lane: int) -> tuple[int, int]:
    """Process and track that show the layers of a lane."""
    return (_LAYERS, lane) if program.cores == 1 else (_CORES + program.lanes[lane].core, _LANES + lane)


def _named(kind: str, process: int, track: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": track, "args": {"name": name}}


def _slice(process: int, track: int, name: str, begin: int, end: int, scale: float, **more: Any) -> dict[str, Any]:
    start = begin * scale
    return {
        "ph": "X",
        "name": name,
        "pid": process,
        "tid": track,
        "ts": start,
        "dur": end * scale - start,
        "args": more,
    }


def _scale(simulated: Simulated) -> float:
    """Microseconds of a tick [µs]."""
    return 1e6 * simulated.tick_s


def _tasks(simulated: Simulated) -> Iterator[dict[str, Any]]:
    """Every task that was run by itself, and before it what its engine waited for."""
    timeline, scale = simulated.timeline, _scale(simulated)
    log, program = timeline.log, timeline.program
    engines = engines_of(timeline)
    gaps, sharing = _gaps(simulated), Sharing(timeline, engines)
    processes = [_process(program, engine) for engine in range(len(program.engines))]
    free = [0] * len(program.engines)
    for row in sorted(range(len(log)), key=lambda row: (int(log[row, START]), row)):
        engine, begin = int(engines[row]), int(log[row, START])
        stream = program.streams[log[row, STREAM]]
        stage = program.stages[log[row, STAGE]]
        for start, end in _outside(free[engine], _first_start(timeline, row, 0), gaps):
            at = start
            for why, ticks in sharing.split(row, end - start, end - start):
                if ticks:
                    named = f"waits for {safe(why)}"
                    yield _slice(
                        processes[engine], 2 * engine + 1, named, at, at + ticks, scale, next=safe(stream.name)
                    )
                at += ticks
        yield _slice(
            processes[engine],
            2 * engine,
            safe(stream.name),
            begin,
            int(log[row, END]),
            scale,
            stage=stage,
            tile=int(log[row, TILE]),
        )
        free[engine] = int(log[row, END])


def _first_start(timeline: Timeline, row: int, jump: int) -> int:
    """When a task started before the jumps from ``jump`` on, over which it ran, made a later copy of it [tick]."""
    end, start = int(timeline.log[row, END]), int(timeline.log[row, START])
    over = (timeline.jumps[jump:, ROW] > row) & (timeline.jumps[jump:, AT] < end)
    return start - int((timeline.jumps[jump:, PERIOD] * timeline.jumps[jump:, TIMES])[over].sum())


def _gaps(simulated: Simulated) -> list[tuple[int, int]]:
    """Times at which steady states were added at once, which no single task shows."""
    return [(int(jump[AT]), int(jump[AT] + jump[PERIOD] * jump[TIMES])) for jump in simulated.timeline.jumps]


def _outside(begin: int, end: int, gaps: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of an interval that lie in no gap."""
    for start, stop in gaps:
        if stop <= begin or start >= end:
            continue
        if start > begin:
            yield begin, start
        begin = max(begin, stop)
    if begin < end:
        yield begin, end


def _steady(simulated: Simulated) -> Iterator[dict[str, Any]]:
    """Steady states that were added at once, as one slice on every engine at work in them."""
    timeline, scale = simulated.timeline, _scale(simulated)
    log, program = timeline.log, timeline.program
    engines = engines_of(timeline)
    for index, jump in enumerate(timeline.jumps):
        first, last, at = int(jump[FROM]), int(jump[ROW]), int(jump[AT])
        shift, times = int(jump[PERIOD] * jump[TIMES]), int(jump[TIMES])
        for engine in range(len(program.engines)):
            rows = [row for row in range(first, last) if engines[row] == engine]
            if not rows:
                continue
            names = dict.fromkeys(safe(program.streams[log[row, STREAM]].name) for row in rows)
            busy = sum(int(log[row, END] - log[row, START]) for row in rows)
            # what runs when the period ends is shown as its last copy, after the slice
            last_row = max((row for row in range(last) if engines[row] == engine), default=-1)
            begin = at if int(log[last_row, END]) <= at else _first_start(timeline, last_row, index)
            yield _slice(
                _process(program, engine),
                2 * engine,
                " + ".join(names) + f" × {len(rows) * times}",
                begin,
                begin + shift,
                scale,
                steady_state=f"{len(rows)} tasks every {jump[PERIOD] * simulated.tick_s:.4g} s, {times} times",
                busy=round(min(1.0, busy / int(jump[PERIOD])), 4),
            )


def _layers(simulated: Simulated) -> Iterator[dict[str, Any]]:
    """When each layer ran, by lane; where layers of a lane overlap, the later one is shown from the end of the one before."""
    timeline, scale = simulated.timeline, _scale(simulated)
    program = timeline.program
    free = [0] * len(program.lanes)
    for index, stream in enumerate(program.streams):
        start, end = int(timeline.start[index]), int(timeline.end[index])
        begin = max(start, free[stream.lane])
        if end > begin:
            args = {"first_task_s": start * simulated.tick_s, "tiles": stream.tiles}
            process, track = _lane(program, stream.lane)
            yield _slice(process, track, safe(stream.name), begin, end, scale, **args)
        free[stream.lane] = max(free[stream.lane], end)


def _counters(simulated: Simulated) -> Iterator[dict[str, Any]]:
    """Bytes in use of every level for which there is a plan, on the chip (by core where each has its own) and off it."""
    scale = _scale(simulated)
    for plan, steps in simulated.held():
        core = f" {plan.core}" if plan.core >= 0 else ""
        kind = "tensors off chip" if plan.off_chip else "tensors"
        for time, alive in steps:
            yield {
                "ph": "C",
                "name": f"{safe(plan.level or 'on chip')}{core}: {kind}",
                "pid": _MEMORY,
                "tid": 0,
                "ts": time * scale,
                "args": {"bytes": alive},
            }
