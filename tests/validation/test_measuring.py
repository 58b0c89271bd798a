"""This machine's CPU measured: real profiles of onnxruntime, their fused nodes mapped back. No times are asserted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from hwsim.cli import main
from hwsim.errors import UsageError
from hwsim.estimation import prepare
from hwsim.onnx_io.generation import write
from hwsim.validation.cases import cases, from_prepared
from hwsim.validation.join import join
from hwsim.validation.measuring import Effort, _drift, _pinned, measure
from hwsim.validation.microbenchmarks import microbenchmarks
from hwsim.validation.readers import read
from tests.validation.networks import tiny

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'hwsim[measure]'")
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


def test_the_command_writes_what_validate_reads(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "mine.csv"
    argv = ("measure", str(model), "--runs", "5", "--seconds", "1", "--output", str(table))
    assert main(argv) == 0
    assert "onnxruntime executes these files" in capsys.readouterr().err
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


def test_drift_is_said_in_words() -> None:
    still = [1.0, 1.01, 0.99, 1.0, 1.0, 1.0, 1.01, 0.99, 1.0, 1.0]
    assert _drift(still, 1.0, 1.01) == ()
    assert "+10 %" in _drift(still, 1.0, 1.1)[0]
    slower = [1.0] * 6 + [1.2] * 6
    assert "second half of the runs took +20 %" in _drift(slower, 1.0, 1.0)[0]


def test_microbenchmarks_are_networks_of_known_work() -> None:
    found = list(microbenchmarks())
    assert len({network.name for network in found}) == len(found) >= 6
    for network in found:
        assert prepare(network, passes=()).priced
