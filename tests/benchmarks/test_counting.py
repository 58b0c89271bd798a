"""Throughput of counting one mapping at a time, in CPU time:
``pytest tests/benchmarks/test_counting.py --benchmark-timer=time.process_time``.

A batch of 1,000 counts in one compiled call, so that what crosses the boundary from Python does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numba
import pytest

from hwsim.cost import price
from hwsim.counts import Counts, count
from hwsim.kernels.counting import count_exact
from hwsim.kernels.counting_timeloop import count_timeloop
from hwsim.kernels.packed import empty_counts
from hwsim.mapping import Hierarchy, LevelLoops, Mapping
from hwsim.mapping.pack import pack_hierarchy, pack_mapping, pack_nest
from hwsim.workload import LoopNest
from tests.counts.nests import level

KERNELS = {"exact": count_exact, "timeloop": count_timeloop}
BATCH = 1000


def weight_stationary(side: int) -> tuple[LoopNest, Hierarchy, Mapping]:
    """A 3x3 layer of 64 channels on side x side PEs with a weight each, a buffer and a DRAM."""
    hierarchy = Hierarchy("ws", (level("reg", side, side), level("glb"), level("dram")), side, side)
    nest = LoopNest(k=2 * side, c=2 * side, q=56, p=56, s=3, r=3)
    buffer = LevelLoops(
        (("P", 56), ("Q", 14), ("S", 3), ("R", 3), ("C", 2)), (("K", side),), (("C", side),), (True, False, True)
    )
    return nest, hierarchy, Mapping((LevelLoops(keep=(False, True, False)), buffer, LevelLoops((("Q", 4), ("K", 2)))))


@numba.njit(nogil=True)
def batch(kernel, times, nest, hierarchy, mapping, out):  # type: ignore[no-untyped-def]
    for _ in range(times):
        kernel(nest, hierarchy, mapping, out)


@pytest.mark.parametrize("padded", [False, True], ids=["plain", "padded"])
@pytest.mark.parametrize("side", [16, 128])
@pytest.mark.parametrize("rules", ["exact", "timeloop"])
def test_counts(benchmark: Callable[..., object], rules: str, side: int, padded: bool) -> None:
    nest, hierarchy, mapping = weight_stationary(side)
    if padded:
        nest = replace(nest, pad_top=1, pad_left=1, height=56, width=56)
    packed = (pack_nest(nest), pack_hierarchy(hierarchy), pack_mapping(mapping, 3), empty_counts(3))
    batch(KERNELS[rules], 1, *packed)
    benchmark(batch, KERNELS[rules], BATCH, *packed)


@pytest.mark.parametrize("rules", ["exact", "timeloop"])
def test_count_and_price_through_records(benchmark: Callable[..., object], rules: str) -> None:
    nest, hierarchy, mapping = weight_stationary(16)

    def priced() -> float:
        counts = count(nest, hierarchy, mapping, rules)  # type: ignore[arg-type]
        assert isinstance(counts, Counts)
        return price(counts, hierarchy, nest).seconds

    benchmark(priced)
