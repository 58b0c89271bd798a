"""Pictures of a study: the front, the parameters behind it, and how quickly it was found."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hwsim.errors import UsageError
from hwsim.report.charts import HEIGHT, PALETTE, WIDTH, Chart, altair_library
from hwsim.report.study_sheet import FEASIBLE, FRONT, NOT, Designs

_KINDS = (FRONT, FEASIBLE, NOT)
_COLOURS = (PALETTE[3], PALETTE[0], "#999999")
_AXES = 12


def pareto(designs: Designs) -> Chart:
    """The first two objectives against each other, or one against the evaluations; the line joins the front."""
    return _scatter(altair_library(), designs).properties(
        width=WIDTH, height=HEIGHT, title=f"Pareto front: {designs.study}", name="pareto"
    )


def parameters(designs: Designs) -> Chart:
    """Parallel coordinates: a line a design, over its parameters and objectives."""
    return _parallel(altair_library(), designs).properties(
        width=WIDTH, height=HEIGHT, title=f"Designs: {designs.study}", name="parameters"
    )


def linked(designs: Designs) -> Chart:
    """Both: designs marked in the front (drag) or pointed at stand out among the parallel coordinates."""
    alt = altair_library()
    marked = alt.selection_interval(name="marked")
    pointed = alt.selection_point(
        name="pointed", on="pointerover", clear="pointerout", fields=["index"], empty=False, nearest=False
    )
    scatter = _scatter(alt, designs, marked, pointed).properties(width=760, height=HEIGHT, name="pareto")
    lines = _parallel(alt, designs, marked, pointed).properties(width=760, height=HEIGHT, name="parameters")
    return alt.vconcat(scatter, lines, spacing=30).properties(title=designs.study)


def hypervolume(designs: Designs) -> Chart:
    """Share of the box between best and worst of all objectives that the front covers, by evaluation."""
    alt = altair_library()
    if not designs.volumes:
        raise UsageError("no hypervolume to draw: no design is feasible")
    return (
        alt.Chart(alt.InlineData(values=list(designs.volumes)))
        .mark_line(color=PALETTE[0], interpolate="step-after", point=alt.OverlayMarkDef(size=12, color=PALETTE[0]))
        .encode(
            x=alt.X("evaluations:Q", title="designs evaluated"),
            y=alt.Y("share:Q", title="hypervolume, share of the box [1]", scale=alt.Scale(zero=False)),
            tooltip=["evaluations:Q", alt.Tooltip("share:Q", format=".4f"), alt.Tooltip("front:Q", title="front")],
        )
        .properties(width=WIDTH, height=220, title=f"Hypervolume: {designs.study}", name="hypervolume")
    )


#: Pictures of a study, by name.
CHARTS: Mapping[str, Callable[[Designs], Chart]] = {
    "pareto": pareto,
    "parameters": parameters,
    "hypervolume": hypervolume,
}


def _scatter(alt: Any, designs: Designs, marked: Any = None, pointed: Any = None) -> Chart:
    rows = _rows(designs)
    names = designs.columns
    ends = [len(designs.parameters) + place for place in range(len(designs.objectives))]
    if len(ends) > 1:
        x = _axis(alt, "x", names[ends[0]], [row["x"] for row in rows])
        y = _axis(alt, "y", names[ends[1]], [row["y"] for row in rows])
    else:
        x = alt.X("x:Q", title="number of the design")
        y = _axis(alt, "y", names[ends[0]], [row["y"] for row in rows])
    colour = alt.Color("kind:N", title=None, scale=alt.Scale(domain=list(_KINDS), range=list(_COLOURS)))
    shape = alt.Shape("kind:N", title=None, scale=alt.Scale(domain=list(_KINDS), range=["diamond", "circle", "cross"]))
    points = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, size=45, strokeWidth=1.5)
        .encode(
            x=x,
            y=y,
            color=colour,
            shape=shape,
            opacity=alt.value(0.8) if marked is None else alt.condition(marked, alt.value(0.85), alt.value(0.15)),
            tooltip=[alt.Tooltip("index:Q", title="design"), "kind:N"]
            + [alt.Tooltip(f"t{place}:N", title=name) for place, name in enumerate(names)],
        )
    )
    if marked is not None:
        points = points.encode(size=alt.condition(pointed, alt.value(160), alt.value(45))).add_params(marked, pointed)
    if len(ends) != 2:
        return points
    front = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(color=_COLOURS[0], strokeWidth=1, opacity=0.6)
        .transform_filter(f"datum.kind == '{FRONT}'")
        .encode(x=x, y=y)
    )
    return front + points


def _parallel(alt: Any, designs: Designs, marked: Any = None, pointed: Any = None) -> Chart:
    names = _fitting(designs)
    rows = _rows(designs)
    titles = json.dumps({f"p{place}": name for place, name in names.items()})
    axis = alt.Axis(labelExpr=f"({titles})[datum.value]", labelAngle=-20, labelLimit=200, grid=True)
    width: Any = alt.value(1)
    opacity: Any = alt.value(0.5)
    if marked is not None:
        opacity = alt.condition(pointed, alt.value(1), alt.value(0.5))
        width = alt.condition(pointed, alt.value(4), alt.value(1))
    ends = _ends(designs, names)
    x = alt.X("axis:N", title=None, sort=None, axis=axis, scale=alt.Scale(type="point"))
    bare = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    y = alt.Y("at:Q", title=None, axis=bare, scale=alt.Scale(domain=[-0.09, 1.09], nice=False))
    lines = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line()
        .transform_fold([f"p{place}" for place in names], as_=["axis", "at"])
        .encode(
            x=x,
            y=y,
            detail="index:N",
            color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=list(_KINDS), range=list(_COLOURS))),
            opacity=opacity,
            strokeWidth=width,
        )
    )
    if marked is not None:
        lines = lines.transform_filter(marked)
    beaten = lines.transform_filter(f"datum.kind != '{FRONT}'")
    best = lines.transform_filter(f"datum.kind == '{FRONT}'")
    words = [
        alt.Chart(alt.InlineData(values=[row for row in ends if row["upper"] == upper]))
        .mark_text(fontSize=10, color="#777777", dy=-9 if upper else 10)
        .encode(x=x, y=y, text="word:N")
        for upper in (False, True)
    ]
    return beaten + best + words[0] + words[1]


def _rows(designs: Designs) -> list[dict[str, Any]]:
    """A row a design: index, kind, x and y of the scatter, texts t0..., places p0... from 0 to 1 on each axis."""
    scales = [_scale([row["values"][place] for row in designs.drawn]) for place in range(len(designs.columns))]
    first = len(designs.parameters)
    single = len(designs.objectives) == 1
    rows = []
    for row in designs.drawn:
        values = row["values"]
        flat = {"index": row["index"], "kind": row["kind"]}
        flat["x"], flat["y"] = (row["index"], values[first]) if single else (values[first], values[first + 1])
        flat |= {f"t{place}": word for place, word in enumerate(row["words"])}
        flat |= {f"p{place}": round(scales[place](value), 5) for place, value in enumerate(values)}
        rows.append(flat)
    return rows


def _scale(values: Sequence[Any]) -> Callable[[Any], float]:
    """Places from 0 to 1: of numbers by size (by their logarithms where they span a decade), of words by order of appearance."""
    if any(isinstance(value, str | bool) or value is None for value in values):
        order = {str(value): place for place, value in enumerate(dict.fromkeys(map(str, values)))}
        return lambda value: order[str(value)] / max(1, len(order) - 1)
    low, high = min(values), max(values)
    if low > 0 and high / low > 10:
        return lambda value: math.log(value / low) / math.log(high / low)
    return lambda value: (value - low) / ((high - low) or 1)


def _fitting(designs: Designs) -> dict[int, str]:
    """Columns drawn as axes, by place: all, or as many parameters as there is room for, and the objectives."""
    room = max(1, _AXES - len(designs.objectives))
    kept = [*range(min(len(designs.parameters), room)), *range(len(designs.parameters), len(designs.columns))]
    return {place: designs.columns[place] for place in kept}


def _ends(designs: Designs, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """The words at the lower and the upper end of every axis."""
    found = []
    for place in names:
        scale = _scale([row["values"][place] for row in designs.drawn])
        words = {round(scale(row["values"][place]), 5): row["words"][place] for row in designs.drawn}
        for at, upper in ((min(words), False), (max(words), True)):
            found.append({"axis": f"p{place}", "at": at, "word": words[at], "upper": upper})
    return found


def _axis(alt: Any, channel: str, objective: str, values: Sequence[float]) -> Any:
    name = objective.removeprefix("-")
    stem, _, unit = name.rpartition("_")
    unit = (
        {"mm2": "mm²", "s": "s", "j": "J", "w": "W", "bytes": "B"}.get(unit, "") if stem and stem[-4:] != "_per" else ""
    )
    title = f"{stem.replace('_', ' ')} [{unit}]" if unit else name.replace("_", " ")
    wide = min(values) > 0 and max(values) / min(values) > 20
    scale = alt.Scale(type="log" if wide else "linear", zero=False, reverse=objective.startswith("-"))
    axis = alt.Axis(labelExpr="datum.value == 0 ? '0' : format(datum.value, '~s')")
    return (alt.X if channel == "x" else alt.Y)(f"{channel}:Q", title=title, scale=scale, axis=axis)
