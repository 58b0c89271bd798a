"""What other programs write: one small file by hand of each kind, its rows and its times."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from hwsim.errors import UsageError
from hwsim.validation import readers
from hwsim.validation.measured import Measured, Measurement
from hwsim.validation.readers import read
from hwsim.validation.traces import onnxruntime, summary


def _read(folder: Path, content: Any, name: str = "profile.json", **options: float) -> Measured:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read(path, **options)


def _by_name(found: Measured) -> dict[str, Measurement]:
    return {row.name: row for row in found.rows}


def _event(name: str, start: float, duration: float, cat: str = "Node", **args: Any) -> dict[str, Any]:
    return {"ph": "X", "name": name, "cat": cat, "ts": start, "dur": duration, "pid": 1, "tid": 1, "args": args}


def _runs(count: int) -> list[dict[str, Any]]:
    """onnxruntime: a run each 1,000 µs with two nodes, a reorder node, and 10 µs beside them; the first run is cold."""
    events = [_event("session_initialization", 0, 500, "Session")]
    for run in range(count):
        start, slow = 1000.0 * (run + 1), 5.0 if run == 0 else 1.0
        events += [
            _event("model_run", start, slow * 160 + 10, "Session"),
            _event("ReorderInput_kernel_time", start, slow * 20, op_name="ReorderInput"),
            _event("conv1_out_nchwc_kernel_time", start + slow * 20, slow * 100, op_name="Conv"),
            _event("conv1_out_nchwc_fence_before", start, 0, op_name="Conv"),
            _event("fc_kernel_time", start + slow * 120, slow * 40, op_name="Gemm"),
        ]
    return events


def test_onnxruntime_profile(tmp_path: Path) -> None:
    found = _read(tmp_path, _runs(6))
    rows = _by_name(found)
    assert found.form == "onnxruntime profile" and found.complete
    assert rows["conv1_out_nchwc"].latency_s == pytest.approx(100e-6)
    assert rows["conv1_out_nchwc"].repeats == 5 and "left out as warm-up" in found.notes[0]
    assert rows["fc"].op == "Gemm" and rows["fc"].scope == "layer"
    assert rows["ReorderInput"].scope == rows["dispatch"].scope == "overhead"
    assert rows["dispatch"].latency_s == pytest.approx(10e-6)
    assert rows[""].scope == "model" and rows[""].latency_s == pytest.approx(170e-6)
    layers = sum(row.latency_s or 0 for row in found.rows if row.scope != "model")
    assert layers == pytest.approx(170e-6)


def test_a_profile_without_runs_has_a_repeat_an_event(tmp_path: Path) -> None:
    """Nodes alone, each as often as it ran; copies that the runtime puts in are no layers, by operator or by name."""
    events = [
        event
        for run, slow in enumerate((1.0, 3.0, 2.0))
        for event in (
            _event("conv_kernel_time", 100.0 * run, 10 * slow, op_name="Conv"),
            _event("to_host_kernel_time", 100.0 * run + 50, slow, op_name="MemcpyToHost"),
            _event("ReorderOutput_7_kernel_time", 100.0 * run + 60, slow, op_name="Odd"),
        )
    ]
    found = _read(tmp_path, events)
    rows = _by_name(found)
    assert {name: row.scope for name, row in rows.items()} == {
        "conv": "layer", "to_host": "overhead", "ReorderOutput_7": "overhead",
    }  # fmt: skip
    assert (rows["conv"].repeats, rows["conv"].minimum_s) == (3, pytest.approx(10e-6))
    assert rows["conv"].latency_s == pytest.approx(12e-6)  # the 10th percentile of 10, 20 and 30
    assert not found.notes


def test_a_profile_cut_off_while_it_was_written_is_read(tmp_path: Path) -> None:
    text = json.dumps(_runs(4)).removesuffix("]") + ","
    assert _by_name(_read(tmp_path, text))["fc"].latency_s == pytest.approx(40e-6)


def test_what_is_no_json_is_told_by_its_line(tmp_path: Path) -> None:
    for text, line, words in (
        ('{"rows": [\n\n{"name": }]}', 3, "Expecting value"),
        ("{" * 3, 1, "Expecting property name"),
        ('{"a": ' + "[" * 200_000, 1, "nested too deeply"),
        ('[{"ph": "X"},\n{"ph": y', 2, "Expecting value"),  # the end is missing, and what there is is broken
    ):
        with pytest.raises(UsageError, match=rf"profile\.json:{line}: not JSON: {words}"):
            _read(tmp_path, text)


def test_malformed_events_are_named(tmp_path: Path) -> None:
    events = [
        _event("model_run", 0, 5),
        {"ph": "X", "name": "conv_kernel_time", "cat": "Node", "ts": "soon", "dur": -1},
    ]
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, events)
    assert str(caught.value).count("event 1 (conv_kernel_time)") == 2
    with pytest.raises(UsageError, match=rf"event 0 \({'n' * 40}\): dur: not a time in µs"):  # long names in part
        _read(tmp_path, [{"ph": "X", "name": "n" * 99, "cat": "Node", "ts": 0, "dur": 2e18}])


def test_trtexec_profile(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        [
            {"count": 100},
            {"name": "Conv_0 + Relu_1", "timeMs": 20.0, "averageMs": 0.2, "medianMs": 0.19, "percentage": 66.0},
            {"name": "Reformatting CopyNode for Output Tensor 0 to Conv_0 + Relu_1", "timeMs": 1.0, "averageMs": 0.01},
            {"name": "Gemm_2", "timeMs": 10.0},
        ],
    )
    first, copy, last = found.rows
    assert (first.name, first.covers, first.latency_s) == ("Conv_0", ("Relu_1",), pytest.approx(0.19e-3))
    assert copy.scope == "overhead"
    assert last.latency_s == pytest.approx(0.1e-3)
    assert found.complete and first.repeats == 100


def test_trtexec_times(tmp_path: Path) -> None:
    entries = [{"startComputeMs": 10.0 * run, "endComputeMs": 10.0 * run + 2.0 + 0.1 * run} for run in range(11)]
    (row,) = _read(tmp_path, entries).rows
    assert row.scope == "model" and row.repeats == 11
    assert row.minimum_s == pytest.approx(2e-3)
    assert row.latency_s == pytest.approx(2.1e-3)
    (short,) = _read(tmp_path, [{"inMs": 1, "computeMs": 3.0, "outMs": 1}]).rows
    assert short.latency_s == pytest.approx(3e-3)


@pytest.mark.parametrize("time", [-0.5, -1e-9, True, None, 1e18, "0.1"])
@pytest.mark.parametrize("key", ["timeMs", "averageMs", "medianMs", "computeMs", "endComputeMs"])
def test_times_in_ms_that_are_none(tmp_path: Path, key: str, time: object) -> None:
    entry: dict[str, object] = {"name": "a", key: time}
    if key == "endComputeMs":
        entry["startComputeMs"] = 0.0
    with pytest.raises(UsageError, match=rf"profile\.json: a: {key}: not a time in ms"):
        _read(tmp_path, [{"count": 1}, {"timeMs": 1}, entry])


def test_trtexec_times_that_are_nothing_or_long(tmp_path: Path) -> None:
    found = _read(tmp_path, [{"count": 4}, {"name": "a", "timeMs": 0.0}, {"name": "b", "timeMs": 9e17}])
    assert [row.latency_s for row in found.rows] == [0.0, pytest.approx(9e17 / 4 * 1e-3)]
    uncounted = _read(tmp_path, [{"name": "a", "timeMs": 3.0}])
    assert uncounted.rows[0].latency_s == pytest.approx(3e-3) and uncounted.rows[0].repeats is None


def test_trtexec_times_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="timeMs: not a time"):
        _read(tmp_path, [{"count": 1}, {"name": "a", "timeMs": "fast"}])


def test_pytorch_profile_has_a_row_a_call(tmp_path: Path) -> None:
    """Three steps of the same calls; what runs inside of another call belongs to it."""
    events = []
    for step, slower in enumerate((0, 20, 10)):
        start = 1000.0 * step
        events += [
            _event(f"ProfilerStep#{step}", start, 900, "user_annotation"),
            _event("aten::conv2d", start, 300 + slower, "cpu_op", **{"External id": 10 * step + 1}),
            _event("aten::convolution", start + 10, 280, "cpu_op", **{"External id": 10 * step + 2}),
            _event("aten::relu", start + 350, 50, "cpu_op", **{"External id": 10 * step + 3}),
            _event("aten::conv2d", start + 400, 100, "cpu_op", **{"External id": 10 * step + 4}),
        ]
    read = _read(tmp_path, {"traceEvents": events})
    rows = _by_name(read)
    assert list(rows) == ["conv2d 1", "relu 1", "conv2d 2"]
    assert {row.scope for row in read.rows} == {"call"} and {row.repeats for row in read.rows} == {3}
    first = rows["conv2d 1"]
    assert (first.op, first.minimum_s, first.latency_s) == ("Conv", pytest.approx(300e-6), pytest.approx(302e-6))
    assert rows["relu 1"].latency_s == pytest.approx(50e-6)
    assert rows["conv2d 2"].latency_s == pytest.approx(100e-6)


def test_of_calls_that_begin_together_the_longer_one_contains_the_other(tmp_path: Path) -> None:
    events = [
        _event("aten::addmm", 0, 90, "cpu_op"),
        _event("aten::linear", 0, 100, "cpu_op"),
        _event("aten::relu", 100, 5, "cpu_op"),
    ]
    rows = _read(tmp_path, {"traceEvents": events}).rows
    assert [(row.name, row.latency_s) for row in rows] == [
        ("linear 1", pytest.approx(100e-6)),
        ("relu 1", pytest.approx(5e-6)),
    ]


def test_pytorch_profile_of_steps_that_differ(tmp_path: Path) -> None:
    events = [_event(f"ProfilerStep#{step}", 1000.0 * step, 900, "user_annotation") for step in range(2)]
    events += [_event("aten::relu", time, 7.0 + time / 1000, "cpu_op") for time in (0.0, 100.0, 1000.0)]
    rows = _read(tmp_path, {"traceEvents": events}).rows
    assert [(row.name, row.repeats) for row in rows] == [("relu 1", 1), ("relu 2", 1), ("relu 3", 1)]
    assert rows[2].latency_s == pytest.approx(8e-6)


def test_pytorch_profile_with_kernels_takes_their_time(tmp_path: Path) -> None:
    """A view, which launches none, is no row."""
    events = [
        _event("aten::linear", 0, 300, "cpu_op", **{"External id": 1}),
        _event("aten::addmm", 10, 280, "cpu_op", **{"External id": 2}),
        _event("aten::view", 310, 5, "cpu_op", **{"External id": 3}),
        {**_event("sgemm", 500, 40, "kernel", **{"External id": 2}), "tid": 7},
    ]
    (row,) = _read(tmp_path, {"traceEvents": events}).rows
    assert (row.name, row.op, row.latency_s) == ("linear 1", "Gemm", pytest.approx(40e-6))


def test_any_chrome_trace(tmp_path: Path) -> None:
    events = [_event("conv1", 100.0 * run, 10.0 + run, "mine") for run in range(3)]
    events.append({"ph": "M", "name": "process_name", "args": {"name": "x"}})
    (row,) = _read(tmp_path, {"traceEvents": events}).rows
    assert (row.name, row.latency_s, row.repeats) == ("conv1", pytest.approx(11e-6), 3)


def test_copies_in_a_trace_belong_to_no_layer(tmp_path: Path) -> None:
    events = [
        _event("Reformatting CopyNode for x", 0, 5.0, "mine"),
        _event("conv", 9, 4.0, "mine"),
        _event("conv", 99, 6.0, "mine"),
    ]
    copied, ran = _read(tmp_path, {"traceEvents": events}).rows
    assert (copied.scope, ran.scope) == ("overhead", "layer")
    assert (ran.minimum_s, ran.latency_s) == (pytest.approx(4e-6), pytest.approx(5e-6))


def test_calls_on_two_threads_are_not_inside_of_each_other(tmp_path: Path) -> None:
    """Copies and fills of a GPU's memory are its time as kernels are; a call that ends when the next one begins does not contain it."""
    events = [
        _event("aten::conv2d", 0, 100, "cpu_op", **{"External id": 1}),
        {**_event("aten::relu", 10, 20, "cpu_op", **{"External id": 2}), "tid": 2},
        _event("aten::add", 100, 5, "cpu_op", **{"External id": 3}),
        _event("aten::mul", 104, 1, "cpu_op", **{"External id": 4}),
    ]
    plain = _read(tmp_path, {"traceEvents": events})
    assert [(row.name, row.latency_s) for row in plain.rows] == [
        ("conv2d 1", pytest.approx(100e-6)), ("relu 1", pytest.approx(20e-6)), ("add 1", pytest.approx(5e-6)),
    ]  # fmt: skip
    assert plain.notes == ("a row a call, in order",) and {row.repeats for row in plain.rows} == {1}
    kinds = ("kernel", "gpu_memcpy", "gpu_memset", "gpu_other")
    launched = [_event(kind, 200, 7.0, kind, **{"External id": place + 1}) for place, kind in enumerate(kinds)]
    found = _read(tmp_path, {"traceEvents": [*events, *launched, _event("kernel", 300, 1.0, "kernel")]})
    assert [(row.name, row.latency_s) for row in found.rows] == [
        (f"{name} 1", pytest.approx(7e-6)) for name in ("conv2d", "relu", "add")
    ]


def test_traces_leave_out_what_has_no_name_or_takes_no_time(tmp_path: Path) -> None:
    events = [_event("", 0, 5.0, "mine"), _event("none", 0, 0.0, "mine"), _event("short", 0, 0.5, "mine")]
    (row,) = _read(tmp_path, {"traceEvents": events}).rows
    assert (row.name, row.latency_s) == ("short", pytest.approx(0.5e-6))


@pytest.mark.parametrize(("count", "kept"), [(3, 3), (4, 3), (5, 4)])
def test_the_first_run_is_cold_where_more_than_two_are_left(tmp_path: Path, count: int, kept: int) -> None:
    assert _by_name(_read(tmp_path, _runs(count)))[""].repeats == kept


def test_at_most_twenty_events_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, {"traceEvents": [1] * 30})
    assert len(caught.value.findings) == 20


VELA = """\
TFLite_operator,NNG Operator,SRAM Usage,Peak%,Op Cycles,Network%,NPU,SRAM AC,DRAM AC,OnFlash AC,OffFlash AC,MAC Count,Network%,Util%,Name
Conv2D,Conv2DBias,1000,50,2000,40,1500,0,0,0,0,100000,50,60,first
MaxPool,MaxPool,500,25,500,10,500,0,0,0,0,0,0,0,pool
"""


def test_vela_table(tmp_path: Path) -> None:
    found = _read(tmp_path, VELA, "vela.csv", clock_hz=500e6)
    first, pool = found.rows
    assert (first.name, first.op, first.latency_s) == ("first", "Conv2D", pytest.approx(4e-6))
    assert pool.latency_s == pytest.approx(1e-6)
    assert "not measured" in found.notes[0]
    with pytest.raises(UsageError, match="--clock-mhz"):
        _read(tmp_path, VELA, "vela.csv")
    with pytest.raises(UsageError, match=r"vela\.csv:2: Op Cycles: 'many'"):
        _read(tmp_path, VELA.replace("2000", "many"), "vela.csv", clock_hz=1e9)


def test_lines_before_the_header_do_not_hide_what_a_table_is(tmp_path: Path) -> None:
    plain = _read(tmp_path, VELA, "vela.csv", clock_hz=1e9)
    assert _read(tmp_path, f"\n\n{VELA}", "blank.csv", clock_hz=1e9).form == plain.form
    with pytest.raises(UsageError, match="--clock-mhz"):  # it is Vela's, whatever is said above it
        _read(tmp_path, f"# made by vela\n\n{VELA}", "commented.csv")


def test_a_table_with_names_in_capitals_is_no_table_of_vela(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"t\.csv:1: Name: unknown column \(did you mean name\?\)"):
        _read(tmp_path, "Name,latency_us\nc,1\n", "t.csv")


@pytest.mark.parametrize("cycles", ["nan", "inf", "1e400", "-1"])
def test_vela_cycles_that_are_none(tmp_path: Path, cycles: str) -> None:
    with pytest.raises(UsageError, match=rf"vela\.csv:2: Op Cycles: '{cycles}' is not a number of cycles"):
        _read(tmp_path, VELA.replace("2000", cycles), "vela.csv", clock_hz=1e9)


def test_every_row_of_vela_that_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, VELA.replace("2000", "many").replace(",500,10,", ",-5,10,"), "vela.csv", clock_hz=1e9)
    assert [finding.split("vela.csv")[1][:14] for finding in caught.value.findings] == [
        ":2: Op Cycles:",
        ":3: Op Cycles:",
    ]
    none = _read(tmp_path, VELA.replace("2000", "0"), "vela.csv", clock_hz=1e9)  # what takes no time is no row
    assert [row.name for row in none.rows] == ["pool"]


@pytest.mark.parametrize("header", ["name,latency_us", "Name,Op Cycles"])
def test_a_cell_too_long_for_any_table(tmp_path: Path, header: str) -> None:
    with pytest.raises(UsageError, match=r"t\.csv:2: \(row\): field larger than field limit"):
        _read(tmp_path, f"{header}\n{'x' * 200_000},1\n", "t.csv", clock_hz=1e9)


def test_a_key_given_twice_in_a_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"t\.json: latency_us: given twice"):
        _read(
            tmp_path,
            '{"schema": "hwsim/measured/1", "rows": [{"name": "c", "latency_us": 1, "latency_us": 2}]}',
            "t.json",
        )


def test_more_rows_than_anybody_measures(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than 200,000 rows"):
        _read(tmp_path, "name,latency_us\n" + "c,1\n" * 200_001, "t.csv")
    with pytest.raises(UsageError, match="more than 200,000 rows"):
        _read(tmp_path, '{"rows": [' + ",".join(["1"] * 200_001) + "]}", "t.json")


def test_a_file_that_is_wrong_all_over_is_told_in_part(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, "name,latency_us\n" + "c,x\n" * 150, "t.csv")
    assert len(caught.value.findings) == 101
    assert caught.value.findings[-1] == "... and 50 more mistakes"
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, f"name,{'y' * 5000}\n", "t.csv")
    assert len(caught.value.findings[0]) == 799 and "yyy…yyy" in caught.value.findings[0]


def test_what_vela_calls_an_operator(tmp_path: Path) -> None:
    """By the newest of its names for it; a row without a name of its own has its operator's."""
    for column in ("TFLite_operator", "Original Operator", "NNG Operator"):
        (row,) = _read(tmp_path, f"{column},Op Cycles,Name\nConv2D,10,\n", "v.csv", clock_hz=1e9).rows
        assert (row.name, row.op, row.output) == ("Conv2D", "Conv2D", "")
    columns = "TFLite_operator,Original Operator,NNG Operator,Op Cycles,Name\n"
    (row,) = _read(tmp_path, f"{columns},b,c,10,n\n", "v.csv", clock_hz=1e9).rows
    assert (row.name, row.op, row.output) == ("n", "b", "n")
    (row,) = _read(tmp_path, "Op Cycles,Name\n10,n\n", "v.csv", clock_hz=1e9).rows
    assert row.op == ""


def test_a_file_larger_than_any_measurement(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate((256 << 20) + 1)  # takes no room
    with pytest.raises(UsageError, match=r"large\.json: larger than 256 MiB: trim the profile"):
        read(path)


def test_the_hash_and_the_file_are_kept(tmp_path: Path) -> None:
    import hashlib

    found = _read(tmp_path, VELA, "vela.csv", clock_hz=500e6)
    assert found.sha256 == hashlib.sha256(VELA.encode()).hexdigest()
    assert found.rows[1].where.endswith("vela.csv:3")


def test_the_spread_of_repeats_is_robust_and_relative() -> None:
    """A quarter of the values lie below the first quartile: of normal ones the quartiles are 1.349 standard deviations apart."""
    values = [8.0, 9.0, 10.0, 11.0, 12.0]
    low, least, spread = summary(values)
    assert (low, least) == (pytest.approx(8.4), 8.0)
    assert spread == pytest.approx(2.0 / 1.349 / 10.0)
    assert summary(values[:2])[2] is None and summary([0.0] * 5)[2] is None


def test_a_node_that_some_runs_skip_takes_nothing_in_them(tmp_path: Path) -> None:
    """Two runs of 10 µs; of the second node the first one has 4, so that 3 and 7 are left beside them."""
    events = [_event("model_run", at, 10.0, "Session") for at in (0.0, 100.0)]
    events += [_event("a_kernel_time", at, 3.0, op_name="Conv") for at in (1.0, 101.0)]
    events.append(_event("b_kernel_time", 5.0, 4.0, op_name="Relu"))
    rows = _by_name(_read(tmp_path, events))
    assert (rows["a"].repeats, rows["b"].repeats) == (2, 1)
    assert rows["dispatch"].minimum_s == pytest.approx(3e-6)
    assert rows["dispatch"].latency_s == pytest.approx(3.4e-6)  # a tenth of the way from 3 to 7


def test_what_runs_beside_the_nodes_takes_no_less_than_nothing(tmp_path: Path) -> None:
    events = []
    for at, nodes in ((0.0, 4.0), (100.0, 9.5), (200.0, 12.0), (300.0, 10.0)):  # of runs that take 10 µs
        events += [_event("model_run", at, 10.0, "Session"), _event("a_kernel_time", at, nodes, op_name="Conv")]
    rows = {row.name: row for row in _read(tmp_path, events).rows}
    assert rows["dispatch"].minimum_s == 0 and rows["dispatch"].scope == "overhead"


def test_files_of_just_the_largest_size_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert readers.MAX_BYTES == 256 * 1024**2
    text = "name,latency_us\na,1\n"
    monkeypatch.setattr(readers, "MAX_BYTES", len(text))
    assert len(_read(tmp_path, text, "t.csv").rows) == 1
    with pytest.raises(UsageError, match="larger than 0 MiB"):
        _read(tmp_path, text + "\n", "t.csv")
    with pytest.raises(UsageError, match=r"t\.csv: read as table, but it has no rows$"):
        _read(tmp_path, "name,latency_us", "t.csv")
    monkeypatch.undo()
    (row,) = _read(tmp_path, f"\ufeff{text}", "t.csv").rows  # a mark of UTF-8 before it says nothing
    assert row.where.endswith("t.csv:2")
    told = readers.replace_where([Measurement("a"), Measurement("b", where="x:1")], "y")
    assert [row.where for row in told] == ["y", "x:1"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"traceEvents": 1}, "a JSON file of no known form"), ({}, "a JSON file of no known form"),
        ([], "a JSON list of no known form"), ([{"name": "a"}, 3], "a JSON list of no known form"),
        ("[1,", "a JSON list of no known form"), ("{1,", "not JSON"), ("[[1]", "a JSON list of no known form"),
    ],
)  # fmt: skip
def test_json_of_other_programs(tmp_path: Path, document: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        _read(tmp_path, document)


def test_one_entry_says_what_a_list_is(tmp_path: Path) -> None:
    assert _read(tmp_path, [{"count": 2}, {"name": "a", "averageMs": 1}]).form == "trtexec profile"
    assert _read(tmp_path, [{"x": 1}, {"computeMs": 1}]).form == "trtexec times"
    times = _read(
        tmp_path, [{"x": 1}, {"computeMs": 4.0}, {"startComputeMs": 1.0, "endComputeMs": 3.0, "computeMs": 2.0}]
    )
    assert times.rows[0].repeats == 2 and times.rows[0].minimum_s == pytest.approx(2e-3)
    assert times.notes == ("time on the GPU at the 10th percentile, transfers left out",)
    copy = "Reformatting CopyNode for Input Tensor 0 to a + b"
    found = _read(
        tmp_path,
        [
            {"name": copy, "averageMs": 1},
            {"name": "a + b + c", "medianMs": 1, "averageMs": 2},
            {"name": "", "timeMs": 3},
        ],
    )
    assert [(row.name, row.scope, row.covers, row.repeats) for row in found.rows] == [
        (copy, "overhead", (), None), ("a", "layer", ("b", "c"), None), ("", "layer", (), None),
    ]  # fmt: skip
    assert [row.latency_s for row in found.rows] == pytest.approx([1e-3, 1e-3, 3e-3])
    with pytest.raises(UsageError, match=rf": {'n' * 60}: averageMs: not a time in ms"):
        _read(tmp_path, [{"name": "n" * 61, "averageMs": -1}])
    with pytest.raises(UsageError, match=": entry: computeMs: not a time in ms"):
        _read(tmp_path, [{"computeMs": math.nan}])


def test_a_column_of_names_alone_makes_no_table_of_vela(tmp_path: Path) -> None:
    for header in ("Name,cycles", "Op Cycles,name"):
        with pytest.raises(UsageError, match="unknown column"):
            _read(tmp_path, f"{header}\na,1\n", "t.csv", clock_hz=1e9)
    found = _read(tmp_path, " Name , Op Cycles \n\n a ,10\n,\nb,0\nc,1e17,more\n", "t.csv", clock_hz=1e9)
    assert [(row.name, row.where.rpartition(":")[2], row.clock_hz) for row in found.rows] == [
        ("a", "3", 1e9),
        ("c", "6", 1e9),
    ]
    assert found.rows[0].latency_s == pytest.approx(1e-8) and found.complete and found.form == "Vela table"
    assert found.notes == ("cycles as Vela estimates them, not measured",)
    with pytest.raises(UsageError, match=r"t\.csv:2: Op Cycles: '1e18' is not a number of cycles"):
        _read(tmp_path, "Name,Op Cycles\na,1e18\n", "t.csv", clock_hz=1e9)
    with pytest.raises(UsageError, match=r"t\.csv:2: Op Cycles: '' is not a number of cycles"):
        _read(tmp_path, "Name,Op Cycles\na\n", "t.csv", clock_hz=1e9)


def test_calls_that_touch_are_not_inside_of_each_other(tmp_path: Path) -> None:
    """One ends as the next begins; a third begins within the second and outlasts it: it belongs to it, and to nobody else."""
    calls = [("a", 0, 10), ("b", 10, 10), ("c", 19, 5), ("d", 20, 1), ("e", 24, 0)]
    found = _read(tmp_path, [_event(f"aten::{name}", start, span, "cpu_op") for name, start, span in reversed(calls)])
    assert [row.name for row in found.rows] == ["a 1", "b 1", "d 1"]  # what takes no time is no row
    assert [row.latency_s for row in found.rows] == pytest.approx([10e-6, 10e-6, 1e-6])
    assert {(row.scope, row.repeats, row.spread) for row in found.rows} == {("call", 1, None)}
    assert found.form == "PyTorch profile" and found.notes == ("a row a call, in order",)
    named = _read(tmp_path, [_event("aten::mm", at, 3, "cpu_op") for at in (0, 5)] + [_event("other", 9, 1, "cpu_op")])
    assert [(row.name, row.op) for row in named.rows] == [("mm 1", "MatMul"), ("mm 2", "MatMul"), ("other 1", "other")]


def test_a_call_on_the_mark_of_a_step_is_in_it(tmp_path: Path) -> None:
    """Before the first mark is a step too; four of the same calls are 10th percentiles."""
    marks = [_event(f"ProfilerStep#{step}", 100.0 * step, 50, "user_annotation") for step in (1, 2, 3)]
    calls = [_event("aten::mm", 100.0 * step, 10 + step, "cpu_op") for step in range(4)]
    found = _read(tmp_path, [*marks, *calls])
    (row,) = found.rows
    assert (row.repeats, row.minimum_s) == (4, pytest.approx(10e-6)) and row.latency_s == pytest.approx(10.3e-6)
    assert found.notes == ("4 steps of the same calls",)


def test_times_at_the_edge_of_what_is_believed(tmp_path: Path) -> None:
    for key, value, fine in (
        ("dur", 0, True), ("dur", -0.5, False), ("ts", -5, True), ("ts", 9e17, True), ("ts", 1e18, False), ("ts", -1e18, False),
        ("dur", True, False), ("ts", "1", False), ("args", [], False), ("name", {}, False), ("cat", 3, True), ("pid", None, True),
    ):  # fmt: skip
        event = {"ph": "X", "name": "a", "cat": "x", "ts": 1, "dur": 1, key: value}
        other = {"ph": "X", "name": "b", "cat": "x", "ts": 1, "dur": 2}
        text = json.dumps([{"ph": "M"}, other, event])
        if fine:
            assert [row.name for row in _read(tmp_path, text).rows][:1] == ["b"]
        else:
            with pytest.raises(
                UsageError, match=r"profile\.json: event 2.*: must be a |profile\.json: event 2 \(a\): "
            ):
                _read(tmp_path, text)
    with pytest.raises(UsageError, match="event 1: must be a mapping"):
        _read(tmp_path, {"traceEvents": [{"ph": "X", "ts": 1, "dur": 1}, 7]})
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, {"traceEvents": [{"ph": "X", "ts": 1, "dur": 1, "args": 1, "name": [], "cat": []}]})
    assert [finding.partition(" event 0: ")[2] for finding in caught.value.findings] == [
        "args: must be a mapping", "name: must be a name or a number", "cat: must be a name or a number",
    ]  # fmt: skip


def test_the_first_of_two_operators_names_a_node(tmp_path: Path) -> None:
    """Nodes between runs are of the last one that began; names that do not end as a kernel's do are none."""
    events = [_event("model_run", at, 10, "Session") for at in (0, 100, 200, 300)]
    events += [
        _event("a_kernel_time", at, span, op_name=op)
        for at, span, op in ((0, 1, "Conv"), (150, 2, "Relu"), (300, 3, "Add"))
    ]
    events += [
        _event("b_kernel_times", 1, 9),
        _event("c_kernel_time", 1, 9, "Session"),
        _event("ReorderInput_1_kernel_time", 305, 4),
    ]
    found = _read(tmp_path, events)
    rows = _by_name(found)
    assert set(rows) == {"a", "ReorderInput_1", "", "dispatch"}
    assert (rows["a"].op, rows["a"].repeats, rows["a"].minimum_s) == (
        "Conv",
        2,
        pytest.approx(2e-6),
    )  # the first run is cold
    assert rows["ReorderInput_1"].scope == "overhead" and rows[""].repeats == 3
    assert (rows["dispatch"].minimum_s, rows["dispatch"].latency_s) == (pytest.approx(3e-6), pytest.approx(4e-6))
    assert found.notes == ("1 of 4 runs left out as warm-up",)
    few = onnxruntime(events, warm_up=2)  # no two are left
    assert _by_name(few)["a"].repeats == 3 and not few.notes
    assert onnxruntime([*events[:4], _event("model_run", 400, 10, "Session")], warm_up=2).notes == (
        "2 of 5 runs left out as warm-up",
    )


def test_other_traces_are_medians_by_name(tmp_path: Path) -> None:
    spans = [
        ("a", 3.0),
        ("a", 1.0),
        ("a", 2.0),
        ("", 5.0),
        ("b", 0.0),
        ("b", 4.0),
        ("Memcpy", 4.0),
        ("MemcpyToHost", 2.0),
    ]
    events = [_event(name, place, span, "any") for place, (name, span) in enumerate(spans)]
    found = _read(tmp_path, [*events, {"ph": "X", "name": "c", "ts": 0, "dur": 1}, {"ph": "B", "name": "d", "ts": 0}])
    assert [(row.name, row.scope, row.repeats) for row in found.rows] == [
        ("a", "layer", 3), ("Memcpy", "layer", 1), ("MemcpyToHost", "overhead", 1), ("c", "layer", 1),
    ]  # fmt: skip
    first = found.rows[0]
    assert (first.latency_s, first.minimum_s) == (pytest.approx(2e-6), pytest.approx(1e-6))
    assert first.spread == pytest.approx(1 / 1.349 / 2) and found.rows[1].spread is None
    assert found.form == "Chrome trace" and found.notes == ("a row a name, at the median of its events",)
