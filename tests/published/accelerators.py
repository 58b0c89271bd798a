"""Published tables of NVDLA and TPU v1 beside the roofline: ``python -m tests.published.accelerators``.

NVDLA: the maker's performance spreadsheet (github.com/nvdla/hw, perf/NVDLA_OpenSource_Performance.xlsx) and the primer's table of
configurations
(nvdla.org, Example Area and Performance), both the maker's models and no measurements. TPU v1: Jouppi et al., ISCA 2017, Table 1, as
transcribed.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import hwsim
from hwsim.device import Device, load
from tests.shared import SHARED

#: The primer: MACs, convolution buffer [KiB], memory [GB/s], frames of ResNet-50 a second; and kernels and channels of the array.
PRIMER = (
    (2048, 512, 20, 269, (32, 64)),
    (1024, 256, 15, 153, (32, 32)),
    (512, 256, 10, 93, (16, 32)),
    (256, 256, 5, 46, (8, 32)),
    (128, 256, 2, 20, (8, 16)),
    (64, 128, 1, 7.3, (8, 8)),
    (32, 128, 0.5, 3.6, (4, 8)),
)
#: TPU v1's applications: weights [million], MACs a byte of weights, batch.
TPU_APPLICATIONS = {
    "MLP0": (20, 200, 200),
    "MLP1": (5, 168, 168),
    "LSTM0": (52, 64, 64),
    "LSTM1": (34, 96, 96),
    "CNN0": (8, 2888, 8),
    "CNN1": (100, 1750, 32),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of the spreadsheet: its cycles by the maker's model, by hwsim's roofline, and with every MAC busy."""

    network: str
    name: str
    cycles: float
    predicted: float
    proportional: float
    bound_by: str
    expected_bound: str


def nvdla(macs: tuple[int, int], buffer_kib: int, bandwidth: float) -> Device:
    """An NVDLA of another size: kernels × channels of its array, convolution buffer, memory [GB/s]."""
    settings = {
        "compute.pe_array.x": macs[0],
        "compute.pe_array.y": macs[1],
        "memory.cbuf.capacity_kib": buffer_kib,
        "memory.dram.bandwidth_gb_per_s": bandwidth,
        "compute.precisions.int8.peak_tops": "null",
    }
    return load("nvdla_full", [f"{key}={value}" for key, value in settings.items()])


def primer() -> dict[int, tuple[float, float]]:
    """Frames of ResNet-50 a second by MACs: hwsim's roofline layer by layer, and the maker's."""
    network = hwsim.prepare("light_resnet50", bits="w8a8")
    return {
        macs: (hwsim.estimate(network, nvdla(array, buffer, bandwidth), rung="roofline", keep_activations=False).totals.throughput_per_s,
        frames)
        for macs, buffer, bandwidth, frames, array in PRIMER
    }  # fmt: skip


def spreadsheet(path: Path = SHARED / "measured" / "nvdla_perf_model_layers.csv") -> list[Row]:
    """Every layer by itself: 2048 MACs at 1 GHz, 10 GB/s; AlexNet's dense layers at a batch of 16, per image; Winograd's where its are."""
    device = nvdla((32, 64), 512, 10)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return [_row(row, device) for row in rows]


def _row(row: dict[str, str], device: Device) -> Row:
    c, h, w, k, r, p, stride = (int(row[name]) for name in ("C", "H", "W", "K", "R", "P", "stride"))
    dense = row["type"] == "fc"
    batch = 16 if dense and row["network"] == "AlexNet" else 1
    padding = max(0, -(-((p - 1) * stride + r - h) // 2))
    builder = hwsim.Network.builder("layer").input("x", (batch, c, h, w), "int8")
    network = builder.conv(k, kernel=r, stride=stride, padding=padding, bias=False).build()
    layer = hwsim.estimate(hwsim.prepare(network, bits="w8a8"), device, rung="roofline", keep_activations=False).layers[
        0
    ]
    winograd = row["winograd"] == "True"
    compute = layer.compute_s * 1e9 / (2.25 if winograd else 1)
    added = c * k * r * r * (16 / 9 - 1) if winograd else 0.0  # weights are stored transformed
    memory = layer.memory_s * 1e9 + added / 10
    if "elwise" in row["type"]:
        memory += k * p * p / 10  # the other branch is read as well
    return Row(
        row["network"], row["layer"], float(row["layer_cycles"]), max(compute, memory) / batch, int(row["macs"]) / 2048,
        "MAC" if compute > memory else "DRAM", row["bound_by"],
    )  # fmt: skip


def lines() -> list[str]:
    """The tables in Markdown."""
    rows = spreadsheet()
    made = [
        "| table | rows | median APE | total, predicted over given | ∝ MACs, median APE |",
        "| --- | --- | --- | --- | --- |",
    ]
    for network in ("AlexNet", "ResNet50"):
        mine = [row for row in rows if row.network == network]
        made.append(
            _line(
                f"NVDLA spreadsheet, {network}",
                np.array([[row.cycles, row.predicted, row.proportional] for row in mine]),
            )
        )
    frames = primer()
    peak = np.array([[1 / theirs, 1 / ours, 4.1e9 / macs / 1e9] for macs, (ours, theirs) in frames.items()])
    made.append(_line("NVDLA primer, ResNet-50", peak))
    return made


def _line(name: str, values: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> str:
    given, ours, naive = values.T
    errors = [100 * float(np.median(np.abs(found / given - 1))) for found in (ours, naive)]
    return f"| {name} | {len(given)} | {errors[0]:.1f} % | {ours.sum() / given.sum():.2f} | {errors[1]:.1f} % |"


if __name__ == "__main__":
    print("\n".join(lines()))
