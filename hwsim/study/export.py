"""Results as CSV or Parquet, streamed."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from hwsim.errors import UsageError, with_extra
from hwsim.study.axes import Value
from hwsim.writing import whole

if TYPE_CHECKING:
    from hwsim.study.study import Results

_ROWS = 50_000
#: First characters that a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(results: Results, path: Path | str) -> None:
    """Write all rows of a study; raises UsageError for another ending, or where the file cannot be written."""
    target = Path(path)
    if target.suffix not in (".csv", ".parquet"):
        raise UsageError(f"{path}: results are exported to a .csv or a .parquet")
    try:
        with whole(target) as partial:
            (_csv if target.suffix == ".csv" else _parquet)(results, partial)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


def _csv(results: Results, target: Path) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([_inert(name) for name in results.store.columns])
        for _, values in results.store.rows():
            writer.writerow([_inert(value) for value in values])


def _parquet(results: Results, target: Path) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError(f"Parquet needs pyarrow: {with_extra('pandas')}") from None
    columns = results.store.columns
    kinds = {
        name: pyarrow.string()
        for name in columns
        if name in ("reason", "model", "device", "bits", "rung", "objective", "counting", "units")
    }
    rows = results.store.rows()
    writer = None
    while block := list(islice(rows, _ROWS)):
        table = {}
        for place, name in enumerate(columns):
            values = [row[place] for _, row in block]
            if name not in kinds:
                words = any(isinstance(value, str) for value in values)
                kinds[name] = (
                    pyarrow.string() if words else pyarrow.int64() if name == "feasible" else pyarrow.float64()
                )
            table[name] = pyarrow.array(
                [None if value is None else _as(value, kinds[name] == pyarrow.string()) for value in values],
                kinds[name],
            )
        made = pyarrow.table(table)
        writer = writer or parquet.ParquetWriter(target, made.schema)
        writer.write_table(made)
    if writer is None:
        raise UsageError("there are no results to export")
    writer.close()


def _as(value: Value, words: bool) -> Value:
    return str(value) if words else value


def _inert(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
