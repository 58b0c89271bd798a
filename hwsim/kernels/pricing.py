"""Latency and energy of counted mappings, as ``hwsim.cost.price`` makes them, to the last bit: the same sums in the same order."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hwsim.kernels.jit import merged_kernel, nested_kernel
from hwsim.kernels.packed import FILL, OUTPUT, READ, UPDATE, CountArrays, Float, HierarchyArrays, Int

#: Cycles this close to a whole number are that number: what is left of it is rounding [1].
NEAR = 5e-7


def whole_cycles(cycles: float) -> float:
    """Cycles rounded up, but for rounding errors [1]."""
    nearest = np.floor(cycles + 0.5)
    return float(nearest if abs(cycles - nearest) <= NEAR else np.ceil(cycles))


_whole_cycles = nested_kernel(whole_cycles)


class Terms(NamedTuple):
    """What one repeat costs. cycles [1], whole; joules [J] but for leakage, nan where an energy that is needed is not known."""

    cycles: float
    joules: float


@merged_kernel
def _bits(count: int, final: int, word: int, incomplete: int) -> int:
    return final * word + (count - final) * incomplete


@merged_kernel
def _time(bits: int, rate: float, compute: float, sampled: bool) -> float:
    """Cycles of one port. sampled : timeloop rules, in which it slows compute down."""
    if bits == 0 or rate == math.inf:
        return 0.0
    if sampled:
        slowdown = min(1.0, rate / (bits / compute))
        return math.ceil(compute / slowdown) if slowdown < 1.0 else bits / rate
    return bits / rate


@merged_kernel
def _level_cycles(
    level: int, bits: Int, bandwidth: Float, network: Float, compute: float, sampled: bool, out: CountArrays
) -> float:
    """Cycles of the busiest port of one level, and of the wires below it."""
    busiest, busiest_final = out.busiest, out.busiest_final
    wires, wires_final = out.network_busiest, out.network_final
    read = fill = update = 0
    longest = 0.0
    for operand in range(3):
        word, incomplete = bits[operand], bits[3]
        counts = busiest[level, operand]
        reads, fills, updates = counts[READ], counts[FILL], counts[UPDATE]
        if operand == OUTPUT:
            final = busiest_final[level]
            read += _bits(reads, final[READ], word, incomplete)
            fill += _bits(fills, final[FILL], word, incomplete)
            update += _bits(updates, final[UPDATE], word, incomplete)
        else:
            read, fill, update = read + reads * word, fill + fills * word, update + updates * word
        if network[level, operand] != math.inf:
            final_up = wires_final[level, 1] if operand == OUTPUT else 0
            up = _bits(wires[level, operand, 1], final_up, word, incomplete)
            down = wires[level, operand, 0] * word
            longest = max(longest, _time(max(down, up), network[level, operand], compute, sampled))
    longest = max(longest, _time(read, bandwidth[level, 0], compute, sampled))
    longest = max(longest, _time(fill + update, bandwidth[level, 1], compute, sampled))
    return max(longest, _time(read + fill + update, bandwidth[level, 2], compute, sampled))


@merged_kernel
def _accesses(bits: int, block: int) -> int:
    return -(-bits // block) if block > 1 else bits


@merged_kernel
def _level_joules(
    level: int, repeat: int, bits: Int, hierarchy: HierarchyArrays, sampled: bool, out: CountArrays
) -> tuple[float, float]:
    """Energy of one level, and of the wires below it [J]."""
    energy, block, hop_j = hierarchy.energy, hierarchy.block[level], hierarchy.hop_j[level]
    instances = 1
    counts, finals = out.accesses, out.final
    if sampled and block > 1:  # the reference rounds up for each of its (equal) instances
        counts, finals = out.busiest, out.busiest_final
        instances = out.used[level, 0] * out.used[level, 1]
    storage = 0.0
    for direction in range(3):
        joules = 0.0
        for operand in range(3):
            count = counts[level, operand, direction]
            final = finals[level, direction] if operand == OUTPUT else count
            number = _accesses(_bits(count, final, bits[operand], bits[3]), block) * instances
            if number:
                joules += number * energy[level, direction, operand] * repeat
        storage += joules
    wires = 0.0
    if hop_j:
        for operand in range(3):
            down, up = out.network[level, operand, 0], out.network[level, operand, 1]
            if down + up:
                final_up = out.network_final[level, 0] if operand == OUTPUT else 0
                moved = down * bits[operand] + final_up * bits[operand] + (up - final_up) * bits[3]
                wires += hop_j * out.hops[level, operand] * moved / (down + up) * repeat
    return storage, wires


@merged_kernel
def price_counts(bits: Int, repeat: int, hierarchy: HierarchyArrays, sampled: bool, out: CountArrays) -> Terms:
    """Cycles and energy of all repeats, leakage included. bits [4] : of input, weight, output, accumulator; sampled : timeloop rules."""
    steps, passes, macs = out.scalars[0], out.scalars[1], out.scalars[2]
    compute = steps / hierarchy.macs_per_pe + passes * hierarchy.pass_cycles
    overlapped, exposed = compute, 0.0
    joules = hierarchy.mac_j * macs * repeat
    storage = wires = 0.0
    for level in range(out.used.shape[0]):
        cycles = _level_cycles(level, bits, hierarchy.bandwidth, hierarchy.network, compute, sampled, out)
        if hierarchy.overlapped[level]:
            overlapped = max(overlapped, cycles)
        else:
            exposed += cycles
        own, below = _level_joules(level, repeat, bits, hierarchy, sampled, out)
        storage, wires = storage + own, wires + below
    whole = _whole_cycles(overlapped + exposed) * repeat
    leakage = 0.0 if np.isnan(hierarchy.leakage_w) else hierarchy.leakage_w * (whole / hierarchy.clock_hz)
    return Terms(whole, joules + storage + wires + leakage)
