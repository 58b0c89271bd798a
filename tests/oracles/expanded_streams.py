"""A program of streams written out as a graph of tasks, one for every stage of every tile: the rules of ``kernels.events_streams``."""

from __future__ import annotations

from hwsim.simulation import Program
from tests.oracles.tick_simulator import Task

WINDOW = 4


def expand(program: Program) -> tuple[list[Task], dict[tuple[int, int, int], int]]:
    """The tasks, and the number of each by (stream, stage, tile). Numbers rise with stream, then stage, then tile."""
    stages = len(program.stages)
    retire, store = stages - 2, stages - 1
    number: dict[tuple[int, int, int], int] = {}
    for index, stream in enumerate(program.streams):
        for stage in range(stages):
            for tile in range(stream.tiles):
                number[index, stage, tile] = len(number)
    lanes: dict[int, list[int]] = {}
    tasks = []
    for index, stream in enumerate(program.streams):
        lane = lanes.setdefault(stream.lane, [])
        durations = [
            run.durations
            for block in stream.blocks
            for _ in range(block.repeats)
            for run in block.pattern
            for _ in range(run.tiles)
        ]
        for stage in range(stages):
            for tile in range(stream.tiles):
                after: list[tuple[int, int, int]] = []
                if tile:
                    after.append((index, stage, tile - 1))
                buffer, free = None, store
                if stage == 0:
                    back = 1 if stream.barrier else WINDOW
                    if tile == 0 and len(lane) >= back:
                        after.append(_last(program, lane[-back], store))
                    if tile:
                        after.append((index, store, tile - 1))
                elif stage <= 2:
                    after.append((index, 0, 0))
                    buffer, free = stage - 1, store if stream.serial else retire
                    if stage == 2 and tile == 0:
                        after += [_last(program, gate, store) for gate in stream.gates]
                elif stage < retire:
                    after += [(index, 1, tile), (index, 2, tile)]
                    buffer = 2
                elif stage == retire:
                    after += [(index, work, tile) for work in range(3, retire)]
                else:
                    after.append((index, retire, tile))
                if buffer is not None:
                    distance = stream.distance[buffer]
                    if tile >= distance:
                        after.append((index, free, tile - distance))
                    else:
                        if lane:
                            before = program.streams[lane[-1]]
                            need = before.tiles - max(0, before.distance[buffer] - 1 - tile)
                            if need > 0:
                                after.append((lane[-1], free, need - 1))
                        if len(lane) > 1:
                            after.append(_last(program, lane[-2], free))
                engine = program.lanes[stream.lane].engines[stage]
                tasks.append(Task(engine, durations[tile][stage], tuple(number[key] for key in after)))
        lane.append(index)
    return tasks, number


def _last(program: Program, stream: int, stage: int) -> tuple[int, int, int]:
    return stream, stage, program.streams[stream].tiles - 1
