"""Tasks on engines, tick by tick: the rules of ``hwsim.kernels.events`` as they stand there, and nothing clever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One task. duration : ticks; after : numbers of the tasks that must be done before."""

    engine: int
    duration: int
    after: tuple[int, ...] = ()


def run(tasks: Sequence[Task]) -> tuple[list[int], list[int], list[int]]:
    """When each task is ready, starts and ends; -1 for those that never do."""
    ready, start, end = ([-1] * len(tasks) for _ in range(3))
    done: set[int] = set()
    left = {}  # engine -> (task, ticks it still needs)
    last = sum(task.duration for task in tasks)
    for now in range(last + 1):
        for engine, (number, ticks) in list(left.items()):
            if ticks == 0:
                end[number] = now
                done.add(number)
                del left[engine]
        changed = True
        while changed:
            changed = False
            for number, task in enumerate(tasks):
                if ready[number] < 0 and all(before in done for before in task.after):
                    ready[number] = now
                    if task.duration == 0:
                        start[number] = end[number] = now
                        done.add(number)
                        changed = True
        for engine in {task.engine for task in tasks}:
            waiting = [
                (ready[number], number)
                for number, task in enumerate(tasks)
                if task.engine == engine and ready[number] >= 0 and start[number] < 0
            ]
            if waiting and engine not in left:
                _, number = min(waiting)
                start[number] = now
                left[engine] = (number, tasks[number].duration)
        left = {engine: (number, ticks - 1) for engine, (number, ticks) in left.items()}
    return ready, start, end
