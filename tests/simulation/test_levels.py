"""Plans over several levels: against everything that could be done, against a walk over addresses in time, and against counted traffic."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.device.cores import one_core
from hwsim.graph import Network
from hwsim.kernels.events_state import STAGE, START, STREAM
from hwsim.kernels.events_streams import WORK
from hwsim.simulation.levels import Room, crossing, plan_levels
from hwsim.simulation.memory import Wanted
from tests.oracles.best_plan import best
from tests.simulation.chips import many
from tests.simulation.networks import networks


@st.composite
def tensors(draw: st.DrawFn, most: int = 4) -> list[Wanted]:
    found = []
    for index in range(draw(st.integers(1, most))):
        made, size = draw(st.integers(0, 6)), draw(st.integers(1, 8))
        found.append(Wanted(f"t{index}", size, made, draw(st.integers(made, 7)), size * draw(st.integers(1, 4))))
    return found


@given(tensors(), st.lists(st.integers(2, 16), min_size=1, max_size=3).map(sorted))
@settings(max_examples=60, deadline=None)
def test_never_better_than_the_best_and_nothing_lost(wanted: list[Wanted], capacities: list[int]) -> None:
    found = plan_levels([Room(f"l{level}", size) for level, size in enumerate(capacities)], wanted, 8)
    assert crossing(found) >= best(capacities, wanted)
    kept = [name for plan in found for name in plan.kept]
    assert len(kept) == len(set(kept))  # a tensor stays in one level
    for level, plan in enumerate(found):
        inside = {name for one in found[: level + 1] for name in one.kept}
        assert {tensor.name for tensor in plan.spilled} == {tensor.name for tensor in wanted} - inside
        assert plan.peak <= capacities[level]
        for one in plan.places:
            for other in plan.places:
                if one is not other and one.tensor.made <= other.tensor.used and other.tensor.made <= one.tensor.used:
                    assert (
                        one.offset + one.tensor.size <= other.offset or other.offset + other.tensor.size <= one.offset
                    )


def test_mostly_the_best() -> None:
    """Of 200 random small cases, 5 tensors at most over 1 to 3 levels, 97 % are as good as what trying everything finds."""
    draw = random.Random(7)
    equal = 0
    for _ in range(200):
        wanted = []
        for index in range(draw.randint(1, 5)):
            made, size = draw.randint(0, 6), draw.randint(1, 8)
            wanted.append(Wanted(f"t{index}", size, made, draw.randint(made, 7), size * draw.randint(1, 4)))
        capacities = sorted(draw.randint(2, 16) for _ in range(draw.randint(1, 3)))
        found = plan_levels([Room(f"l{level}", size) for level, size in enumerate(capacities)], wanted, 8)
        equal += crossing(found) == best(capacities, wanted)
    assert equal >= 194


@given(
    networks(),
    st.integers(1, 3),
    st.sampled_from(["together", "channels", "rows", "layers", "auto"]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([None, 2, 8]),
    st.sampled_from([0.05, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_no_address_is_used_twice_at_a_time(
    folder: Path, network: Network, cores: int, way: str, buffer: float, shared: float | None, bandwidth: float
) -> None:
    """In simulated time: from the first task that writes a tensor to the end of the last layer that reads it, its bytes are its own."""
    device = many(folder, cores, bandwidth, buffer, shared)
    found = hwsim.estimate(hwsim.prepare(network, bits="w8a8"), device, rung="simulate", cores=way).simulation
    assert found is not None
    timeline = found.timeline
    program = timeline.program
    for plan in found.plans:
        if plan.off_chip:
            continue
        held = []
        for place in plan.places:
            tensor = place.tensor
            writers = {i for i, one in enumerate(program.streams) if tensor.made in one.layers}
            readers = {i for i, one in enumerate(program.streams) if set(tensor.readers) & set(one.layers)}
            if plan.core >= 0:
                own = {i for i, one in enumerate(program.streams) if program.lanes[one.lane].core == plan.core}
                writers, readers = writers & own, readers & own
            written = [row[START] for row in timeline.log if row[STREAM] in writers and row[STAGE] >= WORK]
            begin = min([*written, *(timeline.end[writer] for writer in writers)])
            end = max(timeline.end[index] for index in writers | readers)
            held.append((begin, end, place.offset, place.offset + tensor.size))
        for index, (begin, end, low, high) in enumerate(held):
            assert plan.capacity is None or high <= plan.capacity
            for other_begin, other_end, other_low, other_high in held[:index]:
                apart = end <= other_begin or other_end <= begin
                assert apart or high <= other_low or other_high <= low


@given(networks(), st.sampled_from([1, 2, 8]), st.sampled_from([None, 4, 16]))
@settings(max_examples=60, deadline=None)
def test_traffic_is_what_a_walk_over_the_plan_moves(
    folder: Path, network: Network, buffer: float, shared: float | None
) -> None:
    """Layer by layer, a tensor passes through every level from the inside out to where the plan keeps it, others go all the way."""
    device = one_core(many(folder, 2, 1.0, buffer, shared))
    prepared = hwsim.prepare(network, bits="w8a8")
    found = hwsim.estimate(prepared, device, rung="simulate", keep_activations=True)
    assert found.simulation is not None
    home = {name: plan.level for plan in found.simulation.plans if not plan.off_chip for name in plan.kept}
    order = [memory.name for memory in device.memories]
    for layer, (_, work) in zip(found.layers, prepared.priced, strict=True):
        read, write = dict.fromkeys(order, 0), dict.fromkeys(order, 0)
        for moved, sizes in ((read, work.reads), (write, work.writes)):
            for name, size in sizes:
                reach = order.index(home[name]) if name in home else len(order) - 1
                for level in order[: reach + 1]:
                    moved[level] += size
        for level in ("dram", *(["llc", "buffer"] if work.nests else [])):
            if level in order:
                traffic = layer.traffic_bytes[level]
                assert (traffic.read, traffic.write) == (read[level], write[level]), level


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    warnings.simplefilter("ignore")
    return tmp_path_factory.mktemp("chips")


def test_an_inner_level_keeps_what_an_outer_one_would_pass_on(tmp_path: Path) -> None:
    """A chain whose tensors fit half of the inner buffer: none of them reaches the level outside of it."""
    built = Network.builder("chain").input("x", (1, 8, 8, 8))
    for step in range(4):
        built.conv(8, kernel=3, name=f"c{step}")
    prepared = hwsim.prepare(built.build(), bits="w8a8")
    device = one_core(many(tmp_path, 2, buffer=4, shared=64))
    found = hwsim.estimate(prepared, device, rung="simulate").simulation
    assert found is not None
    inner, outer, dram = found.plans
    assert (inner.level, outer.level, dram.level) == ("buffer", "llc", "dram")
    assert len(inner.places) == 3
    assert not outer.places
    assert inner.capacity == 2 * 1024  # the other half is for tiles
    assert dram.peak >= sum(size for _, work in prepared.priced for name, size in work.reads if "weight" in name)
    assert [len(steps) > 0 for _, steps in found.held()] == [True, False, True]
