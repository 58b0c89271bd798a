"""One estimate as plain rows and figures: what every picture, page and table of a report is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwsim.cost.area import area, own_technology
from hwsim.device import Device
from hwsim.errors import HwsimError
from hwsim.estimation import Estimate, Prepared
from hwsim.estimation.conversion import converted
from hwsim.estimation.residency import activation_store, level_capacity
from hwsim.report.text import safe
from hwsim.workload.liveness import activation_bytes


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One roof: a peak [op/s], or a bandwidth [B/s] that bounds op/s = bandwidth x intensity."""

    name: str
    ops_per_s: float | None = None
    bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One network on one device.

    layers : a row a layer in graph order, names made safe, SI units in the keys; intensity [op/B] counts off-chip traffic and is None
    where there is none. energies : a row a layer and part, stacked (``low_j``, ``high_j``). ceilings : roofs of the device.
    alive : bytes of activations alive while each layer of the graph runs. capacity : bytes of the level on the chip that
    holds activations between layers, None unknown.
    area : mm² by component, empty where the profile's technology is not known. mappings : loops as text by position of the layer.
    """

    estimate: Estimate
    device: Device
    layers: tuple[Mapping[str, Any], ...]
    energies: tuple[Mapping[str, Any], ...]
    ceilings: tuple[Ceiling, ...]
    alive: tuple[Mapping[str, Any], ...]
    capacity: int | None
    area: Mapping[str, float]
    mappings: Mapping[int, str]

    @property
    def title(self) -> str:
        """``model on device``."""
        return f"{safe(str(self.estimate.model['name']))} on {safe(self.device.name)}"


def sheet(estimate: Estimate, prepared: Prepared, device: Device) -> Sheet:
    """All that a report shows of an estimate that was made from ``prepared`` on ``device``."""
    prepared, _ = converted(prepared, device)
    shapes = {layer.name: _shape(prepared, layer.outputs) for layer, _ in prepared.priced}
    order = sorted(range(len(estimate.layers)), key=lambda index: -estimate.layers[index].latency_s)
    ranks = {index: rank for rank, index in enumerate(order)}
    total = estimate.totals.latency_s or 1.0
    layers = [
        {
            "index": index,
            "rank": ranks[index],
            "layer": safe(layer.name),
            "op": safe(layer.op),
            "shape": shapes.get(layer.name, ""),
            "macs": layer.macs,
            "latency_s": layer.latency_s,
            "share": layer.latency_s / total,
            "compute_s": layer.compute_s,
            "memory_s": layer.memory_s,
            "bound_by": layer.bound_by,
            "second_bound_by": layer.second_bound_by or "",
            "slack": layer.slack,
            "utilization": layer.utilization,
            "energy_j": layer.energy_j,
            "dram_bytes": layer.dram_bytes,
            "intensity": 2 * layer.macs / layer.dram_bytes if layer.macs and layer.dram_bytes else None,
            "attained": 2 * layer.macs / layer.latency_s if layer.macs and layer.latency_s else None,
            "bound_gap": layer.bound_gap,
        }
        for index, layer in enumerate(estimate.layers)
    ]
    return Sheet(
        estimate,
        device,
        tuple(layers),
        tuple(_energies(estimate, ranks)),
        tuple(_ceilings(device)),
        tuple(_alive(prepared)),
        _capacity(device),
        _area(device),
        {index: _loops(layer.mapping) for index, layer in enumerate(estimate.layers) if layer.mapping},
    )


def _shape(prepared: Prepared, outputs: Sequence[str]) -> str:
    tensor = next((prepared.network.tensors[name] for name in outputs if name in prepared.network.tensors), None)
    return "" if tensor is None else "×".join(str(extent) for extent in tensor.shape)


def _energies(estimate: Estimate, ranks: Mapping[int, int]) -> list[dict[str, Any]]:
    rows = []
    for index, layer in enumerate(estimate.layers):
        low = 0.0
        for part, joules in (layer.energy_by_j or {}).items():
            if joules:
                rows.append(
                    {
                        "index": index,
                        "rank": ranks[index],
                        "layer": safe(layer.name),
                        "part": part,
                        "energy_j": joules,
                        "low_j": low,
                        "high_j": low + joules,
                    }
                )
                low += joules
    return rows


def _ceilings(device: Device) -> list[Ceiling]:
    peaks: dict[float, list[str]] = {}
    for precision in device.precisions:
        peak = 2 * device.array.pes * precision.macs_per_pe_per_cycle * device.clock_hz
        name = precision.input if precision.input == precision.weight else f"{precision.input}×{precision.weight}"
        if name not in peaks.setdefault(peak, []):
            peaks[peak].append(name)
    roofs = [Ceiling(f"peak {'/'.join(names)}", ops_per_s=peak) for peak, names in sorted(peaks.items())]
    for memory in device.memories:
        each = memory.shared_bandwidth or memory.read_bandwidth
        if each is not None:
            roofs.append(Ceiling(memory.name, bytes_per_s=each * memory.instances * memory.efficiency))
    return roofs


def _alive(prepared: Prepared) -> list[dict[str, Any]]:
    amounts = activation_bytes(prepared.network, prepared.works)
    return [
        {"index": index, "layer": safe(layer.name), "bytes": amount}
        for index, (layer, amount) in enumerate(zip(prepared.network.layers, amounts, strict=True))
    ]


def _capacity(device: Device) -> int | None:
    store = activation_store(device)
    return None if store is None else level_capacity(store, ("input", "output"))


def _area(device: Device) -> dict[str, float]:
    try:
        breakdown = area(device, own_technology(device))
    except HwsimError:
        return {}
    return {name.replace("_", " "): 1e6 * size for name, size in breakdown.by_component.items() if size}


def _loops(mapping: Sequence[Mapping[str, Any]]) -> str:
    """The loops of a layer's mappings, outermost first."""
    lines: list[str] = []
    for number, nest in enumerate(mapping):
        if len(mapping) > 1:
            lines.append(f"nest {number + 1} of {len(mapping)}")
        depth = 0
        for level in nest["levels"]:
            lines.append(f"{'  ' * depth}-- {safe(level['name'])}: {', '.join(level['keep']) or 'nothing'} kept")
            for word, kind in (("for", "temporal"), ("spread x", "spatial_x"), ("spread y", "spatial_y")):
                for loop in level[kind]:
                    dim, _, factor = loop.partition("=")
                    lines.append(f"{'  ' * depth}{word} {dim.lower()} in {factor}")
                    depth += 1
        lines.append(f"{'  ' * depth}O += W * I")
    return "\n".join(lines)
