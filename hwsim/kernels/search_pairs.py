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

    Where both lists are the same, of two pairs that are each other's mirror image the first is listed.
    """
    alike = across.shape[0] == along.shape[0]
    for row in range(across.shape[0]):
        if not alike:
            break
        for dim in range(8):
            alike = alike and across[row, dim] == along[row, dim]
    number, dropped = 0, np.inf
    total = 1.0
    for dim in range(8):
        total *= left[dim]
    # how many of the other axis have something to do beside each row, and its children
    beside = np.empty((across.shape[0] + along.shape[0], 8), np.int64)
    children = np.ones(across.shape[0] + along.shape[0])
    for row in range(beside.shape[0]):
        for dim in range(8):
            here = across[row, dim] if row < across.shape[0] else along[row - across.shape[0], dim]
            beside[row, dim] = -(-left[dim] // here)
            children[row] *= here
    for one in range(across.shape[0]):
        for other in range(one if alike else 0, along.shape[0]):
            least = total / (children[one] * children[across.shape[0] + other])
            if least > most:  # those that follow have no more children
                dropped = min(dropped, least)
                break
            legal, here = True, 1.0
            for dim in range(8):
                wide, high = across[one, dim], along[other, dim]
                if wide == 1 and high == 1 and fixed[dim] <= 1:
                    here *= left[dim]
                    continue
                both = wide * high
                # whole rows or columns of children with nothing to do
                idle = high > beside[one, dim] or wide > beside[across.shape[0] + other, dim]
                if both > at_most[dim] or left[dim] == 1 or (both != fixed[dim] if fixed[dim] else idle):
                    legal = False
                    break
                if perfect and left[dim] % both:
                    legal = False
                    break
                here *= -(-beside[one, dim] // high) if high > 1 else beside[one, dim]
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


@kernel
def first_of_each(rows: Int, table: Int, first: Int) -> int:
    """Numbers of rows [P, D] that equal no earlier one, ascending, into ``first`` [P]; returns how many. table : a power of two of entries
    of -1, more than there are rows."""
    found, last = 0, table.shape[0] - 1
    for row in range(rows.shape[0]):
        code = 0
        for place in range(rows.shape[1]):
            code = code * 1_000_003 + rows[row, place]
        slot = (code ^ (code >> 17)) & last
        while table[slot] >= 0:
            other, same = table[slot], True
            for place in range(rows.shape[1]):
                if rows[row, place] != rows[other, place]:
                    same = False
                    break
            if same:
                break
            slot = (slot + 1) & last
        if table[slot] < 0:
            table[slot] = first[found] = row
            found += 1
    return found
