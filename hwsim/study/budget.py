"""HCM's workflow: from an area, a clock and a bus to PEs, peak, rooflines and bottlenecks of each layer; and back from a target.

Karbachevsky et al., "Early-Stage Neural Network Hardware Performance Analysis," Sustainability 13(2):717, 2021,
doi:10.3390/su13020717. A k×k kernel is k²+1 operations; a PE holds one kernel of 3 × 3, finishes it in a cycle, and the PEs are a square
of n inputs by m outputs.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from hwsim.device.hcm import FITTED_BITS, pe_area_um2, pes_in
from hwsim.errors import UsageError
from hwsim.estimation import Prepared, prepare
from hwsim.estimation.prepare import Model
from hwsim.workload import LoopNest
from hwsim.workload.hcm import accumulator_bits, operations, traffic_bits

KERNEL = (3, 3)
TAPS = KERNEL[0] * KERNEL[1]
#: Largest side of an array that is looked for on the way back [1].
_LARGEST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class BudgetLayer:
    """One layer on the array: operations [op], traffic [bit], intensity [op/bit], roof and attained rate [op/s], what binds.

    busy, idle_pes : share of the PEs and number of them that have [no] work [1]. groups : passes over blocks of channels that fit the
    array; partial_bits : sums written and read again between blocks of inputs, not part of the traffic [bit].
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

    extrapolated : the fit of the area covers 2 to 16 bits.
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

    def to_dict(self) -> dict[str, Any]:
        """As the JSON record has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Needed:
    """What a target takes at one bit-width: the smallest square of PEs that makes it with an endless bus, its area [mm²], and the least
    bandwidth with which that array makes it [bit/s]. side 0 : no array makes it, its layers have too few channels.
    """

    bits: int
    side: int
    pes: int
    area_mm2: float
    bandwidth_bit_per_s: float

    def to_dict(self) -> dict[str, Any]:
        """As the JSON record has it."""
        return asdict(self)


def budget(
    model: Model, bits: int, *, area_mm2: float, clock_hz: float, bandwidth_bit_per_s: float, batch: int | None = None
) -> Budget:
    """Walk the workflow forwards for one width of weights and activations.

    area_mm2 : of the PEs; clock_hz [Hz]; bandwidth_bit_per_s : of the bus [bit/s]. Raises ModelError, UsageError.
    """
    _above_zero(area_mm2=area_mm2, clock_hz=clock_hz, bandwidth_bit_per_s=bandwidth_bit_per_s)
    prepared = _prepared(model, bits, batch)
    area = pe_area_um2(bits, KERNEL)
    side = pes_in(area_mm2, area)
    if side < 1:
        raise UsageError(f"an area of {area_mm2:g} mm² holds no PE of {bits} bits ({area:.0f} µm²)")
    layers = tuple(_layer(name, nest, side, clock_hz, bandwidth_bit_per_s) for name, nest in _nests(prepared))
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
    )


def needed(model: Model, bits: int, *, latency_s: float, clock_hz: float, batch: int | None = None) -> Needed:
    """Walk it backwards: the array and the bus that make a latency [s] at a clock [Hz]."""
    _above_zero(latency_s=latency_s, clock_hz=clock_hz)
    nests = _nests(_prepared(model, bits, batch))

    def time(side: int, bandwidth: float) -> float:
        return math.fsum(_layer(name, nest, side, clock_hz, bandwidth).latency_s for name, nest in nests)

    if time(_LARGEST_SIDE, math.inf) > latency_s:
        return Needed(bits, 0, 0, 0.0, 0.0)
    low, high = 0, _LARGEST_SIDE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if time(middle, math.inf) <= latency_s else (middle, high)
    area = high * high * pe_area_um2(bits, KERNEL) * 1e-6
    # time falls with bandwidth; half an endless range is left out at each step, to the last bit of a double
    slow, fast = 0.0, sum(traffic_bits(nest) for _, nest in nests) / latency_s
    while time(high, fast) > latency_s and fast < 1e300:
        slow, fast = fast, fast * 2
    while slow < (middle_rate := (slow + fast) / 2) < fast:
        slow, fast = (slow, middle_rate) if time(high, middle_rate) <= latency_s else (middle_rate, fast)
    return Needed(bits, high, high * high, area, fast)


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


def _layer(name: str, nest: LoopNest, side: int, clock_hz: float, bandwidth: float) -> BudgetLayer:
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
        partial_bits=2 * (blocks - 1) * outputs * width,
    )
