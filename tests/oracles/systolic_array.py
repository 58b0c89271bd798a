"""A systolic array at register level: every PE, every register, every cycle, with the operands really moving.

Each PE holds registers for the word that travels right, the word that travels down and, where the dataflow has one, the word that stays.
A word carries its value and whether it is one (padding of a ragged fold travels like any other word, an empty slot does not). Nothing here
knows a formula for the time: a fold runs until no word is left in the array, and the cycles are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]
#: A word in a register: its value, and its place in the stream (None: an empty slot).
Slot = tuple[int, int] | None


@dataclass
class Traffic:
    """Cycles, and words over the array's edge: real ones only, padding is made at the edge."""

    cycles: int = 0
    left: int = 0
    top: int = 0
    preload: int = 0
    written: int = 0
    read_back: int = 0
    occupied: int = 0
    slots: int = 0
    moved_right: int = 0
    moved_down: int = 0
    moved_in: int = 0


def multiply(inputs: Matrix, weights: Matrix, rows: int, cols: int, dataflow: str) -> tuple[Matrix, Traffic]:
    """``inputs`` [M, K] times ``weights`` [K, N] on a ``rows`` × ``cols`` array: the product and what it took."""
    traffic = Traffic()
    if dataflow == "output":
        return _output_stationary(inputs, weights, rows, cols, traffic), traffic
    if dataflow == "weight":
        return _operand_stationary(inputs, weights, rows, cols, traffic), traffic
    # input-stationary is the transposed product with the operands in exchanged roles
    return _operand_stationary(weights.T, inputs.T, rows, cols, traffic).T, traffic


def multiply_double_buffered(
    inputs: Matrix, weights: Matrix, rows: int, cols: int, dataflow: str
) -> tuple[Matrix, int]:
    """The product on an array whose PEs hold two folds, and its cycles: words of consecutive folds follow each other.

    Every word carries the number of its fold. A PE holds at most two folds' stationary words (or sums), and takes up the next when the
    first word of it arrives. Stationary words are loaded a row a cycle, of one fold at a time, into a place that is free.
    """
    if dataflow == "input":
        product, cycles = multiply_double_buffered(weights.T, inputs.T, rows, cols, "weight")
        return product.T, cycles
    folds = _folds(inputs, weights, rows, cols, dataflow)
    product = np.zeros((inputs.shape[0], weights.shape[1]), dtype=np.int64)
    length = inputs.shape[1] if dataflow == "output" else inputs.shape[0]
    from_left, from_top = [fold[0] for fold in folds], [fold[1] for fold in folds]
    starts: list[int] = []
    loaded = 0
    for _ in folds:
        if dataflow == "weight":  # the place of fold - 2 is free once fold - 1 has started
            loaded = max(loaded, starts[-1] if starts else 0) + rows
        starts.append(max(loaded, starts[-1] + length if starts else 0))
    right: list[list[tuple[int, int, int] | None]] = [[None] * cols for _ in range(rows)]
    down: list[list[tuple[int, int, int] | None]] = [[None] * cols for _ in range(rows)]
    cycle, last, pending = 0, 0, sum(rows * cols * length for _ in folds)
    while pending:
        edge = [_tagged(from_left, starts, length, r, cycle - r) for r in range(rows)]
        right = [[edge[r], *right[r][:-1]] for r in range(rows)]
        if dataflow == "output":
            down = [[_tagged(from_top, starts, length, c, cycle - c) for c in range(cols)], *down[:-1]]
        else:
            down = [[None] * cols, *down[:-1]]
        for r in range(rows):
            for c in range(cols):
                word = right[r][c]
                if word is None:
                    continue
                value, step, fold = word
                _, block, (top, left) = folds[fold]
                if dataflow == "output":
                    other = down[r][c]
                    assert other is not None and other[1:] == (step, fold), "operands of different steps meet"
                    if top + r < product.shape[0] and left + c < product.shape[1]:
                        product[top + r, left + c] += value * other[0]
                else:
                    above = down[r][c]
                    assert (above is None) == (r == 0) and (above is None or above[1:] == (step, fold))
                    total = (above[0] if above else 0) + value * int(block[r, c])
                    down[r][c] = (total, step, fold)
                    if r == rows - 1 and left + c < product.shape[1]:
                        product[step, left + c] += total
                pending -= 1
                last = cycle
        cycle += 1
    return product, last + 1


def _folds(
    inputs: Matrix, weights: Matrix, rows: int, cols: int, dataflow: str
) -> list[tuple[Matrix, Matrix, tuple[int, int]]]:
    """Per fold what enters from the left [rows, T], what enters from the top or stays, and where the results go."""
    (m, k), n = inputs.shape, weights.shape[1]
    found = []
    for left in range(0, n, cols):
        for top in range(0, m if dataflow == "output" else k, rows):
            if dataflow == "output":
                lanes = _padded(inputs[top : top + rows], rows, k)
                found.append((lanes, _padded(weights[:, left : left + cols], k, cols).T, (top, left)))
            else:
                lanes = _padded(inputs[:, top : top + rows], m, rows).T
                found.append((lanes, _padded(weights[top : top + rows, left : left + cols], rows, cols), (0, left)))
    return found


def _tagged(words: list[Matrix], starts: list[int], length: int, lane: int, time: int) -> tuple[int, int, int] | None:
    """The word that enters a lane ``time`` cycles after lane 0 began, with its step and fold."""
    for fold, start in enumerate(starts):
        if start <= time < start + length:
            return int(words[fold][lane, time - start]), time - start, fold
    return None


def _output_stationary(inputs: Matrix, weights: Matrix, rows: int, cols: int, traffic: Traffic) -> Matrix:
    (m, k), n = inputs.shape, weights.shape[1]
    product = np.zeros((m, n), dtype=np.int64)
    for first_column in range(0, n, cols):
        for first_row in range(0, m, rows):
            strip = _padded(inputs[first_row : first_row + rows], rows, k)
            block = _padded(weights[:, first_column : first_column + cols], k, cols)
            height, width = min(rows, m - first_row), min(cols, n - first_column)
            traffic.left += height * k
            traffic.top += width * k
            sums = _output_fold(strip, block, (height, width), rows, cols, traffic)
            product[first_row : first_row + height, first_column : first_column + width] = sums[:height, :width]
            traffic.written += height * width
            traffic.occupied += height * width
            traffic.slots += rows * cols
    return product


def _output_fold(strip: Matrix, block: Matrix, real: tuple[int, int], rows: int, cols: int, traffic: Traffic) -> Matrix:
    """One fold: inputs enter row r from the left r cycles late, weights column c from the top c cycles late, sums stay.

    real : rows and columns that do work.
    """
    length = strip.shape[1]
    right: list[list[Slot]] = [[None] * cols for _ in range(rows)]
    down: list[list[Slot]] = [[None] * cols for _ in range(rows)]
    sums = np.zeros((rows, cols), dtype=np.int64)
    cycle, busy = 0, True
    while busy:
        edge_left = [_enter(strip[r], cycle - r) for r in range(rows)]
        edge_top = [_enter(block[:, c], cycle - c) for c in range(cols)]
        right = [[edge_left[r], *right[r][:-1]] for r in range(rows)]
        down = [edge_top, *down[:-1]]
        busy = False
        for r in range(rows):
            for c in range(cols):
                a, b = right[r][c], down[r][c]
                traffic.moved_right += a is not None and r < real[0] and c < real[1]
                traffic.moved_down += b is not None and r < real[0] and c < real[1]
                if a is not None and b is not None:
                    assert a[1] == b[1], "operands of different steps meet"
                    sums[r, c] += a[0] * b[0]
                    busy = True
        busy = busy or cycle < length
        cycle += busy
    traffic.cycles += cycle
    return sums


def _operand_stationary(stream: Matrix, held: Matrix, rows: int, cols: int, traffic: Traffic) -> Matrix:
    """``stream`` [T, K] times ``held`` [K, S]: held words stay, K on the rows; sums travel down and leave at the bottom."""
    (length, k), width_all = stream.shape, held.shape[1]
    product = np.zeros((length, width_all), dtype=np.int64)
    for first_column in range(0, width_all, cols):
        for first_row in range(0, k, rows):
            height, width = min(rows, k - first_row), min(cols, width_all - first_column)
            part = _padded(held[first_row : first_row + rows, first_column : first_column + cols], rows, cols)
            lanes = _padded(stream[:, first_row : first_row + rows], length, rows)
            traffic.preload += height * width
            traffic.left += length * height
            sums = _operand_fold(lanes, part, (height, width), rows, cols, traffic)[:, :width]
            if first_row:
                traffic.read_back += length * width
            product[:, first_column : first_column + width] += sums
            traffic.written += length * width
            traffic.occupied += height * width
            traffic.slots += rows * cols
    return product


def _operand_fold(lanes: Matrix, part: Matrix, real: tuple[int, int], rows: int, cols: int, traffic: Traffic) -> Matrix:
    """One fold. real : rows and columns that do work."""
    length = lanes.shape[0]
    held = np.zeros((rows, cols), dtype=np.int64)
    cycle = 0
    for entering in range(rows - 1, -1, -1):  # a row a cycle, pushed down from the top
        held = np.vstack([part[entering : entering + 1], held[:-1]])
        traffic.moved_in += sum(row < real[0] for row in range(entering, rows)) * real[1]
        cycle += 1
    assert (held == part).all()
    right: list[list[Slot]] = [[None] * cols for _ in range(rows)]
    down: list[list[Slot]] = [[None] * cols for _ in range(rows)]
    out = np.zeros((length, cols), dtype=np.int64)
    seen, step = 0, 0
    while seen < length * cols:
        edge = [_enter(lanes[:, r], step - r) for r in range(rows)]
        right = [[edge[r], *right[r][:-1]] for r in range(rows)]
        sums: list[list[Slot]] = [[None] * cols for _ in range(rows)]
        for r in range(rows):
            for c in range(cols):
                word, above = right[r][c], down[r - 1][c] if r else None
                works = word is not None and r < real[0] and c < real[1]
                traffic.moved_right += works
                traffic.moved_down += works  # its sum, to the PE below or over the edge
                if word is not None:
                    assert r == 0 or (above is not None and above[1] == word[1]), (
                        "a sum and its operand missed each other"
                    )
                    sums[r][c] = ((above[0] if above else 0) + word[0] * int(held[r, c]), word[1])
        down = sums
        for c, slot in enumerate(down[-1]):
            if slot is not None:
                out[slot[1], c] = slot[0]
                seen += 1
        step += 1
    traffic.cycles += cycle + step
    return out


def _enter(words: Sequence[int] | Matrix, step: int) -> Slot:
    return (int(words[step]), step) if 0 <= step < len(words) else None


def _padded(matrix: Matrix, height: int, width: int) -> Matrix:
    full = np.zeros((height, width), dtype=np.int64)
    full[: matrix.shape[0], : matrix.shape[1]] = matrix
    return full
