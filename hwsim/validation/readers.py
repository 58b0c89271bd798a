"""Measured data as people have it, recognised by its content: our own tables, onnxruntime, trtexec, PyTorch and Chrome traces, Vela."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwsim.errors import UsageError
from hwsim.validation import tables, traces
from hwsim.validation.measured import Measured, Measurement
from hwsim.validation.naming import is_overhead, parts

MAX_BYTES = 256 << 20


def read(path: str | os.PathLike[str], *, clock_hz: float | None = None) -> Measured:
    """Measured data in any form that is known.

    clock_hz : of the device, for files that give cycles (Vela's) [Hz]. Raises UsageError with every mistake of the file.
    """
    where = os.fspath(path)
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise UsageError(f"{where}: larger than {MAX_BYTES >> 20} MiB: trim the profile to a few runs")
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{where}: {error.strerror or error}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{where}: not a text file in UTF-8") from None
    found = _json(text, where) if text.lstrip()[:1] in ("{", "[") else _csv(text, where, clock_hz)
    if not found.rows:
        raise UsageError(f"{where}: read as {found.form}, but it has no rows")
    source = replace_where(found.rows, where)
    return replace(found, rows=source, path=where, sha256=hashlib.sha256(content).hexdigest())


def replace_where(rows: Sequence[Measurement], where: str) -> tuple[Measurement, ...]:
    """The rows, those that do not know their file told it."""
    return tuple(row if row.where else replace(row, where=where) for row in rows)


def _json(text: str, where: str) -> Measured:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        document = _unfinished(text)
        if document is None:
            line = getattr(error, "lineno", 1)
            raise UsageError(f"{where}:{line}: not JSON: {getattr(error, 'msg', 'nested too deeply')}") from None
    if isinstance(document, dict):
        if isinstance(document.get("traceEvents"), list):
            return traces.read_events(document["traceEvents"], where)
        if tables.is_table(document):
            return Measured(tables.from_json(text, where), form="table")
        raise UsageError(
            f"{where}: a JSON file of no known form (a table has schema and rows, a Chrome trace has traceEvents)"
        )
    entries = [entry for entry in document if isinstance(entry, dict)]
    if any("startComputeMs" in entry or "computeMs" in entry for entry in entries):
        return _trtexec_times(entries, where)
    if any("averageMs" in entry or "timeMs" in entry for entry in entries):
        return _trtexec_profile(entries, where)
    if any("ph" in entry for entry in entries):
        return traces.read_events(document, where)
    raise UsageError(
        f"{where}: a JSON list of no known form (onnxruntime's or a Chrome trace, trtexec's --exportProfile or --exportTimes)"
    )


def _unfinished(text: str) -> Any:
    """A list of events whose end is missing: the process was stopped while it wrote."""
    if not text.lstrip().startswith("["):
        return None
    try:
        return json.loads(f"{text.rstrip().removesuffix(',')}]")
    except (ValueError, RecursionError):
        return None


def _number(entry: Mapping[str, Any], key: str, where: str) -> float:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e18:
        raise UsageError(f"{where}: {str(entry.get('name', 'entry'))[:60]}: {key}: not a time in ms")
    return float(value)


def _trtexec_profile(entries: Sequence[Mapping[str, Any]], where: str) -> Measured:
    """``trtexec --exportProfile``: the number of runs, then a layer each; the median where it is given."""
    count = next((int(entry["count"]) for entry in entries if isinstance(entry.get("count"), int)), None)
    rows = []
    for entry in entries:
        if "name" not in entry:
            continue
        key = next((key for key in ("medianMs", "averageMs") if key in entry), "")
        total = None if key else _number(entry, "timeMs", where) / (count or 1)
        time = _number(entry, key, where) if total is None else total
        name = str(entry["name"])
        first, *others = parts(name) or (name,)
        overhead = is_overhead(name)
        rows.append(
            Measurement(
                name=name if overhead else first,
                scope="overhead" if overhead else "layer",
                covers=() if overhead else tuple(others),
                latency_s=time * 1e-3,
                repeats=count,
            )
        )
    return Measured(tuple(rows), form="trtexec profile", complete=True)


def _trtexec_times(entries: Sequence[Mapping[str, Any]], where: str) -> Measured:
    """``trtexec --exportTimes``: one row, the whole model's time on the GPU, without host transfers."""
    times = []
    for entry in entries:
        if "computeMs" in entry:
            times.append(_number(entry, "computeMs", where) * 1e3)
        elif "startComputeMs" in entry:
            span = _number(entry, "endComputeMs", where) - _number(entry, "startComputeMs", where)
            times.append(span * 1e3)
    low, least, spread = traces.summary(times)
    row = Measurement(
        "", scope="model", latency_s=low * 1e-6, minimum_s=least * 1e-6, repeats=len(times), spread=spread
    )
    return Measured((row,), form="trtexec times", notes=("time on the GPU at the 10th percentile, transfers left out",))


def _csv(text: str, where: str, clock_hz: float | None) -> Measured:
    head = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    columns = [cell.strip() for cell in head.split(",")]
    if "Op Cycles" in columns and "Name" in columns:
        return _vela(text, where, clock_hz)
    return Measured(tables.from_csv(text, where), form="table")


def _cycles(text: str) -> float | None:
    """A number that may be one of cycles, None for any other text."""
    try:
        cycles = float(text)
    except ValueError:
        return None
    return cycles if 0 <= cycles < 1e18 else None


def _vela(text: str, where: str, clock_hz: float | None) -> Measured:
    """Vela's per-layer CSV (``--verbose-performance``): cycles, over the clock. They are Vela's estimates, not measurements."""
    if not clock_hz:
        raise UsageError(f"{where}: Vela's table gives cycles: say the clock (--clock-mhz)")
    rows: list[Measurement] = []
    found: list[str] = []
    reader = csv.reader(io.StringIO(text))
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except csv.Error as error:
        raise UsageError(f"{where}:{reader.line_num}: (row): {error}") from None
    header = lines[0][1]
    for line, cells in lines[1:]:
        values = dict(zip(header, cells, strict=False))
        cycles = _cycles(values.get("Op Cycles", ""))
        if cycles is None:
            found.append(f"{where}:{line}: Op Cycles: {values.get('Op Cycles', '')!r} is not a number of cycles")
            continue
        op = values.get("TFLite_operator") or values.get("Original Operator") or values.get("NNG Operator") or ""
        if cycles > 0:
            rows.append(
                Measurement(
                    name=values.get("Name", "") or op,
                    op=op,
                    output=values.get("Name", ""),
                    latency_s=cycles / clock_hz,
                    clock_hz=clock_hz,
                    where=f"{where}:{line}",
                )
            )
    if found:
        raise UsageError(*found)
    return Measured(
        tuple(rows), form="Vela table", complete=True, notes=("cycles as Vela estimates them, not measured",)
    )
