"""What capacities make pass the outermost level again, whatever the pattern and the tiles.

A level next to the outermost one holds a tile of an operand on the whole chip: its capacity times its instances. A tile stays for a
stretch of time that is a part of the loop tree, and stretches of the three operands that contain the same product are nested. So

- the longest of the three covers what the two others have gone through while they stayed: y1 values of the dims that one does not
  depend on, times y2 of the other's, are as many words of the third, which its level holds all at a time. That bounds how often
  words come again (an operand is fetched products / y times), where tiles are no windows;
- of the three words of a product, not all come once, unless one tensor fits as a whole. What the cheapest way costs to pay for that
  in every product is bounded by its linear programming dual, prices of the products that no word's next fetch is dearer than.

Children of which the last round of tiles needs only some keep what they hold meanwhile. They idle then: where a share of the words stays
so, the nest takes longer by a known factor, and the least of all such ways counts. The idea is that of bounds on the traffic of
programs with a small memory (Hong and Kung, STOC 1981), for mappings that have one tile an operand and level.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import INPUT, OUTPUT, READ, UNLIMITED, UPDATE, WEIGHT, Int
from hwsim.kernels.search_residence import least_ways
from hwsim.kernels.search_terms import OBJECTIVES
from hwsim.search.space import Keep, Space, free_of
from hwsim.search.terms import Terms

Reals = NDArray[np.float64]
Three = tuple[float, float, float]
#: By how much more than the capacity a region may be whose words all but stay: between neighbours, a bound holds.
_LARGER = (
    1.0, 1.005, 1.01, 1.015, 1.02, 1.025, 1.03, 1.045, 1.06, 1.08, 1.1, 1.12, 1.15, 1.175, 1.2, 1.25, 1.3, 1.4, 1.5, 1.8, 2.25, math.inf,
)  # fmt: skip
#: Shares of the words that children hold which need no second tile.
_ALONE = (0.0, 0.035, 0.07, 0.12, 0.2, 0.3, 0.45, 0.65, 1.0)
#: Shares in a mean of bounds that count a word as coming twice.
_MEANS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.35)
#: The same along the others, where it is so along the dim with the fewest children too.
_SECOND = (1.0, 1.005, 1.01, 1.02, 1.045, 1.08, 1.12, 1.2, 1.5, math.inf)
#: Along one dim alone, with two children at least, there is no more.
_MOST_ALONG_ONE = _LARGER.index(1.5)


@lru_cache(maxsize=1)
def _ways() -> Reals:
    """Every way to have larger regions and children alone, as ``kernels.search_residence`` takes them [7, W]."""
    found = []
    for number, alone in enumerate(_ALONE):
        below = _ALONE[max(0, number - 1)]
        for place in range(len(_LARGER)):
            begun = _LARGER[max(0, place - 1)]
            if place <= _MOST_ALONG_ONE:
                found.append((place, 0, place, alone, begun, 1.0, below))
            if place:
                found.append((0, place, place, alone, 1.0, begun, below))
        if number % 2:
            continue
        below = _ALONE[max(0, number - 2)]
        for first, second in itertools.product(range(1, _MOST_ALONG_ONE + 1), range(1, len(_SECOND))):
            others = _LARGER.index(_SECOND[second])
            product = _LARGER[first] * _SECOND[second] * (1 - 1e-12)
            both = next(place for place, ratio in enumerate(_LARGER) if ratio >= product)
            found.append((first, others, both, alone, _LARGER[first - 1], _SECOND[second - 1], below))
    return np.array(found, np.float64).T.copy()


#: Windows up to this many taps along an axis are looked at one by one.
_MOST_TAPS = 16


@dataclass(frozen=True, slots=True)
class Residence:
    """What passes the outermost level again, under one choice of kept operands.

    holders [3] : the level next to the outermost that keeps each operand; nearest [3] : the same, of outputs the innermost that keeps them,
    where they wait until they are complete. spread : instances at most that one of these has.
    costs [4, G] : least energy of that [J], and the cycles that it takes to read, to write, or both through one port, where regions are
    larger than the capacity by ``_LARGER``. once [3] : cycles of what passes once.
    """

    holders: tuple[int, int, int]
    nearest: tuple[int, int, int]
    spread: float
    costs: Reals
    once: Reals

    def least(
        self,
        space: Space,
        energy: Reals,
        cycles: Reals,
        ideal: Reals,
        spread: tuple[Reals, Reals, Reals],
        objective: str,
    ) -> Reals:
        """What no mapping of each pattern [T] can beat [J x cycles, J or cycles]: the best of all ways in which words come again.

        energy, cycles : what is known of the patterns [J, cycle]; ideal : compute steps if no child idled; spread : see ``children``.
        """
        packed = space.packed
        given = np.stack((energy, cycles, ideal / packed.macs_per_pe, *spread))
        order = np.lexsort(given[2:])
        found = np.empty(given.shape[1])
        ways = _ways() if self.spread > 1 else _ways()[:, :1].copy()
        hides, asked = int(packed.overlapped[-1]), OBJECTIVES.index(objective)
        least_ways(ways, given.take(order, axis=1), self.costs, self.once, hides, space.leakage_j, asked, found)
        found[order] = found.copy()
        return found

    def holds(self, terms: Terms) -> NDArray[np.bool_]:
        """Patterns whose floors have no word pass the outermost level more often than once [T]."""
        still = np.stack([terms.still[:, level, operand, 0] for operand, level in enumerate(self.holders)])
        return np.asarray((still <= 1.0).all(axis=0))

    def children(self, factors: Int) -> tuple[Reals, Reals, Reals]:
        """Fewest children, of more than one, along a dim outside of an operand's holder, the next fewest, 1 where there are none, and the
        product over all such dims [T]."""
        along = np.ones((len(factors), 8))
        for operand, level in enumerate(self.nearest):
            here = factors[:, level + 1 :].prod(axis=1).astype(np.float64)
            here[:, free_of(operand)] = 1.0
            along = np.maximum(along, here)
        ranked = np.sort(np.where(along > 1, along, math.inf), axis=1)
        fewest, following = (np.where(np.isinf(ranked[:, place]), 1.0, ranked[:, place]) for place in range(2))
        return fewest, following, along.prod(axis=1)


def residence(space: Space, keep: Keep, touched: float) -> Residence | None:
    """What is known of a choice of kept operands; None where nothing is. touched : inputs that the nest needs [1].

    Nothing is known in the reference's rules, of groups, of an operand that only the outermost level keeps, and where children lie
    outside of a holder at more than one level, or not at the next.
    """
    packed, levels = space.packed, space.levels
    if not space.exact or space.extents[1] > 1:
        return None
    keepers = [[level for level in range(levels - 1) if keep[level][operand]] for operand in range(3)]
    fans = packed.fanout.astype(np.float64).prod(axis=1)
    if not all(keepers):
        return None
    nearest = [kept[0] if operand == OUTPUT else kept[-1] for operand, kept in enumerate(keepers)]
    if any((fans[level + 2 :] > 1).any() for level in nearest):
        return None
    held = [max(_words(space, level, operand, fans) for level in _holding(keepers, operand)) for operand in range(3)]
    needed = (touched, float(space.indices(WEIGHT)), float(space.indices(OUTPUT)))
    if any(words <= room for words, room in zip(needed, held, strict=True)):
        return None  # what fits comes once, and so may the others
    again = _again(_shape(space), _costs(space), needed, (held[0], held[1], held[2]))
    if not again[:, 0].any():
        return None
    once = np.array(port_cycles(space, needed))
    spread = max(float(fans[level + 1]) for level in nearest)
    holders = keepers[0][-1], keepers[1][-1], keepers[2][-1]
    return Residence(holders, (nearest[0], nearest[1], nearest[2]), spread, again, once)


def _holding(keepers: list[list[int]], operand: int) -> list[int]:
    """Levels that may be the ones where words wait to be met again. Sums that reach the outermost of them complete waited further in."""
    return keepers[operand] if operand == OUTPUT else keepers[operand][-1:]


def _words(space: Space, level: int, operand: int, fans: Reals) -> float:
    """Words of an operand that all instances of a level hold together [1]."""
    packed, width = space.packed, space.word_bits[operand]
    bits = int(packed.pool_bits[level, packed.pool[level, operand]])
    if operand == OUTPUT and math.prod(space.extents[dim] for dim in free_of(OUTPUT)) <= fans[: level + 1].prod():
        width = min(width, int(space.packed_nest.bits[2]))  # the network may add up all of a sum
    return math.inf if bits >= UNLIMITED else float(bits * fans[level + 1 :].prod() / width)


def _costs(space: Space) -> tuple[Three, ...]:
    """What one more fetch of a word of each operand costs: energy [J], cycles of reading, of writing, of both through one port. A sum that
    is fetched again was written before it was complete."""
    bits, energy = [int(one) for one in space.packed_nest.bits], outermost_j(space)
    read, write, shared = (float(rate) for rate in space.packed.bandwidth[-1])
    sums = bits[3] * float(energy[UPDATE, OUTPUT] + energy[READ, OUTPUT])
    return (
        (bits[0] * float(energy[READ, INPUT]), bits[1] * float(energy[READ, WEIGHT]), sums),
        (bits[0] / read, bits[1] / read, bits[3] / read),
        (0.0, 0.0, bits[3] / write),
        (bits[0] / shared, bits[1] / shared, 2 * bits[3] / shared),
    )


def outermost_j(space: Space) -> Reals:
    """Energy of a bit at the outermost level by direction and operand, 0 where it is not known [J]."""
    packed = space.packed
    return np.asarray(np.where(np.isnan(packed.energy[-1]), 0.0, packed.energy[-1]) / (int(packed.block[-1]) or 1))


def port_cycles(space: Space, words: Sequence[float]) -> Three:
    """Cycles that so many words of each operand take to pass the outermost level once: read, written, and both through one port."""
    bits, (read, write, shared) = space.packed_nest.bits, (float(rate) for rate in space.packed.bandwidth[-1])
    into = words[INPUT] * int(bits[INPUT]) + words[WEIGHT] * int(bits[WEIGHT])
    out = words[OUTPUT] * min(int(bits[2]), int(bits[3]))
    return into / read, out / write, (into + out) / shared


@dataclass(frozen=True, slots=True)
class _Shape:
    """A nest without groups. free [3] : values of the dims that an operand does not depend on. axes : positions, taps, stride, dilation,
    pad, size of height and width. images, channels : N and C."""

    free: Three
    axes: tuple[tuple[int, int, int, int, int, int], tuple[int, int, int, int, int, int]]
    images: int
    channels: int

    @property
    def plain(self) -> bool:
        """Whether no window slides, over padding or at all."""
        return all(
            taps == 1 and pad == 0 and (positions - 1) * stride < size
            for positions, taps, stride, _, pad, size in self.axes
        )


def _shape(space: Space) -> _Shape:
    extents = space.extents
    free = tuple(float(math.prod(extents[dim] for dim in free_of(operand))) for operand in range(3))
    return _Shape((free[0], free[1], free[2]), (space.axis(0), space.axis(1)), extents[0], extents[3])


@lru_cache(maxsize=64)
def _again(shape: _Shape, costs: tuple[Three, ...], needed: Three, held: Three) -> Reals:
    """Least cost of the words that come again, whatever the mapping, by each of the costs [., G]. needed, held [3] : words [1]."""
    capacities = np.array(_LARGER) * np.array(held)[:, None]
    found = []
    for cost in costs:
        least = np.array([_not_all_once(shape, cost, needed, rooms) for rooms in capacities.T.tolist()])
        found.append(np.maximum(least, _stretches(shape, cost, capacities)) if shape.plain else least)
    return np.array(found)


def _stretches(shape: _Shape, cost: Three, capacities: Reals) -> Reals:
    """The first bound of the module's text: the least over which operand stays longest, and how long the others do [G].

    A word comes a whole number of times: twice at least where it does not stay for all that needs it. Any mean of that and of how often it
    comes by the length of its stays is a bound; the best of some counts.
    """
    products = math.prod(shape.free)
    twice = np.stack(np.meshgrid(*(_MEANS,) * 3, indexing="ij")).reshape(3, 1, -1)
    best = np.full((capacities.shape[1], twice.shape[2]), math.inf)
    for longest in range(3):
        one, other = (operand for operand in range(3) if operand != longest)
        most, least = shape.free[one], shape.free[other]
        room = np.clip(capacities[longest], 1.0, most * least)[:, None]
        first, second = (products * cost[operand] * (1 - twice[operand]) for operand in (one, other))
        extra = [products / shape.free[operand] * cost[operand] * twice[operand] for operand in (one, other)]

        def comes(stays: Reals, room: Reals = room, given: tuple[Reals, Reals] = (first, second)) -> Reals:
            rest = np.clip(room / stays, 1.0, least)  # noqa: B023
            return np.asarray(given[0] * (1 / stays - 1 / most) + given[1] * (1 / rest - 1 / least))  # noqa: B023

        low, high = np.clip(room / least, 1.0, most), np.minimum(most, room)
        with np.errstate(over="ignore"):  # what costs nothing may come as often as it likes
            balance = np.sqrt(first * room / np.maximum(second, np.finfo(float).tiny))
        both = comes(np.clip(balance, low, high)) + extra[0] + extra[1]
        ways = (both, comes(high) + extra[1] + np.where(high < most, extra[0], 0.0), comes(low) + extra[0])
        found = np.minimum.reduce(np.broadcast_arrays(*ways))
        best = np.minimum(best, np.where(most * least <= room, 0.0, found))
    return np.asarray(np.maximum(0.0, best.max(axis=1)))


def _not_all_once(shape: _Shape, cost: Three, needed: Sequence[float], capacities: Sequence[float]) -> float:
    """The second bound of the module's text: prices of the products, once alike, once alike for every input."""
    if any(words <= room for words, room in zip(needed, capacities, strict=True)):
        return 0.0
    meeting, most, by_tap, by_position = _pairs(*shape.axes)
    if not meeting:
        return 0.0
    staying = min(needed[INPUT], _staying(shape, capacities[INPUT]))
    filters = shape.free[INPUT]
    alike = min(cost[INPUT] / (filters * most), cost[WEIGHT] / shape.free[WEIGHT], cost[OUTPUT] / shape.free[OUTPUT])
    products = filters * shape.images * shape.channels * meeting
    uniform = alike * (products - staying * filters * most)
    each = cost[INPUT] / filters
    within = [1.0]
    if each > 0:
        within += [
            cost[WEIGHT] / (each * shape.images * by_tap),
            cost[OUTPUT] / (each * shape.channels * by_position),
        ]
    return max(0.0, uniform, min(within) * cost[INPUT] * (needed[INPUT] - staying))


@lru_cache(maxsize=256)
def _pairs(
    height: tuple[int, int, int, int, int, int], width: tuple[int, int, int, int, int, int]
) -> tuple[float, float, float, float]:
    """Pairs of a position and a tap that meet data; the most of one input; the most, over taps and over positions, of the sum of one
    over the pairs of each input that it meets. Of both axes together [1]."""
    found = np.ones(4)
    for positions, taps, stride, dilation, pad, size in (height, width):
        address = np.arange(positions)[:, None] * stride + np.arange(taps)[None, :] * dilation - pad
        data = (address >= 0) & (address < size)
        known, count = np.unique(address[data], return_counts=True)
        each = np.zeros(address.shape)
        each[data] = 1.0 / count[np.searchsorted(known, address[data])]
        found *= (data.sum(), count.max(initial=1), each.sum(axis=0).max(), each.sum(axis=1).max())
    return float(found[0]), float(found[1]), float(found[2]), float(found[3])


def _staying(shape: _Shape, capacity: float) -> float:
    """Inputs at most that are in all tiles which take turns, so that they need not leave [1]: the edges that windows of two tiles have
    in common, or what all groups of taps reach."""
    if shape.plain:
        return 0.0
    sides = [_turns(*axis) for axis in shape.axes]
    if not all(sides):
        return math.inf
    other = shape.images * shape.channels
    found = 0.0
    edges = [max(0, min((axis[1] - 1) * axis[3] + 1 - axis[2], axis[5])) for axis in shape.axes]
    wholes = [max(whole for whole, _ in side) for side in sides]
    found = max(edges[0] * wholes[1], wholes[0] * edges[1], found)
    for (large, common), (wide, shared) in itertools.product(*sides):
        if large * wide * other <= capacity and (common < wholes[0] or shared < wholes[1]):
            found = max(found, common * shared)
    return found * other


@lru_cache(maxsize=256)
def _turns(positions: int, taps: int, stride: int, dilation: int, pad: int, size: int) -> tuple[tuple[int, int], ...]:
    """For each number of taps in a group, inputs along one axis of the largest group, and those that all groups reach; none where there
    are many taps."""
    if taps > _MOST_TAPS:
        return ()
    rows = np.arange(positions) * stride - pad
    found = []
    for group in range(1, taps + 1):
        sets = []
        for first in range(0, taps, group):
            reached = (rows[:, None] + np.arange(first, min(taps, first + group))[None, :] * dilation).ravel()
            sets.append(set(reached[(reached >= 0) & (reached < size)].tolist()))
        found.append((max(len(one) for one in sets), len(set.intersection(*sets))))
    return tuple(found)
