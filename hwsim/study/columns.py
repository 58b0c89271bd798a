"""Designs of one group as columns of numbers: the operations of the roofline in its order, on the same doubles, to the same last digit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hwsim.device import Device, Memory
from hwsim.device.keys import unit
from hwsim.study.axes import Value
from hwsim.study.evaluation import TOTALS, Evaluator, Row
from hwsim.study.kinds import ARRAY
from hwsim.study.setup import Setup

Reals = NDArray[np.float64]


def priced_all(evaluator: Evaluator, setup: Setup, points: Sequence[Mapping[str, Value]]) -> list[Row] | None:
    """Rows of designs of a group, None where something varies that the columns do not know."""
    rates, pes = _rates(setup.device, points), _pes(setup.device, points)
    return None if rates is None or pes is None else _priced(evaluator, setup, pes, *rates)


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
    if not any(name in points[0] for name in ARRAY):
        return np.full(len(points), float(device.array.pes))
    if device.pe_kernel is not None or not all(_indifferent(memory, device) for memory in device.memories):
        return None
    sides = []
    for name, own in zip(ARRAY, (device.array.x, device.array.y), strict=True):
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
    setup: Setup,
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
