"""YAML text to plain Python values with the line of every key: PyYAML parses, the values are our own.

Scalars follow the core schema of YAML 1.2 (``1e9`` is a number, ``on`` a string). A key given twice is a mistake; anchors, aliases and
tags are refused, so that no text can grow while it is read or run code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from hwsim.errors import ProfileError

MAX_BYTES = 1 << 20
MAX_DEPTH = 24
MAX_NODES = 50_000
MAX_DIGITS = 40

_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Steps = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """What a file says. value : dicts, lists and scalars; lines : line of every key and list entry, by its steps from the root."""

    value: Any
    lines: dict[Steps, int] = field(default_factory=dict)


def scalar(text: str) -> bool | int | float | str | None:
    """Value of a plain scalar in the core schema of YAML 1.2; raises ValueError for a number of more than 40 characters."""
    if text in _WORDS:
        return _WORDS[text]
    number = _INT.fullmatch(text) or _BASED.fullmatch(text) or _FLOAT.fullmatch(text)
    if not number:
        return text
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} characters (at most {MAX_DIGITS})")
    if _INT.fullmatch(text):
        return int(text)
    return int(text, 0) if _BASED.fullmatch(text) else float(text)


def read(text: str, where: str) -> Document:
    """Read one YAML document.

    where : file name for messages. Raises ProfileError, with a ``where:line: message`` for every mistake that was found.
    """
    if len(text) > MAX_BYTES:
        raise ProfileError(f"{where}: {len(text):,} characters (a profile has at most {MAX_BYTES:,})")
    builder = _Builder(where)
    try:
        builder.build(yaml.parse(text.removeprefix("\ufeff"), Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ProfileError(f"{where}{line}: not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ProfileError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None
    if builder.findings:
        raise ProfileError(*builder.findings)
    return builder.document


class _Builder:
    """Builds a value from parser events; mistakes that leave the structure intact are collected."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.findings: list[str] = []
        self.document = Document(None)
        self.nodes = 0

    def build(self, events: Iterator[Any]) -> None:
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.fail(event, "a second document (one profile a file)")
            elif isinstance(event, yaml.NodeEvent):
                self.document.value = self.node(event, events, ())
        if not documents:
            raise ProfileError(f"{self.where}: empty file")

    def fail(self, event: Any, message: str) -> None:
        raise ProfileError(*self.findings, f"{self.where}:{event.start_mark.line + 1}: {message}")

    def note(self, event: Any, steps: Steps, message: str) -> None:
        dotted = ".".join(str(step) for step in steps)
        self.findings.append(f"{self.where}:{event.start_mark.line + 1}: {dotted + ': ' if dotted else ''}{message}")

    def node(self, event: Any, events: Iterator[Any], steps: Steps) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.fail(event, f"more than {MAX_NODES:,} values")
        if len(steps) > MAX_DEPTH:
            self.fail(event, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            self.note(event, steps, f"alias *{event.anchor} is not supported (write the value out, or use extends)")
            return None
        if event.tag not in {None, "!"}:
            self.note(event, steps, f"tag {event.tag} is not supported")
        if isinstance(event, yaml.ScalarEvent):
            return self.value(event, steps)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(events, steps)
        return self.mapping(events, steps)

    def value(self, event: Any, steps: Steps) -> bool | int | float | str | None:
        if event.style:
            return str(event.value)
        try:
            return scalar(event.value)
        except ValueError as error:
            self.note(event, steps, str(error))
            return None

    def sequence(self, events: Iterator[Any], steps: Steps) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            inner = (*steps, len(items))
            self.document.lines[inner] = event.start_mark.line + 1
            items.append(self.node(event, events, inner))
        return items

    def mapping(self, events: Iterator[Any], steps: Steps) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                self.fail(event, "a key must be a plain word")
            key = str(event.value)
            inner = (*steps, key)
            if key in items:
                self.note(event, inner, f"given twice (first on line {self.document.lines[inner]})")
            elif key == "<<":
                self.note(event, inner, "merge keys are not supported (use extends)")
            self.document.lines.setdefault(inner, event.start_mark.line + 1)
            items[key] = self.node(next(events), events, inner)
        return items
