"""A scan of many mappings is ``count`` and ``price`` of each, to the last bit, whatever the hierarchy and the rules."""

from __future__ import annotations

import math
import os
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numba
import numpy as np
import pytest

from hwsim.cost import price, scan, scanning
from hwsim.cost.scanning import growth, rows
from hwsim.counts import Counts, Rules, count
from hwsim.errors import Infeasible, MappingError, UsageError
from hwsim.kernels.packed import MappingArrays
from hwsim.kernels.scan import MISPLACED, OVERFULL, SPREAD, TOO_LARGE, UNCOVERED
from hwsim.mapping import Hierarchy, Level, LevelLoops, Mapping, Storage
from hwsim.mapping.pack import pack_mapping, pack_mappings, unpack_mapping
from hwsim.workload import LoopNest, OperandType
from tests.counts.nests import EVERYTHING, loops, nest, one_pe
from tests.oracles.random_mappings import random_mappings

CASES = int(os.environ.get("HWSIM_SCAN_CASES", "6" if numba.config.DISABLE_JIT else "40"))


def random_problem(rng: random.Random, perfect: bool) -> tuple[LoopNest, Hierarchy]:
    """A nest, and two to five levels with anything a level can have."""
    of = nest(
        **{dim: rng.choice((1, 1, 2, 3, 4, 6, 8, 12)) for dim in "ngkcqp"},
        s=rng.choice((1, 3)),
        r=rng.choice((1, 3, 5)),
        stride_h=rng.choice((1, 2)),
        dilation_w=rng.choice((1, 1, 3)),
        repeat=rng.choice((1, 7)),
        **({} if perfect else {"pad_top": rng.choice((0, 1)), "pad_left": rng.choice((0, 2))}),
    )
    levels, across, down = [], 1, 1
    for number in range(rng.randint(2, 5)):
        levels.append(random_level(rng, f"level{number}", across, down, outermost=number == 0))
        across, down = across * rng.choice((1, 1, 2, 4)), down * rng.choice((1, 1, 3, 4))
    fields = {"leakage_w": rng.choice((None, 1e-3)), "mac_j": 1e-12 * rng.random(), "clock_hz": 1e9 * rng.random()}
    ramp = {"pass_cycles": rng.choice((0.0, 3.0)), "pass_level": rng.randint(-1, len(levels) - 1)}
    return of, Hierarchy(
        "random", tuple(levels[::-1]), across, down, macs_per_pe=rng.choice((1.0, 2.0)), **fields, **ramp
    )


def random_level(rng: random.Random, name: str, across: int, down: int, outermost: bool) -> Level:
    def rate() -> float | None:
        return rng.choice((None, rng.uniform(0.5, 64.0)))

    def energy() -> tuple[float, float, float]:
        return rng.random() * 1e-12, rng.random() * 1e-12, rng.random() * 1e-12

    pools = (Storage(EVERYTHING, rng.choice((None, 1200, 6000))),)
    if rng.random() < 0.3:
        pools = (Storage((True, False, True), rng.choice((None, 900))), Storage((False, True, False), 1000))
    if outermost:
        pools = (Storage(EVERYTHING, None),)
    return Level(
        name,
        across,
        down,
        storage=pools,
        keeps=("always",) * 3 if outermost else (rng.choice(("free", "always")), "free", rng.choice(("free", "never"))),  # type: ignore[arg-type]
        buffering=rng.choice((1, 2)),
        read=rate(),
        write=rate(),
        shared=rate(),
        read_j=energy(),
        fill_j=energy(),
        update_j=energy(),
        block_bits=rng.choice((0, 8, 32)),
        network_bits_per_cycle=(rate(), rate(), rate()),
        multicast=rng.random() < 0.8,
        reduce=rng.random() < 0.8,
        hop_j=rng.choice((0.0, 1e-13)),
        overlapped=rng.random() < 0.7,
    )


def one(arrays: MappingArrays, row: int) -> Mapping:
    return unpack_mapping(MappingArrays(*(array[row] for array in arrays)))


@pytest.mark.parametrize("rules", ["exact", "timeloop"])
def test_every_row_is_what_count_and_price_say(rules: Rules) -> None:
    fitting = 0
    for seed in range(CASES):
        of, hierarchy = random_problem(random.Random(seed), rules == "timeloop")
        arrays = random_mappings(seed, of, hierarchy, 60, perfect=rules == "timeloop")
        found = scan(of, hierarchy, arrays, rules)
        for row in range(len(found)):
            counts = count(of, hierarchy, one(arrays, row), rules)
            assert isinstance(counts, Counts) == bool(found.valid[row]), (seed, row, found.reason(row))
            if isinstance(counts, Infeasible):
                continue
            fitting += 1
            cost = price(counts, hierarchy, of)
            assert (cost.cycles, cost.joules) == (found.arrays.cycles[row], found.arrays.joules[row]), (seed, row)
            assert_counts(found.arrays, row, counts)
    assert fitting > CASES


def assert_counts(arrays, row: int, counts: Counts) -> None:  # type: ignore[no-untyped-def]
    steps, passes, macs, pes = arrays.scalars[row]
    assert (steps, passes, macs, pes) == (counts.steps, counts.passes, counts.macs, counts.pes)
    for index, at in enumerate(counts.levels):
        assert tuple(arrays.used[row, index]) == at.used
        for operand, there in enumerate(at):
            for table, accesses in ((arrays.accesses, there.total), (arrays.busiest, there.busiest)):
                assert tuple(table[row, index, operand]) == (accesses.reads, accesses.fills, accesses.updates)
            assert arrays.tile[row, index, operand] == there.tile
            assert tuple(arrays.network[row, index, operand]) == (there.wires.down, there.wires.up)
            assert arrays.hops[row, index, operand] == there.wires.hops
        final = at.output.total
        assert tuple(arrays.final[row, index]) == (final.final_reads, final.final_fills, final.final_updates)


def test_threads_change_nothing() -> None:
    of, hierarchy = random_problem(random.Random(3), True)
    arrays = random_mappings(0, of, hierarchy, 301)
    alone, shared = scan(of, hierarchy, arrays, "timeloop"), scan(of, hierarchy, arrays, "timeloop", threads=3)
    assert (alone.arrays.status == shared.arrays.status).all()
    assert (alone.edp == shared.edp).all()


def test_statuses_name_what_is_wrong() -> None:
    hierarchy, _ = one_pe(loops(), loops())
    inner = replace(hierarchy.levels[0], storage=(Storage(EVERYTHING, 8 + 4 * 8 - 1),), keeps=("free", "never", "free"))
    hierarchy = replace(hierarchy, levels=(inner, hierarchy.levels[1]))
    mappings = [
        Mapping((loops([("K", 2)], keep="IO"), loops())),
        Mapping((loops(keep="IO"), loops(x=[("K", 4)]))),
        Mapping((loops(keep="IW"), loops([("K", 4)]))),
        Mapping((loops(keep="IO"), loops([("K", 4)], keep="IO"))),
        Mapping((loops([("K", 4)], keep="IO"), loops())),
        Mapping((loops([("K", 1 << 40)], keep="IO"), loops([("C", 1 << 40)]))),
        Mapping((loops(keep="IO"), loops([("K", 4)]))),
    ]
    found = scan(nest(k=4), hierarchy, mappings)
    assert list(found.arrays.status) == [UNCOVERED, SPREAD, MISPLACED, MISPLACED, OVERFULL, TOO_LARGE, 0]
    assert list(found.valid) == [False] * 6 + [True]
    assert math.isinf(found.seconds[0]) and math.isinf(found.edp[0])
    assert np.isnan(found.joules[6])  # the hierarchy has no energies
    assert "mesh" in found.reason(1)


def test_perfect_factors_only_in_the_timeloop_rules() -> None:
    hierarchy, mapping = one_pe(loops([("K", 2)]), loops([("K", 4)]))
    assert scan(nest(k=7), hierarchy, [mapping], "timeloop").arrays.status[0] == UNCOVERED
    assert scan(nest(k=7), hierarchy, [mapping], "exact").valid[0]


def test_arrays_that_are_no_mappings() -> None:
    hierarchy, mapping = one_pe(loops(), loops([("K", 4)]))
    packed = pack_mapping(mapping, 2)
    with pytest.raises(MappingError, match="temporal"):
        scan(nest(k=4), hierarchy, packed)
    broken = MappingArrays(*(array[None].copy() for array in packed))
    broken.order[0, 1, 0] = broken.order[0, 1, 1]
    assert "not a mapping" in scan(nest(k=4), hierarchy, broken).reason(0)
    broken.order[0, 1, 0] = 99
    assert not scan(nest(k=4), hierarchy, broken).valid[0]
    with pytest.raises(UsageError, match="rules"):
        scan(nest(k=4), hierarchy, [mapping], "other")  # type: ignore[arg-type]
    assert len(scan(nest(k=4), hierarchy, [])) == 0


def test_a_nest_that_no_mapping_can_count() -> None:
    hierarchy, _ = one_pe(loops(), loops())
    with pytest.raises(MappingError, match="64 bits"):
        scan(LoopNest(k=1 << 31, c=1 << 31), hierarchy, [Mapping((LevelLoops(), LevelLoops()))])


def test_how_far_bits_can_outgrow_iterations() -> None:
    """Sixteen times a box's addresses for each point times the widest of the types."""
    plain = nest(k=4)
    assert growth(plain) == 16 * 2 * 2 * 32
    assert growth(replace(plain, stride_h=2, dilation_w=4)) == 16 * 3 * 5 * 32
    assert growth(replace(plain, stride_w=3, dilation_h=2)) == 16 * 3 * 4 * 32
    for name in ("input", "weight", "output", "accumulator"):
        assert growth(replace(plain, **{name: OperandType("float64")})) == 16 * 4 * 64
    hierarchy, _ = one_pe(loops(), loops())
    for factor, status in ((1 << 51, 0), (1 << 52, TOO_LARGE)):  # 2^51 iterations of 2^11 bits are 2^62
        found = scan(nest(k=4), hierarchy, [Mapping((loops([("K", factor // 2)]), loops()))])
        assert found.arrays.status[0] == status


@pytest.mark.parametrize("threads", [0, 1, 2, 7, 400])
def test_mappings_are_split_among_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many parts as threads, each row in one of them; none for one thread."""
    pools: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            pools.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(scanning, "ThreadPoolExecutor", Pool)
    of, hierarchy = random_problem(random.Random(3), False)
    arrays = random_mappings(0, of, hierarchy, 11)
    found, alone = scan(of, hierarchy, arrays, threads=threads), scan(of, hierarchy, arrays)
    assert pools == ([threads] if threads > 1 else []) and found.arrays.status.tolist() == alone.arrays.status.tolist()
    assert found.seconds.tolist() == alone.seconds.tolist() and len(found) == 11
    some = rows(arrays, np.array([2, 5]))
    assert scan(of, hierarchy, some).seconds.tolist() == alone.seconds[[2, 5]].tolist()


@pytest.mark.parametrize("name", MappingArrays._fields)
def test_arrays_of_the_wrong_shape_or_type_are_named(name: str) -> None:
    hierarchy, mapping = one_pe(loops(), loops([("K", 4)]))
    arrays = pack_mappings([mapping, mapping], 2)
    array = getattr(arrays, name)
    wanted = (2, 2, 3 if name == "keep" else 8)
    for wrong in (array[:, :1], array[..., :2], array.astype(np.int8), *([array[:1]] if name != "keep" else [])):
        with pytest.raises(MappingError) as caught:
            scan(nest(k=4), hierarchy, arrays._replace(**{name: wrong}))
        assert (
            str(caught.value) == f"mappings: {name} is {wrong.dtype} {wrong.shape}, not {wanted} of int64 (keep: bool)"
        )
