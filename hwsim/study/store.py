"""Results on disk: an SQLite file of one row a point, written whole chunks at a time, that can be killed at any moment and gone on with."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hwsim.errors import UsageError
from hwsim.study.axes import Value

SCHEMA = "hwsim/study/1"


class Store:
    """The results of one study. Opened for another study's signature it refuses; a row whose checksum is wrong counts as not there.

    in_turns : keep the order in which rows came, too, where it is not that of their numbers.
    """

    def __init__(
        self,
        path: Path | str,
        signature: str,
        columns: Sequence[str],
        provenance: Mapping[str, Any],
        in_turns: bool = False,
    ) -> None:
        self.path, self.columns, self._in_turns = Path(path), tuple(columns), in_turns
        try:
            self._database = sqlite3.connect(self.path, timeout=30)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._open(signature, provenance)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: is no study file, or cannot be written: {error}") from None

    def _open(self, signature: str, provenance: Mapping[str, Any]) -> None:
        with self._database:
            self._database.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT)")
            names = ", ".join(f'"c{place}"' for place in range(len(self.columns)))
            found = dict(self._database.execute("SELECT name, value FROM meta"))
            if found and found.get("schema") != SCHEMA:
                raise UsageError(f"{self.path}: holds something else than a study of this version of hwsim")
            if found and found["signature"] != signature:
                told = json.loads(found["provenance"])
                raise UsageError(
                    f"{self.path}: holds results of other inputs (study {told.get('study')!r}, hwsim "
                    f"{told.get('hwsim_version')}): models, profiles, axes or "
                    "the version have changed; give another file, or remove this one"
                )
            if not found:
                told = json.dumps(dict(provenance))
                rows = (
                    ("schema", SCHEMA),
                    ("signature", signature),
                    ("provenance", told),
                    ("columns", json.dumps(self.columns)),
                )
                self._database.executemany("INSERT INTO meta VALUES (?, ?)", rows)
                self._database.execute(f"CREATE TABLE points (number INTEGER PRIMARY KEY, {names}, sum INTEGER)")
            elif found["provenance"] != json.dumps(dict(provenance)):
                self._database.execute(
                    "UPDATE meta SET value = ? WHERE name = 'provenance'", (json.dumps(dict(provenance)),)
                )
            self._database.execute("CREATE TABLE IF NOT EXISTS turns (turn INTEGER PRIMARY KEY, number INTEGER)")

    @property
    def done(self) -> set[int]:
        """Numbers of the points that are there and whole."""
        return {number for number, _ in self.rows()}

    def add(self, rows: Sequence[tuple[int, Sequence[Value]]]) -> None:
        """Keep a chunk of rows, all or none of it; raises UsageError where the disk does not take it."""
        marks = ", ".join("?" * (len(self.columns) + 2))
        try:
            with self._database:
                self._database.executemany(
                    f"INSERT OR REPLACE INTO points VALUES ({marks})",
                    [(number, *row, _sum(number, row)) for number, row in rows],
                )
                if self._in_turns:
                    turns = [(number,) for number, _ in rows]
                    self._database.executemany("INSERT INTO turns (number) VALUES (?)", turns)
        except (sqlite3.Error, OverflowError) as error:
            raise UsageError(
                f"{self.path}: cannot be written ({error}); what it held before is intact: run the study again to go on"
            ) from None

    def rows(self) -> Iterator[tuple[int, tuple[Value, ...]]]:
        """Number and values of every whole row, in the order of the study."""
        try:
            for number, *row, checksum in self._database.execute("SELECT * FROM points ORDER BY number"):
                if checksum == _sum(number, row):
                    yield number, tuple(row)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise UsageError(f"{self.path}: cannot be read: {error}") from None

    def turns(self) -> list[int]:
        """Numbers of the points in the order in which they were evaluated, empty where that is the order of the numbers."""
        try:
            return [number for (number,) in self._database.execute("SELECT number FROM turns ORDER BY turn")]
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise UsageError(f"{self.path}: cannot be read: {error}") from None

    def close(self) -> None:
        """Close the file; what goes out of use closes itself."""
        self._database.close()

    def __del__(self) -> None:
        if hasattr(self, "_database"):
            self._database.close()


def _sum(number: int, row: Sequence[Value]) -> int:
    return zlib.crc32(repr((number, *row)).encode())


def described(path: Path | str) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Signature, columns and provenance of a study file; raises UsageError for what is none."""
    try:
        there = Path(path).is_file()
    except OSError:  # a name too long for a file
        there = False
    if not there:
        raise UsageError(f"{str(path)[:80]}: no such study file")
    try:
        with closing(sqlite3.connect(f"file:{Path(path)}?mode=ro", uri=True)) as database:
            found = dict(database.execute("SELECT name, value FROM meta"))
        return found["signature"], tuple(json.loads(found["columns"])), json.loads(found["provenance"])
    except (sqlite3.Error, KeyError, ValueError) as error:
        raise UsageError(f"{path}: is no study file: {error}") from None
