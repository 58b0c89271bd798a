"""HCM: bit operations, accumulator width, operations and traffic in bits. Areas of its processing elements: ``device.hcm``.

Sources: Karbachevsky et al., "HCM: Hardware-Aware Complexity Metric for Neural Network Architectures," arXiv:2004.08906, 2020 [H20]; the
same authors, "Early-Stage Neural Network Hardware Performance Analysis," Sustainability 13(2):717, 2021, doi:10.3390/su13020717 [H21];
Hawks et al., "Ps and Qs: Quantization-Aware Pruning for Efficient Low Latency Neural Network Inference," 2021, for the sparse form.

n is input channels of a group, m its output channels, taps the kernel's elements (k² of a square one).
"""

from __future__ import annotations

import math

from hwsim.workload.nest import LoopNest


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
