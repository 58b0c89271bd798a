"""Plans of addresses: whatever lives at the same time lies apart and within the level, and nothing is spilled that would still fit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.simulation.memory import Wanted, occupancy, plan


@st.composite
def tensors(draw: st.DrawFn) -> list[Wanted]:
    found = []
    for index in range(draw(st.integers(0, 12))):
        made = draw(st.integers(0, 9))
        size = draw(st.integers(1, 50))
        found.append(Wanted(f"t{index}", size, made, draw(st.integers(made, 10)), size * draw(st.integers(1, 4))))
    return found


@given(tensors(), st.integers(1, 150), st.lists(st.integers(0, 30), min_size=11, max_size=11))
@settings(max_examples=200, deadline=None)
def test_addresses_never_overlap(wanted: list[Wanted], capacity: int, workspace: list[int]) -> None:
    made = plan("sram", capacity, wanted, workspace)
    assert sorted([*made.kept, *(tensor.name for tensor in made.spilled)]) == sorted(tensor.name for tensor in wanted)
    for layer in range(11):  # the memory, byte by byte, while each layer runs
        held = [0] * capacity
        for place in made.places:
            if place.tensor.made <= layer <= place.tensor.used:
                for address in range(place.offset, place.offset + place.tensor.size):
                    held[address] += 1
                    assert address < capacity - workspace[layer]
        assert max(held, default=0) <= 1
    for tensor in made.spilled:  # no hole was left that it would have fitted
        free = [True] * capacity
        for place in made.places:
            if place.tensor.made <= tensor.used and tensor.made <= place.tensor.used:
                for address in range(place.offset, place.offset + place.tensor.size):
                    free[address] = False
        room = capacity - max(workspace[tensor.made : tensor.used + 1])
        holes = "".join("." if there else "x" for there in free[: max(0, room)]).split("x")
        assert max(len(hole) for hole in holes) < tensor.size


@given(tensors())
@settings(max_examples=100, deadline=None)
def test_occupancy_is_what_lives(wanted: list[Wanted]) -> None:
    starts, ends = [10 * layer for layer in range(11)], [10 * layer + 10 for layer in range(11)]
    steps = occupancy(wanted, starts, ends)
    for layer in range(11):
        alive = sum(tensor.size for tensor in wanted if tensor.made <= layer <= tensor.used)
        reached = [size for time, size in steps if time <= starts[layer]]
        assert (reached[-1] if reached else 0) == alive


def test_what_the_plan_keeps_never_crosses_the_edge() -> None:
    network = hwsim.prepare("light_squeezenet", bits="w8a8")
    roomy, tight = (
        hwsim.estimate(network, hwsim.load_device("tpu_v1", overrides), rung="simulate")
        for overrides in ([], ["memory.unified_buffer.capacity_mib=0.4"])
    )
    for estimate in (roomy, tight):
        assert estimate.simulation is not None
        assert estimate.simulation.plan is not None
    assert roomy.simulation.plan.spilled_bytes == 0  # type: ignore[union-attr]
    spilled = tight.simulation.plan.spilled_bytes  # type: ignore[union-attr]
    assert spilled > 0
    assert tight.totals.dram_bytes - roomy.totals.dram_bytes >= spilled * 0.99
