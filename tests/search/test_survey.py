"""Mappings carried over to other patterns: real ones, no worse than what was known; the full search is no less sure than the quick one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hwsim.cost import price
from hwsim.counts import Counts, count
from hwsim.device import load
from hwsim.kernels.packed import Float
from hwsim.kernels.search_exchange import climb
from hwsim.kernels.search_terms import MAC_LEAST
from hwsim.mapping import from_device
from hwsim.search import Found, best
from hwsim.search.best import BUDGET
from hwsim.search.bounds import floors, least_cycles, values
from hwsim.search.found import value
from hwsim.search.improving import begin, room_for
from hwsim.search.patterns import at_work, children_of, fewest_steps, patterns
from hwsim.search.problem import build
from hwsim.search.progress import Progress
from hwsim.search.quick import climb_promising, quick
from hwsim.search.space import Space, chains, covered, space_of
from hwsim.search.survey import FAR, NEAR, _least, _surveyed, carry, surveyed
from hwsim.search.terms import terms_of
from hwsim.search.unpadded import find_unpadded
from hwsim.workload import LoopNest
from tests.search.cases import random_problem, uneven_problem
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


def test_no_further_round_begins_where_a_value_is_low_enough() -> None:
    space = eyeriss(LoopNest(k=64, c=3, q=112, p=112, s=7, r=7, stride_h=2, stride_w=2, height=229, width=229))
    known, done = surveyed(space, "edp"), []
    for enough in (math.inf, -math.inf):
        progress = Progress(1 << 40, math.inf)
        carry(space, known, FAR, progress, enough)
        done.append(progress)
    one, all_rounds = done
    carry(space, known, replace(FAR, rounds=1), again := Progress(1 << 40, math.inf))
    assert (again.value, again.evaluated) == (one.value, one.evaluated)
    assert all_rounds.value <= one.value and all_rounds.evaluated > one.evaluated


def test_the_patterns_with_the_fewest_steps_are_the_first_of_all() -> None:
    space = space_of(LoopNest(k=24, c=18, p=10), chip(), True, False)
    everything = at_work(space, patterns(space, math.inf))
    first = fewest_steps(space, 20)
    np.testing.assert_array_equal(first.steps, everything.steps[:20])
    assert first.dropped == everything.steps[20]
    assert len(fewest_steps(space, 1 << 20).steps) == len(everything.steps)


def test_a_part_of_what_was_surveyed_is_that_of_a_shorter_list_and_holds_on_to_nothing_else() -> None:
    space = eyeriss(LoopNest(k=64, c=64, q=28, p=28, s=3, r=3))
    known, fewest = surveyed(space, "edp"), fewest_steps(space, NEAR.patterns)
    assert len(known.listed.steps) == FAR.patterns > NEAR.patterns == len(fewest.steps)
    part = known.first(NEAR.patterns)
    np.testing.assert_array_equal(part.listed.along_x * part.listed.along_y, fewest.along_x * fewest.along_y)
    assert len(part.groups) == len(known.groups) == len(space.keeps) > 1
    for some, every in zip(part.groups, known.groups, strict=True):
        assert some.problem is every.problem and some.costs.keep == every.costs.keep
        children = children_of(space, fewest.along_x, fewest.along_y)
        terms = terms_of(space, some.costs.keep, children)
        np.testing.assert_array_equal(some.costs.children, children)
        np.testing.assert_array_equal(some.costs.terms.words, terms.words)
        np.testing.assert_array_equal(some.costs.low, values(space, *floors(space, terms, fewest.steps), "edp"))
        for array in (part.listed.along_x, some.costs.children, some.costs.terms.words, some.costs.low):
            assert array.base is None
        for array in (some.problem.words, some.problem.base, some.problem.still):
            assert array.base is None or len(array.base) == 1


def test_the_most_promising_are_the_least_and_of_equals_the_first() -> None:
    pick = np.random.default_rng(0)
    for _ in range(50):
        found = [pick.choice((1.0, 2.0, 3.0, math.inf), pick.integers(1, 9)) for _ in range(3)]
        ranked = sorted((value, group, row) for group, some in enumerate(found) for row, value in enumerate(some))
        for number in (1, 4, 40):
            assert _least(found, number) == [(group, row) for _, group, row in ranked[:number]]


def gives_back() -> Space:
    """A space in which idle children of outputs give energy back at some boundary."""
    nest, hierarchy, exact, perfect = uneven_problem(300322)
    return space_of(nest, hierarchy, exact, perfect)


PADDED = LoopNest(k=64, c=64, q=28, p=28, s=3, r=3, pad_top=1, pad_left=1, height=28, width=28)


@pytest.mark.parametrize(("space", "objective"), [(eyeriss(PADDED), "edp"), (gives_back(), "energy")])
def test_patterns_that_are_none_of_the_best_are_given_up_early_and_only_those(space: Space, objective: str) -> None:
    """The least of all are told as without giving up any, through all groups; of equals the first."""
    known, order = surveyed(space, objective), np.zeros(space.levels, np.int64)
    tile, rows = np.ones((space.levels, 8), np.int64), np.arange(len(known.listed.steps))

    def reached(least: Float) -> list[Float]:
        progress = Progress(1 << 40, math.inf)
        given = (rows, tile, order, 0, 0, least, progress)
        return [_surveyed(space, group, *given).reached for group in known.groups]

    every, given_up = reached(np.empty(0)), 0
    for number in (24, 2, 1):
        least = np.full(number, math.inf)
        found = reached(least)
        ranked = np.sort(np.concatenate(every))[:number]
        np.testing.assert_array_equal(least[: len(ranked)], ranked)
        assert _least(found, number) == _least(every, number)
        for own, all_of in zip(found, every, strict=True):
            assert ((own == all_of) | np.isinf(own)).all()
            given_up += int((np.isinf(own) & np.isfinite(all_of)).sum())
    assert given_up > 0


def test_what_is_known_of_a_padded_nest_serves_it_without_padding() -> None:
    """A problem differs in the least words of inputs and of their neighbours alone; a climb from the same start ends at the same value."""
    space, twin = eyeriss(PADDED), eyeriss(replace(PADDED, pad_top=0, pad_left=0, height=0, width=0))
    known, own = surveyed(space, "edp").for_nest(twin, "edp"), surveyed(twin, "edp")
    np.testing.assert_array_equal(known.listed.along_x, own.listed.along_x)
    climbed = 0
    for group, other in zip(known.groups, own.groups, strict=True):
        assert (group.costs.low <= other.costs.low).all()
        for name, array in other.problem._asdict().items():
            if name not in ("base", "reals"):
                np.testing.assert_array_equal(getattr(group.problem, name), array, name)
        np.testing.assert_array_equal(group.problem.reals[:MAC_LEAST], other.problem.reals[:MAC_LEAST])
        for row in (0, 7, 100):
            reached = []
            for one in (group, other):
                trips, chosen = np.ones((twin.levels, 8), np.int64), np.zeros(twin.levels, np.int64)
                begin(twin, one.of(row), 1, trips)
                value, _ = climb(one.of(row), room_for(twin, one.problem, trips, chosen), 300, True, math.inf)
                reached.append((value, trips.tolist(), chosen.tolist()))
            assert reached[0][0] == pytest.approx(reached[1][0], rel=1e-12) and reached[0][1:] == reached[1][1:]
            climbed += math.isfinite(reached[0][0])
    assert climbed > 0


def test_where_the_outermost_level_takes_the_rest_factors_cover_a_dim() -> None:
    pick, met = np.random.default_rng(1), 0
    for _ in range(2000):
        extent = int(pick.integers(1, 14))
        spatial, fixed, most = (
            tuple(int(one) for one in pick.choice(of, 3)) for of in ((1, 2, 3), (0, 0, 1, 2), (1, 3, 99))
        )
        some = covered(extent, spatial, fixed, most, False)
        met += some
        assert not covered(extent, spatial, fixed, most, True)
        assert not some or chains(extent, spatial, fixed, most, False) is not None
    assert 200 < met < 1800


def test_patterns_that_factors_do_not_cover_have_no_problem_to_climb_either() -> None:
    seen: dict[bool, int] = {False: 0, True: 0}
    for seed in range(20_000_000, 20_000_200):
        nest, hierarchy, exact, perfect = random_problem(seed)
        space = space_of(nest, hierarchy, exact, perfect or not exact)
        for some in surveyed(space, "latency").costs[:1]:
            for row, own in enumerate(some.children[:6]):
                given = space, some.keep, own, "latency", some.terms.of(row), 0
                without = [build(*given, climbed) is None for climbed in (False, True)]
                assert without[0] == without[1]
                seen[without[0]] += 1
    assert min(seen.values()) > 10


def test_the_full_search_proves_at_least_what_the_quick_one_does() -> None:
    nest = LoopNest(k=1024, c=256, q=14, p=14)
    hierarchy = from_device(load("eyeriss_v1"), nest)
    fast, full = (best(nest, hierarchy, cache=False, effort=effort) for effort in ("quick", "full"))
    assert isinstance(fast, Found) and isinstance(full, Found)
    assert full.lower_bound >= fast.lower_bound
    assert value(full.cost, "edp") <= value(fast.cost, "edp")


def test_a_padded_nest_is_found_by_way_of_the_same_without_padding() -> None:
    window = {"stride_h": 2, "stride_w": 2, "pad_top": 1, "pad_left": 1, "height": 28, "width": 28}
    nest = LoopNest(k=256, c=256, q=14, p=14, s=3, r=3, **window)
    space, alone = eyeriss(nest), Progress(BUDGET, math.inf)
    climb_promising(space, "edp", alone)
    carry(space, surveyed(space, "edp"), FAR, alone)
    before = alone.value
    find_unpadded(space, "edp", alone)
    assert alone.value < 0.98 * before and alone.mapping is not None
    counts = count(nest, space.hierarchy, alone.mapping)
    assert isinstance(counts, Counts)
    cost = price(counts, space.hierarchy, nest)
    assert cost.joules is not None and cost.joules * cost.cycles == pytest.approx(alone.value)


def test_a_padded_nest_is_nearly_proven() -> None:
    nest = LoopNest(k=64, c=64, q=56, p=56, s=3, r=3, height=56, width=56, pad_top=1, pad_left=1)
    found = best(nest, from_device(load("ws_128x128"), nest), cache=False)
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
