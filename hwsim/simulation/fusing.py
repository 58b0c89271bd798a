"""Chains of layers run depth first: a few rows of the last one at a time, so that what passes between them never leaves the chip.

A chain is a row of layers, each the only reader of the one before. A group of neighbours is run tile by tile, a tile being ``rows`` rows
of its last result, and every tile goes through all its layers. Neighbouring tiles need some of the same rows (the halo):

* ``cache``: rows that the next tile needs again stay in line buffers; every row is made once, all tensors of the group hold a window;
* ``recompute``: every tile starts anew; rows are read and made again, only the operand and result of one layer lie in the buffer.

Weights stay in the buffer in the order of the layers as far as they fit beside that, and the rest streams in for every tile. A layer by
itself moves every tensor once, as in the analytical rungs, whatever the buffer holds. Depth-first execution and its trade-off are
those of Alwani, Chen, Ferdman, Milder, "Fused-layer CNN accelerators," MICRO 2016, doi:10.1109/MICRO.2016.7783725.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

Halo = Literal["cache", "recompute"]


@dataclass(frozen=True, slots=True)
class Link:
    """One layer of a chain, by rows. rows, row_bytes : of its result [1] [B]. span, stride, pad : rows of the operand that one row of the
    result needs are [q·stride − pad, q·stride − pad + span), as far as there are such. weight_bytes : [B]. beside_bytes : of other
    operands, read once whatever the plan [B].
    """

    name: str
    rows: int
    row_bytes: int
    span: int = 1
    stride: int = 1
    pad: int = 0
    weight_bytes: int = 0
    beside_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """Links in order. rows, row_bytes : of the operand of the first one [1] [B]. images : times that all of it is run [1]."""

    rows: int
    row_bytes: int
    links: tuple[Link, ...]
    images: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    """Links first to last - 1, run together. rows : of a tile [1]; halo : None for a layer by itself.

    buffer_bytes : the most that is held at once, resident weights that share the buffer included [B]. read_bytes, weight_bytes,
    write_bytes : over the chip's edge, all images [B]. made : rows made by each link, all images, those made again counted again [1].
    """

    first: int
    last: int
    rows: int
    halo: Halo | None
    buffer_bytes: int
    read_bytes: int
    weight_bytes: int
    write_bytes: int
    made: tuple[int, ...]

    @property
    def traffic(self) -> int:
        """Bytes over the chip's edge [B]."""
        return self.read_bytes + self.weight_bytes + self.write_bytes


def needed(link: Link, low: int, high: int, rows: int) -> tuple[int, int]:
    """Rows [low, high) of the operand, of which there are ``rows``, that rows [low, high) of the result need."""
    begin = max(0, low * link.stride - link.pad)
    end = min(rows, (high - 1) * link.stride - link.pad + link.span)
    return (begin, max(begin, end)) if begin < rows else (rows, rows)


def alone(chain: Chain, place: int) -> Group:
    """One layer by itself: every tensor once."""
    link = chain.links[place]
    rows, row_bytes = _operand(chain, place)
    return Group(
        place,
        place + 1,
        link.rows,
        None,
        0,
        chain.images * rows * row_bytes + link.beside_bytes,
        link.weight_bytes,
        chain.images * link.rows * link.row_bytes,
        (chain.images * link.rows,),
    )


def grouped(
    chain: Chain, first: int, last: int, rows: int, halo: Halo, capacity: int, weight_capacity: int | None = None
) -> Group | None:
    """Links first to last - 1 with tiles of ``rows`` rows; None where that does not fit ``capacity`` bytes.

    weight_capacity : of a buffer that weights have for themselves [B]; None: they share that of the rows.
    """
    links = chain.links[first:last]
    final = links[-1].rows
    tiles = -(-final // rows)
    operand_rows, operand_bytes = _operand(chain, first)
    row_bytes = (operand_bytes, *(link.row_bytes for link in links))
    made = [0] * len(links)
    read = 0
    reached = [0] * (len(links) + 1)  # rows of each tensor that are there already, with a cache
    buffer = 0
    for tile in range(tiles):
        windows = _windows(links, operand_rows, tile * rows, min(final, (tile + 1) * rows))
        held = [(high - low) * size for (low, high), size in zip(windows, row_bytes, strict=True)]
        pairs = [one + other for one, other in itertools.pairwise(held)]
        buffer = max(buffer, sum(held) if halo == "cache" else max(pairs))
        for place, (low, high) in enumerate(windows):
            new = max(0, high - max(low, reached[place])) if halo == "cache" else high - low
            reached[place] = max(reached[place], high)
            if place:
                made[place - 1] += new
            else:
                read += new
    if buffer > capacity:
        return None
    weights = resident = 0
    room = capacity - buffer if weight_capacity is None else weight_capacity
    for link in links:
        stays = link.weight_bytes <= room
        room -= link.weight_bytes if stays else 0
        resident += link.weight_bytes if stays else 0
        weights += link.weight_bytes * (1 if stays else tiles * chain.images)
    return Group(
        first,
        last,
        rows,
        halo,
        buffer + (resident if weight_capacity is None else 0),
        chain.images * read * operand_bytes + sum(link.beside_bytes for link in links),
        weights,
        chain.images * final * links[-1].row_bytes,
        tuple(chain.images * count for count in made),
    )


def _windows(links: Sequence[Link], operand_rows: int, low: int, high: int) -> list[tuple[int, int]]:
    """Rows of every tensor, the first operand's first, that rows [low, high) of the last result need."""
    windows = [(low, high)]
    for place in range(len(links) - 1, -1, -1):
        rows = links[place - 1].rows if place else operand_rows
        windows.append(needed(links[place], *windows[-1], rows))
    return windows[::-1]


def _operand(chain: Chain, place: int) -> tuple[int, int]:
    if place == 0:
        return chain.rows, chain.row_bytes
    return chain.links[place - 1].rows, chain.links[place - 1].row_bytes


def heights(rows: int) -> list[int]:
    """Tile heights that are tried: powers of two, and all rows [1]."""
    found = [1]
    while 2 * found[-1] < rows:
        found.append(2 * found[-1])
    return [*found, rows] if rows > 1 else found


def best_group(
    chain: Chain, first: int, last: int, halos: Sequence[Halo], capacity: int, weight_capacity: int | None = None
) -> Group | None:
    """The group of least traffic, then of fewest rows made again, then of largest tiles; None where none fits."""
    if last - first == 1:
        return alone(chain, first)
    options = [
        found
        for halo in halos
        for rows in heights(chain.links[last - 1].rows)
        if (found := grouped(chain, first, last, rows, halo, capacity, weight_capacity)) is not None
    ]
    return min(options, key=lambda group: (group.traffic, sum(group.made), -group.rows), default=None)


def fuse(chain: Chain, halos: Sequence[Halo], capacity: int, weight_capacity: int | None = None) -> tuple[Group, ...]:
    """The partition of a chain into groups of least traffic; of equals the one with fewer rows made again, then with more groups.

    By dynamic programming over where the last group begins: what a group moves does not depend on the others.
    """

    @cache
    def best(last: int) -> tuple[int, int, int, tuple[Group, ...]]:
        if last == 0:
            return 0, 0, 0, ()
        found = None
        for first in range(last - 1, -1, -1):
            group = best_group(chain, first, last, halos, capacity, weight_capacity)
            if group is None:
                break  # more layers in front need more room still
            traffic, made, groups, before = best(first)
            option = (traffic + group.traffic, made + sum(group.made), groups - 1, (*before, group))
            if found is None or option[:3] < found[:3]:
                found = option
        assert found is not None, "a layer by itself always fits"
        return found

    return best(len(chain.links))[3]
