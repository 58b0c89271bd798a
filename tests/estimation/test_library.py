"""Kernels of an inference library: layouts, order, rooms, and how far away bytes are."""

from __future__ import annotations

import csv
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.cost.cpu import core_of
from hwsim.estimation import caches
from hwsim.estimation.library import Buffer, Kernel, kernels
from hwsim.estimation.room import SHARED, Span, spans
from hwsim.graph import Network
from tests.oracles import lru_stack
from tests.published import own_cpu

DEVICE = hwsim.load_device("generic_x86_server_core")
CORE = core_of(DEVICE)


def _ran(network: Network) -> list[tuple[str, str]]:
    """Layer and operator of all kernels."""
    prepared = hwsim.prepare(network)
    return [(kernel.layer, kernel.op) for kernel in kernels(prepared.network, prepared.priced, CORE, prepared.aliases)]


def test_images_are_laid_out_anew_where_layouts_meet() -> None:
    net = Network.builder("n").input("x", (1, 3, 16, 16)).conv(32, kernel=3, name="first").pool(2, name="pool")
    net = net.local_response(name="plain").conv(32, kernel=1, name="one").conv(30, kernel=1, name="odd")
    found = _ran(net.conv(16, kernel=1, name="gathered").build())
    assert found == [
        ("first", "Conv"), ("pool", "MaxPool"), ("", "ReorderOutput"), ("plain", "LRN"), ("", "ReorderInput"), ("one", "Conv"),
        ("odd", "Conv"), ("", "ReorderOutput"), ("gathered", "Conv"),
    ]  # fmt: skip


def test_a_batch_norm_in_blocks_is_a_depthwise_convolution_and_what_follows_runs_apart() -> None:
    net = Network.builder("n").input("x", (1, 16, 8, 8)).conv(32, kernel=1, name="a")
    start = net.current
    net = net.conv(32, kernel=1, name="b").concat(start, name="join").batch_norm(name="norm").relu()
    kinds = [kernel.kind for kernel in _kernels(net.build()) if kernel.layer == "norm"]
    assert kinds == ["scale"]  # the function goes with it
    net = Network.builder("n").input("x", (1, 16, 8, 8)).activation("Neg", name="neg").batch_norm(name="norm").relu()
    assert [(kernel.layer, kernel.kind, kernel.op) for kernel in _kernels(net.build())] == [
        ("neg", "own", "Neg"), ("neg", "function", "BatchNormalization"), ("neg", "function", "Relu"),
    ]  # fmt: skip


def test_scales_of_densenet_run_in_blocks_and_its_sums_do_not() -> None:
    case = next(case for case in own_cpu.cases() if case.name == "light_densenet121")
    found = kernels(case.prepared.network, case.prepared.priced, CORE, case.prepared.aliases)
    at = next(place for place, kernel in enumerate(found) if kernel.kind == "scale")
    assert [(kernel.kind, kernel.op) for kernel in found[at : at + 6]] == [
        ("scale", "BatchNormalization"), ("scale", "Mul"), ("reorder", "ReorderOutput"), ("function", "Add"), ("function", "Relu"),
        ("reorder", "ReorderInput"),
    ]  # fmt: skip


def test_sums_that_a_gathered_convolution_does_not_do_run_apart() -> None:
    net = Network.builder("n").input("x", (1, 30, 8, 8)).activation("Neg", name="neg")
    start = net.current
    found = _kernels(net.conv(30, kernel=1, name="c").add(start).relu().build())
    assert [(kernel.kind, kernel.op) for kernel in found] == [
        ("own", "Neg"), ("own", "Conv"), ("function", "Add"), ("function", "Relu"),
    ]  # fmt: skip
    assert [buffer.name for buffer, _ in found[2].reads][-1] == start and found[2].takes == (0, 1)


def test_branches_run_from_the_last_operand_on() -> None:
    net = Network.builder("n").input("x", (1, 16, 8, 8)).conv(16, kernel=1, name="stem")
    stem = net.current
    right = net.conv(16, kernel=1, name="right").conv(16, kernel=3, name="more").current
    net = net.at(stem).conv(16, kernel=1, name="left").concat(right, name="join")
    operands = [layer for layer, _ in _ran(net.build()) if layer]
    assert operands == ["stem", "left", "right", "more", "join"]


@pytest.mark.parametrize("case", own_cpu.cases(), ids=lambda case: case.name)
def test_layouts_change_as_often_as_onnxruntime_changed_them(case: own_cpu.Case) -> None:
    if case.name == "light_inception_v2":
        pytest.skip("its file has the same constants for several layers, which onnxruntime merges")
    with own_cpu.ROWS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == case.name]
    measured = Counter(row["op"] for row in rows if row["scope"] == "overhead")
    found = kernels(case.prepared.network, case.prepared.priced, CORE, case.prepared.aliases)
    assert Counter(kernel.op for kernel in found if kernel.kind == "reorder") == measured


@pytest.mark.parametrize("name", ["light_densenet121", "light_inception_v1", "light_shufflenet", "light_squeezenet"])
def test_layers_run_in_the_order_of_onnxruntime(name: str) -> None:
    """Rows of a profile are in the order in which the nodes ran."""
    case = next(case for case in own_cpu.cases() if case.name == name)
    from hwsim.validation.join import join

    found = kernels(case.prepared.network, case.prepared.priced, CORE, case.prepared.aliases)
    place = {kernel.layer: at for at, kernel in reversed(list(enumerate(found)))}
    order = {row.name: at for at, row in enumerate(case.rows)}
    joined = [item for item in join(case.rows, case.prepared, True).joined if item.row.scope == "layer"]
    ran = sorted(joined, key=lambda item: order[item.row.name])
    places = [place[item.layers[0]] for item in ran]
    assert len(places) > 30 and places == sorted(places)


def _kernels(network: Network) -> tuple[Kernel, ...]:
    prepared = hwsim.prepare(network)
    return kernels(prepared.network, prepared.priced, CORE, prepared.aliases)


def _step(reads: list[Buffer], writes: list[Buffer], takes: tuple[int, ...] = ()) -> Kernel:
    return Kernel("l", "own", "Op", (), tuple((read, read.bytes) for read in reads), tuple(writes), takes)


def _array(name: str, size: int) -> Buffer:
    return Buffer(name, False, (size,), size)


def test_rooms_by_hand() -> None:
    x, a, b, c, d, e, f = (
        _array(*given) for given in (("x", 8), ("a", 8), ("b", 4), ("c", 8), ("d", 3), ("e", 8), ("f", 1))
    )
    found = spans(
        [
            _step([x], [a]),
            _step([a], [b]),
            _step([b], [c]),
            _step([c, b], [d]),
            _step([d, c], [e], (0, 1)),
            _step([e], [f]),
        ],
        {"x", "f"},
    )
    assert found[x] == Span("x", 0, 8) and found[f] == Span("f", 0, 1)
    assert found[a] == Span(SHARED, 0, 8) and found[b] == Span(SHARED, 8, 12)
    assert found[c] == found[a]  # dead, of the same shape
    assert found[d] == Span(SHARED, 12, 15)  # b is still alive
    assert found[e] == found[c]  # takes the room of its operand


def test_of_dead_tensors_of_a_shape_the_one_that_died_last_makes_room() -> None:
    a, b, c, d, e = (_array(name, 8) for name in "abcde")
    steps = [
        _step([], [a]),
        _step([], [b]),
        _step([a], []),
        _step([b], []),
        _step([], [c]),
        _step([], [d]),
        _step([c, d], [e]),
    ]
    found = spans(steps, {"e"})
    assert found[c] == found[b] and found[d] == found[a]


def test_the_smallest_gap_is_taken() -> None:
    a, b, c, d, e, f, g = (_array(*given) for given in zip("abcdefg", (10, 2, 6, 2, 5, 9, 1), strict=True))
    steps = [
        _step([], [a]),
        _step([], [b]),
        _step([], [c]),
        _step([], [d]),
        _step([a, c], []),
        _step([], [e]),
        _step([], [f]),
    ]
    found = spans([*steps, _step([b, d, e, f], [g])], {"g"})
    assert [found[buffer].low for buffer in (a, b, c, d)] == [0, 10, 12, 18]
    assert found[e].low == 12 and found[f].low == 0  # six bytes were free there, ten at the beginning


@st.composite
def _programs(draw: st.DrawFn) -> list[Kernel]:
    made = [_array("x", 4)]
    steps = []
    for place in range(draw(st.integers(2, 9))):
        reads = draw(st.lists(st.sampled_from(made), min_size=1, max_size=3, unique=True))
        made.append(_array(f"t{place}", draw(st.integers(1, 6))))
        steps.append(_step(reads, [made[-1]], draw(st.sampled_from([(), (0,)]))))
    return steps


@settings(deadline=None, max_examples=150)
@given(_programs())
def test_no_two_living_tensors_share_a_byte(steps: list[Kernel]) -> None:
    found = spans(steps, {"x"})
    last: dict[Buffer, int] = {}
    for place, step in enumerate(steps):
        last.update(dict.fromkeys((*step.writes, *(read for read, _ in step.reads)), place))
    first = [(step.writes[0], place, [step.reads[at][0] for at in step.takes]) for place, step in enumerate(steps)]
    for one, begun, _ in first:
        for other, later, taken in first:
            apart = begun < later and later + (one in taken) <= last[one]
            if apart and found[one].block == found[other].block:
                assert found[one].high <= found[other].low or found[other].high <= found[one].low


@settings(deadline=None, max_examples=100)
@given(_programs())
def test_distances_are_those_of_sets_of_bytes(steps: list[Kernel]) -> None:
    places = spans(steps, {"x"})
    stack = caches._Stack(2 * len(steps))
    bytes_of = [
        {(span.block, at) for span in caches._touched(step, places) for at in range(span.low, span.high)}
        for step in steps
    ]
    expected = lru_stack.distances(bytes_of)
    for now in range(2 * len(steps)):
        touched = caches._touched(steps[now % len(steps)], places)
        flows = stack.touch(touched, now)
        if now >= len(steps):
            wanted = Counter(round(distance, 6) for distance in expected[now - len(steps)].values())
            found: Counter[float] = Counter()
            for flow in flows:
                found[round(flow.distance, 6)] += round(flow.bytes)
            assert +found == wanted
