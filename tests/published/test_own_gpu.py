"""An H100 that nothing was fitted to: products beside the naive roofline, and what calibration makes of a framework's layers."""

from __future__ import annotations

import pytest

from tests.published import own_gpu

BARS = {
    # kind, type, rows of whole 16 bytes: rows at least, median error at most. NeuSight's and DeepBench's bar is 15 %
    ("linear", "float32", None): (50, 0.15),
    ("bmm", "float32", None): (70, 0.15),
    ("linear", "float16", True): (15, 0.22),  # most of them too short to fill 132 SMs
    ("bmm", "float16", True): (15, 0.17),
}


@pytest.mark.parametrize(("kind", "dtype", "aligned"), BARS)
def test_products_on_a_device_never_seen(kind: str, dtype: str, aligned: bool | None) -> None:
    rows, most = BARS[kind, dtype, aligned]
    found = own_gpu.error(kind, dtype, aligned)
    assert found.rows >= rows
    assert found.median <= most
    assert found.median < 0.52 * found.naive


def test_rows_that_are_no_whole_words_are_slower_than_predicted() -> None:
    """A limit that README and each estimate say: libraries do not pad."""
    assert own_gpu.error("linear", "float16", False).bias < 0.5


@pytest.mark.filterwarnings("ignore")
def test_layers_of_a_framework_calibrated() -> None:
    found = own_gpu.calibrated("light_resnet50", "light_squeezenet", "light_vgg19")
    assert found.folds == 3 and found.rows > 250
    held_out, before, macs = found.held_out.mape.value, found.uncalibrated.mape.value, found.baseline.mape.value
    assert held_out is not None and before is not None and macs is not None
    assert (
        held_out < before and held_out < 0.55 * macs
    )  # not half: pools and convolutions of cuDNN stay far off, README says
    assert found.held_out.spearman.value is not None and found.held_out.spearman.value > 0.85
