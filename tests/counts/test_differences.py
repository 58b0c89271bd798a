"""Every row of hwsim/counts/RULES.md: both numbers, and that the walker has the exact one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import hwsim.counts
from hwsim.counts import Counts, count
from hwsim.errors import MappingError
from hwsim.mapping import Hierarchy, Mapping
from hwsim.workload import LoopNest
from tests.counts.nests import level, loops, nest, one_pe
from tests.oracles.walker import COMPARED, walk

RULES = Path(hwsim.counts.__file__).with_name("RULES.md")
Case = tuple[LoopNest, tuple[Hierarchy, Mapping], Callable[[Counts, LoopNest], int]]


def rows() -> dict[str, tuple[int, int | None]]:
    cells = [line.split("|") for line in RULES.read_text().splitlines() if line.startswith("|")]
    return {row[1].strip(): (int(row[4]), None if row[5].strip() == "-" else int(row[5])) for row in cells[2:]}


def case(name: str) -> Case:
    kernel, sums = nest(p=6, r=3), nest(k=4, c=3)
    sums_mapping = one_pe(loops([("K", 2)]), loops([("C", 3), ("K", 2)]))
    two = Hierarchy("two", (level("L0", 2), level("L1")), 2)
    square = Hierarchy("square", (level("L0", 3, 3), level("L1", 3), level("L2")), 3, 3)
    fills = lambda operand: lambda counts, _: counts.levels[0].operands[operand].total.fills  # noqa: E731
    return {
        "holes": (
            nest(p=4, r=2, stride_w=3),
            one_pe(loops([("P", 2), ("R", 2)]), loops([("P", 2)])),
            lambda counts, _: counts.levels[0].input.tile,
        ),
        "turn": (nest(q=2, p=3, s=3, r=3), one_pe(loops([("S", 3), ("R", 3)]), loops([("Q", 2), ("P", 3)])), fills(0)),
        "split": (kernel, one_pe(loops([("R", 3)]), loops([("P", 3)], keep=""), loops([("P", 2)])), fills(0)),
        "padding": (nest(p=4, r=3, width=4, pad_left=1), one_pe(loops([("R", 3)]), loops([("P", 4)])), fills(0)),
        "drain": (sums, sums_mapping, lambda counts, _: counts.levels[0].output.total.reads),
        "width": (
            sums,
            sums_mapping,
            lambda counts, of: counts.levels[1].output.total.bits(of.output.bits, of.accumulator.bits)[2],
        ),
        "reload": (nest(k=2, c=4), (two, Mapping((loops(), loops([("C", 2), ("K", 2)], x=[("C", 2)])))), fills(2)),
        "diagonal": (
            nest(q=3, s=3),
            (square, Mapping((loops(), loops(y=[("S", 3)], keep=""), loops(x=[("Q", 3)])))),
            lambda counts, _: counts.levels[2].input.total.reads,
        ),
        "partial": (nest(k=7), one_pe(loops([("K", 4)]), loops([("K", 2)])), fills(1)),
    }[name]


@pytest.mark.parametrize("name", sorted(rows()))
def test_rules_differ_as_documented(name: str) -> None:
    of, (hierarchy, mapping), number = case(name)
    exact, timeloop = rows()[name]
    counts = count(of, hierarchy, mapping)
    assert isinstance(counts, Counts)
    assert number(counts, of) == exact
    if timeloop is None:
        with pytest.raises(MappingError, match="perfect factors"):
            count(of, hierarchy, mapping, "timeloop")
    else:
        counts = count(of, hierarchy, mapping, "timeloop")
        assert isinstance(counts, Counts)
        assert number(counts, of) == timeloop


@pytest.mark.parametrize("name", sorted(rows()))
def test_the_walker_decides_for_exact(name: str) -> None:
    of, (hierarchy, mapping), _ = case(name)
    counts, truth = count(of, hierarchy, mapping), walk(of, hierarchy, mapping)
    assert isinstance(counts, Counts)
    assert "accesses" in COMPARED
    for index, at in enumerate(counts.levels):
        for operand, found in enumerate(at):
            total = (found.total.reads, found.total.fills, found.total.updates)
            assert total == tuple(truth.accesses[index, operand])
            assert found.tile == truth.tile[index, operand]
