"""Predictions beside measurements, from Python and from the command line."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hwsim import load_device
from hwsim.cli import main
from hwsim.errors import UsageError
from hwsim.estimation import Prepared, estimate, prepare
from hwsim.estimation.records import Traffic
from hwsim.onnx_io.generation import write
from hwsim.report.agreement import agreement
from hwsim.validation.cases import Case, Cases, cases, from_prepared
from hwsim.validation.comparison import Quantity, _dominant, compare
from hwsim.validation.measured import Measured, Measurement
from hwsim.validation.readers import read
from tests.validation.networks import prepared, tiny

DEVICE = load_device("cortex_a72")


def _rows(factor: float = 1.0, scope: str = "layer") -> tuple[Measurement, ...]:
    """As predicted, times a factor."""
    found = estimate(prepared(), DEVICE)
    layers = [Measurement(layer.name, latency_s=layer.latency_s * factor, spread=0.05) for layer in found.layers]
    whole = Measurement("tiny", scope="model", latency_s=found.totals.latency_s * factor)
    return (*layers, whole) if scope == "layer" else (whole,)


def test_predictions_that_are_right_have_no_error() -> None:
    found = compare(Cases((Case("tiny", prepared(), _rows()),)), DEVICE)
    assert found.statistics.mape.value == pytest.approx(0, abs=1e-12)
    assert found.statistics.kendall.value == pytest.approx(1)
    assert [entry.name for entry in found.wholes] == ["tiny"]
    assert found.noise.value == pytest.approx(0.05 * (2 / 3.141592653589793) ** 0.5)


def test_twice_as_slow_is_a_bias_of_a_half() -> None:
    found = compare(Cases((Case("tiny", prepared(), _rows(2.0)),)), DEVICE)
    assert found.statistics.bias.value == pytest.approx(0.5)
    assert found.statistics.total_error.value == pytest.approx(-0.5)
    for entry in found.entries:
        assert (entry.ratio, entry.error) == (pytest.approx(0.5), pytest.approx(-0.5))
    nothing = replace(found.entries[0], measured=0.0)
    assert nothing.ratio == nothing.error == math.inf
    worst = found.worst(1)[0]
    assert worst.measured == max(entry.measured for entry in found.entries)
    assert worst.bound_by and worst.share == 1.0


def test_the_baseline_is_proportional_to_macs() -> None:
    rows = tuple(Measurement(name, latency_s=macs * 1e-9) for name, macs in (("first", 442368), ("second", 1179648)))
    found = compare(Cases((Case("tiny", prepared(), rows),)), DEVICE)
    assert [entry.macs for entry in found.entries] == [442368, 1179648]
    assert found.baseline is not None
    assert found.baseline.mape.value == pytest.approx(0, abs=1e-12)


def test_a_quantity_that_the_profile_cannot_give_compares_nothing() -> None:
    rows = (Measurement("tiny", scope="model", power_w=3.0),)
    found = compare(Cases((Case("tiny", prepared(), rows),)), DEVICE)
    assert (found.quantity, found.entries) == ("power", ())
    assert found.statistics.mape.value is None


def test_overhead_does_not_say_what_was_measured() -> None:
    rows = (
        Measurement("dispatch", scope="overhead", latency_s=1.0),
        Measurement("first", energy_j=1e-3),
        Measurement("second", scope="layer", energy_j=1e-3),
    )
    assert compare(Cases((Case("tiny", prepared(), rows),)), DEVICE).quantity == "energy"


def test_a_row_is_of_the_operator_that_it_names_or_of_its_only_layer() -> None:
    rows = (
        Measurement("first", latency_s=1e-3),
        Measurement("second", latency_s=1e-3, op="Fused"),
        Measurement("pool", latency_s=1e-3, covers=("classifier",)),
    )
    found = compare(Cases((Case("tiny", prepared(), rows),)), DEVICE)
    assert {entry.name: entry.op for entry in found.entries} == {"first": "Conv", "second": "Fused", "pool": ""}


def test_rows_go_to_the_model_they_name() -> None:
    known = {"a.onnx": prepared(), "b.onnx": prepared()}
    rows = (Measurement("a", scope="model", latency_s=1.0), Measurement("first", model="b", latency_s=1.0))
    stray = Measurement("c", scope="model", latency_s=1.0, where="m.csv:4")
    found = cases(list(known), [Measured((*rows, stray))], from_prepared(known))
    assert {case.name for case in found.cases} == {"a", "b"}
    assert "no model 'c' was given" in found.strays[0][1]
    with pytest.raises(UsageError, match="fill the column model"):
        cases(list(known), [Measured((Measurement("first", latency_s=1.0),), path="m.csv")], from_prepared(known))


def test_rows_that_name_no_model_go_by_the_place_of_their_file() -> None:
    known = {"a.onnx": prepared(), "b.onnx": prepared()}
    first, second = (Measured((Measurement("first", latency_s=time),), path=f"{time}.csv") for time in (1.0, 2.0))
    found = cases(list(known), [first, second], from_prepared(known))
    assert {case.name: case.rows[0].latency_s for case in found.cases} == {"a": 1.0, "b": 2.0}
    (only,) = cases(["a.onnx"], [first, second], from_prepared(known)).cases  # all of them of the only model there is
    assert sorted(row.latency_s or 0 for row in only.rows) == [1.0, 2.0]
    with pytest.raises(UsageError, match=r"1\.0\.csv.*2 were given: fill the column model"):
        cases(list(known), [first], from_prepared(known))


def _table(folder: Path, factor: float) -> str:
    """A layer CSV's own prediction, as measured data."""
    network = folder / "net.csv"
    network.write_text("name,op,m,n,k\na,MatMul,64,64,64\nb,MatMul,256,256,256\nc,MatMul,512,512,512\n")
    found = estimate(str(network), DEVICE)
    path = folder / "measured.csv"
    lines = [f"{layer.name},{layer.latency_s * factor * 1e6}" for layer in found.layers]
    path.write_text("name,latency_us\n" + "\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize(
    ("bar", "code", "words"),
    [
        (("--max-mape", "60"), 0, ""),
        (("--max-mape", "15"), 1, "missed: mean absolute error is 50 %, above 15 %"),
        (("--min-within-10", "50"), 1, "missed: share of rows within 10 % is 0 %, below 50 %"),
        (("--max-total-error", "10"), 1, "missed: error of the total is 50 %"),
        (("--min-spearman", "0.9"), 0, ""),
    ],
)
def test_a_bar_that_is_missed_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bar: tuple[str, str], code: int, words: str
) -> None:
    path = _table(tmp_path, 2.0)
    argv = ("validate", str(tmp_path / "net.csv"), path, "--device", "cortex_a72", *bar)
    assert main(argv) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert (
        "mean absolute error (MAPE)" in captured.out
        and "noise of the measurement is not known" in captured.out.replace("\n", " ")
    )


def test_the_json_record_is_finite_and_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = _table(tmp_path, 1.25)
    assert main(("validate", str(tmp_path / "net.csv"), path, "--device", "cortex_a72", "--format", "json")) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "hwsim/validation/1"
    assert record["statistics"]["mape"]["value"] == pytest.approx(0.2, rel=1e-4)
    assert [layer["joined_by"] for layer in record["layers"]] == ["name"] * 3
    assert all(key in record for key in ("baseline", "noise_floor", "join", "not_joined", "warnings"))
    assert record["baseline"]["n"] == record["statistics"]["n"] == 3
    rows = tuple(
        Measurement(name, latency_s=1.0) for name in ("pool",)
    )  # no MACs, so no guess that is proportional to them
    assert compare(Cases((Case("tiny", prepared(), rows),)), DEVICE).to_dict()["baseline"] is None


def test_nothing_to_compare_is_a_mistake_in_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _table(tmp_path, 1.0)
    path = tmp_path / "other.csv"
    path.write_text("name,latency_us\nghost,3\nanother,4\n")
    assert main(("validate", str(tmp_path / "net.csv"), str(path), "--device", "cortex_a72")) == 2
    assert "no layer, node or tensor of that name" in capsys.readouterr().err


def test_a_measured_zero_is_left_out_in_words(tmp_path: Path) -> None:
    events = [
        {"ph": "X", "name": f"{name}_kernel_time", "cat": "Node", "ts": 10, "dur": time, "args": {"op_name": "Conv"}}
        for name, time in (("first", 0), ("second", 30))
    ]
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(events))
    found = compare(Cases((Case("tiny", prepared(), read(path).rows),)), DEVICE)
    assert found.statistics.left_out == (("measured zero", 1),)
    json.dumps(found.to_dict()["statistics"], allow_nan=False)


def test_a_plot_has_a_point_for_every_row(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("altair", reason="Altair is not installed: pip install '.[report]'")
    path, plot = _table(tmp_path, 2.0), tmp_path / "agreement.json"
    argv = ("validate", str(tmp_path / "net.csv"), path, "--device", "cortex_a72")
    assert main((*argv, "--plot", str(plot))) == 0
    text = plot.read_text()
    assert all(f'"row": "{name}"' in text for name in "abc")
    assert main((*argv, "--plot", "agreement.gif")) == 2
    assert ".png" in capsys.readouterr().err


def test_without_altair_a_plot_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(UsageError, match="install hwsim with its extra report"):
        agreement(compare(Cases((Case("tiny", prepared(), _rows()),)), DEVICE))


def test_a_flat_row_an_entry() -> None:
    rows = (*_rows(2.0), Measurement("first_relu", latency_s=1e-9, covers=("second",)))
    found = compare(Cases((Case("tiny", prepared(), rows),)), DEVICE).to_rows()
    assert [(row["scope"], row["layers"]) for row in found] == [
        ("layer", "first;second"), ("layer", "pool"), ("layer", "classifier"), ("model", "first;second;pool;classifier"),
    ]  # fmt: skip
    assert [row["ratio"] for row in found[1:]] == pytest.approx([0.5] * 3)


def test_a_prepared_network_is_of_one_batch_and_of_its_bits() -> None:
    plain, narrow = prepared(), prepare(tiny(), bits="w8a8")
    read_ = from_prepared({"plain": plain, "narrow": narrow})
    assert read_("plain", None, None) is read_("plain", 1, None) is plain
    assert read_("narrow", None, None) is read_("narrow", 1, "w8a8") is narrow
    for model, batch, bits, message in (
        ("plain", 2, None, "plain: measured at batch 2, prepared for batch 1"),
        ("plain", 0, None, "plain: measured at batch 0, prepared for batch 1"),
        ("plain", None, "w8a8", "plain: measured with w8a8, prepared with None"),
        ("narrow", 1, "w4a4", "narrow: measured with w4a4, prepared with w8a8"),
    ):
        with pytest.raises(UsageError, match=message):
            read_(model, batch, bits)


def test_rows_may_name_the_network_as_its_file_does() -> None:
    """By the stem of what was given, or by the name in the file; any other name is a stray."""
    rows = tuple(Measurement("first", model=name, latency_s=1.0) for name in ("net", "tiny", "other"))
    found = cases(["net.onnx"], [Measured(rows)], from_prepared({"net.onnx": prepared()}))
    assert [row.model for case in found.cases for row in case.rows] == ["net", "tiny"]
    assert [row.model for row, _ in found.strays] == ["other"]
    assert not found.cases[0].complete and not Case("a", prepared(), ()).complete


@pytest.mark.parametrize("quantity", ["latency", "energy", "power", "traffic"])
def test_what_a_row_is_beside_is_the_sum_of_its_layers(quantity: Quantity) -> None:
    """Of a power the energies over the times; compared in the quantity that was asked for, or else in the first that was measured."""
    device = load_device("eyeriss_v1")
    layers = {layer.name: layer for layer in estimate(prepared(), device, rung="roofline").layers}
    two = [layers["first"], layers["pool"]]
    seconds, joules = sum(layer.latency_s for layer in two), sum(layer.energy_j or 0.0 for layer in two)
    expected = {
        "latency": seconds, "energy": joules, "power": joules / seconds, "traffic": sum(layer.dram_bytes for layer in two),
    }  # fmt: skip
    row = Measurement("first", covers=("pool",), latency_s=2.0, energy_j=3.0, power_w=5.0, dram_bytes=7.0)
    other = Measurement("second", latency_s=1.0)
    found = compare(
        Cases((Case("tiny", prepared(), (row, other)),)), device, rung="roofline", quantity=quantity, resamples=10
    )
    entry = found.entries[0]
    assert entry.predicted == pytest.approx(expected[quantity]) and expected[quantity] > 0
    assert entry.measured == {"latency": 2.0, "energy": 3.0, "power": 5.0, "traffic": 7.0}[quantity]
    assert len(found.entries) == (2 if quantity == "latency" else 1)
    assert (found.device, found.rung) == ("eyeriss_v1", "roofline")
    unit = {"latency": "s", "energy": "j", "power": "w", "traffic": "bytes"}[quantity]
    record = found.to_dict()
    assert record["settings"] == {"model": "roofline", "quantity": quantity} and record["device"] == "eyeriss_v1"
    assert record["layers"][0] == {
        "model": "tiny", "scope": "layer", "name": "first", "op": "", "work": "stem", "macs": 442368,
        f"predicted_{unit}": entry.predicted, f"measured_{unit}": entry.measured, "ratio": entry.ratio, "error": entry.error,
        "bound_by": entry.bound_by, "share": entry.share, "joined_by": "name", "spread": None, "repeats": None,
        "layers": ["first", "pool"],
    }  # fmt: skip


def test_what_was_measured_first_is_compared() -> None:
    everything = {"latency_s": 1.0, "energy_j": 1.0, "power_w": 1.0, "dram_bytes": 1.0}
    for place, kind in enumerate(("latency", "energy", "power", "traffic")):
        rows = (Measurement("first", **dict(list(everything.items())[place:])),)  # type: ignore[arg-type]
        assert compare(Cases((Case("tiny", prepared(), rows),)), DEVICE).quantity == kind
    assert compare(Cases((Case("tiny", prepared(), ()),)), DEVICE).quantity == "latency"


def test_layers_are_compared_before_operators_and_those_before_models() -> None:
    layer, operator, whole = (
        Measurement(name, scope=scope, latency_s=1.0)  # type: ignore[arg-type]
        for name, scope in (("first", "layer"), ("Conv", "operator"), ("tiny", "model"))
    )
    for rows, chosen, wholes in (
        ((whole, operator, layer), ["first"], ["tiny"]), ((whole, operator), ["Conv"], ["tiny"]), ((whole,), ["tiny"], []), ((), [], []),
    ):  # fmt: skip
        found = compare(Cases((Case("tiny", prepared(), rows),)), DEVICE)
        assert [entry.name for entry in found.entries] == chosen and [entry.name for entry in found.wholes] == wholes
        assert len(found.to_rows()) == len(chosen) + len(wholes) and len(found.to_dict()["models"]) == len(wholes)


def test_modes_and_batches_of_a_network_have_names_of_their_own(tmp_path: Path) -> None:
    row = Measurement("", scope="layer", output="second_relu", latency_s=1.0)
    whole = Measurement("net", scope="model", latency_s=1.0)
    write(tiny(), tmp_path / "tiny.onnx")
    two = prepare(tmp_path / "tiny.onnx", batch=2)
    chips = {"": DEVICE, "slow": load_device("cortex_a72", ["clock_mhz=500"])}
    found = compare(
        Cases(
            (
                Case("tiny", prepared(), (row, whole)),
                Case("tiny", two, (row, whole)),
                Case("tiny", prepared(), (row, whole), mode="slow"),
            ),
            strays=((replace(row, where="m.csv:3"), "lost"), (replace(whole, where="m.csv:4"), "found")),
        ),
        lambda mode: chips[mode],
    )
    assert list(found.joins) == ["tiny", "tiny batch 2", "tiny (slow)"]
    assert [entry.model for entry in found.entries] == ["tiny", "tiny", "tiny (slow)"]
    assert [entry.name for entry in found.wholes] == ["tiny", "tiny", "tiny (slow)"]
    assert {entry.name for entry in found.entries} == {"second_relu"}
    one, double, slow = (entry.predicted for entry in found.wholes)
    assert one < double and one < slow
    assert found.worst(9) == sorted(found.entries, key=lambda entry: abs(entry.predicted - 1.0), reverse=True)
    assert found.worst(2) == found.worst(9)[:2] and found.worst(0) == []
    record = found.to_dict()
    assert record["not_joined"] == [
        {"where": "m.csv:3", "name": "second_relu", "reason": "lost"}, {"where": "m.csv:4", "name": "net", "reason": "found"},
    ]  # fmt: skip
    assert record["join"]["tiny"] == {
        "joined": 2, "placed_with_a_neighbour": [], "layers_without_a_row": ["first", "pool", "classifier"],
        "rows_without_a_layer": [], "overhead_s": 0, "notes": [],
    }  # fmt: skip


def test_the_term_that_takes_most_of_the_time_and_how_much_of_it() -> None:
    """Three layers of 4, 3 and 3 s: 1 s of computing, twice a memory's 2 and 3 s of its traffic; anything else binds all the time."""
    (layer, *_) = estimate(prepared(), DEVICE).layers
    compute = replace(layer, latency_s=4.0, bound_by="compute", compute_s=1.0, memory_s=3.0)
    memory = replace(
        layer, latency_s=3.0, bound_by="dram", compute_s=1.0, memory_s=2.0, traffic_bytes={"dram": Traffic(1, 1)}
    )
    longer = replace(memory, memory_s=5.0)
    vector, other = replace(compute, bound_by="vector"), replace(compute, bound_by="dispatch")
    assert _dominant([compute, memory, longer]) == ("dram", 0.5)
    assert _dominant([compute]) == ("compute", 0.25) and _dominant([vector]) == ("vector", 0.25)
    assert _dominant([other]) == ("dispatch", 1.0) and _dominant([longer]) == ("dram", 1.0)
    assert _dominant([]) == ("", 0.0) and _dominant([replace(layer, latency_s=0.0)])[1] == 0.0
    tie = replace(vector, bound_by="compute"), replace(memory, memory_s=1.0)
    assert _dominant(tie) == ("compute", 1 / 7)  # of equals the first


def test_a_row_is_of_the_class_of_most_of_its_macs() -> None:
    rows = tuple(
        Measurement(name, covers=covers, latency_s=1.0)
        for name, covers in (("first", ("second",)), ("classifier", ("pool",)), ("pool", ()))
    )
    for row, work, op, layers in zip(
        rows, ("strided_3x3", "gemv", "GlobalAveragePool"), ("", "", "GlobalAveragePool"), (2, 2, 1), strict=True
    ):
        (entry,) = compare(Cases((Case("tiny", prepared(), (row,)),)), DEVICE, resamples=5).entries
        assert (entry.work, entry.op, len(entry.layers)) == (work, op, layers)


def test_rows_are_sorted_by_all_that_makes_a_run() -> None:
    """Model, batch, precision, operating point, and whether the table lists all that ran; a reader is asked for just these."""
    rows = [
        Measurement("first", batch=batch, precision=precision, mode=mode, latency_s=1.0)
        for batch, precision, mode in (
            (None, "", ""),
            (2, "", ""),
            (None, "w8a8", ""),
            (None, "", "low"),
            (None, "", ""),
        )
    ]
    asked: list[tuple[str, int | None, str | None]] = []

    def reader(model: str, batch: int | None, bits: str | None) -> Prepared:
        asked.append((model, batch, bits))
        return prepared()

    found = cases(["dir/net.onnx"], [Measured(tuple(rows)), Measured(tuple(rows[:1]), complete=True)], reader)
    assert asked == [
        ("dir/net.onnx", None, None), ("dir/net.onnx", 2, None), ("dir/net.onnx", None, "w8a8"),
        ("dir/net.onnx", None, None), ("dir/net.onnx", None, None),
    ]  # fmt: skip
    assert [(case.name, len(case.rows), case.mode, case.complete) for case in found.cases] == [
        ("net", 2, "", False), ("net", 1, "", False), ("net", 1, "", False), ("net", 1, "low", False), ("net", 1, "", True),
    ]  # fmt: skip
    by_path = [Measurement("first", model=name, latency_s=1.0) for name in ("net", "dir/net.onnx", "nett")]
    found = cases(["dir/net.onnx", "b.onnx"], [Measured(tuple(by_path))], lambda *_: prepared())
    assert [len(case.rows) for case in found.cases] == [2]
    assert [reason for _, reason in found.strays] == ["no model 'nett' was given (did you mean net?)"]


def test_every_file_whose_rows_name_no_model_is_named_once() -> None:
    row = Measurement("first", latency_s=1.0)
    tables = [Measured((row, row), path=f"{name}.csv") for name in "xyz"]
    with pytest.raises(UsageError) as caught:
        cases(["a", "b"], tables, lambda *_: prepared())
    assert caught.value.findings == tuple(
        f"{name}.csv: its rows name no model, and 2 were given: fill the column model" for name in "xyz"
    )


@pytest.mark.parametrize(
    ("device", "mode", "words"),
    [
        ("cortex_a72", "fast", "cortex_a72 has no operating point fast (its profile has none: leave the column empty)"),
        ("jetson_tx2", "max_n", "jetson_tx2 has no operating point max_n (did you mean maxn?)"),
    ],
)
def test_a_mode_that_the_device_has_not_is_said_with_its_row(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, device: str, mode: str, words: str
) -> None:
    table = Path(_table(tmp_path, 1.0))
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},mode", f"{lines[1]},", *(f"{line},{mode}" for line in lines[2:])]))
    network = str(tmp_path / "net.csv")
    for argv in (("validate", network, str(table)), ("calibrate", network, "--measured", str(table))):
        assert main((*argv, "--device", device)) == 2
        assert capsys.readouterr().err == f"hwsim: error: {table}:3: mode: {words}\n"


@pytest.mark.parametrize("latency", ["1e300", "1e-200"])
def test_times_beyond_all_units_keep_the_table_narrow(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, latency: str
) -> None:
    table = Path(_table(tmp_path, 1.0))
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:-1], f"{lines[-1].split(',')[0]},{latency}"]))
    assert main(("validate", str(tmp_path / "net.csv"), str(table), "--device", "cortex_a72")) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    assert f"1.00e{int(latency[2:]) - 6:+} s" in out
