"""A layer's work divided into parts that run beside each other: by channels of its result or by rows, together all of it.

Parts differ by one channel or row at most. By channels (groups, heads, outputs of a group) weights are divided and operands read whole,
as far as a group does not have its own; by rows (positions of the result, then images) weights are read whole, and windows reach over the
cut, so that neighbouring parts read some rows both. What a layer reads twice so is counted twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.operators import ELEMENTWISE
from hwsim.workload.nest import LoopNest
from hwsim.workload.windows import POOLS, row_window
from hwsim.workload.work import DataMove, VectorOp, Work

By = Literal["channels", "rows"]
_GLOBAL_POOLS = ("GlobalAveragePool", "GlobalMaxPool")
#: The window of a row that needs just the same row.
_SAME = (1, 1, 0)


@dataclass(frozen=True, slots=True)
class Slice:
    """Positions [low, high) of ``extent`` along an axis of a tensor; axis "" : all of it."""

    axis: str = ""
    low: int = 0
    high: int = 1
    extent: int = 1

    def within(self, other: Slice) -> bool:
        """Whether the other slice holds all of this one."""
        return (self.axis, self.extent) == (
            other.axis,
            other.extent,
        ) and other.low <= self.low <= self.high <= other.high


WHOLE = Slice()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a layer. share : of its results [1]. made : of each result; needed : of operands, by tensor; what is not known where it
    lies is None, or absent.
    """

    work: Work
    share: float = 1.0
    made: Slice | None = WHOLE
    needed: Mapping[str, Slice] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Positions [low, high) of ``extent`` results along an axis ("" where tensors do not show which)."""

    axis: str
    low: int
    high: int
    extent: int

    def of(self, size: int) -> int:
        """The cut's share of ``size``; those of all cuts sum to it [1]."""
        return size * self.high // self.extent - size * self.low // self.extent

    @property
    def slice(self) -> Slice | None:
        return Slice(self.axis, self.low, self.high, self.extent) if self.axis else None


def divide(layer: Layer, work: Work, network: Network, parts: int, by: By) -> tuple[Part, ...]:
    """At most ``parts`` parts; one, the work itself, where there is nothing to divide."""
    whole = Part(work, needed={name: WHOLE for name, _ in work.reads})
    if parts < 2 or not work.writes:
        return (whole,)
    found = _products(work, network, parts, by) if work.nests else _beside(layer, work, network, parts, by)
    return found if len(found) > 1 else (whole,)


def _cuts(axis: str, extent: int, parts: int) -> list[_Cut]:
    parts = min(parts, extent)
    return [_Cut(axis, extent * part // parts, extent * (part + 1) // parts, extent) for part in range(parts)]


def _products(work: Work, network: Network, parts: int, by: By) -> tuple[Part, ...]:
    """Parts of a layer with products; none where some nest has nothing to divide."""
    dims = [_dim(nest, parts, by) for nest in work.nests]
    number = min(min(parts, getattr(nest, dim)) for nest, dim in zip(work.nests, dims, strict=True))
    if number < 2:
        return ()
    single = work.nests[0] if len(work.nests) == 1 and work.nests[0].repeat == 1 else None
    result = network.tensors[work.writes[0][0]]
    found = []
    for part in range(number):
        pieces = [_piece(nest, dim, part, number) for nest, dim in zip(work.nests, dims, strict=True)]
        nest, dim = work.nests[0], dims[0]
        extent = getattr(nest, dim)
        axis = _axis(nest, dim, result) if single else ""
        cut = _Cut(axis, extent * part // number, extent * (part + 1) // number, extent)
        found.append(_assembled(work, tuple(pieces), dims, cut, network))
    return tuple(found)


def _dim(nest: LoopNest, parts: int, by: By) -> str:
    """The dim that is divided: the first that gives every part something, else the longest."""
    dims = ("g", "k") if by == "channels" else ("q", "p", "n")
    enough = [dim for dim in dims if getattr(nest, dim) >= parts]
    return enough[0] if enough else max(dims, key=lambda dim: int(getattr(nest, dim)))


def _piece(nest: LoopNest, dim: str, part: int, parts: int) -> LoopNest:
    """Part ``part`` of a nest."""
    extent = getattr(nest, dim)
    low, high = extent * part // parts, extent * (part + 1) // parts
    if dim == "q":
        begin, end = _window(low, high, nest.stride_h, nest.pad_top, nest.s, nest.dilation_h, nest.input_height)
        pad = max(0, nest.pad_top - low * nest.stride_h)
        return replace(nest, q=high - low, height=end - begin, pad_top=pad)
    if dim == "p":
        begin, end = _window(low, high, nest.stride_w, nest.pad_left, nest.r, nest.dilation_w, nest.input_width)
        pad = max(0, nest.pad_left - low * nest.stride_w)
        return replace(nest, p=high - low, width=end - begin, pad_left=pad)
    return replace(nest, **{dim: high - low})


def _window(low: int, high: int, stride: int, pad: int, taps: int, dilation: int, extent: int) -> tuple[int, int]:
    """Positions of the operand, of which there are ``extent``, that results [low, high) need; one at least."""
    begin = min(extent - 1, max(0, low * stride - pad))
    end = min(extent, (high - 1) * stride - pad + (taps - 1) * dilation + 1)
    return begin, max(begin + 1, end)


def _axis(nest: LoopNest, dim: str, tensor: Tensor) -> str:
    """The axis of a result that a dim runs along, "" where the shape does not show it."""
    shape = tensor.shape
    if len(shape) == 4:
        lengths = {"q": ("height", shape[2]), "g": ("channels", shape[1] if nest.k == 1 else 0)}
        if nest.g == 1:
            lengths["k"] = ("channels", shape[1])
        axis, length = lengths.get(dim, ("", 0))
        if axis and length == getattr(nest, dim):
            return axis
    if dim == "p" and nest.q == nest.n == nest.g == 1 and shape and math.prod(shape[:-1]) == nest.p:
        return "rows"
    return ""


def _assembled(work: Work, nests: tuple[LoopNest, ...], dims: list[str], cut: _Cut, network: Network) -> Part:
    """A part of a layer from the parts of its nests."""
    old_inputs = sum(nest.elements[0] * nest.repeat for nest in work.nests)
    new_inputs = sum(nest.elements[0] * nest.repeat for nest in nests)
    own_input = old_inputs != new_inputs
    operand = _operand(work, network)
    runtime = [nest for nest in work.nests if nest.weight_role == "activation"]
    second = sum(nest.elements[1] * nest.weight.bits * nest.repeat for nest in runtime) // 8
    reads, needed = [], {}
    for name, size in work.reads:
        tensor = network.tensors[name]
        if name == operand:
            part = -(-size * new_inputs // old_inputs) if own_input else size
            where = _needed(work, nests, dims, cut, tensor)
            if where is not None:
                needed[name] = where
        elif tensor.role != "activation" or (runtime and size == second):
            part = cut.of(size) if dims[0] in "gk" else size
        else:  # of the size of the result: what an operator folded into the layer adds to it
            part = cut.of(size)
            if cut.slice is not None and tensor.shape == network.tensors[work.writes[0][0]].shape:
                needed[name] = cut.slice
        reads.append((name, part))
    made = replace(
        work,
        nests=nests,
        vectors=_vectors(work.vectors, cut),
        moves=_moves(work.moves, cut),
        reads=tuple(reads),
        writes=tuple((name, cut.of(size)) for name, size in work.writes),
    )
    return Part(made, (cut.high - cut.low) / cut.extent, cut.slice, needed)


def _operand(work: Work, network: Network) -> str:
    """The tensor that nests walk over: the first activation of their size, else the first activation."""
    size = sum(nest.elements[0] * nest.input.bits * nest.repeat for nest in work.nests) // 8
    streamed = [(name, read) for name, read in work.reads if network.tensors[name].role == "activation"]
    return next((name for name, read in streamed if read == size), streamed[0][0] if streamed else "")


def _needed(work: Work, nests: tuple[LoopNest, ...], dims: list[str], cut: _Cut, tensor: Tensor) -> Slice | None:
    """What a part needs of the operand, as far as shapes show it."""
    if len(work.nests) > 1 or work.nests[0].repeat > 1:
        return None
    nest, dim, shape = work.nests[0], dims[0], tensor.shape
    if dim == "k":
        return WHOLE
    if dim == "q" and len(shape) == 4 and shape[2] == nest.input_height:
        begin, end = _window(cut.low, cut.high, nest.stride_h, nest.pad_top, nest.s, nest.dilation_h, nest.input_height)
        return Slice("height", begin, end, shape[2])
    if dim == "g" and len(shape) == 4 and shape[1] == nest.g * nest.c:
        return Slice("channels", cut.low * nest.c, cut.high * nest.c, shape[1])
    if dim == "p" and nest.q == nest.n == nest.g == nest.r == 1 and math.prod(shape[:-1]) == nest.p:
        return Slice("rows", cut.low, cut.high, nest.p)
    return None


def _beside(layer: Layer, work: Work, network: Network, parts: int, by: By) -> tuple[Part, ...]:
    """Parts of a layer without products: along the height, the channels or the rows of its result, or in equal shares."""
    shape = network.tensors[work.writes[0][0]].shape
    rows = math.prod(shape[:-1])
    joined = layer.op == "Concat" and layer.attributes.get("axis") == 1
    span = _SAME if layer.op in ELEMENTWISE or joined else row_window(layer, work)
    ways: list[tuple[str, int, tuple[int, int, int]]] = []
    if len(shape) == 4:
        if span is not None:
            ways.append(("height", shape[2], span))
        if layer.op in ELEMENTWISE or layer.op in (*POOLS, *_GLOBAL_POOLS):
            ways.insert(0 if by == "channels" else len(ways), ("channels", shape[1], _SAME))
    elif layer.op in ELEMENTWISE:
        ways.append(("rows", rows, _SAME))
    for axis, extent, window in ways:
        if extent > 1:
            return tuple(_share(work, network, cut, axis, window) for cut in _cuts(axis, extent, parts))
    return tuple(_share(work, network, cut, "", None) for cut in _cuts("", max(rows, parts), parts))


def _share(work: Work, network: Network, cut: _Cut, axis: str, span: tuple[int, int, int] | None) -> Part:
    """A share of the work of a layer without products."""
    reads, needed = [], {}
    result = network.tensors[work.writes[0][0]].shape
    for name, size in work.reads:
        tensor = network.tensors[name]
        where = _along(tensor, axis, cut, span, result)
        if where is not None:
            part = size * where.high // where.extent - size * where.low // where.extent
            needed[name] = where
        elif tensor.role != "activation" and size >= tensor.bytes:
            part = size  # scales and the like; of a table of which rows are gathered every part takes its own
        else:
            part = cut.of(size)
        reads.append((name, part))
    made = replace(
        work,
        vectors=_vectors(work.vectors, cut),
        moves=_moves(work.moves, cut),
        reads=tuple(reads),
        writes=tuple((name, cut.of(size)) for name, size in work.writes),
    )
    return Part(made, (cut.high - cut.low) / cut.extent, cut.slice, needed)


def _along(
    tensor: Tensor, axis: str, cut: _Cut, span: tuple[int, int, int] | None, result: tuple[int, ...]
) -> Slice | None:
    """What of an activation results of a cut need along its axis; None where its shape does not show it."""
    if span is None or tensor.role != "activation":
        return None
    shape = tensor.shape
    if axis == "rows" and shape == result:
        return Slice("rows", cut.low, cut.high, cut.extent)
    if axis not in ("channels", "height") or len(shape) != 4:
        return None
    if axis == "channels":
        return Slice(axis, cut.low, cut.high, cut.extent) if shape[1] == cut.extent else None
    size, stride, pad = span
    if span == _SAME and shape[2] != cut.extent:
        return None
    begin, end = _window(cut.low, cut.high, stride, pad, size, 1, shape[2])
    return Slice(axis, begin, end, shape[2])


def _vectors(vectors: tuple[VectorOp, ...], cut: _Cut) -> tuple[VectorOp, ...]:
    return tuple(VectorOp(op.function, cut.of(op.operations), cut.of(op.elements)) for op in vectors)


def _moves(moves: tuple[DataMove, ...], cut: _Cut) -> tuple[DataMove, ...]:
    return tuple(DataMove(cut.of(move.read_bytes), cut.of(move.write_bytes)) for move in moves)
