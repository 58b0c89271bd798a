"""The best plan of a few tensors over levels, by trying everything: every choice of a level for each, every order of packing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

from hwsim.simulation.memory import Wanted


def best(capacities: Sequence[int], wanted: Sequence[Wanted]) -> tuple[int, ...]:
    """Fewest bytes over the levels' outer edges, outermost first, compared in that order [B]. capacities : innermost level first."""

    @cache
    def fits(level: int, chosen: frozenset[int]) -> bool:
        return packs(capacities[level], [wanted[index] for index in sorted(chosen)])

    found = None
    for homes in itertools.product(range(len(capacities) + 1), repeat=len(wanted)):
        moved = tuple(
            sum(tensor.moved for tensor, home in zip(wanted, homes, strict=True) if home > level)
            for level in reversed(range(len(capacities)))
        )
        if found is not None and moved >= found:
            continue
        levels = range(len(capacities))
        if all(fits(level, frozenset(i for i, home in enumerate(homes) if home == level)) for level in levels):
            found = moved
    assert found is not None
    return found


def packs(capacity: int, tensors: Sequence[Wanted]) -> bool:
    """Whether all lie in one level: a packing pushed down as far as it goes places them, from below, each at its lowest address."""
    if not tensors:
        return True
    layers = {layer for tensor in tensors for layer in (tensor.made, tensor.used)}
    for layer in layers:
        if sum(tensor.size for tensor in tensors if tensor.made <= layer <= tensor.used) > capacity:
            return False
    for order in itertools.permutations(tensors):
        held: list[tuple[int, Wanted]] = []
        for tensor in order:
            offset = 0
            while any(
                low < offset + tensor.size and offset < low + other.size
                for low, other in held
                if other.made <= tensor.used and tensor.made <= other.used
            ):
                offset += 1
            if offset + tensor.size > capacity:
                break
            held.append((offset, tensor))
        else:
            return True
    return False
