"""The roofline rung: compute at the peak of the precision used, every tensor moved once over every level.

Williams, Waterman, Patterson, "Roofline: an insightful visual performance model for multicore architectures," CACM 52(4), 2009,
doi:10.1145/1498765.1498785; with Karbachevsky et al., arXiv:2004.08906, for devices given as HCM processing elements.
"""

from __future__ import annotations

from collections.abc import Iterable

from hwsim.device import Device, Memory, precision_for
from hwsim.device.records import Operand, Precision
from hwsim.estimation import energy, zeros
from hwsim.estimation.assembly import Assumptions, Compute, assemble
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.graph import Layer, Network
from hwsim.workload import DIMS, LoopNest, Work
from hwsim.workload.classes import work_class

_PLACE: dict[str, int] = {dim: place for place, dim in enumerate(DIMS)}
#: Types of memory that sit next to MACs, however many lanes share one.
_REGISTERS = frozenset({"register", "regfile"})


def compute(work: Work, device: Device, said: Assumptions) -> Compute:
    """Compute time of one layer's work [s]."""
    mac = ideal = spatial = 0.0
    for nest in work.nests:
        precision, note = precision_for(device, nest.input.dtype, nest.weight.dtype)
        said.warn(note)
        rate = device.array.pes * precision.macs_per_pe_per_cycle * device.clock_hz
        least = nest.macs * zeros.cycle_share(nest, device) / rate
        share = _pe_share(nest, device)
        ideal += least
        mac += least * filled_up(nest, precision) / (share * efficiency_of(nest, precision))
        spatial += share * nest.macs
    vector = sum(operations / _vector_rate(function, device, said) for function, operations in vector_operations(work))
    return Compute(mac, vector, ideal, spatial / work.macs if work.macs else 0.0)


def efficiency_of(nest: LoopNest, precision: Precision) -> float:
    """Share of a precision's peak that a nest attains, by its class [1]."""
    return (
        dict(precision.by_class).get(work_class(nest), precision.efficiency)
        if precision.by_class
        else precision.efficiency
    )


def filled_up(nest: LoopNest, precision: Precision) -> float:
    """MACs done over MACs asked for where the device's code fills up dims to multiples [1].

    Depthwise work has its channels in G: what fills up K or C of other nests leaves it alone, and what fills up G all but it. Work on
    one row (a matrix and a vector) has code of its own, which fills up no rows.
    """
    depthwise = nest.g > 1 and nest.c == 1
    one_row = nest.n * nest.q * nest.p == 1
    factor = 1.0
    for dim, multiple in precision.padded:
        if dim in (("K", "C") if depthwise else ("G",)) or (one_row and dim in ("N", "Q", "P")):
            continue
        extent = nest.extents[_PLACE[dim]]
        factor *= -(-extent // multiple) * multiple / extent
    return factor


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
    """Bytes over each level, every tensor once; the off-chip level sees what does not stay on chip, compressed where it can be."""
    return {name: total(flows.values()) for name, flows in flows_of(work, device, network, residency).items()}


def flows_of(work: Work, device: Device, network: Network, residency: Residency) -> dict[str, dict[Operand, Traffic]]:
    """Bytes over each level by operand: see ``traffic``."""
    return {memory.name: _flows(memory, work, device, network, residency) for memory in device.memories}


def _flows(
    memory: Memory, work: Work, device: Device, network: Network, residency: Residency
) -> dict[Operand, Traffic]:
    read: dict[Operand, float] = {"input": 0, "weight": 0}
    written: float = 0
    for name, size in work.reads:
        operand: Operand = "input" if network.tensors[name].role == "activation" else "weight"
        if residency.crosses(name, memory) and memory.keeps[operand] != "never":
            read[operand] += crossing(memory, network, device, name, operand, size)
    if memory.keeps["output"] != "never":
        written = sum(
            crossing(memory, network, device, name, "output", size)
            for name, size in work.writes
            if residency.crosses(name, memory)
        )
    return {"input": Traffic(read["input"]), "weight": Traffic(read["weight"]), "output": Traffic(0, written)}


def crossing(memory: Memory, network: Network, device: Device, name: str, operand: Operand, size: float) -> float:
    """Bytes that ``size`` bytes of a tensor are at a level [B]: fewer off the chip where the device compresses the operand."""
    if not memory.off_chip:
        return size
    share = zeros.stored_share(network.tensors[name], operand, device)
    return size if share == 1 else size * share


def total(parts: Iterable[Traffic]) -> Traffic:
    """Bytes of several flows together."""
    parts = tuple(parts)
    return Traffic(sum(part.read for part in parts), sum(part.write for part in parts))


def _energies(
    work: Work, device: Device, flows: dict[str, dict[Operand, Traffic]], said: Assumptions
) -> dict[str, float | None]:
    """Energy of what the roofline counts: MACs, their operands in the registers beside them, vector work, every tensor once a level."""
    parts: dict[str, float | None] = {
        "mac": energy.of_macs(work, device),
        "vector": energy.of_vector(work, device, said),
    }
    for place, memory in enumerate(device.memories):
        near = place == 0 and work.nests and (memory.instances >= device.array.pes or memory.type in _REGISTERS)
        parts[memory.name] = energy.of_flows(memory, _operands(work, device, memory) if near else flows[memory.name])
    return parts


def _operands(work: Work, device: Device, memory: Memory) -> dict[Operand, Traffic]:
    """Bytes that MACs take from the registers beside them: all operands of each, shared within the tile of a matrix instruction."""
    read: dict[Operand, float] = {"input": 0.0, "weight": 0.0, "output": 0.0}
    for nest in work.nests:
        precision, _ = precision_for(device, nest.input.dtype, nest.weight.dtype)
        rows, columns, deep = precision.tile or (1, 1, 1)
        happen = zeros.access_shares(nest, device)
        read["input"] += happen["input"] * nest.macs * nest.input.bits / (8 * columns)
        read["weight"] += happen["weight"] * nest.macs * nest.weight.bits / (8 * rows)
        read["output"] += happen["output"] * nest.macs * nest.accumulator.bits / (8 * deep)
    return {
        operand: Traffic(size, size if operand == "output" else 0.0)
        for operand, size in read.items()
        if memory.keeps[operand] != "never"
    }


def price(
    layer: Layer, work: Work, network: Network, device: Device, residency: Residency, said: Assumptions
) -> LayerEstimate:
    """One layer on the roofline."""
    flows = flows_of(work, device, network, residency)
    moved = {name: total(parts.values()) for name, parts in flows.items()}
    record = assemble(layer, work, network, device, compute(work, device, said), moved)
    return energy.attach(record, device, _energies(work, device, flows, said))
