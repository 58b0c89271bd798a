"""Many rooflines at once: designs that differ in clock, bandwidths, capacities and the size of the array alone are priced as columns of
numbers.

What a layer computes and moves does not depend on those, so it is worked out once; times follow by the operations that the roofline
does, in the same order on the same doubles, and so to the same last digit. Capacities count by what they let stay on the chip: each
design that is worked out says between which capacities the same tensors stay, and those in between are priced with it. Whatever else
differs between two designs (a network, its bits, its batch) puts them into different groups. What was worked out for a group is kept for
the next points of its kind; a group that is seen once, or of another kind, is evaluated point by point. Up to three designs of a new
group are evaluated both ways, and the slow way decides.
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
from hwsim.estimation.residency import residency
from hwsim.estimation.run import default_rung
from hwsim.study.axes import Value
from hwsim.study.evaluation import TOTALS, Evaluator, Row

Reals = NDArray[np.float64]
#: Values that a group shares, names of those that differ, and types of the former: 1, 1.0 and true are different values.
Key = tuple[tuple[tuple[str, Value], ...], tuple[str, ...], tuple[type, ...]]
#: From this size on, the middle and the last design of a new group are evaluated one by one too.
SMALL = 8
#: Groups that are remembered at most.
_REMEMBERED = 4096
#: Keys of a memory level that scale with nothing, and those that go with the clock.
_PER_SECOND = ("bandwidth_gb_per_s", "read_gb_per_s", "write_gb_per_s")
_PER_CYCLE = ("bytes_per_cycle", "read_bytes_per_cycle", "write_bytes_per_cycle")
_ARRAY = ("compute.pe_array.x", "compute.pe_array.y")
_CAPACITIES = ("capacity_bytes", "capacity_kib", "capacity_mib", "capacity_gib")


def rows(
    evaluator: Evaluator, points: Sequence[Mapping[str, Value]], each: Callable[..., Iterable[Row]] = map
) -> list[Row]:
    """A row a point, in their order. each : ``map``, or a pool's, for those that are evaluated one by one."""
    found: list[Row | None] = [None] * len(points)
    groups: dict[Key, list[int]] = {}
    for index, point in enumerate(points):
        groups.setdefault(_key(point, ()), []).append(index)
    single: list[int] = []
    waiting = list(groups.items())
    while waiting:
        key, members = waiting.pop()
        chosen = [points[index] for index in members]
        made = _group(evaluator, key, chosen)
        if made is None and any(name in _ARRAY for name in key[1]):
            parts: dict[Key, list[int]] = {}
            for index in members:
                parts.setdefault(_key(points[index], _ARRAY), []).append(index)
            waiting += parts.items()
        elif made is None:
            single += members
        else:
            for place, index in enumerate(members):
                found[index] = made[place]
    single.sort()
    for index, row in zip(single, each(evaluator.row, [points[index] for index in single]), strict=True):
        found[index] = row
    return [row for row in found if row is not None]


def _key(point: Mapping[str, Value], fixed: Sequence[str]) -> Key:
    """What all designs of a group share: the values that matter, and the names of those that may differ.

    fixed : names that may not. Names with an underscore are numbers of the study's own, which no estimate depends on.
    """
    varying = tuple(name for name, value in point.items() if name not in fixed and _varies(name, value))
    rest = tuple((name, value) for name, value in point.items() if name[0] != "_" and name not in varying)
    return (rest, varying, tuple(map(type, dict(rest).values())))


def _varies(name: str, value: Value) -> bool:
    """Whether a value is one that a whole group may differ in."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e15:
        return False
    parts = name.split(".")
    if _sized(name):
        return 1 <= value * unit(parts[2])[1] < 1 << 53
    return name in ("clock_mhz", *_ARRAY) or (
        len(parts) == 3 and parts[0] == "memory" and parts[2] in (*_PER_SECOND, *_PER_CYCLE)
    )


def _sized(name: str) -> bool:
    """Whether a path is the capacity of a whole memory level."""
    parts = name.split(".")
    return len(parts) == 3 and parts[0] == "memory" and parts[2] in _CAPACITIES


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


@dataclass(frozen=True, slots=True)
class _Setup:
    """What is worked out once for a group: its device, layers, the totals that do not change, inferences a run.

    between : for each level whose capacity varies, the sizes [B] of one instance from which and below which all of that holds.
    """

    device: Device
    parts: tuple[_Part, ...]
    totals: Mapping[str, Any]
    batch: int
    between: tuple[tuple[float, float], ...] = ()


def _group(evaluator: Evaluator, key: Key, points: Sequence[Mapping[str, Value]]) -> list[Row] | None:
    """Rows of the designs of a group, None where they have to be evaluated one by one."""
    kept = evaluator.setups
    setup = kept.get(key)
    if any(map(_sized, key[1])):
        return None if setup is False else _of_sizes(evaluator, key, points)
    if setup is None:
        alike = _alike(evaluator, key, points[0]) if any(map(_capacity, dict(key[0]))) else None
        known = kept.get(alike)
        if known is not None:
            setup = kept[key] = known
        elif len(points) == 1 and (alike or key) not in evaluator.seen:
            if len(evaluator.seen) >= _REMEMBERED:
                evaluator.seen.clear()
            evaluator.seen.add(alike or key)
            return None
        else:
            return _set_up(evaluator, key, alike, points)
    return _priced_all(evaluator, setup, points) if isinstance(setup, _Setup) else None


def _of_sizes(evaluator: Evaluator, key: Key, points: Sequence[Mapping[str, Value]]) -> list[Row] | None:
    """Rows of designs whose capacities differ: those where the same tensors stay together, one after the other."""
    if key not in evaluator.setups and len(points) == 1 and key not in evaluator.seen:
        evaluator.seen.add(key)
        return None
    if len(evaluator.setups) >= _REMEMBERED:
        evaluator.setups.clear()
    setups: list[_Setup] = evaluator.setups.setdefault(key, [])
    if len(setups) >= _REMEMBERED:
        setups.clear()
    names = [name for name in key[1] if _sized(name)]
    sizes = np.array(
        [[int(point[name] * unit(name.split(".")[2])[1]) for name in names] for point in points],  # type: ignore[operator]
        np.float64,
    )
    left, place = np.ones(len(points), np.bool_), 0
    found: list[Row] = [{}] * len(points)
    while left.any():
        fresh = place == len(setups)
        if fresh:
            setup, first = _made(evaluator, key, points[int(np.flatnonzero(left)[0])])
            if setup is None:
                evaluator.setups[key] = False
                return None
            setups.append(setup)
        setup = setups[place]
        least, below = np.array(setup.between).T
        members = np.flatnonzero(left & (sizes >= least).all(axis=1) & (sizes < below).all(axis=1)).tolist()
        chosen = [points[index] for index in members]
        made = _priced_all(evaluator, setup, chosen) if chosen else []
        largest = int(sizes[members].sum(axis=1).argmax()) if chosen else 0
        if made is None or (fresh and not (made and _agree(evaluator, first, chosen, made, {largest}))):
            evaluator.setups[key] = False
            return None
        for index, row in zip(members, made, strict=True):
            found[index] = row
        left[members] = False
        place += 1
    return found


def _agree(
    evaluator: Evaluator, first: Row | None, points: Sequence[Mapping[str, Value]], made: list[Row], places: set[int]
) -> bool:
    """Whether the first of a new group, and of a larger one those at ``places``, have the rows that single evaluations give."""
    checked = places - {0} if len(points) >= SMALL else set()
    return first == made[0] and all(evaluator.row(points[place]) == made[place] for place in checked)


def _set_up(evaluator: Evaluator, key: Key, alike: Any, points: Sequence[Mapping[str, Value]]) -> list[Row] | None:
    """Work out a new group, price it, and compare with designs that are evaluated one by one; remember what came of it."""
    if len(evaluator.setups) >= _REMEMBERED:
        evaluator.setups.clear()
    setup, first = _made(evaluator, key, points[0])
    made = None if setup is None else _priced_all(evaluator, setup, points)
    if made is not None and not _agree(evaluator, first, points, made, {len(points) // 2, len(points) - 1}):
        made = None
    for name in (key, alike):
        if name is not None:
            evaluator.setups[name] = setup if made is not None else False
    return made


def _made(evaluator: Evaluator, key: Key, point: Mapping[str, Value]) -> tuple[_Setup | None, Row | None]:
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
    return _Setup(device, tuple(parts), first.totals.to_dict(), batch, between), evaluator.told(first)


def _between(
    evaluator: Evaluator, key: Key, whole: Mapping[str, Value], device: Device
) -> tuple[tuple[float, float], ...] | None:
    """``_Setup.between`` of a design; None where more than a level's one pool would change with its capacity."""
    levels = [name.split(".")[1] for name in key[1] if _sized(name)]
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


def _priced_all(evaluator: Evaluator, setup: _Setup, points: Sequence[Mapping[str, Value]]) -> list[Row] | None:
    rates, pes = _rates(setup.device, points), _pes(setup.device, points)
    return None if rates is None or pes is None else _priced(evaluator, setup, pes, *rates)


def _capacity(name: str) -> bool:
    """Whether a path is a capacity of a memory level."""
    parts = name.split(".")
    return len(parts) in (3, 4) and parts[0] == "memory" and parts[2].startswith("capacity_")


def _alike(evaluator: Evaluator, key: Key, point: Mapping[str, Value]) -> Any:
    """A key that groups of different capacities share where the same tensors stay on the chip; None where there is none."""
    whole = {**evaluator.base, **point}
    try:
        device = evaluator.device(whole)
        prepared, _ = converted(evaluator.prepared(whole), device)
    except HwsimError:
        return None
    stays = residency(prepared, [work for _, work in prepared.priced], device, True)
    rest = tuple((name, value) for name, value in key[0] if not _capacity(name))
    finite = tuple(memory.capacity is None for memory in device.memories)
    return (rest, key[1:], stays.activations, stays.weights, finite)


def _parts(evaluator: Evaluator, whole: Mapping[str, Value], device: Device, made: Estimate) -> list[_Part]:
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
    setup: _Setup,
    pes: Reals,
    clock: Reals,
    levels: Sequence[tuple[Reals | None, Reals | None, Reals | None]],
) -> list[Row]:
    device, parts = setup.device, setup.parts
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
    constant, batch = setup.totals, setup.batch
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
        row["bound_gap"] = None
        for limit in evaluator.limits:
            row[limit.name] = limit.residual(totals[limit.total])
        row["residual_mapping"] = 0.0
        row["feasible"] = int(all(row[limit.name] <= 0 for limit in evaluator.limits))  # type: ignore[operator]
        row["reason"] = evaluator._missed(row)
        made.append(row)
    return made
