"""Tasks on engines in simulated time: a discrete-event engine over an explicit graph of tasks.

The rules, which the stream kernel and the oracles follow too. Time is a whole number of ticks. At each time at which something happens,

1. tasks that end are done;
2. tasks of no duration whose predecessors are all done are done at once, and need no engine; this repeats until none is left;
3. every task whose predecessors are all done waits for its engine from now on;
4. every idle engine starts the task that has waited longest, the one of lowest number where several have waited as long.

Engines never idle while something waits for them, and run what they started to its end.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from hwsim.kernels.jit import kernel, nested_kernel
from hwsim.kernels.packed import Int

_ZERO, _NONE = cast(int, np.int64(0)), cast(int, np.int64(-1))


class TaskArrays(NamedTuple):
    """Tasks to run. engine [T] : engine of each, not looked at where it takes no time. duration [T] : ticks, at least 0.

    first [T + 1], predecessors [P] : those of task t are predecessors[first[t] : first[t + 1]].
    """

    engine: Int
    duration: Int
    first: Int
    predecessors: Int


class RunArrays(NamedTuple):
    """When each task became ready, started and ended [T], -1 where it never did. order [T] : tasks as they were done."""

    ready: Int
    start: Int
    end: Int
    order: Int


@nested_kernel
def heap_push(keys: Int, values: Int, base: int, size: int, key: int, value: int) -> None:
    """Add (key, value) to the heap of ``size`` entries that begins at ``base``; the smallest pair comes out first."""
    place = size
    while place > 0:
        parent = (place - 1) // 2
        other, what = keys[base + parent], values[base + parent]
        if other < key or (other == key and what <= value):
            break
        keys[base + place], values[base + place] = other, what
        place = parent
    keys[base + place], values[base + place] = key, value


@nested_kernel
def heap_pop(keys: Int, values: Int, base: int, size: int) -> None:
    """Take the first entry away, leaving ``size - 1``."""
    key, value = keys[base + size - 1], values[base + size - 1]
    place = 0
    while 2 * place + 1 < size - 1:
        child = 2 * place + 1
        after = child + 1
        if after < size - 1 and (
            keys[base + after] < keys[base + child]
            or (keys[base + after] == keys[base + child] and values[base + after] < values[base + child])
        ):
            child = after
        if key < keys[base + child] or (key == keys[base + child] and value <= values[base + child]):
            break
        keys[base + place], values[base + place] = keys[base + child], values[base + child]
        place = child
    keys[base + place], values[base + place] = key, value


@kernel
def run_tasks(tasks: TaskArrays, engines: int, out: RunArrays) -> int:
    """Run all tasks into ``out``; returns how many were done, fewer than there are where predecessors go round in a circle."""
    number = tasks.engine.shape[0]
    waits = np.zeros(number, np.int64)
    follower_first = np.zeros(number + 1, np.int64)
    for task in range(number):
        waits[task] = tasks.first[task + 1] - tasks.first[task]
        out.ready[task] = out.start[task] = out.end[task] = -1
    for place in range(tasks.predecessors.shape[0]):
        follower_first[tasks.predecessors[place] + 1] += 1
    for task in range(number):
        follower_first[task + 1] += follower_first[task]
    followers, filled = np.empty(tasks.predecessors.shape[0], np.int64), follower_first[:-1].copy()
    for task in range(number):
        for place in range(tasks.first[task], tasks.first[task + 1]):
            before = tasks.predecessors[place]
            followers[filled[before]] = task
            filled[before] += 1
    # a heap of those that wait for each engine, as long as the engine has tasks
    base = np.zeros(engines + 1, np.int64)
    for task in range(number):
        if tasks.duration[task] > 0:
            base[tasks.engine[task] + 1] += 1
    for engine in range(engines):
        base[engine + 1] += base[engine]
    since, waiting = np.empty(max(1, base[engines]), np.int64), np.empty(max(1, base[engines]), np.int64)
    size = np.zeros(engines, np.int64)
    running, ends = np.full(engines, -1, np.int64), np.zeros(engines, np.int64)
    stack = np.empty(max(1, number), np.int64)
    now, done, depth = _ZERO, _ZERO, _ZERO
    for task in range(number - 1, -1, -1):
        if waits[task] == 0:
            stack[depth] = task
            depth += 1
    while True:
        while depth > 0:  # what has become ready: done at once, or put to wait
            depth -= 1
            task = stack[depth]
            out.ready[task] = now
            if tasks.duration[task] > 0:
                engine = tasks.engine[task]
                heap_push(since, waiting, base[engine], size[engine], now, task)
                size[engine] += 1
                continue
            out.start[task] = out.end[task] = now
            out.order[done] = task
            done += 1
            for place in range(follower_first[task], follower_first[task + 1]):
                waits[followers[place]] -= 1
                if waits[followers[place]] == 0:
                    stack[depth] = followers[place]
                    depth += 1
        later = _NONE
        for engine in range(engines):
            if running[engine] < 0 and size[engine] > 0:
                task = waiting[base[engine]]
                heap_pop(since, waiting, base[engine], size[engine])
                size[engine] -= 1
                running[engine], ends[engine] = task, now + tasks.duration[task]
                out.start[task], out.end[task] = now, ends[engine]
            if running[engine] >= 0 and (later < 0 or ends[engine] < later):
                later = ends[engine]
        if later < 0:
            return done
        now = later
        for engine in range(engines):
            if running[engine] >= 0 and ends[engine] == now:
                task = running[engine]
                running[engine] = -1
                out.order[done] = task
                done += 1
                for place in range(follower_first[task], follower_first[task + 1]):
                    waits[followers[place]] -= 1
                    if waits[followers[place]] == 0:
                        stack[depth] = followers[place]
                        depth += 1
