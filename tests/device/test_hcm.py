"""HCM's areas, as printed in the figures of Karbachevsky et al., doi:10.3390/su13020717."""

from __future__ import annotations

import math

import pytest

from hwsim.cost.area import area
from hwsim.device import load
from hwsim.device.hcm import pe_area_um2, pe_bops, pes_in


@pytest.mark.parametrize(
    ("bits", "quadratic", "bops", "linear"),
    [
        (2, 207.68, 100.53, 323.76),
        (4, 528.50, 244.53, 567.69),
        (8, 1467.50, 748.53, 1421.47),
        (16, 4534.94, 2620.53, 4592.64),
        (32, 15427.58, 9820.53, 16789.44),
    ],
)
def test_area_of_a_processing_element(bits: int, quadratic: float, bops: float, linear: float) -> None:
    assert round(pe_area_um2(bits), 2) == quadratic
    assert round(pe_bops(bits), 2) == bops
    assert round(pe_area_um2(bits, fit="linear"), 2) == linear


@pytest.mark.parametrize(("bits", "side"), [(16, 14), (8, 26), (4, 43), (32, 8)])
def test_a_square_millimetre_of_elements(bits: int, side: int) -> None:
    assert pes_in(1.0, pe_area_um2(bits)) == side


@pytest.mark.parametrize(("bits", "pes"), [(16, 196), (8, 676), (4, 1849)])
def test_an_area_budget_gives_the_number_of_elements(bits: int, pes: int) -> None:
    """The worked example of HCM: PEs used of 1 mm², their peak at 800 MHz with 10 operations an element."""
    device = load("hcm_28nm", ["pe.kernel=3x3", f"pe.bits={bits}"])
    assert device.array.pes == pes
    assert device.pe_kernel == (3, 3)
    elements = area(device).by_component["mac_array"]
    assert elements == pytest.approx(pes * pe_area_um2(bits) * 1e-12)
    assert 0.8e-6 < elements <= 1e-6


def test_an_element_multiplies_its_whole_kernel_in_a_cycle() -> None:
    device = load("hcm_28nm", ["pe.kernel=3x5"])
    assert [precision.macs_per_pe_per_cycle for precision in device.precisions] == [15.0]
    assert any("3×5 kernel extrapolates" in note for note in device.notes)


@pytest.mark.parametrize("kernel", [(1, 1), (1, 4), (3, 5), (5, 3)])
def test_other_kernels_by_the_formulas_of_the_paper(kernel: tuple[int, int]) -> None:
    """k^2 (b^2 + 2 b + log2 k^2) bit operations; the quadratic fit goes with the taps, the linear one with the operations."""
    taps = kernel[0] * kernel[1]
    for bits in (2, 8):
        operations = taps * (bits**2 + 2 * bits + math.log2(taps))
        assert pe_bops(bits, kernel) == pytest.approx(operations)
        assert pe_area_um2(bits, kernel, "linear") == pytest.approx(1.694 * operations + 153.46)
        assert pe_area_um2(bits, kernel) == pytest.approx(pe_area_um2(bits) * taps / 9)


def test_as_many_elements_fit_as_a_square_has() -> None:
    assert [pes_in(1.0, area) for area in (1e6, 1e6 + 1, 250_000, 250_001, 1.0)] == [1, 0, 2, 1, 1000]
