"""HCM's processing elements: areas at 28 nm, fitted by their authors to synthesized k × k units [1]_.

.. [1] A. Karbachevsky et al., "Early-Stage Neural Network Hardware Performance Analysis," Sustainability 13(2):717, 2021,
   doi:10.3390/su13020717.
"""

from __future__ import annotations

import math

from hwsim.device.technology.record import Estimated
from hwsim.device.technology.tables import table


def pe_area(bits: float, kernel: tuple[int, int] = (3, 3)) -> Estimated:
    """Area of HCM's processing element at 28 nm [m²]: weights and activations of ``bits``, one input and one output channel.

    The quadratic fit for 3×3 kernels; for others the fit over bit operations, which is linear in them and extrapolated.
    """
    hcm = table("hcm")
    if tuple(hcm["kernel"]) == kernel:
        a, b, c = hcm["quadratic"]
        area = Estimated((a * bits**2 + b * bits + c) * 1e-12, "m2", hcm["source"].strip(), hcm["quality"])
    else:
        area = pe_area_from_bops(pe_bops(bits, bits, kernel)).noted("fitted to 3x3 kernels", extrapolated=True)
    low, high = hcm["fit_bits"]
    return area if low <= bits <= high else area.noted(f"fit covers {low} to {high} bits", extrapolated=True)


def pe_area_from_bops(bops: float) -> Estimated:
    """Area of HCM's processing element at 28 nm from its bit operations [m²]."""
    slope, offset = table("hcm")["linear"]
    return Estimated((slope * bops + offset) * 1e-12, "m2", table("hcm")["source"].strip(), table("hcm")["quality"])


def pe_bops(weight_bits: float, input_bits: float, kernel: tuple[int, int] = (3, 3)) -> float:
    """Bit operations of HCM's processing element [1]: k² (b_w b_a + b_w + b_a + log2 k²)."""
    taps = kernel[0] * kernel[1]
    return taps * (weight_bits * input_bits + weight_bits + input_bits + math.log2(taps))


def local_memory_area(bits: float, ports: int = 1) -> Estimated:
    """Area of HCM's local memory at 28 nm [m²]: ``bits`` of storage with one port or two."""
    hcm = table("hcm")
    slope, offset = hcm["memory_single_port" if ports == 1 else "memory_dual_port"]
    return Estimated((slope * bits + offset) * 1e-12, "m2", hcm["source"].strip(), hcm["memory_quality"])
