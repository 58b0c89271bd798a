"""SCALE-Sim 3.0.0's bandwidth-limited (USER) vectors against the simulator: ``python -m tests.golden.scalesim_user FILE``.

The same array, dataflow, buffers (half of each double buffer) and three interfaces of ``bandwidth`` words a cycle each, for inputs, weights
and outputs. What differs, and why, is in ``hwsim/simulation/SCALESIM.md``; nothing is fitted to the vectors.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

from hwsim.counts.systolic import systolic
from hwsim.estimation.demands import fetches
from hwsim.simulation import Lane, Program, Stream, run
from hwsim.simulation.program import TICKS
from hwsim.simulation.tiles import Share, blocks
from tests.golden.scalesim import DATAFLOWS, nest_of, read_vectors

_STAGES = ("launch", "weights", "inputs", "compute", "retire", "store")


def simulated_cycles(vector: dict[str, Any]) -> tuple[float, int, float, float]:
    """Cycles of the simulator, of the array alone, of the busiest interface, and of array and all words one after the other."""
    nest = nest_of(vector["layer"])
    rows, cols = vector["array"]
    dataflow = cast(Literal["input", "weight", "output"], DATAFLOWS[vector["dataflow"]])
    sizes = vector["sram_kB"]
    usable = [50 * (1024 * sizes[name] // 100) for name in ("ifmap", "filter", "ofmap")]
    counts = systolic(nest, rows, cols, dataflow, buffers=(usable[0], usable[1], usable[2]))
    rate = vector["bandwidth"]
    inputs, weights, every = fetches(nest, counts)
    tiles = counts.row_folds * counts.column_folds * counts.runs
    summed = 1 if dataflow == "output" or counts.dram_reads[2] else counts.row_folds
    words = (counts.dram_reads[1], counts.dram_reads[0] + counts.dram_reads[2], counts.dram_writes[2])
    shares = {
        1: Share(words[0] / rate, every, min(tiles, weights)),
        2: Share(words[1] / rate, within=min(tiles, inputs)),
        3: Share(counts.compute_cycles),
        5: Share(words[2] / rate, summed, last=True),
    }
    stream = Stream("layer", 0, blocks(tiles, shares, len(_STAGES)), (every + 1, 2, summed + 1))
    lane = Lane("array", (-1, 0, 1, 2, -1, 3))
    program = Program(_STAGES, ("weights", "inputs", "array", "outputs"), (lane,), (stream,))
    serial = counts.compute_cycles + sum(words) / rate
    return run(program).ticks / TICKS, counts.compute_cycles, max(words) / rate, serial


def main(arguments: Sequence[str]) -> int:
    """A line a vector: the tool's cycles, the simulator's, and what either cannot be below."""
    for path in arguments:
        for vector in read_vectors(Path(path)):
            if vector["mode"] == "USER":
                ours, compute, moved, _ = simulated_cycles(vector)
                theirs = vector["compute"]["total_cycles"] + 1
                print(f"{vector['file']:32} {theirs:9,} {ours:9,.0f} array {compute:,} words {moved:,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
