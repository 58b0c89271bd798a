"""What the counts are made of, against sets that are written out: addresses of an axis, tiles and places of a dim."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hwsim.kernels import counting, counting_axis, counting_dims, counting_hops, counting_sets
from tests.kernels.plain import plain

_Tile = _Loop = tuple[int, int, int, int]


gcd, sums = plain(counting_hops.gcd), plain(counting_hops.sums)
set_size, common_size, contains = map(
    plain, (counting_sets.set_size, counting_sets.common_size, counting_sets.contains)
)
inner_trips, factor_at, tiles_of, start_of, places_of, place_offset = (
    plain(getattr(counting_dims, name))
    for name in ("inner_trips", "factor_at", "tiles_of", "start_of", "places_of", "place_offset")
)
distinct, complete, next_inside, count_steps = (
    plain(getattr(counting, name)) for name in ("_distinct", "_complete", "_inside", "_count_steps")
)
inside, axis_tile = plain(counting_axis.inside), plain(counting_axis.axis_tile)


def _addresses(tile: _Tile, axis: Any) -> set[int]:
    x, ex, k, ek = tile
    stride, dilation, pad, size = (int(number) for number in axis)
    every = {i * stride + j * dilation - pad for i in range(x, x + ex) for j in range(k, k + ek)}
    return {address for address in every if 0 <= address < size}


def _images(count: int, seed: int) -> Iterator[tuple[random.Random, Any, int]]:
    """Strides, dilations, pads and sizes of both axes, and which one to look at."""
    rng = random.Random(seed)
    for number in range(count):
        axes = [[rng.randint(1, 6), rng.randint(1, 6), rng.randint(0, 5), rng.randint(1, 40)] for _ in range(2)]
        yield rng, np.array(axes), number % 2


def _tile(rng: random.Random) -> _Tile:
    return rng.randint(0, 5), rng.randint(1, 6), rng.randint(0, 4), rng.randint(1, 6)


def test_divisors_and_sums_of_two_steps() -> None:
    for one, other in itertools.product(range(25), repeat=2):
        assert not (one or other) or gcd(one, other) == math.gcd(one, other)
    for n, step, m, other in itertools.product((1, 2, 3, 5), (1, 2, 3, 4, 6), (1, 2, 3, 5), (1, 2, 3, 4, 6)):
        assert sums(n, step, m, other) == len({i * step + j * other for i in range(n) for j in range(m)})


def test_addresses_of_a_tile_and_of_two() -> None:
    for rng, axes, side in _images(1500, 1):
        one, other = _tile(rng), _tile(rng)
        mine, theirs = _addresses(one, axes[side]), _addresses(other, axes[side])
        assert set_size(*one, axes, side) == len(mine)
        assert common_size(*one, *other, axes, side) == len(mine & theirs)
        for address in range(int(axes[side, 3])):
            assert bool(contains(address, *one, axes, side)) == (address in mine)


@pytest.mark.parametrize("lack", [0, 1])
def test_a_tile_that_just_fits_the_image_or_lacks_an_address(lack: int) -> None:
    for x, ex, k, ek in itertools.product((0, 1, 2), (1, 2, 4), (0, 1), (1, 2, 3)):
        for stride, dilation in ((1, 1), (2, 1), (1, 3), (4, 6)):
            end = (x + ex - 1) * stride + (k + ek - 1) * dilation + 1
            for pad, size in ((0, end - lack), (x * stride + k * dilation + lack, 100)):
                axes = np.array([[9, 9, 9, 9], [stride, dilation, pad, size]])
                assert set_size(x, ex, k, ek, axes, 1) == len(_addresses((x, ex, k, ek), axes[1]))
            axes[1] = (stride, dilation, 0, end - x * stride - k * dilation - lack)
            assert bool(inside(ex, ek, axes, 1)) == (not lack)
            axes[1] = (stride, dilation, lack, 100)
            assert bool(inside(ex, ek, axes, 1)) == (not lack)


def _loops(rng: random.Random, dims: tuple[int, ...]) -> tuple[Any, Any, Any, int]:
    """Temporal and spatial loops of some dims over three levels, from the outside in; extents inside of each level."""
    levels = 3
    tile = np.ones((levels + 2, 8), np.int64)
    temporal: list[_Loop] = []
    spatial: list[_Loop] = []
    for level in range(levels):
        at: list[_Loop] = []
        across: list[_Loop] = []
        for dim in rng.sample(dims, len(dims)):
            for rows, factor in ((across, rng.choice((1, 2, 3))), (at, rng.choice((1, 2, 3)))):
                if factor > 1:
                    rows.append((dim, factor, int(tile[level + 1, dim]), level))
                tile[level + 1, dim] *= factor
            tile[level + 2, dim] = tile[level + 1, dim]
        temporal, spatial = at[::-1] + temporal, across[::-1] + spatial
    for dim in dims:
        tile[levels + 1, dim] = max(1, int(tile[levels, dim]) - rng.choice((0, 0, 1, 2, 5)))
    table = [np.array(rows, np.int64).reshape(-1, 4) for rows in (temporal, spatial)]
    return tile, table[0], table[1], levels


def _offsets(rows: Any, dim: int, low: int, high: int) -> list[int]:
    """Where what the loops of a dim above ``low`` up to ``high`` number starts, in their order."""
    chosen = [row for row in rows.tolist() if row[0] == dim and low < row[3] <= high]
    places = itertools.product(*(range(factor) for _, factor, _, _ in chosen))
    return [sum(index * step for index, (_, _, step, _) in zip(place, chosen, strict=True)) for place in places]


def test_tiles_and_places_of_a_dim() -> None:
    rng = random.Random(2)
    for _ in range(60):
        _, temporal, spatial, levels = _loops(rng, (2, 4, 6))
        for dim, level in itertools.product((2, 4, 5, 6), range(-1, levels)):
            starts = _offsets(temporal, dim, level, levels)
            assert [start_of(dim, level, tile, temporal) for tile in range(len(starts))] == starts
            for left in range(-1, max(starts) + 3):
                assert tiles_of(dim, level, left, temporal) == sum(start < left for start in starts)
            factors = [row[1] for row in temporal.tolist() if row[0] == dim]
            above = [row[1] for row in temporal.tolist() if row[0] == dim and row[3] > level]
            for cut in range(len(factors) + 2):
                assert inner_trips(dim, level, cut, temporal) == math.prod(above[cut:])
                assert factor_at(dim, cut, temporal) == [*factors, 1, 1][cut]
            for high in range(level, levels):
                offsets = _offsets(spatial, dim, level, high)
                assert places_of(dim, level, high, spatial) == len(offsets)
                found = [place_offset(dim, level, high, place, spatial) for place in range(len(offsets))]
                assert found == offsets


def test_the_largest_tile_of_an_axis() -> None:
    for rng, axes, side in _images(60, 3):
        dims = 4 + side, 6 + side
        tile, temporal, spatial, levels = _loops(rng, dims)
        for level in range(levels):
            largest = 0
            parts = []
            for dim in dims:
                places, starts = _offsets(spatial, dim, level, levels), _offsets(temporal, dim, level, levels)
                at = {place + start for place in places for start in starts}
                extent, own = int(tile[-1, dim]), int(tile[level + 1, dim])
                parts.append([(start, min(own, extent - start)) for start in at if start < extent])
            for (x, ex), (k, ek) in itertools.product(*parts):
                largest = max(largest, len(_addresses((x, ex, k, ek), axes[side])))
            assert axis_tile(side, level, tile, temporal, spatial, axes) == largest


def test_outputs_of_the_first_instance_and_sums_that_are_complete() -> None:
    rng = random.Random(4)
    for _ in range(150):
        tile, temporal, spatial, levels = _loops(rng, (2, 3, 5, 7))
        for level in range(levels):
            words = 1
            for dim in (2, 5):
                own, extent = int(tile[level + 1, dim]), int(tile[-1, dim])
                starts = [start for start in _offsets(temporal, dim, level, levels) if start < extent]
                words *= sum(min(own, extent - start) for start in starts)
            assert distinct(level, tile, temporal) == words
            for low, reduces in itertools.product(
                range(-1, level + 1), itertools.product((False, True), repeat=levels)
            ):
                spread = [row for row in spatial.tolist() if row[0] in (3, 7) and tile[-1, row[0]] > row[2]]
                whole = all(row[3] <= low or (row[3] <= level and reduces[row[3]]) for row in spread)
                assert bool(complete(low, level, tile, spatial, np.array(reduces))) == whole


def test_the_next_level_inside_that_keeps_an_operand() -> None:
    for kept in itertools.product((False, True), repeat=4):
        keep = np.zeros((4, 3), np.bool_)
        keep[:, 1] = kept
        for level in range(4):
            assert next_inside(level, 1, keep) == max((at for at in range(level) if kept[at]), default=-1)
            assert next_inside(level, 0, keep) == -1


def test_steps_passes_and_instances_at_work() -> None:
    rng = random.Random(6)
    for _ in range(200):
        tile, temporal, spatial, levels = _loops(rng, (2, 3, 5, 7))
        across, along = (np.ones((levels, 8), np.int64) for _ in "xy")
        for dim, factor, _, level in spatial.tolist():
            (across if rng.random() < 0.5 else along)[level, dim] = factor
        for pass_level in range(-1, levels):
            used, scalars = np.zeros((levels, 2), np.int64), np.zeros(4, np.int64)
            count_steps(pass_level, temporal, across, along, tile, used, scalars)
            steps = passes = wide = high = 1
            for dim in (2, 3, 5, 7):
                extent = int(tile[-1, dim])
                starts = _offsets(temporal, dim, -1, levels)
                steps *= sum(start < extent for start in starts)
                inner = math.prod(row[1] for row in temporal.tolist() if row[0] == dim and row[3] < pass_level)
                passes *= len({at // inner for at, start in enumerate(starts) if start < extent})
            for level in range(levels - 1, -1, -1):
                assert used[level].tolist() == [wide, high]
                for dim in (2, 3, 5, 7):
                    reach, inside = int(tile[-1, dim]), int(tile[level, dim])
                    x, y = int(across[level, dim]), int(along[level, dim])
                    places = [
                        (row, column) for row in range(y) for column in range(x) if (row * x + column) * inside < reach
                    ]
                    wide *= 1 + max(column for _, column in places)
                    high *= 1 + max(row for row, _ in places)
            macs = math.prod(int(extent) for extent in tile[-1])
            assert scalars.tolist() == [steps, passes if pass_level >= 0 else 1, macs, wide * high]
