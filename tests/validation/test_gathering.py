"""What each measured row weighs in a fit, and which fold it is in."""

from __future__ import annotations

import pytest

from hwsim import load_device
from hwsim.estimation import prepare
from hwsim.graph import Network
from hwsim.validation.cases import Case
from hwsim.validation.gathering import _case, fold_of
from hwsim.validation.measured import Measurement
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
