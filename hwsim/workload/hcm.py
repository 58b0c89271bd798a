"""HCM: bit operations, accumulator width, operations and traffic in bits, and the area of a processing element.

Sources: Karbachevsky et al., "HCM: Hardware-Aware Complexity Metric for Neural Network Architectures," arXiv:2004.08906, 2020 [H20]; the
same authors, "Early-Stage Neural Network Hardware Performance Analysis," Sustainability 13(2):717, 2021, doi:10.3390/su13020717 [H21];
Hawks et al., "Ps and Qs: Quantization-Aware Pruning for Efficient Low Latency Neural Network Inference," 2021, for the sparse form.

n is input channels of a group, m its output channels, taps the kernel's elements (k² of a square one).
"""

from __future__ import annotations

import math

from hwsim.workload.nest import LoopNest

#: Bits that the area formulas were fitted on; outside of them they extrapolate.
FITTED_BITS = (2, 16)


def accumulator_bits(n: int, taps: int, weight_bits: int, activation_bits: int) -> float:
    """Width that n · taps products need to be summed without loss [bit], not rounded: b_a + b_w + log2(n · taps) ([H20])."""
    return activation_bits + weight_bits + math.log2(n * taps)


def bops_per_mac(n: int, taps: int, weight_bits: int, activation_bits: int, density: float = 1.0) -> float:
    """Bit operations of one product and its accumulation [1]: p · b_a · b_w + b_a + b_w + log2(n · taps).

    density : share of weights kept; it scales only the product (Hawks et al. 2021).
    """
    return density * activation_bits * weight_bits + accumulator_bits(n, taps, weight_bits, activation_bits)


def bops(nest: LoopNest) -> float:
    """Bit operations of a nest in HCM's convention [1]; n and m are per group, times groups, batch and repeats."""
    macs = nest.macs
    if not macs:
        return 0.0
    weight = nest.weight
    return macs * bops_per_mac(nest.c, nest.s * nest.r, weight.bits, nest.input.bits, weight.density)


def bops_product(nest: LoopNest) -> int:
    """Bit operations in the plain convention [1]: MACs · b_w · b_a, as QONNX counts; density plays no part."""
    return nest.macs * nest.weight.bits * nest.input.bits


def operations(nest: LoopNest) -> int:
    """Operations of a nest in HCM's convention [1]: outputs · n · (taps + 1), a kernel's products and one accumulation ([H21])."""
    return nest.n * nest.g * nest.k * nest.c * nest.q * nest.p * (nest.s * nest.r + 1) * nest.repeat


def traffic_bits(nest: LoopNest) -> int:
    """Bits of a nest's operands when every tensor moves once [bit]: b_w · weights + b_a · inputs + b_a · outputs ([H21])."""
    inputs, weights, outputs = nest.elements
    once = inputs * nest.input.bits + weights * nest.weight.bits + outputs * nest.output.bits
    return once * nest.repeat


def pe_bops(bits: int) -> float:
    """Bit operations of one 3×3 element with one input and one output channel [1]: 9 (b² + 2 b + log2 9)."""
    return 9 * bops_per_mac(1, 9, bits, bits)


def pe_area_um2(bits: int) -> float:
    """Area of one 3×3 element, n = m = 1, b_w = b_a = bits, TSMC 28 nm [µm²]: 12.39 b² + 86.07 b − 14.02 (R² 0.9999877, [H21]).

    Outside FITTED_BITS it extrapolates: see ``extrapolates``. The element accumulates in bits + 4.
    """
    return 12.39 * bits**2 + 86.07 * bits - 14.02


def pe_area_from_bops(count: float) -> float:
    """Area of the same element from its bit operations [µm²]: 1.694 B + 153.46 (R² 0.998, [H21]); extrapolates beyond the BOPs of
    FITTED_BITS.
    """
    return 1.694 * count + 153.46


def extrapolates(bits: int) -> bool:
    """Whether the area formulas were not fitted on elements this wide."""
    return not FITTED_BITS[0] <= bits <= FITTED_BITS[1]


def pe_count(area_um2: float, pe_um2: float) -> int:
    """Elements that fit an area [1]."""
    return int(area_um2 // pe_um2)


def square_side(count: int) -> int:
    """Side of the largest square of at most ``count`` elements [1]: the array has side² of them in use."""
    return math.isqrt(count)
