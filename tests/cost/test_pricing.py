"""Prices worked by hand on a nest of 16 MACs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hwsim.cost import Cost, price
from hwsim.cost.record import Energy, LevelEnergy, added
from hwsim.counts import Counts, count
from hwsim.mapping import Hierarchy, Level, Mapping
from hwsim.workload import LoopNest
from tests.counts.nests import level, loops, nest

#: 2 x 4 inputs times 4 x 2 weights; K in DRAM, N and C in the buffer.
NEST = nest(n=2, c=4, k=2)
MAPPING = Mapping((loops([("N", 2), ("C", 4)]), loops([("K", 2)])))


def priced(buffer: Level, dram: Level, of: LoopNest = NEST, **fields: object) -> Cost:
    hierarchy = Hierarchy("hand", (buffer, dram), **fields)  # type: ignore[arg-type]
    counts = count(of, hierarchy, MAPPING)
    assert isinstance(counts, Counts)
    return price(counts, hierarchy, of)


def test_compute_binds_where_nothing_else_is_given() -> None:
    found = priced(level("buffer"), level("dram"), clock_hz=2e9)
    assert (found.cycles, found.seconds, found.bound_by, found.slack) == (16, 8e-9, "compute", math.inf)
    assert (found.utilization, found.joules, found.edp, found.missing) == (1.0, None, None, "energy of a MAC")


def test_the_busiest_port_binds() -> None:
    """DRAM: 8 inputs and 8 weights out (128 bits), 4 finished outputs in (32 bits)."""
    found = priced(level("buffer"), level("dram", read=4.0, write=1.0), clock_hz=1e9)
    assert [(port.level, port.kind, port.cycles) for port in found.transfers] == [
        ("dram", "read", 32.0),
        ("dram", "write", 32.0),
    ]
    assert (found.cycles, found.bound_by, found.second_bound_by, found.slack) == (32, "dram", "compute", 2.0)
    assert found.utilization == 0.5


def test_shared_ports_carry_both_ways() -> None:
    assert priced(level("buffer"), level("dram", shared=1.0)).cycles == 160


def test_transfers_that_are_not_overlapped_add() -> None:
    assert priced(level("buffer"), level("dram", shared=1.0, overlapped=False)).cycles == 16 + 160


def test_wires_bind_as_network() -> None:
    found = priced(level("buffer"), level("dram", network_bits_per_cycle=(1.0, None, None)))
    assert (found.cycles, found.bound_by) == (64, "network")


def test_ramp_up_is_paid_for_every_pass() -> None:
    """A pass is what lies inside of DRAM's loops: K makes 2."""
    found = priced(level("buffer"), level("dram"), pass_cycles=10.0, pass_level=1)
    assert (found.compute_cycles, found.cycles) == (36.0, 36)


def test_repeats_are_priced_together() -> None:
    found = priced(level("buffer"), level("dram"), replace(NEST, repeat=3), mac_j=1e-12)
    assert found.cycles == 48
    assert found.utilization == 1.0


def test_several_macs_a_cycle() -> None:
    found = priced(level("buffer"), level("dram"), macs_per_pe=4.0)
    assert (found.cycles, found.utilization) == (4, 1.0)


def test_energy_adds_up_by_level_operand_and_direction() -> None:
    """Buffer, per bit: 16 + 16 reads and 8 + 8 fills of 8 bits. Of the outputs 16 updates, 4 of them final; 12 reads of incomplete sums
    and 4 of finished ones that leave: 12*32 + 4*8 bits either way. DRAM, per block of 64 bits: 1 + 1 reads, 1 update."""
    one, two = (1e-12, 1e-12, 1e-12), (2e-12, 2e-12, 2e-12)
    buffer = level("buffer", read_j=one, fill_j=two, update_j=two)
    dram = level("dram", read_j=(1e-10,) * 3, update_j=(3e-10,) * 3, block_bits=64)
    found = priced(buffer, dram, mac_j=5e-12, leakage_w=0.25, clock_hz=1e9)
    assert found.energy is not None
    at = found.energy.levels["buffer"]
    assert at.reads == pytest.approx((128e-12, 128e-12, 416e-12))
    assert at.fills == pytest.approx((128e-12, 128e-12, 0))
    assert at.updates == pytest.approx((0, 0, 832e-12))
    far = found.energy.levels["dram"]
    assert far.reads == pytest.approx((1e-10, 1e-10, 0))
    assert far.updates == pytest.approx((0, 0, 3e-10))
    assert found.energy.mac == pytest.approx(80e-12)
    assert found.energy.leakage == pytest.approx(0.25 * 16e-9)
    assert found.joules == pytest.approx(sum((672e-12, 256e-12, 832e-12, 5e-10, 80e-12, 4e-9)))
    assert found.edp == pytest.approx(found.joules * 16e-9)


def test_an_energy_that_is_not_given_is_named_unless_it_is_not_needed() -> None:
    one = (1e-12, 1e-12, 1e-12)
    found = priced(level("buffer", read_j=one, fill_j=one), level("dram", read_j=one), mac_j=1e-12)
    assert (found.joules, found.missing) == (None, "update energy of output at buffer")
    found = priced(
        level("buffer", read_j=one, fill_j=one, update_j=one), level("dram", read_j=one, update_j=one), mac_j=1e-12
    )
    assert found.joules is not None  # nothing is filled into DRAM


def test_hops_of_a_mesh() -> None:
    """K on x: each of 4 PEs takes its own weights, x hops away, 4 words of 8 bits each; no rows, so the middle is row 0."""
    one = (1e-12, 1e-12, 1e-12)
    full = {"read_j": one, "fill_j": one, "update_j": one}
    hierarchy = Hierarchy("row", (level("pe", 4, **full), level("buffer", hop_j=1e-15, **full)), 4, mac_j=0.0)
    of = nest(k=4, c=4)
    counts = count(of, hierarchy, Mapping((loops(keep="W"), loops([("C", 4)], x=[("K", 4)]))))
    assert isinstance(counts, Counts)
    assert counts.levels[1].weight.wires.hops == 4 * (0 + 1 + 2 + 3)
    assert counts.levels[1].input.wires.hops == 4 * 3
    cost = price(counts, hierarchy, of)
    assert cost.energy is not None
    assert cost.energy.levels["buffer"].wires[1] == pytest.approx(24 * 8 * 1e-15)


def test_ports_of_all_repeats_are_told() -> None:
    found = priced(level("buffer"), level("dram", read=4.0), replace(NEST, repeat=3))
    assert [port.cycles for port in found.transfers] == [96.0]


def test_a_level_that_moves_nothing_is_no_second_bound() -> None:
    """What DRAM is written: nothing but outputs, and those at no cost in time; compute stands alone."""
    found = priced(level("buffer"), level("dram", write=math.inf))
    assert (found.bound_by, found.second_bound_by, found.slack) == ("compute", "dram", math.inf)
    alone = priced(level("buffer"), level("dram"))
    assert (alone.bound_by, alone.second_bound_by, alone.slack) == ("compute", "", math.inf)


def test_compute_is_not_less_than_nothing_else() -> None:
    """A quarter of a cycle of compute and no ports is a cycle."""
    found = priced(level("buffer"), level("dram"), macs_per_pe=64.0)
    assert (found.compute_cycles, found.cycles) == (0.25, 1)


def test_wires_without_an_energy_of_hops_cost_nothing_and_leakage_is_power_times_time() -> None:
    one = (1e-12, 1e-12, 1e-12)
    full = {"read_j": one, "fill_j": one, "update_j": one}
    found = priced(level("buffer", **full), level("dram", **full), mac_j=1e-12, leakage_w=2.0, clock_hz=1e9)
    assert found.energy is not None
    assert found.energy.network == 0.0
    assert found.energy.leakage == 2.0 * 16e-9


def test_nothing_is_spent_where_nothing_is_said() -> None:
    assert LevelEnergy().storage == 0 and sum(LevelEnergy().wires) == 0
    plain = Hierarchy("plain", (level("dram"),))
    assert (plain.pass_cycles, plain.levels[0].hop_j) == (0, 0)


def test_an_operand_that_crosses_no_wires_takes_no_energy_there() -> None:
    """Weights go from DRAM to the PEs past the buffer, whose wires have a price."""
    one = (1e-12, 1e-12, 1e-12)
    full = {"read_j": one, "fill_j": one, "update_j": one}
    levels = (level("pe", **full), level("buffer", hop_j=1e-15, **full), level("dram", **full))
    hierarchy = Hierarchy("row", levels, mac_j=0.0)
    counts = count(NEST, hierarchy, Mapping((loops(), loops([("N", 2), ("C", 4)], keep="IO"), loops([("K", 2)]))))
    assert isinstance(counts, Counts)
    cost = price(counts, hierarchy, NEST)
    assert cost.energy is not None and cost.energy.levels["buffer"].wires[1] == 0


def test_accesses_that_never_happen_need_no_energy_and_free_ones_take_none() -> None:
    """Nothing is filled into DRAM, whose price of it is not known; nothing costs anything where words are free."""
    one, free = (1e-12, 1e-12, 1e-12), (0.0, 0.0, 0.0)
    found = priced(
        level("buffer", read_j=free, fill_j=free, update_j=free), level("dram", read_j=one, update_j=one), mac_j=0.0
    )
    assert found.energy is not None and found.energy.levels["buffer"].storage == 0
    dram = found.energy.levels["dram"]
    assert (dram.fills, dram.updates) == ((0, 0, 0), pytest.approx((0, 0, 32e-12)))


def test_repeats_take_their_energy_each() -> None:
    one = (1e-12, 1e-12, 1e-12)
    full = {"read_j": one, "fill_j": one, "update_j": one}
    once, thrice = (
        priced(level("buffer", hop_j=1e-13, **full), level("dram", **full), replace(NEST, repeat=repeat), mac_j=5e-12)  # type: ignore[arg-type]
        for repeat in (1, 3)
    )
    assert once.joules is not None and thrice.joules == pytest.approx(3 * once.joules)


def test_sums_of_an_energy() -> None:
    """Levels and wires apart; a record that says nothing costs nothing."""
    levels = {
        "a": LevelEnergy((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0), (10.0, 11.0, 12.0)),
        "b": LevelEnergy(wires=(0.25, 0.0, 0.5)),
    }
    found = Energy(100.0, levels, 1000.0)
    assert levels["a"].storage == 45.0 and levels["b"].storage == 0.0
    assert found.network == 33.75 and found.total == 100.0 + 45.0 + 33.75 + 1000.0
    nothing = (0.0, 0.0, 0.0)
    assert LevelEnergy() == LevelEnergy(nothing, nothing, nothing, nothing)
    bare = Cost(2.0, 3, None, 1.0, (), "compute", "", math.inf, 1.0, 1.0)
    assert (bare.energy, bare.missing, bare.level_cycles, bare.edp) == (None, "", {}, None)
    assert replace(bare, joules=5.0).edp == 10.0 and replace(bare, joules=0.0).edp == 0.0
    assert added([0.1] * 10) == sum_from_the_left([0.1] * 10) and added([]) == 0.0


def sum_from_the_left(parts: list[float]) -> float:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def test_compute_slowed_down_by_a_port_of_the_reference() -> None:
    """16 steps, 128 bits of inputs and weights: at 4 bits a step half as fast, at 8 as fast, at 16 not the busiest; rounded up."""
    hierarchy = Hierarchy("hand", (level("buffer"), level("dram", read=4.0)), clock_hz=1e9)
    counts = count(NEST, hierarchy, MAPPING, "timeloop")
    assert isinstance(counts, Counts)
    for rate, cycles in ((4.0, 32.0), (8.0, 16.0), (16.0, 8.0), (3.0, 43.0), (7.0, 19.0)):
        priced_ = price(counts, replace(hierarchy, levels=(hierarchy.levels[0], level("dram", read=rate))), NEST)
        assert [port.cycles for port in priced_.transfers] == [cycles]
    exact = count(NEST, hierarchy, MAPPING)
    assert isinstance(exact, Counts)
    found = price(exact, replace(hierarchy, levels=(hierarchy.levels[0], level("dram", read=3.0))), NEST)
    assert found.transfers[0].cycles == pytest.approx(128 / 3) and found.cycles == 43


def test_levels_that_wait_add_their_longest_port_each() -> None:
    """Two levels that do not overlap: the busiest port of each, after what overlaps; a fraction of a cycle is rounded up once."""
    buffer, dram = (
        level("buffer", read=8.0, write=100.0, overlapped=False),
        level("dram", read=3.0, shared=4.0, overlapped=False),
    )
    found = priced(buffer, dram)
    ports = {(port.level, port.kind): port.cycles for port in found.transfers}
    busiest = [max(cycles for (name, _), cycles in ports.items() if name == each) for each in ("buffer", "dram")]
    assert (
        found.cycles == math.ceil(16 + sum(busiest))
        and ports["dram", "read"] == pytest.approx(128 / 3)
        and ports["dram", "shared"] == 40.0
    )
