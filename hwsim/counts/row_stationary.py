"""Processing passes of a row-stationary chip: cycles, words through its buffer, words over its edge.

A PE keeps a row of a filter and slides it along a row of the input; a set of kernel height × output rows PEs makes a two-dimensional
convolution [1]_. In a pass the array works on n images, q·r channels and p·t filters over e rows of the output; m filters' partial sums
wait in the buffer. A
pass starts when its filters have come over their bus and the first window of inputs over theirs, then takes as long as the slowest of its
MACs (and the last column of sums on its way out), its inputs, and its partial sums on the bus of each direction.
A transfer over a bus carries words of one PE (or of PEs that want the same), so a PE's words are filled up to whole transfers, and so are
its sums in the words of the buffer. All filters of a pass wait in their own part of the buffer before it starts. Rows lie in the buffer
with their padding (Table III's sizes have it), and come so over the bus. Sums go from PE to PE up a column and nowhere else: sets
that work on channels of the same sums stand one above the other, those beside them have other filters.

.. [1] Y.-H. Chen, J. Emer, V. Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow for Convolutional Neural Networks,"
ISCA 2016; Y.-H. Chen
   et al., "Eyeriss," IEEE JSSC 52(1), 2017, doi:10.1109/JSSC.2016.2616357, Tables II and III (parameters and their letters).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from hwsim.workload import LoopNest


@dataclass(frozen=True, slots=True)
class Chip:
    """What a pass meets. columns, rows : of the array [1]; input_words, weight_words, output_words : of a PE's scratchpads [1].

    buffer_words : of the buffer that inputs and partial sums share, in whole banks of bank_words each [1]. input_rate, weight_rate,
    output_rate : words over the buses to the PEs and, for outputs, over each of both directions in a cycle [1]. filter_words : of the part
    of the buffer in which the filters of a pass wait [1]. line_words : side by side in one word of the buffer [1].
    """

    columns: int
    rows: int
    input_words: int
    weight_words: int
    output_words: int
    buffer_words: int
    input_rate: float
    weight_rate: float
    output_rate: float
    bank_words: int = 1
    filter_words: int = 1 << 40
    line_words: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """A row of JSSC's Table III: filters that wait in the buffer, images, output rows of a set, filters and channels of a PE, sets by
    channels, by filters."""

    m: int
    n: int
    e: int
    p: int
    q: int
    r: int
    t: int


@dataclass(frozen=True, slots=True)
class RowStationaryCounts:
    """Of one repeat of a nest. cycles : of all passes without the chip's edge [1]; bound_by : the slowest part of a pass; active_pes [1].

    Words: partial sums and inputs through the buffer, rows with their padding; inputs, weights and outputs over the chip's edge, padding
    left out [1]. edge_rows : edge_inputs with the padding [1]. word_hops : wires between neighbouring PEs that all words take where each
    word from or to the buffer drives one whole bus along y and one along x in every row of PEs that wants it, sums going from PE to PE [1].
    filter_words : into and out of the part of the buffer in which filters wait, which published counts of its words leave out [1].
    """

    passes: int
    cycles: float
    ramp_cycles: float
    bound_by: str
    active_pes: int
    buffer_reads: int
    buffer_writes: int
    edge_inputs: int
    edge_rows: int
    edge_weights: int
    edge_outputs: int
    word_hops: int
    filter_words: int


def fits(nest: LoopNest, plan: Plan, chip: Chip) -> bool:
    """Whether scratchpads, array and buffer have room for a plan."""
    across, down = _sets(nest, plan.e, chip)
    return (
        plan.q * nest.r <= chip.input_words
        and plan.p * plan.q * nest.r <= chip.weight_words
        and plan.p <= chip.output_words
        and plan.r <= down
        and plan.t <= across * (down // plan.r)
        and plan.p * plan.t * plan.q * plan.r * nest.s * nest.r <= chip.filter_words
        and _waiting(nest, plan, chip) <= chip.buffer_words
    )


def _sets(nest: LoopNest, e: int, chip: Chip) -> tuple[int, int]:
    """Sets of kernel height × e PEs beside each other and one above the other; a set wider than the array lies in folds [1]."""
    folds = -(-e // chip.columns)
    return chip.columns // -(-e // folds), chip.rows // nest.s // folds


def _strip_rows(nest: LoopNest, e: int) -> int:
    """Rows of input, padding included, that e rows of output take [1]."""
    return (e - 1) * nest.stride_h + (nest.s - 1) * nest.dilation_h + 1


def _row_words(nest: LoopNest) -> int:
    return (nest.p - 1) * nest.stride_w + (nest.r - 1) * nest.dilation_w + 1


def _waiting(nest: LoopNest, plan: Plan, chip: Chip) -> int:
    """Words of partial sums and of inputs in the buffer at a time, in whole banks each [1]."""
    sums = plan.n * plan.m // plan.p * _lines(plan.p, chip) * plan.e * nest.p
    inputs = plan.n * plan.q * plan.r * _strip_rows(nest, plan.e) * _row_words(nest)
    return _banks(sums, chip) + _banks(inputs, chip)


def _banks(words: int, chip: Chip) -> int:
    return -(-words // chip.bank_words) * chip.bank_words


def _lines(words: int, chip: Chip) -> int:
    """Words that sums of one position in one PE take in the buffer [1]."""
    return -(-words // chip.line_words) * chip.line_words


def _transfers(words: int, rate: float) -> float:
    """Cycles in which words of one PE come over a bus: whole transfers [1]; none over a bus of infinite width."""
    return ceil(words / rate)


def _stored_rows(nest: LoopNest, e: int) -> int:
    """Rows of all strips that are data and not padding [1]."""
    total = 0
    for first in range(0, nest.q, e):
        last = min(first + e, nest.q) - 1
        top = max(0, first * nest.stride_h - nest.pad_top)
        end = min(nest.input_height, last * nest.stride_h - nest.pad_top + (nest.s - 1) * nest.dilation_h + 1)
        total += max(0, end - top)
    return total


def _laid_rows(nest: LoopNest, e: int) -> int:
    """Rows of all strips as the chip lays them out, padding included [1]."""
    strips = -(-nest.q // e)
    return (nest.q - strips) * nest.stride_h + strips * _strip_rows(nest, 1)


def count(nest: LoopNest, plan: Plan, chip: Chip) -> RowStationaryCounts:
    """Passes of one repeat of a nest; partial ones take as long as full ones, those of the first channels read no sums."""
    strips, images = -(-nest.q // plan.e), -(-nest.n // plan.n)
    channels, filters = plan.q * plan.r, plan.p * plan.t
    chunks, parts = -(-nest.c // channels), -(-nest.k // filters)
    passes = nest.g * strips * images * chunks * parts
    rows, width = _strip_rows(nest, plan.e), _row_words(nest)
    weights = plan.t * plan.r * nest.s * _transfers(plan.p * plan.q * nest.r, chip.weight_rate)
    window = nest.r * rows * channels / chip.input_rate
    sums = plan.n * plan.t * _lines(plan.p, chip) * plan.e * nest.p
    column = plan.t * plan.e * _transfers(plan.p, chip.output_rate)
    parts_of_pass = {
        "compute": plan.n * nest.p * plan.p * plan.q * nest.r + column,
        "input": plan.n * rows * width * channels / chip.input_rate - window,
        "output": plan.n * nest.p * column,
    }
    slowest = max(parts_of_pass, key=lambda name: parts_of_pass[name])
    stored = _stored_rows(nest, plan.e) * min(nest.input_width, width)
    maps = nest.n * nest.g * nest.c
    inputs = maps * stored
    padded = maps * _laid_rows(nest, plan.e) * width
    held = -(-nest.k // plan.m)
    return RowStationaryCounts(
        passes=passes,
        cycles=passes * (weights + window + parts_of_pass[slowest]),
        ramp_cycles=passes * (weights + window),
        bound_by=slowest,
        active_pes=plan.e * nest.s * plan.r * plan.t,
        buffer_reads=(passes - passes // chunks) * sums + padded * parts,
        buffer_writes=passes * sums + padded * held,
        edge_inputs=inputs * held,
        edge_rows=padded * held,
        edge_weights=nest.elements[1] * images * strips,
        edge_outputs=nest.elements[2],
        word_hops=_word_hops(nest, plan, chip, passes, (passes - passes // chunks) * sums, passes * sums),
        filter_words=passes * filters * channels * nest.s * nest.r,
    )


def _word_hops(nest: LoopNest, plan: Plan, chip: Chip, passes: int, sums_in: int, sums_out: int) -> int:
    """Every PE of a set wants one row of a channel, filters beside each other share its bus; a filter's row goes to one row of a set."""
    along_y, along_x = chip.rows - 1, chip.columns - 1
    folds = -(-plan.e // chip.columns)
    stacked = -(-plan.t // _sets(nest, plan.e, chip)[0])
    of_row = _strip_rows(nest, plan.e) * along_y + plan.e * nest.s * stacked * along_x
    inputs = plan.n * plan.q * plan.r * _row_words(nest) * of_row
    weights = plan.p * plan.q * nest.r * nest.s * plan.r * plan.t * (along_y + folds * along_x)
    sums = (sums_in + sums_out) * (along_y + along_x) + sums_out * (nest.s * plan.r - 1)
    return passes * (inputs + weights) + sums


def plans(nest: LoopNest, chip: Chip) -> Iterator[Plan]:
    """All plans that fit, but for those that another one dominates: of equal numbers of strips and parts the smallest, of filters held
    the most."""
    for e in _distinct(nest.q, chip.columns * (chip.rows // nest.s)):
        across, down = _sets(nest, e, chip)
        for q in range(1, min(chip.input_words // nest.r, nest.c) + 1):
            for p in _distinct(nest.k, min(chip.output_words, chip.weight_words // (q * nest.r))):
                for r in range(1, down + 1):
                    for t in range(1, across * (down // r) + 1):
                        yield from _held(nest, Plan(p * t, 1, e, p, q, r, t), chip)


def _held(nest: LoopNest, plan: Plan, chip: Chip) -> Iterator[Plan]:
    for n in range(1, nest.n + 1):
        if nest.n % n:
            continue
        row = _strip_rows(nest, plan.e) * _row_words(nest)
        left = chip.buffer_words - _banks(n * plan.q * plan.r * row, chip)
        step = plan.p * plan.t
        left = left // chip.bank_words * chip.bank_words
        sums = n * plan.e * nest.p * plan.t * _lines(plan.p, chip)
        m = min(-(-nest.k // step), left // sums) * step
        found = Plan(m, n, plan.e, plan.p, plan.q, plan.r, plan.t)
        if m >= step and fits(nest, found, chip):
            yield found


def _distinct(extent: int, most: int) -> Iterator[int]:
    """The smallest factor for each number of parts that factors up to ``most`` cut an extent into."""
    seen = set()
    for factor in range(1, min(extent, most) + 1):
        parts = -(-extent // factor)
        if parts not in seen:
            seen.add(parts)
            yield factor
