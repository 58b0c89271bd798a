"""Plain text in columns, safe to print whatever a name contains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

#: Width that every table keeps to.
WIDTH = 100


def safe(text: str) -> str:
    """The same text with control characters and terminal escapes made visible (``\\x1b``)."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shorten(text: str, width: int) -> str:
    """At most ``width`` characters, the middle cut out where longer."""
    text = safe(text)
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def columns(
    rows: Iterable[Sequence[str]], head: Sequence[str], left: int = 1, gap: str = "  ", prose: bool = False
) -> list[str]:
    """Aligned lines: the first ``left`` columns to the left, the others to the right, a rule under the head.

    prose : the last column is text too; it takes what WIDTH leaves, cut at its end.
    """
    table = [list(head), *[list(row) for row in rows]]
    widths = [max(len(row[index]) for row in table) for index in range(len(head))]
    if prose:
        widths[-1] = min(widths[-1], max(10, WIDTH - sum(widths[:-1]) - len(gap) * (len(widths) - 1)))
        table = [
            [*row[:-1], row[-1] if len(row[-1]) <= widths[-1] else f"{row[-1][: widths[-1] - 1]}…"] for row in table
        ]
    lines = [
        gap.join(
            cell.ljust(width) if index < left or (prose and index == len(row) - 1) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return [lines[0], gap.join("─" * width for width in widths), *lines[1:]]


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """One paragraph within WIDTH, continuation lines indented."""
    import textwrap

    return textwrap.wrap(safe(text), WIDTH, subsequent_indent=indent, break_long_words=False)


def inputs_text(shapes: Mapping[str, Sequence[int]], most: int = 6) -> str:
    """``inputs x 1×3×224×224``, and how many more there are."""
    told = [f"{safe(name)} {'×'.join(map(str, shape))}" for name, shape in list(shapes.items())[:most]]
    more = f" and {len(shapes) - most} more" if len(shapes) > most else ""
    return f"inputs {', '.join(told)}{more}" if told else "no inputs"
