"""Work: what one layer asks of the hardware."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.workload.nest import LoopNest


@dataclass(frozen=True, slots=True)
class VectorOp:
    """Element-by-element work on the vector unit.

    function : ``add``, ``mul``, ``exp``, ``softmax``, ``norm``, ``pool``, ``reduce``, ``compare``, ... (the profile may give a rate
    for each). operations : scalar operations [1]. elements : results written [1].
    """

    function: str
    operations: int
    elements: int


@dataclass(frozen=True, slots=True)
class DataMove:
    """Data that is moved and not computed on: transpose, concat, gather. read, written : [B]."""

    read_bytes: int
    write_bytes: int


@dataclass(frozen=True, slots=True)
class Work:
    """All that one layer asks for in one inference (its ``repeat`` included).

    reads : bytes of each input tensor that are really touched (a gather touches rows, not the table), by tensor name [B].
    writes : bytes of each output tensor, by tensor name [B]. free : nothing happens at run time (reshape, identity).
    known : False where hwsim does not know the operator and counts only its tensor traffic.
    """

    nests: tuple[LoopNest, ...] = ()
    vectors: tuple[VectorOp, ...] = ()
    moves: tuple[DataMove, ...] = ()
    reads: tuple[tuple[str, int], ...] = ()
    writes: tuple[tuple[str, int], ...] = ()
    free: bool = False
    known: bool = True

    @property
    def macs(self) -> int:
        """Multiply-accumulates [1]."""
        return sum(nest.macs for nest in self.nests)
