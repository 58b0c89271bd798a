"""Mappings improved by exchanges: one dim gives room at a level, another takes it."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import lean_kernel, nested_kernel, passed_kernel
from hwsim.kernels.packed import YES, Int
from hwsim.kernels.search_terms import FIXED, Problem, ceiling
from hwsim.kernels.search_tile import NONE
from hwsim.kernels.search_whole import (
    Chain,
    adopted,
    chain_value,
    changed,
    closed,
    copied,
    descend,
    restored,
    summed,
    tiled,
)


@passed_kernel
def climb(problem: Problem, chain: Chain, most: int, exchanges: bool, beyond: float) -> tuple[float, int]:
    """Improve a mapping by ``descend`` and, if ``exchanges``, by those where that is stuck, until neither makes it better.

    A descent ends where a level is full: then no factor can grow alone. chain : trips and orders, improved in place. most : mappings
    looked at from which on no further round begins; with one the value is told. beyond : as in ``descend``. Returns the value reached, as
    ``chain_value`` has it, and how many were looked at, one at least. Proves nothing.
    """
    value, number = descend(problem, chain, most, beyond)
    while exchanges and value < np.inf and number < most:
        reached, more = _exchange(problem, chain, value, most - number)
        number += more
        if reached >= value:
            break
        value, more = descend(problem, chain, most - number, np.inf)
        number += more
    return value, number


@nested_kernel
def _exchange(problem: Problem, chain: Chain, value: float, most: int) -> tuple[float, int]:
    """One round of exchanges at every level but the outermost, with every level outside of it to give to."""
    nest, factors, temporal = problem.nest, problem.factors, chain.temporal
    depths, number = factors.shape[1], 0
    before = np.empty((depths, 8), np.int64)
    for level in range(depths - 1):
        for outer in range(level + 1, depths):
            for gives in range(8):
                if temporal[level, gives] == 1 or not _open(gives, level, outer, nest, factors):
                    continue
                for takes in range(8):
                    if takes == gives or not _open(takes, level, outer, nest, factors):
                        continue
                    for shrink in range(3):
                        for grow in range(5):
                            if number >= most:
                                return value, number
                            copied(temporal, before)
                            reached, outermost = np.inf, NONE
                            if _exchanged(gives, takes, level, outer, shrink, grow, temporal, nest, factors):
                                tiled(gives, problem, chain)
                                tiled(takes, problem, chain)
                                outermost = max(changed(gives, chain), changed(takes, chain))
                                reached = chain_value(problem, chain, value, outermost, YES)
                                number += 1
                            if reached < value:
                                value = reached
                                adopted(gives, chain)
                                adopted(takes, chain)
                                summed(outermost, chain)
                            else:
                                copied(before, temporal)
                    restored(takes, chain)
                    restored(gives, chain)
    return value, number


@nested_kernel
def _open(dim: int, level: int, outer: int, nest: Int, factors: Int) -> bool:
    """Whether trips of a dim may go from one level to another."""
    return nest[dim] > 1 and not factors[FIXED, level, dim] and not factors[FIXED, outer, dim]


@lean_kernel
def _exchanged(
    gives: int, takes: int, level: int, outer: int, shrink: int, grow: int, temporal: Int, nest: Int, factors: Int
) -> bool:
    """Shrink the factor of one dim at ``level``, grow that of another, the rest at ``outer``; whether that is allowed.

    shrink : to 1, a half, a third; grow : to all, twice, three, five, seven times. temporal [L, 8] : changed in place.
    """
    temporal[level, gives] = 1 if shrink == 0 else ceiling(temporal[level, gives], shrink + 1)
    if not closed(gives, outer, temporal, nest, factors):
        return False
    if grow == 0:
        temporal[outer, takes] = 1
        return closed(takes, level, temporal, nest, factors)
    temporal[level, takes] *= 2 if grow == 1 else 2 * grow - 1
    return closed(takes, outer, temporal, nest, factors)
