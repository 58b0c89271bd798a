"""Spaces so small that every mapping is counted and priced. No bound is asked, so that the best is the best."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from hwsim.cost.scanning import rows, scan
from hwsim.kernels.packed import MappingArrays
from hwsim.mapping.pack import unpack_mapping
from hwsim.search.found import Objective
from hwsim.search.patterns import least_busy
from hwsim.search.progress import Progress
from hwsim.search.space import Space, divisors
from hwsim.workload import DIMS

#: Mappings that are counted at most, a few tenths of a second, and MACs of a nest up to which it is asked how many there are.
MOST, _MACS = 20_000, 1_024

Factors = tuple[int, ...]
Slot = tuple[int, int]
_X, _Y, _TIME = range(3)


def scan_all(space: Space, objective: Objective, progress: Progress) -> bool:
    """Price every mapping of a small space and leave the best, if any fits, in ``progress``; whether the space was small enough."""
    every = every_mapping(space)
    if every is None:
        return False
    found = scan(space.nest, space.hierarchy, every, space.rules)
    fits = found.valid & (found.arrays.scalars[:, 3] >= least_busy(space))
    cycles, joules = found.arrays.cycles[fits], found.arrays.joules[fits]
    progress.evaluated += len(found)
    if len(cycles):
        values = cycles if objective == "latency" else joules if objective == "energy" else joules * cycles
        least = int(np.argmin(values))
        progress.value = float(values[least])
        progress.mapping = unpack_mapping(rows(every, np.flatnonzero(fits)[least]))
    return True


def every_mapping(space: Space) -> MappingArrays | None:
    """All mappings [M, L, .] that constraints and meshes allow, whether they fit or not; None where there are more than ``MOST``."""
    if math.prod(space.extents) > _MACS:
        return None
    fans = [(int(across), int(down)) for across, down in space.packed.fanout]
    slots = [
        (level, kind)
        for level in range(space.levels)
        for kind in (_X, _Y, _TIME)
        if kind == _TIME or fans[level][kind] > 1
    ]
    per_dim = [list(itertools.islice(_chains(space, dim, slots), MOST + 1)) for dim in range(8)]
    if math.prod(map(len, per_dim)) > MOST:
        return None
    loops: list[tuple[list[list[list[int]]], tuple[Factors, ...]]] = []
    for chains in itertools.product(*per_dim):
        factors = [[[1] * 8 for _ in range(space.levels)] for _ in range(3)]
        for dim, chain in enumerate(chains):
            for (level, kind), factor in zip(slots, chain, strict=True):
                factors[kind][level][dim] = factor
        if any(math.prod(factors[kind][level]) > fans[level][kind] for level, kind in slots if kind != _TIME):
            continue
        orders = (list(_orders(space, level, factors[_TIME][level])) for level in range(space.levels))
        loops += ((factors, order) for order in itertools.product(*orders))
        if len(loops) * len(space.keeps) > MOST:
            return None
    along_x, along_y, temporal = (
        np.array([factors[kind] for factors, _ in loops], np.int64).reshape(-1, space.levels, 8) for kind in range(3)
    )
    order = np.array([order for _, order in loops], np.int64).reshape(-1, space.levels, 8)
    times = len(space.keeps)
    temporal, along_x, along_y, order = (np.repeat(each, times, axis=0) for each in (temporal, along_x, along_y, order))
    plain = np.broadcast_to(np.arange(8), order.shape).copy()
    keep = np.tile(np.array(space.keeps, np.bool_), (len(loops), 1, 1))
    return MappingArrays(temporal, along_x, along_y, order, plain, plain.copy(), keep)


def _chains(space: Space, dim: int, slots: list[Slot]) -> Iterator[Factors]:
    """Factors of one dim by slot that cover it, the last iteration of each perhaps in part."""

    def grow(left: int, place: int, spread: int) -> Iterator[Factors]:
        if place == len(slots):
            if left == 1:
                yield ()
            return
        level, kind = slots[place]
        fixed = int(space.fixed[level, dim]) if kind == _TIME else 0
        most = left
        if kind != _TIME:
            most = min(left, int(space.packed.fanout[level, kind])) if space.along[level, kind, dim] else 1
        elif not _allowed(space, level, dim, spread):
            return
        for factor in (fixed,) if fixed else divisors(left) if space.perfect else range(1, most + 1):
            if factor > (space.at_most[level, dim] if kind == _TIME else most) or (space.perfect and left % factor):
                continue
            children = 1 if kind == _TIME else spread * factor
            for rest in grow(-(-left // factor), place + 1, children):
                yield (factor, *rest)

    return grow(space.extents[dim], 0, 1)


def _allowed(space: Space, level: int, dim: int, children: int) -> bool:
    """Whether a dim may be spread over so many children."""
    exactly = int(space.spatial_fixed[level, dim])
    return children <= space.spatial_at_most[level, dim] and exactly in (0, children)


def _orders(space: Space, level: int, temporal: list[int]) -> Iterator[Factors]:
    """Orders of a level's loops with more than one trip, inner to outer, the others behind them; first those that constraints name."""
    prefix = [DIMS.index(name) for name in space.hierarchy.levels[level].constraint.order]
    first = [dim for dim in prefix if temporal[dim] > 1]
    free = [dim for dim in range(8) if temporal[dim] > 1 and dim not in prefix]
    idle = [dim for dim in range(8) if temporal[dim] == 1]
    for order in itertools.permutations(free):
        yield (*first, *order, *idle)
