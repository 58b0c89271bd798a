"""run: a program in simulated time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.errors import UsageError
from hwsim.kernels.events_state import ProgramArrays
from hwsim.kernels.events_streams import run_streams
from hwsim.kernels.packed import Int
from hwsim.simulation.program import TICKS, Block, Program, Run

#: Ticks and tiles that times and counts of a run stay below, so that sums of two of them fit 64 bits.
MOST = 1 << 62


@dataclass(frozen=True)
class Timeline:
    """When what ran.

    start, end [streams] : first task and finish [tick]. log [rows, 8], jumps [jumps, 5] : tasks run one by one, and the steady states
    between them, with the columns of ``kernels.events_streams``; rows are in the order of their start. A jump at log row r repeats the
    rows from its FROM up to r another TIMES times, each PERIOD later than the last; later rows have the times that follow from that.
    """

    program: Program
    start: Int
    end: Int
    log: Int
    jumps: Int

    @property
    def ticks(self) -> int:
        """From the first start to the last finish [tick]."""
        return int(self.end.max(initial=0))


def run(program: Program, skip: bool = True) -> Timeline:
    """Run a program. skip : steady states in closed form; without it tile by tile, with the same result.

    Raises UsageError for work whose ticks would not fit 64 bits.
    """
    ticks, tiles = sum(program.work), sum(stream.tiles for stream in program.streams)
    if max(ticks, tiles) >= MOST:
        raise UsageError(
            f"{ticks / TICKS:.2g} cycles in {tiles:.2g} tiles are too many to simulate: smaller shapes, or another --model"
        )
    arrays = pack(program)
    start, end = np.empty(len(program.streams), np.int64), np.empty(len(program.streams), np.int64)
    if not program.streams:
        return Timeline(program, start, end, np.empty((0, 8), np.int64), np.empty((0, 5), np.int64))
    log, jumps, finished = run_streams(arrays, len(program.engines), skip, start, end)
    assert finished == len(program.streams), "streams are in a topological order, so that all can finish"
    return Timeline(program, start, end, log, jumps)


def pack(program: Program) -> ProgramArrays:
    """A program as arrays."""
    streams = program.streams
    by_lane: list[list[int]] = [[] for _ in program.lanes]
    for index, stream in enumerate(streams):
        by_lane[stream.lane].append(index)
    place = np.zeros(len(streams), np.int64)
    for members in by_lane:
        place[members] = np.arange(len(members))
    blocks = [(block, begin) for stream in streams for block, begin in _begins(stream.blocks)]
    runs = [(run, begin) for block, _ in blocks for run, begin in _run_begins(block.pattern)]
    retire, store = len(program.stages) - 2, len(program.stages) - 1
    return ProgramArrays(
        lane=_ints([stream.lane for stream in streams]),
        place=place,
        lane_first=_firsts([len(members) for members in by_lane]),
        lane_streams=_ints([index for members in by_lane for index in members]),
        engine=np.array([lane.engines for lane in program.lanes], np.int64),
        tiles=_ints([stream.tiles for stream in streams]),
        distance=np.array([stream.distance for stream in streams], np.int64).reshape(-1, 3),
        after=_ints([store if stream.serial else retire for stream in streams]),
        barrier=np.array([stream.barrier for stream in streams], np.bool_),
        gate_first=_firsts([len(stream.gates) for stream in streams]),
        gates=_ints([gate for stream in streams for gate in stream.gates]),
        block_first=_firsts([len(stream.blocks) for stream in streams]),
        block_begin=_ints([begin for _, begin in blocks]),
        block_length=_ints([block.length for block, _ in blocks]),
        block_repeats=_ints([block.repeats for block, _ in blocks]),
        run_first=_firsts([len(block.pattern) for block, _ in blocks]),
        run_begin=_ints([begin for _, begin in runs]),
        duration=np.array([run.durations for run, _ in runs], np.int64).reshape(-1, len(program.stages)),
    )


def _begins(blocks: tuple[Block, ...]) -> list[tuple[Block, int]]:
    found, begin = [], 0
    for block in blocks:
        found.append((block, begin))
        begin += block.length * block.repeats
    return found


def _run_begins(pattern: tuple[Run, ...]) -> list[tuple[Run, int]]:
    found, begin = [], 0
    for one in pattern:
        found.append((one, begin))
        begin += one.tiles
    return found


def _ints(values: list[int]) -> Int:
    return np.array(values, np.int64)


def _firsts(counts: list[int]) -> Int:
    return np.concatenate(([0], np.cumsum(np.array(counts, np.int64)))).astype(np.int64)
