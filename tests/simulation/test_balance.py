"""Whole layers dealt out to cores: against every assignment of small graphs, and against the run."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.device import Overheads
from hwsim.device.cores import one_core
from hwsim.estimation.balance import Job, listed, makespan, pipelined
from hwsim.graph import Network
from tests.oracles import best_schedule
from tests.oracles.best_schedule import Layer, best
from tests.simulation.chips import many
from tests.simulation.networks import networks


def random_layers(draw: random.Random, most: int) -> list[Layer]:
    return [
        Layer(
            draw.randint(1, 9),
            tuple(sorted(draw.sample(range(index), min(index, draw.randint(0, 2))))),
            int(draw.random() < 0.25),
        )
        for index in range(draw.randint(2, most))
    ]


def jobs_of(layers: list[Layer]) -> list[Job]:
    return [Job(layer.time, layer.time, 0, layer.after, layer.unit) for layer in layers]


def test_listed_is_never_better_than_the_best_and_mostly_as_good() -> None:
    """100 random graphs of 2 to 7 layers on 2 or 3 cores against all assignments: 95 of them equal, none more than a half longer."""
    draw = random.Random(3)
    equal = 0
    for _ in range(100):
        layers, cores = random_layers(draw, 7), draw.randint(2, 3)
        chosen = listed(jobs_of(layers), cores, None)
        found, least = best_schedule.makespan(layers, chosen), best(layers, cores)
        assert makespan(jobs_of(layers), chosen, None) == found
        assert least <= found <= 1.5 * least
        equal += found == least
    assert equal >= 95


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 4))
@settings(max_examples=80, deadline=None)
def test_pipelines_have_the_shortest_longest_stage(times: list[int], cores: int) -> None:
    chosen = pipelined([Job(time, time, 0, ()) for time in times], cores, None)
    assert chosen == sorted(chosen)
    found = max(sum(time for time, at in zip(times, chosen, strict=True) if at == core) for core in range(cores))
    least = min(
        max(sum(times[low:high]) for low, high in itertools.pairwise([0, *cuts, len(times)]))
        for cuts in itertools.combinations_with_replacement(range(len(times) + 1), cores - 1)
    )
    assert found == least


@given(networks(), st.integers(2, 3))
@settings(max_examples=40, deadline=None)
def test_the_run_is_the_schedule_by_hand_where_nothing_is_shared(folder: Path, network: Network, cores: int) -> None:
    """Without a limit to bandwidth the run ends when a list of layers does; a picosecond of launch keeps lanes in order."""
    device = replace(many(folder, cores, bandwidth=None), overheads=Overheads(kernel_s=1e-12))
    prepared = hwsim.prepare(network, bits="w8a8", passes=())  # nothing folded: a layer needs one unit
    found = hwsim.estimate(prepared, device, rung="simulate", cores="layers", keep_activations=False)
    assert found.simulation is not None
    program = found.simulation.timeline.program
    alone = hwsim.estimate(prepared, one_core(device), rung="roofline", keep_activations=False)
    made: dict[str, int] = {}
    layers = []
    for position, (_, work) in enumerate(prepared.priced):
        after = tuple(made[name] for name, _ in work.reads if name in made)
        layers.append(Layer(alone.layers[position].latency_s, after, int(not work.nests)))
        made.update((name, position) for name, _ in work.writes)
    chosen = [program.lanes[stream.lane].core for stream in program.streams]
    assert len(chosen) == len(layers)
    by_hand = best_schedule.makespan(layers, chosen)
    assert found.totals.latency_s == pytest.approx(by_hand, rel=1e-4)
    if cores ** len(layers) <= 3**6:
        assert found.totals.latency_s >= best(layers, cores) * (1 - 1e-4)


def test_weights_go_where_they_can_stay(tmp_path: Path) -> None:
    """Two layers whose weights one core cannot both retain: dealt out to two cores nothing streams."""
    network = (
        Network.builder("chain").input("x", (1, 64, 4, 4)).conv(64, kernel=3, name="a").conv(64, kernel=3, name="b")
    ).build()
    prepared = hwsim.prepare(network, bits="w8a8")
    device = many(tmp_path, 2, bandwidth=0.02, buffer=48, retains=True)
    one = hwsim.estimate(prepared, device, rung="simulate", place=["*=0"])
    two = hwsim.estimate(prepared, device, rung="simulate", cores="layers", aim="throughput")
    weights = 64 * 64 * 9
    assert one.totals.dram_bytes > weights
    assert two.totals.dram_bytes < weights
    assert two.totals.throughput_per_s > one.totals.throughput_per_s
    said = "weights of 36,864 B do not fit what other weights (36,992 B) leave of buffer (49,152 B a core) and stream"
    assert any(warning.startswith(said) for warning in one.warnings)
    assert not any("stream in every inference" in warning for warning in two.warnings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chips")
