"""A rung taken apart: what each constant contributes to the time of each layer, so that a fit need not run the rung again.

The time of a layer is the largest of some sums plus others, and each summand goes with one constant or its inverse. A device on which
everything else is infinitely fast shows each summand by itself. That the parts make the whole again is checked against the rung.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwsim.device import Device
from hwsim.device.records import Overheads, Precision, Vector
from hwsim.errors import UsageError
from hwsim.estimation import Prepared, cpu, estimate
from hwsim.estimation.conversion import converted
from hwsim.estimation.residency import residency
from hwsim.validation.constants import (
    Constant,
    bandwidth_of,
    class_efficiency_of,
    efficiency_of,
    of_key,
    overhead_of,
    vector_rate_of,
)
from hwsim.workload.classes import work_class

Array = NDArray[np.float64]
_FAST = 1e40
#: Where a profile gives the rates of single functions.
FUNCTION = "compute.vector.by_function."
#: What the path of a class of work's share of the peak has in it.
CLASS = ".by_class."
#: What the path of an operand's share of a bandwidth has in it.
OPERAND = ".by_operand."
#: Group of what is added to the largest of the others.
ADDED = "added"
#: Kinds of device whose vector unit is the MAC unit: their times add up.
_ONE_UNIT = ("cpu", "mcu")


@dataclass(frozen=True, slots=True)
class Part:
    """What one constant contributes. constant : None for what nothing can change; group : ``added``, or the resource it keeps busy;
    seconds : (layers,) with the constant at 1 in the unit of its key [s]. common : constant that this one is a special case of.
    """

    constant: Constant | None
    group: str
    seconds: Array
    common: Constant | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The layers of one network on one device, in parts. names : (layers,)."""

    names: tuple[str, ...]
    parts: tuple[Part, ...]

    def latency(self, values: Mapping[str, float]) -> Array:
        """Time of each layer with constants (by path) at these values [s]; others at the profile's."""
        groups: dict[str, Array] = {}
        for part in self.parts:
            groups[part.group] = groups.get(part.group, np.zeros(len(self.names))) + _seconds(part, values)
        added = groups.pop(ADDED, np.zeros(len(self.names)))
        largest = np.max(list(groups.values()), axis=0) if groups else np.zeros(len(self.names))
        result: Array = largest + added
        return result


def _seconds(part: Part, values: Mapping[str, float]) -> Array:
    if part.constant is None:
        return part.seconds
    value = values.get(part.constant.path, part.constant.value)
    return part.seconds / value if part.constant.kind == "rate" else part.seconds * value


def terms(prepared: Prepared, device: Device, rung: str) -> Terms:
    """Take a rung apart for one network. Raises UsageError for a rung whose times are not sums of this kind (``mapping``)."""
    if rung not in ("roofline", "systolic", "cpu"):
        raise UsageError(
            f"calibration: times of the {rung} rung are no sums of constants' parts: calibrate with --model roofline, cpu, gpu or systolic"
        )
    prepared, _ = converted(prepared, device)
    whole = estimate(prepared, device, rung=rung)
    probe = _Probe(prepared, device, rung)
    if rung == "cpu":
        parts = [*_summands(prepared, device), *_inference(prepared, device)]
    else:
        parts = [*_compute(probe), *_vector(probe), *_memories(probe), *_overheads(probe)]
    found = Terms(tuple(layer.name for layer in whole.layers), tuple(part for part in parts if part.seconds.any()))
    expected = np.asarray([layer.latency_s for layer in whole.layers])
    if not np.allclose(found.latency({}), expected, rtol=1e-6, atol=0.0):
        raise UsageError(
            f"calibration: {device.name}: its {rung} model has times that no constant explains; use another --model"
        )
    return found


class _Probe:
    """Runs a rung on a device on which only one thing takes time."""

    def __init__(self, prepared: Prepared, device: Device, rung: str) -> None:
        self.prepared, self.device, self.rung = prepared, device, rung
        self.blank = replace(
            device,
            precisions=tuple(_fast(precision) for precision in device.precisions),
            vector=Vector(_FAST),
            memories=tuple(
                replace(memory, read_bandwidth=None, write_bandwidth=None, shared_bandwidth=None)
                for memory in device.memories
            ),
            overheads=Overheads(),
        )

    def seconds(self, device: Device) -> Array:
        """Time of each layer [s], without what is left of the fast parts."""
        found = estimate(self.prepared, device, rung=self.rung)
        times = np.asarray([layer.latency_s for layer in found.layers])
        return np.where(times > 1e-20, times, 0.0)


def _fast(precision: Precision) -> Precision:
    return replace(precision, macs_per_pe_per_cycle=_FAST, efficiency=1.0, by_class=())


def _compute(probe: _Probe) -> list[Part]:
    found = []
    classes = sorted({work_class(nest) for _, work in probe.prepared.priced for nest in work.nests})
    for place, precision in enumerate(probe.device.precisions):

        def only(by_class: dict[str, float], place: int = place, precision: Precision = precision) -> Array:
            changed = list(probe.blank.precisions)
            changed[place] = replace(precision, efficiency=_FAST, by_class=tuple(by_class.items()))
            return probe.seconds(replace(probe.blank, precisions=tuple(changed)))

        whole = only(dict.fromkeys(classes, 1.0))
        if not whole.any():
            continue  # no nest runs at this precision
        if np.allclose(only(dict.fromkeys(classes, 0.5)), 2 * whole):
            common = efficiency_of(probe.device, precision)
            found += [
                Part(class_efficiency_of(probe.device, precision, name), "compute", only({name: 1.0}), common)
                for name in classes
            ]
        else:
            found.append(Part(None, "compute", only({})))
    return found


def _vector(probe: _Probe) -> list[Part]:
    device = probe.device
    group = "compute" if device.kind in _ONE_UNIT else "vector"
    if device.vector is None:
        return [Part(None, group, probe.seconds(replace(probe.blank, vector=None)))]
    functions = sorted({op.function for _, work in probe.prepared.priced for op in work.vectors})
    common = vector_rate_of(device)
    return [
        Part(
            vector_rate_of(device, function),
            group,
            probe.seconds(replace(probe.blank, vector=Vector(_FAST, {function: device.clock_hz}))),
            common,
        )
        for function in functions
    ]


def _memories(probe: _Probe) -> list[Part]:
    found = []
    for place, memory in enumerate(probe.device.memories):
        changed = list(probe.blank.memories)
        changed[place] = replace(memory, efficiency=1.0)
        seconds = probe.seconds(replace(probe.blank, memories=tuple(changed)))
        group = memory.name if memory.overlapped else ADDED
        found.append(Part(bandwidth_of(probe.device, memory.name), group, seconds))
    return found


def _overheads(probe: _Probe) -> list[Part]:
    each = {"kernel": Overheads(kernel_s=1e-6), "inference": Overheads(inference_s=1e-6)}
    return [
        Part(overhead_of(probe.device, name), ADDED, probe.seconds(replace(probe.blank, overheads=overheads)))  # type: ignore[arg-type]
        for name, overheads in each.items()
    ]


def _summands(prepared: Prepared, device: Device) -> list[Part]:
    """The cpu rung's own summands: all of them add, each with its constant."""
    stays = residency(prepared, [work for _, work in prepared.priced], device, False, near=True)
    columns: dict[cpu.Key, Array] = {}
    for place, (layer, work) in enumerate(prepared.priced):
        for key, each in cpu.by_key(cpu.summands(layer, work, prepared.network, device, stays)).items():
            columns.setdefault(key, np.zeros(len(prepared.priced)))[place] = each
    found = []
    for key, seconds in columns.items():
        constant, common = of_key(key, device)
        found.append(Part(constant, ADDED, seconds, common))
    return found


def _inference(prepared: Prepared, device: Device) -> list[Part]:
    """What an inference takes beside its layers, which the first of them carries."""
    seconds = np.zeros(len(prepared.priced))
    seconds[:1] = 1e-6
    return [Part(overhead_of(device, "inference"), ADDED, seconds)]


def pooled(found: Sequence[Terms], own: frozenset[str]) -> tuple[Terms, ...]:
    """The same with special cases (a function of the vector unit, a class of work) that are not in ``own`` (paths) at the common rate."""
    return tuple(replace(item, parts=tuple(_common(part, own) for part in item.parts)) for item in found)


def _common(part: Part, own: frozenset[str]) -> Part:
    if part.constant is None or part.common is None or part.constant.path in own:
        return part
    return replace(part, constant=part.common, common=None)


def is_special(path: str) -> bool:
    """Whether a constant is a special case of a common one."""
    return path.startswith(FUNCTION) or CLASS in path or OPERAND in path
