"""Random mappings of one nest over one hierarchy, as arrays: what a sampling mapper would draw."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.packed import ALWAYS, FREE, MappingArrays
from hwsim.mapping import Hierarchy
from hwsim.mapping.pack import pack_hierarchy
from hwsim.workload import LoopNest


def random_mappings(
    seed: int, nest: LoopNest, hierarchy: Hierarchy, number: int, perfect: bool = True
) -> MappingArrays:
    """``number`` distinct mappings: prime factors of each extent thrown over all levels, times and axes, in any order, operands kept or
    not as each level leaves it open. perfect : else some factors are one larger. Whether they fit is not looked at, but for meshes
    of one. Dims that a level's constraint does not allow on an axis are not spread there."""
    rng = np.random.default_rng(seed)
    packed, levels = pack_hierarchy(hierarchy), len(hierarchy.levels)
    factors = np.ones((number, levels, 3, 8), np.int64)
    for dim, extent in enumerate(nest.extents):
        slots = [(level, 0) for level in range(levels)]
        for level, own in enumerate(hierarchy.levels):
            for axis, allowed in ((1, own.constraint.spatial_x), (2, own.constraint.spatial_y)):
                if packed.fanout[level, axis - 1] > 1 and (allowed is None or "NGKCQPSR"[dim] in allowed):
                    slots.append((level, axis))
        for prime in primes(extent):
            chosen = rng.integers(0, len(slots), number)
            for place, (level, kind) in enumerate(slots):
                factors[chosen == place, level, kind, dim] *= prime
    if not perfect:
        factors += (rng.random(factors.shape) < 0.08) & (factors > 1)
    orders = rng.random((3, number, levels, 8)).argsort(-1).astype(np.int64)
    keep = np.where(packed.keeps == FREE, rng.random((number, levels, 3)) < 0.6, packed.keeps == ALWAYS)
    keep[:, -1] = True
    drawn = (*np.ascontiguousarray(np.moveaxis(factors, 2, 0)), *orders, keep)
    flat = np.concatenate([array.reshape(number, -1) for array in drawn], axis=1)
    chosen = np.sort(np.unique(flat, axis=0, return_index=True)[1])
    return MappingArrays(*(np.ascontiguousarray(array[chosen]) for array in drawn))


def primes(number: int) -> list[int]:
    """Prime factors."""
    found, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return found
