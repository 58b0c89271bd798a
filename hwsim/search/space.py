"""The space of mappings of one nest on one hierarchy: what constraints leave free, and its size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hwsim.counts import Rules
from hwsim.device import LevelConstraint
from hwsim.kernels.packed import ALWAYS, NEVER, HierarchyArrays, Int, NestArrays
from hwsim.kernels.search_terms import FREE_OF
from hwsim.mapping import Hierarchy
from hwsim.mapping.pack import pack_hierarchy, pack_nest
from hwsim.workload import DIMS, Dim, LoopNest

#: A factor bound that nothing reaches.
ANY = 1 << 62
Keep = tuple[tuple[bool, bool, bool], ...]
Column = tuple[int, ...]


@dataclass(frozen=True)
class Space:
    """All mappings of a nest on a hierarchy.

    fixed, at_most [L, 8] : temporal factors (0: free); spatial_fixed, spatial_at_most [L, 8]; along [L, 2, 8] : dims that may be spread
    along x and y. orders : loop orders that stand for all, by level, inner to outer. keeps : every choice of kept operands.
    constrained : levels where the hierarchy says anything about temporal loops.
    """

    nest: LoopNest
    hierarchy: Hierarchy
    packed_nest: NestArrays
    packed: HierarchyArrays
    exact: bool
    perfect: bool
    fixed: Int
    at_most: Int
    spatial_fixed: Int
    spatial_at_most: Int
    along: Int
    orders: tuple[tuple[tuple[int, ...], ...], ...]
    keeps: tuple[Keep, ...]
    constrained: tuple[bool, ...]

    @cached_property
    def levels(self) -> int:
        """Levels of the hierarchy [1]."""
        return len(self.hierarchy.levels)

    @property
    def rules(self) -> Rules:
        """The counting rules."""
        return "exact" if self.exact else "timeloop"

    @property
    def word_bits(self) -> tuple[int, int, int]:
        """Bits of a word of input, weight and (incomplete) output [bit]; the reference knows one width of outputs."""
        bits = self.packed_nest.bits
        return int(bits[0]), int(bits[1]), int(bits[3] if self.exact else bits[2])

    @cached_property
    def unlimited(self) -> tuple[Hierarchy, str]:
        """The hierarchy without its capacities, and in words, to compare by."""
        levels = [
            replace(level, storage=tuple(replace(pool, bits=None) for pool in level.storage))
            for level in self.hierarchy.levels
        ]
        found = replace(self.hierarchy, levels=tuple(levels))
        return found, repr(found)

    @cached_property
    def data(self) -> tuple[int, int]:
        """Pairs of a position and a tap, along height and along width, that meet data and not padding [1]."""
        if not self.exact:
            return self.extents[4] * self.extents[6], self.extents[5] * self.extents[7]
        return _meeting(*self.axis(0)), _meeting(*self.axis(1))

    @property
    def leakage_j(self) -> float:
        """Leakage of a cycle, 0 where it is not known [J]."""
        return 0.0 if math.isnan(self.packed.leakage_w) else self.packed.leakage_w / self.packed.clock_hz

    def indices(self, operand: int) -> int:
        """Values of the dims that an operand depends on: the words of weights and of outputs [1]."""
        return math.prod(self.extents[dim] for dim in range(8) if FREE_OF[dim] != operand)

    def axis(self, axis: int) -> tuple[int, int, int, int, int, int]:
        """Positions, taps, stride, dilation, pad and size of height (0) or width (1)."""
        nest = self.packed_nest
        stride, dilation, pad, size = (int(of[axis]) for of in (nest.stride, nest.dilation, nest.pad, nest.size))
        return self.extents[4 + axis], self.extents[6 + axis], stride, dilation, pad, size

    @cached_property
    def extents(self) -> tuple[int, ...]:
        """Extents of one repeat, in the order of DIMS [1]."""
        return self.nest.extents

    @cached_property
    def listed_orders(self) -> Int:
        """The loop orders as an array [L, A, 8], zeros after a level's last."""
        listed = np.zeros((self.levels, max(len(orders) for orders in self.orders), 8), np.int64)
        for level, orders in enumerate(self.orders):
            listed[level, : len(orders)] = orders
        return listed

    @cached_property
    def leads(self) -> NDArray[np.bool_]:
        """For each level, the operands that some order at it or outside of it can leave in place [L, 3]."""
        leads = np.zeros((self.levels, 3), np.bool_)
        for level in range(self.levels - 1, -1, -1):
            if level + 1 < self.levels:
                leads[level] = leads[level + 1]
            for order in self.orders[level]:
                for dim in order:
                    if self.extents[dim] == 1 or self.fixed[level, dim] == 1 or self.at_most[level, dim] == 1:
                        continue
                    if FREE_OF[dim] >= 0:
                        leads[level, FREE_OF[dim]] = True
                    if self.fixed[level, dim]:
                        break
        return leads


@lru_cache(maxsize=256)
def _meeting(rows: int, taps: int, stride: int, dilation: int, pad: int, size: int) -> int:
    """Pairs of a position and a tap of one axis that meet data."""
    found = 0
    for tap in range(taps):
        first = max(0, -((tap * dilation - pad) // stride))
        last = min(rows - 1, (size - 1 - tap * dilation + pad) // stride)
        found += max(0, last - first + 1)
    return found


def space_of(nest: LoopNest, hierarchy: Hierarchy, exact: bool, perfect: bool) -> Space:
    """The space under a hierarchy's constraints; raises MappingError where its pools leave an operand out."""
    levels = hierarchy.levels
    rules = [level.constraint for level in levels]
    fixed, at_most = _bounds(nest, rules, [rule.fixed for rule in rules], [rule.at_most for rule in rules])
    spatial_fixed, spatial_at_most = _bounds(
        nest, rules, [rule.spatial_fixed for rule in rules], [rule.spatial_at_most for rule in rules]
    )
    along = np.ones((len(levels), 2, 8), np.int64)
    for index, level in enumerate(levels):
        rule = level.constraint
        for axis, allowed in enumerate((rule.spatial_x, rule.spatial_y)):
            if allowed is not None:
                along[index, axis] = [int(dim in allowed) for dim in DIMS]
    packed, packed_nest = pack_hierarchy(hierarchy), pack_nest(nest)
    if not exact:  # the reference knows one width of outputs, and networks that always share
        everywhere = np.ones(len(levels), np.bool_)
        packed = packed._replace(multicast=everywhere, reduce=everywhere)
        packed_nest = packed_nest._replace(bits=packed_nest.bits[[0, 1, 2, 2]])
    top = len(levels) - 1
    for dim, extent in enumerate(nest.extents):
        free = not fixed[:, dim].any() and (at_most[:, dim] == ANY).all() and not any(rule.order for rule in rules)
        if DIMS[dim] == "G" and extent > 1 and free and not packed.pass_cycles:
            at_most[:top, dim] = 1
    return Space(
        nest,
        hierarchy,
        packed_nest,
        packed,
        exact,
        perfect,
        fixed,
        at_most,
        spatial_fixed,
        spatial_at_most,
        along,
        tuple(_orders(nest, level.constraint.order, exact) for level in levels),
        tuple(_keeps(packed)),
        tuple(bool(level.constraint.fixed or level.constraint.at_most or level.constraint.order) for level in levels),
    )


def _bounds(
    nest: LoopNest, rules: list[LevelConstraint], fixed: list[Mapping[str, int]], at_most: list[Mapping[str, int]]
) -> tuple[Int, Int]:
    """Fixed factors (0 in a rule: all that the others leave; 0 in the result: free) and largest ones, [L, 8]."""
    exactly = np.zeros((len(rules), 8), np.int64)
    largest = np.full((len(rules), 8), ANY, np.int64)
    for index, (factors, limits) in enumerate(zip(fixed, at_most, strict=True)):
        for dim, factor in factors.items():
            others = math.prod((rule.fixed.get(dim, 1) or 1) * (rule.spatial_fixed.get(dim, 1) or 1) for rule in rules)
            place = DIMS.index(cast(Dim, dim))
            exactly[index, place] = factor or -(-nest.extents[place] // others)
        for dim, factor in limits.items():
            largest[index, DIMS.index(cast(Dim, dim))] = factor
    return exactly, largest


def _keeps(packed: HierarchyArrays) -> list[Keep]:
    """Every choice of operands kept by level; the outermost level keeps all."""
    top = len(packed.keeps) - 1
    choices = [
        [
            (True,) if level == top or rule == ALWAYS else (False,) if rule == NEVER else (True, False)
            for rule in packed.keeps[level]
        ]
        for level in range(top + 1)
    ]
    per_level = [list(itertools.product(*options)) for options in choices]
    return cast(list[Keep], list(itertools.product(*per_level)))


def _orders(nest: LoopNest, prefix: tuple[str, ...], exact: bool) -> tuple[tuple[int, ...], ...]:
    """Loop orders of one level that stand for all others, inner to outer.

    What an order decides is which operand stays still (the one free of the innermost dims: they go inside together, for more trips
    without it moving cost no operand anything) and along which dim the input's next tile overlaps the one before (the innermost dim that
    moves it). Where a window slides, its positions and taps may also follow each other, which moves weights and sums more often and inputs
    less; in the reference's rules, which compare neighbours alone, a position may follow its taps too. A fixed prefix goes first; of what
    it leaves free the same holds.
    """
    names: dict[str, int] = {name: index for index, name in enumerate(DIMS)}
    extents = nest.extents
    wide = extents[names["R"]] > 1 or nest.stride_w < 1
    high = extents[names["S"]] > 1 or nest.stride_h < 1
    kinds = []
    for lead, tails in (
        ("PQN", ("PRQNKCSG", "QSPNKCRG")),
        ("K", ("KPRQSNCG", "KQSPRNCG", "KRPSQNCG", "KSQRPNCG")),
        ("CRS", ("RPSCKQNG", "SQRCKPNG")),
    ):
        if not any(extents[names[dim]] > 1 for dim in lead):
            continue
        whole = []
        for tail in tails:
            first = next((dim for dim in tail if dim != "K"), "P")
            if first in "PR" and not wide and tail is not tails[0]:
                continue
            if first in "QS" and not high and tail is not tails[0]:
                continue
            inside = [dim for dim in tail if dim in lead]
            whole.append((*inside, *(dim for dim in tail if dim not in lead)))
        kinds += whole
    following = (("PRQSNKCG", wide), ("QSPRNKCG", high))
    for tail, slides in (*following, *(() if exact else (("RPSQNKCG", wide), ("SQRPNKCG", high)))):
        if slides and extents[names[tail[0]]] > 1:
            kinds.append(tuple(tail))
    found: dict[tuple[int, ...], None] = {}
    for kind in kinds or [("P", "Q", "N", "K", "C", "R", "S", "G")]:
        order = (*prefix, *(dim for dim in kind if dim not in prefix))
        found[tuple(names[dim] for dim in order)] = None
    return tuple(found)


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    """Divisors, ascending."""
    small = [factor for factor in range(1, math.isqrt(number) + 1) if number % factor == 0]
    return tuple(sorted({*small, *(number // factor for factor in small)}))


@lru_cache(maxsize=4096)
def factors_of(number: int, perfect: bool) -> tuple[int, ...]:
    """Factors worth trying, ascending: divisors, or the least factor for each number of trips ceil(number / factor)."""
    if perfect:
        return divisors(number)
    found = []
    factor = 1
    while factor <= number:
        found.append(factor)
        trips = -(-number // factor)
        if trips == 1:
            break
        factor = -(-number // (trips - 1))
    return tuple(found)


@lru_cache(maxsize=65536)
def chains(
    extent: int, spatial: Column, fixed: Column, at_most: Column, perfect: bool
) -> tuple[tuple[tuple[int, int], ...], ...] | None:
    """For each level, the (count of tiles, least tile extent) pairs of one dim that some legal chain of factors passes through.

    Of two factors with the same number of trips outside only the smaller one is generated: every count is the same and no tile is larger.
    None where no chain covers the extent.
    """
    forward: list[dict[int, int]] = []
    states = {extent: 1}
    for level in range(len(spatial)):
        following: dict[int, int] = {}
        for number, tile in states.items():
            spread = spatial[level]
            if perfect and number % spread:
                continue
            left, size = -(-number // spread), tile * spread
            top = level == len(spatial) - 1
            options = (fixed[level],) if fixed[level] else (left,) if top else factors_of(left, perfect)
            for factor in options:
                if factor > at_most[level] or (perfect and left % factor):
                    continue
                count = -(-left // factor)
                if count not in following or following[count] > size * factor:
                    following[count] = size * factor
        forward.append(following)
        states = following
    if 1 not in forward[-1]:
        return None
    alive = {1}
    backward = [alive]
    for level in range(len(spatial) - 1, 0, -1):
        alive = {
            number
            for number in forward[level - 1]
            if any(_reaches(number, spatial[level], end, fixed[level], at_most[level], perfect) for end in alive)
        }
        backward.append(alive)
    backward.reverse()
    return tuple(
        tuple(
            sorted(((count, size) for count, size in forward[level].items() if count in backward[level]), key=_by_size)
        )
        for level in range(len(spatial))
    )


def covered(extent: int, spatial: Column, fixed: Column, at_most: Column, perfect: bool) -> bool:
    """Whether the outermost level may take all that is left of a dim; else ``chains`` tells whether some factors cover it."""
    left = extent
    for spread, factor, most in zip(spatial, fixed, at_most, strict=True):
        if factor > most:
            return False
        left = -(-left // (spread * max(1, factor)))
    return not perfect and not fixed[-1] and left <= at_most[-1]


def _by_size(pair: tuple[int, int]) -> tuple[int, int]:
    return pair[1], -pair[0]


def _reaches(number: int, spread: int, end: int, fixed: int, at_most: int, perfect: bool) -> bool:
    if perfect and number % spread:
        return False
    left = -(-number // spread)
    trips = fixed or -(-left // end)
    return trips <= at_most and -(-left // trips) == end and (not perfect or trips * end == left)


def free_of(operand: int) -> list[int]:
    """Dims that an operand does not depend on."""
    return [dim for dim in range(8) if FREE_OF[dim] == operand]
