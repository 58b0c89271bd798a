"""Area of a design: parts by hand, what cannot be known, and what must hold."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.cost.area import (
    COMPONENTS,
    _link_bits,
    _networks,
    area,
    level_storage,
    own_technology,
    pe_pitch,
    unknown_because,
)
from hwsim.device import Array, Device, Memory, Network, Pool, Precision, Vector
from hwsim.device.technology import (
    Estimated,
    Technology,
    bit_serial_mac,
    mac,
    overhead_fraction,
    pe_area,
    register_file,
    spread,
    sram,
)
from hwsim.errors import UsageError
from tests.technology.devices import memory, small

ALADDIN = Technology(40, "aladdin")
NOTHING = Estimated(0.0, "1", "none", "estimated")


def test_parts_by_hand() -> None:
    """Aladdin at 40 nm: 8-bit multiplier 6350/16 and 32-bit adder 278, 48 flip-flops of 5.98, switches of 569.5 a 32-bit word [µm²]."""
    found = area(small())
    parts = found.by_component
    assert parts["mac_array"] * 1e12 == pytest.approx(16 * (6350 / 16 + 278))
    assert parts["latches"] * 1e12 == pytest.approx(16 * 48 * 5.98)
    assert parts["register_files"] == pytest.approx(16 * register_file(ALADDIN, 64, 8).area.value)
    assert parts["buffers"] == pytest.approx(sram(ALADDIN, 65536).area.value)
    assert parts["network"] * 1e12 == pytest.approx(5 * 48 / 32 * 569.5), (
        "a tree of five switches to 16 PEs, 1 + 1 + 4 bytes a cycle"
    )
    assert parts["vector"] == pytest.approx(4 * mac(ALADDIN, "int32").area.value)
    assert tuple(parts) == COMPONENTS
    assert found.unavailable == ()


def test_parts_sum_to_the_total_and_the_overhead_is_a_fraction_of_them() -> None:
    found = area(small())
    modelled = sum(part.area.value for part in found.parts)
    fraction = overhead_fraction("aladdin")
    assert found.total == pytest.approx(modelled * (1 + fraction.value))
    assert found.total == pytest.approx(sum(found.by_component.values()))
    assert sum(found.shares.values()) == pytest.approx(1)
    assert area(small(), overhead=NOTHING).total == pytest.approx(modelled)
    assert found.interval is not None and found.interval[0] < found.total < found.interval[1]
    assert area(small(), overhead=NOTHING).interval is None


def test_published_areas_stand_beside_the_estimate() -> None:
    found = area(small(area_mm2={"core": 0.5, "die": 1.0, "budget": 3.0, "pe": 0.01}))
    assert found.published == {"core": 0.5e-6, "die": pytest.approx(1e-6)}
    assert found.ratios == {name: pytest.approx(found.total / size) for name, size in found.published.items()}
    assert area(small()).ratios == {}


def test_what_no_table_describes_is_named() -> None:
    levels = (
        memory("spad", (4, 4), None),
        memory("code", (1, 1), 1024, "flash"),
        memory("dram", (1, 1), None, off_chip=True),
    )
    found = area(small(memories=levels))
    assert found.unavailable == (
        "spad (input+output+weight): the profile gives no capacity",
        "code (input+output+weight): no tables of flash",
    )
    assert found.by_component["register_files"] == found.by_component["buffers"] == 0


def test_a_register_level_replaces_the_latches_of_what_it_holds() -> None:
    registers = replace(
        memory("weights", (4, 4), 1, "register"), keeps={"input": "never", "weight": "always", "output": "never"}
    )
    levels = (registers, *small().memories[1:])
    found = area(small(memories=levels))
    assert found.by_component["latches"] * 1e12 == pytest.approx(16 * 40 * 5.98)
    assert found.by_component["register_files"] * 1e12 == pytest.approx(16 * 8 * 5.98)


def test_banks_are_shared_by_the_pools_of_a_level() -> None:
    banked = memory("buffer", (1, 1), 65536, "sram", banks=16)
    levels = (small().memories[0], banked, small().memories[2])
    assert area(small(memories=levels)).by_component["buffers"] == pytest.approx(16 * sram(ALADDIN, 4096).area.value)


def test_the_largest_precision_counts() -> None:
    """Four 4-bit MACs a cycle are smaller than one of 16 bits."""
    precisions = (Precision("int4", "int4", "int32", 4.0), Precision("int16", "int16", "int32", 1.0))
    wide = mac(ALADDIN, "int16", "int16", "int32").area.value
    four = 4 * mac(ALADDIN, "int4", "int4", "int32").area.value
    assert area(small(precisions=precisions)).by_component["mac_array"] == pytest.approx(16 * max(wide, four))


def test_a_bit_serial_array_is_lanes_with_an_accumulator_for_each_pe() -> None:
    """One 8-bit MAC a cycle from 8 lanes; the latches are those of the two operands."""
    serial = Precision("int8", "int8", "int32", 1.0, serial="weight")
    parts = area(small(precisions=(serial,))).by_component
    assert parts["mac_array"] == pytest.approx(16 * bit_serial_mac(ALADDIN, 8, 8, 32, 8).area.value)
    assert parts["latches"] * 1e12 == pytest.approx(16 * 16 * 5.98)
    hcm = area(small(precisions=(serial,), node_nm=28, technology_family="hcm")).by_component
    assert hcm["mac_array"] == pytest.approx(16 * bit_serial_mac(Technology(28), 8, 8, 32, 8).area.value)


def test_hcm_elements_are_whole() -> None:
    device = small(precisions=(Precision("int8", "int8", "int32", 9.0),), node_nm=28, technology_family="hcm")
    parts = area(device).by_component
    assert parts["mac_array"] == pytest.approx(16 * pe_area(8).value)
    assert parts["latches"] == 0
    floats = replace(device, precisions=(Precision("float16", "float16", "float32", 1.0),))
    expected = mac(Technology(28, "horowitz"), "float16", "", "float32").area.value
    assert area(floats).by_component["mac_array"] == pytest.approx(16 * expected)


@settings(max_examples=60)
@given(st.integers(1, 15), st.floats(3, 180), st.floats(3, 180), st.sampled_from(["horowitz", "aladdin"]))
def test_more_bits_and_an_older_node_never_take_less_logic(bits: int, one: float, two: float, family: str) -> None:
    def logic(width: int, node: float) -> float:
        parts = area(_with_bits(width), Technology(node, family)).by_component
        return parts["mac_array"] + parts["latches"] + parts["network"] + parts["vector"]

    old, new = max(one, two), min(one, two)
    assert logic(bits, new) <= logic(bits + 1, new)
    assert logic(bits, new) <= logic(bits, old) * (1 + 1e-12)


def _with_bits(bits: int) -> Device:
    return small(precisions=(Precision(f"int{bits}", f"int{bits}", "int32", 1.0),))


def test_the_area_is_known_as_well_as_its_overhead_is() -> None:
    modelled = sum(part.area.value for part in area(small()).parts)
    told = Estimated(0.5, "1", "chips", "estimated", low=0.25, high=1.5)
    assert area(small(), overhead=told).interval == pytest.approx((1.25 * modelled, 2.5 * modelled))
    for end in ("low", "high"):
        assert area(small(), overhead=replace(told, **{end: None})).interval is None


def test_pe_pitch_is_the_edge_of_a_pe_with_its_share_of_the_overhead() -> None:
    found = area(small())
    parts = found.by_component
    own = (parts["mac_array"] + parts["latches"] + parts["register_files"]) / 16 * (1 + found.overhead.value)
    assert pe_pitch(small(), ALADDIN) == pytest.approx(math.sqrt(own))


def test_what_pes_share_takes_no_room_in_them() -> None:
    """Neither a register file of each row, nor the lanes of a vector unit, be there as many as PEs."""
    rows = memory("shared", (1, 4), 64, "regfile", width_bits=8)
    device = small(memories=(small().memories[0], rows, *small().memories[1:]), vector=Vector(64e9), networks=())
    assert {part.instances for part in area(device).parts if part.component == "vector"} == {64}
    assert pe_pitch(device, ALADDIN) == pytest.approx(pe_pitch(small(), ALADDIN))


@pytest.mark.parametrize("inside", [1, 2, 3])
def test_two_children_need_a_switch(inside: int) -> None:
    levels = (memory("spad", (inside, 1), 64), *small().memories[1:])
    found = area(small(array=Array(inside, 1), memories=levels, networks=())).by_component["network"]
    assert found == pytest.approx(spread(ALADDIN, 48, inside).area.value if inside > 1 else 0)
    assert (found > 0) == (inside > 1)


def test_a_device_without_a_node_says_so() -> None:
    with pytest.raises(UsageError, match="small: the profile gives no technology node"):
        area(small(node_nm=None))
    assert area(small(node_nm=None), ALADDIN).total == area(small()).total
    assert own_technology(small(technology_family="")).family == "horowitz"


def test_networks_spread_words_only_where_there_is_something_to_spread() -> None:
    alone = small(array=Array(1, 1), memories=(memory("spad", (1, 1), 64), *small().memories[1:]))
    assert area(alone).by_component["network"] == 0
    bare = area(small(networks=())).by_component["network"]
    assert bare == pytest.approx(spread(ALADDIN, 8 + 8 + 32, 16).area.value)


def test_storage_in_every_pe_is_a_register_file_whatever_it_is_made_of() -> None:
    levels = (memory("scratchpad", (4, 4), 1024, "sram"), memory("queue", (1, 4), 1024, "sram"), small().memories[2])
    parts = area(small(memories=levels)).by_component
    assert parts["register_files"] == pytest.approx(16 * sram(ALADDIN, 1024).area.value)
    assert parts["buffers"] == pytest.approx(4 * sram(ALADDIN, 1024).area.value)


def test_shares_are_of_what_is_modelled() -> None:
    found = area(small(), overhead=replace(NOTHING, value=0.3))
    whole = sum(part.area.value for part in found.parts)
    for component, share in found.shares.items():
        assert share == pytest.approx(sum(p.area.value for p in found.parts if p.component == component) / whole)


def test_a_pool_of_unknown_size_hides_no_other_one() -> None:
    buffer = memory("buffer", (1, 1), 65536, "sram", width_bits=64)
    pools = (Pool(frozenset({"weight"}), None), Pool(frozenset({"input"}), 4096), Pool(frozenset({"output"}), 8192))
    found = area(small(memories=(small().memories[0], replace(buffer, pools=pools), small().memories[2])))
    assert found.unavailable == ("buffer (weight): the profile gives no capacity",)
    names = [part.name for part in found.parts if part.level == "buffer"]
    assert names == ["buffer (input)", "buffer (output)"]


def test_a_level_of_one_child_needs_no_switch() -> None:
    """Spads beside every PE and a buffer over all of them: one tree; none below the spads."""
    assert [part.name for part in area(small()).parts if part.component == "network"] == ["buffer to spad"]
    assert spread(ALADDIN, 8, 1).area.value == 0
    for children, switches in ((2, 1), (4, 1), (5, 2), (16, 5), (17, 6)):
        assert spread(ALADDIN, 8, children).area.value == pytest.approx(switches * spread(ALADDIN, 8, 2).area.value)


@pytest.mark.parametrize("kind", ["sram", "regfile"])
def test_only_registers_replace_latches(kind: str) -> None:
    levels = (memory("spad", (4, 4), 64, kind, width_bits=8), *small().memories[1:])
    assert area(small(memories=levels)).by_component["latches"] == area(small()).by_component["latches"]
    shared = (memory("spad", (1, 1), 64, "register", width_bits=8), *small().memories[1:])
    assert area(small(memories=shared)).by_component["latches"] == area(small()).by_component["latches"]


def _level(**more: Any) -> Memory:
    pools = (Pool(frozenset({"input"}), 100), Pool(frozenset({"weight", "output"}), 300))
    return Memory("m", 2, 2, pools, {"input": "always", "weight": "always", "output": "always"}, **more)


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({}, [(100, 64, 1, 1, False), (300, 64, 1, 1, False)]),
        ({"width_bits": 24, "read_ports": 2, "write_ports": 3, "shared_ports": 4}, [(100, 24, 9, 1, False), (300, 24, 9, 1, False)]),
        ({"banks": 8, "type": "register", "read_ports": 1}, [(100, 64, 1, 2, True), (300, 64, 1, 6, True)]),
        ({"banks": 1, "type": "sram", "write_ports": 2}, [(100, 64, 2, 1, False), (300, 64, 2, 1, False)]),
        ({"type": "regfile"}, [(100, 64, 1, 1, False), (300, 64, 1, 1, False)]),
        ({"off_chip": True}, []), ({"type": "edram"}, []), ({"type": "flash"}, []), ({"type": "host"}, []),
    ],
)  # fmt: skip
def test_what_a_level_is_built_of(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], asked: list[tuple[Any, ...]]
) -> None:
    """Bytes, width, ports and banks of each pool, of flip-flops or not: banks by size, one port and 64 bits where nothing is said."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr("hwsim.cost.area.storage", lambda technology, *given: calls.append(given))
    technology = Technology(28)
    found = level_storage(_level(**more), technology)
    assert calls == asked and set(found) == {frozenset({"input"}), frozenset({"weight", "output"})}
    calls.clear()
    small = replace(
        _level(**more),
        pools=(Pool(frozenset({"input"}), 5), Pool(frozenset({"weight"}), None), Pool(frozenset({"output"}), 0)),
    )
    level_storage(small, technology)
    assert [given[:2] for given in calls] == ([(5, more.get("width_bits", 40))] if asked else [])


def test_why_a_level_cannot_be_estimated() -> None:
    for more, words in (
        ({"off_chip": True}, "the profile gives no memory type"), ({"off_chip": True, "type": "lpddr4"}, "no tables of lpddr4"),
        ({"type": "flash"}, "no tables of flash"), ({}, "the profile gives no capacity"),
        ({"type": "sram"}, "the profile gives no capacity"),
    ):  # fmt: skip
        assert unknown_because(_level(**more)) == words


@pytest.mark.parametrize(
    ("bandwidth", "bits"),
    [
        (None, 8 + 4 + 32),
        ({}, 44),
        ({"input": 2e9}, 16 + 4 + 32),
        ({"input": 0.3e9, "weight": 0.0, "output": 0.0}, 2),
        ({"input": 0.0, "weight": 0.0, "output": 0.0}, 1),
    ],
)
def test_wires_are_as_wide_as_a_cycle_s_words(bandwidth: dict[str, float] | None, bits: int) -> None:
    """What the profile gives a cycle, rounded to whole wires, one at least; else a word of each operand."""
    device = Device("d", "accelerator", "", 1e9, Array(1, 1), (Precision("int8", "int4", "int32", 1.0),), ())
    network = None if bandwidth is None else Network("a", "b", bandwidth)  # type: ignore[arg-type]
    assert _link_bits(device, network) == bits


def test_switches_lie_between_levels_of_more_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("hwsim.cost.area.spread", lambda technology, bits, children: asked.append((bits, children)))
    monkeypatch.setattr("hwsim.cost.area._part", lambda name, component, many, circuit: (name, component, many))
    pool = (Pool(frozenset({"input"}), 8),)
    levels = tuple(
        Memory(name, mesh, 1, pool, {"input": "always"})
        for name, mesh in (("a", 8), ("b", 4), ("c", 4), ("d", 3), ("e", 1))
    )  # type: ignore[arg-type]
    device = Device("d", "accelerator", "", 1e9, Array(8, 2), (Precision("int8", "int8", "int32", 1.0),), levels)
    assert list(_networks(device, Technology(28))) == [
        ("a to PE", "network", 8),
        ("b to a", "network", 4),
        ("e to d", "network", 1),
    ]
    assert asked == [(48, 2), (48, 2), (48, 3)]


@pytest.mark.parametrize(("rate", "lanes"), [(1e9, 1), (2.6e9, 3), (0.2e9, 1), (16e9, 16)])
def test_lanes_of_a_vector_unit(rate: float, lanes: int) -> None:
    device = Device(
        "d",
        "accelerator",
        "",
        1e9,
        Array(1, 1),
        (Precision("int8", "int8", "int32", 1.0),),
        (),
        Vector(rate),
        node_nm=28.0,
    )
    (vector,) = (part for part in area(device).parts if part.component == "vector")
    assert vector.instances == lanes and vector.name == "vector lanes"
