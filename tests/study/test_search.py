"""Searches against the enumeration of the same space."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.cli import main
from hwsim.errors import UsageError
from hwsim.study import Study, fast, hypervolume, search
from hwsim.study.axes import Space
from hwsim.study.evaluation import Evaluator
from hwsim.study.kinds import key_of
from hwsim.study.search import _cheaper

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
    assert fast._group(evaluator, key_of(points[0], ()), points) is not None
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


CONDITIONAL = {
    "device": ["ws_16x16", "tpu_v1", "edge_tpu"],
    "batch": {"values": [1, 2, 4, 8], "when": "device == 'tpu_v1'"},
    "memory.gbuf.capacity_kib": {"values": [32, 64, 128, 256], "when": "device == 'ws_16x16'"},
    "memory.dram.bandwidth_gb_per_s": {"log": [1.0, 32.0, 6], "when": "memory.gbuf.capacity_kib >= 64"},
    "clock_mhz": [100, 300, 700],
}


def conditional() -> Study:
    base = {"model": "light_squeezenet", "bits": "w8a8", "rung": "roofline"}
    objectives = ["latency_s", "-utilization"]
    return Study(CONDITIONAL, base=base, objectives=objectives, where=["batch * clock_mhz < 4000"])


def test_axes_that_exist_on_a_condition() -> None:
    study = conditional()
    points = list(study.space.points())
    # edge_tpu: clocks alone; tpu_v1: batches too, but for 8 at 700 MHz; ws_16x16: 32 KiB alone, the others with six bandwidths
    assert len(points) == 3 + (4 * 3 - 1) + 3 * (1 + 3 * 6)
    assert len(set(map(repr, points))) == len(points)
    assert all(("batch" in point) == (point["device"] == "tpu_v1") for point in points)
    assert study.space.number((2, 3, 3, 5, 1)) == study.space.number((2, 0, 0, 0, 1))
    rows = list(study.run().rows())
    evaluator = Evaluator(dict(study.base))
    assert [row["latency_s"] for row in rows] == [evaluator.row(point)["latency_s"] for point in points]
    assert rows[0]["batch"] is None and rows[0]["memory.gbuf.capacity_kib"] == 32


@pytest.mark.parametrize(("method", "needs"), [("tpe", "optuna"), ("nsga2", "pymoo")])
def test_mixed_and_conditional_spaces_are_searched(method: str, needs: str, tmp_path: Path) -> None:
    pytest.importorskip(needs, reason=f"needs {needs}")
    true = {repr(row) for row in conditional().run().front()}
    kept = search(conditional(), 40, method=method, seed=2, population=10, store=tmp_path / "s.sqlite")  # type: ignore[arg-type]
    again = search(conditional(), 40, method=method, seed=2, population=10)  # type: ignore[arg-type]
    assert list(kept.results.rows()) == list(again.results.rows())
    assert 20 <= kept.evaluations <= 40
    assert true & {repr(row) for row in kept.results.front()}


def test_the_method_is_chosen_by_what_a_point_takes() -> None:
    pytest.importorskip("optuna", reason="needs optuna")
    axes = {"clock_mhz": {"range": [1, 100_000, 1]}}
    alike = Study(axes, base=BASE)
    each = Study(axes, base={**BASE, "rung": "mapping"})
    assert [_cheaper(alike, 1000)[0], _cheaper(alike, 100)[0]] == ["enumerate", "nsga2"]
    assert [_cheaper(each, 99_999)[0], _cheaper(each, 1000)[0], _cheaper(each, 100_000)[0]] == [
        "nsga2",
        "tpe",
        "enumerate",
    ]


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "base: {model: light_squeezenet, rung: roofline}\n"
        "axes:\n  device: [ws_16x16, tpu_v1]\n  clock_mhz: {range: [100, 190, 10]}\n"
        "  batch: {values: [1, 4], when: \"device == 'tpu_v1'\"}\nobjectives: [latency_s]\n",
        encoding="utf-8",
    )
    command = ["study", "search", str(file), "--evaluations", "15", "--method", "random"]
    assert main(command) == 0
    assert "random, as asked; 14 evaluated" in capsys.readouterr().err
    assert main(["study", "search", str(file)]) == 2  # enumerated into a search's store: other inputs
    assert main(["study", "search", str(file), "--store", str(tmp_path / "all.sqlite")]) == 0
    assert "enumerated: 40 designs are no more than 500 evaluations; 30 evaluated" in capsys.readouterr().err
    for old, new, said in (("device ==", "devise ==", "no axis devise"), ('when: "', 'wen: "', "one of range")):
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        assert main(command) == 2
        assert said in capsys.readouterr().err


def test_what_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="no method"):
        search(study(), 10, method="magic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least one"):
        search(study(), 0)
