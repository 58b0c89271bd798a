"""From what a layer asks of each stage to tiles: totals shared out over the tiles that need them, exactly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from hwsim.simulation.program import TICKS, Block, Run


@dataclass(frozen=True, slots=True)
class Share:
    """What one stage has to do for a layer, and which tiles it does it for.

    cycles : of all tiles together [cycle]. every : once for so many tiles, at the first of them (for stores, the last) [1]. within : only
    for the first so many tiles, 0 for all. setup : cycles added each time [cycle]. last : at the last tile of each group.
    """

    cycles: float
    every: int = 1
    within: int = 0
    setup: float = 0.0
    last: bool = False


def blocks(tiles: int, shares: Mapping[int, Share], stages: int, launch: float = 0.0) -> tuple[Block, ...]:
    """The tiles of one layer. shares : by number of the stage; launch : cycles of stage 0 before the first tile [cycle].

    The ticks of a stage are its cycles, rounded once; where they do not divide evenly, the first occasion (for stores, the last)
    takes what is left over. ``every`` is taken to divide the tiles; where it does not, the last group is a part.
    """
    assert tiles >= 1
    length = min(tiles, math.lcm(*(share.every for share in shares.values())) if shares else 1)
    parts = {stage: _parts(tiles, share) for stage, share in shares.items()}
    odd = {0, tiles}  # tiles at which something is other than in the pattern
    for part in parts.values():
        odd |= {part.odd_at, part.until}
    cuts = {min(tiles, place // length * length + more) for place in odd for more in (0, length)}
    edges = sorted(cuts)
    launched = round(launch * TICKS)
    found: list[Block] = []
    for begin, end in itertools.pairwise(edges):
        whole = (end - begin) // length
        stop = begin + length if whole > 1 else end
        found.append(Block(_pattern(begin, stop, parts, shares, stages, launched), max(1, whole)))
    return _merged(found)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Ticks of an ordinary occasion, and of the odd one at tile ``odd_at``."""

    each: int
    odd: int
    odd_at: int
    until: int


def _parts(tiles: int, share: Share) -> _Parts:
    until = min(tiles, share.within) if share.within else tiles
    occasions = -(-until // share.every)
    total, setup = round(share.cycles * TICKS), round(share.setup * TICKS)
    each, left = divmod(total, occasions)
    extra = setup if total else 0
    odd_at = until - 1 if share.last else 0
    return _Parts(each + (extra if each or left else 0), each + left + extra, odd_at, until)


def _ticks(tile: int, share: Share, parts: _Parts) -> int:
    if tile >= parts.until:
        return 0
    if share.last:
        if (tile + 1) % share.every and tile != parts.until - 1:
            return 0
    elif tile % share.every:
        return 0
    return parts.odd if tile == parts.odd_at else parts.each


def _pattern(
    begin: int, end: int, parts: Mapping[int, _Parts], shares: Mapping[int, Share], stages: int, launch: int
) -> tuple[Run, ...]:
    """Tiles from ``begin`` to ``end`` as runs of equal ones."""
    runs: list[Run] = []
    tile = begin
    while tile < end:
        durations = [0] * stages
        step = end - tile
        for stage, share in shares.items():
            durations[stage] = _ticks(tile, share, parts[stage])
            step = min(step, _alike(tile, share, parts[stage]))
        if tile == 0 and launch:
            durations[0], step = launch, 1
        now = tuple(durations)
        if runs and runs[-1].durations == now:
            runs[-1] = Run(runs[-1].tiles + step, now)
        else:
            runs.append(Run(step, now))
        tile += step
    return tuple(runs)


def _alike(tile: int, share: Share, parts: _Parts) -> int:
    """Tiles from this one on that surely ask the same of a stage [1]."""
    if tile >= parts.until:
        return 1 << 62
    if tile == parts.odd_at:
        return 1
    left = parts.odd_at - tile if parts.odd_at > tile else parts.until - tile
    if share.every == 1:
        return left
    place = tile % share.every
    if share.last:
        return min(left, share.every - 1 - place) if place < share.every - 1 else 1
    return min(left, share.every - place) if place else 1


def _merged(found: list[Block]) -> tuple[Block, ...]:
    """Single-run neighbours that are alike as one block."""
    merged: list[Block] = []
    for block in found:
        if merged and merged[-1].pattern == block.pattern and len(block.pattern) > 1:
            merged[-1] = Block(block.pattern, merged[-1].repeats + block.repeats)
        elif (
            merged
            and len(block.pattern) == len(merged[-1].pattern) == 1
            and block.pattern[0].durations == merged[-1].pattern[0].durations
        ):
            tiles = block.length * block.repeats + merged[-1].length * merged[-1].repeats
            merged[-1] = Block((Run(tiles, block.pattern[0].durations),))
        else:
            merged.append(block)
    return tuple(merged)
