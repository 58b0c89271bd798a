"""How far predictions are from measurements, with bootstrap confidence intervals; what cannot be said is answered in words.

Errors are relative to the measurement. Bias is the geometric mean of predicted / measured: 1.2 is 20 % too slow. Rank correlations are
Spearman's, with average ranks, and Kendall's tau-b. Intervals are percentiles over resampled rows (Efron and Tibshirani, An Introduction
to the Bootstrap, 1993, chapter 13), drawn from a seeded generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import UsageError

Array = NDArray[np.float64]
RESAMPLES = 1000
CONFIDENCE = 0.95
#: Rows beyond which Kendall's tau, quadratic in them, is given without an interval.
KENDALL_ROWS = 300
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Figure:
    """One statistic and its confidence interval; ``value`` is None where there is none, and ``reason`` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Agreement of n predictions with n measurements.

    mape, median_ape, within_10, within_25, time_weighted : shares [1]; bias : ratio [1]; total_error : signed share [1]; spearman, kendall
    in [-1, 1]. left_out : rows that could not be compared, with the reason and how many.
    """

    n: int
    mape: Figure
    median_ape: Figure
    within_10: Figure
    within_25: Figure
    bias: Figure
    spearman: Figure
    kendall: Figure
    time_weighted: Figure
    total_error: Figure
    left_out: tuple[tuple[str, int], ...] = ()


NAMES: tuple[str, ...] = tuple(name for name in Statistics.__slots__ if name not in ("n", "left_out"))


def statistics(
    predicted: Sequence[float] | Array, measured: Sequence[float] | Array, *, resamples: int = RESAMPLES, seed: int = 0
) -> Statistics:
    """Compare ``predicted`` with ``measured``, both of the same length and unit.

    Rows whose measurement is zero, negative or not finite, or whose prediction is not finite or negative, are left out and counted.
    Raises UsageError where the lengths differ.
    """
    p, m = np.asarray(predicted, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    if p.shape != m.shape or p.ndim != 1:
        raise UsageError(f"{p.size} predictions beside {m.size} measurements: there must be one of each a row")
    p, m, left_out = _comparable(p, m)
    if not p.size:
        return _nothing(left_out)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return _statistics(p, m, left_out, resamples, np.random.default_rng(seed))


def _comparable(p: Array, m: Array) -> tuple[Array, Array, tuple[tuple[str, int], ...]]:
    finite = np.isfinite(p) & np.isfinite(m)
    reasons = {
        "not a finite number": ~finite,
        "measured zero": finite & (m == 0),
        "measured below zero": finite & (m < 0),
        "predicted below zero": finite & (m > 0) & (p < 0),
    }
    left_out = tuple((reason, int(rows.sum())) for reason, rows in reasons.items() if rows.any())
    keep = finite & (m > 0) & (p >= 0)
    return p[keep], m[keep], left_out


def _nothing(left_out: tuple[tuple[str, int], ...]) -> Statistics:
    none = Figure(None, reason="no rows to compare")
    return Statistics(0, **dict.fromkeys(NAMES, none), left_out=left_out)


def _statistics(
    p: Array, m: Array, left_out: tuple[tuple[str, int], ...], resamples: int, generator: np.random.Generator
) -> Statistics:
    rows = generator.integers(0, p.size, (resamples, p.size))
    ape = np.abs(p - m) / m
    ratio = np.log(p / m)

    def figure(value: float, samples: Callable[[], Array]) -> Figure:
        if not math.isfinite(value):
            return Figure(None, reason="a prediction is zero" if not p.all() else "too large to say")
        if p.size == 1:
            return Figure(value, reason="one row: no interval")
        return _interval(value, samples())

    return Statistics(
        n=p.size,
        mape=figure(float(ape.mean()), lambda: ape[rows].mean(axis=1)),
        median_ape=figure(float(np.median(ape)), lambda: np.asarray(np.median(ape[rows], axis=1))),
        within_10=figure(float((ape <= 0.10).mean()), lambda: (ape <= 0.10)[rows].mean(axis=1)),
        within_25=figure(float((ape <= 0.25).mean()), lambda: (ape <= 0.25)[rows].mean(axis=1)),
        bias=figure(float(np.exp(ratio.mean())) if p.all() else math.nan, lambda: np.exp(ratio[rows].mean(axis=1))),
        spearman=_spearman(p, m, rows),
        kendall=_kendall(p, m, rows),
        time_weighted=figure(
            float(np.abs(p - m).sum() / m.sum()), lambda: np.abs(p - m)[rows].sum(axis=1) / m[rows].sum(axis=1)
        ),
        total_error=figure(float(p.sum() / m.sum() - 1), lambda: p[rows].sum(axis=1) / m[rows].sum(axis=1) - 1),
        left_out=left_out,
    )


def _interval(value: float, samples: Array) -> Figure:
    samples = samples[np.isfinite(samples)]
    if not samples.size:
        return Figure(value, reason="no interval: resampled rows are degenerate")
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return Figure(value, float(min(low, value)), float(max(high, value)))


def _no_order(p: Array, m: Array) -> str:
    if p.size == 1:
        return "one row has no order"
    if np.ptp(p) == 0:
        return "all predictions are equal: they have no order"
    return "all measurements are equal: they have no order" if np.ptp(m) == 0 else ""


def _spearman(p: Array, m: Array, rows: NDArray[np.int64]) -> Figure:
    reason = _no_order(p, m)
    if reason:
        return Figure(None, reason=reason)
    value = float(_correlation(ranks(p[None]), ranks(m[None]))[0])
    return _interval(value, _correlation(ranks(p[rows]), ranks(m[rows])))


def _kendall(p: Array, m: Array, rows: NDArray[np.int64]) -> Figure:
    reason = _no_order(p, m)
    if reason:
        return Figure(None, reason=reason)
    value = kendall_tau(p, m)
    if p.size > KENDALL_ROWS:
        return Figure(value, reason=f"no interval: more than {KENDALL_ROWS} rows")
    return _interval(value, _resampled_tau(p, m, rows[:200]))


def _correlation(x: Array, y: Array) -> Array:
    """Pearson's correlation of the rows of two matrices."""
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    result: Array = (x * y).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return result


def ranks(values: Array) -> Array:
    """Ranks along the last axis from 1, equal values sharing the mean of theirs [1]. values : (rows, n)."""
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    n = values.shape[-1]
    place = np.broadcast_to(np.arange(n), values.shape)
    starts = np.concatenate([np.ones((*values.shape[:-1], 1), bool), ordered[..., 1:] != ordered[..., :-1]], axis=-1)
    ends = np.concatenate([starts[..., 1:], np.ones((*values.shape[:-1], 1), bool)], axis=-1)
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=-1)
    last = np.flip(np.minimum.accumulate(np.flip(np.where(ends, place, n - 1), axis=-1), axis=-1), axis=-1)
    result = np.empty(values.shape, np.float64)
    np.put_along_axis(result, order, (first + last) / 2 + 1, axis=-1)
    return result


def kendall_tau(p: Array, m: Array) -> float:
    """Kendall's tau-b of two sequences that are not constant [1]; quadratic in their length, a block of rows at a time."""
    agreement = pairs_p = pairs_m = 0.0
    for start in range(0, p.size, _BLOCK):
        by_p = np.sign(p[start : start + _BLOCK, None] - p)
        by_m = np.sign(m[start : start + _BLOCK, None] - m)
        agreement += float((by_p * by_m).sum())
        pairs_p += float(np.abs(by_p).sum())
        pairs_m += float(np.abs(by_m).sum())
    return agreement / math.sqrt(pairs_p * pairs_m)


def _resampled_tau(p: Array, m: Array, rows: NDArray[np.int64]) -> Array:
    by_p, by_m = np.sign(p[:, None] - p), np.sign(m[:, None] - m)
    found = np.empty(len(rows))
    for place, chosen in enumerate(rows):
        times = np.bincount(chosen, minlength=p.size).astype(np.float64)
        agreement = times @ (by_p * by_m) @ times
        found[place] = agreement / np.sqrt((times @ np.abs(by_p) @ times) * (times @ np.abs(by_m) @ times))
    return found


def proportional(sizes: Sequence[float] | Array, measured: Sequence[float] | Array) -> float | None:
    """The factor k for which k · size has the least mean absolute percentage error from ``measured``; None without any size.

    The naive guess that every prediction has to beat, at its best: sum |k·s/m - 1| is least at the median of m / s weighted by s / m.
    """
    s, m = np.asarray(sizes, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    usable = np.isfinite(s) & np.isfinite(m) & (s > 0) & (m > 0)
    if not usable.any():
        return None
    ratio = m[usable] / s[usable]
    order = np.argsort(ratio)
    weights = np.cumsum(1 / ratio[order])
    return float(ratio[order][np.searchsorted(weights, weights[-1] / 2)])


def noise_floor(spreads: Sequence[float | None]) -> Figure:
    """Mean absolute percentage error that one repeat has from the mean of many [1]: no prediction can be seen to be better.

    spreads : standard deviation over mean of each row's repeats; of a normal distribution the mean absolute deviation is √(2/π) of it.
    """
    known = [spread for spread in spreads if spread is not None and math.isfinite(spread)]
    if not known:
        return Figure(None, reason="no row has repeats: the noise of the measurement is not known")
    return Figure(math.sqrt(2 / math.pi) * sum(known) / len(known), reason=f"from {len(known)} of {len(spreads)} rows")
