"""This machine's CPU measured: real profiles of onnxruntime, their fused nodes mapped back. No times are asserted."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from hwsim import load_device
from hwsim.cli import main
from hwsim.errors import UsageError
from hwsim.estimation import prepare
from hwsim.graph import Network
from hwsim.onnx_io.generation import write
from hwsim.validation import measuring
from hwsim.validation.cases import cases, from_prepared
from hwsim.validation.join import join
from hwsim.validation.measured import Measured, Measurement
from hwsim.validation.measuring import Effort, _drift, _feeds, _pinned, _random, _repeat, _session, measure, quietest
from hwsim.validation.microbenchmarks import ENDS, microbenchmarks
from hwsim.validation.readers import read
from tests.published.edge_networks import (
    efficientnet_b0,
    inception_v1,
    mnasnet,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3_large,
    resnet,
)
from tests.validation.networks import tiny

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install '.[measure]'")
VIEW = "costs nothing here"
QUICK = Effort(runs=7, warm_up=1, seconds=1.0, fewest=5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    write(tiny(), path)
    return path


def test_a_real_profile_joins_every_layer(model: Path, tmp_path: Path) -> None:
    """Convolutions run in blocked layout under the name of a tensor, fused with their activation; layout changes are overhead."""
    import numpy as np

    options = runtime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    for _ in range(6):
        session.run(None, {"x": np.zeros((1, 3, 32, 32), np.float32)})
    found = read(session.end_profiling())
    joined = join(found.rows, prepare(model), found.complete)
    assert not joined.silent and all(row.name == "flat" and VIEW in reason for row, reason in joined.strays)
    layers = {name for item in joined.joined if item.row.scope == "layer" for name in item.layers}
    assert layers == {"first", "second", "pool", "classifier"}
    assert joined.overhead_s > 0


def test_a_measurement_has_the_model_its_layers_and_the_rest(model: Path) -> None:
    prepared = prepare(model)
    found = measure(model, prepared, QUICK)
    by_scope = {scope: [row for row in found.rows if row.scope == scope] for scope in ("model", "layer", "overhead")}
    (whole,) = by_scope["model"]
    assert whole.repeats is not None and whole.repeats >= 5
    assert by_scope["layer"] and by_scope["overhead"]
    for row in found.rows:
        assert row.minimum_s is not None and row.latency_s is not None
        assert row.minimum_s <= row.latency_s
        assert row.model == "tiny" and row.source.startswith("onnxruntime ")
    (case,) = cases(["tiny.onnx"], [found], from_prepared({"tiny.onnx": prepared})).cases
    assert all(VIEW in reason for _, reason in join(case.rows, prepared, case.complete).strays)


def test_inputs_have_the_shapes_that_were_bound(tmp_path: Path) -> None:
    """A file whose images come in any number and of any height, measured at three of 32 lines; not measured where nothing is bound."""
    x, y = (helper.make_tensor_value_info(name, 1, ["n", 3, "h", 32]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "any", [x], [y])
    path = tmp_path / "any.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    bound = prepare(path, dims={"n": 3, "h": 32})
    session = _session(runtime, path, QUICK)
    (fed,) = _feeds(session, bound, path).values()
    assert fed.shape == (3, 3, 32, 32) and fed.dtype == "float32"
    assert session.run(None, {"x": fed})[0].shape == (3, 3, 32, 32)
    with pytest.raises(
        UsageError, match=r"any\.onnx: input x: shape \['n', 3, 'h', 32\] is not known; bind it with --dim"
    ):
        _feeds(session, prepare(Network.builder("other").input("z", (1, 8)).relu().build()), path)


def test_the_command_writes_what_validate_reads(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "mine.csv"
    argv = ("measure", str(model), "--runs", "5", "--seconds", "1", "--output", str(table))
    assert main(argv) == 0
    said = capsys.readouterr().err
    assert "onnxruntime executes these files" in said and said.endswith(f"{table}: written\n")
    with table.open() as file:
        assert {row["scope"] for row in csv.DictReader(file)} >= {"model", "layer"}
    assert main(("validate", str(model), str(table), "--device", "generic_x86_server_core", "--format", "json")) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["statistics"]["n"] == 4 or record["join"]["tiny"]["placed_with_a_neighbour"]
    assert record["noise_floor"]["value"] is not None
    assert record["models"][0]["scope"] == "model"


def test_what_the_runtime_refuses_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], model: Path) -> None:
    with pytest.raises(UsageError, match="this process may use"), _pinned(10_000):
        pass
    assert main(("measure",)) == 2
    assert "no model given" in capsys.readouterr().err
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(model.read_bytes()[:200])
    assert main(("measure", str(broken))) == 2
    assert capsys.readouterr().err.strip().count("\n") <= 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("runs", "0"), ("runs", "-3"), ("threads", "0"), ("warm-up", "-1"), ("seconds", "-1"), ("seconds", "nan")],
)
def test_impossible_efforts_are_refused(
    option: str, value: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("measure", str(model), f"--{option}={value}")) == 2
    assert f"--{option} " in capsys.readouterr().err


def test_drift_is_said_in_words() -> None:
    still = [1.0, 1.01, 0.99, 1.0, 1.0, 1.0, 1.01, 0.99, 1.0, 1.0]
    assert _drift(still, 1.0, 1.01) == ()
    assert "+10 %" in _drift(still, 1.0, 1.1)[0]
    slower = [1.0] * 6 + [1.2] * 6
    assert "second half of the runs took +20 %" in _drift(slower, 1.0, 1.0)[0]
    assert "took +20 %" in _drift([1.0] * 4 + [1.2] * 8, 1.0, 1.0)[0]
    assert _drift([1.0] * 4 + [1.2] * 4, 1.0, 1.0) == ()  # too few to tell
    assert "took -25 % after" in _drift(still, 1.0, 0.75)[0]
    assert "took +200 % after" in _drift(still, 1.0, 3.0)[0]


def test_random_operands_are_of_their_types() -> None:
    generator = np.random.default_rng(0)
    for kind, dtype in (("float", "float32"), ("double", "float64"), ("float16", "float16")):
        made = _random(f"tensor({kind})", (50, 4), generator)
        assert made.dtype == dtype and made.shape == (50, 4) and made.min() < 0 < made.max()
    for kind, dtype in (("bool", "bool"), ("int64", "int64"), ("uint8", "uint8")):
        made = _random(f"tensor({kind})", (50, 4), generator)
        assert made.dtype == dtype and {*made.ravel().tolist()} == {0, 1}


def test_rows_say_what_they_ran_on(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor where the system names it, else the machine's kind; the batch, and how many threads."""
    prepared, few = prepare(model), Effort(threads=1, runs=1, warm_up=0, seconds=0.1, fewest=1)
    for processor, expected in (("", "kind"), ("brand", "brand")):
        monkeypatch.setattr(measuring.platform, "processor", lambda name=processor: name)
        monkeypatch.setattr(measuring.platform, "machine", lambda: "kind")
        found = measure(model, prepared, few, model="mine")
        assert {(row.device, row.batch, row.model) for row in found.rows} == {(expected, 1, "mine")}
        assert all(row.source.endswith(", 1 thread") for row in found.rows)
        assert found.complete and found.form == "own measurement"


def test_without_more_words_fifty_runs_on_one_core(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measure(model, prepare(model))
    (whole,) = (row for row in found.rows if row.scope == "model")
    assert whole.repeats == 50 and whole.latency_s is not None and 1e-6 < whole.latency_s < 1
    before = os.sched_getaffinity(0)
    with _pinned(len(before)) as pinned:  # as many threads as there are cores
        assert pinned and os.sched_getaffinity(0) == before
    with _pinned(1):
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before
    monkeypatch.delattr(os, "sched_setaffinity")
    with _pinned(10_000) as pinned:
        assert not pinned


class _Clock:
    """Seconds that a session and the code around it take, for want of a clock that stands still."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 100.0, step

    def perf_counter(self) -> float:
        return self.now

    def run(self, _: None, __: dict[str, object]) -> None:
        self.now += self.step


def test_runs_are_repeated_until_there_are_enough_or_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(0.5)
    monkeypatch.setattr(measuring, "time", clock)
    assert _repeat(clock, {}, 4, 60.0, "m") == [0.5] * 4
    assert _repeat(clock, {}, 100, 1.4, "m") == [0.5] * 3
    assert _repeat(clock, {}, 4, 0.0, "m") == [0.5]


@pytest.mark.parametrize(("seconds", "runs"), [(0.1, 8), (10.0, 20)])
def test_runs_end_with_the_time_but_not_before_the_fewest(
    monkeypatch: pytest.MonkeyPatch, seconds: float, runs: int
) -> None:
    """Runs of 30 ms, four in a tenth of a second, with as many of the profiler's between: eight are the first that are seven."""
    clock = _Clock(0.03)
    monkeypatch.setattr(clock, "end_profiling", lambda: "profile", raising=False)
    monkeypatch.setattr(measuring, "time", clock)
    monkeypatch.setattr(measuring, "_session", lambda *_, **__: clock)
    monkeypatch.setattr(measuring, "_feeds", lambda *_: {})
    monkeypatch.setattr(measuring.readers, "read", lambda path: path)
    times, profile = measuring._timed(
        None, "m", prepare(tiny()), Effort(runs=20, warm_up=0, seconds=seconds, fewest=7), ""
    )
    assert len(times) == runs and times == pytest.approx([0.03] * runs)
    assert profile == "profile"  # type: ignore[comparison-overlap]


def test_what_onnxruntime_refuses_is_one_line(tmp_path: Path, model: Path) -> None:
    class Broken:
        @staticmethod
        def run(_: None, __: dict[str, object]) -> None:
            raise RuntimeError("first\nsecond")

    with pytest.raises(UsageError, match=r"^m: onnxruntime cannot run it: first$"):
        _repeat(Broken(), {}, 4, 1.0, "m")
    (tmp_path / "broken.onnx").write_bytes(model.read_bytes()[:100])
    with pytest.raises(UsageError, match=r"broken\.onnx: onnxruntime cannot load it: [^\n]+$"):
        _session(runtime, tmp_path / "broken.onnx", QUICK)


def test_microbenchmarks_are_networks_of_known_work() -> None:
    found = list(microbenchmarks())
    assert len({network.name for network in found}) == len(found) >= 6
    for network in found:
        assert prepare(network, passes=()).priced
        fitted = [layer for layer in network.layers if not layer.name.startswith(ENDS)]
        assert fitted
        # outputs of a network lie in fresh memory, whose pages cost more than the work
        outputs = {name for layer in fitted for name in layer.outputs} & set(network.outputs)
        assert not outputs or network.name == "micro_dispatch"
    shapes = {network.name: [tensor.shape for tensor in network.tensors.values()] for network in found}
    for name in ("micro_gemm", "micro_gemv"):  # whole vectors of any processor, but for the classifier's 1000
        assert all(size in (1, 1000) or size % 64 == 0 < size for shape in shapes[name] for size in shape)
    for name in ("micro_conv1x1", "micro_conv3x3", "micro_depthwise"):
        sides = {shape[2] for shape in shapes[name] if len(shape) == 4 and shape[0] == 1 and shape[2] > 3}
        assert sides <= {112, 56, 28, 14, 13, 7}
    for name in ("micro_moves", "micro_pools"):  # whole vectors, maps of networks' sizes, and what windows make of them
        images = [shape for shape in shapes[name] if len(shape) == 4 and shape[0] == 1 and shape[2] > 1]
        assert images and all(
            channels % 8 == 0 and size in (112, 56, 28, 14, 7, 4, 3) for _, channels, size, _ in images
        )
    streams = {math.prod(shape) for shape in shapes["micro_stream"] if shape[-1] > 1}
    assert streams == {2**power for power in (14, 15, 16, 17, 18, 19, 20, 22)}
    products = [network for network in found if network.name in {"micro_gemm", "micro_gemv"}]
    weighted = [layer for network in products for layer in network.layers if layer.op in {"MatMul", "Gemm"}]
    assert weighted and all(len(layer.inputs) == 2 for layer in weighted)
    pools = [layer for network in found for layer in network.layers if layer.op == "MaxPool"]
    assert {layer.attributes["strides"] for layer in pools} == {(1, 1), (2, 2)}


def _convolutions(network: Network) -> list[tuple[str, tuple[int, ...]]]:
    """Of each convolution its name, and channels, side, filters, window, stride and groups."""
    found = []
    for layer in network.layers:
        if layer.op == "Conv":
            image, weight = (network.tensors[name].shape for name in layer.inputs[:2])
            stride = layer.attributes.get("strides", (1, 1))
            groups = layer.attributes.get("group", 1)
            assert isinstance(stride, tuple) and isinstance(groups, int)
            sizes = (image[1], image[2], weight[0], weight[2], stride[0], groups)
            found.append((layer.name, tuple(map(int, sizes))))
    return found


def test_most_microbenchmarks_are_layers_of_networks() -> None:
    """Seven of ten convolutions are those of a network of a paper or of ONNX's own, to the last number; the others are akin to them."""
    papers = (efficientnet_b0(), inception_v1(), mnasnet(), mobilenet_v1(), mobilenet_v2(), mobilenet_v3_large())
    light = ("densenet121", "inception_v2", "resnet50", "shufflenet", "squeezenet", "zfnet512", "inception_v1")
    known = {shape for network in (*papers, resnet(), resnet(18)) for _, shape in _convolutions(network)}
    known |= {shape for name in light for _, shape in _convolutions(prepare(f"light_{name}", passes=()).network)}
    asked = [
        (network.name, *one)
        for network in microbenchmarks()
        for one in _convolutions(network)
        if not one[0].startswith(ENDS)
    ]
    akin = [shape for _, _, shape in asked if shape not in known]
    assert len(asked) >= 80 and len(akin) <= 24


def _said(network: Network) -> list[str]:
    """A line a chain: its input, then each layer's operator, window, strides, groups, bias or what else it reads, and what it makes."""
    lines: list[str] = []
    for layer in network.layers:
        if layer.inputs[0] in network.inputs:
            lines.append(f"{network.name} {_by_x(network.tensors[layer.inputs[0]].shape)}:")
        words = [layer.op]
        words += [_by_x(layer.attributes[key]) for key in ("kernel_shape", "strides") if key in layer.attributes]
        words += [f"g{layer.attributes['group']}"] if layer.attributes.get("group", 1) != 1 else []
        words += [name.rpartition(".")[2] for name in layer.inputs[1:] if "." not in name or name.endswith(".bias")]
        lines[-1] += f" {' '.join(words)} {_by_x(network.tensors[layer.outputs[0]].shape)};"
    return lines


def _by_x(sizes: object) -> str:
    assert isinstance(sizes, tuple)
    return "x".join(map(str, sizes))


def test_microbenchmarks_are_those_of_the_list() -> None:
    """Figures of cores were measured with these sizes: who changes one has to measure anew (the list is what ``_said`` says)."""
    listed = Path(__file__).with_name("microbenchmarks.txt").read_text(encoding="utf-8").splitlines()
    assert [line for network in microbenchmarks() for line in _said(network)] == listed


def test_measurements_one_after_the_other_are_one_at_their_fastest() -> None:
    slow = Measured((Measurement("a", latency_s=3e-6, minimum_s=2e-6), Measurement("b", latency_s=5e-6)))
    fast = Measured((Measurement("a", latency_s=2e-6, minimum_s=1e-6), Measurement("b", latency_s=4e-6)))
    found = quietest([slow, fast])
    assert [row.latency_s for row in found.rows] == [1e-6, 5e-6]
    assert found.rows[0].spread == pytest.approx(math.sqrt(0.5) / 1.5)


def test_a_profile_of_this_cpu_comes_from_microbenchmarks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [network for network in microbenchmarks() if network.name in ("micro_gemm", "micro_dispatch", "micro_groups")]
    monkeypatch.setattr("hwsim.validation.microbenchmarks.microbenchmarks", lambda: iter(few))
    for name, value in (("_ROUNDS", 2), ("_RUNS", 7), ("_SECONDS", 0.2)):
        monkeypatch.setattr(f"hwsim.cli.measure_verb.{name}", value)
    output = tmp_path / "mine.yaml"
    words = ("--from-measure", "--device", "generic_x86_server_core", "--samples", "2", "--output", str(output))
    assert main(("calibrate", *words)) in (0, 1)  # of so few rows some may come out worse
    told = capsys.readouterr()
    assert "cpu model" in told.out and "note: clock: " in told.err
    text = output.read_text(encoding="utf-8")
    assert "source: machine" in text and "micro_gemm (sha256 " in text
    mine = load_device(output)
    assert mine.clock_hz > 5e8 and mine.kernels is not None
    assert mine.qualities["clock_mhz"] == "measured"


def test_a_clock_may_drift_by_a_twentieth() -> None:
    """Either way; the halves of ten runs and more are told apart, an odd one belongs to the second."""
    still = [1.0] * 12
    assert _drift(still, 1.0, 1.0499) == _drift(still, 1.0, 0.9501) == ()
    assert _drift(still, 1.0, 1.051) and _drift(still, 1.0, 0.949)
    for runs, said in ((9, False), (10, True), (11, True)):
        times = [1.0] * (runs // 2) + [1.1] * (runs - runs // 2)
        assert _drift(times, 1.0, 1.0) == (("clock drift: the second half of the runs took +10 %",) if said else ())
    assert _drift([1.0] * 5 + [1.0499] * 5, 1.0, 1.0) == () and _drift([2.0] * 5 + [1.0] * 5, 2.0, 3.0) == (
        "clock drift: a fixed loop took +50 % after the runs: measure again on a quiet machine",
        "clock drift: the second half of the runs took -50 %",
    )
    assert Effort() == Effort(1, 50, 5, 10.0, 7) and measuring.DRIFT == 0.05


def test_whole_runs_and_layers_as_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """10th percentiles of whole runs; times of layers are cut to whole microseconds, so half of one is added to each."""
    profile = Measured(
        (
            Measurement("first", op="Conv", latency_s=10e-6, minimum_s=8e-6, repeats=3),
            Measurement("second", latency_s=20e-6, minimum_s=20e-6),
            Measurement("odd", latency_s=1e-6), Measurement("copy", scope="overhead", latency_s=2e-6, minimum_s=1e-6),
            Measurement("classifier", latency_s=5e-6, minimum_s=4e-6), Measurement("", scope="model", latency_s=1.0),
        )
    )  # fmt: skip
    monkeypatch.setattr(measuring, "_timed", lambda *_: ([5e-3, 3e-3, 4e-3], profile))
    loops = iter((1.0, 1.1))
    monkeypatch.setattr(measuring, "_reference_loop", lambda: next(loops))
    monkeypatch.setattr(measuring, "_runtime", lambda: SimpleNamespace(__version__="9.8"))
    monkeypatch.setattr(measuring, "_pinned", lambda threads: contextlib.nullcontext(False))
    found = measure("dir/net.onnx", prepare(tiny()), Effort(threads=2))
    rows = {row.name: row for row in found.rows}
    assert set(rows) == {"first", "second", "odd", "copy", "classifier", "net"}
    assert (rows["first"].latency_s, rows["first"].minimum_s) == (pytest.approx(10.5e-6), pytest.approx(8.5e-6))
    assert (
        rows["second"].covers == ("second",)
        and rows["odd"].covers == ("pool",)
        and rows["first"].covers == ("first",)
        and rows["odd"].latency_s == 1e-6
    )
    assert (rows["copy"].scope, rows["copy"].latency_s) == ("overhead", 2e-6)
    whole = rows["net"]
    assert (whole.scope, whole.latency_s, whole.minimum_s, whole.repeats) == (
        "model",
        pytest.approx(3.2e-3),
        pytest.approx(3e-3),
        3,
    )
    assert whole.spread == pytest.approx(1e-3 / 1.349 / 4e-3)
    assert {(row.model, row.source, row.batch, row.where) for row in found.rows} == {
        ("net", "onnxruntime 9.8, 2 threads", 1, "")
    }
    assert found.notes == (
        "clock drift: a fixed loop took +10 % after the runs: measure again on a quiet machine", "this system cannot pin threads to cores",
    )  # fmt: skip


def test_a_reference_loop_is_the_fastest_of_seven(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 5.0, 10.0, 13.0, 20.0, 24.0, 30.0, 36.0, 40.0, 42.0, 50.0, 57.0, 60.0, 69.0])
    monkeypatch.setattr(measuring, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    assert measuring._reference_loop() == 2.0
    with pytest.raises(StopIteration):
        next(times)


def test_a_session_runs_layer_by_layer_on_as_many_threads_as_asked() -> None:
    made: list[Any] = []

    class Options(SimpleNamespace):
        pass

    def session(path: str, options: Options, providers: list[str]) -> str:
        made.append((path, options, providers))
        return "session"

    fake = SimpleNamespace(
        SessionOptions=Options, ExecutionMode=SimpleNamespace(ORT_SEQUENTIAL="one by one"), InferenceSession=session
    )
    assert _session(fake, Path("m.onnx"), Effort(threads=3)) == "session"
    _session(fake, "m.onnx", Effort(), profile="here")
    common = {"inter_op_num_threads": 1, "execution_mode": "one by one", "log_severity_level": 4}
    assert [(path, vars(options), providers) for path, options, providers in made] == [
        ("m.onnx", {"intra_op_num_threads": 3, **common}, ["CPUExecutionProvider"]),
        (
            "m.onnx",
            {"intra_op_num_threads": 1, **common, "enable_profiling": True, "profile_file_prefix": "here"},
            ["CPUExecutionProvider"],
        ),
    ]


def test_an_error_is_told_by_its_first_line() -> None:
    said = measuring._first_line
    assert (
        said(ValueError("\n a\nb")) == "a"
        and said(ValueError()) == "ValueError"
        and said(ValueError("x" * 400)) == "x" * 300
    )


def test_turns_of_runs_with_and_without_the_profiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Warm up for a quarter of the time; then five without and five with, the rest in a last turn."""
    asked: list[tuple[str, int, float]] = []
    monkeypatch.setattr(
        measuring,
        "_session",
        lambda *_, profile="": SimpleNamespace(name=profile or "plain", end_profiling=lambda: "p"),
    )
    monkeypatch.setattr(measuring, "_feeds", lambda *_: {})
    monkeypatch.setattr(measuring.readers, "read", lambda path: path)

    def repeat(session: Any, feeds: object, runs: int, seconds: float, path: object) -> list[float]:
        asked.append((session.name, runs, seconds))
        return [1.0] * runs

    monkeypatch.setattr(measuring, "_repeat", repeat)
    times, profile = measuring._timed(None, "m", prepare(tiny()), Effort(runs=12, warm_up=3, seconds=8.0), "f")
    assert len(times) == 12 and profile == "p"  # type: ignore[comparison-overlap]
    assert asked == [("plain", 3, 2.0)] + [(name, runs, 8.0) for runs in (5, 5, 2) for name in ("plain", "f/profile")]


def test_the_quietest_of_several_measurements() -> None:
    """Rows of one scope and name; those without a fastest run stay, as does the spread of one that was measured once."""
    one = Measured(
        (
            Measurement("a", latency_s=5.0, minimum_s=4.0, spread=0.9),
            Measurement("a", scope="overhead", latency_s=3.0, minimum_s=2.0, spread=0.5),
            Measurement("b", latency_s=7.0, spread=0.25), Measurement("c", latency_s=7.0, minimum_s=6.0),
        ),
        notes=("x",),
        complete=True,
    )  # fmt: skip
    two = Measured(
        (
            Measurement("a", latency_s=9.0, minimum_s=3.0),
            Measurement("c", latency_s=1.0, minimum_s=0.5),
            Measurement("d", latency_s=1.0),
        )
    )
    found = quietest([one, two])
    assert [(row.name, row.scope, row.latency_s, row.minimum_s) for row in found.rows] == [
        ("a", "layer", 3.0, 3.0), ("a", "overhead", 2.0, 2.0), ("b", "layer", 7.0, None), ("c", "layer", 0.5, 0.5),
    ]  # fmt: skip
    assert [row.spread for row in found.rows] == [
        pytest.approx(np.std([4, 3], ddof=1) / 3.5),
        0.5,
        0.25,
        pytest.approx(np.std([6, 0.5], ddof=1) / 3.25),
    ]
    assert found.notes == () and found.complete
