"""What loops bring back, what a tile leaves to the levels inside, and mappings carried over, against what the words say."""

from __future__ import annotations

import itertools
import math
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hwsim.kernels import search_inside, search_survey
from hwsim.kernels.packed import INPUT, OUTPUT, WEIGHT, C, G, K, N, P, Q, R, S
from hwsim.kernels.search_terms import (
    ADDRESSES,
    AT_MOST,
    FIXED,
    FREE_OF,
    KEEP,
    PARENT,
    PASS_LEVEL,
    PERFECT,
    SHARE,
    SPATIAL,
)
from tests.kernels.plain import plain

brought_back, unheld, spread_parts, delivered, all_delivered, windows = (
    plain(getattr(search_inside, name))
    for name in ("brought_back", "unheld", "spread_parts", "delivered", "all_delivered", "windows")
)
absorbed, carried = plain(search_survey._absorbed), plain(search_survey._carried)


def test_the_operand_that_does_not_depend_on_a_dim() -> None:
    assert {dim: int(FREE_OF[dim]) for dim in (N, G, K, C, Q, P, S, R)} == {
        N: WEIGHT, G: -1, K: INPUT, C: OUTPUT, Q: WEIGHT, P: WEIGHT, S: OUTPUT, R: OUTPUT
    }  # fmt: skip


@pytest.mark.parametrize(("taps_high", "taps_wide"), [(1, 1), (3, 1), (1, 3), (3, 3)])
def test_loops_that_bring_tiles_back(taps_high: int, taps_wide: int) -> None:
    """All whose loops have one inside that moves the operand: at all, or as a whole, where no window slides."""
    rng = random.Random(taps_high * 10 + taps_wide)
    nest = np.ones(26, np.int64)
    nest[S], nest[R] = taps_high, taps_wide
    for _ in range(300):
        orders = np.array([[rng.sample(range(8), 8) for _ in range(2)] for _ in range(3)])
        chosen, first = np.array([rng.randrange(2) for _ in range(3)]), rng.randrange(3)
        temporal = np.array([[rng.choice((1, 1, 1, 2)) for _ in range(8)] for _ in range(3)])
        loops = [
            int(dim) for level in range(first, 3) for dim in orders[level, chosen[level]] if temporal[level, dim] > 1
        ]
        slides = {S, R, *([Q] if taps_high > 1 else []), *([P] if taps_wide > 1 else [])}
        beyond = np.full((2, 8), 7, np.int64)
        brought_back(first, temporal, chosen, SimpleNamespace(nest=nest, orders=orders), beyond)
        for dim in range(8):
            free = FREE_OF[dim]
            at = loops.index(dim) if dim in loops else len(loops)
            moving = [one for one in loops[:at] if FREE_OF[one] != free]
            whole = [one for one in moving if free != INPUT or one not in slides]
            nothing = dim not in loops or free < 0
            assert beyond[:, dim].tolist() == [nothing or bool(moving), nothing or bool(whole)]


def test_trips_of_what_nothing_held_depends_on_run_inside() -> None:
    for dim, level, over, kept in itertools.product(
        (K, C, N, G), range(2), range(1, 4), itertools.product((0, 1), repeat=3)
    ):
        for held, spread, addresses, passes in itertools.product(range(3), range(4), (0, 1), (-1, 0, 1, 2, 3)):
            levels, factors, nest = np.zeros((8, 4, 3), np.int64), np.ones((4, 4, 8), np.int64), np.zeros(26, np.int64)
            levels[KEEP, held] = kept
            factors[SPATIAL, spread, dim] = 2
            nest[ADDRESSES], nest[PASS_LEVEL] = addresses, passes
            free = all(not kept[operand] or FREE_OF[dim] == operand for operand in range(3)) or held > level
            apart = level < spread <= over
            counted = not addresses and level < passes <= over
            assert bool(unheld(dim, level, over, nest, factors, levels)) == (free and not apart and not counted)


@pytest.mark.parametrize("dim", [G, K, C, Q])
def test_parts_of_a_tile_and_how_often_they_move(dim: int) -> None:
    factors, levels = np.ones((4, 4, 8), np.int64), np.zeros((8, 4, 3), np.int64)
    factors[SPATIAL, :, dim] = (5, 2, 3, 2)
    levels[PARENT] = [[1, 2, 3], [3, 3, 3], [3, 3, 3], [-1, -1, -1]]
    levels[SHARE, (1, 3)] = 1
    nest = np.full(26, 6 * 29, np.int64)
    nest[PERFECT] = 1
    problem: Any = SimpleNamespace(nest=nest, factors=factors, levels=levels)
    parts, moves, lone = np.zeros((4, 8), np.int64), np.full((2, 4, 2, 8), -1.0), np.full((4, 8), -1.0)
    spread_parts(dim, 2, 29, 6, parts, moves, lone, problem)
    assert lone[:3, dim].tolist() == [0.0, 0.0, 0.0]
    assert parts[:, dim].tolist() == [5, 10, 29, 0]
    free = int(FREE_OF[dim])
    for level in range(3):
        expected = [(-1.0, -1.0), (-1.0, -1.0)]
        if free >= 0:
            parent = int(levels[PARENT, level, free])
            expected = [
                windows(dim, level, parent, reach, number, free, nest, factors, levels)
                for reach, number in ((2, 6), (3, 1))
            ]
        assert [tuple(moves[stays, level, :, dim]) for stays in (0, 1)] == expected
    beyond = np.ones(8, np.int64)
    if free >= 0:
        moves[:, :, :, [other for other in range(8) if other != dim]] = 1.0
        for stays in (0, 1):
            beyond[dim] = 1 - stays
            assert delivered(free, 1, beyond, moves) == tuple(moves[stays, 1, :, dim])
            assert delivered((free + 1) % 3, 1, beyond, moves) == (1.0, 1.0)
            every = np.zeros((3, 2))
            all_delivered(1, beyond, moves, every)
            assert [tuple(one) for one in every] == [delivered(operand, 1, beyond, moves) for operand in range(3)]


def _space(rng: random.Random) -> tuple[Any, Any, list[int], list[int], int]:
    factors, nest = np.ones((4, 3, 8), np.int64), np.ones(26, np.int64)
    spatial, fixed = [rng.choice((1, 1, 2, 3)) for _ in "abc"], [rng.choice((0, 0, 1, 2)) for _ in "abc"]
    nest[8:], extent = 0, rng.randint(1, 40)
    factors[AT_MOST], factors[FIXED] = 99, 1
    factors[SPATIAL, :, K], factors[FIXED, :, K], nest[K] = spatial, fixed, extent
    return nest, factors, spatial, fixed, extent


def _closed(chain: list[int], spatial: list[int], fixed: list[int], extent: int, takes: int) -> list[int] | None:
    """The chain where one level takes what is left, None where that is not allowed."""
    others = math.prod(spatial) * math.prod(chain[level] for level in range(3) if level != takes)
    if takes < 0:
        return chain if others >= extent else None
    chain = [math.ceil(extent / others) if level == takes else trips for level, trips in enumerate(chain)]
    left = extent
    for level in range(3):
        left = math.ceil(left / spatial[level])
        chain[level] = chain[level] if fixed[level] else min(chain[level], left)
        left = math.ceil(left / chain[level])
    return chain


def test_one_level_takes_all_trips_or_the_next_inside_else_outside() -> None:
    rng = random.Random(11)
    for _ in range(1500):
        nest, factors, spatial, fixed, extent = _space(rng)
        absorbs = rng.randrange(3)
        inner = [level for level in range(absorbs, -1, -1) if not fixed[level]]
        takes = (inner + [level for level in range(absorbs, 3) if not fixed[level]] + [-1])[0]
        expected = _closed([max(1, given) for given in fixed], spatial, fixed, extent, takes)
        temporal = np.zeros((3, 8), np.int64)
        assert bool(absorbed(absorbs, temporal, nest, factors)) == (expected is not None)
        assert expected is None or temporal[:, K].tolist() == expected


def test_a_mapping_is_carried_over_to_other_children() -> None:
    rng = random.Random(12)
    for _ in range(1500):
        nest, factors, spatial, fixed, extent = _space(rng)
        tile = np.ones((3, 8), np.int64)
        tile[:, K] = sorted(rng.randint(1, 45) for _ in "abc")
        chain, inside = [], 1
        for level in range(3):
            inside *= spatial[level]
            chain.append(fixed[level] or max(1, min(int(tile[level, K]), extent) // inside))
            inside *= chain[-1]
        takes = max((level for level in range(3) if not fixed[level]), default=-1)
        expected = _closed(chain, spatial, fixed, extent, takes)
        temporal = np.zeros((3, 8), np.int64)
        assert bool(carried(tile, temporal, nest, factors)) == (expected is not None)
        assert expected is None or temporal[:, K].tolist() == expected
