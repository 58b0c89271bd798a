"""Parse arguments, call one function, print, exit 0, 1 (a negative answer) or 2 (a mistake in what was given)."""

from hwsim.cli.main import main

__all__ = ["main"]
