"""Pictures of a comparison: predicted against measured, and the error by class of work."""

from __future__ import annotations

from statistics import median
from typing import Any

from hwsim.errors import UsageError
from hwsim.report.charts import PALETTE, WIDTH, altair_library
from hwsim.report.text import safe
from hwsim.validation.comparison import UNITS, Comparison

_SIDE = 420


def agreement(comparison: Comparison) -> Any:
    """An Altair chart: points coloured by what binds them, the line of agreement, and a quarter off either way.

    Raises UsageError without Altair (extra ``report``), and where no row can be drawn.
    """
    alt = altair_library()
    rows = _rows(comparison)
    unit = UNITS[comparison.quantity]
    values = [float(row[name]) for row in rows for name in ("predicted", "measured")]
    ends = (min(values) / 1.5, max(values) * 1.5)

    def axis(channel: Any, name: str) -> Any:
        scale = alt.Scale(type="log", domain=list(ends))
        ticks = alt.Axis(labelExpr="format(datum.value, '~s')", tickCount=6)
        return channel(f"{name}:Q", title=f"{name} [{unit}]", scale=scale, axis=ticks)

    lines = [
        {"line": text, "measured": end, "predicted": end * factor}
        for text, factor in (("equal", 1.0), ("25 % more", 1.25), ("25 % less", 0.75))
        for end in ends
    ]
    guides = (
        alt.Chart(alt.InlineData(values=lines))
        .mark_line(color="#999999", strokeWidth=1, clip=True)
        .encode(
            x=axis(alt.X, "measured"),
            y=axis(alt.Y, "predicted"),
            detail="line:N",
            strokeDash=alt.StrokeDash("line:N", sort=None, title=None),
        )
    )
    points = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, size=45, opacity=0.8)
        .encode(
            x=axis(alt.X, "measured"),
            y=axis(alt.Y, "predicted"),
            color=alt.Color("bound by:N", scale=alt.Scale(range=list(PALETTE)), title="bound by"),
            tooltip=["row:N", "model:N", "op:N", "measured:Q", "predicted:Q", alt.Tooltip("error:Q", format="+.0%")],
        )
    )
    title = f"{comparison.device} ({comparison.rung} model): {comparison.quantity} of {len(rows)} rows"
    return (guides + points).properties(width=_SIDE, height=_SIDE, title=title)


def errors(comparison: Comparison) -> Any:
    """An Altair chart: the error of each row by class of work, a bar for the median of each; the classes that take most time first.

    Raises UsageError without Altair (extra ``report``), and where no row can be drawn.
    """
    alt = altair_library()
    rows = _rows(comparison)
    classes = by_class(comparison)
    y = alt.Y("work:N", title=None, sort=list(classes), axis=alt.Axis(labelLimit=200))
    farthest = max(1.0, *(abs(row["ratio"]) for row in rows), *(1 / row["ratio"] for row in rows)) * 1.2
    x = alt.X(
        "ratio:Q",
        title="predicted over measured [1]",
        scale=alt.Scale(type="log", domain=[1 / farthest, farthest]),
        axis=alt.Axis(labelExpr="format(datum.value, '~g')"),
    )
    middles = [{"work": name, "ratio": found["median_ratio"], "rows": found["rows"]} for name, found in classes.items()]
    exact = alt.Chart(alt.InlineData(values=[{"ratio": 1.0}])).mark_rule(color="#999999", strokeDash=[6, 3]).encode(x=x)
    dots = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, size=40, opacity=0.5, color=PALETTE[0])
        .encode(x=x, y=y, tooltip=["row:N", "model:N", "op:N", alt.Tooltip("error:Q", format="+.0%")])
    )
    bars = (
        alt.Chart(alt.InlineData(values=middles))
        .mark_tick(color=PALETTE[3], thickness=3, size=22)
        .encode(x=x, y=y, tooltip=["work:N", "rows:Q", alt.Tooltip("ratio:Q", format=".2f", title="median")])
    )
    title = f"{comparison.device} ({comparison.rung} model): {comparison.quantity} by class of work"
    return (exact + dots + bars).properties(width=WIDTH, height=28 * len(classes) + 20, title=title)


def by_class(comparison: Comparison) -> dict[str, dict[str, float]]:
    """By class of work, the largest first: rows [1], share of what was measured, median ratio, mean and median absolute error [1]."""
    groups: dict[str, list[Any]] = {}
    for row in _rows(comparison):
        groups.setdefault(row["work"], []).append(row)
    total = sum(row["measured"] for rows in groups.values() for row in rows)
    found = {
        name: {
            "rows": len(rows),
            "share": sum(row["measured"] for row in rows) / total,
            "median_ratio": median(row["ratio"] for row in rows),
            "mape": sum(abs(row["error"]) for row in rows) / len(rows),
            "median_ape": median(abs(row["error"]) for row in rows),
        }
        for name, rows in groups.items()
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]["share"]))


def _rows(comparison: Comparison) -> list[dict[str, Any]]:
    rows = [
        {
            "row": safe(entry.name),
            "model": safe(entry.model),
            "op": safe(entry.op),
            "work": safe(entry.work or "several operators"),
            "bound by": entry.bound_by,
            "predicted": entry.predicted,
            "measured": entry.measured,
            "error": entry.error,
            "ratio": entry.ratio,
        }
        for entry in comparison.entries
        if entry.predicted > 0 and entry.measured > 0
    ]
    if not rows:
        raise UsageError("nothing to plot: no row has a prediction and a measurement above zero")
    return rows
