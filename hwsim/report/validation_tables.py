"""Comparisons and calibrations as console tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwsim.report.text import columns, shorten, wrapped
from hwsim.units import humanize
from hwsim.validation.calibration import Calibration
from hwsim.validation.comparison import Comparison, Entry
from hwsim.validation.join import Join
from hwsim.validation.measured import Measured, Measurement
from hwsim.validation.profile import verdict
from hwsim.validation.statistics import Figure, Statistics

#: Unit of each quantity, as it is printed.
UNITS = {"latency": "s", "energy": "J", "power": "W", "traffic": "B"}
_ROWS: tuple[tuple[str, str, str], ...] = (
    ("mape", "mean absolute error (MAPE)", "%"),
    ("median_ape", "median absolute error", "%"),
    ("within_10", "rows within 10 %", "%"),
    ("within_25", "rows within 25 %", "%"),
    ("bias", "bias (geometric mean ratio)", "×"),
    ("time_weighted", "error weighted by size", "%"),
    ("total_error", "error of the total", "±%"),
    ("spearman", "rank correlation (Spearman)", ""),
    ("kendall", "rank correlation (Kendall)", ""),
)


def comparison_text(comparison: Comparison, top: int = 15) -> str:
    """One comparison: the verdict, the statistics beside the naive guess, the worst rows, and what did not join."""
    unit = UNITS[comparison.quantity]
    entries = comparison.entries
    scope = entries[0].scope if entries else "row"
    title = f"{comparison.device} ({comparison.rung} model), {comparison.quantity}: {len(entries)} {scope}s measured"
    lines = [title, *_whole_lines(comparison, unit), ""]
    lines += statistics_lines(comparison.statistics, comparison.baseline)
    lines += wrapped(f"noise floor: {_noise(comparison.noise)}")
    if entries:
        shown = comparison.worst(top)
        heading = f"all {len(entries)}" if len(shown) == len(entries) else f"the worst {len(shown)}"
        lines += ["", f"predicted beside measured, {heading} by size of the error"]
        lines += _entry_lines(shown, unit, len({entry.model for entry in entries}) > 1)
    return "\n".join(lines + remarks(comparison))


def statistics_lines(
    found: Statistics, baseline: Statistics | None = None, names: tuple[str, str] = ("hwsim", "∝ MACs")
) -> list[str]:
    """Statistics with their 95 % intervals, beside those of the guess proportional to MACs."""
    lines = columns(statistics_rows(found, baseline), ("statistic", names[0], "95 % interval", names[1]))
    for reason in dict.fromkeys(getattr(found, key).reason for key, _, _ in _ROWS if getattr(found, key).value is None):
        lines += wrapped(f"not given: {reason}")
    for reason, count in found.left_out:
        lines += wrapped(f"left out: {count} rows ({reason})")
    return lines


def statistics_rows(found: Statistics, baseline: Statistics | None = None) -> list[tuple[str, str, str, str]]:
    """Statistic, its value, its interval, and that of the guess."""
    rows = []
    for key, text, unit in _ROWS:
        figure: Figure = getattr(found, key)
        other: Figure | None = getattr(baseline, key) if baseline else None
        rows.append((text, _value(figure, unit), _span(figure, unit), "-" if other is None else _value(other, unit)))
    return rows


def _value(figure: Figure, unit: str) -> str:
    return "-" if figure.value is None else _with_unit(figure.value, unit)


def _with_unit(value: float, unit: str) -> str:
    if unit == "%":
        return f"{_short(100 * value)} %"
    if unit == "±%":
        return f"{_short(100 * value, '+.1f')} %"
    return f"{_short(value, '.2f')}×" if unit == "×" else f"{value:.3f}"


def _short(value: float, form: str = ".1f") -> str:
    """A number in that form, with its power of ten where it would be long."""
    return format(value, form if abs(value) < 1e6 else "+.1e" if form.startswith("+") else ".1e")


def _span(figure: Figure, unit: str) -> str:
    if figure.low is None or figure.high is None:
        return "-"
    return f"{_with_unit(figure.low, unit)} to {_with_unit(figure.high, unit)}"


def _noise(figure: Figure) -> str:
    if figure.value is None:
        return figure.reason
    return f"one repeat is {100 * figure.value:.1f} % from the mean of many ({figure.reason})"


def _whole_lines(comparison: Comparison, unit: str) -> list[str]:
    return [
        line
        for entry in comparison.wholes
        for line in wrapped(
            f"whole {entry.model}: predicted {humanize(entry.predicted, unit)}, measured {humanize(entry.measured, unit)} "
            f"({_short(100 * entry.error, '+.1f')} %)"
        )
    ]


def _entry_lines(entries: Sequence[Entry], unit: str, several: bool) -> list[str]:
    rows = []
    for entry in entries:
        name = f"{entry.model}: {entry.name}" if several and entry.scope != "model" else entry.name
        rows.append(
            (
                shorten(name, 30),
                shorten(entry.op, 12),
                humanize(entry.predicted, unit),
                humanize(entry.measured, unit),
                f"{_short(100 * entry.error, '+.0f')} %",
                f"{shorten(entry.bound_by, 12)} {entry.share:.0%}",
                "-" if entry.spread is None else f"{_short(100 * entry.spread, '.0f')} %",
            )
        )
    return columns(rows, ("row", "op", "predicted", "measured", "error", "bound by", "spread"), left=2)


def remarks(comparison: Comparison) -> list[str]:
    """What joined and what did not, and the warnings."""
    lines = joins_lines(comparison.joins, comparison.strays)
    for note in comparison.notes:
        lines += wrapped(f"warning: {note}")
    return ["", *lines] if lines else []


def joins_lines(
    joins: Mapping[str, Join], strays: Sequence[tuple[Measurement, str]], left: str = "not compared"
) -> list[str]:
    """What joined by model, and the rows of no model that was given. left : what became of those."""
    lines = [line for name, join in joins.items() for line in _join_lines(name, join)]
    for row, reason in strays[:5]:
        lines += wrapped(f"{left}: {row.where}: {reason}")
    if len(strays) > 5:
        lines.append(f"{left}: {len(strays) - 5} more rows")
    return lines


def _join_lines(name: str, join: Join) -> list[str]:
    by: Mapping[str, int] = {
        key: sum(item.by == key for item in join.joined) for key in ("output", "name", "order", "operator", "model")
    }
    parts = [f"{count} by {key}" for key, count in by.items() if count]
    lines = wrapped(f"{name}: joined {', '.join(parts) or 'nothing'}")
    if join.placed:
        lines += wrapped(f"  {len(join.placed)} layers without a row of their own counted with a neighbour's")
    if join.silent:
        lines += wrapped(f"  {len(join.silent)} layers were not measured: {_listed(join.silent)}")
    if join.strays:
        lines += wrapped(
            f"  {len(join.strays)} rows have no layer: {_listed([row.name or row.output for row, _ in join.strays])}"
        )
    if join.overhead_s:
        lines += wrapped(
            f"  {humanize(join.overhead_s, 's')} went to what belongs to no layer (layout changes, dispatch)"
        )
    return lines + [line for note in join.notes for line in wrapped(f"  {note}")]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(shorten(name, 30) for name in names[:4])
    return shown + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def calibration_text(calibration: Calibration) -> str:
    """One calibration: the verdict, the constants with their intervals, and the error by what was known when it was predicted."""
    title = (
        f"{calibration.device} ({calibration.rung} model), {calibration.rows} rows, held out by {calibration.hold_out}"
    )
    lines = [title, *wrapped(verdict(calibration)), ""]
    rows = [
        (item.path, f"{item.before:.4g}", f"{item.value:.4g}", f"{item.low:.4g} to {item.high:.4g}", str(item.rows))
        for item in calibration.constants
    ]
    lines += columns(rows, ("constant", "before", "fitted", "99 % interval", "rows"))
    if calibration.undetermined:
        lines += wrapped(f"not decided by these data, kept: {', '.join(calibration.undetermined)}")
    lines += ["", *_error_lines(calibration)]
    lines += [line for note in calibration.notes for line in wrapped(f"note: {note}")]
    return "\n".join(lines)


def _error_lines(calibration: Calibration) -> list[str]:
    found = {
        "held out": calibration.held_out,
        "in-sample": calibration.in_sample,
        "uncalibrated": calibration.uncalibrated,
        "∝ MACs, held out": calibration.baseline,
    }
    if calibration.models_held_out is not None and calibration.models_uncalibrated is not None:
        found["whole models, held out"] = calibration.models_held_out
        found["whole models, uncalibrated"] = calibration.models_uncalibrated
    shown = ("mape", "median_ape", "within_10", "within_25", "bias", "spearman")
    units = {key: unit for key, _, unit in _ROWS}
    rows = [
        (name, str(item.n), *(_value(getattr(item, key), units[key]) for key in shown)) for name, item in found.items()
    ]
    return columns(rows, ("rows predicted", "n", "MAPE", "median", "≤10 %", "≤25 %", "bias", "Spearman"))


def measured_text(measured: Measured, top: int = 15) -> str:
    """Measured networks: each as a whole, and the nodes that took longest."""
    rows = []
    for whole in [row for row in measured.rows if row.scope == "model"]:
        nodes = [row for row in measured.rows if row.model == whole.model and row.scope != "model"]
        ranked = sorted(nodes, key=lambda row: -(row.latency_s or 0.0))
        for row in [whole, *ranked[:top]]:
            name = whole.model if row is whole else f"  {row.name}"
            spread = "-" if row.spread is None else f"{100 * row.spread:.1f} %"
            rows.append(
                (
                    shorten(name, 40),
                    row.op,
                    humanize(row.latency_s, "s"),
                    humanize(row.minimum_s, "s"),
                    str(row.repeats),
                    spread,
                )
            )
    return "\n".join(columns(rows, ("network and nodes", "op", "p10", "fastest", "runs", "spread"), left=2))
