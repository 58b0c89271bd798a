"""Time of matrix products on a GPU: every tile that the library has, every split of the reduction, and the fastest of them.

What a row of the result means, and where its constants come from, is said in ``hwsim.cost.gpu``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hwsim.kernels.jit import kernel, merged_kernel
from hwsim.kernels.packed import Float, Int

#: Deepest split of a reduction over blocks, as a power of two.
_DEEPEST = 6
#: Least part of a reduction that a block is given when it is split.
_LEAST_PART = 128.0
#: Waves of blocks that splitting may make: libraries split where there are too few.
_MOST_WAVES = 2.0
#: Depth of the slabs that a block stages in shared memory.
_SLAB = 8.0


class Chip(NamedTuple):
    """One GPU at one precision. rates [1/cycle, B/s], sizes [B], times [s], shares [1], energies [J], power_w left for work [W]: see
    ``hwsim.cost.gpu.Gpu`` and ``Constants``."""

    sms: float
    macs_per_cycle: float
    clock_hz: float
    most: float
    memory_rate: float
    strided: float
    l2_bytes: float
    l2_rate: float
    l1_misses: float
    tile_share: float
    tile_loss: float
    slab_cycles: float
    alone: float
    wave_s: float
    split_s: float
    burst_s: float
    spread: float
    mac_j: float
    l2_j: float
    memory_j: float
    power_w: float
    droop: float
    reach_bytes: float
    walk: float


@merged_kernel
def _block_rounds(blocks: float, slots: float, resident: float, sms: float, area: float, alone: float) -> float:
    """Full-rate block times that the busiest SM spends [1]: whole waves, and a last one in which few blocks hide less latency."""
    full = np.floor(blocks / slots)
    rest = blocks - full * slots
    rounds = full * resident
    if rest > 0:
        last = np.ceil(rest / sms)
        filled = (last * area / (last * area + alone)) * (resident * area + alone) / (resident * area)
        rounds += last / filled
    return rounds


@merged_kernel
def _wave_bytes(rows: float, columns: float, slots: float, across: float, down: float) -> float:
    """Rows and columns of operands that the blocks of one wave touch together [1], laid out as near to a square as the grid allows."""
    wave = min(slots, across * down)
    square = float(np.round(np.sqrt(wave * rows / columns)))
    wide = min(across, max(1.0, square))
    tall = min(down, float(np.ceil(wave / wide)))
    wide = min(across, float(np.ceil(wave / tall)))
    products = max(1.0, float(np.ceil(slots / (across * down))))
    return (tall * rows + wide * columns) * products


@kernel
def gemm_times(
    problems: Float, tiles: Float, allowed: Int, chip: Chip, times: Float, traffic: Float, chosen: Int
) -> None:
    """Fill ``times`` [s], ``traffic`` [B] over the chip's edge and through L2, and ``chosen`` (tile, split as a power of two).

    problems : [p, 12] = batch, m, n, k, bytes of an element of A and B, of C, unique bytes of A, of B, A's pieces are short (0 or 1),
    B's, may be split, bytes of C written, row of ``allowed``. tiles : [t, 3] = rows, columns, blocks on an SM.
    allowed : [menus, t] 0 or 1. times : [p, 4] = all, compute, L2, memory. traffic : [p, 2]. chosen : [p, 2].
    """
    for index in range(problems.shape[0]):
        batch, m, n, k = problems[index, 0], problems[index, 1], problems[index, 2], problems[index, 3]
        size, a_bytes, b_bytes = problems[index, 4], problems[index, 5], problems[index, 6]
        a_rate = chip.memory_rate * (chip.strided if problems[index, 7] else 1.0)
        b_rate = chip.memory_rate * (chip.strided if problems[index, 8] else 1.0)
        c_bytes, menu = problems[index, 10], int(problems[index, 11])
        deepest = _DEEPEST if problems[index, 9] else 1
        best = math.inf
        for tile in range(tiles.shape[0]):
            if not allowed[menu, tile]:
                continue
            rows, columns, resident = tiles[tile, 0], tiles[tile, 1], tiles[tile, 2]
            area = rows * columns
            down, across = np.ceil(m / rows), np.ceil(n / columns)
            slots = chip.sms * resident
            edge = 1.0 / rows + 1.0 / columns
            share = min(chip.most, chip.tile_share * (1.0 + chip.tile_loss / 64.0) / (1.0 + chip.tile_loss * edge))
            touched = _wave_bytes(rows, columns, slots, across, down)
            l2_bytes = batch * down * across * (rows + columns) * k * size * chip.l1_misses
            for power in range(deepest):
                split = 2.0**power
                if power and (k / split < _LEAST_PART or down * across * split > _MOST_WAVES * slots):
                    break
                blocks = batch * down * across * split
                depth = np.ceil(k / split / _SLAB) * _SLAB
                rounds = _block_rounds(blocks, slots, resident, chip.sms, area, chip.alone)
                waves = np.ceil(blocks / slots)
                cycles = max(
                    rounds * area * depth / (chip.macs_per_cycle * share), waves * depth / _SLAB * chip.slab_cycles
                )
                compute = cycles / chip.clock_hz
                hit = min(1.0, chip.l2_bytes / (touched * depth * size * chip.spread))
                far = 1.0 + chip.walk * (1.0 - min(1.0, chip.reach_bytes / (touched * k * size)))
                a_read = a_bytes * (1.0 + (1.0 - hit) * (across - 1.0))
                b_read = b_bytes * (1.0 + (1.0 - hit) * (down - 1.0))
                written = c_bytes + (batch * m * n * 8.0 * split if power else 0.0)
                a_time = a_read / a_rate * (far if problems[index, 7] else 1.0)
                b_time = b_read / b_rate * (far if problems[index, 8] else 1.0)
                memory = a_time + b_time + written / chip.memory_rate
                through = l2_bytes / chip.l2_rate
                core = max(compute, through)
                macs = batch * down * rows * across * columns * k
                joules = macs * chip.mac_j + l2_bytes * chip.l2_j + (a_read + b_read + written) * chip.memory_j
                asked = joules / (core * chip.power_w)
                clock = asked ** (-chip.droop) if asked > 1.0 else 1.0
                slowed = 1.0 - (1.0 - clock) * core / (core + chip.burst_s)
                total = max(core / slowed, memory) + chip.wave_s * waves + (chip.split_s if power else 0.0)
                if total < best:
                    best = total
                    times[index, 0] = total
                    computed, crossed = compute / slowed, through / slowed
                    times[index, 1], times[index, 2], times[index, 3] = computed, crossed, memory
                    traffic[index, 0], traffic[index, 1] = a_read + b_read + written, l2_bytes
                    chosen[index, 0], chosen[index, 1] = tile, power
