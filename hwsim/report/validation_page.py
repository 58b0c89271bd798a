"""The page of a comparison: how wrong the predictions are, where, beside the naive guess, and what did not join."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

from hwsim.report import agreement
from hwsim.report.document import document, figure, table
from hwsim.report.text import safe
from hwsim.report.validation_tables import UNITS, remarks, statistics_rows
from hwsim.units import humanize
from hwsim.validation.comparison import Comparison
from hwsim.validation.statistics import Figure
from hwsim.version import __version__


def page(comparison: Comparison) -> str:
    """The page; raises UsageError where the ``report`` extra is not installed."""
    specifications: dict[str, Any] = {}
    title = f"{safe(comparison.device)} ({comparison.rung} model): {comparison.quantity}"
    found = comparison.statistics
    cards = [
        ("mean absolute error", _share(found.mape), _interval(found.mape)),
        ("median absolute error", _share(found.median_ape), _interval(found.median_ape)),
        ("rows within 10 %", _share(found.within_10), f"of {found.n}"),
        ("the guess ∝ MACs", _share(comparison.baseline.mape) if comparison.baseline else "-", "mean absolute error"),
        ("rank correlation", "-" if found.spearman.value is None else f"{found.spearman.value:.3f}", "Spearman"),
        ("noise floor", _share(comparison.noise), comparison.noise.reason),
    ]
    cells = "".join(
        f'<div class="card"><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(safe(note))}</small></dd></div>'
        for name, value, note in cards
    )
    body = [
        f"<h1>hwsim validation</h1><h2>{escape(title)}</h2>",
        f'<dl class="cards">{cells}</dl>',
        table(("statistic", "hwsim", "95 % interval", "∝ MACs"), statistics_rows(found, comparison.baseline), left=1),
        figure(
            "agreement",
            "Predicted against measured",
            partial(agreement.agreement, comparison),
            "Each point is a row; on the solid line both are equal, the others are a quarter off.",
            specifications,
        ),
        _entries(comparison),
        figure(
            "errors",
            "Error by class of work",
            partial(agreement.errors, comparison),
            "Each point is a row, the bar is the median of its class; classes in which most was measured stand first.",
            specifications,
        ),
        _classes(comparison),
        *(f'<p class="remark">{escape(line)}</p>' for line in remarks(comparison) if line),
        f'<p class="remark">hwsim {escape(__version__)}</p>',
    ]
    return document(f"{title}: hwsim validation", body, specifications)


def _share(figure: Figure) -> str:
    return "-" if figure.value is None else f"{figure.value:.1%}"


def _interval(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return figure.reason
    return f"95 % interval {figure.low:.1%} to {figure.high:.1%}"


def _entries(comparison: Comparison) -> str:
    unit = UNITS[comparison.quantity]
    rows = [
        (
            entry.model,
            entry.name,
            entry.op,
            entry.work,
            humanize(entry.predicted, unit),
            humanize(entry.measured, unit),
            f"{entry.error:+.1%}",
            entry.bound_by,
        )
        for entry in comparison.entries
    ]
    head = ("model", "row", "op", "class", "predicted", "measured", "error", "bound by")
    return f"<details><summary>every row</summary>{table(head, rows, left=4)}</details>"


def _classes(comparison: Comparison) -> str:
    rows = [
        (
            name,
            f"{found['rows']:.0f}",
            f"{found['share']:.1%}",
            f"{found['median_ratio']:.2f}×",
            f"{found['mape']:.1%}",
            f"{found['median_ape']:.1%}",
        )
        for name, found in agreement.by_class(comparison).items()
    ]
    head = ("class", "rows", "share of what was measured", "median ratio", "mean abs. error", "median abs. error")
    return table(head, rows, left=1)
