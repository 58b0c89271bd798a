"""Proofs that end before they are done: what is left is bounded wherever they stop, and more work never bounds it less."""

from __future__ import annotations

import math
import random
import time

import pytest

from hwsim.device import load
from hwsim.mapping import from_device
from hwsim.search import proof
from hwsim.search.patterns import Patterns
from hwsim.search.patterns import patterns as listed
from hwsim.search.progress import Progress
from hwsim.search.proof import prove
from hwsim.search.quick import climb_promising
from hwsim.search.space import Space, space_of
from hwsim.workload import LoopNest
from tests.oracles.brute_mapper import brute
from tests.search.test_quick import chip
from tests.search.test_soundness import small_hierarchy, small_nest


def proven(space: Space, budget: int) -> tuple[float, float]:
    """The EDP found [J x cycles] and the bound proven by so much work after the first climbs."""
    progress = Progress(1 << 40, math.inf)
    climb_promising(space, "edp", progress)
    progress.budget = progress.priced + budget
    prove(space, "edp", progress)
    return progress.value, min(progress.value, progress.given_up)


@pytest.mark.parametrize("seed", range(5_000, 5_012))
def test_what_is_left_is_bounded_wherever_a_proof_stops(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_TASTE", 20)
    monkeypatch.setattr(proof, "_EACH", 5)
    rng = random.Random(seed)
    exact = rng.random() < 0.7
    nest, hierarchy = small_nest(rng, exact), small_hierarchy(rng, not exact)
    perfect = not exact or rng.random() < 0.5
    truth = brute(nest, hierarchy, "exact" if exact else "timeloop", perfect)
    if not truth:
        pytest.skip("nothing fits")
    optimum, space = truth["edp"][0] * hierarchy.clock_hz, space_of(nest, hierarchy, exact, perfect)
    for budget in (1, 3_100, 6_500, 20_000, 1 << 40):
        reached, bound = proven(space, budget)
        assert bound <= optimum * (1 + 1e-9) <= reached * (1 + 2e-9)
    assert reached == pytest.approx(optimum)


def test_a_pass_that_is_cut_short_proves_nothing() -> None:
    """The last pattern is searched below one limit after another: each below which all of it was searched is a bound, and no other."""
    window = {"stride_h": 2, "stride_w": 2, "pad_top": 1, "pad_left": 1, "height": 28, "width": 28}
    nest = LoopNest(k=256, c=256, q=14, p=14, s=3, r=3, **window)
    space = space_of(nest, from_device(load("ws_16x16"), nest), True, False)
    optimum, bound = proven(space, 1 << 40)
    assert bound == optimum
    found = [proven(space, budget) for budget in (*range(100_000, 500_000, 25_000), 1 << 40)]
    bounds = [bound for _, bound in found]
    assert found[0][0] > 1.01 * optimum and max(bounds) <= optimum * (1 + 1e-9)
    assert bounds == sorted(bounds) and len(set(bounds)) > 2 and bounds[-1] == optimum


def test_a_list_that_is_cut_short_is_not_made_again_and_what_it_leaves_out_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space, asked = space_of(LoopNest(k=64, c=64, q=14, p=14), chip(), True, False), []
    optimum, _ = proven(space, 1 << 40)

    def patterns(space: Space, most: float, number: int) -> Patterns:
        asked.append(number)
        return listed(space, most, number)

    monkeypatch.setattr(proof, "patterns", patterns)
    monkeypatch.setattr(proof, "MOST", 20)
    reached, bound = proven(space, 1 << 40)
    assert asked == [20] and bound < optimum <= reached


def test_lists_are_as_long_as_the_time_that_is_left_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    space, asked = space_of(LoopNest(k=64, c=64, q=14, p=14), chip(), True, False), []

    def patterns(space: Space, most: float, number: int) -> Patterns:
        asked.append(number)
        return listed(space, most, number)

    monkeypatch.setattr(proof, "patterns", patterns)
    for name, value in (("_A_SECOND", 1), ("_LATER", 2), ("_AT_LEAST", 10)):
        monkeypatch.setattr(proof, name, value)
    progress = Progress(1 << 40, time.perf_counter() + 20.5)
    climb_promising(space, "edp", progress)
    prove(space, "edp", progress)
    assert len(asked) == 2 and 10 <= asked[0] <= 20 and asked[0] < asked[1] <= 41
