"""Mutations of files: bytes and lines changed, values replaced by those that break programs."""

from __future__ import annotations

import random

#: Values and pieces of syntax that readers have to survive.
NASTY = [
    *b"-1 0 1e400 -1e400 .nan NaN .inf Infinity 1e-320 9223372036854775808 null ~ true [] {} 0x10 1_000 1:30 2024-01-01 yes".split(),
    *b"[[[[[[[[ {{{{{{{{ *a =1+1 @SUM(1) <script> ../../../../etc/passwd /dev/zero ' ? | > --- ...".split(),
    b"9" * 30, b"9" * 5000, b"&a [*a, *a]", b"!!python/object/apply:os.system ['false']", b"<<: *a", b"%YAML 1.1\n", b"# ", b": ", b"- ",
    b"\xef\xbb\xbf", b"\r\n", b"\x00", b"\x1b[2J", "\u202e".encode(), "\u0430".encode(), b'"', b"\xff\xfe", b"\t", b"\n",
]  # fmt: skip


def mutated(data: bytes, generator: random.Random, largest: int) -> bytes:
    """The data with one to four changes."""
    found = bytearray(data)
    for _ in range(generator.randint(1, 4)):
        _CHANGES[generator.randrange(len(_CHANGES))](found, generator)
    return bytes(found[:largest])


def _place(data: bytearray, generator: random.Random) -> int:
    return generator.randrange(len(data) + 1)


def _flip(data: bytearray, generator: random.Random) -> None:
    if data:
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)


def _insert(data: bytearray, generator: random.Random) -> None:
    at = _place(data, generator)
    data[at:at] = generator.choice(NASTY)


def _cut(data: bytearray, generator: random.Random) -> None:
    at = _place(data, generator)
    del data[at : at + generator.randint(1, 40)]


def _repeat(data: bytearray, generator: random.Random) -> None:
    at = _place(data, generator)
    data[at:at] = data[at : at + generator.randint(1, 60)] * generator.randint(1, 3)


def _number(data: bytearray, generator: random.Random) -> None:
    """A number, or a word of letters, becomes something nasty."""
    at = _place(data, generator)
    letters = generator.random() < 0.3
    while at < len(data) and not (chr(data[at]).isalpha() if letters else chr(data[at]).isdigit()):
        at += 1
    end = at
    while end < len(data) and (chr(data[end]).isalnum() or data[end] in b"_."):
        end += 1
    data[at:end] = generator.choice(NASTY)


def _line(data: bytearray, generator: random.Random) -> None:
    """A line is left out, doubled, indented, or moved."""
    lines = data.split(b"\n")
    place = generator.randrange(len(lines))
    line = lines.pop(place)
    what = generator.randrange(4)
    if what == 1:
        lines[place:place] = [line, line]
    elif what == 2:
        lines.insert(place, bytearray(b"  ") + line)
    elif what == 3:
        lines.insert(generator.randrange(len(lines) + 1), line)
    data[:] = b"\n".join(lines)


_CHANGES = (_flip, _insert, _cut, _repeat, _number, _number, _number, _line)
