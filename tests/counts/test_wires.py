"""Word-hops are words times the wires that the slow oracle draws."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.counts import Counts, count
from hwsim.counts.counting import run
from hwsim.device.records import Topology
from hwsim.kernels.packed import empty_counts
from hwsim.mapping import Hierarchy, Level, Mapping
from hwsim.mapping.hierarchy import TOPOLOGIES
from hwsim.mapping.pack import pack_hierarchy, pack_mapping, pack_nest
from hwsim.mapping.record import LevelLoops
from hwsim.workload import LoopNest
from tests.oracles.cases import random_case
from tests.oracles.walker import Walk
from tests.oracles.wires import mean_wires


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**40), topologies=st.lists(st.sampled_from(TOPOLOGIES), min_size=5, max_size=5))
def test_wires_equal_the_oracle(seed: int, topologies: list[Topology]) -> None:
    nest, hierarchy, mapping = random_case(random.Random(seed), perfect=True, most=2000)
    levels = zip(hierarchy.levels, topologies, strict=False)
    hierarchy = replace(hierarchy, levels=tuple(replace(level, topology=topology) for level, topology in levels))
    depth = len(hierarchy.levels)
    found = empty_counts(depth)
    run(pack_nest(nest), pack_hierarchy(hierarchy), pack_mapping(mapping, depth), "exact", True, found)
    walk = Walk(nest, hierarchy, mapping)
    for level in range(depth):
        for operand in range(3):
            words = int(found.network[level, operand].sum())
            expected = words * mean_wires(walk, level, operand, hierarchy.levels[level].topology) if words else 0.0
            assert found.hops[level, operand] == pytest.approx(expected)


def _hops(topology: Topology, nest: LoopNest, loops: LevelLoops, mesh: tuple[int, int]) -> tuple[float, ...]:
    """Hops of a word of input, weight and output between a buffer and its PEs."""
    hierarchy = Hierarchy("array", (Level("buffer", topology=topology),), *mesh)
    counts = count(nest, hierarchy, Mapping((loops,)), all_hops=True)
    assert isinstance(counts, Counts)
    wires = [operand.wires for operand in counts.levels[0].operands]
    return tuple(one.hops / (one.down + one.up) for one in wires)


def test_wires_of_an_array_by_hand() -> None:
    """Four filters along x and three channels along y: an input goes to a row, a weight to one PE, a sum comes from a column.

    The word enters at column 0 and row 1. Mesh: inputs run (1 + 0 + 1) / 3 down and 3 along; weights (0 + 1 + 2 + 3) / 4 along and 2/3
    down; sums 2 for the column and 1.5 along. Bus: 2 down and 3 along for each row; sums 2 more from child to child. Neighbours: 4, 1, 3.
    """
    nest, loops = LoopNest(k=4, c=3), LevelLoops(spatial_x=(("K", 4),), spatial_y=(("C", 3),))
    assert _hops("mesh", nest, loops, (4, 3)) == pytest.approx((2 / 3 + 3, 1.5 + 2 / 3, 2 + 1.5))
    assert _hops("bus", nest, loops, (4, 3)) == pytest.approx((2 + 3, 2 + 3, 2 + 2 + 3))
    assert _hops("neighbour", nest, loops, (4, 3)) == pytest.approx((4, 1, 3))
    assert _hops("bus", nest, loops, (8, 6)) == pytest.approx((5 + 7, 5 + 7, 2 + 5 + 7)), (
        "a bus is as long as it is built"
    )
