"""Studies as console tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from hwsim.report.text import columns, safe, shorten, wrapped
from hwsim.study.axes import Value
from hwsim.study.study import Results
from hwsim.units import humanize

_UNITS = {
    "latency_s": "s",
    "energy_j": "J",
    "average_power_w": "W",
    "dram_bytes": "B",
    "throughput_per_s": "/s",
    "area_mm2": "mm²",
}


def front_text(results: Results, objectives: Sequence[str] = (), by: str = "", top: int = 20) -> str:
    """The front, its first ``top`` designs in the order of the first objective, and the knee."""
    wanted = tuple(objectives) or results.objectives
    front = results.front(wanted, by)
    total = feasible = 0
    reasons: dict[str, int] = {}
    gaps: list[float] = []
    for row in results.rows():
        if row.get("bound_gap") is not None:
            gaps.append(float(row["bound_gap"]))  # type: ignore[arg-type]
        total += 1
        feasible += int(bool(row["feasible"]))
        if row["reason"]:
            reasons[str(row["reason"])] = reasons.get(str(row["reason"]), 0) + 1
    lines = wrapped(
        f"{total:,} designs, {feasible:,} feasible, {len(front)} on the front of {' and '.join(wanted)}{f' by {by}' if by else ''}"
    )
    if gaps:
        lines += wrapped(
            f"mappings: largest bound_gap of a layer {100 * median(gaps):.3g} % in the median design, at most {100 * max(gaps):.3g} %"
        )
    if front:
        names = [name for name in results.names if len({row[name] for row in front}) > 1 or name == by] or list(
            results.names[:1]
        )
        ordered = sorted(front, key=lambda row: float(row[wanted[0].removeprefix("-")]))  # type: ignore[arg-type]
        rows = [
            (*(shorten(_plain(row[name]), 22) for name in names), *(figure(row, name) for name in wanted))
            for row in ordered[: max(0, top)]
        ]
        lines += ["", *columns(rows, (*(shorten(name, 22) for name in names), *wanted), left=len(names))]
        if len(front) > top:
            lines.append(f"{len(front) - max(0, top)} more")
        best = results.knee(wanted)
        if best is not None and not by:
            lines += ["", *wrapped("knee: " + ", ".join(f"{name} {_plain(best[name])}" for name in names))]
    for reason, count in sorted(reasons.items(), key=lambda item: -item[1])[:5]:
        lines += wrapped(f"not feasible: {count:,} designs: {safe(reason)}")
    return "\n".join(lines)


def figure(row: Mapping[str, Value], name: str) -> str:
    """One total with its unit."""
    plain = name.removeprefix("-")
    value: Any = row[plain]
    unit = _UNITS.get(plain, "")
    return f"{value:.4g}" if unit in ("mm²", "") and isinstance(value, float) else humanize(value, unit)


def _plain(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
