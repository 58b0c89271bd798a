"""Rigid arrays: how often everything happens when a systolic array runs a nest in one of its three dataflows, in closed form.

The nest is a matrix product per group, M × K times K × N: M = n·q·p output positions (the batch extends M), K = c·s·r, N = k; groups
run one after the other. The stationary operand lies on the array, the third extent T streams past it:

    output-stationary : rows M, columns N, T = K
    weight-stationary : rows K, columns N, T = M
    input-stationary  : rows K, columns M, T = N

A product larger than the array is cut into ceil(Sr/R) × ceil(Sc/C) folds, column folds outside, row folds inside. One fold takes
R + C + T − 2 cycles output-stationary, and 2R + C + T − 2 weight- and input-stationary, of which R load the stationary operand, T stream,
and R + C − 2 are the skew with which data enter and leave.

These are the timing and the on-chip word counts of SCALE-Sim 3.0.0 [1]_ [2]_; of its quirks none is imitated:

- it reports the index of the last cycle: its ``Total Cycles`` is one less than the cycles spent, which are what is counted here;
- its output size is ceil((H − F + S) / S): windows beyond the input cost cycles; here the nest says how many outputs there are;
- a layer has no batch, groups, dilation or padding of its own; here the nest has all four, and padding is never fetched from DRAM;
- its ``Compute Util`` divides by 2R + 2C + T − 3 for the weight- and input-stationary flows, cycles that it never spends; here both
  utilizations divide by the cycles that are spent;
- output-stationary SRAM writes of outputs carry an extra (R + C) per fold, counted twice; here they are M·N;
- weight- and input-stationary partial sums are written for every row fold and never read back; here they are read back;
- an operand fits its buffer only up to 50·floor(1024·kB/100) words, and one that does not fit is fetched line by line between one and
  Fc times; here ``buffers`` are usable words and an operand is fetched once, or once per fold that needs it again;
- a word is one byte; here DRAM traffic is also given in bits, of the nest's own types, spilled partial sums at the accumulator's width;
- bandwidth-limited stalls come from a line-granular buffer that can take longer than moving every word one by one; here the transfer
  hides behind compute and what does not fit behind it stalls.

Two properties are kept because they are the array, not the tool: every fold costs the same, however ragged, and folds do not overlap.
Output-stationary results leave through ports of their own, so they cost no drain beyond the skew. An array that is double-buffered
does overlap its folds, as in TPU v1 [3]_: the next stationary operand is loaded while this one is at work, words of the next fold follow
those of this one without a gap, and PEs change over as the words reach them, so that load, fill and drain are paid once.

.. [1] A. Samajdar, J. M. Joseph, Y. Zhu, P. Whatmough, M. Mattina, T. Krishna, "A Systematic Methodology for Characterizing Scalability
   of DNN Accelerators using SCALE-Sim," ISPASS 2020, doi:10.1109/ISPASS48437.2020.00016.
.. [2] SCALE-Sim 3.0.0, https://github.com/scalesim-project/SCALE-Sim, run as published.
.. [3] N. P. Jouppi et al., "In-Datacenter Performance Analysis of a Tensor Processing Unit," ISCA 2017, doi:10.1145/3079856.3080246.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from hwsim.errors import UsageError, nearest
from hwsim.workload import LoopNest

Stationary = Literal["input", "weight", "output"]
#: Words per operand in the order (input, weight, output) [1].
Words = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class SystolicCounts:
    """What one nest asks of a rigid array, all groups and repeats together.

    rows, cols, arrays : the array and how many there are [1]. row_folds, column_folds : of one group [1]. runs : products run one
    after the other (groups × repeats) [1]. fold_cycles : of one fold, of which ``preload_cycles`` load the stationary operand,
    ``stream_cycles`` stream and ``skew_cycles`` fill and drain [1]. compute_cycles, stall_cycles : of the nest [1].
    sram_reads, sram_writes : words that the array takes from and gives to the buffers, per operand [1].
    dram_reads, dram_writes : words between DRAM and the buffers, per operand [1]. dram_read_bits, dram_write_bits : the same [bit].
    moves : words handed from PE to PE on their way through PEs that do work, the step over the edge of the array among them [1].
    mapping_utilization : share of the PEs that hold work, mean over the folds [1]. double_buffered : folds overlap, and ``fold_cycles``
    are between the starts of two.
    """

    dataflow: Stationary
    rows: int
    cols: int
    arrays: int
    row_folds: int
    column_folds: int
    runs: int
    fold_cycles: int
    preload_cycles: int
    stream_cycles: int
    skew_cycles: int
    compute_cycles: int
    stall_cycles: int
    macs: int
    sram_reads: Words
    sram_writes: Words
    dram_reads: Words
    dram_writes: Words
    dram_read_bits: Words
    dram_write_bits: Words
    moves: Words
    mapping_utilization: float
    double_buffered: bool = False

    @property
    def cycles(self) -> int:
        """Cycles spent, stalls included [1]."""
        return self.compute_cycles + self.stall_cycles

    @property
    def utilization(self) -> float:
        """MACs done over MACs possible in the cycles spent [1]."""
        return self.macs / (self.cycles * self.rows * self.cols * self.arrays)

    @property
    def compute_utilization(self) -> float:
        """The same without stalls [1]."""
        return self.macs / (self.compute_cycles * self.rows * self.cols * self.arrays)

    @property
    def dram_bits(self) -> int:
        """Bits over the DRAM interface, both directions [bit]."""
        return sum(self.dram_read_bits) + sum(self.dram_write_bits)


def systolic(
    nest: LoopNest,
    rows: int,
    cols: int,
    dataflow: Stationary,
    *,
    arrays: int = 1,
    buffers: tuple[int | None, int | None, int | None] = (None, None, None),
    dram_bits_per_cycle: float | None = None,
    overlapped: bool = True,
    double_buffered: bool = False,
) -> SystolicCounts:
    """Counts of one nest on ``arrays`` arrays of ``rows`` × ``cols`` PEs.

    dataflow : the operand that stays, ``output``, ``weight`` or ``input``. arrays : identical ones that share out the column folds and
    runs, which are independent of each other [1]. buffers : usable words of the input, weight and output buffers, half of a double
    buffer; None is unlimited [1]. dram_bits_per_cycle : bandwidth shared by all operands and directions, None is unlimited [bit].
    overlapped : transfers hide behind compute, so that only what is left over stalls; else all of their cycles do.
    double_buffered : PEs hold the stationary operand (or results) of two folds, so that folds overlap.

    DRAM words of one group, in the fold order above: the input is fetched once if it fits its buffer, else once per column fold
    (once input-stationary: each of its strips is needed in one column fold only). The weight is fetched once weight-stationary;
    otherwise once if it fits, or if the strip that a column fold keeps using fits (output-stationary), else once per fold that needs it
    again. Partial sums stay on chip if the strip of a column fold fits the output buffer, else each row fold but the last writes them
    to DRAM and the next reads them back. Input words are those that any window touches, padding left out; where the strips of
    neighbouring folds share windows, the shared words are taken to be kept, which is the least that can be moved.

    Raises UsageError for an unknown dataflow, an array without PEs, a bandwidth or an extent that is not positive.
    """
    _check(nest, rows, cols, dataflow, arrays, dram_bits_per_cycle)
    m, k, n = nest.n * nest.q * nest.p, nest.c * nest.s * nest.r, nest.k
    spread = {"output": (m, n, k), "weight": (k, n, m), "input": (k, m, n)}
    on_rows, on_cols, stream = spread[dataflow]
    row_folds, column_folds = -(-on_rows // rows), -(-on_cols // cols)
    preload = 0 if dataflow == "output" else rows
    skew = rows + cols - 2
    runs = nest.g * nest.repeat
    folds = -(-runs * column_folds // arrays) * row_folds
    if double_buffered:
        fold_cycles = max(preload, stream)
        compute = preload + (folds - 1) * fold_cycles + stream + skew
    else:
        fold_cycles = preload + stream + skew
        compute = folds * fold_cycles

    partials = 1 if dataflow == "output" else row_folds
    sram_reads = {
        "output": (m * k * column_folds, k * n * row_folds, 0),
        "weight": (m * k * column_folds, k * n, m * n * (row_folds - 1)),
        "input": (m * k, k * n * column_folds, m * n * (row_folds - 1)),
    }[dataflow]
    whole, left = divmod(on_rows, rows)
    loading = on_cols * (whole * rows * (rows + 1) + left * (left + 1)) // 2
    work = m * k * n
    moves = {"output": (work, work, 0), "weight": (work, loading, work), "input": (loading, work, work)}[dataflow]
    fetched = _dram_reads(nest, dataflow, cols, row_folds, column_folds, buffers)
    spilled = 0 if _fits(min(cols, on_cols) * stream, buffers[2]) else m * n * (partials - 1)
    read_bits = (fetched[0] * nest.input.bits, fetched[1] * nest.weight.bits, spilled * nest.accumulator.bits)
    write_bits = (0, 0, m * n * nest.output.bits + spilled * nest.accumulator.bits)

    transfer = 0
    if dram_bits_per_cycle is not None:
        transfer = math.ceil(runs * (sum(read_bits) + sum(write_bits)) / dram_bits_per_cycle)
    return SystolicCounts(
        dataflow=dataflow,
        rows=rows,
        cols=cols,
        arrays=arrays,
        row_folds=row_folds,
        column_folds=column_folds,
        runs=runs,
        fold_cycles=fold_cycles,
        preload_cycles=preload,
        stream_cycles=stream,
        skew_cycles=skew,
        compute_cycles=compute,
        stall_cycles=max(0, transfer - compute) if overlapped else transfer,
        macs=nest.macs,
        sram_reads=_times(runs, sram_reads),
        sram_writes=_times(runs, (0, 0, m * n * partials)),
        dram_reads=_times(runs, (*fetched, spilled)),
        dram_writes=_times(runs, (0, 0, m * n + spilled)),
        dram_read_bits=_times(runs, read_bits),
        dram_write_bits=_times(runs, write_bits),
        moves=_times(runs, moves),
        mapping_utilization=on_rows * on_cols / (row_folds * rows * column_folds * cols),
        double_buffered=double_buffered,
    )


def touched_inputs(nest: LoopNest) -> int:
    """Distinct input elements that the windows of one group and repeat touch, padding left out [1]."""
    high = _touched(nest.q, nest.s, nest.stride_h, nest.dilation_h, nest.pad_top, nest.input_height)
    wide = _touched(nest.p, nest.r, nest.stride_w, nest.dilation_w, nest.pad_left, nest.input_width)
    return nest.n * nest.c * high * wide


def _dram_reads(
    nest: LoopNest,
    dataflow: Stationary,
    cols: int,
    row_folds: int,
    column_folds: int,
    buffers: tuple[int | None, int | None, int | None],
) -> tuple[int, int]:
    """Words of input and weight fetched from DRAM for one run [1]."""
    inputs, reduction = touched_inputs(nest), nest.c * nest.s * nest.r
    weights, strip = reduction * nest.k, reduction * min(cols, nest.k)
    input_times = 1 if dataflow == "input" or _fits(inputs, buffers[0]) else column_folds
    weight_times = 1
    if dataflow == "output" and not _fits(strip, buffers[1]):
        weight_times = row_folds
    elif dataflow == "input" and not _fits(weights, buffers[1]):
        weight_times = column_folds
    return inputs * input_times, weights * weight_times


def _touched(windows: int, taps: int, stride: int, dilation: int, before: int, size: int) -> int:
    """|{w·stride + t·dilation − before} ∩ [0, size)| for w < windows, t < taps."""
    if stride <= taps and (dilation == 1 or taps == 1):  # one run of addresses without gaps
        return max(0, min((windows - 1) * stride + taps - before, size) - max(-before, 0))
    starts = np.arange(windows, dtype=np.int64) * stride - before
    places = np.unique(starts[:, None] + np.arange(taps, dtype=np.int64) * dilation)
    return int(np.count_nonzero((places >= 0) & (places < size)))


def _fits(words: int, buffer: int | None) -> bool:
    return buffer is None or words <= buffer


def _times(runs: int, words: tuple[int, ...]) -> Words:
    first, second, third = words
    return first * runs, second * runs, third * runs


def _check(nest: LoopNest, rows: int, cols: int, dataflow: str, arrays: int, dram_bits_per_cycle: float | None) -> None:
    flows = get_args(Stationary)
    if dataflow not in flows:
        raise UsageError(f"dataflow {dataflow!r}: not one of {', '.join(flows)}{nearest(dataflow, flows)}")
    if min(rows, cols, arrays) < 1:
        raise UsageError(f"systolic array of {rows} x {cols} PEs, {arrays} times: give at least one of each")
    if dram_bits_per_cycle is not None and not dram_bits_per_cycle > 0:
        raise UsageError(
            f"DRAM bandwidth of {dram_bits_per_cycle} bit per cycle: give a positive one, or None for unlimited"
        )
    if min(nest.extents) < 1 or nest.repeat < 1:
        raise UsageError(f"nest with extents {nest.extents}, repeat {nest.repeat}: every one must be at least 1")
