"""Colours, on a terminal that wants them."""

from __future__ import annotations

import argparse
import os
import re
import sys

_BOLD, _DIM, _YELLOW, _END = "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m"
#: The sentence that matters, rules and remarks, warnings.
_LINES = (
    (re.compile(r"^\S+-bound: "), _BOLD),
    (re.compile(r"^(─|note: |graph: |'\+n')"), _DIM),
    (re.compile(r"^(warning: |not given: )"), _YELLOW),
    (re.compile(r"^total "), _BOLD),
)


def in_colour(arguments: argparse.Namespace) -> bool:
    """Whether the answer goes to a terminal, and neither --no-color nor NO_COLOR (https://no-color.org) is given."""
    plain = arguments.no_color or arguments.output or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain and sys.stdout.isatty()


def coloured(text: str) -> str:
    """The same lines, those that matter most or least set off; lines of a paragraph share its colour."""
    lines, style = [], ""
    for line in text.split("\n"):
        if not line.startswith("  "):
            style = next((style for pattern, style in _LINES if pattern.match(line)), "")
        lines.append(f"{style}{line}{_END}" if style and line else line)
    return "\n".join(lines)
