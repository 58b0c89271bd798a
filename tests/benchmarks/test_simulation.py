"""CPU time of the simulator: the engine on tiles in contention, a whole network with its record, a graph of thousands of nodes."""

from __future__ import annotations

import pytest

import hwsim
from hwsim.simulation import Block, Lane, Program, Run, Stream, run
from tests.shared import SHARED, needs_shared

STAGES = ("launch", "weights", "inputs", "mac", "feed", "retire", "store")


def test_two_layers_in_contention_tile_by_tile(benchmark):
    lanes = tuple(Lane(name, (-1, 0, 0, mac, mac + 1, -1, 0)) for name, mac in (("a", 1), ("b", 3)))
    streams = tuple(
        Stream(f"l{lane}", lane, (Block((Run(20_000, (0, 3 + lane, 5, 11 - lane, 2, 0, 4)),)),)) for lane in range(2)
    )
    program = Program(STAGES, ("dram", "mac a", "feed a", "mac b", "feed b"), lanes, streams)
    found = benchmark(lambda: run(program, skip=False))
    assert run(program).ticks == found.ticks


def test_resnet50_on_eyeriss_beyond_its_search(benchmark):
    network, device = hwsim.prepare("light_resnet50"), hwsim.load_device("eyeriss_v1")
    hwsim.estimate(network, device, rung="mapping")
    estimate = benchmark.pedantic(lambda: hwsim.estimate(network, device, rung="simulate"), rounds=2)
    assert benchmark.stats.stats.min < 3
    assert estimate.totals.latency_s > 0


@pytest.mark.parametrize("size", [112, 224, 448])
def test_time_is_flat_in_the_size_of_the_image(benchmark, size):
    """Sixteen times the pixels, the same phases: the simulator's own time stays."""
    device = hwsim.load_device("tpu_v1")
    built = hwsim.Network.builder("chain").input("x", (1, 16, size, size))
    for number in range(8):
        built.conv(16, name=f"c{number}")
    program = hwsim.estimate(built.build(), device, rung="simulate", bits="w8a8").simulation.timeline.program
    timeline = benchmark(lambda: run(program))
    benchmark.extra_info["tiles"] = sum(stream.tiles for stream in program.streams)
    assert timeline.ticks > 0


@pytest.mark.parametrize("device", ["zcu104_dpu", "nnp_i_1100"])
def test_placements_on_cores(benchmark, device):
    """All that ``--cores auto`` tries, on 2 and on 12 cores that share DRAM."""
    network = hwsim.prepare("light_squeezenet", bits="w8a8")
    benchmark.pedantic(lambda: hwsim.estimate(network, device, rung="simulate", cores="auto"), rounds=2)


@needs_shared
@pytest.mark.parametrize("device", ["tpu_v1", "a100_sxm_80g"])
def test_swin_of_thousands_of_nodes(benchmark, device):
    network = hwsim.prepare(SHARED / "models" / "tv_swin_t__leg17.onnx")
    benchmark.pedantic(lambda: hwsim.estimate(network, device, rung="simulate"), rounds=2)
    assert benchmark.stats.stats.min < 20
