"""Tables of our own form, read and written: CSV and JSON (``hwsim/measured/1``)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hwsim.errors import UsageError
from hwsim.validation.measured import FIELDS, SCHEMA, Measured, Measurement, measurement, unknown_columns

#: Rows that are read; a table of measurements has a row a layer and run.
MAX_ROWS = 200_000


def from_csv(text: str, where: str) -> tuple[Measurement, ...]:
    """Rows of a CSV table. Lines that start with ``#`` are remarks. Raises UsageError with every mistake as ``file:line: column: ...``."""
    reader = csv.reader(_without_remarks(text), strict=True)
    found: list[str] = []
    rows: list[Measurement] = []
    header: list[str] | None = None
    known: set[str] = set()
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            values = [cell.strip() for cell in cells]
            if header is None:
                header = values
                known = {name for name in header if _known(name)}
                found += [f"{where}:{line}: {name or '(empty)'}: {text}" for name, text in unknown_columns(header)]
                continue
            if len(values) != len(header):
                found.append(f"{where}:{line}: (row): has {len(values)} cells, the header {len(header)}")
                continue
            if line > MAX_ROWS:
                raise _too_many(where)
            row, wrong = measurement(
                {name: value for name, value in zip(header, values, strict=True) if name in known}, f"{where}:{line}"
            )
            found += [f"{where}:{line}: {column}: {text}" for column, text in wrong]
            if row is not None:
                rows.append(row)
    except csv.Error as error:
        found.append(f"{where}:{reader.line_num}: (row): {error}")
    if header is None:
        found.append(f"{where}:1: (file): empty: the first line names the columns (name, latency_us, ...)")
    if found:
        raise UsageError(*found)
    return tuple(rows)


def from_json(text: str, where: str) -> tuple[Measurement, ...]:
    """Rows of ``{"schema": "hwsim/measured/1", "rows": [...]}``. Raises UsageError with every mistake as ``file:line: key: ...``."""
    document = json.loads(text, object_pairs_hook=_once(where))
    entries = document.get("rows")
    if not isinstance(entries, list):
        raise UsageError(f"{where}:1: rows: must be a list of rows, each a mapping of columns")
    if len(entries) > MAX_ROWS:
        raise _too_many(where)
    extra = [key for key in document if key not in ("schema", "rows")]
    found = [f"{where}:1: {key}: unknown key (a table has schema and rows)" for key in extra]
    rows: list[Measurement] = []
    for entry, line in zip(entries, _lines(text, len(entries)), strict=True):
        if not isinstance(entry, dict):
            found.append(f"{where}:{line}: (row): must be a mapping of columns")
            continue
        found += [f"{where}:{line}: {name}: {text}" for name, text in unknown_columns(list(entry))]
        known = {name: value for name, value in entry.items() if _known(name)}
        row, wrong = measurement(known, f"{where}:{line}")
        found += [f"{where}:{line}: {column}: {text}" for column, text in wrong]
        if row is not None:
            rows.append(row)
    if found:
        raise UsageError(*found)
    return tuple(rows)


def to_rows(measured: Measured) -> list[dict[str, Any]]:
    """The rows in our form, in µs, mJ, W, B and MHz, without the columns that no row fills."""
    plain = [_plain(row) for row in measured.rows]
    used = [name for name in _ORDER if any(row[name] is not None for row in plain)]
    return [{name: row[name] for name in used} for row in plain]


def to_json(measured: Measured) -> dict[str, Any]:
    """The table as the JSON form has it, empty cells left out."""
    rows = [{name: value for name, value in row.items() if value is not None} for row in to_rows(measured)]
    return {"schema": SCHEMA, "rows": rows}


_ORDER = ("scope", "name", "model", "op", "output", "covers", "latency_us", "minimum_us", "energy_mj", "power_w", "dram_bytes",
          "clock_mhz", "device", "mode", "precision", "batch", "repeats", "spread", "source")  # fmt: skip


def _plain(row: Measurement) -> dict[str, Any]:
    def scaled(value: float | None, factor: float) -> float | None:
        return None if value is None else float(f"{value * factor:.6g}")

    texts = {name: getattr(row, name) or None for name in FIELDS if name != "covers"}
    return {
        **texts,
        "covers": ";".join(row.covers) or None,
        "latency_us": scaled(row.latency_s, 1e6),
        "minimum_us": scaled(row.minimum_s, 1e6),
        "energy_mj": scaled(row.energy_j, 1e3),
        "power_w": scaled(row.power_w, 1.0),
        "dram_bytes": scaled(row.dram_bytes, 1.0),
        "clock_mhz": scaled(row.clock_hz, 1e-6),
        "spread": scaled(row.spread, 1.0),
    }


def _without_remarks(text: str) -> Iterator[str]:
    """The lines, remarks emptied so that line numbers stay."""
    for line in io.StringIO(text):
        yield "\n" if line.startswith("#") else line


def _known(name: str) -> bool:
    return not unknown_columns([name])


def _lines(text: str, count: int) -> Sequence[int]:
    """Line on which each entry of the outermost ``rows`` starts; of the file's first where it cannot be told."""
    decoder = json.JSONDecoder()
    place = text.find("[", text.find('"rows"')) + 1
    lines: list[int] = []
    try:
        for _ in range(count):
            while text[place] in " \t\r\n,":
                place += 1
            lines.append(text.count("\n", 0, place) + 1)
            _, place = decoder.raw_decode(text, place)
    except (ValueError, IndexError):
        return [1] * count
    return lines


def _too_many(where: str) -> UsageError:
    return UsageError(f"{where}: more than {MAX_ROWS:,} rows: keep a part of them")


def _once(where: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """Makes mappings of their pairs; raises UsageError for a key given twice, of which JSON's reader would believe the last."""

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"{where}: {twice}: given twice")
        return made

    return mapping


def is_table(document: Mapping[str, Any]) -> bool:
    """Whether a JSON document is a table of ours."""
    return document.get("schema") == SCHEMA or "rows" in document
