"""Sums over one axis of the input, where two dims meet: addresses that a tile has on arrival, and those that were there already."""

from __future__ import annotations

from typing import NamedTuple

from hwsim.kernels.counting_dims import (
    DIM,
    FACTOR,
    LEVEL,
    factor_at,
    inner_trips,
    place_offset,
    places_of,
    start_of,
    tiles_of,
)
from hwsim.kernels.counting_sets import common_size, contains, set_size
from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import Bool, Int

#: Columns of what children need at one step: x, ex, k, ek now; y, ey, m, em before; label of the wires; sizes of tile and overlap.
_LABEL, _SIZE, _KEPT = 8, 9, 10


class AxisRoom(NamedTuple):
    """Room for sums over axes of the input, where at most so many instances lie along height and width, kernel included.

    axes [2, 4] : stride, dilation, pad, size of height and width. pair [4, 2] : numbers by side. rows [2 sides, 3, places] : sums of tiles,
    of overlaps, and of tiles if nothing of any is held, by instance along this side. wanted [places, 11] : what children need at one step.
    keys [places, 2] : tiles and messages told apart.
    """

    axes: Int
    pair: Int
    rows: Int
    wanted: Int
    keys: Int


@lean_kernel
def inside(extent_x: int, extent_k: int, axes: Int, side: int) -> bool:
    """Whether all addresses of a side (axes [2, 4] : stride, dilation, pad, size) are data."""
    return (
        axes[side, 2] <= 0
        and (extent_x - 1) * axes[side, 0] + (extent_k - 1) * axes[side, 1] - axes[side, 2] < axes[side, 3]
    )


@lean_kernel
def _label(dim: int, low: int, high: int, index: int, spatial: Int, shares: Bool) -> int:
    """Part of a place's number that lies at levels whose network does not share."""
    label, base = 0, 1
    for row in range(spatial.shape[0] - 1, -1, -1):
        if spatial[row, DIM] == dim and low < spatial[row, LEVEL] <= high:
            if not shares[spatial[row, LEVEL]]:
                label += index % spatial[row, FACTOR] * base
                base *= spatial[row, FACTOR]
            index //= spatial[row, FACTOR]
    return label


@lean_kernel
def _alike(wanted: Int, one: int, other: int, axes: Int, side: int) -> int:
    """How alike two children are: 0 where they need different tiles, 1 the same, 2 the same and hold the same part of it already."""
    if wanted[one, _LABEL] != wanted[other, _LABEL] or wanted[one, _SIZE] != wanted[other, _SIZE]:
        return 0
    answer = 2 if wanted[one, _KEPT] == wanted[other, _KEPT] else 1
    for i in range(wanted[one, 1]):
        for j in range(wanted[one, 3]):
            address = (wanted[one, 0] + i) * axes[side, 0] + (wanted[one, 2] + j) * axes[side, 1] - axes[side, 2]
            if 0 <= address < axes[side, 3]:
                x, ex, k, ek = wanted[other, 0], wanted[other, 1], wanted[other, 2], wanted[other, 3]
                if not contains(address, x, ex, k, ek, axes, side):
                    return 0
                y, ey, m, em = wanted[one, 4], wanted[one, 5], wanted[one, 6], wanted[one, 7]
                held = contains(address, y, ey, m, em, axes, side)
                y, ey, m, em = wanted[other, 4], wanted[other, 5], wanted[other, 6], wanted[other, 7]
                if held != contains(address, y, ey, m, em, axes, side):
                    answer = 1
    return answer


@lean_kernel
def _tile_at(dim: int, level: int, number: int, offset: int, extent: int, own: int, temporal: Int) -> tuple[int, int]:
    start = offset + start_of(dim, level, number, temporal)
    return start, min(own, extent - start)


@lean_kernel
def _messages(dim_x: int, level: int, upto: int, axes: Int, side: int, spatial: Int, shares: Bool, keys: Int) -> int:
    """Different tiles of the children of one instance of ``upto`` where no tile is partial and nothing is clipped."""
    dim_k = dim_x + 2
    between_x, between_k = places_of(dim_x, level, upto, spatial), places_of(dim_k, level, upto, spatial)
    pairs = between_x * between_k
    if between_x == 1 or between_k == 1:
        return pairs
    found = 0
    for pair in range(pairs):
        one, other = pair // between_k, pair % between_k
        offset = place_offset(dim_x, level, upto, one, spatial) * axes[side, 0]
        offset += place_offset(dim_k, level, upto, other, spatial) * axes[side, 1]
        label = _label(dim_x, level, upto, one, spatial, shares) * pairs + _label(
            dim_k, level, upto, other, spatial, shares
        )
        known = False
        for earlier in range(found):
            if keys[earlier, 0] == offset and keys[earlier, 1] == label:
                known = True
                break
        if not known:
            keys[found, 0], keys[found, 1] = offset, label
            found += 1
    return found


@lean_kernel
def _uniform(
    level: int,
    upto: int,
    cut_x: int,
    cut_k: int,
    moving: int,
    tile: Int,
    temporal: Int,
    spatial: Int,
    shares: Bool,
    side: int,
    room: AxisRoom,
) -> None:
    """``axis_sums`` where factors divide both dims and no address is padding: all instances are alike."""
    dim_x, dim_k = 4 + side, 6 + side
    now_x, before_x, steps_x = _stretch(dim_x, level, cut_x, moving == 1, temporal)
    now_k, before_k, steps_k = _stretch(dim_k, level, cut_k, moving == 2, temporal)
    own_x, own_k = tile[level + 1, dim_x], tile[level + 1, dim_k]
    axes, found = room.axes, room.rows
    messages = _messages(dim_x, level, upto, axes, side, spatial, shares, room.keys) * steps_x * steps_k
    found[side, 0, 0] = found[side, 2, 0] = messages * set_size(now_x, own_x, now_k, own_k, axes, side)
    found[side, 1, 0] = messages * common_size(now_x, own_x, now_k, own_k, before_x, own_x, before_k, own_k, axes, side)


@lean_kernel
def _stretch(dim: int, level: int, cut: int, moves: bool, temporal: Int) -> tuple[int, int, int]:
    """Where a tile is, where the one before it was, and how many such steps there are, where factors divide a dim."""
    contexts = inner_trips(dim, level, 0, temporal) // inner_trips(dim, level, cut, temporal)
    if not moves:
        return 0, start_of(dim, level, inner_trips(dim, level, cut, temporal) - 1, temporal), contexts
    first = inner_trips(dim, level, cut + 1, temporal)
    steps = contexts * (factor_at(dim, cut, temporal) - 1)
    return start_of(dim, level, first, temporal), start_of(dim, level, first - 1, temporal), steps


@lean_kernel
def axis_sums(
    side: int,
    level: int,
    upto: int,
    cut_x: int,
    cut_k: int,
    moving: int,
    tile: Int,
    temporal: Int,
    spatial: Int,
    shares: Bool,
    room: AxisRoom,
) -> int:
    """Addresses on one side of the input that arrive at the tiles of ``level`` in the instances of ``upto``, and those held already.

    side : 0 height, 1 width. cut_x, cut_k : cuts of the window's and of the kernel's dim. moving : 0 where another dim's loop advances,
    1 for the window's, 2 for the kernel's. room : ``rows`` of this side are found, only its first column where all are alike.
    Returns how many instances the first column stands for, 0 where each has its own.
    """
    dim_x, dim_k = 4 + side, 6 + side
    axes, found, wanted = room.axes, room.rows, room.wanted
    last = tile.shape[0] - 3
    extents = tile[last + 2]
    above_x, above_k = places_of(dim_x, upto, last, spatial), places_of(dim_k, upto, last, spatial)
    extent_x, extent_k = extents[dim_x], extents[dim_k]
    perfect = tile[last + 1, dim_x] == extent_x and tile[last + 1, dim_k] == extent_k
    if perfect and inside(extent_x, extent_k, axes, side):
        _uniform(level, upto, cut_x, cut_k, moving, tile, temporal, spatial, shares, side, room)
        return above_x * above_k
    between_x, between_k = places_of(dim_x, level, upto, spatial), places_of(dim_k, level, upto, spatial)
    merge = between_x * between_k > 1 and not (
        inside(extent_x, extent_k, axes, side) and (between_x == 1 or between_k == 1)
    )
    inner_x = inner_trips(dim_x, level, cut_x + (1 if moving == 1 else 0), temporal)
    inner_k = inner_trips(dim_k, level, cut_k + (1 if moving == 2 else 0), temporal)
    contexts_x = inner_trips(dim_x, level, 0, temporal) // inner_x
    contexts_k = inner_trips(dim_k, level, 0, temporal) // inner_k
    factor_x = factor_at(dim_x, cut_x, temporal) if moving == 1 else 0
    factor_k = factor_at(dim_k, cut_k, temporal) if moving == 2 else 0
    own_x, own_k = tile[level + 1, dim_x], tile[level + 1, dim_k]
    for above in range(above_x * above_k):
        found[side, 0, above] = found[side, 1, above] = found[side, 2, above] = 0
        outside_x = place_offset(dim_x, upto, last, above // above_k, spatial)
        outside_k = place_offset(dim_k, upto, last, above % above_k, spatial)
        for context_x in range(contexts_x):
            if factor_x and context_x % factor_x == 0:
                continue
            for context_k in range(contexts_k):
                if factor_k and context_k % factor_k == 0:
                    continue
                number = 0
                for pair in range(between_x * between_k):
                    one, other = pair // between_k, pair % between_k
                    x = outside_x + place_offset(dim_x, level, upto, one, spatial)
                    k = outside_k + place_offset(dim_k, level, upto, other, spatial)
                    tiles_x = tiles_of(dim_x, level, extent_x - x, temporal)
                    tiles_k = tiles_of(dim_k, level, extent_k - k, temporal)
                    first_x, first_k = context_x * inner_x, context_k * inner_k
                    if first_x >= tiles_x or first_k >= tiles_k:
                        continue
                    last_x = first_x - 1 if factor_x else min(first_x + inner_x, tiles_x) - 1
                    last_k = first_k - 1 if factor_k else min(first_k + inner_k, tiles_k) - 1
                    now_x, now_ex = _tile_at(dim_x, level, first_x, x, extent_x, own_x, temporal)
                    now_k, now_ek = _tile_at(dim_k, level, first_k, k, extent_k, own_k, temporal)
                    old_x, old_ex = _tile_at(dim_x, level, last_x, x, extent_x, own_x, temporal)
                    old_k, old_ek = _tile_at(dim_k, level, last_k, k, extent_k, own_k, temporal)
                    size = set_size(now_x, now_ex, now_k, now_ek, axes, side)
                    if size == 0:
                        continue
                    kept = common_size(now_x, now_ex, now_k, now_ek, old_x, old_ex, old_k, old_ek, axes, side)
                    if merge:
                        wanted[number, 0], wanted[number, 1], wanted[number, 2], wanted[number, 3] = (
                            now_x,
                            now_ex,
                            now_k,
                            now_ek,
                        )
                        wanted[number, 4], wanted[number, 5], wanted[number, 6], wanted[number, 7] = (
                            old_x,
                            old_ex,
                            old_k,
                            old_ek,
                        )
                        label = _label(dim_x, level, upto, one, spatial, shares) * between_k
                        wanted[number, _LABEL] = label + _label(dim_k, level, upto, other, spatial, shares)
                        wanted[number, _SIZE], wanted[number, _KEPT] = size, kept
                        known = 0
                        for earlier in range(number):
                            known = max(known, _alike(wanted, number, earlier, axes, side))
                            if known == 2:
                                break
                        if known == 2:
                            continue
                        number += 1
                        if known == 1:
                            found[side, 2, above] -= size
                    found[side, 2, above] += size
                    found[side, 0, above] += size
                    found[side, 1, above] += kept
    return 0


@lean_kernel
def axis_tile(side: int, level: int, tile: Int, temporal: Int, spatial: Int, axes: Int) -> int:
    """Addresses on one side of the input in the largest tile of ``level``."""
    dim_x, dim_k = 4 + side, 6 + side
    last = tile.shape[0] - 3
    extents = tile[last + 2]
    own_x, own_k = tile[level + 1, dim_x], tile[level + 1, dim_k]
    if inside(extents[dim_x], extents[dim_k], axes, side):
        return set_size(0, min(own_x, extents[dim_x]), 0, min(own_k, extents[dim_k]), axes, side)
    largest = 0
    for place_x in range(places_of(dim_x, level, last, spatial)):
        x = place_offset(dim_x, level, last, place_x, spatial)
        for place_k in range(places_of(dim_k, level, last, spatial)):
            k = place_offset(dim_k, level, last, place_k, spatial)
            for tile_x in range(tiles_of(dim_x, level, extents[dim_x] - x, temporal)):
                now_x, now_ex = _tile_at(dim_x, level, tile_x, x, extents[dim_x], own_x, temporal)
                for tile_k in range(tiles_of(dim_k, level, extents[dim_k] - k, temporal)):
                    now_k, now_ek = _tile_at(dim_k, level, tile_k, k, extents[dim_k], own_k, temporal)
                    largest = max(largest, set_size(now_x, now_ex, now_k, now_ek, axes, side))
    return largest
