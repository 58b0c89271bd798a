"""On small problems all mappings are priced: the bound of a search is never above the least, and where it says proven, it is the least.

``HWSIM_SEARCH_CASES`` asks for more problems than the default run takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice, product

import pytest

from hwsim.cost import price
from hwsim.counts import Counts, count
from hwsim.mapping import Hierarchy
from hwsim.search import Found, best
from hwsim.workload import LoopNest
from tests.oracles.brute_mapper import brute, every_mapping, values
from tests.search.cases import random_problem, sliding_problem

Problem = tuple[LoopNest, Hierarchy, bool, bool]

CASES = int(os.environ.get("HWSIM_SEARCH_CASES", "30"))
#: Mappings that brute force prices of one problem at most.
MOST = int(os.environ.get("HWSIM_SEARCH_MAPPINGS", "3000"))


def troubles(seed: int, most: int = MOST, problem: Callable[[int], Problem] = random_problem) -> list[str] | None:
    """What is wrong with the search of one random problem; None where it has too many mappings to price."""
    nest, hierarchy, exact, perfect = problem(seed)
    rules = "exact" if exact else "timeloop"
    if sum(1 for _ in islice(every_mapping(nest, hierarchy, perfect), most + 1)) > most:
        return None
    least = brute(nest, hierarchy, rules, perfect)  # type: ignore[arg-type]
    found_wrong = []
    for objective, effort in product(("edp", "energy", "latency"), ("full", "quick")):
        found = best(nest, hierarchy, objective, rules, perfect=perfect, cache=False, effort=effort)  # type: ignore[arg-type]
        if not isinstance(found, Found):
            if least:
                found_wrong.append(f"{objective}, {effort}: found nothing ({found}), there is {least[objective][0]}")
            continue
        if not least:
            found_wrong.append(f"{objective}, {effort}: found a mapping where none is legal")
            continue
        reached, optimum = values(found.cost)[objective], least[objective][0]
        if found.lower_bound > optimum * (1 + 1e-9):
            found_wrong.append(
                f"{objective}, {effort}: bound {found.lower_bound} above the least {optimum}, gap {found.bound_gap}"
            )
        counts = count(nest, hierarchy, found.mapping, rules)  # type: ignore[arg-type]
        if not isinstance(counts, Counts) or values(price(counts, hierarchy, nest))[objective] != reached:
            found_wrong.append(f"{objective}, {effort}: the mapping counts to another price")
    return found_wrong


@pytest.mark.parametrize("batch", range(6))
def test_bound_never_exceeds_the_best_of_all_mappings(batch: int) -> None:
    priced, seed = 0, batch * 1_000_000
    while priced < CASES // 6:
        wrong = troubles(seed)
        assert not wrong, (seed, wrong)
        priced += wrong is not None
        seed += 1


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(4_140, id="positions and taps follow each other"),
        pytest.param(53_096, id="five of six children"),
        pytest.param(53_097, id="the last child has one tile"),
        pytest.param(100_606, id="taps go on at a level that keeps nothing"),
        pytest.param(200_504, id="a pass with more steps counts a word later"),
        pytest.param(400_422, id="positions follow taps"),
        pytest.param(401_207, id="positions follow taps, in passes"),
        pytest.param(403_112, id="four and two of six taps"),
    ],
)
def test_spaces_whose_best_mapping_was_once_missed(seed: int) -> None:
    assert troubles(seed) == []


@pytest.mark.parametrize("batch", range(2))
def test_bound_where_long_windows_slide(batch: int) -> None:
    priced, seed = 0, 1_000 * batch
    while priced < CASES // 6:
        wrong = troubles(seed, problem=sliding_problem)
        assert not wrong, (seed, wrong)
        priced += wrong is not None
        seed += 1


def test_neighbours_held_by_loops_of_a_level_that_keeps_nothing() -> None:
    assert troubles(376, 6000, sliding_problem) == []


def test_a_child_with_one_tile_left_keeps_it() -> None:
    assert troubles(235, 6000, sliding_problem) == []
