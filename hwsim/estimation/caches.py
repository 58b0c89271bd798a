"""Which caches of a CPU a layer finds its tensors in.

A cache keeps what was touched last (LRU, as a stack distance: Mattson et al., IBM Systems Journal 9(2), 1970). A byte is as far away as
all other bytes that were touched since it was touched before; a level serves of it what fits, as a share, since kernels go through their
tensors from front to back beside others and replacement is not quite LRU. Weights and the network's inputs were last touched in the
inference before. What kernels touch, changes of layout between layers among them, is what an inference library runs (``library``), at the
places that it gives its tensors (``room``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwsim.cost.cpu import core_of
from hwsim.device import Device
from hwsim.device.records import Operand
from hwsim.estimation.library import Buffer, Kernel, kernels
from hwsim.estimation.prepare import Prepared
from hwsim.estimation.residency import Reach
from hwsim.estimation.room import Span, spans
from hwsim.graph import Layer
from hwsim.workload import Work


@dataclass(frozen=True, slots=True)
class Flow:
    """Bytes that a kernel touches at one distance. operand; bytes [B]; distance : bytes touched since they were touched last [B]."""

    operand: Operand
    bytes: float
    distance: float


@dataclass(frozen=True, slots=True)
class Run:
    """A kernel, and what it touches; results that take an operand's place are not in it. since : bytes touched since a kernel of the same
    code ran [B].
    """

    kernel: Kernel
    flows: tuple[Flow, ...]
    since: float = 0.0


def reach(prepared: Prepared, device: Device) -> Reach:
    """Distances of all that the kernels of an inference touch, the one before it being the same; none where a profile has no kernels."""
    if device.kernels is None:
        return Reach()
    network = prepared.network
    found = kernels(network, prepared.priced, core_of(device), prepared.aliases)
    places = spans(found, {prepared.aliases.get(name, name) for name in (*network.inputs, *network.outputs)})
    stack = _Stack(2 * len(found))
    runs: dict[str, list[Run]] = {}
    ran: dict[tuple[str, bool], int] = {}
    for inference in range(2):
        for place, kernel in enumerate(found):
            now = inference * len(found) + place
            code = (kernel.op if kernel.kind != "scale" else "Conv", any(buffer.blocked for buffer in kernel.writes))
            since = stack.since(ran.get(code, -1))
            ran[code] = now
            flows = stack.touch(_touched(kernel, places), now)
            if inference:
                runs.setdefault(kernel.layer, []).append(Run(kernel, flows, since))
    reorders = tuple(runs.pop("", ()))
    once = stack.since(len(found) - 1)
    return Reach(once, {name: tuple(own) for name, own in runs.items()}, reorders, _beside(prepared.priced))


def _touched(kernel: Kernel, places: Mapping[Buffer, Span]) -> dict[Span, tuple[Operand, float]]:
    """What a kernel touches, as what, and the share of it that it does."""
    found: dict[Span, tuple[Operand, float]] = {}
    for name, size in kernel.weights:
        found[Span(f"weight {name}", 0, size)] = ("weight", 1.0)
    for buffer, size in kernel.reads:
        found[places[buffer]] = ("input", min(1.0, size / max(1, buffer.bytes)))
    for buffer in kernel.writes:
        found.setdefault(places[buffer], ("output", 1.0))
    return found


def _beside(priced: Sequence[tuple[Layer, Work]]) -> frozenset[str]:
    seen: set[str] = set()
    found = []
    for layer, _ in priced:
        if layer.op == "Slice" and layer.inputs:
            if layer.inputs[0] in seen:
                found.append(layer.name)
            seen.add(layer.inputs[0])
    return frozenset(found)


class _Stack:
    """Bytes of memory by the kernel that touched them last, with their sums over kernels (Fenwick, Softw. Pract. Exp. 24(3), 1994)."""

    def __init__(self, kernels: int) -> None:
        self._blocks: dict[str, list[tuple[int, int, int]]] = {}
        self._last = [0] * kernels
        self._sums = [0] * (kernels + 1)
        self._all = 0

    def since(self, then: int) -> int:
        """Bytes that were touched after a kernel [B]."""
        before, place = 0, then + 1
        while place > 0:
            before += self._sums[place]
            place &= place - 1
        return self._all - before

    def _add(self, kernel: int, size: int) -> None:
        self._last[kernel] += size
        self._all += size
        place = kernel + 1
        while place < len(self._sums):
            self._sums[place] += size
            place += place & -place

    def touch(self, touched: Mapping[Span, tuple[Operand, float]], now: int) -> tuple[Flow, ...]:
        """Flows of a kernel. Of what two kernels touch that is in between half counts, since either goes through it from front to back."""
        pieces = [(use, piece) for span, use in touched.items() for piece in self._pieces(span)]
        own = sum(size for _, (size, _) in pieces)
        found = []
        for (operand, share), (size, then) in pieces:
            distance = self.since(then) + (self._last[then] + own) / 2 if then >= 0 else float("inf")
            found.append(Flow(operand, share * size, distance))
        for span in touched:
            self._mark(span, now)
        return tuple(found)

    def _pieces(self, span: Span) -> list[tuple[int, int]]:
        """Bytes of a span and the kernel that touched them last, -1 for none."""
        found = []
        covered = 0
        for low, high, then in self._blocks.get(span.block, []):
            size = min(high, span.high) - max(low, span.low)
            if size > 0:
                found.append((size, then))
                covered += size
        if covered < span.high - span.low:
            found.append((span.high - span.low - covered, -1))
        return found

    def _mark(self, span: Span, now: int) -> None:
        kept = []
        for low, high, then in self._blocks.get(span.block, []):
            parts = ((low, min(high, span.low)), (max(low, span.high), high))
            left = [(start, end, then) for start, end in parts if start < end]
            gone = (high - low) - sum(end - start for start, end, _ in left)
            if gone:
                self._add(then, -gone)
            kept += left
        kept.append((span.low, span.high, now))
        self._add(now, span.high - span.low)
        self._blocks[span.block] = kept


def shares(distance: float, device: Device) -> dict[str, float]:
    """Shares of a tensor that come from each level of cache and from off the chip, by name; they sum to 1 [1]."""
    found: dict[str, float] = {}
    served, used = 0.0, device.kernels.cache_share if device.kernels else 1.0
    for memory in device.memories:
        if memory.off_chip or memory.capacity is None:
            fits = 1.0
        elif memory.type == "cache":
            fits = min(1.0, used * memory.capacity * memory.instances / max(distance, 1.0))
        else:
            continue
        found[memory.name] = max(0.0, fits - served)
        served = max(served, fits)
    return found
