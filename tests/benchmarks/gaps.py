"""How far from proven optimal the answers of the search can be: ``python -m tests.benchmarks.gaps [MODEL|DEVICE|SECONDS ...]``.

For every distinct nest of four networks on three hierarchies whose dataflow and bypass are free, in the exact rules: its bound_gap, CPU
time with compiled kernels, mappings priced and the size of the space; with so many seconds of CPU a nest, else the default work. Prints a
Markdown table of one row a network and hierarchy; with ``--nests`` one row a nest.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from hwsim.device import load
from hwsim.estimation.conversion import converted
from hwsim.estimation.mapped import default_objective
from hwsim.estimation.prepare import prepare
from hwsim.mapping import from_device
from hwsim.search import Found, best
from hwsim.workload import LoopNest
from tests.shared import SHARED

MODELS = ("tv_resnet50__leg17", "tv_mobilenet_v2__leg17", "bert_base__dyn18", "gpt2__dyn18")
DEVICES = ("simba_like", "ws_16x16", "ws_128x128")
#: Searched first, so that kernels are compiled and loaded; with padding, and too large to be priced whole.
_EVERY_KERNEL = LoopNest(k=24, c=20, p=14, q=14, r=3, s=3, pad_top=1, pad_left=1, height=14, width=14)


def nests(model: str, device: str) -> list[LoopNest]:
    """Distinct nests of a network in the types that the device runs it in."""
    prepared, _ = converted(prepare(SHARED / "models" / f"{model}.onnx"), load(device))
    return list(dict.fromkeys(replace(nest, repeat=1) for _, work in prepared.priced for nest in work.nests))


def searched(model: str, device: str, seconds_each: float | None) -> Iterator[tuple[LoopNest, Found, float]]:
    """Each distinct nest, what was found, and the CPU time that it took [s]."""
    for nest in nests(model, device):
        hierarchy = from_device(load(device), nest)
        start = time.process_time()
        found = best(nest, hierarchy, default_objective(hierarchy), seconds=seconds_each, cache=False)
        seconds = time.process_time() - start
        assert isinstance(found, Found), found
        yield nest, found, seconds


def main(chosen: list[str]) -> None:
    """Print the table."""
    each = "--nests" in chosen
    limit = next((float(word) for word in chosen if word.replace(".", "", 1).isdigit()), None)
    models = [model for model in MODELS if model in chosen] or list(MODELS)
    devices = [device for device in DEVICES if device in chosen] or list(DEVICES)
    time.perf_counter = time.process_time  # limits are of CPU, whatever else the machine does
    print(
        "| network | hierarchy | distinct nests | gap 0 | gap at most 5 % | largest gap | CPU, mean | CPU, most | spaces |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for device in devices:
        best(_EVERY_KERNEL, from_device(load(device), _EVERY_KERNEL), cache=False)
        for model in models:
            rows = []
            for nest, found, seconds in searched(model, device, limit):
                rows.append((found.bound_gap, seconds, found.space_size))
                if each:
                    print(
                        f"{device} {model} {nest.extents} stride {nest.stride_h}: gap {found.bound_gap:.4f} "
                        f"{seconds:.2f} s, {found.evaluated} priced of {found.space_size:.1e}",
                        flush=True,
                    )
            gaps, times, sizes = zip(*rows, strict=True)
            print(
                f"| {model.split('__')[0].removeprefix('tv_')} | {device} | {len(rows)} | {sum(gap == 0 for gap in gaps)} "
                f"| {sum(gap <= 0.05 for gap in gaps)} | {max(gaps):.1%} | {sum(times) / len(times):.2f} s | {max(times):.2f} s "
                f"| {min(sizes):.0e} to {max(sizes):.0e} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
