"""Chip: a device as engines and lanes, and the demand of a layer as a stream on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hwsim.device import Device, Memory
from hwsim.device.records import Operand
from hwsim.simulation.program import Lane, Program, Stream
from hwsim.simulation.tiles import Share, blocks

#: Kinds of device whose vector unit is the MAC unit.
_ONE_UNIT = ("cpu", "mcu")
#: Kinds of device that run one layer at a time, whatever unit it needs.
_ONE_QUEUE = ("cpu", "mcu", "gpu")


NOTHING = Share(0.0)
NO_STORE = Share(0.0, last=True)


@dataclass(frozen=True, slots=True)
class Demand:
    """What one stream asks of a chip, all its tiles together [cycle].

    weights, inputs : loads from off the chip of what is known beforehand, and of what other layers make. store : to off the chip.
    compute : of the MAC array. vector : of the vector unit. feeds : of each level on the chip by name, and of ``network``. launch : before
    the first tile. tiles : [1]. gates : streams that make its inputs, by position. beside : runs on the vector unit's lane. layers :
    positions of those it is of. core : whose lane it runs on.
    """

    name: str
    tiles: int = 1
    weights: Share = NOTHING
    inputs: Share = NOTHING
    compute: Share = NOTHING
    vector: Share = NOTHING
    store: Share = NO_STORE
    feeds: Mapping[str, float] = field(default_factory=dict)
    launch: float = 0.0
    gates: tuple[int, ...] = ()
    beside: bool = False
    layers: tuple[int, ...] = (0,)
    core: int = 0


@dataclass(frozen=True, slots=True)
class Chip:
    """Engines and lanes of a device. stages, engines : names; lanes : those of the cores, then those of vector units where there are any.

    vector_lanes : their numbers by core, none where vector work stands in the cores' queues. one_unit : vector operations run on the MACs.
    buffers : tiles of inputs, weights and outputs that the outermost buffers hold [1]. serial : off-chip transfers do not hide.
    barrier : a layer begins when the one before it on its lane is finished. setup : of each transfer of a tile over the edge [cycle].
    """

    stages: tuple[str, ...]
    engines: tuple[str, ...]
    lanes: tuple[Lane, ...]
    vector_lanes: tuple[int, ...]
    one_unit: bool
    buffers: tuple[int, int, int]
    serial: bool
    barrier: bool
    setup: float = 0.0

    def program(self, demands: Sequence[Demand]) -> Program:
        """The streams of some demands, which stand in a topological order."""
        return Program(self.stages, self.engines, self.lanes, tuple(self._stream(demand) for demand in demands))

    def _stream(self, demand: Demand) -> Stream:
        vector = demand.vector
        compute = demand.compute
        if self.one_unit:
            compute, vector = Share(compute.cycles + vector.cycles), NOTHING
        shares = {
            "weights": replace(demand.weights, setup=self.setup),
            "inputs": replace(demand.inputs, setup=self.setup),
            "compute": compute,
            "vector": vector,
            "store": replace(demand.store, setup=self.setup),
        } | {f"feed {name}": Share(cycles) for name, cycles in demand.feeds.items()}
        numbered = {
            self.stages.index(name): share for name, share in shares.items() if name in self.stages and share.cycles
        }
        inputs, weights, outputs = (1, 1, 1) if self.serial else self.buffers
        return Stream(
            demand.name,
            self.vector_lanes[demand.core] if demand.beside and self.vector_lanes else demand.core,
            blocks(demand.tiles, numbered, len(self.stages), demand.launch),
            (
                demand.weights.every * (weights - 1) + 1,
                demand.inputs.every * (inputs - 1) + 1,
                demand.store.every * (outputs - 1) + 1,
            ),
            serial=self.serial,
            barrier=self.barrier,
            gates=demand.gates,
            layers=demand.layers,
        )


def chip(device: Device, cores: int = 1, shared: frozenset[str] = frozenset()) -> Chip:
    """A chip of ``cores`` equal cores, each with an array, a vector unit and levels as ``device`` has them, and lanes of its own.

    shared : levels on the chip that all cores share, and with them the wires from those; off the chip they share everything.
    Off the chip one engine moves everything where the level's bandwidth is shared, else one reads and one writes. Levels on the chip and
    wires are engines where the profile gives their bandwidth; a level's ports count as one, as busy as the busiest. A level that is
    ``overlapped`` holds the tile at work and the next one, or as many as ``buffering`` says where it says more.
    """
    off_chip = device.off_chip
    feeds = feed_names(device, shared if cores > 1 else frozenset())
    stages = (
        "launch",
        "weights",
        "inputs",
        "compute",
        *(f"feed {name}" for name, _ in feeds),
        "vector",
        "retire",
        "store",
    )
    engines: list[str] = ["launch"]
    reads = writes = -1
    if off_chip is not None and _limited(off_chip):
        if off_chip.shared_bandwidth is not None:
            engines.append(off_chip.name)
            reads = writes = 1
        else:
            engines += [f"{off_chip.name} read", f"{off_chip.name} write"]
            reads, writes = 1, 2
    common = {name: len(engines) + place for place, name in enumerate(name for name, all_ in feeds if all_)}
    engines += common
    one_unit = device.kind in _ONE_UNIT
    lanes: list[Lane] = []
    for core in range(cores):
        end = f" {core}" if cores > 1 else ""
        vector = -1
        if device.vector is not None and not one_unit:
            vector = len(engines)
            engines.append(f"vector{end}")
        mac = len(engines)
        engines.append(f"mac{end}")
        ports: list[int] = []
        for name, all_ in feeds:
            ports.append(common[name] if all_ else len(engines))
            engines += [] if all_ else [f"{name}{end}"]
        own = vector if vector >= 0 else mac
        lanes.append(Lane(f"core{end}", (0, reads, reads, mac, *ports, own, -1, writes), core))
    vector_lanes: tuple[int, ...] = ()
    if device.kind not in _ONE_QUEUE and device.vector is not None and not one_unit:
        vector_lanes = tuple(range(cores, 2 * cores))
        ends = [f" {core}" if cores > 1 else "" for core in range(cores)]
        lanes += [Lane(f"vector{end}", lanes[core].engines, core) for core, end in enumerate(ends)]
    return Chip(
        stages,
        tuple(engines),
        tuple(lanes),
        vector_lanes,
        one_unit,
        (_depth(device, "input"), _depth(device, "weight"), _depth(device, "output")),
        serial=off_chip is not None and not off_chip.overlapped,
        barrier=device.overheads.kernel_s > 0,
        setup=off_chip.setup_cycles if off_chip is not None else 0.0,
    )


def feed_names(device: Device, shared: frozenset[str]) -> list[tuple[str, bool]]:
    """What feeds the array on the chip and has a bandwidth: levels, wires, and the wires from levels that cores share; whether shared."""
    inside = [memory.name for memory in device.memories if not memory.off_chip and _limited(memory)]
    feeds = [(name, name in shared) for name in inside]
    wires = [network.outer for network in device.networks if network.bandwidth]
    own = [name for name in wires if name not in shared]
    feeds += [("network", False)] if own else []
    return feeds + [(f"network of {name}", True) for name in dict.fromkeys(wires) if name in shared]


def _depth(device: Device, operand: Operand) -> int:
    """Tiles of an operand that the outermost level on the chip that keeps it holds [1]."""
    homes = [memory for memory in device.memories if not memory.off_chip and memory.keeps[operand] != "never"]
    return max(2, homes[-1].buffering) if homes else 2


def _limited(memory: Memory) -> bool:
    rates = (memory.shared_bandwidth, memory.read_bandwidth, memory.write_bandwidth)
    return any(rate is not None for rate in rates)


def tiles_that_fit(device: Device, moved: float) -> int:
    """Tiles into which ``moved`` bytes over the chip's edge are cut where no mapping says it [1].

    As few as fit the outermost buffer that holds activations with another tile beside; on a cache, which moves lines, ``CACHE_TILES``, so
    that next to nothing of the first and last transfer shows.
    """
    inner = [memory for memory in device.memories if not memory.off_chip]
    buffers = [memory for memory in inner if memory.keeps["input"] != "never" and memory.keeps["output"] != "never"]
    if not buffers:
        return 1
    store = buffers[-1]
    if store.type == "cache" or device.kind in _ONE_QUEUE:
        return CACHE_TILES
    if store.capacity is None:
        return 1
    return max(1, math.ceil(moved / (store.capacity * store.instances / max(2, store.buffering))))


#: Tiles of a layer on a cache: lines are much smaller than tensors; of 256 tiles the first and the last leave 1/128 exposed.
CACHE_TILES = 256
