"""The README holds what it says: every command of the tour runs, every Python block runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hwsim.cli import main

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
#: Files that commands of the tour are given, made by other commands.
_FILES = {
    "before.json": "estimate light_squeezenet --device tpu_v1 --format json --output before.json",
    "after.json": "estimate light_squeezenet --device tpu_v1 --batch 2 --format json --output after.json",
}


def tour() -> list[str]:
    table = README[README.index("## A tour") : README.index("## In Python")]
    return [command for command in re.findall(r"`(hwsim [^`]*)`", table) if "--help" not in command]


def test_it_opens_with_two_lines() -> None:
    block = re.search(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    assert block
    lines = block[1].strip().splitlines()
    assert len(lines) == 2
    assert "pip install ." in lines[0]
    assert "hwsim estimate light_resnet50 --device" in lines[0]
    assert "pytest" in lines[1]
    assert README.index(block[0]) < 200


@pytest.mark.parametrize("command", tour())
def test_commands_of_the_tour(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)[1:]
    if any(word.endswith((".yaml", ".onnx")) for word in words) or words[0] == "validate":
        pytest.skip("needs files of the user's own")
    if words[0] == "measure":
        pytest.importorskip("onnxruntime", reason="needs the measure extra")
    if words[0] == "report":
        pytest.importorskip("altair", reason="needs the report extra")
    for word in words:
        if word in _FILES:
            main(shlex.split(_FILES[word]))
    assert main(words) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.strip() or "--output" in words


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        if "to_pandas" in block:
            pytest.importorskip("pandas", reason="needs the pandas extra")
        exec(compile(block, "README.md", "exec"), {})
