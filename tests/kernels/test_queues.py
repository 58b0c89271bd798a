"""Heaps of what waits, and where a tile of a stream lies, against lists."""

from __future__ import annotations

import heapq
import random
from typing import Any

import numpy as np

from hwsim.kernels import events, events_state
from tests.kernels.plain import plain

push, pop = plain(events.heap_push), plain(events.heap_pop)
block_of, run_of, same = (plain(getattr(events_state, name)) for name in ("block_of", "run_of", "same"))


def test_the_smallest_pair_comes_out_first_and_nothing_else_is_touched() -> None:
    rng = random.Random(1)
    for base in (0, 3):
        for _ in range(150):
            keys, values = np.full(base + 14, -7), np.full(base + 14, -7)
            heap: list[tuple[int, int]] = []
            for number in range(60):
                if heap and (len(heap) == 12 or rng.random() < 0.45):
                    assert (keys[base], values[base]) == heap[0]
                    pop(keys, values, base, len(heap))
                    heapq.heappop(heap)
                else:
                    entry = rng.randint(0, 4), rng.choice((number, rng.randint(0, 5)))
                    push(keys, values, base, len(heap), *entry)
                    heapq.heappush(heap, entry)
                held = zip(
                    keys[base : base + len(heap)].tolist(), values[base : base + len(heap)].tolist(), strict=True
                )
                assert sorted(held) == sorted(heap)
            assert not base or set(keys[:base]) | set(values[:base]) == {-7}
            assert keys[base + 12] == values[base + 12] == -7


def _program(streams: list[list[tuple[list[int], int]]]) -> Any:
    """Streams of blocks of (lengths of runs, repeats)."""
    blocks = [(stream, runs, times) for stream, chosen in enumerate(streams) for runs, times in chosen]
    first = [next(at for at, block in enumerate(blocks) if block[0] == stream) for stream in range(len(streams))]
    begins, runs_first, run_begin, tile = [], [0], [], 0
    for at, (_, runs, times) in enumerate(blocks):
        tile = 0 if at in first else tile
        begins.append(tile)
        run_begin += [sum(runs[:place]) for place in range(len(runs))]
        runs_first.append(len(run_begin))
        tile += sum(runs) * times
    empty = np.zeros(0, np.int64)
    parts: dict[str, Any] = dict.fromkeys(events_state.ProgramArrays._fields, empty)
    parts["block_first"], parts["block_begin"] = np.array([*first, len(blocks)]), np.array(begins)
    parts["block_length"] = np.array([sum(runs) for _, runs, _ in blocks])
    parts["block_repeats"] = np.array([times for _, _, times in blocks])
    parts["run_first"], parts["run_begin"] = np.array(runs_first), np.array(run_begin)
    return events_state.ProgramArrays(**parts)


def test_the_block_and_the_run_of_a_tile() -> None:
    streams = [[([3], 1)], [([2, 1], 3), ([4], 2), ([1, 1, 2, 1], 2)], [([1], 1), ([2, 3, 1, 1, 5, 1], 1)]]
    program, run = _program(streams), 0
    block = 0
    for stream, chosen in enumerate(streams):
        tile = 0
        for runs, times in chosen:
            for _ in range(times):
                for place, length in enumerate(runs):
                    for _ in range(length):
                        assert block_of(program, stream, tile) == block
                        assert run_of(program, block, tile) == run + place
                        tile += 1
            block, run = block + 1, run + len(runs)


def test_views_are_the_same_where_all_that_they_hold_is() -> None:
    one = np.array([3, 5, 6, 7, 8])
    assert same(one, one.copy())
    assert [bool(same(one, one + (np.arange(5) == place))) for place in range(5)] == [False] * 4 + [True]
