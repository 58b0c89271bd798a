"""How work grows with what is asked: ``python -m tests.benchmarks.scaling [--write]`` prints a table, or puts it into README.

Each row multiplies one size by four a step and gives CPU seconds (kernels compiled, no result cached) and the exponent of the last step:
1 is proportional. Cores are the exception: they are measured by the clock, and need a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import hwsim
from hwsim.graph import Network
from hwsim.graph.build import conv
from hwsim.onnx_io.generation import write as write_onnx
from hwsim.study import Study
from tests.benchmarks.peers.run import README

BEGIN, END = "<!-- python -m tests.benchmarks.scaling --write -->", "<!-- end of scaling -->"
Row = tuple[str, tuple[int, ...], Callable[[int], float]]


def cpu(question: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of the quickest of three, or of one that takes more than two."""
    times: list[float] = []
    while len(times) < 3 and not (times and times[0] > 2):
        start = clock()
        question()
        times.append(clock() - start)
    return min(times)


def chain(layers: int) -> Network:
    built = Network.builder(f"chain{layers}").input("x", (1, 16, 32, 32))
    for number in range(layers):
        built.conv(16, kernel=3, padding=1, name=f"c{number}")
    return built.build()


def nodes(count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.onnx"
        write_onnx(chain(count), path)
        return cpu(lambda: hwsim.prepare(path, passes=()))


def layers(count: int) -> float:
    prepared = hwsim.prepare(chain(count), passes=())
    device = hwsim.load_device("ws_16x16")
    return cpu(lambda: hwsim.estimate(prepared, device, rung="roofline"))


def _mapped(network: Network, device: hwsim.Device) -> float:
    prepared = hwsim.prepare(network, bits="w8a8")
    return cpu(lambda: hwsim.estimate(prepared, device, rung="mapping", cache=False))


def array(side: int) -> float:
    device = hwsim.load_device("ws_16x16", [f"compute.pe_array.x={side}", f"compute.pe_array.y={side}"])
    return _mapped(conv("1,64,56,56,64,3,3,1"), device)


def space(channels: int) -> float:
    return _mapped(conv(f"1,{channels},56,56,{channels},3,3,1"), hwsim.load_device("ws_16x16"))


_LEVEL = """\
  - {{name: buffer{number}, type: sram, capacity_kib: {kib}, keeps: {{input: free, weight: free, output: free}}, bytes_per_cycle: {rate},
     read_pj_per_byte: {pj}, write_pj_per_byte: {pj}}}
"""


def levels(count: int) -> float:
    """On-chip buffers between the registers and the off-chip memory."""
    buffers = "".join(
        _LEVEL.format(number=number, kib=32 * 8**number, rate=64, pj=2.0 * 2**number) for number in range(count)
    )
    text = (
        "name: deep\nkind: accelerator\ndescription: A benchmark\nsources: {none: made up}\ndefault_source: none\nclock_mhz: 500\n"
        "compute:\n  pe_array: {x: 16, y: 16}\n  precisions:\n"
        "    - {input: int8, weight: int8, accumulate: int32, macs_per_pe_per_cycle: 1, mac_pj: 1}\n"
        "memory:\n  - {name: registers, type: register, per: pe, capacity_bytes: {weight: 64}, pj_per_byte: 0.1}\n"
        f"{buffers}  - {{name: dram, type: lpddr4, off_chip: true, bandwidth_gb_per_s: 12.8, pj_per_bit: 8}}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep.yaml"
        path.write_text(text, encoding="utf-8")
        return _mapped(conv("1,64,56,56,64,3,3,1"), hwsim.load_device(path))


def points(count: int) -> float:
    axes = {"clock_mhz": {"range": [100, 99 + count // 4, 1]}, "memory.dram.bandwidth_gb_per_s": [1, 2, 4, 8]}
    base = {"model": "light_squeezenet", "device": "ws_16x16", "bits": "w8a8", "rung": "roofline"}
    return cpu(Study(axes, base).run)


def cores(count: int) -> float:
    """By the clock: a study of designs that each need mapping searches."""
    axes = {"clock_mhz": [100, 200, 300, 400], "memory.gbuf.capacity_kib": [64, 128]}
    base = {"model": "light_zfnet512", "device": "ws_16x16", "bits": "w8a8", "rung": "mapping"}
    return cpu(lambda: Study(axes, base).run(threads=count, cache=False), time.perf_counter)


ROWS: tuple[Row, ...] = (
    ("nodes read and lowered from a file", (100, 400, 1600), nodes),
    ("layers on the roofline", (100, 400, 1600), layers),
    ("array, PEs along a side (one mapping search)", (4, 16, 64), array),
    ("mapping space, channels of a 3 × 3 convolution", (16, 64, 256), space),
    ("buffers between registers and DRAM (one search)", (1, 2), levels),
    ("designs of a study on the roofline", (1000, 4000, 16000), points),
    ("cores, wall-clock seconds of a study that maps", (1, 2), cores),
)


def table(busy: bool = False) -> str:
    """Markdown; busy : without what is measured by the clock."""
    lines = [
        f"CPU seconds inside a running process, {os.cpu_count()} cores:",
        "",
        "| what grows | sizes | seconds | exponent |",
        "|---|---|---|---|",
    ]
    for name, sizes, ask in ROWS[:-1] if busy else ROWS:
        ask(sizes[0])
        times = [ask(size) for size in sizes]
        print(name, times, file=sys.stderr)
        slope = math.log(times[-1] / times[-2]) / math.log(sizes[-1] / sizes[-2])
        lines.append(
            f"| {name} | {', '.join(f'{size:,}' for size in sizes)} | {', '.join(f'{one:.3g}' for one in times)} | {slope:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into README")
    parser.add_argument("--busy", action="store_true", help="leave out what other programs on the machine disturb")
    arguments = parser.parse_args()
    text = table(arguments.busy)
    print(text)
    if arguments.write:
        before, rest = README.read_text(encoding="utf-8").split(BEGIN)
        README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
