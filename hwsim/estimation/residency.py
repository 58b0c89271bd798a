"""What stays on chip: activations between producer and consumer, weights between inferences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hwsim.device import Device, Memory
from hwsim.device.records import Operand
from hwsim.estimation.prepare import Prepared
from hwsim.graph import Network
from hwsim.workload import Work

if TYPE_CHECKING:
    from hwsim.estimation.caches import Run


@dataclass(frozen=True, slots=True)
class Reach:
    """How far away tensors are. once : bytes touched in an inference [B]. runs : kernels of each layer by its name, in their order.
    reorders : changes of layout, which are in no layer; beside : layers that run in one kernel with another (slices of one tensor).
    """

    once: float = 0.0
    runs: Mapping[str, tuple[Run, ...]] = field(default_factory=dict)
    reorders: tuple[Run, ...] = ()
    beside: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Residency:
    """Tensors that do not cross the chip's edge. activations, weights : names; notes : what was found, in words.

    home : level that an activation stays in, by name; beyond : levels that it does not reach, those further out. Where a tensor has
    no home it crosses every level on the chip. between : by level, the least capacity with which the very same tensors stay, and the
    least larger one with which they do not [B]; of all its instances, where one pool holds everything. reach : how far away tensors are in
    caches, for the cpu rung.
    """

    activations: frozenset[str] = frozenset()
    weights: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    home: Mapping[str, str] = field(default_factory=dict)
    beyond: Mapping[str, frozenset[str]] = field(default_factory=dict)
    between: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reach: Reach = field(default_factory=Reach)

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
    prepared: Prepared,
    works: Sequence[Work],
    device: Device,
    keep_activations: bool,
    keep_weights: bool = True,
    near: bool = False,
) -> Residency:
    """Decide what stays, greedily and in the order of execution.

    Weights first: where a level retains them from one inference to the next, they take their place in the order of use until it
    is full (the innermost such level first), those that are read whole before tables of which rows are gathered, and the rest streams in
    every inference. Then activations: a tensor stays in the outermost on-chip level that holds activations if, together with the tensors
    already kept and still needed, it fits; the network's own inputs and outputs always cross the edge. near : also find how far away
    tensors are in caches, which decide for themselves.
    """
    network = prepared.network
    if near:
        from hwsim.estimation.caches import reach  # with the library's kernels, which take long to load

        return Residency(reach=reach(prepared, device))
    found, notes = _resident_weights(network, works, device) if keep_weights else (Resident(frozenset(), {}, 0), ())
    between = dict(found.between)
    store = activation_store(device)
    if not keep_activations or store is None:
        return Residency(weights=found.names, notes=notes, between=between)
    capacity, taken = level_capacity(store, ("input", "output")), 0
    if capacity is not None and shares_weights(store) and "weight" in store.retains:
        taken = found.used.get(store.name, 0)
        capacity = max(0, capacity - taken)
    kept, least, below = _kept_activations(prepared, works, capacity)
    already = between.get(store.name, (0.0, math.inf))
    between[store.name] = max(already[0], least + taken), min(already[1], below + taken)
    return Residency(kept, found.names, notes, between=between)


@dataclass(frozen=True, slots=True)
class Resident:
    """Weights that stay. used : bytes of them by level; streaming : bytes of the others [B]; between : as of a Residency."""

    names: frozenset[str]
    used: dict[str, int]
    streaming: int
    between: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def resident_weights(asked: Sequence[tuple[str, int, int]], stores: Sequence[Memory]) -> Resident:
    """Give places to weights in the order of use, innermost level first, until all is full.

    asked : name, bytes that staying takes, bytes read [B]. A table of which rows are gathered gains little from its place: what is read
    whole comes first.
    """
    room = {store.name: level_capacity(store, ("weight",)) for store in stores}
    resident: set[str] = set()
    used = dict.fromkeys(room, 0)
    between: dict[str, tuple[float, float]] = dict.fromkeys(room, (0.0, math.inf))
    streaming = 0
    for name, size, read in sorted(asked, key=lambda one: one[2] < one[1]):
        if name in resident:
            continue
        for place, most in room.items():
            need, (least, below) = used[place] + size, between[place]
            if most is None or need <= most:
                between[place] = max(least, need), below
                resident.add(name)
                used[place] = need
                break
            between[place] = least, min(below, need)
        else:
            streaming += min(read, size)
    return Resident(frozenset(resident), used, streaming, between)


def _resident_weights(network: Network, works: Sequence[Work], device: Device) -> tuple[Resident, tuple[str, ...]]:
    """Weights that stay, by the levels that retain weights, innermost first, and what streams in words."""
    stores = [memory for memory in device.memories if not memory.off_chip and "weight" in memory.retains]
    if not stores:
        return Resident(frozenset(), {}, 0), ()
    reads = [(network.tensors[name], size) for work in works for name, size in work.reads]
    found = resident_weights(
        [(tensor.name, tensor.bytes, size) for tensor, size in reads if tensor.role != "activation"], stores
    )
    note: tuple[str, ...] = ()
    if found.streaming:
        rooms = [f"{store.name} ({level_capacity(store, ('weight',)) or 0:,} B)" for store in stores]
        note = (streaming_note(found.streaming, rooms, sum(found.used.values())),)
    return found, note


def streaming_note(streaming: int, rooms: Sequence[str], used: int) -> str:
    """What to say of weights that find no place in any of the rooms: those that did, ``used`` [B], may leave them little."""
    others = f"what other weights ({used:,} B) leave of " if used else ""
    return f"weights of {streaming:,} B do not fit {others}{' and '.join(rooms)} and stream in every inference"


def _kept_activations(
    prepared: Prepared, works: Sequence[Work], capacity: int | None
) -> tuple[frozenset[str], float, float]:
    """Activations that stay, and the capacities from which and below which these do [B]."""
    last_use = {name: index for index, work in enumerate(works) for name, _ in work.reads}
    network, aliases = prepared.network, prepared.aliases
    outside = {aliases.get(name, name) for name in (*network.inputs, *network.outputs)}
    kept: set[str] = set()
    ends: dict[int, list[str]] = {}
    live, least, below = 0, 0.0, math.inf
    for index, work in enumerate(works):
        for name, _ in work.writes:
            size = network.tensors[name].bytes
            if name in outside or name not in last_use:
                continue
            if capacity is not None and live + size > capacity:
                below = min(below, live + size)
                continue
            kept.add(name)
            least = max(least, live + size)
            live += size
            ends.setdefault(last_use[name], []).append(name)
        live -= sum(network.tensors[name].bytes for name in ends.pop(index, ()))
    return frozenset(kept), least, below


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
