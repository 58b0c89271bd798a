"""Chains of layers that a device may run depth first: found in the graph, cut into groups of least traffic, and what that saves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.device import Device, Memory
from hwsim.estimation import energy
from hwsim.estimation.assembly import transfer_time
from hwsim.estimation.priced import Priced
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.graph import Network
from hwsim.simulation.chip import Demand
from hwsim.simulation.fusing import Chain, Group, Halo, Link, fuse
from hwsim.simulation.tiles import Share
from hwsim.workload.windows import row_window

_HALOS: Mapping[str, tuple[Halo, ...]] = {
    "cache": ("cache",),
    "recompute": ("recompute",),
    "any": ("cache", "recompute"),
}


@dataclass(frozen=True, slots=True)
class Fused:
    """A group of layers that run depth first. positions : of the layers; tiles : [1].

    unfused_bytes : what they would move over the chip's edge one by one [B]. more : rows made over rows there are, of each [1]; streams :
    some weights come again for every tile.
    """

    positions: tuple[int, ...]
    group: Group
    tiles: int
    unfused_bytes: float
    more: tuple[float, ...]
    streams: bool


def fused(priced: Sequence[Priced], network: Network, device: Device) -> list[Fused]:
    """The groups that save traffic against what the layers' records say; none where the profile does not allow fusion."""
    halos = _HALOS.get(device.dataflow.fusion, ())
    rooms = _rooms(device)
    if not halos or rooms is None:
        return []
    found: list[Fused] = []
    for positions, chain in _chains(priced, network):
        for group in fuse(chain, halos, *rooms):
            members = positions[group.first : group.last]
            before = sum(priced[position].record.dram_bytes for position in members)
            if group.halo is not None and group.traffic < before:
                links = chain.links[group.first : group.last]
                more = tuple(made / (link.rows * chain.images) for made, link in zip(group.made, links, strict=True))
                tiles = chain.images * math.ceil(links[-1].rows / group.rows)
                streams = group.weight_bytes > sum(link.weight_bytes for link in links)
                found.append(Fused(tuple(members), group, tiles, before, more, streams))
    return found


def _rooms(device: Device) -> tuple[int, int | None] | None:
    """Bytes for rows in the outermost level on the chip that holds activations, and for weights where they have a place of their own."""

    def room(memory: Memory, operand: str) -> int | None:
        pools = [pool for pool in memory.pools if operand in pool.operands]
        sizes = [pool.capacity for pool in pools]
        return None if None in sizes else sum(size or 0 for size in sizes) * memory.instances

    levels = [memory for memory in device.memories if not memory.off_chip]
    stores = [level for level in levels if level.keeps["input"] != "never" and level.keeps["output"] != "never"]
    if not stores or device.off_chip is None:
        return None
    store = stores[-1]
    rows = room(store, "input")
    rows = 1 << 62 if rows is None else rows
    if any({"input", "weight"} <= pool.operands for pool in store.pools):
        return rows, None
    homes = [level for level in levels if level.keeps["weight"] != "never"]
    weights = room(homes[-1], "weight") if homes else 0
    return rows, 1 << 62 if weights is None else weights


def _chains(priced: Sequence[Priced], network: Network) -> list[tuple[list[int], Chain]]:
    """Longest chains of layers that work row by row, each the only reader of the one before."""
    readers: dict[str, list[int]] = {}
    for position, one in enumerate(priced):
        for name, _ in one.work.reads:
            readers.setdefault(name, []).append(position)
    links = {position: link for position, one in enumerate(priced) if (link := _link(one, network)) is not None}
    follower: dict[int, int] = {}
    for position in links:
        out = priced[position].work.writes[0][0]
        after = readers.get(out, [])
        if len(after) == 1 and after[0] in links and links[after[0]][1] == out and out not in network.outputs:
            follower[position] = after[0]
    found: list[tuple[list[int], Chain]] = []
    for position in sorted(set(follower) - set(follower.values())):
        members = [position]
        while members[-1] in follower:
            members.append(follower[members[-1]])
        operand = network.tensors[links[position][1]]
        images, _, rows, _ = operand.shape
        chain = Chain(rows, operand.bytes // (images * rows), tuple(links[member][0] for member in members), images)
        found.append((members, chain))
    return found


def _link(one: Priced, network: Network) -> tuple[Link, str] | None:
    """A layer as a link and the name of the operand that it walks over; None where it does not work row by row."""
    layer, work = one.layer, one.work
    window = row_window(layer, work)
    if window is None or len(work.writes) != 1:
        return None
    result = network.tensors[work.writes[0][0]]
    streamed = [
        name
        for name, _ in work.reads
        if network.tensors[name].role == "activation" and len(network.tensors[name].shape) == 4
    ]
    if not streamed or len(result.shape) != 4 or 0 in result.shape:
        return None
    operand = network.tensors[streamed[0]]
    images, _, rows, _ = result.shape
    if operand.shape[0] != images or result.bytes % (images * rows) or operand.bytes % (images * operand.shape[2]):
        return None
    if work.nests and (work.nests[0].q != rows or work.nests[0].input_height != operand.shape[2]):
        return None
    if window == (1, 1, 0) and not work.nests and operand.shape[2] != rows:
        return None
    known = sum(size for name, size in work.reads if network.tensors[name].role != "activation")
    others = sum(
        size for name, size in work.reads if network.tensors[name].role == "activation" and name != streamed[0]
    )
    return Link(layer.name, rows, result.bytes // (images * rows), *window, known, others), streamed[0]


def merged(parts: Sequence[Demand], one: Fused, device: Device) -> Demand:
    """The demands of a group's layers as one stream, whose tiles pass through all of them."""
    off_chip = device.off_chip
    assert off_chip is not None

    def cycles(read: float, write: float) -> float:
        return transfer_time(off_chip, Traffic(read, write)) * device.clock_hz

    feeds: dict[str, float] = {}
    for part, more in zip(parts, one.more, strict=True):
        for name, ticks in part.feeds.items():
            feeds[name] = feeds.get(name, 0.0) + ticks * more
    return replace(
        parts[-1],
        name=" + ".join(part.name for part in parts),
        tiles=one.tiles,
        weights=Share(cycles(one.group.weight_bytes, 0), within=0 if one.streams else 1),
        inputs=Share(cycles(one.group.read_bytes, 0)),
        compute=Share(sum(part.compute.cycles * more for part, more in zip(parts, one.more, strict=True))),
        vector=Share(sum(part.vector.cycles * more for part, more in zip(parts, one.more, strict=True))),
        store=Share(cycles(0, one.group.write_bytes), last=True),
        feeds=feeds,
        beside=all(part.beside for part in parts),
    )


def record_of(record: LayerEstimate, one: Fused, position: int, device: Device) -> LayerEstimate:
    """The record of a layer in a group: what it moves over the chip's edge is the group's share, energies follow.

    The first layer reads the group's operand, the last writes its result; weights are shared out as they were before.
    """
    off_chip = device.off_chip
    assert off_chip is not None
    place = one.positions.index(position)
    count = len(one.positions)
    read = one.group.read_bytes if place == 0 else 0
    write = one.group.write_bytes if place == count - 1 else 0
    moved = Traffic(read + one.group.weight_bytes / count, write)
    traffic = {**record.traffic_bytes, off_chip.name: moved}
    more = one.more[place]
    parts = record.energy_by_j
    if parts is not None:
        spent = energy.of_flows(off_chip, {"input": Traffic(moved.read), "output": Traffic(0, moved.write)})
        inside = {name: joules * more for name, joules in parts.items() if name not in (off_chip.name, "leakage")}
        parts = {**parts, **inside, off_chip.name: spent or 0.0}
    return replace(
        record,
        traffic_bytes=traffic,
        dram_bytes=moved.read + moved.write,
        compute_s=record.compute_s * more,
        energy_by_j=parts,
        energy_j=None if parts is None else sum(parts.values()),
    )
