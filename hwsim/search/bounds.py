"""What no mapping with given spatial factors and kept operands can beat, for many spatial patterns at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import INPUT, OUTPUT, READ, UPDATE, WEIGHT, P, Q, R, S
from hwsim.kernels.search_terms import FREE_OF
from hwsim.search.space import Space
from hwsim.search.terms import Terms, terms_of

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
    words = [volume(space, operand) for operand in range(3)]
    moved = sum(words[operand] * int(bits[operand]) * float(energy[READ, operand]) for operand in (INPUT, WEIGHT))
    moved += words[OUTPUT] * min(int(bits[2]), int(bits[3])) * float(energy[UPDATE, OUTPUT])
    mac_j = 0.0 if math.isnan(packed.mac_j) else packed.mac_j
    return mac_j * math.prod(space.extents) + moved


def anywhere(space: Space) -> float:
    """Energy that no mapping goes below whatever its pattern [J], leakage left out; the least over all choices of kept operands.

    To the compulsory words of every boundary come those between the PEs and the nearest level that keeps an operand: one word serves at
    most all children that differ in dims that the operand is free of. No dim is free of two operands, so the product of the three numbers
    of children is at most that of all PEs below, and a sum of terms over them is no less than their geometric mean allows. Inputs are
    shared by equal sums of positions and taps as well, by as many as there are taps at most.
    """
    least = compulsory(space)
    if not space.exact:
        return least
    alone = np.ones((1, space.levels, 8), np.int64)
    found = math.inf
    for keep in space.keeps:
        terms = terms_of(space, keep, alone)
        kept = np.array(keep, np.bool_)
        energy = float(terms.base[0, 3, 0])
        rates, numbers, reach, lows = np.zeros(3), terms.mac_least[0], np.ones(3), np.zeros(3)
        for operand in range(3):
            words = volume(space, operand)
            nearest = int(np.flatnonzero(kept[:, operand])[0])
            reach[operand] = space.packed.fanout[: nearest + 1].astype(np.float64).prod()
            rates[operand] = float(terms.base[0, operand, 0])
            energy -= rates[operand] * numbers[operand]  # for one PE; what follows is for all
            spread = reach[operand] * (space.extents[6] * space.extents[7] if operand == INPUT else 1)
            lows[operand] = rates[operand] * max(numbers[operand] / spread, 0.0 if operand == INPUT else words)
            energy += words * float(terms.words[0, :-1, operand, :, 0].sum())
        energy += _shared(space, rates * numbers, reach, lows)
        found = min(found, energy)
    return max(least, found)


def _shared(space: Space, alone: Reals, reach: Reals, lows: Reals) -> float:
    """Least of the sum of ``alone`` [3], each divided by the children that share; lows [3] : least of each by itself."""
    if (alone < 0).any():
        return float(np.minimum(alone, lows).sum())
    best = float(lows.sum())
    for some in ((0, 1), (0, 2), (1, 2), (0, 1, 2)):
        most = max(reach[operand] for operand in some)
        if INPUT in some:
            most *= space.extents[6] * space.extents[7]
        mean = (math.prod(float(alone[operand]) for operand in some) / most) ** (1 / len(some))
        best = max(best, len(some) * mean + sum(lows[operand] for operand in range(3) if operand not in some))
    return best


def volume(space: Space, operand: int) -> float:
    """Words of a tensor that the nest needs [1]."""
    if operand == INPUT:
        return touched(space)
    return math.prod(space.extents[dim] for dim in range(8) if FREE_OF[dim] != operand)


def floors(space: Space, terms: Terms, steps: Reals) -> tuple[Reals, Reals]:
    """Least energy [J] and cycles of each pattern [T], leakage left out: every boundary moves each word once into all that need it."""
    base = terms.base[:, 3].copy()
    for operand in range(3):
        words = volume(space, operand)
        for level in range(space.levels - 1):
            leaves, arrives = terms.words[:, level, operand, 0], terms.words[:, level, operand, 1]
            ends = terms.still[:, level, operand]
            away = ends[:, 0] * terms.apart[:, level] if operand == INPUT else ends[:, 0]
            base += words * (np.maximum(leaves, 0.0) * away[:, None] + arrives * ends[:, 1, None])
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
