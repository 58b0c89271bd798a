"""Energy through whole estimates: it is additive, and never falls with more bits, more distance or an older node."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.cost.area import area
from hwsim.cost.fill import with_technology
from hwsim.device import Dataflow, Device, Precision
from hwsim.device.technology import FAMILIES, Technology, register_file, sram, wire_energy
from hwsim.estimation import Estimate, Traffic, energy
from hwsim.graph import Network
from tests.technology.devices import small

NODES = (180, 130, 90, 65, 45, 32, 28, 22, 16, 14, 10, 7)
WIDTHS = (2, 4, 8, 16)
RUNGS = ("roofline", "systolic")
ENERGIES = ("horowitz", "aladdin")


def _device() -> Device:
    """The small device with a MAC for every width, its weights held still."""
    precisions = tuple(Precision(f"int{bits}", f"int{bits}", "int32", 1.0) for bits in WIDTHS)
    return small(precisions=precisions, dataflow=Dataflow(stationary="weight"), node_nm=None, technology_family="")


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A convolution, activation and a classifier of random shape."""
    channels, size = draw(st.integers(1, 24)), draw(st.integers(3, 20))
    builder = Network.builder("random").input("x", (draw(st.integers(1, 3)), channels, size, size), "int16")
    builder = builder.conv(
        draw(st.integers(1, 24)), kernel=draw(st.sampled_from([1, 3])), stride=draw(st.integers(1, 2))
    )
    return builder.relu().global_pool().flatten().dense(draw(st.integers(1, 20))).build()


def _estimate(network: Network, bits: int, device: Device, rung: str) -> Estimate:
    return hwsim.estimate(hwsim.prepare(network, bits=f"w{bits}a{bits}"), device, rung=rung)


@settings(max_examples=15, deadline=None)
@given(networks(), st.sampled_from(WIDTHS), st.sampled_from(NODES), st.sampled_from(ENERGIES), st.sampled_from(RUNGS))
def test_parts_sum_to_their_totals(network: Network, bits: int, node: int, family: str, rung: str) -> None:
    device = with_technology(_device(), node, family)
    found = _estimate(network, bits, device, rung)
    assert found.totals.energy_j is not None
    assert found.totals.energy_j == pytest.approx(math.fsum(layer.energy_j or 0 for layer in found.layers), rel=1e-12)
    leakage = device.static_w or 0
    for layer in found.layers:
        assert layer.energy_by_j is not None and layer.energy_j is not None
        assert layer.energy_j == pytest.approx(math.fsum(layer.energy_by_j.values()), rel=1e-12)
        assert layer.energy_by_j["leakage"] == pytest.approx(leakage * layer.latency_s)
        assert all(part >= 0 for part in layer.energy_by_j.values())
    low, high = found.bands["energy_j"] or (math.inf, 0)
    assert low <= found.totals.energy_j <= high


@settings(max_examples=15, deadline=None)
@given(networks(), st.sampled_from(NODES), st.sampled_from(ENERGIES), st.sampled_from(RUNGS))
def test_more_bits_never_cost_less(network: Network, node: int, family: str, rung: str) -> None:
    device = replace(with_technology(_device(), node, family), static_w=0.0)
    found = [_estimate(network, bits, device, rung) for bits in WIDTHS]
    for narrow, wide in pairwise(found):
        for one, other in zip(narrow.layers, wide.layers, strict=True):
            assert one.energy_by_j is not None and other.energy_by_j is not None
            for part, joules in one.energy_by_j.items():
                assert joules <= other.energy_by_j[part] * (1 + 1e-12), part


@settings(max_examples=8, deadline=None)
@given(networks(), st.sampled_from(WIDTHS), st.sampled_from(ENERGIES), st.sampled_from(RUNGS))
def test_an_older_node_is_never_cheaper(network: Network, bits: int, family: str, rung: str) -> None:
    """Of what is scaled: MACs and vector work. Memories stand as tabulated and have ups and downs of their own."""
    found = []
    for node in NODES:
        layers = _estimate(network, bits, with_technology(_device(), node, family), rung).layers
        spent = [layer.energy_by_j or {} for layer in layers]
        found.append([math.fsum(parts[name] for parts in spent) for name in ("mac", "vector")])
    for older, newer in pairwise(found):
        assert all(before >= after for before, after in zip(older, newer, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_logic_is_never_smaller_at_an_older_node(family: str) -> None:
    sizes = []
    for node in NODES:
        found = area(_device(), Technology(node, family)).by_component
        sizes.append([found[part] for part in ("mac_array", "latches", "network", "vector")])
    for older, newer in pairwise(sizes):
        assert all(before >= after for before, after in zip(older, newer, strict=True))


@settings(max_examples=50, deadline=None)
@given(st.integers(9, 20), st.integers(0, 5), st.sampled_from(NODES), st.floats(1e-6, 1e-2), st.floats(1, 10))
def test_farther_and_larger_memory_never_costs_less(
    power: int, more: int, node: int, metres: float, times: float
) -> None:
    technology = Technology(node)
    near, far = (sram(technology, 2**exponent) for exponent in (power, min(20, power + more)))
    assert near.read.value <= far.read.value * (1 + 1e-9)
    assert wire_energy(technology, metres).value <= wire_energy(technology, metres * times).value


@pytest.mark.parametrize("node", [65, 45, 28, 16, 7])
def test_a_register_file_costs_less_than_the_buffer_and_that_less_than_dram(node: int) -> None:
    device = with_technology(_device(), node)
    reads = [memory.read_j["input"] for memory in device.memories if memory.read_j]
    assert reads == sorted(reads)
    assert register_file(Technology(node), 64, 8).read.value < sram(Technology(node), 65536, 64).read.value


def test_words_that_go_from_pe_to_pe_pay_for_the_wires() -> None:
    """1 × 1 convolution of 4 channels to 6 on 8 × 8 positions, 4 × 4 PEs, weights held: 1536 inputs and sums take a hop each, and the
    weights of 4 rows and 6 columns 1 + 2 + 3 + 4 hops a column.
    """
    device = with_technology(_device(), 28)
    network = Network.builder("one").input("x", (1, 4, 8, 8), "int8").conv(6, kernel=1, bias=False).build()
    (layer,) = _estimate(network, 8, device, "systolic").layers
    (hop,) = {found.hop_j for found in device.networks if found.inner == "spad"}
    moved = 1536 * 1 + 6 * 10 * 1 + 1536 * 4
    assert layer.energy_by_j is not None and layer.energy_by_j["network"] == pytest.approx(hop * moved)


def test_zero_traffic_costs_leakage_alone() -> None:
    device = with_technology(_device(), 28)
    network = Network.builder("one").input("x", (1, 4, 8, 8), "int8").conv(4, kernel=1).build()
    record = _estimate(network, 8, device, "roofline").layers[0]
    nothing = {memory.name: energy.of_flows(memory, {"input": Traffic()}) for memory in device.memories}
    idle = energy.attach(record, device, nothing)
    assert device.static_w is not None
    assert idle.energy_j == pytest.approx(device.static_w * record.latency_s)
    assert idle.energy_by_j is not None
    assert {name for name, joules in idle.energy_by_j.items() if joules} == {"leakage"}
