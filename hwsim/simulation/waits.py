"""Why engines wait, and what the end of a run waited for: read off a timeline's log, steady states counted as often as they happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hwsim.kernels.events_state import CAUSE, END, KIND, READY, STAGE, START, STREAM
from hwsim.kernels.events_streams import (
    AT,
    BUFFER,
    ENGINE,
    FROM,
    GATED,
    INPUTS,
    LAUNCH,
    LAUNCHED,
    LOADED,
    PERIOD,
    ROW,
    TIMES,
    WEIGHTS,
)
from hwsim.kernels.packed import Int
from hwsim.simulation.run import Timeline


@dataclass(frozen=True, slots=True)
class Stall:
    """An engine that waited. stream : that it went on with; behind : the stream whose task let it, -1 where none did; reason : in words;
    ticks : altogether [tick].
    """

    engine: int
    stream: int
    behind: int
    reason: str
    ticks: int


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the critical path: a stage of one stream. ticks : that it accounts for [tick]."""

    stream: int
    stage: int
    ticks: int


def _happened(timeline: Timeline) -> Int:
    """How often each jump happened: those in the period of a later one as often as that says [jumps]."""
    jumps = timeline.jumps
    happened = np.ones(len(jumps), np.int64)
    for index in range(len(jumps) - 1, -1, -1):
        later = jumps[index + 1 :]
        inside = later[:, AT] - later[:, PERIOD] < jumps[index, AT]
        happened[index] += int((happened[index + 1 :] * later[:, TIMES])[inside].sum())
    return happened


def executions(timeline: Timeline) -> Int:
    """How often each row of the log happened, those in steady states that were added at once included [rows]."""
    step = np.zeros(len(timeline.log) + 1, np.int64)
    for jump, many in zip(timeline.jumps, _happened(timeline), strict=True):
        step[jump[FROM]] += jump[TIMES] * many
        step[jump[ROW]] -= jump[TIMES] * many
    return 1 + np.cumsum(step)[:-1]


def compressed(timeline: Timeline, times: Int) -> Int:
    """Times of the run as they were without what was added at once: those after a jump are earlier by it [tick]."""
    jumps = timeline.jumps
    if not len(jumps):
        return times
    # a task that runs over the end of a period is the last copy of itself: it belongs after the jump
    shifts = np.concatenate(([0], np.cumsum(jumps[:, PERIOD] * jumps[:, TIMES])))
    return times - shifts[np.searchsorted(jumps[:, AT], times, side="left")]


def engines_of(timeline: Timeline) -> Int:
    """The engine of each row of the log [rows]."""
    program = timeline.program
    lanes = np.array([stream.lane for stream in program.streams], np.int64)
    table = np.array([lane.engines for lane in program.lanes], np.int64)
    log = timeline.log
    return table[lanes[log[:, STREAM]], log[:, STAGE]] if len(log) else np.empty(0, np.int64)


def stalls(timeline: Timeline) -> list[Stall]:
    """Times at which an engine that has more to do does nothing, by what it does next, longest first.

    The wait before its first task counts too. An engine's stalls, its work and the time after its last task are the run. In a
    steady state that was added at once, the idle time at the end of a period is the wait for the first task of the next.
    """
    log, engines = timeline.log, engines_of(timeline)
    ends = compressed(timeline, log[:, END])
    starts = ends - (log[:, END] - log[:, START])
    periods, sharing = _Periods(timeline), Sharing(timeline, engines)
    found: dict[tuple[int, int, int, str], int] = {}

    def add(row: int, ticks: int, idle: int) -> None:
        if row >= 0:
            cause = int(log[row, CAUSE])
            behind = int(log[cause, STREAM]) if cause >= 0 else -1
            for why, part in sharing.split(row, ticks, idle):
                key = (int(engines[row]), int(log[row, STREAM]), behind, why)
                found[key] = found.get(key, 0) + part

    for engine in range(len(timeline.program.engines)):
        rows = np.flatnonzero(engines == engine)
        rows = rows[np.argsort(starts[rows], kind="stable")]
        numbers = np.sort(rows)
        before = np.concatenate(([0], np.maximum.accumulate(ends[rows])))[: len(rows)]
        idle = dict(zip(rows.tolist(), np.maximum(0, starts[rows] - before).tolist(), strict=True))
        free = 0
        for row in (*rows.tolist(), -1):
            stop = int(starts[row]) if row >= 0 else timeline.ticks
            if stop > free:
                add(row, stop - free, stop - free)
                for owner, ticks in periods.added(free, stop, row, numbers):
                    add(owner, ticks, idle.get(owner, 0))
            if row >= 0:
                free = int(ends[row])
    listed = [Stall(*key, ticks) for key, ticks in found.items()]
    return sorted(listed, key=lambda stall: (-stall.ticks, stall.engine, stall.stream, stall.behind, stall.reason))


class _Periods:
    """The periods that jumps repeat, in compressed time, and the idle time that they add."""

    def __init__(self, timeline: Timeline) -> None:
        jumps = self._jumps = timeline.jumps
        self._begins = compressed(timeline, jumps[:, AT] - jumps[:, PERIOD])
        self._ends = compressed(timeline, jumps[:, AT])
        self._times = jumps[:, TIMES]
        self._happened = _happened(timeline)
        self._longest = int((self._ends - self._begins).max(initial=0))

    def added(self, begin: int, end: int, row: int, rows: Int) -> Iterator[tuple[int, int]]:
        """Ticks by which periods that are repeated lengthen an idle interval before ``row`` of an engine, and the row that waits them.

        rows : all of the engine, in order of the log; row : -1 after the last. That is the first row of the engine in the period, which
        comes after it; where the engine has none there, that of the period around it, and in the end ``row`` itself.
        """
        for jump in range(int(np.searchsorted(self._ends, begin, side="right")), len(self._ends)):
            if self._ends[jump] - self._longest >= end:
                break
            idle = min(end, int(self._ends[jump])) - max(begin, int(self._begins[jump]))
            if idle <= 0:
                continue
            idle *= int(self._times[jump])
            owner = self._owner(jump, row, rows)
            if owner is not None:
                yield owner, idle * int(self._happened[jump])
                continue
            yield row, idle
            later = self._jumps[jump + 1 :]
            around = np.flatnonzero(later[:, AT] - later[:, PERIOD] < self._jumps[jump, AT]) + jump + 1
            for outer in around.tolist():
                owner = self._owner(outer, row, rows)
                yield row if owner is None else owner, idle * int(self._times[outer] * self._happened[outer])

    def _owner(self, jump: int, row: int, rows: Int) -> int | None:
        first, last = int(self._jumps[jump, FROM]), int(self._jumps[jump, ROW])
        if first <= row < last:
            return row
        place = int(np.searchsorted(rows, first))
        return int(rows[place]) if place < len(rows) and rows[place] < last else None


class Sharing:
    """What part of a wait was for an engine that another core had."""

    def __init__(self, timeline: Timeline, engines: Int) -> None:
        self._timeline, self._engines = timeline, engines
        program = timeline.program
        self._cores = [program.lanes[stream.lane].core for stream in program.streams]
        self._shared = [owner < 0 for owner in program.owners]
        self._before: dict[int, int] = {}  # row on a shared engine -> the one before it there
        last: dict[int, int] = {}
        if program.cores > 1:
            for row, engine in enumerate(engines.tolist()):
                if self._shared[engine]:
                    self._before[row] = last.get(engine, -1)
                    last[engine] = row

    def split(self, row: int, ticks: int, idle: int) -> list[tuple[str, int]]:
        """Reasons of ``ticks`` of waiting before a row, whose own wait in the log is ``idle``; they sum to ``ticks``."""
        log, program = self._timeline.log, self._timeline.program
        own = reason(self._timeline, row)
        cause = int(log[row, CAUSE])
        if cause not in self._before or not idle:
            return [(own, ticks)]
        engine, core = int(self._engines[cause]), self._cores[int(log[row, STREAM])]
        cover = min(int(log[cause, START] - log[cause, READY]), idle - int(log[cause, END] - log[cause, START]))
        taken: dict[int, int] = {}
        while cover > 0 and (cause := self._before[cause]) >= 0:
            other = self._cores[int(log[cause, STREAM])]
            took = min(cover, int(log[cause, END] - log[cause, START]))
            cover -= took
            if other != core:
                taken[other] = taken.get(other, 0) + took
        name = program.engines[engine]
        parts = [(f"{name} shared with core {other}", took * ticks // idle) for other, took in sorted(taken.items())]
        return [*parts, (own, ticks - sum(part for _, part in parts))]


def reason(timeline: Timeline, row: int) -> str:
    """What a task waited for, in words.

    A load that takes no time hands on what it waited for itself: then the task that let this one start is another layer's.
    """
    log = timeline.log
    kind, cause = int(log[row, KIND]), int(log[row, CAUSE])
    if kind == LOADED and cause >= 0:
        before, other = int(log[cause, STAGE]), int(log[cause, STREAM])
        own = int(log[row, STREAM])
        if other != own:
            kind = GATED if other in timeline.program.streams[own].gates else BUFFER
        elif before == LAUNCH:
            kind = LAUNCHED
        elif before in (WEIGHTS, INPUTS):
            return f"{timeline.program.stages[before]} to load"
        else:
            return "the layer's own work on the tile"
        return _WORDS[kind]
    return _WORDS.get(kind, "its turn")


_WORDS = {
    GATED: "inputs that other layers make",
    BUFFER: "a free buffer",
    LAUNCHED: "its launch",
    ENGINE: "its turn",
}


def critical_path(timeline: Timeline) -> list[Step]:
    """The chain of tasks that each let the next start, from the beginning to the end of the run, latest first.

    Its ticks sum to the run's. Where it crosses a steady state that was added at once, what was added is shared out as over the period
    before.
    """
    log = timeline.log
    if not len(log):
        return []
    starts, ends = compressed(timeline, log[:, END]) - (log[:, END] - log[:, START]), compressed(timeline, log[:, END])
    steps: list[Step] = []
    row = int(np.argmax(np.where(log[:, END] == timeline.ticks, np.arange(len(log)) + 1, 0)))
    left = [(int(jump[AT]), int(jump[PERIOD]), int(jump[TIMES])) for jump in timeline.jumps]
    while row >= 0:
        stream, stage = int(log[row, STREAM]), int(log[row, STAGE])
        while left and int(log[row, START]) <= left[-1][0] + left[-1][1] * left[-1][2]:
            _, period, times = left.pop()
            steps += _repeated(timeline, row, period, times, starts, ends)
        steps.append(Step(stream, stage, int(log[row, END] - log[row, START])))
        row = int(log[row, CAUSE])
    for _, period, times in reversed(left):
        steps.append(Step(steps[-1].stream, steps[-1].stage, period * times))
    return steps


def _repeated(timeline: Timeline, row: int, period: int, times: int, starts: Int, ends: Int) -> Iterator[Step]:
    """``times`` periods shared out over the tasks on the path in the period that ends with ``row``."""
    log = timeline.log
    parts: dict[tuple[int, int], int] = {}
    left = period
    while row >= 0 and left > 0:
        took = min(left, int(ends[row] - starts[row]))
        key = int(log[row, STREAM]), int(log[row, STAGE])
        parts[key] = parts.get(key, 0) + took
        left -= took
        last = key
        row = int(log[row, CAUSE])
    parts[last] += left
    for (stream, stage), ticks in parts.items():
        yield Step(stream, stage, ticks * times)
