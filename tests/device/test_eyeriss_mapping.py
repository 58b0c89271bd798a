"""The published row-stationary mappings of AlexNet (Chen et al., JSSC 2017, Table III) lie in the space that the profile leaves.

A PE keeps p filters of q channels, one kernel row each; a set spreads kernel rows over y and output rows over x, r channels and t filters
across sets; a pass covers n images, and m output channels stay in the global buffer.
"""

from __future__ import annotations

import csv
from math import ceil

import pytest

from hwsim.device import LevelConstraint, load
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

#: kernel width, output width, stride
LAYERS = {"CONV1": (11, 55, 4), "CONV2": (5, 27, 1), "CONV3": (3, 13, 1), "CONV4": (3, 13, 1), "CONV5": (3, 13, 1)}


def rows() -> list[tuple[str, dict[str, int]]]:
    """Layers with the parameters of their mapping."""
    path = SHARED / "measured" / "eyeriss_v1_rs_mapping.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        table = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return [
        (row["layer"], {key: int(row[key]) for key in ("m", "n", "e", "p", "q", "r", "t", "active_pes")})
        for row in table
    ]


def permits(constraint: LevelConstraint, temporal: dict[str, int], x: dict[str, int], y: dict[str, int]) -> bool:
    """Whether the factors above 1 of a level are ones that its constraint leaves."""
    loops = [dim for dim, factor in temporal.items() if factor > 1]
    fixed = all(constraint.fixed.get(dim, factor) in {0, factor} for dim, factor in temporal.items())
    order = [dim for dim in constraint.order if dim in loops] == [dim for dim in loops if dim in constraint.order]
    spread = all(
        factor == 1 or axis is None or dim in axis
        for factors, axis in ((x, constraint.spatial_x), (y, constraint.spatial_y))
        for dim, factor in factors.items()
    )
    return fixed and order and spread


@pytest.mark.parametrize(("layer", "row"), rows())
def test_the_published_mapping_is_in_the_space(layer: str, row: dict[str, int]) -> None:
    device = load("eyeriss_v1")
    spad, gbuf, _ = device.memories
    kernel, width, stride = LAYERS[layer]
    e, p, q, r, t, n, m = (row[key] for key in "epqrtnm")
    folds = ceil(e / device.array.x)
    columns = ceil(e / folds)
    t_on_x = device.array.x // columns
    t_on_y = ceil(t / t_on_x)
    x, y = {"Q": columns, "K": t_on_x}, {"S": kernel, "Q": folds, "C": r, "K": t_on_y}

    assert columns * t_on_x <= device.array.x
    assert kernel * folds * r * t_on_y <= device.array.y
    assert e * kernel * r * t == row["active_pes"]

    sizes = {next(iter(pool.operands)): (pool.capacity or 0) // 2 for pool in spad.pools}
    assert kernel * q <= sizes["input"]
    assert kernel * q * p <= sizes["weight"]
    assert p <= sizes["output"]

    held = next(pool.capacity or 0 for pool in gbuf.pools if "input" in pool.operands)
    inputs = n * q * r * ((e - 1) * stride + kernel) * ((width - 1) * stride + kernel)
    assert 2 * (n * m * e * width + inputs) <= held

    levels = device.dataflow.levels
    assert permits(levels["spad"], {"K": p, "C": q, "R": kernel}, {}, {})
    assert permits(levels["gbuf"], {"P": width, "N": n, "K": ceil(m / (p * t))}, x, y)
    assert not permits(levels["gbuf"], {"C": 2}, x, y), "partial sums of a pass do not wait for other channels"
    assert not permits(levels["gbuf"], {}, {"S": kernel}, {}), "kernel rows lie on y"
