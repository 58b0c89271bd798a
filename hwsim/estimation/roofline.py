"""The roofline rung: compute at the peak of the precision used, every tensor moved once over every level.

Williams, Waterman, Patterson, "Roofline: an insightful visual performance model for multicore architectures," CACM 52(4), 2009,
doi:10.1145/1498765.1498785; with Karbachevsky et al., arXiv:2004.08906, for devices given as HCM processing elements.
"""

from __future__ import annotations

from hwsim.device import Device, Memory, precision_for
from hwsim.estimation.assembly import Assumptions, Compute, assemble
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.graph import Layer, Network
from hwsim.workload import LoopNest, Work


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


def price(
    layer: Layer, work: Work, network: Network, device: Device, residency: Residency, said: Assumptions
) -> LayerEstimate:
    """One layer on the roofline."""
    done = compute(work, device, said)
    return assemble(layer, work, network, device, done, traffic(work, device, network, residency))
