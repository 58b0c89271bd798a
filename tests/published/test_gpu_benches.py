"""Streaming bandwidth and launches of GPUs (te42kyfo/gpu-benches, gpu-stream and gpu-small-kernels) beside the profiles.

Tolerance: the bandwidth of copies (scale, triad, and stencils) within 12 % of what the model of GPUs takes (profiles have the share of
writing or reading alone, whichever the source gives); the start of a kernel in a stream between half and 2.6 times: the
model's is the same for all, and DeepBench's calls have more to prepare.
"""

from __future__ import annotations

import statistics

import pytest

from hwsim.cost.gpu import QUEUED, SHARED, gpu
from hwsim.device import load
from tests.published.edge_families import table
from tests.shared import needs_shared

PROFILES = {
    "A100-40GB": "a100_pcie_40g", "A100-80GB-PCIe/SXM": "a100_pcie_80g", "A40": "a40", "L40": "l40", "MI100": "mi100",
    "MI210": "mi210", "V100": "v100",
}  # fmt: skip


@needs_shared
@pytest.mark.parametrize("board", PROFILES)
def test_streams(board: str) -> None:
    rates = [
        float(row["value"])
        for row in table("gpu_microbench_summary")
        if row["gpu"] == board and row["metric"] == "stream_bandwidth_max_GBps"
    ]
    chip = gpu(load(PROFILES[board]))
    share = 1.0 if chip.memory_known else SHARED.memory_share
    assert len(rates) == 6
    assert share * chip.memory_rate / 1e9 == pytest.approx(statistics.median(rates), rel=0.12)


@needs_shared
def test_starts_of_kernels() -> None:
    starts = [
        float(row["value"])
        for row in table("gpu_microbench_summary")
        if row["metric"] == "min_time_per_small_kernel_us" and row["variant"] == "stream" and "RX" not in row["gpu"]
    ]
    assert len(starts) >= 5
    assert all(0.5 <= QUEUED.gap_s * 1e6 / start <= 2.6 for start in starts)
