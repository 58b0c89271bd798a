"""Jetson AGX Orin's two DLA, images a second (NVIDIA, Deep-Learning-Accelerator-SW, README, table of MAXN), from the data sheet alone.

Tolerance: never slower than the roofline says by more than 3 times, never faster: what a layer costs to start, how channels fill the array
and what the boards' other users take of the memory are not known. The heavier a network is for an image, the nearer it comes. RetinaNet
and the SSD of 1200 pixels are left out: their heads are not given.
"""

from __future__ import annotations

from tests.published.edge_families import table
from tests.published.serving_and_boards import ORIN, orin
from tests.shared import needs_shared


def test_the_roofline_bounds_the_boards() -> None:
    rows = {row.name: row for row in orin()}
    ratios = {name: row.found / row.measured for name, row in rows.items()}
    assert all(1 <= ratio <= 3 for ratio in ratios.values())
    assert ratios["ResNet-34 backbone"] < ratios["ResNet-50"] < ratios["SSD-MobileNetV1"]
    assert ratios["ResNet-34 backbone"] < 1.25
    assert all(row.found < row.naive for row in rows.values())


@needs_shared
def test_the_facts_are_those_at_hand() -> None:
    found = {row["network"]: (int(row["batch"]), float(row["dense_MAXN"])) for row in table("orin_dla_fps_maxn")}
    assert {name: found[name] for name in ORIN} == ORIN
