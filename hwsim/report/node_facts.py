"""What an estimate says of each node, as texts for a viewer's side panel."""

from __future__ import annotations

from collections.abc import Mapping

from hwsim.estimation import Estimate
from hwsim.units import humanize


def node_facts(estimate: Estimate) -> dict[str, Mapping[str, str]]:
    """Texts by layer name; what is folded into a layer names that layer."""
    total = estimate.totals.latency_s or 1.0
    facts: dict[str, Mapping[str, str]] = {}
    for layer in estimate.layers:
        told = {
            "device": str(estimate.device["name"]),
            "latency": f"{humanize(layer.latency_s, 's')} ({layer.latency_s / total:.1%} of the network)",
            "bound_by": layer.bound_by,
            "dram_traffic": humanize(layer.dram_bytes, "B"),
        }
        if layer.macs:
            told["macs"] = f"{layer.macs:,}"
            told["utilization"] = f"{layer.utilization:.1%}"
        if layer.energy_j is not None:
            told["energy"] = humanize(layer.energy_j, "J")
        if layer.fused:
            told["with"] = ", ".join(layer.fused)
        facts[layer.name] = told
        for name in layer.fused:
            facts.setdefault(name, {"device": str(estimate.device["name"]), "folded_into": layer.name})
    return facts
