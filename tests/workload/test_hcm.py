"""Every figure of HCM that was read or reproduced: Karbachevsky et al., arXiv:2004.08906 and doi:10.3390/su13020717."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from hwsim.graph import Network
from hwsim.graph.build import conv
from hwsim.graph.precision import with_bits
from hwsim.workload import LoopNest, OperandType, hcm
from hwsim.workload.complexity import complexity


def layer_11(bits: int) -> LoopNest:
    """ResNet-18 layer 11: 3×3, 256 to 256, 14×14."""
    kind = OperandType(f"int{bits}")
    return LoopNest(
        k=256, c=256, q=14, p=14, s=3, r=3, height=14, width=14, pad_top=1, pad_left=1, input=kind, weight=kind, output=kind
    )  # fmt: skip


@pytest.mark.parametrize(("bits", "intensity"), [(32, 5.82), (16, 11.63), (8, 23.26), (4, 46.53)])
def test_intensity_of_layer_11(bits, intensity):
    nest = layer_11(bits)
    assert hcm.operations(nest) == 14 * 14 * 256 * 256 * 10
    assert hcm.traffic_bits(nest) == bits * (256 * 256 * 9 + 2 * 14 * 14 * 256)
    assert round(hcm.operations(nest) / hcm.traffic_bits(nest), 2) == intensity


def test_multilayer_perceptron_at_32_bits():
    widths = (16, 64, 32, 32, 5)
    kind = OperandType("int32")
    nests = [LoopNest(k=m, c=n, input=kind, weight=kind) for n, m in pairwise(widths)]
    assert sum(hcm.bops(nest) for nest in nests) == 4_652_832
    builder = Network.builder("mlp").input("x", (1, 16), "int32")
    for width in widths[1:]:
        builder = builder.dense(width)
    found = complexity(builder.build())
    assert found.bops == 4_652_832 and found.to_dict()["totals"]["bops"] == 4_652_832


@pytest.mark.parametrize(("bits", "ratio"), [(8, 1.42), (4, 2.20), (2, 4.79), (1, 14.2)])
def test_ratio_to_the_plain_convention(bits, ratio):
    nest = layer_11(bits)
    assert hcm.bops_product(nest) == nest.macs * bits * bits
    assert float(f"{hcm.bops(nest) / hcm.bops_product(nest):.3g}") == ratio


def test_accumulator_width_is_not_rounded():
    assert hcm.accumulator_bits(256, 9, 8, 8) == 16 + math.log2(2304)
    nest = layer_11(8)
    assert hcm.bops(nest) == nest.macs * (64 + 16 + math.log2(2304))


def test_density_scales_only_the_product():
    dense, half = (hcm.bops_per_mac(16, 9, 4, 8, density) for density in (1.0, 0.5))
    assert dense - half == 16


def test_groups_rectangles_batch_and_repeats():
    nest = LoopNest(n=2, g=3, k=4, c=5, q=6, p=7, s=1, r=3, repeat=2)
    assert hcm.bops(nest) == nest.macs * (64 + 16 + math.log2(15))
    assert hcm.operations(nest) == nest.macs // 3 * 4
    assert hcm.bops(LoopNest(c=0)) == 0


def test_a_network_counts_its_layers():
    found = complexity(with_bits(conv("1,256,14,14,256,3,3,1,1"), "w8a8"))
    assert found.hcm_operations == hcm.operations(layer_11(8))
    assert round(found.hcm_intensity, 2) == 23.26
    assert found.bops == hcm.bops(layer_11(8))


def test_bits_of_operands_of_every_repeat():
    nest = LoopNest(
        n=2, g=3, k=4, c=5, q=6, p=7, s=1, r=3, repeat=3, input=OperandType("int4"), output=OperandType("int16")
    )
    inputs, weights, outputs = nest.elements
    assert hcm.traffic_bits(nest) == 3 * (4 * inputs + 8 * weights + 16 * outputs)
    assert hcm.bops_product(nest) == nest.macs * 32 and hcm.operations(nest) == 3 * 2 * 3 * 4 * 5 * 42 * 4
    assert hcm.bops_per_mac(16, 9, 4, 8) == 32 + 12 + math.log2(144)
    half = LoopNest(c=5, r=3, weight=OperandType("int8", 0.5))
    assert hcm.bops(half) == half.macs * (32 + 16 + math.log2(15)) and hcm.bops_product(half) == half.macs * 64
