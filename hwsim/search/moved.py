"""A good mapping made better from where a climb had ended: one dim's loops are all moved to one level, and it is climbed again."""

from __future__ import annotations

import math

import numpy as np

from hwsim.mapping.pack import pack_mapping
from hwsim.search.improving import allowed, climbed, opened
from hwsim.search.patterns import children_of
from hwsim.search.problem import build
from hwsim.search.progress import Progress
from hwsim.search.space import Space
from hwsim.search.survey import known_mapping
from hwsim.search.terms import terms_of

#: Mappings looked at in one climb at most, and how often all dims are moved while that leads to better mappings.
_MOST, _ROUNDS = 2_000, 2


def move_dims(space: Space, objective: str, progress: Progress) -> None:
    """Climb from the best mapping of ``progress`` with all trips of one dim at one level, of each dim and level in turn (iterated local
    search); leaves a better one there.

    Spatial factors and kept operands stay.
    """
    for _ in range(_ROUNDS):
        if progress.mapping is None:
            return
        before = progress.value
        _move_each(space, objective, progress)
        if progress.value >= before:
            return


def _move_each(space: Space, objective: str, progress: Progress) -> None:
    assert progress.mapping is not None
    packed = pack_mapping(progress.mapping, space.levels)
    across, along = packed.spatial_x, packed.spatial_y
    keep = tuple((bool(row[0]), bool(row[1]), bool(row[2])) for row in packed.keep)
    children = children_of(space, across[None], along[None])
    problem = build(space, keep, children[0], objective, terms_of(space, keep, children), climbed=True)
    if problem is None:
        return
    _, order = known_mapping(space, problem, progress.mapping)
    for dim, extent in enumerate(space.extents):
        outside = np.maximum(space.fixed[:, dim], 1)
        trips = -(-extent // (math.prod(children[0, :, dim].tolist()) * math.prod(outside.tolist())))
        for level in range(space.levels if trips > 1 else 0):
            if progress.late:
                return
            if space.fixed[level, dim]:
                continue
            candidate = opened(across, along, keep)
            temporal = candidate.temporal[0]
            temporal[:] = packed.temporal
            temporal[:, dim] = outside
            temporal[level, dim] = trips
            if (temporal != packed.temporal).any() and allowed(space, problem, temporal):
                climbed(space, problem, candidate, order.copy(), _MOST, progress)
