"""What stays on chip: activations between producer and consumer, weights between inferences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.device import Device, Memory
from hwsim.device.records import Operand
from hwsim.estimation.prepare import Prepared
from hwsim.graph import Network
from hwsim.workload import Work


@dataclass(frozen=True, slots=True)
class Residency:
    """Tensors that do not cross the chip's edge. activations, weights : names; notes : what was found, in words."""

    activations: frozenset[str] = frozenset()
    weights: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def residency(
    prepared: Prepared, works: Sequence[Work], device: Device, keep_activations: bool, keep_weights: bool = True
) -> Residency:
    """Decide what stays, greedily and in the order of execution.

    Weights first: where a level retains them from one inference to the next, they take their place in the order of use until it
    is full, and the rest streams in every inference. Then activations: a tensor stays in the outermost on-chip level
    that holds activations if, together with the tensors already kept and still needed, it fits; the network's own inputs and outputs
    always cross the edge.
    """
    network = prepared.network
    weights, weight_bytes, notes = (
        _resident_weights(network, works, device) if keep_weights else (frozenset[str](), 0, ())
    )
    store = _activation_store(device)
    if not keep_activations or store is None:
        return Residency(weights=weights, notes=notes)
    capacity = _capacity(store, ("input", "output"))
    if capacity is not None and _shares_weights(store) and "weight" in store.retains:
        capacity = max(0, capacity - weight_bytes)
    return Residency(_kept_activations(prepared, works, capacity), weights, notes)


def _resident_weights(
    network: Network, works: Sequence[Work], device: Device
) -> tuple[frozenset[str], int, tuple[str, ...]]:
    store = next(
        (memory for memory in reversed(device.memories) if not memory.off_chip and "weight" in memory.retains), None
    )
    if store is None:
        return frozenset(), 0, ()
    capacity = _capacity(store, ("weight",))
    resident: set[str] = set()
    used = streaming = 0
    for work in works:
        for name, _ in work.reads:
            tensor = network.tensors[name]
            if tensor.role == "activation" or name in resident:
                continue
            if capacity is None or used + tensor.bytes <= capacity:
                resident.add(name)
                used += tensor.bytes
            else:
                streaming += tensor.bytes
    note: tuple[str, ...] = ()
    if streaming:
        note = (f"weights of {streaming:,} B do not fit {store.name} ({capacity:,} B) and stream in every inference",)
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


def _activation_store(device: Device) -> Memory | None:
    on_chip = [memory for memory in device.memories if not memory.off_chip]
    return next(
        (
            memory
            for memory in reversed(on_chip)
            if memory.keeps["input"] != "never" and memory.keeps["output"] != "never"
        ),
        None,
    )


def _capacity(memory: Memory, operands: tuple[Operand, ...]) -> int | None:
    pools = [pool for pool in memory.pools if pool.operands & set(operands)]
    if any(pool.capacity is None for pool in pools):
        return None
    return sum(pool.capacity or 0 for pool in pools) * memory.instances


def _shares_weights(memory: Memory) -> bool:
    return any({"weight"} < pool.operands for pool in memory.pools)
