"""README's second table of accuracy: products and convolutions on GPUs, Eyeriss's passes, NVDLA's sheets. Written by
``tests.published.accuracy``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tests.published import accelerators, eie, eyeriss_passes, gpus, serving_and_boards
from tests.published.eyeriss import LAYERS
from tests.shared import SHARED

HEAD = (
    "measured",
    "rows",
    "devices",
    "median error",
    "constants fitted without the device",
    "naive baseline",
    "noise floor",
)
#: What tables are called in README.
NAMES = {
    "neusight_linear_sample": "NeuSight, linear layers, float32",
    "neusight_bmm_sample": "NeuSight, batched products, float32",
    "deepbench_gemm": "DeepBench, products, float32, float16 and int8",
    "llmcompass_matmul_measured": "LLMCompass, products, float16 (not fitted to)",
    "neusight_conv_sample": "NeuSight, 3 x 3 convolutions, float32",
    "deepbench_conv": "DeepBench, convolutions",
    "llmcompass_vector_measured": "LLMCompass, softmax, norm, GELU, float16",
}


def rows(held_out: Mapping[str, float]) -> list[tuple[str, ...]]:
    """The cells of the table. held_out : by table, error on devices left out of the fit [1]; "" where there is none."""
    found = [_gpu_row(name, held_out.get(name)) for name in NAMES]
    passes = eyeriss_passes.ratios()
    measured = np.array([eyeriss_passes.MEASURED[one.name][0] for one in passes])
    chip = _row(
        "Eyeriss, AlexNet, processing latency (not fitted)",
        np.array([one.processing_s for one in passes]),
        measured,
        _macs(),
        1,
    )
    total = np.array([layer.seconds for layer in LAYERS])
    whole = _row(
        "Eyeriss, AlexNet, latency with DRAM (not fitted)", np.array([one.total_s for one in passes]), total, _macs(), 1
    )
    sheet = accelerators.spreadsheet()
    given = np.array([row.cycles for row in sheet])
    maker = _row(
        "NVDLA's own performance model, AlexNet and ResNet-50", np.array([row.predicted for row in sheet]), given,
        np.array([row.proportional for row in sheet]), 1,
    )  # fmt: skip
    return [*found, chip, whole, maker, *_others()]


def _others() -> list[tuple[str, ...]]:
    """Rates of boards and of serving from data sheets alone, and EIE's memories from technology tables."""
    groups: tuple[tuple[str, Sequence[serving_and_boards.Row]], ...] = (
        ("MAMF, largest products, bfloat16 (share of the peak from this table)", serving_and_boards.largest_products()),
        ("Jetson AGX Orin's DLA, data sheet alone", serving_and_boards.orin()),
        ("TPU v1, Table 4, MLP0 on a Haswell, data sheet alone", serving_and_boards.haswell()),
    )
    made = [
        _row(
            name, np.array([1 / row.found for row in found]), np.array([1 / row.measured for row in found]),
            np.array([1 / row.naive for row in found]), 3 if "MAMF" in name else 1,
        )
        for name, found in groups
    ]  # fmt: skip
    parts = [*eie.areas(), eie.power_of_weights()]
    published, found, naive = (
        np.array([getattr(part, of) for part in parts]) for of in ("published", "found", "naive")
    )
    return [*made, _row("EIE, areas and power of one PE's memories (not fitted)", found, published, naive, 1)]


def _macs() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """MACs of AlexNet's convolutions over the array's peak [s]."""
    macs = (421.6e6, 895.7e6, 598.1e6, 448.6e6, 299.0e6)
    return np.array([work / (168 * 200e6) for work in macs])


def _row(
    name: str,
    predicted: np.ndarray[tuple[int], np.dtype[np.float64]],
    measured: np.ndarray[tuple[int], np.dtype[np.float64]],
    naive: np.ndarray[tuple[int], np.dtype[np.float64]],
    devices: int,
    held_out: float | None = None,
) -> tuple[str, ...]:
    shown = "" if held_out is None else f"{100 * held_out:.1f} %"
    errors = [f"{100 * gpus.error(found, measured):.1f} %" for found in (predicted, naive)]
    return name, str(len(measured)), str(devices), errors[0], shown, errors[1], "no repeats given"


def _gpu_row(table: str, held_out: float | None) -> tuple[str, ...]:
    groups = gpus.read(SHARED / "measured" / f"{table}.csv")
    predicted, naive, measured = (
        np.concatenate([made(group) for group in groups])
        for made in (gpus.predict, gpus.naive, lambda group: group.seconds)
    )
    return _row(NAMES[table], predicted, measured, naive, len({group.device for group in groups}), held_out)


def held_out() -> dict[str, float]:
    """Error by table on devices left out of the fit [1]; takes some minutes."""
    groups = [group for name in gpus.FIT_TO for group in gpus.read(SHARED / "measured" / f"{name}.csv")]
    return {table: missed for (table, profile), (_, missed) in gpus.leave_one_out(groups).items() if profile == "all"}


def lines(found: Sequence[tuple[str, ...]]) -> list[str]:
    """The table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (HEAD, ("---",) * len(HEAD), *found)]
