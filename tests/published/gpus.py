"""The model of GPUs beside measured products: ``python -m tests.published.gpus [TABLE.csv ...]``.

Tables are told apart by their columns: NeuSight's linear layers and batched products (Lee et al., NeuSight, ASPLOS 2025), DeepBench's
(Baidu Research, 2016
to 2020), LLMCompass's (Zhang et al., ISCA 2024). Without a path, those of ../shared/measured. The baseline is the naive roofline: the
larger of
operations over the peak and every byte once over the bandwidth of the data sheet.
``--leave-one-out`` fits the shared constants again without each device, and shows the error on the device left out.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwsim.cost.gpu import (
    EAGER_BATCHED,
    EAGER_CONVOLUTION,
    EAGER_LINEAR,
    EAGER_VECTOR,
    PASSES,
    QUEUED,
    SHARED,
    Calls,
    Constants,
    Gpu,
    gpu,
    products,
    vector_times,
)
from hwsim.cost.gpu_convolutions import convolutions
from hwsim.device import load
from tests.shared import SHARED as MATERIAL

Floats = npt.NDArray[np.float64]
TABLES = (
    "neusight_linear_sample.csv",
    "neusight_bmm_sample.csv",
    "deepbench_gemm.csv",
    "llmcompass_matmul_measured.csv",
    "neusight_conv_sample.csv",
    "deepbench_conv.csv",
    "llmcompass_vector_measured.csv",
)
#: Profile of a device, by words of its name in a table, in this order. One die of an MI250 is an MI210.
PROFILES = (
    ("a100", "pcie 40", "a100_pcie_40g"), ("a100", "pcie", "a100_pcie_80g"), ("a100", "", "a100_sxm_80g"),
    ("h100", "", "h100_sxm"), ("l40", "", "l40"), ("a40", "", "a40"), ("l4", "", "l4"), ("4090", "", "rtx_4090"),
    ("v100", "", "v100"), ("p100", "", "p100"), ("m40", "", "m40"), ("t4", "", "t4"), ("p4", "", "p4"),
    ("mi300", "", "mi300x"), ("mi250", "", "mi210"), ("mi210", "", "mi210"), ("mi100", "", "mi100"),
    ("1080 ti", "", "gtx_1080_ti"), ("1080ti", "", "gtx_1080_ti"), ("titanxp", "", "titan_xp"),
    ("titanx pascal", "", "titan_x_pascal"), ("titanx", "", "titan_x_maxwell"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one kind and device in one table at one precision. seconds : measured [n] [s]; storage : bits of an element [bit].

    kind : ``linear``, ``batched``, ``queued`` or ``queued_row_major`` products, ``convolution``, ``queued_convolution``, or a function of
    ``hwsim.cost.gpu.PASSES``. extents [n, .] : batch, m, n, k and whether A and B lie along k; of a convolution n, c, k, window, output
    and input (height and
    width each), stride; of a function its elements.
    """

    table: str
    device: str
    profile: str
    dtype: str
    kind: str
    extents: Floats
    seconds: Floats
    storage: int


@lru_cache
def _gpu(profile: str, dtype: str, packed: bool = False) -> Gpu:
    return gpu(load(profile), dtype, packed=packed)


def profile_of(device: str) -> str | None:
    """The shipped profile of a device as a table names it, None for what is no GPU that there is one of."""
    words = device.lower().replace("_", " ").replace("-", " ")
    found = (profile for first, second, profile in PROFILES if first in words and second in words)
    return next(found, None)


def read(path: Path) -> list[Group]:
    """The groups of a table; rows of devices without a profile, and without a time, are left out."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    groups: dict[tuple[str, str, str, int], list[tuple[list[float], float]]] = {}
    single = all(row.get("B", "1") == "1" for row in rows)
    for row in rows:
        dtype, storage = _precision(row)
        kind = _kind(row, single)
        extents = _extents(row, kind)
        time = row.get("latency_ms") or row.get("time_ms") or row.get("fwd_ms")
        seconds = extents[0] / float(row["value"]) / 1e9 if "value" in row else float(time or 0) * 1e-3
        if profile_of(row["device"]) is not None and seconds > 0:
            groups.setdefault((row["device"], dtype, kind, storage), []).append((extents, seconds))
    return [
        Group(
            path.stem, device, str(profile_of(device)), dtype, kind, np.array([row[0] for row in found]),
            np.array([row[1] for row in found]), storage,
        )
        for (device, dtype, kind, storage), found in groups.items()
    ]  # fmt: skip


def _kind(row: Mapping[str, str], single: bool) -> str:
    """How a row was called. single : no row of its table has a batch."""
    if (function := _function(row)) in PASSES:
        return function
    if "input_hw" in row:
        return "convolution"
    if "fwd_ms" in row:
        return "queued_convolution"
    if "transA" in row:
        return "queued"
    return "queued_row_major" if "op" in row else "linear" if single else "batched"


def _function(row: Mapping[str, str]) -> str:
    """A function by NeuSight's names and LLMCompass's."""
    name = (row.get("op") or row.get("op_name") or row.get("function") or "").lower().removeprefix("vec")
    return {"ln": "layernorm", "layer_norm": "layernorm"}.get(name, name)


def _extents(row: Mapping[str, str], kind: str) -> list[float]:
    if kind in PASSES:
        return [float(row.get("rows_M") or row["B"]) * float(row.get("cols_N") or row["H"])]
    if kind == "convolution":
        names = ("batch", "c_in", "c_out", "kernel", "input_hw", "stride", "padding")
        batch, c, k, window, size, stride, padding = (int(row[name]) for name in names)
        out = (size + 2 * padding - window) // stride + 1
        return [batch, c, k, window, window, out, out, size, size, stride]
    if kind == "queued_convolution":
        names = ("N", "C", "K", "R", "S", "H", "W", "pad_h", "pad_w", "stride_h", "stride_w")
        batch, c, k, high, wide, h, w, pad_h, pad_w, step_h, step_w = (int(row[name]) for name in names)
        output = ((h - high + 2 * pad_h) // step_h + 1, (w - wide + 2 * pad_w) // step_w + 1)
        return [batch, c, k, high, wide, *output, h, w, max(step_h, step_w)]
    # row-major: a linear layer's weights lie along the reduction, a batched product's second operand does not. DeepBench is column-major.
    along = [True, kind == "linear"] if kind != "queued" else [row["transA"] == "T", row["transB"] == "N"]
    return [float(row.get("B") or 1), *(float(row[name]) for name in ("M", "N", "K")), *along]


def _precision(row: Mapping[str, str]) -> tuple[str, int]:
    """Type that is computed in, and bits that operands are stored in: Pascal's 16-bit operands are multiplied as 32."""
    said = row.get("precision", "") + row.get("op", "")
    if "Int8" in said:
        return "int8", 8
    if "32 bit multiplication" in said:
        return "float32", 16
    halves = "16 bit" in said or "fp16" in said or "value" in row
    return ("float16", 16) if halves else ("float32", 32)


CALLS = {
    "linear": EAGER_LINEAR, "batched": EAGER_BATCHED, "queued": QUEUED, "queued_row_major": QUEUED, "convolution": EAGER_CONVOLUTION,
    "queued_convolution": QUEUED,
}  # fmt: skip


def predict(group: Group, constants: Constants = SHARED, calls: Mapping[str, Calls] = CALLS) -> Floats:
    """Times of a group's rows [s]."""
    called = calls.get(group.kind, EAGER_VECTOR)
    out = 32 if group.dtype == "int8" else group.storage
    if group.kind in PASSES:
        chip = _gpu(group.profile, group.dtype)
        return vector_times(
            chip, group.extents[:, 0], group.kind, bits=group.storage, calls=called, constants=constants
        )
    if group.kind.endswith("convolution"):
        n, c, k, high, wide, tall, broad, h, w, stride = group.extents.T
        return convolutions(
            _gpu(group.profile, group.dtype, True), n, c, k, (high, wide), (tall, broad), (h, w), stride=stride, bits=group.storage,
            output_bits=out, calls=called, constants=constants,
        )  # fmt: skip
    batch, m, n, k, a_along_k, b_along_k = group.extents.T
    return products(
        _gpu(group.profile, group.dtype), m, n, k, batch=batch, bits=group.storage, output_bits=out, a_along_k=a_along_k > 0,
        b_along_k=b_along_k > 0, calls=called, constants=constants,
    ).seconds  # fmt: skip


def naive(group: Group) -> Floats:
    """The naive roofline [s], at the peak of the type that the library computes in."""
    edge = load(group.profile).off_chip
    chip = _gpu(group.profile, group.dtype, group.kind.endswith("convolution"))
    assert edge is not None and edge.shared_bandwidth is not None
    macs, size = _work(group)
    return np.maximum(macs / (chip.macs_per_cycle * chip.sms * chip.clock_hz), size / edge.shared_bandwidth)


def _work(group: Group) -> tuple[Floats, Floats]:
    """MACs [1], and bytes of all tensors once [B]."""
    size, out = group.storage / 8, 4 if group.dtype == "int8" else group.storage / 8
    if group.kind in PASSES:
        return np.zeros(len(group.seconds)), 2 * group.extents[:, 0] * size
    if group.kind.endswith("convolution"):
        n, c, k, high, wide, tall, broad, h, w, _ = group.extents.T
        moved = (n * c * h * w + k * c * high * wide) * size + n * k * tall * broad * out
        return n * k * tall * broad * c * high * wide, moved
    batch, m, n, k = group.extents.T[:4]
    return batch * m * n * k, batch * ((m * k + k * n) * size + m * n * out)


def error(predicted: Floats, measured: Floats) -> float:
    """Median absolute percentage error [1]."""
    return float(np.median(np.abs(predicted / measured - 1)))


#: What is not: known from elsewhere, told by two devices alone (droop), or not at all (any between 0.4 and 1, or 70 and 130 cycles,
#: fits these products as well).
KNOWN = {
    "droop",
    "matrix_tile_share",
    "matrix_slab_cycles",
    "l1_misses",
    "flop_j",
    "reach_bytes",
    "gather_share",
    "winograd_share",
}
#: What is fitted: fields of ``Constants``, and of the calls.
FITTED = tuple(field.name for field in fields(Constants) if field.name not in KNOWN)
CALL_FIELDS = (
    ("linear", "floor_s"),
    ("linear", "gap_s"),
    ("batched", "floor_s"),
    ("batched", "gap_s"),
    ("queued", "floor_s"),
    ("queued", "gap_s"),
)
_AT_MOST_1 = frozenset({"memory_share", "strided_share", "tile_share", "spread", "droop", "l1_misses"})


#: Where a fit starts: round numbers that nothing was fitted to.
START = replace(
    SHARED, memory_share=0.9, strided_share=0.5, spread=0.5, tile_share=0.9, tile_loss=16, slab_cycles=200,
    alone=4000, matrix_tile_loss=16, wave_s=2e-6, split_s=2e-6, l2_j=50e-12, matrix_flop=0.2,
    integer_flop=0.25, standing_w=20, walk=1.0, bare_tile_loss=32,
)  # fmt: skip
START_CALLS = {
    "linear": replace(EAGER_LINEAR, floor_s=50e-6, gap_s=40e-6), "batched": replace(EAGER_BATCHED, floor_s=40e-6, gap_s=30e-6),
    "queued": Calls(5e-6, 5e-6),
}  # fmt: skip


def _moved(moves: Floats) -> tuple[Constants, dict[str, Calls]]:
    start = START
    scaled: dict[str, float] = {}
    for name, move in zip(FITTED, moves, strict=False):
        value = getattr(start, name) * float(np.exp(move))
        scaled[name] = min(value, 1.0) if name in _AT_MOST_1 else value
    calls = dict(START_CALLS)
    for (kind, name), move in zip(CALL_FIELDS, moves[len(FITTED) :], strict=True):
        calls[kind] = replace(calls[kind], **{name: getattr(calls[kind], name) * float(np.exp(move))})
    calls["queued_row_major"] = calls["queued"]
    return replace(start, **scaled), calls


def fit(groups: Sequence[Group], steps: int = 4000, seed: int = 1) -> tuple[Constants, dict[str, Calls]]:
    """Shared constants for these groups: random search for the least sum of median and clipped mean error, all groups alike."""
    random = np.random.default_rng(seed)

    def loss(moves: Floats) -> float:
        constants, calls = _moved(moves)
        logs = [np.abs(np.log(predict(group, constants, calls) / group.seconds)) for group in groups]
        fitness = [float(np.median(log)) + 0.5 * float(np.mean(np.minimum(log, 1))) for log in logs]
        return float(np.mean(fitness)) + 1e-3 * float(np.abs(moves).sum())

    found = np.zeros(len(FITTED) + len(CALL_FIELDS))
    best = loss(found)
    for step in range(steps):
        width = 0.25 * np.exp(-3 * step / steps)
        moves = found + np.where(random.random(found.size) < 0.2, random.normal(0, width, found.size), 0)
        value = loss(moves)
        if value < best:
            found, best = moves, value
    return _moved(found)


#: Tables whose rows the constants are fitted to; the others are only compared with.
FIT_TO = ("neusight_linear_sample", "neusight_bmm_sample", "deepbench_gemm")


def leave_one_out(groups: Sequence[Group], steps: int = 3000) -> dict[tuple[str, str], tuple[int, float]]:
    """Rows [1] and error [1] by table and profile, each predicted by constants that were fitted to all other profiles, and of all
    ("all")."""
    used = [group for group in groups if group.table in FIT_TO]
    ratios: dict[tuple[str, str], list[Floats]] = {}
    for profile in sorted({group.profile for group in used}):
        constants, calls = fit([group for group in used if group.profile != profile], steps)
        for group in used:
            if group.profile == profile:
                ratio = predict(group, constants, calls) / group.seconds
                ratios.setdefault((group.table, profile), []).append(ratio)
                ratios.setdefault((group.table, "all"), []).append(ratio)
    joined = {key: np.concatenate(found) for key, found in ratios.items()}
    return {key: (len(found), float(np.median(np.abs(found - 1)))) for key, found in sorted(joined.items())}


def lines(groups: Iterable[Group]) -> list[str]:
    """A table in Markdown: each group, then all rows of each table."""
    groups = list(groups)
    made = [
        "| measured | device | type | rows | median APE | naive roofline |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    tables: dict[str, list[Group]] = {}
    for group in groups:
        tables.setdefault(group.table, []).append(group)
    for table, found in tables.items():
        for group in found:
            made.append(_line(table, group.device, f"{group.kind}, {group.dtype}", [group]))
        made.append(_line(table, "all", "", found))
    return made


def _line(table: str, device: str, dtype: str, groups: Sequence[Group]) -> str:
    measured = np.concatenate([group.seconds for group in groups])
    errors = [error(np.concatenate([made(group) for group in groups]), measured) for made in (predict, naive)]
    return f"| {table} | {device} | {dtype} | {len(measured)} | {100 * errors[0]:.1f} % | {100 * errors[1]:.1f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", type=Path)
    parser.add_argument("--leave-one-out", action="store_true")
    parser.add_argument("--fit", action="store_true", help="print shared constants fitted to the tables")
    arguments = parser.parse_args()
    paths = arguments.tables or [MATERIAL / "measured" / name for name in TABLES]
    groups = [group for path in paths for group in read(path)]
    if arguments.fit:
        print(*fit([group for group in groups if group.table in FIT_TO]), sep="\n")
        return
    print("\n".join(lines(groups)))
    if arguments.leave_one_out:
        print("| measured | device left out of the fit | rows | median APE |", "| --- | --- | --- | --- |", sep="\n")
        for (table, profile), (rows, missed) in leave_one_out(groups).items():
            print(f"| {table} | {profile} | {rows} | {100 * missed:.1f} % |")


if __name__ == "__main__":
    main()
