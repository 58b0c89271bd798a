"""Records as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hwsim.errors import UsageError, with_extra
from hwsim.writing import whole

#: First characters that a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_text(records: Sequence[Mapping[str, Any]]) -> str:
    """One object, or a list where there are several; each layer stands on one line. NaN and infinities never appear."""
    texts = [_object_text(record) for record in records]
    return texts[0] if len(texts) == 1 else "[\n" + ",\n".join(texts) + "\n]"


def _object_text(record: Mapping[str, Any]) -> str:
    parts = []
    for name, value in record.items():
        if name == "layers" and value:
            text = "[\n" + ",\n".join(f"    {_value_text(layer)}" for layer in value) + "\n  ]"
        else:
            text = _value_text(value, indent=2).replace("\n", "\n  ")
        parts.append(f"  {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}"


def _value_text(value: Any, indent: int | None = None) -> str:
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), indent=indent, allow_nan=False)


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Comma-separated rows with a header of all their fields; text that a spreadsheet would run is quoted with ``'``."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)
    return out.getvalue().rstrip("\n")


def markdown_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table with a header of all their fields."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(map(_cell, names)) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return "".join(f"\\{char}" if char in "|\\`*<[" else char if char.isprintable() else " " for char in text)


def save_parquet(rows: Iterable[Mapping[str, Any]], path: str) -> None:
    """Write rows as Parquet; raises UsageError without pyarrow or where the file cannot be written."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError(f"Parquet needs pyarrow: {with_extra('pandas')}") from None
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pyarrow.table({name: [_plain(row.get(name)) for row in rows] for name in names})
    try:
        with whole(path) as partial:
            parquet.write_table(table, partial)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else json.dumps(value, default=str)


def save(text: str, path: str) -> None:
    """Write a file whole or not at all; raises UsageError where that cannot be done."""
    try:
        with whole(path) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
