"""Energies that a profile does not give, estimated from technology and marked so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from hwsim.cost.area import DEFAULT_FAMILY, area, level_storage, pe_pitch, unknown_because
from hwsim.device import Device, Memory, Network, Precision
from hwsim.device.records import Operand
from hwsim.device.technology import (
    Estimated,
    Technology,
    adder,
    mac_energies,
    mac_unit,
    off_chip_energy,
    off_chip_types,
    wire_energy,
)
from hwsim.errors import UsageError


@dataclass(slots=True)
class _Filled:
    """What was estimated so far, by dotted key in the unit of the key, and what could not be."""

    source: str
    quantities: dict[str, tuple[float, str, str]] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    beyond: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, key: str, estimate: Estimated, factor: float, unit: str) -> float:
        """Note an estimate under its key; ``factor`` brings SI to the unit of the key. Returns its value in SI."""
        self.quantities[key] = (estimate.value * factor, unit, self.source)
        if estimate.low is not None and estimate.high is not None:
            self.intervals[key] = (estimate.low * factor, estimate.high * factor)
        if estimate.extrapolated:
            self.beyond.append(key)
        return estimate.value


def with_technology(device: Device, node_nm: float | None = None, family: str = "") -> Device:
    """The device with every energy that its profile does not give estimated from technology tables.

    node_nm, family : of the tables, by default the profile's own, and ``horowitz`` where it names no family. A number of the profile
    always wins: only what is None, or a hop that is not given, is filled in. Every estimate stands in ``quantities`` with the source
    ``technology:<family>@<node>`` and the quality ``estimated``, in ``intervals`` where its range is known (the families' own for
    MACs), and in ``notes`` where it lies outside of the tables; what no table describes stays None and is named in ``notes``.

    The supply is the profile's at its own node, else the one that the tables stand for. Filled in are mac_j, op_j (an addition of the
    first accumulator's type), read_j and write_j of each memory, hop_j (over the pitch of the instances inside), static_w, and an
    area called ``estimated`` where none of core, chip or die is published.
    Raises UsageError for an unknown node or family, or where neither the profile nor the caller gives a node.
    """
    node = device.node_nm if node_nm is None else node_nm
    if node is None:
        raise UsageError(f"{device.name}: the profile gives no technology node (ask for one, like 28nm)")
    asked = family or device.technology_family or DEFAULT_FAMILY
    technology = Technology(node, asked, device.voltage_v if node == device.node_nm else None)
    filled = _Filled(technology.label)
    if asked == "hcm":  # describes areas alone
        technology = replace(technology, family=DEFAULT_FAMILY)
        filled = _Filled(technology.label, notes=[f"the hcm family has no energies: estimated with {DEFAULT_FAMILY}"])
    if device.node_nm not in {None, node}:
        filled.notes.append(f"missing energies are of {node:g} nm, the profile's own node is {device.node_nm:g} nm")
    result = replace(
        device,
        precisions=tuple(_precision(precision, technology, filled) for precision in device.precisions),
        memories=tuple(_memory(level, technology, filled) for level in device.memories),
        networks=_networks(device, technology, filled),
        node_nm=node if device.node_nm is None else device.node_nm,
        technology_family=asked,
    )
    if device.vector is not None and device.vector.op_j is None and device.precisions:
        accumulate = device.precisions[0].accumulate
        operation = adder(technology, accumulate).energy
        assert operation is not None
        joules = filled.add("compute.vector.op_pj", operation, 1e12, "pJ")
        result = replace(result, vector=replace(device.vector, op_j=joules))
    if device.static_w is None and "idle" not in device.power_w:
        leakage = _leakage(device, technology)
        result = replace(result, static_w=filled.add("power.static_mw", leakage, 1e3, "mW"))
    if not {"core", "chip", "die"} & set(device.area_mm2):
        areas = {
            **device.area_mm2,
            "estimated": 1e6 * filled.add("area.estimated_mm2", _area(device, technology), 1e6, "mm²"),
        }
        result = replace(result, area_mm2=areas)
    if device.host is not None and device.host.j_per_byte is None:
        filled.notes.append("host: no tables of link energy")
    return _marked(result, filled)


def _marked(device: Device, filled: _Filled) -> Device:
    if filled.beyond:
        filled.notes.append(f"{filled.source} extrapolates its tables for {', '.join(filled.beyond)}")
    return replace(
        device,
        quantities={**device.quantities, **filled.quantities},
        qualities={**device.qualities, **dict.fromkeys(filled.quantities, "estimated")},
        intervals={**device.intervals, **filled.intervals},
        notes=(*device.notes, *filled.notes),
    )


def _precision(precision: Precision, technology: Technology, filled: _Filled) -> Precision:
    if precision.mac_j is not None:
        return precision
    energy = mac_unit(technology, precision).energy
    assert energy is not None
    others = [other.value for other in mac_energies(technology, precision).values()]
    name = precision.input if precision.input == precision.weight else f"{precision.input}_{precision.weight}"
    spread = replace(energy, low=min(others), high=max(others))
    return replace(precision, mac_j=filled.add(f"compute.precisions.{name}.mac_pj", spread, 1e12, "pJ"))


def _memory(level: Memory, technology: Technology, filled: _Filled) -> Memory:
    read, write = _access(level, technology, filled)
    return replace(
        level,
        read_j=_by_operand(level, "read", level.read_j, read, filled),
        write_j=_by_operand(level, "write", level.write_j, write, filled),
    )


def _by_operand(
    level: Memory,
    direction: str,
    given: Mapping[Operand, float] | None,
    found: Mapping[str, Estimated],
    filled: _Filled,
) -> Mapping[Operand, float] | None:
    """Energies per byte of the operands that a level keeps: as given, else as found; None while none is known.

    Operands that share an estimate share a key, as in a profile: ``read_pj_per_byte``, or ``read_pj_per_byte.input+output``.
    """
    energies: dict[Operand, float] = dict(given or {})
    missing = [operand for operand, keep in level.keeps.items() if keep != "never" and operand not in energies]
    alike: dict[Estimated | None, list[Operand]] = {}
    for operand in missing:
        alike.setdefault(found.get(operand), []).append(operand)
    for estimate, operands in alike.items():
        key = f"memory.{level.name}.{direction}_pj_per_byte"
        if energies or len(alike) > 1:
            key += "." + "+".join(operands)
        if estimate is None:
            filled.notes.append(f"{key}: not known ({unknown_because(level)}; --set gives it)")
        else:
            energies |= dict.fromkeys(operands, filled.add(key, estimate, 1e12, "pJ/B"))
    return energies or given


def _access(
    level: Memory, technology: Technology, filled: _Filled
) -> tuple[dict[str, Estimated], dict[str, Estimated]]:
    """Energy of reading and of writing one byte of each operand [J/B], of those that tables describe."""
    if level.off_chip:
        if level.type not in off_chip_types():
            return {}, {}
        if level.type == "host" and (level.read_j is None or level.write_j is None):
            filled.notes.append(f"memory.{level.name}: priced as DDR4 (assumed), its link left out")
        both = dict.fromkeys(map(str, level.keeps), off_chip_energy(level.type).times(8))
        return both, both
    read: dict[str, Estimated] = {}
    write: dict[str, Estimated] = {}
    for operands, built in level_storage(level, technology).items():
        if built is not None:
            read |= dict.fromkeys(operands, built.read.times(8 / built.width_bits))
            write |= dict.fromkeys(operands, built.write.times(8 / built.width_bits))
    return read, write


def _networks(device: Device, technology: Technology, filled: _Filled) -> tuple[Network, ...]:
    """The networks of the profile, and one wherever a level has several instances inside and the profile names none, with hops."""
    given = {(network.outer, network.inner): network for network in device.networks}
    for inside, outside in pairwise(device.memories):
        if inside.instances > outside.instances and not outside.off_chip:
            given.setdefault((outside.name, inside.name), Network(outside.name, inside.name))
    instances = {level.name: level.instances for level in device.memories}
    pitch = pe_pitch(device, technology) if given else 0.0
    found = []
    for (outer, inner), network in given.items():
        name = f"network.{outer}_{inner}.hop_pj_per_"
        if network.hop_j or any(key.startswith(name) for key in device.quantities):
            found.append(network)
            continue
        edge = pitch * (device.array.pes / instances[inner]) ** 0.5
        hop = wire_energy(technology, edge).times(8)
        found.append(replace(network, hop_j=filled.add(f"{name}byte", hop, 1e12, "pJ/B")))
    return tuple(found)


def _leakage(device: Device, technology: Technology) -> Estimated:
    """Leakage of everything on the chip [W] but of the memories that the profile gives it for."""
    known = {level.name for level in device.memories if level.leakage_w is not None}
    parts = [part.leakage for part in area(device, technology).parts if part.level not in known]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _area(device: Device, technology: Technology) -> Estimated:
    """Area of everything that can be estimated, controllers and wiring included [m²], with the range that chips show."""
    found = area(device, technology)
    low, high = found.interval or (None, None)
    beyond = any(part.area.extrapolated for part in found.parts)
    return replace(found.parts[0].area, value=found.total, low=low, high=high, extrapolated=beyond)
