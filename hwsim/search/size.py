"""How many mappings a space holds."""

from __future__ import annotations

import math
from functools import lru_cache

from hwsim.search.space import Space, factors_of


def size_of(space: Space) -> float:
    """Mappings in the space, before capacities and meshes: factors x loop orders x choices of kept operands [1].

    Imperfect factors are counted once for each number of trips that they leave.
    """
    sizes = 1.0
    for dim, extent in enumerate(space.extents):
        slots = 0
        for level in range(space.levels):
            slots += not space.fixed[level, dim]
            fans = space.packed.fanout[level]
            slots += sum(
                int(fans[axis] > 1 and space.along[level, axis, dim] and not space.spatial_fixed[level, dim])
                for axis in range(2)
            )
        sizes *= _chains(extent, max(slots, 1), space.perfect)
    dims = [dim for dim in range(8) if space.extents[dim] > 1]
    for held in space.hierarchy.levels:
        sizes *= math.factorial(len([dim for dim in dims if "NGKCQPSR"[dim] not in held.constraint.order]))
    return sizes * len(space.keeps)


@lru_cache(maxsize=65536)
def _chains(extent: int, slots: int, perfect: bool) -> float:
    if slots == 1 or extent == 1:
        return 1.0
    if perfect:
        return math.prod(math.comb(power + slots - 1, slots - 1) for power in _powers(extent))
    return sum(_chains(-(-extent // factor), slots - 1, False) for factor in factors_of(extent, False))


def _powers(number: int) -> list[int]:
    powers, factor = [], 2
    while factor * factor <= number:
        power = 0
        while number % factor == 0:
            number, power = number // factor, power + 1
        if power:
            powers.append(power)
        factor += 1
    return [*powers, 1] if number > 1 else powers
