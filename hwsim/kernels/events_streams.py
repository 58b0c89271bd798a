"""Streams of tiles on engines in simulated time, steady states advanced in closed form.

A stream is one layer: tiles that pass through the same stages in the same order, each stage of each tile a task
run by the rules of ``events``; here tasks exist only while they wait or run. A lane is the sequence of streams of one core:
tiles of the next stream follow those of the last through the same buffers.

Stages, by number: LAUNCH; WEIGHTS and INPUTS load; the work stages from WORK on run beside each other; RETIRE, the next to last, takes
no time and frees the input buffers; STORE, the last, frees the output buffers. With i the tile:

* LAUNCH of tile 0 waits until no more than WINDOW - 1 streams before it on its lane are unfinished, with ``barrier`` for all of them; of
  other tiles, where nothing waits for it, for STORE of tile i - 1;
* WEIGHTS waits for LAUNCH of tile 0; so does INPUTS and, at tile 0, for the streams that it is gated by to finish;
* loads wait for stage ``after`` of tile i - D, D the distance of their operand: its buffer is free again;
* work waits for both loads, and for STORE of tile i - D of the outputs; RETIRE for all work, STORE for RETIRE;
* every stage waits for its own last tile.

Where i < D the lane goes on: stage ``after`` of the stream before must be done but for its last D' - 1 - i tiles, D' its own distance, and
that of the one before that altogether.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from hwsim.kernels.events import heap_pop, heap_push
from hwsim.kernels.events_state import (
    CAUSE,
    END,
    KIND,
    READY,
    STAGE,
    START,
    STREAM,
    TILE,
    WINDOW,
    ProgramArrays,
    State,
    advance_all,
    block_of,
    periods_of,
    run_of,
    same,
    snapshot,
)
from hwsim.kernels.jit import kernel, merged_kernel, nested_kernel
from hwsim.kernels.packed import Bool, Int

LAUNCH, WEIGHTS, INPUTS, WORK = range(4)
#: States remembered to compare with.
RING = 256
#: Columns of the jumps: rows of the log before it, row at which the period begins, ticks of a period, periods, time before it.
ROW, FROM, PERIOD, TIMES, AT = range(5)
#: Values of KIND: why a task could not start earlier.
NOTHING, OWN, LOADED, GATED, BUFFER, LAUNCHED, ENGINE = range(7)
# numbers of the arrays' type, so that what is counted from them keeps it
_ZERO, _ONE, _NONE = cast(int, np.int64(0)), cast(int, np.int64(1)), cast(int, np.int64(-1))


@merged_kernel
def _met(state: State, stream: int, stage: int, need: int, now: int, of: int, at: int, kind: int) -> bool:
    """Whether ``need`` tiles of a stage are done; if that is so as of now, it is noted as what lets stage ``at`` of stream ``of`` start.

    Where several things happen now, the last one asked about that was not done before counts.
    """
    if state.done[stream, stage] < need:
        return False
    if need > 0 and state.last[stream, stage] == now and (state.done[stream, stage] == need or state.kind[of, at] == 0):
        state.cause[of, at], state.kind[of, at] = state.row[stream, stage], kind
    return True


@merged_kernel
def _ready(program: ProgramArrays, state: State, stream: int, stage: int, now: int) -> bool:
    """Whether the next tile of a stage may start but for its engine; then its cause and kind are noted."""
    store = state.done.shape[1] - 1
    tile = state.started[stream, stage]
    lane, place = program.lane[stream], program.place[stream]
    first = program.lane_first[lane]
    state.cause[stream, stage], state.kind[stream, stage] = -1, NOTHING
    if tile > 0:
        _met(state, stream, stage, tile, now, stream, stage, OWN)
    buffer, free = -1, -1
    if stage == LAUNCH:
        back = 1 if program.barrier[stream] else WINDOW
        if tile == 0 and place >= back:
            before = program.lane_streams[first + place - back]
            if not _met(state, before, store, program.tiles[before], now, stream, stage, BUFFER):
                return False
        if tile > 0 and not _met(state, stream, store, tile, now, stream, stage, OWN):
            return False
    elif stage <= INPUTS:
        buffer, free = stage - WEIGHTS, program.after[stream]
        if not _met(state, stream, LAUNCH, 1, now, stream, stage, LAUNCHED):
            return False
        if stage == INPUTS and tile == 0:
            if state.gate[stream, 0] > 0:
                return False
            if state.gate[stream, 1] == now:
                state.cause[stream, stage], state.kind[stream, stage] = state.gate[stream, 2], GATED
    elif stage < store - 1:
        buffer, free = 2, store
        for load in range(WEIGHTS, INPUTS + 1):
            if not _met(state, stream, load, tile + 1, now, stream, stage, LOADED):
                return False
    elif stage == store - 1:
        for work in range(WORK, store - 1):
            if not _met(state, stream, work, tile + 1, now, stream, stage, LOADED):
                return False
    elif not _met(state, stream, stage - 1, tile + 1, now, stream, stage, LOADED):
        return False
    if buffer >= 0:
        distance = program.distance[stream, buffer]
        if tile >= distance:
            return _met(state, stream, free, tile - distance + 1, now, stream, stage, BUFFER)
        for back in range(1, 3):
            if place < back:
                break
            before = program.lane_streams[first + place - back]
            spare = max(0, program.distance[before, buffer] - 1 - tile) if back == 1 else 0
            if not _met(state, before, free, program.tiles[before] - spare, now, stream, stage, BUFFER):
                return False
    return True


@nested_kernel
def _grown(rows: Int) -> Int:
    larger = np.empty((2 * rows.shape[0], rows.shape[1]), np.int64)
    larger[: rows.shape[0]] = rows
    return larger


@kernel
def run_streams(program: ProgramArrays, engines: int, skip: bool, start: Int, end: Int) -> tuple[Int, Int, int]:
    """Run all streams; ``start`` and ``end`` [S] receive when each begins and is finished.

    skip : advance steady states in closed form (the result is the same). Returns the log, the jumps, and how many streams finished.
    """
    streams, lanes, stages = program.tiles.shape[0], program.engine.shape[0], program.engine.shape[1]
    store, retire = stages - 1, stages - 2
    shape = (streams, stages)
    state = State(
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.full(shape, -1, np.int64),
        np.full(shape, -1, np.int64),
        np.full(shape, -1, np.int64),
        np.full(shape, -1, np.int64),
        np.zeros(shape, np.int64),
        np.full((streams, 3), -1, np.int64),
        np.zeros(lanes, np.int64),
    )
    tiles, started, done, waits, low = program.tiles, state.started, state.done, state.since, state.low
    lane_first, lane_streams = program.lane_first, program.lane_streams
    engine_of, duration = program.engine, program.duration
    follower_first = np.zeros(streams + 1, np.int64)
    for gate in program.gates:
        follower_first[gate + 1] += 1
    for stream in range(streams):
        state.gate[stream, 0] = program.gate_first[stream + 1] - program.gate_first[stream]
        follower_first[stream + 1] += follower_first[stream]
        start[stream] = end[stream] = -1
    followers, filled = np.empty(program.gates.shape[0], np.int64), follower_first[:-1].copy()
    for stream in range(streams):
        for place in range(program.gate_first[stream], program.gate_first[stream + 1]):
            gate = program.gates[place]
            followers[filled[gate]] = stream
            filled[gate] += 1
    # of each engine: stream, stage, end, log row; row of the last task
    running, before = np.full((engines, 4), -1, np.int64), np.full(engines, -1, np.int64)
    # what waits for each engine as a heap: since when, and the number of its stream and stage
    base = np.zeros(engines + 1, np.int64)
    for lane in range(lanes):
        for stage in range(stages):
            if engine_of[lane, stage] >= 0:
                base[engine_of[lane, stage] + 1] += WINDOW
    for engine in range(engines):
        base[engine + 1] += base[engine]
    since, waiting = np.empty(max(1, base[engines]), np.int64), np.empty(max(1, base[engines]), np.int64)
    size = np.zeros(engines, np.int64)
    dirty = np.ones(lanes, np.bool_)  # lanes in which something has happened that may let others go on
    log, rows = np.empty((4096, 8), np.int64), _ZERO
    jumps, jumped = np.empty((64, 5), np.int64), _ZERO
    width = lanes * WINDOW * stages * 3 + engines * 3 + 2
    views, bases = np.zeros((RING, width), np.int64), np.zeros((RING, lanes * WINDOW), np.int64)
    hashes, times, marks = np.zeros(RING, np.int64), np.zeros(RING, np.int64), np.zeros(RING, np.int64)
    remembered, oldest = _ZERO, _ZERO
    now, finished = _ZERO, _ZERO
    while True:
        changed, marker = True, False
        while changed:
            changed = False
            for lane in range(lanes):
                if not dirty[lane]:
                    continue
                dirty[lane] = False
                first = lane_first[lane]
                for at in range(first + low[lane], min(first + low[lane] + WINDOW, lane_first[lane + 1])):
                    stream = lane_streams[at]
                    for stage in range(stages):
                        tile = started[stream, stage]
                        if tile >= tiles[stream] or done[stream, stage] < tile or waits[stream, stage] >= 0:
                            continue
                        # most cannot go on for what they can tell at once
                        if stage >= WORK:
                            if stage < retire:
                                if done[stream, WEIGHTS] <= tile or done[stream, INPUTS] <= tile:
                                    continue
                            elif done[stream, stage - 1] <= tile:
                                continue
                        if not _ready(program, state, stream, stage, now):
                            continue
                        block = block_of(program, stream, tile)
                        if duration[run_of(program, block, tile), stage] > 0:
                            waits[stream, stage] = now
                            engine = engine_of[lane, stage]
                            heap_push(since, waiting, base[engine], size[engine], now, stream * stages + stage)
                            size[engine] += 1
                            continue
                        changed = dirty[lane] = True
                        started[stream, stage] = done[stream, stage] = tile + 1
                        state.last[stream, stage], state.row[stream, stage] = now, state.cause[stream, stage]
                        if stage == retire:
                            marker = True
                        if stage == store and tile + 1 == tiles[stream]:
                            finished += _finish(program, state, stream, now, end, follower_first, followers, dirty)
                            if start[stream] < 0:
                                start[stream] = now
                while first + low[lane] < lane_first[lane + 1] and end[lane_streams[first + low[lane]]] >= 0:
                    low[lane] += 1
                    changed = dirty[lane] = True
        later = _NONE
        for engine in range(engines):
            if running[engine, 0] < 0 and size[engine] > 0:
                stream, stage = waiting[base[engine]] // stages, waiting[base[engine]] % stages
                ready = since[base[engine]]
                heap_pop(since, waiting, base[engine], size[engine])
                size[engine] -= 1
                tile = started[stream, stage]
                ends = now + duration[run_of(program, block_of(program, stream, tile), tile), stage]
                if rows == log.shape[0]:
                    log = _grown(log)
                log[rows, STREAM], log[rows, STAGE], log[rows, TILE] = stream, stage, tile
                log[rows, READY], log[rows, START], log[rows, END] = ready, now, ends
                log[rows, CAUSE], log[rows, KIND] = state.cause[stream, stage], state.kind[stream, stage]
                if ready < now:
                    log[rows, CAUSE], log[rows, KIND] = before[engine], ENGINE
                waits[stream, stage] = -1
                started[stream, stage] = tile + 1
                if start[stream] < 0:
                    start[stream] = now
                running[engine, 0], running[engine, 1], running[engine, 2], running[engine, 3] = (
                    stream,
                    stage,
                    ends,
                    rows,
                )
                before[engine] = rows
                rows += 1
            if running[engine, 0] >= 0 and (later < 0 or running[engine, 2] < later):
                later = running[engine, 2]
        if later < 0:
            return log[:rows], jumps[:jumped], finished
        if skip and marker:
            slot = (oldest + remembered) % RING
            digest = snapshot(program, state, running, now, finished, views[slot], bases[slot])
            for back in range(1, remembered + 1):
                one = (oldest + remembered - back) % RING
                if hashes[one] != digest:
                    continue
                many = periods_of(program, state, bases[slot], bases[one])
                if many == 0 or not same(views[one], views[slot]):
                    continue
                period = now - times[one]
                if jumped == jumps.shape[0]:
                    jumps = _grown(jumps)
                jumps[jumped, ROW], jumps[jumped, FROM], jumps[jumped, PERIOD] = rows, marks[one], period
                jumps[jumped, TIMES], jumps[jumped, AT] = many, now
                jumped += 1
                advance_all(program, state, running, log, bases[slot], bases[one], many, many * period)
                for engine in range(engines):
                    for place in range(base[engine], base[engine] + size[engine]):
                        since[place] += many * period
                now += many * period
                later += many * period
                break
            times[slot], marks[slot], hashes[slot] = now, rows, digest
            for place in range(lanes * WINDOW):
                at = lane_first[place // WINDOW] + low[place // WINDOW] + place % WINDOW
                if at < lane_first[place // WINDOW + 1]:
                    bases[slot, place] = done[lane_streams[at], store]
            if remembered < RING:
                remembered += 1
            else:
                oldest = (oldest + 1) % RING
        now = later
        for engine in range(engines):
            if running[engine, 0] < 0 or running[engine, 2] != now:
                continue
            stream, stage = running[engine, 0], running[engine, 1]
            done[stream, stage] += 1
            state.last[stream, stage], state.row[stream, stage] = now, running[engine, 3]
            running[engine, 0] = -1
            dirty[program.lane[stream]] = True
            if stage == store and done[stream, store] == tiles[stream]:
                finished += _finish(program, state, stream, now, end, follower_first, followers, dirty)


@nested_kernel
def _finish(
    program: ProgramArrays,
    state: State,
    stream: int,
    now: int,
    end: Int,
    follower_first: Int,
    followers: Int,
    dirty: Bool,
) -> int:
    """A stream is finished: those that it gates may go on, and their lanes are looked at; returns 1."""
    end[stream] = now
    for place in range(follower_first[stream], follower_first[stream + 1]):
        gated = followers[place]
        state.gate[gated, 0] -= 1
        dirty[program.lane[gated]] = True
        if state.gate[gated, 0] == 0:
            state.gate[gated, 1], state.gate[gated, 2] = now, state.row[stream, state.row.shape[1] - 1]
    return 1
