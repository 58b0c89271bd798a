"""Tiles dealt out one by one: who gets which, when, and what stays in place."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hwsim.kernels import search_boundary, search_lone, search_terms
from hwsim.kernels.packed import INPUT, WEIGHT, C, K, Q
from hwsim.kernels.search_terms import AT_MOST, CHOICE, FREE_OF, PERFECT, SHARE, SPATIAL
from tests.kernels.plain import plain

windows = plain(search_terms.windows)
lonely, served = plain(search_lone.lonely_tiles), plain(search_boundary._served)
lone_tiles, lone_share, returned = (
    plain(one) for one in (search_lone.lone_tiles, search_lone.lone_share, search_lone.returned)
)
regroups, largest_trips, has_share = (
    plain(one) for one in (search_lone.regroups, search_lone.largest_trips, search_lone.has_share)
)

Places = list[list[tuple[int, int]]]


def dealt(tiles: int, children: tuple[int, ...], trips: tuple[int, ...]) -> Places:
    """For each tile its trip and its child at every level, from the innermost."""
    found = []
    for number in range(tiles):
        places, left = [], number
        for spread, times in zip(children, trips, strict=True):
            left, child = divmod(left, spread)
            left, trip = divmod(left, times)
            places.append((trip, child))
        found.append(places)
    return found


def chains(tiles: int, children: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All trips, by level from the innermost, that lead from so many tiles to one, as many as there is something to do for."""

    def grow(left: int, level: int) -> list[tuple[int, ...]]:
        if level == len(children):
            return [()] if left == 1 else []
        left = math.ceil(left / children[level])
        return [(trips, *rest) for trips in range(1, left + 1) for rest in grow(math.ceil(left / trips), level + 1)]

    return grow(tiles, 0)


def problem_of(tiles: int, dim: int, children: tuple[int, ...], shared: tuple[int, ...] = ()) -> Any:
    """What the kernels ask: a dim of as many tiles, with children at the levels from the second on."""
    depths = 1 + len(children)
    factors, levels, nest = np.ones((4, depths, 8), np.int64), np.zeros((8, depths, 3), np.int64), np.ones(26, np.int64)
    factors[1], factors[AT_MOST], factors[SPATIAL, 1:, dim] = 0, 99, children
    levels[CHOICE], levels[SHARE, list(shared)] = 1, 1
    nest[dim], nest[PERFECT] = tiles, 0
    return SimpleNamespace(nest=nest, factors=factors, levels=levels)


def counts_of(tiles: int, children: tuple[int, ...], trips: tuple[int, ...], dim: int) -> tuple[Any, Any]:
    count, temporal = np.ones((1 + len(children), 8), np.int64), np.ones((1 + len(children), 8), np.int64)
    count[0, dim] = left = tiles
    for level, (spread, times) in enumerate(zip(children, trips, strict=True)):
        left = math.ceil(math.ceil(left / spread) / times)
        count[level + 1, dim], temporal[level + 1, dim] = left, times
    return count, temporal


def cases(number: int) -> list[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    pick = random.Random(5)
    found = []
    while len(found) < number:
        tiles, children = pick.randint(2, 14), tuple(pick.choice((1, 1, 2, 3)) for _ in range(pick.choice((1, 2, 3))))
        every = chains(tiles, children)
        if every:
            found.append((tiles, children, pick.choice(every)))
    return found


@pytest.mark.parametrize("batch", range(4))
def test_tiles_that_are_the_only_one_of_their_child(batch: int) -> None:
    """Loops of the dim inside of a place run while those outside stand still: of each child the tiles that it has in such a run."""
    order = np.array((*range(K), *range(K + 1, 8), K))
    met = 0
    for tiles, children, trips in cases(1200)[batch::4]:
        problem = problem_of(tiles, K, children)
        count, temporal = counts_of(tiles, children, trips, K)
        dealt_out = dealt(tiles, children, trips)
        for outside, inner in itertools.product(range(len(children)), (False, True)):
            # the loop in question is at the level ``outside``, with this dim's own loop there inside of it or not
            own = outside + (1 if inner else 0)
            runs = Counter(
                (tuple(child for _, child in places), tuple(trip for trip, _ in places[own:])) for places in dealt_out
            )
            exact = sum(1 for number in runs.values() if number == 1)
            place = 8 if inner else -1
            found = lonely(K, 0, outside + 1, place, count, temporal, order, False, problem)
            assert found == exact, (tiles, children, trips, outside, inner)
            if exact < tiles:
                assert found <= lone_tiles(K, 0, tiles, problem)
                met += found > 0
                share = lone_share(K, 0, 0, tiles, tiles, problem)
                assert found * (tiles - 1) / ((tiles - 1) * tiles) <= share + 1e-12
                assert share <= lone_share(K, 0, 0, max(2, tiles - 2), tiles + 2, problem) + 1e-12
    assert met > 5


@pytest.mark.parametrize("batch", range(4))
def test_children_that_get_a_tile(batch: int) -> None:
    """How often a tile that stays in place over some loops arrives, and leaves its parent: once for all children that the network serves
    at a time."""
    for tiles, children, trips in cases(1200)[batch::4]:
        pick = random.Random(tiles)
        for reach, parent in itertools.product(range(len(children) + 1), range(1, len(children) + 1)):
            shared = tuple(level for level in range(1, 1 + len(children)) if pick.random() < 0.5)
            dim = int(np.flatnonzero(FREE_OF == INPUT)[0])
            assert dim == K
            problem = problem_of(tiles, dim, children, shared)
            count, temporal = counts_of(tiles, children, trips, dim)
            arrives, leaves = set(), set()
            for places in dealt(tiles, children, trips):
                everywhere = tuple(child for _, child in places)
                outside = tuple(trip for trip, _ in places[reach:])
                arrives.add((everywhere, outside))
                apart = tuple(
                    child
                    for level, child in enumerate(everywhere, 1)
                    if not (level <= min(parent, reach) and level in shared)
                )
                leaves.add((apart, outside))
            least = windows(
                dim, 0, parent, reach, int(count[reach, dim]), INPUT, problem.nest, problem.factors, problem.levels
            )
            away, here = served(dim, 0, parent, reach, count, INPUT, temporal, False, problem)
            together = math.prod(children[level - 1] for level in range(reach + 1, parent + 1) if level in shared)
            assert here == len(arrives) and away == math.ceil(len(leaves) / together)
            left = tiles
            busy = True
            for spread, times in zip(children, trips, strict=True):
                busy = busy and left >= spread
                left = math.ceil(math.ceil(left / spread) / times)
            if busy:
                assert least[0] <= away and least[1] <= here


@pytest.mark.parametrize(
    ("times", "lone", "found"), [(4.0, 0.0, 4.0), (4.0, 1.0, 1.5), (4.0, 0.5, 2.75), (1.0, 0.5, 1.0)]
)
def test_what_stays_comes_once(times: float, lone: float, found: float) -> None:
    assert returned(times, 1.5, lone) == found


def test_where_other_trips_make_as_many_groups() -> None:
    for tiles, children, trips in cases(400):
        problem = problem_of(tiles, C, children)
        count, temporal = counts_of(tiles, children, trips, C)
        same = [other for other in chains(tiles, children) if (counts_of(tiles, children, other, C)[0] == count).all()]
        further = any(sum(abs(a - b) for a, b in zip(other, trips, strict=True)) and other > trips for other in same)
        if max(other for other in same) > trips and all(a >= b for a, b in zip(max(same), trips, strict=True)):
            assert further and regroups(C, 0, count, temporal, problem)
        if len(same) == 1:
            assert not regroups(C, 0, count, temporal, problem)
        for level in range(1, 1 + len(children)):
            most = max(other[level - 1] for other in same)
            assert largest_trips(C, level, count, problem) == most
        assert not has_share(WEIGHT, Q) and has_share(INPUT, C) and not has_share(INPUT, Q)
