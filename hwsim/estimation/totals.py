"""What layers add up to, and what of it is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hwsim.device import Device
from hwsim.estimation import bands
from hwsim.estimation.prepare import Prepared
from hwsim.estimation.records import LayerEstimate, Totals
from hwsim.units import humanize

if TYPE_CHECKING:
    from hwsim.estimation.simulated import Simulated


def totals_of(
    prepared: Prepared, device: Device, layers: Sequence[LayerEstimate], simulation: Simulated | None = None
) -> Totals:
    """What a network takes as a whole. simulation : how its layers ran, where they did."""
    latency = math.fsum(layer.latency_s for layer in layers)
    energies = [layer.energy_j for layer in layers]
    energy = None if None in energies else math.fsum(value for value in energies if value is not None)
    complexity = prepared.complexity
    batch = int(str(prepared.settings["batch"]))
    ideal = math.fsum(layer.utilization * _span(layer) for layer in layers)
    interval = simulation.interval_s if simulation else latency
    return Totals(
        latency_s=latency,
        cycles=math.ceil(latency * device.clock_hz * (1 - 1e-12)),
        throughput_per_s=batch / interval if interval else 0.0,
        energy_j=energy,
        average_power_w=energy / latency if energy is not None and latency else None,
        area_mm2=_area(device),
        macs=sum(layer.macs for layer in layers),
        bops=complexity.bops,
        parameters=complexity.parameters,
        weight_bytes=complexity.weight_bytes,
        dram_bytes=sum(layer.dram_bytes for layer in layers),
        peak_activation_bytes=complexity.peak_activation_bytes,
        utilization=ideal / latency if latency else 0.0,
    )


def _span(layer: LayerEstimate) -> float:
    """Time that the utilization of a layer refers to [s]."""
    return layer.extra["end_s"] - layer.extra["start_s"] if "end_s" in layer.extra else layer.latency_s


def _area(device: Device) -> float | None:
    name = bands.area_name(device)
    return None if name is None else device.area_mm2[name]


def unavailable(device: Device, layers: Sequence[LayerEstimate]) -> Mapping[str, str]:
    """Why a figure that an estimate could have is not there, by its name."""
    reasons: dict[str, str] = {}
    if any(layer.energy_j is None for layer in layers):
        reason = "the profile does not give all energies (--technology 28nm, say, estimates the missing ones)"
        if bands.technologies(device):
            reason = "neither the profile nor technology tables give all energies; the warnings name what is not known"
        reasons["energy_j"] = reasons["average_power_w"] = reason
    if _area(device) is None:
        reasons["area_mm2"] = "the profile gives no area (--technology 28nm, say, estimates it)"
    return reasons


def unknown_operators(prepared: Prepared) -> list[str]:
    """What to warn of where operators are not known."""
    unknown: dict[str, int] = {}
    for layer, work in zip(prepared.network.layers, prepared.works, strict=True):
        if not work.known:
            name = f"{layer.domain}.{layer.op}" if layer.domain else layer.op
            unknown[name] = unknown.get(name, 0) + 1
    if not unknown:
        return []
    listed = ", ".join(f"{name} ×{count}" for name, count in sorted(unknown.items()))
    return [f"operators hwsim does not know are priced by their tensor traffic alone: {listed}"]


def overfull(prepared: Prepared, device: Device) -> list[str]:
    """What to warn of where a network is larger than all the memory that there is."""
    memory = device.off_chip
    room = None if memory is None else memory.capacity
    need = prepared.complexity.weight_bytes + prepared.complexity.peak_activation_bytes
    if memory is None or room is None or need <= room:
        return []
    return [
        f"weights and activations take {humanize(need, 'B')} at a time, {memory.name} of {device.name} holds "
        f"{humanize(room, 'B')}: they are priced as if it held them"
    ]


def missing_bandwidths(device: Device) -> list[str]:
    """What to warn of where memories have no bandwidth."""
    silent = [
        memory.name
        for memory in device.memories
        if memory.off_chip and memory.read_bandwidth is None and memory.shared_bandwidth is None
    ]
    return [f"{device.name} gives no bandwidth of {name}: its transfers take no time here" for name in silent]
