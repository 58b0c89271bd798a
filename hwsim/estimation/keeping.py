"""What stays where between the layers: a plan of addresses for every level on the chip that holds activations, and for every core's own.

The innermost level comes first, what finds no room there goes to the next one out, and in the end over the chip's edge. A level of which
a core has one can hold a tensor between layers; of levels further in, which lie beside the PEs in many instances, a layer finds there only
what its own mapping brought. A level that tiles pass through on their way further out leaves half to them. In a core's own level lies only
what the same core made and needs, as far as is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.device import Device, Memory
from hwsim.device.cores import cores_of, one_core, shared_levels
from hwsim.estimation.pieces import Piece, Placement
from hwsim.estimation.prepare import Prepared
from hwsim.estimation.residency import (
    Residency,
    activation_store,
    level_capacity,
    resident_weights,
    shares_weights,
    streaming_note,
)
from hwsim.simulation.levels import Room, plan_levels
from hwsim.simulation.memory import Plan, Wanted, followers, plan
from hwsim.workload.division import Slice

#: Types of memory in which nothing can be given a place: registers beside MACs, and caches, where what passes through decides what stays.
_PLACELESS = frozenset({"register", "regfile", "cache"})


@dataclass(frozen=True, slots=True)
class Kept:
    """What does not cross the chip's edge, by core, and the plans, innermost level first, those of a level by core."""

    residencies: tuple[Residency, ...]
    plans: tuple[Plan, ...]


def keep(prepared: Prepared, device: Device, placement: Placement, cores: int, keep_activations: bool) -> Kept:
    """Give addresses to what may stay on the chip between layers.

    cores : that the placement is for, 1 takes the device as it is. The network's own inputs and outputs always cross the edge.
    """
    core = one_core(device) if cores > 1 else device
    common = shared_levels(device) if cores > 1 else frozenset(memory.name for memory in device.memories)
    weights, held, notes = _weights(prepared, core, placement, cores, common)
    store = activation_store(core)
    if store is None or core.off_chip is None:
        empty = [Plan(store.name if store else "", None)]
        if core.off_chip is not None:
            every = _together([_wanted(prepared, placement, one) for one in range(cores)])
            empty.append(_off_chip(prepared, core.off_chip, every))
        return Kept(tuple(Residency(weights=names, notes=notes) for names in weights), tuple(empty))
    wanted = [_wanted(prepared, placement, one) for one in range(cores)]
    home: list[dict[str, str]] = [{} for _ in range(cores)]
    local = _local(placement)
    found: list[Plan] = []
    levels = homes(core)
    for shared in (False, True):
        group = [level for level in levels if (level.name in common) == shared]
        for one in [-1] if shared else range(cores):
            rooms = [_room(level, level is store, held[max(0, one)]) for level in group]
            asked = _together(wanted) if shared else wanted[one]
            here = [tensor for tensor in asked if shared or tensor.name in local]
            if keep_activations:
                plans = plan_levels(rooms, here, len(placement))
            else:
                plans = tuple(Plan(room.level, room.capacity, (), tuple(here)) for room in rooms)
            strange = tuple(tensor for tensor in asked if not shared and tensor.name not in local)
            number = one if cores > 1 else -1
            found += [replace(each, spilled=(*each.spilled, *strange), core=number) for each in plans]
            for each in range(cores) if shared else [one]:
                mine = {tensor.name for tensor in wanted[each]}
                for level in plans:
                    kept = [place.tensor.name for place in level.places if not place.tensor.must]
                    home[each] |= {name: level.level for name in kept if name in mine}
                wanted[each] = [tensor for tensor in wanted[each] if tensor.name not in home[each]]
    found.sort(key=lambda one: [level.name for level in levels].index(one.level))
    found.append(_off_chip(prepared, core.off_chip, _together(wanted)))
    order = [memory.name for memory in core.memories]
    outer = {name: frozenset(order[place + 1 :]) for place, name in enumerate(order)}
    residencies = tuple(
        Residency(frozenset(names), weights[one], notes, names, {name: outer[level] for name, level in names.items()})
        for one, names in enumerate(home)
    )
    return Kept(residencies, tuple(found))


def _room(level: Memory, outermost: bool, held: Mapping[str, int]) -> Room:
    """What a level has for tensors: all but its weights, or half of that where tiles pass through on their way to levels further out."""
    capacity = level_capacity(level, ("input", "output"))
    resident = held.get(level.name, 0) if shares_weights(level) else 0
    if not outermost and capacity is not None:
        capacity = resident + max(0, capacity - resident) // 2
    return Room(level.name, capacity, resident)


def waits_for_room(plans: Sequence[Plan]) -> dict[int, list[tuple[int, int]]]:
    """For what a layer waits before it writes where another tensor lay: by layer, pairs of a core (-1 for all) and a layer that reads or
    makes that tensor. Off the chip nobody waits for a place.
    """
    found: dict[int, list[tuple[int, int]]] = {}
    for one in plans:
        for after, before in [] if one.off_chip else followers(one):
            users = dict.fromkeys((before.made, before.used, *before.readers))
            found.setdefault(after.made, []).extend((one.core, user) for user in users)
    return found


def _off_chip(prepared: Prepared, level: Memory, activations: Sequence[Wanted]) -> Plan:
    """What lies off the chip: all weights, the network's inputs and outputs, and what finds no room on the chip."""
    tensors, last = prepared.network.tensors, max(0, len(prepared.priced) - 1)
    outside = _outside(prepared)
    made: dict[str, int] = {}
    used: dict[str, int] = {}
    parameters: dict[str, int] = {}
    for position, (_, work) in enumerate(prepared.priced):
        for name, _ in work.writes:
            made.setdefault(name, position)
            used[name] = last if name in outside else max(used.get(name, 0), position)
        for name, _ in work.reads:
            if tensors[name].role != "activation":
                parameters[name] = tensors[name].bytes
            used[name] = max(used.get(name, 0), position)
    ports = [
        Wanted(name, tensors[name].bytes, made.get(name, 0), used[name], tensors[name].bytes)
        for name in sorted(outside)
        if name in used
    ]
    weights = sum(parameters.values())
    kept = [Wanted("weights", weights, 0, last, weights, must=True)] if weights else []
    capacity = level_capacity(level, ("input", "output"))
    return replace(plan(level.name, capacity, [*kept, *ports, *activations]), off_chip=True)


def homes(core: Device) -> list[Memory]:
    """Levels on the chip that can hold tensors between layers, innermost first; the outermost that holds activations is the last."""
    store = activation_store(core)
    found = [
        memory
        for memory in core.memories
        if not memory.off_chip
        and memory is not store
        and memory.instances == 1
        and memory.type not in _PLACELESS
        and memory.keeps["input"] != "never"
        and memory.keeps["output"] != "never"
    ]
    return [*found, store] if store is not None else []


def _weights(
    prepared: Prepared, core: Device, placement: Placement, cores: int, common: frozenset[str]
) -> tuple[list[frozenset[str]], list[dict[str, int]], tuple[str, ...]]:
    """Names of weights that stay, and bytes of them by level, of each core; what streams, in words."""
    network = prepared.network
    stores = [memory for memory in core.memories if not memory.off_chip and "weight" in memory.retains]
    own = [memory for memory in stores if memory.name not in common]
    names: list[frozenset[str]] = []
    used: list[dict[str, int]] = []
    left: dict[str, tuple[int, int]] = {}
    for one in range(cores):
        asked: list[tuple[str, int, int]] = []
        for (_, work), pieces in zip(prepared.priced, placement, strict=True):
            whole = dict(work.reads)
            for piece in pieces:
                if piece.core == one:
                    asked += _held(piece, whole, prepared)
        found = resident_weights(asked, own)
        names.append(found.names)
        used.append(found.used)
        for name, size, read in asked:
            if name not in found.names:
                before = left.get(name, (0, 0))
                left[name] = (network.tensors[name].bytes if len(placement) else size, before[1] + read)
    everyone = resident_weights(
        [(name, size, read) for name, (size, read) in left.items()],
        [memory for memory in stores if memory.name in common],
    )
    notes: tuple[str, ...] = ()
    if stores and everyone.streaming:
        each = " a core" if cores > 1 else ""
        rooms = [
            f"{memory.name} ({level_capacity(memory, ('weight',)) or 0:,} B{each if memory in own else ''})"
            for memory in stores
        ]
        taken = sum(sum(found.values()) for found in (*used, everyone.used))
        notes = (streaming_note(everyone.streaming, rooms, taken),)
    return [mine | everyone.names for mine in names], [mine | everyone.used for mine in used], notes


def _held(piece: Piece, whole: dict[str, int], prepared: Prepared) -> list[tuple[str, int, int]]:
    """Weights of a piece: name, bytes that staying takes, bytes that it reads [B]."""
    found = []
    for name, size in piece.part.work.reads:
        tensor = prepared.network.tensors[name]
        if tensor.role != "activation":
            divided = 0 < size < whole[name] and whole[name] >= tensor.bytes
            found.append((name, -(-tensor.bytes * size // whole[name]) if divided else tensor.bytes, size))
    return found


def _outside(prepared: Prepared) -> set[str]:
    network, aliases = prepared.network, prepared.aliases
    return {aliases.get(name, name) for name in (*network.inputs, *network.outputs)}


def _wanted(prepared: Prepared, placement: Placement, core: int) -> list[Wanted]:
    """Activations that one layer makes and another reads, as much of them as a core makes or reads, in order of making.

    A tensor that the core only reads counts with what it reads.
    """
    outside = _outside(prepared)
    readers: dict[str, list[int]] = {}
    read: dict[str, int] = {}
    for position, pieces in enumerate(placement):
        for piece in pieces:
            for name, size in piece.part.work.reads:
                readers.setdefault(name, []).append(position)
                if piece.core == core:
                    read[name] = read.get(name, 0) + size
    found = []
    for position, pieces in enumerate(placement):
        sizes: dict[str, int] = {}
        whole: dict[str, int] = {}
        for piece in pieces:
            for name, size in piece.part.work.writes:
                whole[name] = whole.get(name, 0) + size
                if piece.core == core:
                    sizes[name] = sizes.get(name, 0) + size
        for name, total in whole.items():
            made = sizes.get(name, 0)
            users = tuple(sorted(set(readers.get(name, ()))))
            if name in outside or not users or users[-1] <= position or not (made or read.get(name)):
                continue
            stored = prepared.network.tensors[name].bytes
            size = stored if made == total else -(-stored * made // max(1, total))
            found.append(Wanted(name, size, position, users[-1], made + read.get(name, 0), readers=users))
    return found


def _together(wanted: Sequence[Sequence[Wanted]]) -> list[Wanted]:
    """What all cores want, a tensor once."""
    if len(wanted) == 1:
        return list(wanted[0])
    found: dict[str, Wanted] = {}
    for mine in wanted:
        for tensor in mine:
            known = found.get(tensor.name)
            found[tensor.name] = (
                tensor
                if known is None
                else replace(known, size=known.size + tensor.size, moved=known.moved + tensor.moved)
            )
    return sorted(found.values(), key=lambda tensor: tensor.made)


def _local(placement: Placement) -> set[str]:
    """Tensors of which every core needs only what it makes itself."""
    made: dict[str, dict[int, Slice | None]] = {}
    for pieces in placement:
        for piece in pieces:
            for name, _ in piece.part.work.writes:
                made.setdefault(name, {})[piece.core] = piece.part.made
    local = set(made)
    for pieces in placement:
        for piece in pieces:
            for name, _ in piece.part.work.reads:
                own = made.get(name, {}).get(piece.core)
                need = piece.part.needed.get(name)
                if own is None or need is None or not need.within(own):
                    local.discard(name)
    return local


def cores_for(device: Device, way: str) -> int:
    """Cores that a way of spreading a network uses on a device [1]: one where they are one array together."""
    return 1 if way == "together" else cores_of(device)
