"""Points evaluated by the workers of a dask.distributed scheduler; what they send back is kept here.

Chunks grow and shrink until one takes a worker a quarter of a second: long beside what a scheduler spends on a task, short beside what
a killed worker loses.
A worker that dies loses nothing: dask gives its chunks to others. Where the scheduler dies, what came back before is kept and the same
command goes on. Workers read models and profiles by the same names, so they must see the same files.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from hwsim.errors import UsageError, with_extra
from hwsim.study.axes import Point, Value
from hwsim.study.evaluation import Evaluator, Limit, Row
from hwsim.study.fast import rows

Numbered = Sequence[tuple[int, Point]]
#: Seconds that a chunk should take a worker.
CHUNK_S = 0.25
#: Points of the first chunks, and of the largest [1].
FIRST, LARGEST = 16, 5_000
#: Chunks that wait at each thread of the workers, so that none is idle [1].
_AHEAD = 2


def resized(points: int, seconds: float) -> int:
    """Points of the next chunk [1] after one of ``points`` took a worker so long [s]: towards CHUNK_S, at most fourfold at a time."""
    return max(1, min(LARGEST, 4 * points, round(points * CHUNK_S / max(seconds, 1e-6))))


def evaluated(
    address: str, evaluator: Evaluator, waiting: Iterator[tuple[int, Point]]
) -> Iterator[tuple[Numbered, list[Row]]]:
    """Chunks of points with their rows, as they come back from the workers of the scheduler at ``address``.

    Raises UsageError where there is no scheduler, or it is lost.
    """
    try:
        dask: Any = importlib.import_module("distributed")
    except ImportError:
        raise UsageError(f"--scheduler needs dask.distributed: {with_extra('cluster')}") from None
    try:
        client = dask.Client(address, timeout="10s")
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(f"--scheduler {address}: cannot be reached: {error}") from None
    shared = (tuple(evaluator.base.items()), evaluator.limits, evaluator.cache)
    try:
        threads = max(1, sum(client.nthreads().values()))
        sent: dict[Any, Numbered] = {}
        size = FIRST

        def submit(chunk: Numbered) -> Any:
            future = client.submit(_rows, *shared, [point for _, point in chunk], pure=False)
            sent[future] = chunk
            return future

        def send() -> list[Any]:
            chunk = list(islice(waiting, size))
            return [submit(chunk)] if chunk else []

        stream = dask.as_completed([future for _ in range(_AHEAD * threads) for future in send()], loop=client.loop)
        for future in stream:
            if future.status == "lost" and client.status == "running":
                # it was done, and its result died with the worker before it came here
                stream.add(submit(sent.pop(future)))
                continue
            # a lost scheduler gives cancelled futures as if they were done
            if future.status != "finished":
                why = repr(future.exception()) if future.status == "error" else future.status
                raise UsageError(
                    f"--scheduler {address}: lost ({why}); what came back is kept: run the study again to go on"
                )
            numbered = sent.pop(future)
            seconds, made = future.result()
            size = resized(len(numbered), seconds)
            yield numbered, made
            for more in send():
                stream.add(more)
    finally:
        client.close(timeout=2)


def _rows(
    base: tuple[tuple[str, Value], ...], limits: tuple[Limit, ...], cache: bool, points: Sequence[Mapping[str, Value]]
) -> tuple[float, list[Row]]:
    """What a worker does: its time [s] and the rows. Networks, profiles and groups of points stay in its memory between chunks."""
    start = time.perf_counter()
    made = rows(_evaluator(base, limits, cache), points)
    return time.perf_counter() - start, made


@lru_cache(maxsize=4)
def _evaluator(base: tuple[tuple[str, Value], ...], limits: tuple[Limit, ...], cache: bool) -> Evaluator:
    return Evaluator(dict(base), limits, cache)
