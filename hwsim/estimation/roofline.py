"""The roofline rung: compute at the peak of the precision used, every tensor moved once over every level.

Williams, Waterman, Patterson, "Roofline: an insightful visual performance model for multicore architectures," CACM 52(4), 2009,
doi:10.1145/1498765.1498785; with Karbachevsky et al., arXiv:2004.08906, for devices given as HCM processing elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwsim.device import Device, Memory
from hwsim.device import precision_for
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.estimation.terms import combine
from hwsim.graph import Layer, Network
from hwsim.workload import LoopNest, Work

#: Kinds of device whose vector unit is the MAC unit: elementwise work adds to MAC work instead of running beside it.
_ONE_UNIT = ("cpu", "mcu")


@dataclass(slots=True)
class Assumptions:
    """What the model had to assume, each said once: precision fallbacks, missing rates."""

    found: dict[str, None] = field(default_factory=dict)

    def add(self, text: str | None) -> None:
        """Remember one sentence; None is nothing to say."""
        if text:
            self.found[text] = None


@dataclass(frozen=True, slots=True)
class Compute:
    """Time on the MAC array and on the vector unit, and the least the MACs could take on all PEs [s]."""

    mac_s: float
    vector_s: float
    ideal_s: float
    spatial_utilization: float


def compute(work: Work, device: Device, said: Assumptions) -> Compute:
    """Compute time of one layer's work [s]."""
    mac = ideal = spatial = 0.0
    for nest in work.nests:
        precision, note = precision_for(device, nest.input.dtype, nest.weight.dtype)
        said.add(note)
        rate = device.array.pes * precision.macs_per_pe_per_cycle * device.clock_hz
        least = nest.macs / rate
        share = _pe_share(nest, device)
        ideal += least
        mac += least / (share * precision.efficiency)
        spatial += share * nest.macs
    vector = sum(operations / _vector_rate(function, device, said) for function, operations in vector_operations(work))
    return Compute(mac, vector, ideal, spatial / work.macs if work.macs else 0.0)


def vector_operations(work: Work) -> list[tuple[str, int]]:
    """Function and operations [1] of all vector work."""
    return [(op.function, op.operations) for op in work.vectors]


def _pe_share(nest: LoopNest, device: Device) -> float:
    """Share of the array's multipliers that a nest can occupy [1].

    Arrays of plain PEs are taken to be filled. One of HCM processing elements holds a kernel of ``pe_kernel`` each: a layer of n inputs
    and m outputs keeps at most n·m of them busy, and a kernel that is smaller than the element's leaves multipliers idle.
    """
    if device.pe_kernel is None:
        return 1.0
    height, width = device.pe_kernel
    passes = -(-nest.s // height) * -(-nest.r // width)
    busy = min(device.array.pes, nest.c * nest.k)
    return busy / device.array.pes * (nest.s * nest.r) / (passes * height * width)


def _vector_rate(function: str, device: Device, said: Assumptions) -> float:
    if device.vector is not None:
        return device.vector.by_function.get(function, device.vector.ops_per_s)
    said.add(
        f"{device.name} gives no vector unit: elementwise work is priced on its MAC array at one operation a PE and cycle (assumed)"
    )
    return device.array.pes * device.clock_hz


def traffic(work: Work, device: Device, network: Network, residency: Residency) -> dict[str, Traffic]:
    """Bytes over each level that serves the whole chip, every tensor once; the off-chip level sees what does not stay on chip."""
    outside = [item for item in work.reads if item[0] not in residency.activations and item[0] not in residency.weights]
    found: dict[str, Traffic] = {}
    for memory in device.memories:
        reads = outside if memory.off_chip else work.reads
        read = sum(size for name, size in reads if _holds(memory, network, name))
        write = sum(
            size
            for name, size in work.writes
            if memory.keeps["output"] != "never" and not (memory.off_chip and name in residency.activations)
        )
        found[memory.name] = Traffic(read, write)
    return found


def _holds(memory: Memory, network: Network, name: str) -> bool:
    return memory.keeps["input" if network.tensors[name].role == "activation" else "weight"] != "never"


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


def price(
    layer: Layer, work: Work, network: Network, device: Device, residency: Residency, said: Assumptions
) -> LayerEstimate:
    """One layer on the roofline."""
    done = compute(work, device, said)
    moved = traffic(work, device, network, residency)
    memory_s = {memory.name: transfer_time(memory, moved[memory.name]) for memory in device.memories}
    overlapped: dict[str, float] = _compute_terms(done, device)
    added: dict[str, float] = {}
    for memory in device.memories:
        (overlapped if memory.overlapped else added)[memory.name] = memory_s[memory.name]
    if not work.free:
        added["overhead"] = device.overheads.kernel_s * layer.repeat
    bound = combine(overlapped, added)
    return LayerEstimate(
        name=layer.name,
        op=layer.op,
        macs=work.macs,
        latency_s=bound.latency_s,
        compute_s=max(_compute_terms(done, device).values()),
        memory_s=max(memory_s.values(), default=0.0),
        bound_by=bound.bound_by,
        second_bound_by=bound.second_bound_by,
        slack=bound.slack,
        utilization=done.ideal_s / bound.latency_s if bound.latency_s else 0.0,
        spatial_utilization=done.spatial_utilization,
        energy_j=None,
        energy_by_j=None,
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
