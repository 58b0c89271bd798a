"""HCM's processing elements as a family: the fits of ``hwsim.device.hcm`` with their source and range [1]_.

.. [1] A. Karbachevsky et al., "Early-Stage Neural Network Hardware Performance Analysis," Sustainability 13(2):717, 2021,
   doi:10.3390/su13020717.
"""

from __future__ import annotations

from hwsim.device.hcm import FITTED_BITS, pe_area_um2
from hwsim.device.technology.record import Estimated
from hwsim.device.technology.tables import table
from hwsim.errors import UsageError


def pe_area(bits: float, kernel: tuple[int, int] = (3, 3), fit: str = "quadratic") -> Estimated:
    """Area of one k × k processing element at 28 nm [m²], weights and activations of ``bits``, one input and one output channel.

    fit : ``quadratic`` in the bits or ``linear`` in the bit operations. Kernels other than 3×3 and widths outside of 2 to 16 bits are
    marked as extrapolated. Raises UsageError below one bit.
    """
    if bits < 1:
        raise UsageError(f"processing element of {bits:g} bits: give at least 1")
    hcm = table("hcm")
    area = Estimated(pe_area_um2(bits, kernel, fit) * 1e-12, "m2", hcm["source"].strip(), hcm["quality"])
    low, high = FITTED_BITS
    if not low <= bits <= high:
        area = area.noted(f"{bits:.3g} bits by a fit of {low} to {high} bits", extrapolated=True)
    return area if kernel == (3, 3) else area.noted("by a fit of 3x3 kernels", extrapolated=True)


def local_memory_area(bits: float, ports: int = 1) -> Estimated:
    """Area of HCM's local memory at 28 nm [m²]: ``bits`` of storage with one port or two."""
    hcm = table("hcm")
    slope, offset = hcm["memory_single_port" if ports == 1 else "memory_dual_port"]
    return Estimated((slope * bits + offset) * 1e-12, "m2", hcm["source"].strip(), hcm["memory_quality"])
