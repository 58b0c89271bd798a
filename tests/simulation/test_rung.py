"""``--model simulate``: the same record, between the busiest engine and the serial sum, and exact where the analytical rung is."""

from __future__ import annotations

import math

import pytest

import hwsim
from hwsim.device import load
from hwsim.errors import UsageError
from hwsim.graph import Network

#: The convolutions of AlexNet as Eyeriss was measured with (JSSC 52(1), 2017, Table V), batch 4: input, then the layer.
ALEXNET = {
    "conv1": ((4, 3, 227, 227), {"filters": 96, "kernel": 11, "stride": 4, "padding": "valid"}),
    "conv2": ((4, 96, 27, 27), {"filters": 256, "kernel": 5, "groups": 2}),
    "conv3": ((4, 256, 13, 13), {"filters": 384, "kernel": 3}),
    "conv4": ((4, 384, 13, 13), {"filters": 384, "kernel": 3, "groups": 2}),
    "conv5": ((4, 384, 13, 13), {"filters": 256, "kernel": 3, "groups": 2}),
}


@pytest.fixture(scope="module", params=["tpu_v1", "a100_sxm_80g", "cortex_m7", "edge_tpu"])
def pair(request: pytest.FixtureRequest) -> tuple[hwsim.Estimate, hwsim.Estimate]:
    network = hwsim.prepare("light_squeezenet")
    simulated = hwsim.estimate(network, request.param, rung="simulate")
    return hwsim.estimate(network, request.param, rung=str(simulated.settings["tiles"])), simulated


def test_same_record_with_times(pair: tuple[hwsim.Estimate, hwsim.Estimate]) -> None:
    analytical, simulated = pair
    assert simulated.settings["model"] == "simulate"
    assert simulated.settings["tiles"] == analytical.settings["model"]
    assert [layer.name for layer in simulated.layers] == [layer.name for layer in analytical.layers]
    totals = simulated.totals
    assert math.fsum(layer.latency_s for layer in simulated.layers) == pytest.approx(totals.latency_s, rel=1e-12)
    assert max(layer.extra["end_s"] for layer in simulated.layers) == pytest.approx(totals.latency_s, rel=1e-12)
    assert simulated.simulation is not None
    assert simulated.simulation.plan is not None
    if not simulated.simulation.plan.spilled:  # a plan of addresses may keep more or less than one that counts bytes
        assert totals.dram_bytes == analytical.totals.dram_bytes
    for layer in simulated.layers:
        assert 0 <= layer.extra["start_s"] <= layer.extra["end_s"]
        assert {"start_s", "end_s", "stall_s"} <= set(layer.to_dict())
        assert layer.utilization <= 1
    assert totals.throughput_per_s * totals.latency_s >= 1 - 1e-9


def test_layers_take_at_least_what_the_analytical_rung_says_of_them(
    pair: tuple[hwsim.Estimate, hwsim.Estimate],
) -> None:
    analytical, simulated = pair
    for bound, layer in zip(analytical.layers, simulated.layers, strict=True):
        took = layer.extra["end_s"] - layer.extra["start_s"]
        assert took >= max(bound.compute_s, bound.memory_s) * (1 - 1e-6)


@pytest.mark.parametrize("name", ALEXNET)
def test_eyeriss_total_and_processing_latency_by_one_switch(name: str) -> None:
    """Without overlap of DRAM the total is compute and transfers, to the cycle what the mapping rung says; with it, what is processed
    behind which transfers hide: at least the rung's, and more by what its uneven tiles wait for."""
    check_switch(name, *ALEXNET[name])


def check_switch(name: str, shape: tuple[int, ...], layer: dict[str, object]) -> None:
    """What the rungs say of one mapping, whichever it is: a quick one."""
    network = hwsim.prepare(Network.builder(name).input("x", shape).conv(**layer).build(), bits="w16a16")  # type: ignore[arg-type]
    serial, hidden = (load("eyeriss_v1", [f"memory.dram.overlapped={switch}"]) for switch in ("false", "true"))
    total = hwsim.estimate(network, serial, rung="simulate", search="quick").totals.cycles
    assert abs(total - hwsim.estimate(network, serial, rung="mapping", search="quick").totals.cycles) <= 1
    processing = hwsim.estimate(network, hidden, rung="simulate", search="quick").totals.cycles
    bound = hwsim.estimate(network, hidden, rung="mapping", search="quick")
    assert bound.totals.cycles - 1 <= processing < total
    transfers = max(0.0, bound.layers[0].memory_s) * hidden.clock_hz
    assert processing <= bound.totals.cycles + transfers


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rung": "simulated"}, "did you mean simulate"),
        ({"rung": "roofline", "tiles": "systolic"}, "--tiles"),
        ({"rung": "simulate", "tiles": "mappin"}, "did you mean mapping"),
        ({"rung": "simulate", "tiles": "simulate"}, "choose from"),
        ({"rung": "simulate", "units": "bit"}, "--units bit"),
    ],
)
def test_what_does_not_go_together_is_said(arguments: dict[str, str], said: str) -> None:
    network = Network.builder("tiny").input("x", (1, 8, 8, 8)).conv(8).build()
    with pytest.raises(UsageError, match=said):
        hwsim.estimate(network, "tpu_v1", **arguments)


def test_what_64_bits_do_not_hold_is_refused() -> None:
    """A product of a million on every side takes a microcontroller 10^18 cycles: that many ticks would wrap."""
    network = Network.builder("huge").input("x", (10**6, 10**6)).dense(10**6, bias=False).build()
    with pytest.raises(UsageError, match="too many to simulate"):
        hwsim.estimate(network, "cortex_m7", rung="simulate")


def test_branches_overlap_where_engines_differ() -> None:
    """A pool and a convolution of the same input run beside each other: the vector unit is not the MAC array."""
    network = (
        Network.builder("fork")
        .input("x", (1, 64, 56, 56))
        .conv(64, kernel=3, name="conv")
        .at("x")
        .pool(kernel=3, stride=1, padding="same", name="pool")
        .build()
    )
    simulated = {layer.name: layer.extra for layer in hwsim.estimate(network, "tpu_v1", rung="simulate").layers}
    assert simulated["pool"]["start_s"] < simulated["conv"]["end_s"]
    assert simulated["conv"]["start_s"] < simulated["pool"]["end_s"]


def test_fusion_saves_traffic_where_the_profile_allows_it() -> None:
    """Two convolutions whose passed-on tensor is larger than the buffer: depth first it never leaves the chip."""
    network = hwsim.prepare(
        Network.builder("chain").input("x", (1, 3, 64, 64)).conv(32, name="a").conv(8, name="b").build(), bits="w8a8"
    )
    small = ["memory.unified_buffer.capacity_mib=0.0625"]
    plain = hwsim.estimate(network, load("tpu_v1", small), rung="simulate")
    fused = hwsim.estimate(network, load("tpu_v1", [*small, "dataflow.fusion=any"]), rung="simulate")
    assert plain.simulation is not None
    assert fused.simulation is not None
    assert not plain.simulation.groups
    (group,) = fused.simulation.groups
    assert group.positions == (0, 1)
    passed_on = 32 * 64 * 64
    assert plain.totals.dram_bytes - fused.totals.dram_bytes >= 2 * passed_on
    weights = 3 * 32 * 9 + 32 + 32 * 8 * 9 + 8
    assert group.group.read_bytes + group.group.write_bytes == 3 * 64 * 64 + 8 * 64 * 64
    assert group.group.weight_bytes >= weights - 2 * (32 + 8)
    assert [layer.extra["start_s"] for layer in fused.layers] == [0.0, 0.0]
    assert fused.totals.macs == plain.totals.macs


def test_setup_comes_before_each_transfer_of_a_tile() -> None:
    """Without overlap every load and store of every tile takes its set-up longer: three transfers here, of one tile."""
    network = Network.builder("tiny").input("x", (1, 8, 8, 8)).conv(8).build()
    switches = ["memory.dram.overlapped=false"]
    plain = hwsim.estimate(network, load("tpu_v1", switches), rung="simulate").totals.cycles
    with_setup = hwsim.estimate(network, load("tpu_v1", [*switches, "memory.dram.setup_cycles=100"]), rung="simulate")
    assert with_setup.simulation is not None
    assert sum(stream.tiles for stream in with_setup.simulation.timeline.program.streams) == 1
    assert with_setup.totals.cycles == plain + 300
