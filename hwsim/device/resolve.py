"""From a validated profile to the Device record: units become SI, names become meshes, and what cannot be is reported."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from hwsim.device import schema
from hwsim.device.hcm import FITTED_BITS, pe_area_um2, pes_in
from hwsim.device.keys import unit
from hwsim.device.records import (
    Array,
    Dataflow,
    Device,
    Host,
    Keep,
    LevelConstraint,
    Memory,
    Network,
    Operand,
    Overheads,
    Pool,
    Precision,
    Sparsity,
    Vector,
)
from hwsim.device.yaml_reader import Steps
from hwsim.errors import nearest

Findings = list[tuple[Steps, str]]


@dataclass(slots=True)
class _Context:
    """clock_hz : [Hz]; energy_scale : factor on dynamic energies of the chip, (V / nominal V)² [1]."""

    clock_hz: float
    array: Array
    energy_scale: float = 1.0
    found: Findings = field(default_factory=list)


def resolve(profile: schema.Profile, energy_scale: float = 1.0) -> tuple[Device, Findings]:
    """The Device of a profile, and what is inconsistent in it (then the Device is not to be used).

    energy_scale : on the energies of the chip, not of off-chip memory and host [1].
    """
    found: Findings = []
    notes = list(profile.notes)
    array = _array(profile, found, notes)
    context = _Context(_si(profile, "clock_mhz") or 0.0, array, energy_scale, found)
    memories = tuple(_memory(memory, context) for memory in profile.memory)
    _check_memories(memories, context)
    precisions = _precisions(profile, context)
    power = _power(profile.power)
    technology = profile.technology or schema.Technology()
    device = Device(
        name=profile.name,
        kind=profile.kind,
        description=profile.description,
        clock_hz=context.clock_hz,
        array=array,
        precisions=precisions,
        memories=memories,
        vector=_vector(profile.compute.vector, context),
        networks=tuple(_network(network, memories, context) for network in profile.network),
        dataflow=_dataflow(profile.dataflow, memories, context),
        overheads=_overheads(profile.overheads, memories, context),
        sparsity=_sparsity(profile.sparsity),
        host=_host(profile.host),
        node_nm=_si(technology, "node_nm"),
        voltage_v=_si(technology, "voltage_v"),
        technology_family=technology.family,
        area_mm2=_areas(profile),
        static_w=power.pop("static", None),
        power_w=power,
        pe_kernel=(profile.pe.kernel[0], profile.pe.kernel[1]) if profile.pe else None,
        pe_bits=int(profile.pe.bits.value) if profile.pe else None,
        operating_points=tuple(point.name for point in profile.operating_points),
        operating_point=profile.operating_point or "",
        notes=tuple(notes),
    )
    return device, found


def _si(section: BaseModel | None, *keys: str) -> float | None:
    """The first of several alternative keys that is given, in SI."""
    for key in keys:
        quantity = getattr(section, key, None)
        if isinstance(quantity, schema.Quantity):
            return quantity.value * unit(key)[1]
    return None


def _whole(quantity: schema.Quantity | None, otherwise: int) -> int:
    return otherwise if quantity is None else int(quantity.value)


def _operands(key: str) -> frozenset[Operand]:
    return frozenset(name for name in schema.OPERANDS if name in key.split("+"))


def _by_operand(values: Mapping[str, schema.Quantity], factor: float) -> dict[Operand, float]:
    return {name: quantity.value * factor for key, quantity in values.items() for name in sorted(_operands(key))}


def _array(profile: schema.Profile, found: Findings, notes: list[str]) -> Array:
    grid, pe = profile.compute.pe_array, profile.pe
    cores = _whole(profile.compute.cores, 1)
    if pe is not None:
        bits, kernel = pe.bits.value, (pe.kernel[0], pe.kernel[1])
        if not FITTED_BITS[0] <= bits <= FITTED_BITS[1]:
            notes.append(f"PE area of {bits:g} bits extrapolates a fit of {FITTED_BITS[0]} to {FITTED_BITS[1]} bits")
        if kernel != (3, 3):
            notes.append(f"PE area of a {kernel[0]}×{kernel[1]} kernel extrapolates a fit of 3×3")
        if grid is None and profile.area_budget_mm2 is not None:
            side = pes_in(profile.area_budget_mm2.value, pe_area_um2(bits, kernel, pe.area_fit))
            if side < 1:
                found.append((("area_budget_mm2",), "smaller than one PE"))
            return Array(max(side, 1), max(side, 1), cores)
    if grid is None:
        missing = "area_budget_mm2" if pe is not None else "compute.pe_array"
        found.append(((), f"{missing}: missing" + ("" if pe is not None else " (or pe with area_budget_mm2)")))
        return Array(1, 1, cores)
    return Array(int(grid.x.value), int(grid.y.value), cores)


def _precisions(profile: schema.Profile, context: _Context) -> tuple[Precision, ...]:
    given = profile.compute.precisions
    if given is None:
        if profile.pe is None:
            context.found.append((("compute",), "precisions missing: what a PE does in a cycle, by operand types"))
            return ()
        dtype = f"int{int(profile.pe.bits.value)}"
        return (Precision(dtype, dtype, "int32", float(profile.pe.kernel[0] * profile.pe.kernel[1])),)
    return tuple(_precision(precision, context) for precision in given)


def _precision(given: schema.Precision, context: _Context) -> Precision:
    energy = _si(given, "mac_pj")
    integers = given.input.startswith(("int", "uint"))
    return Precision(
        input=given.input,
        weight=given.weight,
        accumulate=given.accumulate or ("int32" if integers else "float32"),
        macs_per_pe_per_cycle=given.macs_per_pe_per_cycle.value,
        mac_j=None if energy is None else energy * context.energy_scale,
        tile=(given.tile[0], given.tile[1], given.tile[2]) if given.tile else None,
        efficiency=given.efficiency.value if given.efficiency else 1.0,
        published_ops_per_s=_si(given, "peak_tops"),
    )


def _vector(given: schema.Vector | None, context: _Context) -> Vector | None:
    if given is None:
        return None
    energy = _si(given, "op_pj")
    return Vector(
        ops_per_s=given.ops_per_cycle.value * context.clock_hz,
        by_function={name: rate.value * context.clock_hz for name, rate in given.by_function.items()},
        op_j=None if energy is None else energy * context.energy_scale,
    )


def _mesh(given: schema.Memory, context: _Context) -> tuple[int, int]:
    array = context.array
    columns, rows = array.x * array.cores, array.y
    if given.mesh is not None:
        mesh = int(given.mesh.x.value), int(given.mesh.y.value)
        if columns % mesh[0] or rows % mesh[1]:
            message = f"{mesh[0]} × {mesh[1]} instances do not divide the {columns} × {rows} PEs"
            context.found.append((("memory", given.name, "mesh"), message))
        return mesh
    by_name = {
        "pe": (columns, rows),
        "sm": (columns, rows),
        "row": (array.cores, rows),
        "column": (columns, 1),
        "core": (array.cores, 1),
        "chip": (1, 1),
    }
    return by_name[given.per or "chip"]


def _capacities(given: schema.Memory) -> dict[frozenset[Operand], int]:
    for key in ("capacity_bytes", "capacity_kib", "capacity_mib", "capacity_gib"):
        values = getattr(given, key)
        if values is not None:
            return {_operands(names): int(quantity.value * unit(key)[1]) for names, quantity in values.items()}
    return {}


def _keeps(given: schema.Memory, pools: Mapping[frozenset[Operand], int], context: _Context) -> dict[Operand, Keep]:
    stored = frozenset().union(*pools) if pools else frozenset(schema.OPERANDS)
    keeps: dict[Operand, Keep] = {name: "always" if name in stored else "never" for name in schema.OPERANDS}
    for name, keep in (given.keeps or {}).items():
        if keep != "never" and name not in stored:
            context.found.append((("memory", given.name, "keeps"), f"keeps {name}, for which it has no capacity"))
        keeps[name] = keep
    if all(keep == "never" for keep in keeps.values()):
        context.found.append((("memory", given.name), "keeps no operand at all"))
    for name in given.retains:
        if keeps[name] == "never":
            context.found.append((("memory", given.name, "retains"), f"retains {name}, which it does not keep"))
    return keeps


def _ported(given: schema.Memory, ports: schema.Quantity | None, clock_hz: float) -> float | None:
    if ports is None or given.width_bits is None:
        return None
    return ports.value * given.width_bits.value / 8 * clock_hz


def _bandwidths(given: schema.Memory, clock_hz: float) -> tuple[float | None, float | None, float | None]:
    """Read, write and shared bandwidth of one instance [B/s]: as given, else ports times their width."""

    def rate(per_cycle: str, *per_second: str) -> float | None:
        cycles = _si(given, per_cycle)
        return cycles * clock_hz if cycles is not None else _si(given, *per_second)

    read = rate("read_bytes_per_cycle", "read_gb_per_s")
    write = rate("write_bytes_per_cycle", "write_gb_per_s")
    shared = rate("bytes_per_cycle", "bandwidth_gb_per_s", "bandwidth_gbit_per_s")
    if read is None and write is None and shared is None and given.ports is not None:
        ports = given.ports
        return tuple(_ported(given, port, clock_hz) for port in (ports.read, ports.write, ports.shared))  # type: ignore[return-value]
    return read, write, shared


def _energy(given: schema.Memory, direction: str, scale: float) -> dict[Operand, float] | None:
    for key in (f"{direction}_pj_per_byte", f"{direction}_pj_per_bit", "pj_per_byte", "pj_per_bit"):
        values = getattr(given, key)
        if values is not None:
            return _by_operand(values, unit(key)[1] * scale)
    return None


def _memory(given: schema.Memory, context: _Context) -> Memory:
    pools = _capacities(given)
    keeps = _keeps(given, pools, context)
    kept = frozenset(name for name, keep in keeps.items() if keep != "never")
    mesh_x, mesh_y = _mesh(given, context)
    read, write, shared = _bandwidths(given, context.clock_hz)
    scale = 1.0 if given.off_chip else context.energy_scale
    ports = given.ports or schema.Ports()
    return Memory(
        name=given.name,
        mesh_x=mesh_x,
        mesh_y=mesh_y,
        pools=tuple(Pool(names, size) for names, size in pools.items()) or (Pool(kept, None),),
        keeps=keeps,
        off_chip=given.off_chip,
        buffering=_whole(given.buffering, 1),
        read_bandwidth=read,
        write_bandwidth=write,
        shared_bandwidth=shared,
        read_j=_energy(given, "read", scale),
        write_j=_energy(given, "write", scale),
        block=_whole(given.block_bytes, 0),
        overlapped=given.overlapped,
        retains=frozenset(given.retains),
        efficiency=given.efficiency.value if given.efficiency else 1.0,
        leakage_w=_si(given, "leakage_mw"),
        type=given.type or "",
        read_ports=_whole(ports.read, 0),
        write_ports=_whole(ports.write, 0),
        shared_ports=_whole(ports.shared, 0),
        width_bits=_whole(given.width_bits, 0),
        banks=_whole(given.banks, 0),
    )


def _check_memories(memories: tuple[Memory, ...], context: _Context) -> None:
    for inner, outer in itertools.pairwise(memories):
        if inner.off_chip:
            context.found.append((("memory", inner.name, "off_chip"), "only the last level may be off chip"))
        if inner.mesh_x % outer.mesh_x or inner.mesh_y % outer.mesh_y:
            message = f"{outer.mesh_x} × {outer.mesh_y} instances do not divide the {inner.mesh_x} × {inner.mesh_y} of {inner.name}"
            context.found.append((("memory", outer.name), message))
    for name in schema.OPERANDS:
        if memories[-1].keeps[name] != "always":
            context.found.append((("memory", memories[-1].name), f"the last level must keep {name}"))


def _network(given: schema.Network, memories: tuple[Memory, ...], context: _Context) -> Network:
    outer, inner = given.between
    steps: Steps = ("network", given.name or f"{outer}_{inner}")
    order = [memory.name for memory in memories]
    for name in given.between:
        if name not in order:
            context.found.append(((*steps, "between"), f"no memory level {name}{nearest(name, order)}"))
    if outer in order and inner in order and order.index(outer) <= order.index(inner):
        context.found.append(((*steps, "between"), "must name the outer level first"))
    rates = _by_operand(given.bytes_per_cycle, context.clock_hz) if given.bytes_per_cycle else {}
    hop = _si(given, "hop_pj_per_byte", "hop_pj_per_bit") or 0.0
    return Network(outer, inner, rates, given.multicast, given.reduce, hop * context.energy_scale)


def _dataflow(given: schema.Dataflow | None, memories: tuple[Memory, ...], context: _Context) -> Dataflow:
    if given is None:
        return Dataflow()
    extra: dict[str, Any] = given.__pydantic_extra__ or {}
    levels: dict[str, LevelConstraint] = {}
    inner = (context.array.x * context.array.cores, context.array.y)
    for memory in memories:
        own = extra.get(memory.name) or schema.LevelDataflow()
        fans_out = inner != (memory.mesh_x, memory.mesh_y)
        spatial = own.spatial or (given.spatial if fans_out else None)
        if own.temporal or spatial:
            levels[memory.name] = _constraint(own.temporal or schema.Temporal(), spatial or schema.Spatial())
        inner = (memory.mesh_x, memory.mesh_y)
    least = given.min_utilization.value if given.min_utilization else 0.0
    return Dataflow(given.stationary, levels, least)


def _constraint(temporal: schema.Temporal, spatial: schema.Spatial) -> LevelConstraint:
    return LevelConstraint(
        order=tuple(temporal.order_inner_to_outer),
        fixed={**temporal.fixed},
        at_most={**temporal.at_most},
        spatial_x=None if spatial.x is None else tuple(spatial.x),
        spatial_y=None if spatial.y is None else tuple(spatial.y),
        spatial_fixed={**spatial.fixed},
        spatial_at_most={**spatial.at_most},
    )


def _overheads(given: schema.Overheads | None, memories: tuple[Memory, ...], context: _Context) -> Overheads:
    if given is None:
        return Overheads()
    order = [memory.name for memory in memories]
    level = given.pass_level or ""
    if level and level not in order:
        context.found.append((("overheads", "pass_level"), f"no memory level {level}{nearest(level, order)}"))
    if given.per_pass_cycles is not None and given.per_pass_cycles.value > 0 and not level:
        context.found.append(
            (("overheads", "per_pass_cycles"), "needs pass_level: the memory level whose passes ramp up")
        )
    return Overheads(
        kernel_s=_si(given, "per_kernel_us") or 0.0,
        pass_cycles=_si(given, "per_pass_cycles") or 0.0,
        pass_level=level,
        inference_s=_si(given, "per_inference_us") or 0.0,
    )


def _sparsity(given: schema.Sparsity | None) -> Sparsity:
    if given is None:
        return Sparsity()
    pattern = given.structured
    return Sparsity(
        compressed=frozenset(given.compressed),
        gated=frozenset(given.gated),
        skipped=frozenset(given.skipped),
        structured=(int(pattern.kept.value), int(pattern.of.value)) if pattern else None,
        structured_speedup=pattern.speedup.value if pattern else 1.0,
    )


def _host(given: schema.Host | None) -> Host | None:
    if given is None:
        return None
    return Host(
        bandwidth=_si(given, "link_gb_per_s", "link_gbit_per_s"),
        latency_s=_si(given, "latency_us") or 0.0,
        j_per_byte=_si(given, "pj_per_byte", "pj_per_bit"),
    )


def _areas(profile: schema.Profile) -> dict[str, float]:
    given = profile.area or schema.Area()
    areas = {name: _si(given, f"{name}_mm2") for name in ("core", "die", "logic", "memory", "pe")}
    areas["budget"] = _si(profile, "area_budget_mm2")
    return {name: value for name, value in areas.items() if value is not None}


def _power(given: schema.Power | None) -> dict[str, float]:
    if given is None:
        return {}
    powers = {
        name: _si(given, f"{name}_mw", f"{name}_w") for name in ("static", "tdp", "idle", "peak", "average", "cap")
    }
    if given.thermal is not None:
        thermal = given.thermal
        powers["thermal_cap"] = (thermal.max_c.value - thermal.ambient_c.value) / thermal.resistance_c_per_w.value
    return {name: value for name, value in powers.items() if value is not None}
