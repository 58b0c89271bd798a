"""An H100 that nothing was fitted to: products, convolutions and functions, and the layers of six networks, measured by us under PyTorch.

``own_gpu_*.csv`` is what ``own_gpu_measure.py`` gave on one day (PyTorch 2.11, CUDA 13.0, cuDNN 9.19; 132 SMs, 1980 MHz at most; float32
without
TF32): shapes drawn at random, calls that queue up behind each other; and the kernels of each node of the networks at a batch of 16. A
second run of the products on the same day differs by 0.2 to 0.8 % in the median. ``python -m tests.published.own_gpu`` writes README's
table.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwsim.cost.gpu import PASSES, QUEUED
from hwsim.device import load
from hwsim.estimation import prepare
from hwsim.validation.calibration import Calibration, calibrate
from hwsim.validation.cases import Case, Cases
from hwsim.validation.measured import Measurement
from tests.published import gpus

HERE = Path(__file__).parent
PROFILE, BATCH = "h100_sxm", 16
KINDS = {"linear": "linear layers", "bmm": "batched products", "conv": "convolutions", "vector": "functions"}
#: What is shorter measures launches [s].
SHORT_S = 30e-6
#: Where matrix instructions want rows to begin [B].
WORD_BYTES = 16
CALLED = dict.fromkeys((*gpus.CALLS, *PASSES), QUEUED)
BEGIN, END = "<!-- accuracy of a GPU -->", "<!-- /accuracy of a GPU -->"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Error:
    """Rows that take at least ``SHORT_S`` [1]; median errors of the model and of the naive roofline, and the model's bias [1]."""

    rows: int
    median: float
    naive: float
    bias: float


def error(kind: str, dtype: str, aligned: bool | None = None) -> Error:
    """One table at one type; aligned : rows of all operands begin at multiples of 16 bytes, or not, None for all."""
    groups = [group for group in gpus.read(HERE / f"own_gpu_{kind}.csv") if group.dtype == dtype]
    kept = [(group.seconds >= SHORT_S) & (True if aligned is None else _aligned(group) == aligned) for group in groups]
    pairs = list(zip(groups, kept, strict=True))
    measured = np.concatenate([group.seconds[rows] for group, rows in pairs])
    ratio = np.concatenate([gpus.predict(group, calls=CALLED)[rows] for group, rows in pairs]) / measured
    naive = np.concatenate([gpus.naive(group)[rows] for group, rows in pairs]) / measured
    middle = [float(np.median(np.abs(found - 1))) for found in (ratio, naive)]
    return Error(len(measured), *middle, float(np.exp(np.mean(np.log(ratio)))))


def _aligned(group: gpus.Group) -> npt.NDArray[np.bool_]:
    """Whether both operands of a product have rows of whole words; all others have."""
    if group.kind not in ("linear", "batched"):
        return np.ones(len(group.seconds), bool)
    _, _, n, k = group.extents.T[:4]
    rows = (k, k) if group.kind == "linear" else (k, n)
    found: npt.NDArray[np.bool_] = np.all([count * group.storage / 8 % WORD_BYTES == 0 for count in rows], axis=0)
    return found


@lru_cache(maxsize=1)
def cases() -> tuple[Case, ...]:
    """The networks with their rows, nothing folded: PyTorch runs node by node."""
    rows: dict[str, list[Measurement]] = {}
    with (HERE / "own_gpu_layers.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            row = Measurement(
                line["output"],
                output=line["output"],
                op=line["op"],
                latency_s=float(line["latency_us"]) * 1e-6,
                spread=float(line["spread"]),
            )
            rows.setdefault(line["model"], []).append(row)
    return tuple(Case(name, prepare(name, batch=BATCH, passes=()), tuple(found)) for name, found in rows.items())


def calibrated(*names: str) -> Calibration:
    """The profile calibrated to the layers of all networks, or of those named, each held out in turn."""
    chosen = tuple(case for case in cases() if not names or case.name in names)
    return calibrate(Cases(chosen), load(PROFILE), rung="gpu", hold_out="model", samples=5)


def lines() -> list[str]:
    """The table in Markdown."""
    made = ["| measured | rows | median error | naive roofline | bias |", "| --- | --- | --- | --- | --- |"]
    for kind, name in KINDS.items():
        for dtype in ("float32", "float16"):
            for aligned in (True, False) if dtype == "float16" and kind in ("linear", "bmm") else (None,):
                found = error(kind, dtype, aligned)
                said = {True: ", rows of whole 16 bytes", False: ", other rows", None: ""}[aligned]
                made.append(
                    f"| {name}, {dtype}{said} | {found.rows} | {100 * found.median:.1f} % | {100 * found.naive:.1f} % "
                    f"| {found.bias:.2f}x |"
                )
    return made


if __name__ == "__main__":
    print("\n".join(lines()))
    found = calibrated()
    for name in ("held_out", "in_sample", "uncalibrated", "baseline"):
        error_of = getattr(found, name)
        print(f"{name}: mean error {100 * error_of.mape.value:.1f} %, median {100 * error_of.median_ape.value:.1f} %")
