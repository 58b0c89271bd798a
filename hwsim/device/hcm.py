"""HCM's parametric processing element: area by bit-width, and how many fit a budget.

.. [1] A. Karbachevsky et al., "Early-Stage Neural Network Hardware Performance Analysis", Sustainability 13(2):717, 2021,
   doi:10.3390/su13020717: TSMC 28 nm, 3 × 3 kernel, one input and one output channel.
"""

from __future__ import annotations

import math

#: Bit-widths that the fits of [1]_ cover; outside of them they extrapolate.
FITTED_BITS = (2, 16)


def pe_bops(bits: float, kernel: tuple[int, int] = (3, 3)) -> float:
    """Bit operations of one PE with one input and one output channel [bit operation], k²(b² + 2b + log2 k²)."""
    taps = kernel[0] * kernel[1]
    return taps * (bits * bits + 2 * bits + math.log2(taps))


def pe_area_um2(bits: float, kernel: tuple[int, int] = (3, 3), fit: str = "quadratic") -> float:
    """Area of one PE at 28 nm [µm²].

    fit : ``quadratic`` in the bits (12.39 b² + 86.07 b - 14.02, for a 3 × 3 kernel; other kernels in proportion to their taps), or
    ``linear`` in the bit operations (1.694 B + 153.46). From [1]_, where the fits cover 2 to 16 bits.
    """
    if fit == "linear":
        return 1.694 * pe_bops(bits, kernel) + 153.46
    return (12.39 * bits * bits + 86.07 * bits - 14.02) * (kernel[0] * kernel[1] / 9)


def pes_in(budget_mm2: float, pe_um2: float) -> int:
    """Side of the square array of PEs that an area holds [1]: floor(√floor(budget / area))."""
    return math.isqrt(math.floor(budget_mm2 * 1e6 / pe_um2))
