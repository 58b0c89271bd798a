"""Spatial patterns found axis by axis, where there are too many to list.

Where the outermost level's ports take longer than the products, many patterns that leave PEs idle are as fast as those that fill the mesh,
and some of them move less inside. Each axis of each level in turn takes the factors with the least floor while the others stay, until none
moves (coordinate descent).
"""

from __future__ import annotations

import math

import numpy as np

from hwsim.kernels.packed import Int
from hwsim.search.bounds import Anywhere, floors, least_cycles, values
from hwsim.search.patterns import along_axis, children_of, enough, steps_of
from hwsim.search.space import ANY, Space
from hwsim.search.terms import terms_of

#: Rounds over all axes at most.
_ROUNDS = 4


def free_to_spread(space: Space) -> bool:
    """Whether constraints leave the children of every dim free."""
    return not space.spatial_fixed.any() and bool((space.spatial_at_most >= ANY).all())


def least_by_axis(
    space: Space, known: Anywhere, along: tuple[Int, Int], objective: str, best: float = math.inf
) -> tuple[float, Int, Int]:
    """The floor of the pattern that one leads to, axis by axis, and its children along x and y [L, 8].

    known : of the operands that are kept. along : of the first one; best : its floor, where that is known. Factors whose steps alone are
    too many are not looked at: some axes have thousands.
    """
    children = np.stack(along)
    axes = [(level, axis) for level in range(space.levels) for axis in range(2) if space.packed.fanout[level, axis] > 1]
    settled = 0
    for level, axis in axes * _ROUNDS:
        before = best
        best, children[axis, level] = _best(space, known, children, level, axis, objective, best)
        settled = 1 if best < before else settled + 1
        if settled == len(axes):
            break
    return best, children[0], children[1]


def _best(
    space: Space, known: Anywhere, along: Int, level: int, axis: int, objective: str, best: float
) -> tuple[float, Int]:
    """The least floor over the factors of one axis, and these [8]; what there is where none is below ``best``."""
    options = along_axis(space, along, level, axis)
    every = np.repeat(along[:, None], len(options), axis=1)  # [2, O, L, 8]
    every[axis, :, level] = options
    children = children_of(space, every[0], every[1])
    steps = steps_of(space, children)
    least = values(space, np.full(len(steps), known.total), least_cycles(space, steps, known.cycles), objective)
    worth = np.flatnonzero(enough(space, children) & (least < best))
    if not len(worth):
        return best, along[axis, level]
    terms = terms_of(space, known.keep, children[worth])
    found = values(space, *floors(space, terms, steps[worth]), objective)
    place = int(found.argmin())
    if not found[place] < best:
        return best, along[axis, level]
    return float(found[place]), options[worth[place]]
