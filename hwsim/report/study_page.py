"""The page of a study: how many designs, the front, the parameters behind it, how it was found, and what it was made from."""

from __future__ import annotations

import json
from functools import partial
from html import escape
from typing import Any

from hwsim.report import study_charts
from hwsim.report.document import document, figure, table
from hwsim.report.study_sheet import FEASIBLE, FRONT, Designs
from hwsim.report.text import safe


def page(designs: Designs) -> str:
    """The page; raises UsageError where the ``report`` extra is not installed."""
    specifications: dict[str, Any] = {}
    counts = designs.counts
    covered = designs.volumes[-1]["share"] if designs.volumes else 0.0
    cards = [
        ("designs", f"{counts['evaluated']:,}", "evaluated"),
        ("feasible", f"{counts[FRONT] + counts[FEASIBLE]:,}", "with every objective known"),
        ("front", f"{counts[FRONT]:,}", f"of {' and '.join(designs.objectives)}; -NAME is maximized"),
        ("hypervolume", f"{covered:.1%}", "of the box between the best and the worst of each objective"),
    ]
    cells = "".join(
        f'<div class="card"><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(safe(note))}</small></dd></div>'
        for name, value, note in cards
    )
    shown, whole = len(designs.drawn), sum(counts[kind] for kind in (FRONT, FEASIBLE))
    left_out = f" Of {whole:,} feasible designs {shown:,} are drawn, the front first." if shown < whole else ""
    body = [
        f"<h1>hwsim study</h1><h2>{escape(designs.study)}</h2>",
        f'<dl class="cards">{cells}</dl>',
        *(
            f'<p class="remark">not feasible: {count:,} designs: {escape(reason)}</p>'
            for reason, count in list(designs.reasons.items())[:10]
        ),
        figure(
            "designs",
            "Pareto front and parameters",
            partial(study_charts.linked, designs),
            "Drag over designs to keep their lines alone, double-click to keep all again; point at one to see its line, click it for its "
            f"row. Better is down, and left. Axes that span more than a decade are logarithmic.{left_out}",
            specifications,
            rows="design-",
        ),
        _designs(designs, FRONT, "The front", opened=True),
        _designs(designs, "", "Other designs that are drawn", opened=False),
        figure(
            "hypervolume",
            "Hypervolume over evaluations",
            partial(study_charts.hypervolume, designs),
            "How much of the box between the best and the worst of each objective the front covered after so many evaluations.",
            specifications,
        ),
        _volumes(designs),
        _provenance(designs),
    ]
    return document(f"{designs.study}: hwsim study", body, specifications)


def _designs(designs: Designs, kind: str, title: str, opened: bool) -> str:
    rows = [row for row in designs.drawn if (row["kind"] == FRONT) == (kind == FRONT)]
    if not rows:
        return ""
    head = ("design", *designs.parameters, *designs.objectives) if kind else ("design", "", *designs.columns)
    cells = [
        (str(row["index"]), *row["words"]) if kind else (str(row["index"]), row["kind"], *row["words"]) for row in rows
    ]
    text = table(head, cells, left=0 if kind else 2, ids=[f"design-{row['index']}" for row in rows])
    return f"<details{' open' if opened else ''}><summary>{escape(title)} ({len(rows):,})</summary>{text}</details>"


def _volumes(designs: Designs) -> str:
    rows = [(f"{row['evaluations']:,}", f"{row['share']:.4f}", str(row["front"])) for row in designs.volumes]
    head = ("evaluations", "share of the box", "designs on the front")
    return f"<details><summary>hypervolume as a table</summary>{table(head, rows, left=0)}</details>" if rows else ""


def _provenance(designs: Designs) -> str:
    rows = [
        (name, value if isinstance(value, str) else json.dumps(value, default=str))
        for name, value in designs.provenance.items()
    ]
    text = table(("setting", "value"), rows, left=2)
    return f"<details><summary>Everything needed to reproduce this</summary>{text}</details>" if rows else ""
