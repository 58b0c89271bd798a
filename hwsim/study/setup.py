"""What is worked out once for a group of designs: what its layers compute and move, and which tensors stay on the chip."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hwsim.device import Device, precision_for
from hwsim.errors import HwsimError
from hwsim.estimation import Estimate, roofline, zeros
from hwsim.estimation.conversion import converted
from hwsim.estimation.residency import residency
from hwsim.estimation.rungs import default_rung
from hwsim.study.axes import Value
from hwsim.study.evaluation import Evaluator, Row
from hwsim.study.kinds import Key, capacity, sized


@dataclass(frozen=True, slots=True)
class Part:
    """One layer on the device of a group, as far as it does not depend on clock and bandwidths.

    macs : (MACs that take time, MACs of a PE in a cycle, MACs filled up, share of the array x efficiency) of each nest. vector :
    operations and rate a cycle, None where the array does them. moved : bytes read and written by level. energy : without leakage and
    host [J], None unknown. kernel : fixed time [s].
    """

    nests: tuple[tuple[float, float, float, float], ...]
    vector: tuple[tuple[int, float | None], ...]
    moved: tuple[tuple[float, float], ...]
    energy: float | None
    host: float
    kernel: float


@dataclass(frozen=True, slots=True)
class Setup:
    """What is worked out once for a group: its device, layers, the totals that do not change, inferences a run.

    between : for each level whose capacity varies, the sizes [B] of one instance from which and below which all of that holds.
    """

    device: Device
    parts: tuple[Part, ...]
    totals: Mapping[str, Any]
    batch: int
    between: tuple[tuple[float, float], ...] = ()


def made_of(evaluator: Evaluator, key: Key, point: Mapping[str, Value]) -> tuple[Setup | None, Row | None]:
    """The setup of a group by its first design, and that design's row."""
    whole = {**evaluator.base, **point}
    try:
        device = evaluator.device(whole)
    except HwsimError:
        return None, None
    rung = whole.get("rung") or default_rung(device)
    if rung != "roofline" or whole.get("units") == "bit" or whole.get("technology") is not None or device.kind == "gpu":
        return None, None
    if "idle" in device.power_w and "clock_mhz" in key[1]:
        return None, None  # what idles goes with the clock
    between = _between(evaluator, key, whole, device)
    if between is None:
        return None, None
    try:
        first = evaluator.estimate(point)
    except HwsimError:
        return None, None
    parts = _parts(evaluator, whole, device, first)
    batch = int(str(first.settings["batch"]))
    return Setup(device, tuple(parts), first.totals.to_dict(), batch, between), evaluator.told(first)


def _between(
    evaluator: Evaluator, key: Key, whole: Mapping[str, Value], device: Device
) -> tuple[tuple[float, float], ...] | None:
    """``Setup.between`` of a design; None where more than a level's one pool would change with its capacity."""
    levels = [name.split(".")[1] for name in key[1] if sized(name)]
    if not levels:
        return ()
    try:
        prepared, _ = converted(evaluator.prepared(whole), device)
    except HwsimError:
        return None
    stays = residency(prepared, [work for _, work in prepared.priced], device, True).between
    found = []
    for level in levels:
        memory = next(memory for memory in device.memories if memory.name == level)
        if len(memory.pools) > 1 or levels.count(level) > 1:
            return None
        least, below = stays.get(level, (0.0, math.inf))
        found.append((least / memory.instances, below / memory.instances))
    return tuple(found)


def alike_of(evaluator: Evaluator, key: Key, point: Mapping[str, Value]) -> Any:
    """A key that groups of different capacities share where the same tensors stay on the chip; None where there is none."""
    whole = {**evaluator.base, **point}
    try:
        device = evaluator.device(whole)
        prepared, _ = converted(evaluator.prepared(whole), device)
    except HwsimError:
        return None
    stays = residency(prepared, [work for _, work in prepared.priced], device, True)
    rest = tuple((name, value) for name, value in key[0] if not capacity(name))
    finite = tuple(memory.capacity is None for memory in device.memories)
    return (rest, key[1:], stays.activations, stays.weights, finite)


def _parts(evaluator: Evaluator, whole: Mapping[str, Value], device: Device, made: Estimate) -> list[Part]:
    prepared, _ = converted(evaluator.prepared(whole), device)
    found = []
    for (layer, work), record in zip(prepared.priced, made.layers, strict=True):
        nests = []
        for nest in work.nests:
            precision, _ = precision_for(device, nest.input.dtype, nest.weight.dtype)
            nests.append(
                (
                    nest.macs * zeros.cycle_share(nest, device),
                    precision.macs_per_pe_per_cycle,
                    roofline.filled_up(nest, precision),
                    roofline._pe_share(nest, device) * roofline.efficiency_of(nest, precision),
                )
            )
        vector = []
        for function, operations in roofline.vector_operations(work):
            vector.append((operations, None if device.vector is None else _vector_rate(device, function)))
        moved = tuple(
            (record.traffic_bytes[memory.name].read, record.traffic_bytes[memory.name].write)
            for memory in device.memories
        )
        energy, host = None, 0.0
        if record.energy_by_j is not None:
            energy = sum(value for name, value in record.energy_by_j.items() if name not in ("leakage", "host"))
            host = record.energy_by_j["host"]
        found.append(Part(tuple(nests), tuple(vector), moved, energy, host, device.overheads.kernel_s * layer.repeat))
    return found


def _vector_rate(device: Device, function: str) -> float:
    """Operations a cycle as the profile writes them [1]."""
    for key in (f"compute.vector.by_function.{function}", "compute.vector.ops_per_cycle"):
        if key in device.quantities:
            return device.quantities[key][0]
    return math.nan
