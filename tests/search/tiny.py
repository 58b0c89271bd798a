"""Nests of a dozen MACs on two or three levels, and all mappings of one spatial pattern as the arrays of the search's kernels.

Few enough for kernels that run as plain Python, so that mutants of the kernels meet them, too.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hwsim.kernels.packed import Int, MappingArrays
from hwsim.kernels.search_exchange import climb
from hwsim.kernels.search_terms import AT_MOST, FIXED, ORDERS, PERFECT, SPATIAL, Problem
from hwsim.kernels.search_whole import Chain, value_at
from hwsim.mapping import Hierarchy
from hwsim.search.improving import counted_by, exact_of, of_one, opened, room_for
from hwsim.search.patterns import at_work, children_of, patterns
from hwsim.search.problem import build
from hwsim.search.space import Keep, Space, space_of
from hwsim.search.terms import terms_of
from hwsim.workload import LoopNest, OperandType
from tests.search.cases import _hierarchy, _nest


def tiny_problem(seed: int, most: int = 12) -> tuple[LoopNest, Hierarchy, bool, bool]:
    """A nest of at most so many MACs, a hierarchy, whether the rules are exact, and whether factors must divide."""
    pick = random.Random(f"tiny {seed}")
    exact = pick.random() < 0.6
    perfect = not exact or pick.random() < 0.5
    return _nest(pick, most), _hierarchy(pick, pick.choice((2, 2, 3))), exact, perfect


def window_problem(seed: int) -> tuple[LoopNest, Hierarchy, bool, bool]:
    """The same of a nest with a window that slides along height or width, and perhaps something beside it."""
    pick = random.Random(f"window {seed}")
    exact, (position, tap, axis) = pick.random() < 0.7, pick.choice((("q", "s", "h"), ("p", "r", "w")))
    fields = {position: pick.choice((2, 3, 4)), tap: pick.choice((2, 2, 3)), pick.choice("kcng"): pick.choice((1, 2))}
    fields |= {f"stride_{axis}": pick.choice((1, 1, 2)), f"dilation_{axis}": pick.choice((1, 1, 2))}
    reach = (fields[position] - 1) * fields[f"stride_{axis}"] + (fields[tap] - 1) * fields[f"dilation_{axis}"] + 1
    if pick.random() < 0.4:
        fields["pad_top" if axis == "h" else "pad_left"] = 1
        fields["height" if axis == "h" else "width"] = reach - pick.choice((1, 2))
    types = {name: OperandType(pick.choice(("int4", "int8"))) for name in ("input", "weight", "output")}
    nest = LoopNest(**fields, **types, accumulator=OperandType("int16"))  # type: ignore[arg-type]
    return nest, _hierarchy(pick, pick.choice((2, 3, 3))), exact, not exact or pick.random() < 0.6


@dataclass(frozen=True)
class Pattern:
    """One spatial pattern with kept operands: children along x and y [L, 8]."""

    space: Space
    keep: Keep
    along: tuple[Int, Int]
    problem: Problem

    def room(self, temporal: Int, chosen: Int) -> Chain:
        return room_for(self.space, self.problem, temporal, chosen)

    def chains(self) -> Iterator[tuple[Int, Int]]:
        """Trips [L, 8] and orders by number [L] of all mappings that constraints allow, whether they fit or not."""
        factors, nest = self.problem.factors, self.problem.nest
        levels = factors.shape[1]
        dims = [_trips(int(nest[dim]), factors[:, :, dim], bool(nest[PERFECT])) for dim in range(8)]
        orders = [range(int(self.problem.levels[ORDERS, level, 0])) for level in range(levels)]
        for trips in itertools.product(*dims):
            for chosen in itertools.product(*orders):
                yield np.array(trips, np.int64).T.copy(), np.array(chosen, np.int64)

    def busy(self, temporal: Int) -> bool:
        """Whether all children have something to do; else the mapping is one of a smaller pattern, too, and bounded there."""
        for dim in range(8):
            left = int(self.problem.nest[dim])
            for level, trips in enumerate(temporal[:, dim]):
                spread = int(self.problem.factors[SPATIAL, level, dim])
                if left < spread:
                    return False
                left = math.ceil(math.ceil(left / spread) / int(trips))
        return True

    def allows(self, temporal: Int, dim: int) -> bool:
        """Whether trips [L, 8] of a dim are within its limits."""
        factors = self.problem.factors
        fixed, most = factors[FIXED, :, dim], factors[AT_MOST, :, dim]
        return bool((temporal[:, dim] <= most).all() and ((fixed == 0) | (temporal[:, dim] == fixed)).all())

    def of(self, candidates: MappingArrays) -> float:
        """What the one mapping costs, counted as a whole."""
        exact = exact_of(self.space)
        counted_by(self.problem.nest)(*of_one(exact, candidates))
        return float(getattr(value_at, "py_func", value_at)(self.problem.nest, exact))

    def least(self, temporal: Int, chosen: Int) -> float:
        """``chain_value`` of a mapping: where a descent begins."""
        return float(climb(self.problem, self.room(temporal.copy(), chosen.copy()), 0, False, math.inf)[0])

    def price(self, temporal: Int, chosen: Int) -> float:
        """What a mapping costs, counted as a whole; infinity where it does not fit."""
        candidates = opened(*self.along, self.keep)
        candidates.temporal[0] = temporal
        for level, choice in enumerate(chosen):
            candidates.order[0, level] = self.problem.orders[level, choice]
        return self.of(candidates)


def _trips(extent: int, factors: Int, perfect: bool) -> list[tuple[int, ...]]:
    """Trips of one dim, by level from the innermost; factors [4, L]."""
    levels = factors.shape[1]

    def grow(left: int, level: int) -> Iterator[tuple[int, ...]]:
        if level == levels:
            if left == 1:
                yield ()
            return
        spread, fixed = int(factors[SPATIAL, level]), int(factors[FIXED, level])
        if perfect and left % spread:
            return
        left = -(-left // spread)
        for trips in (fixed,) if fixed else range(1, left + 1):
            if trips <= factors[AT_MOST, level] and not (perfect and left % trips):
                for rest in grow(-(-left // trips), level + 1):
                    yield (trips, *rest)

    return list(grow(extent, 0))


def patterns_of(seed: int, objective: str, most: int = 12) -> Iterator[Pattern]:
    """One spatial pattern of a tiny problem, with some choice of kept operands; of one with a window where ``most`` is 0."""
    yield from one_of(*(tiny_problem(seed, most) if most else window_problem(seed)), random.Random(seed), objective)


def one_of(
    nest: LoopNest, hierarchy: Hierarchy, exact: bool, perfect: bool, pick: random.Random, objective: str
) -> Iterator[Pattern]:
    """One spatial pattern of a problem, with some choice of kept operands; none where there is none."""
    space = space_of(nest, hierarchy, exact, perfect)
    listed = at_work(space, patterns(space, math.inf))
    if len(listed.steps):
        keep, row = pick.choice(space.keeps), pick.randrange(len(listed.steps))
        children = children_of(space, listed.along_x, listed.along_y)
        problem = build(space, keep, children[row], objective, terms_of(space, keep, children[row : row + 1]))
        if problem is not None:
            yield Pattern(space, keep, (listed.along_x[row], listed.along_y[row]), problem)
