"""Op: one node as its shape function sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hwsim.errors import ModelError
from hwsim.onnx_io.values import Array, Shape, Value, shown


class Shaped(NamedTuple):
    """Shape and type of one output."""

    shape: Shape
    dtype: str


class RunTimeError(Exception):
    """The shape depends on numbers that only exist at run time: those of input ``index``."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


@dataclass(slots=True)
class Op:
    """One node: its attributes, what is known of its inputs, and what was learned on the way.

    inputs : None for an optional one left out. outputs : how many are written. resolved : attributes for the layer, worked out
    from constant inputs. notes : sentences that the user must read. counts : sizes of data-dependent outputs that the user gave.
    bounded : whether an output's shape is only the largest possible. batch : what the file's batch of 1 was changed to;
    rebatched : whether that was done in this node too.
    """

    op: str
    domain: str
    version: int
    attributes: dict[str, Any]
    inputs: tuple[Value | None, ...]
    outputs: int
    output_names: tuple[str, ...] = ()
    resolved: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    counts: Mapping[str, int] = field(default_factory=dict)
    bounded: bool = False
    batch: int | None = None
    rebatched: bool = False

    @property
    def soft(self) -> bool:
        """Whether some input's shape is only the largest possible."""
        return self.bounded or any(value is not None and value.soft for value in self.inputs)

    def has(self, index: int) -> bool:
        """Whether the optional input is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int) -> Value:
        """An input that must be given; ModelError where it is not."""
        found = self.inputs[index] if index < len(self.inputs) else None
        if found is None:
            raise ModelError(f"input {index} is missing")
        return found

    def shape(self, index: int) -> Shape:
        """Shape of an input that must be given."""
        return self.value(index).shape

    def dtype(self, index: int) -> str:
        """Element type of an input that must be given."""
        return self.value(index).dtype

    def data(self, index: int) -> Array | None:
        """Elements of an input; None where it is left out.

        Raises RunTimeError where they are only known at run time.
        """
        found = self.inputs[index] if index < len(self.inputs) else None
        if found is None:
            return None
        if found.data is None:
            raise RunTimeError(index)
        return found.data

    def ints(self, index: int) -> tuple[int, ...] | None:
        """Elements of an integer input as a flat tuple; None where it is left out."""
        data = self.data(index)
        return None if data is None else tuple(data.reshape(-1).tolist())

    def number(self, name: str, default: int) -> int:
        """An integer attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise ModelError(f"attribute {name!r} must be an integer")
        return value

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """An attribute that is a list of integers; None where it is not given."""
        value = self.attributes.get(name)
        if value is None:
            return None
        if isinstance(value, int):
            return (value,)
        if not isinstance(value, tuple) or not all(isinstance(item, int) for item in value):
            raise ModelError(f"attribute {name!r} must be a list of integers")
        return value

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise ModelError(f"attribute {name!r} must be a string")
        return value

    def ints_of(self, name: str, index: int) -> tuple[int, ...] | None:
        """What newer opsets give as input ``index`` and older ones as an attribute; kept as an attribute of the layer."""
        found = self.ints(index) if self.has(index) else self.numbers(name)
        if found is not None:
            self.resolved[name] = found
        return found


#: Shapes and types of all outputs of a node. Raises ModelError where it is not legal, RunTimeError where it cannot be known.
Handler = Callable[[Op], tuple[Shaped, ...]]


def normal_axis(axis: int, rank: int, what: str = "axis") -> int:
    """The axis counted from the front; ModelError where it is out of range."""
    if not -rank <= axis < rank:
        raise ModelError(f"{what} {axis} is out of range for {rank} dims")
    return axis + rank if axis < 0 else axis


def normal_axes(axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """All axes counted from the front; ModelError where one is out of range or named twice."""
    found = tuple(normal_axis(axis, rank) for axis in axes)
    if len(set(found)) != len(found):
        raise ModelError(f"axes {axes} name a dim twice")
    return found


def broadcast(*shapes: Shape) -> Shape:
    """The common shape under numpy's rules; ModelError where there is none."""
    result = shapes[0] if shapes else ()
    for shape in shapes[1:]:
        if shape != result:
            result = _pair(result, shape)
    return result


def _pair(left: Shape, right: Shape) -> Shape:
    rank = max(len(left), len(right))
    a, b = (1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right
    for x, y in zip(a, b, strict=True):
        if x != y and 1 not in (x, y):
            raise ModelError(f"shapes {shown(left)} and {shown(right)} do not broadcast")
    return tuple(y if x == 1 else x for x, y in zip(a, b, strict=True))
