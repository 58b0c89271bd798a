"""Statistics against scipy and numpy on random data; degenerate inputs answered in words."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hwsim.errors import UsageError
from hwsim.validation.statistics import (
    NAMES,
    Figure,
    Statistics,
    kendall_tau,
    noise_floor,
    proportional,
    ranks,
    statistics,
)

positive = st.floats(1e-6, 1e6, allow_subnormal=False)
# few distinct values, so that ties are common
coarse = st.integers(1, 6).map(float)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(coarse | positive, coarse | positive), min_size=2, max_size=40))
def test_agrees_with_scipy(pairs: list[tuple[float, float]]) -> None:
    p, m = (np.asarray(values) for values in zip(*pairs, strict=True))
    found = statistics(p, m, resamples=20)
    ape = np.abs(p - m) / m
    assert found.n == len(pairs)
    assert found.mape.value == pytest.approx(ape.mean())
    assert found.median_ape.value == pytest.approx(np.median(ape))
    assert found.within_10.value == pytest.approx(np.mean(ape <= 0.10))
    assert found.within_25.value == pytest.approx(np.mean(ape <= 0.25))
    assert found.bias.value == pytest.approx(stats.gmean(p / m))
    assert found.time_weighted.value == pytest.approx(np.average(ape, weights=m))
    assert found.total_error.value == pytest.approx(p.sum() / m.sum() - 1, abs=1e-12)
    if np.ptp(p) and np.ptp(m):
        assert found.spearman.value == pytest.approx(stats.spearmanr(p, m).statistic, abs=1e-12)
        assert found.kendall.value == pytest.approx(stats.kendalltau(p, m).statistic, abs=1e-12)
    else:
        assert found.spearman.value is None and "equal" in found.spearman.reason
        assert found.kendall.value is None and "equal" in found.kendall.reason


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(coarse, min_size=7, max_size=7), min_size=1, max_size=4))
def test_ranks_share_ties_as_scipy_does(rows: list[list[float]]) -> None:
    values = np.asarray(rows)
    np.testing.assert_array_equal(ranks(values), stats.rankdata(values, axis=1))


def test_kendall_in_blocks_is_the_same() -> None:
    generator = np.random.default_rng(3)
    p, m = generator.integers(0, 40, 1100).astype(float), generator.integers(0, 40, 1100).astype(float)
    assert kendall_tau(p, m) == pytest.approx(stats.kendalltau(p, m).statistic, abs=1e-12)


def test_intervals_are_the_percentile_bootstrap_of_scipy() -> None:
    generator = np.random.default_rng(1)
    m = generator.lognormal(0, 1, 60)
    p = m * generator.lognormal(0.1, 0.3, 60)
    ape = np.abs(p - m) / m
    ours = statistics(p, m, resamples=4000).mape
    theirs = stats.bootstrap((ape,), np.mean, n_resamples=4000, method="percentile", rng=generator)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, rel=0.03)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, rel=0.03)


def _percentiles(value: float, samples: np.ndarray) -> tuple[float, float, float]:  # type: ignore[type-arg]
    low, high = np.quantile(samples[np.isfinite(samples)], [0.025, 0.975])
    return value, min(float(low), value), max(float(high), value)


@pytest.mark.parametrize("rows", [2, 3, 9, 40])
def test_every_interval_is_that_of_its_own_figure_over_the_same_rows(rows: int) -> None:
    """By NumPy and SciPy, resample by resample; a thousand of them from seed 0 where nothing is said, two hundred of Kendall's tau."""
    generator = np.random.default_rng(rows)
    m = np.round(generator.lognormal(0, 1, rows), 1) + 0.1
    p = np.round(m * generator.lognormal(0.1, 0.2, rows), 2)
    found = statistics(p, m)
    assert found == statistics(p, m, resamples=1000, seed=0)
    drawn = np.random.default_rng(0).integers(0, rows, (1000, rows))
    ape = np.abs(p - m) / m
    expected = {
        "mape": (ape.mean(), ape[drawn].mean(axis=1)),
        "median_ape": (np.median(ape), np.median(ape[drawn], axis=1)),
        "within_10": (np.mean(ape <= 0.1), np.mean(ape[drawn] <= 0.1, axis=1)),
        "within_25": (np.mean(ape <= 0.25), np.mean(ape[drawn] <= 0.25, axis=1)),
        "bias": (stats.gmean(p / m), stats.gmean((p / m)[drawn], axis=1)),
        "time_weighted": (ape @ m / m.sum(), (ape * m)[drawn].sum(axis=1) / m[drawn].sum(axis=1)),
        "total_error": (p.sum() / m.sum() - 1, p[drawn].sum(axis=1) / m[drawn].sum(axis=1) - 1),
    }
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of resamples without an order
        rank = [stats.spearmanr(p[row], m[row]).statistic for row in drawn]
        tau = [stats.kendalltau(p[row], m[row]).statistic for row in drawn[:200]]
        expected["spearman"] = (stats.spearmanr(p, m).statistic, np.asarray(rank))
        expected["kendall"] = (stats.kendalltau(p, m).statistic, np.asarray(tau))
    for name, (value, samples) in expected.items():
        figure = getattr(found, name)
        assert (figure.value, figure.low, figure.high) == pytest.approx(_percentiles(float(value), samples)), name
        assert figure.reason == ""


def test_errors_of_just_a_tenth_and_a_quarter_are_within() -> None:
    found = statistics([11.0, 1.25, 2.0, 1.0], [10.0, 1.0, 1.0, 1.0])
    assert (found.within_10.value, found.within_25.value) == (0.5, 0.75)


def test_tau_has_an_interval_up_to_three_hundred_rows() -> None:
    p, m = np.random.default_rng(4).permutation(301).astype(float), np.arange(301.0) + 1
    few, many = statistics(p[:300], m[:300], resamples=3).kendall, statistics(p, m, resamples=3).kendall
    assert few.low is not None and few.reason == ""
    assert (many.low, many.high, many.reason) == (None, None, "no interval: more than 300 rows")
    assert many.value == pytest.approx(stats.kendalltau(p, m).statistic)


def test_resamples_without_any_order_leave_no_interval() -> None:
    """Two rows of which the only resample draws one twice; of a bias too large for a number nothing is said at all."""
    seed = next(seed for seed in range(20) if len(set(np.random.default_rng(seed).integers(0, 2, 2))) == 1)
    found = statistics([1.0, 2.0], [1.0, 3.0], resamples=1, seed=seed)
    assert found.spearman == found.kendall == Figure(1.0, reason="no interval: resampled rows are degenerate")
    assert statistics([1e300, 1.0], [1e-300, 1.0]).mape == Figure(None, reason="too large to say")
    assert statistics([0.0, 1.0], [1.0, 1.0]).bias == Figure(None, reason="a prediction is zero")
    assert statistics([1.5], [1.0]).mape == Figure(0.5, reason="one row: no interval")
    assert statistics([1.5], [1.0]).kendall == Figure(None, reason="one row has no order")
    assert statistics([1.0, 2.0], [3.0, 3.0]).kendall == Figure(
        None, reason="all measurements are equal: they have no order"
    )
    assert statistics([], []) == Statistics(0, **dict.fromkeys(NAMES, Figure(None, reason="no rows to compare")))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """95 % intervals of the mean error of 50 rows: a percentile bootstrap covers a little less, about 93 %."""
    generator = np.random.default_rng(5)
    truth, hits = math.sqrt(2 / math.pi) * 0.2, 0
    for trial in range(200):
        p = 1 + 0.2 * generator.standard_normal(50)
        found = statistics(p, np.ones(50), resamples=200, seed=trial).mape
        assert found.low is not None and found.high is not None
        hits += found.low <= truth <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_the_same_seed_gives_the_same_intervals() -> None:
    p, m = np.arange(1.0, 20.0), np.arange(2.0, 21.0)
    assert statistics(p, m, seed=7) == statistics(p, m, seed=7)


def test_one_row_has_figures_but_neither_order_nor_interval() -> None:
    found = statistics([1.2], [1.0])
    assert found.mape.value == pytest.approx(0.2)
    assert found.mape.low is None and "one row" in found.mape.reason
    assert found.spearman.value is None and "one row" in found.spearman.reason


def test_no_rows_say_so() -> None:
    found = statistics([], [])
    assert found.n == 0
    assert all(getattr(found, name).value is None and getattr(found, name).reason for name in NAMES)


def test_zeros_nan_and_negatives_are_left_out_and_counted() -> None:
    pairs = [
        (1.0, 1.0), (0.0, 0.5), (math.nan, 1.0), (2.0, math.inf), (math.inf, math.nan),
        (1.0, 0.0), (-1.0, 0.0), (1.0, -3.0), (1.0, -0.25), (-1.0, -1.0), (0.5, -1e-9), (-0.25, 2.0), (-1e-9, 1.0),
    ]  # fmt: skip
    found = statistics(*zip(*pairs, strict=True))  # type: ignore[arg-type]
    assert found.n == 2 and found.mape.value == 0.5
    assert dict(found.left_out) == {
        "not a finite number": 3,
        "measured zero": 2,
        "measured below zero": 4,
        "predicted below zero": 2,
    }


def test_a_prediction_of_zero_has_no_bias() -> None:
    found = statistics([0.0, 1.0], [1.0, 1.0])
    assert found.mape.value == pytest.approx(0.5)
    assert found.bias.value is None and "zero" in found.bias.reason


def test_constant_predictions_have_no_order() -> None:
    found = statistics([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.spearman.value is None and "all predictions are equal" in found.spearman.reason


def test_different_lengths_are_a_mistake() -> None:
    with pytest.raises(UsageError, match="2 predictions beside 1"):
        statistics([1.0, 2.0], [1.0])


@pytest.mark.parametrize("value", [np.array(1.0), np.ones((2, 2))])
def test_numbers_in_no_sequence_are_a_mistake(value: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(UsageError, match="one of each a row"):
        statistics(value, value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=15))
def test_the_naive_factor_is_the_best_there_is(pairs: list[tuple[float, float]]) -> None:
    """No factor of those at which a term vanishes (the error is piecewise linear between them) does better."""
    s, m = (np.asarray(values) for values in zip(*pairs, strict=True))
    factor = proportional(s, m)
    assert factor is not None

    def error(k: float) -> float:
        return float(np.mean(np.abs(k * s / m - 1)))

    assert error(factor) <= min(error(k) for k in m / s) * (1 + 1e-9)


def test_no_macs_no_naive_guess() -> None:
    assert proportional([0.0, 0.0], [1.0, 2.0]) is None
    assert proportional([0.0, 2.0], [1.0, 4.0]) == pytest.approx(2.0)
    assert proportional([1.0, 1.0, 1.0], [1.0, 1.2, 1.3]) == 1.2  # half of 1 + 1/1.2 + 1/1.3 is reached with the second
    assert proportional([1.0, 1.0, 1.0], [1.0, 1.2, 3.0]) == 1.2 > proportional([1.0, 1.0, 1.0], [1.0, 30.0, 30.0])  # type: ignore[operator]


def test_noise_floor_is_the_error_of_one_repeat() -> None:
    generator = np.random.default_rng(2)
    repeats = 1 + 0.05 * generator.standard_normal(20_000)
    floor = noise_floor([float(repeats.std() / repeats.mean()), None])
    assert floor.value == pytest.approx(np.abs(repeats / repeats.mean() - 1).mean(), rel=0.02)
    assert "1 of 2 rows" in floor.reason
    assert noise_floor([None, math.nan]).value is None
