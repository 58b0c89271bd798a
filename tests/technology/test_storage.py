"""Storage and wires: CACTI's points, the error between them, and what must hold."""

from __future__ import annotations

import json
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.device.technology import (
    Technology,
    leave_one_out,
    mac,
    register,
    register_file,
    spread,
    sram,
    storage,
    switch,
    wire_energy,
)
from hwsim.device.technology.tables import FOLDER, table
from hwsim.errors import UsageError
from tests.shared import SHARED, needs_shared

nodes = st.floats(3, 180, allow_nan=False)


@needs_shared
def test_sram_at_its_own_points() -> None:
    rows = json.loads((SHARED / "reference" / "technology" / "cacti7_sram_65_45_28_22nm.json").read_text())
    assert len(rows) == 36
    for row in rows:
        found = sram(Technology(row["tech_nm"]), row["kB"] * 1024, row["width_bits"])
        assert found.latency is not None
        pairs = (
            (found.read, row["read_pJ"] * 1e-12), (found.write, row["write_pJ"] * 1e-12), (found.area, row["area_um2"] * 1e-12),
            (found.leakage, row["leak_mW"] * 1e-3), (found.latency, row["latency_ns"] * 1e-9),
        )  # fmt: skip
        for ours, theirs in pairs:
            assert ours.value == pytest.approx(theirs, rel=1e-11)
            assert not ours.extrapolated


def test_leave_one_out_is_what_the_readme_says() -> None:
    found = leave_one_out()
    assert len(found) == 4 * 7 * 5
    readme = (FOLDER.parent / "README.md").read_text()
    for column in ("read", "write", "area", "leakage", "latency"):
        errors = [abs(point.error) for point in found if point.column == column]
        row = f"| {column} | {100 * statistics.median(errors):.1f} % | {100 * max(errors):.1f} % |"
        assert row in readme, row
    assert max(abs(point.error) for point in found) < 0.2


def test_the_width_exponents_follow_from_the_tables() -> None:
    for column, at in (("read", 2), ("write", 3)):
        slopes = []
        for rows in table("sram")["nodes"].values():
            (small, bits, *_), (low, *_), (high, *_) = rows[:3]
            line = math.log(rows[2][at] / rows[1][at]) / math.log(high / low)
            wide = rows[1][at] * (small / low) ** line
            slopes.append(math.log(wide / rows[0][at]) / math.log(64 / bits))
        assert table("sram")["narrow_word_exponent"][column] == pytest.approx(statistics.median(slopes), abs=0.01)


@settings(max_examples=150)
@given(st.sampled_from([65.0, 45.0, 28.0, 22.0, 7.0, 90.0]), st.floats(256, 1 << 26), st.integers(1, 512))
def test_wider_words_and_more_ports_never_cost_less(node: float, capacity: float, width: int) -> None:
    technology = Technology(node)
    narrow, wide = sram(technology, capacity, width), sram(technology, capacity, width + 1)
    assert narrow.read.value < wide.read.value and narrow.write.value < wide.write.value
    dual = sram(technology, capacity, width, ports=2)
    assert dual.area.value == pytest.approx(1.415 * narrow.area.value)
    assert dual.read.value > narrow.read.value


@settings(max_examples=100)
@given(nodes, st.floats(1 << 20, 1 << 27), st.floats(1, 4))
def test_beyond_the_largest_macro_more_never_costs_less(node: float, capacity: float, factor: float) -> None:
    small, large = sram(Technology(node), capacity), sram(Technology(node), capacity * factor)
    assert small.read.value <= large.read.value
    assert small.area.value <= large.area.value
    assert small.leakage.value <= large.leakage.value


@settings(max_examples=100)
@given(st.floats(3, 22), st.floats(3, 22), st.floats(256, 1 << 22))
def test_scaled_sram_never_costs_more_at_a_newer_node(one: float, two: float, capacity: float) -> None:
    old, new = (sram(Technology(node), capacity) for node in (max(one, two), min(one, two)))
    assert new.read.value <= old.read.value * (1 + 1e-12)
    assert new.area.value <= old.area.value * (1 + 1e-12)


def test_banks_share_the_capacity_and_cost_a_wire() -> None:
    technology = Technology(45)
    whole, banked = sram(technology, 128 * 1024), sram(technology, 128 * 1024, banks=4)
    one = sram(technology, 32 * 1024)
    wire = wire_energy(technology, math.sqrt(4 * one.area.value) / 2).value * 64
    assert banked.read.value == pytest.approx(one.read.value + wire)
    assert banked.area.value == pytest.approx(4 * one.area.value)
    assert banked.read.value < whole.read.value


def test_small_memories_are_flip_flops() -> None:
    technology = Technology(40, "aladdin")
    small = storage(technology, 24, 16)
    assert small.kind == "flip-flops"
    cell, gate = 0.009, 0.0181 / 32
    assert small.write.value * 1e12 == pytest.approx(16 * cell)
    assert small.read.value * 1e12 == pytest.approx(16 * (cell + gate * math.log2(12)))
    assert small.area.value * 1e12 == pytest.approx(192 * 5.98 + (192 - 16) * 50.4 / 32)
    assert storage(technology, 448, 16).kind == "sram"
    assert storage(technology, 448, 16, flip_flops=True).kind == "flip-flops"
    assert register_file(technology, 2, 16).area.value == pytest.approx(register(technology, 16).area.value)


def test_extrapolation_is_said() -> None:
    assert sram(Technology(65), 300).read.extrapolated
    assert sram(Technology(16), 4096).area.extrapolated
    assert not sram(Technology(40), 4096).area.extrapolated
    assert "macros of at most 1024 KiB" in sram(Technology(28), 24 << 20).read.note


def test_sram_energy_follows_the_supply() -> None:
    high, low = (sram(Technology(45, voltage_v=volts), 8192).read.value for volts in (1.0, 0.8))
    assert high == pytest.approx(sram(Technology(45), 8192).read.value)
    assert low == pytest.approx(0.64 * high)


@pytest.mark.parametrize(
    ("capacity", "width", "ports", "banks"), [(0, 64, 1, 1), (8, 0, 1, 1), (8, 8, 0, 1), (8, 8, 1, 0)]
)
def test_impossible_memories_are_refused(capacity: float, width: int, ports: int, banks: int) -> None:
    with pytest.raises(UsageError, match="positive"):
        sram(Technology(45), capacity, width, ports, banks)


def test_wires_stand_on_the_relative_table() -> None:
    """Twice a 16-bit MAC for 16 bits over 1.5 mm at 65 nm (Eyeriss, ISCA 2016, Table IV)."""
    unit = mac(Technology(65), "int16").energy
    assert unit is not None
    wire = wire_energy(Technology(65), 1.5e-3)
    assert 16 * wire.value == pytest.approx(2 * unit.value)
    assert wire.low is not None and wire.high is not None
    assert wire.low < wire.value < wire.high
    with pytest.raises(UsageError, match="0 or more"):
        wire_energy(Technology(65), -1.0)


@given(nodes, nodes, st.floats(0, 0.1), st.floats(0, 0.1))
def test_farther_never_costs_less(one: float, two: float, near: float, far: float) -> None:
    near, far = min(near, far), max(near, far)
    old, new = Technology(max(one, two)), Technology(min(one, two))
    assert wire_energy(new, near).value <= wire_energy(new, far).value <= wire_energy(old, far).value * (1 + 1e-12)


def test_switches() -> None:
    technology = Technology(40, "aladdin")
    assert switch(technology, 32).area.value == pytest.approx(569.5e-12)
    assert spread(technology, 32, 1).area.value == 0
    assert spread(technology, 64, 16).area.value == pytest.approx(5 * 2 * 569.5e-12)
    with pytest.raises(UsageError, match="at least 1"):
        switch(technology, 0)


def test_the_readme_sets_sram_beside_figures_that_did_not_enter() -> None:
    readme = (FOLDER.parent / "README.md").read_text()
    for capacity, published, _ in table("horowitz")["sram_read_64b"]:
        name = "1 MiB" if capacity == 1024 else f"{capacity} KiB"
        read = sram(Technology(45), 1024 * capacity, 64).read.value * 1e12
        assert f"| read of 64 bits from {name}, 45 nm | {read:.1f} pJ | {published} pJ |" in readme
        assert 0.5 < read / published < 1.1
    unit = mac(Technology(65), "int16").energy
    assert unit is not None
    files = sram(Technology(65), 512, 16)
    assert f"| {files.read.value / unit.value:.1f} and {files.write.value / unit.value:.1f} | 1 |" in readme
    whole, banked = (sram(Technology(65), 108 * 1024, 64, banks=banks).read.value / 4 / unit.value for banks in (1, 27))
    assert f"| {whole:.1f} ({banked:.1f}) | 6 |" in readme


def test_a_wide_word_lies_across_macros_side_by_side() -> None:
    """DianNao's weights: 4096 bits a cycle from 32 KiB are 64 reads of 64 bits from 512 B, and half of the edge of wire."""
    technology = Technology(65)
    wide, narrow, part = sram(technology, 32768, 4096), sram(technology, 32768, 64), sram(technology, 512, 64)
    wire = wire_energy(technology, math.sqrt(wide.area.value) / 2).value * 4096
    assert wide.read.value == pytest.approx(64 * part.read.value + wire)
    assert wide.area.value == narrow.area.value and wide.leakage.value == narrow.leakage.value
    least = sram(technology, 256, 64)
    assert sram(technology, 1024, 4096).write.value > 64 * least.write.value
    assert sram(technology, 1024, 4096).write.value == pytest.approx(
        64 * least.write.value + wire_energy(technology, math.sqrt(sram(technology, 1024).area.value) / 2).value * 4096
    )
