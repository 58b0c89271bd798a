"""The event engines against the tick-by-tick oracle, and steady states in closed form against every tile run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.kernels.events import RunArrays, TaskArrays, run_tasks
from hwsim.kernels.events_state import END, READY, STAGE, START, STREAM, TILE, same
from hwsim.simulation import Block, Lane, Program, Run, Stream, run
from hwsim.simulation.waits import executions
from tests.oracles import tick_simulator
from tests.oracles.expanded_streams import expand
from tests.oracles.tick_simulator import Task
from tests.simulation.programs import ENGINES, STAGES, programs


def run_events(tasks: list[Task], engines: int) -> tuple[list[int], list[int], list[int], int]:
    first = np.concatenate(([0], np.cumsum([len(task.after) for task in tasks]))).astype(np.int64)
    arrays = TaskArrays(
        np.array([task.engine for task in tasks], np.int64),
        np.array([task.duration for task in tasks], np.int64),
        first,
        np.array([before for task in tasks for before in task.after], np.int64),
    )
    out = RunArrays(*(np.empty(len(tasks), np.int64) for _ in range(4)))
    done = run_tasks(arrays, engines, out)
    return out.ready.tolist(), out.start.tolist(), out.end.tolist(), done


@st.composite
def graphs(draw: st.DrawFn) -> list[Task]:
    number = draw(st.integers(1, 14))
    return [
        Task(
            draw(st.integers(0, 2)),
            draw(st.integers(0, 5)),
            tuple(sorted(draw(st.sets(st.integers(0, index - 1), max_size=3)))) if index else (),
        )
        for index in range(number)
    ]


@given(graphs())
@settings(max_examples=250, deadline=None)
def test_event_engine_equals_the_tick_oracle(tasks: list[Task]) -> None:
    ready, start, end, done = run_events(tasks, 3)
    assert (ready, start, end) == tick_simulator.run(tasks)
    assert done == len(tasks)
    busiest = max(sum(task.duration for task in tasks if task.engine == engine) for engine in range(3))
    assert busiest <= max(end) <= sum(task.duration for task in tasks)


def test_a_circle_is_never_done() -> None:
    tasks = [Task(0, 1), Task(0, 1, (0, 2)), Task(0, 1, (1,))]
    *_, done = run_events(tasks, 1)
    assert done == 1


@given(programs(streams=3, tiles=3, longest=3))
@settings(max_examples=120, deadline=None)
def test_streams_equal_their_tasks_tick_by_tick(program: Program) -> None:
    """Explicit tasks by the tick oracle and by the event engine, streams tile by tile: the same starts and ends everywhere."""
    tasks, number = expand(program)
    _, start, end = tick_simulator.run(tasks)
    _, start_events, end_events, _ = run_events(tasks, len(ENGINES))
    assert (start, end) == (start_events, end_events)
    found = run(program, skip=False)
    for row in found.log:
        task = number[int(row[STREAM]), int(row[STAGE]), int(row[TILE])]
        assert (row[START], row[END]) == (start[task], end[task])
    assert len(found.log) == sum(task.duration > 0 for task in tasks)
    for index, stream in enumerate(program.streams):
        assert found.end[index] == end[number[index, len(STAGES) - 1, stream.tiles - 1]]


@given(programs(streams=4, tiles=40, repeats=8, longest=6))
@settings(max_examples=100, deadline=None)
def test_steady_states_in_closed_form_equal_the_full_run(program: Program) -> None:
    _closed_is_full(program)


@given(programs(streams=2, tiles=12, repeats=5, longest=2))
@settings(max_examples=15, deadline=None)
def test_small_steady_states_do_so_too(program: Program) -> None:
    """Few enough to be run without the JIT."""
    _closed_is_full(program)


def _closed_is_full(program: Program) -> None:
    full, closed = run(program, skip=False), run(program)
    assert closed.start.tolist() == full.start.tolist()
    assert closed.end.tolist() == full.end.tolist()
    columns = [STREAM, STAGE, TILE, READY, START, END]
    assert {tuple(row) for row in closed.log[:, columns].tolist()} <= {
        tuple(row) for row in full.log[:, columns].tolist()
    }
    assert executions(closed).sum() == len(full.log)


@given(programs(streams=5, tiles=20, repeats=6))
@settings(max_examples=150, deadline=None)
def test_between_the_busiest_engine_and_the_serial_sum(program: Program) -> None:
    ticks = run(program).ticks
    assert max(program.work) <= ticks <= sum(program.work)


@pytest.mark.parametrize("tiles", [1_000, 1_000_000, 10**12])
def test_time_to_simulate_does_not_grow_with_tiles(tiles: int) -> None:
    lane = Lane("core", (-1, 0, 0, 1, 2, -1, 3))
    block = Block((Run(3, (0, 2, 3, 7, 1, 0, 0)), Run(1, (0, 0, 5, 7, 0, 0, 11))), tiles)
    found = run(Program(STAGES, ("dram", "mac", "feed", "writes"), (lane,), (Stream("layer", 0, (block,), (5, 2, 5)),)))
    assert len(found.log) < 400
    assert 28 * tiles <= found.ticks <= 28 * tiles + 100


@given(
    tiles=st.integers(1, 200),
    load=st.integers(0, 30),
    work=st.integers(0, 30),
    store=st.integers(0, 30),
    buffers=st.integers(2, 4),
)
@settings(max_examples=200, deadline=None)
def test_one_layer_lies_between_its_bound_and_that_with_first_load_and_last_store(
    tiles: int, load: int, work: int, store: int, buffers: int
) -> None:
    """Independent engines, double buffers or more: analytical ≤ simulated ≤ analytical + first load + last store."""
    lane = Lane("core", (-1, -1, 0, 1, -1, -1, 2))
    block = Block((Run(tiles, (0, 0, load, work, 0, 0, store)),))
    stream = Stream("layer", 0, (block,), (buffers, buffers, buffers))
    ticks = run(Program(STAGES, ("load", "mac", "store"), (lane,), (stream,))).ticks
    analytical = tiles * max(load, work, store)
    assert analytical <= ticks <= analytical + load + store


@given(tiles=st.integers(1, 60), load=st.integers(0, 9), work=st.integers(0, 9), store=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_without_overlap_everything_adds(tiles: int, load: int, work: int, store: int) -> None:
    lane = Lane("core", (-1, 0, 0, 1, -1, -1, 0))
    block = Block((Run(tiles, (0, 0, load, work, 0, 0, store)),))
    stream = Stream("layer", 0, (block,), (1, 1, 1), serial=True)
    assert run(Program(STAGES, ("dram", "mac"), (lane,), (stream,))).ticks == tiles * (load + work + store)


def test_views_of_a_state_are_compared_over_their_length() -> None:
    """A view begins with how many values follow; what lies behind is of an older one."""
    one, equal = np.array([3, 5, 6, 7, 99]), getattr(same, "py_func", same)  # compiled it is for kernels alone
    assert equal(one, np.array([3, 5, 6, 7, 0]))
    for place in range(4):
        other = one.copy()
        other[place] += 1
        assert not equal(one, other)
