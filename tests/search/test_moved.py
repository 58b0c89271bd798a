"""Mappings made better by moving all loops of a dim to one level: where climbs end, and never outside of what constraints allow."""

from __future__ import annotations

import math

import pytest

from hwsim.cost import price
from hwsim.counts import Counts, count
from hwsim.mapping.pack import pack_mapping
from hwsim.search.moved import move_dims
from hwsim.search.progress import Progress
from hwsim.search.quick import climb_promising
from hwsim.search.space import Space, space_of
from hwsim.workload import LoopNest
from tests.search.cases import random_problem
from tests.search.test_quick import chip


def edp(space: Space, progress: Progress) -> float:
    """What the mapping that was found costs [J x cycles]."""
    assert progress.mapping is not None
    counts = count(space.nest, space.hierarchy, progress.mapping, space.rules)
    assert isinstance(counts, Counts)
    cost = price(counts, space.hierarchy, space.nest)
    assert cost.joules is not None
    return cost.joules * cost.cycles


_PADDED = {"pad_top": 1, "pad_left": 1, "height": 14, "width": 14}


@pytest.mark.parametrize(
    "nest", [LoopNest(k=64, c=64, q=14, p=14, s=3, r=3, **_PADDED), LoopNest(k=30, c=50, q=9, p=15, s=3, r=3)]
)
def test_they_get_out_of_where_climbs_end(nest: LoopNest) -> None:
    space, progress = space_of(nest, chip(1 << 14), True, False), Progress(1 << 40, math.inf)
    climb_promising(space, "edp", progress)
    before, mapping = progress.value, progress.mapping
    move_dims(space, "edp", progress)
    assert progress.value < 0.9 * before and progress.value == pytest.approx(edp(space, progress))
    assert mapping is not None and progress.mapping is not None
    for was, now in zip(mapping.levels, progress.mapping.levels, strict=True):
        assert (was.spatial_x, was.spatial_y, was.keep) == (now.spatial_x, now.spatial_y, now.keep)


def test_nothing_is_worse_and_all_that_is_found_is_allowed() -> None:
    moved = 0
    for seed in range(150):
        space, progress = space_of(*random_problem(seed)), Progress(1 << 40, math.inf)
        climb_promising(space, "edp", progress)
        before = progress.value
        move_dims(space, "edp", progress)
        assert progress.value <= before
        if progress.mapping is not None:
            moved += 1
            assert progress.value == pytest.approx(edp(space, progress))
            packed = pack_mapping(progress.mapping, space.levels)
            assert (packed.temporal <= space.at_most).all()
            assert ((space.fixed == 0) | (packed.temporal == space.fixed)).all()
    assert moved > 100


def test_where_nothing_was_found_nothing_is_moved() -> None:
    progress = Progress(1 << 40, math.inf)
    move_dims(space_of(LoopNest(k=8), chip(), True, False), "edp", progress)
    assert progress.mapping is None and progress.evaluated == 0
