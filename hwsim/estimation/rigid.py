"""The systolic rung: a rigid array in one dataflow, fold by fold; everything but the MAC work as on the roofline.

The array's counts are those of ``counts.systolic``. An operand that its buffer cannot hold is fetched from off chip once for every fold
that needs it again; what stays on chip between layers is not fetched at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.counts.systolic import SystolicCounts, systolic
from hwsim.device import Device, Memory, precision_for
from hwsim.device.records import Operand
from hwsim.errors import ProfileError
from hwsim.estimation import beside, energy, roofline, zeros
from hwsim.estimation.assembly import Assumptions, Compute, assemble
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.graph import Layer, Network
from hwsim.workload import OPERANDS, LoopNest, Work


def price(
    layer: Layer, work: Work, network: Network, device: Device, residency: Residency, said: Assumptions
) -> LayerEstimate:
    """One layer on a rigid array; raises ProfileError where the profile declares no dataflow."""
    if not work.nests:
        return beside.price(layer, work, network, device, residency, said)
    stationary = device.dataflow.stationary
    if stationary is None:
        raise ProfileError(
            f"{device.path or device.name}: dataflow.stationary: --model systolic needs it (output, weight or input)"
        )
    counted = [count_on(nest, device, stationary) for nest in work.nests]
    cycles = sum(
        counts.compute_cycles / rate_of(nest, device) for nest, counts in zip(work.nests, counted, strict=True)
    )
    plain = roofline.compute(work, device, said)
    pes_busy = sum(counts.mapping_utilization * counts.macs for counts in counted) / work.macs if work.macs else 0.0
    done = Compute(cycles / device.clock_hz, plain.vector_s, plain.ideal_s, pes_busy)
    flows = flows_of(work, counted, network, device, residency)
    moved = {memory.name: roofline.total(flows[memory.name].values()) for memory in device.memories}
    record = assemble(layer, work, network, device, done, moved)
    spent = flows | _happening(work, flows, device)
    parts = {memory.name: energy.of_flows(memory, spent[memory.name]) for memory in device.memories}
    parts |= {"mac": energy.of_macs(work, device), "vector": energy.of_vector(work, device, said)}
    parts["network"] = _wires(work, counted, device)
    return energy.attach(record, device, parts)


def _wires(work: Work, counted: list[SystolicCounts], device: Device) -> float:
    """Energy of words that go from PE to PE, a hop each, at the price of the network that reaches the PEs [J]; 0 where none is known."""
    reaching = {memory.name for memory in device.memories if memory.instances >= device.array.pes}
    hop = next((network.hop_j for network in device.networks if network.inner in reaching and network.hop_j), 0.0)
    bits = sum(
        moves * width
        for nest, counts in zip(work.nests, counted, strict=True)
        for moves, width in zip(counts.moves, (nest.input.bits, nest.weight.bits, nest.accumulator.bits), strict=True)
    )
    return hop * bits / 8


def rate_of(nest: LoopNest, device: Device) -> float:
    """MACs a PE does in a cycle for these operands [1]."""
    precision, _ = precision_for(device, nest.input.dtype, nest.weight.dtype)
    return precision.macs_per_pe_per_cycle


def count_on(nest: LoopNest, device: Device, stationary: Operand) -> SystolicCounts:
    """Counts of one nest on the device's array, without a limit on bandwidth."""
    return systolic(
        nest,
        device.array.y,
        device.array.x,
        stationary,
        arrays=device.array.cores,
        buffers=_buffers(nest, device),
        double_buffered=any(level.buffering >= 2 for level in _registers(device, stationary)),
    )


def _registers(device: Device, operand: Operand) -> list[Memory]:
    """Levels inside the PEs that hold an operand, innermost first."""
    return [
        memory
        for memory in device.memories
        if memory.instances >= device.array.pes and memory.keeps[operand] != "never"
    ]


def _buffers(nest: LoopNest, device: Device) -> tuple[int | None, int | None, int | None]:
    """Words of each operand that stay on chip [1]: the largest pool on the chip, shared equally where its operands do not all fit."""
    needs = dict(zip(OPERANDS, _footprints(nest), strict=True))
    words: list[int | None] = []
    for operand, kind in zip(OPERANDS, (nest.input, nest.weight, nest.output), strict=True):
        best: int | None = 0
        for memory in _buffer_levels(device, operand):
            for pool in memory.pools:
                if operand not in pool.operands:
                    continue
                if pool.capacity is None:
                    best = None
                elif best is not None:
                    bits = pool.capacity * memory.instances * 8 // memory.buffering
                    together = sum(needs[other] for other in OPERANDS if other in pool.operands)
                    share = bits if together <= bits else bits // len(pool.operands)
                    best = max(best, share // kind.bits)
        words.append(best)
    return words[0], words[1], words[2]


def _footprints(nest: LoopNest) -> tuple[int, int, int]:
    inputs, weights, outputs = nest.elements
    return inputs * nest.input.bits, weights * nest.weight.bits, outputs * nest.output.bits


def _buffer_levels(device: Device, operand: Operand) -> list[Memory]:
    """On-chip levels outside the PEs that hold an operand, innermost first."""
    return [
        memory
        for memory in device.memories
        if not memory.off_chip and memory.instances < device.array.pes and memory.keeps[operand] != "never"
    ]


@dataclass(frozen=True, slots=True)
class _Fetches:
    """How often the array's operands cross the chip's edge, as multiples of their tensors, and partial sums that spill [B]."""

    input: float
    weight: float
    spilled_read: float
    spilled_write: float


def _fetches(nests: tuple[LoopNest, ...], counted: list[SystolicCounts]) -> _Fetches:
    def multiple(place: int, stored: int) -> float:
        return sum(counts.dram_read_bits[place] for counts in counted) / stored if stored else 1.0

    stored = [sum(_footprints(nest)[place] * nest.repeat for nest in nests) for place in range(3)]
    spilled = sum(counts.dram_read_bits[2] for counts in counted) / 8
    return _Fetches(multiple(0, stored[0]), multiple(1, stored[1]), spilled, spilled)


def flows_of(
    work: Work, counted: list[SystolicCounts], network: Network, device: Device, residency: Residency
) -> dict[str, dict[Operand, Traffic]]:
    """Bytes by level and operand: fetches from off chip, what the array takes from its buffers, and one register read a MAC."""
    flows: dict[str, dict[Operand, Traffic]] = {memory.name: {} for memory in device.memories}
    for memory in device.memories:
        if memory.off_chip:
            once = roofline.flows_of(work, device, network, residency)[memory.name]
            flows[memory.name] = _off_chip(once, _fetches(work.nests, counted))
    for place, operand in enumerate(OPERANDS):
        widths = [(nest.input.bits, nest.weight.bits, nest.accumulator.bits)[place] for nest in work.nests]
        read = sum(counts.sram_reads[place] * bits for counts, bits in zip(counted, widths, strict=True)) / 8
        write = sum(counts.sram_writes[place] * bits for counts, bits in zip(counted, widths, strict=True)) / 8
        for buffer in _buffer_levels(device, operand)[:1]:
            flows[buffer.name][operand] = Traffic(read, write)
        for register in _registers(device, operand)[:1]:
            used = sum(counts.macs * bits for counts, bits in zip(counted, widths, strict=True)) / 8
            flows[register.name][operand] = Traffic(used, used if operand == "output" else read)
    return flows


def _off_chip(once: dict[Operand, Traffic], fetches: _Fetches) -> dict[Operand, Traffic]:
    return {
        "input": Traffic(once["input"].read * fetches.input),
        "weight": Traffic(once["weight"].read * fetches.weight),
        "output": Traffic(fetches.spilled_read, once["output"].write + fetches.spilled_write),
    }


def _happening(
    work: Work, flows: dict[str, dict[Operand, Traffic]], device: Device
) -> dict[str, dict[Operand, Traffic]]:
    """The flows of the registers inside the PEs less what MACs on zeros do not read and write; ports are as busy as ever."""
    total = sum(nest.macs for nest in work.nests) or 1
    shares = [(zeros.access_shares(nest, device), nest.macs / total) for nest in work.nests]
    happen = {operand: sum(share[operand] * part for share, part in shares) for operand in OPERANDS}
    inner = {level.name for operand in OPERANDS for level in _registers(device, operand)[:1]}
    return {
        name: {
            operand: Traffic(
                flow.read * happen[operand], flow.write * (happen[operand] if operand == "output" else 1.0)
            )
            for operand, flow in by_operand.items()
        }
        for name, by_operand in flows.items()
        if name in inner
    }
