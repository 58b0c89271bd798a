"""Where an inference library puts activations: one block of memory for all of them, planned before the first run.

As onnxruntime does it (github.com/microsoft/onnxruntime, onnxruntime/core/framework: allocation_planner.cc, mem_pattern_planner.h): a
result takes the room of an operand that nobody needs any more, else that of a dead tensor of the same shape, the one that died last. A room
is kept from its first tensor to the end of its last, and gets the smallest gap that holds it. The network's own inputs and outputs lie
elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hwsim.estimation.library import Buffer, Kernel

#: Name of the block that activations share.
SHARED = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a block of memory, from ``low`` up to ``high`` [B]. block : whose they are, ``SHARED`` or that of one tensor."""

    block: str
    low: int
    high: int


@dataclass(slots=True)
class _Room:
    """Tensors that have the same place one after the other. bytes [B]; first, last : kernels between which it is kept."""

    bytes: int
    first: int
    last: int


def spans(found: Sequence[Kernel], outside: Collection[str]) -> dict[Buffer, Span]:
    """Where every buffer lies. outside : the network's own inputs and outputs."""
    last: dict[Buffer, int] = {}
    for place, kernel in enumerate(found):
        for buffer in (*(read for read, _ in kernel.reads), *kernel.writes):
            last[buffer] = place
    rooms = _rooms(found, last, outside)
    lows = _lows(list({id(room): room for room in rooms.values()}.values()), len(found))
    return {
        buffer: Span(SHARED, lows[id(rooms[buffer])], lows[id(rooms[buffer])] + buffer.bytes)
        if buffer in rooms
        else Span(buffer.name, 0, buffer.bytes)
        for buffer in last
    }


def _rooms(found: Sequence[Kernel], last: dict[Buffer, int], outside: Collection[str]) -> dict[Buffer, _Room]:
    """The room of every buffer that is not the network's own."""
    rooms: dict[Buffer, _Room] = {}
    free: list[tuple[tuple[int, ...], _Room]] = []
    for place, kernel in enumerate(found):
        dying = [buffer for buffer, _ in kernel.reads if last[buffer] == place and buffer in rooms]
        for buffer in kernel.writes:
            if buffer.name in outside and not buffer.blocked:
                continue
            operands = (kernel.reads[at][0] for at in kernel.takes)
            own = next((dead for dead in operands if dead in dying and dead.shape == buffer.shape), None)
            same = next((entry for entry in free if entry[0] == buffer.shape), None)
            if own is not None:
                dying.remove(own)
                room = rooms[own]
            elif same is not None:
                free.remove(same)
                room = same[1]
            else:
                room = _Room(buffer.bytes, place, place)
            room.last = max(room.last, last[buffer])
            rooms[buffer] = room
        for buffer in (*dying, *(own for own in kernel.writes if last[own] == place and own in rooms)):
            free.insert(0, (buffer.shape, rooms[buffer]))
    return rooms


def _lows(rooms: Sequence[_Room], kernels: int) -> dict[int, int]:
    """Where rooms begin, by identity [B]: each in the smallest gap that holds it, else behind all."""
    begins: list[list[_Room]] = [[] for _ in range(kernels)]
    for room in rooms:
        begins[room.first].append(room)
    lows: dict[int, int] = {}
    taken: list[_Room] = []
    for place, starting in enumerate(begins):
        taken = [room for room in taken if room.last >= place]
        for room in starting:
            end, best, waste = 0, None, 0
            for other in taken:
                gap = lows[id(other)] - end
                if gap >= room.bytes and (best is None or gap - room.bytes < waste):
                    best, waste = end, gap - room.bytes
                end = max(end, lows[id(other)] + other.bytes)
            lows[id(room)] = end if best is None else best
            taken.append(room)
            taken.sort(key=lambda other: lows[id(other)])
    return lows
