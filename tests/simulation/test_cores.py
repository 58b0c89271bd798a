"""Several cores on a chip: one core is the chip as before, many without contention are the analytical bound, the rest is as ticks say."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.cli import main
from hwsim.device import load
from hwsim.device.cores import cores_of, one_core, shared_levels
from hwsim.errors import UsageError
from hwsim.graph import Network
from hwsim.kernels.events_state import END, STAGE, START, STREAM, TILE
from hwsim.report.trace import trace
from hwsim.simulation import Block, Program, Run, run
from hwsim.simulation.chip import Demand, chip
from hwsim.simulation.program import TICKS
from hwsim.simulation.tiles import Share
from hwsim.simulation.waits import stalls
from tests.oracles import tick_simulator
from tests.oracles.expanded_streams import expand
from tests.simulation.chips import many
from tests.simulation.test_trace import check_tracks, slices


def fork(branches: int, depth: int = 2, channels: int = 8, side: int = 16) -> Network:
    """Branches of convolutions side by side."""
    built = Network.builder("fork").input("x", (1, channels, side, side))
    for branch in range(branches):
        built.at("x")
        for step in range(depth):
            built.conv(channels, kernel=3, name=f"b{branch}c{step}")
    return built.build()


def test_one_core_is_the_chip_as_before() -> None:
    network = hwsim.prepare("light_squeezenet", bits="w8a8")
    plain = hwsim.estimate(network, "tpu_v1", rung="simulate")
    for way in ("channels", "rows", "layers", "auto"):
        assert hwsim.estimate(network, "tpu_v1", rung="simulate", cores=way) == plain


def test_what_is_one_core(tmp_path: Path) -> None:
    assert cores_of(load("zcu104_dpu")) == 2
    assert cores_of(load("tpu_v3")) == 2  # four arrays, but two buffers: a core is two arrays
    assert one_core(load("tpu_v3")).array.cores == 2
    device = many(tmp_path, 3, shared=32)
    core = one_core(device)
    assert shared_levels(device) == {"llc", "dram"}
    assert core.array.pes * 3 == device.array.pes
    assert core.vector is not None
    assert device.vector is not None
    assert core.vector.ops_per_s * 3 == pytest.approx(device.vector.ops_per_s)
    assert [memory.instances for memory in core.memories] == [1, 1, 1]


@pytest.mark.parametrize("cores", [1, 2, 3, 4])
def test_independent_cores_without_contention_take_the_analytical_time(tmp_path: Path, cores: int) -> None:
    """As many equal branches as cores, no limit to bandwidth: the time of one branch on one core, as the roofline adds it up."""
    network = hwsim.prepare(fork(cores), bits="w8a8")
    device = many(tmp_path, cores, bandwidth=None)
    bound = hwsim.estimate(hwsim.prepare(fork(1), bits="w8a8"), one_core(device), rung="roofline").totals.latency_s
    found = hwsim.estimate(network, device, rung="simulate", cores="layers")
    assert found.totals.latency_s == pytest.approx(bound, rel=1e-6)


def test_engines_are_shared_as_the_profile_says() -> None:
    device = one_core(load("nnp_i_1100"))
    device = replace(device, memories=tuple(replace(memory, shared_bandwidth=1e9) for memory in device.memories))
    made = chip(device, 3, frozenset({"llc", "dram"}))
    for lane in made.lanes:
        engines = {
            stage: made.engines[engine] for stage, engine in zip(made.stages, lane.engines, strict=True) if engine >= 0
        }
        assert engines == {
            "launch": "launch",
            "weights": "dram",
            "inputs": "dram",
            "store": "dram",
            "compute": f"mac {lane.core}",
            "vector": f"vector {lane.core}",
            "feed tcm": f"tcm {lane.core}",
            "feed deep_sram": f"deep_sram {lane.core}",
            "feed llc": "llc",
        }
    owners = dict(zip(made.engines, made.program([]).owners, strict=True))
    assert {name for name, owner in owners.items() if owner < 0} == {"launch", "dram", "llc"}


def demands_of(cores: int) -> st.SearchStrategy[list[Demand]]:
    share = st.builds(Share, st.integers(0, 3).map(float), st.integers(1, 2))
    feeds = st.fixed_dictionaries(
        {}, optional={"tcm": st.integers(0, 3).map(float), "llc": st.integers(0, 3).map(float)}
    )
    one = st.builds(
        Demand, st.just("layer"), st.integers(1, 4), share, share, share, share,
        share.map(lambda each: replace(each, last=True)), feeds, st.integers(0, 2).map(float),
        beside=st.booleans(), core=st.integers(0, cores - 1),
    )  # fmt: skip
    return st.lists(one, min_size=1, max_size=5)


@given(st.integers(1, 3), st.data())
@settings(max_examples=60, deadline=None)
def test_cores_over_shared_engines_equal_the_tick_oracle(cores: int, data: st.DataObject) -> None:
    """Random streams on the lanes of a chip whose cores share DRAM and a level: every task starts and ends when ticks say."""
    asked = data.draw(demands_of(cores))
    asked = [
        replace(one, gates=tuple(sorted(data.draw(st.sets(st.integers(0, index - 1), max_size=2)))) if index else ())
        for index, one in enumerate(asked)
    ]
    device = one_core(load("nnp_i_1100"))
    device = replace(device, memories=tuple(replace(memory, shared_bandwidth=1e9) for memory in device.memories))
    program = in_cycles(chip(device, cores, frozenset({"llc", "dram"})).program(asked))
    tasks, number = expand(program)
    _, start, end = tick_simulator.run(tasks)
    for skip in (False, True):
        found = run(program, skip=skip)
        for row in found.log:
            task = number[int(row[STREAM]), int(row[STAGE]), int(row[TILE])]
            assert (row[START], row[END]) == (start[task], end[task])
        assert found.ticks == max(end)


def in_cycles(program: Program) -> Program:
    """The same with a tick a cycle, so that an oracle can walk over ticks; durations must be whole cycles."""
    streams = []
    for stream in program.streams:
        blocks = []
        for block in stream.blocks:
            runs = tuple(Run(one.tiles, tuple(-(-ticks // TICKS) for ticks in one.durations)) for one in block.pattern)
            blocks.append(Block(runs, block.repeats))
        streams.append(replace(stream, blocks=tuple(blocks)))
    return replace(program, streams=tuple(streams))


@pytest.mark.parametrize("way", ["channels", "rows", "layers", "auto"])
@pytest.mark.parametrize("shared", [None, 64])
def test_parts_are_the_whole(tmp_path: Path, way: str, shared: float | None) -> None:
    """No work is lost or done twice, and the run lies between its busiest engine and the serial sum."""
    network = hwsim.prepare("light_squeezenet", bits="w8a8")
    device = many(tmp_path, 3, bandwidth=4.0, shared=shared)
    whole = hwsim.estimate(network, one_core(device), rung="roofline")
    found = hwsim.estimate(network, device, rung="simulate", cores=way)
    assert [layer.macs for layer in found.layers] == [layer.macs for layer in whole.layers]
    assert math.fsum(layer.latency_s for layer in found.layers) == pytest.approx(found.totals.latency_s, rel=1e-12)
    assert found.simulation is not None
    timeline = found.simulation.timeline
    assert max(timeline.program.work) <= timeline.ticks <= sum(timeline.program.work)


def test_automatic_is_never_slower_than_by_hand(tmp_path: Path) -> None:
    network = hwsim.prepare("light_squeezenet", bits="w8a8")
    for bandwidth in (0.2, 4.0):
        device = many(tmp_path, 4, bandwidth=bandwidth)
        times = {
            way: hwsim.estimate(network, device, rung="simulate", cores=way).totals.latency_s
            for way in ("channels", "rows", "layers", "auto")
        }
        assert times["auto"] <= min(times.values())
        one = hwsim.estimate(network, one_core(device), rung="simulate").totals.latency_s
        assert times["auto"] <= one * (1 + 1e-9)


def test_contention_is_seen_and_named(tmp_path: Path) -> None:
    """Two branches that DRAM bounds, on two cores: no faster than its bytes take, and each waits for the other by name."""
    network = hwsim.prepare(fork(2, channels=16, side=32), bits="w8a8")
    alone = many(tmp_path, 2, bandwidth=None)
    device = many(tmp_path, 2, bandwidth=0.01)
    found = hwsim.estimate(network, device, rung="simulate", cores="layers", keep_activations=False)
    free = hwsim.estimate(network, alone, rung="simulate", cores="layers", keep_activations=False)
    assert found.totals.latency_s >= found.totals.dram_bytes / 0.01e9
    assert found.totals.latency_s > free.totals.latency_s
    assert found.simulation is not None
    reasons = {stall.reason for stall in stalls(found.simulation.timeline)}
    assert {"dram shared with core 0", "dram shared with core 1"} <= reasons
    assert free.simulation is not None
    assert not any("shared" in stall.reason for stall in stalls(free.simulation.timeline))


def test_placed_by_hand(tmp_path: Path) -> None:
    device = many(tmp_path, 2, bandwidth=4.0)
    network = hwsim.prepare(fork(2), bits="w8a8")
    found = hwsim.estimate(network, device, rung="simulate", place=["b0*=1", "b1c0=rows", "b1c1=channels"])
    assert found.simulation is not None
    program = found.simulation.timeline.program
    cores: dict[str, list[int]] = {}
    for stream in program.streams:
        cores.setdefault(stream.name, []).append(program.lanes[stream.lane].core)
    assert cores == {"b0c0": [1], "b0c1": [1], "b1c0": [0, 1], "b1c1": [0, 1]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"cores": "row"}, "did you mean rows"),
        ({"cores": "rows", "rung": "roofline"}, "only --model simulate"),
        ({"cores": "auto", "aim": "energy"}, "choose from latency, throughput"),
        ({"place": ["b0c0"]}, "needs LAYER="),
        ({"place": ["b0c0=2"]}, "a core from 0 to 1"),
        ({"place": ["b0c9=1"]}, "no such layer"),
    ],
)
def test_mistakes_are_said(tmp_path: Path, arguments: dict[str, object], said: str) -> None:
    device = many(tmp_path, 2)
    with pytest.raises(UsageError, match=said):
        hwsim.estimate(fork(2), device, **{"rung": "simulate", **arguments})  # type: ignore[arg-type]


def test_trace_has_a_group_of_tracks_for_each_core() -> None:
    estimate = hwsim.estimate("light_squeezenet", "zcu104_dpu", rung="simulate", cores="auto", bits="w8a8")
    assert estimate.simulation is not None
    record = json.loads(json.dumps(trace(estimate.simulation, "zcu"), allow_nan=False))
    check_tracks(record, 1e6 * estimate.totals.latency_s)
    groups = {event["args"]["name"] for event in record["traceEvents"] if event["name"] == "process_name"}
    assert groups == {"zcu: engines that cores share", "zcu: core 0", "zcu: core 1", "memory"}
    named = {(event["pid"], event["tid"]) for event in record["traceEvents"] if event["name"] == "thread_name"}
    assert set(slices(record)) <= named
    waits = {event["name"] for event in record["traceEvents"] if event["ph"] == "X"}
    assert "waits for dram shared with core 1" in waits


def test_verb(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "light_squeezenet", "--device", "zcu104_dpu", "--bits", "w8a8", "--cores", "auto"]
    assert main([*arguments, "--explain", "--top", "200"]) == 0
    out = capsys.readouterr().out
    assert "placement on cores" in out
    assert "dram shared with core" in out
    assert main([*arguments, "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert {engine["core"] for engine in record["engines"]} == {None, 0, 1}
    assert {piece["core"] for piece in record["pieces"]} == {0, 1}
    assert record["settings"]["placement"] in record["placements_s"]
    total = sum(part["time_s"] for part in record["critical_path"])
    assert total == pytest.approx(record["totals"]["latency_s"], rel=1e-9)
