"""The search against every mapping there is: its bound is never above the optimum, and a gap of 0 is the optimum.

``HWSIM_TEST_SEARCHES`` sets the number of random spaces (default 25).
"""

from __future__ import annotations

import os
import random

import pytest

from hwsim.cost import price
from hwsim.counts import Counts, Rules, count
from hwsim.errors import Infeasible
from hwsim.mapping import Hierarchy, Level, Storage
from hwsim.search import Found, best, best_many
from hwsim.search.found import Objective
from hwsim.search.found import value as objective_value
from hwsim.workload import DIMS, LoopNest, OperandType
from tests.oracles.brute_mapper import brute

BYTE = OperandType("int8")
SPACES = int(os.environ.get("HWSIM_TEST_SEARCHES", "25"))


def small_nest(rng: random.Random, padded: bool) -> LoopNest:
    """A few dims of a few iterations, perhaps with strides, dilation and padding."""
    extents = {dim.lower(): rng.choice((2, 2, 3, 4)) for dim in rng.sample(DIMS, rng.choice((2, 2, 2, 3)))}
    options: dict[str, int] = {}
    if rng.random() < 0.4:
        options["stride_h"] = options["stride_w"] = 2
    if rng.random() < 0.2:
        options["dilation_w"] = 2
    if padded and rng.random() < 0.4:
        options["pad_top"] = options["pad_left"] = 1
        options["height"] = options["width"] = rng.choice((2, 3, 4))
    return LoopNest(**extents, **options, input=BYTE, weight=BYTE, output=BYTE)  # type: ignore[arg-type]


def small_hierarchy(rng: random.Random, wired: bool = False) -> Hierarchy:
    """Two or three levels, free or fixed bypass, a small mesh, capacities that bind, energies and bandwidths of all sizes.

    wired : all networks multicast and reduce and all transfers overlap, as in the reference's files.
    """
    side = rng.choice((1, 1, 2)), rng.choice((1, 2, 2))
    depth = rng.choice((2, 2, 3))
    levels = []
    for number in range(depth):
        inner, outer = number == 0, number == depth - 1
        capacity = None if outer else rng.choice((16, 40, 100)) * (1 if inner else 4)
        levels.append(
            Level(
                f"level{number}",
                *(side if inner and depth > 1 else (1, 1)),
                storage=(Storage((True, True, True), None if capacity is None else 8 * capacity),),
                keeps=("always",) * 3 if outer else tuple(rng.choice(("free", "always", "free")) for _ in range(3)),  # type: ignore[arg-type]
                read_j=(rng.choice((1e-12, 5e-12)) * 6**number,) * 3,
                fill_j=(rng.choice((1e-12, 5e-12)) * 6**number,) * 3,
                update_j=(rng.choice((1e-12, 5e-12)) * 6**number,) * 3,
                shared=rng.choice((None, 8.0, 64.0)),
                overlapped=wired or not outer or rng.random() < 0.7,
                multicast=wired or rng.random() < 0.8,
                reduce=wired or rng.random() < 0.8,
            )
        )
    return Hierarchy("small", tuple(levels), *side, clock_hz=1e9, mac_j=1e-12, leakage_w=rng.choice((0.0, 1e-3)))


@pytest.mark.parametrize("seed", range(SPACES))
def test_bound_and_optimum(seed: int) -> None:
    rng = random.Random(seed)
    rules: Rules = rng.choice(("exact", "exact", "timeloop"))
    nest, hierarchy = small_nest(rng, rules == "exact"), small_hierarchy(rng, rules == "timeloop")
    perfect = rules == "timeloop" or rng.random() < 0.5
    truth = brute(nest, hierarchy, rules, perfect)
    for objective in ("edp", "energy", "latency"):
        found = best(nest, hierarchy, objective, rules, perfect=perfect, cache=False)  # type: ignore[arg-type]
        if not truth:
            assert isinstance(found, Infeasible)
            continue
        assert isinstance(found, Found)
        optimum = truth[objective][0]
        reached = objective_value(found.cost, objective)  # type: ignore[arg-type]
        assert found.lower_bound <= optimum * (1 + 1e-9)
        assert reached >= optimum * (1 - 1e-9)
        if found.bound_gap == 0:
            assert reached == pytest.approx(optimum)
        counts = count(nest, hierarchy, found.mapping, rules)
        assert isinstance(counts, Counts)
        assert objective_value(price(counts, hierarchy, nest), objective) == reached  # type: ignore[arg-type]


def test_threads_do_not_change_answers() -> None:
    rng = random.Random(5)
    hierarchy = small_hierarchy(rng)
    nests = [small_nest(rng, True) for _ in range(8)]
    objective: Objective = "edp"
    one = best_many(nests, hierarchy, objective, cache=False)
    assert best_many(nests, hierarchy, objective, cache=False, threads=3) == one


def test_a_time_limit_is_said_and_never_kept(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path))
    hierarchy = small_hierarchy(random.Random(1))
    nest = LoopNest(k=64, c=64, q=28, p=28, s=3, r=3, input=BYTE, weight=BYTE, output=BYTE)
    found = best(nest, hierarchy, "energy", seconds=1e-9)
    assert isinstance(found, Infeasible) or found.limited
    again = best(nest, hierarchy, "energy")
    assert isinstance(again, Found)
    assert not again.limited
