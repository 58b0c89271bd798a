"""Dims of more than eight, which factors seldom divide: no bound is above the least of all mappings, and gap 0 is the least.

The best of them may make as many tiles by other trips than the fewest, or use more children than take as many turns.
"""

from __future__ import annotations

import math
import random

import pytest

from hwsim.device import LevelConstraint
from hwsim.kernels import search_join
from hwsim.mapping import Hierarchy, Level, Storage
from hwsim.search import Found, best, exhaustive, proof
from hwsim.search.progress import Progress
from hwsim.search.space import space_of
from hwsim.workload import LoopNest, OperandType
from tests.counts import nests
from tests.kernels.plain import plain

_BYTE = OperandType("int8")
_MOST = 150_000


def product(seed: int) -> tuple[LoopNest, Hierarchy]:
    """A product of matrices with a long side, and three levels of which two hold little."""
    pick = random.Random(f"lng2 {seed}")
    names = list("kcn")
    pick.shuffle(names)
    sides = {names[0]: pick.choice((9, 10, 11, 12, 13, 14)), names[1]: pick.choice((4, 5, 9, 10, 3))}
    if pick.random() < 0.3:
        sides[names[2]] = 2
    across = pick.choice((1, 1, 2, 3))

    def level(number: int, bits: int | None, joules: float) -> Level:
        pools: tuple[Storage, ...] = (Storage((True,) * 3, bits),)
        if pick.random() >= 0.5 and bits is not None:
            each = 8 if number == 0 else 24
            pools = tuple(
                Storage(tuple(one == other for one in range(3)), pick.choice((1, 2, 3, 4, 5, 6, 8)) * each)
                for other in range(3)
            )
        keeps = ("always",) * 3 if pick.random() < 0.7 else tuple(pick.choice(("always", "free")) for _ in range(3))
        prices = dict.fromkeys(("read_j", "fill_j", "update_j"), (joules,) * 3)
        return Level(
            f"l{number}", across if number == 0 else 1, 1, storage=pools, keeps=keeps, off_chip=number == 2, **prices
        )

    words = pick.choice((4, 6, 8, 10, 12, 16, 20))
    inner = level(0, 8 * words, 1.0)
    outer = level(1, 8 * (words * across + pick.choice((4, 6, 8, 12, 16, 24, 32, 48))), pick.choice((1.0, 6.0)))
    levels = inner, outer, level(2, None, 50.0)
    nest = LoopNest(**sides, input=_BYTE, weight=_BYTE, output=_BYTE, accumulator=_BYTE)
    return nest, Hierarchy("product", levels, across, 1, mac_j=1.0, clock_hz=1.0)


def least_of_all(nest: LoopNest, hierarchy: Hierarchy) -> float | None:
    """The least energy of all mappings, infinity where none fits; None where there are too many."""
    progress = Progress(1 << 60, math.inf)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exhaustive, "MOST", _MOST)
        whole = exhaustive.scan_all(space_of(nest, hierarchy, True, False), "energy", progress)
    return progress.value if whole else None


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param((97, 130), id="groups of other sizes once missed"),
        pytest.param((357,), id="more children in as many turns once missed"),
        range(30),
    ],
)
def test_no_bound_is_above_the_least(seeds: tuple[int, ...]) -> None:
    priced = 0
    for seed in seeds:
        nest, hierarchy = product(seed)
        least = least_of_all(nest, hierarchy)
        if least is None:
            continue
        found = best(nest, hierarchy, "energy", cache=False)
        if not isinstance(found, Found):
            assert math.isinf(least), seed
            continue
        assert found.lower_bound <= least * (1 + 1e-9), seed
        priced += 1
    assert priced > len(seeds) // 2


@pytest.mark.parametrize(("channels", "columns"), [(24, 16), (5, 4), (40, 16)])
def test_more_columns_than_turns_need_where_most_must_be_at_work(channels: int, columns: int) -> None:
    # twelve of sixteen columns take 24 channels in two turns as sixteen do, but nine tenths of them must be at work
    levels = tuple(
        nests.level(
            f"l{number}",
            columns if number == 0 else 1,
            storage=(Storage((True,) * 3, bits),),
            constraint=LevelConstraint(spatial_x=("K",)) if number == 1 else LevelConstraint(),
            **dict.fromkeys(("read_j", "fill_j", "update_j"), (1.0,) * 3),
        )
        for number, bits in enumerate((64, 32_000, None))
    )
    hierarchy = Hierarchy("busy", levels, columns, 1, mac_j=1.0, clock_hz=1.0, min_utilization=0.9)
    nest = LoopNest(k=channels, n=50, input=_BYTE, weight=_BYTE, output=_BYTE, accumulator=_BYTE)
    found = best(nest, hierarchy, "energy", cache=False)
    assert isinstance(found, Found) and found.bound_gap == 0
    assert math.prod(factor for _, factor in found.mapping.levels[1].spatial_x) >= 0.9 * columns


def test_groups_that_are_too_many_to_try_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    made = plain(search_join.join)
    monkeypatch.setitem(made.__globals__, "_MOST_GROUPS", 1)  # type: ignore[attr-defined]
    monkeypatch.setattr(proof, "join", made)
    nest, hierarchy = product(97)
    found = best(nest, hierarchy, "energy", cache=False)
    least = least_of_all(nest, hierarchy)
    assert isinstance(found, Found) and least is not None and found.lower_bound <= least * (1 + 1e-9)
    assert found.bound_gap > 0  # the best is among those
