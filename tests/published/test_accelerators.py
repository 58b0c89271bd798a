"""NVDLA's spreadsheet and primer, and TPU v1's applications, beside the roofline.

Spreadsheet: median error of 5 % a layer, for the sheet's gigabytes are 2.4 % smaller than 10^9; nine in ten layers within 10 %. It
prices 1 x 1
convolutions with stride 2 at four times their weights, which no chip would move, and the first layer by channels in groups of eight:
those differ. Primer: a roofline
knows nothing of channels that fill no array, so it is up to a third fast for 128 MACs and more, and twice for the two smallest, which the
primer charges for more traffic than their tensors. TPU v1: which side of the ridge (1350 MACs a byte of weights) each application lies on.
"""

from __future__ import annotations

import csv

import numpy as np
import pytest

import hwsim
from tests.published.accelerators import PRIMER, TPU_APPLICATIONS, primer, spreadsheet
from tests.shared import SHARED, needs_shared


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


def test_frames_of_nvdlas_primer() -> None:
    for macs, (ours, theirs) in primer().items():
        assert 1 <= ours / theirs <= (1.4 if macs >= 128 else 1.9)


@pytest.mark.parametrize("name", TPU_APPLICATIONS)
def test_tpu_applications_lie_on_their_side_of_the_ridge(name: str) -> None:
    weights, intensity, batch = TPU_APPLICATIONS[name]
    side = round((weights * 1e6) ** 0.5)
    uses = round(intensity / batch)  # places of an image at which a weight is used
    network = (
        hwsim.Network.builder(name).input("x", (batch, side, 1, uses), "int8").conv(side, kernel=1, bias=False).build()
    )
    estimate = hwsim.estimate(hwsim.prepare(network, bits="w8a8"), "tpu_v1", rung="roofline")
    (layer,) = estimate.layers
    read_s = side * side / 34e9  # its weights from DRAM, once; activations are in the unified buffer
    assert layer.macs / (side * side) == pytest.approx(intensity, rel=0.01)
    assert (read_s > layer.compute_s) == (intensity < 1350)
    assert layer.compute_s / read_s == pytest.approx(intensity / 1350, rel=0.02)


@needs_shared
def test_the_facts_are_those_at_hand() -> None:
    def rows(name: str) -> list[dict[str, str]]:
        with (SHARED / "measured" / name).open(encoding="utf-8") as file:
            return list(csv.DictReader(line for line in file if not line.startswith("#")))

    found = [
        (row["macs"], row["conv_buffer_kB"], row["sdram_GBps"], row["resnet50_fps"])
        for row in rows("nvdla_primer_resnet50.csv")
    ]
    assert [tuple(map(float, row)) for row in found] == [tuple(map(float, row[:4])) for row in PRIMER]
    found_tpu = {
        row["app"]: (row["weights_M"], row["ops_per_weight_byte"], row["batch"])
        for row in rows("tpu_v1_apps_inputs.csv")
    }
    assert {name: tuple(map(int, row)) for name, row in found_tpu.items()} == TPU_APPLICATIONS
