"""The constants of a profile that measurements can fit, and the bounds that physics sets them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hwsim.device import Device
from hwsim.device.records import Precision
from hwsim.estimation.cpu import Key, value_of

#: Least share of a peak that is believed [1].
LEAST_SHARE = 1e-3
#: How far a number may be from what the profile says before the data have to pay for it, as a factor: by how well it is known.
_DOUBT = {"measured": 1.2, "datasheet": 1.5, "paper": 1.5, "vendor": 2.0, "secondary": 2.0}
_ESTIMATED_DOUBT = 4.0
#: Where a profile has the times that summands of the cpu rung go with.
_TIMES = {
    "kernel": "overheads.per_kernel_us",
    "tile": "kernels.tile_cycles",
    "result": "kernels.result_cycles",
    "call": "kernels.call_us",
    "run": "kernels.run_cycles",
}
#: Most that a kernel's code and bookkeeping take to come from a level [µs]: five hundred lines of a cache one after the other from memory.
_MOST_START_US = 50.0
#: How far the shares of a peak that two classes of work attain are apart, as a factor.
_CLASS_DOUBT = 2.0


@dataclass(frozen=True, slots=True)
class Constant:
    """One number of a profile. path : dotted key; value : as the profile has it, in the key's unit (an efficiency left out is 1).

    kind : ``rate`` where time goes with 1 / value, ``time`` where it goes with value.
    least, most : physical bounds. doubt : of a rate, the factor within which the profile's value is plausible; of a time, how many times
    the value (where that is 0, a tenth of a typical row) it may be off [1]. parent : constant that this one is a
    special case of, "" for none: where the data say little it follows that one.
    """

    path: str
    kind: Literal["rate", "time"]
    value: float
    least: float
    most: float
    doubt: float
    parent: str = ""


def efficiency_of(device: Device, precision: Precision) -> Constant:
    """Share of the MAC peak that a precision attains."""
    path = f"compute.precisions.{entry_name(precision)}.efficiency"
    return Constant(path, "rate", precision.efficiency, LEAST_SHARE, 1.0, _doubt(device, path))


def class_efficiency_of(device: Device, precision: Precision, name: str) -> Constant:
    """Share of the MAC peak that a precision attains on one class of work; drawn to its share on all work where the profile gives none."""
    common = efficiency_of(device, precision)
    path = f"compute.precisions.{entry_name(precision)}.by_class.{name}"
    given = dict(precision.by_class).get(name)
    if given is not None:
        return Constant(path, "rate", given, LEAST_SHARE, 1.0, _doubt(device, path))
    return Constant(path, "rate", common.value, LEAST_SHARE, 1.0, _CLASS_DOUBT, parent=common.path)


def entry_name(precision: Precision) -> str:
    """The name by which a profile addresses one of its precisions."""
    return precision.input if precision.input == precision.weight else f"{precision.input}_{precision.weight}"


def bandwidth_of(device: Device, level: str) -> Constant:
    """Share of its bandwidth that a level attains."""
    memory = next(memory for memory in device.memories if memory.name == level)
    path = f"memory.{level}.efficiency"
    return Constant(path, "rate", memory.efficiency, LEAST_SHARE, 1.0, _doubt(device, path))


def vector_rate_of(device: Device, function: str = "") -> Constant:
    """Operations per cycle of the vector unit, of one function or of all that have no rate of their own; at most one a PE and cycle."""
    assert device.vector is not None
    general = device.vector.ops_per_s / device.clock_hz
    value = device.vector.by_function.get(function, device.vector.ops_per_s) / device.clock_hz if function else general
    path = f"compute.vector.by_function.{function}" if function else "compute.vector.ops_per_cycle"
    most = max(value, general, float(device.array.pes))
    return Constant(path, "rate", value, value * LEAST_SHARE, most, _doubt(device, path))


def overhead_of(device: Device, each: Literal["kernel", "inference"]) -> Constant:
    """Fixed time of a kernel or an inference [µs]."""
    path = f"overheads.per_{each}_us"
    seconds = device.overheads.kernel_s if each == "kernel" else device.overheads.inference_s
    return Constant(path, "time", seconds * 1e6, 0.0, math.inf, 1.0)


def of_key(key: Key, device: Device) -> tuple[Constant, Constant | None]:
    """The constant of a summand of the cpu rung, and the common one that it is a special case of, if any."""
    kind, name, second, third = key
    if kind == "efficiency":
        precision = next(item for item in device.precisions if (item.input, item.weight) == (name, second))
        return class_efficiency_of(device, precision, third), efficiency_of(device, precision)
    if kind == "function":
        return vector_rate_of(device, name), vector_rate_of(device)
    if kind == "bandwidth":
        return operand_bandwidth_of(device, name, second), bandwidth_of(device, name)
    path = f"memory.{name}.{second}_start_us" if kind == "start" else _TIMES[name]
    value, _ = value_of(key, device)
    most = max(value, _MOST_START_US) if kind == "start" else math.inf
    return Constant(path, "time", value, 0.0, most, 1.0), None


def operand_bandwidth_of(device: Device, level: str, operand: str) -> Constant:
    """Share of its bandwidth that an operand attains at a level; drawn to the level's share on all of them where the profile gives none."""
    common = bandwidth_of(device, level)
    path = f"memory.{level}.by_operand.{operand}"
    memory = next(memory for memory in device.memories if memory.name == level)
    given = next((share for name, share in memory.by_operand if name == operand), None)
    if given is not None:
        return Constant(path, "rate", given, LEAST_SHARE, 1.0, _doubt(device, path))
    return Constant(path, "rate", common.value, LEAST_SHARE, 1.0, _CLASS_DOUBT, parent=common.path)


def _doubt(device: Device, path: str) -> float:
    quality = device.qualities.get(path)
    if quality is None and path in device.quantities:
        return 2.0
    return _DOUBT.get(quality or "", _ESTIMATED_DOUBT)


def overrides(values: Iterable[tuple[Constant, float]]) -> tuple[str, ...]:
    """The same as assignments that ``device.load`` takes."""
    return tuple(f"{constant.path}={value:.9g}" for constant, value in values)
