"""onnx's own shape inference of one node, for operators without a shape function here."""

from __future__ import annotations

import onnx
from onnx import TensorProto, numpy_helper

from hwsim.errors import ModelError
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.shapes.op import Op, RunTimeError, Shaped
from hwsim.onnx_io.values import DTYPES, ELEMENT_TYPES, Value

#: Largest constant that is handed to onnx along with the types.
_MAX_DATA = 1024


def inferred(op: Op, node: onnx.NodeProto, schema: onnx.defs.OpSchema, opsets: dict[str, int]) -> tuple[Shaped, ...]:
    """Shapes and types of all outputs as onnx infers them.

    Raises ModelError where onnx finds the node illegal, RunTimeError where it cannot tell every dim.
    """
    types: dict[str, onnx.TypeProto] = {}
    data: dict[str, TensorProto] = {}
    for name, value in zip(node.input, op.inputs, strict=True):
        if value is None:
            continue
        types[name] = type_of(value)
        if value.data is not None and value.data.size <= _MAX_DATA and value.dtype in _SAME:
            data[name] = numpy_helper.from_array(value.data, name)
    imports = [onnx.helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    try:
        found = onnx.shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=imports)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, ValueError, RuntimeError) as problem:
        text = " ".join(str(problem).split())
        raise ModelError(f"onnx's shape inference refuses it: {printable(text)[:200]}") from None
    return tuple(_shaped(found.get(name)) for name in node.output)


_SAME = {
    name
    for name in ELEMENT_TYPES
    if name.startswith(("int", "uint", "float")) and name[-2:] in ("t8", "16", "32", "64")
} | {"bool"}


def type_of(value: Value) -> onnx.TypeProto:
    """The ONNX type of a value."""
    if value.items is not None:
        item = value.items[0] if value.items else Value("", (), value.dtype)
        return onnx.helper.make_sequence_type_proto(type_of(item))
    return onnx.helper.make_tensor_type_proto(ELEMENT_TYPES[value.dtype], value.shape)


def _shaped(found: onnx.TypeProto | None) -> Shaped:
    if found is None or not found.HasField("tensor_type") or not found.tensor_type.HasField("shape"):
        raise RunTimeError(-1)
    dims = found.tensor_type.shape.dim
    if not all(dim.HasField("dim_value") for dim in dims):
        raise RunTimeError(-1)
    return Shaped(tuple(dim.dim_value for dim in dims), DTYPES.get(found.tensor_type.elem_type, "float32"))
