"""The README holds what it says: every command of the tour runs, every Python block runs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from hwsim.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Files that commands of the tour are given, made by other commands.
_FILES = {
    "measured.csv": "measure light_resnet50 --runs 7 --seconds 3 --output measured.csv",
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


def first_minutes() -> list[str]:
    """The commands of the first ten minutes, in order, without their comments."""
    section = README[README.index("## Ten minutes") : README.index("## A tour")]
    block = re.search(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    assert block
    return [shlex.join(shlex.split(line, comments=True)) for line in block[1].strip().splitlines()]


def test_the_first_ten_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Each command, one after the other in one folder, as they stand there."""
    pytest.importorskip("altair", reason="needs the report extra")
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "buffers.yaml", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    for command in first_minutes():
        name, *words = shlex.split(command)
        assert name == "hwsim"
        assert main(words) == 0, (command, capsys.readouterr().err)
        assert capsys.readouterr().out.strip()
    made = {path.name for path in tmp_path.iterdir()}
    assert made >= {"run.json", "report.html", "roofline.png", "costs.onnx", "buffers.sqlite", "buffers.html"}


def test_what_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    headings = re.findall(r"^##+ (.+)$", README, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-"): name for name in headings}
    named = re.findall(r"\[([^\]]+)\]\(#([^)]+)\)", README)
    assert {anchors.get(anchor) == name for name, anchor in named} == {True}
    assert {name for name, _ in named} >= {name for name in headings if name != "How fast"}, (
        "the contents name every section"
    )


def test_the_picture_is_what_its_command_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels and layers, not bytes: those may differ between versions of the renderer."""
    pytest.importorskip("vl_convert", reason="needs the report extra")
    command = re.search(r"<!-- hwsim (report .*?--plot (examples/\S+\.svg)) -->", README)
    assert command
    (tmp_path / "examples").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command[1])) == 0
    shown, drawn = (
        re.findall(r'aria-label="([^"]*)"|>([^<>]+)</text>', (folder / command[2]).read_text(encoding="utf-8"))
        for folder in (ROOT, tmp_path)
    )
    assert shown == drawn
    assert len(shown) > 60


@pytest.mark.parametrize("command", tour())
def test_commands_of_the_tour(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)[1:]
    if words[0] == "timeloop":
        pytest.skip("needs files of the user's own")
    if "measured.csv" in words:
        pytest.importorskip("onnxruntime", reason="needs the measure extra")
    if "--page" in words:
        pytest.importorskip("altair", reason="needs the report extra")
    for word in words:
        if word in _FILES:
            main(shlex.split(_FILES[word]))
    # what was measured on a busy machine may make a calibration worse, which is an answer
    assert main(words) <= (words[0] == "calibrate"), capsys.readouterr().err
    assert capsys.readouterr().out.strip() or "--output" in words


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        if "to_pandas" in block:
            pytest.importorskip("pandas", reason="needs the pandas extra")
        exec(compile(block, "README.md", "exec"), {})
