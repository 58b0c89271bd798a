"""Energy of one layer from its traffic: what the profile gives, and nothing where it gives none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwsim.device import Device, Memory, precision_for
from hwsim.device.records import Operand
from hwsim.estimation import zeros
from hwsim.estimation.assembly import Assumptions
from hwsim.estimation.prepare import Prepared
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.workload import Work


def of_flows(memory: Memory, flows: Mapping[Operand, Traffic]) -> float | None:
    """Energy of bytes read from and written to one level, by operand [J]; None where something moves at an unknown price."""
    read_j, write_j = memory.read_j or {}, memory.write_j or {}
    total = 0.0
    for operand, flow in flows.items():
        for moved, prices in ((flow.read, read_j), (flow.write, write_j)):
            if moved and operand not in prices:
                return None
            total += moved * prices.get(operand, 0.0)
    return total


def of_macs(work: Work, device: Device) -> float | None:
    """Energy of all MACs at the precision that runs them [J]; gated ones take none."""
    total = 0.0
    for nest in work.nests:
        precision, _ = precision_for(device, nest.input.dtype, nest.weight.dtype)
        if precision.mac_j is None:
            return None
        total += nest.macs * zeros.mac_share(nest, device) * precision.mac_j
    return total


def of_vector(work: Work, device: Device, said: Assumptions) -> float | None:
    """Energy of elementwise operations [J]; where the profile gives only that of a MAC, each is charged as one, and it is said."""
    operations = sum(op.operations for op in work.vectors)
    if not operations:
        return 0.0
    if device.vector is not None and device.vector.op_j is not None:
        return operations * device.vector.op_j
    mac = next((precision.mac_j for precision in device.precisions if precision.mac_j is not None), None)
    if mac is None:
        return None
    said.add(f"{device.name} gives no energy of vector operations: each is charged as one MAC (assumed)")
    return operations * mac


def with_host(layers: Sequence[LayerEstimate], prepared: Prepared, device: Device) -> list[LayerEstimate]:
    """The layers with the energy of the host's link: inputs of the network in, where they are first read, its results out.

    Unchanged where the profile gives no energy of the link.
    """
    per_byte = device.host.j_per_byte if device.host else None
    if not per_byte:
        return list(layers)
    network, aliases = prepared.network, prepared.aliases
    waiting = {aliases.get(name, name) for name in network.inputs}
    results = {aliases.get(name, name) for name in network.outputs}
    found = []
    for record, (_, work) in zip(layers, prepared.priced, strict=True):
        size = sum(size for name, size in work.reads if name in waiting)
        size += sum(size for name, size in work.writes if name in results)
        waiting -= {name for name, _ in work.reads}
        if record.energy_by_j is None or not size:
            found.append(record)
            continue
        spent = {**record.energy_by_j, "host": size * per_byte}
        found.append(replace(record, energy_by_j=spent, energy_j=sum(spent.values())))
    return found


def attach(record: LayerEstimate, device: Device, parts: Mapping[str, float | None]) -> LayerEstimate:
    """The record with its energy by cause, that of leakage and idling over its latency included; unchanged where a part is unknown."""
    known = {"mac": 0.0, "vector": 0.0}
    for name, value in parts.items():
        if value is None:
            return record
        known[name] = value
    known |= {
        "network": known.get("network", 0.0),
        "leakage": (device.standing_w or 0.0) * record.latency_s,
        "host": 0.0,
    }
    return replace(record, energy_j=sum(known.values()), energy_by_j=known)
