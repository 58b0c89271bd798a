"""Records of counts: what is not said is none, bits of what crosses a port, and what every count's place is."""

from __future__ import annotations

import numpy as np
import pytest

from hwsim.counts import Accesses, Counts, Wires
from hwsim.counts.counting import counts_of, run
from hwsim.errors import UsageError
from hwsim.kernels.packed import empty_counts
from hwsim.mapping import Hierarchy, Level, LevelLoops, Mapping
from hwsim.mapping.pack import pack_hierarchy, pack_mapping, pack_nest
from hwsim.workload import LoopNest


def test_what_is_not_counted_is_none() -> None:
    assert Accesses() == Accesses(0, 0, 0, 0, 0, 0) and Wires() == Wires(0, 0, 0, 0.0)
    found = empty_counts(2)
    shapes = [(2, 3, 3), (2, 3, 3), (2, 3), (2, 3), (2, 3), (2,), (2, 2), (2, 3, 2), (2, 3, 2), (2, 2), (2, 3), (4,)]
    assert [array.shape for array in found] == shapes
    assert all((array == (1 if name == "used" else 0)).all() for name, array in found._asdict().items())
    assert {array.dtype.name for name, array in found._asdict().items() if name != "hops"} == {
        "int64"
    } and found.hops.dtype == np.float64


def test_words_that_are_no_values_yet_have_their_own_width() -> None:
    """Of 7 reads 2 are values of 8 bits, the others sums of 32; fills and updates likewise."""
    assert Accesses(7, 5, 11, 2, 5, 0).bits(8, 32) == (2 * 8 + 5 * 32, 5 * 8, 11 * 32)
    assert Accesses(3, 0, 1, 3, 0, 1).bits(4, 100) == (12, 0, 4)


def test_every_count_in_its_place() -> None:
    """A number of its own everywhere: operands that are no outputs have nothing but values."""
    hierarchy = Hierarchy("h", (Level("a", 2), Level("b")), 4, 3)
    mapping = pack_mapping(Mapping((LevelLoops(keep=(True, False, True)), LevelLoops())), 2)
    found = empty_counts(2)
    for place, array in enumerate(found):
        array[...] = (np.arange(array.size) + 100 * (place + 1)).reshape(array.shape)
    found.incomplete[:] = (0, 1)
    counts = counts_of(hierarchy, mapping, found, "timeloop")
    assert (counts.rules, counts.steps, counts.passes, counts.macs, counts.pes, counts.mesh) == (
        "timeloop",
        1200,
        1201,
        1202,
        1203,
        12,
    )
    first, second = counts.levels
    assert (first.name, first.used, first.incomplete, second.incomplete, second.used) == (
        "a",
        (700, 701),
        False,
        True,
        (702, 703),
    )
    assert first.instances == 700 * 701 and [operand.kept for operand in first] == [True, False, True]
    assert [operand.tile for level in counts.levels for operand in level] == [500, 501, 502, 503, 504, 505]
    weight, output = second.weight, second.output
    assert weight.total == Accesses(112, 113, 114, 112, 113, 114) and weight.busiest == Accesses(
        212, 213, 214, 212, 213, 214
    )
    assert output.total == Accesses(115, 116, 117, 303, 304, 305) and output.busiest == Accesses(
        215, 216, 217, 403, 404, 405
    )
    assert weight.wires == Wires(808, 809, 0, 1104.0) and weight.busiest_wires == Wires(908, 909, 0, 0.0)
    assert output.wires == Wires(810, 811, 1002, 1105.0) and output.busiest_wires == Wires(910, 911, 1003, 0.0)
    assert first.output.wires.final_up == 1000 and first.output.busiest_wires.final_up == 1001
    assert first.input.total.reads == 100 and second.operands == (second.input, second.weight, second.output)


def test_macs_over_all_that_pes_could_do() -> None:
    assert Counts("exact", (), 6, 1, 30, 5, 10).spatial_utilization == 0.5
    assert Counts("exact", (), 2, 1, 10, 5, 5).spatial_utilization == 1.0


def test_unknown_rules_are_a_mistake() -> None:
    hierarchy, nest = Hierarchy("h", (Level("a"),)), LoopNest()
    packed = pack_nest(nest), pack_hierarchy(hierarchy), pack_mapping(Mapping((LevelLoops(),)), 1)
    with pytest.raises(UsageError, match=r"^counting rules 'other': there are exact and timeloop$"):
        run(*packed, "other", False, empty_counts(1))  # type: ignore[arg-type]
