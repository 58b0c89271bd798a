"""Storage on chip: flip-flop register files and SRAM macros by capacity, word, ports and banks.

SRAM is interpolated between the points of CACTI 7 [1]_, in log space over capacity and node. Energy grows with a small power of the
word's width up to 64 bits; a wider word lies across macros of 64 bits side by side. Area and leakage do not depend on it. Below half of
the smallest tabulated macro a memory is made of flip-flops, which are an order of magnitude larger: nothing supports an SRAM that small.
Above the largest macro it is made of banks of that size, joined by wires.

.. [1] R. Balasubramonian et al., "CACTI 7: New Tools for Interconnect Exploration in Innovative Off-Chip Memories," ACM TACO 14(2), 2017,
   doi:10.1145/3085572.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from hwsim.device.technology.arithmetic import register
from hwsim.device.technology.families import operation
from hwsim.device.technology.record import Estimated, Technology
from hwsim.device.technology.scaling import area_scale, delay_scale, energy_scale, nominal_voltage
from hwsim.device.technology.tables import Curve, curve, table
from hwsim.device.technology.voltage import dynamic_energy_scale
from hwsim.device.technology.wires import wire_energy
from hwsim.errors import UsageError

Column = Literal["read", "write", "area", "leakage", "latency"]
_COLUMN: dict[Column, int] = {"read": 2, "write": 3, "area": 4, "leakage": 5, "latency": 6}
_ENERGIES: tuple[Column, ...] = ("read", "write")
_UNIT: dict[Column, tuple[float, str]] = {
    "read": (1e-12, "J"), "write": (1e-12, "J"), "area": (1e-12, "m2"), "leakage": (1e-3, "W"), "latency": (1e-9, "s"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Storage:
    """One memory. kind : ``sram`` or ``flip-flops``. width_bits : of a word [bit]. read, write : energy of one word [J]; area [m²];
    leakage [W]; latency : of one access [s], None for flip-flops."""

    kind: Literal["sram", "flip-flops"]
    width_bits: int
    read: Estimated
    write: Estimated
    area: Estimated
    leakage: Estimated
    latency: Estimated | None = None


def storage(
    technology: Technology,
    capacity: float,
    width_bits: int = 64,
    ports: int = 1,
    banks: int = 1,
    flip_flops: bool = False,
) -> Storage:
    """A memory of ``capacity`` bytes, as it would be built: of flip-flops if asked for or too small for SRAM, else SRAM.

    width_bits : of a word [bit]; ports : that read or write at the same time [1]; banks : equal ones, of which an access uses one [1].
    Raises UsageError for a capacity, width, number of ports or banks that is not positive.
    """
    small = table("sram")["nodes"]["65"][0][0] * 1024 / 2
    if flip_flops or capacity / max(1, banks) < small:
        return register_file(technology, capacity, width_bits, ports)
    return sram(technology, capacity, width_bits, ports, banks)


def register_file(technology: Technology, capacity: float, width_bits: int = 16, ports: int = 1) -> Storage:
    """Flip-flops with a tree of two-input multiplexers for every port.

    A write switches one word; a read passes one word through log2(words) gates a bit. Areas are all flip-flops and a gate
    less than one per bit and port. Flip-flops and gates are Aladdin's.
    """
    _check(capacity, width_bits, ports, 1)
    bits = 8 * capacity
    words = max(1.0, bits / width_bits)
    cell, gate = register(technology, 1), operation(technology, "gate", 1)
    assert cell.energy is not None and gate.energy is not None
    word = cell.energy.times(width_bits)
    gates = ports * max(0.0, bits - width_bits)
    return Storage(
        "flip-flops",
        width_bits,
        read=word + gate.energy.times(width_bits * math.log2(words)),
        write=word,
        area=cell.area.times(bits) + gate.area.times(gates),
        leakage=cell.leakage.times(bits) + gate.leakage.times(gates),
    )


def sram(technology: Technology, capacity: float, width_bits: int = 64, ports: int = 1, banks: int = 1) -> Storage:
    """An SRAM, whatever its size; ``storage`` says when there is none that small.

    Every port after the first widens the array by the ratio of dual- to single-port macros, and its lines by the square root of that.
    An access uses one bank, in it as many macros side by side as the word has 64 bits (of no less than half of the smallest tabulated
    one), and the wire to them, half the edge of the whole. Raises UsageError as ``storage`` does.
    """
    _check(capacity, width_bits, ports, banks)
    sheet = table("sram")
    largest = max(row[0] for row in sheet["nodes"]["65"]) * 1024.0
    in_bank = capacity / banks
    macros = banks * max(1.0, in_bank / largest)
    figures = {column: _macro(technology, column, min(in_bank, largest), width_bits) for column in _COLUMN}
    beside = max(1.0, width_bits / 64)
    if beside > 1:
        smallest = min(row[0] for row in sheet["nodes"]["65"]) * 1024.0 / 2
        share = max(in_bank / beside, min(in_bank, smallest))
        figures |= {name: _macro(technology, name, min(share, largest), width_bits) for name in _ENERGIES}
    if ports > 1:
        wider = Estimated(
            1 + sheet["extra_port_area"] * (ports - 1), "1", sheet["extra_port_source"], "estimated", f"{ports} ports"
        )
        longer = replace(wider, value=math.sqrt(wider.value))
        figures |= {
            column: figures[column].times(wider if column in {"area", "leakage"} else longer) for column in figures
        }
    area = figures["area"].times(macros)
    read, write = figures["read"], figures["write"]
    if macros > 1 or beside > 1:
        wire = wire_energy(technology, math.sqrt(area.value) / 2).times(width_bits)
        note = f"{math.ceil(macros * beside)} macros of at most {largest / 1024:g} KiB"
        read, write = (read + wire).noted(note), (write + wire).noted(note)
    return Storage("sram", width_bits, read, write, area, figures["leakage"].times(macros), figures["latency"])


def _macro(technology: Technology, column: Column, capacity: float, width_bits: int) -> Estimated:
    """One figure of a single-port macro of ``capacity`` bytes."""
    sheet = table("sram")
    nodes = sorted(int(node) for node in sheet["nodes"])
    nearest = min(max(technology.node_nm, nodes[0]), nodes[-1])
    kilobytes = capacity / 1024
    by_node = [(node, _over_capacity(node, column).at(kilobytes)) for node in nodes]
    value = curve([node for node, _ in by_node], [found[0] for _, found in by_node]).at(nearest)[0]
    factor, unit = _UNIT[column]
    figure = Estimated(value * factor, unit, sheet["source"].strip(), sheet["quality"])
    if by_node[0][1][1]:
        figure = figure.noted(f"{kilobytes:.3g} kB is outside of the tabulated macros", extrapolated=True)
    if nearest != technology.node_nm:
        scales = {"area": area_scale, "leakage": area_scale, "latency": delay_scale}
        scale = scales.get(column, energy_scale)(nearest, technology.node_nm)
        figure = figure.times(scale).noted(
            f"{technology.node_nm:g} nm is outside of the tabulated macros", extrapolated=True
        )
    if column not in {"read", "write"}:
        return figure
    figure = figure.times(_width_scale(column, width_bits))
    nominal = nominal_voltage(technology.node_nm)
    if technology.voltage_v is None or technology.voltage_v == nominal:
        return figure
    square = dynamic_energy_scale(technology.voltage_v, nominal)
    return figure.times(square, f"times ({technology.voltage_v:g} V / {nominal:.3g} V)^2")


@lru_cache(maxsize=32)
def _over_capacity(node: int, column: Column, without: float = 0.0) -> Curve:
    """A column of one node over capacity [kB], energies of 64-bit words; without : a capacity left out [kB]."""
    rows = [row for row in table("sram")["nodes"][str(node)] if row[0] != without]
    scale = [1 / _width_scale(column, row[1]) for row in rows]
    return curve(
        [row[0] for row in rows], [row[_COLUMN[column]] * times for row, times in zip(rows, scale, strict=True)]
    )


def _width_scale(column: Column, width_bits: int) -> float:
    """How a figure of given macros goes with the width of the word, 1 at 64 bits [1]."""
    if column not in {"read", "write"}:
        return 1.0
    share = width_bits / 64
    return share if share > 1 else float(share ** table("sram")["narrow_word_exponent"][column])


def _check(capacity: float, width_bits: int, ports: int, banks: int) -> None:
    if not capacity > 0 or min(width_bits, ports, banks) < 1:
        raise UsageError(
            f"memory of {capacity:g} B, {width_bits} bits wide, {ports} ports, {banks} banks: all of them must be positive"
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A tabulated point foretold from its neighbours. error : foretold over tabulated, less one [1]."""

    node_nm: int
    capacity_kb: float
    column: Column
    error: float


def leave_one_out() -> tuple[LeftOut, ...]:
    """How well interpolation over capacity foretells each inner point of the SRAM table from all others of its node."""
    found = []
    for node, rows in table("sram")["nodes"].items():
        for row in rows[1:-1]:
            for column in _COLUMN:
                true = _over_capacity(int(node), column).at(row[0])[0]
                foretold = _over_capacity(int(node), column, row[0]).at(row[0])[0]
                found.append(LeftOut(int(node), row[0], column, foretold / true - 1))
    return tuple(found)
