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

from hwsim.cost.gpu import EAGER_BATCHED, EAGER_LINEAR, QUEUED, SHARED, Calls, Constants, Gpu, gpu, products
from hwsim.device import load
from tests.shared import SHARED as MATERIAL

Floats = npt.NDArray[np.float64]
TABLES = (
    "neusight_linear_sample.csv",
    "neusight_bmm_sample.csv",
    "deepbench_gemm.csv",
    "llmcompass_matmul_measured.csv",
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
_BITS = {"float32": 32, "float16": 16, "int8": 8}


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one device in one table at one precision: extents [n, 4] = batch, m, n, k; operands along the reduction [n, 2]; times [n]
    [s]."""

    table: str
    device: str
    profile: str
    dtype: str
    extents: Floats
    along: npt.NDArray[np.bool_]
    seconds: Floats
    calls: str
    storage: int

    @property
    def bytes_once(self) -> Floats:
        """Bytes of all three matrices [B]."""
        batch, m, n, k = self.extents.T
        out = 32 if self.dtype == "int8" else self.storage
        return batch * ((m * k + k * n) * self.storage + m * n * out) / 8


@lru_cache
def _gpu(profile: str, dtype: str) -> Gpu:
    return gpu(load(profile), dtype, packed=False)


def profile_of(device: str) -> str | None:
    """The shipped profile of a device as a table names it, None for what is no GPU that there is one of."""
    words = device.lower().replace("_", " ").replace("-", " ")
    found = (profile for first, second, profile in PROFILES if first in words and second in words)
    return next(found, None)


def read(path: Path) -> list[Group]:
    """The groups of a table; rows of devices without a profile are left out."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    groups: dict[tuple[str, str, str, int], list[tuple[list[float], list[bool], float]]] = {}
    single = all(row.get("B", "1") == "1" for row in rows)
    for row in rows:
        profile = profile_of(row["device"])
        if profile is None:
            continue
        dtype, storage = _precision(row, profile)
        seconds = float(row.get("latency_ms") or row["time_ms"]) * 1e-3
        kind = _kind(row, single)
        # row-major: a linear layer's weights lie along the reduction, a batched product's second operand does not. DeepBench is
        # column-major.
        along = [True, kind == "linear"] if kind != "queued" else [row["transA"] == "T", row["transB"] == "N"]
        extents = [float(row.get("B") or 1), *(float(row[name]) for name in ("M", "N", "K"))]
        groups.setdefault((row["device"], dtype, kind, storage), []).append((extents, along, seconds))
    return [
        Group(
            path.stem, device, str(profile_of(device)), dtype, np.array([row[0] for row in found]),
            np.array([row[1] for row in found]), np.array([row[2] for row in found]), kind, storage,
        )
        for (device, dtype, kind, storage), found in groups.items()
    ]  # fmt: skip


def _kind(row: Mapping[str, str], single: bool) -> str:
    """How a row was called. single : no row of its table has a batch."""
    if "transA" in row:
        return "queued"
    return "queued_row_major" if "op" in row else "linear" if single else "batched"


def _precision(row: Mapping[str, str], profile: str) -> tuple[str, int]:
    """Type that the products are computed in, and bits that operands are stored in: Pascal's 16-bit operands are multiplied as 32."""
    said = row.get("precision", "") + row.get("op", "")
    if "Int8" in said:
        return "int8", 8
    if "32 bit multiplication" in said:
        return "float32", 16
    return ("float16", 16) if "16 bit" in said or "fp16" in said else ("float32", 32)


CALLS = {"linear": EAGER_LINEAR, "batched": EAGER_BATCHED, "queued": QUEUED, "queued_row_major": QUEUED}


def predict(group: Group, constants: Constants = SHARED, calls: Mapping[str, Calls] = CALLS) -> Floats:
    """Times of a group's products [s]."""
    batch, m, n, k = group.extents.T
    return products(
        _gpu(group.profile, group.dtype), m, n, k, batch=batch, bits=group.storage,
        output_bits=32 if group.dtype == "int8" else group.storage, a_along_k=group.along[:, 0], b_along_k=group.along[:, 1],
        calls=calls[group.calls], constants=constants,
    ).seconds  # fmt: skip


def naive(group: Group) -> Floats:
    """The naive roofline [s], at the peak of the type that is asked for."""
    device = load(group.profile)
    chip, edge = _gpu(group.profile, group.dtype), device.off_chip
    assert edge is not None and edge.shared_bandwidth is not None
    peak = chip.macs_per_cycle * chip.sms * chip.clock_hz
    return np.maximum(group.extents.prod(axis=1) / peak, group.bytes_once / edge.shared_bandwidth)


def error(predicted: Floats, measured: Floats) -> float:
    """Median absolute percentage error [1]."""
    return float(np.median(np.abs(predicted / measured - 1)))


#: What is fitted: fields of ``Constants``, and of the calls.
FITTED = tuple(field.name for field in fields(Constants) if field.name not in {"matrix_tile_share"})
CALL_FIELDS = (
    ("linear", "floor_s"),
    ("linear", "gap_s"),
    ("batched", "floor_s"),
    ("batched", "gap_s"),
    ("queued", "floor_s"),
    ("queued", "gap_s"),
)
_AT_MOST_1 = frozenset({"memory_share", "strided_share", "tile_share", "reused", "droop", "l1_misses"})


def _moved(start: Constants, moves: Floats) -> tuple[Constants, dict[str, Calls]]:
    scaled: dict[str, float] = {}
    for name, move in zip(FITTED, moves, strict=False):
        value = getattr(start, name) * float(np.exp(move))
        scaled[name] = min(value, 1.0) if name in _AT_MOST_1 else value
    calls = dict(CALLS)
    for (kind, name), move in zip(CALL_FIELDS, moves[len(FITTED) :], strict=True):
        calls[kind] = replace(calls[kind], **{name: getattr(calls[kind], name) * float(np.exp(move))})
    calls["queued_row_major"] = calls["queued"]
    return replace(start, **scaled), calls


def fit(groups: Sequence[Group], steps: int = 4000, seed: int = 1) -> tuple[Constants, dict[str, Calls]]:
    """Shared constants for these groups: random search for the least sum of median and clipped mean error, all groups alike."""
    random = np.random.default_rng(seed)

    def loss(moves: Floats) -> float:
        constants, calls = _moved(SHARED, moves)
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
    return _moved(SHARED, found)


#: Tables whose rows the constants are fitted to; the others are only compared with.
FIT_TO = ("neusight_linear_sample", "neusight_bmm_sample", "deepbench_gemm")


def leave_one_out(groups: Sequence[Group], steps: int = 600) -> dict[str, float]:
    """Error on all rows of each profile's groups by constants fitted to the others [1], from the shared constants as a start."""
    used = [group for group in groups if group.table in FIT_TO]
    errors = {}
    for profile in sorted({group.profile for group in used}):
        constants, calls = fit([group for group in used if group.profile != profile], steps)
        held = [group for group in used if group.profile == profile]
        errors[profile] = error(
            np.concatenate([predict(group, constants, calls) for group in held]),
            np.concatenate([group.seconds for group in held]),
        )
    return errors


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
            made.append(_line(table, group.device, group.dtype, [group]))
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
        for profile, missed in leave_one_out(groups).items():
            print(f"left out {profile}: {100 * missed:.1f} %")


if __name__ == "__main__":
    main()
