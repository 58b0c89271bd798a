"""HCM's workflow: from an area, a clock and a bus to PEs, peak, rooflines and bottlenecks of each layer; and back from a target.

Karbachevsky et al., "Early-Stage Neural Network Hardware Performance Analysis," Sustainability 13(2):717, 2021,
doi:10.3390/su13020717. A k×k kernel is k²+1 operations; a PE holds one kernel of 3 × 3, finishes it in a cycle, and the PEs are a square
of n inputs by m outputs.
A buffer, where one is asked for, takes its share of the area at 28 nm by the SRAM of the technology tables, and keeps partial sums.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from hwsim.device.hcm import FITTED_BITS, pe_area_um2, pes_in
from hwsim.device.technology import Technology, storage
from hwsim.errors import UsageError
from hwsim.estimation import Prepared, prepare
from hwsim.estimation.prepare import Model
from hwsim.workload import LoopNest
from hwsim.workload.hcm import accumulator_bits, operations, traffic_bits

KERNEL = (3, 3)
TAPS = KERNEL[0] * KERNEL[1]
#: Node of the fit of PE areas [nm], and the tables that buffers at it are of.
_NODE_NM, _FAMILY = 28.0, "horowitz"
#: Largest side of an array that is looked for on the way back [1].
_LARGEST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class BudgetLayer:
    """One layer on the array: operations [op], traffic [bit], intensity [op/bit], roof and attained rate [op/s], what binds.

    busy, idle_pes : share of the PEs and number of them that have [no] work [1]. groups : passes over blocks of channels that fit the
    array; partial_bits : sums written and read again between blocks of inputs, not part of the traffic, and none
    where a buffer holds those of one block of outputs [bit].
    """

    name: str
    operations: int
    traffic_bits: int
    intensity_op_per_bit: float
    attained_op_per_s: float
    latency_s: float
    bound_by: str
    busy: float
    idle_pes: int
    groups: int
    partial_bits: float


@dataclass(frozen=True, slots=True)
class Budget:
    """One bit-width within a budget: area of a PE [µm²], side and number of PEs [1], peak [op/s], ridge [op/bit], latency [s], layers.

    extrapolated : the fit of the area covers 2 to 16 bits. buffer_mm2 : share of the area that a buffer takes [mm²].
    """

    bits: int
    pe_um2: float
    side: int
    pes: int
    peak_op_per_s: float
    ridge_op_per_bit: float
    latency_s: float
    utilization: float
    layers: tuple[BudgetLayer, ...]
    extrapolated: bool
    buffer_mm2: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As the JSON record has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Needed:
    """What a target takes at one bit-width: the smallest square of PEs that makes it with an endless bus, its area with that of the
    buffer [mm²], and the least bandwidth with which that array makes it [bit/s]. side 0 : no array makes it, its layers have too few
    channels.
    """

    bits: int
    side: int
    pes: int
    area_mm2: float
    bandwidth_bit_per_s: float
    buffer_mm2: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As the JSON record has it."""
        return asdict(self)


def buffer_area_mm2(buffer_bytes: float) -> float:
    """Area of a buffer at 28 nm, one macro or several of 64-bit words with one port [mm²]; 0 bytes take none."""
    if not buffer_bytes:
        return 0.0
    return storage(Technology(_NODE_NM, _FAMILY), buffer_bytes).area.value * 1e6


def budget(
    model: Model,
    bits: int,
    *,
    area_mm2: float,
    clock_hz: float,
    bandwidth_bit_per_s: float,
    buffer_bytes: float = 0.0,
    batch: int | None = None,
) -> Budget:
    """Walk the workflow forwards for one width of weights and activations.

    area_mm2 : of the PEs and the buffer; clock_hz [Hz]; bandwidth_bit_per_s : of the bus [bit/s]; buffer_bytes : on the chip [B].
    Raises ModelError, UsageError.
    """
    _buffered(buffer_bytes)
    _above_zero(area_mm2=area_mm2, clock_hz=clock_hz, bandwidth_bit_per_s=bandwidth_bit_per_s)
    prepared = _prepared(model, bits, batch)
    area = pe_area_um2(bits, KERNEL)
    buffer = buffer_area_mm2(buffer_bytes)
    side = pes_in(max(0.0, area_mm2 - buffer), area)
    if side < 1:
        beside = f" beside a buffer of {buffer:.3g} mm²" if buffer else ""
        raise UsageError(f"an area of {area_mm2:g} mm² holds no PE of {bits} bits ({area:.0f} µm²){beside}")
    layers = tuple(
        _layer(name, nest, side, clock_hz, bandwidth_bit_per_s, buffer_bytes) for name, nest in _nests(prepared)
    )
    peak = side * side * (TAPS + 1) * clock_hz
    latency = math.fsum(layer.latency_s for layer in layers)
    return Budget(
        bits=bits,
        pe_um2=area,
        side=side,
        pes=side * side,
        peak_op_per_s=peak,
        ridge_op_per_bit=peak / bandwidth_bit_per_s,
        latency_s=latency,
        utilization=sum(layer.operations for layer in layers) / (latency * peak) if latency else 0.0,
        layers=layers,
        extrapolated=not FITTED_BITS[0] <= bits <= FITTED_BITS[1],
        buffer_mm2=buffer,
    )


def needed(
    model: Model, bits: int, *, latency_s: float, clock_hz: float, buffer_bytes: float = 0.0, batch: int | None = None
) -> Needed:
    """Walk it backwards: the array and the bus that make a latency [s] at a clock [Hz]; the area is with a buffer of that size [B]."""
    _buffered(buffer_bytes)
    _above_zero(latency_s=latency_s, clock_hz=clock_hz)
    nests = _nests(_prepared(model, bits, batch))

    def time(side: int, bandwidth: float) -> float:
        return math.fsum(_layer(name, nest, side, clock_hz, bandwidth).latency_s for name, nest in nests)

    buffer = buffer_area_mm2(buffer_bytes)
    if time(_LARGEST_SIDE, math.inf) > latency_s:
        return Needed(bits, 0, 0, 0.0, 0.0, buffer)
    low, high = 0, _LARGEST_SIDE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if time(middle, math.inf) <= latency_s else (middle, high)
    area = high * high * pe_area_um2(bits, KERNEL) * 1e-6 + buffer
    # time falls with bandwidth; half an endless range is left out at each step, to the last bit of a double
    slow, fast = 0.0, sum(traffic_bits(nest) for _, nest in nests) / latency_s
    while time(high, fast) > latency_s and fast < 1e300:
        slow, fast = fast, fast * 2
    while slow < (middle_rate := (slow + fast) / 2) < fast:
        slow, fast = (slow, middle_rate) if time(high, middle_rate) <= latency_s else (middle_rate, fast)
    return Needed(bits, high, high * high, area, fast, buffer)


def _buffered(buffer_bytes: float) -> None:
    if not 0 <= buffer_bytes < 1e12:
        raise UsageError(f"buffer_bytes: {buffer_bytes!r} is not a number from 0 to 1e12")


def _above_zero(**given: float) -> None:
    for name, value in given.items():
        if not 0 < value < math.inf:
            raise UsageError(f"{name}: {value!r} is not a number above 0")


def _prepared(model: Model, bits: int, batch: int | None) -> Prepared:
    if not isinstance(bits, int) or not 1 <= bits <= 32:
        raise UsageError(f"bits: {bits!r} is not a whole number from 1 to 32")
    return prepare(model, bits=f"w{bits}a{bits}", batch=batch)


def _nests(prepared: Prepared) -> list[tuple[str, LoopNest]]:
    return [(layer.name, nest) for layer, work in prepared.priced for nest in work.nests]


def _layer(
    name: str, nest: LoopNest, side: int, clock_hz: float, bandwidth: float, buffer_bytes: float = 0.0
) -> BudgetLayer:
    pes = side * side
    done, moved = operations(nest), traffic_bits(nest)
    # a kernel larger than a PE's takes several passes; a smaller one leaves taps idle
    passes = -(-nest.s // KERNEL[0]) * -(-nest.r // KERNEL[1])
    busy = min(pes, nest.c * nest.k)
    kernels = nest.n * nest.g * nest.k * nest.c * nest.q * nest.p * nest.repeat
    compute = kernels * passes / (busy * clock_hz)
    memory = moved / bandwidth
    latency = max(compute, memory)
    blocks = -(-nest.c // side)
    width = accumulator_bits(nest.c, nest.s * nest.r, nest.weight.bits, nest.input.bits)
    outputs = nest.elements[2] * nest.repeat
    held = min(side, nest.k) * nest.q * nest.p * width <= 8 * buffer_bytes
    return BudgetLayer(
        name=name,
        operations=done,
        traffic_bits=moved,
        intensity_op_per_bit=done / moved if moved else 0.0,
        attained_op_per_s=done / latency if latency else 0.0,
        latency_s=latency,
        bound_by="memory" if memory > compute else "channels" if busy < pes else "compute",
        busy=busy / pes,
        idle_pes=pes - busy,
        groups=blocks * -(-nest.k // side),
        partial_bits=0.0 if held else 2 * (blocks - 1) * outputs * width,
    )
