"""What no mapping with given spatial factors and kept operands can beat, for many spatial patterns at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import FILL, INPUT, OUTPUT, READ, UPDATE, P, Q, R, S
from hwsim.kernels.search_terms import FREE_OF
from hwsim.search.patterns import Patterns
from hwsim.search.space import Keep, Space, free_of

Reals = NDArray[np.float64]


def touched(space: Space) -> int:
    """Inputs that the nest needs at all: padding, and what strides step over, left out [1]."""
    nest, words = space.packed_nest, 1
    for axis, (position, tap) in enumerate(((Q, S), (P, R))):
        stride, dilation = int(nest.stride[axis]), int(nest.dilation[axis])
        before, size = (int(nest.pad[axis]), int(nest.size[axis])) if space.exact else (0, ANYWHERE)
        taps = np.arange(space.extents[tap], dtype=np.int64) * dilation - before
        rows = np.arange(space.extents[position], dtype=np.int64) * stride
        if len(taps) * len(rows) > MANY:
            taps = taps[:1]
        found = np.unique(rows[:, None] + taps[None, :])
        words *= int(((found >= 0) & (found < size)).sum()) if space.exact else len(found)
    return words * math.prod(space.extents[dim] for dim in (0, 1, 3))


#: Larger than any image.
ANYWHERE = 1 << 62
#: Addresses of one axis that are worth listing.
MANY = 1 << 22


def floors(space: Space, keep: Keep, listed: Patterns) -> tuple[Reals, Reals]:
    """Least energy [J] and cycles of each pattern [P].

    PEs take every word that the nearest level keeping its operand cannot share between them; every boundary moves each word of an operand
    once into every instance that needs it. Leakage is left out.
    """
    packed, factors = space.packed, listed.factors.astype(np.float64)
    macs = float(math.prod(space.extents))
    mac_j = 0.0 if math.isnan(packed.mac_j) else packed.mac_j
    energy = np.full(len(factors), mac_j * macs)
    above = np.cumprod(factors.prod(axis=2)[:, ::-1], axis=1)[:, ::-1]
    instances = np.concatenate((above[:, 1:], np.ones((len(factors), 1))), axis=1)
    busy: dict[tuple[int, int], Reals] = {}

    def spend(level: int, direction: int, operand: int, words: Reals | float) -> None:
        nonlocal energy
        bits = float(space.word_bits[operand])
        each = float(packed.energy[level, direction, operand])
        energy = energy + words * (0.0 if math.isnan(each) else each * bits / (int(packed.block[level]) or 1))
        for kind in (0 if direction == READ else 1, 2):
            if math.isfinite(packed.bandwidth[level, kind]):
                cycles = words * bits / instances[:, level] / packed.bandwidth[level, kind]
                busy[level, kind] = busy.get((level, kind), np.zeros(len(factors))) + cycles

    for operand in range(3):
        kept = [level for level in range(space.levels) if keep[level][operand]]
        share = packed.reduce if operand == OUTPUT else packed.multicast
        dims = free_of(operand)
        words = np.full(len(factors), macs)
        for level in range(kept[0] + 1):
            if share[level]:
                words /= factors[:, level, dims].prod(axis=1) if dims else 1.0
                if operand == INPUT:
                    for position, tap in ((Q, S), (P, R)):
                        rows, taps = factors[:, level, position], factors[:, level, tap]
                        words *= (rows + taps - 1) / (rows * taps)
        volume = math.prod(space.extents[dim] for dim in range(8) if FREE_OF[dim] != operand)
        if operand == INPUT:
            volume = touched(space)
        copies = {level: factors[:, level + 1 :, dims].prod(axis=(1, 2)) for level in kept}
        if operand == OUTPUT:
            spend(kept[0], UPDATE, operand, words)
            spend(kept[0], READ, operand, words - volume * copies[kept[0]])
        else:
            spend(kept[0], READ, operand, words)
        for level, outer in zip(kept[:-1], kept[1:], strict=True):
            if operand == OUTPUT:
                spend(outer, UPDATE, operand, volume * copies[outer])
            else:
                spend(outer, READ, operand, volume * copies[outer])
                spend(level, FILL, operand, volume * copies[level] if operand != INPUT else float(volume))
    hidden = listed.steps / packed.macs_per_pe
    shown = np.zeros(len(factors))
    for level in range(space.levels):
        slowest = np.zeros(len(factors))
        for kind in range(3):
            slowest = np.maximum(slowest, busy.get((level, kind), 0.0))
        if packed.overlapped[level]:
            hidden = np.maximum(hidden, slowest)
        else:
            shown = shown + slowest
    return energy, hidden + shown


def values(space: Space, energy: Reals, cycles: Reals, objective: str) -> Reals:
    """The objective of each pattern [J x cycles, J or cycles]."""
    whole = np.ceil(cycles * (1 - 1e-9))
    if objective == "latency":
        return whole
    leakage = 0.0 if math.isnan(space.packed.leakage_w) else space.packed.leakage_w / space.packed.clock_hz
    total = energy + leakage * whole
    return total if objective == "energy" else total * whole
