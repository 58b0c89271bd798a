"""The simulate rung: layers priced by an analytical rung, then run together in simulated time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hwsim.device import Device
from hwsim.estimation.demands import demands
from hwsim.estimation.fusion import Fused, fused, record_of
from hwsim.estimation.keeping import waits_for_room
from hwsim.estimation.mapped import Mapper
from hwsim.estimation.priced import Priced
from hwsim.estimation.records import LayerEstimate
from hwsim.estimation.residency import Residency
from hwsim.graph import Network
from hwsim.kernels.events_state import STAGE, START, STREAM
from hwsim.kernels.events_streams import WORK
from hwsim.simulation import Program, Timeline, run
from hwsim.simulation.chip import chip
from hwsim.simulation.memory import Plan, occupancy
from hwsim.simulation.program import TICKS

#: Inferences run one after the other at most until two of them are equally far apart.
INFERENCES = 6


@dataclass(frozen=True, slots=True)
class Simulated:
    """The layers with when they run, the timeline (tick_s [s] a tick), the time between two inferences in steady state [s], and what lies
    where between the layers. notes : what was found, in words; tried : latency and interval of all placements on cores that were tried [s].
    """

    layers: tuple[LayerEstimate, ...]
    timeline: Timeline
    interval_s: float
    tick_s: float
    plans: tuple[Plan, ...] = ()
    groups: tuple[Fused, ...] = ()
    notes: tuple[str, ...] = ()
    tried: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def plan(self) -> Plan | None:
        """Of the outermost level on the chip that holds activations, or the first core's of it; None where nothing is planned."""
        on_chip = [plan for plan in self.plans if not plan.off_chip]
        return next((plan for plan in on_chip if plan.level == on_chip[-1].level), None)

    def held(self) -> list[tuple[Plan, list[tuple[int, int]]]]:
        """For each plan the bytes in use from each time on, as (time [tick], bytes [B])."""
        found = []
        for plan in self.plans:
            starts, ends = self._written(plan.core)
            found.append((plan, occupancy([place.tensor for place in plan.places], starts, ends)))
        return found

    def _written(self, core: int) -> tuple[list[int], list[int]]:
        """When each layer begins to write and when it is finished, on one core, or on all for -1 [tick]."""
        timeline = self.timeline
        program, log = timeline.program, timeline.log
        first = timeline.end.copy()
        rows = log[log[:, STAGE] >= WORK]
        np.minimum.at(first, rows[:, STREAM], rows[:, START])
        number = 1 + max((layer for stream in program.streams for layer in stream.layers), default=-1)
        starts, ends = [timeline.ticks] * number, [0] * number
        for index, stream in enumerate(program.streams):
            if core in (-1, program.lanes[stream.lane].core):
                for layer in stream.layers:
                    starts[layer] = min(starts[layer], int(first[index]))
                    ends[layer] = max(ends[layer], int(timeline.end[index]))
        return [min(start, end) for start, end in zip(starts, ends, strict=True)], ends

    def spans(self) -> list[tuple[int, int]]:
        """First task and finish of each layer [tick]."""
        found: dict[int, tuple[int, int]] = {}
        for index, stream in enumerate(self.timeline.program.streams):
            start, end = int(self.timeline.start[index]), int(self.timeline.end[index])
            for layer in stream.layers:
                known = found.get(layer, (start, end))
                found[layer] = min(start, known[0]), max(end, known[1])
        return [found[layer] for layer in sorted(found)]


def simulated(
    priced: Sequence[Priced],
    network: Network,
    device: Device,
    rung: str,
    mapper: Mapper | None,
    residency: Residency,
    plans: tuple[Plan, ...] = (),
) -> Simulated:
    """Run layers that ``rung`` has priced. What happens once an inference comes before the first layer."""
    groups = fused(priced, network, device)
    asked = demands(priced, network, device, rung, mapper, residency, groups, waits_for_room(plans))
    if groups:
        priced = _with_groups(priced, groups, device)
    if asked:
        once = device.overheads.inference_s * device.clock_hz
        asked[0] = replace(asked[0], launch=asked[0].launch + once)
    return finished(priced, run(chip(device).program(asked)), device, plans, tuple(groups))


def finished(
    priced: Sequence[Priced],
    timeline: Timeline,
    device: Device,
    plans: tuple[Plan, ...] = (),
    groups: tuple[Fused, ...] = (),
) -> Simulated:
    """The layers with when they ran.

    ``latency_s`` of a layer becomes the time by which the network ends later for it: from the end of all before it to its own, so that
    layers still sum to the total; ``start_s`` and ``end_s`` say when it ran, ``stall_s`` how much longer that took than its busiest
    engine needs.
    """
    second = TICKS * device.clock_hz
    layers = _timed(priced, timeline, device, second)
    return Simulated(layers, timeline, _interval(timeline.program) / second, 1 / second, plans, groups)


def _with_groups(priced: Sequence[Priced], groups: Sequence[Fused], device: Device) -> list[Priced]:
    changed = list(priced)
    for group in groups:
        for position in group.positions:
            one = changed[position]
            changed[position] = replace(one, record=record_of(one.record, group, position, device))
    return changed


def _timed(priced: Sequence[Priced], timeline: Timeline, device: Device, second: float) -> tuple[LayerEstimate, ...]:
    program = timeline.program
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    busy: dict[int, dict[int, int]] = {}
    for index, stream in enumerate(program.streams):
        for layer in stream.layers:
            starts[layer] = min(starts.get(layer, int(timeline.start[index])), int(timeline.start[index]))
            ends[layer] = max(ends.get(layer, 0), int(timeline.end[index]))
            own = busy.setdefault(layer, {})
            own[program.lanes[stream.lane].core] = own.get(program.lanes[stream.lane].core, 0) + _busiest(
                program, index
            )
    layers: list[LayerEstimate] = []
    reached = 0
    for position, one in enumerate(priced):
        record, start, end = one.record, starts[position], ends[position]
        took, added = (end - start) / second, max(0, end - reached) / second
        reached = max(reached, end)
        ideal = record.utilization * record.latency_s
        energy = record.energy_by_j
        if energy is not None:
            energy = {**energy, "leakage": (device.standing_w or 0.0) * added}
        layers.append(
            replace(
                record,
                latency_s=added,
                utilization=min(1.0, ideal / took) if took else 0.0,
                energy_by_j=energy,
                energy_j=None if energy is None else sum(energy.values()),
                extra={
                    "start_s": start / second,
                    "end_s": end / second,
                    "stall_s": max(0, end - start - max(busy[position].values())) / second,
                },
            )
        )
    return tuple(layers)


def _busiest(program: Program, index: int) -> int:
    """Ticks of the engine that a stream keeps busiest [tick]."""
    stream = program.streams[index]
    engines: dict[int, int] = {}
    for engine, ticks in zip(program.lanes[stream.lane].engines, stream.work(len(program.stages)), strict=True):
        engines[engine] = engines.get(engine, 0) + ticks
    return max(engines.values(), default=0)


def _interval(program: Program) -> float:
    """Time between the ends of two inferences that follow each other, when nothing changes any more [tick].

    Inferences are added until two intervals are equal; where they alternate, the mean of the last half is taken.
    """
    if not program.streams:
        return 0.0
    number = 3
    while True:
        ends = run(program.times(number)).end.reshape(number, -1).max(axis=1)
        intervals = [int(later - earlier) for earlier, later in itertools.pairwise(ends)]
        if intervals[-1] == intervals[-2] or number >= INFERENCES:
            half = intervals[len(intervals) // 2 :]
            return float(intervals[-1]) if intervals[-1] == intervals[-2] else sum(half) / len(half)
        number *= 2
