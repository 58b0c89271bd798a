"""Streams in flight: what is to be run, how far it is, and steady states of that, advanced in closed form.

**Steady state.** What happens next depends on what runs and for how much longer, what waits since when, and how far the stages of the
streams are apart. Where all that is equal to what it was T ticks ago, with the tiles to come being like those that came since, the same T
ticks happen again and again until a stream runs into other tiles or nears its end: m periods are added at once, exactly.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from hwsim.kernels.jit import merged_kernel, nested_kernel
from hwsim.kernels.packed import Bool, Int

#: Streams of one lane in flight at a time.
WINDOW = 4
#: Columns of the log: one row a task that was run. ``cause`` is the row that let it start, -1 where nothing did.
STREAM, STAGE, TILE, READY, START, END, CAUSE, KIND = range(8)
# numbers of the arrays' type, so that what is counted from them keeps it
_ZERO, _ONE, _NONE = cast(int, np.int64(0)), cast(int, np.int64(1)), cast(int, np.int64(-1))


class ProgramArrays(NamedTuple):
    """What to run. S streams on N lanes over E engines, K stages, B blocks of R runs of equal tiles.

    lane [S], place [S] : lane of a stream and its place there. lane_first [N + 1], lane_streams [S] : streams by lane, in order.
    engine [N, K] : engine of a stage, -1 where it never takes time. tiles [S]. distance [S, 3] : in tiles, of weights, inputs, outputs.
    after [S] : stage that frees the input buffers. barrier [S]. gate_first [S + 1], gates : streams that one is gated by.
    block_first [S + 1] : blocks of a stream. block_begin, block_length, block_repeats [B] : its first tile, the tiles of its pattern, how
    often that comes. run_first [B + 1] : runs of a block. run_begin [R] : first tile of a run, within the pattern. duration [R, K] : ticks.
    """

    lane: Int
    place: Int
    lane_first: Int
    lane_streams: Int
    engine: Int
    tiles: Int
    distance: Int
    after: Int
    barrier: Bool
    gate_first: Int
    gates: Int
    block_first: Int
    block_begin: Int
    block_length: Int
    block_repeats: Int
    run_first: Int
    run_begin: Int
    duration: Int


class State(NamedTuple):
    """Progress: started, done, since (waiting, -1 not), last (end of the last task), row (its log row), cause, kind [S, K]; gate [S, 3] :
    gates left, when the last opened, its log row; low [N] : first unfinished place of each lane."""

    started: Int
    done: Int
    since: Int
    last: Int
    row: Int
    cause: Int
    kind: Int
    gate: Int
    low: Int


@merged_kernel
def block_of(program: ProgramArrays, stream: int, tile: int) -> int:
    """The block that a tile of a stream belongs to."""
    block = program.block_first[stream]
    while tile >= program.block_begin[block] + program.block_length[block] * program.block_repeats[block]:
        block += 1
    return block


@merged_kernel
def run_of(program: ProgramArrays, block: int, tile: int) -> int:
    """The run of equal tiles that a tile of a block belongs to."""
    within = (tile - program.block_begin[block]) % program.block_length[block]
    low, high = program.run_first[block], program.run_first[block + 1] - 1
    while low < high:
        middle = (low + high + 1) // 2
        if program.run_begin[middle] <= within:
            low = middle
        else:
            high = middle - 1
    return low


@merged_kernel
def snapshot(program: ProgramArrays, state: State, engines: Int, now: int, finished: int, view: Int, base: Int) -> int:
    """Write all that what happens next depends on into ``view``, relative to now and to ``base`` tiles; returns a hash of it."""
    stages = state.done.shape[1]
    place = _ONE  # the view begins with its length
    for lane in range(state.low.shape[0]):
        for slot in range(WINDOW):
            at = program.lane_first[lane] + state.low[lane] + slot
            base[lane * WINDOW + slot] = 0
            if at >= program.lane_first[lane + 1]:
                continue
            stream = program.lane_streams[at]
            own = state.done[stream, stages - 1]
            base[lane * WINDOW + slot] = own
            if state.started[stream, 0] == 0 and state.since[stream, 0] < 0:  # nothing of it has begun
                view[place] = -1
                place += 1
                continue
            for stage in range(stages):
                view[place] = state.started[stream, stage] - own
                view[place + 1] = state.done[stream, stage] - own
                since = state.since[stream, stage]
                view[place + 2] = -1 if since < 0 else now - since
                place += 3
    for engine in range(engines.shape[0]):
        idle = engines[engine, 0] < 0
        view[place] = -1 if idle else engines[engine, 2] - now
        view[place + 1] = -1 if idle else engines[engine, 0]
        view[place + 2] = -1 if idle else engines[engine, 1]
        place += 3
    view[place] = finished
    digest = _ZERO
    for index in range(1, place + 1):
        digest = (digest ^ view[index]) * np.int64(1099511628211)
    view[0] = place
    return digest


@merged_kernel
def same(one: Int, other: Int) -> bool:
    """Whether two views are of the same state."""
    for place in range(one[0] + 1):
        if one[place] != other[place]:
            return False
    return True


@nested_kernel
def periods_of(program: ProgramArrays, state: State, base: Int, was: Int) -> int:
    """How many more times what happened since ``was`` happens: as long as every stream's tiles are like those since then."""
    stages = state.done.shape[1]
    times = _NONE
    for lane in range(state.low.shape[0]):
        for slot in range(WINDOW):
            advance = base[lane * WINDOW + slot] - was[lane * WINDOW + slot]
            if advance == 0:
                continue
            stream = program.lane_streams[program.lane_first[lane] + state.low[lane] + slot]
            high, low = _ZERO, program.tiles[stream]
            for stage in range(stages):
                # a tile that waits is known to take time, as if it had started
                waits = 1 if state.since[stream, stage] >= 0 else 0
                high = max(high, state.started[stream, stage] + waits)
                low = min(low, state.started[stream, stage] - advance)
            # the next stream must not begin meanwhile
            last = program.tiles[stream] - max(program.distance[stream].max(), _ONE)
            block = block_of(program, stream, low)
            begin, length = program.block_begin[block], program.block_length[block]
            within = (low - begin) % length
            run = run_of(program, block, low)
            stop = program.run_begin[run + 1] if run + 1 < program.run_first[block + 1] else length
            if program.run_first[block + 1] - program.run_first[block] == 1:
                stop = within + (begin + length * program.block_repeats[block] - low)
            own = (min(last, low + stop - within) - high) // advance
            if advance % length == 0:
                own = max(own, (min(last, begin + length * program.block_repeats[block]) - high) // advance)
            if times < 0 or own < times:
                times = own
            if times <= 0:
                return 0
    return max(times, _ZERO)


@nested_kernel
def advance_all(
    program: ProgramArrays, state: State, running: Int, log: Int, base: Int, was: Int, times: int, shift: int
) -> None:
    """Add ``times`` periods: tiles to the streams at work, ``shift`` ticks to what waits and runs."""
    stages = state.done.shape[1]
    for lane in range(state.low.shape[0]):
        for slot in range(WINDOW):
            at = program.lane_first[lane] + state.low[lane] + slot
            if at >= program.lane_first[lane + 1]:
                continue
            stream = program.lane_streams[at]
            tiles = (base[lane * WINDOW + slot] - was[lane * WINDOW + slot]) * times
            for stage in range(stages):
                state.started[stream, stage] += tiles
                state.done[stream, stage] += tiles
                state.last[stream, stage] += shift
                if state.since[stream, stage] >= 0:
                    state.since[stream, stage] += shift
                for engine in range(running.shape[0]):
                    if running[engine, 0] == stream and running[engine, 1] == stage:
                        running[engine, 2] += shift
                        row = running[engine, 3]
                        log[row, TILE] += tiles
                        log[row, READY] += shift
                        log[row, START] += shift
                        log[row, END] += shift
