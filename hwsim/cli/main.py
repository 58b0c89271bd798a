"""The entry point: errors become one line and exit code 2."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Sequence

from hwsim.cli.parser import build_parser
from hwsim.errors import HwsimError, HwsimWarning


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``hwsim`` with the given arguments; returns the exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.run is None:
        parser.print_help()
        return 0
    warnings.simplefilter("ignore", HwsimWarning)  # what is printed names them itself
    _listen()
    gc.set_threshold(200_000, 50, 50)  # records of a large network are no garbage: a fifth of the time went to looking
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except HwsimError as error:
        for finding in error.findings:
            print(f"hwsim: error: {_line(finding)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("hwsim: interrupted", file=sys.stderr)
        return 130


def _listen() -> None:
    """Log records on stderr where ``HWSIM_LOG`` names a level."""
    level = os.environ.get("HWSIM_LOG", "").upper()
    if level in ("DEBUG", "INFO", "WARNING", "ERROR"):
        import logging

        logging.basicConfig(format="%(name)s: %(message)s")
        logging.getLogger("hwsim").setLevel(level)


def _line(finding: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in finding)
