"""Tables as Markdown and Parquet."""

from __future__ import annotations

from pathlib import Path

import pytest

import hwsim
from hwsim.cli import main
from hwsim.report.files import markdown_text


def test_markdown_escapes_what_would_break_a_table() -> None:
    lines = markdown_text([{"name": "a|b\x1b`<i>", "x": 1.23456789}, {"name": None, "y": 2}]).splitlines()
    assert lines == ["| name | x | y |", "| --- | --- | --- |", r"| a\|b \`\<i> | 1.23457 |  |", "|  |  | 2 |"]


def test_parquet_holds_the_rows_of_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pandas = pytest.importorskip("pandas", reason="needs the pandas extra")
    target = tmp_path / "layers.parquet"
    command = ["estimate", "light_squeezenet", "--device", "tpu_v1", "--format", "parquet"]
    assert main([*command, "--output", str(target)]) == 0
    estimate = hwsim.estimate("light_squeezenet", "tpu_v1")
    table = pandas.read_parquet(target)
    assert list(table["name"]) == [layer.name for layer in estimate.layers]
    assert table["latency_s"].sum() == pytest.approx(estimate.totals.latency_s)
    assert main(command) == 2
    assert "--output" in capsys.readouterr().err


def test_notebooks_get_text_and_html() -> None:
    bundle = hwsim.estimate("light_squeezenet", "tpu_v1")._repr_mimebundle_()
    assert bundle["text/plain"].startswith("<Estimate")
    assert bundle["text/html"].count("<tr>") > 20
