"""TPU v1, ISCA 2017, Table 1: which side of the ridge (1350 MACs a byte of weights) each application lies on.

Tolerance 2 %: the rounding of the table's intensities.
"""

from __future__ import annotations

import pytest

import hwsim
from tests.published.accelerators import TPU_APPLICATIONS
from tests.published.edge_families import table
from tests.shared import needs_shared


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
    found = {
        row["app"]: (row["weights_M"], row["ops_per_weight_byte"], row["batch"]) for row in table("tpu_v1_apps_inputs")
    }
    assert {name: tuple(map(int, row)) for name, row in found.items()} == TPU_APPLICATIONS
