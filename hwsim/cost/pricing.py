"""Price counts on the hierarchy that they were counted on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hwsim.cost.record import Cost, Energy, LevelEnergy, Transfer, added
from hwsim.counts import Accesses, Counts, LevelCounts, OperandCounts
from hwsim.kernels.pricing import whole_cycles
from hwsim.mapping import Hierarchy, Level
from hwsim.workload import OPERANDS, LoopNest


def price(counts: Counts, hierarchy: Hierarchy, nest: LoopNest) -> Cost:
    """Latency and energy of all repeats of ``nest``.

    Latency is the largest of compute (with ``pass_cycles`` of ramp-up a pass) and of the transfers of every level and network, each
    that of its busiest instance; transfers of levels that are not overlapped are added. Under the ``timeloop`` rules a level slows
    compute down by the ratio of its demand to its bandwidth, the same but for rounding. Energy = accesses + wires + MACs + leakage x time.
    """
    compute = counts.steps / hierarchy.macs_per_pe + counts.passes * hierarchy.pass_cycles
    transfers = [
        transfer
        for level, at_level in zip(hierarchy.levels, counts.levels, strict=True)
        for transfer in _transfers(level, at_level, nest, counts, compute)
    ]
    hidden = {level.name for level in hierarchy.levels if level.overlapped}
    exposed = added(
        max((transfer.cycles for transfer in transfers if transfer.level == level.name), default=0.0)
        for level in hierarchy.levels
        if not level.overlapped
    )
    overlapped = max((transfer.cycles for transfer in transfers if transfer.level in hidden), default=0.0)
    cycles = int(whole_cycles(max(compute, overlapped) + exposed)) * nest.repeat
    seconds = cycles / hierarchy.clock_hz
    energy, missing = _energy(counts, hierarchy, nest, seconds)
    first, second, slack = _bounds(compute, transfers)
    possible = counts.mesh * hierarchy.macs_per_pe * cycles
    return Cost(
        seconds=seconds,
        cycles=cycles,
        joules=energy.total if energy else None,
        compute_cycles=compute * nest.repeat,
        transfers=tuple(Transfer(one.level, one.kind, one.cycles * nest.repeat) for one in transfers),
        bound_by=first,
        second_bound_by=second,
        slack=slack,
        utilization=counts.macs * nest.repeat / possible,
        spatial_utilization=counts.spatial_utilization,
        energy=energy,
        missing=missing,
    )


def _transfers(level: Level, counts: LevelCounts, nest: LoopNest, of: Counts, compute: float) -> list[Transfer]:
    """Cycles that the ports of the busiest instance of one level, and the wires below it, are at work."""
    words = (nest.input.bits, nest.weight.bits, nest.output.bits)
    read = fill = update = 0
    for operand, word in zip(counts, words, strict=True):
        bits = operand.busiest.bits(word, nest.accumulator.bits)
        read, fill, update = read + bits[0], fill + bits[1], update + bits[2]
    ports = (
        ("read", read, level.read),
        ("write", fill + update, level.write),
        ("shared", read + fill + update, level.shared),
    )
    found = [
        Transfer(level.name, kind, _cycles(bits, rate, of, compute)) for kind, bits, rate in ports if rate is not None
    ]
    for operand, word, rate in zip(counts, words, level.network_bits_per_cycle, strict=True):
        if rate is not None:
            wires = operand.busiest_wires
            bits_up = wires.final_up * word + (wires.up - wires.final_up) * nest.accumulator.bits
            found.append(Transfer(level.name, "network", _cycles(max(wires.down * word, bits_up), rate, of, compute)))
    return found


def _cycles(bits: int, rate: float, counts: Counts, compute: float) -> float:
    if counts.rules == "timeloop" and bits:
        slowdown = min(1.0, rate / (bits / compute))
        return math.ceil(compute / slowdown) if slowdown < 1.0 else bits / rate
    return bits / rate if bits else 0.0


def _bounds(compute: float, transfers: Sequence[Transfer]) -> tuple[str, str, float]:
    parts: dict[str, float] = {"compute": compute}
    for transfer in transfers:
        name = "network" if transfer.kind == "network" else transfer.level
        parts[name] = max(parts.get(name, 0.0), transfer.cycles)
    ranked = sorted(parts.items(), key=lambda part: -part[1])
    if len(ranked) == 1 or not ranked[1][1]:
        return ranked[0][0], ranked[1][0] if len(ranked) > 1 else "", math.inf
    return ranked[0][0], ranked[1][0], ranked[0][1] / ranked[1][1]


def _energy(counts: Counts, hierarchy: Hierarchy, nest: LoopNest, seconds: float) -> tuple[Energy | None, str]:
    """Energy, or the first quantity that the hierarchy does not give."""
    if hierarchy.mac_j is None:
        return None, "energy of a MAC"
    levels: dict[str, LevelEnergy] = {}
    for level, at_level in zip(hierarchy.levels, counts.levels, strict=True):
        found = _level_energy(level, at_level, nest, counts)
        if isinstance(found, str):
            return None, found
        levels[level.name] = found
    leakage = (hierarchy.leakage_w or 0.0) * seconds
    return Energy(hierarchy.mac_j * counts.macs * nest.repeat, levels, leakage), ""


def _level_energy(level: Level, counts: LevelCounts, nest: LoopNest, of: Counts) -> LevelEnergy | str:
    words = (nest.input.bits, nest.weight.bits, nest.output.bits)
    costs: list[tuple[float, ...]] = []  # by operand: read, fill, update, wires
    prices = (("read", level.read_j), ("fill", level.fill_j), ("update", level.update_j))
    for operand, (name, word) in enumerate(zip(OPERANDS, words, strict=True)):
        at = counts.operands[operand]
        accesses = _blocks(level, at, counts.instances, word, nest.accumulator.bits, of)
        spent = []
        for (action, joules), number in zip(prices, accesses, strict=True):
            if number and joules is None:
                return f"{action} energy of {name} at {level.name}"
            spent.append(number * joules[operand] * nest.repeat if joules else 0.0)
        crossing = at.wires.down + at.wires.up
        wires = 0.0
        if crossing and level.hop_j:
            bits = (
                at.wires.down * word
                + at.wires.final_up * word
                + (at.wires.up - at.wires.final_up) * nest.accumulator.bits
            )
            wires = level.hop_j * at.wires.hops * bits / crossing * nest.repeat
        costs.append((*spent, wires))
    return LevelEnergy(*zip(*costs, strict=True))


def _blocks(
    level: Level, operand: OperandCounts, instances: int, word: int, incomplete: int, counts: Counts
) -> tuple[int, ...]:
    """Accesses of ``block_bits`` bits each, or bits, per direction; the reference rounds up for each of its (equal) instances."""
    if not level.block_bits:
        return operand.total.bits(word, incomplete)
    single = counts.rules == "timeloop"
    of: Accesses = operand.busiest if single else operand.total
    return tuple(-(-bits // level.block_bits) * (instances if single else 1) for bits in of.bits(word, incomplete))
