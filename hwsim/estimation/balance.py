"""Balancing a network over the cores of a chip: placements that are tried, and the best of them in simulated time.

Layers are dealt out in two ways: by list scheduling, the layer with the longest way to the end first, each to the core that finishes it
first (HEFT without unequal machines: Topcuoglu, Hariri, Wu, IEEE TPDS 13(3), 2002, doi:10.1109/71.993206), which makes one inference
short; and as a pipeline of contiguous stages with the shortest longest one, which makes many fast. Weights that no longer fit what a core
retains count with the time that they stream.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.estimation.assembly import transfer_time
from hwsim.estimation.cores import Chip, on_cores
from hwsim.estimation.pieces import divided
from hwsim.estimation.records import Traffic
from hwsim.estimation.residency import Residency, level_capacity
from hwsim.estimation.rungs import Aim
from hwsim.estimation.simulated import Simulated
from hwsim.workload.division import By


@dataclass(frozen=True, slots=True)
class Balanced:
    """What was chosen: its name, and its run, which says what else was tried."""

    chosen: str
    simulated: Simulated


@dataclass(frozen=True, slots=True)
class Job:
    """A layer as the balance sees it. time : on one core [s]; streaming : the same where its weights are not retained [s]; weights : bytes
    of them [B]; after : positions of the layers that make its inputs; unit : 0 for the MAC array, 1 for the vector unit beside it.
    """

    time: float
    streaming: float
    weights: int
    after: tuple[int, ...]
    unit: int = 0


def balanced(chip: Chip, way: str, fixed: Mapping[int, By | int], aim: Aim = "latency") -> Balanced:
    """The best placement that ``way`` allows, in simulated time. fixed : what is decided already, by position.

    ``auto`` tries whole layers (listed, and as a pipeline), channels, rows, for each layer the one of them that is fastest by itself, and
    everything on one core: it is never slower than any of those.
    """
    placements = {
        name: divided(chip.prepared, chip.number, {**by, **fixed}) for name, by in _choices(chip, way).items()
    }
    runs: dict[str, Simulated] = {}
    for name, placement in placements.items():
        if not any(placements[other] == placement for other in runs):
            runs[name] = on_cores(chip, placement)
    tried = {name: (latency(found), found.interval_s) for name, found in runs.items()}
    chosen = min(tried, key=lambda name: tried[name] if aim == "latency" else tried[name][::-1])
    return Balanced(chosen, replace(runs[chosen], tried=tried))


def latency(found: Simulated) -> float:
    """From the first start to the last finish [s]."""
    return found.timeline.ticks * found.tick_s


def _choices(chip: Chip, way: str) -> dict[str, dict[int, By | int]]:
    count = len(chip.prepared.priced)
    if way == "channels":
        return {way: dict.fromkeys(range(count), "channels")}
    if way == "rows":
        return {way: dict.fromkeys(range(count), "rows")}
    jobs, room = _jobs(chip), _room(chip)
    choices: dict[str, dict[int, By | int]] = {
        "layers, listed": dict(enumerate(listed(jobs, chip.number, room))),
        "layers, pipelined": dict(enumerate(pipelined(jobs, chip.number, room))),
    }
    if way == "auto":
        choices |= _choices(chip, "channels") | _choices(chip, "rows")
        choices["each layer by itself"] = _each(chip, choices["layers, listed"])
        choices["one core"] = dict.fromkeys(range(count), 0)
    return choices


def _jobs(chip: Chip) -> list[Job]:
    makers: dict[str, int] = {}
    jobs: list[Job] = []
    for position, (_, work) in enumerate(chip.prepared.priced):
        weights = [name for name, _ in work.reads if chip.prepared.network.tensors[name].role != "activation"]
        kept = Residency(weights=frozenset(weights))
        jobs.append(
            Job(
                chip.priced(position, work, kept)[0].latency_s,
                chip.priced(position, work, Residency())[0].latency_s,
                sum(chip.prepared.network.tensors[name].bytes for name in set(weights)),
                tuple(sorted({makers[name] for name, _ in work.reads if name in makers})),
                int(not work.nests and chip.core.vector is not None),
            )
        )
        makers.update((name, position) for name, _ in work.writes)
    return jobs


def _room(chip: Chip) -> int | None:
    """Bytes of weights that a core retains for itself; None unlimited [B]."""
    stores = [
        memory
        for memory in chip.core.memories
        if not memory.off_chip and "weight" in memory.retains and memory.name not in chip.shared
    ]
    sizes = [level_capacity(memory, ("weight",)) for memory in stores]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _time(job: Job, left: int | None) -> float:
    return job.time if left is None or job.weights <= left else job.streaming


def listed(jobs: Sequence[Job], cores: int, room: int | None) -> list[int]:
    """A core for each layer, for a short way to the end. room : bytes of weights that a core retains, None unlimited [B].

    Cores run their layers in the order of the network, whatever the order of dealing out, so two are tried, the longest way to the end
    first and the network's own; then single layers are moved as long as that makes the whole shorter, as far as ``MOVES`` goes.
    """
    ranks = _ranks(jobs)
    orders = [_by_rank(jobs, ranks), list(range(len(jobs)))]
    chosen = min((_dealt(jobs, cores, room, order) for order in orders), key=lambda one: makespan(jobs, one, room))
    reached, left = makespan(jobs, chosen, room), MOVES
    moved = True
    while moved and left > 0:
        moved = False
        for position, core in itertools.product(range(len(jobs)), range(cores)):
            if core == chosen[position] or left <= 0:
                continue
            left -= len(jobs)
            other = [*chosen[:position], core, *chosen[position + 1 :]]
            length = makespan(jobs, other, room)
            if length < reached * (1 - 1e-12):
                chosen, reached, moved = other, length, True
    return chosen


#: Layers looked at while single ones are moved from core to core: half a second of it.
MOVES = 1_000_000


def makespan(jobs: Sequence[Job], chosen: Sequence[int], room: int | None) -> float:
    """When all layers are done where every core runs its own in the order of the network [s]."""
    ends: list[float] = []
    free: dict[tuple[int, int], float] = {}
    left: dict[int, int] = {}
    for job, core in zip(jobs, chosen, strict=True):
        start = free.get((core, job.unit), 0.0)
        for before in job.after:
            start = max(start, ends[before])
        have = None if room is None else left.get(core, room)
        if have is not None and job.weights <= have:
            left[core] = have - job.weights
        end = start + _time(job, have)
        ends.append(end)
        free[core, job.unit] = end
    return max(ends, default=0.0)


def _ranks(jobs: Sequence[Job]) -> list[float]:
    """The longest way from the start of each layer to the end of all [s]."""
    rank = [0.0] * len(jobs)
    for position in range(len(jobs) - 1, -1, -1):
        rank[position] += jobs[position].streaming
        for before in jobs[position].after:
            rank[before] = max(rank[before], rank[position])
    return rank


def _by_rank(jobs: Sequence[Job], rank: Sequence[float]) -> list[int]:
    """Positions in a topological order, the longest way to the end first."""
    return sorted(range(len(jobs)), key=lambda position: (-rank[position], position))


def _dealt(jobs: Sequence[Job], cores: int, room: int | None, order: Sequence[int]) -> list[int]:
    """Each layer, in some topological order, to the core that finishes it first; of equals to one that makes its inputs."""
    free = [[0.0, 0.0] for _ in range(cores)]
    left = [room] * cores
    chosen, ends = [0] * len(jobs), [0.0] * len(jobs)
    for position in order:
        job = jobs[position]
        inputs = max((ends[before] for before in job.after), default=0.0)
        near = {chosen[before] for before in job.after}
        end, _, core = min(
            (max(inputs, free[core][job.unit]) + _time(job, left[core]), core not in near, core)
            for core in range(cores)
        )
        chosen[position], ends[position], free[core][job.unit] = core, end, end
        have = left[core]
        if have is not None and job.weights <= have:
            left[core] = have - job.weights
    return chosen


def pipelined(jobs: Sequence[Job], cores: int, room: int | None) -> list[int]:
    """A core for each layer, neighbours together, so that the longest stage is as short as halving the interval 60 times finds it."""
    low, high = 0.0, sum(job.streaming for job in jobs)
    best = _stages(jobs, room, high)
    for _ in range(60):
        middle = (low + high) / 2
        found = _stages(jobs, room, middle)
        if found is not None and found[-1:] < [cores]:
            best, high = found, middle
        else:
            low = middle
    assert best is not None, "one stage holds everything"
    return best


def _stages(jobs: Sequence[Job], room: int | None, longest: float) -> list[int] | None:
    """Stages filled one after the other up to ``longest``; None where a layer alone takes longer."""
    stage, took, left = 0, 0.0, room
    found: list[int] = []
    for job in jobs:
        if took + _time(job, left) > longest and took:
            stage, took, left = stage + 1, 0.0, room
        took += _time(job, left)
        if took > longest:
            return None
        if left is not None and job.weights <= left:
            left -= job.weights
        found.append(stage)
    return found


def _each(chip: Chip, whole: Mapping[int, By | int]) -> dict[int, By | int]:
    """For each layer the way that takes least time by itself, what its pieces move over the shared edge included; whole if that is no
    slower.
    """
    off_chip = chip.core.off_chip
    chosen: dict[int, By | int] = {}
    ways: tuple[By, ...] = ("channels", "rows")
    placed = {way: divided(chip.prepared, chip.number, dict.fromkeys(whole, way)) for way in ways}
    for position, (_, work) in enumerate(chip.prepared.priced):
        times: dict[By | int, float] = {whole[position]: chip.priced(position, work, Residency())[0].latency_s}
        for way in ways:
            records = [chip.priced(position, piece.part.work, Residency())[0] for piece in placed[way][position]]
            moved = [record.traffic_bytes[off_chip.name] for record in records] if off_chip else []
            edge = Traffic(sum(one.read for one in moved), sum(one.write for one in moved))
            shared = transfer_time(off_chip, edge) if off_chip else 0.0
            times[way] = max(shared, *(record.latency_s for record in records))
        chosen[position] = min(times, key=lambda way: times[way])
    return chosen
