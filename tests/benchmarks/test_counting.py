"""Throughput of counting one mapping at a time, in CPU time:
``pytest tests/benchmarks/test_counting.py --benchmark-timer=time.process_time``.

A batch of 1,000 counts in one compiled call, so that what crosses the boundary from Python does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hwsim.cost import price
from hwsim.counts import Counts, count
from hwsim.kernels.packed import MappingArrays, empty_counts
from hwsim.kernels.scan import empty_scan, scan_exact, scan_timeloop
from hwsim.mapping import Hierarchy, LevelLoops, Mapping
from hwsim.mapping.pack import pack_hierarchy, pack_mappings, pack_nest
from hwsim.workload import LoopNest
from tests.counts.nests import level

KERNELS = {"exact": scan_exact, "timeloop": scan_timeloop}
BATCH = 1000


def weight_stationary(side: int) -> tuple[LoopNest, Hierarchy, Mapping]:
    """A 3x3 layer of 64 channels on side x side PEs with a weight each, a buffer and a DRAM."""
    hierarchy = Hierarchy("ws", (level("reg", side, side), level("glb"), level("dram")), side, side)
    nest = LoopNest(k=2 * side, c=2 * side, q=56, p=56, s=3, r=3)
    buffer = LevelLoops(
        (("P", 56), ("Q", 14), ("S", 3), ("R", 3), ("C", 2)), (("K", side),), (("C", side),), (True, False, True)
    )
    return nest, hierarchy, Mapping((LevelLoops(keep=(False, True, False)), buffer, LevelLoops((("Q", 4), ("K", 2)))))


@pytest.mark.parametrize("padded", [False, True], ids=["plain", "padded"])
@pytest.mark.parametrize("side", [16, 128])
@pytest.mark.parametrize("rules", ["exact", "timeloop"])
def test_counts(benchmark: Callable[..., object], rules: str, side: int, padded: bool) -> None:
    nest, hierarchy, mapping = weight_stationary(side)
    if padded:
        nest = replace(nest, pad_top=1, pad_left=1, height=56, width=56)
    mappings = MappingArrays._make(array.repeat(BATCH, axis=0) for array in pack_mappings([mapping], 3))
    room = empty_counts(3), empty_scan(0, 3)
    packed = (pack_nest(nest), pack_hierarchy(hierarchy), mappings, 1, 1.0, False, *room)
    KERNELS[rules](*packed)
    benchmark(KERNELS[rules], *packed)


@pytest.mark.parametrize("rules", ["exact", "timeloop"])
def test_count_and_price_through_records(benchmark: Callable[..., object], rules: str) -> None:
    nest, hierarchy, mapping = weight_stationary(16)

    def priced() -> float:
        counts = count(nest, hierarchy, mapping, rules)  # type: ignore[arg-type]
        assert isinstance(counts, Counts)
        return price(counts, hierarchy, nest).seconds

    benchmark(priced)
