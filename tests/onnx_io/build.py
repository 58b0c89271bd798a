"""Small ONNX models, in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None] | None


def value(name: str, shape: Shape, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """Names separated by blanks; ``_`` stands for one that is left out."""
    names = [["" if name == "_" else name for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(op, *names, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape | tuple[int, Shape]],
    outputs: str = "y",
    weights: Mapping[str, np.ndarray[Any, Any] | onnx.TensorProto] | None = None,
    opset: int = 17,
    domains: Sequence[str] = (),
    **more: Any,
) -> onnx.ModelProto:
    infos = []
    for name, shape in inputs.items():
        typed = (
            isinstance(shape, tuple) and len(shape) == 2 and (shape[1] is None or isinstance(shape[1], list | tuple))
        )
        infos.append(value(name, shape[1], shape[0]) if typed else value(name, shape))
    stored = []
    for name, array in (weights or {}).items():
        if isinstance(array, TensorProto):
            array.name = name
            stored.append(array)
        else:
            stored.append(numpy_helper.from_array(np.asarray(array), name))
    graph = helper.make_graph(
        list(nodes),
        "g",
        infos,
        [value(name, None) for name in outputs.split()],
        stored,
        value_info=more.pop("value_info", None),
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, **more)


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, np.float32)


def unseen(dtype: int, *dims: int) -> TensorProto:
    """A stored tensor whose data lies in another file."""
    tensor = TensorProto(data_type=dtype, dims=dims, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="weights.bin")
    return tensor


def subgraph(
    nodes: Sequence[onnx.NodeProto], inputs: Mapping[str, Any], outputs: Sequence[str], **more: Any
) -> onnx.GraphProto:
    infos = [
        value(name, shape[1], shape[0]) if isinstance(shape, tuple) else value(name, shape)
        for name, shape in inputs.items()
    ]
    return helper.make_graph(list(nodes), "inner", infos, [value(name, None) for name in outputs], **more)
