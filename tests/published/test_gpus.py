"""Products on GPUs beside NeuSight's and DeepBench's measurements, by constants that all devices share.

Tolerance: a median error of 15 % over all rows of a table and less than half of the naive roofline's, since rows of one device come from
one
board in one host, whose clock under load and cost of a launch no data sheet has. The constants were fitted to these rows (all devices
together), so this says that the model still is what was fitted; errors on devices left out are in README's table.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from hwsim.cost.gpu import gpu
from hwsim.device import load
from tests.published import gpus
from tests.shared import SHARED, needs_shared


@needs_shared
@pytest.mark.parametrize("table", gpus.FIT_TO)
def test_tables_of_products(table: str) -> None:
    groups = gpus.read(SHARED / "measured" / f"{table}.csv")
    measured = np.concatenate([group.seconds for group in groups])
    assert len(measured) > 1500
    found = gpus.error(np.concatenate([gpus.predict(group) for group in groups]), measured)
    naive = gpus.error(np.concatenate([gpus.naive(group) for group in groups]), measured)
    assert found <= 0.15
    assert found < naive / 2


def test_names_of_devices_and_layouts_are_understood(tmp_path: Path) -> None:
    assert gpus.profile_of("NVIDIA A100-PCIE-40GB") == "a100_pcie_40g"
    assert gpus.profile_of("NVIDIA H100 80GB HBM3") == "h100_sxm"
    assert gpus.profile_of("NVIDIA L4") == "l4"
    assert gpus.profile_of("AMD Instinct MI250") == "mi210"
    assert gpus.profile_of("Raspberry_Pi_3") is None
    table = tmp_path / "products.csv"
    table.write_text(
        "device,precision,M,N,K,transA,transB,time_ms\nNV_T4,Float,512,512,512,T,N,0.1\nKNL,Float,1,1,1,T,N,1\n"
    )
    (group,) = gpus.read(table)
    assert (group.dtype, group.extents.tolist(), group.seconds.tolist()) == (
        "float32",
        [[1, 512, 512, 512, 1, 1]],
        [1e-4],
    )
    assert "| products | NV_T4 | queued, float32 | 1 |" in "\n".join(gpus.lines([group]))


@needs_shared
@pytest.mark.parametrize(("device", "name", "node_nm"), [("a100_sxm_80g", "A100-40GB", 7), ("a40", "A40", 8)])
def test_boards_take_the_power_that_slows_others_down(device: str, name: str, node_nm: float) -> None:
    """Energy of an operation and of a byte, beside measured power at many operations a byte.

    te42kyfo/gpu-benches, gpu-roofline. Tolerance 20 %: one energy stands for two processes, by their node.
    """
    with (SHARED / "measured" / "gpu_power_roofline.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(line for line in file if not line.startswith("#")) if row["gpu"] == name]
    busiest = max(rows, key=lambda row: float(row["flop_per_byte"]))
    assert load(device).node_nm == node_nm
    constants = gpus.SHARED
    watts = constants.standing_w + constants.flop_j * node_nm / 14 * float(busiest["GFLOPs"]) * 1e9
    watts += gpu(load(device)).memory_j * float(busiest["GBps"]) * 1e9
    assert watts == pytest.approx(float(busiest["power_W"]), rel=0.2)
