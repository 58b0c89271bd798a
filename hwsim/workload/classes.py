"""Classes of multiply-accumulate work that software has different code for, and that attain different shares of a peak."""

from __future__ import annotations

from hwsim.workload.nest import LoopNest

#: What a class is, by name.
CLASSES: dict[str, str] = {
    "gemv": "a matrix and one row: every weight is used once",
    "matrix": "a product of matrices",
    "batched": "many products of matrices: attention, Winograd's places",
    "depthwise": "a convolution of every channel by itself",
    "grouped": "a convolution in groups of several channels",
    "pointwise": "a 1x1 convolution",
    "stem": "a window over at most four channels: the first layer of an image network",
    "window_3x3": "a 3x3 window with unit strides, where Winograd's algorithms apply",
    "strided_3x3": "any other 3x3 window",
    "window": "any other window",
}
_STEM_CHANNELS = 4


def work_class(nest: LoopNest) -> str:
    """The class of a nest."""
    taps = nest.s * nest.r
    if taps == 1 and nest.q == 1 and (nest.g == 1 or nest.c > 1):
        return _product(nest)
    return ("depthwise" if nest.c == 1 else "grouped") if nest.g > 1 else _convolution(nest)


def _product(nest: LoopNest) -> str:
    if nest.g > 1 or nest.weight_role == "activation":
        return "batched"
    return "gemv" if nest.n * nest.p == 1 else "matrix"


def _convolution(nest: LoopNest) -> str:
    if nest.s * nest.r == 1:
        return "pointwise"
    if nest.c <= _STEM_CHANNELS:
        return "stem"
    if (nest.s, nest.r) != (3, 3):
        return "window"
    steps = (nest.stride_h, nest.stride_w, nest.dilation_h, nest.dilation_w)
    return "window_3x3" if steps == (1, 1, 1, 1) else "strided_3x3"
