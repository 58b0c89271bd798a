"""What is written for LLVM: parts of a whole are taken once, and nothing is made that nobody reads.

Numba passes arrays and groups of them as one value and takes it apart wherever an item, a length or another function is asked for. Half
of what it wrote for our kernels was that; LLVM finds out, after it was written, read and looked at several times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from llvmlite.ir import Argument, Instruction, IRBuilder, PhiInstr
from llvmlite.ir.instructions import CastInstr, CompareInstr, ExtractValue, GEPInstr, InsertValue, SelectInstr

#: What does nothing but make a value, by class and by name.
_QUIET = (CastInstr, CompareInstr, ExtractValue, GEPInstr, InsertValue, SelectInstr)
_SUMS = {"add", "sub", "mul", "and", "or", "xor", "sdiv", "srem", "fadd", "fsub", "fmul", "fdiv", "load"}
_Anything: Any = IRBuilder


class Builder(_Anything):  # type: ignore[misc]
    """Takes each part of a whole once in a function, where the whole is made, and not at all where it was put in by itself."""

    _block: Any
    _anchor: Any

    def __init__(self, block: Any) -> None:
        super().__init__(block)
        self._parts: dict[tuple[int, tuple[int, ...]], Any] = {}

    def extract_value(self, agg: Any, idx: Any, name: str = "") -> Any:
        """A member of an aggregate."""
        where = tuple(idx) if isinstance(idx, (tuple, list)) else (idx,)
        while isinstance(agg, InsertValue):
            put = tuple(agg.indices)
            if put == where:
                return agg.value
            if put == where[: len(put)] or where == put[: len(where)]:
                break
            agg = agg.aggregate
        if not isinstance(agg, Instruction | Argument):
            return super().extract_value(agg, where, name)
        if (id(agg), where) not in self._parts:
            self._parts[id(agg), where] = self._taken(agg, where, name)
        return self._parts[id(agg), where]

    def _taken(self, whole: Any, where: tuple[int, ...], name: str) -> Any:
        """A member, taken behind what makes the whole: whatever uses the whole comes after it."""
        block, anchor = self._block, self._anchor
        if isinstance(whole, Argument):
            self.position_at_start(self.function.entry_basic_block)
        elif isinstance(whole, PhiInstr):
            self._block = whole.parent
            self._anchor = sum(isinstance(one, PhiInstr) for one in whole.parent.instructions)
        else:
            self.position_after(whole)
        here = self._block is block
        part = super().extract_value(whole, where, name)
        self._block, self._anchor = block, anchor + here
        return part


def sweep(function: Any) -> None:
    """Leave out what makes values that nothing reads."""
    read = Counter(id(one) for block in function.blocks for made in block.instructions for one in _read_by(made))
    for block in reversed(function.blocks):
        kept = []
        for made in reversed(block.instructions):
            if (isinstance(made, _QUIET) or made.opname in _SUMS) and not read[id(made)]:
                read.subtract(id(one) for one in made.operands)
            else:
                kept.append(made)
        block.instructions[:] = reversed(kept)


def _read_by(made: Any) -> Iterator[Any]:
    yield from made.operands
    if isinstance(made, PhiInstr):
        yield from (value for value, _ in made.incomings)
