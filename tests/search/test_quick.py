"""The quick search: as good as the full one or nearly so, dependent on its own question only, cut by nothing that capacities change."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hwsim.errors import UsageError
from hwsim.kernels.jit import passed
from hwsim.kernels.search_exchange import climb
from hwsim.mapping import Hierarchy, Level, Storage
from hwsim.search import Found, best, improving, quick
from hwsim.search.found import value
from hwsim.workload import LoopNest
from tests.oracles.brute_mapper import brute, every_mapping
from tests.search.cases import random_problem

_NESTS = [
    LoopNest(k=64, c=64, q=14, p=14, s=3, r=3, pad_top=1, pad_left=1, height=14, width=14),
    LoopNest(k=128, c=64, q=14, p=14),
    LoopNest(k=100, c=120, p=30),
]


def chip(buffer_bits: int = 1 << 18) -> Hierarchy:
    def level(name: str, joules: float, bits: int | None, **more: object) -> Level:
        energy = dict.fromkeys(("read_j", "fill_j", "update_j"), (joules,) * 3)
        return Level(name, storage=(Storage((True, True, True), bits),), **energy, **more)  # type: ignore[arg-type]

    registers = level("registers", 1.0, 512, mesh_x=8, mesh_y=8)
    buffer = level("buffer", 6.0, buffer_bits, read=512.0, write=512.0)
    return Hierarchy(
        "chip", (registers, buffer, level("dram", 200.0, None, shared=64.0, off_chip=True)), 8, 8, mac_j=1.0
    )


def reached(found: object) -> float:
    assert isinstance(found, Found)
    return value(found.cost, "edp")


@pytest.mark.parametrize("nest", _NESTS)
def test_it_comes_near_the_full_search_with_a_bound_below_it(nest: LoopNest) -> None:
    full, fast = (best(nest, chip(), cache=False, effort=effort) for effort in ("full", "quick"))
    assert isinstance(full, Found) and isinstance(fast, Found)
    assert reached(fast) <= 1.1 * reached(full)
    assert fast.lower_bound <= reached(full)
    assert 0 <= fast.bound_gap < 1


def test_an_answer_does_not_depend_on_what_was_asked_before() -> None:
    nest = _NESTS[0]
    quick._promising.cache_clear()
    alone = best(nest, chip(1 << 15), cache=False, effort="quick")
    quick._promising.cache_clear()
    for bits in (1 << 20, 1 << 16):
        best(nest, chip(bits), cache=False, effort="quick")
    assert quick._promising.cache_info().misses == 1
    assert best(nest, chip(1 << 15), cache=False, effort="quick") == alone


def test_more_buffer_is_worth_something_and_nothing_is_found_that_does_not_fit() -> None:
    values = [reached(best(_NESTS[0], chip(bits), cache=False, effort="quick")) for bits in (1 << 13, 1 << 16, 1 << 20)]
    assert values[0] > values[1] > values[2]


def test_exchanges_get_out_of_where_descents_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with_them = reached(best(_NESTS[1], chip(1 << 14), cache=False, effort="quick"))
    monkeypatch.setattr(improving, "passed", lambda _, given: passed(climb, given))
    monkeypatch.setattr(
        improving, "climb", lambda problem, chain, most, _, beyond: climb(problem, chain, most, False, beyond)
    )
    assert reached(best(_NESTS[1], chip(1 << 14), cache=False, effort="quick")) > with_them


def test_small_problems_are_near_their_optimum() -> None:
    """Against all mappings: the mean of (found / least) below 1.05."""
    ratios: list[float] = []
    for seed in range(10_000_000, 10_000_400):
        nest, hierarchy, exact, perfect = random_problem(seed)
        count = 0
        for _ in every_mapping(nest, hierarchy, perfect):
            count += 1
            if count > 500:
                break
        rules = "exact" if exact else "timeloop"
        if not 50 <= count <= 500:
            continue
        least = brute(nest, hierarchy, rules, perfect)  # type: ignore[arg-type]
        found = best(nest, hierarchy, "edp", rules, perfect=perfect, cache=False, effort="quick")  # type: ignore[arg-type]
        if least:
            ratios.append(reached(found) / least["edp"][0])
        if len(ratios) == 12:
            break
    assert min(ratios) >= 1 - 1e-9
    assert math.exp(float(np.mean(np.log(ratios)))) < 1.05


def test_what_there_is_not() -> None:
    with pytest.raises(UsageError, match="there are full and quick"):
        best(_NESTS[2], chip(), effort="slow", cache=False)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="energies"):
        best(_NESTS[2], replace(chip(), mac_j=None), cache=False, effort="quick")
