"""The row_stationary rung: convolutions in processing passes of a row-stationary chip, everything else over the outer levels as on the
roofline.

Filters of the next pass come into their own part of the buffer while the array works, so they cost time only where they take longer than
it does;
inputs and outputs share theirs with partial sums, and where the profile says that off-chip traffic is not overlapped they add.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from hwsim.counts.row_stationary import Chip, Plan, RowStationaryCounts, count, plans
from hwsim.counts.row_stationary_loops import loops
from hwsim.device import Device, Memory
from hwsim.device.records import Network as Wires
from hwsim.device.records import Operand
from hwsim.errors import ProfileError
from hwsim.estimation import beside, energy, roofline, zeros
from hwsim.estimation.assembly import Assumptions, Compute, assemble, off_chip_bytes
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.graph import Layer, Network
from hwsim.mapping import from_device
from hwsim.mapping.text import as_dict
from hwsim.workload import OPERANDS, LoopNest, Work

#: Plans whose words take so much of the least energy are as good, and the fastest of them is taken [1].
_AS_GOOD = 1.01


@dataclass(frozen=True, slots=True)
class _Levels:
    """Scratchpads in the PEs, and the buffer of the chip."""

    pads: Memory
    buffer: Memory


def _levels(device: Device) -> _Levels:
    pads = [memory for memory in device.memories if memory.instances >= device.array.pes and not memory.off_chip]
    buffers = [memory for memory in device.memories if memory.instances == 1 and not memory.off_chip]
    if not pads or not buffers or not device.networks or device.off_chip is None:
        raise ProfileError(
            f"{device.path or device.name}: memory: --model row_stationary needs scratchpads per pe, one buffer on the chip, "
            "a network between them and a memory off the chip"
        )
    return _Levels(pads[0], buffers[-1])


def chip_of(device: Device, bits: int) -> Chip:
    """The figures of a profile that passes meet, for words of ``bits``; raises ProfileError where it has not got them."""
    levels = _levels(device)
    rates = device.networks[0].bandwidth

    def words(memory: Memory, operand: Operand) -> int:
        sizes = [pool.capacity for pool in memory.pools if operand in pool.operands]
        return min((size * 8 // bits for size in sizes if size is not None), default=1 << 40)

    def rate(operand: Operand) -> float:
        return rates[operand] * 8 / bits / device.clock_hz if operand in rates else float("inf")

    return Chip(
        columns=device.array.x * device.array.cores,
        rows=device.array.y,
        input_words=words(levels.pads, "input"),
        weight_words=words(levels.pads, "weight"),
        output_words=words(levels.pads, "output"),
        buffer_words=words(levels.buffer, "output"),
        input_rate=rate("input"),
        weight_rate=rate("weight"),
        output_rate=rate("output"),
        bank_words=_bank_words(levels.buffer, bits),
        filter_words=words(levels.buffer, "weight"),
        line_words=max(1, levels.buffer.width_bits // bits) if levels.buffer.width_bits else 1,
    )


def _bank_words(buffer: Memory, bits: int) -> int:
    """Words of one of a buffer's banks [1]; 1 where the profile does not say."""
    return max(1, buffer.capacity * 8 // bits // buffer.banks) if buffer.banks and buffer.capacity else 1


def seconds_of(
    counts: RowStationaryCounts, bits: int, device: Device, stored: tuple[float, float, float] = (1, 1, 1)
) -> tuple[float, float]:
    """Time of the passes, and of a nest with its off-chip traffic [s]. stored : size of inputs, weights, outputs over the dense size
    [1]."""
    edge = device.off_chip
    assert edge is not None, "chip_of has refused such a device"
    rate = (edge.shared_bandwidth or float("inf")) * edge.efficiency
    words = (counts.edge_inputs, counts.edge_weights, counts.edge_outputs)
    inputs, weights, outputs = (word * bits / 8 * share / rate for word, share in zip(words, stored, strict=True))
    passes = counts.cycles / device.clock_hz
    if edge.overlapped:
        return passes, max(passes, inputs + weights + outputs)
    return passes, passes + inputs + outputs + max(0.0, weights - passes)


def chosen(nest: LoopNest, device: Device, fastest: bool = False) -> Plan | None:
    """The plan of a nest whose words take least energy in buffer and DRAM, of those within 1 % the fastest; None where no pass fits.

    So were Eyeriss's own plans chosen, for energy (ISCA 2016): four of the five published are within 0.8 % of the least. Words are dense,
    the padding of rows among them; without energies in the profile those over the chip's edge count. fastest : least time first.
    """
    return _chosen(nest, _Key(device), fastest)


class _Key(NamedTuple):
    """A device as a key."""

    device: Device

    def __hash__(self) -> int:
        return hash((self.device.sha256, self.device.name))


@lru_cache(maxsize=512)
def _chosen(nest: LoopNest, key: _Key, fastest: bool) -> Plan | None:
    chip, bits = chip_of(key.device, nest.input.bits), nest.input.bits
    found = []
    for plan in plans(nest, chip):
        counts = count(nest, plan, chip)
        found.append((_moved(counts, bits, key.device), seconds_of(counts, bits, key.device)[1], plan))
    if not found:
        return None
    if fastest:
        return min(found, key=lambda one: (one[1], one[0]))[2]
    least = min(one[0] for one in found)
    return min((one for one in found if one[0] <= _AS_GOOD * least), key=lambda one: (one[1], one[0]))[2]


def _moved(counts: RowStationaryCounts, bits: int, device: Device) -> float:
    """Energy of a plan's words in DRAM and buffer [J], or words over the chip's edge where the profile gives no energies [1]."""
    edge, buffer, size = device.off_chip, _levels(device).buffer, bits / 8
    assert edge is not None, "chip_of has refused such a device"
    outside: dict[Operand, Traffic] = {
        "input": Traffic(size * counts.edge_rows),
        "weight": Traffic(size * counts.edge_weights),
        "output": Traffic(0.0, size * counts.edge_outputs),
    }
    inside: dict[Operand, Traffic] = {
        "weight": Traffic(size * counts.filter_words, size * counts.filter_words),
        "output": Traffic(size * counts.buffer_reads, size * counts.buffer_writes),
    }
    joules = energy.of_flows(edge, outside), energy.of_flows(buffer, inside)
    if joules[0] is None or joules[1] is None:
        return counts.edge_rows + counts.edge_weights + counts.edge_outputs
    return joules[0] + joules[1]


def price(
    layer: Layer,
    work: Work,
    network: Network,
    device: Device,
    residency: Residency,
    said: Assumptions,
    objective: str | None = None,
) -> LayerEstimate:
    """One layer in passes; products, and windows that no pass holds, are priced on the roofline, and it is said.

    objective : ``latency`` takes the fastest plan, anything else the one of least energy in the memories.
    """
    if not work.nests:
        return beside.price(layer, work, network, device, residency, said)
    levels = _levels(device)
    placed = [chosen(nest, device, objective == "latency") if nest.s * nest.r > 1 else None for nest in work.nests]
    if None in placed:
        said.add("products and windows that do not lie in passes are priced on the roofline")
        return roofline.price(layer, work, network, device, residency, said)
    nests = [(nest, plan) for nest, plan in zip(work.nests, placed, strict=True) if plan is not None]
    chips = [chip_of(device, nest.input.bits) for nest, _ in nests]
    counted = [count(nest, plan, chip) for (nest, plan), chip in zip(nests, chips, strict=True)]
    plain = roofline.compute(work, device, said)
    cycles = sum(found.cycles * nest.repeat for found, (nest, _) in zip(counted, nests, strict=True))
    busy = sum(found.active_pes * nest.macs for found, (nest, _) in zip(counted, nests, strict=True)) / work.macs
    done = Compute(cycles / device.clock_hz, plain.vector_s, plain.ideal_s, busy / device.array.pes)
    flows = roofline.flows_of(work, device, network, residency)
    edge = device.off_chip
    assert edge is not None, "_levels has refused such a device"
    flows[edge.name] = _edge(flows[edge.name], nests, counted)
    read = sum(
        found.buffer_reads * nest.repeat * nest.input.bits / 8 for found, (nest, _) in zip(counted, nests, strict=True)
    )
    written = sum(
        found.buffer_writes * nest.repeat * nest.input.bits / 8 for found, (nest, _) in zip(counted, nests, strict=True)
    )
    flows[levels.buffer.name] = {"input": Traffic(), "weight": Traffic(), "output": Traffic(read, written)}
    flows[levels.pads.name] = _pads(nests, device)
    moved = {name: roofline.total(parts.values()) for name, parts in flows.items()}
    exposed = dict(moved)
    if not edge.overlapped:
        hidden = min(flows[edge.name]["weight"].read, done.mac_s * (edge.shared_bandwidth or 0.0) * edge.efficiency)
        exposed[edge.name] = Traffic(moved[edge.name].read - hidden, moved[edge.name].write)
    timed = assemble(layer, work, network, device, done, exposed)
    record = _with_traffic(timed, moved, device)
    parts: dict[str, float | None] = {
        memory.name: energy.of_flows(memory, flows[memory.name]) for memory in device.memories
    }
    network_j = _wires(device.networks[0], device, nests, counted, read + written, said)
    parts |= {
        "mac": energy.of_macs(work, device),
        "vector": energy.of_vector(work, device, said),
        "network": network_j,
    }
    return energy.attach(replace(record, mapping=_loops(nests, device)), device, parts)


def _loops(nests: list[tuple[LoopNest, Plan]], device: Device) -> list[dict[str, object]] | None:
    """Plans as loop nests, on hierarchies of scratchpads, one buffer and an off-chip memory."""
    if len(device.memories) != 3:
        return None
    columns = device.array.x * device.array.cores
    return [as_dict(from_device(device, nest), loops(nest, plan, columns)) for nest, plan in nests]


def _wires(
    wires: Wires,
    device: Device,
    nests: list[tuple[LoopNest, Plan]],
    counted: list[RowStationaryCounts],
    moved: float,
    said: Assumptions,
) -> float:
    """Energy of the wires between buffer and PEs [J]. moved : bytes of inputs and sums through the buffer [B]."""
    if wires.topology == "bus":
        pairs = zip(nests, counted, strict=True)
        return wires.hop_j * sum(found.word_hops * nest.repeat * nest.input.bits / 8 for (nest, _), found in pairs)
    said.add("words between buffer and PEs are taken to travel half the width and height of the array")
    return moved * wires.hop_j * (device.array.x + device.array.y) / 2


def _with_traffic(record: LayerEstimate, moved: dict[str, Traffic], device: Device) -> LayerEstimate:
    return replace(record, traffic_bytes=moved, dram_bytes=off_chip_bytes(device, moved))


def _edge(
    once: dict[Operand, Traffic], nests: list[tuple[LoopNest, Plan]], counted: list[RowStationaryCounts]
) -> dict[Operand, Traffic]:
    """Bytes over the chip's edge: tensors as stored, as often as passes need them again."""
    fetched = [0.0, 0.0]
    stored = [0.0, 0.0]
    for (nest, _), found in zip(nests, counted, strict=True):
        for place, words in enumerate((found.edge_inputs, found.edge_weights)):
            fetched[place] += words * nest.repeat
            stored[place] += nest.elements[place] * nest.repeat
    inputs, weights = (have / need if need else 1.0 for have, need in zip(fetched, stored, strict=True))
    return {
        "input": Traffic(once["input"].read * inputs),
        "weight": Traffic(once["weight"].read * weights),
        "output": once["output"],
    }


def _pads(nests: list[tuple[LoopNest, Plan]], device: Device) -> dict[Operand, Traffic]:
    """Bytes of the scratchpads: both operands and the sum of each MAC that happens."""
    found: dict[Operand, Traffic] = dict.fromkeys(OPERANDS, Traffic())
    for nest, _ in nests:
        happen = zeros.access_shares(nest, device)
        for operand in OPERANDS:
            size = nest.macs * nest.input.bits / 8 * happen[operand]
            have = found[operand]
            found[operand] = Traffic(have.read + size, have.write + (size if operand == "output" else 0.0))
    return found
