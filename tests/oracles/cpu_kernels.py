"""Slow truth of a convolution's kernel on a CPU: walks output rows, sets of blocks and tiles one by one and adds up their cycles."""

from __future__ import annotations

from hwsim.cost.cpu import Core
from hwsim.workload import LoopNest


def walked(nest: LoopNest, core: Core, form: str, near: bool = True) -> tuple[float, int, int]:
    """Cycles, tiles begun and vectors of results of a nest, as the library's loops go; near : all weights lie in the innermost cache."""
    kernels, lanes = core.kernels, core.lanes
    alone = form in ("depthwise", "pool")
    blocks = -(-(nest.g if alone else nest.k) // lanes)
    sets = []
    while blocks:
        sets.append(1 if alone else min(kernels.blocks, blocks))
        blocks -= sets[-1]
    if form == "pointwise":
        channels = -(-nest.c // lanes) * lanes
        passes = [(min(kernels.reduction, channels - start), 1) for start in range(0, channels, kernels.reduction)]
    elif form == "direct":
        passes = [(lanes, 1)] * -(-nest.c // lanes)
    else:
        passes = [(1, 1)] * (nest.c if form == "first" else 1)
    cycles, begun, results = 0.0, 0, 0
    flat = form == "pointwise" and nest.stride_h == nest.stride_w == 1
    rows = [(0, nest.q * nest.p)] if flat else [(q, nest.p) for q in range(nest.q)]
    for _ in range(nest.n * nest.repeat * (1 if alone else nest.g)):
        for size in sets:
            weights = 4 * lanes * size * nest.s * nest.r * passes[0][0]
            far = not near and form != "pointwise" and weights > core.near * (1 - kernels.spare_share)
            rate = core.next_rate if far else None
            for deep, _ in passes:
                for q, width in rows:
                    high = (
                        1
                        if flat
                        else _inside(q, nest.stride_h, nest.pad_top, nest.s, nest.dilation_h, nest.input_height)
                    )
                    for outputs, wide in _tiles(nest, width, kernels.outputs, flat):
                        cycles += _tile(core, outputs, size, high * wide * deep, not alone, rate, form != "pool")
                        begun += 1
                    results += width * size
    return cycles, begun, results


def _inside(place: int, stride: int, pad: int, taps: int, dilation: int, size: int) -> int:
    return sum(0 <= place * stride - pad + tap * dilation < size for tap in range(taps))


def _tiles(nest: LoopNest, width: int, most: int, flat: bool) -> list[tuple[int, int]]:
    """Outputs and columns of data of each tile along a row: padded ones alone, the middle in tiles, an odd one as a padded one."""
    columns = (
        [1] * width
        if flat
        else [_inside(p, nest.stride_w, nest.pad_left, nest.r, nest.dilation_w, nest.input_width) for p in range(width)]
    )
    found: list[tuple[int, int]] = []
    place = 0
    while place < width and columns[place] != nest.r:
        found.append((1, columns[place]))
        place += 1
    middle = 0
    while place + middle < width and columns[place + middle] == nest.r:
        middle += 1
    for size in (most, most // 2, 2, 1):
        while size and middle >= size:
            found.append((size, nest.r))
            middle -= size
            place += size
    found += [(1, column) for column in columns[place:]]
    return [(outputs, column) for outputs, column in found if column]


def multiplied(rows: int, columns: int, reduction: int, core: Core) -> float:
    """Cycles of a product: bands of rows, the last ones ever lower, each by some vectors of columns at a time."""
    kernels = core.kernels
    vectors = -(-columns // core.lanes)
    cycles, left, high = 0.0, rows, kernels.rows
    if rows == 1:  # a vector of weights a step, which is used once
        return vectors * reduction / min(core.pipes, kernels.loads_per_cycle)
    while left:
        while left < high:
            high = kernels.rows // 2 if high == kernels.rows else high - 1
        left -= high
        for start in range(0, vectors, kernels.columns):
            wide = min(kernels.columns, vectors - start)
            instructions = high * wide + wide + high / 2
            cycles += max(
                reduction * high * wide / core.pipes,
                reduction * (high + wide) / kernels.loads_per_cycle,
                (reduction - kernels.window / instructions) * kernels.latency_cycles,
            )
    return cycles


def _tile(
    core: Core, outputs: int, blocks: int, steps: int, shared: bool, rate: float | None, weights: bool = True
) -> float:
    """Multiplications, loads, weights from further out, or the chain of sums behind what the window of instructions hides."""
    multiplications = outputs * blocks
    if not weights:
        loads, instructions = outputs, outputs
    elif not shared or blocks == 1:
        loads, instructions = outputs + 1, outputs + 1
    elif outputs == 1:
        loads, instructions = blocks + 1, blocks + 1
    else:
        loads, instructions = outputs + blocks, outputs + blocks + multiplications
    kernels = core.kernels
    chained = (steps - kernels.window / instructions) * kernels.latency_cycles
    fetched = 0.0 if rate is None else steps * 4 * core.lanes * blocks / rate
    return max(steps * multiplications / core.pipes, steps * loads / kernels.loads_per_cycle, fetched, chained)
