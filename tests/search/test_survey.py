"""Mappings carried over to other patterns: real ones, no worse than what was known; the full search is no less sure than the quick one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hwsim.cost import price
from hwsim.counts import Counts, count
from hwsim.device import load
from hwsim.mapping import from_device
from hwsim.search import Found, best
from hwsim.search.best import BUDGET
from hwsim.search.bounds import least_cycles
from hwsim.search.found import value
from hwsim.search.patterns import at_work, fewest_steps, patterns
from hwsim.search.progress import Progress
from hwsim.search.quick import quick
from hwsim.search.space import Space, space_of
from hwsim.search.survey import FAR, carry, surveyed
from hwsim.search.unpadded import find_unpadded
from hwsim.workload import LoopNest
from tests.search.cases import random_problem
from tests.search.test_every_mapping import troubles
from tests.search.test_quick import chip


def eyeriss(nest: LoopNest) -> Space:
    return space_of(nest, from_device(load("eyeriss_v1"), nest), True, False)


def test_what_is_found_is_a_mapping_of_that_price_and_never_worse_than_before() -> None:
    found = 0
    for seed in range(20_000_000, 20_000_060):
        nest, hierarchy, exact, perfect = random_problem(seed)
        space = space_of(nest, hierarchy, exact, perfect or not exact)
        progress = Progress(1 << 40, math.inf)
        for _ in range(2):
            before = progress.value
            carry(space, surveyed(space, "latency"), FAR, progress)
            assert progress.value <= before
        if progress.mapping is not None:
            found += 1
            counts = count(nest, hierarchy, progress.mapping, space.rules)
            assert isinstance(counts, Counts)
            assert price(counts, hierarchy, nest).cycles == pytest.approx(progress.value, abs=1)
    assert found > 30


def test_a_stem_on_a_row_stationary_array_is_found_where_floors_mislead(monkeypatch: pytest.MonkeyPatch) -> None:
    window = {"stride_h": 2, "stride_w": 2, "pad_top": 3, "pad_left": 3, "height": 224, "width": 224}
    nest = LoopNest(k=64, c=3, q=112, p=112, s=7, r=7, **window)
    space, progress = eyeriss(nest), Progress(1 << 40, math.inf)
    monkeypatch.setattr("hwsim.search.quick.carry", lambda *_: None)
    quick(space, "edp", progress)
    climbed = progress.value
    carry(space, surveyed(space, "edp"), FAR, progress)
    assert progress.value < 0.2 * climbed


def test_the_patterns_with_the_fewest_steps_are_the_first_of_all() -> None:
    space = space_of(LoopNest(k=24, c=18, p=10), chip(), True, False)
    everything = at_work(space, patterns(space, math.inf))
    first = fewest_steps(space, 20)
    np.testing.assert_array_equal(first.steps, everything.steps[:20])
    assert first.dropped == everything.steps[20]
    assert len(fewest_steps(space, 1 << 20).steps) == len(everything.steps)


def test_the_full_search_proves_at_least_what_the_quick_one_does() -> None:
    nest = LoopNest(k=1024, c=256, q=14, p=14)
    hierarchy = from_device(load("eyeriss_v1"), nest)
    fast, full = (best(nest, hierarchy, cache=False, effort=effort) for effort in ("quick", "full"))
    assert isinstance(fast, Found) and isinstance(full, Found)
    assert full.lower_bound >= fast.lower_bound
    assert value(full.cost, "edp") <= value(fast.cost, "edp")


def test_a_padded_nest_is_found_and_nearly_proven_by_way_of_the_same_without_padding() -> None:
    nest = LoopNest(k=64, c=64, q=56, p=56, s=3, r=3, height=56, width=56, pad_top=1, pad_left=1)
    hierarchy = from_device(load("ws_128x128"), nest)
    space, alone = space_of(nest, hierarchy, True, False), Progress(BUDGET, math.inf)
    quick(space, "edp", alone)
    carry(space, surveyed(space, "edp"), FAR, alone)
    before = alone.value
    find_unpadded(space, "edp", alone)
    assert alone.value < 0.95 * before
    found = best(nest, hierarchy, cache=False)
    assert isinstance(found, Found) and found.bound_gap < 0.05


def test_every_word_passes_the_outermost_level() -> None:
    nest = LoopNest(k=8, c=8, p=64)
    hierarchy = chip()
    space = space_of(nest, hierarchy, True, False)
    bits = 8 * 8 * 8 + 8 * 64 * 8 + 8 * 64 * 8  # weights, inputs and outputs of 8 bits over 64 shared ones a cycle
    np.testing.assert_allclose(least_cycles(space, np.array([1.0, 1e6])), [bits / 64, 1e6])
    shown = replace(hierarchy, levels=(*hierarchy.levels[:-1], replace(hierarchy.levels[-1], overlapped=False)))
    np.testing.assert_allclose(least_cycles(space_of(nest, shown, True, False), np.array([10.0])), [bits / 64 + 10])


def test_no_start_of_a_climb_breaks_a_limit_on_factors() -> None:
    """Seed 52079: six taps that may not run at the outer level, and a register that holds two of them."""
    assert troubles(52_079) == []
