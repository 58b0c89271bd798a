"""What no mapping with given spatial factors and kept operands can beat, for many spatial patterns at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import INPUT, OUTPUT, READ, UPDATE, WEIGHT, P, Q, R, S
from hwsim.kernels.search_terms import FREE_OF
from hwsim.search.space import Space
from hwsim.search.terms import Terms

Reals = NDArray[np.float64]
#: Addresses of one axis that are worth listing.
_MANY = 1 << 22


def touched(space: Space) -> int:
    """Inputs that the nest needs at all: padding, and what strides step over, left out [1]."""
    nest, words = space.packed_nest, 1
    for axis, (position, tap) in enumerate(((Q, S), (P, R))):
        taps = np.arange(space.extents[tap], dtype=np.int64) * int(nest.dilation[axis])
        rows = np.arange(space.extents[position], dtype=np.int64) * int(nest.stride[axis])
        if len(taps) * len(rows) > _MANY:
            taps = taps[:1]
        found = np.unique(rows[:, None] + taps[None, :])
        if space.exact:
            found = found - int(nest.pad[axis])
            found = found[(found >= 0) & (found < int(nest.size[axis]))]
        words *= len(found)
    return words * math.prod(space.extents[dim] for dim in (0, 1, 3))


def compulsory(space: Space) -> float:
    """Energy that no mapping goes below [J], leakage left out: MACs, and every word of the three tensors once at the outermost level."""
    packed, bits = space.packed, space.packed_nest.bits
    energy = np.where(np.isnan(packed.energy[-1]), 0.0, packed.energy[-1]) / (int(packed.block[-1]) or 1)
    words = [math.prod(space.extents[dim] for dim in range(8) if FREE_OF[dim] != operand) for operand in range(3)]
    words[INPUT] = touched(space)
    moved = sum(words[operand] * int(bits[operand]) * float(energy[READ, operand]) for operand in (INPUT, WEIGHT))
    moved += words[OUTPUT] * min(int(bits[2]), int(bits[3])) * float(energy[UPDATE, OUTPUT])
    mac_j = 0.0 if math.isnan(packed.mac_j) else packed.mac_j
    return mac_j * math.prod(space.extents) + moved


def floors(space: Space, terms: Terms, steps: Reals) -> tuple[Reals, Reals]:
    """Least energy [J] and cycles of each pattern [T], leakage left out: every boundary moves each word once into all that need it."""
    base = terms.base[:, 3].copy()
    for operand in range(3):
        volume = math.prod(space.extents[dim] for dim in range(8) if FREE_OF[dim] != operand)
        if operand == INPUT:
            volume = touched(space)
        for level in range(space.levels - 1):
            leaves, arrives = terms.words[:, level, operand, 0], terms.words[:, level, operand, 1]
            ends = terms.still[:, level, operand]
            away = ends[:, 0] * terms.apart[:, level] if operand == INPUT else ends[:, 0]
            base += volume * (np.maximum(leaves, 0.0) * away[:, None] + arrives * ends[:, 1, None])
    hidden = steps / space.packed.macs_per_pe
    shown = np.zeros(len(steps))
    for group in np.unique(terms.base[0, 4, 1:]):
        slowest = base[:, 1:][:, terms.base[0, 4, 1:] == group].max(axis=1)
        if group == 0:
            hidden = np.maximum(hidden, slowest)
        else:
            shown = shown + np.maximum(slowest, 0.0)
    return base[:, 0], hidden + shown


def values(space: Space, energy: Reals, cycles: Reals, objective: str) -> Reals:
    """The objective of each pattern [J x cycles, J or cycles]."""
    whole = np.ceil(cycles * (1 - 1e-9))
    if objective == "latency":
        return whole
    leakage = 0.0 if math.isnan(space.packed.leakage_w) else space.packed.leakage_w / space.packed.clock_hz
    total = energy + leakage * whole
    return total if objective == "energy" else total * whole
