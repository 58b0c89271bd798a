"""What each measured row weighs in a fit, and which fold it is in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwsim import load_device
from hwsim.device import Device
from hwsim.estimation import prepare
from hwsim.graph import Network
from hwsim.validation.calibration import _special
from hwsim.validation.cases import Case
from hwsim.validation.constants import entry_name
from hwsim.validation.fitting import Row
from hwsim.validation.gathering import Gathered, HoldOut, _case, _given, fold_of, gather
from hwsim.validation.measured import Measurement
from hwsim.validation.sensitivity import near
from hwsim.validation.terms import FUNCTION
from tests.validation.networks import prepared

DEVICE = load_device("cortex_a72")


def _weights(*rows: Measurement) -> list[tuple[float, bool]]:
    return [(row.weight, whole) for row, _, _, whole in _case(0, Case("tiny", prepared(), rows), DEVICE, "model")]


def test_a_row_that_varies_is_believed_less() -> None:
    """A tenth of spread halves the weight, three tenths leave a tenth of it."""
    rows = [
        Measurement(name, latency_s=1.0, spread=spread)
        for name, spread in (("first", 0.1), ("second", 0.3), ("pool", None))
    ]
    assert _weights(*rows) == [(pytest.approx(0.5), False), (pytest.approx(0.1), False), (1.0, False)]


def test_a_whole_model_weighs_as_a_fifth_of_its_layers_and_at_least_as_one() -> None:
    whole = Measurement("tiny", scope="model", latency_s=1.0)
    assert _weights(whole) == [(1.0, False)]
    one = Measurement("first", latency_s=1.0)
    assert _weights(one, whole) == [(1.0, False), (1.0, True)]
    builder = Network.builder("deep").input("x", (1, 8, 8, 8))
    for place in range(10):
        builder = builder.conv(8, kernel=3, name=f"c{place}")
    deep = prepare(builder.build())
    rows = (
        *(Measurement(f"c{place}", latency_s=1.0) for place in range(10)),
        Measurement("deep", scope="model", latency_s=9.0),
    )
    found = _case(0, Case("deep", deep, rows), DEVICE, "layer")
    assert [(row.weight, whole) for row, _, _, whole in found] == [(1.0, False)] * 10 + [(2.0, True)]
    assert [macs for _, _, macs, _ in found][-1] == deep.complexity.macs


def test_layers_of_equal_work_are_in_one_of_five_folds() -> None:
    builder = Network.builder("twins").input("x", (1, 8, 8, 8))
    for place in range(3):
        builder = builder.conv(8, kernel=3, name=f"same{place}")
    for place in range(30):
        builder = builder.conv(9 + place, kernel=1, name=f"other{place}")
    case = Case("twins", prepare(builder.build()), ())
    folds = [fold_of(case, [f"same{place}"]) for place in range(3)]
    assert len(set(folds)) == 1
    assert {fold_of(case, [f"other{place}"]) for place in range(30)} == {"0", "1", "2", "3", "4"}


def test_changes_of_layout_are_the_time_beside_the_layers() -> None:
    """Of a whole model's time the runtime's own copies are no layer's; what it takes to dispatch is."""
    rows = (
        Measurement("first", latency_s=1.0, op="ReorderInput"),  # a layer's row, whatever its operator is called
        Measurement("a", scope="overhead", op="ReorderInput", latency_s=0.25),
        Measurement("b", scope="overhead", op="MemcpyToHost", latency_s=0.5),
        Measurement("dispatch", scope="overhead", latency_s=8.0),
        Measurement("tiny", scope="model", latency_s=4.0),
    )
    found = [row for row, _, _, _ in _case(0, Case("tiny", prepared(), rows), DEVICE, "model")]
    assert [(row.measured, row.beside) for row in found] == [(1.0, 0.0), (4.0, 0.75)]
    alone = _case(
        0, Case("tiny", prepared(), rows[1:]), DEVICE, "model"
    )  # beside no layers there is nothing to leave out
    assert [(row.measured, row.beside) for row, _, _, _ in alone] == [(4.0, 0.0)]


@pytest.mark.parametrize("hold_out", ["model", "mode", "layer"])
def test_folds_are_models_modes_or_layers_of_equal_work(hold_out: HoldOut) -> None:
    case = Case("tiny", prepared(), (Measurement("first", latency_s=1.0), Measurement("second", latency_s=1.0)))
    labels = [label for _, label, _, _ in _case(0, case, replace(DEVICE, operating_point="slow"), hold_out)]
    layers = [fold_of(case, ["first"]), fold_of(case, ["second"])]
    assert labels == {"model": ["tiny"] * 2, "mode": ["slow"] * 2, "layer": layers}[hold_out]


def _functions(*sizes: int) -> Gathered:
    """Layers of a function that has no rate of its own in the profile, of so many thousand elements, and a product that takes longer."""
    builder = Network.builder("functions")
    for place, size in enumerate(sizes):
        builder = builder.input(f"x{place}", (size, 1000)).activation("Erf", name=f"erf{place}")
    builder = builder.input("m", (512, 512)).dense(512, bias=False, name="product")
    found = prepare(builder.build(), passes=())
    wide = ("memory.l1.bytes_per_cycle=1000", "memory.l2.bytes_per_cycle=1000", "memory.dram.bandwidth_gb_per_s=1000")
    device = load_device("cortex_a72", wide)
    device = replace(device, vector=replace(device.vector, by_function={}) if device.vector else None)
    rows = [Measurement(layer.name, latency_s=1e-3) for layer, _ in found.priced]
    return gather([Case("functions", found, tuple(rows))], lambda _: device, "roofline", "layer")


@pytest.mark.parametrize(("sizes", "own"), [((900, 800, 700), True), ((900, 800), False), ((900,) * 7, True)])
def test_a_function_gets_a_rate_of_its_own_where_three_rows_show_it(sizes: tuple[int, ...], own: bool) -> None:
    data = _functions(*sizes)
    (path,) = {
        part.constant.path for part in data.terms[0].parts if part.constant and part.constant.path.startswith(FUNCTION)
    }
    assert (path in _special(data, ())) == own
    assert _special(data, (path,)) == {path}  # what is asked for, and nothing else
    assert path in _special(replace(data, given=frozenset({path})), ("overheads.per_kernel_us",))


def test_some_of_the_rows_keep_what_belongs_to_them() -> None:
    data = _functions(900, 800, 700)
    keep = np.array([False, True, False, True])
    some = data.subset(keep)
    assert some.rows == (data.rows[1], data.rows[3]) and some.labels == (data.labels[1], data.labels[3])
    assert some.models == ("functions",) * 2 and some.terms == data.terms
    assert some.macs.tolist() == [0.0, 512.0**3] and some.whole.tolist() == [False, False]


def test_rows_of_all_cases_in_their_places() -> None:
    """Each with its network's place, its layers' places, what it took, its fold, its network's name and its MACs."""
    one, two = prepared(), prepared()
    cases = [
        Case(
            "one",
            one,
            (
                Measurement("second", latency_s=1.0),
                Measurement("one", scope="model", latency_s=9.0),
                Measurement("first", energy_j=1.0),
            ),
        ),
        Case(
            "two",
            two,
            (Measurement("pool", latency_s=2.0, covers=("classifier",)), Measurement("first", latency_s=0.0)),
            mode="low",
        ),
    ]
    asked: list[str] = []

    def of_mode(mode: str) -> Device:
        asked.append(mode)
        return replace(DEVICE, operating_point=mode or "own")

    found = gather(cases, of_mode, "roofline", "mode")
    sizes = [work.macs for _, work in one.priced]
    assert found.rows == (Row(0, (1,), 1.0), Row(0, (0, 1, 2, 3), 9.0), Row(1, (2, 3), 2.0))
    assert found.labels == ("own", "own", "low") and found.models == ("one", "one", "two")
    assert found.macs.tolist() == [sizes[1], sum(sizes), sizes[2] + sizes[3]] and found.whole.tolist() == [
        False,
        True,
        False,
    ]
    assert len(found.terms) == 2 and found.again is None and set(asked) == {"", "low"}
    assert DEVICE.vector is not None
    given = {f"{FUNCTION}{name}" for name in DEVICE.vector.by_function}
    given |= {
        f"compute.precisions.{entry_name(item)}.by_class.{name}"
        for item in DEVICE.precisions
        for name, _ in item.by_class
    }
    assert found.given == given and given
    bare = replace(
        DEVICE, vector=None, precisions=tuple(replace(item, by_class=(("gemv", 0.5),)) for item in DEVICE.precisions)
    )
    assert set(_given(bare)) == {f"compute.precisions.{entry_name(item)}.by_class.gemv" for item in DEVICE.precisions}


def test_of_a_gpu_networks_are_seen_again() -> None:
    chip = load_device("t4")
    case = Case("tiny", prepared(), (Measurement("first", latency_s=1e-5), Measurement("second", latency_s=1e-5)))
    found = gather([case], lambda _: chip, "gpu", "model")
    assert found.again is not None
    values = {"memory.dram.efficiency": 0.1}
    for terms, expected in (
        (found.terms, near(case.prepared, chip, "gpu", {})),
        (found.again(values), near(case.prepared, chip, "gpu", values)),
    ):
        assert terms[0].latency({}).tolist() == expected.latency({}).tolist()


@pytest.mark.parametrize(("layers", "weight"), [(1, 1.0), (5, 1.0), (6, 1.2)])
def test_a_whole_model_beside_its_layers(layers: int, weight: float) -> None:
    """A fifth of a row for each of its layers, where those are measured; half of that where it varies by a tenth."""
    builder = Network.builder("deep").input("x", (1, 8, 8, 8))
    for place in range(layers):
        builder = builder.conv(8, kernel=3, name=f"c{place}")
    rows = tuple(Measurement(f"c{place}", latency_s=1.0) for place in range(layers))
    case = Case(
        "deep", prepare(builder.build()), (*rows, Measurement("deep", scope="model", latency_s=9.0, spread=0.1))
    )
    found = _case(3, case, DEVICE, "model")
    assert found[-1][0] == Row(3, tuple(range(layers)), 9.0, pytest.approx(weight / 2), 0.0)  # type: ignore[arg-type]
    assert [row.weight for row, _, _, _ in found[:-1]] == [1.0] * layers
