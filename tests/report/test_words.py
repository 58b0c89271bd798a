"""Reports in words and tables: why, diff, compare, annotated models."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

import hwsim
from hwsim.cli import main
from hwsim.errors import UsageError
from hwsim.estimation import Estimate
from hwsim.onnx_io import read, resolve
from hwsim.onnx_io.annotated import annotate
from hwsim.report import differences, matrices
from hwsim.report.node_facts import node_facts
from hwsim.report.tables import estimate_text
from hwsim.report.text import inputs_text
from hwsim.report.why import why


@pytest.fixture(scope="module")
def estimate() -> Estimate:
    return hwsim.estimate("light_squeezenet", "tpu_v1")


def test_why_names_what_binds(estimate: Estimate) -> None:
    device = hwsim.load_device("tpu_v1")
    for layer in estimate.layers:
        text = why(estimate, device, layer.name)
        assert layer.name in text
        assert f"bound by {'the vector unit' if layer.bound_by == 'vector' else layer.bound_by}" in " ".join(
            text.split()
        )
        assert max(len(line) for line in text.splitlines()) <= 100


def test_why_finds_folded_nodes_and_suggests(estimate: Estimate) -> None:
    device = hwsim.load_device("tpu_v1")
    layer = next(layer for layer in estimate.layers if layer.fused)
    assert why(estimate, device, layer.fused[0]).startswith(f"{layer.fused[0]} is folded into {layer.name}.")
    with pytest.raises(UsageError, match="has no layer of that name"):
        why(estimate, device, "nothing_like_it")


def saved(path: Path, estimate: Estimate) -> str:
    path.write_text(json.dumps(estimate.to_dict()), encoding="utf-8")
    return str(path)


def test_diff_of_equal_estimates_is_empty(tmp_path: Path, estimate: Estimate) -> None:
    record = differences.load_estimate(saved(tmp_path / "a.json", estimate))
    found = differences.compare(record, record)
    assert all(item["ratio"] in (None, 1.0) for item in found["totals"].values())
    assert "no layer's latency changed" in differences.text(found)


def test_diff_adds_up_and_names_bounds(tmp_path: Path, estimate: Estimate) -> None:
    faster = hwsim.estimate("light_squeezenet", "tpu_v1", overrides=["memory.dram.bandwidth_gb_per_s=300"])
    before = differences.load_estimate(saved(tmp_path / "a.json", estimate))
    after = differences.load_estimate(saved(tmp_path / "b.json", faster))
    found = differences.compare(before, after)
    change = sum(layer["change_s"] for layer in found["layers"])
    assert change == pytest.approx(faster.totals.latency_s - estimate.totals.latency_s)
    assert found["settings"]["overrides"] == [[], ["memory.dram.bandwidth_gb_per_s=300"]]
    moved = [layer for layer in found["layers"] if layer["bound_by"] == ["dram", "compute"]]
    assert moved
    assert "dram -> compute" in differences.text(found, 100)


def test_diff_of_other_layers_keeps_both(tmp_path: Path, estimate: Estimate) -> None:
    other = hwsim.estimate("light_shufflenet", "tpu_v1")
    found = differences.compare(estimate.to_dict(), other.to_dict())
    assert len(found["layers"]) == len({layer.name for layer in (*estimate.layers, *other.layers)})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "holds 0 estimates"),
        ("3", "is no saved estimate"),
        ('{"schema": "hwsim/estimate/1"}', "damaged"),
        (
            '{"schema": "hwsim/estimate/1", "model": {}, "device": {}, "totals": {"latency_s": "x"}, "layers": []}',
            "damaged",
        ),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_diff_of_what_is_no_estimate(
    tmp_path: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    assert main(["diff", str(path), str(path)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_compare_is_a_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    devices = ["--device", "tpu_v1", "--device", "edge_tpu"]
    assert main(["compare", "light_squeezenet", "light_shufflenet", *devices, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == matrices.SCHEMA
    by_name = {row["model"]: row for row in found["rows"]}
    assert by_name["light_squeezenet"]["tpu_v1"] == hwsim.estimate("light_squeezenet", "tpu_v1").totals.latency_s
    assert main(["compare", "light_squeezenet", *devices, "--metric", "latency"]) == 2
    assert "did you mean latency_s" in capsys.readouterr().err


def test_annotated_model_checks_and_keeps_its_weights(tmp_path: Path, estimate: Estimate) -> None:
    source = resolve("light_squeezenet")
    target = tmp_path / "out.onnx"
    network = read(source)
    number = annotate(source, target, network, node_facts(estimate))
    before, after = onnx.load(source), onnx.load(target)
    onnx.checker.check_model(after)
    assert number == sum(any(item.key == "hwsim.device" for item in node.metadata_props) for node in after.graph.node)
    assert number == len(estimate.layers) + sum(len(layer.fused) for layer in estimate.layers)
    convolution = next(node for node in after.graph.node if node.op_type == "Conv")
    told = {item.key: item.value for item in convolution.metadata_props}
    assert int(told["hwsim.macs"].replace(",", "")) == estimate.layers[0].macs
    annotate(target, target, network, node_facts(estimate))
    again = onnx.load(target)
    assert again == after
    for model in (again,):
        for node in model.graph.node:
            del node.metadata_props[:]
    assert again == before


def test_colours_only_where_wanted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["estimate", "light_squeezenet", "--device", "tpu_v1"]
    main(command)
    plain = capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    main(command)
    coloured = capsys.readouterr().out
    assert "\x1b[1m" in coloured
    assert "\x1b" not in plain
    main([*command, "--no-color"])
    assert capsys.readouterr().out == plain
    monkeypatch.setenv("NO_COLOR", "1")
    main(command)
    assert capsys.readouterr().out == plain


def test_many_inputs_are_counted_not_listed() -> None:
    assert inputs_text({"a": (1, 2), "b\x1b": ()}) == "inputs a 1×2, b\\x1b "
    assert inputs_text({str(place): (place,) for place in range(9)}).endswith("5 5 and 3 more")
    assert inputs_text({}) == "no inputs"


def test_the_headline_accounts_for_all_of_the_time(estimate: Estimate) -> None:
    layers = [
        replace(layer, bound_by=f"cause{place % 6}", latency_s=1.0 + place % 6)
        for place, layer in enumerate(estimate.layers[:30])
    ]
    for causes, last in ((3, "cause0-bound"), (4, "cause0-bound"), (5, "others"), (6, "others")):
        chosen = tuple(layer for layer in layers if int(layer.bound_by[-1]) < causes)
        total = sum(layer.latency_s for layer in chosen)
        made = replace(estimate, layers=chosen, totals=replace(estimate.totals, latency_s=total))
        sentence = " ".join(estimate_text(made).split("\n\n")[0].split("\n")[2:])
        parts = sentence.split("; ")
        assert len(parts) == min(causes, 4) and parts[-1].startswith(last)
        assert sum(int(part.split("%")[0].split(": ")[1]) for part in parts) == pytest.approx(100, abs=2)
        assert sum(int(re.findall(r"in +(\d+)", part)[0]) for part in parts) == len(chosen)
