"""Tiles in a search: their bits, whether they fit, the steps and trips that lead to them, against counting and by hand."""

from __future__ import annotations

import itertools
import math
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hwsim.kernels import search_exchange, search_inside, search_tile, search_whole
from hwsim.kernels.packed import INPUT, OUTPUT, WEIGHT, C, G, K, N, P, Q, R, S
from hwsim.kernels.search_terms import (
    ADDRESSES,
    AT_MOST,
    BITS,
    FINAL_BITS,
    FIXED,
    KEEP,
    PARENT,
    PERFECT,
    POOL,
    POOL_BITS,
    REAL,
    SPATIAL,
    SUMS,
    WINDOW,
)
from tests.kernels.plain import plain

cycles_of, tile_bits, fits, holds, sums_fit, steps_of = (
    plain(getattr(search_tile, name)) for name in ("cycles_of", "tile_bits", "fits", "holds", "sums_fit", "steps_of")
)
trips_to, exchanged, closed = map(plain, (search_inside.trips_to, search_exchange._exchanged, search_whole.closed))
NO_SIDES = np.zeros((2, 4, 0, 0), np.int64)


@pytest.mark.parametrize(
    ("groups", "returned", "load", "sure", "whole"),
    [
        ((), (), (), 10, 10), ((0,), (0,), (9,), 10, 10), ((0,), (0,), (11,), 11, 11), ((0, 0), (0, 0), (12, 11), 12, 12),
        ((1,), (0,), (3,), 13, 13), ((1, 1), (0, 0), (3, 4), 14, 14), ((1, 1), (0, 0), (4, 3), 14, 14), ((1, 2), (0, 0), (4, 3), 17, 17),
        ((1, 2, 2), (0, 0, 0), (4, 3, 5), 19, 19), ((1, 0, 2), (0, 0, 0), (4, 30, 5), 39, 39), ((0,), (1,), (20,), 10, 20),
        ((1, 1, 2), (0, 1, 0), (3, 7, 2), 15, 19), ((2, 2), (1, 1), (3, 7), 10, 17), ((0, 1), (0, 0), (0, 0.5), 10.5, 10.5),
    ],
)  # fmt: skip
def test_what_hides_behind_computing_and_what_adds(
    groups: tuple[int, ...], returned: tuple[int, ...], load: tuple[float, ...], sure: float, whole: float
) -> None:
    base = np.zeros((6, 1 + len(load)))
    base[4, 1:], base[5, 1:] = groups, returned
    assert (cycles_of(10.0, np.array(load), base, False), cycles_of(10.0, np.array(load), base, True)) == (sure, whole)


def _nest(addresses: int = 0) -> Any:
    nest = np.zeros(26, np.int64)
    nest[:8] = (3, 5, 7, 11, 13, 17, 2, 4)  # N, G, K, C, Q, P, S, R
    nest[WINDOW : WINDOW + 4] = (2, 1, 1, 3)
    nest[ADDRESSES] = addresses
    # padding: one before along the height, two and one along the width
    nest[REAL : REAL + 4] = (1, 26, 2, 23)
    nest[BITS : BITS + 3], nest[FINAL_BITS] = (8, 4, 32), 16
    return nest


def test_bits_of_the_tile_of_each_operand() -> None:
    tile = np.array((2, 3, 4, 5, 6, 7, 2, 3))
    whole, over = np.array((3, 5, 7, 11, 13, 17, 2, 4)), np.array((8, 8, 8, 16, 16, 32, 4, 8))
    boxes, addresses = _nest(), _nest(1)
    assert tile_bits(WEIGHT, tile, False, boxes, NO_SIDES) == 3 * 4 * 5 * 2 * 3 * 4
    assert tile_bits(WEIGHT, over, True, boxes, NO_SIDES) == 5 * 7 * 11 * 2 * 4 * 4
    assert tile_bits(OUTPUT, tile, False, boxes, NO_SIDES) == 2 * 3 * 4 * 6 * 7 * 16
    assert tile_bits(OUTPUT, tile, True, boxes, NO_SIDES) == 2 * 3 * 4 * 6 * 7 * 32
    assert tile_bits(OUTPUT, over, True, boxes, NO_SIDES) == 3 * 5 * 7 * 13 * 17 * 32
    boxes[FINAL_BITS] = 64
    assert tile_bits(OUTPUT, tile, False, boxes, NO_SIDES) == 2 * 3 * 4 * 6 * 7 * 32
    assert tile_bits(INPUT, tile, False, boxes, NO_SIDES) == 2 * 3 * 5 * (5 * 2 + 1 + 1) * (6 + 2 * 3 + 1) * 8
    # addresses: 12 of the height, 1 of which may be padding; 13 of the width, 3 of which may be
    assert tile_bits(INPUT, tile, False, addresses, NO_SIDES) == 2 * 3 * 5 * 11 * 10 * 8
    assert tile_bits(INPUT, over, False, addresses, NO_SIDES) == 3 * 5 * 11 * (26 - 1) * (26 - 3) * 8
    assert tile_bits(INPUT, over, False, boxes, NO_SIDES) == tile_bits(INPUT, whole, True, boxes, NO_SIDES)
    sides = np.arange(2 * 4 * 14 * 5).reshape(2, 4, 14, 5)
    assert tile_bits(INPUT, tile, False, addresses, sides) == 2 * 3 * 5 * sides[0, 1, 6, 2] * sides[1, 1, 7, 3] * 8


def test_tiles_fit_the_pools_that_they_share() -> None:
    nest, tile = _nest(), np.array((2, 3, 4, 5, 6, 7, 2, 3))
    bits = [tile_bits(operand, tile, False, nest, NO_SIDES) for operand in range(3)]
    for pools in itertools.product(range(3), repeat=3):
        levels = np.ones((8, 2, 3), np.int64)
        levels[KEEP, 0] = 0
        levels[POOL, 1] = pools
        for kept in itertools.product((0, 1), repeat=3):
            levels[KEEP, 1] = kept
            need = [sum(bits[o] for o in range(3) if kept[o] and pools[o] == pool) for pool in range(3)]
            levels[POOL_BITS, 1] = need
            assert holds(1, tile, False, nest, levels, NO_SIDES)
            for pool in range(3):
                levels[POOL_BITS, 1] = need
                levels[POOL_BITS, 1, pool] -= 1
                assert not holds(1, tile, False, nest, levels, NO_SIDES)


@pytest.mark.parametrize("sums", [-1, 0, 1, 2])
def test_sums_that_arrive_incomplete_are_wide(sums: int) -> None:
    nest = _nest()
    levels = np.zeros((8, 3, 3), np.int64)
    levels[KEEP, 2, OUTPUT] = 1
    reals = np.zeros(12)
    reals[SUMS] = sums
    problem = SimpleNamespace(nest=nest, levels=levels, sides=NO_SIDES, reals=reals)
    levels[POOL_BITS, 2, 0] = tile_bits(OUTPUT, nest[:8], sums == 2, nest, NO_SIDES)
    assert fits(2, nest[:8], problem)
    levels[POOL_BITS, 2, 0] -= 1
    assert not fits(2, nest[:8], problem)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("over", [None, (C, 2, 2), (S, 1, 2), (R, 2, 2), (K, 2, 2), (C, 0, 2), (C, 2, 1)])
@pytest.mark.parametrize("addresses", [0, 1])
def test_sums_that_come_back_or_are_spread_are_wide(
    again: bool, over: tuple[int, int, int] | None, addresses: int
) -> None:
    """Tiles of level 0 go to level 2. over : a dim spread over two children at a level, and how many tiles of it there are inside."""
    nest, levels = _nest(addresses), np.zeros((8, 4, 3), np.int64)
    factors, tile, count = np.ones((4, 4, 8), np.int64), np.ones((4, 8), np.int64), np.ones((4, 8), np.int64)
    tile[2] = 2
    levels[KEEP, :, OUTPUT] = (True, False, True, True)
    levels[PARENT, :, OUTPUT] = (2, -1, 3, -1)
    spread = False
    if over:
        dim, outer, tiles = over
        factors[SPATIAL, outer, dim] = 2
        count[max(0, outer - 1) :, dim] = tiles
        spread = dim != K and outer > 0 and tiles > 1
    moved = float(nest[N] * nest[G] * nest[K] * nest[Q] * nest[P])
    moved += 1 if again else 0
    for level, wide in ((0, again or spread), (2, again)):
        for enough in (True, False):
            for other in (0, 2):
                levels[POOL_BITS, other, 0] = tile_bits(OUTPUT, tile[other], True, nest, NO_SIDES)
            levels[POOL_BITS, level, 0] -= not enough
            fine = enough or not wide or not addresses
            assert sums_fit(0, moved, count, tile, nest, factors, levels, NO_SIDES) == fine


def test_steps_are_those_that_have_something_to_do() -> None:
    rng = random.Random(5)
    for _ in range(150):
        depths = 3
        temporal, spatial = (
            np.array([[rng.choice((1, 1, 2, 3)) for _ in range(8)] for _ in range(depths)]) for _ in "ts"
        )
        tile = np.cumprod(temporal * spatial, axis=0)
        dim = rng.randrange(8)
        extent = rng.randint(max(1, int(tile[-1, dim]) // 2), int(tile[-1, dim]))
        for lowest, shared in itertools.product(range(depths), range(-1, depths)):
            loops = []
            for level in range(lowest, depths):
                below = int(tile[level - 1, dim]) if level else 1
                apart = spatial[level, dim] if 0 <= shared < level else 1
                loops.append([index * below for index in range(apart)])
                loops.append([index * below * int(spatial[level, dim]) for index in range(temporal[level, dim])])
            steps = sum(sum(offsets) < extent for offsets in itertools.product(*loops))
            assert steps_of(dim, lowest, shared, temporal, tile, extent, spatial) == steps


def test_trips_that_lead_to_a_number_of_tiles() -> None:
    for number, goal, spread, beyond in itertools.product(range(1, 14), range(1, 7), (1, 2, 3), (1, 2)):
        for fixed, most, perfect in itertools.product((0, 1, 2, 5), (2, 99), (0, 1)):
            factors, nest = np.ones((4, 3, 8), np.int64), np.zeros(26, np.int64)
            factors[SPATIAL, :, K] = (7, spread, beyond)
            factors[FIXED, :, K], factors[AT_MOST, :, K] = (1, 1, fixed), (1, 1, most)
            nest[PERFECT] = perfect
            left = math.ceil(math.ceil(number / spread) / beyond)
            whole = number % (spread * beyond) == 0
            found = [
                trips
                for trips in ([fixed] if fixed else range(1, 15))
                if math.ceil(left / trips) == goal
                and trips <= most
                and (not perfect or (whole and trips * goal == left))
            ]
            assert trips_to(K, 0, 2, number, goal, nest, factors) == (min(found[0], left) if found else 0)


@pytest.mark.parametrize(
    ("shrink", "grow", "gives", "takes"),
    [
        # 12 is 6 x 1 x 2, 30 is 2 x 3 x 5 before
        (0, 0, (1, 12), (10, 1)), (1, 1, (3, 4), (4, 3)), (2, 2, (2, 6), (6, 2)), (0, 3, (1, 12), (10, 1)), (1, 4, (3, 4), (14, 1)),
        (2, 0, (2, 6), (10, 1)),
    ],
)  # fmt: skip
def test_an_exchange_gives_one_dim_room_and_takes_it_from_another(
    shrink: int, grow: int, gives: tuple[int, int], takes: tuple[int, int]
) -> None:
    factors, nest = np.ones((4, 3, 8), np.int64), np.zeros(26, np.int64)
    factors[FIXED], factors[AT_MOST], nest[:8] = 0, 99, 1
    nest[[K, C]] = (12, 30)
    factors[SPATIAL, 1, C] = 3
    temporal = np.ones((3, 8), np.int64)
    temporal[:, K], temporal[:, C] = (6, 1, 2), (2, 1, 5)
    assert exchanged(K, C, 0, 2, shrink, grow, temporal, nest, factors)
    assert (temporal[0, K], temporal[2, K]) == gives and (temporal[0, C], temporal[2, C]) == takes
    assert set(temporal[1]) == {1} and temporal[:, [N, G, Q, P, S, R]].tolist() == [[1] * 6] * 3


@pytest.mark.parametrize("dim", [K, S])
def test_a_factor_is_the_least_that_covers_a_dim_with_all_others(dim: int) -> None:
    rng = random.Random(7)
    allowed = 0
    for _ in range(3000):
        factors, nest = np.ones((4, 3, 8), np.int64), np.zeros(26, np.int64)
        spatial, trips = [rng.choice((1, 1, 2, 3)) for _ in "abc"], [rng.choice((1, 2, 3, 4)) for _ in "abc"]
        fixed, most = [rng.choice((0, 0, 1, 2)) for _ in "abc"], [rng.choice((3, 9, 99)) for _ in "abc"]
        absorbs, extent, perfect = rng.randrange(3), rng.randint(1, 40), rng.random() < 0.3
        factors[SPATIAL, :, dim], factors[FIXED, :, dim], factors[AT_MOST, :, dim] = spatial, fixed, most
        nest[dim], nest[PERFECT] = extent, perfect
        others = math.prod(spatial) * math.prod(trips[level] for level in range(3) if level != absorbs)
        least = math.ceil(extent / others)
        exact = least * others == extent
        # taps: what is left for the level, in equal parts
        inside = math.prod(spatial[: absorbs + 1]) * math.prod(trips[:absorbs])
        equal = math.ceil(extent / inside) % (others // inside) == 0
        chain, left = [], extent
        for level in range(3):
            left = math.ceil(left / spatial[level])
            here = least if level == absorbs else trips[level]
            chain.append(here if fixed[level] else min(here, left))
            left = math.ceil(left / chain[-1])
        good = all(here <= limit and given in (0, here) for here, limit, given in zip(chain, most, fixed, strict=True))
        temporal = np.zeros((3, 8), np.int64)
        temporal[:, dim] = trips
        expected = good and (exact if perfect else (dim == K or equal))
        assert bool(closed(dim, absorbs, temporal, nest, factors)) == expected
        assert not expected or temporal[:, dim].tolist() == chain
        allowed += expected
    assert allowed > 200
