"""The least of many ways in which words may come again, for many patterns: see ``hwsim.search.residence``."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import kernel
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

    patterns [6, T]; costs [1 + ports, G] : energy [J] and cycles on each port of what comes again, by how much larger regions are; once
    [ports] : cycles of what passes once. overlapped : whether transfers hide behind computing; leakage_j : of a cycle [J].
    """
    ports = once.shape[0]
    for pattern in range(patterns.shape[1]):
        fewest, following, every = patterns[FEWEST, pattern], patterns[FOLLOWING, pattern], patterns[EVERY, pattern]
        most = every / fewest if following > 1.0 else every
        best = np.inf
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
            passing = again = 0.0
            for kind in range(1 + ports):
                here = (1.0 - one) * ((1.0 - other) * costs[kind, 0] + other * costs[kind, others])
                here += one * ((1.0 - other) * costs[kind, first] + other * costs[kind, both])
                here *= 1.0 - alone
                if kind == 0:
                    again = here
                else:
                    passing = max(passing, once[kind - 1] + here)
            computing = slower * patterns[IDEAL, pattern]
            together = max(computing, passing) if overlapped else computing + passing
            cycles = max(patterns[CYCLES, pattern], together)
            best = min(best, objective_of(patterns[ENERGY, pattern] + again, cycles, objective, leakage_j))
        found[pattern] = best
