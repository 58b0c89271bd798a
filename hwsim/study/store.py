"""Results on disk: an SQLite file of one row a point, written whole chunks at a time, that can be killed at any moment and gone on with."""

from __future__ import annotations

import hashlib
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
#: What SQLite makes of a damaged file. It asks for as much memory as a damaged length says.
_DAMAGES = (sqlite3.Error, UnicodeDecodeError, MemoryError)


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
        except _DAMAGES as error:
            raise UsageError(f"{path}: is no study file, or cannot be written: {_told(error)}") from None

    def _open(self, signature: str, provenance: Mapping[str, Any]) -> None:
        with self._database:
            self._database.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT)")
            names = ", ".join(f'"c{place}"' for place in range(len(self.columns)))
            found = _meta(self._database, self.path)
            if found and found["signature"] != signature:
                told = json.loads(found["provenance"])
                raise UsageError(
                    f"{self.path}: holds results of other inputs (study {told.get('study')!r}, hwsim "
                    f"{told.get('hwsim_version')}): models, profiles, axes or "
                    "the version have changed; give another file, or remove this one"
                )
            if not found:
                self._describe(signature, provenance)
                self._database.execute(f"CREATE TABLE points (number INTEGER PRIMARY KEY, {names}, sum INTEGER)")
            elif found["provenance"] != json.dumps(dict(provenance)):
                self._describe(signature, provenance)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS turns (turn INTEGER PRIMARY KEY, number INTEGER, sum INTEGER)"
            )

    def _describe(self, signature: str, provenance: Mapping[str, Any]) -> None:
        told = {
            "schema": SCHEMA,
            "signature": signature,
            "provenance": json.dumps(dict(provenance)),
            "columns": json.dumps(self.columns),
        }
        rows = (*told.items(), ("sum", _sum_of_meta(told)))
        self._database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

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
                    ((last,),) = self._database.execute("SELECT COALESCE(MAX(turn), 0) FROM turns")
                    turns = [(turn, number, _sum(turn, (number,))) for turn, (number, _) in enumerate(rows, last + 1)]
                    self._database.executemany("INSERT INTO turns VALUES (?, ?, ?)", turns)
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
        except _DAMAGES as error:
            raise UsageError(f"{self.path}: cannot be read: {_told(error)}") from None

    def turns(self) -> list[int]:
        """Numbers of the points in the order in which they were evaluated, empty where that is the order of the numbers."""
        try:
            found = self._database.execute("SELECT turn, number, sum FROM turns ORDER BY turn")
            return [number for turn, number, checksum in found if checksum == _sum(turn, (number,))]
        except _DAMAGES as error:
            raise UsageError(f"{self.path}: cannot be read: {_told(error)}") from None

    def close(self) -> None:
        """Close the file; what goes out of use closes itself."""
        self._database.close()

    def __del__(self) -> None:
        if hasattr(self, "_database"):
            self._database.close()


def _told(error: Exception) -> str:
    return str(error) or "it is damaged"


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
            found = _meta(database, path)
        columns, provenance = json.loads(found["columns"]), json.loads(found["provenance"])
        whole = isinstance(provenance, dict) and all(
            isinstance(provenance.get(part), dict) for part in ("axes", "derived")
        )
        objectives: Any = provenance.get("objectives", []) if whole else None
        if not whole or not _names(columns) or not _names(objectives) or not set(_plain(objectives)) <= set(columns):
            raise UsageError(f"{path}: is no study file: its description is not that of a study")
        return found["signature"], tuple(columns), provenance
    except (*_DAMAGES, KeyError, ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"{path}: is no study file: {_told(error)}") from None


def _names(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(name, str) for name in found) and len(set(found)) == len(found)


def _plain(objectives: Sequence[str]) -> list[str]:
    return [name.removeprefix("-") for name in objectives]


def _meta(database: sqlite3.Connection, path: Path | str) -> dict[str, str]:
    """What a file says of itself, empty where it is new; raises UsageError where it has been damaged, or is of another kind."""
    found = dict(database.execute("SELECT name, value FROM meta"))
    if found and found.get("schema") != SCHEMA:
        raise UsageError(f"{path}: holds something else than a study of this version of hwsim")
    checksum = found.pop("sum", None)
    if found and checksum != _sum_of_meta(found):
        raise UsageError(f"{path}: is damaged (its description does not match its checksum); give another file")
    return found


def _sum_of_meta(told: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(told.items())).encode()).hexdigest()
