"""A fused group walked row by row with sets of what lies in the buffer: every row read, made, held and written, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.simulation.fusing import Chain


@dataclass(frozen=True)
class Walked:
    """Bytes over the chip's edge, rows made by each link, and the most bytes held at once."""

    read: int
    weights: int
    written: int
    made: tuple[int, ...]
    buffer: int


def walk(
    chain: Chain, first: int, last: int, rows: int, halo: str, capacity: int, weight_capacity: int | None = None
) -> Walked:
    """Walk all images. Tensor 0 is the operand of the group, tensor i + 1 the result of its link i."""
    links = chain.links[first:last]
    sizes = [chain.links[first - 1].row_bytes if first else chain.row_bytes, *(link.row_bytes for link in links)]
    extents = [chain.links[first - 1].rows if first else chain.rows, *(link.rows for link in links)]
    reads: list[tuple[int, int]] = []
    made = [0] * len(links)
    peak = tiles = 0
    for image in range(chain.images):
        held: list[set[int]] = [set() for _ in sizes]
        for tile in range(0, extents[-1], rows):
            tiles += 1
            need: list[set[int]] = [set() for _ in sizes]
            need[-1] = set(range(tile, min(extents[-1], tile + rows)))
            for place in range(len(links) - 1, -1, -1):
                link = links[place]
                taps = {q * link.stride - link.pad + tap for q in need[place + 1] for tap in range(link.span)}
                inside = {row for row in taps if 0 <= row < extents[place]}
                # lines come in order: with strides beyond the span, those between are made too
                need[place] = set(range(min(inside), max(inside) + 1)) if inside else set()
            if halo == "recompute":
                held = [set() for _ in sizes]
            for place in range(len(sizes)):
                new = need[place] - held[place]
                if place == 0:
                    reads += [(image, row) for row in new]
                else:
                    made[place - 1] += len(new)
                held[place] |= new
                held[place] &= need[place] | new
            at_once = [len(rows_held) * size for rows_held, size in zip(held, sizes, strict=True)]
            pairs = [at_once[place] + at_once[place + 1] for place in range(len(links))]
            peak = max(peak, sum(at_once) if halo == "cache" else max(pairs))
    weights, room = 0, capacity - peak if weight_capacity is None else weight_capacity
    for link in links:
        if link.weight_bytes <= room:
            room -= link.weight_bytes
            weights += link.weight_bytes
            peak += link.weight_bytes if weight_capacity is None else 0
        else:
            weights += link.weight_bytes * tiles
    return Walked(
        len(reads) * sizes[0] + sum(link.beside_bytes for link in links),
        weights,
        chain.images * extents[-1] * sizes[-1],
        tuple(made),
        peak,
    )
