"""Why one layer takes as long as it does, in plain words."""

from __future__ import annotations

from hwsim.device import Device
from hwsim.errors import UsageError, nearest
from hwsim.estimation import Estimate, LayerEstimate
from hwsim.report.text import safe, wrapped
from hwsim.units import humanize

_LEVERS = {
    "compute": "More MACs or a higher clock",
    "vector": "A faster vector unit",
    "network": "Wider wires",
    "overhead": "A cheaper start",
    "host": "A faster link to the host",
}


def why(estimate: Estimate, device: Device, name: str) -> str:
    """A paragraph about the layer of that name, or about the one that a node of that name was folded into.

    Raises UsageError where the network has no such layer.
    """
    layer = _find(estimate, name)
    place = 1 + sum(other.latency_s > layer.latency_s for other in estimate.layers)
    share = layer.latency_s / (estimate.totals.latency_s or 1.0)
    sentences = [
        f"{safe(layer.name)} ({safe(layer.op)}{f', {layer.macs:,} MACs' if layer.macs else ''}) takes {humanize(layer.latency_s, 's')} on "
        f"{safe(str(estimate.device['name']))}: {share:.1%} of the network, number {place} of {len(estimate.layers)}.",
        _bound(layer, device),
        *_traffic(layer, device),
        *_utilization(layer),
        *_energy(layer),
        *_proof(layer),
    ]
    if name != layer.name:
        sentences.insert(0, f"{safe(name)} is folded into {safe(layer.name)}.")
    return "\n".join(line for sentence in sentences for line in wrapped(sentence))


def _find(estimate: Estimate, name: str) -> LayerEstimate:
    for layer in estimate.layers:
        if name == layer.name or name in layer.fused:
            return layer
    names = [layer.name for layer in estimate.layers]
    hint = (
        nearest(name, names) or f"; the longest is {max(estimate.layers, key=lambda layer: layer.latency_s).name}"
        if names
        else ""
    )
    raise UsageError(f"{name}: {estimate.model['name']} has no layer of that name that takes time{hint}")


def _bound(layer: LayerEstimate, device: Device) -> str:
    reasons = {
        "compute": f"It is bound by compute: the MAC array works {humanize(layer.compute_s, 's')}.",
        "vector": f"It is bound by the vector unit, which works {humanize(layer.compute_s, 's')}.",
        "overhead": "It is bound by the fixed cost of starting it: it is too small for this device.",
        "network": "It is bound by the network between memories and PEs.",
    }
    text = reasons.get(
        layer.bound_by, f"It is bound by {layer.bound_by}: moving its data there takes {humanize(layer.memory_s, 's')}."
    )
    if layer.second_bound_by and layer.slack is not None:
        lever = _LEVERS.get(layer.bound_by, f"More bandwidth of {layer.bound_by}")
        if layer.slack >= 1.005:
            text += f" {lever} would help up to {layer.slack:.2g} times; then {layer.second_bound_by} binds."
        else:
            text += f" {layer.second_bound_by} takes as long: both would have to get faster."
    return text


def _traffic(layer: LayerEstimate, device: Device) -> list[str]:
    if not layer.dram_bytes:
        return ["Nothing of it crosses the edge of the chip."] if device.off_chip else []
    text = f"It moves {humanize(layer.dram_bytes, 'B')} over the edge of the chip"
    outer = device.off_chip
    if not layer.macs or outer is None:
        return [text + "."]
    intensity = 2 * layer.macs / layer.dram_bytes
    bandwidth = outer.shared_bandwidth or outer.read_bandwidth
    text += f", {intensity:.3g} operations a byte"
    if bandwidth:
        width = layer.bits.get("input") or 0
        peaks = [item.macs_per_pe_per_cycle for item in device.precisions if item.input.endswith(str(width))]
        peak = (
            2
            * device.array.pes
            * max(peaks or [item.macs_per_pe_per_cycle for item in device.precisions])
            * device.clock_hz
        )
        knee = peak / (bandwidth * outer.efficiency)
        text += f"; {safe(device.name)} needs {knee:.3g} to keep its MACs busy"
    return [text + "."]


def _utilization(layer: LayerEstimate) -> list[str]:
    if not layer.macs:
        return []
    text = f"The MAC array does {layer.utilization:.1%} of what it could in that time"
    if layer.spatial_utilization < 0.995:
        text += f"; the layer's shape fills {layer.spatial_utilization:.1%} of it"
    return [text + "."]


def _energy(layer: LayerEstimate) -> list[str]:
    if layer.energy_j is None or not layer.energy_by_j:
        return []
    parts = sorted(layer.energy_by_j.items(), key=lambda item: -item[1])[:3]
    split = ", ".join(f"{name} {joules / (layer.energy_j or 1):.0%}" for name, joules in parts if joules)
    return [f"It spends {humanize(layer.energy_j, 'J')}: {split}."]


def _proof(layer: LayerEstimate) -> list[str]:
    if layer.bound_gap is None:
        return []
    if layer.bound_gap == 0:
        return ["Its mapping is proven to be the best there is."]
    return [f"Its mapping is at most {layer.bound_gap:.1%} from the best there is."]
