"""ONNX files made by hwsim, for a runtime to execute: a network built in Python, and a file whose weights are missing, with random ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwsim.errors import ModelError
from hwsim.graph import Layer, Network, Tensor
from hwsim.onnx_io.source import load
from hwsim.writing import whole

OPSET, IR_VERSION = 20, 9
#: Bytes of random weights that a file may ask for [B].
MAX_BYTES = 2**31 - 2**24
#: Layers that need more than inputs and attributes in a file: what they were made of is not in the Network.
_INCOMPLETE = frozenset(
    {
        "Reshape",
        "Slice",
        "Pad",
        "Resize",
        "Expand",
        "Tile",
        "TopK",
        "Split",
        "Squeeze",
        "Unsqueeze",
        "Loop",
        "If",
        "Scan",
    }
)


def write(network: Network, path: str | os.PathLike[str], seed: int = 0) -> None:
    """A network as an ONNX file with random weights, as a runtime can execute it.

    Raises ModelError for operators whose constant inputs a Network does not keep, and where the weights would be too large for a file.
    """
    incomplete = sorted({layer.op for layer in network.layers if layer.op in _INCOMPLETE or layer.members})
    if incomplete:
        raise ModelError(f"{network.name}: cannot be written as ONNX: {', '.join(incomplete)}")
    nodes = [_node(layer) for layer in network.layers]
    stored = [tensor for tensor in network.tensors.values() if tensor.role != "activation"]
    _check_size(network.name, sum(tensor.bytes for tensor in stored))
    generator = np.random.default_rng(seed)
    graph = helper.make_graph(
        nodes,
        network.name,
        [_declared(network.tensors[name]) for name in network.inputs],
        [_declared(network.tensors[name]) for name in network.outputs],
        [_initializer(tensor.name, _element(tensor.dtype), tensor.shape, generator) for tensor in stored],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    with whole(path) as partial:
        partial.write_bytes(model.SerializeToString())


def fill(source: str | os.PathLike[str], path: str | os.PathLike[str], seed: int = 0) -> int:
    """A copy of a file in which weights that lie outside of it are random ones inside; returns how many were replaced.

    Nothing outside of the file is opened, whether it is there or not. Raises ModelError as ``read`` does.
    """
    model, _ = load(source)
    generator = np.random.default_rng(seed)
    outside = [tensor for tensor in _tensors(model.graph) if tensor.data_location == onnx.TensorProto.EXTERNAL]
    sizes = [int(np.prod(tensor.dims, dtype=np.float64)) for tensor in outside]
    _check_size(os.fspath(source), 4 * sum(sizes))
    for tensor in outside:
        tensor.CopyFrom(_initializer(tensor.name, tensor.data_type, tuple(tensor.dims), generator))
    with whole(path) as partial:
        partial.write_bytes(model.SerializeToString())
    return len(outside)


def _node(layer: Layer) -> onnx.NodeProto:
    attributes: Mapping[str, Any] = layer.attributes
    return helper.make_node(layer.op, layer.inputs, layer.outputs, name=layer.name, domain=layer.domain, **attributes)


def _check_size(name: str, size: float) -> None:
    if size > MAX_BYTES:
        raise ModelError(f"{name}: {size:,.0f} B of weights: more than one ONNX file holds")


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every stored tensor of a graph, those of constants and of inner graphs too."""
    graphs = [graph]
    while graphs:
        here = graphs.pop()
        yield from here.initializer
        for attribute in _attributes(here.node):
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            graphs += [inner for inner in (attribute.g, *attribute.graphs) if inner.node]


def _attributes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.AttributeProto]:
    for node in nodes:
        yield from node.attribute


def _element(dtype: str) -> int:
    return int(onnx.TensorProto.DataType.Value("FLOAT" if dtype == "float32" else dtype.upper()))


def _declared(tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, _element(tensor.dtype), tensor.shape)


def _initializer(name: str, element: int, shape: tuple[int, ...], generator: np.random.Generator) -> onnx.TensorProto:
    """Values about as large as trained ones: sums of many products stay finite; what must be positive is."""
    dtype = helper.tensor_dtype_to_np_dtype(element)
    values: NDArray[np.generic]
    if np.issubdtype(dtype, np.integer):
        low = 0 if np.issubdtype(dtype, np.unsignedinteger) else -8
        values = generator.integers(low, 9, shape).astype(dtype)
    else:
        fan_in = max(1, int(np.prod(shape[1:]))) if len(shape) > 1 else 1
        spread = generator.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(fan_in))
        values = (spread if len(shape) > 1 else np.abs(spread)).astype(dtype)
    return numpy_helper.from_array(np.asarray(values), name)
