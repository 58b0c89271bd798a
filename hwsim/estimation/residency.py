"""What stays on chip: activations between producer and consumer, weights between inferences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.device import Device, Memory
from hwsim.device.records import Operand
from hwsim.estimation.prepare import Prepared
from hwsim.graph import Network
from hwsim.simulation.memory import Plan, Wanted, plan
from hwsim.workload import Work


@dataclass(frozen=True, slots=True)
class Residency:
    """Tensors that do not cross the chip's edge. activations, weights : names; notes : what was found, in words."""

    activations: frozenset[str] = frozenset()
    weights: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def stays(self, name: str) -> bool:
        """Whether a tensor that is read does not cross the chip's edge."""
        return name in self.activations or name in self.weights

    def with_held(self, names: frozenset[str]) -> Residency:
        """With further activations that stay."""
        return Residency(self.activations | names, self.weights, self.notes) if names else self


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
    if capacity is not None and _shares_weights(store) and "weight" in store.retains:
        capacity = max(0, capacity - held.get(store.name, 0))
    return Residency(_kept_activations(prepared, works, capacity), weights, notes)


def planned(
    prepared: Prepared, works: Sequence[Work], device: Device, keep_activations: bool
) -> tuple[Residency, Plan]:
    """As ``residency``, with an address for everything that stays: what finds no room all its life crosses the edge.

    The plan is of the outermost level on the chip that holds activations; weights that it retains lie below them. What a layer reads
    twice it would fetch twice, so tensors that are read often for their size come first.
    """
    network, store = prepared.network, activation_store(device)
    weights, held, notes = _resident_weights(network, works, device)
    if store is None or device.off_chip is None:
        return Residency(weights=weights, notes=notes), Plan(store.name if store else "", None)
    capacity = level_capacity(store, ("input", "output"))
    wanted = _wanted(prepared, works)
    if not keep_activations:
        return Residency(weights=weights, notes=notes), Plan(store.name, capacity, (), tuple(wanted))
    weight_bytes = held.get(store.name, 0)
    if weight_bytes and _shares_weights(store):
        resident = Wanted("weights", weight_bytes, 0, max(0, len(works) - 1), weight_bytes, must=True)
        found = plan(store.name, capacity, [resident, *wanted])
    else:
        found = plan(store.name, capacity, wanted)
    outside = {prepared.aliases.get(name, name) for name in (*network.inputs, *network.outputs)}
    return Residency(found.kept - outside - {"weights"}, weights, notes), found


def _wanted(prepared: Prepared, works: Sequence[Work]) -> list[Wanted]:
    """Activations that one layer makes and another reads, the network's own outputs left out: they cross the edge anyway."""
    network, aliases = prepared.network, prepared.aliases
    outside = {aliases.get(name, name) for name in (*network.inputs, *network.outputs)}
    last_use: dict[str, int] = {}
    read: dict[str, int] = {}
    for index, work in enumerate(works):
        for name, size in work.reads:
            last_use[name] = index
            read[name] = read.get(name, 0) + size
    return [
        Wanted(name, network.tensors[name].bytes, index, last_use[name], size + read[name])
        for index, work in enumerate(works)
        for name, size in work.writes
        if name in last_use and name not in outside and last_use[name] > index
    ]


def _resident_weights(
    network: Network, works: Sequence[Work], device: Device
) -> tuple[frozenset[str], dict[str, int], tuple[str, ...]]:
    """Names of weights that stay, bytes of them in each level that retains weights, innermost first, and what streams in words."""
    stores = [memory for memory in device.memories if not memory.off_chip and "weight" in memory.retains]
    if not stores:
        return frozenset(), {}, ()
    room = {store.name: level_capacity(store, ("weight",)) for store in stores}
    resident: set[str] = set()
    used = dict.fromkeys(room, 0)
    streaming = 0
    reads = [(network.tensors[name], size) for work in works for name, size in work.reads]
    weights = [(tensor, size) for tensor, size in reads if tensor.role != "activation"]
    # a table of which rows are gathered gains little from its place: what is read whole comes first
    for tensor, size in sorted(weights, key=lambda pair: pair[1] < pair[0].bytes):
        if tensor.name in resident:
            continue
        place = next((n for n, most in room.items() if most is None or used[n] + tensor.bytes <= most), None)
        if place is None:
            streaming += min(size, tensor.bytes)
        else:
            resident.add(tensor.name)
            used[place] += tensor.bytes
    note: tuple[str, ...] = ()
    if streaming:
        have = sum(most for most in room.values() if most is not None)
        note = (
            f"weights of {streaming:,} B do not fit {' and '.join(room)} ({have:,} B) and stream in every inference",
        )
    return frozenset(resident), used, note


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


def _shares_weights(memory: Memory) -> bool:
    return any({"weight"} < pool.operands for pool in memory.pools)
