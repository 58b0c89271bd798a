"""What the command line says of itself: help in columns, mistakes in one line."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from hwsim.errors import nearest


class Help(argparse.RawDescriptionHelpFormatter):
    """Examples as they are written; room for the longest command beside what it does."""

    def add_argument(self, action: argparse.Action) -> None:
        """Note an argument: commands stand further in than argparse counts them."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += self._indent_increment


class Parser(argparse.ArgumentParser):
    """A parser that tells a mistake in one line, with what may have been meant, and exits with 2."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse here what is not known: a command knows its own options, the one above it does not."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Print the line and leave."""
        self.exit(2, f"{self.prog}: error: {line(_meant(self, message))} ({self.prog} --help)\n")


def line(text: str) -> str:
    """A text in one line: what does not print is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _meant(parser: argparse.ArgumentParser, message: str) -> str:
    if found := re.search(r"^(.*invalid choice: )'?(.*?)'? \(choose from (.*)\)$", message, flags=re.DOTALL):
        start, given, choices = found.groups()
        guess = nearest(given, re.findall(r"[^', ]+", choices))
        return f"{start}{given!r}{guess}" if guess else message
    if found := re.search(r"^unrecognized arguments: (-\S+)", message):
        return message + nearest(found.group(1).partition("=")[0], sorted(parser._option_string_actions))
    return message
