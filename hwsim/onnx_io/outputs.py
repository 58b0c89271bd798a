"""Shapes of a node's outputs: by a function here, by onnx's inference, by what the file declares, or by what the user says."""

from __future__ import annotations

import onnx

from hwsim.errors import ModelError
from hwsim.onnx_io.binding import dims_of
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.scope import Reading, Scope
from hwsim.onnx_io.shapes import Op, RunTimeError, Shaped, handler_of
from hwsim.onnx_io.shapes.inference import inferred
from hwsim.onnx_io.values import DTYPES, Shape, shown


def shapes_of(
    reading: Reading, node: onnx.NodeProto, scope: Scope, op: Op, schema: onnx.defs.OpSchema | None
) -> tuple[Shaped, ...]:
    """Shapes and types of all outputs; raises ModelError where nothing gives them, saying what would."""
    forced = [reading.given.shapes.get(name) for name in node.output] if reading.given.shapes else []
    try:
        found = _computed(reading, node, scope, op, schema)
    except (IndexError, ZeroDivisionError, ValueError, TypeError) as problem:
        # a shape function took apart an operand that has too few dims, or divided by an extent of 0: the node is illegal
        raise ModelError(f"its inputs ({_operands(op)}) do not fit the operator ({problem})") from None
    except RunTimeError as unknown:
        declared = _declared(reading, node, scope, op)
        if declared is None and not (forced and all(forced)):
            raise ModelError(_run_time_text(node, op, unknown)) from None
        found = declared or tuple(Shaped(shape, _first_dtype(op)) for shape in forced if shape)
    if op.bounded and not any(forced):
        found = _within_declared(reading, scope, node, op, found)
    if any(forced):
        found = tuple(Shaped(shape or made.shape, made.dtype) for shape, made in zip(forced, found, strict=False))
    if len(found) < len(node.output):
        raise ModelError(f"writes {len(node.output)} outputs; {node.op_type} has {len(found)}")
    return found


def _within_declared(
    reading: Reading, scope: Scope, node: onnx.NodeProto, op: Op, found: tuple[Shaped, ...]
) -> tuple[Shaped, ...]:
    """Sizes that only run time knows, as the file declares them where it does: smaller than the largest possible ones."""
    result = []
    for name, made in zip(node.output, found, strict=False):
        declared = declared_shape(reading, scope, name) if name else None
        fits = (
            declared is not None
            and len(declared[0]) == len(made.shape)
            and all(0 < extent <= most for extent, most in zip(declared[0], made.shape, strict=True))
        )
        result.append(Shaped(declared[0], made.dtype) if declared is not None and fits else made)
    if tuple(result) != found[: len(result)]:
        op.notes.clear()
    return (*result, *found[len(result) :])


def _operands(op: Op) -> str:
    return ", ".join("none" if value is None else shown(value.shape) for value in op.inputs[:8])


def _computed(
    reading: Reading, node: onnx.NodeProto, scope: Scope, op: Op, schema: onnx.defs.OpSchema | None
) -> tuple[Shaped, ...]:
    handler = handler_of(op.op, op.domain)
    if handler is not None:
        return handler(op)
    if schema is not None:
        return inferred(op, _resolved(node, scope), schema, scope.opsets)
    return _unknown(reading, node, scope, op)


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
    found = []
    for name in node.output:
        declared = declared_shape(reading, scope, name) if name else ((), 0)
        if declared is None:
            return None
        found.append(Shaped(declared[0], DTYPES.get(declared[1], _first_dtype(op))))
    return tuple(found)


def _unknown(reading: Reading, node: onnx.NodeProto, scope: Scope, op: Op) -> tuple[Shaped, ...]:
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


def compare(reading: Reading, scope: Scope, name: str, shape: Shape, dtype: str) -> None:
    """Note where the file declares another shape than was computed."""
    info = scope.declared.get(name)
    if info is None:
        return
    if any(dim.dim_value < 0 for dim in info.type.tensor_type.shape.dim):
        reading.tally("{count} tensor(s) are declared with a negative dim, the first: {first}", repr(printable(name)))
    declared = declared_shape(reading, scope, name)
    if declared is not None and declared[0] != shape:
        reading.tally(
            "{count} tensor(s) have a declared shape that contradicts the computed one, which is used: {first}",
            f"{printable(name)!r} is declared {shown(declared[0])}, computed {shown(shape)}",
        )
