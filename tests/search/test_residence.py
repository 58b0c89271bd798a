"""What must pass the outermost level again is a bound: no mapping that a search finds without it, and none of all, costs less."""

from __future__ import annotations

import math
import os
import random
from itertools import islice, product

import numpy as np
import pytest

from hwsim.mapping import Hierarchy, Level, Storage
from hwsim.search import Found, best, bounds
from hwsim.search.bounds import anywhere, beyond, coarse, fine
from hwsim.search.patterns import at_work, children_of, patterns
from hwsim.search.residence import _Shape, _staying, residence
from hwsim.search.space import Space, space_of
from hwsim.search.terms import terms_of
from hwsim.workload import LoopNest, OperandType
from tests.oracles.brute_mapper import brute, every_mapping

BYTE = OperandType("int8")
SEEDS = int(os.environ.get("HWSIM_TEST_RESIDENCES", "12"))
OBJECTIVES = ("edp", "energy", "latency")


def hierarchy_of(pick: random.Random, words: tuple[float, float, float], side: tuple[int, int]) -> Hierarchy:
    """PEs with a buffer an operand, perhaps a buffer for all that may be left out, and a memory that costs most of the energy: tensors of
    so many words do not quite fit."""
    pes = side[0] * side[1]

    def storage(shares: tuple[float, ...], instances: int) -> tuple[Storage, ...]:
        bits = [max(24, int(8 * share * size / instances)) for share, size in zip(shares, words, strict=True)]
        return tuple(Storage(tuple(own == operand for own in range(3)), bits[operand]) for operand in range(3))

    def level(name: str, own: tuple[int, int], held: tuple[Storage, ...], joules: float, **more: object) -> Level:
        return Level(
            name, *own, storage=held, read_j=(joules,) * 3, fill_j=(joules,) * 3, update_j=(joules,) * 3, **more
        )  # type: ignore[arg-type]

    levels = [
        level(
            "pe",
            side,
            storage(tuple(pick.choice((0.3, 0.6, 0.9, 1.1)) for _ in range(3)), pes),
            1e-15,
            keeps=("always",) * 3,
        )
    ]
    if pick.random() < 0.5:
        shared = (Storage((True, True, True), 8 * int(sum(words) * pick.choice((0.2, 0.4, 0.7)))),)
        levels.append(level("buffer", (1, 1), shared, 5e-15, keeps=("free",) * 3))
    rate = pick.choice((None, 4.0, 16.0, 64.0))
    memory = (Storage((True, True, True), None),)
    levels.append(
        level("memory", (1, 1), memory, 1e-12, keeps=("always",) * 3, shared=rate, overlapped=pick.random() < 0.8)
    )
    return Hierarchy("small", tuple(levels), *side, clock_hz=1e9, mac_j=pick.choice((0.0, 1e-14)), leakage_w=0.0)


def problem(seed: int, largest: int) -> tuple[LoopNest, Hierarchy]:
    """A product or a convolution that does not quite fit."""
    pick = random.Random(seed)
    sizes = {dim: pick.randint(2, largest) for dim in "kcp"}
    if pick.random() < 0.5:
        sizes |= {"r": pick.choice((2, 3)), "q": pick.randint(1, max(1, largest // 2))}
        more = {"stride_w": pick.choice((1, 2)), "stride_h": pick.choice((1, 1, 2))}
        if pick.random() < 0.3:
            more |= {"pad_left": 1, "width": sizes["p"] * more["stride_w"], "height": sizes["q"] * more["stride_h"]}
        sizes |= more
    wide = OperandType(pick.choice(("int32", "int8")))  # sums that are complete may be a quarter as wide
    nest = LoopNest(**sizes, input=BYTE, weight=BYTE, output=BYTE, accumulator=wide)  # type: ignore[arg-type]
    words = tuple(float(size) for size in nest.elements)
    side = pick.choice(((1, 1), (2, 1), (2, 2), (4, 1), (3, 1)))
    return nest, hierarchy_of(pick, (words[0], words[1], words[2]), side)


def bound_of(space: Space, objective: str) -> tuple[float, float]:
    """The least bound of all patterns and choices of kept operands, and the same without what comes again [J x cycles, J or cycles]."""
    listed = at_work(space, patterns(space, math.inf))
    children = children_of(space, listed.along_x, listed.along_y)
    least, plain = [], []
    for known in anywhere(space):
        terms = terms_of(space, known.keep, children)
        given = children, listed.steps, objective, math.inf
        found = np.maximum(fine(space, known, terms, *given), coarse(space, known, *given)).min()
        least.append(max(found, beyond(space, [known], float(listed.steps.min()), objective)))
        plain.append(bounds.values(space, *bounds.floors(space, terms, listed.steps), objective).min())
    return float(min(least)), float(min(plain))


def in_kernel(found: float, objective: str) -> float:
    """An objective in SI as the search has it: time in cycles of 1 ns."""
    return found if objective == "energy" else found * 1e9


@pytest.mark.parametrize("batch", range(3))
def test_no_mapping_that_is_found_without_the_bound_is_below_it(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    raised = 0
    for seed in range(batch * 100_000, batch * 100_000 + SEEDS):
        nest, hierarchy = problem(seed, 12)
        space = space_of(nest, hierarchy, True, False)
        for objective in OBJECTIVES:
            least, plain = bound_of(space, objective)
            with monkeypatch.context() as without:
                without.setattr(bounds, "residence", lambda *given: None)
                found = best(nest, hierarchy, objective, cache=False, effort="quick")
            if isinstance(found, Found):
                value = {
                    "edp": found.cost.seconds * (found.cost.joules or 0),
                    "energy": found.cost.joules,
                    "latency": found.cost.seconds,
                }
                assert least <= in_kernel(float(value[objective] or 0), objective) * (1 + 1e-9), (seed, objective)
            raised += least > plain * (1 + 1e-6)
    assert raised > SEEDS / 2


def test_no_mapping_of_all_is_below_the_bound() -> None:
    priced = 0
    for seed in range(SEEDS * 4):
        nest, hierarchy = problem(seed, 4)
        if sum(1 for _ in islice(every_mapping(nest, hierarchy, False), 3001)) > 3000:
            continue
        least = brute(nest, hierarchy, "exact", False)
        space = space_of(nest, hierarchy, True, False)
        for objective, (value, _) in least.items():
            assert bound_of(space, objective)[0] <= in_kernel(value, objective) * (1 + 1e-9), (seed, objective)
        priced += bool(least)
    assert priced


def test_a_product_whose_capacities_decide() -> None:
    """C = 8 of two words each on chip, weights and inputs there: see the worked example in the text of the module."""
    words = (
        Storage((True, False, False), 8 * 16),
        Storage((False, True, False), 8 * 16),
        Storage((False, False, True), 24 * 16),
    )
    chip = Level(
        "chip", storage=words, keeps=("always",) * 3, read_j=(0.0,) * 3, fill_j=(0.0,) * 3, update_j=(0.0,) * 3
    )
    memory = Level(
        "memory", storage=(Storage((True, True, True), None),), keeps=("always",) * 3, read_j=(1e-12 / 8,) * 3, fill_j=(0.0,) * 3,
        update_j=(1e-12 / 24,) * 3,
    )  # fmt: skip
    hierarchy = Hierarchy("one", (chip, memory), clock_hz=1e9, mac_j=0.0, leakage_w=0.0)
    nest = LoopNest(k=8, c=8, p=8, input=BYTE, weight=BYTE, output=BYTE)
    found = residence(space_of(nest, hierarchy, True, False), ((True,) * 3,) * 2, 64.0)
    assert found is not None
    exact = best(nest, hierarchy, "energy", cache=False)
    assert isinstance(exact, Found) and exact.bound_gap == 0
    again = float(exact.cost.joules or 0) - 64e-12 * 2 - 64e-12 * 8 / 24
    assert 0 < found.costs[0, 0] <= again * (1 + 1e-9)
    assert found.costs[0, 0] > 0.6 * again


def tiles_along(axis: tuple[int, int, int, int, int, int], positions: int, taps: int) -> list[set[int]]:
    """Addresses along one axis of each tile of so many positions and taps."""
    rows, columns, stride, dilation, pad, size = axis
    return [
        {
            row * stride + column * dilation - pad
            for row in range(first, min(rows, first + positions))
            for column in range(deep, min(columns, deep + taps))
            if 0 <= row * stride + column * dilation - pad < size
        }
        for first in range(0, rows, positions)
        for deep in range(0, columns, taps)
    ]


def test_inputs_that_are_in_all_tiles_are_allowed_to_stay() -> None:
    """However positions and taps are cut into tiles, over both axes, where not all inputs fit; at times it is as many as allowed."""
    reached = {"positions": 0, "taps": 0}
    for seed in range(60):
        pick = random.Random(seed)
        axes = []
        for _ in range(2):
            rows, columns, stride, dilation = pick.randint(1, 5), pick.randint(1, 4), *pick.choices((1, 1, 2, 3), k=2)
            pad = pick.choice((0, 0, 1))
            axes.append(
                (
                    rows,
                    columns,
                    stride,
                    dilation,
                    pad,
                    max(1, (rows - 1) * stride + (columns - 1) * dilation + 1 - 2 * pad),
                )
            )
        shape = _Shape((1.0, 1.0, 1.0), (axes[0], axes[1]), 1, 1)
        if shape.plain:
            continue
        needed = math.prod(len(tiles_along(axis, *axis[:2])[0]) for axis in axes)
        cuts = [list(product(range(1, axis[0] + 1), range(1, axis[1] + 1))) for axis in axes]
        for high, wide in product(*cuts):
            sides = [tiles_along(axis, *cut) for axis, cut in zip(axes, (high, wide), strict=True)]
            if len(sides[0]) * len(sides[1]) == 1:
                continue
            common = math.prod(len(set.intersection(*side)) for side in sides)
            if common == needed:
                continue  # what fits comes once
            allowed = _staying(shape, math.prod(max(map(len, side)) for side in sides))
            assert common <= allowed, (seed, axes, high, wide)
            if common and common == allowed:
                whole = high[0] == axes[0][0] and wide[0] == axes[1][0]
                reached["taps" if whole else "positions"] += 1
    assert min(reached.values()) > 10
