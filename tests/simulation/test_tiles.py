"""Totals shared out over tiles: nothing lost, everything where it belongs, equal to a list of tiles written out one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.simulation.program import TICKS
from hwsim.simulation.tiles import Share, blocks

STAGES = 7


@st.composite
def layers(draw: st.DrawFn) -> tuple[int, dict[int, Share]]:
    inner, outer = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    tiles = inner * outer * draw(st.integers(1, 5))
    shares = {}
    for stage in range(1, STAGES):
        every = draw(st.sampled_from([1, inner, inner * outer]))
        within = draw(st.sampled_from([0, 0, inner, inner * outer, 3]))
        cycles = draw(st.one_of(st.just(0.0), st.floats(0.01, 300)))
        shares[stage] = Share(cycles, every, within, draw(st.sampled_from([0.0, 2.0])), stage == STAGES - 1)
    return tiles, shares


def written_out(tiles: int, shares: dict[int, Share], launch: float) -> list[list[int]]:
    table = [[0] * STAGES for _ in range(tiles)]
    table[0][0] = round(launch * TICKS)
    for stage, share in shares.items():
        until = min(tiles, share.within) if share.within else tiles
        if share.last:
            at = [tile for tile in range(until) if (tile + 1) % share.every == 0 or tile == until - 1]
        else:
            at = [tile for tile in range(until) if tile % share.every == 0]
        total = round(share.cycles * TICKS)
        for tile in at:
            table[tile][stage] = total // len(at) + (round(share.setup * TICKS) if total else 0)
        table[at[-1] if share.last else at[0]][stage] += total % len(at)
    return table


@given(layers(), st.sampled_from([0.0, 5.0]))
@settings(max_examples=300, deadline=None)
def test_blocks_are_the_tiles_written_out(layer: tuple[int, dict[int, Share]], launch: float) -> None:
    tiles, shares = layer
    made = blocks(tiles, shares, STAGES, launch)
    flat = [
        list(run.durations)
        for block in made
        for _ in range(block.repeats)
        for run in block.pattern
        for _ in range(run.tiles)
    ]
    assert flat == written_out(tiles, shares, launch)


def test_many_alike_tiles_are_few_runs() -> None:
    made = blocks(10**9, {1: Share(1e9, 1000), 3: Share(7e9), 6: Share(1e8, 100_000, last=True)}, STAGES)
    assert sum(len(block.pattern) for block in made) < 1000
