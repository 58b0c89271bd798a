"""Every command explains itself."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from hwsim.cli.parser import build_parser


def commands(parser: argparse.ArgumentParser, name: str = "hwsim") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb, inner in action.choices.items():
                yield from commands(inner, f"{name} {verb}")


@pytest.mark.parametrize(
    ("name", "parser"), commands(build_parser()), ids=lambda item: item if isinstance(item, str) else ""
)
def test_help_of_every_command(name: str, parser: argparse.ArgumentParser) -> None:
    text = parser.format_help()
    assert name in text
    for action in parser._actions:
        if action.help is not argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction):
            assert action.help or action.choices or action.nargs or action.metavar


@pytest.mark.parametrize(
    ("name", "parser"), commands(build_parser()), ids=lambda item: item if isinstance(item, str) else ""
)
def test_help_is_a_manual_page(name: str, parser: argparse.ArgumentParser) -> None:
    """A description, at least one example that the command line understands, and exit codes."""
    assert parser.description
    assert "exit codes" in (parser.epilog or "")
    examples = re.findall(r"^  (hwsim .*?)(?:\s{2,}|$)", parser.epilog or "", flags=re.MULTILINE)
    assert examples
    for example in examples:
        words = shlex.split(example.split(" > ")[0])[1:]
        assert name == "hwsim" or f"hwsim {' '.join(words)}".startswith(name)
        build_parser().parse_args(words)
    assert max(map(len, [*parser.description.splitlines(), *(parser.epilog or "").splitlines()])) <= 140


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="needs the completion extra")
    from hwsim.cli import main

    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "estimate" in script
    assert "device" in script
