"""Sums over one dim: how often, and for how many points, a tile appears in the course of the loops, in all places together.

Seen from the tiles of a level, the loops outside of it give every place (spatial index) a sequence of tiles of a dim, in the order of the
temporal indices; a dim that factors do not divide ends it early, with a partial tile. A *cut* splits the temporal loops of the dim: the
first ``cut`` of them, from the outside, number the contexts, the rest run within a context. When a loop of another dim advances, this dim
steps from the last tile of a context to its first (*still*); when its own loop number ``cut`` advances, it steps from the last tile
of one context of the next cut to the first tile of the next one (*advance*).
"""

from __future__ import annotations

from typing import NamedTuple

from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import Bool, Int

#: Columns of a loop table.
DIM, FACTOR, STEP, LEVEL = range(4)


class Sums(NamedTuple):
    """Of all instances (``total``) and of the one at index 0 (``first``): points or steps on arrival, and those that were there already."""

    total: int
    first: int
    total_kept: int
    first_kept: int


@lean_kernel
def inner_trips(dim: int, level: int, cut: int, temporal: Int) -> int:
    """Product of the factors of a dim's temporal loops outside of ``level``, but for the outermost ``cut`` of them."""
    trips, number = 1, 0
    for row in range(temporal.shape[0]):
        if temporal[row, LEVEL] <= level:
            break
        if temporal[row, DIM] == dim:
            if number >= cut:
                trips *= temporal[row, FACTOR]
            number += 1
    return trips


@lean_kernel
def factor_at(dim: int, cut: int, temporal: Int) -> int:
    """Factor of the temporal loop number ``cut`` of a dim, from the outside."""
    number = 0
    for row in range(temporal.shape[0]):
        if temporal[row, DIM] == dim:
            if number == cut:
                return temporal[row, FACTOR]
            number += 1
    return 1


@lean_kernel
def tiles_of(dim: int, level: int, left: int, temporal: Int) -> int:
    """Tiles of a dim that one place works on. left : points of the dim behind the place's first point, itself included."""
    if left <= 0:
        return 0
    rest, count = left - 1, 0
    for row in range(temporal.shape[0]):
        if temporal[row, LEVEL] <= level:
            break
        if temporal[row, DIM] == dim:
            digit = min(rest // temporal[row, STEP], temporal[row, FACTOR] - 1)
            count = count * temporal[row, FACTOR] + digit
            rest -= digit * temporal[row, STEP]
    return count + 1


@lean_kernel
def start_of(dim: int, level: int, tile: int, temporal: Int) -> int:
    """Where tile number ``tile`` of a place starts, relative to the place."""
    start = 0
    trips = inner_trips(dim, level, 0, temporal)
    for row in range(temporal.shape[0]):
        if temporal[row, LEVEL] <= level:
            break
        if temporal[row, DIM] == dim:
            trips //= temporal[row, FACTOR]
            start += tile // trips * temporal[row, STEP]
            tile %= trips
    return start


@lean_kernel
def places_of(dim: int, low: int, high: int, spatial: Int) -> int:
    """Product of a dim's spatial factors at levels above ``low`` up to ``high``."""
    places = 1
    for row in range(spatial.shape[0]):
        if spatial[row, DIM] == dim and low < spatial[row, LEVEL] <= high:
            places *= spatial[row, FACTOR]
    return places


@lean_kernel
def place_offset(dim: int, low: int, high: int, index: int, spatial: Int) -> int:
    """Offset of place number ``index`` among those of levels above ``low`` up to ``high``."""
    offset = 0
    for row in range(spatial.shape[0] - 1, -1, -1):
        if spatial[row, DIM] == dim and low < spatial[row, LEVEL] <= high:
            offset += index % spatial[row, FACTOR] * spatial[row, STEP]
            index //= spatial[row, FACTOR]
    return offset


@lean_kernel
def _stands_for_all(dim: int, low: int, high: int, index: int, spatial: Int, shares: Bool) -> bool:
    """Whether a place has index 0 at all levels above ``low`` up to ``high`` whose network shares."""
    for row in range(spatial.shape[0] - 1, -1, -1):
        if spatial[row, DIM] == dim and low < spatial[row, LEVEL] <= high:
            if shares[spatial[row, LEVEL]] and index % spatial[row, FACTOR]:
                return False
            index //= spatial[row, FACTOR]
    return True


@lean_kernel
def _messages(dim: int, low: int, high: int, spatial: Int, shares: Bool) -> int:
    """Places above ``low`` up to ``high`` that get a message of their own where the dim does not matter."""
    places = 1
    for row in range(spatial.shape[0]):
        if spatial[row, DIM] == dim and low < spatial[row, LEVEL] <= high and not shares[spatial[row, LEVEL]]:
            places *= spatial[row, FACTOR]
    return places


@lean_kernel
def dim_sums(
    dim: int,
    level: int,
    upto: int,
    relevant: bool,
    cut: int,
    advance: bool,
    tile: Int,
    temporal: Int,
    spatial: Int,
    shares: Bool,
    leaves: Bool,
) -> Sums:
    """Points (steps, where the dim does not matter) that arrive at the tiles of ``level`` within the instances of ``upto``.

    tile [L + 2, 8] : nominal extents inside of each level, row 0 of a PE, and in the last row those of the nest. temporal, spatial
    [., 4] : loops from the outside in. shares [L] : levels whose network serves several children with one message. leaves [L] : levels with
    which a tile of ``level`` leaves.
    """
    last = tile.shape[0] - 3
    extent = tile[last + 2, dim]
    own = tile[level + 1, dim] if relevant else 1
    inner = inner_trips(dim, level, cut, temporal)
    if tile[last + 1, dim] == extent:
        between = places_of(dim, level, upto, spatial) if relevant else _messages(dim, level, upto, spatial, shares)
        above = places_of(dim, upto, last, spatial)
        contexts = inner_trips(dim, level, 0, temporal) // inner
        if advance:
            contexts *= factor_at(dim, cut, temporal) - 1
        points = contexts * between * own
        stays = not relevant or (inner == 1 and not advance)
        return Sums(points * above, points, points * above if stays else 0, points if stays else 0)
    total = first = total_kept = first_kept = 0
    between, above = places_of(dim, level, upto, spatial), places_of(dim, upto, last, spatial)
    for outer in range(above):
        outside = place_offset(dim, upto, last, outer, spatial)
        for inside in range(between):
            if not relevant and not _stands_for_all(dim, level, upto, inside, spatial, shares):
                continue
            offset = outside + place_offset(dim, level, upto, inside, spatial)
            points, kept = _place_sums(dim, level, relevant, cut, advance, extent - offset, own, inner, temporal)
            if (
                kept
                and relevant
                and inner > 1
                and not _stays(dim, level, cut, offset, extent, tile, temporal, spatial, leaves)
            ):
                kept = 0
            total, total_kept = total + points, total_kept + kept
            if outer == 0:
                first, first_kept = first + points, first_kept + kept
    return Sums(total, first, total_kept, first_kept)


@lean_kernel
def _place_sums(
    dim: int, level: int, relevant: bool, cut: int, advance: bool, left: int, own: int, inner: int, temporal: Int
) -> tuple[int, int]:
    """What arrives at one place, and how much of it was there. left : points behind its first; own : nominal tile."""
    tiles = tiles_of(dim, level, left, temporal)
    if not tiles:
        return 0, 0
    partial = min(own, left - start_of(dim, level, tiles - 1, temporal)) if relevant else 1
    contexts = (tiles + inner - 1) // inner
    lonely = tiles - (contexts - 1) * inner == 1  # the last context has one tile
    if not advance:
        points = (contexts - 1) * own + (partial if lonely else own)
        if not relevant or inner == 1:
            return points, points
        return points, partial if lonely else 0
    factor = factor_at(dim, cut, temporal)
    inner //= factor
    finer = (tiles + inner - 1) // inner
    steps = finer - contexts
    lonely = tiles - (finer - 1) * inner == 1 and (finer - 1) % factor != 0
    points = steps * own - (own - partial if lonely else 0)
    return points, 0 if relevant else points


@lean_kernel
def _stays(
    dim: int, level: int, cut: int, offset: int, extent: int, tile: Int, temporal: Int, spatial: Int, leaves: Bool
) -> bool:
    """Whether the tile of a place's last context stays: no tile around it leaves in that context.

    offset : of the place; a level around it has its own place, which starts at the multiple of its tiles.
    """
    contexts = (tiles_of(dim, level, extent - offset, temporal) - 1) // inner_trips(dim, level, cut, temporal)
    for outer in range(level + 1, tile.shape[0] - 2):
        if not leaves[outer]:
            continue
        around = 0
        rest = offset
        for row in range(spatial.shape[0]):
            if spatial[row, DIM] == dim and spatial[row, LEVEL] > level:
                index = rest // spatial[row, STEP]
                rest -= index * spatial[row, STEP]
                if spatial[row, LEVEL] > outer:
                    around += index * spatial[row, STEP]
        inner = inner_trips(dim, outer, cut, temporal)
        if inner > 1 and min(inner, tiles_of(dim, outer, extent - around, temporal) - contexts * inner) != 1:
            return False
    return True
