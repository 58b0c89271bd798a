"""From compute times and traffic to the record of one layer: the step that all rungs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwsim.device import Device, Memory
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.terms import combine
from hwsim.graph import Layer, Network
from hwsim.workload import Work

#: Kinds of device whose vector unit is the MAC unit: elementwise work adds to MAC work instead of running beside it.
_ONE_UNIT = ("cpu", "mcu")


@dataclass(slots=True)
class Assumptions:
    """What the model had to assume, each said once: rates and energies that the profile lacks, types that run as others."""

    notes: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)

    def add(self, text: str) -> None:
        """Remember one sentence."""
        self.notes[text] = None

    def warn(self, text: str | None) -> None:
        """Remember one sentence that changes what the user asked for; None is nothing to say."""
        if text:
            self.warnings[text] = None


@dataclass(frozen=True, slots=True)
class Compute:
    """Time on the MAC array and on the vector unit, and the least the MACs could take on all PEs [s]."""

    mac_s: float
    vector_s: float
    ideal_s: float
    spatial_utilization: float


def transfer_time(memory: Memory, moved: Traffic) -> float:
    """Time to move bytes over all instances of one level [s]; 0 where the profile gives no bandwidth.

    Read and write ports work beside each other; a shared port does one after the other.
    """
    share = memory.efficiency * memory.instances
    times = [0.0]
    if memory.shared_bandwidth is not None:
        times.append((moved.read + moved.write) / (memory.shared_bandwidth * share))
    if memory.read_bandwidth is not None:
        times.append(moved.read / (memory.read_bandwidth * share))
    if memory.write_bandwidth is not None:
        times.append(moved.write / (memory.write_bandwidth * share))
    return max(times)


def assemble(
    layer: Layer,
    work: Work,
    network: Network,
    device: Device,
    done: Compute,
    moved: Mapping[str, Traffic],
    energy_by_j: Mapping[str, float] | None = None,
    starts_s: float = 0.0,
) -> LayerEstimate:
    """The record of a layer that computes for ``done`` and moves ``moved`` over the levels. starts_s : more overhead than launches [s]."""
    memory_s = {memory.name: transfer_time(memory, moved[memory.name]) for memory in device.memories}
    overlapped = _compute_terms(done, device)
    compute_s = max(overlapped.values())
    added = {memory.name: memory_s[memory.name] for memory in device.memories if not memory.overlapped}
    overlapped |= {name: time for name, time in memory_s.items() if name not in added}
    added["overhead"] = device.overheads.kernel_s * layer.repeat + starts_s
    bound = combine(overlapped, added)
    return LayerEstimate(
        name=layer.name,
        op=layer.op,
        macs=work.macs,
        latency_s=bound.latency_s,
        compute_s=compute_s,
        memory_s=max(memory_s.values(), default=0.0),
        bound_by=bound.bound_by,
        second_bound_by=bound.second_bound_by,
        slack=bound.slack,
        utilization=done.ideal_s / bound.latency_s if bound.latency_s else 0.0,
        spatial_utilization=done.spatial_utilization,
        energy_j=None if energy_by_j is None else sum(energy_by_j.values()),
        energy_by_j=energy_by_j,
        traffic_bytes=moved,
        dram_bytes=off_chip_bytes(device, moved),
        bits=operand_bits(layer, work, network),
        fused=layer.fused,
    )


def _compute_terms(done: Compute, device: Device) -> dict[str, float]:
    if device.kind in _ONE_UNIT:
        return {"compute" if done.mac_s else "vector": done.mac_s + done.vector_s}
    return {"compute": done.mac_s, "vector": done.vector_s}


def off_chip_bytes(device: Device, moved: Mapping[str, Traffic]) -> float:
    """Bytes over the chip's edge [B]; 0 for a device without an off-chip level."""
    return sum(moved[memory.name].read + moved[memory.name].write for memory in device.memories if memory.off_chip)


def operand_bits(layer: Layer, work: Work, network: Network) -> dict[str, int | None]:
    """Bits of input, weight, output and accumulator; None where the layer has no such operand."""
    if work.nests:
        nest = work.nests[0]
        return {
            "input": nest.input.bits,
            "weight": nest.weight.bits,
            "output": nest.output.bits,
            "accumulator": nest.accumulator.bits,
        }
    reads = [network.tensors[name].bits for name in layer.inputs if name in network.tensors]
    writes = [network.tensors[name].bits for name in layer.outputs if name in network.tensors]
    return {
        "input": reads[0] if reads else None,
        "weight": None,
        "output": writes[0] if writes else None,
        "accumulator": None,
    }
