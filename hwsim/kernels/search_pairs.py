"""Children of one level along both axes of its mesh: which pairs of an x and a y part are legal and leave few enough steps."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import kernel
from hwsim.kernels.packed import Float, Int


@kernel
def pairs(
    across: Int,
    along: Int,
    left: Int,
    fixed: Int,
    at_most: Int,
    perfect: int,
    most: float,
    chosen: Int,
    steps: Float,
) -> tuple[int, float]:
    """List pairs of rows that leave at most ``most`` steps.

    across [A, 8], along [B, 8] : factors by dim, by falling product. left [8] : trips before; fixed, at_most [8] : of both factors
    together (0: free); perfect : 1 where they must divide the trips. chosen [T, 2], steps [T] : numbers of the rows, and what they leave.
    Returns how many there are (more than T: at least one more), and the least steps of any pair that leaves more.
    """
    number, dropped = 0, np.inf
    total = 1.0
    for dim in range(8):
        total *= left[dim]
    for one in range(across.shape[0]):
        wide = 1.0
        for dim in range(8):
            wide *= across[one, dim]
        for other in range(along.shape[0]):
            children = wide
            for dim in range(8):
                children *= along[other, dim]
            if total / children > most:  # those that follow have no more children
                dropped = min(dropped, total / children)
                break
            legal = True
            here = 1.0
            for dim in range(8):
                both = across[one, dim] * along[other, dim]
                if both == 1 and fixed[dim] <= 1:
                    here *= left[dim]
                    continue
                if (
                    both > at_most[dim]
                    or left[dim] == 1
                    or both >= 2 * left[dim]
                    or (fixed[dim] and both != fixed[dim])
                ):
                    legal = False
                    break
                if perfect and left[dim] % both:
                    legal = False
                    break
                here *= -(-left[dim] // both)
            if not legal:
                continue
            if here > most:
                dropped = min(dropped, here)
                continue
            if number < chosen.shape[0]:
                chosen[number, 0], chosen[number, 1], steps[number] = one, other, here
            number += 1
            if number > chosen.shape[0]:
                return number, 0.0
    return number, dropped
