"""The roofline rung against its own arithmetic, done by hand, and against what must never happen."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import hwsim
from hwsim.graph import Network


def single(channels: int = 64, size: int = 16, kernel: int = 3, batch: int = 1) -> Network:
    builder = Network.builder("one").input("x", (batch, channels, size, size), "int8")
    return builder.conv(channels, kernel=kernel, bias=False).build()


def test_one_convolution_by_hand() -> None:
    # 64·64·9·256 MACs on 256×256 int8 PEs at 700 MHz; weights 36,864 B, input and output 16,384 B each over 34 GB/s
    estimate = hwsim.estimate(single(), "tpu_v1", rung="roofline")
    layer = estimate.layers[0]
    assert layer.compute_s == pytest.approx(64 * 64 * 9 * 256 / (65536 * 700e6))
    assert layer.traffic_bytes["dram"].read == 36_864 + 16_384
    assert layer.traffic_bytes["dram"].write == 16_384
    assert layer.memory_s == pytest.approx((36_864 + 2 * 16_384) / 34e9)
    assert layer.bound_by == "dram"
    assert layer.second_bound_by == "compute"
    assert layer.slack == pytest.approx(layer.memory_s / layer.compute_s)
    assert layer.bits == {"input": 8, "weight": 8, "output": 8, "accumulator": 32}


def test_narrow_types_run_at_the_rate_of_wider_ones_and_it_is_said() -> None:
    wide = hwsim.estimate(single(), "tpu_v1", rung="roofline")
    narrow = hwsim.estimate(hwsim.prepare(single(), bits="w4a8"), "tpu_v1", rung="roofline")
    assert narrow.layers[0].compute_s == wide.layers[0].compute_s
    assert narrow.layers[0].traffic_bytes["dram"].read == 36_864 / 2 + 16_384
    assert any("int4" in warning and "int8" in warning for warning in narrow.warnings)


def test_activations_that_fit_stay_on_chip_unless_told_otherwise() -> None:
    network = (
        Network.builder("two").input("x", (1, 64, 16, 16), "int8").conv(64, bias=False).conv(64, bias=False).build()
    )
    kept = hwsim.estimate(network, "tpu_v1", rung="roofline")
    moved = hwsim.estimate(network, "tpu_v1", rung="roofline", keep_activations=False)
    assert moved.totals.dram_bytes - kept.totals.dram_bytes == 2 * 64 * 16 * 16
    assert kept.settings["keep_activations"] is True


def test_weights_fall_off_a_cliff_where_they_no_longer_fit() -> None:
    def streamed(side: int) -> float:
        network = Network.builder("dense").input("x", (1, side), "int8").dense(side, bias=False).build()
        return hwsim.estimate(network, "edge_tpu", rung="roofline").layers[0].dram_bytes - 2 * side

    assert streamed(2048) == 0  # 4 MiB stay in the 8 MiB of SRAM
    assert streamed(4096) == 4096 * 4096  # 16 MiB do not, and stream


def test_operators_that_are_not_known_are_named_and_still_priced() -> None:
    from hwsim.graph import Layer, Tensor

    tensors = {name: Tensor(name, (1, 1000), "int8") for name in ("x", "y")}
    network = Network("odd", (Layer("a", "Frobnicate", ("x",), ("y",), domain="acme"),), tensors, ("x",), ("y",))
    estimate = hwsim.estimate(network, "tpu_v1", rung="roofline")
    assert any("Frobnicate ×1" in warning for warning in estimate.warnings)
    assert estimate.layers[0].dram_bytes == 2000


def test_a_kernel_launch_costs_its_overhead() -> None:
    estimate = hwsim.estimate(single(), "a100_sxm_80g", rung="roofline")
    assert estimate.layers[0].bound_by == "overhead"
    assert estimate.layers[0].latency_s > 2.6e-6


sizes = st.sampled_from([8, 16, 24, 56])


@settings(max_examples=40, deadline=None)
@given(
    channels=sizes,
    size=sizes,
    kernel=st.sampled_from([1, 3, 5]),
    bandwidth=st.floats(0.1, 100),
    factor=st.floats(1, 100),
)
def test_a_faster_memory_never_raises_latency(
    channels: int, size: int, kernel: int, bandwidth: float, factor: float
) -> None:
    network = single(channels, size, kernel)
    slow = hwsim.load_device("tpu_v1", [f"memory.dram.bandwidth_gb_per_s={bandwidth!r}"])
    fast = hwsim.load_device("tpu_v1", [f"memory.dram.bandwidth_gb_per_s={bandwidth * factor!r}"])
    for rung in ("roofline", "systolic"):
        slower, faster = (hwsim.estimate(network, device, rung=rung).totals.latency_s for device in (slow, fast))
        assert faster <= slower * (1 + 1e-12)


@settings(max_examples=40, deadline=None)
@given(
    channels=sizes,
    size=sizes,
    bits=st.integers(1, 15),
    device=st.sampled_from(["eyeriss_v1", "tpu_v1", "a100_sxm_80g"]),
)
def test_lowering_bits_never_raises_bytes_nor_latency(channels: int, size: int, bits: int, device: str) -> None:
    more, fewer = (
        hwsim.estimate(hwsim.prepare(single(channels, size), bits=f"w{width}a{width}"), device, rung="roofline").totals
        for width in (bits + 1, bits)
    )
    assert fewer.dram_bytes <= more.dram_bytes
    assert fewer.weight_bytes <= more.weight_bytes
    assert fewer.latency_s <= more.latency_s * (1 + 1e-12)
    assert fewer.macs == more.macs


@settings(max_examples=20, deadline=None)
@given(batch=st.integers(1, 64))
def test_batch_scales_macs_linearly(batch: int) -> None:
    one, many = (hwsim.estimate(single(batch=count), "tpu_v1", rung="roofline").totals for count in (1, batch))
    assert many.macs == batch * one.macs
    assert many.throughput_per_s >= one.throughput_per_s * (1 - 1e-12)


def test_an_array_too_large_to_search_unasked_answers_by_the_roofline() -> None:
    estimate = hwsim.estimate("light_squeezenet", "groq_tsp")
    assert estimate.settings["model"] == "roofline"
    assert estimate.totals.latency_s > 0
