"""Nodes that hold graphs or stand for one: Constant, If, Loop, Scan, functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from hwsim.errors import ModelError
from hwsim.onnx_io.attributes import plain
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.scope import (
    Reading,
    Scope,
    emit,
    new_value,
    open_scope,
    store,
    store_sparse,
    subgraphs,
    title,
)
from hwsim.onnx_io.shapes import Op
from hwsim.onnx_io.shapes.op import normal_axis
from hwsim.onnx_io.values import MAX_ELEMENTS, Shape, Value, shown

Control = Callable[[Reading, onnx.NodeProto, int, Scope, "list[Value | None]"], None]

#: A loop of more trips is one whose end is decided at run time.
MAX_TRIPS = 1 << 31


def constant(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """Constant: a stored tensor, in any of the ways that an attribute can hold one."""
    attributes = plain(node, scope.given)
    if len(attributes) != 1:
        raise ModelError(f"has {len(attributes)} attributes; exactly one must give the value")
    value = next(iter(attributes.values()))
    name = node.output[0]
    made = new_value(reading, scope, name, (), "float32")
    if isinstance(value, onnx.TensorProto):
        found = store(reading, value, made.name)
    elif isinstance(value, onnx.SparseTensorProto):
        found = store_sparse(reading, value, made.name)
    elif isinstance(value, str) or (isinstance(value, tuple) and value and isinstance(value[0], str)):
        found = Value(made.name, () if isinstance(value, str) else (len(value),), "string", static=True)
    elif isinstance(value, int | float | tuple):
        whole = "value_int" in attributes or "value_ints" in attributes
        data = np.asarray(value, np.int64 if whole else np.float32)
        found = Value(made.name, data.shape, str(data.dtype), data, static=True, origins=(made.name,))
        reading.stored[made.name] = found.elements
    else:
        raise ModelError("its value is neither a tensor nor numbers")
    scope.values[name] = found


def _enter(reading: Reading, graph: onnx.GraphProto, scope: Scope, repeat: int = 1) -> Scope:
    return open_scope(
        reading,
        graph,
        scope,
        scope.opsets,
        prefix=scope.prefix,
        given=scope.given,
        repeat=scope.repeat * repeat,
        depth=scope.depth + 1,
    )


def _outputs(graph: onnx.GraphProto, scope: Scope) -> list[Value]:
    found = []
    for info in graph.output:
        value = scope.find(info.name)
        if value is None:
            raise ModelError(f"output {printable(info.name)!r} of an inner graph is written by no node")
        found.append(value)
    return found


def _size(graph: onnx.GraphProto) -> int:
    count, pending = 0, [graph]
    while pending:
        for node in pending.pop().node:
            count += 1
            pending.extend(subgraphs(node))
    return count


def branch(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """If: the branch that is taken, or the larger one where that is decided at run time."""
    graphs = {attribute.name: attribute.g for attribute in node.attribute}
    sides = [graphs["then_branch"], graphs["else_branch"]]
    condition = inputs[0]
    if condition is None:
        raise ModelError("the condition is missing")
    if condition.data is not None:
        sides = sides[:1] if bool(condition.data.reshape(-1)[:1].any()) else sides[1:]
        if condition.static:
            reading.tally(
                "{count} If node(s) whose condition is constant were replaced by the branch taken, the first: {first}",
                title(node, index),
            )
    else:
        sides.sort(key=_size, reverse=True)
        reading.tally(
            "{count} If node(s) are decided at run time: the larger branch was taken, the first: {first}",
            title(node, index),
        )
    problem: ModelError | None = None
    for graph in sides:
        mark = len(reading.layers)
        inner = _enter(reading, graph, scope)
        try:
            if len(graph.output) != len(node.output):
                raise ModelError(f"a branch has {len(graph.output)} outputs; the node has {len(node.output)}")
            inner.renamed = _names_outside(reading, graph, node, scope)
            reading.run(reading, graph.node, inner)
            found = _outputs(graph, inner)
        except ModelError as failed:
            del reading.layers[mark:]
            problem = problem or failed
            continue
        for name, value in zip(node.output, found, strict=True):
            if name:
                scope.values[name] = value
        return
    assert problem is not None
    raise problem


def _names_outside(reading: Reading, graph: onnx.GraphProto, node: onnx.NodeProto, scope: Scope) -> dict[str, str]:
    """Inner outputs take the name that they have outside."""
    names: dict[str, str] = {}
    for info, outer in zip(graph.output, node.output, strict=True):
        if outer and info.name not in names:
            names[info.name] = scope.renamed.get(outer) or reading.tensor_names.unique(scope.prefix + outer)
    return names


def trips_of(reading: Reading, node: onnx.NodeProto, index: int, known: int | None) -> int:
    """How often a loop runs: what the user says, what the graph says, or once, which is said."""
    label = node.name or f"{node.op_type}_{index}"
    if label in reading.given.trips:
        return max(0, reading.given.trips[label])
    if known is not None and 0 <= known < MAX_TRIPS:
        return known
    reading.note(
        f"{title(node, index)}: its trip count is known at run time only and was taken as 1; --trips '{printable(label)}=N' sets it"
    )
    return 1


def _trip_count(value: Value | None) -> int | None:
    """The number that a Loop is given, None where it is known at run time only."""
    if value is not None and (value.elements != 1 or not value.dtype.startswith("int")):
        raise ModelError(f"the trip count is {shown(value.shape)} of {value.dtype}; one whole number is needed")
    return None if value is None or value.data is None else max(0, int(value.data.reshape(-1)[0]))


def loop(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """Loop: the body once, its layers repeated as often as it runs."""
    body = subgraphs(node)[0]
    carried = [value for value in inputs[2:] if value is not None]
    if len(body.input) != len(carried) + 2 or len(body.output) < len(carried) + 1:
        raise ModelError(
            f"the body has {len(body.input)} inputs and {len(body.output)} outputs, which do not fit the node"
        )
    known = _trip_count(inputs[0] if inputs else None)
    trips = trips_of(reading, node, index, known)
    if trips == 0:
        reading.note(f"{title(node, index)}: never runs: its trip count is 0 or less")
    inner = _enter(reading, body, scope, trips)
    _argument(reading, inner, body.input[0].name, Value("", (), "int64"))
    _argument(reading, inner, body.input[1].name, Value("", (), "bool"))
    condition = inputs[1] if len(inputs) > 1 else None
    if condition is None or (condition.static and condition.data is not None):
        inner.values[body.input[1].name].data = np.asarray(True)
    for info, value in zip(body.input[2:], carried, strict=True):
        _argument(reading, inner, info.name, value)
    mark = len(reading.layers)
    reading.run(reading, body.node, inner)
    found = _outputs(body, inner)
    if found[0].data is None and known is not None and trips == known:
        reading.note(f"{title(node, index)}: may end early; all {trips} trips are counted")
    finals = [_final(reading, node, index, first, last, trips) for first, last in zip(carried, found[1:], strict=False)]
    if trips == 0:
        del reading.layers[mark:]
        finals = carried
    for name, value in zip(node.output, finals, strict=False):
        if name:
            scope.values[name] = value
    _stack(reading, node, index, scope, found[1 + len(carried) :], trips, list(node.output)[len(carried) :])


def _argument(reading: Reading, inner: Scope, name: str, value: Value) -> None:
    """A body's input: like the value outside, but different in every trip."""
    if name in inner.values:
        del inner.values[name]
    made = new_value(reading, inner, name, value.shape, value.dtype)
    made.items = value.items


def _final(reading: Reading, node: onnx.NodeProto, index: int, first: Value, last: Value, trips: int) -> Value:
    """A carried value after the last trip: what grows in one trip grows in all."""
    if last.items is not None:
        grown = len(last.items) - len(first.items or ())
        if grown > 0 and last.items:
            last.items = (*last.items, *(last.items[-1],) * min(grown * max(0, trips - 1), 4096))
        return last
    if first.shape == last.shape or len(first.shape) != len(last.shape):
        return last
    reading.note(
        f"{title(node, index)}: {printable(last.name)!r} changes its shape from trip to trip; every trip is counted like the first"
    )
    grown_shape = tuple(max(1, b + (b - a) * max(0, trips - 1)) for a, b in zip(first.shape, last.shape, strict=True))
    return Value(last.name, grown_shape, last.dtype) if trips > 1 else last


def _stack(
    reading: Reading,
    node: onnx.NodeProto,
    index: int,
    scope: Scope,
    slices: list[Value],
    trips: int,
    names: list[str],
    axes: tuple[int, ...] = (),
) -> None:
    """Outputs that collect one slice a trip: written by a layer of their own, which only moves data."""
    for position, (name, piece) in enumerate(zip(names, slices, strict=False)):
        if not name:
            continue
        axis = normal_axis(axes[position] if position < len(axes) else 0, len(piece.shape) + 1)
        made = new_value(reading, scope, name, (*piece.shape[:axis], trips, *piece.shape[axis:]), piece.dtype)
        if made.elements >= MAX_ELEMENTS:
            raise ModelError(f"output {printable(name)!r} would be {shown(made.shape)}")
        op = Op("Concat", "", 13, {"axis": axis, "new_axis": 1}, (piece,), 1)
        emit(reading, onnx.NodeProto(name=f"{node.name or f'{node.op_type}_{index}'}/stack"), index, scope, op, [made])


def scan(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """Scan: a loop over slices of its inputs, as many trips as they have slices."""
    attributes = plain(node, scope.given)
    body, count = attributes["body"], attributes["num_scan_inputs"]
    old = scope.opsets.get("", 28) < 9
    given = [value for value in (inputs[1:] if old else inputs) if value is not None]
    states, scanned = given[: len(given) - count], given[len(given) - count :]
    if not 1 <= count <= len(given) or len(body.input) != len(given) or len(body.output) < len(states):
        raise ModelError(
            f"num_scan_inputs {count} and the body's {len(body.input)} inputs do not fit the {len(given)} inputs"
        )
    axes = attributes.get("scan_input_axes") or (1 if old else 0,) * count
    lengths = {
        value.shape[axis]
        for value, axis in zip(scanned, axes, strict=True)
        if -len(value.shape) <= axis < len(value.shape)
    }
    if len(lengths) != 1:
        raise ModelError(f"the scanned inputs have {len(lengths)} different lengths")
    trips = trips_of(reading, node, index, lengths.pop())
    inner = _enter(reading, body, scope, trips)
    for info, value in zip(body.input, states, strict=False):
        _argument(reading, inner, info.name, Value("", value.shape[1:] if old else value.shape, value.dtype))
    for info, value, axis in zip(body.input[len(states) :], scanned, axes, strict=False):
        _argument(reading, inner, info.name, Value("", _without(value.shape, axis, old), value.dtype))
    reading.run(reading, body.node, inner)
    found = _outputs(body, inner)
    for name, value in zip(node.output, found[: len(states)], strict=False):
        if name:
            scope.values[name] = value
    out_axes = attributes.get("scan_output_axes") or ()
    _stack(reading, node, index, scope, found[len(states) :], trips, list(node.output)[len(states) :], out_axes)


def _without(shape: Shape, axis: int, batched: bool) -> Shape:
    axis += len(shape) if axis < 0 else 0
    rest = (*shape[:axis], *shape[axis + 1 :])
    return rest[1:] if batched else rest


def identity(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """Identity: a constant keeps its one tensor; anything else passes through a layer that costs nothing."""
    value = inputs[0]
    if value is None:
        raise ModelError("input 0 is missing")
    made = new_value(reading, scope, node.output[0], value.shape, value.dtype)
    if value.static or value.items is not None:
        scope.values[node.output[0]] = value
        return
    made.data, made.soft = value.data, value.soft
    emit(reading, node, index, scope, Op("Identity", "", 1, {}, (value,), 1), [made])


CONTROL: dict[str, Control] = {"Identity": identity, "Constant": constant, "If": branch, "Loop": loop, "Scan": scan}
