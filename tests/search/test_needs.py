"""Inputs that PEs share where positions and taps add up, and rows that are told apart."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from hwsim.counts import Counts, count
from hwsim.kernels.jit import kernel
from hwsim.kernels.packed import Int, Q, S
from hwsim.kernels.search_needs import needed
from hwsim.kernels.search_terms import SPATIAL, Problem
from hwsim.mapping import Hierarchy, LevelLoops, Mapping
from hwsim.search.needs import needs_of, share_of
from hwsim.search.patterns import _distinct, at_work, children_of, patterns
from hwsim.search.problem import build
from hwsim.search.space import space_of
from hwsim.search.terms import terms_of
from hwsim.workload import LoopNest
from tests.counts.nests import level

CHIP = Hierarchy("chip", (level("pe", 4, 4), level("array"), level("dram")), 4, 4)


def nest_of(seed: int) -> LoopNest:
    rng = random.Random(seed)
    rows, taps, stride, dilation = rng.randint(2, 9), rng.randint(2, 4), rng.randint(1, 3), rng.randint(1, 2)
    pad = rng.randint(0, 2)
    size = max(1, (rows - 1) * stride + (taps - 1) * dilation + 1 - pad - rng.randint(0, 2))
    return LoopNest(
        q=rows, s=taps, stride_h=stride, dilation_h=dilation, height=size, pad_top=pad, pad_left=0, p=1, width=1
    )


def walked(nest: LoopNest, number: int, step: int, taps: int, tap_step: int) -> int:
    """Different inputs of every step, added up: children ``step`` positions and ``tap_step`` taps apart."""
    total = 0
    for base in range(nest.q):
        for tap_base in range(nest.s):
            if base // step % number or tap_base // tap_step % taps:
                continue
            needed = {
                (base + i * step) * nest.stride_h + (tap_base + j * tap_step) * nest.dilation_h - nest.pad_top
                for i in range(number)
                for j in range(taps)
                if base + i * step < nest.q and tap_base + j * tap_step < nest.s
            }
            total += sum(0 <= address < (nest.height or 0) for address in needed)
    return total


@pytest.mark.parametrize("seed", range(12))
def test_needs_are_those_of_sets_of_addresses(seed: int) -> None:
    nest = nest_of(seed)
    needs, starts = needs_of(space_of(nest, CHIP, True, False))
    for step in range(1, nest.q + 1):
        for number in range(1, -(-nest.q // step) + 1):
            for tap_step in range(1, nest.s + 1):
                for taps in range(1, -(-nest.s // tap_step) + 1):
                    place = starts[0, 0, step] + number - 1, starts[0, 1, tap_step] + taps - 1
                    assert needs[0][place] == walked(nest, number, step, taps, tap_step)


@pytest.mark.parametrize("seed", range(12))
def test_no_mapping_needs_less(seed: int) -> None:
    """Counted mappings of an array that holds weights alone: its inputs are no fewer than the least, and some reach it."""
    nest, rng = nest_of(seed), random.Random(seed)
    space = space_of(nest, CHIP, True, False)
    number, taps = rng.randint(2, min(4, nest.q)), rng.randint(2, min(4, nest.s))
    spread = np.ones((1, 3, 8))
    spread[0, 1, 4], spread[0, 1, 6] = number, taps
    share = share_of(space, [0, 1, 2], spread)
    assert share is not None
    counted = []
    for step in range(1, nest.q + 1):
        for tap_step in range(1, nest.s + 1):
            array = LevelLoops((), (("Q", number),), (("S", taps),), (False, True, False))
            inner = LevelLoops((("Q", step), ("S", tap_step)), keep=(False, True, False))
            rest = (("Q", -(-nest.q // (number * step))), ("S", -(-nest.s // (taps * tap_step))))
            found = count(nest, CHIP, Mapping((inner, array, LevelLoops(rest))))
            assert isinstance(found, Counts)
            counted.append(found.levels[-1].input.total.reads)
    assert min(counted) == round(float(share[0]) * nest.q * nest.s)


@kernel
def needed_in(nearest: int, tile: Int, problem: Problem) -> float:
    """A way in from Python."""
    return needed(nearest, tile, problem)


def test_shares_of_tiles_are_those_of_sets_of_addresses() -> None:
    """Positions and taps spread over the array, whatever the tiles of a PE: of its steps, those that need an input of their own."""
    asked = 0
    for seed in range(6):
        nest, rng = nest_of(seed), random.Random(seed)
        space = space_of(nest, CHIP, True, False)
        listed = at_work(space, patterns(space, math.inf))
        children = children_of(space, listed.along_x, listed.along_y)
        keep = next(
            keep for keep in space.keeps if not keep[0][0] and keep[1][0]
        )  # inputs lie in the array, not in the PEs
        for row in rng.sample(range(len(children)), min(6, len(children))):
            problem = build(space, keep, children[row], "energy", terms_of(space, keep, children[row : row + 1]))
            if problem is None:
                continue
            number, taps = (int(problem.factors[SPATIAL, 1, dim]) for dim in (Q, S))
            for _ in range(4):
                step, tap_step = rng.randint(1, nest.q + 1), rng.randint(1, nest.s + 1)
                tile = np.ones((3, 8), np.int64)
                tile[0, Q], tile[0, S] = step, tap_step
                step, tap_step = min(step, nest.q), min(tap_step, nest.s)
                expected = walked(
                    nest, min(number, -(-nest.q // step)), step, min(taps, -(-nest.s // tap_step)), tap_step
                )
                assert needed_in(1, tile, problem) == pytest.approx(expected / (nest.q * nest.s))
                asked += number > 1 and taps > 1
    assert asked > 10


def test_dims_spread_over_two_levels_are_left_to_others() -> None:
    nest = LoopNest(q=8, s=3, height=8, pad_top=1, width=1)
    spread = np.ones((1, 3, 8))
    spread[0, :2, 4] = 2
    assert share_of(space_of(nest, CHIP, True, False), [0, 1], spread) is None
    assert share_of(space_of(nest, CHIP, True, False), [0], spread) is not None


@pytest.mark.parametrize("seed", range(20))
def test_rows_that_equal_no_earlier_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(0, 200)), int(rng.integers(1, 4)), 8)
    rows = rng.integers(1, 1 + int(rng.integers(1, 4)), shape)
    rows[:, :, 2:] = 1
    seen: dict[bytes, int] = {}
    for number, row in enumerate(rows):
        seen.setdefault(row.tobytes(), number)
    assert _distinct(rows).tolist() == list(seen.values())
    assert math.prod(shape) == 0 or len(seen) <= len(rows)
