"""From a validated profile to the Device record: units become SI, names become meshes, and what cannot be is reported."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from hwsim.device import published, schema, software
from hwsim.device.hcm import FITTED_BITS, pe_area_um2, pes_in
from hwsim.device.levels import Context, Findings, by_operand, memory, si, whole
from hwsim.device.precision import label
from hwsim.device.quantity import OPERANDS
from hwsim.device.records import (
    Array,
    Dataflow,
    Device,
    Host,
    Kernels,
    LevelConstraint,
    Memory,
    Network,
    Overheads,
    Precision,
    Sparsity,
    Vector,
)
from hwsim.device.yaml_reader import Steps
from hwsim.errors import nearest


def resolve(profile: schema.Profile, energy_scale: float = 1.0, clock_scale: float = 1.0) -> tuple[Device, Findings]:
    """The Device of a profile, and what is inconsistent in it (then the Device is not to be used).

    energy_scale : on the energies of the chip, not of off-chip memory and host [1]. clock_scale : clock over the profile's own [1]; idling
    is mostly the clock tree and goes with both.
    """
    found: Findings = []
    notes = list(profile.notes)
    if energy_scale != 1:
        notes.append(
            f"energies of the chip are the profile's times {energy_scale:.4g}, the square of the supply's ratio"
        )
    array = _array(profile, found, notes)
    context = Context(si(profile, "clock_mhz") or 0.0, array, energy_scale, found)
    memories = tuple(memory(level, context) for level in profile.memory)
    _check_memories(memories, context)
    precisions = _precisions(profile, context)
    power = _power(profile.power, found)
    if "idle" in power:
        power["idle"] *= energy_scale * clock_scale
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
        algorithms=tuple(profile.compute.algorithms or ()),
        networks=tuple(_network(network, memories, context) for network in profile.network),
        dataflow=_dataflow(profile.dataflow, memories, context),
        overheads=_overheads(profile.overheads, memories, context),
        kernels=_kernels(profile.kernels),
        sparsity=_sparsity(profile.sparsity),
        host=_host(profile.host),
        node_nm=si(technology, "node_nm"),
        voltage_v=si(technology, "voltage_v"),
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


def _array(profile: schema.Profile, found: Findings, notes: list[str]) -> Array:
    grid, pe = profile.compute.pe_array, profile.pe
    cores = whole(profile.compute.cores, 1)
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


def _precisions(profile: schema.Profile, context: Context) -> tuple[Precision, ...]:
    given = profile.compute.precisions
    if given is None:
        if profile.pe is None:
            context.found.append((("compute",), "precisions missing: what a PE does in a cycle, by operand types"))
            return ()
        dtype = f"int{int(profile.pe.bits.value)}"
        return (Precision(dtype, dtype, "int32", float(profile.pe.kernel[0] * profile.pe.kernel[1])),)
    return tuple(_precision(precision, context) for precision in given)


def _precision(given: schema.Precision, context: Context) -> Precision:
    energy = si(given, "mac_pj")
    integers = given.input.startswith(("int", "uint"))
    if given.serial and not (integers and given.weight.startswith(("int", "uint"))):
        name = given.name or label(given.input, given.weight).replace("×", "_")
        context.found.append((("compute", "precisions", name, "serial"), "only integers come a bit a cycle"))
    return Precision(
        input=given.input,
        weight=given.weight,
        accumulate=given.accumulate or ("int32" if integers else "float32"),
        macs_per_pe_per_cycle=given.macs_per_pe_per_cycle.value,
        mac_j=None if energy is None else energy * context.energy_scale,
        tile=(given.tile[0], given.tile[1], given.tile[2]) if given.tile else None,
        efficiency=given.efficiency.value if given.efficiency else 1.0,
        published_ops_per_s=si(given, "peak_tops"),
        by_class=tuple((name, share.value) for name, share in given.by_class.items()),
        padded=tuple(given.padded.items()),
        serial=given.serial or "",
    )


def _vector(given: schema.Vector | None, context: Context) -> Vector | None:
    if given is None:
        return None
    energy = si(given, "op_pj")
    return Vector(
        ops_per_s=given.ops_per_cycle.value * context.clock_hz,
        by_function={name: rate.value * context.clock_hz for name, rate in given.by_function.items()},
        op_j=None if energy is None else energy * context.energy_scale,
    )


def _check_memories(memories: tuple[Memory, ...], context: Context) -> None:
    for inner, outer in itertools.pairwise(memories):
        if inner.off_chip:
            context.found.append((("memory", inner.name, "off_chip"), "only the last level may be off chip"))
        if inner.mesh_x % outer.mesh_x or inner.mesh_y % outer.mesh_y:
            message = f"{outer.mesh_x} × {outer.mesh_y} instances do not divide the {inner.mesh_x} × {inner.mesh_y} of {inner.name}"
            context.found.append((("memory", outer.name), message))
    for name in OPERANDS:
        if memories[-1].keeps[name] != "always":
            context.found.append((("memory", memories[-1].name), f"the last level must keep {name}"))


def _network(given: schema.Network, memories: tuple[Memory, ...], context: Context) -> Network:
    outer, inner = given.between
    steps: Steps = ("network", given.name or f"{outer}_{inner}")
    order = [level.name for level in memories]
    for name in given.between:
        if name not in order:
            context.found.append(((*steps, "between"), f"no memory level {name}{nearest(name, order)}"))
    if outer in order and inner in order and order.index(outer) <= order.index(inner):
        context.found.append(((*steps, "between"), "must name the outer level first"))
    rates = by_operand(given.bytes_per_cycle, context.clock_hz) if given.bytes_per_cycle else {}
    hop = si(given, "hop_pj_per_byte", "hop_pj_per_bit") or 0.0
    return Network(outer, inner, rates, given.multicast, given.reduce, hop * context.energy_scale, given.topology)


def _dataflow(given: schema.Dataflow | None, memories: tuple[Memory, ...], context: Context) -> Dataflow:
    if given is None:
        return Dataflow()
    extra: dict[str, Any] = given.__pydantic_extra__ or {}
    levels: dict[str, LevelConstraint] = {}
    inner = (context.array.x * context.array.cores, context.array.y)
    for level in memories:
        own = extra.get(level.name) or schema.LevelDataflow()
        fans_out = inner != (level.mesh_x, level.mesh_y)
        spatial = own.spatial or (given.spatial if fans_out else None)
        if own.temporal or spatial:
            levels[level.name] = _constraint(own.temporal or schema.Temporal(), spatial or schema.Spatial())
        inner = (level.mesh_x, level.mesh_y)
    least = given.min_utilization.value if given.min_utilization else 0.0
    return Dataflow(given.stationary, levels, least, given.fusion or "")


def _factors(given: Mapping[schema.Dim, int]) -> dict[str, int]:
    return {str(dim): factor for dim, factor in given.items()}


def _constraint(temporal: schema.Temporal, spatial: schema.Spatial) -> LevelConstraint:
    return LevelConstraint(
        order=tuple(temporal.order_inner_to_outer),
        fixed=_factors(temporal.fixed),
        at_most=_factors(temporal.at_most),
        spatial_x=None if spatial.x is None else tuple(spatial.x),
        spatial_y=None if spatial.y is None else tuple(spatial.y),
        spatial_fixed=_factors(spatial.fixed),
        spatial_at_most=_factors(spatial.at_most),
    )


def _overheads(given: software.Overheads | None, memories: tuple[Memory, ...], context: Context) -> Overheads:
    if given is None:
        return Overheads()
    order = [level.name for level in memories]
    on_chip = [level.name for level in memories if not level.off_chip]
    level = given.pass_level or (on_chip[-1] if given.per_pass_cycles and on_chip else "")
    if level and level not in order:
        context.found.append((("overheads", "pass_level"), f"no memory level {level}{nearest(level, order)}"))
    return Overheads(
        kernel_s=si(given, "per_kernel_us") or 0.0,
        pass_cycles=si(given, "per_pass_cycles") or 0.0,
        pass_level=level,
        inference_s=si(given, "per_inference_us") or 0.0,
    )


def _kernels(given: software.Kernels | None) -> Kernels | None:
    if given is None:
        return None
    return Kernels(
        outputs=whole(given.outputs, 1),
        blocks=whole(given.blocks, 1),
        rows=whole(given.rows, 1),
        columns=whole(given.columns, 1),
        reduction=whole(given.reduction, 1),
        aligned=whole(given.aligned, 1),
        latency_cycles=given.latency_cycles.value,
        loads_per_cycle=given.loads_per_cycle.value,
        window=whole(given.window, 1),
        spare_share=given.spare_share.value if given.spare_share else 0.0,
        cache_share=given.cache_share.value if given.cache_share else 1.0,
        tile_cycles=si(given, "tile_cycles") or 0.0,
        result_cycles=si(given, "result_cycles") or 0.0,
        call_s=si(given, "call_us") or 0.0,
        run_cycles=si(given, "run_cycles") or 0.0,
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
        encoding=given.encoding,
        lanes=whole(given.lanes, 1),
        sync_macs=whole(given.sync_macs, 1),
        skip_efficiency=given.skip_efficiency.value if given.skip_efficiency else 1.0,
    )


def _host(given: published.Host | None) -> Host | None:
    if given is None:
        return None
    return Host(
        bandwidth=si(given, "link_gb_per_s", "link_gbit_per_s"),
        latency_s=si(given, "latency_us") or 0.0,
        j_per_byte=si(given, "pj_per_byte", "pj_per_bit"),
    )


def _areas(profile: schema.Profile) -> dict[str, float]:
    given = profile.area or published.Area()
    areas = {name: si(given, f"{name}_mm2") for name in ("core", "die", "logic", "memory", "pe")}
    areas["budget"] = si(profile, "area_budget_mm2")
    return {name: value for name, value in areas.items() if value is not None}


def _power(given: published.Power | None, found: Findings) -> dict[str, float]:
    if given is None:
        return {}
    powers = {
        name: si(given, f"{name}_mw", f"{name}_w") for name in ("static", "tdp", "idle", "peak", "average", "cap")
    }
    if given.thermal is not None:
        thermal = given.thermal
        if thermal.max_c.value <= thermal.ambient_c.value:
            found.append((("power", "thermal", "max_c"), "must be above ambient_c"))
        powers["thermal_cap"] = (thermal.max_c.value - thermal.ambient_c.value) / thermal.resistance_c_per_w.value
    return {name: value for name, value in powers.items() if value is not None}
