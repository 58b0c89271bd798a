"""The one forward pass over a graph: shapes, constants, subgraphs and functions, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import onnx

from hwsim.errors import ModelError
from hwsim.onnx_io.attributes import Schema, check, exists, plain, schema_of
from hwsim.onnx_io.control import CONTROL
from hwsim.onnx_io.evaluate import evaluated
from hwsim.onnx_io.folding import DEQUANTIZERS, derived_origins, is_folded
from hwsim.onnx_io.functions import call
from hwsim.onnx_io.legal import CHECKED, check_values
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.order import in_order
from hwsim.onnx_io.outputs import compare, shapes_of
from hwsim.onnx_io.scope import LocatedError, Reading, Scope, emit, mark_generated, new_value, title
from hwsim.onnx_io.sequences import SEQUENCES
from hwsim.onnx_io.shapes import Op, Shaped
from hwsim.onnx_io.values import Value, checked_shape, is_evaluated, shown
from hwsim.onnx_io.weights import turned

#: Graphs and functions nested deeper are refused (protobuf itself stops near 100).
MAX_DEPTH = 100
#: More inputs than any real operator has; read all the same, and said.
MANY_INPUTS = 4096

NEWEST = onnx.defs.onnx_opset_version()


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
    domain = "" if node.domain == "ai.onnx" else node.domain
    function = reading.functions.get((domain, node.op_type, node.overload)) if reading.functions else None
    if function is not None:
        call(reading, node, index, scope, function)
        return
    inputs = [scope.need(name) if name else None for name in node.input]
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
        if schema is None:
            raise ModelError(f"the operator does not exist in opset {version}")
        control(reading, node, index, scope, inputs)
        return
    if schema is None and domain == "" and exists(node.op_type):
        reading.tally(
            f"{{count}} node(s) use an operator that opset {version} does not have, the first: {{first}}",
            title(node, index),
        )
    op = Op(
        node.op_type,
        domain,
        version,
        plain(node, scope.given),
        tuple(inputs),
        len(node.output),
        tuple(node.output),
        counts=reading.given.dims,
        batch=reading.given.batch if reading.bound.rebound else None,
    )
    if op.op in CHECKED:
        check_values(op.op, op.attributes)
    if schema is not None:
        _check_types(reading, node, index, schema, inputs)
    found = shapes_of(reading, node, scope, op, None if schema is None else schema.found)
    for text in op.notes:
        reading.note(f"{title(node, index)}: {text}")
    if op.rebatched:
        reading.tally(
            "{count} Reshape node(s) have a batch of 1 written into them, which was set to the batch, the first: {first}",
            title(node, index),
        )
    finish(reading, node, index, scope, op, found)


def _check_types(
    reading: Reading, node: onnx.NodeProto, index: int, schema: Schema, inputs: Sequence[Value | None]
) -> None:
    """Say where inputs have other element types than the operator takes; refuse text where it takes numbers."""
    for allowed, value in zip(schema.types, inputs, strict=False):
        if value is not None and allowed and value.items is not None:
            raise ModelError(f"input {printable(value.name)!r} is a sequence; a tensor is needed")
        if value is None or not allowed or value.dtype in allowed:
            continue
        if value.dtype == "string":
            raise ModelError(f"input {printable(value.name)!r} holds text; numbers are needed")
        reading.tally(
            "{count} node(s) read an element type that ONNX does not allow there, the first: {first}",
            f"{title(node, index)}: {value.dtype}",
        )
        return
    if _mixed(schema, inputs):
        reading.tally("{count} node(s) mix element types where ONNX wants one, the first: {first}", title(node, index))


def _mixed(schema: Schema, inputs: Sequence[Value | None]) -> bool:
    """Whether inputs that must share one element type do not."""
    seen: dict[str, str] = {}
    for variable, value in zip(schema.same_type, inputs, strict=False):
        if value is not None and variable and seen.setdefault(variable, value.dtype) != value.dtype:
            return True
    return False


def finish(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, op: Op, found: Sequence[Shaped]) -> None:
    """Make the outputs known, as constants or as a new layer."""
    static = all(value is None or value.static for value in op.inputs)
    folded = is_folded(op, static)
    values: list[Value | None] = []
    for position, name in enumerate(node.output):
        if not name:
            values.append(None)
            continue
        made = found[position]
        shape = checked_shape(made.shape, f"output {printable(name)!r}")
        compare(reading, scope, name, shape, made.dtype)
        values.append(new_value(reading, scope, name, shape, made.dtype))
        if not static and 0 in shape:
            reading.tally(
                "{count} tensor(s) are empty (a dim is 0), the first: {first}", f"{printable(name)!r} is {shown(shape)}"
            )
    if op.soft:
        for value in values:
            if value is not None:
                value.soft = True
    _evaluate(reading, op, values, found)
    first = values[0] if values else None
    if op.op == "Transpose" and not static and first is not None and turned(reading, node, index, scope, op, first):
        return
    if folded:
        origins = derived_origins(op, reading.generated)
        for value in values:
            if value is not None:
                value.static, value.origins = True, origins
        if op.op == "ConstantOfShape" and first is not None:
            mark_generated(reading, first)
        return
    emit(reading, node, index, scope, op, values)
    if static and op.op in DEQUANTIZERS and first is not None:
        reading.dequantized[first.name] = op


def _evaluate(reading: Reading, op: Op, values: list[Value | None], found: Sequence[Shaped]) -> None:
    """Work out the elements of the first output where that is cheap and possible."""
    first = values[0] if values else None
    if first is None or not is_evaluated(first.elements, first.dtype):
        return
    if op.op in ("Shape", "Size"):
        shape = op.shape(0)
        whole = (
            shape[slice(op.number("start", 0), op.attributes.get("end"))] if op.op == "Shape" else op.value(0).elements
        )
        first.data = np.asarray(whole, np.int64)
        return
    user = reading.given.dims.get(op.output_names[0]) if reading.given.dims else None
    if user is not None and first.elements == 1 and first.dtype.startswith(("int", "float")):
        first.data = np.full(first.shape, user)
        return
    if reading.budget < first.elements or any(value is not None and value.data is None for value in op.inputs):
        return
    first.data = evaluated(op, first.shape, first.dtype)
    reading.budget -= first.elements
