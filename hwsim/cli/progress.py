"""Progress on stderr, for people: nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable


def progress() -> Callable[[str], None] | None:
    """A function that shows the name of the layer being searched, on one line that is overwritten; None without a terminal."""
    if not sys.stderr.isatty():
        return None
    from hwsim.report.text import shorten

    def show(name: str) -> None:
        sys.stderr.write(f"\r\x1b[Ksearching {shorten(name, 60)}")
        sys.stderr.flush()

    return show


def clear() -> None:
    """Remove the line that ``progress`` wrote, before anything else is printed."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
