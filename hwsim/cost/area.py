"""Area of a whole design, component by component, from technology alone; published areas stand beside it.

What is counted: multipliers and adders of every MAC, the flip-flops that latch their operands and results, every memory on the chip, the
switches that spread words from a memory to the instances inside of it, and the vector unit. Controllers, clock tree, wiring, test logic and
the space that placement leaves empty are a fraction of all of that, one for all chips (``technology/data/overhead.yaml`` says how it
was found). Pads, memory controllers and links to the outside are not modelled: a die is larger than its core.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from hwsim.device import Device, Memory, Network, Precision
from hwsim.device.technology import (
    Circuit,
    Estimated,
    Storage,
    Technology,
    mac,
    mac_unit,
    number_format,
    overhead_fraction,
    register,
    spread,
    storage,
)
from hwsim.errors import UsageError

Component = Literal["mac_array", "latches", "register_files", "buffers", "network", "vector", "controllers"]
#: Components in the order they are shown in.
COMPONENTS: tuple[Component, ...] = (
    "mac_array", "latches", "register_files", "buffers", "network", "vector", "controllers",
)  # fmt: skip
DEFAULT_FAMILY = "horowitz"
DEFAULT_WIDTH_BITS = 64
#: Types of memory that no table of storage on a chip describes.
UNDESCRIBED = frozenset({"edram", "flash", "host"})


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of block on the chip, all its instances together. area [m²]; leakage [W]; level : the memory level it belongs to."""

    name: str
    component: Component
    instances: int
    area: Estimated
    leakage: Estimated
    level: str = ""


@dataclass(frozen=True, slots=True)
class AreaBreakdown:
    """Estimated area of a design [m²], and what was published about it.

    parts : everything that is modelled. overhead : controllers and wiring over the sum of the parts [1]. published : areas of the
    profile by name (``core``, ``die``, ...) [m²]. unavailable : what is on the chip but could not be estimated, and why.
    """

    technology: Technology
    parts: tuple[Part, ...]
    overhead: Estimated
    published: Mapping[str, float]
    unavailable: tuple[str, ...] = ()

    @property
    def by_component(self) -> dict[Component, float]:
        """Area of each component, controllers included [m²]; parts sum to the total."""
        areas: dict[Component, float] = dict.fromkeys(COMPONENTS, 0.0)
        for part in self.parts:
            areas[part.component] += part.area.value
        areas["controllers"] = self.overhead.value * sum(areas.values())
        return areas

    @property
    def shares(self) -> dict[Component, float]:
        """Share of each modelled component in all of them, controllers and wiring spread over them in proportion [1]."""
        areas = self.by_component
        modelled = sum(areas.values()) - areas.pop("controllers")
        return {component: area / modelled for component, area in areas.items()}

    @property
    def total(self) -> float:
        """Area of the design without pads [m²]."""
        return sum(self.by_component.values())

    @property
    def interval(self) -> tuple[float, float] | None:
        """Total with the lowest and highest overhead that chips show [m²], None where that is not known."""
        if self.overhead.low is None or self.overhead.high is None:
            return None
        modelled = sum(part.area.value for part in self.parts)
        return modelled * (1 + self.overhead.low), modelled * (1 + self.overhead.high)

    @property
    def leakage(self) -> float:
        """Leakage of all parts [W]."""
        return sum(part.leakage.value for part in self.parts)

    @property
    def ratios(self) -> dict[str, float]:
        """Estimated over published area, by the name of the published one [1]."""
        return {name: self.total / published for name, published in self.published.items()}


def area(device: Device, technology: Technology | None = None, *, overhead: Estimated | None = None) -> AreaBreakdown:
    """Area of a device at a node, in a family of tables.

    technology : by default the profile's own node and family, or the ``horowitz`` family where it names none. overhead : fraction
    for controllers and wiring, by default the one for all chips. Published areas of an area budget or a single PE are left out: they are no
    chip's. Raises UsageError where the profile gives no node and none is asked for.
    """
    chosen = technology or own_technology(device)
    parts: list[Part] = []
    unavailable: list[str] = []
    parts.extend(_compute(device, chosen))
    for level in device.memories:
        _memory(device, level, chosen, parts, unavailable)
    parts.extend(_networks(device, chosen))
    published = {name: 1e-6 * value for name, value in device.area_mm2.items() if name in {"core", "die"}}
    return AreaBreakdown(
        chosen, tuple(parts), overhead or overhead_fraction(chosen.family), published, tuple(unavailable)
    )


def own_technology(device: Device) -> Technology:
    """Node, family and supply that a profile names; raises UsageError where it names no node."""
    if device.node_nm is None:
        raise UsageError(f"{device.name}: the profile gives no technology node (ask for one, like 28nm)")
    return Technology(device.node_nm, device.technology_family or DEFAULT_FAMILY, device.voltage_v)


def pe_pitch(device: Device, technology: Technology) -> float:
    """Edge of the square that one PE takes with its own storage, overhead included [m]."""
    found = area(device, technology)
    pes, inside = device.array.pes, {"mac_array", "latches", "register_files"}
    own = sum(part.area.value for part in found.parts if part.component in inside and part.instances >= pes)
    return math.sqrt(own * (1 + found.overhead.value) / pes)


def level_storage(level: Memory, technology: Technology) -> dict[frozenset[str], Storage | None]:
    """One instance of a level as it would be built, by the operands that share it; None for what no table describes.

    Banks are those of the whole level: pools have a share of them by size. A memory of type ``register`` is made of flip-flops.
    """
    found: dict[frozenset[str], Storage | None] = {}
    whole = sum(pool.capacity or 0 for pool in level.pools)
    for pool in level.pools:
        key = frozenset(str(name) for name in pool.operands)
        if not pool.capacity or level.off_chip or level.type in UNDESCRIBED:
            found[key] = None
            continue
        banks = max(1, round(level.banks * pool.capacity / whole))
        width = level.width_bits or min(DEFAULT_WIDTH_BITS, 8 * pool.capacity)
        ports = max(1, level.read_ports + level.write_ports + level.shared_ports)
        found[key] = storage(technology, pool.capacity, width, ports, banks, level.type == "register")
    return found


def unknown_because(level: Memory) -> str:
    """Why nothing can be said of a level that ``level_storage`` has nothing for, or of an off-chip one without an energy."""
    if level.off_chip or level.type in UNDESCRIBED:
        return f"no tables of {level.type}" if level.type else "the profile gives no memory type"
    return "the profile gives no capacity"


def _compute(device: Device, technology: Technology) -> Iterator[Part]:
    """MACs and their latches at the precision that takes most area, and the vector unit."""
    pes = device.array.pes
    logic = replace(technology, family=DEFAULT_FAMILY) if technology.family == "hcm" else technology
    units = [
        (
            _macs(precision, technology),
            _latches(device, precision, logic),
            precision,
        )
        for precision in device.precisions
    ]
    unit, latches, widest = max(units, key=lambda unit: unit[0].area.value)
    yield _part(f"MACs {widest.input} x {widest.weight} + {widest.accumulate}", "mac_array", pes, unit)
    if latches is not None and technology.family != "hcm":  # HCM's elements are whole
        yield _part("operand and result latches", "latches", pes, latches.times(widest.macs_per_pe_per_cycle))
    if device.vector is not None:
        lanes = max(1, round(device.vector.ops_per_s / device.clock_hz))
        yield _part("vector lanes", "vector", lanes, mac(logic, widest.accumulate))


def _macs(precision: Precision, technology: Technology) -> Circuit:
    floats = "float" in {number_format(name).kind for name in (precision.input, precision.weight)}
    other = (floats or precision.serial) and technology.family == "hcm"
    return mac_unit(replace(technology, family=DEFAULT_FAMILY) if other else technology, precision)


def _latches(device: Device, precision: Precision, technology: Technology) -> Circuit | None:
    """Flip-flops of one MAC: what the innermost level does not hold in registers of every PE anyway."""
    inner = device.memories[0] if device.memories else None
    held: set[str] = set()
    if inner is not None and inner.type == "register" and inner.instances >= device.array.pes:
        held = {str(name) for name, keep in inner.keeps.items() if keep != "never"}
    if precision.serial:  # its accumulator is part of the unit
        held.add("output")
    types = {"input": precision.input, "weight": precision.weight, "output": precision.accumulate}
    bits = sum(number_format(dtype).bits for name, dtype in types.items() if name not in held)
    return register(technology, bits) if bits else None


def _memory(device: Device, level: Memory, technology: Technology, parts: list[Part], unavailable: list[str]) -> None:
    if level.off_chip:
        return
    component: Component = "buffers"
    if level.instances >= device.array.pes or level.type in {"register", "regfile"}:
        component = "register_files"
    for operands, built in level_storage(level, technology).items():
        name = f"{level.name} ({'+'.join(sorted(operands))})"
        if built is None:
            unavailable.append(f"{name}: {unknown_because(level)}")
            continue
        many = level.instances
        parts.append(Part(name, component, many, built.area.times(many), built.leakage.times(many), level.name))


def _networks(device: Device, technology: Technology) -> Iterator[Part]:
    """Switches between each level and the next one inside that has more instances, the PEs being the last."""
    given = {(network.outer, network.inner): network for network in device.networks}
    instances = [device.array.pes, *(level.instances for level in device.memories)]
    names = ["PE", *(level.name for level in device.memories)]
    links = zip(pairwise(names), pairwise(instances), strict=True)
    for (inner, outer), (inside, outside) in links:
        children = inside // max(1, outside)
        if children < 2:
            continue
        bits = _link_bits(device, given.get((outer, inner)))
        yield _part(f"{outer} to {inner}", "network", outside, spread(technology, bits, children))


def _link_bits(device: Device, network: Network | None) -> int:
    """Width of the wires of all operands together [bit]: what the profile gives a cycle, else one word of each."""
    precision = device.precisions[0]
    words = {"input": precision.input, "weight": precision.weight, "output": precision.accumulate}
    rates = {str(name): rate for name, rate in network.bandwidth.items()} if network else {}
    bits = sum(
        8 * rates[name] / device.clock_hz if name in rates else number_format(word).bits for name, word in words.items()
    )
    return max(1, round(bits))


def _part(name: str, component: Component, instances: int, circuit: Circuit) -> Part:
    return Part(name, component, instances, circuit.area.times(instances), circuit.leakage.times(instances))
