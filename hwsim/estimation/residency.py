"""What stays on chip: activations between producer and consumer, weights between inferences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hwsim.device import Device, Memory
from hwsim.device.records import Operand
from hwsim.estimation.prepare import Prepared
from hwsim.graph import Network
from hwsim.workload import Work


@dataclass(frozen=True, slots=True)
class Residency:
    """Tensors that do not cross the chip's edge. activations, weights : names; notes : what was found, in words.

    home : level that an activation stays in, by name; beyond : levels that it does not reach, those further out. Where a tensor has
    no home it crosses every level on the chip.
    """

    activations: frozenset[str] = frozenset()
    weights: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    home: Mapping[str, str] = field(default_factory=dict)
    beyond: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def stays(self, name: str) -> bool:
        """Whether a tensor that is read does not cross the chip's edge."""
        return name in self.activations or name in self.weights

    def crosses(self, name: str, memory: Memory) -> bool:
        """Whether a tensor passes through a level."""
        return not (memory.off_chip and self.stays(name)) and memory.name not in self.beyond.get(name, ())

    def with_held(self, names: frozenset[str]) -> Residency:
        """With further activations that stay."""
        return replace(self, activations=self.activations | names) if names else self


def residency(
    prepared: Prepared, works: Sequence[Work], device: Device, keep_activations: bool, keep_weights: bool = True
) -> Residency:
    """Decide what stays, greedily and in the order of execution.

    Weights first: where a level retains them from one inference to the next, they take their place in the order of use until it
    is full (the innermost such level first), those that are read whole before tables of which rows are gathered, and the rest streams in
    every inference. Then activations: a tensor stays in the outermost on-chip level that holds activations if, together with the tensors
    already kept and still needed, it fits; the network's own inputs and outputs always cross the edge.
    """
    network = prepared.network
    weights, held, notes = _resident_weights(network, works, device) if keep_weights else (frozenset[str](), {}, ())
    store = activation_store(device)
    if not keep_activations or store is None:
        return Residency(weights=weights, notes=notes)
    capacity = level_capacity(store, ("input", "output"))
    if capacity is not None and shares_weights(store) and "weight" in store.retains:
        capacity = max(0, capacity - held.get(store.name, 0))
    return Residency(_kept_activations(prepared, works, capacity), weights, notes)


@dataclass(frozen=True, slots=True)
class Resident:
    """Weights that stay. used : bytes of them by level; streaming : bytes of the others [B]."""

    names: frozenset[str]
    used: dict[str, int]
    streaming: int


def resident_weights(asked: Sequence[tuple[str, int, int]], stores: Sequence[Memory]) -> Resident:
    """Give places to weights in the order of use, innermost level first, until all is full.

    asked : name, bytes that staying takes, bytes read [B]. A table of which rows are gathered gains little from its place: what is read
    whole comes first.
    """
    room = {store.name: level_capacity(store, ("weight",)) for store in stores}
    resident: set[str] = set()
    used = dict.fromkeys(room, 0)
    streaming = 0
    for name, size, read in sorted(asked, key=lambda one: one[2] < one[1]):
        if name in resident:
            continue
        place = next((n for n, most in room.items() if most is None or used[n] + size <= most), None)
        if place is None:
            streaming += min(read, size)
        else:
            resident.add(name)
            used[place] += size
    return Resident(frozenset(resident), used, streaming)


def _resident_weights(
    network: Network, works: Sequence[Work], device: Device
) -> tuple[frozenset[str], dict[str, int], tuple[str, ...]]:
    """Names of weights that stay, bytes of them in each level that retains weights, innermost first, and what streams in words."""
    stores = [memory for memory in device.memories if not memory.off_chip and "weight" in memory.retains]
    if not stores:
        return frozenset(), {}, ()
    reads = [(network.tensors[name], size) for work in works for name, size in work.reads]
    found = resident_weights(
        [(tensor.name, tensor.bytes, size) for tensor, size in reads if tensor.role != "activation"], stores
    )
    note: tuple[str, ...] = ()
    if found.streaming:
        rooms = [level_capacity(store, ("weight",)) for store in stores]
        have = sum(most for most in rooms if most is not None)
        names = " and ".join(store.name for store in stores)
        note = (f"weights of {found.streaming:,} B do not fit {names} ({have:,} B) and stream in every inference",)
    return found.names, found.used, note


def _kept_activations(prepared: Prepared, works: Sequence[Work], capacity: int | None) -> frozenset[str]:
    last_use = {name: index for index, work in enumerate(works) for name, _ in work.reads}
    network, aliases = prepared.network, prepared.aliases
    outside = {aliases.get(name, name) for name in (*network.inputs, *network.outputs)}
    kept: set[str] = set()
    ends: dict[int, list[str]] = {}
    live = 0
    for index, work in enumerate(works):
        for name, _ in work.writes:
            size = network.tensors[name].bytes
            if name in outside or name not in last_use or (capacity is not None and live + size > capacity):
                continue
            kept.add(name)
            live += size
            ends.setdefault(last_use[name], []).append(name)
        live -= sum(network.tensors[name].bytes for name in ends.pop(index, ()))
    return frozenset(kept)


def activation_store(device: Device) -> Memory | None:
    """The outermost level on the chip that holds activations; None where there is none."""
    on_chip = [memory for memory in device.memories if not memory.off_chip]
    return next(
        (
            memory
            for memory in reversed(on_chip)
            if memory.keeps["input"] != "never" and memory.keeps["output"] != "never"
        ),
        None,
    )


def level_capacity(memory: Memory, operands: tuple[Operand, ...]) -> int | None:
    """Bytes that a level has for operands, all instances together [B]; None unknown."""
    pools = [pool for pool in memory.pools if pool.operands & set(operands)]
    if any(pool.capacity is None for pool in pools):
        return None
    return sum(pool.capacity or 0 for pool in pools) * memory.instances


def shares_weights(memory: Memory) -> bool:
    """Whether weights lie in one pool with other operands."""
    return any({"weight"} < pool.operands for pool in memory.pools)
