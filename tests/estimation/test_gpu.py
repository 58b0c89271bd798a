"""The gpu rung: the default of GPUs, never faster than the roofline's terms, and what it does not tile."""

from __future__ import annotations

import pytest

import hwsim
from hwsim.cost.gpu import gpu, products
from hwsim.device import load
from hwsim.errors import ProfileError, UsageError


@pytest.mark.parametrize("name", ["t4", "a100_sxm_80g", "p100", "mi210", "jetson_orin_agx"])
def test_the_default_of_a_gpu_is_no_faster_than_its_roofline(name: str) -> None:
    network = hwsim.prepare("light_resnet50", bits="fp16")
    tiled, plain = hwsim.estimate(network, name), hwsim.estimate(network, name, rung="roofline")
    assert (tiled.settings["model"], plain.settings["model"]) == ("gpu", "roofline")
    assert [layer.name for layer in tiled.layers] == [layer.name for layer in plain.layers]
    for mine, bound in zip(tiled.layers, plain.layers, strict=True):
        # the roofline charges a share of the peak that only well-shaped products attain, which tiles may exceed
        assert mine.latency_s >= bound.latency_s * 0.8
        assert mine.dram_bytes >= bound.dram_bytes * (1 - 1e-9)
        assert 0 <= mine.utilization <= 1
        assert 0 <= mine.spatial_utilization <= 1
    assert tiled.totals.latency_s > plain.totals.latency_s


def test_a_product_in_a_network_is_the_product_alone() -> None:
    device = load("v100")
    network = hwsim.Network.builder("gemm").input("x", (4096, 1024), "float16").dense(2048, bias=False).build()
    (layer,) = hwsim.estimate(network, device).layers
    alone = products(gpu(device, "float16"), 4096, 2048, 1024, bits=16, output_bits=16)
    assert layer.latency_s == pytest.approx(float(alone.kernel_s) + device.overheads.kernel_s, rel=0.02)
    assert layer.bound_by == "compute"


def test_batches_and_repeats_take_longer_and_depthwise_work_is_not_tiled() -> None:
    def seconds(batch: int, groups: int = 1) -> float:
        builder = hwsim.Network.builder("conv").input("x", (batch, 64, 56, 56), "float32")
        return hwsim.estimate(builder.conv(64, kernel=3, groups=groups, bias=False).build(), "t4").totals.latency_s

    assert seconds(1) < seconds(8) < 8.5 * seconds(1)
    assert seconds(8, groups=64) < seconds(8)


def test_what_is_no_gpu_and_what_runs_no_tiles_is_said() -> None:
    network = hwsim.Network.builder("tiny").input("x", (1, 8, 8, 8)).conv(8).build()
    with pytest.raises(ProfileError, match=r"eyeriss_v1.*kind"):
        hwsim.estimate(network, "eyeriss_v1", rung="gpu")
    with pytest.raises(UsageError, match="--tiles gpu"):
        hwsim.estimate(network, "t4", rung="simulate", tiles="gpu")
    assert hwsim.estimate(network, "t4", rung="simulate").settings["tiles"] == "roofline"


def test_what_l2_does_not_hold_crosses_the_edge_again() -> None:
    network = hwsim.Network.builder("gemm").input("x", (4096, 4096), "float32").dense(4096, bias=False).build()
    large, none = (load("v100", [f"memory.l2.capacity_mib={size}"]) for size in (4096, 0.001))
    moved = {}
    for device in (large, none):
        moved[device.sha256] = hwsim.estimate(network, device).layers[0].dram_bytes
        assert moved[device.sha256] == pytest.approx(
            float(products(gpu(device), 4096, 4096, 4096).memory_bytes), rel=0.01
        )
    assert moved[none.sha256] > 2 * moved[large.sha256]


@pytest.mark.parametrize(
    ("device", "dtype", "size", "said"),
    [
        ("h100_sxm", "float16", 1000, False),
        ("h100_sxm", "float16", 1001, True),
        ("h100_sxm", "float32", 1001, False),  # no matrix instructions of float32
        ("p100", "float16", 1001, False),  # none at all
    ],
)
def test_rows_that_no_word_of_matrix_instructions_divides_are_said(
    device: str, dtype: str, size: int, said: bool
) -> None:
    network = hwsim.Network.builder("net").input("x", (256, size), dtype).dense(512).build()
    notes = hwsim.estimate(network, device).notes
    assert any("no multiple of 16 bytes" in note for note in notes) == said
