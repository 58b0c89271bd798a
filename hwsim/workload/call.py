"""Call: one layer with its tensors looked up, as handlers see it; Demand: what a handler answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from hwsim.errors import ModelError
from hwsim.graph import Layer, Tensor, dtype_kind
from hwsim.workload.nest import LoopNest, OperandType
from hwsim.workload.work import VectorOp


class Demand(NamedTuple):
    """What one run of an operator asks for; bytes that are not said are those of the whole tensor.

    reads, writes : bytes really touched, by position of the operand [B]. moved : data moves without being computed on.
    """

    nests: tuple[LoopNest, ...] = ()
    vectors: tuple[VectorOp, ...] = ()
    reads: Mapping[int, int] = {}
    writes: Mapping[int, int] = {}
    moved: bool = False
    free: bool = False


class Call(NamedTuple):
    """A layer and its operands; None where an optional one is left out."""

    layer: Layer
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor | None, ...]

    def input(self, position: int) -> Tensor | None:
        """The operand at a position, or None."""
        return self.inputs[position] if position < len(self.inputs) else None

    def output(self, position: int) -> Tensor | None:
        """The result at a position, or None."""
        return self.outputs[position] if position < len(self.outputs) else None

    def need(self, position: int, rank: int = 0) -> Tensor:
        """The operand at a position; ModelError naming the node where it is missing or has fewer than ``rank`` dims."""
        tensor = self.input(position)
        if tensor is None:
            raise self.error(f"input {position} is missing")
        if len(tensor.shape) < rank:
            raise self.error(f"input {tensor.name!r} has {len(tensor.shape)} dims, needs at least {rank}")
        return tensor

    def result(self, rank: int = 0) -> Tensor:
        """The first result that is wanted; ModelError where there is none or it has fewer than ``rank`` dims."""
        tensor = next((found for found in self.outputs if found is not None), None)
        if tensor is None:
            raise self.error("has no result")
        if len(tensor.shape) < rank:
            raise self.error(f"output {tensor.name!r} has {len(tensor.shape)} dims, needs at least {rank}")
        return tensor

    def error(self, text: str) -> ModelError:
        """An error that names the node."""
        return ModelError(f"node {self.layer.name!r}: {self.layer.op}: {text}")

    def integer(self, name: str, default: int = 0) -> int:
        """An integer attribute (the first of a tuple)."""
        value = self.layer.attributes.get(name, default)
        if isinstance(value, tuple):
            value = value[0] if value else default
        return int(value) if isinstance(value, int | float) else default

    def integers(self, name: str) -> tuple[int, ...]:
        """A tuple of integers, empty where the attribute is absent."""
        value = self.layer.attributes.get(name, ())
        if isinstance(value, str):
            return ()
        return tuple(int(item) for item in value) if isinstance(value, tuple) else (int(value),)

    def text(self, name: str, default: str = "") -> str:
        """A text attribute (the first of a tuple)."""
        value = self.layer.attributes.get(name, default)
        if isinstance(value, tuple):
            value = value[0] if value else default
        return value if isinstance(value, str) else default


Handler = Callable[[Call], Demand]

_INT32 = OperandType("int32")
_FLOAT32 = OperandType("float32")
_FLOAT64 = OperandType("float64")
_TYPES: dict[str, OperandType] = {}


def operand(tensor: Tensor, outputs: Literal[0, -1] | None = None) -> OperandType:
    """How a tensor is stored, as an operand of a nest. outputs : of weights, the axis along which each slice makes one output."""
    if tensor.density != 1.0:
        counted = tensor.nonzeros if outputs is not None else ()
        return OperandType(tensor.dtype, tensor.density, counted[outputs or 0] if counted else ())
    return operand_type(tensor.dtype)


def operand_type(dtype: str) -> OperandType:
    """A dense operand of a data type."""
    found = _TYPES.get(dtype)
    if found is None:
        found = _TYPES[dtype] = OperandType(dtype)
    return found


def accumulator(first: OperandType, second: OperandType) -> OperandType:
    """The type products are summed in: int32 for two integers, float64 where one is, else float32."""
    if dtype_kind(first.dtype) == dtype_kind(second.dtype) == "int":
        return _INT32
    return _FLOAT64 if "float64" in (first.dtype, second.dtype) else _FLOAT32


def stored_ahead(tensor: Tensor) -> bool:
    """Whether the tensor is known before the run."""
    return tensor.role != "activation"


def product(
    left: Tensor,
    right: Tensor,
    output: OperandType,
    *,
    groups: int,
    rows: int,
    reduction: int,
    columns: int,
    repeat: int = 1,
) -> tuple[LoopNest, ...]:
    """The nest of ``groups`` products (rows × reduction) · (reduction × columns), none where it is empty.

    The operand known ahead takes the place of the weight, whichever side it stands on.
    """
    if groups * rows * reduction * columns * repeat == 0:
        return ()
    swap = stored_ahead(left) and not stored_ahead(right)
    streamed, weight = (right, left) if swap else (left, right)
    first, second = operand(streamed), operand(weight, 0 if swap else -1)
    return (
        LoopNest(
            g=groups,
            k=rows if swap else columns,
            c=reduction,
            p=columns if swap else rows,
            input=first,
            weight=second,
            output=output,
            accumulator=accumulator(first, second),
            weight_role="parameter" if stored_ahead(weight) else "activation",
            repeat=repeat,
        ),
    )


def vector(function: str, operations: int, elements: int) -> tuple[VectorOp, ...]:
    """One vector operation, or none where it has nothing to do."""
    return (VectorOp(function, operations, elements),) if operations > 0 else ()


def bytes_of(tensor: Tensor, elements: int) -> int:
    """Bytes of some elements of a tensor, packed and never more than all of it [B]."""
    return min(tensor.bytes, -(-tensor.bits * elements // 8))


def extent(shape: tuple[int, ...], start: int = 0, stop: int | None = None) -> int:
    """Product of some extents [1]."""
    return math.prod(shape[start:stop])
