"""A rung whose times are no sums, seen as one near a point: what each constant contributes there, by how the time moves with it.

Of a rung that takes the best of several tiles, or whose terms hide behind each other, the time of a layer near some values of the constants
is what goes with each of them (seconds that a rate's inverse, or an overhead, changes) and the rest. A fit goes from one such
view to the next until it stays (sequential linear programming, Griffith and Stewart, Management Science 7(4), 1961).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hwsim.device import Device, Precision, precision_for
from hwsim.estimation import Prepared, estimate
from hwsim.validation.constants import (
    Constant,
    bandwidth_of,
    class_efficiency_of,
    efficiency_of,
    entry_name,
    overhead_of,
    vector_rate_of,
)
from hwsim.validation.terms import ADDED, FUNCTION, Array, Part, Terms
from hwsim.workload import Work
from hwsim.workload.classes import CLASSES, work_class

#: Rungs that are seen so.
RUNGS = frozenset({"gpu"})
#: How far a rate is lowered, as a factor, and an overhead raised [µs], to see what goes with it: beyond the kinks that are near.
_LOWER, _MORE_US = 0.8, 1.0


def near(prepared: Prepared, device: Device, rung: str, values: Mapping[str, float]) -> Terms:
    """The layers of a network in parts, near constants (by path) at these values; others as the profile has them."""
    times = _times(prepared, device, rung, values)
    found: list[tuple[Constant, Constant | None, Array, Array]] = []
    for constant in _constants(prepared, device):
        value = values.get(constant.path, constant.value)
        if constant.kind == "rate":
            seconds = _of_rates(prepared, device, rung, values, {constant.path: value}, times)
            found.append((constant, None, seconds * value, seconds))
        else:
            moved = _times(prepared, device, rung, {**values, constant.path: value + _MORE_US})
            seconds = np.maximum(moved - times, 0.0) / _MORE_US
            found.append((constant, None, seconds, seconds * value))
    found += _classes(prepared, device, rung, values, times)
    # kinks may count the same seconds for two constants: never more than there are
    explained = np.sum([each for _, _, _, each in found], axis=0)
    scale = np.where(explained > times, times / np.where(explained > 0, explained, 1.0), 1.0)
    parts = [
        Part(constant, ADDED, seconds * np.where(each > 0, scale, 1.0), common)
        for constant, common, seconds, each in found
        if seconds.any()
    ]
    rest = np.maximum(times - explained * scale, 0.0)
    names = tuple(layer.name for layer, _ in prepared.priced)
    return Terms(names, (*parts, Part(None, ADDED, rest)))


def _of_rates(
    prepared: Prepared,
    device: Device,
    rung: str,
    values: Mapping[str, float],
    rates: Mapping[str, float],
    times: Array,
) -> Array:
    """Time of each layer that goes with the inverse of rates [s], by lowering all of them."""
    lowered = {path: rate * _LOWER for path, rate in rates.items()}
    moved = _times(prepared, device, rung, {**values, **lowered})
    seconds: Array = np.clip((moved - times) / (1 / _LOWER - 1), 0.0, times)
    return seconds


def _classes(
    prepared: Prepared, device: Device, rung: str, values: Mapping[str, float], times: Array
) -> list[tuple[Constant, Constant | None, Array, Array]]:
    """Shares of the peak by class of work: every layer is of the class of most of its MACs, so that one look shows all of them."""
    kinds = [_kind(work, device) for _, work in prepared.priced]
    used = {kind for kind in kinds if kind is not None}
    found: list[tuple[Constant, Constant | None, Array, Array]] = []
    for precision in device.precisions:
        names = [name for name in CLASSES if (precision, name) in used]
        shares = {name: class_efficiency_of(device, precision, name) for name in names}
        common = efficiency_of(device, precision)
        general = values.get(common.path, common.value)
        here = {
            share.path: values.get(share.path, general if share.parent else share.value) for share in shares.values()
        }
        seconds = _of_rates(prepared, device, rung, values, here, times) if names else times
        for name, share in shares.items():
            own = np.where([kind == (precision, name) for kind in kinds], seconds, 0.0)
            found.append((share, common, own * here[share.path], own))
    return found


def _kind(work: Work, device: Device) -> tuple[Precision, str] | None:
    """Precision and class of most of a layer's MACs."""
    if not work.nests:
        return None
    nest = max(work.nests, key=lambda nest: nest.macs)
    return precision_for(device, nest.input.dtype, nest.weight.dtype)[0], work_class(nest)


def _times(prepared: Prepared, device: Device, rung: str, values: Mapping[str, float]) -> Array:
    layers = estimate(prepared, changed(device, values), rung=rung).layers
    return np.asarray([layer.latency_s for layer in layers])


def _constants(prepared: Prepared, device: Device) -> list[Constant]:
    """Constants that can matter to a network, but for shares of the peak: bandwidths, vector rates, overheads."""
    found = [
        bandwidth_of(device, memory.name)
        for memory in device.memories
        if memory.shared_bandwidth or memory.read_bandwidth or memory.write_bandwidth
    ]
    if device.vector is not None:
        found.append(vector_rate_of(device))
        functions = {op.function for _, work in prepared.priced for op in work.vectors}
        found += [vector_rate_of(device, name) for name in sorted(functions & set(device.vector.by_function))]
    return [*found, overhead_of(device, "kernel"), overhead_of(device, "inference")]


def changed(device: Device, values: Mapping[str, float]) -> Device:
    """The device with constants (by path) at these values."""
    vector = device.vector
    if vector is not None:
        rates = {
            name: values.get(FUNCTION + name, rate / device.clock_hz) * device.clock_hz
            for name, rate in vector.by_function.items()
        }
        general = values.get("compute.vector.ops_per_cycle", vector.ops_per_s / device.clock_hz)
        vector = replace(vector, ops_per_s=general * device.clock_hz, by_function=rates)
    overheads = replace(
        device.overheads,
        kernel_s=values.get("overheads.per_kernel_us", device.overheads.kernel_s * 1e6) * 1e-6,
        inference_s=values.get("overheads.per_inference_us", device.overheads.inference_s * 1e6) * 1e-6,
    )
    return replace(
        device,
        precisions=tuple(_changed(item, values) for item in device.precisions),
        memories=tuple(
            replace(memory, efficiency=values.get(f"memory.{memory.name}.efficiency", memory.efficiency))
            for memory in device.memories
        ),
        vector=vector,
        overheads=overheads,
    )


def _changed(precision: Precision, values: Mapping[str, float]) -> Precision:
    path = f"compute.precisions.{entry_name(precision)}"
    given = dict(precision.by_class)
    given |= {name: values[key] for name in CLASSES if (key := f"{path}.by_class.{name}") in values}
    return replace(
        precision,
        efficiency=values.get(f"{path}.efficiency", precision.efficiency),
        by_class=tuple(given.items()),
    )
