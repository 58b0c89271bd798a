"""What one word of each operand costs on its way, for many spatial patterns at a time: energies and times that the search adds up.

Outputs in the exact rules, with A words that reach the parent of a tile and B words that leave the tiles: a tile that leaves is read once
(B reads); its words update the parent (A updates); what the parent has not started from nothing comes back (fills); every update
that is not a first one reads what it is added to. A level
starts from nothing what arrives in its tiles (B) less what comes back. All of that is
linear in the A and B of every boundary, and B is A times the children that the network adds up.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import FILL, INPUT, OUTPUT, READ, UPDATE, C, Int, P, Q, R, S
from hwsim.search.needs import share_of
from hwsim.search.space import Keep, Space, free_of

Reals = NDArray[np.float64]
_FREE = tuple(free_of(operand) for operand in range(3))
#: Dims by the operand that does not depend on them, and where those of each begin.
_BY_OPERAND = list(itertools.chain.from_iterable(_FREE))
_FIRST = [sum(map(len, _FREE[:operand])) for operand in range(3)]


@dataclass(frozen=True, slots=True)
class Terms:
    """See ``kernels.search_terms.Problem``; T patterns.

    words [T, L, 3, 2, 1 + B], base [T, 6, 1 + B], still [T, L, 3, 2], mac_least [T, 3], apart [T, L], sums [T].
    """

    words: Reals
    base: Reals
    still: Reals
    mac_least: Reals
    apart: Reals
    sums: Int

    def of(self, row: int) -> Terms:
        """Those of one pattern, apart from the others."""
        return self.part(row, row + 1)

    def part(self, first: int, end: int) -> Terms:
        """Those of the patterns from one to before another, apart from the others."""
        return Terms(*(getattr(self, item.name)[first:end].copy() for item in fields(self)))


@dataclass(frozen=True, slots=True)
class _Costs:
    """access [L, 3 directions, 3 operands, T, 1 + B] and wires [L, 3, T, 1 + B] of one word."""

    access: Reals
    wires: Reals
    exposed: Reals


class Spread:
    """Children of patterns by dim [T, L, 8], and what follows from them under any choice of kept operands, once it is asked for."""

    def __init__(self, space: Space, factors: Int) -> None:
        self.space, self.factors, self.real = space, factors, factors.astype(np.float64)
        packed = space.packed
        self.share = np.stack((packed.multicast, packed.multicast, packed.reduce), axis=1)
        self._words: dict[tuple[int, int], Reals] = {}
        self._apart: dict[tuple[int, int], Reals] = {}
        self._at_work: dict[tuple[int, ...], Reals] = {(): np.ones((len(factors), 3))}

    @cached_property
    def costs(self) -> _Costs:
        """What one word costs."""
        return _costs(self.space, self.real)

    def mac_words(self, nearest: int, operand: int) -> Reals:
        """Least words between the PEs and the nearest level that keeps an operand [T]."""
        if (nearest, operand) not in self._words:
            self._words[nearest, operand] = _mac_words(self.space, nearest, operand, self.real, self.share)
        return self._words[nearest, operand]

    def apart(self, first: int, last: int) -> Reals:
        """Least share of children, over levels ``first`` to ``last``, whose inputs are not those of another one [T]."""
        if (first, last) not in self._apart:
            self._apart[first, last] = _apart(self.space, first, last, self.real)
        return self._apart[first, last]

    def at_work(self, among: tuple[int, ...]) -> Reals:
        """Children of some levels that are at work, at least, over the dims that each operand does not depend on [T, 3]."""
        if among not in self._at_work:
            by_dim = _at_work(self.real[:, among], self.space.perfect)
            self._at_work[among] = np.multiply.reduceat(by_dim[:, _BY_OPERAND], _FIRST, axis=1)
        return self._at_work[among]


def parents(kept: NDArray[np.bool_]) -> Int:
    """For each level and operand the next level outside that keeps it, -1 none [L, 3]."""
    parent = np.full(kept.shape, -1, np.int64)
    for operand in range(3):
        outer = -1
        for level in range(len(kept) - 1, -1, -1):
            parent[level, operand] = outer
            if kept[level, operand]:
                outer = level
    return parent


def terms_of(space: Space, keep: Keep, factors: Int, of: Spread | None = None) -> Terms:
    """Costs of a word for each pattern; factors [T, L, 8] : children by dim. of : what is known of them from other kept operands."""
    kept = np.array(keep, np.bool_)
    parent = parents(kept)
    of = of or Spread(space, factors)
    spread, share, costs = of.real, of.share, of.costs
    patterns, levels = spread.shape[:2]
    resources = costs.exposed.shape[0]
    words = np.zeros((levels, 3, 2, patterns, 1 + resources))
    base = np.zeros((6, patterns, 1 + resources))
    mac_j = 0.0 if math.isnan(space.packed.mac_j) else space.packed.mac_j
    base[3, :, 0] = mac_j * math.prod(space.extents)
    base[4, :, 1:] = costs.exposed
    mac_least = np.empty((patterns, 3))
    for operand in range(3):
        chain = [int(level) for level in np.flatnonzero(kept[:, operand])]
        mac_least[:, operand] = of.mac_words(chain[0], operand)
        if operand == OUTPUT:
            rules = _outputs_exact if space.exact else _outputs_reference
            rules(space, chain, spread[:, :, _FREE[OUTPUT]].prod(axis=2), share[:, OUTPUT], costs, words, base)
            continue
        base[operand] = costs.access[chain[0], READ, operand] + costs.wires[chain[0], operand]
        for level, outer in itertools.pairwise(chain):
            words[level, operand, 0] = costs.access[outer, READ, operand] + costs.wires[outer, operand]
            words[level, operand, 1] = costs.access[level, FILL, operand]
    base[3] += sum(mac_least[:, operand, None] * base[operand] for operand in range(3))
    base[5] = (words < 0).any(axis=(0, 1, 2))
    apart = np.ones((patterns, levels))
    for level in range(levels - 1):
        if kept[level, INPUT]:
            apart[:, level] = of.apart(level + 1, int(parent[level, INPUT]))
    return Terms(
        np.ascontiguousarray(np.moveaxis(words, 3, 0)),
        np.ascontiguousarray(np.moveaxis(base, 1, 0)),
        _still(of, parent),
        mac_least,
        apart,
        _sums(space, int(np.flatnonzero(kept[:, OUTPUT])[0]), factors),
    )


def _sums(space: Space, first: int, factors: Int) -> Int:
    """``first``, the first level that keeps outputs, if PEs send it incomplete sums, else -1, for each pattern [T].

    They do unless networks up to there add up all of C, S and R: else each output takes several sums.
    """
    adding = np.flatnonzero(space.packed.reduce[: first + 1])
    added = factors[:, adding].prod(axis=1)
    whole = np.logical_and.reduce([added[:, dim] >= space.extents[dim] for dim in (C, S, R)])
    return np.where(whole, -1, first)


def _costs(space: Space, spread: Reals) -> _Costs:
    packed, (patterns, levels) = space.packed, spread.shape[:2]
    above = np.cumprod(spread.prod(axis=2)[:, ::-1], axis=1)[:, ::-1]
    instances = np.concatenate((above[:, 1:], np.ones((patterns, 1))), axis=1)
    limits = [
        (level, kind, float(rate))
        for level in range(levels)
        for kind, rate in enumerate((*packed.bandwidth[level], *packed.network[level]))
        if math.isfinite(rate)
    ]
    access = np.zeros((levels, 3, 3, patterns, 1 + len(limits)))
    wires = np.zeros((levels, 3, patterns, 1 + len(limits)))
    energy = np.where(np.isnan(packed.energy), 0.0, packed.energy)
    for operand in range(3):
        bits = space.word_bits[operand]
        for level in range(levels):
            access[level, :, operand, :, 0] = (energy[level, :, operand] * bits / (int(packed.block[level]) or 1))[
                :, None
            ]
        for place, (level, kind, rate) in enumerate(limits):
            cycles = bits / instances[:, level] / rate
            if kind in (0, 2):
                access[level, READ, operand, :, 1 + place] += cycles
            if kind in (1, 2):
                access[level, FILL, operand, :, 1 + place] += cycles
                access[level, UPDATE, operand, :, 1 + place] += cycles
            if kind == 3 + operand:
                # incomplete sums go up at their width, final ones at the output's: the lesser of both is a bound
                least = min(bits, int(space.packed_nest.bits[2])) if operand == OUTPUT and space.exact else bits
                wires[level, operand, :, 1 + place] += least / instances[:, level] / rate
    exposed = np.array([0 if packed.overlapped[level] else level + 1 for level, _, _ in limits], np.float64)
    return _Costs(access, wires, exposed)


def _mac_words(space: Space, nearest: int, operand: int, spread: Reals, share: NDArray[np.bool_]) -> Reals:
    """Least words between the PEs and the nearest level that keeps an operand [T]."""
    words = steps_apart(space, operand, [level for level in range(nearest + 1) if share[level, operand]], spread)
    if operand == INPUT:
        words *= inputs_apart(space, nearest, spread)
    return np.maximum(words, space.indices(operand)) if operand != INPUT else words


def steps_apart(space: Space, operand: int, levels: list[int], spread: Reals) -> Reals:
    """Steps of all PEs, but those that differ in dims the operand is free of and run at a time under ``levels`` count once [T]."""
    steps = np.full(len(spread), float(math.prod(space.extents)))
    for dim in free_of(operand):
        children = spread[:, levels, dim].prod(axis=1)
        steps *= np.ceil(space.extents[dim] / children) / space.extents[dim]
    return steps


def inputs_apart(space: Space, nearest: int, spread: Reals) -> Reals:
    """Least share of the steps of PEs that need an input which no other one gets with it, padding left out [T].

    nearest : the innermost level that keeps inputs. spread [T, L, 8] : children.
    """
    shared = [level for level in range(nearest + 1) if space.packed.multicast[level]]
    known = share_of(space, shared, spread) if space.exact else None
    if known is not None:
        return known
    high, wide = space.data
    return _apart(space, 0, nearest, spread) * high * wide / math.prod(space.extents[4:])


def _apart(space: Space, first: int, last: int, spread: Reals) -> Reals:
    """Least share of children, over levels ``first`` to ``last``, whose inputs are not those of another one (equal sums of P and R)."""
    apart = np.ones(len(spread))
    shared = [level for level in range(first, last + 1) if space.packed.multicast[level]]
    for position, tap in ((Q, S), (P, R)):
        padded = space.data[position - Q] < space.extents[position] * space.extents[tap]
        groups = [shared] if space.exact else [[level] for level in shared]
        for group in groups:
            rows, taps = spread[:, group, position].prod(axis=1), spread[:, group, tap].prod(axis=1)
            here = 1 / np.minimum(rows, taps) if padded else (rows + taps - 1) / (rows * taps)
            if padded:  # what padding leaves of two tiles at opposite ends may be the same
                axis = position - Q
                stride, dilation = int(space.packed_nest.stride[axis]), int(space.packed_nest.dilation[axis])
                reach = (np.ceil(space.extents[position] / rows) - 1) * stride + (space.extents[tap] - 1) * dilation
                alike = (rows * taps > 1) & (int(space.packed_nest.size[axis]) <= reach + max(stride, dilation) - 1)
                here = np.where(alike, 1 / (rows * taps), here)
            apart *= here
    return apart


def _still(of: Spread, parent: Int) -> Reals:
    """How often a tile that stays in place over all loops outside leaves the parent, and arrives, at least.

    Where factors may not divide, the last of the outermost children may have a single one of its own at work.
    """
    patterns, levels = of.factors.shape[:2]
    still = np.ones((patterns, levels, 3, 2))
    for level, operand in itertools.product(range(levels), range(3)):
        outside = tuple(range(level + 1, levels))
        apart = tuple(outer for outer in outside if outer > parent[level, operand] or not of.share[outer, operand])
        for side, among in enumerate((apart, outside)):
            still[:, level, operand, side] = of.at_work(among)[:, operand]
    return still


def _at_work(spread: Reals, perfect: bool) -> Reals:
    """Children of some levels that are at work, at least, by dim [T, 8]; spread [T, L, 8] : children by level."""
    every: Reals = spread.prod(axis=1)
    if perfect:
        return every
    inner, so_far = np.ones_like(every), np.ones_like(every)
    for children in np.moveaxis(spread, 1, 0):
        inner = np.where(children > 1, so_far, inner)
        so_far = so_far * children
    return np.where(inner > 1, every - inner + 1, every)


def _outputs_reference(
    space: Space, chain: list[int], children: Reals, share: NDArray[np.bool_], costs: _Costs, words: Reals, base: Reals
) -> None:
    """Outputs in the reference's rules: the first access in each instance is not read, and emptying a tile reads nothing."""
    access, elements = costs.access[:, :, OUTPUT], space.indices(OUTPUT)

    def first(level: int, direction: int) -> Reals:
        copies = children[:, level + 1 :].prod(axis=1)
        return np.asarray(elements * copies[:, None] * access[level, direction])

    base[OUTPUT] = access[chain[0], UPDATE] + access[chain[0], READ] + costs.wires[chain[0], OUTPUT]
    base[3] -= first(chain[0], READ)
    for level, outer in itertools.pairwise(chain):
        words[level, OUTPUT, 0] = access[outer, UPDATE] + access[outer, READ] + costs.wires[outer, OUTPUT]
        words[level, OUTPUT, 1] = access[level, FILL]
        base[3] -= first(outer, READ) + first(level, FILL)


def _outputs_exact(
    space: Space, chain: list[int], children: Reals, share: NDArray[np.bool_], costs: _Costs, words: Reals, base: Reals
) -> None:
    """Outputs in the exact rules; see the module's text. A is counted as the network adds up, ``added`` if all of it did."""
    access, elements = costs.access[:, :, OUTPUT], space.indices(OUTPUT)
    last = len(chain) - 1
    reach = np.zeros((len(chain), *base.shape[1:]))
    added, left = reach.copy(), reach.copy()
    for place in range(last):
        level, outer = chain[place], chain[place + 1]
        reach[place] = access[outer, UPDATE] + access[outer, READ] + costs.wires[outer, OUTPUT]
        added[place] += access[level, FILL]
        left[place] += access[level, READ]
    for place, level in enumerate(chain):
        nothing = -access[level, READ]
        if place:
            nothing = nothing - access[chain[place - 1], FILL]
        base[3] += elements * nothing
        for further in range(place, last):
            left[further] += nothing
            added[further] -= nothing
        complete = children[:, level + 1 :].prod(axis=1) == 1
        wide, narrow = int(space.packed_nest.bits[3]), int(space.packed_nest.bits[2])
        final = access[level, UPDATE] + (access[level, READ] if place < last else 0.0)
        base[3] -= np.where(complete[:, None], elements * (wide - narrow) / wide * final, 0.0)
    base[OUTPUT] = access[chain[0], UPDATE] + access[chain[0], READ] + costs.wires[chain[0], OUTPUT]
    for place in range(last):
        level, outer = chain[place], chain[place + 1]
        between = children[:, level + 1 : outer + 1]
        apart = between[:, ~share[level + 1 : outer + 1]].prod(axis=1)[:, None]
        ratio = between.prod(axis=1)[:, None] / apart
        words[level, OUTPUT, 0] = reach[place] + added[place] / apart + np.minimum(left[place], 0.0) * ratio
        words[level, OUTPUT, 1] = np.maximum(left[place], 0.0)
