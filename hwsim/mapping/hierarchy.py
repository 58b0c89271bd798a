"""Hierarchy: a device as the mapping core sees it, per cycle and in bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hwsim.device import LevelConstraint
from hwsim.device.records import Topology

Keep = Literal["always", "never", "free"]
#: In the order of the kernels' numbers.
TOPOLOGIES: tuple[Topology, ...] = ("mesh", "bus", "neighbour")


@dataclass(frozen=True, slots=True)
class Storage:
    """One pool of a level. operands : which share it, in the order (input, weight, output); bits : capacity, None unlimited."""

    operands: tuple[bool, bool, bool]
    bits: int | None


@dataclass(frozen=True, slots=True)
class Level:
    """One level of storage; all figures are of ONE instance.

    mesh_x, mesh_y : instances on the chip. storage : pools. keeps : input, weight, output. buffering : tiles held at once; usable
    capacity is floor(bits / buffering). read, write, shared : bits per cycle, None unlimited.
    read_j, fill_j, update_j : energy of one access of ``block_bits`` bits, per operand (input, weight, output) [J]; with block_bits 0 the
    energy is per bit. None: not known.
    network_bits_per_cycle : per operand, of the wires from one instance of this level to all its children, None unlimited.
    multicast, reduce, topology : see device.Network. hop_j : energy of one bit over one hop towards the children [J].
    overlapped : False where the transfer time of this level adds to the rest.
    """

    name: str
    mesh_x: int = 1
    mesh_y: int = 1
    storage: tuple[Storage, ...] = (Storage((True, True, True), None),)
    keeps: tuple[Keep, Keep, Keep] = ("always", "always", "always")
    buffering: int = 1
    read: float | None = None
    write: float | None = None
    shared: float | None = None
    read_j: tuple[float, float, float] | None = None
    fill_j: tuple[float, float, float] | None = None
    update_j: tuple[float, float, float] | None = None
    block_bits: int = 0
    network_bits_per_cycle: tuple[float | None, float | None, float | None] = (None, None, None)
    multicast: bool = True
    reduce: bool = True
    hop_j: float = 0.0
    topology: Topology = "mesh"
    overlapped: bool = True
    off_chip: bool = False
    constraint: LevelConstraint = field(default_factory=LevelConstraint)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Levels (innermost first) over a mesh of PEs.

    pes_x, pes_y : PEs on the chip. macs_per_pe : MACs of one PE and cycle for this nest's types [1]. mac_j : energy of one [J].
    clock_hz : [Hz]. leakage_w : static power of the chip [W], None unknown. pass_cycles, pass_level : ramp-up cycles charged once per
    iteration of the temporal loops at and above that level (-1: none). min_utilization : of the PEs [1].
    """

    name: str
    levels: tuple[Level, ...]
    pes_x: int = 1
    pes_y: int = 1
    macs_per_pe: float = 1.0
    mac_j: float | None = None
    clock_hz: float = 1e9
    leakage_w: float | None = None
    pass_cycles: float = 0.0
    pass_level: int = -1
    min_utilization: float = 0.0

    def fanout(self, level: int) -> tuple[int, int]:
        """Children of one instance of ``level`` along x and y [1]; level 0's children are PEs."""
        own = self.levels[level]
        inner_x, inner_y = (self.pes_x, self.pes_y) if level == 0 else _mesh(self.levels[level - 1])
        return inner_x // own.mesh_x, inner_y // own.mesh_y


def _mesh(level: Level) -> tuple[int, int]:
    return level.mesh_x, level.mesh_y
