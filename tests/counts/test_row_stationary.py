"""Passes walked one by one beside the closed form, and plans that fit."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.counts.row_stationary import Chip, Plan, count, fits, plans
from hwsim.counts.row_stationary_loops import loops
from hwsim.workload import DIMS, LoopNest

CHIP = Chip(6, 8, 12, 64, 8, 4000, 1, 4, 4)


@st.composite
def _nests(draw: st.DrawFn) -> LoopNest:
    kernel = draw(st.integers(1, 4))
    stride, pad = draw(st.integers(1, kernel)), draw(st.integers(0, kernel - 1))
    size = draw(st.integers(kernel, 12))
    out = (size + 2 * pad - kernel) // stride + 1
    return LoopNest(
        n=draw(st.integers(1, 4)), g=draw(st.integers(1, 2)), k=draw(st.integers(1, 9)), c=draw(st.integers(1, 6)), q=out, p=out, s=kernel,
        r=kernel, stride_h=stride, stride_w=stride, height=size, width=size, pad_top=pad, pad_left=pad,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(_nests(), st.data())
def test_passes_walked_one_by_one(nest: LoopNest, data: st.DataObject) -> None:
    found = list(plans(nest, CHIP))
    if not found:
        return
    plan = data.draw(st.sampled_from(found))
    assert fits(nest, plan, CHIP)
    passes, loads, busy, sums, begun, inputs, laid, buffered = 0, 0, 0, 0, 0, 0, 0, 0
    for _group in range(nest.g):
        for image in range(0, nest.n, plan.n):
            images = min(plan.n, nest.n - image)
            for top in range(0, nest.q, plan.e):
                rows = {
                    line
                    for y in range(top, min(top + plan.e, nest.q))
                    for tap in range(nest.s)
                    if 0 <= (line := y * nest.stride_h - nest.pad_top + tap) < nest.height
                }
                reach = max(rows, default=-1) - min(rows, default=0) + 1 if rows else 0
                width = (nest.p - 1) * nest.stride_w + nest.r
                stored = images * nest.c * reach * min(nest.width, width)
                lines = {
                    y * nest.stride_h + tap for y in range(top, min(top + plan.e, nest.q)) for tap in range(nest.s)
                }
                padded = images * nest.c * (max(lines) - min(lines) + 1) * width
                loads += nest.k * nest.c * nest.s * nest.r
                for held in range(0, nest.k, plan.m):
                    inputs, laid = inputs + stored, laid + padded
                    for _part in range(held, min(held + plan.m, nest.k), plan.p * plan.t):
                        buffered += padded
                        for chunk in range(0, nest.c, plan.q * plan.r):
                            passes += 1
                            made = plan.n * plan.p * plan.t * plan.e * nest.p
                            sums, begun = sums + made, begun + (made if chunk == 0 else 0)
                            busy += plan.n * nest.p * plan.p * plan.q * nest.r
    counted = count(nest, plan, CHIP)
    assert counted.passes == passes
    assert (counted.edge_inputs, counted.edge_rows, counted.edge_weights) == (inputs, laid, loads)
    assert (counted.buffer_reads, counted.buffer_writes) == (sums - begun + buffered, sums + laid)
    assert counted.filter_words == passes * plan.p * plan.t * plan.q * plan.r * nest.s * nest.r
    assert counted.cycles >= busy
    free = replace(CHIP, input_rate=inf, weight_rate=inf, output_rate=inf)
    assert count(nest, plan, free).cycles == pytest.approx(busy)


@settings(max_examples=40, deadline=None)
@given(_nests(), st.data())
def test_wires_of_a_pass_walked_word_by_word(nest: LoopNest, data: st.DataObject) -> None:
    """PEs at their places: rows of a fold, of a set of other channels, of other filters one above the other, the rest beside."""
    found = list(plans(nest, CHIP))
    if not found:
        return
    plan = data.draw(st.sampled_from(found))
    folds = -(-plan.e // CHIP.columns)
    across = CHIP.columns // -(-plan.e // folds)
    along_y, along_x = CHIP.rows - 1, CHIP.columns - 1
    hops = 0
    for channel in range(plan.r):
        wanted: dict[int, set[int]] = {}
        for filters in range(plan.t):
            for line in range(plan.e):
                for tap in range(nest.s):
                    stack = line // -(-plan.e // folds) + folds * (channel + plan.r * (filters // across))
                    wanted.setdefault(line * nest.stride_h + tap, set()).add(tap + nest.s * stack)
        width = (nest.p - 1) * nest.stride_w + nest.r
        skipped = (plan.e - 1) * nest.stride_h + nest.s - len(wanted)
        words = plan.n * plan.q * width
        hops += words * (sum(along_y + len(rows) * along_x for rows in wanted.values()) + skipped * along_y)
    hops += plan.p * plan.q * nest.r * nest.s * plan.r * plan.t * (along_y + folds * along_x)
    counted = count(nest, plan, CHIP)
    hops *= counted.passes
    sums = plan.n * plan.p * plan.t * plan.e * nest.p
    chunks = -(-nest.c // (plan.q * plan.r))
    hops += sums * counted.passes * (along_y + along_x + nest.s * plan.r - 1)
    hops += sums * (counted.passes - counted.passes // chunks) * (along_y + along_x)
    assert counted.word_hops == hops


def test_the_slowest_bus_of_a_pass_binds() -> None:
    nest = LoopNest(n=1, k=32, c=4, q=8, p=64, s=3, r=3, height=10, width=66)
    plan = Plan(32, 1, 6, 8, 4, 1, 1)
    slow = {"input": replace(CHIP, input_rate=0.01), "output": replace(CHIP, output_rate=0.01), "compute": CHIP}
    for name, chip in slow.items():
        assert count(nest, plan, chip).bound_by == name
    wide, narrow = count(nest, plan, CHIP).cycles, count(nest, plan, replace(CHIP, weight_rate=1)).cycles
    filters = plan.p * plan.q * 9
    assert narrow - wide == pytest.approx(count(nest, plan, CHIP).passes * filters * (1 - 1 / 4))


@pytest.mark.parametrize(("e", "rows"), [(1, 3), (2, 3), (3, 3), (7, 3)])
def test_strips_that_lie_in_padding_alone_have_no_inputs(e: int, rows: int) -> None:
    """Three rows of data, two of padding before and behind: windows of one row."""
    nest = LoopNest(n=1, k=2, c=2, q=7, p=5, s=1, r=1, height=3, width=5, pad_top=2)
    counted = count(nest, Plan(2, 1, e, 2, 2, 1, 1), CHIP)
    assert (counted.edge_inputs, counted.edge_rows) == (2 * rows * 5, 2 * 7 * 5)


def test_sums_and_inputs_take_whole_banks() -> None:
    """CONV4 of AlexNet on Eyeriss: with four channels a PE instead of Table III's three, 22 and 4 of 25 banks are too many by one."""
    nest = LoopNest(n=4, g=2, k=192, c=192, q=13, p=13, s=3, r=3, height=13, width=13, pad_top=1, pad_left=1)
    chip = Chip(14, 12, 12, 224, 24, 51200, 1, 4, 4, 2048)
    assert fits(nest, Plan(64, 4, 13, 16, 3, 2, 2), chip)
    assert not fits(nest, Plan(64, 4, 13, 16, 4, 2, 2), chip)
    assert fits(nest, Plan(64, 4, 13, 16, 4, 2, 2), replace(chip, bank_words=1))


def test_a_window_taller_than_the_array_has_no_plan() -> None:
    assert list(plans(LoopNest(k=4, c=4, q=4, p=4, s=9, r=2), CHIP)) == []
    assert not fits(LoopNest(k=4, c=4, q=4, p=4, s=3, r=3), Plan(4, 1, 4, 9, 1, 1, 1), CHIP)


def test_inputs_come_again_for_each_group_of_filters_that_is_held() -> None:
    """Nine filters, four of them held: three times; two at a time in a PE: five rounds of passes; two channels a round: two of them."""
    nest = LoopNest(n=1, k=9, c=3, q=2, p=5, s=3, r=3, height=4, width=7)
    counted = count(nest, Plan(4, 1, 2, 2, 2, 1, 1), CHIP)
    inputs, sums = 3 * 4 * 7, 2 * 5
    assert (counted.passes, counted.edge_inputs, counted.edge_rows) == (10, 3 * inputs, 3 * inputs)
    assert counted.buffer_writes == 10 * 2 * sums + 3 * inputs
    assert counted.buffer_reads == 5 * 2 * sums + 5 * inputs
    assert counted.filter_words == 10 * 2 * 2 * 9 and counted.edge_weights == 9 * 3 * 9


def test_a_transfer_carries_words_of_one_pe() -> None:
    """Six filters a PE: sums of a position take two transfers of four words, one direction, as those of eight filters do.

    By hand, one pass: e = 2 columns, P = 5, R = S = 3, q = 2, r = t = 1. Weights: 3 rows of PEs x 36 words / 4 = 27 cycles. First window:
    3 x 4 rows x 2 channels = 24 words, 1 a cycle. MACs: 5 x 6 x 2 x 3 = 180, and the last column of sums 2 x 2 = 4.
    """
    nest = LoopNest(n=1, k=6, c=2, q=2, p=5, s=3, r=3, height=4, width=7)
    counted = count(nest, Plan(6, 1, 2, 6, 2, 1, 1), CHIP)
    assert (counted.passes, counted.ramp_cycles, counted.cycles) == (1, 27 + 24, 27 + 24 + 180 + 4)
    narrow = replace(CHIP, output_rate=0.25)
    assert count(nest, Plan(6, 1, 2, 6, 2, 1, 1), narrow).cycles == 27 + 24 + 5 * 2 * 6 * 4
    odd = LoopNest(n=1, k=5, c=2, q=2, p=5, s=3, r=3, height=4, width=7)
    assert count(odd, Plan(5, 1, 2, 5, 2, 1, 1), CHIP).ramp_cycles == 3 * 8 + 24


def test_sums_of_the_first_channels_are_not_read() -> None:
    nest = LoopNest(n=1, k=6, c=2, q=2, p=5, s=3, r=3, height=4, width=7)
    made, inputs = 6 * 2 * 5, 2 * 4 * 7
    at_once, in_two = (count(nest, Plan(6, 1, 2, 6, q, 1, 1), CHIP) for q in (2, 1))
    assert (at_once.buffer_reads, at_once.buffer_writes) == (inputs, made + inputs)
    assert (in_two.buffer_reads, in_two.buffer_writes) == (made + inputs, 2 * made + inputs)


def test_filters_of_a_pass_wait_in_their_part_of_the_buffer() -> None:
    """CONV1 of AlexNet on Eyeriss: 32 filters of 11 x 11 are 3,872 of 4,096 words; those of two channels would not fit.

    A wide map of 3 x 3 windows in strips of three rows has room for 16 sets of PEs; with 128 filters of eight channels at a time they
    would be 9,216 words.
    """
    conv1 = LoopNest(n=4, k=96, c=3, q=55, p=55, s=11, r=11, stride_h=4, stride_w=4, height=227, width=227)
    chip = Chip(14, 12, 12, 224, 24, 51200, 1, 4, 4, 2048, 4096)
    assert fits(conv1, Plan(96, 1, 7, 16, 1, 1, 2), chip)
    assert not fits(conv1, Plan(96, 1, 7, 16, 1, 1, 2), replace(chip, filter_words=3871))
    wide = LoopNest(n=1, k=128, c=64, q=112, p=112, s=3, r=3, height=112, width=112, pad_top=1, pad_left=1)
    plan = Plan(128, 1, 3, 16, 4, 2, 8)
    assert fits(wide, plan, replace(chip, filter_words=9216)) and not fits(wide, plan, chip)
    assert all(one.p * one.t * one.q * one.r * 9 <= 4096 for one in plans(wide, chip))


def test_sets_that_share_sums_stand_one_above_the_other() -> None:
    """Sums go up a column: of sets of 3 x 3 PEs four fit above each other and four beside, so eight sets cannot add theirs."""
    wide = LoopNest(n=1, k=64, c=64, q=112, p=112, s=3, r=3, height=112, width=112, pad_top=1, pad_left=1)
    chip = Chip(14, 12, 12, 224, 24, 51200, 1, 4, 4, 2048, 4096)
    assert fits(wide, Plan(64, 1, 3, 8, 2, 4, 4), chip)
    assert not fits(wide, Plan(32, 1, 3, 16, 1, 8, 2), chip)
    assert not fits(wide, Plan(96, 1, 3, 16, 1, 3, 6), chip), (
        "three sets of each four in a column share sums, the fourth cannot"
    )
    assert {one.r for one in plans(wide, chip)} == {1, 2, 3, 4}


def test_sums_of_a_position_take_whole_words_of_the_buffer() -> None:
    """CONV2 of AlexNet on Eyeriss: 66 filters, 22 a PE, would fit as single words (48,114 of 51,200), not as 24 in words of four each."""
    conv2 = LoopNest(n=1, g=2, k=128, c=48, q=27, p=27, s=5, r=5, height=27, width=27, pad_top=2, pad_left=2)
    chip = Chip(14, 12, 12, 224, 24, 51200, 1, 4, 4, 2048, 4096, 4)
    plan = Plan(66, 1, 27, 22, 2, 1, 1)
    assert fits(conv2, plan, replace(chip, line_words=1)) and not fits(conv2, plan, chip)
    packed, loose = (count(conv2, replace(plan, p=p, m=3 * p), chip) for p in (24, 22))
    assert (loose.buffer_reads, loose.buffer_writes) == (packed.buffer_reads, packed.buffer_writes)


EYERISS = Chip(14, 12, 12, 224, 24, 51200, 1, 4, 4, 2048, 4096, 4)


def _same(size: int, channels: int, filters: int) -> LoopNest:
    return LoopNest(
        n=3, k=filters, c=channels, q=size, p=size, s=3, r=3, height=size, width=size, pad_top=1, pad_left=1
    )


@pytest.mark.parametrize(
    ("nest", "plan", "ramp", "parts", "passes"),
    [
        # 3 x 3 sets, 4 beside and 4 above each other: 2 of channels, 8 of filters. Filters: 16 x 3 rows of 8 x 3 x 3 = 72 words, 18
        # transfers each. Window: 3 columns of 5 rows of 6 channels. MACs: 224 positions x 72, last sums 24 columns x 2 transfers.
        (_same(224, 64, 64), Plan(64, 1, 3, 8, 3, 2, 8), (16 * 3 * 18, 90), (224 * 72 + 48, 30 * 226 - 90, 224 * 48), 75 * 3 * 11),
        # 3 x 7 sets, 2 beside and 4 above: 4 of channels, 2 of filters. 24 rows of 12 x 4 x 3 = 144 words; 9 rows of 16 channels.
        (_same(56, 256, 256), Plan(96, 1, 7, 12, 4, 4, 2), (24 * 36, 432), (56 * 144 + 42, 144 * 58 - 432, 56 * 42), 8 * 3 * 16 * 11),
        # 3 x 14 sets, 4 above: 4 of channels, so 16 a pass: three images of 16 rows of 16 words, a word a cycle, take longer than the MACs.
        (_same(14, 512, 512), Plan(64, 3, 14, 16, 4, 4, 1), (12 * 48, 768), (3 * 14 * 192 + 56, 256 * 48 - 768, 42 * 56), 32 * 32),
    ],
)  # fmt: skip
def test_passes_of_large_maps_by_hand(
    nest: LoopNest, plan: Plan, ramp: tuple[int, int], parts: tuple[int, int, int], passes: int
) -> None:
    """Filters, first window; MACs, inputs, sums of one pass [cycle] of 3 x 3 layers whose maps AlexNet does not reach, batch 3."""
    assert fits(nest, plan, EYERISS)
    counted = count(nest, plan, EYERISS)
    assert counted.passes == passes
    assert counted.ramp_cycles == passes * sum(ramp)
    assert counted.cycles == passes * (sum(ramp) + max(parts))
    assert counted.bound_by == ("compute", "input", "output")[parts.index(max(parts))]


@settings(max_examples=60, deadline=None)
@given(_nests(), st.data())
def test_wider_buses_and_larger_memories_never_cost_time(nest: LoopNest, data: st.DataObject) -> None:
    field = data.draw(
        st.sampled_from(["input_rate", "weight_rate", "output_rate", "buffer_words", "weight_words", "filter_words"])
    )
    larger = replace(CHIP, filter_words=128)
    larger = replace(larger, **{field: 2 * getattr(larger, field)})
    before = [count(nest, plan, CHIP).cycles for plan in plans(nest, replace(CHIP, filter_words=128))]
    after = [count(nest, plan, larger).cycles for plan in plans(nest, larger)]
    if before:
        assert min(after) <= min(before)


def test_pes_at_work() -> None:
    """3 rows of PEs for the window, 2 columns for output rows, 2 sets of channels and 2 of filters."""
    nest = LoopNest(n=1, k=6, c=4, q=2, p=5, s=3, r=3, height=4, width=7)
    chip = replace(CHIP, rows=6)
    assert fits(nest, Plan(6, 1, 2, 3, 2, 2, 2), chip)
    assert count(nest, Plan(6, 1, 2, 3, 2, 2, 2), chip).active_pes == 3 * 2 * 2 * 2


@pytest.mark.parametrize("input_words", [2, 4])
def test_plans_are_all_that_fit(input_words: int) -> None:
    """Every plan of small numbers, by brute force: what is dominated by one that is listed may be missing, nothing else."""
    nest = LoopNest(n=2, k=5, c=3, q=4, p=4, s=2, r=2, height=5, width=5)
    chip = Chip(5, 6, input_words, 12, 3, 300, 1, 4, 4, 7)
    listed = list(plans(nest, chip))
    assert listed and all(fits(nest, plan, chip) for plan in listed)

    def parts(plan: Plan) -> tuple[int, ...]:
        return (plan.n, -(-nest.q // plan.e), plan.q, -(-nest.k // plan.p), plan.r, plan.t)

    best = {}
    for plan in listed:
        best[parts(plan)] = max(best.get(parts(plan), 0), plan.m)
    for n, e, p, q, r, t in itertools.product((1, 2), range(1, 5), range(1, 6), range(1, 4), range(1, 7), range(1, 6)):
        least = Plan(p * t, n, e, p, q, r, t)
        if fits(nest, least, chip):
            assert best[parts(least)] >= p * t


@settings(max_examples=60, deadline=None)
@given(_nests(), st.data())
def test_loops_of_a_plan_cover_the_nest_and_hold_what_the_plan_says(nest: LoopNest, data: st.DataObject) -> None:
    """Each dim's factors cover its extent, no level more than it; passes are the steps of the outermost loops times the filters held."""
    found = list(plans(nest, CHIP))
    if not found:
        return
    plan = data.draw(st.sampled_from(found))
    mapping = loops(nest, plan, CHIP.columns)
    pads, buffer, edge = mapping.levels
    factors: dict[str, int] = {}
    for level in mapping.levels:
        for dim, factor in (*level.temporal, *level.spatial_x, *level.spatial_y):
            assert factor > 1
            factors[dim] = factors.get(dim, 1) * factor
    extents = dict(zip(DIMS, nest.extents, strict=True)) | {"G": nest.g}
    for dim, extent in extents.items():
        assert factors.get(dim, 1) >= extent
    assert dict(pads.temporal) == {d: f for d, f in {"R": nest.r, "C": plan.q, "K": plan.p}.items() if f > 1}
    across, down = dict(buffer.spatial_x), dict(buffer.spatial_y)
    assert math.prod(across.values()) <= CHIP.columns and math.prod(down.values()) <= CHIP.rows
    assert across.get("K", 1) * down.get("K", 1) >= plan.t and down.get("C", 1) == plan.r and down.get("S", 1) == nest.s
    assert plan.e <= across.get("Q", 1) * down.get("Q", 1) < plan.e + down.get("Q", 1)
    outside, held = dict(edge.temporal), dict(buffer.temporal)
    assert outside.get("C", 1) == -(-nest.c // (plan.q * plan.r)) and outside.get("N", 1) == nest.n // plan.n
    assert (
        outside.get("Q", 1) == -(-nest.q // (across.get("Q", 1) * down.get("Q", 1))) and outside.get("G", 1) == nest.g
    )
    assert held.get("K", 1) == -(-plan.m // (plan.p * plan.t)) and held.get("N", 1) == plan.n
    together = plan.p * across.get("K", 1) * down.get("K", 1) * held.get("K", 1)
    assert outside.get("K", 1) == -(-nest.k // together)


def test_plans_by_brute_force_to_the_last_one() -> None:
    """All small plans that fit, of equal strips and parts the smallest, with as many filters waiting as there is room for."""
    nest = LoopNest(n=2, k=5, c=3, q=4, p=4, s=2, r=2, height=5, width=5)
    chip = Chip(5, 6, 4, 12, 3, 300, 1, 4, 4, 7)
    found = set()
    for n, e, p, q, r, t in itertools.product((1, 2), range(1, 6), range(1, 6), range(1, 4), range(1, 5), range(1, 17)):
        smaller_e = any(-(-nest.q // other) == -(-nest.q // e) for other in range(1, e))
        smaller_p = any(-(-nest.k // other) == -(-nest.k // p) for other in range(1, p))
        if smaller_e or smaller_p or e > nest.q:
            continue
        most = -(-nest.k // (p * t))
        fitting = [m for m in range(1, most + 1) if fits(nest, Plan(m * p * t, n, e, p, q, r, t), chip)]
        if fitting:
            found.add(Plan(max(fitting) * p * t, n, e, p, q, r, t))
    listed = list(plans(nest, chip))
    assert set(listed) == found and len(listed) == len(found) > 50


def test_arrays_and_pads_that_just_hold_a_window() -> None:
    """A window as high as the array and as wide as a pad has plans; one row or column more has none."""
    nest = LoopNest(k=2, c=2, q=2, p=2, s=3, r=3)
    assert list(plans(nest, Chip(4, 3, 3, 3, 1, 1000, 1, 1, 1)))
    assert not list(plans(nest, Chip(4, 2, 3, 3, 1, 1000, 1, 1, 1))) and not list(
        plans(nest, Chip(4, 3, 2, 3, 1, 1000, 1, 1, 1))
    )
    assert not list(plans(nest, Chip(4, 3, 3, 2, 1, 1000, 1, 1, 1))) and not list(
        plans(nest, Chip(4, 3, 3, 3, 0, 1000, 1, 1, 1))
    )
    chip = Chip(4, 3, 3, 3, 1, 1000, 1, 1, 1)
    assert (chip.bank_words, chip.filter_words, chip.line_words) == (1, 1 << 40, 1)


@pytest.mark.parametrize("waits", [True, False])
def test_loops_of_a_plan_by_hand(waits: bool) -> None:
    """e = 7 rows on 3 columns: three folds of three; 5 filters beside and above: one beside, five above; 12 of 20 filters wait in twos."""
    nest = LoopNest(n=4, g=2, k=40, c=10, q=20, p=9, s=2, r=3)
    found = loops(nest, Plan(20, 2, 7, 2, 4, 2, 5), 3, waits)
    pads, buffer, edge = found.levels
    assert (
        pads.temporal == (("R", 3), ("C", 4), ("K", 2))
        and pads.spatial_x == pads.spatial_y == ()
        and pads.keep == (True, True, True)
    )
    assert buffer.temporal == (("P", 9), ("N", 2), ("K", 2)) and buffer.spatial_x == (("Q", 3),)
    assert buffer.spatial_y == (("S", 2), ("Q", 3), ("C", 2), ("K", 5)) and buffer.keep == (True, waits, True)
    assert edge.temporal == (("C", 2), ("K", 2), ("N", 2), ("Q", 3), ("G", 2)) and edge.keep == (True, True, True)
    wide = loops(nest, Plan(20, 4, 3, 2, 4, 2, 5), 14)
    assert wide.levels[1].spatial_x == (("Q", 3), ("K", 4)) and wide.levels[1].keep == (True, True, True)
    assert wide.levels[1].spatial_y == (("S", 2), ("C", 2), ("K", 2)) and ("N", 2) not in wide.levels[2].temporal
