"""NVDLA's performance spreadsheet (github.com/nvdla/hw, perf/NVDLA_OpenSource_Performance.xlsx), sheets AlexNet and ResNet-50.

Tolerance: a median error of 5 % a layer, for the sheet's gigabytes are 2.4 % smaller than 10^9; nine in ten layers within 10 %. It prices
1 x 1 convolutions with stride 2 at four times their weights, which no chip would move, and the first layer by channels in groups of
eight: those differ.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.published.accelerators import spreadsheet
from tests.shared import needs_shared


@needs_shared
def test_layers_of_nvdlas_spreadsheet() -> None:
    rows = spreadsheet()
    errors = np.array([abs(row.predicted / row.cycles - 1) for row in rows])
    assert len(rows) == 65
    assert np.median(errors) <= 0.05
    assert np.mean(errors <= 0.1) >= 0.85
    alexnet = [row for row in rows if row.network == "AlexNet"]
    assert sum(row.predicted for row in alexnet) == pytest.approx(sum(row.cycles for row in alexnet), rel=0.05)
    assert all(row.bound_by == row.expected_bound for row in alexnet)
