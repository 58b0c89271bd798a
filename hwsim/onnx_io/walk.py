"""The one forward pass over a graph: shapes, constants, subgraphs and functions, layer by layer."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import onnx
from onnx import AttributeProto

from hwsim.errors import ModelError
from hwsim.graph import Layer
from hwsim.onnx_io.attributes import check, kept, plain, schema_of
from hwsim.onnx_io.binding import Bound, Given, dims_of
from hwsim.onnx_io.evaluate import evaluated
from hwsim.onnx_io.folding import DEQUANTIZERS, derived_origins, is_folded
from hwsim.onnx_io.names import Names, printable
from hwsim.onnx_io.shapes import Op, RunTimeError, Shaped, handler_of
from hwsim.onnx_io.shapes.inference import inferred
from hwsim.onnx_io.tensors import described, described_sparse, external_complaint, is_external
from hwsim.onnx_io.values import MAX_EVALUATED, Shape, Value, checked_shape, shown

#: Graphs and functions nested deeper are refused (protobuf itself stops near 100).
MAX_DEPTH = 100
#: More inputs than any real operator has; read all the same, and said.
MANY_INPUTS = 4096
#: Elements evaluated ahead of time in one file; constants beyond are known by shape only.
MAX_TOTAL_EVALUATED = 1 << 26

NEWEST = onnx.defs.onnx_opset_version()


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


@dataclass(slots=True)
class Reading:
    """What one pass has produced so far."""

    given: Given
    bound: Bound
    functions: dict[tuple[str, str, str], onnx.FunctionProto]
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
        told = [kind.format(count=len(found), first=found[0]) for kind, found in self.tallies.items()]
        return (*self.bound.notes, *self.notes, *told)


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


def subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs among a node's attributes."""
    found = []
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            found.append(attribute.g)
        elif attribute.type == AttributeProto.GRAPHS:
            found.extend(attribute.graphs)
    return found


def _reads(node: onnx.NodeProto) -> set[str]:
    """Names that a node reads, those that its subgraphs read from outside included."""
    names = {name for name in node.input if name}
    for graph in subgraphs(node):  # nested at most as deep as protobuf allows
        inside = {info.name for info in graph.input} | {tensor.name for tensor in graph.initializer}
        needed = {info.name for info in graph.output}
        for inner in graph.node:
            inside.update(inner.output)
            needed |= _reads(inner)
        names |= needed - inside
    return names


def in_order(nodes: Sequence[onnx.NodeProto]) -> list[tuple[int, onnx.NodeProto]]:
    """Nodes with their index in the file, producers before consumers (Kahn; linear when they already are).

    Raises ModelError where a name is written twice, or for a node on a cycle.
    """
    producer: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in node.output:
            if name and producer.setdefault(name, index) != index:
                raise ModelError(f"tensor {printable(name)!r} is written by two nodes; ONNX allows one")
    needs = [{producer[name] for name in _reads(node) if name in producer} for node in nodes]
    listed = list(enumerate(nodes))
    if all(max(need, default=-1) < index for index, need in enumerate(needs)):
        return listed
    followers: list[list[int]] = [[] for _ in nodes]
    for index, need in enumerate(needs):
        for before in need:
            followers[before].append(index)
    waits = [len(need) for need in needs]
    ready = [index for index, count in enumerate(waits) if count == 0]
    ordered = []
    while ready:
        index = heapq.heappop(ready)
        ordered.append(listed[index])
        for follower in followers[index]:
            waits[follower] -= 1
            if waits[follower] == 0:
                heapq.heappush(ready, follower)
    if len(ordered) < len(nodes):
        stuck = next(index for index, count in enumerate(waits) if count > 0)
        raise ModelError(f"{title(nodes[stuck], stuck)}: the graph has a cycle through it; ONNX graphs must be acyclic")
    return ordered


def title(node: onnx.NodeProto, index: int) -> str:
    """How messages call a node."""
    return f"node {printable(node.name) or f'{printable(node.op_type)}_{index}'!r} ({printable(node.op_type)})"


def run(reading: Reading, nodes: Iterable[onnx.NodeProto], scope: Scope) -> None:
    """Read all nodes of one graph into layers."""
    if scope.depth > MAX_DEPTH:
        raise ModelError(f"graphs or functions are nested more than {MAX_DEPTH} deep")
    for index, node in in_order(list(nodes)):
        try:
            read_node(reading, node, index, scope)
        except LocatedError:
            raise
        except ModelError as problem:
            raise LocatedError(f"{title(node, index)}: {problem}") from None


def read_node(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope) -> None:
    """Read one node: inline it, fold it, or make it a layer."""
    from hwsim.onnx_io.control import CONTROL, call
    from hwsim.onnx_io.sequences import SEQUENCES

    domain = "" if node.domain == "ai.onnx" else node.domain
    function = reading.functions.get((domain, node.op_type, node.overload)) if reading.functions else None
    if function is not None:
        call(reading, node, index, scope, function)
        return
    inputs = [_input(scope, name) for name in node.input]
    if len(inputs) > MANY_INPUTS:
        reading.note(f"{title(node, index)}: reads {len(inputs)} tensors, which is unusual")
    control = (CONTROL.get(node.op_type) or SEQUENCES.get(node.op_type)) if domain == "" else None
    version = scope.opsets.get(domain, NEWEST if domain == "" else 1)
    schema = schema_of(node.op_type, domain, version)
    if schema is not None:
        for name in check(node, schema):
            reading.tally(
                "{count} attribute(s) that the operator does not have were ignored, the first: {first}",
                f"{title(node, index)}: {name}",
            )
    if control is not None:
        control(reading, node, index, scope, inputs)
        return
    op = Op(
        node.op_type,
        domain,
        version,
        plain(node, scope.given),
        tuple(inputs),
        len(node.output),
        tuple(node.output),
        counts=dict(reading.given.dims),
    )
    found = _shapes(reading, node, index, scope, op, None if schema is None else schema.found)
    for text in op.notes:
        reading.note(f"{title(node, index)}: {text}")
    finish(reading, node, index, scope, op, found)


def _input(scope: Scope, name: str) -> Value | None:
    if not name:
        return None
    found = scope.values.get(name) or scope.find(name)
    if found is None:
        raise ModelError(
            f"input {printable(name)!r} is written by no node, and is no input or initializer of the graph"
        )
    return found


def _shapes(
    reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, op: Op, schema: onnx.defs.OpSchema | None
) -> tuple[Shaped, ...]:
    forced = [reading.given.shapes.get(name) for name in node.output]
    try:
        handler = handler_of(op.op, op.domain)
        if handler is not None:
            found = handler(op)
        elif schema is not None:
            found = inferred(op, _resolved(node, scope), schema, scope.opsets)
        else:
            found = _unknown(reading, node, index, scope, op)
    except RunTimeError as unknown:
        found = _declared(reading, node, scope, op)
        if found is None:
            if forced and all(forced):
                found = tuple(Shaped(shape, _first_dtype(op)) for shape in forced if shape)
            else:
                raise ModelError(_run_time_text(node, op, unknown)) from None
    if any(forced):
        found = tuple(Shaped(shape or made.shape, made.dtype) for shape, made in zip(forced, found, strict=False))
    if len(found) < len(node.output):
        raise ModelError(f"writes {len(node.output)} outputs; {node.op_type} has {len(found)}")
    return found


def _resolved(node: onnx.NodeProto, scope: Scope) -> onnx.NodeProto:
    """The node with the attributes that a function's caller passed put in."""
    if scope.given is None or not any(attribute.ref_attr_name for attribute in node.attribute):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        source = scope.given.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
        if source is not None:
            copy.attribute.add().CopyFrom(source)
            copy.attribute[-1].name = attribute.name
    return copy


def _first_dtype(op: Op) -> str:
    return next((value.dtype for value in op.inputs if value is not None), "float32")


def _run_time_text(node: onnx.NodeProto, op: Op, unknown: RunTimeError) -> str:
    output = printable(next((name for name in node.output if name), ""))
    if unknown.index >= 0:
        source = printable(node.input[unknown.index])
        return (
            f"the shape of {output!r} depends on {source!r}, which is computed at run time;"
            f" give --shape {output}=AxBxC, or --dim {source}=N where it is one number"
        )
    return f"the shape of {output!r} cannot be known before run time; give --shape {output}=AxBxC"


def declared_shape(reading: Reading, scope: Scope, name: str) -> tuple[Shape, int] | None:
    """Shape and element type that the file declares for a tensor, if all dims are known and still hold."""
    info = scope.declared.get(name)
    if info is None or reading.bound.rebound or not info.type.HasField("tensor_type"):
        return None
    dims = dims_of(info.type)
    if dims is None:
        return None
    shape = [reading.bound.symbols.get(dim) if isinstance(dim, str) else dim for dim in dims]
    if any(extent is None for extent in shape):
        return None
    return tuple(extent for extent in shape if extent is not None), info.type.tensor_type.elem_type


def _declared(reading: Reading, node: onnx.NodeProto, scope: Scope, op: Op) -> tuple[Shaped, ...] | None:
    from hwsim.onnx_io.values import DTYPES

    found = []
    for name in node.output:
        declared = declared_shape(reading, scope, name) if name else ((), 0)
        if declared is None:
            return None
        found.append(Shaped(declared[0], DTYPES.get(declared[1], _first_dtype(op))))
    return tuple(found)


def _unknown(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, op: Op) -> tuple[Shaped, ...]:
    """An operator that nobody here knows: the declared shapes, or those of its first input."""
    kind = f"{printable(op.domain)}.{printable(op.op)}" if op.domain else printable(op.op)
    found = _declared(reading, node, scope, op)
    if found is not None:
        reading.tally(
            f"operator {kind} is unknown ({{count}} node(s)): the shapes that the file declares were taken", node.name
        )
        return found
    reading.tally(
        f"operator {kind} is unknown ({{count}} node(s)): its outputs are taken to have its first input's shape",
        node.name,
    )
    first = next((value for value in op.inputs if value is not None), None)
    shape, dtype = (first.shape, first.dtype) if first is not None else ((), "float32")
    return tuple(Shaped(shape, dtype) for _ in node.output)


def finish(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, op: Op, found: Sequence[Shaped]) -> None:
    """Make the outputs known, as constants or as a new layer."""
    from hwsim.onnx_io.weights import turned

    static = all(value is None or value.static for value in op.inputs)
    folded = is_folded(op, static)
    values: list[Value | None] = []
    for position, name in enumerate(node.output):
        if not name:
            values.append(None)
            continue
        made = found[position]
        shape = checked_shape(made.shape, f"output {printable(name)!r}")
        _compare(reading, scope, name, shape, made.dtype)
        values.append(new_value(reading, scope, name, shape, made.dtype))
    if op.soft:
        for value in values:
            if value is not None:
                value.soft = True
    _evaluate(reading, op, values, found)
    if op.op == "Reshape":
        _check_batch(reading, op)
    if (
        op.op == "Transpose"
        and not static
        and values[0] is not None
        and turned(reading, node, index, scope, op, values[0])
    ):
        return
    if folded:
        origins = derived_origins(op, reading.generated)
        for value in values:
            if value is not None:
                value.static, value.origins = True, origins
        if op.op == "ConstantOfShape" and values and values[0] is not None:
            mark_generated(reading, values[0])
        return
    emit(reading, node, index, scope, op, values)
    if static and op.op in DEQUANTIZERS and values[0] is not None:
        reading.dequantized[values[0].name] = op


def _check_batch(reading: Reading, op: Op) -> None:
    """A shape that spells out a leading 1 for a batch that was changed: the graph fixes its batch."""
    batch, source = reading.given.batch, op.value(0)
    target = op.resolved["shape"]
    if (
        reading.bound.rebound
        and batch is not None
        and not source.static
        and target[:1] == (1,)
        and source.shape[:1] == (batch,)
    ):
        raise ModelError(f"the target shape {list(target)[:12]} has its batch baked in")


def mark_generated(reading: Reading, value: Value) -> None:
    """A tensor that a node makes up (ConstantOfShape): a parameter only where it is used as it is."""
    reading.stored[value.name] = value.elements
    reading.generated.add(value.name)
    value.origins = (value.name,)


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


def _compare(reading: Reading, scope: Scope, name: str, shape: Shape, dtype: str) -> None:
    declared = declared_shape(reading, scope, name) if name in scope.declared else None
    if declared is not None and declared[0] != shape:
        reading.tally(
            "{count} tensor(s) have a declared shape that contradicts the computed one, which is used: {first}",
            f"{printable(name)!r} is declared {shown(declared[0])}, computed {shown(shape)}",
        )


def _evaluate(reading: Reading, op: Op, values: list[Value | None], found: Sequence[Shaped]) -> None:
    """Work out the elements of the first output where that is cheap and possible."""
    first = values[0] if values else None
    if first is None or first.elements > MAX_EVALUATED:
        return
    if op.op in ("Shape", "Size"):
        import numpy as np

        shape = op.shape(0)
        whole = (
            shape[slice(op.number("start", 0), op.attributes.get("end"))] if op.op == "Shape" else op.value(0).elements
        )
        first.data = np.asarray(whole, np.int64)
        return
    user = reading.given.dims.get(op.output_names[0]) if reading.given.dims else None
    if user is not None and first.elements == 1 and first.dtype.startswith(("int", "float")):
        import numpy as np

        first.data = np.full(first.shape, user)
        return
    if reading.budget < first.elements or any(value is not None and value.data is None for value in op.inputs):
        return
    first.data = evaluated(op, first.shape, first.dtype)
    reading.budget -= first.elements


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


__all__ = ["LocatedError", "Reading", "Scope", "emit", "open_scope", "replace", "run", "store"]
