"""What does not fit is a result, what is no mapping is an error, and nothing wraps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwsim.counts import Counts, count
from hwsim.counts.validity import check_nest, covered, misplaced
from hwsim.errors import Infeasible, MappingError
from hwsim.mapping import Hierarchy, LevelLoops, Mapping, Storage
from hwsim.mapping.hierarchy import Keep
from hwsim.workload import LoopNest, OperandType
from tests.counts.nests import EVERYTHING, level, loops, nest, one_pe


def test_tiles_beyond_a_pool_are_infeasible_with_need_and_have() -> None:
    hierarchy, mapping = one_pe(loops([("K", 4), ("C", 4)]), loops([("K", 2)]))
    small = replace(hierarchy.levels[0], storage=(Storage(EVERYTHING, 200),), buffering=2)
    found = count(nest(k=8, c=4), replace(hierarchy, levels=(small, hierarchy.levels[1])), mapping)
    # 16 weights, 4 inputs, 4 outputs: the sums are complete only after the last C, and the level updates them at 32 bits
    assert found == Infeasible("L0", 16 * 8 + 4 * 8 + 4 * 32, 100, "bits for input+weight+output", found.levers)  # type: ignore[union-attr]
    assert "single buffering" in found.levers  # type: ignore[union-attr]
    roomy = replace(small, storage=(Storage(EVERYTHING, 2 * (16 * 8 + 4 * 8 + 4 * 32)),))
    assert isinstance(count(nest(k=8, c=4), replace(hierarchy, levels=(roomy, hierarchy.levels[1])), mapping), Counts)


@pytest.mark.parametrize("buffering", [1, 2, 3])
def test_single_buffering_helps_where_there_is_more(buffering: int) -> None:
    hierarchy, mapping = one_pe(loops([("K", 4)]), loops())
    full = replace(hierarchy.levels[0], storage=(Storage(EVERYTHING, 8),), buffering=buffering)
    found = count(nest(k=4), replace(hierarchy, levels=(full, hierarchy.levels[1])), mapping)
    assert isinstance(found, Infeasible)
    assert ("single buffering" in found.levers) == (buffering > 1) and len(found.levers) == 3 + (buffering > 1)


def test_pools_are_separate() -> None:
    hierarchy, mapping = one_pe(loops([("K", 4)]), loops())
    pools = (Storage((True, False, True), 1000), Storage((False, True, False), 31))
    found = count(
        nest(k=4),
        replace(hierarchy, levels=(replace(hierarchy.levels[0], storage=pools), hierarchy.levels[1])),
        mapping,
    )
    assert isinstance(found, Infeasible)
    assert (found.level, found.need, found.have, found.unit) == ("L0", 32, 31, "bits for weight")


def test_a_mesh_that_is_too_small_is_infeasible() -> None:
    mesh = Hierarchy("mesh", (level("L0", 2, 2), level("L1")), 2, 2)
    found = count(nest(k=3), mesh, Mapping((loops(), loops(x=[("K", 3)]))))
    assert isinstance(found, Infeasible)
    assert (found.level, found.need, found.have, found.unit) == ("L1", 3, 2, "children along x")


def test_a_dim_that_is_not_covered_is_infeasible() -> None:
    found = count(nest(k=9), *one_pe(loops([("K", 4)]), loops([("K", 2)])))
    assert isinstance(found, Infeasible)
    assert (found.need, found.have, found.unit) == (9, 8, "iterations of K")


@pytest.mark.parametrize(("keep", "who"), [("IW", "output"), ("WO", "input")])
def test_the_outermost_level_keeps_everything(keep: str, who: str) -> None:
    found = count(nest(), *one_pe(loops(), loops(keep=keep)))
    assert isinstance(found, Infeasible)
    assert who in found.unit


def test_a_level_that_never_keeps_an_operand_cannot() -> None:
    hierarchy, mapping = one_pe(loops(), loops())
    never = replace(hierarchy.levels[0], keeps=("free", "never", "free"))
    found = count(nest(), replace(hierarchy, levels=(never, hierarchy.levels[1])), mapping)
    assert isinstance(found, Infeasible)
    assert (found.level, found.need, found.have, found.unit) == ("L0", 1, 0, "places for weight")
    always = replace(hierarchy.levels[0], keeps=("free", "always", "free"))
    found = count(
        nest(), replace(hierarchy, levels=(always, hierarchy.levels[1])), Mapping((loops(keep="IO"), mapping.levels[1]))
    )
    assert isinstance(found, Infeasible)
    assert (found.level, found.need, found.have, found.unit) == ("L0", 1, 0, "weight tiles kept by the mapping")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Mapping((LevelLoops(),)), "has 1 levels"),
        (Mapping((LevelLoops((("X", 2),)), LevelLoops())), "not a dim"),  # type: ignore[arg-type]
        (Mapping((LevelLoops((("K", 0),)), LevelLoops())), "whole number"),
        (Mapping((LevelLoops((("K", True),)), LevelLoops())), "whole number"),
        (Mapping((LevelLoops((("K", 2), ("K", 2))), LevelLoops())), "given twice"),
    ],
)
def test_what_is_no_mapping_is_an_error(broken: Mapping, message: str) -> None:
    hierarchy, _ = one_pe(loops(), loops())
    with pytest.raises(MappingError, match=message):
        count(nest(), hierarchy, broken)


def test_counts_up_to_the_edge_of_64_bits_are_exact() -> None:
    """2**59 iterations pass, 2**60 would leave 62 bits with halos and are refused; nothing wraps in between."""
    big = nest(k=1 << 20, c=1 << 20, n=1 << 19)
    hierarchy, _ = one_pe(loops(), loops())
    temporal = [("N", 1 << 19), ("K", 1 << 20), ("C", 1 << 20)]
    for rules in ("exact", "timeloop"):
        found = count(big, hierarchy, Mapping((loops(), loops(temporal))), rules)  # type: ignore[arg-type]
        assert isinstance(found, Counts)
        assert found.macs == found.steps == 1 << 59
        assert found.levels[0].output.total.updates == 1 << 59
        assert found.levels[0].weight.total.fills == 1 << 59
    with pytest.raises(MappingError, match="64 bits"):
        count(replace(big, n=1 << 20), hierarchy, Mapping((loops(), loops([("N", 1 << 20), *temporal[1:]]))))
    with pytest.raises(MappingError, match="64 bits"):
        count(nest(k=1 << 40, c=1 << 40), hierarchy, Mapping((loops(), loops([("K", 1 << 40), ("C", 1 << 40)]))))


def test_pools_hold_each_operand_once() -> None:
    """Up to three pools; what a level may hold lives in just one of them."""
    one = [
        Storage((True, False, False), None),
        Storage((False, True, False), None),
        Storage((False, False, True), None),
    ]

    def counted(*storage: Storage, keeps: tuple[Keep, Keep, Keep] = ("free", "free", "free")) -> object:
        hierarchy, mapping = one_pe(loops(), loops())
        inner = replace(hierarchy.levels[0], storage=storage, keeps=keeps)
        kept = replace(mapping.levels[0], keep=tuple(keep != "never" for keep in keeps))  # type: ignore[arg-type]
        changed = Mapping((kept, mapping.levels[1]))
        return count(nest(), replace(hierarchy, levels=(inner, hierarchy.levels[1])), changed)

    assert isinstance(counted(*one), Counts)
    assert isinstance(counted(*one[:2], keeps=("free", "free", "never")), Counts)
    for storage, message in (
        ((*one, one[0]), "4 pools for three operands"),
        (tuple(one[:2]), "output lives in 0 pools"),
        ((one[0], one[0], one[1]), "input lives in 2 pools"),
    ):
        with pytest.raises(MappingError, match=f"L0: {message}"):
            counted(*storage)
    for keep in ("always", "free"):
        with pytest.raises(MappingError, match="output lives in 0 pools"):
            counted(*one[:2], keeps=("free", "free", keep))


def test_hops_of_wires_that_cost_nothing_are_counted_where_asked() -> None:
    mesh = Hierarchy("mesh", (level("L0", 2), level("L1")), 2)
    mapping = Mapping((loops(), loops(x=[("K", 2)])))
    silent, heard = (count(nest(k=2), mesh, mapping, all_hops=wanted) for wanted in (False, True))
    assert isinstance(silent, Counts) and isinstance(heard, Counts)
    assert count(nest(k=2), mesh, mapping) == silent
    assert silent.levels[1].weight.wires.hops == 0 < heard.levels[1].weight.wires.hops


def test_instances_at_work() -> None:
    """Three levels over a mesh: 2 clusters of 3 x 2 PEs, all at work; then 3 PEs of 4."""
    levels = (level("L0", 6, 2), level("L1", 2), level("L2"))
    mapping = Mapping((loops(), loops(x=[("K", 3)], y=[("C", 2)]), loops(x=[("K", 2)])))
    found = count(nest(k=6, c=2), Hierarchy("mesh", levels, 6, 2), mapping)
    assert isinstance(found, Counts)
    assert [one.used for one in found.levels] == [(6, 2), (2, 1), (1, 1)]
    assert [one.instances for one in found.levels] == [12, 2, 1]
    assert (found.pes, found.mesh, found.steps) == (12, 12, 1)
    single = Hierarchy("row", (level("L0", 4), level("L1")), 4)
    found = count(nest(k=3), single, Mapping((loops(), loops(x=[("K", 3)]))))
    assert isinstance(found, Counts)
    assert ([one.used for one in found.levels], found.pes, found.mesh) == ([(3, 1), (1, 1)], 3, 4)


@pytest.mark.parametrize(
    ("fields", "countable"),
    [
        # stride + dilation is 2 on either axis: 2^60 iterations are 2^62 addresses
        ({"k": 1 << 30, "c": (1 << 30) - 1}, True),
        ({"k": 1 << 30, "c": 1 << 30}, False),
        ({"k": 1 << 30, "c": (1 << 30) - 1, "stride_w": 2, "dilation_h": 2}, False),
        # three addresses of a stride of two by two: a sixth of 2^62
        ({"k": 1 << 30, "c": 715827882, "stride_h": 2}, True),
        ({"k": 1 << 30, "c": 715827883, "stride_h": 2}, False),
        ({"k": 1 << 30, "c": 715827883, "dilation_w": 2}, False),
        # one row of 2^20 inputs: its elements, four times, and twice its length
        ({"p": 1 << 19, "stride_w": 1, "width": 1 << 19}, True),
        ({"p": 1 << 20, "width": 1 << 20}, False),
        # padding as far as that, with hardly anything inside
        ({"pad_top": (1 << 30) - 1}, True),
        ({"pad_top": 1 << 30}, False),
        ({"pad_left": -(1 << 30)}, False),
        ({"pad_left": 1 << 40}, False),
    ],
)
def test_what_64_bits_cannot_count_is_refused(fields: dict[str, int], countable: bool) -> None:
    of = LoopNest(**fields)  # type: ignore[arg-type]
    if countable:
        check_nest(of)
        return
    with pytest.raises(MappingError, match="64 bits"):
        check_nest(of)


def test_what_a_mapping_lacks_is_said_from_the_inside_out() -> None:
    """Exactly as many children, iterations and places as there are suffice; one less is told with what would help."""
    mesh = Hierarchy("mesh", (level("L0", 2, 3), level("L1")), 2, 3)
    for axis, factor, have in (("x", 2, 2), ("x", 3, 2), ("y", 3, 3), ("y", 4, 3)):
        mapping = Mapping((loops(), loops(**{axis: [("K", factor)]})))  # type: ignore[arg-type]
        found = misplaced(nest(k=factor), mesh, mapping, "exact")
        expected = Infeasible("L1", factor, have, f"children along {axis}", (f"smaller spatial factors on {axis}",))
        assert found == (expected if factor > have else None)
    spread = Mapping((loops(), loops(x=[("K", 2), ("C", 2)])))
    assert misplaced(nest(k=2, c=2), mesh, spread, "exact") == Infeasible(
        "L1", 4, 2, "children along x", ("smaller spatial factors on x",)
    )
    wide = Mapping((loops(x=[("K", 2)]), loops()))  # a level's own loops lie below it
    assert misplaced(nest(k=2), mesh, wide, "exact") == Infeasible(
        "L0", 2, 1, "children along x", ("smaller spatial factors on x",)
    )
    more = Mapping((loops([("K", 4)]), loops([("K", 2)])))
    for extent, found in (
        (7, None),
        (8, None),
        (9, Infeasible("mapping", 9, 8, "iterations of K", ("larger factors of K",))),
    ):
        assert misplaced(nest(k=extent), mesh, more, "exact") == found
    with pytest.raises(
        MappingError, match=r"^mapping: factors of K make 8, not 7; the timeloop rules need perfect factors$"
    ):
        misplaced(nest(k=7), mesh, more, "timeloop")
    assert misplaced(nest(k=8), mesh, more, "timeloop") is None
    assert covered(Mapping((loops([("K", 4)], x=[("K", 3)]), loops(y=[("K", 2), ("Q", 5)]))))["K"] == 24


def test_tiles_that_just_fit() -> None:
    """Incomplete sums count at the wider of both; a pool that is not used or has no limit never overflows."""
    hierarchy, mapping = one_pe(loops([("K", 4)]), loops([("C", 2)]))
    for bits, fits in ((32 + 8 + 128, True), (32 + 8 + 127, False)):
        inner = replace(hierarchy.levels[0], storage=(Storage(EVERYTHING, bits),))
        found = count(nest(k=4, c=2), replace(hierarchy, levels=(inner, hierarchy.levels[1])), mapping)
        assert isinstance(found, Counts) == fits
        if not fits:
            levers = (
                "smaller temporal factors at this level or inside of it",
                "a larger capacity",
                "narrower operands",
            )
            assert found == Infeasible("L0", 168, 167, "bits for input+weight+output", levers)
    split = (Storage((True, False, False), 8), Storage((False, True, False), None), Storage((False, False, True), 127))
    inner = replace(hierarchy.levels[0], storage=split)
    found = count(nest(k=4, c=2), replace(hierarchy, levels=(inner, hierarchy.levels[1])), mapping)
    assert isinstance(found, Infeasible) and (found.need, found.have, found.unit) == (128, 127, "bits for output")
    narrow = replace(nest(k=4, c=2), accumulator=OperandType("int4"))  # sums are no narrower than results
    found = count(
        narrow,
        replace(hierarchy, levels=(replace(inner, storage=(Storage(EVERYTHING, 71),)), hierarchy.levels[1])),
        mapping,
    )
    assert isinstance(found, Infeasible) and found.need == 32 + 8 + 32
