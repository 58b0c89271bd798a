"""Small spaces are priced whole: all their mappings, and so the least of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hwsim.cost.scanning import rows
from hwsim.counts import Rules
from hwsim.errors import Infeasible
from hwsim.mapping import Hierarchy, Mapping
from hwsim.mapping.pack import unpack_mapping
from hwsim.search import Found, best, exhaustive
from hwsim.search.exhaustive import every_mapping
from hwsim.search.space import space_of
from hwsim.workload import LoopNest
from tests.oracles.brute_mapper import brute, values
from tests.oracles.brute_mapper import every_mapping as every_one
from tests.search.cases import random_problem, sliding_problem
from tests.search.test_every_mapping import Problem, troubles

MOST = 20_000


@pytest.fixture(autouse=True)
def scanned(bounded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustive, "MOST", MOST)


def told(mapping: Mapping) -> tuple[object, ...]:
    """A mapping without the order of what runs at once."""
    return tuple(
        (level.temporal, frozenset(level.spatial_x), frozenset(level.spatial_y), level.keep) for level in mapping.levels
    )


@pytest.mark.parametrize("problem", [random_problem, sliding_problem])
def test_all_mappings_are_listed_once(problem: Callable[[int], Problem]) -> None:
    listed = 0
    for seed in range(60):
        nest, hierarchy, exact, perfect = problem(seed)
        space = space_of(nest, hierarchy, exact, perfect)
        every = every_mapping(space)
        if every is None or len(every.keep) > 3_000:
            continue
        found = [told(unpack_mapping(rows(every, place))) for place in range(len(every.keep))]
        wanted = {told(one) for one in every_one(nest, hierarchy, perfect)}
        assert len(found) == len(set(found)), seed
        if nest.g == 1:
            assert set(found) == wanted, seed
        assert set(found) <= wanted, seed
        listed += 1
    assert listed > 15


@pytest.mark.parametrize("seed", [235, 376])
def test_what_bounds_alone_miss_is_found(seed: int) -> None:
    assert troubles(seed, 6000, sliding_problem) == []


@pytest.mark.parametrize("seed", range(7, 19))
def test_the_best_of_a_small_space_is_the_best_of_all(seed: int) -> None:
    assert not troubles(seed)


def test_the_least_share_of_the_pes_is_at_work() -> None:
    asked = 0
    for seed in range(200, 260):
        nest, hierarchy, exact, perfect = random_problem(seed)
        busy = replace(hierarchy, min_utilization=0.6)
        if hierarchy.pes_x * hierarchy.pes_y < 4 or not scannable(nest, busy, exact, perfect):
            continue
        rules: Rules = "exact" if exact else "timeloop"
        least = brute(nest, busy, rules, perfect)
        found = best(nest, busy, "energy", rules, perfect=perfect, cache=False)
        assert isinstance(found, Found) == bool(least), seed
        if isinstance(found, Found):
            assert values(found.cost)["energy"] == least["energy"][0] == found.lower_bound and found.bound_gap == 0
            asked += 1
    assert asked > 3


def scannable(nest: LoopNest, hierarchy: Hierarchy, exact: bool, perfect: bool) -> bool:
    every = every_mapping(space_of(nest, hierarchy, exact, perfect))
    return every is not None and len(every.keep) <= 2_000


def test_larger_spaces_are_left_to_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    nest, hierarchy, exact, perfect = sliding_problem(235)
    space = space_of(nest, hierarchy, exact, perfect)
    number = len(every_mapping(space).keep)  # type: ignore[union-attr]
    found = best(nest, hierarchy, "energy", cache=False)
    assert isinstance(found, Found) and found.evaluated == number
    monkeypatch.setattr(exhaustive, "MOST", number)
    assert every_mapping(space) is not None
    monkeypatch.setattr(exhaustive, "MOST", number - 1)
    assert every_mapping(space) is None
    assert every_mapping(space_of(LoopNest(k=1025), hierarchy, True, False)) is None


def test_where_nothing_fits_it_is_said() -> None:
    nest, hierarchy, _, _ = sliding_problem(235)
    inner = hierarchy.levels[0]
    tiny = replace(inner, storage=tuple(replace(pool, bits=1) for pool in inner.storage))
    answer = best(nest, replace(hierarchy, levels=(tiny, *hierarchy.levels[1:])), "energy", cache=False)
    assert isinstance(answer, Infeasible) and answer.need > answer.have == 1
