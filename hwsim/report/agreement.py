"""The picture of a comparison: predicted against measured, one point a row, on logarithmic axes."""

from __future__ import annotations

from typing import Any

from hwsim.errors import UsageError
from hwsim.report.charts import PALETTE
from hwsim.validation.comparison import UNITS, Comparison

_SIDE = 420


def agreement(comparison: Comparison) -> Any:
    """An Altair chart: points coloured by what binds them, the line of agreement, and a quarter off either way.

    Raises UsageError without Altair (extra ``report``), and where no row can be drawn.
    """
    try:
        import altair as alt
    except ImportError:
        raise UsageError("a plot needs Altair: pip install 'hwsim[report]'") from None
    rows = [
        {"row": entry.name, "model": entry.model, "op": entry.op, "bound by": entry.bound_by}
        | {"predicted": entry.predicted, "measured": entry.measured, "error": entry.error}
        for entry in comparison.entries
        if entry.predicted > 0 and entry.measured > 0
    ]
    if not rows:
        raise UsageError("nothing to plot: no row has a prediction and a measurement above zero")
    unit = UNITS[comparison.quantity]
    values = [float(row[name]) for row in rows for name in ("predicted", "measured")]
    ends = (min(values) / 1.5, max(values) * 1.5)

    def axis(channel: Any, name: str) -> Any:
        return channel(f"{name}:Q", title=f"{name} [{unit}]", scale=alt.Scale(type="log", domain=list(ends)))

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
