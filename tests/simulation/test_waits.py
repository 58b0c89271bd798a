"""What is read off the log of a run in closed form is what the full run says; paths and stalls account for every tick."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings

from hwsim.kernels.events_state import CAUSE, END, KIND, STAGE, START, STREAM
from hwsim.kernels.events_streams import GATED
from hwsim.simulation import Block, Lane, Program, Run, Stream, run
from hwsim.simulation.waits import critical_path, engines_of, executions, reason, stalls
from tests.simulation.programs import ENGINES, STAGES, programs


@given(programs(streams=4, tiles=40, repeats=8, longest=6))
@settings(max_examples=40, deadline=None)
def test_closed_form_counts_what_the_full_run_does(program: Program) -> None:
    full, closed = run(program, skip=False), run(program)
    weights = executions(closed)
    counted: Counter[tuple[int, int]] = Counter()
    for row, many in zip(closed.log, weights, strict=True):
        counted[int(row[STREAM]), int(row[STAGE])] += int(many)
    assert counted == Counter((int(row[STREAM]), int(row[STAGE])) for row in full.log)
    busy = np.bincount(
        engines_of(closed), weights * (closed.log[:, END] - closed.log[:, START]), minlength=len(program.engines)
    )
    assert busy.tolist() == list(program.work)


@given(programs(streams=4, tiles=40, repeats=8, longest=6))
@settings(max_examples=40, deadline=None)
def test_stalls_are_those_of_the_full_run(program: Program) -> None:
    def totals(skip: bool) -> dict[tuple[int, int], int]:
        found: Counter[tuple[int, int]] = Counter()
        for stall in stalls(run(program, skip=skip)):
            found[stall.engine, stall.stream] += stall.ticks
        return dict(found)

    assert totals(True) == totals(False)


@given(programs(streams=4, tiles=40, repeats=8, longest=6))
@settings(max_examples=40, deadline=None)
def test_the_critical_path_is_as_long_as_the_run(program: Program) -> None:
    for skip in (False, True):
        timeline = run(program, skip=skip)
        assert sum(step.ticks for step in critical_path(timeline)) == timeline.ticks


def test_a_layer_that_waits_for_another_one_says_so() -> None:
    """Two cores, the second one's inputs made by the first: loads begin as soon as the last result is stored, and are told why."""
    lanes = (Lane("core 0", (1, 0, 0, 2, 3, -1, 6)), Lane("core 1", (1, 0, 0, 4, 5, -1, 6)))
    tile = (Block((Run(2, (0, 1, 2, 3, 1, 0, 4)),)),)
    streams = (Stream("first", 0, tile), Stream("second", 1, tile, gates=(0,)))
    timeline = run(Program(STAGES, ENGINES, lanes, streams))
    log = timeline.log
    inputs, store = STAGES.index("inputs"), STAGES.index("store")
    first = next(row for row in range(len(log)) if (log[row, STREAM], log[row, STAGE]) == (1, inputs))
    last = max(row for row in range(len(log)) if (log[row, STREAM], log[row, STAGE]) == (0, store))
    assert log[first, START] == log[last, END]
    for stream in range(2):
        rows = log[:, STREAM] == stream
        assert (timeline.start[stream], timeline.end[stream]) == (log[rows, START].min(), log[rows, END].max())
    assert (log[first, KIND], log[first, CAUSE]) == (GATED, last)
    assert reason(timeline, first) == "inputs that other layers make"
    assert {step.stream for step in critical_path(timeline)} == {0, 1}
