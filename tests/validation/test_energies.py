"""Energies recovered from rows made of known ones, and what the command says and writes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.cli.main import main
from hwsim.device import load
from hwsim.device.records import Operand
from hwsim.errors import UsageError
from hwsim.validation.cases import Case, Cases
from hwsim.validation.constants import Constant
from hwsim.validation.energies import (
    _energy,
    _fit,
    _gather,
    _given,
    _held_out,
    _one_unit_each,
    _paths,
    _problem,
    _Rows,
    _values,
    calibrate_energies,
    has_energies,
    has_latencies,
)
from hwsim.validation.measured import Measurement
from hwsim.validation.profile import profile_text
from hwsim.validation.statistics import proportional

NETWORK = hwsim.prepare("light_squeezenet", bits="w16a16")
TRUTH = {"mac": 3.0, "dram": 60.0, "gbuf": 9.0, "spad": 0.5, "leakage": 0.2}
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a fit takes half a second
PATHS = {
    "compute.precisions.int16.mac_pj": "mac", "memory.dram.pj_per_byte": "dram", "memory.gbuf.pj_per_byte": "gbuf",
    "memory.spad.pj_per_byte": "spad", "power.idle_mw": "leakage",
}  # fmt: skip


def _rows(noise: float, seed: int, true: dict[str, float] = TRUTH) -> Cases:
    """Energies of all layers on Eyeriss as a roofline, with other constants than the profile's, and noise."""
    device = load("eyeriss_v1")
    unit = dict.fromkeys(("input", "weight", "output"), 1e-12)
    memories = tuple(
        replace(memory, read_j=scaled, write_j=scaled, leakage_w=None)
        for memory in device.memories
        for scaled in [{name: value * true[memory.name] for name, value in unit.items()}]
    )
    chip = replace(
        device, memories=memories, precisions=tuple(replace(item, mac_j=true["mac"] * 1e-12) for item in device.precisions),
        networks=tuple(replace(wires, hop_j=0.0) for wires in device.networks), static_w=true["leakage"], power_w={},
        vector=replace(device.vector, op_j=1e-12) if device.vector else None,
    )  # fmt: skip
    random = np.random.default_rng(seed)
    rows = []
    for layer in hwsim.estimate(NETWORK, chip, rung="roofline").layers:
        if layer.energy_j:  # measured times are not those of the model: bytes and standing power would else be one
            seconds = layer.latency_s * float(random.uniform(0.3, 3))
            joules = layer.energy_j + true["leakage"] * (seconds - layer.latency_s)
            rows.append(
                Measurement(layer.name, energy_j=joules * float(np.exp(random.normal(0, noise))), latency_s=seconds)
            )
    return Cases((Case("squeezenet", NETWORK, tuple(rows)),))


@settings(max_examples=8, deadline=None, phases=NO_SHRINKING)
@given(
    st.integers(0, 1000), st.sampled_from([0.01, 0.05]),
    st.fixed_dictionaries({
        "mac": st.floats(0.5, 5), "dram": st.floats(50, 500), "gbuf": st.floats(1, 20), "spad": st.floats(0.2, 3),
        "leakage": st.floats(0.02, 0.4),
    }),
)  # fmt: skip
def test_known_energies_lie_in_their_intervals(seed: int, noise: float, true: dict[str, float]) -> None:
    found = calibrate_energies(_rows(noise, seed, true), load("eyeriss_v1"), rung="roofline", samples=25, seed=seed)
    assert found.held_out.median_ape.value is not None and found.held_out.median_ape.value < 2.5 * noise
    assert not found.worse
    for item in found.constants:
        if item.path in PATHS:
            scale = 1e3 if item.path.endswith("_mw") else 1.0
            assert 0 <= item.low <= true[PATHS[item.path]] * scale <= item.high, item.path
            assert item.low <= item.value <= item.high


def test_what_no_row_decides_stays_as_the_profile_has_it() -> None:
    found = calibrate_energies(_rows(0.02, 0), load("eyeriss_v1"), rung="roofline", samples=5)
    assert "memory.gbuf.pj_per_byte" in found.undetermined
    decided = {item.path: item for item in found.constants}
    assert decided["power.idle_mw"].value == pytest.approx(200, rel=0.05)
    assert decided["power.idle_mw"].rows > 20


def test_what_the_profile_does_not_know_is_fitted_however_little_it_matters() -> None:
    """Without an energy of the buffer's bytes in the profile there is nothing that it could stay at."""
    device = load("eyeriss_v1")
    silent = replace(
        device,
        memories=tuple(replace(m, read_j=None, write_j=None) if m.name == "gbuf" else m for m in device.memories),
    )
    found = calibrate_energies(_rows(0.0, 0), silent, rung="roofline", samples=2)
    (buffer,) = (item for item in found.constants if item.path.startswith("memory.gbuf."))
    assert buffer.path == "memory.gbuf.pj_per_byte" and buffer.before == 0.0
    assert buffer.value == pytest.approx(TRUTH["gbuf"], rel=0.5)
    assert found.uncalibrated.mape.value is None  # of such a profile there is no energy to compare
    assert found.in_sample.mape.value is not None and found.in_sample.mape.value < 0.01


def test_an_outlier_does_not_pull_the_fit() -> None:
    (case,) = _rows(0.0, 0).cases
    wild = replace(case.rows[5], energy_j=1e3 * (case.rows[5].energy_j or 0.0))
    found = calibrate_energies(
        Cases((replace(case, rows=(*case.rows[:5], wild, *case.rows[6:])),)),
        load("eyeriss_v1"),
        rung="roofline",
        samples=5,
    )
    assert found.in_sample.median_ape.value is not None and found.in_sample.median_ape.value < 0.05


def test_the_profile_that_is_written_answers_with_the_fitted_energies(tmp_path: Path) -> None:
    device, output = load("eyeriss_v1"), tmp_path / "mine.yaml"
    found = calibrate_energies(_rows(0.0, 0), device, rung="roofline", samples=5)
    output.write_text(profile_text(found, device, str(output)))
    mine = load(output)
    expected = {item.path: item.value for item in found.constants}
    assert mine.memories[0].read_j is not None
    assert mine.memories[0].read_j["input"] == pytest.approx(expected["memory.spad.pj_per_byte"] * 1e-12, rel=1e-4)
    assert mine.memories[-1].read_j is not None
    assert mine.memories[-1].read_j["input"] == pytest.approx(expected["memory.dram.pj_per_byte"] * 1e-12, rel=1e-4)
    assert mine.power_w["idle"] == pytest.approx(expected["power.idle_mw"] * 1e-3, rel=1e-4)


def test_rows_are_held_out_by_model_where_there_are_two() -> None:
    (case,) = _rows(0.0, 0).cases
    halves = Case("one", NETWORK, case.rows[::2]), Case("two", NETWORK, case.rows[1::2])
    for found, hold_out in (((case,), "layer"), (halves, "model")):
        assert calibrate_energies(Cases(found), load("eyeriss_v1"), rung="roofline", samples=2).hold_out == hold_out


def test_what_a_profile_says_of_a_component() -> None:
    device = load("eyeriss_v1")
    assert _given(device, "leakage") == pytest.approx(device.standing_w or math.nan, nan_ok=True)
    assert _given(replace(device, static_w=0.3, power_w={}), "leakage") == pytest.approx(0.3)
    bare = replace(
        device, static_w=None, power_w={}, memories=tuple(replace(m, leakage_w=None) for m in device.memories)
    )
    assert bare.standing_w is None and math.isnan(_given(bare, "leakage"))
    dram = next(memory for memory in device.memories if memory.name == "dram")
    both = [*(dram.read_j or {}).values(), *(dram.write_j or {}).values()]
    assert _given(device, "dram") == pytest.approx(1e12 * sum(both) / len(both))
    assert math.isnan(_given(replace(device, vector=None), "vector"))


def test_of_many_small_shares_all_are_fitted() -> None:
    """Twelve components of a twelfth each: none decides a tenth of any row, so none is left as the profile has it."""
    names = tuple(f"level{place:02}" for place in range(12))
    counts = np.full((20, 12), 1e-12) * np.linspace(1, 3, 20)[:, None]
    rows = _Rows(names, counts, counts.sum(axis=1) * 2.0, np.ones(20), ("0",) * 20)
    problem, x = _fit(rows, np.ones(12), 0)
    assert tuple(constant.path for constant in problem.constants) == names
    assert problem.predict(x)[0] == pytest.approx(rows.measured, rel=0.02)
    some = _Rows(("a", "b"), np.array([[1.0, 0.001]] * 9), np.full(9, 3.0), np.ones(9), ("0",) * 9)
    problem, x = _fit(some, np.array([2.0, 2.0]), 0)
    assert [constant.path for constant in problem.constants] == ["a"]  # b stays, a makes up for it
    assert _values(some, np.array([2.0, 2.0]), problem, x) == pytest.approx([3 - 0.002, 2.0], rel=1e-3)


def test_no_energy_is_below_nothing() -> None:
    """The more of one component, the less the rows take: it takes nothing."""
    beside = np.linspace(0, 1, 12)
    rows = _Rows(("a", "b"), np.stack([np.ones(12), beside], axis=1), 2 - 0.2 * beside, np.ones(12), ("0",) * 12)
    for sheet in ((math.nan, math.nan), (2.0, 1.0)):
        values = _values(rows, np.array(sheet), *_fit(rows, np.array(sheet), 0))
        assert values[1] == 0 and values[0] == pytest.approx(1.9, abs=0.03)


def test_where_energies_stand_in_a_profile() -> None:
    """Each key with its value over the component's: standing power in the unit that the profile has, prices of precisions in proportion."""
    eyeriss = load("eyeriss_v1")
    assert _paths(eyeriss, "leakage", 0.2) == [("power.idle_mw", 1e3)]
    bare = replace(eyeriss, quantities={})
    assert _paths(bare, "leakage", 0.2) == [("power.static_w", 1.0)]
    assert _paths(replace(bare, quantities={"power.static_mw": (3.0, "mW", "")}), "leakage", 0.2) == [
        ("power.static_mw", 1e3)
    ]
    assert _paths(replace(bare, quantities={"power.static_w": (3.0, "W", "")}), "leakage", 0.2) == [
        ("power.static_w", 1.0)
    ]
    assert _paths(eyeriss, "vector", 1.0) == [("compute.vector.op_pj", 1.0)]
    wide = replace(eyeriss.precisions[0], input="int16", weight="int16", mac_j=4e-12)
    narrow = replace(wide, input="int8", weight="int8", mac_j=1e-12)
    two = replace(eyeriss, precisions=(wide, narrow, replace(narrow, input="int4", mac_j=None)))
    assert [(path, pytest.approx(share)) for path, share in _paths(two, "mac", 2.0)] == [
        ("compute.precisions.int16.mac_pj", 2.0), ("compute.precisions.int8.mac_pj", 0.5), ("compute.precisions.int4_int8.mac_pj", 1.0),
    ]  # fmt: skip
    assert {share for _, share in _paths(two, "mac", 0.0)} == {1.0}
    rates = {"memory.gbuf.read_pj_per_byte": (3.0, "pJ/B", ""), "memory.gbuf.write_pj_per_byte": (6.0, "pJ/B", "")}
    assert _paths(replace(bare, quantities=rates), "gbuf", 4.5) == [
        ("memory.gbuf.read_pj_per_byte", pytest.approx(2 / 3)), ("memory.gbuf.write_pj_per_byte", pytest.approx(4 / 3)),
    ]  # fmt: skip
    assert _paths(replace(bare, quantities=rates), "gbuf", 0.0) == [("memory.gbuf.pj_per_byte", 1.0)]
    assert _paths(bare, "dram", 60.0) == [("memory.dram.pj_per_byte", 1.0)]


def test_too_few_rows_and_rungs_whose_counts_depend_on_energies_are_refused() -> None:
    (case,) = _rows(0.0, 0).cases
    with pytest.raises(UsageError, match="1 rows with an energy"):
        calibrate_energies(Cases((replace(case, rows=case.rows[:1]),)), load("eyeriss_v1"), rung="roofline")
    with pytest.raises(UsageError, match="not mapping"):
        calibrate_energies(Cases((case,)), load("eyeriss_v1"), rung="mapping")


def test_the_command_fits_energies_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _rows(0.0, 0).cases[0].rows
    table = tmp_path / "energies.csv"
    table.write_text("name,energy_mj\n" + "".join(f"{row.name},{1e3 * (row.energy_j or 0):.9g}\n" for row in rows))
    output = tmp_path / "mine.yaml"
    code = main(
        [
            "calibrate",
            "light_squeezenet",
            "--bits",
            "w16a16",
            "--measured",
            str(table),
            "--device",
            "eyeriss_v1",
            "--output",
            str(output),
            "--samples",
            "5",
        ]
    )
    assert code == 0
    assert "memory.dram.pj_per_byte" in capsys.readouterr().out
    assert load(output).memories[-1].read_j


def test_energies_are_fitted_on_the_model_that_answers() -> None:
    """A CPU's caches serve other bytes on the cpu model than on a roofline: what is fitted is what it predicts with."""
    chip = load("generic_x86_server_core")
    prices = {"l2": 5e-12, "l3": 20e-12, "dram": 100e-12}
    memories = []
    for memory in chip.memories:
        each: dict[Operand, float] = dict.fromkeys(get_args(Operand), prices.get(memory.name, 0.0))
        memories.append(replace(memory, read_j=each, write_j=each))
    assert chip.vector is not None
    chip = replace(
        chip,
        precisions=tuple(replace(item, mac_j=2e-12) for item in chip.precisions),
        vector=replace(chip.vector, op_j=1e-12),
        memories=tuple(memories),
    )
    prepared = hwsim.prepare("light_squeezenet")
    rows = tuple(
        Measurement(layer.name, latency_s=layer.latency_s, energy_j=layer.energy_j)
        for layer in hwsim.estimate(prepared, chip).layers
    )
    assert all(row.energy_j for row in rows)
    found = calibrate_energies(Cases((Case("squeeze", prepared, rows),)), load("generic_x86_server_core"), samples=2)
    assert found.rung == "cpu"
    assert found.in_sample.mape.value is not None and found.in_sample.mape.value < 0.03
    prices = {item.path: item.value for item in found.constants}
    assert prices["compute.vector.op_pj"] == pytest.approx(1.0, rel=0.25)


def test_an_energy_is_given_or_power_times_time() -> None:
    def told(**figures: float) -> tuple[float | None, bool, bool]:
        row = Measurement("a", **figures)  # type: ignore[arg-type]
        found = Cases((Case("squeezenet", NETWORK, (Measurement("b"), row)),))
        return _energy(row), has_energies(found), has_latencies(found)

    assert told(energy_j=2.0, power_w=3.0, latency_s=5.0) == (2.0, True, True) and told(energy_j=0.0) == (
        0.0,
        True,
        False,
    )
    assert told(power_w=3.0, latency_s=5.0) == (15.0, True, True)
    assert (
        told(power_w=3.0) == (None, False, False)
        and told(latency_s=0.0) == (None, False, True)
        and told() == (None, False, False)
    )
    assert not has_energies(Cases(())) and not has_latencies(Cases(()))


def _gathered(*rows: Measurement, hold_out: str = "layer", **more: Any) -> _Rows:
    return _gather(
        [Case("net", NETWORK, rows, **more)],
        lambda mode: replace(load("eyeriss_v1"), operating_point=f"at {mode}"),
        "roofline",
        hold_out,
    )  # type: ignore[arg-type]


def test_what_a_row_counts_is_what_its_layers_take_at_one_unit_each() -> None:
    """Of rows of several layers the sum; of nothing measured nothing; a time that was measured is that of its standing power."""
    unit = {
        layer.name: layer
        for layer in hwsim.estimate(NETWORK, _one_unit_each(load("eyeriss_v1")), rung="roofline").layers
    }
    first, second = list(unit)[:2]
    rows = _gathered(
        Measurement(first, covers=(second,), energy_j=2.0), Measurement("zero", energy_j=0.0),
        Measurement(first, energy_j=0.0, output="zero"),
        Measurement(list(unit)[2], energy_j=-1.0), Measurement(list(unit)[3], energy_j=4.0, latency_s=0.5),
        Measurement(list(unit)[4], latency_s=1.0),
    )  # fmt: skip
    assert rows.components == ("dram", "gbuf", "leakage", "mac", "spad", "vector")
    assert rows.measured.tolist() == [2.0, 4.0] and rows.macs.tolist() == [
        unit[first].macs + unit[second].macs,
        unit[list(unit)[3]].macs,
    ]
    both = [unit[first].energy_by_j or {}, unit[second].energy_by_j or {}]
    expected = [sum(part.get(name, 0.0) for part in both) for name in rows.components]
    assert rows.counts[0] == pytest.approx(expected) and rows.counts[0][2] == pytest.approx(
        unit[first].latency_s + unit[second].latency_s
    )
    assert rows.counts[1][2] == 0.5
    assert rows.labels[0] in set("01234")
    assert _gathered(Measurement(first, energy_j=1.0), hold_out="model").labels == ("net",)
    assert _gathered(Measurement(first, energy_j=1.0), hold_out="mode", mode="low").labels == ("at low",)
    nothing = _gathered(Measurement("nobody", energy_j=1.0))
    assert nothing.counts.shape == (0, 0) and nothing.components == ()


def test_a_device_at_one_unit_each() -> None:
    """A picojoule a MAC, operation and byte, a watt of standing power; wires and the host's side take nothing."""
    device = replace(load("eyeriss_v1"), power_w={"idle": 9.0, "tdp": 5.0})
    one = _one_unit_each(device)
    assert {item.mac_j for item in one.precisions} == {1e-12} and one.static_w == 1.0 and one.power_w == {"tdp": 5.0}
    every = {"input": 1e-12, "weight": 1e-12, "output": 1e-12}
    assert all(memory.read_j == memory.write_j == every and memory.leakage_w is None for memory in one.memories)
    assert all(network.hop_j == 0.0 for network in one.networks) and one.standing_w == 1.0
    assert (
        one.vector is not None
        and one.vector.op_j == 1e-12
        and _one_unit_each(replace(device, vector=None)).vector is None
    )


def test_what_a_profile_gives_in_units() -> None:
    """Means over precisions that have one, and over reading and writing; what is not given is not a number."""
    device = load("eyeriss_v1")
    wide = replace(device.precisions[0], mac_j=4e-12)
    assert _given(
        replace(device, precisions=(wide, replace(wide, mac_j=1e-12), replace(wide, mac_j=None))), "mac"
    ) == pytest.approx(2.5)
    assert math.isnan(_given(replace(device, precisions=(replace(wide, mac_j=None),)), "mac"))
    assert device.vector is not None and _given(
        replace(device, vector=replace(device.vector, op_j=3e-12)), "vector"
    ) == pytest.approx(3.0)
    assert math.isnan(_given(replace(device, vector=replace(device.vector, op_j=None)), "vector"))
    uneven = replace(device.memories[0], name="m", read_j={"input": 1e-12, "weight": 2e-12}, write_j={"output": 6e-12})
    told = replace(
        device,
        memories=(uneven, replace(uneven, name="n", read_j=None), replace(uneven, name="o", read_j=None, write_j=None)),
    )
    assert (_given(told, "m"), _given(told, "n")) == (pytest.approx(3.0), pytest.approx(6.0)) and math.isnan(
        _given(told, "o")
    )


def test_components_that_too_few_rows_decide_stay() -> None:
    """One row of which b takes a third: it stays as the profile has it; with a second one it is fitted, as is what the profile lacks."""

    def fitted(rows: int, sheet: tuple[float, ...] = (1.0, 1.0)) -> list[str]:
        counts = np.array([[1.0, 1.0]] * rows + [[1.0, 0.01]] * (8 - rows))
        found = _Rows(("a", "b"), counts, counts @ np.array([2.0, 1.5]), np.ones(8), ("0",) * 8)
        return [constant.path for constant in _fit(found, np.array(sheet), 0)[0].constants]

    assert fitted(1) == ["a"] and fitted(2) == ["a", "b"] and fitted(1, (1.0, math.nan)) == ["a", "b"]
    problem = _problem(
        _Rows(("a", "b", "c"), np.ones((2, 3)), np.array([3.0, 4.0]), np.ones(2), ("0", "1")),
        np.array([2.0, 0.0, math.nan]),
        {"a"},
    )
    assert problem.constants == (
        Constant("b", "time", 0.0, 0.0, math.inf, 100.0), Constant("c", "time", 0.0, 0.0, math.inf, 100.0),
    )  # fmt: skip
    assert problem.measured.tolist() == [3.0, 4.0] and problem.predict(np.zeros(2))[0] == pytest.approx([2.0, 2.0])
    whole = _problem(_Rows(("a",), np.ones((1, 1)), np.ones(1), np.ones(1), ("0",)), np.array([2.0]), set())
    assert whole.constants == (Constant("a", "time", 2.0, 0.0, math.inf, 2.0),)


def test_rows_of_a_fold_are_predicted_by_the_others() -> None:
    """Two folds whose energies differ: each is told by the other's; by one fold alone nothing is."""
    counts, macs = np.ones((8, 1)), np.arange(1.0, 9.0)
    rows = _Rows(("a",), counts, np.array([2.0] * 4 + [4.0] * 4), macs, ("0",) * 4 + ("1",) * 4)
    held, guess, folds = _held_out(rows, np.array([math.nan]), 0)
    assert (
        folds == 2 and held[:4] == pytest.approx([4.0] * 4, rel=0.02) and held[4:] == pytest.approx([2.0] * 4, rel=0.02)
    )
    assert guess[:4] == pytest.approx(macs[:4] * (proportional(macs[4:], [4.0] * 4) or 0.0))
    alone, none, single = _held_out(replace(rows, labels=("0",) * 8), np.array([1.0]), 0)
    assert single == 1 and np.isnan(alone).all() and np.isnan(none).all()
    assert np.isnan(_held_out(replace(rows, macs=np.zeros(8)), np.array([1.0]), 0)[1]).all()


def test_what_an_energy_fit_records() -> None:
    """Values, ranges and what was before in the unit of each key; rungs that have counts of their own, others not."""
    (case,) = _rows(0.0, 0).cases
    found = calibrate_energies(Cases((case,)), load("eyeriss_v1"), rung="roofline", samples=2, data=[("a", "b")])
    assert (found.device, found.rung, found.rows, found.data, found.notes) == (
        "eyeriss_v1",
        "roofline",
        len(case.rows),
        (("a", "b"),),
        (),
    )
    assert (found.hold_out, found.folds, found.held_out.n, found.in_sample.n, found.uncalibrated.n, found.baseline.n) == (
        "layer", 5, len(case.rows), len(case.rows), 0, len(case.rows),
    )  # fmt: skip
    idle = next(item for item in found.constants if item.path == "power.idle_mw")
    device = load("eyeriss_v1")
    assert idle.before == pytest.approx(1e3 * (device.standing_w or 0.0)) and idle.value == pytest.approx(200, rel=0.02)
    mac = next((item for item in found.constants if item.path.endswith("mac_pj")), None)
    assert mac is None or mac.before == pytest.approx(1.7)
    assert list(found.undetermined) == sorted(found.undetermined) and not {item.path for item in found.constants} & set(
        found.undetermined
    )
    for rung in ("mapping", "simulate"):
        with pytest.raises(
            UsageError,
            match=rf"^calibration: energies are fitted with --model roofline, cpu, gpu or systolic, not {rung}: its counts depend on them$",
        ):
            calibrate_energies(Cases((case,)), device, rung=rung)
    with pytest.raises(UsageError, match=r"^calibration: 0 rows with an energy found their layers, at least 2 must$"):
        calibrate_energies(Cases((replace(case, rows=()),)), device, rung="roofline")
    few = calibrate_energies(Cases((replace(case, rows=case.rows[:2]),)), device, rung="roofline", samples=0)
    assert few.rows == 2
