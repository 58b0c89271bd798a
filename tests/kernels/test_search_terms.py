"""The small parts of what a search adds up, against sets that are written out and by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from hwsim.kernels import search_terms
from hwsim.kernels.packed import INPUT, P, Q, R, S
from hwsim.kernels.search_terms import ADDRESSES, DATA, PERFECT, REAL, SHARE, SPATIAL, WINDOW
from tests.kernels.plain import plain

ceiling, objective_of, sums, span, overlap, windows, neighbours, largest = (
    plain(getattr(search_terms, name))
    for name in (
        "ceiling", "objective_of", "sums", "span", "overlap", "windows", "neighbours", "largest",
    )
)  # fmt: skip


def _addresses(tile: int, kernel: int, stride: int, dilation: int) -> set[int]:
    return {i * stride + j * dilation for i in range(tile) for j in range(kernel)}


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3), (4, 6), (3, 2)])
def test_what_tiles_hold_and_what_two_have_in_common(stride: int, dilation: int) -> None:
    for tile, kernel in itertools.product((1, 2, 3, 5), repeat=2):
        held = _addresses(tile, kernel, stride, dilation)
        box = max(held) + 1
        assert sums(tile, stride, kernel, dilation) == span(tile, kernel, stride, dilation, 1) == len(held)
        assert span(tile, kernel, stride, dilation, 0) == box
        for step in range(1, box + 2):
            common = len(held & {address + step for address in held})
            assert overlap(tile, kernel, stride, dilation, step, 0, False) == max(0, box - step)
            for shorter in (False, True):
                most = min(len(held), max(0, box - step))
                assert common <= overlap(tile, kernel, stride, dilation, step, 1, shorter) <= most
            if (kernel - 1) * dilation < stride:
                assert overlap(tile, kernel, stride, dilation, step, 1, False) == common


def test_quotients_and_the_largest_of_so_many_tiles() -> None:
    for value, divisor in itertools.product(range(30), range(1, 9)):
        assert ceiling(value, divisor) == math.ceil(value / divisor)
    for extent in range(1, 20):
        for least in range(1, extent + 1):
            tiles = -(-extent // least)
            # all but the last are whole, and the last has one at least
            most = max(each for each in range(least, extent + 1) if (tiles - 1) * each < extent)
            assert largest(extent, tiles, 0, least) == most and largest(extent, tiles, 1, least) == least


@pytest.mark.parametrize(
    ("cycles", "whole"), [(0.0, 0), (1.0, 1), (1.5, 2), (7.0000000001, 7), (7.00001, 8), (1e9 + 0.5, 1e9 + 0)]
)
def test_an_objective_is_of_whole_cycles_with_leakage(cycles: float, whole: float) -> None:
    assert objective_of(3.0, cycles, 2, 0.25) == whole
    assert objective_of(3.0, cycles, 1, 0.25) == 3.0 + 0.25 * whole
    assert objective_of(3.0, cycles, 0, 0.25) == (3.0 + 0.25 * whole) * whole


def _spatial(*factors: tuple[int, int, int]) -> np.ndarray:
    """Children by (level, dim, factor), over four levels."""
    table = np.ones((4, 4, 8), np.int64)
    for level, dim, factor in factors:
        table[SPATIAL, level, dim] = factor
    return table


@pytest.mark.parametrize(
    ("parent", "reach", "shared", "found"),
    [
        # two children at level 1, three at level 2, five at level 3; 60 tiles
        (1, 0, (), (60, 60)), (1, 1, (), (120, 120)), (1, 3, (), (1800, 1800)), (1, 0, (1,), (30, 60)), (2, 0, (1, 2), (10, 60)),
        (2, 1, (1, 2), (20, 120)), (3, 1, (1, 2, 3), (4, 120)), (3, 1, (2,), (40, 120)), (3, 2, (1, 2, 3), (12, 360)),
        (1, 2, (1, 2), (180, 360)), (3, 3, (1,), (900, 1800)), (2, 2, (3,), (360, 360)),
    ],
)  # fmt: skip
def test_how_often_a_tile_is_delivered(
    parent: int, reach: int, shared: tuple[int, ...], found: tuple[int, int]
) -> None:
    factors = _spatial((1, S, 2), (2, S, 3), (3, S, 5), (2, Q, 7))
    levels = np.zeros((8, 4, 3), np.int64)
    levels[SHARE, list(shared), INPUT] = 1
    nest = np.zeros(26, np.int64)
    nest[PERFECT] = 1
    assert windows(S, 0, parent, reach, 60, INPUT, nest, factors, levels) == found
    assert windows(S, 0, 3, 0, 61, INPUT, nest, _spatial((1, S, 2)), np.ones((8, 4, 3), np.int64))[0] == 31


def _share(
    factors: np.ndarray, shared: tuple[int, ...], axis: int = 0, addresses: int = 1, pad: int = 0, size: int = 100, rows: int = 1
) -> float:  # fmt: skip
    nest = np.ones(26, np.int64)
    nest[[Q, P]], nest[[S, R]] = 12, 6
    nest[WINDOW : WINDOW + 4] = (2, 1, 1, 3)
    nest[ADDRESSES] = addresses
    nest[[REAL, REAL + 2]], nest[[REAL + 1, REAL + 3]] = pad, size
    nest[[DATA, DATA + 1]] = 72 - (pad > 0)
    levels = np.zeros((8, 4, 3), np.int64)
    levels[SHARE, list(shared), INPUT] = 1
    tile = np.ones((4, 8), np.int64)
    tile[:, Q] = rows
    return float(neighbours(axis, 0, 2, tile, nest, factors, levels))


def test_children_whose_inputs_are_the_same() -> None:
    """Two levels of children: 3 positions (a stride of 2 along the height, of 1 along the width) and 2 taps (1 and 3 apart)."""
    together, apart = _spatial((1, Q, 3), (1, S, 2)), _spatial((1, Q, 3), (2, S, 2))
    wide = _spatial((2, P, 4), (2, R, 2))
    assert _share(together, ()) == _share(together, (2,)) == _share(together, (3,)) == 1.0
    assert _share(together, (1,)) == len(_addresses(3, 2, 2, 1)) / 6 == 1.0
    assert _share(together, (1, 2), rows=2) == len(_addresses(3, 2, 4, 1)) / 6
    assert _share(wide, (1, 2), 1) == len(_addresses(4, 2, 1, 3)) / 8 == 7 / 8
    assert _share(wide, (1, 2), 0) == _share(together, (1, 2), 1) == 1.0
    # over two levels, as many as there are positions and taps, less one
    assert _share(apart, (1, 2)) == 4 / 6 and _share(apart, (1,)) == _share(apart, (2,)) == 1.0
    assert _share(apart, (1, 2), addresses=0) == 1.0
    # where some meet padding, one for each position or tap; where few do, one in all
    assert _share(apart, (1, 2), pad=1) == 1 / 2 and _share(wide, (1, 2), 1, pad=1) == 1 / 2
    for size, share in ((1, 1 / 6), (2, 1 / 2)):
        assert _share(apart, (1, 2), pad=1, size=size) == share
    for size, share in ((3, 1 / 6), (4, 1 / 2)):
        assert _share(apart, (1, 2), pad=1, size=size, rows=2) == share
    assert _share(apart, (1,), pad=1, size=2) == 1.0
