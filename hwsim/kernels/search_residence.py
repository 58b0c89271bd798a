"""The least of many ways in which words may come again, for many patterns: see ``hwsim.search.residence``."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import kernel, merged_kernel
from hwsim.kernels.packed import Float
from hwsim.kernels.search_terms import objective_of

#: Rows of ``ways``: numbers of how much larger regions are along the dim with the fewest children, along the others, of all together; share
#: of the words that children hold alone; least ratio along the first, along the others, and least such share.
FIRST, OTHERS, BOTH, ALONE, BEGUN, ALSO, BELOW = range(7)
#: Rows of ``patterns``: energy [J] and cycles that are known, cycles of computing if no child idled, fewest children along a dim, next
#: fewest, product of all.
ENERGY, CYCLES, IDEAL, FEWEST, FOLLOWING, EVERY = range(6)


@kernel
def least_ways(
    ways: Float,
    patterns: Float,
    costs: Float,
    once: Float,
    overlapped: int,
    leakage_j: float,
    objective: int,
    found: Float,
) -> None:
    """Fill ``found`` [T] with the objective (by its number in ``OBJECTIVES``) at the least of the ways [7, W].

    patterns [6, T], equal ones but for energy and cycles next to each other; costs [1 + ports, G] : energy [J] and cycles on each port of
    what comes again, by how much larger regions are; once [ports] : cycles of what passes once. overlapped : whether transfers hide behind
    computing; leakage_j : of a cycle [J].
    """
    again, cycles = np.empty(ways.shape[1]), np.empty(ways.shape[1])
    number = 0
    for pattern in range(patterns.shape[1]):
        if pattern == 0 or _differ(patterns, pattern - 1, pattern):
            number = _possible(ways, patterns[:, pattern], costs, once, overlapped, again, cycles)
        best = np.inf
        for place in range(number):
            energy, slowest = patterns[ENERGY, pattern] + again[place], max(patterns[CYCLES, pattern], cycles[place])
            best = min(best, objective_of(energy, slowest, objective, leakage_j))
        found[pattern] = best


@merged_kernel
def _differ(patterns: Float, one: int, other: int) -> bool:
    """Whether not the same ways lead to the same for two patterns."""
    for row in range(IDEAL, EVERY + 1):
        if patterns[row, one] != patterns[row, other]:
            return True
    return False


@merged_kernel
def _possible(
    ways: Float, pattern: Float, costs: Float, once: Float, overlapped: int, again: Float, cycles: Float
) -> int:
    """Fill the energy that comes again and the cycles of computing and transfers of the ways that a pattern can take; how many [1]."""
    ports, number = once.shape[0], 0
    fewest, following, every = pattern[FEWEST], pattern[FOLLOWING], pattern[EVERY]
    most = every / fewest if following > 1.0 else every
    for way in range(ways.shape[1]):
        first, others, both = int(ways[FIRST, way]), int(ways[OTHERS, way]), int(ways[BOTH, way])
        alone = ways[ALONE, way]
        if (fewest <= 1.0 and (first > 0 or alone > 0.0)) or (following <= 1.0 and others > 0):
            continue
        idling = 0.0
        if alone > 0.0:  # of a round that only some children need there is one more at most than they are
            least = 1.0 / (2.0 * most - 1.0)
            if alone < least:
                continue
            idling = max(least, ways[BELOW, way])
        slower = (1.0 + idling) * (fewest - (fewest - 1.0) / ways[BEGUN, way])
        slower *= following - (following - 1.0) / ways[ALSO, way]
        # all that some children hold may stay where a region is a little larger, not what the one with a second tile holds
        one = 1.0 - 1.0 / fewest if first > 0 else 0.0
        other = 1.0 - fewest / every if others > 0 else 0.0
        passing = 0.0
        for kind in range(1 + ports):
            here = costs[kind, 0]
            if others > 0:
                here = (1.0 - other) * here + other * costs[kind, others]
            if first > 0:
                along = costs[kind, first]
                if others > 0:
                    along = (1.0 - other) * along + other * costs[kind, both]
                here = (1.0 - one) * here + one * along
            here *= 1.0 - alone
            if kind == 0:
                again[number] = here
            else:
                passing = max(passing, once[kind - 1] + here)
        computing = slower * pattern[IDEAL]
        cycles[number] = max(computing, passing) if overlapped else computing + passing
        number += 1
    return number
