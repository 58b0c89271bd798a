"""What is known while a file is read: the names visible in each graph, and everything produced so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
from onnx import AttributeProto

from hwsim.errors import ModelError
from hwsim.graph import Layer
from hwsim.onnx_io.attributes import kept
from hwsim.onnx_io.binding import Bound, Given
from hwsim.onnx_io.names import Names, printable
from hwsim.onnx_io.shapes import Op
from hwsim.onnx_io.tensors import described, described_sparse, external_complaint, is_external
from hwsim.onnx_io.values import Shape, Value

#: Elements evaluated ahead of time in one file; constants beyond are known by shape only.
MAX_TOTAL_EVALUATED = 1 << 26
#: Sentences of one kind that are told one by one.
MAX_NOTES = 24


class LocatedError(ModelError):
    """A ModelError that already says which node it is about."""


@dataclass(slots=True)
class Scope:
    """Names visible while one graph is read; the chain of parents are the graphs around it."""

    values: dict[str, Value]
    opsets: dict[str, int]
    parent: Scope | None = None
    prefix: str = ""
    given: Mapping[str, AttributeProto] | None = None
    repeat: int = 1
    depth: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    declared: dict[str, onnx.ValueInfoProto] = field(default_factory=dict)

    def find(self, name: str) -> Value | None:
        """The value of that name here or in a graph around."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.parent
        return None

    def need(self, name: str) -> Value:
        """The value of that name; ModelError where nothing has it."""
        found = self.find(name)
        if found is None:
            raise ModelError(
                f"input {printable(name)!r} is written by no node, and is no input or initializer of the graph"
            )
        return found


#: Reads all nodes of a graph into layers: handed down so that nodes that hold graphs can have them read.
Run = Callable[["Reading", Sequence[onnx.NodeProto], "Scope"], None]


@dataclass(slots=True)
class Reading:
    """What one pass has produced so far."""

    given: Given
    bound: Bound
    functions: dict[tuple[str, str, str], onnx.FunctionProto]
    run: Run
    layers: list[Layer] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)
    measured: dict[str, onnx.TensorProto] = field(default_factory=dict)
    dequantized: dict[str, Op] = field(default_factory=dict)
    generated: set[str] = field(default_factory=set)
    external: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    tallies: dict[str, list[str]] = field(default_factory=dict)
    tensor_names: Names = field(default_factory=Names)
    layer_names: Names = field(default_factory=Names)
    budget: int = MAX_TOTAL_EVALUATED

    def note(self, text: str) -> None:
        """Say something once."""
        self.notes.setdefault(text)

    def tally(self, kind: str, what: str) -> None:
        """Say one sentence for all that are alike; ``kind`` is that sentence with {count} and {first}."""
        self.tallies.setdefault(kind, []).append(what)

    def sentences(self) -> tuple[str, ...]:
        """Everything there is to say."""
        told = [
            kind.replace("{count}", str(len(found))).replace("{first}", found[0])
            for kind, found in self.tallies.items()
        ]
        notes = list(self.notes)
        if len(notes) > MAX_NOTES:
            notes[MAX_NOTES:] = [f"and {len(notes) - MAX_NOTES} more like these"]
        return (*self.bound.notes, *notes, *told)


def title(node: onnx.NodeProto, index: int) -> str:
    """How messages call a node."""
    return f"node {printable(node.name) or f'{printable(node.op_type)}_{index}'!r} ({printable(node.op_type)})"


def subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs among a node's attributes."""
    found = []
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            found.append(attribute.g)
        elif attribute.type == AttributeProto.GRAPHS:
            found.extend(attribute.graphs)
    return found


def store(reading: Reading, tensor: onnx.TensorProto, name: str) -> Value:
    """A stored tensor as a Value."""
    value = described(tensor, name)
    reading.stored[name] = value.elements
    value.origins = (name,)
    if reading.given.read_weights:
        reading.measured[name] = tensor
    if is_external(tensor):
        complaint = external_complaint(tensor, value)
        if complaint:
            reading.tally(
                "external data of {count} tensor(s) is odd and was not read: {first}",
                f"{printable(name)!r} {complaint}",
            )
        else:
            location = next(entry.value for entry in tensor.external_data if entry.key == "location")
            reading.external.setdefault(location, []).append(name)
    return value


def store_sparse(reading: Reading, tensor: onnx.SparseTensorProto, name: str) -> Value:
    """A sparse stored tensor as a Value."""
    value = described_sparse(tensor, name)
    reading.stored[name] = value.elements
    value.origins = (name,)
    return value


def open_scope(
    reading: Reading, graph: onnx.GraphProto, parent: Scope | None, opsets: dict[str, int], **more: Any
) -> Scope:
    """A scope that knows the graph's initializers and what it declares."""
    scope = Scope({}, opsets, parent, **more)
    for info in graph.value_info:
        scope.declared[info.name] = info
    for info in graph.output:
        scope.declared.setdefault(info.name, info)
    for tensor in graph.initializer:
        if tensor.name in scope.values:
            raise ModelError(f"initializer {printable(tensor.name)!r} is given twice")
        scope.values[tensor.name] = store(reading, tensor, reading.tensor_names.unique(scope.prefix + tensor.name))
    for sparse in graph.sparse_initializer:
        name = sparse.values.name
        if name in scope.values:
            raise ModelError(f"initializer {printable(name)!r} is given twice")
        scope.values[name] = store_sparse(reading, sparse, reading.tensor_names.unique(scope.prefix + name))
    return scope


def new_value(reading: Reading, scope: Scope, name: str, shape: Shape, dtype: str) -> Value:
    """A value under a unique name, visible in the scope."""
    unique = scope.renamed.get(name) or reading.tensor_names.unique(scope.prefix + name)
    if name in scope.values:
        raise ModelError(
            f"tensor {printable(name)!r} is written by a node, and is an input or initializer of the graph as well"
        )
    value = Value(unique, shape, dtype)
    scope.values[name] = value
    return value


def mark_generated(reading: Reading, value: Value) -> None:
    """A tensor that a node makes up (ConstantOfShape): a parameter only where it is used as it is."""
    reading.stored[value.name] = value.elements
    reading.generated.add(value.name)
    value.origins = (value.name,)


def emit(
    reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, op: Op, values: Sequence[Value | None]
) -> None:
    """Append a layer that reads the op's inputs and writes the values."""
    for value in (*op.inputs, *values):
        if value is not None:
            reading.values.setdefault(value.name, value)
    name = reading.layer_names.unique(scope.prefix + node.name if node.name else f"{scope.prefix}{op.op}_{index}")
    reading.layers.append(
        Layer(
            name,
            printable(op.op),
            tuple("" if value is None else value.name for value in op.inputs),
            tuple("" if value is None else value.name for value in values),
            kept({**op.attributes, **op.resolved}),
            printable(op.domain),
            scope.repeat,
        )
    )
