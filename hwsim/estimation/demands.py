"""From a priced layer to what it asks of the engines of a chip, tile by tile: the step between an analytical rung and the simulator.

The tiles are those of the rung: iterations of a mapping's loops at the chip's edge, folds of a rigid array, or as many as fit the buffer.
Totals are the rung's own, so that what the simulator adds is waiting.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from hwsim.counts.systolic import SystolicCounts, touched_inputs
from hwsim.device import Device
from hwsim.estimation import rigid, roofline
from hwsim.estimation.assembly import Assumptions, transfer_time
from hwsim.estimation.fusion import Fused, merged
from hwsim.estimation.mapped import Mapper, extra_traffic
from hwsim.estimation.priced import Priced
from hwsim.estimation.records import Traffic
from hwsim.estimation.residency import Residency
from hwsim.graph import Network
from hwsim.mapping import Hierarchy, from_device
from hwsim.search import Found
from hwsim.simulation.chip import Demand, tiles_that_fit
from hwsim.simulation.tiles import Share
from hwsim.workload import DIMS, LoopNest

#: Whether a dim changes the tile of an operand: input, weight, output (N, G, K, C, Q, P, S, R).
_DEPENDS = {"input": "NGCQPSR", "weight": "GKCSR", "output": "NGKQP"}


def demands(
    priced: Sequence[Priced],
    network: Network,
    device: Device,
    rung: str,
    mapper: Mapper | None,
    residency: Residency,
    groups: Sequence[Fused] = (),
    room: Mapping[int, Sequence[tuple[int, int]]] = MappingProxyType({}),
) -> list[Demand]:
    """The streams of all layers in order, each gated by those that make its inputs; a fused group is one, in its last layer's place.

    room : layers that one waits for before it writes where a tensor of theirs lay, see ``waits_for_room``.
    """
    made: dict[str, int] = {}
    last: dict[int, int] = {}
    found: list[Demand] = []
    group_of = {position: group for group in groups for position in group.positions}
    for position, one in enumerate(priced):
        group = group_of.get(position)
        if group is not None and position != group.positions[-1]:
            continue
        members = (position,) if group is None else group.positions
        launch = device.overheads.kernel_s * one.layer.repeat * device.clock_hz
        parts = [
            part for member in members for part in parts_of(priced[member], network, device, rung, mapper, residency)
        ]
        if group is not None:
            parts = [merged(parts, group, device)]
        gates = {made[name] for member in members for name, _ in priced[member].work.reads if name in made}
        gates |= {last[user] for member in members for _, user in room.get(member, ()) if user in last}
        for index, part in enumerate(parts):
            behind = (len(found) - 1,) if index else tuple(sorted(gates))
            found.append(replace(part, layers=members, gates=behind, launch=launch if not index else 0.0))
        last.update(dict.fromkeys(members, len(found) - 1))
        made.update((name, len(found) - 1) for member in members for name, _ in priced[member].work.writes)
    return found


def parts_of(
    one: Priced,
    network: Network,
    device: Device,
    rung: str,
    mapper: Mapper | None,
    residency: Residency,
    shared: frozenset[str] = frozenset(),
) -> list[Demand]:
    """The streams of one layer, one after the other. shared : levels whose wires several cores share, as engines of their own."""
    if one.work.nests and rung == "systolic":
        return [_folded(one, network, device, residency)]
    if one.work.nests and mapper is not None:
        answers = [(nest, mapper.best(nest)) for nest in one.work.nests]
        placed = [(nest, answer) for nest, answer in answers if isinstance(answer, Found)]
        if len(placed) == len(answers):
            return _mapped(one, placed, device, shared)
        residency = Residency()
    return [_streamed(one, network, device, Residency() if rung == "mapping" else residency)]


def _cycles(seconds: float, device: Device) -> float:
    return seconds * device.clock_hz


def _moving(device: Device, moved: Traffic) -> float:
    """Cycles that bytes over the chip's edge take [cycle]."""
    return 0.0 if device.off_chip is None else _cycles(transfer_time(device.off_chip, moved), device)


def _vector_cycles(one: Priced, device: Device) -> float:
    return _cycles(roofline.compute(one.work, device, Assumptions()).vector_s, device)


def _feeds(one: Priced, device: Device) -> dict[str, float]:
    moved = one.record.traffic_bytes
    return {
        memory.name: _cycles(transfer_time(memory, moved[memory.name]), device)
        for memory in device.memories
        if not memory.off_chip
    }


def _streamed(one: Priced, network: Network, device: Device, residency: Residency) -> Demand:
    """A layer whose tiles nothing says: every tensor once, in equal parts."""
    done = roofline.compute(one.work, device, Assumptions())
    edge = device.off_chip
    flows = {} if edge is None else roofline.flows_of(one.work, device, network, residency)[edge.name]
    read, known = flows.get("input", Traffic()), flows.get("weight", Traffic())
    moved = sum(size for _, size in (*one.work.reads, *one.work.writes))
    return Demand(
        one.layer.name,
        tiles_that_fit(device, moved),
        weights=Share(_moving(device, Traffic(known.read))),
        inputs=Share(_moving(device, Traffic(read.read))),
        compute=Share(_cycles(done.mac_s, device)),
        vector=Share(_cycles(done.vector_s, device)),
        store=Share(_moving(device, Traffic(0, flows.get("output", Traffic()).write)), last=True),
        feeds=_feeds(one, device),
        beside=not one.work.nests,
    )


def _folded(one: Priced, network: Network, device: Device, residency: Residency) -> Demand:
    """A layer on a rigid array: a tile is a fold, column folds outside, row folds inside."""
    stationary = device.dataflow.stationary
    assert stationary is not None, "the rung has refused such a device"
    counted = [rigid.count_on(nest, device, stationary) for nest in one.work.nests]
    flows = rigid.flows_of(one.work, counted, network, device, residency)
    tiles = max(1, sum(_folds(counts) for counts in counted))
    edge = flows[device.off_chip.name] if device.off_chip is not None else {}
    read, known, out = (edge.get(operand, Traffic()) for operand in ("input", "weight", "output"))
    nest, largest = max(zip(one.work.nests, counted, strict=True), key=lambda pair: pair[1].compute_cycles)
    runtime = nest.weight_role == "activation"
    cycles = sum(
        counts.compute_cycles / rigid.rate_of(each, device)
        for each, counts in zip(one.work.nests, counted, strict=True)
    )
    inputs, weights, every = fetches(nest, largest)
    summed = 1 if stationary == "output" or out.read else largest.row_folds
    return Demand(
        one.layer.name,
        tiles,
        weights=Share(0.0 if runtime else _moving(device, Traffic(known.read)), every, min(tiles, weights)),
        inputs=Share(
            _moving(device, Traffic(read.read + out.read + (known.read if runtime else 0.0))), within=min(tiles, inputs)
        ),
        compute=Share(cycles),
        vector=Share(_vector_cycles(one, device)),
        store=Share(_moving(device, Traffic(0, out.write)), summed, last=True),
        feeds=_feeds(one, device),
    )


def _folds(counts: SystolicCounts) -> int:
    return -(-counts.runs * counts.column_folds // counts.arrays) * counts.row_folds


def fetches(nest: LoopNest, counts: SystolicCounts) -> tuple[int, int, int]:
    """First folds that inputs and weights are fetched for (0: all), and the folds that one fetch of weights serves [1].

    What is fetched once is there after the first sweep over the row folds; an output-stationary strip of weights serves a whole sweep.
    """
    sweep = counts.row_folds if counts.runs == 1 else 0
    inputs = sweep if counts.dataflow != "input" and counts.dram_reads[0] <= touched_inputs(nest) * counts.runs else 0
    once = counts.dram_reads[1] <= nest.elements[1] * nest.repeat
    if counts.dataflow == "output":
        return inputs, 0, counts.row_folds if once else 1
    return inputs, sweep if counts.dataflow == "input" and once else 0, 1


def _mapped(
    one: Priced, placed: Sequence[tuple[LoopNest, Found]], device: Device, shared: frozenset[str]
) -> list[Demand]:
    """A layer's nests one after the other, each on its mapping; what is moved beside their operands comes with the last."""
    extra = extra_traffic(one.work, device)
    found: list[Demand] = []
    for nest, answer in placed:
        hierarchy = from_device(device, nest)
        found.append(_nest(one, nest, answer, hierarchy, shared))
    edge = device.off_chip
    last = found[-1]
    more = Traffic() if edge is None else extra[edge.name]
    feeds = {
        memory.name: last.feeds.get(memory.name, 0.0) + _cycles(transfer_time(memory, extra[memory.name]), device)
        for memory in device.memories
        if not memory.off_chip
    }
    found[-1] = replace(
        last,
        inputs=replace(last.inputs, cycles=last.inputs.cycles + _moving(device, Traffic(more.read))),
        store=replace(last.store, cycles=last.store.cycles + _moving(device, Traffic(0, more.write))),
        vector=Share(_vector_cycles(one, device)),
        feeds={**last.feeds, **feeds},
    )
    return found


def _nest(one: Priced, nest: LoopNest, answer: Found, hierarchy: Hierarchy, shared: frozenset[str]) -> Demand:
    outer, at = hierarchy.levels[-1], answer.counts.levels[-1]
    trips = _trips(nest, answer)
    tiles = math.prod(count for _, count in trips) * nest.repeat

    def moving(read: int, write: int) -> float:
        ways = ((read, outer.read), (write, outer.write), (read + write, outer.shared))
        return max((bits / rate for bits, rate in ways if rate is not None), default=0.0) * nest.repeat

    words = (nest.input.bits, nest.weight.bits, nest.output.bits)
    read = [operand.busiest.bits(word, nest.accumulator.bits) for operand, word in zip(at, words, strict=True)]
    if not outer.off_chip:
        read = [(0, 0, 0)] * 3
    runtime = nest.weight_role == "activation"
    every = {name: _every(name, trips, answer) for name in _DEPENDS}
    gated = read[0][0] + read[2][0] + (read[1][0] if runtime else 0)
    served = [every["input"]] + ([every["output"]] if read[2][0] else []) + ([every["weight"]] if runtime else [])
    feeds: dict[str, float] = {}
    for transfer in answer.cost.transfers:
        wires = f"network of {transfer.level}" if transfer.level in shared else "network"
        name = wires if transfer.kind == "network" else transfer.level
        if name != outer.name or not outer.off_chip:
            feeds[name] = max(feeds.get(name, 0.0), transfer.cycles * nest.repeat)
    return Demand(
        one.layer.name,
        tiles,
        weights=Share(0.0 if runtime else moving(read[1][0], 0), every["weight"]),
        inputs=Share(moving(gated, 0), min(served)),
        compute=Share(answer.cost.compute_cycles * nest.repeat),
        store=Share(moving(0, read[2][1] + read[2][2]), every["output"], last=True),
        feeds=feeds,
    )


def _trips(nest: LoopNest, answer: Found) -> list[tuple[str, int]]:
    """Loops at the outermost level, inner to outer, with the trips that they make."""
    *inner, outer = answer.mapping.levels
    extents = dict(zip(DIMS, nest.extents, strict=True))
    inside: dict[str, int] = dict.fromkeys(DIMS, 1)
    for loops in inner:
        for dim, factor in (*loops.temporal, *loops.spatial_x, *loops.spatial_y):
            inside[dim] *= factor
    for dim, factor in (*outer.spatial_x, *outer.spatial_y):
        inside[dim] *= factor
    return [(dim, max(1, -(-extents[dim] // inside[dim]))) for dim, _ in outer.temporal]


def _every(operand: str, trips: Sequence[tuple[str, int]], answer: Found) -> int:
    """Tiles that one arrival of an operand serves [1]: the product of the loops inside of the innermost one that it depends on."""
    place = ("input", "weight", "output").index(operand)
    if len(answer.mapping.levels) > 1 and not answer.mapping.levels[-2].keep[place]:
        return 1  # it passes the outermost buffer by, and comes as often as the loops further in say
    served = 1
    for dim, count in trips:
        if dim in _DEPENDS[operand] and count > 1:
            return served
        served *= count
    return served
