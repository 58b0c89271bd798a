"""Timeloop's YAML: tags, anchors and several files merged, every value with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from hwsim.device.yaml_reader import scalar
from hwsim.errors import MappingError, nearest

MAX_BYTES = 4 << 20
MAX_DEPTH = 40
MAX_ENTRIES = 100_000
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Entry:
    """One value. value : dict of entries, list of entries, or a scalar; where : ``file:line``; tag : ``Component`` of ``!Component``."""

    value: Any
    where: str
    tag: str = ""

    def fail(self, message: str) -> NoReturn:
        """Raise MappingError that names this place."""
        raise MappingError(f"{self.where}: {message}")

    @property
    def keys(self) -> dict[str, Entry]:
        """Entries of a mapping; one that is not there is a mistake of the file where it is asked for."""
        if self.value is None:
            return _Keys({}, self.where)
        if not isinstance(self.value, dict):
            self.fail(
                f"expected keys, not {self.value!r:.40}"
                if not isinstance(self.value, list)
                else "expected keys, not a list"
            )
        return _Keys(self.value, self.where)

    @property
    def items(self) -> list[Entry]:
        """Entries of a list."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            self.fail("expected a list")
        return self.value

    def text(self) -> str:
        """A scalar as text."""
        if isinstance(self.value, dict | list) or self.value is None:
            self.fail("expected a word")
        return str(self.value)

    def number(self) -> float:
        """A scalar as a number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or self.value != self.value:
            self.fail(f"expected a number, not {self.value!r:.40}")
        return self.value

    def amount(self) -> float:
        """A scalar as a finite number of at least 0."""
        number = self.number()
        if not 0 <= number < 1e300:
            self.fail(f"expected a finite number of at least 0, not {self.value!r:.40}")
        return number

    def whole(self, least: int = 0) -> int:
        """A scalar as a whole number from ``least`` on."""
        number = self.number()
        if number in (float("inf"), float("-inf")) or number != int(number) or not least <= number < 1 << 62:
            self.fail(f"expected a whole number from {least} on, not {self.value!r:.40}")
        return int(number)

    def only(self, *known: str) -> None:
        """Refuse keys that are not ``known``."""
        for key, entry in self.keys.items():
            if key not in known:
                entry.fail(f"{key}: not supported{nearest(key, known)}")


def read_files(paths: Sequence[Path]) -> dict[str, Entry]:
    """Top-level entries of all files together; raises MappingError."""
    merged: dict[str, Entry] = {}
    for path in paths:
        for key, entry in _read_file(path).keys.items():
            if key in merged:
                entry.fail(f"{key}: given already at {merged[key].where}")
            merged[key] = entry
    return merged


def _read_file(path: Path) -> Entry:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MappingError(f"{path}: more than {MAX_BYTES >> 20} MiB, too much for a Timeloop file")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MappingError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise MappingError(f"{path}: not a UTF-8 text") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Entry:
    """Entries of one document; raises MappingError with ``name:line``."""
    try:
        events = yaml.parse(text, Loader=_Loader)
        return _Builder(name).document(events)
    except yaml.MarkedYAMLError as error:
        marks: list[Any] = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
        line = f":{marks[0].line + 1}" if marks else ""
        hint = " (a Jinja template: render it first)" if "{{" in text else ""
        raise MappingError(f"{name}{line}: not valid YAML: {error.problem or error.context}{hint}") from None
    except yaml.YAMLError as error:
        raise MappingError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from None


class _Keys(dict[str, Entry]):
    """Entries by key, with the place of their mapping."""

    def __init__(self, entries: dict[str, Entry], where: str) -> None:
        super().__init__(entries)
        self._where = where

    def __missing__(self, key: str) -> NoReturn:
        raise MappingError(f"{self._where}: {key} is missing")


class _Builder:
    """Builds entries from parser events; aliases repeat what their anchor holds, within the same bound on entries."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.anchors: dict[str, tuple[Entry, int]] = {}

    def document(self, events: Iterator[Any]) -> Entry:
        found: Entry | None = None
        for event in events:
            where = f"{self.name}:{event.start_mark.line + 1}"
            if isinstance(event, yaml.DocumentStartEvent) and found is not None:
                raise MappingError(f"{where}: a second document (one a file)")
            if isinstance(event, yaml.NodeEvent):
                found = self.entry(event, events, 0)
        if found is None:
            raise MappingError(f"{self.name}: empty file")
        return found

    def entry(self, event: Any, events: Iterator[Any], depth: int) -> Entry:
        where, before = f"{self.name}:{event.start_mark.line + 1}", self.count
        self.grow(1, where)
        if depth > MAX_DEPTH:
            raise MappingError(f"{where}: nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise MappingError(f"{where}: alias *{event.anchor} has no anchor before it")
            found, size = self.anchors[event.anchor]
            self.grow(size, where)
            return found
        tag = (event.tag or "").removeprefix("!") if not (event.tag or "").startswith("tag:yaml.org") else ""
        found = Entry(self.content(event, events, depth, where), where, tag)
        if event.anchor:
            self.anchors[event.anchor] = (found, self.count - before)
        return found

    def grow(self, by: int, where: str) -> None:
        self.count += by
        if self.count > MAX_ENTRIES:
            raise MappingError(f"{where}: more than {MAX_ENTRIES:,} values")

    def content(self, event: Any, events: Iterator[Any], depth: int, where: str) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            try:
                return str(event.value) if event.style else scalar(event.value)
            except ValueError as error:
                raise MappingError(f"{where}: {error}") from None
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            for inner in events:
                if isinstance(inner, yaml.SequenceEndEvent):
                    break
                items.append(self.entry(inner, events, depth + 1))
            return items
        return self.mapping(events, depth)

    def mapping(self, events: Iterator[Any], depth: int) -> dict[str, Entry]:
        items: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            where = f"{self.name}:{event.start_mark.line + 1}"
            if not isinstance(event, yaml.ScalarEvent):
                raise MappingError(f"{where}: a key must be a plain word")
            key, value = str(event.value), self.entry(next(events), events, depth + 1)
            if key == "<<":
                for source in value.items if isinstance(value.value, list) else [value]:
                    merged = source.keys | merged
            elif key in items:
                raise MappingError(f"{where}: {key}: given twice (first at {items[key].where})")
            else:
                items[key] = value
        return merged | items
