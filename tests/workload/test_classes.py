"""Classes of multiply-accumulate work, each at the edges of what it is."""

from __future__ import annotations

from typing import Any

import pytest

from hwsim.workload.classes import CLASSES, work_class
from hwsim.workload.nest import LoopNest


@pytest.mark.parametrize(
    ("extents", "name"),
    [
        ({"c": 8}, "gemv"), ({"k": 8}, "gemv"), ({"c": 8, "p": 2}, "matrix"), ({"c": 8, "n": 2}, "matrix"),
        ({"c": 8, "n": 2, "p": 2}, "matrix"), ({"c": 8, "p": 2, "repeat": 3}, "matrix"),
        ({"c": 8, "g": 2}, "batched"), ({"c": 2, "g": 2, "p": 2}, "batched"), ({"c": 8, "weight_role": "activation"}, "batched"),
        ({"c": 8, "p": 4, "weight_role": "activation"}, "batched"),
        ({"c": 1, "g": 2}, "depthwise"), ({"c": 1, "g": 2, "q": 2}, "depthwise"), ({"c": 1, "g": 8, "s": 3, "r": 3}, "depthwise"),
        ({"c": 1, "g": 8, "r": 3}, "depthwise"), ({"c": 2, "g": 2, "q": 2}, "grouped"), ({"c": 2, "g": 2, "s": 3}, "grouped"),
        ({"c": 2, "g": 2, "r": 2}, "grouped"), ({"c": 8, "q": 2}, "pointwise"), ({"c": 4, "q": 2, "p": 2}, "pointwise"),
        ({"c": 8, "q": 2, "weight_role": "activation"}, "pointwise"),
        ({"c": 4, "s": 3, "r": 3}, "stem"), ({"c": 1, "s": 3, "r": 3}, "stem"), ({"c": 4, "r": 2}, "stem"), ({"c": 3, "s": 2}, "stem"),
        ({"c": 5, "s": 3, "r": 3}, "window_3x3"), ({"c": 5, "s": 3, "r": 3, "q": 7, "p": 7, "k": 9}, "window_3x3"),
        *(({"c": 5, "s": 3, "r": 3, key: 2}, "strided_3x3") for key in ("stride_h", "stride_w", "dilation_h", "dilation_w")),
        ({"c": 5, "s": 1, "r": 3}, "window"), ({"c": 5, "s": 3, "r": 1}, "window"), ({"c": 5, "s": 1, "r": 2, "q": 2}, "window"),
        ({"c": 5, "s": 2, "r": 3}, "window"), ({"c": 5, "s": 3, "r": 2}, "window"), ({"c": 5, "s": 4, "r": 3}, "window"),
        ({"c": 5, "s": 3, "r": 4}, "window"), ({"c": 5, "s": 5, "r": 5, "stride_h": 2}, "window"),
    ],
)  # fmt: skip
def test_classes(extents: dict[str, Any], name: str) -> None:
    assert work_class(LoopNest(**extents)) == name and name in CLASSES
