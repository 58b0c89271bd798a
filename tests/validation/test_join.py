"""Rows find their layers by output, name, runtime's name or order; what does not is reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwsim.estimation import prepare
from hwsim.graph import Layer, Network, Tensor
from hwsim.validation.calls import by_layer
from hwsim.validation.join import Join, join
from hwsim.validation.measured import Measurement
from tests.validation.networks import prepared


def _row(name: str, latency: float = 1.0, **more: object) -> Measurement:
    return Measurement(name, latency_s=latency, **more)  # type: ignore[arg-type]


def _found(joined: Join) -> dict[str, tuple[tuple[str, ...], str]]:
    return {item.row.name: (item.layers, item.by) for item in joined.joined}


@pytest.mark.parametrize(
    ("row", "layer", "by"),
    [
        (_row("first"), "first", "name"),
        (_row("first_relu"), "first", "name"),
        (_row("fused first"), "first", "name"),
        (_row("anything", output="second_relu"), "second", "output"),
        (_row("second_relu_nchwc"), "second", "output"),
        (_row("x", op="Gemm"), "classifier", "order"),
    ],
)
def test_a_row_finds_its_layer(row: Measurement, layer: str, by: str) -> None:
    assert _found(join([row], prepared()))[row.name] == ((layer,), by)


def test_rows_without_names_go_by_order_only_where_as_many_are_left() -> None:
    two = [_row("a", op="Conv"), _row("b", op="Conv")]
    assert _found(join(two, prepared())) == {"a": (("first",), "order"), "b": (("second",), "order")}
    three = join([*two, _row("c", op="Conv")], prepared())
    assert not three.joined
    assert [reason for _, reason in three.strays] == ["no layer, node or tensor of that name"] * 3


def test_parts_of_one_layer_add_up() -> None:
    joined = join([_row("first", 3.0, spread=0.1), _row("first_relu", 1.0, spread=0.2)], prepared())
    (item,) = joined.joined
    assert item.row.latency_s == 4.0
    assert item.row.spread == pytest.approx((0.3**2 + 0.2**2) ** 0.5 / 4)
    assert "2 rows are parts of 1 layers" in joined.notes[0]


def test_duplicate_names_are_repeats() -> None:
    joined = join([_row("first", value) for value in (1.0, 2.0, 9.0)], prepared())
    (item,) = joined.joined
    assert item.row.latency_s == 2.0 and item.row.repeats == 3
    assert "repeats" in joined.notes[0]


def test_parts_that_do_not_vary_have_a_sum_that_does_not() -> None:
    for first, second, together in ((0.0, 0.0, 0.0), (0.0, 0.5, 0.125), (0.1, None, None)):
        (item,) = join([_row("first", 3.0, spread=first), _row("first_relu", 1.0, spread=second)], prepared()).joined
        assert item.row.spread == together


def test_repeats_scatter_about_their_mean() -> None:
    """Rows of one name, of which one has an energy only: medians of what is known, the sample's deviation over its mean."""
    times = (1.0, 2.0, 9.0, 3.0)
    rows = [_row("first", time, repeats=number) for time, number in zip(times, (1, 5, 2, None), strict=True)]
    joined = join([*rows, Measurement("first", energy_j=4.0)], prepared())
    (item,) = joined.joined
    assert item.row.spread == pytest.approx(np.std(times, ddof=1) / np.mean(times))
    assert (item.row.latency_s, item.row.energy_j, item.row.power_w) == (2.5, 4.0, None)
    assert item.row.repeats == 1 + 5 + 2 + 1 + 1
    (alone,) = join([_row("first"), Measurement("first", energy_j=4.0)], prepared()).joined
    assert (alone.row.latency_s, alone.row.spread) == (1.0, None)


def test_a_row_alone_stays_as_it_is() -> None:
    row = _row("fused first", 2.0, power_w=3.0, covers=("first_relu",), spread=0.1, clock_hz=1e9)
    (item,) = join([row], prepared()).joined
    assert item.row is row and item.layers == ("first",)
    parts = [replace(row, name="first"), _row("first_relu", 1.0, power_w=4.0, minimum_s=0.5)]
    (item,) = join(parts, prepared()).joined  # powers of parts say nothing of their sum, nor does a fastest run of one
    assert (item.row.latency_s, item.row.power_w, item.row.minimum_s) == (3.0, None, None)
    assert item.row.name == "first" and item.row.covers == ("first_relu",)


def test_a_row_of_several_layers() -> None:
    (item,) = join([_row("first", covers=("second", "pool"))], prepared()).joined
    assert item.layers == ("first", "second", "pool")


def test_what_does_not_join_is_said() -> None:
    joined = join([_row("first"), _row("flat"), _row("ghost"), _row("r", scope="overhead")], prepared())
    assert {row.name: reason for row, reason in joined.strays} == {
        "flat": "its layer costs nothing here (a view of another tensor)",
        "ghost": "no layer, node or tensor of that name",
    }
    assert joined.silent == ("second", "pool", "classifier")
    assert joined.overhead_s == 1.0


def test_overhead_without_a_time_takes_none() -> None:
    rows = [_row("a", 0.25, scope="overhead"), Measurement("b", scope="overhead", energy_j=1.0), _row("first")]
    assert join(rows, prepared()).overhead_s == 0.25


def test_in_a_complete_profile_a_silent_layer_ran_inside_of_a_neighbour() -> None:
    rows = [_row("first"), _row("second"), _row("classifier")]
    joined = join(rows, prepared(), complete=True)
    assert joined.placed == ("pool",) and not joined.silent
    assert _found(joined)["second"][0] == ("second", "pool")
    # not where much of the time found no layer: then the pool may be among those rows
    for lost, placed in ((1.0, ()), (0.17, ()), (0.15, ("pool",))):  # a twentieth of 3.17 is 0.159
        assert join([*rows, _row("ghost", lost, op="Odd")], prepared(), complete=True).placed == placed


def test_a_silent_layer_that_none_feeds_ran_inside_of_one_that_it_feeds() -> None:
    joined = join([_row("second"), _row("pool"), _row("classifier")], prepared(), complete=True)
    assert joined.placed == ("first",) and not joined.silent
    assert _found(joined)["second"][0] == ("second", "first")
    lonely = join([_row("pool"), _row("classifier")], prepared(), complete=True)  # no product runs inside of a pool
    assert lonely.silent == ("first", "second") and not lonely.placed


def test_a_row_of_two_layers_joins_the_rows_of_either() -> None:
    rows = [_row("first", 1.0), _row("pool", 8.0), _row("second", 2.0), _row("both", 4.0, covers=("first", "second"))]
    joined = join(rows, prepared())
    assert {item.layers: item.row.latency_s for item in joined.joined} == {("first", "second"): 7.0, ("pool",): 8.0}
    assert joined.silent == ("classifier",)
    assert joined.notes == ("3 rows are parts of 1 layers here: their figures are added up",)


def test_operators_and_models() -> None:
    joined = join(
        [_row("Conv", scope="operator"), _row("tiny", scope="model"), _row("Lstm", scope="operator")], prepared()
    )
    found = _found(joined)
    assert found["Conv"] == (("first", "second"), "operator")
    assert found["tiny"] == (("first", "second", "pool", "classifier"), "model")
    assert joined.strays[0][1] == "the network has no priced layer of operator Lstm"


def test_a_part_without_a_time_leaves_the_sum_and_its_spread_open() -> None:
    joined = join([_row("first", 3.0, spread=0.1), Measurement("first_relu", energy_j=1.0, spread=0.2)], prepared())
    (item,) = joined.joined
    assert (item.row.latency_s, item.row.energy_j, item.row.spread) == (None, None, None)


def test_parts_keep_the_way_that_the_first_was_found() -> None:
    (item,) = join([_row("fused first"), _row("first_relu", 9.0)], prepared()).joined
    assert item.by == "name" and item.layers == ("first",)
    (item,) = join([_row("x", output="second_relu"), _row("second", 9.0)], prepared()).joined
    assert item.by == "output"


def test_rows_of_views_do_not_count_as_lost_time() -> None:
    """A layer that costs nothing may take most of the time: the pool still ran inside of a neighbour."""
    rows = [_row("first"), _row("second"), _row("classifier"), _row("flat", 50.0)]
    assert join(rows, prepared(), complete=True).placed == ("pool",)


def test_a_runtime_that_folds_less_calls_nodes_by_tensors_inside() -> None:
    builder = Network.builder("n").input("x", (1, 16, 8, 8)).conv(16, name="conv", bias=False)
    inner = builder.current
    found = prepare(builder.batch_norm(name="norm").relu(name="relu").build())
    assert [layer.name for layer, _ in found.priced] == ["conv"]
    rows = [_row(f"{inner}_nchwc", 5.0, op="Conv"), _row("norm_out_bn_nchwc", 1.0, op="Conv"), _row("relu", 2.0)]
    joined = join([rows[0], rows[2]], found)
    assert [item.layers for item in joined.joined] == [("conv",)] and joined.joined[0].row.latency_s == 7.0


def test_silent_layers_run_beside_their_twins_and_no_product_in_a_move() -> None:
    builder = Network.builder("n").input("x", (1, 16, 8, 8)).relu(name="start")
    start = builder.current
    builder = builder.conv(16, kernel=1, name="silent")
    left = builder.current
    network = builder.at(start).concat(left, name="joined").relu(name="end").build()
    found = join([_row("start"), _row("joined"), _row("end")], prepare(network, passes=()), complete=True)
    assert found.silent == ("silent",) and not found.placed
    layers = [
        Layer("s", "Slice", ("x",), ("a",)),
        Layer("t", "Slice", ("x",), ("b",)),
        Layer("u", "Concat", ("a", "b"), ("y",)),
    ]
    shape = {"x": (1, 8, 4), "a": (1, 4, 4), "b": (1, 4, 4), "y": (1, 8, 4)}
    tensors = {name: Tensor(name, size, "float32", "activation") for name, size in shape.items()}
    cut = prepare(Network("cut", tuple(layers), tensors, ("x",), ("y",)), passes=())
    rows = join([_row("t", op="Split"), _row("u")], cut, complete=True)
    assert {item.row.name: item.layers for item in rows.joined} == {"t": ("t", "s"), "u": ("u",)}


def _calls(*named: tuple[str, str, float]) -> list[Measurement]:
    return [Measurement(name, scope="call", op=op, latency_s=time) for name, op, time in named]


def test_calls_go_to_the_layers_of_their_operators_in_order() -> None:
    joined = join(_calls(("conv2d 1", "Conv", 3.0), ("conv2d 2", "Conv", 1.0), ("relu 1", "Relu", 9.0)), prepared())
    assert _found(joined) == {"conv2d 1": (("first",), "order"), "conv2d 2": (("second",), "order")}
    assert [(row.name, row.latency_s) for row, _ in joined.strays] == [("Relu", 9.0)]
    assert {item.row.scope for item in joined.joined} == {"layer"}


def test_calls_of_several_runs_are_told_apart_by_the_number_of_layers() -> None:
    """Three runs of two convolutions and a product: the median of each counts; five additions are no whole number of layers."""
    runs = [("conv2d", "Conv", time) for time in (1.0, 10.0, 3.0, 12.0, 2.0, 11.0)]
    runs += [("linear", "Gemm", time) for time in (4.0, 5.0, 6.0)] + [("add", "Add", 0.3)] * 6
    joined = join(_calls(*((f"{name} {place}", op, time) for place, (name, op, time) in enumerate(runs))), prepared())
    found = {item.layers: item.row for item in joined.joined}
    assert {layers: row.latency_s for layers, row in found.items()} == {
        ("first",): 2,
        ("second",): 11,
        ("classifier",): 5,
    }
    assert found["first",].minimum_s == 1.0 and found["first",].repeats == 3
    assert found["first",].spread == pytest.approx(0.5)
    assert [(row.op, row.latency_s) for row, _ in joined.strays] == [("Add", pytest.approx(0.6))]
    assert any("ran 3 times" in note for note in joined.notes)


def test_operators_with_other_numbers_of_calls_are_added_up() -> None:
    rows = _calls(
        ("conv2d 1", "Conv", 1.0), ("conv2d 2", "Conv", 2.0), ("conv2d 3", "Conv", 4.0), ("linear 1", "Gemm", 50.0)
    )
    joined = join(rows, prepared())
    assert _found(joined) == {"linear 1": (("classifier",), "order"), "Conv": (("first", "second"), "operator")}
    assert {item.row.name: item.row.latency_s for item in joined.joined}["Conv"] == 7.0


def test_how_often_a_network_ran_is_what_most_of_its_time_says() -> None:
    """By calls over layers: of as much time either way the fewer runs; operators without layers or in parts of a run say nothing."""
    layers = [layer for layer, _ in prepared().priced]
    once = [("a", "Conv", 2.0), ("b", "Conv", 2.0), ("c", "Conv", 0.0), ("d", "Conv", 0.0)]
    for gemm, runs in ((4.0, 1), (4.1, 2)):
        rows = _calls(*once[:2], ("e", "Gemm", gemm / 2), ("f", "Gemm", gemm / 2), *([("g", "Add", 9.0)] * 3))
        placed, left, found = by_layer(rows, layers)
        assert found == runs
        assert {row.op for row in left} == {"Add", "Gemm" if runs == 1 else "Conv"}
        assert sum(row.latency_s or 0.0 for row in left) == pytest.approx((27.0 + 4.0) / runs)
        assert [name for _, name in placed] == (["first", "second"] if runs == 1 else ["classifier"])
    assert by_layer(_calls(*once[:3]), layers)[2] == 1  # a run and a half
    assert by_layer(_calls(("x", "Odd", 1.0)), layers) == ([], [_left("x", "Odd", 1.0)], 1)
    assert by_layer([], layers) == ([], [], 1)


def _left(name: str, op: str, latency: float) -> Measurement:
    return Measurement(op, scope="operator", op=op, latency_s=latency)


def test_calls_without_a_time_take_none() -> None:
    """Two runs of a product of which one call has an energy only: the middle of 0 and 3; where nothing takes time it does not spread."""
    layers = [layer for layer, _ in prepared().priced]
    silent = Measurement("b", scope="call", op="Gemm", energy_j=1.0)
    ((row, name),), left, runs = by_layer([*_calls(("a", "Gemm", 3.0)), silent], layers)
    assert (name, left, runs, row.latency_s, row.minimum_s, row.repeats) == ("classifier", [], 2, 1.5, 0.0, 2)
    assert row.spread == pytest.approx(np.std([0, 3], ddof=1) / 1.5) and row.name == "a"
    ((row, _),), _, _ = by_layer([silent, silent], layers)
    assert (row.latency_s, row.spread, row.energy_j, row.scope) == (0.0, None, 1.0, "layer")
    ((row, _),), _, _ = by_layer([silent], layers)
    assert row == replace(silent, scope="layer")
    both = [replace(silent, op="Add", minimum_s=1.0, spread=1.0), *_calls(("c", "Add", 3.0), ("d", "Add", 0.5))]
    (added,) = by_layer(both, layers)[1]
    assert added == replace(both[0], name="Add", scope="operator", latency_s=3.5, minimum_s=None, spread=None)


def test_rows_of_one_operator_wait_for_layers_that_no_name_took() -> None:
    """One row of two convolutions by name: the other one's is found by order; a row without an operator takes what is left."""
    joined = join([_row("second", 1.0), _row("?", 2.0, op="Conv"), _row("!", 3.0), _row("*", 4.0)], prepared())
    assert _found(joined) == {
        "second": (("second",), "name"), "?": (("first",), "order"), "!": (("pool",), "order"), "*": (("classifier",), "order"),
    }  # fmt: skip
    assert not joined.strays and not joined.silent and not joined.notes
    view = join([_row("flat", 1.0, op="GlobalAveragePool")], prepared())  # a view's row is no other layer's
    assert not view.joined and view.silent == ()


def test_medians_are_of_every_figure() -> None:
    rows = [
        Measurement("first", latency_s=t, minimum_s=t / 2, energy_j=t * 3, power_w=t * 5, dram_bytes=t * 7)
        for t in (4.0, 1.0, 2.0)
    ]
    joined = join([*rows, _row("first", 9.0, output="elsewhere"), _row("first", 9.0, scope="overhead")], prepared())
    by = {item.row.output: item.row for item in joined.joined}
    assert joined.notes == (
        "1 names stand in several rows: taken as repeats, the median counts",
        "2 rows are parts of 1 layers here: their figures are added up",
    )
    assert joined.overhead_s == 9.0
    (row,) = by.values()
    assert (row.latency_s, row.minimum_s, row.energy_j, row.dram_bytes) == (11.0, None, None, None)
    (item,) = join(rows, prepared()).joined
    one = item.row
    assert (one.latency_s, one.minimum_s, one.energy_j, one.power_w, one.dram_bytes) == (2.0, 1.0, 6.0, 10.0, 14.0)
    pair = [replace(one, name=name, power_w=1.0) for name in ("first", "first_relu")]
    (item,) = join(pair, prepared()).joined
    total = item.row
    assert (total.latency_s, total.minimum_s, total.energy_j, total.dram_bytes) == (4.0, 2.0, 12.0, 28.0)
    assert total.name == "first" and total.power_w is None  # of equals the first


def test_of_a_network_that_costs_nothing_the_whole_has_no_layers() -> None:
    free = prepare(Network.builder("free").input("x", (1, 4, 2)).flatten().build())
    joined = join([_row("free", scope="model"), _row("nobody")], free)
    assert [(item.layers, item.by) for item in joined.joined] == [((), "model")] and joined.silent == ()
