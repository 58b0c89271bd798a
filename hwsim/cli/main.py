"""The entry point: errors become one line and exit code 2."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
import warnings
from collections.abc import Sequence

from hwsim.cli.arguments import settle_format
from hwsim.cli.interrupt import prompt, say
from hwsim.cli.parser import build_parser
from hwsim.cli.usage import line
from hwsim.errors import HwsimError, HwsimWarning


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``hwsim`` with the given arguments; returns the exit code."""
    arguments = argparse.Namespace()
    try:
        with prompt(lambda: _interrupted(arguments)):
            return _run(argv, arguments)
    except HwsimError as error:
        for finding in error.findings:
            print(f"hwsim: error: {line(finding)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        _close_stdout()
        return 0
    except OSError as error:  # a full disk below the answer, for one
        _close_stdout()
        place = f"{error.filename}: " if error.filename else "the answer cannot be written: "
        print(f"hwsim: error: {line(place)}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        # Where an interrupt went through code that was run from a string, Python would end by the signal instead; this makes it forget.
        exec("")
        say(_interrupted(arguments))
        return 130


def _run(argv: Sequence[str] | None, arguments: argparse.Namespace) -> int:
    parser = build_parser()
    parser.parse_args(argv, arguments)
    if arguments.run is None:
        parser.print_help()
        return 0
    settle_format(arguments)
    warnings.simplefilter("ignore", HwsimWarning)  # what is printed names them itself
    _listen()
    gc.set_threshold(200_000, 50, 50)  # records of a large network are no garbage: a fifth of the time went to looking
    atexit.register(gc.freeze)  # nor is anything worth looking for at the end
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's threads would wait for matrices, busily
    code: int = arguments.run(arguments)
    sys.stdout.flush()
    return code


def _interrupted(arguments: argparse.Namespace) -> str:
    """What to say of an interrupt; a command that keeps something has its own words."""
    return str(getattr(arguments, "interrupted", "interrupted"))


def _close_stdout() -> None:
    """Nothing more can be written, and Python must not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _listen() -> None:
    """Log records on stderr where ``HWSIM_LOG`` names a level."""
    level = os.environ.get("HWSIM_LOG", "").upper()
    if level in ("DEBUG", "INFO", "WARNING", "ERROR"):
        import logging

        logging.basicConfig(format="%(name)s: %(message)s")
        logging.getLogger("hwsim").setLevel(level)
