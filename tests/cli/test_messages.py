"""What a user reads when something is wrong: one line, exit code 2, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hwsim.cli import main


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_misspelt_device_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "estimate", "light_squeezenet", "--device", "eyeris_v1")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "eyeris_v1" in err
    assert "eyeriss_v1" in err


def test_wrong_path_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "estimate", "no/such/model.onnx", "--device", "eyeriss_v1")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no/such/model.onnx" in err


def test_text_renamed_onnx_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "story.onnx"
    path.write_text("once upon a time\n" * 50)
    code, out, err = run(capsys, "estimate", str(path), "--device", "eyeriss_v1")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "story.onnx" in err


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (("estimate", "--device", "eyeriss_v1"), "no model given"),
        (("estimate", "light_squeezenet"), "no device given"),
        (("estimate", "light_squeezenet", "--device", "eyeriss_v1", "--dim", "N"), "NAME=VALUE"),
        (("estimate", "light_squeezenet", "--device", "eyeriss_v1", "--shape", "x=axb"), "1x3x224x224"),
        (("estimate", "light_squeezenet", "--device", "eyeriss_v1", "--set", "clock_mz=3"), "clock_mhz"),
        (("estimate", "light_squeezenet", "--device", "eyeriss_v1", "--model", "rooflin"), "roofline"),
        (("estimate", "light_squeezenet", "--device", "eyeriss_v1", "--bits", "w99"), "w99"),
        (("estimate", "--gemm", "1,2", "--device", "eyeriss_v1"), "1,2"),
        (
            ("estimate", "light_resnet50", "--device", "tpu_v1", "--batch", "2000000"),
            "batch 2000000: node 'n0' (Conv): output 'r0'",
        ),
        (("area", "tpu_v1", "--output", "x.parquet"), "does not write .parquet"),
        (("system", "light_squeezenet", "--device", "tpu_v1", "--output", "x.csv"), "choose --format table or json"),
        (("complexity", "light_squeezenet", "--output", "/no/such/folder/x.json"), "/no/such/folder/x.json"),
    ],
)
def test_mistakes_are_named(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], word: str) -> None:
    code, out, err = run(capsys, *argv)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert word in err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom hwsim.cli import main\n"
        "try:\n    main(['estimate', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('numpy', 'numba', 'onnx', 'networkx', 'pydantic', 'yaml', 'rich') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.rstrip().endswith("[]")


def test_importing_hwsim_imports_nothing_heavy() -> None:
    code = (
        "import sys, hwsim; print([m for m in ('numpy', 'numba', 'onnx', 'networkx', 'pydantic') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m hwsim devices | head -n 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["estimat", "x"], "hwsim: error: argument COMMAND: invalid choice: 'estimat' (did you mean estimate?) (hwsim --help)"),
        (["estimate", "x", "--devcie", "t4"], "unrecognized arguments: --devcie t4 (did you mean --device?)"),
        (["estimate", "x", "--device", "t4", "--format", "jsn"], "invalid choice: 'jsn' (did you mean json?)"),
        (["estimate", "x", "--\x1b[31m"], r"--\x1b[31m"),
        (["study"], "hwsim study: error: the following arguments are required: COMMAND (hwsim study --help)"),
        (["estimate", "x", "--layer", "n0"], "hwsim estimate: error: unrecognized arguments: --layer n0 (hwsim estimate --help)"),
        (["study", "front", "x", "--tpo=3"], "unrecognized arguments: --tpo=3 (did you mean --top?) (hwsim study front --help)"),
        (["--modle"], "hwsim: error: unrecognized arguments: --modle (hwsim --help)"),
        (["estimate", "x", "--batch", "1000000000"], "'1000000000' is more than 999999999, the most that is taken"),
        (["compose", "coded", "x", "--count", "0"], "argument --count: '0' is not a whole number of at least 1"),
    ],
)  # fmt: skip
def test_what_the_command_line_does_not_understand_is_one_line(
    capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    text = capsys.readouterr().err
    assert left.value.code == 2
    assert text.count("\n") == 1 and said in text


def test_commands_stand_beside_what_they_do() -> None:
    from hwsim.cli.parser import build_parser

    assert "\n    complexity  MACs" in build_parser().format_help()


@pytest.mark.parametrize(
    ("argv", "name", "start"),
    [
        ((), "x.csv", "name,op,macs"),
        ((), "X.JSON", "{"),
        ((), "x.txt", "light_squeezenet on tpu_v1"),
        (("--format", "table"), "x.csv", "light_squeezenet on tpu_v1"),
        (("--format", "json"), "x.csv", "{"),
    ],
)
def test_a_file_is_what_its_name_says_unless_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: tuple[str, ...], name: str, start: str
) -> None:
    path = tmp_path / name
    code, out, err = run(capsys, "estimate", "light_squeezenet", "--device", "tpu_v1", "--output", str(path), *argv)
    assert (code, out, err) == (0, "", "")
    assert path.read_text(encoding="utf-8").startswith(start)


def test_what_is_missing_is_told_without_an_index() -> None:
    """The package is on no index: its name alone installs nothing, or somebody else's."""
    root = Path(__file__).parents[2]
    files = [root / "README.md", *root.joinpath("hwsim").rglob("*.py"), *root.joinpath("examples").glob("*.py")]
    assert not [path.name for path in files if "install 'hwsim" in path.read_text(encoding="utf-8")]
