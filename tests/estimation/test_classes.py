"""Classes of work attain shares of their own, and filled-up dims cost what they fill up."""

from __future__ import annotations

from typing import get_args

import pytest

import hwsim
from hwsim.device.schema import WorkClass
from hwsim.workload import LoopNest
from hwsim.workload.classes import CLASSES, work_class

HEAD = "compute.precisions.float32"


def _compute(network: hwsim.Network, *overrides: str) -> float:
    """Compute time of the first layer on a core [s]."""
    device = hwsim.load_device("cortex_a72", overrides)
    return hwsim.estimate(network, device, rung="roofline").layers[0].compute_s


def _conv(filters: int = 16, channels: int = 16, **more: int) -> hwsim.Network:
    return hwsim.Network.builder("net").input("x", (1, channels, 16, 16)).conv(filters, bias=False, **more).build()


def test_names_are_the_same_in_both_rooms() -> None:
    assert set(get_args(WorkClass)) == set(CLASSES)


@pytest.mark.parametrize(
    ("nest", "name"),
    [
        (LoopNest(k=10, c=10), "gemv"),
        (LoopNest(p=4, k=10, c=10), "matrix"),
        (LoopNest(n=4, k=10, c=10), "matrix"),
        (LoopNest(g=4, p=4, k=10, c=10, weight_role="activation"), "batched"),
        (LoopNest(g=36, p=4, k=10, c=10), "batched"),
        (LoopNest(g=8, q=4, p=4, s=3, r=3), "depthwise"),
        (LoopNest(g=8, c=2, k=2, q=4, p=4, s=3, r=3), "grouped"),
        (LoopNest(k=8, c=8, q=4, p=4), "pointwise"),
        (LoopNest(k=8, c=3, q=4, p=4, s=7, r=7), "stem"),
        (LoopNest(k=8, c=8, q=4, p=4, s=3, r=3), "window_3x3"),
        (LoopNest(k=8, c=8, q=4, p=4, s=3, r=3, stride_h=2, stride_w=2), "strided_3x3"),
        (LoopNest(k=8, c=8, q=4, p=4, s=1, r=7), "window"),
    ],
)
def test_classes(nest: LoopNest, name: str) -> None:
    assert work_class(nest) == name


def test_a_class_attains_its_own_share() -> None:
    base = _compute(_conv())
    assert _compute(_conv(), f"{HEAD}.by_class.window_3x3=0.5") == pytest.approx(2 * base)
    assert _compute(_conv(), f"{HEAD}.by_class.depthwise=0.5") == pytest.approx(base)
    assert _compute(_conv(), f"{HEAD}.efficiency=0.5", f"{HEAD}.by_class.window_3x3=1") == pytest.approx(base)


def test_filled_up_channels_cost_their_share() -> None:
    assert _compute(_conv(17), f"{HEAD}.padded.K=16") == pytest.approx(32 / 17 * _compute(_conv(17)))
    assert _compute(_conv(16, 3), f"{HEAD}.padded.C=4") == pytest.approx(4 / 3 * _compute(_conv(16, 3)))
    depthwise = _conv(16, 16, groups=16)
    assert _compute(depthwise, f"{HEAD}.padded.K=16", f"{HEAD}.padded.C=16") == pytest.approx(_compute(depthwise))
    assert _compute(depthwise, f"{HEAD}.padded.G=32") == pytest.approx(2 * _compute(depthwise))
    assert _compute(_conv(), f"{HEAD}.padded.G=32", f"{HEAD}.padded.P=6") == pytest.approx(18 / 16 * _compute(_conv()))
    row = hwsim.Network.builder("row").input("x", (1, 512)).dense(512, bias=False).build()
    assert _compute(row, f"{HEAD}.padded.P=6") == pytest.approx(_compute(row))


def test_an_unknown_class_suggests_the_nearest() -> None:
    with pytest.raises(hwsim.HwsimError, match="depthwise"):
        hwsim.load_device("cortex_a72", [f"{HEAD}.by_class.depthwize=0.5"])
