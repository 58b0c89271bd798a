"""Records to arrays and back: every field in its place, and what cannot be packed."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import pytest

from hwsim.device import LevelConstraint
from hwsim.errors import MappingError
from hwsim.kernels.packed import ALWAYS, BUS, FREE, MESH, NEIGHBOUR, NEVER, UNLIMITED
from hwsim.mapping import Hierarchy, Level, LevelLoops, Mapping, Storage
from hwsim.mapping.pack import pack_hierarchy, pack_mapping, pack_mappings, pack_nest, unpack_mapping
from hwsim.workload import LoopNest, OperandType

INNER = Level(
    "spad", 4, 6, (Storage((True, False, False), 101), Storage((False, True, True), None)), ("always", "never", "free"), 2,
    3.0, None, 5.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), None, 8, (7.0, None, 9.0), False, True, 0.5, "bus", False, False,
)  # fmt: skip
OUTER = Level(
    "dram",
    2,
    3,
    multicast=True,
    reduce=False,
    topology="neighbour",
    write=11.0,
    hop_j=0.25,
    read_j=(0.0, 1.0, 0.0),
    off_chip=True,
)
TOP = Level("host")
HIERARCHY = Hierarchy("box", (INNER, OUTER, TOP), 8, 12, 2.5, 1e-12, 5e8, 0.75, 7.0, 1, 0.125)


def test_what_a_level_and_a_hierarchy_leave_open() -> None:
    """One of each, everything held without a limit, nothing known of energies, wires that cost nothing and do what wires can."""
    everything = (Storage((True, True, True), None),)
    level = {
        "mesh_x": 1, "mesh_y": 1, "storage": everything, "keeps": ("always",) * 3, "buffering": 1, "read": None, "write": None,
        "shared": None, "read_j": None, "fill_j": None, "update_j": None, "block_bits": 0, "network_bits_per_cycle": (None,) * 3,
        "multicast": True, "reduce": True, "hop_j": 0.0, "topology": "mesh", "overlapped": True, "off_chip": False,
        "constraint": LevelConstraint(),
    }  # fmt: skip
    hierarchy = {
        "pes_x": 1, "pes_y": 1, "macs_per_pe": 1.0, "mac_j": None, "clock_hz": 1e9, "leakage_w": None, "pass_cycles": 0.0,
        "pass_level": -1, "min_utilization": 0.0,
    }  # fmt: skip
    loops: dict[str, Any] = {"temporal": (), "spatial_x": (), "spatial_y": (), "keep": (True, True, True)}
    for record, expected in ((Level, level), (Hierarchy, hierarchy), (LevelLoops, loops)):
        found = {
            item.name: item.default if item.default_factory is MISSING else item.default_factory()
            for item in fields(record)
            if item.default is not MISSING or item.default_factory is not MISSING
        }
        assert found == expected


def test_children_of_each_level() -> None:
    assert [HIERARCHY.fanout(level) for level in range(3)] == [(2, 2), (2, 2), (2, 3)]


def test_a_hierarchy_as_arrays() -> None:
    found = pack_hierarchy(HIERARCHY)
    nan, inf = math.nan, math.inf
    assert found.mesh.tolist() == [[4, 6], [2, 3], [1, 1]] and found.fanout.tolist() == [[2, 2], [2, 2], [2, 3]]
    assert found.pool.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert found.pool_bits.tolist() == [[50, UNLIMITED, UNLIMITED], [UNLIMITED] * 3, [UNLIMITED] * 3]
    assert found.keeps.tolist() == [[ALWAYS, NEVER, FREE], [ALWAYS] * 3, [ALWAYS] * 3]
    assert found.bandwidth.tolist() == [[3.0, inf, 5.0], [inf, 11.0, inf], [inf] * 3]
    np.testing.assert_array_equal(
        found.energy,
        [[[1, 2, 3], [4, 5, 6], [nan] * 3], [[0, 1, 0], [nan] * 3, [nan] * 3], [[nan] * 3] * 3],
    )
    assert found.block.tolist() == [8, 0, 0] and found.network.tolist() == [[7.0, inf, 9.0], [inf] * 3, [inf] * 3]
    assert found.multicast.tolist() == [False, True, True] and found.reduce.tolist() == [True, False, True]
    assert found.hop_j.tolist() == [0.5, 0.25, 0.0] and found.topology.tolist() == [BUS, NEIGHBOUR, MESH]
    assert found.overlapped.tolist() == [False, True, True]
    assert (found.macs_per_pe, found.mac_j, found.clock_hz, found.leakage_w) == (2.5, 1e-12, 5e8, 0.75)
    assert (found.pass_cycles, found.pass_level, found.min_utilization) == (7.0, 1, 0.125)
    bare = pack_hierarchy(Hierarchy("bare", (TOP,)))
    assert math.isnan(bare.mac_j) and math.isnan(bare.leakage_w) and bare.pass_level == -1
    assert (bare.pool.shape, bare.pool_bits.shape, bare.energy.shape, bare.network.shape) == (
        (1, 3),
        (1, 3),
        (1, 3, 3),
        (1, 3),
    )


@pytest.mark.parametrize(
    ("storage", "keeps", "message"),
    [
        ((((True, True, True), 8),) * 4, ("never",) * 3, "m: 4 pools for three operands"),
        ((((True, True, False), 8),), ("always", "always", "free"), "m: output lives in 0 pools, not in one"),
        ((((True, True, True), 8), ((False, True, False), 8)), ("always",) * 3, "m: weight lives in 2 pools, not in one"),
        ((((True, True, True), 8), ((False, True, False), 8)), ("never",) * 3, "m: weight lives in 2 pools, not in one"),
        ((((True, True, False), 8),), ("always", "always", "never"), ""), ((), ("never",) * 3, ""),
        ((((True, False, False), 8), ((False, True, False), 9), ((False, False, True), 10)), ("always",) * 3, ""),
    ],
)  # fmt: skip
def test_every_operand_that_may_be_kept_has_one_pool(storage: Any, keeps: Any, message: str) -> None:
    hierarchy = Hierarchy("h", (Level("m", storage=tuple(Storage(*pool) for pool in storage), keeps=keeps),))
    if message:
        with pytest.raises(MappingError, match=f"^{message}$"):
            pack_hierarchy(hierarchy)
        return
    found = pack_hierarchy(hierarchy)
    homes = [[place for place, (held, _) in enumerate(storage) if held[operand]] for operand in range(3)]
    assert found.pool.tolist() == [[home[0] if home else 0 for home in homes]]
    assert found.pool_bits.tolist()[0][: len(storage)] == [bits for _, bits in storage]


def test_capacities_are_shared_by_buffers_and_have_an_end() -> None:
    for bits, buffering, usable in (
        (7, 2, 3),
        (8, 2, 4),
        (1, 2, 0),
        (1 << 70, 1, UNLIMITED),
        (1 << 62, 1, 1 << 62),
        ((1 << 62) - 1, 1, (1 << 62) - 1),
    ):
        level = Level("m", storage=(Storage((True, True, True), bits),), buffering=buffering)
        assert pack_hierarchy(Hierarchy("h", (level,))).pool_bits.tolist() == [[usable, UNLIMITED, UNLIMITED]]


def test_a_nest_as_arrays() -> None:
    nest = LoopNest(
        2, 3, 5, 7, 11, 13, 17, 19, 4, 6, 8, 9, 10, 12, -1, 2,
        OperandType("int4"), OperandType("int2"), OperandType("int16"), OperandType("float32"), repeat=3,
    )  # fmt: skip
    found = pack_nest(nest)
    assert (
        found.extents.tolist() == [2, 3, 5, 7, 11, 13, 17, 19]
        and found.stride.tolist() == [4, 6]
        and found.dilation.tolist() == [8, 9]
    )
    assert found.pad.tolist() == [-1, 2] and found.size.tolist() == [10, 12] and found.bits.tolist() == [4, 2, 16, 32]
    assert pack_nest(LoopNest(q=3, s=2, p=4, r=3)).size.tolist() == [4, 6]


MAPPING = Mapping(
    (
        LevelLoops((("C", 3), ("N", 2)), (("K", 4), ("R", 5)), (("Q", 6),), (True, False, True)),
        LevelLoops((("K", 1), ("R", 7)), (), (("S", 2), ("P", 3)), (False, True, False)),
    )
)


def test_loops_as_arrays_and_back() -> None:
    found = pack_mapping(MAPPING, 2)
    assert found.temporal.tolist() == [[2, 1, 1, 3, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 7]]
    assert found.order.tolist() == [[3, 0, 1, 2, 4, 5, 6, 7], [2, 7, 0, 1, 3, 4, 5, 6]]
    assert found.spatial_x.tolist() == [[1, 1, 4, 1, 1, 1, 1, 5], [1] * 8]
    assert found.order_x.tolist() == [[2, 7, 0, 1, 3, 4, 5, 6], list(range(8))]
    assert found.spatial_y.tolist() == [[1, 1, 1, 1, 6, 1, 1, 1], [1, 1, 1, 1, 1, 3, 2, 1]]
    assert found.order_y.tolist() == [[4, 0, 1, 2, 3, 5, 6, 7], [6, 5, 0, 1, 2, 3, 4, 7]]
    assert found.keep.tolist() == [[True, False, True], [False, True, False]]
    back = unpack_mapping(found)
    assert back.levels[0] == MAPPING.levels[0] and back.levels[1].temporal == (("R", 7),)  # a loop of one is none
    assert back.levels[1].spatial_y == MAPPING.levels[1].spatial_y and back.levels[1].keep == (False, True, False)
    many = pack_mappings([MAPPING, MAPPING, MAPPING], 2)
    assert all(
        (many[place][1] == found[place]).all() and many[place].shape == (3, *found[place].shape) for place in range(7)
    )
    none = pack_mappings([], 3)
    assert [array.shape for array in none] == [(0, 3, 8)] * 6 + [(0, 3, 3)]


@pytest.mark.parametrize("kind", ["temporal", "spatial_x", "spatial_y"])
@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ((("Z", 2),), "'Z' is not a dim (use N G K C Q P S R)"), ((("K", 2), ("C", 2), ("K", 3)), "K is given twice"),
        ((("K", 0),), "factor 0 of K is not a whole number from 1 on"),
        ((("K", True),), "factor True of K is not a whole number from 1 on"),
        ((("K", 2.0),), "factor 2.0 of K is not a whole number from 1 on"), ((("K", UNLIMITED + 1),), "is not a whole number from 1 on"),
        ((("K", UNLIMITED),), ""), ((("K", np.int64(3)),), ""), ((("K", 1),), ""),
    ],
)  # fmt: skip
def test_loops_that_are_none(kind: str, pairs: Any, message: str) -> None:
    mapping = Mapping((LevelLoops(), LevelLoops(**{kind: pairs})))
    if not message:
        assert getattr(pack_mapping(mapping, 2), kind)[1, 2] == pairs[0][1]
        return
    with pytest.raises(MappingError) as caught:
        pack_mapping(mapping, 2)
    assert str(caught.value).startswith(f"mapping: level 1, {kind}: ") and message in str(caught.value)


def test_levels_are_as_many_as_there_are() -> None:
    for levels in (1, 3):
        with pytest.raises(MappingError, match=f"^mapping: has 2 levels, the hierarchy has {levels}$"):
            pack_mapping(MAPPING, levels)
