"""The kernels agree with the walkers on random nests, hierarchies and mappings. ``HWSIM_ORACLE_CASES`` asks for more of them."""

from __future__ import annotations

import os
import random

import numba
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.counts.counting import run
from hwsim.kernels.packed import empty_counts
from hwsim.mapping.pack import pack_hierarchy, pack_mapping, pack_nest
from tests.oracles.cases import random_case
from tests.oracles.walker import MOST, differences
from tests.oracles.walker_timeloop import walk_timeloop

CASES = int(os.environ.get("HWSIM_ORACLE_CASES", "100" if numba.config.DISABLE_JIT else "1000"))


@pytest.mark.parametrize("seed", [256, 271, 376, 661, 730, 985])
def test_a_tile_stays_where_none_around_it_leaves(seed: int) -> None:
    assert differences(seed, most=MOST[seed % len(MOST)]) == []


@pytest.mark.parametrize("seed", [36088, 50575, 54691, 82063, 84608])
def test_one_message_serves_children_of_which_none_holds_anything(seed: int) -> None:
    """They hold different parts along one side of the image, and nothing along the other."""
    assert differences(seed, most=MOST[seed % len(MOST)]) == []


@settings(max_examples=CASES, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_exact_rules_equal_the_walker(seed: int) -> None:
    assert differences(seed) == []


@settings(max_examples=CASES, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_timeloop_rules_equal_their_walker(seed: int) -> None:
    nest, hierarchy, mapping = random_case(random.Random(seed), perfect=True, most=20_000)
    expected, found = walk_timeloop(nest, hierarchy, mapping), empty_counts(len(hierarchy.levels))
    run(
        pack_nest(nest),
        pack_hierarchy(hierarchy),
        pack_mapping(mapping, len(hierarchy.levels)),
        "timeloop",
        False,
        found,
    )
    for name in ("accesses", "busiest", "tile"):
        assert (getattr(expected, name) == getattr(found, name)).all(), name
    assert (expected.scalars[[0, 2, 3]] == found.scalars[[0, 2, 3]]).all()


@pytest.mark.parametrize("seed", range(20))
def test_counts_do_not_depend_on_the_order_of_a_group_of_equal_loops(seed: int) -> None:
    """Loops of factor 1 may stand anywhere."""
    nest, hierarchy, mapping = random_case(random.Random(seed), perfect=False, most=60)
    depth = len(hierarchy.levels)
    packed = pack_mapping(mapping, depth)
    first, second = empty_counts(depth), empty_counts(depth)
    run(pack_nest(nest), pack_hierarchy(hierarchy), packed, "exact", False, first)
    order = packed.order.copy()
    for row in range(depth):
        idle = [dim for dim in order[row] if packed.temporal[row, dim] == 1]
        busy = [dim for dim in order[row] if packed.temporal[row, dim] > 1]
        order[row] = [*idle, *busy]
    run(pack_nest(nest), pack_hierarchy(hierarchy), packed._replace(order=order), "exact", False, second)
    assert (first.accesses == second.accesses).all()
