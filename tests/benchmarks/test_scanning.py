"""Throughput of a scan of distinct valid mappings: ``pytest tests/benchmarks/test_scanning.py --benchmark-timer=time.process_time -s``.

Every row gives all counts, cycles and energy of one mapping. Goals on one thread: 1,000,000 a second of CPU in the timeloop rules on
ws_layer1 (a 16 x 16 array), the same within a fifth on 128 x 128; two threads at least 0.9 of what two processes do, by the clock.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from hwsim.cost import scan
from hwsim.cost.scanning import Scan, rows
from hwsim.counts import Rules
from hwsim.kernels.packed import MappingArrays
from hwsim.mapping import Hierarchy, Level, Storage
from hwsim.mapping.hierarchy import Keep
from hwsim.workload import LoopNest, OperandType
from tests.counts.nests import EVERYTHING
from tests.oracles.random_mappings import random_mappings

WORD = OperandType("uint1")
BLOCK = 20_000
PICO = 1e-12


def ws(side: int) -> tuple[LoopNest, Hierarchy]:
    """The problem ``ws_layer1`` of the mapper's golden files (words as bits, pJ), on side x side PEs, channels with them."""

    def stored(
        name: str, mesh: int, words: int | None, energy: float, rate: float, keeps: tuple[Keep, Keep, Keep]
    ) -> Level:
        joules = (energy * PICO,) * 3
        return Level(
            name, mesh, mesh, (Storage(EVERYTHING, words),), keeps, 1, rate, rate, None, joules, joules, joules, 1
        )

    levels = (
        stored("WReg", side, 64, 0.5, 2.0, ("never", "always", "never")),
        stored("GLB", 1, 65536, 6.0, 64.0, ("always", "never", "always")),
        stored("DRAM", 1, None, 200.0, 8.0, ("always", "always", "always")),
    )
    buffer = replace(levels[1].constraint, spatial_x=("K",), spatial_y=("C",))
    channels = 64 * side // 16
    nest = LoopNest(
        k=channels, c=channels, q=56, p=56, s=3, r=3, input=WORD, weight=WORD, output=WORD, accumulator=WORD
    )
    hierarchy = Hierarchy("ws", (levels[0], replace(levels[1], constraint=buffer), levels[2]), side, side, mac_j=PICO)
    return nest, replace(hierarchy, leakage_w=0.0)


def valid_mappings(side: int, number: int = BLOCK) -> tuple[LoopNest, Hierarchy, MappingArrays]:
    """Distinct ones that fit."""
    nest, hierarchy = ws(side)
    arrays = random_mappings(1, nest, hierarchy, 40 * number)
    chosen = scan(nest, hierarchy, arrays, "timeloop").valid.nonzero()[0][:number]
    assert len(chosen) == number
    return nest, hierarchy, rows(arrays, chosen)


@pytest.mark.parametrize("side", [16, 128])
@pytest.mark.parametrize("rules", ["timeloop", "exact"])
def test_scan(benchmark: Callable[..., Scan], rules: Rules, side: int) -> None:
    number = BLOCK if rules == "timeloop" else BLOCK // 10
    nest, hierarchy, arrays = valid_mappings(side, number)
    scan(nest, hierarchy, arrays, rules)
    found = benchmark(scan, nest, hierarchy, arrays, rules)
    assert found.valid.all()
    best = benchmark.stats.stats.min  # type: ignore[attr-defined]
    benchmark.extra_info["evaluations_per_second"] = number / best  # type: ignore[attr-defined]
    print(f"\n{rules} rules, {side} x {side}: {number / best:,.0f} evaluations a CPU-second")


def repeated(seconds: float = 3.0, threads: int = 1) -> float:
    """Evaluations a second, by the clock, over about so many seconds."""
    nest, hierarchy, arrays = valid_mappings(16, 4 * BLOCK)
    scan(nest, hierarchy, arrays, "timeloop", threads)
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        scan(nest, hierarchy, arrays, "timeloop", threads)
        done += len(arrays.keep)
    return done / (time.perf_counter() - begun)


def test_two_threads_do_what_two_processes_do() -> None:
    """By the clock, so that it needs two cores for itself; the best of three."""
    ratios = []
    for _ in range(3):
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            apart = sum(pool.map(repeated, [3.0, 3.0]))
        together = repeated(threads=2)
        ratios.append(together / apart)
        print(f"\ntwo threads {together:,.0f}/s, two processes {apart:,.0f}/s: {together / apart:.2f}")
    assert max(ratios) >= 0.9
