"""A rung whose times are no sums, seen as one near a point: what each constant contributes there, by how the time moves with it.

Of a rung that takes the best of several tiles, or whose terms hide behind each other, the time of a layer near some values of the constants
is what goes with each of them (seconds that a rate's inverse, or an overhead, changes) and the rest. A fit goes from one such
view to the next until it stays (sequential linear programming, Griffith and Stewart, Management Science 7(4), 1961).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hwsim.device import Device, precision_for
from hwsim.estimation import Prepared, estimate
from hwsim.validation.constants import Constant, bandwidth_of, efficiency_of, entry_name, overhead_of, vector_rate_of
from hwsim.validation.terms import ADDED, FUNCTION, Array, Part, Terms

#: Rungs that are seen so.
RUNGS = frozenset({"gpu"})
#: How far a rate is lowered, as a factor, and an overhead raised [µs], to see what goes with it: beyond the kinks that are near.
_LOWER, _MORE_US = 0.8, 1.0


def near(prepared: Prepared, device: Device, rung: str, values: Mapping[str, float]) -> Terms:
    """The layers of a network in parts, near constants (by path) at these values; others as the profile has them."""
    constants = _constants(prepared, device)
    here = {constant.path: values.get(constant.path, constant.value) for constant in constants}
    times = _times(prepared, device, rung, here)
    parts, explained = [], np.zeros_like(times)
    for constant in constants:
        value = here[constant.path]
        if constant.kind == "rate":
            moved = _times(prepared, device, rung, {**here, constant.path: value * _LOWER})
            each = np.clip((moved - times) / (1 / _LOWER - 1), 0.0, times)
            seconds = each * value
        else:
            moved = _times(prepared, device, rung, {**here, constant.path: value + _MORE_US})
            seconds = np.maximum(moved - times, 0.0) / _MORE_US
            each = seconds * value
        explained += each
        if seconds.any():
            parts.append((constant, seconds, each))
    # kinks may count the same seconds for two constants: never more than there are
    scale = np.where(explained > times, times / np.where(explained > 0, explained, 1.0), 1.0)
    found = [Part(constant, ADDED, seconds * np.where(each > 0, scale, 1.0)) for constant, seconds, each in parts]
    rest = np.maximum(times - explained * scale, 0.0)
    names = tuple(layer.name for layer, _ in prepared.priced)
    return Terms(names, (*found, Part(None, ADDED, rest)))


def _times(prepared: Prepared, device: Device, rung: str, values: Mapping[str, float]) -> Array:
    layers = estimate(prepared, changed(device, values), rung=rung).layers
    return np.asarray([layer.latency_s for layer in layers])


def _constants(prepared: Prepared, device: Device) -> list[Constant]:
    """Constants that can matter to a network: efficiencies of the precisions it runs at, bandwidths, vector rates, overheads."""
    used = {
        precision_for(device, nest.input.dtype, nest.weight.dtype)[0]
        for _, work in prepared.priced
        for nest in work.nests
    }
    found = [efficiency_of(device, item) for item in device.precisions if item in used]
    found += [
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
        precisions=tuple(
            replace(item, efficiency=values.get(f"compute.precisions.{entry_name(item)}.efficiency", item.efficiency))
            for item in device.precisions
        ),
        memories=tuple(
            replace(memory, efficiency=values.get(f"memory.{memory.name}.efficiency", memory.efficiency))
            for memory in device.memories
        ),
        vector=vector,
        overheads=overheads,
    )
