"""HCM's worked example comes out of the product: ResNet-18 layer 11 in 1 mm² at 28 nm, 800 MHz, DDR4-2400 on 64 bits.

Karbachevsky et al., Sustainability 13(2):717, 2021, doi:10.3390/su13020717. Figures are rounded as printed. The 32-bit column is
outside the area fit's range and no oracle.
"""

from __future__ import annotations

import pytest

import hwsim
from hwsim.graph import Network

COLUMNS = [
    # bits, used PEs, peak Gop/s, intensity op/bit, attainable Gop/s, bound
    (16, 196, 1568, 11.63, 1568, "compute"),
    (8, 676, 5408, 23.26, 3573, "dram"),
    (4, 1849, 14792, 46.53, 7147, "dram"),
]


@pytest.mark.parametrize(("bits", "used", "peak", "intensity", "attainable", "bound"), COLUMNS)
def test_layer_11_on_one_square_millimetre(
    bits: int, used: int, peak: float, intensity: float, attainable: float, bound: str
) -> None:
    network = Network.builder("layer11").input("x", (1, 256, 14, 14), "float32").conv(256, kernel=3, bias=False).build()
    device = hwsim.load_device("hcm_28nm", [f"pe.bits={bits}"])
    assert device.array.pes == used
    estimate = hwsim.estimate(hwsim.prepare(network, bits=f"w{bits}a{bits}"), device, units="bit")
    layer = estimate.layers[0].to_dict()
    assert round(layer["peak_op_per_s"] / 1e9) == peak
    assert round(layer["intensity_op_per_bit"], 2) == intensity
    assert round(layer["attained_op_per_s"] / 1e9) == attainable
    assert layer["bound_by"] == bound


def test_few_channels_leave_elements_idle() -> None:
    """A 64→64 layer keeps at most 64·64 elements busy, whatever the memory."""
    network = Network.builder("small").input("x", (1, 64, 56, 56), "float32").conv(64, kernel=3, bias=False).build()
    device = hwsim.load_device("hcm_28nm", ["pe.bits=4", "area_budget_mm2=10"])
    layer = hwsim.estimate(hwsim.prepare(network, bits="w4a4"), device, units="bit").layers[0]
    assert device.array.pes > 4096
    assert layer.spatial_utilization == pytest.approx(4096 / device.array.pes)
