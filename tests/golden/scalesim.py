"""SCALE-Sim 3.0.0 vectors against hwsim's closed form: ``python -m tests.golden.scalesim PATH...`` (.jsonl, .json, or folders of them).

Of every stall-free (CALC) vector: cycles = reported total + 1, overall utilization recomputed from the reported cycles, mapping
utilization, SRAM words per operand with output-stationary outputs as M·N. Bandwidth-limited (USER) vectors and the tool's
``compute_util_pct`` are skipped and counted: ``hwsim.counts.systolic`` says why. A mismatch is a vector in which
anything disagrees. Exit 1 on a mismatch, 2 where there is nothing to read.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from hwsim.counts.systolic import SystolicCounts, systolic
from hwsim.workload import LoopNest

DATAFLOWS = {"os": "output", "ws": "weight", "is": "input"}


def nest_of(layer: dict[str, Any]) -> LoopNest:
    """The nest of a topology row: a GEMM, or a convolution with the tool's rounded-up output size and hand-padded input."""
    if "M" in layer:
        return LoopNest(p=layer["M"], c=layer["K"], k=layer["N"])
    height, width, stride = layer["ifmap_h"], layer["ifmap_w"], layer["stride"]
    return LoopNest(
        k=layer["num_filt"],
        c=layer["channels"],
        q=-(-(height - layer["filt_h"] + stride) // stride),
        p=-(-(width - layer["filt_w"] + stride) // stride),
        s=layer["filt_h"],
        r=layer["filt_w"],
        stride_h=stride,
        stride_w=stride,
        height=height,
        width=width,
    )


def count_vector(vector: dict[str, Any]) -> SystolicCounts:
    """hwsim's counts for the nest, array and dataflow of one vector."""
    rows, cols = vector["array"]
    dataflow = cast(Literal["input", "weight", "output"], DATAFLOWS[vector["dataflow"]])
    return systolic(nest_of(vector["layer"]), rows, cols, dataflow)


def differences(vector: dict[str, Any]) -> list[str]:
    """What disagrees in one CALC vector, one line each."""
    counts = count_vector(vector)
    compute, detail = vector["compute"], vector["detail"]
    rows, cols = vector["array"]
    outputs = detail["sram_ofmap_accesses"]
    if vector["dataflow"] == "os":  # the tool adds the array's rows and columns once more for every fold
        outputs -= counts.row_folds * counts.column_folds * (rows + cols)
    pairs = [
        ("cycles", counts.cycles, compute["total_cycles"] + 1),
        ("SRAM input reads", counts.sram_reads[0], detail["sram_ifmap_accesses"]),
        ("SRAM weight reads", counts.sram_reads[1], detail["sram_filter_accesses"]),
        ("SRAM output writes", counts.sram_writes[2], outputs),
        ("mapping utilization %", 100 * counts.mapping_utilization, compute["mapping_eff_pct"]),
        (
            "overall utilization %",
            100 * counts.macs / (compute["total_cycles"] * rows * cols),
            compute["overall_util_pct"],
        ),
    ]
    return [
        f"{name}: {ours} instead of {theirs}"
        for name, ours, theirs in pairs
        if not math.isclose(ours, theirs, rel_tol=1e-12)
    ]


def read_vectors(path: Path) -> Iterator[dict[str, Any]]:
    """Vectors of one .jsonl file (one a line), of one .json file (one, or a list), or of every such file in a folder."""
    if path.is_dir():
        for inside in sorted((*path.glob("*.json"), *path.glob("*.jsonl"))):
            yield from read_vectors(inside)
    elif path.suffix == ".jsonl":
        for line in path.read_text().splitlines():
            if line.strip():
                yield json.loads(line)
    else:
        content = json.loads(path.read_text())
        yield from content if isinstance(content, list) else [content]


def main(arguments: Sequence[str]) -> int:
    """Check every vector; differences go to stderr, the summary to stdout."""
    vectors = mismatches = users = 0
    try:
        for path in arguments:
            for vector in read_vectors(Path(path)):
                vectors += 1
                if vector["mode"] != "CALC":
                    users += 1
                    continue
                found = differences(vector)
                mismatches += bool(found)
                for line in found:
                    print(f"{vector.get('file', vectors)}: {line}", file=sys.stderr)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{path}: not a file of vectors: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    if not vectors:
        print("no vectors: give .jsonl or .json files, or folders of them", file=sys.stderr)
        return 2
    print(f"skipped: {users} USER vectors, {vectors - users} compute_util_pct values", file=sys.stderr)
    print(f"{vectors} vectors, {mismatches} mismatches, {users} skipped")
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
