"""What no mapping with given spatial factors and kept operands can beat, for many spatial patterns at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import INPUT, OUTPUT, READ, UPDATE, WEIGHT, Int
from hwsim.search.needs import least_inputs
from hwsim.search.residence import Residence, outermost_j, port_cycles, residence
from hwsim.search.space import Keep, Space
from hwsim.search.terms import Terms, inputs_apart, steps_apart, terms_of

Reals = NDArray[np.float64]
#: Addresses of one axis that are worth listing.
_MANY = 1 << 22


def touched(space: Space) -> int:
    """Inputs that the nest needs at all: padding, and what strides step over, left out [1]."""
    words = math.prod(space.extents[dim] for dim in (0, 1, 3))
    for axis in range(2):
        *window, pad, size = space.axis(axis)
        words *= _touched(*window, (pad, size) if space.exact else None)
    return words


@lru_cache(maxsize=256)
def _touched(positions: int, taps: int, stride: int, dilation: int, data: tuple[int, int] | None) -> int:
    """The same along one axis. data : pad before and size, where padding is left out."""
    if positions * taps > _MANY:
        taps = 1
    rows, columns = np.arange(positions, dtype=np.int64) * stride, np.arange(taps, dtype=np.int64) * dilation
    found = np.unique(rows[:, None] + columns[None, :])
    if data is not None:
        found = found - data[0]
        found = found[(found >= 0) & (found < data[1])]
    return len(found)


def compulsory(space: Space) -> float:
    """Energy that no mapping goes below [J], leakage left out: MACs, and every word of the three tensors once at the outermost level."""
    packed, bits, energy = space.packed, space.packed_nest.bits, outermost_j(space)
    words = [volume(space, operand) for operand in range(3)]
    moved = sum(words[operand] * int(bits[operand]) * float(energy[READ, operand]) for operand in (INPUT, WEIGHT))
    moved += words[OUTPUT] * min(int(bits[2]), int(bits[3])) * float(energy[UPDATE, OUTPUT])
    mac_j = 0.0 if math.isnan(packed.mac_j) else packed.mac_j
    return mac_j * math.prod(space.extents) + moved


def least_cycles(space: Space, steps: Reals, transfer: Reals | float | None = None) -> Reals:
    """Cycles that no mapping with so many compute steps [T] goes below.

    transfer : what passes the ports of the outermost level takes so long; all words of the tensors unless more is known.
    """
    packed = space.packed
    if transfer is None:
        transfer = _transfer(space, [volume(space, operand) for operand in range(3)])
    compute = steps / packed.macs_per_pe
    found: Reals = np.maximum(compute, transfer) if packed.overlapped[-1] else compute + transfer
    return found


def _transfer(space: Space, words: Sequence[float]) -> float:
    """Cycles that so many words of each operand take to pass the ports of the outermost level once."""
    return max(port_cycles(space, words))


@dataclass(frozen=True, slots=True)
class Anywhere:
    """What a choice of kept operands costs at least whatever the pattern.

    rest : energy [J] but for words between PEs and the nearest level that keeps each operand. rates [3] : energy of such a word [J];
    alone [3] : words if each served one PE; least [3] : words of each tensor; nearest [3] : that level. total : with the least of
    such words [J]. cycles : least time of what passes the ports of the outermost level. again : what passes it again, where anything is
    known of that.
    """

    keep: Keep
    rest: float
    rates: Reals
    alone: Reals
    least: Reals
    nearest: tuple[int, int, int]
    total: float
    cycles: float
    again: Residence | None = None

    def of(self, space: Space, factors: Int) -> Reals:
        """Least energy of each of many patterns [T] [J]; factors [T, L, 8]."""
        energy = np.full(len(factors), self.rest)
        for operand in range(3):
            inner = factors[:, : self.nearest[operand] + 1].astype(np.float64)
            every = list(range(inner.shape[1]))
            words = self.alone[operand] * steps_apart(space, operand, every, inner) / math.prod(space.extents)
            if operand == INPUT and words.any():
                pairs = space.data[0] * space.data[1] / math.prod(space.extents[4:])
                words *= inputs_apart(space, self.nearest[operand], factors.astype(np.float64)) / pairs
            energy += self.rates[operand] * np.maximum(words, self.least[operand])
        return energy


def anywhere(space: Space, known: list[Anywhere] | None = None) -> list[Anywhere]:
    """For each choice of kept operands what no mapping goes below whatever its pattern.

    known : what ``at_any_capacity`` has found, of a hierarchy that may differ in capacities.
    """
    needed = volume(space, INPUT)
    return [replace(some, again=residence(space, some.keep, needed)) for some in known or at_any_capacity(space)]


def at_any_capacity(space: Space) -> list[Anywhere]:
    """The same but for what capacities make come again: for each choice of kept operands the energy, leakage left out, and the time.

    To the compulsory words of every boundary come those between the PEs and the nearest level that keeps an operand: one word serves at
    most all children that differ in dims that the operand is free of. No dim is free of two operands, so the product of the three numbers
    of children is at most that of all PEs below, and a sum of terms over them is no less than their geometric mean allows. Inputs are
    shared by equal sums of positions and taps as well, by as many as there are taps at most.
    """
    least, needed = compulsory(space), [volume(space, operand) for operand in range(3)]
    alone = np.ones((1, space.levels, 8), np.int64)
    found = []
    for keep in space.keeps:
        kept = np.array(keep, np.bool_)
        nearest = [int(np.flatnonzero(kept[:, operand])[0]) for operand in range(3)]
        if not space.exact:
            nothing, at = np.zeros(3), (nearest[0], nearest[1], nearest[2])
            found.append(Anywhere(keep, least, nothing, nothing, nothing, at, least, _transfer(space, needed)))
            continue
        terms = terms_of(space, keep, alone)
        energy = float(terms.base[0, 3, 0])
        rates, numbers, reach = np.zeros(3), terms.mac_least[0], np.ones(3)
        floor = np.array([least_inputs(space, nearest[INPUT]), needed[WEIGHT], needed[OUTPUT]])
        lows, passing = np.zeros(3), list(needed)
        for operand in range(3):
            reach[operand] = space.packed.fanout[: nearest[operand] + 1].astype(np.float64).prod()
            rates[operand] = max(0.0, float(terms.base[0, operand, 0]))
            energy -= float(terms.base[0, operand, 0]) * numbers[operand]  # for one PE; what follows is for all
            spread = reach[operand] * (space.extents[6] * space.extents[7] if operand == INPUT else 1)
            fewest = max(numbers[operand] / spread, floor[operand])
            lows[operand] = rates[operand] * fewest
            if nearest[operand] == space.levels - 1:
                passing[operand] = max(passing[operand], fewest)
            energy += needed[operand] * float(terms.words[0, :-1, operand, :, 0].sum())
        total = max(least, energy + _shared(space, rates * numbers, reach, lows))
        at = (nearest[0], nearest[1], nearest[2])
        found.append(Anywhere(keep, energy, rates, numbers, floor, at, total, _transfer(space, passing)))
    return found


def beyond(space: Space, known: list[Anywhere], steps: float, objective: str) -> float:
    """What no pattern with so many compute steps or more can beat, under any of some choices of kept operands."""
    energy = np.array([some.total for some in known])
    cycles = least_cycles(space, np.full(len(known), steps), np.array([some.cycles for some in known]))
    found = values(space, energy, cycles, objective)
    fewest = np.array([math.prod(space.extents) / float(space.packed.fanout.astype(np.float64).prod())])
    least = math.inf
    for place in np.argsort(found, kind="stable"):
        if found[place] >= least:
            break
        again, value = known[place].again, float(found[place])
        if again is not None:
            few = np.minimum(2.0, [again.spread])
            spread = few, few, few * np.where(few > 1, math.inf, 1.0)
            here = slice(place, place + 1)
            value = max(value, float(again.least(space, energy[here], cycles[here], fewest, spread, objective)[0]))
        least = min(least, value)
    return least


def coarse(space: Space, known: Anywhere, factors: Int, steps: Reals, objective: str, limit: float) -> Reals:
    """What no mapping of each pattern [T] can beat under a choice of kept operands, found quickly; factors [T, L, 8].

    What is above ``limit`` anyway is not looked at closely.
    """
    energy, cycles = known.of(space, factors), least_cycles(space, steps, known.cycles)
    return _closer(space, known, factors, (energy, cycles), np.ones(len(factors), np.bool_), objective, limit)


def fine(
    space: Space, known: Anywhere, terms: Terms, factors: Int, steps: Reals, objective: str, limit: float
) -> Reals:
    """The same, with every boundary moving each word once into all that need it."""
    holds = known.again.holds(terms) if known.again is not None else np.zeros(len(factors), np.bool_)
    return _closer(space, known, factors, floors(space, terms, steps), holds, objective, limit)


def _closer(
    space: Space,
    known: Anywhere,
    factors: Int,
    least: tuple[Reals, Reals],
    holds: NDArray[np.bool_],
    objective: str,
    limit: float,
) -> Reals:
    """The objective at the least energy and cycles of patterns [T]; of those below the limit, and which it ``holds`` for, with what passes
    the outermost level again."""
    found = values(space, *least, objective)
    if known.again is None:
        return found
    some = np.flatnonzero(holds & (found < limit))
    energy, cycles = (figures[some] for figures in least)
    children = known.again.children(factors[some])
    closer = known.again.least(space, energy, cycles, _ideal(space, factors[some]), children, objective)
    found[some] = np.maximum(found[some], closer)
    return found


def _ideal(space: Space, factors: Int) -> Reals:
    """Compute steps of patterns none of whose children ever idles [T]."""
    found: Reals = math.prod(space.extents) / factors.astype(np.float64).prod(axis=(1, 2))
    return found


def _shared(space: Space, alone: Reals, reach: Reals, lows: Reals) -> float:
    """Least of the sum of ``alone`` [3], each divided by the children that share; lows [3] : least of each by itself."""
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
    return space.indices(operand)


def floors(space: Space, terms: Terms, steps: Reals) -> tuple[Reals, Reals]:
    """Least energy [J] and cycles of each pattern [T], leakage left out; see ``floors_apart``."""
    energy, hidden, shown = floors_apart(space, terms, steps)
    return energy, hidden + shown


def floors_apart(space: Space, terms: Terms, steps: Reals) -> tuple[Reals, Reals, Reals]:
    """Least energy [J], cycles of what overlaps and of what adds to that, of each pattern [T]: every boundary moves each word once into
    all that need it.

    Where a boundary of outputs gives back, it gives back no more than the next one inside has moved.
    """
    base = terms.base[:, 3].copy()
    for operand in range(3):
        words = volume(space, operand)
        back = np.zeros_like(base)
        for level in range(space.levels - 2, -1, -1):
            leaves, arrives = terms.words[:, level, operand, 0], terms.words[:, level, operand, 1]
            ends = terms.still[:, level, operand]
            away = ends[:, 0] * terms.apart[:, level] if operand == INPUT else ends[:, 0]
            here = leaves + back
            if terms.words[:, level, operand].any():
                back = np.minimum(here, 0.0)
            base += words * (np.maximum(here, 0.0) * away[:, None] + arrives * ends[:, 1, None])
        base += back * math.prod(space.extents)
    hidden = steps / space.packed.macs_per_pe
    shown = np.zeros(len(steps))
    for group in np.unique(terms.base[0, 4, 1:]):
        slowest = base[:, 1:][:, terms.base[0, 4, 1:] == group].max(axis=1)
        if group == 0:
            hidden = np.maximum(hidden, slowest)
        else:
            shown = shown + np.maximum(slowest, 0.0)
    return base[:, 0], hidden, shown


def values(space: Space, energy: Reals, cycles: Reals, objective: str) -> Reals:
    """The objective of each pattern [J x cycles, J or cycles]."""
    whole = np.ceil(cycles * (1 - 1e-9))
    if objective == "latency":
        return whole
    total = energy + space.leakage_j * whole
    return total if objective == "energy" else total * whole
