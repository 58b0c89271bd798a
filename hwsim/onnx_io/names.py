"""Names that are safe to print and unique in a network."""

from __future__ import annotations

import re

MAX_LENGTH = 512
#: A tag of HTML or of console markup.
_MARKUP = re.compile(r"<[/!]?[a-z][^<>]*>|\[/?[a-z][a-z ]*\]", re.IGNORECASE)


def printable(name: str) -> str:
    """The name with control characters and other invisible ones written as \\xNN or \\uNNNN, and cut when very long."""
    if len(name) > MAX_LENGTH:
        name = f"{name[:MAX_LENGTH]}...({len(name)} characters)"
    if name.isprintable():
        return name
    return "".join(char if char.isprintable() else _escaped(char) for char in name)


def is_odd(name: str) -> bool:
    """Whether a name is one that could do harm where it is printed: invisible characters, markup, or very long."""
    return len(name) > MAX_LENGTH or not name.isprintable() or _MARKUP.search(name) is not None


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Names:
    """Hands out unique printable names, in linear time; the first to ask for a name gets it."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def unique(self, wanted: str) -> str:
        """``wanted``, or ``wanted_2``, ``wanted_3``, ... where it is taken."""
        wanted = printable(wanted)
        if wanted not in self._next:
            self._next[wanted] = 2
            return wanted
        while True:
            number = self._next[wanted]
            self._next[wanted] += 1
            name = f"{wanted}_{number}"
            if name not in self._next:
                self._next[name] = 2
                return name
