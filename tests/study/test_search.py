"""Searches against the enumeration of the same space."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.errors import UsageError
from hwsim.study import Study, fast, hypervolume, search
from hwsim.study.axes import Space
from hwsim.study.evaluation import Evaluator

AXES = {
    "memory.gbuf.capacity_kib": [32, 64, 128],
    "compute.pe_array.x": [4, 8, 12, 16, 24, 32],
    "clock_mhz": {"range": [50, 800, 50]},
}
BASE = {"model": "light_squeezenet", "device": "ws_16x16", "bits": "w8a8", "rung": "roofline"}


def study() -> Study:
    return Study(
        AXES,
        base=BASE,
        derived={"_silicon": "compute.pe_array.x + memory.gbuf.capacity_kib"},
        where=["_silicon <= 140"],
        constraints={"max_average_power_w": 0.3},
        objectives=["latency_s", "_silicon"],
    )


def volume(rows: list[dict[str, object]]) -> float:
    return hypervolume([[row["latency_s"], row["_silicon"]] for row in rows], [0.1, 200.0])  # type: ignore[arg-type]


def test_numbers_and_places_are_each_others_inverse() -> None:
    space = Space({"a": (1, 2), "b": ("x", "y", "z"), "c": (5, 6, 7)}, (("b", "c"),))
    points = list(space.points())
    for number, point in enumerate(points):
        assert space.number(space.places(number)) == number
        assert space.at(space.places(number)) == (point, True)


def test_arrays_of_any_size_at_once_are_the_same_bits() -> None:
    points = [
        {"compute.pe_array.x": x, "compute.pe_array.y": y, "clock_mhz": clock, "_note": x * y}
        for x in (4, 7, 16)
        for y in (3, 16)
        for clock in (123.4, 500)
    ]
    evaluator = Evaluator(dict(BASE))
    assert fast._group(evaluator, points) is not None
    assert fast.rows(evaluator, points) == [evaluator.row(point) for point in points]


def test_a_small_space_is_enumerated_and_said() -> None:
    found = search(study(), 2000)
    assert (found.method, "enumerated" in found.said) == ("enumerate", True)


def test_random_draws_repeat_and_resume(tmp_path: Path) -> None:
    first = search(study(), 60, method="random", seed=3, store=tmp_path / "a.sqlite")
    again = search(study(), 60, method="random", seed=3)
    assert list(first.results.rows()) == list(again.results.rows())
    longer = search(study(), 60, method="random", seed=3, store=tmp_path / "a.sqlite")
    assert list(longer.results.rows()) == list(first.results.rows())
    with pytest.raises(UsageError, match="other inputs"):
        study().run(tmp_path / "a.sqlite")


def test_nsga_comes_near_the_true_front_and_keeps_the_constraints() -> None:
    pytest.importorskip("pymoo", reason="needs the search extra")
    true = study().run().front()
    found = search(study(), 150, method="nsga2", seed=1, population=30)
    rows = found.results.front()
    assert all(row["average_power_w"] <= 0.3 and row["_silicon"] <= 140 for row in rows)  # type: ignore[operator]
    assert volume(true) >= volume(rows) >= 0.97 * volume(true)  # type: ignore[arg-type]


def test_what_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="no method"):
        search(study(), 10, method="magic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least one"):
        search(study(), 0)
