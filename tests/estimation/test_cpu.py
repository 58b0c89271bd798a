"""The cpu rung: where tensors lie, what adds up, what follows from it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import hwsim
from hwsim.cost.cpu import core_of, cycles
from hwsim.errors import UsageError
from hwsim.estimation import caches, cpu
from hwsim.estimation.extents import pool_nest, runs_of
from hwsim.estimation.library import kernels
from hwsim.estimation.residency import Reach, Residency, residency
from hwsim.estimation.room import SHARED, spans
from hwsim.graph import Layer, Network
from hwsim.workload import LoopNest, Work

DEVICE = hwsim.load_device("generic_x86_server_core")


def _chain(side: int = 16) -> Network:
    builder = Network.builder("chain").input("x", (1, 16, side, side))
    return builder.conv(32, kernel=3, name="a").pool(2, stride=2, name="b").conv(32, kernel=1, name="c").build()


def test_distances_are_bytes_touched_in_between() -> None:
    prepared = hwsim.prepare(_chain())
    found = caches.reach(prepared, DEVICE)
    flows = {
        name: [(flow.operand, flow.bytes, flow.distance) for flow in run.flows] for name, (run,) in found.runs.items()
    }
    image, a, b = 16 * 16 * 16 * 4, 32 * 16 * 16 * 4, 32 * 8 * 8 * 4
    held = {name: sum(size for operand, size, _ in flows[name] if operand == "weight") for name in ("a", "c")}
    assert held == {"a": 32 * (16 * 9 + 1) * 4, "c": 32 * (32 + 1) * 4}
    reads = {name: next(away for operand, _, away in own if operand == "input") for name, own in flows.items()}
    assert reads["a"] == (2 * image + image + held["a"] + a) / 2  # laid out anew right before
    assert reads["b"] == (image + held["a"] + a + a + b) / 2
    # the network's input and its copy, the results of a, b, c, and c's laid out anew
    assert found.once == 2 * image + sum(held.values()) + a + 3 * b - _shared(prepared)
    assert next(away for operand, _, away in flows["c"] if operand == "weight") > found.once / 2


def _shared(prepared: hwsim.Prepared) -> int:
    """Bytes of rooms that several tensors have after one another [B]."""
    core = core_of(DEVICE)
    found = kernels(prepared.network, prepared.priced, core, prepared.aliases)
    places = spans(found, {*prepared.network.inputs, *prepared.network.outputs})
    inside = [span for span in places.values() if span.block == SHARED]
    return sum(span.high - span.low for span in inside) - max(span.high for span in inside)


def test_a_result_takes_the_place_of_an_operand_nobody_needs() -> None:
    net = Network.builder("n").input("x", (1, 64)).activation("Neg", name="a").relu(name="b")
    network = net.activation("Softmax", name="c").activation("Neg", name="d").build()
    found = caches.reach(hwsim.prepare(network, passes=()), DEVICE)
    places = {
        name: [flow.distance for flow in run.flows if flow.operand == "output"] for name, (run,) in found.runs.items()
    }
    assert places["b"] == [] and places["c"][0] > 0
    assert places["d"] and places["a"]  # the network's input stays, its output lies elsewhere


def test_code_is_as_far_away_as_it_last_ran() -> None:
    net = Network.builder("n").input("x", (1, 1 << 16)).activation("Neg", name="a").relu(name="b")
    found = caches.reach(hwsim.prepare(net.activation("Neg", name="c").build(), passes=()), DEVICE)
    since = {name: run.since for name, (run,) in found.runs.items()}
    assert since == {"a": 0, "b": found.once, "c": (1 << 16) * 4}  # c's code ran before a, last in the inference before
    layers = hwsim.estimate(net.build(), DEVICE).layers
    slow = hwsim.estimate(
        net.build(), hwsim.load_device("generic_x86_server_core", ["memory.l1.kernel_start_us=9"])
    ).layers
    assert all(after.latency_s >= before.latency_s for before, after in zip(layers, slow, strict=True))


def test_kernels_begin_with_what_was_pushed_out_since_their_code_ran() -> None:
    net = (
        Network.builder("n")
        .input("x", (1, 1 << 20))
        .activation("Neg", name="a")
        .relu(name="b")
        .activation("Neg", name="c")
    )
    prepared = hwsim.prepare(net.build(), passes=())
    stays = residency(prepared, [work for _, work in prepared.priced], DEVICE, False, near=True)
    for (layer, work), since in zip(prepared.priced, (0, stays.reach.once, 4 << 20), strict=True):
        parts = cpu.summands(layer, work, prepared.network, DEVICE, stays)
        found = {part.key[1]: part.seconds for part in parts if part.key[0] == "start"}
        expected = {level: share * 1e-6 for level, share in caches.shares(since, DEVICE).items() if share}
        assert found == pytest.approx(expected)


def test_a_scaled_batch_norm_multiplies_in_its_convolutions_and_adds_apart() -> None:
    prepared = hwsim.prepare("light_densenet121")
    stays = residency(prepared, [work for _, work in prepared.priced], DEVICE, False, near=True)
    layer, work = next((layer, work) for layer, work in prepared.priced if layer.op == "BatchNormalization")
    parts = cpu.summands(layer, work, prepared.network, DEVICE, stays)
    functions = {part.key[1]: part.seconds * DEVICE.clock_hz for part in parts if part.key[0] == "function"}
    assert functions == pytest.approx({"add": 64 * 56 * 56, "compare": 64 * 56 * 56})
    single = cycles(LoopNest(g=64, q=56, p=56), core_of(DEVICE))
    tiles = sum(part.seconds for part in parts if part.key[:2] == ("time", "tile"))
    assert tiles * DEVICE.clock_hz == pytest.approx(2 * single.tiles)


def test_windows_of_pools_by_their_attributes() -> None:
    net = Network.builder("n").input("x", (2, 32, 15, 11)).pool(3, stride=2, padding=1, name="p").build()
    nest = pool_nest(net.layers[0], net)
    assert nest is not None
    assert (nest.n, nest.g, nest.q, nest.p, nest.s, nest.r) == (2, 32, 8, 6, 3, 3)
    assert (nest.stride_h, nest.pad_top, nest.pad_left, nest.height, nest.width) == (2, 1, 1, 15, 11)
    layer = replace(net.layers[0], attributes={"kernel_shape": (3, 3), "strides": (2, 2), "auto_pad": "SAME_UPPER"})
    same = pool_nest(layer, net)
    assert same is not None and (same.pad_top, same.pad_left) == (1, 1)
    line = Network.builder("n").input("x", (2, 32, 15)).activation("Neg").build()
    assert pool_nest(Layer("p", "MaxPool", ("x",), (line.layers[0].outputs[0],)), line) is None


def test_stores_of_windows_hide_and_are_traffic() -> None:
    device = hwsim.load_device(
        "generic_x86_server_core", ["memory.dram.by_operand.output=0.001", "memory.l3.by_operand.output=0.001"]
    )
    network = Network.builder("n").input("x", (1, 64, 112, 112)).pool(3, stride=1, padding=1, name="p").relu().build()
    pool, plain = (hwsim.estimate(network, given).layers[0] for given in (device, DEVICE))
    assert pool.latency_s == plain.latency_s
    written = sum(flow.write for flow in pool.traffic_bytes.values())
    assert written == pytest.approx(64 * 112 * 112 * 4)


@pytest.mark.parametrize(("channels", "results"), [(3, 3 * 2 * 56 * 56), (16, 0)])
def test_sums_of_a_first_layer_are_added_to_memory_a_channel_at_a_time(channels: int, results: int) -> None:
    net = Network.builder("n").input("x", (1, channels, 56, 56)).conv(32, kernel=3, bias=False, name="c").build()
    device = hwsim.load_device("generic_x86_server_core", ["kernels.result_cycles=5"])
    before, after = (hwsim.estimate(net, given).layers[0].latency_s for given in (DEVICE, device))
    assert after - before == pytest.approx(results * (5 - 3) / DEVICE.clock_hz, abs=1e-12)


def test_gathered_convolutions_go_over_their_results_once_more() -> None:
    def time(bias: bool, *changes: str) -> float:
        net = Network.builder("n").input("x", (1, 30, 16, 16)).activation("Neg").conv(30, kernel=1, bias=bias, name="c")
        layers = hwsim.estimate(net.build(), hwsim.load_device("generic_x86_server_core", changes)).layers
        return next(layer.latency_s for layer in layers if layer.name == "c")

    rate = "compute.vector.by_function.bias"
    results, clock = 30 * 16 * 16, DEVICE.clock_hz
    assert time(True, f"{rate}=1") - time(True, f"{rate}=2") == pytest.approx(results * (1 - 0.5) / clock)
    assert time(False, f"{rate}=1") == time(False, f"{rate}=2")


@pytest.mark.parametrize("distance", [1.0, 1e5, 3e6, 1e8, 1e12])
def test_shares_of_levels_sum_to_one_and_move_outwards(distance: float) -> None:
    found = caches.shares(distance, DEVICE)
    assert math.isclose(sum(found.values()), 1) and min(found.values()) >= 0
    assert list(found) == ["l1", "l2", "l3", "dram"]
    assert caches.shares(2 * distance, DEVICE)["dram"] >= found["dram"]
    odd = caches.shares(distance, hwsim.load_device("generic_x86_server_core", ["memory.l3.capacity_kib=512"]))
    assert math.isclose(sum(odd.values()), 1) and odd["l3"] == 0  # smaller than the level inside of it


def test_the_time_of_a_layer_is_the_sum_of_its_summands() -> None:
    prepared = hwsim.prepare("light_squeezenet")
    estimate = hwsim.estimate(prepared, DEVICE)
    assert estimate.settings["model"] == "cpu"
    stays = residency(prepared, [work for _, work in prepared.priced], DEVICE, False, near=True)
    for (layer, work), record in zip(prepared.priced, estimate.layers, strict=True):
        parts = cpu.summands(layer, work, prepared.network, DEVICE, stays)
        assert record.latency_s == pytest.approx(sum(cpu.seconds(part, DEVICE) for part in parts))
        assert record.latency_s > 0
        assert sum(flow.read + flow.write for flow in record.traffic_bytes.values()) > 0
    assert estimate.totals.utilization <= 1


def test_larger_caches_and_faster_clocks_never_slow_down() -> None:
    prepared = hwsim.prepare(_chain(56))

    def time(*changes: str) -> float:
        return hwsim.estimate(prepared, hwsim.load_device("generic_x86_server_core", changes)).totals.latency_s

    assert time("memory.l2.capacity_mib=4") <= time() <= time("memory.l2.capacity_kib=256")
    assert time("clock_mhz=5000") < time() < time("overheads.per_kernel_us=9")
    assert time("kernels.cache_share=1") <= time("kernels.cache_share=0.3")


def test_slices_of_one_tensor_run_in_one_kernel() -> None:
    layers = [Layer(name, "Slice", ("x",), (out,)) for name, out in (("s", "y"), ("t", "z"))]
    assert caches._beside([(layer, Work()) for layer in layers]) == {"t"}
    network = _chain()
    for layer in layers:
        parts = cpu.summands(layer, Work(), network, DEVICE, Residency(reach=Reach(beside=frozenset({"t"}))))
        assert any(part.key[:2] == ("time", "kernel") for part in parts) == (layer.name == "s")


def test_runs_of_what_is_moved() -> None:
    net = Network.builder("n").input("x", (1, 2, 8, 7, 7)).activation("Neg").transpose(0, 2, 1, 3, 4, name="turn")
    prepared = hwsim.prepare(net.activation("Neg").build(), passes=())
    turn = next(layer for layer in prepared.network.layers if layer.name == "turn")
    assert runs_of(turn, prepared.network) == (16, 49)
    net = Network.builder("n").input("x", (8, 16)).activation("Neg").transpose(name="turn")
    network = net.activation("Neg").build()
    assert runs_of(network.layers[1], network) == (128, 1)
    net = Network.builder("n").input("s", (1, 8, 1, 1)).activation("Neg", name="scale")
    scale = net.current
    network = net.input("x", (1, 8, 5, 5)).activation("Neg").mul(scale, name="times").build()
    assert runs_of(network.layers[-1], network) == (8, 25)


def test_a_profile_without_kernels_is_told_so() -> None:
    with pytest.raises(UsageError, match=r"--model cpu: cortex_a72 says nothing of its kernels"):
        hwsim.estimate(_chain(), "cortex_a72", rung="cpu")
    assert hwsim.estimate(_chain(), "cortex_a72").settings["model"] == "roofline"
