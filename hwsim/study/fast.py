"""Many rooflines at once: designs that differ in clock, bandwidths and the size of the array alone are priced as columns of numbers.

What a layer computes and moves does not depend on those, so it is worked out once; times follow by the operations that the roofline
does, in the same order on the same doubles, and so to the same last digit. Whatever else differs between two designs puts them into
different groups; a group that is small or of another kind is evaluated point by point. Three designs of each group are evaluated both
ways, and the slow way decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.device import Device, Memory, precision_for
from hwsim.device.keys import unit
from hwsim.errors import HwsimError
from hwsim.estimation import Estimate, roofline, zeros
from hwsim.estimation.conversion import converted
from hwsim.estimation.run import default_rung
from hwsim.study.axes import Value
from hwsim.study.evaluation import TOTALS, Evaluator, Row

Reals = NDArray[np.float64]
#: Groups below this size are not worth setting up.
SMALL = 8
#: Keys of a memory level that scale with nothing, and those that go with the clock.
_PER_SECOND = ("bandwidth_gb_per_s", "read_gb_per_s", "write_gb_per_s")
_PER_CYCLE = ("bytes_per_cycle", "read_bytes_per_cycle", "write_bytes_per_cycle")
_ARRAY = ("compute.pe_array.x", "compute.pe_array.y")


def rows(
    evaluator: Evaluator, points: Sequence[Mapping[str, Value]], each: Callable[..., Iterable[Row]] = map
) -> list[Row]:
    """A row a point, in their order. each : ``map``, or a pool's, for those that are evaluated one by one."""
    found: list[Row | None] = [None] * len(points)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, point in enumerate(points):
        # names with an underscore are numbers of the study's own, which no estimate depends on
        rest = tuple((name, value) for name, value in point.items() if name[0] != "_" and not _varies(name, value))
        names = tuple(name for name, value in point.items() if _varies(name, value))
        groups.setdefault((rest, names), []).append(index)
    single: list[int] = []
    waiting = list(groups.values())
    while waiting:
        members = waiting.pop()
        made = _group(evaluator, [points[index] for index in members]) if len(members) >= SMALL else None
        if made is None:
            parts = _by_array(points, members)
            if len(parts) > 1:
                waiting += parts
            else:
                single += members
            continue
        for place, index in enumerate(members):
            found[index] = made[place]
    single.sort()
    for index, row in zip(single, each(evaluator.row, [points[index] for index in single]), strict=True):
        found[index] = row
    return [row for row in found if row is not None]


def _by_array(points: Sequence[Mapping[str, Value]], members: Sequence[int]) -> list[list[int]]:
    """Designs of a group with the same array together."""
    parts: dict[tuple[Value, ...], list[int]] = {}
    for index in members:
        parts.setdefault(tuple(points[index].get(name) for name in _ARRAY), []).append(index)
    return list(parts.values()) if len(members) >= SMALL else [list(members)]


def _varies(name: str, value: Value) -> bool:
    """Whether a value is one that a whole group may differ in."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e15:
        return False
    parts = name.split(".")
    return name in ("clock_mhz", *_ARRAY) or (
        len(parts) == 3 and parts[0] == "memory" and parts[2] in (*_PER_SECOND, *_PER_CYCLE)
    )


@dataclass(frozen=True, slots=True)
class _Part:
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


def _group(evaluator: Evaluator, points: Sequence[Mapping[str, Value]]) -> list[Row] | None:
    """Rows of designs that differ in clock and bandwidths, None where they have to be evaluated one by one."""
    whole = {**evaluator.base, **points[0]}
    try:
        device = evaluator.device(whole)
        first = evaluator.estimate(points[0])
    except HwsimError:
        return None
    rung = whole.get("rung") or default_rung(device)
    if rung != "roofline" or whole.get("units") == "bit" or whole.get("technology") is not None or device.kind == "gpu":
        return None
    if "idle" in device.power_w and "clock_mhz" in points[0]:
        return None  # what idles goes with the clock
    parts = _parts(evaluator, whole, device, first)
    rates, pes = _rates(device, points), _pes(device, points)
    if parts is None or rates is None or pes is None:
        return None
    made = _priced(evaluator, first, device, parts, pes, *rates)
    for place in {0, len(points) // 2, len(points) - 1}:
        if evaluator.row(points[place]) != made[place]:
            return None
    return made


def _parts(evaluator: Evaluator, whole: Mapping[str, Value], device: Device, made: Estimate) -> list[_Part] | None:
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
        found.append(_Part(tuple(nests), tuple(vector), moved, energy, host, device.overheads.kernel_s * layer.repeat))
    return found


def _vector_rate(device: Device, function: str) -> float:
    """Operations a cycle as the profile writes them [1]."""
    for key in (f"compute.vector.by_function.{function}", "compute.vector.ops_per_cycle"):
        if key in device.quantities:
            return device.quantities[key][0]
    return math.nan


def _rates(
    device: Device, points: Sequence[Mapping[str, Value]]
) -> tuple[Reals, list[tuple[Reals | None, Reals | None, Reals | None]]] | None:
    """Clock [P] [Hz], and the bandwidths of one instance of each level [P] [B/s]: read, write, shared; None where the profile gives
    none.
    """

    def column(key: str) -> Reals | None:
        if key in points[0]:
            return np.array([float(point[key]) for point in points])  # type: ignore[arg-type]
        return np.full(len(points), device.quantities[key][0]) if key in device.quantities else None

    clock = column("clock_mhz")
    if clock is None:
        return None
    clock = clock * unit("clock_mhz")[1]
    levels = []
    for memory in device.memories:
        ends: list[Reals | None] = []
        for per_cycle, per_second in (
            ("read_bytes_per_cycle", "read_gb_per_s"),
            ("write_bytes_per_cycle", "write_gb_per_s"),
            ("bytes_per_cycle", "bandwidth_gb_per_s"),
        ):
            cycles, seconds = column(f"memory.{memory.name}.{per_cycle}"), column(f"memory.{memory.name}.{per_second}")
            if cycles is not None and seconds is not None:
                return None
            ends.append(
                cycles * clock if cycles is not None else None if seconds is None else seconds * unit(per_second)[1]
            )
        given = (memory.read_bandwidth, memory.write_bandwidth, memory.shared_bandwidth)
        if any((end is None) != (known is None) for end, known in zip(ends, given, strict=True)):
            return None
        levels.append((ends[0], ends[1], ends[2]))
    return clock, levels


def _pes(device: Device, points: Sequence[Mapping[str, Value]]) -> Reals | None:
    """PEs of each design [P] [1]; None where something else than the peak would change with their number."""
    if not any(name in points[0] for name in _ARRAY):
        return np.full(len(points), float(device.array.pes))
    if device.pe_kernel is not None or not all(_indifferent(memory, device) for memory in device.memories):
        return None
    sides = []
    for name, own in zip(_ARRAY, (device.array.x, device.array.y), strict=True):
        column = [point.get(name, own) for point in points]
        if not all(isinstance(value, int) for value in column):
            return None
        sides.append(np.array(column, dtype=np.float64))
    return sides[0] * sides[1] * device.array.cores


def _indifferent(memory: Memory, device: Device) -> bool:
    """Whether the roofline's figures of a level stay when the array grows: there is one, or it is registers beside a buffer."""
    if memory.instances == 1:
        return True
    rates = (memory.read_bandwidth, memory.write_bandwidth, memory.shared_bandwidth)
    outer = [other for other in device.memories if not other.off_chip][-1]
    return (
        memory.instances == device.array.pes and rates == (None, None, None) and not memory.retains and memory != outer
    )


def _transfer(
    memory: Memory, moved: tuple[float, float], ends: tuple[Reals | None, Reals | None, Reals | None], count: int
) -> Reals:
    share = memory.efficiency * memory.instances
    read, write = moved
    longest = np.zeros(count)
    for end, size in ((ends[2], read + write), (ends[0], read), (ends[1], write)):
        if end is not None:
            longest = np.maximum(longest, size / (end * share))
    return longest


def _priced(
    evaluator: Evaluator,
    first: Estimate,
    device: Device,
    parts: Sequence[_Part],
    pes: Reals,
    clock: Reals,
    levels: Sequence[tuple[Reals | None, Reals | None, Reals | None]],
) -> list[Row]:
    count = len(clock)
    latencies = np.empty((count, len(parts)))
    weighted = np.empty((count, len(parts)))
    energies = np.empty((count, len(parts)))
    one_unit = device.kind in ("cpu", "mcu")
    for column, part in enumerate(parts):
        mac, ideal = np.zeros(count), np.zeros(count)
        for macs, each, filled, share in part.nests:
            least = macs / (pes * each * clock)
            ideal = ideal + least
            mac = mac + least * filled / share
        vector = np.zeros(count)
        for operations, rate in part.vector:
            vector = vector + operations / ((pes if rate is None else rate) * clock)
        longest = mac + vector if one_unit else np.maximum(mac, vector)
        added = np.zeros(count)
        for memory, moved, ends in zip(device.memories, part.moved, levels, strict=True):
            time = _transfer(memory, moved, ends, count)
            if memory.overlapped:
                longest = np.maximum(longest, time)
            else:
                added = added + time
        latency = longest + (added + part.kernel)
        if column == 0 and device.overheads.inference_s:
            whole = latency + device.overheads.inference_s
            used = np.divide(ideal, latency, out=np.zeros(count), where=latency > 0) * latency / whole
            latency = whole
        else:
            used = np.divide(ideal, latency, out=np.zeros(count), where=latency > 0)
        latencies[:, column] = latency
        weighted[:, column] = used * latency
        energies[:, column] = (
            np.nan if part.energy is None else (part.energy + (device.standing_w or 0.0) * latency) + part.host
        )
    constant = first.totals.to_dict()
    batch = int(str(first.settings["batch"]))
    known = all(part.energy is not None for part in parts)
    made = []
    for place in range(count):
        seconds = math.fsum(latencies[place])
        ideal_s = math.fsum(weighted[place])
        energy = math.fsum(energies[place]) if known else None
        totals = {
            **constant,
            "latency_s": seconds,
            "cycles": math.ceil(seconds * float(clock[place]) * (1 - 1e-12)),
            "throughput_per_s": batch / seconds if seconds else 0.0,
            "energy_j": energy,
            "average_power_w": energy / seconds if energy is not None and seconds else None,
            "utilization": ideal_s / seconds if seconds else 0.0,
        }
        row: Row = {name: totals[name] for name in TOTALS}
        for limit in evaluator.limits:
            row[limit.name] = limit.residual(totals[limit.total])
        row["residual_mapping"] = 0.0
        row["feasible"] = int(all(row[limit.name] <= 0 for limit in evaluator.limits))  # type: ignore[operator]
        row["reason"] = evaluator._missed(row)
        made.append(row)
    return made
