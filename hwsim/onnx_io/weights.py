"""Transposed quantized weights: the stored tensor is turned ahead of time, so that the dequantizer still reads what is stored."""

from __future__ import annotations

from dataclasses import replace

import onnx

from hwsim.graph import Layer
from hwsim.onnx_io.folding import DEQUANTIZERS
from hwsim.onnx_io.scope import Reading, Scope, emit
from hwsim.onnx_io.shapes import Op
from hwsim.onnx_io.values import Value


def turned(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, op: Op, made: Value) -> bool:
    """Whether ``op`` transposes a dequantized stored weight; then a dequantizer of the turned weight takes its place."""
    source = reading.dequantized.get(op.value(0).name)
    if source is None:
        return False
    perm: tuple[int, ...] = op.resolved["perm"]
    weight = source.value(0)
    inputs: list[Value | None] = [_transposed(reading, weight, perm)]
    for value in source.inputs[1:]:
        turns = value is not None and len(value.shape) == len(perm) and value.elements > 1
        inputs.append(_transposed(reading, value, perm) if turns and value is not None else value)
    attributes = dict(source.attributes)
    if isinstance(attributes.get("axis"), int):
        axis = attributes["axis"]
        attributes["axis"] = perm.index(axis + len(perm) if axis < 0 else axis)
    copy = replace(source, attributes=attributes, inputs=tuple(inputs), resolved=dict(source.resolved))
    emit(reading, node, index, scope, copy, [made])
    reading.dequantized[made.name] = copy
    return True


def _transposed(reading: Reading, value: Value, perm: tuple[int, ...]) -> Value:
    name = reading.tensor_names.unique(f"{value.name}/transposed")
    shape = tuple(value.shape[axis] for axis in perm)
    return Value(name, shape, value.dtype, static=True, origins=value.origins, density=value.density)


def without_unused_dequantizers(layers: list[Layer], kept: set[str]) -> list[Layer]:
    """Layers without the dequantizers that nothing reads any more; ``kept`` are the graph's outputs."""
    read = {name for layer in layers for name in layer.inputs} | kept
    return [layer for layer in layers if layer.op not in DEQUANTIZERS or any(name in read for name in layer.outputs)]
