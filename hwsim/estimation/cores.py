"""Layers on the cores of a chip: the pieces of a placement priced on one core each, run together over what the cores share.

A piece is priced by the analytical rung as if its core had the shared levels for itself; that they are shared is what the run shows. A
layer's record is that of its pieces together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from hwsim.device import Device
from hwsim.device.cores import cores_of, one_core, shared_levels
from hwsim.estimation.assembly import Assumptions, transfer_time
from hwsim.estimation.demands import parts_of
from hwsim.estimation.keeping import keep, waits_for_room
from hwsim.estimation.mapped import Mapper
from hwsim.estimation.pieces import Piece, Placement
from hwsim.estimation.prepare import Prepared
from hwsim.estimation.priced import Priced
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.estimation.rungs import Price
from hwsim.estimation.simulated import Simulated, finished
from hwsim.graph import Layer
from hwsim.simulation import run
from hwsim.simulation.chip import Demand, chip
from hwsim.workload import Work


@dataclass(frozen=True)
class Chip:
    """A device as cores, and how work on them is priced. known : what was priced before, by layer, work and what stays."""

    prepared: Prepared
    device: Device
    rung: str
    price: Price
    mapper: Mapper | None
    keep_activations: bool
    said: Assumptions
    known: dict[object, tuple[LayerEstimate, list[Demand]]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def number(self) -> int:
        """Cores [1]."""
        return cores_of(self.device)

    @cached_property
    def core(self) -> Device:
        """The device as one core sees it."""
        return one_core(self.device)

    @cached_property
    def shared(self) -> frozenset[str]:
        """Names of the levels that all cores share."""
        return shared_levels(self.device)

    def priced(self, position: int, work: Work, stays: Residency) -> tuple[LayerEstimate, list[Demand]]:
        """The record and the streams of a part of a layer on one core."""
        crossing = tuple((stays.stays(name), stays.home.get(name)) for name, _ in (*work.reads, *work.writes))
        key = position, work, crossing
        if key not in self.known:
            layer, network, core = self.prepared.priced[position][0], self.prepared.network, self.core
            record = self.price(layer, work, network, core, stays, self.said)
            one = Priced(layer, work, record)
            self.known[key] = record, parts_of(one, network, core, self.rung, self.mapper, stays, self.shared)
        return self.known[key]


def on_cores(chip_: Chip, placement: Placement) -> Simulated:
    """A placement in simulated time."""
    device, number = chip_.device, chip_.number
    kept = keep(chip_.prepared, device, placement, number, chip_.keep_activations)
    records: list[LayerEstimate] = []
    asked: list[Demand] = []
    streams: list[dict[int, int]] = []  # of each layer, the last stream of each of its pieces, by core
    makers = {
        name: position
        for position, pieces in enumerate(placement)
        for piece in pieces
        for name, _ in piece.part.work.writes
    }
    room = waits_for_room(kept.plans)
    for position, (pieces, (layer, _)) in enumerate(zip(placement, chip_.prepared.priced, strict=True)):
        found = [chip_.priced(position, piece.part.work, kept.residencies[piece.core]) for piece in pieces]
        records.append(together([record for record, _ in found], layer, chip_))
        launch = device.overheads.kernel_s * layer.repeat * device.clock_hz
        own: dict[int, int] = {}
        for piece, (_, parts) in zip(pieces, found, strict=True):
            gates = _gates(piece, placement, streams, makers)
            for core, before in room.get(position, ()):
                if core in (-1, piece.core) and before < position:
                    gates |= {stream for one, stream in streams[before].items() if core in (-1, one)}
            for index, part in enumerate(parts):
                behind = (len(asked) - 1,) if index else tuple(sorted(gates))
                start = launch if not index else 0.0
                asked.append(replace(part, layers=(position,), gates=behind, launch=start, core=piece.core))
            own[piece.core] = len(asked) - 1
        streams.append(own)
    if asked:
        asked[0] = replace(asked[0], launch=asked[0].launch + device.overheads.inference_s * device.clock_hz)
    program = chip(chip_.core, number, chip_.shared).program(asked)
    layers = [Priced(*pair, record) for pair, record in zip(chip_.prepared.priced, records, strict=True)]
    return replace(finished(layers, run(program), device, kept.plans), notes=kept.residencies[0].notes)


def _gates(
    piece: Piece, placement: Placement, streams: Sequence[Mapping[int, int]], makers: Mapping[str, int]
) -> set[int]:
    """Streams that make what a piece reads: where it is known which parts of a tensor it needs, those alone."""
    found: set[int] = set()
    for name, _ in piece.part.work.reads:
        maker = makers.get(name)
        if maker is None or maker >= len(streams):
            continue
        need = piece.part.needed.get(name)
        for other in placement[maker]:
            made = other.part.made
            apart = (
                need is not None
                and made is not None
                and (need.axis, need.extent) == (made.axis, made.extent)
                and (need.high <= made.low or made.high <= need.low)
            )
            if not apart:
                found.add(streams[maker][other.core])
    return found


def together(records: Sequence[LayerEstimate], layer: Layer, chip_: Chip) -> LayerEstimate:
    """The record of a layer from those of its pieces: what is moved and spent adds, times are those of the slowest.

    ``utilization`` and ``spatial_utilization`` are of all cores, those without a piece included.
    """
    longest = max(records, key=lambda record: record.latency_s)
    traffic = {
        name: Traffic(
            sum(record.traffic_bytes[name].read for record in records),
            sum(record.traffic_bytes[name].write for record in records),
        )
        for name in longest.traffic_bytes
    }
    core, shared = chip_.core, chip_.shared
    memory_s = {
        memory.name: transfer_time(memory, traffic[memory.name])
        if memory.name in shared
        else max(transfer_time(memory, record.traffic_bytes[memory.name]) for record in records)
        for memory in core.memories
    }
    slowest = max(memory_s, key=lambda name: memory_s[name], default="")
    contended = slowest in shared and memory_s[slowest] > longest.latency_s
    latency = max(longest.latency_s, memory_s.get(slowest, 0.0))
    energies = [record.energy_by_j for record in records]
    spent: dict[str, float] | None = {}
    for parts in energies:
        if parts is None or spent is None:
            spent = None
            break
        for name, joules in parts.items():
            spent[name] = spent.get(name, 0.0) + joules
    macs = sum(record.macs for record in records)
    busy = sum(record.utilization * record.latency_s for record in records) / chip_.number
    mappings = [one for record in records if record.mapping for one in record.mapping]
    gaps = [record.bound_gap for record in records if record.bound_gap is not None]
    return replace(
        longest,
        macs=macs,
        latency_s=latency,
        compute_s=max(record.compute_s for record in records),
        memory_s=max(memory_s.values(), default=0.0),
        bound_by=slowest if contended else longest.bound_by,
        second_bound_by=longest.bound_by if contended else longest.second_bound_by,
        slack=memory_s[slowest] / longest.latency_s if contended and longest.latency_s else longest.slack,
        utilization=busy / latency if latency else 0.0,
        spatial_utilization=sum(record.spatial_utilization for record in records) / chip_.number,
        energy_by_j=spent,
        energy_j=None if spent is None else sum(spent.values()),
        traffic_bytes=traffic,
        dram_bytes=sum(record.dram_bytes for record in records),
        mapping=mappings or None,
        bound_gap=max(gaps) if gaps else None,
        fused=layer.fused,
    )
