"""Small nests over two or three levels, to be read."""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.mapping import Hierarchy, Level, LevelLoops, Mapping, Storage
from hwsim.workload import Dim, LoopNest, OperandType

EVERYTHING = (True, True, True)
Loops = Sequence[tuple[Dim, int]]


def level(name: str, x: int = 1, y: int = 1, **fields: object) -> Level:
    keeps = {"keeps": ("free", "free", "free"), "storage": (Storage(EVERYTHING, None),)}
    return Level(name, x, y, **(keeps | fields))  # type: ignore[arg-type]


def loops(temporal: Loops = (), x: Loops = (), y: Loops = (), keep: str = "IWO") -> LevelLoops:
    """Loops written from the outside in."""
    kept = ("I" in keep, "W" in keep, "O" in keep)
    return LevelLoops(tuple(reversed(temporal)), tuple(reversed(x)), tuple(reversed(y)), kept)


def one_pe(*levels: LevelLoops) -> tuple[Hierarchy, Mapping]:
    """Levels over one PE, innermost first: a buffer and a DRAM."""
    return Hierarchy("one", tuple(level(f"L{number}") for number in range(len(levels)))), Mapping(tuple(levels))


def nest(**fields: int) -> LoopNest:
    byte, word = OperandType("int8"), OperandType("int32")
    return LoopNest(**fields, input=byte, weight=byte, output=byte, accumulator=word)  # type: ignore[arg-type]
