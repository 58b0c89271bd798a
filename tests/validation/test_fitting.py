"""The fit beside SciPy's and beside sums done by hand: what rows say, what the profile says, and how far either is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import optimize

from hwsim.validation import fitting
from hwsim.validation.constants import Constant
from hwsim.validation.fitting import HUBER, Array, Problem, Row, best, scatter, solve
from hwsim.validation.intervals import LEVEL, bootstrap, hull, plausible, student
from hwsim.validation.terms import ADDED, Part, Terms, _seconds, is_special, pooled

RATE = Constant("rate", "rate", 0.5, 1e-3, 1.0, 2.0)
TIME = Constant("time", "time", 0.0, 0.0, math.inf, 1.0)


def one_rate(errors: Sequence[float], constant: Constant = RATE) -> Problem:
    """A row each, which is exp(error) times as long as the profile's rate makes it."""
    seconds = np.linspace(1.0, 2.0, len(errors))
    parts = (Part(constant, ADDED, seconds),)
    rows = [
        Row(0, (place,), float(seconds[place] / constant.value * math.exp(error))) for place, error in enumerate(errors)
    ]
    return Problem([Terms(tuple(map(str, range(len(errors)))), parts)], rows, [constant])


def moved(problem: Problem, x: Array) -> float:
    """How much slower the fitted rate is than the profile's, as a logarithm."""
    return math.log(RATE.value / float(problem.outside(x)[0]))


@pytest.mark.parametrize(("rows", "doubt"), [(1, 1.2), (3, 1.5), (4, 2.0), (9, 4.0)])
def test_rows_and_profile_meet_where_least_squares_says(rows: int, doubt: float) -> None:
    """Of n (x - d)^2 / 2 + (s x / ln doubt)^2 / 2 the least is at n d / (n + (s / ln doubt)^2)."""
    problem = one_rate([0.05] * rows, Constant("rate", "rate", 0.5, 1e-3, 1.0, doubt))
    expected = rows * 0.05 / (rows + (problem.strength / math.log(doubt)) ** 2)
    assert moved(problem, solve(problem, problem.sheet)) == pytest.approx(expected, rel=1e-4)


def test_a_rate_at_its_peak_is_lowered_by_a_single_row() -> None:
    """What is at the most there can be, as most profiles say of their peaks, is not stuck there."""
    problem = one_rate([0.05], Constant("rate", "rate", 1.0, 1e-3, 1.0, 2.0))
    expected = 0.05 / (1 + (problem.strength / math.log(2)) ** 2)
    assert -float(solve(problem, problem.sheet)[0]) == pytest.approx(expected, rel=1e-4)


def test_an_overhead_of_nothing_is_raised_by_a_row_that_is_slower() -> None:
    parts = (Part(TIME, ADDED, np.array([1e-6])), Part(None, ADDED, np.array([1.0])))
    problem = Problem([Terms(("a",), parts)], [Row(0, (0,), 1.05)], [TIME])
    problem.strength = 1e-9
    found = solve(problem, problem.sheet)
    assert problem.outside(found) == pytest.approx([0.05e6], rel=1e-4)


@pytest.mark.parametrize("far", [1.0, -0.5])
def test_a_row_far_away_pulls_no_more_than_one_at_a_tenth(far: float) -> None:
    """Where the profile says nothing, five rows at 0 and one far away rest at a fifth of a tenth."""
    problem = one_rate([0.0] * 5 + [far])
    problem.strength = 1e-9
    assert moved(problem, solve(problem, problem.sheet)) == pytest.approx(math.copysign(HUBER / 5, far), rel=1e-4)
    once, twice = np.ones(6), np.array([2.0, 2, 2, 2, 2, 1])
    assert moved(problem, solve(problem, problem.sheet, twice)) == pytest.approx(
        math.copysign(HUBER / 10, far), rel=1e-3
    )
    at_sheet = HUBER * (abs(far) - HUBER / 2)
    assert problem.loss(problem.sheet, once) == pytest.approx(at_sheet)
    assert problem.loss(problem.sheet - 0.05, once) == pytest.approx(
        5 * 0.05**2 / 2 + HUBER * (abs(far - 0.05) - HUBER / 2)
    )


def test_good_rows_win_over_the_profile_and_few_do_not() -> None:
    """Rows that do not scatter are believed; of those that do by 2 %, three times as much of the profile stays; of one, two fifths."""
    exact = one_rate([0.4] * 4)
    assert moved(exact, best(exact)) == pytest.approx(0.4, abs=1e-5)
    assert exact.strength == 1e-3  # constants that no row decides stay where they are
    spread = one_rate([0.02, -0.02] * 4)
    assert moved(spread, best(spread)) == pytest.approx(0, abs=1e-6)
    assert spread.strength == pytest.approx(3 * 1.4826 * 0.02 * math.sqrt(8 / 7), rel=1e-4)
    wild = one_rate([0.5, -0.5] * 4)
    best(wild)
    assert wild.strength == one_rate([0.0]).strength == 0.4
    two = one_rate([0.05, 0.05])
    assert moved(two, best(two)) == pytest.approx(0.05, abs=1e-5)
    one = one_rate([0.05])
    assert moved(one, best(one)) == pytest.approx(0.05 / (1 + (0.4 / math.log(2)) ** 2), rel=1e-4)


def test_a_share_of_a_peak_follows_the_common_one_and_that_one_the_profile() -> None:
    """What is drawn: the common rate to the profile's, a class's to the common one, each in doubts."""
    child = Constant("child", "rate", 0.25, 1e-3, 1.0, 3.0, parent="rate")
    parts = (Part(RATE, ADDED, np.array([1.0, 0.0])), Part(child, ADDED, np.array([0.0, 1.0])))
    rows = [Row(0, (0,), 2.0), Row(0, (1,), 4.0)]
    problem = Problem([Terms(("a", "b"), parts)], rows, [RATE, child])
    x = np.log([0.4, 0.3])
    found = problem.draw @ x - problem.drawn
    assert found == pytest.approx([math.log(0.4 / 0.5) / math.log(2), math.log(0.3 / 0.4) / math.log(3)])
    alone = Problem([Terms(("a", "b"), parts)], rows, [child])
    assert alone.draw @ x[1:] - alone.drawn == pytest.approx([math.log(0.3 / 0.25) / math.log(3)])
    assert problem.objective(x, np.ones(2)) == pytest.approx(
        problem.loss(x, np.ones(2)) + 0.5 * problem.strength**2 * float((found**2).sum())
    )


def test_an_overhead_is_counted_in_its_value_or_in_tenths_of_a_typical_row() -> None:
    parts = (Part(TIME, ADDED, np.array([1e-6, 1e-6, 0.0, 2e-6])), Part(None, ADDED, np.full(4, 1e-5)))
    rows = [Row(0, (place,), seconds) for place, seconds in enumerate((1e-5, 3e-5, 9.0, 1e-5))]
    found = Problem([Terms(tuple("abcd"), parts)], rows, [TIME])
    assert found.scale == pytest.approx([0.1 * 10])  # medians of 10, 30 and 5: rows that pay nothing do not count
    given = Constant("time", "time", 7.0, 0.0, math.inf, 1.0)
    assert Problem([Terms(tuple("abcd"), parts)], rows, [given]).scale == pytest.approx([7.0])
    other = Constant("other", "time", 0.0, 0.0, math.inf, 1.0)
    assert Problem([Terms(tuple("abcd"), parts)], rows, [other]).scale == pytest.approx([1.0])
    assert found.outside(found.inside([3.0])) == pytest.approx([3.0])


def test_what_no_layer_took_is_not_fitted_to_but_for_a_tenth() -> None:
    parts = (Part(RATE, ADDED, np.ones(2)),)
    rows = [Row(0, (0,), 4.0, beside=1.0), Row(0, (0, 1), 10.0, beside=9.5)]
    problem = Problem([Terms(("a", "b"), parts)], rows, [RATE])
    assert problem.target == pytest.approx([3.0, 1.0])
    assert problem.residuals(problem.sheet)[0] == pytest.approx([math.log(2 / 3), math.log(4 / 1)])


def mixed(seed: int, noise: float = 0.05) -> tuple[Problem, tuple[Terms, ...], list[Row]]:
    """Two networks of layers that take the largest of two resources and some overhead; of the constants one is not fitted."""
    pick = np.random.default_rng(seed)
    constants = [
        Constant("mac", "rate", 0.6, 1e-3, 1.0, 1.5), Constant("dram", "rate", 0.7, 1e-3, 1.0, 4.0),
        Constant("kernel", "time", 2.0, 0.0, math.inf, 1.0), Constant("kept", "time", 3.0, 0.0, math.inf, 1.0),
        Constant("slow", "rate", 0.5, 1e-3, 1.0, 2.0),
    ]  # fmt: skip
    truth = {"mac": pick.uniform(0.3, 1.4), "dram": pick.uniform(0.3, 1.4), "kernel": max(0.0, pick.uniform(-2, 6))}
    networks, rows = [], []
    for place, layers in enumerate((7, 5)):
        spent = pick.lognormal(0, 1, (5, layers))
        parts = [Part(constants[0], "compute", spent[0]), Part(constants[1], "dram", spent[1])]
        parts += [Part(constants[2], ADDED, 0.1 * spent[2]), Part(constants[3], ADDED, 0.01 * spent[3])]
        parts += [Part(constants[4], "compute", 0.1 * spent[4]), Part(None, "dram", 0.05 * spent[4])]
        networks.append(Terms(tuple(f"{place}{layer}" for layer in range(layers)), tuple(parts)))
        times = networks[-1].latency(truth)
        members = [(layer,) for layer in range(layers)] + [tuple(range(1, layers))]
        errors = np.exp(noise * pick.standard_normal(len(members)))
        for group, error in zip(members, errors, strict=True):
            rows.append(Row(place, group, float(times[list(group)].sum() * error)))
    return Problem(networks, rows, constants[:3]), tuple(networks), rows


@pytest.mark.parametrize("seed", range(4))
def test_rows_take_what_their_layers_take(seed: int) -> None:
    problem, networks, rows = mixed(seed)
    pick = np.random.default_rng(seed)
    x = problem.sheet + pick.uniform(-0.3, 0.3, problem.sheet.size)
    values = dict(zip((constant.path for constant in problem.constants), problem.outside(x), strict=True))
    expected = [networks[row.terms].latency(values)[list(row.layers)].sum() for row in rows]
    assert problem.predict(x)[0] == pytest.approx(expected)
    # what each constant decides is what a row loses without it: of rates a derivative, by which time goes with 1 / value
    step = np.eye(x.size) * 1e-6
    for place, rate in enumerate(problem.rate):
        slope = (problem.predict(x + step[place])[0] - problem.predict(x - step[place])[0]) / 2e-6
        share = np.abs(slope * (1.0 if rate else x[place])) / expected
        assert problem.shares(x)[:, place] == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("seed", (*range(12), 26, 43))
def test_scipy_finds_nothing_better_nearby(seed: int) -> None:
    """Minima of the same objective within the same bounds, from where the fit ends; rows want more than a peak, or less than no time."""
    problem, _, _ = mixed(seed, 0.2 if seed > 11 else 0.05)
    times = np.ones(problem.measured.size)
    bounds = [(float(low), float(high)) for low, high in zip(problem.least, problem.most, strict=True)]
    low = np.array([math.log(0.05), math.log(0.05), 0.0])
    some = [(problem.sheet, stays) for stays in ((False,) * 3, (True, False, False), (False, False, True))]
    if seed > 11:  # the way begins at an overhead of nothing, and leads along it
        some = [(low, (False,) * 3)]
    for start, frozen in some:
        stays = np.array(frozen)
        x = solve(problem, start, times, stays if stays.any() else None)
        assert (x[stays] == start[stays]).all()
        assert (x >= problem.least).all() and (x <= problem.most).all()
        within = [(float(v), float(v)) if s else bound for v, s, bound in zip(x, stays, bounds, strict=True)]
        other = optimize.minimize(lambda at: problem.objective(at, times), x, bounds=within, method="Powell")
        assert problem.objective(x, times) <= other.fun * (1 + 1e-7) + 1e-10


def test_tries_begin_at_the_profile_and_within_a_factor_of_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates to a twentieth and to twenty times, overheads up to one typical one more; all within what is physical."""
    problem, _, _ = mixed(0)
    begun: list[Array] = []
    monkeypatch.setattr(fitting, "solve", lambda _, start, *__: (begun.append(start), start)[1])
    best(problem, starts=400)
    tries = np.asarray(begun[:400])
    assert (tries[0] == problem.sheet).all()
    low = np.maximum(
        problem.least, [problem.sheet[0] - math.log(20), problem.sheet[1] - math.log(20), problem.sheet[2]]
    )
    high = np.minimum(
        problem.most, [problem.sheet[0] + math.log(20), problem.sheet[1] + math.log(20), problem.sheet[2] + 1]
    )
    assert (tries >= low).all() and (tries <= high).all()
    assert tries[1:].min(axis=0) == pytest.approx(low, abs=0.05) and tries.max(axis=0) == pytest.approx(high, abs=0.05)


def test_of_two_valleys_the_deeper_one_is_found() -> None:
    """Two resources: from the profile's values the first always binds, but what fits is where the second does in half of the rows."""
    first = Constant("first", "rate", 0.05, 1e-3, 1.0, 4.0)
    second = Constant("second", "rate", 1.0, 1e-3, 1.0, 4.0)
    spent = np.array([[1.0, 2, 3, 4, 5, 6], [6.0, 5, 4, 3, 2, 1]])
    terms = Terms(tuple("abcdef"), (Part(first, "one", spent[0]), Part(second, "two", spent[1])))
    truth = terms.latency({"first": 0.5, "second": 0.5})
    problem = Problem([terms], [Row(0, (place,), float(time)) for place, time in enumerate(truth)], [first, second])
    assert problem.outside(best(problem)) == pytest.approx([0.5, 0.5], rel=1e-3)


@pytest.mark.parametrize("rows", [6, 12, 30])
def test_plausible_values_of_one_rate_are_student_s_interval(rows: int) -> None:
    """Of n rows that scatter by sigma the mean is known to t sigma / sqrt(n); sigma by the median, as the fit has it."""
    errors = np.random.default_rng(rows).normal(0, 0.01, rows)
    problem = one_rate(list(errors - errors.mean()))
    problem.strength = 1e-6
    x = solve(problem, problem.sheet)
    sigma = 1.4826 * float(np.median(np.abs(errors - errors.mean()))) * math.sqrt(rows / (rows - 1))
    ((low, high),) = plausible(problem, x)
    half = student(rows - 1) * sigma / math.sqrt(rows)
    step = 0.02 * 2.0 ** math.floor(math.log2(half / 0.02 + 1))  # steps out double; the last is halved six times
    for edge in (x[0] - low, high - x[0]):
        assert half * (1 - 1e-6) <= edge <= half + step / 2**6 * (1 + 1e-6)


def test_rows_that_agree_to_the_last_digit_are_not_believed_that_far() -> None:
    """To a ten-thousandth: what is measured has more in it than a model of a few constants."""
    problem = one_rate([0.0] * 2)
    problem.strength = 1e-9
    ((low, high),) = plausible(problem, problem.sheet)
    half = student(1) * 1e-4 / math.sqrt(2)
    for edge in (problem.sheet[0] - low, high - problem.sheet[0]):
        assert half * (1 - 1e-6) <= edge <= half + 0.02 / 2**6


def test_plausible_values_end_at_what_is_physical() -> None:
    """A time that hardly matters may be nothing; a rate whose rows scatter much may be all of the peak."""
    problem = one_rate([0.6, -0.6] * 3)
    ((_, high),) = plausible(problem, solve(problem, problem.sheet))
    assert high == pytest.approx(math.log(1.0))
    parts = (Part(RATE, ADDED, np.ones(6)), Part(TIME, ADDED, np.full(6, 1e-6)))
    rows = [Row(0, (place,), 2.0 * math.exp(0.05 * (-1) ** place)) for place in range(6)]
    both = Problem([Terms(tuple("abcdef"), parts)], rows, [RATE, TIME])
    _, (least, _) = plausible(both, solve(both, both.sheet))
    assert least == 0.0


def test_rows_of_eight_models_are_drawn_by_model() -> None:
    """Rows of a model that err alike are no independent witnesses: the mean of eight models is known worse than that of eighty rows."""
    pick = np.random.default_rng(0)
    errors = np.repeat(pick.normal(0, 0.02, 8), 10)
    problem = one_rate(list(errors - errors.mean()))
    problem.strength = 1e-6
    x = solve(problem, problem.sheet)
    spread = {}
    for models in (8, 7):
        groups = [str(min(place // 10, models - 1)) for place in range(80)]
        drawn = bootstrap(problem, x, groups, 400, 1)
        assert drawn.shape == (400, 1)
        spread[models] = float(drawn.std())
    sigma = float(errors.std())
    assert spread[8] == pytest.approx(sigma / math.sqrt(8), rel=0.15)
    assert spread[7] == pytest.approx(sigma / math.sqrt(80), rel=0.15)


def test_an_interval_holds_the_value_most_of_what_is_drawn_and_all_that_is_plausible() -> None:
    problem = one_rate([0.0] * 3)
    x = problem.sheet
    drawn = x + np.linspace(-0.1, 0.2, 1001)[:, None]
    tail = (1 - LEVEL) / 2

    def edges(low: float, high: float, samples: Array = drawn) -> tuple[float, float]:
        ((a, b),) = hull(problem, x, samples, [(float(x[0]) + low, float(x[0]) + high)])
        return math.log(a / 0.5), math.log(b / 0.5)

    assert edges(0.0, 0.0) == pytest.approx((-0.1 + 0.3 * tail, 0.2 - 0.3 * tail))
    assert edges(-0.3, 0.4) == pytest.approx((-0.3, 0.4))
    assert edges(0.01, -0.01, np.empty((0, 1))) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_the_largest_of_what_hides_behind_each_other_and_what_adds() -> None:
    parts = (
        Part(RATE, "mac", np.array([1.0, 4.0])), Part(None, "mac", np.array([1.0, 0.0])), Part(None, "dram", np.array([5.0, 1.0])),
        Part(TIME, ADDED, np.array([0.5, 0.25])), Part(None, ADDED, np.array([0.0, 1.0])),
    )  # fmt: skip
    terms = Terms(("a", "b"), parts)
    assert terms.latency({}).tolist() == [5.0, 9.0] and terms.latency({"rate": 0.25, "time": 2.0}).tolist() == [
        6.0,
        17.5,
    ]
    assert Terms(("a", "b"), parts[3:]).latency({"time": 2.0}).tolist() == [1.0, 1.5]
    assert Terms(("a", "b"), parts[2:3]).latency({}).tolist() == [5.0, 1.0] and Terms(("a",), ()).latency(
        {}
    ).tolist() == [0.0]
    assert _seconds(parts[0], {}).tolist() == [2.0, 8.0] and _seconds(parts[3], {"time": 3.0}).tolist() == [1.5, 0.75]


def test_special_cases_go_with_the_common_one_unless_they_are_their_own() -> None:
    special = [
        Constant(path, "rate", 0.5, 0.0, 1.0, 2.0, parent="rate")
        for path in ("compute.vector.by_function.exp", "p.by_class.gemv", "m.by_operand.input")
    ]
    terms = Terms(
        ("a",),
        (
            *(Part(one, ADDED, np.ones(1), RATE) for one in special),
            Part(TIME, ADDED, np.ones(1)),
            Part(None, ADDED, np.ones(1)),
        ),
    )
    (found,) = pooled([terms], frozenset({"p.by_class.gemv"}))
    assert [part.constant and part.constant.path for part in found.parts] == [
        "rate",
        "p.by_class.gemv",
        "rate",
        "time",
        None,
    ]
    assert [part.common and part.common.path for part in found.parts] == [None, "rate", None, None, None]
    assert [is_special(one.path) for one in special] == [True] * 3
    assert not any(
        map(
            is_special,
            (
                "compute.vector.ops_per_cycle",
                "p.efficiency",
                "overheads.per_kernel_us",
                "x.compute.vector.by_function.exp",
            ),
        )
    )


def test_a_row_counts_by_its_trust_and_as_often_as_it_is_drawn() -> None:
    """Weights scale the loss and where a fit rests: a row of weight three is three rows."""
    problem = one_rate([0.02, -0.01])
    heavy = Problem([Terms(("0", "1"), (Part(RATE, ADDED, np.array([1.0, 2.0])),))],
                    [Row(0, (0,), 2.0 * math.exp(0.02), 3.0), Row(0, (1,), 4.0 * math.exp(-0.01))], [RATE])  # fmt: skip
    assert (
        heavy.loss(heavy.sheet, np.ones(2))
        == pytest.approx(problem.loss(problem.sheet, np.array([3.0, 1.0])))
        == pytest.approx(3 * 0.02**2 / 2 + 0.01**2 / 2)
    )
    assert heavy.loss(heavy.sheet, np.array([2.0, 0.0])) == pytest.approx(3 * 0.02**2)
    problem.strength = heavy.strength = 1e-9
    assert moved(heavy, solve(heavy, heavy.sheet)) == pytest.approx((3 * 0.02 - 0.01) / 4, rel=1e-3)
    assert moved(problem, solve(problem, problem.sheet, np.array([3.0, 1.0]))) == pytest.approx(
        (3 * 0.02 - 0.01) / 4, rel=1e-3
    )
    for size, loss in ((HUBER, HUBER**2 / 2), (0.3, HUBER * 0.25), (-0.3, HUBER * 0.25)):
        far = one_rate([size])
        assert far.loss(far.sheet, np.ones(1)) == pytest.approx(loss)


def test_a_fit_ends_after_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newton's steps on what is nearly a parabola: three or four; a hundred looks would be a search that does not see its way."""
    looks = []
    objective = Problem.objective
    monkeypatch.setattr(Problem, "objective", lambda self, x, times: (looks.append(1), objective(self, x, times))[1])
    for seed in range(6):
        problem, _, _ = mixed(seed)
        solve(problem, problem.sheet)
    assert len(looks) <= 6 * 25
    looks.clear()
    frozen = np.array([True, True, True])
    assert (solve(problem, problem.sheet, None, frozen) == problem.sheet).all() and len(
        looks
    ) == 1  # where nothing can move
    assert (solve(problem, problem.sheet - 99.0) >= problem.least).all()


def test_times_that_nothing_takes_are_no_error() -> None:
    """A prediction of nothing counts as a femtosecond; a share of nothing is none."""
    parts = (Part(TIME, ADDED, np.array([1e-6])),)
    problem = Problem([Terms(("a",), parts)], [Row(0, (0,), 1.0)], [TIME])
    assert problem.residuals(np.zeros(1))[0] == pytest.approx([math.log(1e-15)]) and problem.shares(
        np.zeros(1)
    ).tolist() == [[0.0]]
    spread = one_rate([0.1, -0.2, 0.3])
    assert scatter(spread, spread.sheet) == pytest.approx(1.4826 * 0.2 * math.sqrt(3 / 2))
