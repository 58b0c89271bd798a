"""Timelines: valid Chrome traces without overlapping slices, names that cannot break out, and the verb that writes them."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings

import hwsim
from hwsim.cli import main
from hwsim.estimation.simulated import Simulated
from hwsim.graph import Network
from hwsim.report.trace import trace
from hwsim.simulation import Program, run
from tests.simulation.programs import programs


def slices(record: dict) -> dict[tuple[int, int], list[tuple[float, float, str]]]:  # type: ignore[type-arg]
    found = defaultdict(list)
    for event in record["traceEvents"]:
        if event["ph"] == "X":
            assert event["dur"] >= 0
            found[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
    return {track: sorted(events) for track, events in found.items()}


def check_tracks(record: dict, end: float) -> None:  # type: ignore[type-arg]
    for events in slices(record).values():
        free = 0.0
        for begin, stop, name in events:
            assert begin >= free - 1e-9 * end, name
            free = stop
        assert free <= end * (1 + 1e-9)


@given(programs(streams=4, tiles=40, repeats=8, longest=6))
@settings(max_examples=80, deadline=None)
def test_slices_never_overlap_and_cover_the_work(program: Program) -> None:
    timeline = run(program)
    record = trace(Simulated((), timeline, 0.0, 1e-6), "device")
    check_tracks(record, max(1, timeline.ticks))
    tracks = slices(record)
    for engine, work in enumerate(program.work):
        shown = sum(end - begin for begin, end, _ in tracks.get((1, 2 * engine), []))
        assert shown >= work * (1 - 1e-9)


@pytest.mark.parametrize("device", ["tpu_v1", "cortex_m7", "a100_sxm_80g"])
def test_trace_of_a_network(device: str) -> None:
    estimate = hwsim.estimate("light_squeezenet", device, rung="simulate")
    assert estimate.simulation is not None
    record = json.loads(json.dumps(trace(estimate.simulation, device), allow_nan=False))
    assert record["displayTimeUnit"] == "ns"
    assert {event["ph"] for event in record["traceEvents"]} <= {"X", "M", "C"}
    check_tracks(record, 1e6 * estimate.totals.latency_s)
    named = {(event["pid"], event["tid"]) for event in record["traceEvents"] if event["name"] == "thread_name"}
    assert set(slices(record)) <= named
    counters = [event for event in record["traceEvents"] if event["ph"] == "C"]
    for name in {event["name"] for event in counters}:
        own = [event["args"]["bytes"] for event in counters if event["name"] == name]
        assert min(own) >= 0
        assert own[-1] == 0


#: Fields that the Trace Event Format asks of each phase that is written, with their types.
_FIELDS = {
    "X": {"name": str, "ts": (int, float), "dur": (int, float), "pid": int, "tid": int},
    "C": {"name": str, "ts": (int, float), "pid": int, "args": dict},
    "M": {"name": str, "pid": int, "args": dict},
}


def test_every_event_is_as_the_format_documents_it() -> None:
    """Trace Event Format (Chromium): complete events, counters whose series are numbers, metadata that name or sort tracks."""
    estimate = hwsim.estimate("light_squeezenet", "tpu_v1", rung="simulate")
    assert estimate.simulation is not None
    record = json.loads(json.dumps(trace(estimate.simulation, "tpu_v1"), allow_nan=False))
    assert isinstance(record["traceEvents"], list)
    for event in record["traceEvents"]:
        for field, kind in _FIELDS[event["ph"]].items():
            assert isinstance(event[field], kind), event  # type: ignore[arg-type]
        if event["ph"] == "C":
            assert event["args"]
            assert all(isinstance(value, int | float) for value in event["args"].values())
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name", "process_sort_index", "thread_sort_index")
            assert set(event["args"]) == {"sort_index" if event["name"].endswith("index") else "name"}


def test_names_are_made_safe() -> None:
    network = Network.builder("x").input("x", (1, 8, 8, 8)).conv(8, name='a"}\n\x1b[31m</script>').build()
    estimate = hwsim.estimate(network, "tpu_v1", rung="simulate")
    assert estimate.simulation is not None
    text = json.dumps(trace(estimate.simulation, "d"))
    assert "\x1b" not in text
    assert json.loads(text)["traceEvents"]
    names = {event["name"] for event in json.loads(text)["traceEvents"] if event["ph"] == "X"}
    assert any(name.startswith('a"}\\n\\x1b') for name in names)


def test_verb_writes_a_trace_and_explains(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    code = main(["simulate", "light_squeezenet", "--device", "tpu_v1", "--trace", str(path), "--explain"])
    out = capsys.readouterr().out
    assert code == 0
    assert json.loads(path.read_text())["traceEvents"]
    assert "critical path" in out
    assert "what waits cost" in out
    assert main(["simulate", "light_squeezenet", "--device", "tpu_v1", "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "hwsim/simulation/1"
    total = sum(part["time_s"] for part in record["critical_path"])
    assert total == pytest.approx(record["totals"]["latency_s"], rel=1e-9)


def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments, said in (
        (["light_squeezenet", "--device", "tpu_v1", "--tiles", "systolik"], "did you mean systolic"),
        (["light_squeezenet", "light_resnet50", "--device", "tpu_v1"], "one at a time"),
        (["light_squeezenet", "--device", "tpu_v1", "--trace", str(tmp_path / "no" / "t.json")], "cannot be written"),
    ):
        assert main(["simulate", *arguments]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
