"""Rows of its operand that a layer needs for a row of its result, of convolutions, pools and elementwise layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hwsim.workload import lower
from hwsim.workload.windows import row_window
from tests.workload.single import activation, parameter, single

IMAGE = activation("x", 1, 4, 12, 9)


def _window(op: str, *more: Any, out: tuple[int, ...] = (1, 4, 12, 9), repeat: int = 1, **attributes: Any) -> Any:
    network = single(op, [IMAGE, *more], [activation("y", *out)], attributes, repeat=repeat)
    return row_window(network.layers[0], lower(network.layers[0], network))


def test_windows_of_convolutions() -> None:
    """Span, stride, padding: five taps two apart span nine rows."""
    kernel = parameter("w", 4, 4, 5, 3)
    assert _window("Conv", kernel, pads=(4, 1, 4, 1), dilations=(2, 1)) == (9, 1, 4)
    assert _window("Conv", kernel, pads=(3, 1, 3, 1), strides=(3, 1), out=(1, 4, 5, 9)) == (5, 3, 3)
    assert _window("Conv", parameter("w", 4, 4, 1, 1)) == (1, 1, 0)
    assert _window("Conv", kernel, pads=(-1, 1, -1, 1), out=(1, 4, 6, 9)) is None  # rows are cut off
    assert _window("Conv", activation("w", 4, 4, 5, 3), pads=(2, 1, 2, 1)) is None  # weights that are made at run time
    assert _window("Conv", kernel, pads=(2, 1, 2, 1), repeat=3) is None  # a body that runs several times


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_windows_of_pools(op: str) -> None:
    assert _window(op, kernel_shape=(3, 2)) == (3, 1, 0)
    given = {"kernel_shape": (3, 2), "strides": (2, 1), "pads": (1, 0, 1, 0), "dilations": (4, 1)}
    assert _window(op, **given) == (9, 2, 1)
    assert _window(op, **given, auto_pad="SAME_UPPER") is None
    assert _window(op, kernel_shape=(3,)) is None and _window(op, kernel_shape=(3, 2, 2)) is None


def test_other_layers() -> None:
    assert _window("Relu") == _window("Add", activation("z", 1, 4, 12, 9)) == (1, 1, 0)
    assert _window("Transpose", perm=(0, 1, 3, 2), out=(1, 4, 9, 12)) is None  # moves its rows about
    assert _window("GlobalAveragePool", out=(1, 4, 1, 1)) is None
    network = single("Conv", [IMAGE, parameter("w", 4, 4, 3, 3)], [activation("y", 1, 4, 10, 7)], {})
    work = lower(network.layers[0], network)
    (nest,) = work.nests
    assert row_window(network.layers[0], replace(work, nests=(replace(nest, repeat=2),))) is None
    assert row_window(network.layers[0], replace(work, nests=(nest, nest))) is None


def test_a_body_that_runs_several_times_has_no_rows() -> None:
    assert _window("Relu", repeat=3) is None
    assert _window("MaxPool", kernel_shape=(3, 2), repeat=2) is None
    assert _window("MaxPool", kernel_shape=(3, 2), strides=(), pads=(), dilations=()) == (3, 1, 0)
    assert _window("MaxPool", kernel_shape="x") is None and _window("MaxPool") is None
    assert _window("MaxPool", kernel_shape=(3, 2), auto_pad="NOTSET") == (3, 1, 0)
