"""Long dims in any groups of as many tiles, windows with gaps between positions: steps and the last groups differ with the groups.

What passes a boundary is bounded by no more than is counted, whichever groups there are.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from hwsim.kernels import search_boundary, search_moved, search_terms
from hwsim.kernels.packed import FILL, READ, Int
from hwsim.kernels.search_axes import Tabled, axes, tabled_for
from hwsim.kernels.search_terms import COUNT, FIXED, LENGTH, ORDERS, PARENT, SIZE, SPATIAL
from hwsim.mapping import Hierarchy, Level, Storage
from hwsim.search.improving import counted_by, exact_of, of_one, opened
from hwsim.search.patterns import at_work, children_of, patterns
from hwsim.search.problem import build
from hwsim.search.space import space_of
from hwsim.search.terms import terms_of
from hwsim.workload import LoopNest, OperandType
from tests.kernels.plain import plain
from tests.search.tiny import Pattern, _trips

_MADE: dict[Any, Any] = {}
boundary = plain(search_boundary.boundary)
by_boxes = plain(search_boundary.boundary, _MADE)
_overlap = _MADE[getattr(search_terms.overlap, "py_func", search_terms.overlap)]
_moved = _MADE[getattr(search_moved.moved_inputs, "py_func", search_moved.moved_inputs)]
_moved.__globals__["overlap"] = lambda *given: _overlap(*given[:-1], True)


def long_problem(pick: random.Random, lengths: Sequence[int]) -> tuple[LoopNest, Hierarchy]:
    """A window of which one side is of one of some lengths, with a stride, on three or four levels."""
    byte = OperandType("int8")
    many, few = pick.choice(lengths), pick.choice((2, 3, 4, 5, 6))
    q, s = (many, few) if pick.random() < 0.4 else (few, many)
    fields = {"q": q, "s": s, "k": pick.choice((1, 2, 3)), "stride_h": pick.choice((2, 3, 4, 5, 6, 7, 8, 9))}
    fields |= {"dilation_h": pick.choice((1, 1, 1, 2, 3)), "c": pick.choice((1, 1, 2))}
    if pick.random() < 0.3:
        fields |= {"p": pick.choice((2, 3)), "r": pick.choice((2, 3)), "stride_w": pick.choice((1, 2, 3))}
    prices: dict[str, Any] = dict.fromkeys(("read_j", "fill_j", "update_j"), (1.0,) * 3)
    across, depth = pick.choice((1, 1, 2, 3)), pick.choice((3, 4))
    levels = tuple(
        Level(
            f"level{number}",
            across if number == 0 else 1,
            1,
            storage=(Storage((True,) * 3, None),),
            keeps=("always",) * 3,
            off_chip=number == depth - 1,
            **prices,
        )
        for number in range(depth)
    )
    nest = LoopNest(**fields, input=byte, weight=byte, output=byte, accumulator=byte)  # type: ignore[arg-type]
    return nest, Hierarchy("long", levels, across, 1, mac_j=1.0)


def product_problem(pick: random.Random, lengths: Sequence[int]) -> tuple[LoopNest, Hierarchy]:
    """A product of matrices of which some sides are of one of some lengths, on three or four levels."""
    byte, hierarchy = OperandType("int8"), long_problem(pick, lengths)[1]
    sides = {"k": pick.choice((*lengths, 2, 4)), "c": pick.choice((*lengths, 2, 3)), "n": pick.choice((2, 4, *lengths))}
    return LoopNest(**sides, input=byte, weight=byte, output=byte, accumulator=byte), hierarchy


def tiles_of(pattern: Pattern, temporal: Int) -> tuple[Int, Int, Int, Int]:
    """Choices, counts and extents as the search has them, and the fewest trips that make as many tiles [L, 8]."""
    problem = pattern.problem
    at, count, tile, fewest = (np.ones_like(temporal) for _ in range(4))
    for dim in range(8):
        left = int(problem.nest[dim])
        for level, trips in enumerate(temporal[:, dim]):
            inside = -(-left // int(problem.factors[SPATIAL, level, dim]))
            left = -(-inside // int(trips))
            length = int(problem.factors[LENGTH, level, dim])
            known = [index for index in range(length) if problem.tables[COUNT, level, dim, index] == left]
            at[level, dim], count[level, dim], fewest[level, dim] = known[0], left, -(-inside // left)
            tile[level, dim] = problem.tables[SIZE, level, dim, known[0]]
    return at, count, tile, fewest


def moved(
    of: Any, operand: int, pattern: Pattern, tabled: Tabled, level: int, tiles: tuple[Int, ...], chosen: Int
) -> np.ndarray:  # type: ignore[type-arg]
    """Words of an operand that leave the parent of a level and that arrive there, by one version of ``boundary``."""
    at, count, tile, fewest = tiles
    held, out = np.empty((2, 3)), np.zeros(2)
    for place in range(3):
        held[0, place] = tabled.swept[level, 0, place, at[level, 4], at[level, 6]]
        held[1, place] = tabled.swept[level, 1, place, at[level, 5], at[level, 7]]
    room = np.zeros(8, np.int64), np.zeros((5, 8), np.int64)
    of(operand, level, held, count, tile, fewest, chosen, True, pattern.problem, *room, out)
    return out


_LONG, _SHORT = (9, 10, 11, 13, 17, 19), (7, 8)
#: Where the fewest trips, or the least tiles, taken for the only ones, or children that get no tile of the last run, once made it too much.
_ONCE = (1, 10, 14, 16, 25, 319, 350, 496, 973, 1011, 1258, 1505, 1933, 2026, 2512, 2564, 2630, 2868, 3346)
_SHORT_ONCE = (112, 122, 465, 778)


@pytest.mark.parametrize(
    ("made", "lengths", "seeds"),
    [
        (long_problem, _LONG, range(60)),
        (long_problem, _LONG, _ONCE),
        (long_problem, _SHORT, range(60)),
        (long_problem, _SHORT, _SHORT_ONCE),
        (product_problem, _LONG, range(40)),
    ],
)
def test_no_boundary_is_above_what_is_counted(made: Any, lengths: Sequence[int], seeds: Sequence[int]) -> None:
    compared, closer = 0, 0
    for seed in seeds:
        pick = random.Random(f"long {seed}")
        space = space_of(*made(pick, lengths), True, False)
        listed = at_work(space, patterns(space, math.inf))
        row, keep = pick.randrange(len(listed.steps)), pick.choice(space.keeps)
        along = listed.along_x[row], listed.along_y[row]
        children = children_of(space, along[0][None].copy(), along[1][None].copy())
        problem = build(space, keep, children[0], "energy", terms_of(space, keep, children))
        assert problem is not None and not problem.factors[FIXED].any()
        pattern, tabled = Pattern(space, keep, along, problem), tabled_for(space.levels, problem.tables.shape[3])
        axes(problem, tabled)
        dims = [_trips(int(problem.nest[dim]), problem.factors[:, :, dim], False) for dim in range(8)]
        for _ in range(40):
            temporal = np.array([pick.choice(trips) for trips in dims], np.int64).T.copy()
            chosen = np.array([pick.randrange(int(number)) for number in problem.levels[ORDERS, :, 0]], np.int64)
            if not pattern.busy(temporal):
                continue
            tiles = tiles_of(pattern, temporal)
            candidates = opened(*along, keep)
            candidates.temporal[0] = temporal
            candidates.order[0] = [problem.orders[level, choice] for level, choice in enumerate(chosen)]
            exact = exact_of(space)
            counted_by(problem.nest)(*of_one(exact, candidates))
            accesses = exact.counts.accesses
            for level, operand in itertools.product(range(space.levels - 1), (0, 1)):
                parent = int(problem.levels[PARENT, level, operand])
                real = np.array((accesses[parent, operand, READ], accesses[level, operand, FILL]))
                here, boxes = (moved(of, operand, pattern, tabled, level, tiles, chosen) for of in (boundary, by_boxes))
                assert (here <= real * (1 + 1e-9)).all(), (seed, level, operand, temporal, chosen)
                compared, closer = compared + 1, closer + bool((here > boxes * (1 + 1e-9)).any())
    assert compared > 40 * len(seeds)
    assert made is product_problem or closer > len(seeds) // 10
