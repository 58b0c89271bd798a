"""Calibration recovers what is known from noisy synthetic rows, stays within bounds, and says where it helps nothing."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from hwsim import load_device
from hwsim.cli import main
from hwsim.device import Device
from hwsim.errors import UsageError
from hwsim.estimation import Prepared, estimate, prepare
from hwsim.graph import Network
from hwsim.validation.calibration import Calibration, Fitted, _bound_notes, calibrate, fitted_rung
from hwsim.validation.cases import Case, Cases
from hwsim.validation.constants import Constant
from hwsim.validation.fitting import Problem, Row, scatter
from hwsim.validation.intervals import LEVEL, student
from hwsim.validation.measured import Measurement
from hwsim.validation.profile import _base, _profile_name, profile_text, verdict
from hwsim.validation.statistics import NAMES, Figure, Statistics
from hwsim.validation.terms import ADDED, Part, Terms, terms
from hwsim.version import __version__

BASE = "cortex_a72"


def _spread() -> Prepared:
    """Products of many shapes and elementwise layers of many sizes: compute, memory and dispatch all bind somewhere."""
    builder = Network.builder("spread")
    for place, side in enumerate((16, 48, 96, 160, 256, 384, 512, 640)):
        builder = builder.input(f"x{place}", (side, side)).dense(side, bias=False)
        builder = builder.input(f"v{place}", (1, side * side * 16)).dense(8, bias=False)
        builder = builder.input(f"e{place}", (side, side * 4)).relu()
    return prepare(builder.build(), passes=())


SPREAD = _spread()


def _measured(device: Device, noise: float, seed: int, prepared: Prepared = SPREAD) -> Cases:
    generator = np.random.default_rng(seed)
    rows = tuple(
        Measurement(layer.name, latency_s=layer.latency_s * math.exp(noise * generator.standard_normal()))
        for layer in estimate(prepared, device, rung="roofline").layers
    )
    return Cases((Case("spread", prepared, rows),))


def _fit(found: Cases, **more: object) -> Calibration:
    return calibrate(found, load_device(BASE), rung="roofline", samples=30, **more)  # type: ignore[arg-type]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    efficiency=st.floats(0.2, 0.95),
    bandwidth=st.floats(0.3, 0.95),
    overhead_us=st.floats(0.5, 20.0),
    noise=st.floats(0.005, 0.05),
    seed=st.integers(0, 1000),
)
def test_known_constants_lie_in_their_intervals(
    efficiency: float, bandwidth: float, overhead_us: float, noise: float, seed: int
) -> None:
    truth = {
        "compute.precisions.float32.efficiency": efficiency,
        "memory.dram.efficiency": bandwidth,
        "overheads.per_kernel_us": overhead_us,
    }
    device = load_device(BASE, [f"{path}={value}" for path, value in truth.items()])
    found = _fit(_measured(device, noise, seed), only=tuple(truth))
    fitted = {item.path: item for item in found.constants}
    assert set(fitted) == set(truth)
    for path, value in truth.items():
        item = fitted[path]
        assert item.low <= item.value <= item.high
        # the intervals are of 99 %, and the search looks for the worst: none may miss by more than half of its own width
        slack = 0.5 * (item.high - item.low) + 0.002 * value
        assert item.low - slack <= value <= item.high + slack, path
    assert found.held_out.mape.value is not None
    assert found.held_out.mape.value < 3 * noise + 0.01
    assert not found.worse


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """99 % intervals of three constants in 30 fits: 90 chances, two misses at most."""
    generator = np.random.default_rng(11)
    misses = 0
    for seed in range(30):
        truth = {
            "compute.precisions.float32.efficiency": generator.uniform(0.2, 0.9),
            "memory.dram.efficiency": generator.uniform(0.3, 0.9),
            "overheads.per_kernel_us": generator.uniform(0.5, 20),
        }
        device = load_device(BASE, [f"{path}={value}" for path, value in truth.items()])
        fitted = _fit(_measured(device, generator.uniform(0.005, 0.05), seed), only=tuple(truth)).constants
        misses += sum(not item.low <= truth[item.path] <= item.high for item in fitted)
    assert misses <= 2


def test_students_quantile() -> None:
    """The first term that is left out falls with the fourth power of the degrees of freedom; the normal quantile has five digits."""
    for freedom in (5, 6, 8, 12, 21, 100):
        expected = stats.t.ppf(1 - (1 - LEVEL) / 2, freedom)
        assert student(freedom) == pytest.approx(expected, rel=5 / freedom**4 + 2e-5)


def test_fewer_than_four_degrees_of_freedom_count_as_four() -> None:
    """Where the expansion is within 4 % still."""
    assert student(4) == pytest.approx(stats.t.ppf(1 - (1 - LEVEL) / 2, 4), rel=0.04)
    assert student(1) == student(3) == student(4) > student(5)


def test_students_quantile_is_the_expansion_of_the_handbook() -> None:
    """Abramowitz and Stegun, 26.7.5: polynomials of the normal quantile over powers of the degrees of freedom."""
    terms_ = ((4, {3: 1, 1: 1}), (96, {5: 5, 3: 16, 1: 3}), (384, {7: 3, 5: 19, 3: 17, 1: -15}))
    z = 2.5758  # of 99.5 %, to five digits
    assert stats.norm.ppf(0.995) == pytest.approx(z, abs=5e-5) and LEVEL == 0.99
    for freedom in (4, 5, 9, 40):
        parts = [
            sum(factor * z**power for power, factor in found.items()) / (below * freedom**place)
            for place, (below, found) in enumerate(terms_, start=1)
        ]
        assert student(freedom) == pytest.approx(z + sum(parts), rel=1e-12)


def test_scatter_is_a_standard_deviation_by_the_median() -> None:
    """Of 101 normal quantiles the median of the absolute ones is 0.6745 of a standard deviation; 20 constants take freedom."""
    errors = stats.norm.ppf((np.arange(101) + 0.5) / 101)

    class Fitted:
        @staticmethod
        def residuals(_: object) -> tuple[object, None]:
            return errors, None

    for constants in (1, 20, 100, 101):
        freedom = max(1, 101 - constants)
        expected = pytest.approx((101 / freedom) ** 0.5, rel=0.02)
        assert scatter(Fitted(), np.zeros(constants)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ("a/mine.yaml", "mine"),
        ("my-chip.2.yaml", "my_chip_2"),
        ("9.yaml", "base_calibrated"),
        ("_x.yaml", "base_calibrated"),
    ],
)
def test_a_profile_is_called_as_its_file_where_that_is_a_name(output: str, name: str) -> None:
    assert _profile_name(output, "base") == name


def test_what_a_profile_extends_is_found_from_where_it_lies(tmp_path: Path) -> None:
    """A shipped one by its name; one of the same name, or beside the shipped ones, that is none of them by its path."""
    shipped = load_device(BASE)
    assert _base(shipped, str(tmp_path / "a" / "mine.yaml")) == BASE
    elsewhere = replace(shipped, path=str(tmp_path / f"{BASE}.yaml"))
    assert _base(elsewhere, str(tmp_path / "a" / "mine.yaml")) == f"../{BASE}.yaml"
    beside = replace(shipped, path=str(tmp_path / "device_profiles" / "own.yaml"))
    assert _base(beside, str(tmp_path / "mine.yaml")) == "device_profiles/own.yaml"
    assert _profile_name("x" * 70 + ".yaml", "base") == "x" * 64  # as long as a name may be
    assert _profile_name("9.yaml", "b" * 60) == "b" * 50 + "_calibrated"


def _figure(value: float | None) -> Statistics:
    known = Figure(value)
    return Statistics(9, *[known] * len(NAMES))


def _calibration(
    constants: tuple[Fitted, ...] = (), held_out: float | None = 0.125, before: float = 0.5
) -> Calibration:
    return Calibration(
        "base",
        "roofline",
        constants,
        (),
        9,
        "layer",
        5,
        _figure(held_out),
        _figure(0.0625),
        _figure(before),
        _figure(2.0),
    )


def test_a_profile_says_what_its_numbers_are_worth(tmp_path: Path) -> None:
    """In its first lines, as shares; energies by themselves, below the times; and where a fit makes it worse, among the notes."""
    told = "mean absolute error of rows held out (by layer) 12.5 %, in-sample 6.2 %, uncalibrated 50.0 %, proportional to MACs 200.0 %"
    assert verdict(_calibration()) == told
    assert "(by layer) unknown, in-sample" in verdict(_calibration(held_out=None))
    device, output = load_device(BASE), tmp_path / "mine.yaml"
    times = _calibration((Fitted("memory.dram.efficiency", 0.5, 0.75, 0.625, 0.875, 4),))
    joules = _calibration((Fitted("memory.dram.pj_per_byte", 0.0, 60.0, 50.0, 70.0, 4),), 0.25)
    output.write_text(profile_text(times, device, str(output), joules))
    lines = output.read_text().splitlines()
    assert lines[0].startswith(f"# Constants of {BASE} calibrated; ") and lines[0].endswith(
        "held out by layer, 5 folds"
    )
    assert lines[1] == f"# Energies: {verdict(joules)}" and "25.0 %" in lines[1]
    assert lines[2] == "name: mine"
    mine = load_device(output)
    dram = next(memory for memory in mine.memories if memory.name == "dram")
    assert dram.efficiency == 0.75 and dram.read_j is not None
    assert dram.read_j["input"] == pytest.approx(60e-12)
    assert mine.intervals["memory.dram.efficiency"] == pytest.approx((0.625, 0.875))
    assert "notes:" not in lines
    assert "notes:" in profile_text(_calibration(times.constants, 0.6), device, str(output)).splitlines()


def test_outliers_do_not_pull_the_fit() -> None:
    """Two rows of 24 are ten times too slow."""
    device = load_device(BASE, ["compute.precisions.float32.efficiency=0.5", "overheads.per_kernel_us=5"])
    found = _measured(device, 0.01, 0)
    (case,) = found.cases
    rows = [
        Measurement(row.name, latency_s=(row.latency_s or 0) * (10 if place in (3, 12) else 1))
        for place, row in enumerate(case.rows)
    ]
    fitted = _fit(Cases((Case("spread", SPREAD, tuple(rows)),)))
    after = load_device(BASE, [f"{path}={value}" for path, value in fitted.values.items()])
    pairs = zip(
        estimate(SPREAD, after, rung="roofline").layers, estimate(SPREAD, device, rung="roofline").layers, strict=True
    )
    assert all(layer.latency_s == pytest.approx(truth.latency_s, rel=0.05) for layer, truth in pairs)


def test_an_efficiency_is_at_most_one_and_an_overhead_at_least_zero() -> None:
    """Rows ten times as fast as the data sheet allows."""
    (case,) = _measured(load_device(BASE), 0.01, 0).cases
    rows = tuple(Measurement(row.name, latency_s=(row.latency_s or 0) / 10) for row in case.rows)
    found = _fit(Cases((Case("spread", SPREAD, rows),)))
    assert "too low?" in found.notes[0]
    for item in found.constants:
        if item.path.endswith("efficiency"):
            assert 0 < item.low <= item.value <= item.high <= 1
        if item.path.startswith("overheads"):
            assert item.low >= 0


def test_worse_on_unseen_rows_is_said() -> None:
    """Rows of pure noise around the profile's own prediction: nothing can be learnt from them, and what is learnt may hurt."""
    said = []
    for seed in range(6):
        found = _fit(_measured(load_device(BASE), 1.0, seed))
        after, before = found.held_out.mape.value, found.uncalibrated.mape.value
        assert after is not None and before is not None
        assert found.worse == (after > before)
        assert (
            "makes rows that it has not seen worse" in profile_text(found, load_device(BASE), "x.yaml")
        ) == found.worse
        said.append(found.worse)
    assert any(said)


def test_twins_are_held_out_together() -> None:
    """A layer is not predicted from a copy of itself: equal work is in one fold."""
    builder = Network.builder("twins")
    for place in range(12):
        builder = builder.input(f"x{place}", (64, 64)).dense(64, bias=False)
    twins = prepare(builder.build(), passes=())
    found = _measured(load_device(BASE), 0.01, 0, twins)
    calibration = calibrate(found, load_device(BASE), rung="roofline", samples=5)
    assert calibration.folds == 1 and "nothing could be held out" in calibration.notes[0]
    assert calibration.held_out.mape.value is None


def test_the_parts_make_the_whole_and_their_slopes_are_right() -> None:
    device = load_device(BASE, ["overheads.per_kernel_us=3"])
    apart = terms(SPREAD, device, "roofline")
    expected = [layer.latency_s for layer in estimate(SPREAD, device, rung="roofline").layers]
    np.testing.assert_allclose(apart.latency({}), expected, rtol=1e-9)
    constants = {part.constant.path: part.constant for part in apart.parts if part.constant is not None}
    rows = [Row(0, (place,), time) for place, time in enumerate(expected)]
    problem = Problem([apart], rows, list(constants.values()))
    x = problem.sheet + 0.05
    _, slopes = problem.predict(x)
    for index in range(x.size):
        step = np.zeros_like(x)
        step[index] = 1e-6
        numeric = (problem.predict(x + step)[0] - problem.predict(x - step)[0]) / 2e-6
        np.testing.assert_allclose(slopes[:, index], numeric, rtol=1e-4, atol=1e-12)


def test_too_little_and_the_wrong_rung_are_answered() -> None:
    (case,) = _measured(load_device(BASE), 0.01, 0).cases
    with pytest.raises(UsageError, match="at least 2"):
        _fit(Cases((Case("spread", SPREAD, case.rows[:1]),)))
    with pytest.raises(UsageError, match="mapping rung"):
        calibrate(Cases((case,)), load_device(BASE), rung="mapping")
    with pytest.raises(
        UsageError, match=r"no constant of the profile decides .* \(asked for: memory\.nothing\.efficiency\)$"
    ):
        _fit(Cases((case,)), only=("memory.nothing.efficiency",))


def test_a_part_that_is_forgotten_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A microsecond of layers that take ten: what no constant explains cannot be fitted."""
    device = load_device(BASE, ["overheads.per_kernel_us=1"])
    terms(SPREAD, device, "roofline")
    monkeypatch.setattr("hwsim.validation.terms._overheads", lambda _: [])
    with pytest.raises(UsageError, match="its roofline model has times that no constant explains"):
        terms(SPREAD, device, "roofline")


@pytest.mark.parametrize("name", ["t4", "ethos_u55_128", "cortex_m7", "eyeriss_v1"])
def test_the_parts_of_any_device_make_the_whole(name: str) -> None:
    """Whatever precision its layers run at, first or last of those that it has; with units that overlap and such that do not."""
    device = load_device(name, ["overheads.per_kernel_us=2", "overheads.per_inference_us=30"])
    prepared = prepare("light_squeezenet", bits="w16a16" if name == "eyeriss_v1" else None)
    apart = terms(prepared, device, "roofline")
    expected = [layer.latency_s for layer in estimate(prepared, device, rung="roofline").layers]
    np.testing.assert_allclose(apart.latency({}), expected, rtol=1e-9)
    share = f"memory.{device.memories[-1].name}.efficiency"
    values = {"overheads.per_kernel_us": 20.0, "overheads.per_inference_us": 0.0, share: 0.25}
    slower = load_device(name, [f"{path}={value}" for path, value in values.items()])
    expected = [layer.latency_s for layer in estimate(prepared, slower, rung="roofline").layers]
    np.testing.assert_allclose(apart.latency(values), expected, rtol=1e-9)


def test_the_command_writes_a_profile_that_predicts_what_it_fitted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    network, table, output = tmp_path / "net.csv", tmp_path / "measured.csv", tmp_path / "mine.yaml"
    sizes = (16, 24, 32, 48, 64, 128, 256, 512)
    network.write_text("name,op,m,n,k\n" + "".join(f"l{n},MatMul,{n},{n},{n}\n" for n in sizes))
    truth = load_device(BASE, ["compute.precisions.float32.efficiency=0.4", "overheads.per_kernel_us=8"])
    layers = estimate(str(network), truth, rung="roofline").layers
    table.write_text("name,latency_us\n" + "".join(f"{layer.name},{layer.latency_s * 1e6}\n" for layer in layers))
    argv = ("calibrate", str(network), "--measured", str(table), "--device", BASE, "--model", "roofline")
    assert main((*argv, "--samples", "10", "--output", str(output))) == 0
    assert "held out" in capsys.readouterr().out
    text = output.read_text()
    for place, why in ((output, "name another file"), (tmp_path, "is a folder")):
        again = ("calibrate", str(network), "--measured", str(table), "--device", str(output), "--output", str(place))
        assert main(again) == 2
        assert why in capsys.readouterr().err and output.read_text() == text
    assert f'extends: "{BASE}"' in text and "quality: fitted" in text and "interval: [" in text and "sha256" in text
    assert main(("device", "check", str(output))) == 0
    capsys.readouterr()
    bar = ("validate", str(network), str(table), "--device", str(output), "--model", "roofline", "--max-mape", "1")
    assert main((*bar, "--format", "json")) == 0
    assert json.loads(capsys.readouterr().out)["statistics"]["mape"]["value"] < 0.01
    assert main((*argv, "--samples", "5", "--set", "clock_mhz=3")) == 2
    assert "extends" in capsys.readouterr().err


def test_a_profile_of_everything_that_can_be_fitted() -> None:
    """Line by line: numbers to six digits with their interval and the first half of the data's hash, entries of lists on one line each."""
    constants = (
        Fitted("overheads.per_kernel_us", 1.0, 2.123456789, 1.5, 3.0, 4), Fitted("memory.dram.efficiency", 0.5, 0.75, 0.625, 0.875, 4),
        Fitted("memory.dram.by_operand.weight", 0.5, 0.25, 0.2, 0.3, 4), Fitted("memory.l2.efficiency", 1.0, 0.9, 0.8, 1.0, 4),
        Fitted("compute.precisions.int8.by_class.gemv", 1.0, 0.5, 0.4, 0.6, 4),
        Fitted("compute.precisions.int8.padded.K", 1, 16, 16, 16, 4),
        Fitted("compute.vector.by_function.exp", 1.0, 1234567.0, 1e6, 2e6, 4),
    )  # fmt: skip
    fitted = replace(
        _calibration(constants, 0.75), data=(("dir/a.csv", "0123456789abcdef01"), ("b.csv", "f" * 64)), rows=9
    )
    device = load_device(BASE)
    lines = profile_text(
        fitted, device, "out/mine.yaml", machine=["clock_mhz=2000", "memory.l2.capacity_kib=512"]
    ).splitlines()
    hashes = f"data sha256:0123456789abcdef, sha256:{'f' * 16}"
    names = f"a.csv (sha256 0123456789abcdef01), b.csv (sha256 {'f' * 64})"

    def cell(value: str, low: str, high: str) -> str:
        return f'{{value: {value}, source: fitted, quality: fitted, interval: [{low}, {high}], note: "{hashes}"}}'

    worse = "calibration makes rows that it has not seen worse: mean absolute error of rows held out (by layer) 75.0 %, in-sample 6.2 %, "
    worse += "uncalibrated 50.0 %, proportional to MACs 200.0 %"
    assert verdict(fitted) == worse
    assert lines == [
        f"# Constants of {BASE} calibrated; intervals of 99 %; held out by layer, 5 folds",
        "name: mine",
        f'extends: "{BASE}"',
        "sources:",
        f'  calibration: {{text: "fitted by hwsim {__version__} (roofline model) to 9 rows of {names}; {worse}", quality: fitted}}',
        '  machine: {text: "read from the machine that was measured, or shown by its products", quality: measured}',
        "notes:",
        f'  - "{worse}"',
        "clock_mhz: {value: 2000, source: machine}",
        "memory:",
        f"  - {{name: l2, capacity_kib: {{value: 512, source: machine}}, efficiency: {cell('0.9', '0.8', '1')}}}",
        f"  - {{name: dram, efficiency: {cell('0.75', '0.625', '0.875')}, by_operand: {{weight: {cell('0.25', '0.2', '0.3')}}}}}",
        "overheads:",
        f"  per_kernel_us: {cell('2.12346', '1.5', '3')}",
        "compute:",
        "  precisions:",
        f"    - {{name: int8, by_class: {{gemv: {cell('0.5', '0.4', '0.6')}}}, padded: {{K: 16}}}}",
        "  vector:",
        "    by_function:",
        f"      exp: {cell('1.23457e+06', '1e+06', '2e+06')}",
    ]
    assert "to 9 rows of measured data;" in profile_text(_calibration(), device, "x.yaml")
    assert profile_text(_calibration(), device, "x.yaml").splitlines()[-1].startswith("  calibration: ")


def test_a_fit_is_worse_only_where_both_errors_are_known() -> None:
    assert (
        _calibration(held_out=0.6).worse
        and not _calibration(held_out=0.5).worse
        and not _calibration(held_out=0.4).worse
    )
    assert not _calibration(held_out=None).worse
    unknown = replace(_calibration(held_out=0.6), uncalibrated=_figure(None))
    assert not unknown.worse and verdict(unknown).startswith("mean absolute error")
    record = replace(_calibration(held_out=0.6), data=(("a", "b"),)).to_dict()
    assert record["schema"] == "hwsim/calibration/1" and record["worse_than_uncalibrated"] is True
    assert record["data"] == [{"file": "a", "sha256": "b"}] and record["models_held_out"] is None
    fitted = (Fitted("a", 1.0, 2.0, 1.5, 3.0, 4), Fitted("b", 1.0, 5.0, 1.5, 3.0, 4))
    assert _calibration(fitted).values == {"a": 2.0, "b": 5.0}


def test_whole_models_count_beside_their_layers() -> None:
    """Held out by model both are told apart; by layers, whole models are no rows of their own to tell of."""
    cases_ = []
    device = load_device(BASE, ["overheads.per_kernel_us=400"])
    for name, prepared in (("one", SPREAD), ("two", SPREAD)):
        layers = estimate(prepared, device, rung="roofline").layers
        rows = [Measurement(layer.name, latency_s=layer.latency_s) for layer in layers]
        rows.append(Measurement(name, scope="model", latency_s=sum(layer.latency_s for layer in layers)))
        cases_.append(Case(name, prepared, tuple(rows)))
    told: list[str] = []
    found = calibrate(
        Cases(tuple(cases_)), load_device(BASE), rung="roofline", samples=2, progress=told.append, data=[("a", "b")]
    )
    assert (found.hold_out, found.folds, found.rows, found.rung, found.device) == ("model", 2, 50, "roofline", BASE)
    assert told == ["taking the model apart", "fitting", "held out: 1 of 2", "held out: 2 of 2", "intervals"]
    assert found.data == (("a", "b"),) and found.notes == ()
    assert (found.held_out.n, found.in_sample.n, found.uncalibrated.n, found.baseline.n) == (48, 48, 48, 48)
    assert found.models_held_out is not None and found.models_held_out.n == 2
    assert found.models_held_out.mape.value is not None and found.models_held_out.mape.value < 1e-3
    assert found.models_uncalibrated is not None and (found.models_uncalibrated.mape.value or 0) > 0.01
    assert found.values["overheads.per_kernel_us"] == pytest.approx(400, rel=1e-2)
    kernel = next(item for item in found.constants if item.path == "overheads.per_kernel_us")
    assert kernel.before == 0.0 and 2 <= kernel.rows <= 50
    by_layer = calibrate(Cases(tuple(cases_)), load_device(BASE), rung="roofline", samples=2, hold_out="layer")
    assert by_layer.models_held_out is None and by_layer.models_uncalibrated is None and by_layer.folds == 5
    alone = calibrate(Cases(tuple(cases_[:1])), load_device(BASE), rung="roofline", samples=2)
    assert alone.hold_out == "layer"


@pytest.mark.parametrize(
    ("name", "rung"),
    [
        ("cortex_a72", "roofline"),
        ("t4", "gpu"),
        ("tpu_v1", "systolic"),
        ("generic_x86_server_core", "cpu"),
        ("eyeriss_v1", "roofline"),
    ],
)
def test_the_rung_that_is_fitted(name: str, rung: str) -> None:
    assert fitted_rung(load_device(name)) == rung


def test_what_is_at_its_most_is_said() -> None:
    """Shares of peaks and classes; not vector rates, nor what stays below its bound."""

    def constant(path: str) -> Constant:
        return Constant(path, "rate", 0.5, 1e-3, 1.0, 2.0)

    paths = ("a.efficiency", "a.by_class.gemv", "m.by_operand.weight", "compute.vector.ops_per_cycle", "b.efficiency")
    constants = [constant(path) for path in paths]
    parts = tuple(Part(one, ADDED, np.ones(1)) for one in constants)
    problem = Problem([Terms(("l",), parts)], [Row(0, (0,), 1.0)], constants)
    x = problem.most.copy()
    x[-1] -= 1e-8
    assert _bound_notes(problem, x) == (
        "at the most there can be: a.efficiency, a.by_class.gemv, m.by_operand.weight: is the profile's peak, clock or bandwidth too low?",
    )
    assert _bound_notes(problem, problem.most - 1e-8) == ()
    inside = problem.most.copy()
    inside[1:3] -= 1.0
    inside[0] -= 5e-10
    assert _bound_notes(problem, inside)[0].startswith("at the most there can be: a.efficiency, b.efficiency: ")


def test_rows_that_find_no_layer_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    network, table = tmp_path / "net.csv", tmp_path / "measured.csv"
    network.write_text("name,op,m,n,k\n" + "".join(f"l{n},MatMul,{n},{n},{n}\n" for n in (64, 128, 256)))
    rows = "l64,,120\nl128,,130\nl256,,400\nghost,,7\nl64,another,5\n"
    table.write_text(f"name,model,latency_us\n{rows}")
    argv = ("calibrate", str(network), "--measured", str(table), "--device", BASE, "--samples", "2")
    assert main(argv) in (0, 1)  # of so few rows some may come out worse
    out = capsys.readouterr().out
    assert "net: joined 3 by name\n  1 rows have no layer: ghost\n" in out
    assert "not fitted to: " in out and "no model 'another' was given" in " ".join(out.split())
    assert main((*argv, "--format", "json")) in (0, 1)
    record = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in record["join"]["net"]["rows_without_a_layer"]] == ["ghost"]
    assert record["not_joined"] == [{"where": f"{table}:6", "name": "l64", "reason": "no model 'another' was given"}]
