"""Counts: what one mapping of one nest makes every level do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Rules = Literal["exact", "timeloop"]


@dataclass(frozen=True, slots=True)
class Accesses:
    """Words of one operand that cross the ports of one level, over the run of one nest.

    reads : leaving the level, to the inside or, of an output tile that is emptied, to the outside. fills : of a tile arriving from
    outside. updates : partial sums arriving from inside. final_* : how many of them are values, the rest being incomplete sums of outputs.
    """

    reads: int = 0
    fills: int = 0
    updates: int = 0
    final_reads: int = 0
    final_fills: int = 0
    final_updates: int = 0

    def bits(self, word: int, incomplete: int) -> tuple[int, int, int]:
        """Bits read, filled, updated. word : bits of a final word; incomplete : of any other [bit]."""
        pairs = ((self.reads, self.final_reads), (self.fills, self.final_fills), (self.updates, self.final_updates))
        read, fill, update = (final * word + (count - final) * incomplete for count, final in pairs)
        return read, fill, update


@dataclass(frozen=True, slots=True)
class Wires:
    """Words of one operand on the wires below a level. down, up : [1]; final_up : how many of those up are final; hops : word-hops [1]."""

    down: int = 0
    up: int = 0
    final_up: int = 0
    hops: float = 0.0


@dataclass(frozen=True, slots=True)
class OperandCounts:
    """One operand at one level.

    kept : held here. tile : elements of the largest tile [1]. total : all instances; busiest : of one instance, each figure by itself the
    largest. wires, busiest_wires : towards the children, of all instances and of the busiest one.
    """

    kept: bool
    tile: int
    total: Accesses
    busiest: Accesses
    wires: Wires
    busiest_wires: Wires


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """One level. used : instances at work along x and y; incomplete : its output tile holds unfinished sums at some time."""

    name: str
    used: tuple[int, int]
    incomplete: bool
    input: OperandCounts
    weight: OperandCounts
    output: OperandCounts

    @property
    def instances(self) -> int:
        """Instances at work [1]."""
        return self.used[0] * self.used[1]

    @property
    def operands(self) -> tuple[OperandCounts, OperandCounts, OperandCounts]:
        """Input, weight, output."""
        return self.input, self.weight, self.output

    def __iter__(self) -> Iterator[OperandCounts]:
        return iter(self.operands)


@dataclass(frozen=True, slots=True)
class Counts:
    """How often everything happens in one repeat of a nest, under one mapping.

    levels : innermost first. steps : temporal iterations of the busiest PE, each one MAC [1]. passes : iterations of the temporal loops at
    and above the hierarchy's pass level [1]. macs : [1]. pes : PEs at work [1]; mesh : PEs on the chip [1].
    """

    rules: Rules
    levels: tuple[LevelCounts, ...]
    steps: int
    passes: int
    macs: int
    pes: int
    mesh: int

    @property
    def spatial_utilization(self) -> float:
        """MACs done / MACs that all PEs could do in the compute steps [1]."""
        return self.macs / (self.steps * self.mesh)
