"""Rigid arrays: the closed form against the register-level array, a walk over folds, and the reference's own vectors."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.counts.systolic import systolic, touched_inputs
from hwsim.errors import UsageError
from hwsim.workload import LoopNest, OperandType
from tests.golden.scalesim import count_vector, main, read_vectors
from tests.oracles.systolic_array import multiply, multiply_double_buffered
from tests.shared import SHARED, needs_shared

Flow = Literal["input", "weight", "output"]
FLOWS: tuple[Flow, ...] = ("output", "weight", "input")
VECTORS = SHARED / "golden" / "scalesim" / "vectors.jsonl"
small = st.integers(1, 7)


@settings(max_examples=120, deadline=None)
@given(small, small, small, st.integers(1, 5), st.integers(1, 5), st.sampled_from(FLOWS), st.integers(0, 2**32 - 1))
def test_the_register_level_array_agrees(m: int, k: int, n: int, rows: int, cols: int, flow: Flow, seed: int) -> None:
    random = np.random.default_rng(seed)
    inputs, weights = random.integers(-9, 9, (m, k)), random.integers(-9, 9, (k, n))
    product, traffic = multiply(inputs, weights, rows, cols, flow)
    assert (product == inputs @ weights).all()
    counts = systolic(LoopNest(p=m, c=k, k=n), rows, cols, flow)
    assert counts.cycles == traffic.cycles
    assert counts.mapping_utilization == pytest.approx(traffic.occupied / traffic.slots)
    assert counts.sram_writes == (0, 0, traffic.written)
    reads = {
        "output": (traffic.left, traffic.top, 0),
        "weight": (traffic.left, traffic.preload, traffic.read_back),
        "input": (traffic.preload, traffic.left, traffic.read_back),
    }
    assert counts.sram_reads == reads[flow]
    moves = {
        "output": (traffic.moved_right, traffic.moved_down, 0),
        "weight": (traffic.moved_right, traffic.moved_in, traffic.moved_down),
        "input": (traffic.moved_in, traffic.moved_right, traffic.moved_down),
    }
    assert counts.moves == moves[flow]


@settings(max_examples=120, deadline=None)
@given(small, small, small, st.integers(1, 5), st.integers(1, 5), st.sampled_from(FLOWS), st.integers(0, 2**32 - 1))
def test_the_double_buffered_array_agrees(m: int, k: int, n: int, rows: int, cols: int, flow: Flow, seed: int) -> None:
    random = np.random.default_rng(seed)
    inputs, weights = random.integers(-9, 9, (m, k)), random.integers(-9, 9, (k, n))
    product, cycles = multiply_double_buffered(inputs, weights, rows, cols, flow)
    assert (product == inputs @ weights).all()
    nest = LoopNest(p=m, c=k, k=n)
    counts = systolic(nest, rows, cols, flow, double_buffered=True)
    assert counts.cycles == cycles
    assert counts.cycles <= systolic(nest, rows, cols, flow).cycles


def _walk_dram(nest: LoopNest, rows: int, cols: int, flow: Flow, buffers: tuple[int, int, int]) -> list[int]:
    """Input, weight, and partial-sum words moved by a walk over the folds of a matmul with buffers that hold a region or nothing.

    Every fold touches one block of each operand. A buffer that holds the whole operand keeps it; one that holds only what a column fold
    uses keeps that while the column fold lasts; a smaller one keeps nothing.
    """
    m, k, n = nest.p, nest.c, nest.k
    moved = [0, 0, 0]
    kept: tuple[set[object], set[object], set[object]] = (set(), set(), set())
    on_rows, on_cols = {"output": (m, n), "weight": (k, n), "input": (k, m)}[flow]
    for column in range(0, on_cols, cols):
        width = min(cols, on_cols - column)
        for row in range(0, on_rows, rows):
            height = min(rows, on_rows - row)
            blocks = {
                "output": (
                    (("i", row), height * k, m * k),
                    (("w", column), width * k, k * n),
                    (("o", row, column), height * width, 0),
                ),
                "weight": (
                    (("i", row), height * m, m * k),
                    (("w", row, column), height * width, k * n),
                    (("o", column), width * m, 0),
                ),
                "input": (
                    (("i", row, column), height * width, m * k),
                    (("w", row), height * n, k * n),
                    (("o", column), width * n, 0),
                ),
            }[flow]
            for operand, (name, words, whole) in enumerate(blocks):
                if operand == 2:
                    if flow != "output" and row and min(cols, on_cols) * (m if flow == "weight" else n) > buffers[2]:
                        moved[2] += words
                elif name not in kept[operand]:
                    moved[operand] += words
                    if whole <= buffers[operand] or (
                        flow == "output" and operand == 1 and k * min(cols, n) <= buffers[1]
                    ):
                        kept[operand].add(name)
    return moved


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.sampled_from(FLOWS),
    st.tuples(st.integers(1, 160), st.integers(1, 160), st.integers(1, 160)),
)  # fmt: skip
def test_dram_words_equal_a_walk_over_the_folds(
    m: int, k: int, n: int, rows: int, cols: int, flow: Flow, buffers: tuple[int, int, int]
) -> None:
    nest = LoopNest(p=m, c=k, k=n)
    counts = systolic(nest, rows, cols, flow, buffers=buffers)
    walked = _walk_dram(nest, rows, cols, flow, buffers)
    assert list(counts.dram_reads) == walked
    assert counts.dram_writes == (0, 0, m * n + walked[2])


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(0, 9)
)  # fmt: skip
def test_touched_inputs_are_the_addresses_of_the_windows(
    windows: int, taps: int, stride: int, dilation: int, before: int, height: int
) -> None:
    nest = LoopNest(q=windows, s=taps, stride_h=stride, dilation_h=dilation, pad_top=before, height=height)
    places = {w * stride + t * dilation - before for w in range(windows) for t in range(taps)}
    assert touched_inputs(nest) == len({place for place in places if 0 <= place < nest.input_height})


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.sampled_from(FLOWS))
def test_groups_and_repeats_run_one_after_the_other(groups: int, repeat: int, batch: int, flow: Flow) -> None:
    one = LoopNest(k=5, c=7, q=3, p=4, s=3, r=3)
    single = systolic(replace(one, n=batch), 4, 4, flow, buffers=(50, 50, 9))
    many = systolic(replace(one, n=batch, g=groups, repeat=repeat), 4, 4, flow, buffers=(50, 50, 9))
    for name in ("sram_reads", "sram_writes", "dram_reads", "dram_writes", "dram_read_bits", "dram_write_bits"):
        assert getattr(many, name) == tuple(groups * repeat * word for word in getattr(single, name))
    assert many.cycles == groups * repeat * single.cycles
    assert many.utilization == pytest.approx(single.utilization)


def test_depthwise_leaves_all_but_one_column_idle() -> None:
    counts = systolic(LoopNest(g=32, s=3, r=3, q=14, p=14), 16, 16, "weight")
    assert counts.mapping_utilization == 9 / 256
    assert counts.cycles == 32 * (2 * 16 + 16 + 196 - 2)


def test_several_arrays_share_out_column_folds() -> None:
    nest = LoopNest(p=64, c=64, k=64)
    one, two, three = (systolic(nest, 16, 16, "weight", arrays=arrays) for arrays in (1, 2, 3))
    assert one.cycles == 2 * two.cycles
    assert three.cycles == two.cycles, "four column folds on three arrays still take two rounds"
    assert one.sram_reads == two.sram_reads


def test_bandwidth_stalls_are_what_compute_does_not_hide() -> None:
    nest = LoopNest(p=8, c=8, k=8, accumulator=OperandType("int32"))
    free = systolic(nest, 8, 8, "output")
    assert (free.stall_cycles, free.dram_bits) == (0, 3 * 64 * 8)
    slow = systolic(nest, 8, 8, "output", dram_bits_per_cycle=8)
    assert slow.cycles == 3 * 64
    added = systolic(nest, 8, 8, "output", dram_bits_per_cycle=8, overlapped=False)
    assert added.cycles == free.cycles + 3 * 64
    assert slow.compute_utilization == free.utilization > slow.utilization
    two = systolic(replace(nest, g=2), 8, 8, "output", arrays=2, dram_bits_per_cycle=8)
    assert two.compute_utilization == free.utilization and two.utilization == 2 * 8**3 / (two.cycles * 64 * 2)


def test_words_of_each_operand_move_at_its_own_width() -> None:
    """4 x 6 inputs of 4 bits, 6 x 5 weights of 16; on 4 columns 5 filters are two folds, in the second of which all inputs come again."""
    nest = LoopNest(p=4, c=6, k=5, input=OperandType("int4"), weight=OperandType("int16"), output=OperandType("int8"))
    counts = systolic(nest, 4, 4, "output", buffers=(23, 24, None))
    assert counts.dram_read_bits == (2 * 24 * 4, 30 * 16, 0)
    assert counts.dram_write_bits == (0, 0, 20 * 8)


@pytest.mark.parametrize(("words", "times"), [(24, 1), (23, 2)])
def test_weights_of_a_column_fold_that_do_not_fit_come_with_every_row_fold(words: int, times: int) -> None:
    """8 rows of output on 4 rows: two row folds; 6 x 4 weights at a time."""
    counts = systolic(LoopNest(p=8, c=6, k=8), 4, 4, "output", buffers=(None, words, None))
    assert counts.dram_reads[1] == times * 6 * 8


def test_spilled_partial_sums_move_at_the_accumulators_width() -> None:
    nest = LoopNest(p=4, c=8, k=4, output=OperandType("int8"), accumulator=OperandType("int32"))
    counts = systolic(nest, 4, 4, "weight", buffers=(None, None, 15))
    assert counts.dram_reads[2] == 16
    assert counts.dram_read_bits[2] == 16 * 32
    assert counts.dram_write_bits == (0, 0, 16 * 32 + 16 * 8)


@pytest.mark.parametrize(
    ("arguments", "keywords", "text"),
    [
        ((0, 4, "output"), {}, "at least one"),
        ((4, 4, "outptu"), {}, "did you mean output"),
        ((4, 4, "weight"), {"dram_bits_per_cycle": 0}, "positive"),
        ((4, 4, "weight"), {"arrays": 0}, "at least one"),
    ],
)
def test_mistakes_are_said(arguments: tuple[int, int, Flow], keywords: dict[str, float], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        systolic(LoopNest(), *arguments, **keywords)  # type: ignore[arg-type]


def test_an_empty_nest_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        systolic(LoopNest(k=0), 4, 4, "output")


@needs_shared
def test_every_vector_of_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(VECTORS)]) == 0
    assert capsys.readouterr().out == "99 vectors, 0 mismatches, 18 skipped\n"


@needs_shared
def test_dram_words_of_the_reference_where_an_operand_fits() -> None:
    checked = 0
    for vector in read_vectors(VECTORS):
        counts = count_vector(vector)
        for operand, name in enumerate(("ifmap", "filter")):
            fits = counts.dram_reads[operand] <= 50 * (1024 * vector["sram_kB"][name] // 100)
            if vector["mode"] == "CALC" and fits:
                assert counts.dram_reads[operand] == vector["detail"][f"dram_{name}_accesses"]
                checked += 1
    assert checked > 100


def test_the_checker_sees_a_wrong_number(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    from pathlib import Path

    counts = systolic(LoopNest(p=20, c=9, k=7), 8, 4, "output")
    vector = {
        "layer": {"M": 20, "N": 7, "K": 9},
        "array": [8, 4],
        "dataflow": "os",
        "mode": "CALC",
        "compute": {
            "total_cycles": counts.cycles - 1,
            "overall_util_pct": 100 * 20 * 7 * 9 / ((counts.cycles - 1) * 32),
            "mapping_eff_pct": 100 * 20 * 7 / (3 * 8 * 2 * 4),
        },
        "detail": {
            "sram_ifmap_accesses": 20 * 9 * 2,
            "sram_filter_accesses": 9 * 7 * 3,
            "sram_ofmap_accesses": 20 * 7 + 6 * (8 + 4),
        },
    }
    assert math.isclose(counts.mapping_utilization, 140 / 192)
    path = Path(str(tmp_path)) / "vectors.json"
    path.write_text(json.dumps([vector, {**vector, "mode": "USER"}]))
    assert main([str(path)]) == 0
    assert capsys.readouterr().out == "2 vectors, 0 mismatches, 1 skipped\n"
    for group, name in (
        ("compute", "total_cycles"), ("compute", "mapping_eff_pct"), ("detail", "sram_ifmap_accesses"),
        ("detail", "sram_filter_accesses"), ("detail", "sram_ofmap_accesses"), ("compute", "overall_util_pct"),
    ):  # fmt: skip
        wrong = json.loads(json.dumps(vector))
        wrong[group][name] += 1
        path.write_text(json.dumps(wrong))
        assert main([str(path.parent)]) == 1
        assert "1 vectors, 1 mismatches, 0 skipped" in capsys.readouterr().out


def test_the_checker_refuses_what_it_cannot_read(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "broken.json"
    path.write_text('{"mode": "CALC"}')
    assert main([str(path)]) == 2
    assert main([str(path.with_name("absent.json"))]) == 2
    assert main([]) == 2
    assert "not a file of vectors" in capsys.readouterr().err


def test_bits_of_each_operand_and_what_stalls() -> None:
    """12 x 10 products of 7 on 4 x 3 PEs: words of 4, 2 and 16 bits, spilled sums of 32, three groups one after the other."""
    nest = LoopNest(
        g=3, p=12, c=10, k=7, input=OperandType("int4"), weight=OperandType("int2"), output=OperandType("int16"),
        accumulator=OperandType("int32"),
    )  # fmt: skip
    plain = systolic(nest, 4, 3, "weight")
    assert (plain.dataflow, plain.rows, plain.cols, plain.arrays, plain.runs, plain.double_buffered) == (
        "weight",
        4,
        3,
        1,
        3,
        False,
    )
    assert (plain.row_folds, plain.column_folds) == (3, 3)
    assert (plain.preload_cycles, plain.stream_cycles, plain.skew_cycles, plain.fold_cycles) == (4, 12, 5, 21)
    assert (plain.compute_cycles, plain.stall_cycles, plain.cycles) == (27 * 21, 0, 27 * 21)
    assert plain.sram_reads == (3 * 120 * 3, 3 * 70, 3 * 84 * 2) and plain.sram_writes == (0, 0, 3 * 84 * 3)
    assert plain.dram_reads == (360, 210, 0) and plain.dram_writes == (0, 0, 252)
    assert plain.dram_read_bits == (1440, 420, 0) and plain.dram_write_bits == (0, 0, 252 * 16)
    assert plain.dram_bits == 1440 + 420 + 252 * 16
    assert plain.utilization == plain.compute_utilization == 2520 / (27 * 21 * 12)
    spilled = systolic(nest, 4, 3, "weight", buffers=(10, 10, 35), dram_bits_per_cycle=8.0)
    assert spilled.dram_reads == (360 * 3, 210, 252 * 2) and spilled.dram_writes == (0, 0, 252 * 3)
    assert spilled.dram_read_bits == (1440 * 3, 420, 252 * 2 * 32) and spilled.dram_write_bits == (
        0,
        0,
        252 * 16 + 252 * 2 * 32,
    )
    transfer = math.ceil((1440 * 3 + 420 + 252 * 16 + 2 * 252 * 2 * 32) / 8)
    assert spilled.stall_cycles == transfer - 567 > 0 and spilled.cycles == transfer
    assert spilled.utilization == 2520 / (transfer * 12) < spilled.compute_utilization
    kept = systolic(nest, 4, 3, "weight", buffers=(120, 10, 36), dram_bits_per_cycle=8.0, overlapped=False)
    assert kept.dram_reads == (360, 210, 0) and kept.stall_cycles == math.ceil(plain.dram_bits / 8)
    assert systolic(nest, 4, 3, "weight", dram_bits_per_cycle=1e9).stall_cycles == 0
    two = systolic(nest, 4, 3, "weight", arrays=2)
    assert two.compute_cycles == 5 * 3 * 21 and two.utilization == 2520 / (
        5 * 3 * 21 * 24
    )  # nine columns of folds on two arrays
    double = systolic(nest, 4, 3, "weight", double_buffered=True)
    assert (double.fold_cycles, double.compute_cycles, double.double_buffered) == (12, 4 + 26 * 12 + 12 + 5, True)
    short = systolic(replace(nest, p=2), 4, 3, "weight", double_buffered=True)
    assert (short.fold_cycles, short.compute_cycles) == (4, 4 + 26 * 4 + 2 + 5)


@pytest.mark.parametrize(
    ("flow", "buffers", "fetched"),
    [
        ("output", (120, None, None), (120, 70)), ("output", (119, None, None), (360, 70)), ("output", (None, 30, None), (120, 70)),
        ("output", (None, 29, None), (120, 210)), ("weight", (119, 0, None), (360, 70)), ("input", (0, 70, None), (120, 70)),
        ("input", (0, 69, None), (120, 280)),
    ],
)  # fmt: skip
def test_what_is_fetched_again(
    flow: Flow, buffers: tuple[int | None, int | None, int | None], fetched: tuple[int, int]
) -> None:
    """Just as many words as a buffer has fit it; a strip of weights is what one column of folds uses."""
    counts = systolic(LoopNest(p=12, c=10, k=7), 4, 3, flow, buffers=buffers)
    assert counts.dram_reads[:2] == fetched


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dataflow": "weigth"}, r"^dataflow 'weigth': not one of input, weight, output \(did you mean weight\?\)$"),
        ({"rows": 0}, "^systolic array of 0 x 3 PEs, 1 times: give at least one of each$"), ({"cols": 0}, "array of 4 x 0 PEs"),
        ({"arrays": 0}, "array of 4 x 3 PEs, 0 times"),
        ({"dram_bits_per_cycle": 0.0}, "^DRAM bandwidth of 0.0 bit per cycle: give a positive one"),
        ({"dram_bits_per_cycle": -1.0}, "give a positive one"), ({"dram_bits_per_cycle": math.nan}, "give a positive one"),
        ({"nest": LoopNest(k=0)}, r"^nest with extents \(1, 1, 0, 1, 1, 1, 1, 1\), repeat 1: every one must be at least 1$"),
        ({"nest": LoopNest(repeat=0)}, "repeat 0: every one must be at least 1"),
    ],
)  # fmt: skip
def test_arrays_that_are_none(given: dict[str, Any], message: str) -> None:
    asked = {"nest": LoopNest(), "rows": 4, "cols": 3, "dataflow": "output", **given}
    assert systolic(LoopNest(), 1, 1, "output", dram_bits_per_cycle=1e-9).macs == 1
    with pytest.raises(UsageError, match=message):
        systolic(**asked)
