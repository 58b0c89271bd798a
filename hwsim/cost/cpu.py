"""How long the kernels of a CPU's inference library take on one core, in cycles, from their structure.

Convolutions in blocked layout (channels in blocks of one vector) as MLAS, the library under onnxruntime, has them: a tile of some outputs
of a row by some blocks of channels stays in registers, every step of the reduction loads a vector of weights a block and one input an
output, and what is left of a row is done in tiles of half as many, of two and of one output (github.com/microsoft/onnxruntime,
onnxruntime/core/mlas/lib: snchwc.cpp, x86_64/SconvKernelAvx512F.S, SconvKernelCommon.h; sgemm.cpp for products). A tile takes what its
multiplications, its loads, or the chain of its sums take, whichever is most; the next tiles begin in the shadow of a chain as far as the
core's window of instructions reaches (Intel 64 and IA-32 Architectures Optimization Reference Manual, 2.1 and 3.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hwsim.device import Device, Kernels
from hwsim.workload import LoopNest

Form = Literal["direct", "pointwise", "first", "depthwise", "gathered", "product", "pool"]
#: Convolutions in blocked layout: inputs are laid out anew before them where they are not yet.
BLOCKED: frozenset[Form] = frozenset({"direct", "pointwise", "depthwise"})


@dataclass(frozen=True, slots=True)
class Core:
    """One core. lanes : of a vector; pipes : vectors multiplied in a cycle; near : bytes of its innermost cache [B]; next_rate : bytes that
    come from the cache behind that in a cycle [B], None where it is as fast as the loads.
    """

    kernels: Kernels
    lanes: int
    pipes: int
    near: float
    next_rate: float | None


@dataclass(frozen=True, slots=True)
class Cycles:
    """What a nest asks of a core. steps : cycles of multiplying, weights in the innermost cache [1]; beyond : cycles more because they are
    not [1]. tiles : begun [1]; results : vectors of sums written or added to memory [1]; calls : of a product's code [1]; gathered :
    elements copied into columns [1]; packed : elements of a matrix laid out for the product's code [1].
    """

    steps: float
    beyond: float = 0.0
    tiles: float = 0.0
    results: float = 0.0
    calls: float = 0.0
    gathered: float = 0.0
    packed: float = 0.0


def core_of(device: Device) -> Core:
    """The core of a profile with ``kernels``: the array's x are lanes, its y are pipes."""
    assert device.kernels is not None
    caches = [memory for memory in device.memories if memory.type == "cache"]
    rate = None
    if len(caches) > 1:
        rate = caches[1].shared_bandwidth or caches[1].read_bandwidth
    return Core(
        device.kernels,
        device.array.x,
        device.array.y,
        float(caches[0].capacity or 0) if caches else 0.0,
        None if rate is None else rate / device.clock_hz,
    )


def form_of(nest: LoopNest, core: Core) -> Form:
    """Which kernel runs a nest; of pools, which are none, ``pool_cycles`` is asked.

    Blocked ones need their channels in whole blocks, or few enough that their tails are filled up; a first layer reads its few
    channels as they come. What is left gathers its windows into columns of a matrix.
    """
    if nest.s * nest.r == 1 and nest.q == 1 and (nest.g == 1 or nest.c > 1):
        return "product"
    if nest.g > 1:
        if nest.c == 1 and nest.k == 1:
            return "gathered" if nest.g % core.kernels.aligned else "depthwise"
        return "gathered" if nest.c % core.lanes or nest.k % core.lanes else "direct"
    if nest.c < core.lanes:
        return "first"
    if nest.c % core.kernels.aligned:
        return "gathered"
    plain = nest.s * nest.r == 1 and not (nest.pad_top or nest.pad_left)
    return "pointwise" if plain else "direct"


def cycles(nest: LoopNest, core: Core) -> Cycles:
    """Cycles of all repeats of a nest."""
    form = form_of(nest, core)
    if form == "product":
        found = _product(nest.n * nest.q * nest.p, nest.k, nest.c * nest.s * nest.r, core)
        own = nest.g * nest.repeat
        packed = own * nest.k * nest.c if nest.weight_role == "activation" else 0
        return Cycles(found * own, calls=own if nest.g > 1 else 0, packed=packed)
    if form == "gathered":
        return _gathered(nest, core)
    one = _pointwise(nest, core) if form == "pointwise" else _windows(nest, form, core)
    times = nest.n * nest.repeat
    return Cycles(one.steps * times, one.beyond * times, one.tiles * times, one.results * times)


def pool_cycles(nest: LoopNest, core: Core) -> Cycles:
    """Cycles of a pool in blocked layout, its windows a depthwise nest's: the same tiles, without weights."""
    one = _windows(nest, "pool", core)
    return Cycles(one.steps * nest.n, 0.0, one.tiles * nest.n, one.results * nest.n)


def _gathered(nest: LoopNest, core: Core) -> Cycles:
    """Windows as columns of a matrix, one product an image and group."""
    reduction, outputs = nest.c * nest.s * nest.r, nest.q * nest.p
    own = nest.n * nest.g * nest.repeat
    columns = reduction * outputs * own
    windows = nest.s * nest.r > 1 or nest.stride_h > 1 or nest.stride_w > 1
    return Cycles(
        _product(nest.k, outputs, reduction, core) * own,
        results=own * nest.k * -(-outputs // core.lanes) * -(-reduction // core.kernels.reduction),
        calls=own,
        gathered=columns if windows else 0,
        packed=columns,
    )


def _tile(outputs: int, blocks: int, steps: int, core: Core, form: Form = "direct", rate: float | None = None) -> float:
    """Cycles of one tile. rate : bytes of weights that come in a cycle, None where loads bound them.

    Outputs of depthwise convolutions and of pools share no inputs, and pools have no weights.
    """
    kernels = core.kernels
    if form in ("depthwise", "pool"):
        loads = issued = outputs + (form == "depthwise")
    else:
        loads = outputs + 1 if blocks == 1 else blocks + 1 if outputs == 1 else outputs + blocks
        issued = loads if blocks == 1 or outputs == 1 else loads + outputs * blocks
    each = max(outputs * blocks / core.pipes, loads / kernels.loads_per_cycle)
    if rate is not None:
        each = max(each, 4 * core.lanes * blocks / rate)
    return max(steps * each, (steps - kernels.window / issued) * kernels.latency_cycles)


def _tiles(count: int, core: Core) -> Counter[int]:
    """Tiles by their outputs: whole ones, one of half as many, one of two, one of one."""
    whole = core.kernels.outputs
    found: Counter[int] = Counter({whole: count // whole})
    left = count % whole
    for size in (whole // 2, 2, 1):
        if size and left >= size:
            found[size] += left // size
            left %= size
    return found


def _sets(channels: int, core: Core) -> Counter[int]:
    """Sets of blocks of output channels that a tile takes at a time, by their size."""
    blocks = -(-channels // core.lanes)
    found = Counter({core.kernels.blocks: blocks // core.kernels.blocks})
    found[blocks % core.kernels.blocks] += 1
    return Counter({size: count for size, count in found.items() if size and count})


def _pointwise(nest: LoopNest, core: Core) -> Cycles:
    """A 1x1 convolution: rows run on into one another where there is no stride; channels are summed some blocks at a time."""
    flat = nest.stride_h == nest.stride_w == 1
    tiles = _tiles(nest.q * nest.p if flat else nest.p, core)
    rows = 1 if flat else nest.q
    channels, whole = -(-nest.c // core.lanes) * core.lanes, core.kernels.reduction
    depths = Counter({whole: channels // whole, channels % whole: 1})
    steps = begun = results = 0.0
    for blocks, sets in _sets(nest.k, core).items():
        for depth, passes in depths.items():
            if depth and passes:
                for outputs, count in tiles.items():
                    steps += sets * passes * rows * count * _tile(outputs, blocks, depth, core)
                    begun += sets * passes * rows * count
                results += sets * passes * nest.q * nest.p * blocks
    return Cycles(steps * nest.g, 0.0, begun * nest.g, results * nest.g)


def _windows(nest: LoopNest, form: Form, core: Core) -> Cycles:
    """A window at a time of one block of input channels (of one channel in a first layer), summed up in memory."""
    depthwise = form in ("depthwise", "pool")
    deep = core.lanes if form == "direct" else 1
    passes = {"direct": -(-nest.c // core.lanes), "first": nest.c}.get(form, 1)
    sets = Counter({1: -(-nest.g // core.lanes)}) if depthwise else _sets(nest.k, core)
    groups = 1 if depthwise else nest.g
    heights = Counter(_taps(nest.q, nest.input_height, nest.s, nest.stride_h, nest.dilation_h, nest.pad_top))
    widths = _taps(nest.p, nest.input_width, nest.r, nest.stride_w, nest.dilation_w, nest.pad_left)
    whole, alone = _along(widths, nest, core)
    steps = beyond = begun = results = 0.0
    for blocks, count in sets.items():
        weights = 4 * core.lanes * blocks * nest.s * nest.r * deep
        rate = core.next_rate if weights > core.near * (1 - core.kernels.spare_share) else None

        def all_rows(rate: float | None, blocks: int = blocks) -> float:
            total = 0.0
            for height, rows in heights.items():
                for outputs, times in whole.items():
                    taps = height * nest.r * deep
                    total += rows * times * _tile(outputs, blocks, taps, core, form, rate)
                for width, times in alone.items():
                    total += rows * times * _tile(1, blocks, height * width * deep, core, form, rate)
            return total

        near = all_rows(None)
        times = count * passes * groups
        steps += times * near
        beyond += times * (all_rows(rate) - near) if rate is not None else 0.0
        begun += times * nest.q * (whole.total() + alone.total())
        results += times * nest.q * nest.p * blocks
    return Cycles(steps, beyond, begun, results)


def _along(widths: list[int], nest: LoopNest, core: Core) -> tuple[Counter[int], Counter[int]]:
    """A row of outputs: tiles whose windows see no padding, and single outputs, by the columns of their windows that are data."""
    inside = [width == nest.r for width in widths]
    first = inside.index(True) if True in inside else len(inside)
    last = len(inside) - inside[::-1].index(True) if True in inside else first
    tiles = _tiles(last - first, core)
    alone = Counter(widths[:first] + widths[last:])
    if tiles.get(1):
        alone[nest.r] += tiles.pop(1)
    return tiles, Counter({width: count for width, count in alone.items() if width})


def _taps(outputs: int, inputs: int, taps: int, stride: int, dilation: int, pad: int) -> list[int]:
    """Of every output along an axis, how many taps of its window are data and not padding."""
    return [sum(0 <= place * stride - pad + tap * dilation < inputs for tap in range(taps)) for place in range(outputs)]


def _product(rows: int, columns: int, reduction: int, core: Core) -> float:
    """A product of matrices in tiles of rows by vectors of columns; one row alone loads each weight once."""
    kernels = core.kernels
    vectors = -(-columns // core.lanes)
    if rows == 1:
        return vectors * reduction * max(1 / core.pipes, 1 / kernels.loads_per_cycle)
    across: Mapping[int, int] = {kernels.columns: vectors // kernels.columns, vectors % kernels.columns: 1}
    down = Counter({kernels.rows: rows // kernels.rows})
    left = rows % kernels.rows
    size = kernels.rows // 2
    while left:
        down[size] += left // size
        left %= size
        size = max(1, size - 1)
    total = 0.0
    for high, many in down.items():
        for wide, times in across.items():
            if high and wide:
                each = max(high * wide / core.pipes, (high + wide) / kernels.loads_per_cycle)
                issued = high * wide + wide + high / 2
                chain = (reduction - kernels.window / issued) * kernels.latency_cycles
                total += many * times * max(reduction * each, chain)
    return total
