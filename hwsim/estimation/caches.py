"""Which caches of a CPU a layer finds its tensors in.

A cache keeps what was touched last (LRU, as a stack distance: Mattson et al., IBM Systems Journal 9(2), 1970). A tensor is as far away as
all that was touched since it was touched before; a level serves of it what fits, as a share, since layers go through their tensors from
front to back beside others and replacement is not quite LRU. Weights and the network's inputs were last touched in the inference
before: all weights, and the memory that activations share, lie between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from hwsim.device import Device
from hwsim.graph import Layer, Network
from hwsim.graph.operators import ELEMENTWISE
from hwsim.workload import Work


@dataclass(frozen=True, slots=True)
class Reach:
    """How far away tensors are. once : bytes touched between one inference and the next [B]. read, written : by layer and tensor, bytes
    touched since the tensor, or the memory that it is put into, was touched last [B]; 0 for a result that takes an operand's place.
    beside : layers that run in one kernel with another (slices of one tensor).
    """

    once: float = 0.0
    read: Mapping[tuple[str, str], float] = field(default_factory=dict)
    written: Mapping[tuple[str, str], float] = field(default_factory=dict)
    beside: frozenset[str] = frozenset()


def reach(network: Network, priced: Sequence[tuple[Layer, Work]]) -> Reach:
    """Distances of all that the layers read and write, in their order."""
    tensors = network.tensors
    works = [work for _, work in priced]
    held = {name: size for work in works for name, size in work.reads if tensors[name].role != "activation"}
    touched = [float(sum(size for _, size in (*work.reads, *work.writes))) for work in works]
    before = [0.0, *accumulate(touched)]
    room = _Room(network, works)
    once = float(sum(held.values())) + room.most

    def since(first: int | None, place: int) -> float:
        """Bytes touched between two layers, half of what they touch themselves included; all of it where the first was an inference ago."""
        if first is None:
            return once
        return min(once, before[place] - before[first + 1] + (touched[first] + touched[place]) / 2)

    last: dict[str, int] = {}
    read: dict[tuple[str, str], float] = {}
    written: dict[tuple[str, str], float] = {}
    for place, (layer, work) in enumerate(priced):
        for name, _ in work.reads:
            read[layer.name, name] = since(last.get(name) if tensors[name].role == "activation" else None, place)
        taken = room.place_of(layer, work, place)
        for name, _ in work.writes:
            written[layer.name, name] = 0.0 if taken is place else since(taken, place)
        last.update(dict.fromkeys((name for name, _ in (*work.reads, *work.writes)), place))
    return Reach(once, read, written, _beside(priced))


def _beside(priced: Sequence[tuple[Layer, Work]]) -> frozenset[str]:
    seen: set[str] = set()
    found = []
    for layer, _ in priced:
        if layer.op == "Slice" and layer.inputs:
            if layer.inputs[0] in seen:
                found.append(layer.name)
            seen.add(layer.inputs[0])
    return frozenset(found)


class _Room:
    """The memory that activations share: a result is put into the block used last that holds it, else into several such, and the
    rest stays free.

    most : bytes that are alive at once [B].
    """

    def __init__(self, network: Network, works: Sequence[Work]) -> None:
        self._tensors = network.tensors
        self._outside = {*network.inputs, *network.outputs}
        self._last = {name: place for place, work in enumerate(works) for name, _ in (*work.reads, *work.writes)}
        self._free: list[tuple[int, int]] = []
        self.most = self._alive(works)

    def _alive(self, works: Sequence[Work]) -> int:
        live = most = 0
        alive: set[str] = set()
        for place, work in enumerate(works):
            names = dict.fromkeys(name for name, _ in (*work.reads, *work.writes))
            for name in names:
                if self._tensors[name].role == "activation" and name not in alive:
                    alive.add(name)
                    live += self._tensors[name].bytes
            most = max(most, live)
            live -= sum(self._tensors[name].bytes for name in names if name in alive and self._last[name] == place)
        return most

    def place_of(self, layer: Layer, work: Work, place: int) -> int | None:
        """The layer that touched the block last into which this one puts its result, itself where it takes an operand's place; None for
        memory that was touched an inference ago.
        """
        dying = [
            name
            for name in dict.fromkeys(name for name, _ in work.reads)
            if self._tensors[name].role == "activation" and self._last[name] == place and name not in self._outside
        ]
        size = sum(self._tensors[name].bytes for name, _ in work.writes)
        own = next((name for name in dying if layer.op in ELEMENTWISE and self._tensors[name].bytes == size), None)
        found: int | None = place
        if own is None:
            found = self._take(size)
        self._free += [(self._tensors[name].bytes, place) for name in dying if name != own]
        return found

    def _take(self, size: int) -> int | None:
        fitting = [block for block in self._free if block[0] >= size]
        if fitting:
            taken = [max(fitting, key=lambda block: (block[1], -block[0]))]
        else:
            taken, found = [], 0
            for block in sorted(self._free, key=lambda block: -block[1]):
                taken.append(block)
                found += block[0]
                if found >= size:
                    break
            if found < size:
                return None
        for block in taken:
            self._free.remove(block)
        oldest = taken[-1][1]
        left = sum(block[0] for block in taken) - size
        if left:
            self._free.append((left, oldest))
        return oldest


def shares(distance: float, device: Device) -> dict[str, float]:
    """Shares of a tensor that come from each level of cache and from off the chip, by name; they sum to 1 [1]."""
    found: dict[str, float] = {}
    served, used = 0.0, device.kernels.cache_share if device.kernels else 1.0
    for memory in device.memories:
        if memory.off_chip or memory.capacity is None:
            fits = 1.0
        elif memory.type == "cache":
            fits = min(1.0, used * memory.capacity * memory.instances / max(distance, 1.0))
        else:
            continue
        found[memory.name] = max(0.0, fits - served)
        served = max(served, fits)
    return found
