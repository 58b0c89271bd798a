"""Off-chip memory: energy per bit by type, bandwidth of an HBM stack, and the cells that SRAM is made of."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.device.technology.record import Estimated
from hwsim.device.technology.tables import table
from hwsim.errors import UsageError, nearest


def off_chip_energy(memory_type: str) -> Estimated:
    """Energy of one bit to or from an off-chip memory [J]: ``ddr3`` to ``ddr5``, ``lpddr`` to ``lpddr5``, ``gddr5``, ``gddr6``, ``hbm2``...

    Sources mean different things by it, the device alone or with its interface: low and high are half and one and a half of the value.
    Raises UsageError for a type that there is no figure of.
    """
    sheet = table("off_chip")
    rows = sheet["energy_pj_per_bit"]
    name = memory_type.lower()
    if name not in rows:
        raise UsageError(
            f"memory type {memory_type!r}: no energy per bit for it; known are {', '.join(rows)}{nearest(name, tuple(rows))}"
        )
    picojoules, source, quality = rows[name]
    value, around = picojoules * 1e-12, sheet["interval"]
    return Estimated(value, "J", sheet["sources"][source], quality, low=value * (1 - around), high=value * (1 + around))


def off_chip_types() -> tuple[str, ...]:
    """Types of memory that ``off_chip_energy`` knows."""
    return tuple(table("off_chip")["energy_pj_per_bit"])


@dataclass(frozen=True, slots=True)
class Stack:
    """One HBM stack. bandwidth [B/s], capacity [B], pin_rate [bit/s], pins [1]."""

    bandwidth: float
    capacity: int
    pin_rate: float
    pins: int
    source: str


def hbm_stack(generation: str) -> Stack:
    """Largest stack of a generation, ``hbm`` to ``hbm4``; raises UsageError for another word."""
    sheet = table("off_chip")
    rows = sheet["hbm"]
    name = generation.lower()
    if name not in rows:
        raise UsageError(f"HBM generation {generation!r}: known are {', '.join(rows)}{nearest(name, tuple(rows))}")
    gigabits, channels, bits, _, _, gibibytes, gigabytes = rows[name]
    return Stack(gigabytes * 1e9, gibibytes * 2**30, gigabits * 1e9, channels * bits, sheet["hbm_source"])


@dataclass(frozen=True, slots=True)
class Cell:
    """A six-transistor SRAM cell. area [m²]; density : of a macro [bit/m²], None where unknown."""

    node_nm: float
    process: str
    area: Estimated
    density: float | None


def sram_cells() -> tuple[Cell, ...]:
    """Cells as published, by rising node."""
    sheet = table("bitcell")
    return tuple(
        Cell(
            node,
            process,
            Estimated(cell * 1e-12, "m2", sheet["sources"][source], quality),
            density and density * 2**20 * 1e6,
        )
        for node, process, cell, density, source, quality in sheet["cells"]
    )
