"""Node scaling: the two published matrices at their points, and what must hold between them."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.device.technology import area_scale, delay_scale, energy_scale, nominal_voltage, power_scale
from hwsim.device.technology.scaling import Metric, factor
from hwsim.device.technology.tables import curve
from hwsim.errors import UsageError
from tests.shared import SHARED, needs_shared

NODES = (180, 130, 90, 65, 45, 32, 20, 16, 14, 10, 7)
nodes = st.floats(3, 180, allow_nan=False)


def _rows(name: str) -> list[list[str]]:
    lines = (SHARED / "measured" / name).read_text().splitlines()
    return list(csv.reader(line for line in lines if not line.startswith("#")))


def test_65_to_45_is_066() -> None:
    scale = area_scale(65, 45)
    assert (scale.value, scale.extrapolated) == (0.66, False)
    assert "Stillmaker" in scale.source


@needs_shared
def test_the_area_matrix_is_the_published_one() -> None:
    header, *rows = _rows("node_scaling_area.csv")
    for row in rows:
        for to_node, published in zip(header[1:], row[1:], strict=True):
            assert area_scale(float(row[0]), float(to_node)).value == float(published)


@needs_shared
@pytest.mark.parametrize("volts", [0.6, 0.8, 1.0])
def test_delay_energy_and_power_follow_the_published_polynomials(volts: float) -> None:
    header, *rows = _rows("node_scaling_delay_energy_power.csv")
    assert header[1:] == ["a3", "a2", "a1", "a0", "b2", "b1", "b0", "c2", "c1", "c0"]
    seen = 0
    for name, *coefficients in rows:
        variant = name[:2] if name[:2] in {"HP", "LP"} else "HP"
        node = float(name.removeprefix("HP").removeprefix("LP"))
        a, b, c = coefficients[:4], coefficients[4:7], coefficients[7:]
        tables: tuple[tuple[Metric, list[str]], ...] = (("delay", a), ("energy", b), ("power", c))
        for metric, published in tables:
            value = sum(float(k) * volts ** (len(published) - 1 - i) for i, k in enumerate(published))
            if value <= 0 or (metric == "power" and node == 180):
                with pytest.raises(UsageError):
                    factor(metric, node, volts, variant)  # type: ignore[arg-type]
            else:
                assert factor(metric, node, volts, variant) == pytest.approx(value, rel=1e-12)  # type: ignore[arg-type]
                seen += 1
    assert seen > 45


def test_ratios_divide_target_by_source() -> None:
    at_45 = 1.018 - 0.3107 + 0.1539
    at_32 = 0.8367 * 0.81 - 0.4341 * 0.9 + 0.1701
    assert energy_scale(45, 32, 1.0, 0.9).value == pytest.approx(at_32 / at_45)
    assert energy_scale(45, 32).value == pytest.approx(at_32 / at_45), "1.0 and 0.9 V are nominal"
    assert delay_scale(65, 65, 1.0, 1.0).value == 1.0
    assert power_scale(45, 45, 1.0, 0.8).value < 1
    assert energy_scale(45, 45, 1.0, 1.0, "LP").value == 1.0


@given(nodes, nodes, nodes)
def test_area_never_grows_towards_a_newer_node(start: float, one: float, two: float) -> None:
    older, newer = max(one, two), min(one, two)
    assert area_scale(start, newer).value <= area_scale(start, older).value * (1 + 1e-12)
    assert area_scale(older, start).value <= area_scale(newer, start).value * (1 + 1e-12)
    assert area_scale(start, start).value == 1


@given(nodes, nodes)
def test_energy_and_supply_never_grow_towards_a_newer_node(one: float, two: float) -> None:
    older, newer = max(one, two), min(one, two)
    assert energy_scale(older, newer).value <= 1 + 1e-12
    assert nominal_voltage(newer) <= nominal_voltage(older)


@given(nodes)
def test_below_the_published_nodes_is_said(node: float) -> None:
    assert area_scale(65, node).extrapolated == (node < 7)


def test_area_between_published_nodes_is_on_the_line_in_log_space() -> None:
    middle = (45 * 32) ** 0.5
    assert area_scale(65, middle).value == pytest.approx((0.66 * 0.31) ** 0.5)
    assert area_scale(45, middle).value == pytest.approx(0.46**0.5)
    assert area_scale(middle, 45).value == pytest.approx(2.2**0.5)


def test_supplies_outside_of_the_equations_are_said() -> None:
    assert energy_scale(45, 32, 1.0, 1.3).extrapolated
    assert not energy_scale(180, 45).extrapolated, "1.8 V is nominal at 180 nm"
    with pytest.raises(UsageError, match="do not reach"):
        energy_scale(180, 45, 0.7, 1.0)
    with pytest.raises(UsageError, match="not legible"):
        power_scale(180, 45)


@pytest.mark.parametrize("node", [2.0, 250.0])
def test_nodes_that_nothing_is_known_about_are_refused(node: float) -> None:
    with pytest.raises(UsageError, match="from 3 to 180 nm"):
        area_scale(65, node)


def test_a_curve_of_one_point_is_a_line_through_zero_unless_said() -> None:
    assert curve([2], [8]).at(4) == (16.0, True)
    assert curve([2], [8], 2.0).at(4) == (32.0, True)
    assert curve([4, 1], [2, 8]).at(2) == (pytest.approx(4.0), False)
