"""Every mapping of a small nest on a small hierarchy, priced one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from hwsim.cost import Cost, price
from hwsim.counts import Rules, count
from hwsim.errors import Infeasible
from hwsim.mapping import Hierarchy, LevelLoops, Mapping
from hwsim.workload import DIMS, Dim, LoopNest

Keep = tuple[bool, bool, bool]
Loops = tuple[tuple[Dim, int], ...]


def every_mapping(nest: LoopNest, hierarchy: Hierarchy, perfect: bool) -> Iterator[Mapping]:
    """All mappings: factors (those that divide, or all up to what is left), orders of loops with more than one trip, bypasses."""
    slots = [slot for index, level in enumerate(hierarchy.levels) for slot in _slots(index, hierarchy)]
    per_dim = [
        [(DIMS[dim], chain) for chain in _chains(extent, DIMS[dim], slots, hierarchy, perfect)]
        for dim, extent in enumerate(nest.extents)
    ]
    keeps = list(itertools.product(*(_keeps(hierarchy, index) for index in range(len(hierarchy.levels)))))
    for chains in itertools.product(*per_dim):
        spread: dict[tuple[int, str], list[tuple[Dim, int]]] = {slot: [] for slot in slots}
        for dim, chain in chains:
            for slot, factor in zip(slots, chain, strict=True):
                if factor > 1:
                    spread[slot].append((dim, factor))
        if any(
            math.prod(factor for _, factor in spread[index, axis]) > fan
            for index in range(len(hierarchy.levels))
            for axis, fan in zip("xy", hierarchy.fanout(index), strict=True)
            if (index, axis) in spread
        ):
            continue
        orders = [_orders(spread[index, "t"], level.constraint.order) for index, level in enumerate(hierarchy.levels)]
        for order in itertools.product(*orders):
            for keep in keeps:
                yield Mapping(
                    tuple(
                        LevelLoops(
                            order[index],
                            tuple(spread.get((index, "x"), ())),
                            tuple(spread.get((index, "y"), ())),
                            keep[index],
                        )
                        for index in range(len(hierarchy.levels))
                    )
                )


def brute(nest: LoopNest, hierarchy: Hierarchy, rules: Rules, perfect: bool) -> dict[str, tuple[float, Mapping]]:
    """The least EDP, energy and latency of all mappings that fit, by objective; empty where none does."""
    least: dict[str, tuple[float, Mapping]] = {}
    for mapping in every_mapping(nest, hierarchy, perfect):
        counts = count(nest, hierarchy, mapping, rules)
        if isinstance(counts, Infeasible):
            continue
        enough = hierarchy.min_utilization * hierarchy.pes_x * hierarchy.pes_y * (1 - 1e-12)  # 3 of 30 are a tenth
        if counts.pes < enough:
            continue
        for objective, value in values(price(counts, hierarchy, nest)).items():
            if objective not in least or value < least[objective][0]:
                least[objective] = value, mapping
    return least


def values(cost: Cost) -> dict[str, float]:
    """All objectives of one cost."""
    joules = cost.joules or 0.0
    return {"edp": joules * cost.seconds, "energy": joules, "latency": cost.seconds}


def _slots(index: int, hierarchy: Hierarchy) -> list[tuple[int, str]]:
    fan_x, fan_y = hierarchy.fanout(index)
    return [(index, axis) for axis, fan in (("x", fan_x), ("y", fan_y)) if fan > 1] + [(index, "t")]


def _chains(
    extent: int, dim: Dim, slots: list[tuple[int, str]], hierarchy: Hierarchy, perfect: bool
) -> Iterator[tuple[int, ...]]:
    fixed = _fixed(extent, dim, slots, hierarchy)

    def grow(left: int, place: int) -> Iterator[tuple[int, ...]]:
        if place == len(slots):
            if left == 1:
                yield ()
            return
        for factor in (fixed[place],) if fixed[place] else range(1, left + 1):
            if perfect and left % factor:
                continue
            if not _allowed(factor, dim, slots[place], hierarchy):
                continue
            for rest in grow(-(-left // factor), place + 1):
                yield (factor, *rest)

    for chain in grow(extent, 0):
        if all(_together(chain, dim, index, slots, hierarchy) for index in range(len(hierarchy.levels))):
            yield chain


def _fixed(extent: int, dim: Dim, slots: list[tuple[int, str]], hierarchy: Hierarchy) -> list[int]:
    rules = [level.constraint for level in hierarchy.levels]
    others = math.prod((rule.fixed.get(dim) or 1) * (rule.spatial_fixed.get(dim) or 1) for rule in rules)
    exactly = []
    for index, kind in slots:
        factor = rules[index].fixed.get(dim) if kind == "t" else None
        exactly.append(0 if factor is None else factor or -(-extent // others))
    return exactly


def _allowed(factor: int, dim: Dim, slot: tuple[int, str], hierarchy: Hierarchy) -> bool:
    index, kind = slot
    rule = hierarchy.levels[index].constraint
    if kind == "t":
        return factor <= rule.at_most.get(dim, factor)
    allowed = rule.spatial_x if kind == "x" else rule.spatial_y
    return factor == 1 or allowed is None or dim in allowed


def _together(chain: tuple[int, ...], dim: Dim, index: int, slots: list[tuple[int, str]], hierarchy: Hierarchy) -> bool:
    rule = hierarchy.levels[index].constraint
    children = math.prod(factor for factor, (at, kind) in zip(chain, slots, strict=True) if at == index and kind != "t")
    return children <= rule.spatial_at_most.get(dim, children) and children == (rule.spatial_fixed.get(dim) or children)


def _orders(loops: list[tuple[Dim, int]], prefix: tuple[str, ...]) -> list[Loops]:
    first = tuple(loop for name in prefix for loop in loops if loop[0] == name)
    rest = [loop for loop in loops if loop[0] not in prefix]
    return [(*first, *order) for order in itertools.permutations(rest)]


def _keeps(hierarchy: Hierarchy, index: int) -> list[Keep]:
    options = [
        {"always": (True,), "never": (False,), "free": (True, False)}[keep] for keep in hierarchy.levels[index].keeps
    ]
    if index == len(hierarchy.levels) - 1:
        options = [(True,)] * 3
    return [(one, two, three) for one, two, three in itertools.product(*options)]
