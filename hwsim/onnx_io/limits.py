"""Sizes that are checked before any work is done, and the names that a file defines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx

from hwsim.errors import ModelError
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.scope import subgraphs
from hwsim.onnx_io.walk import MAX_DEPTH

Key = tuple[str, str, str]

#: Nodes that functions may add by being expanded.
MAX_EXPANDED = 60_000


def _key(node: onnx.NodeProto) -> Key:
    return ("" if node.domain == "ai.onnx" else node.domain, node.op_type, node.overload)


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    pending = [list(nodes)]
    while pending:
        for node in pending.pop():
            yield node
            for graph in subgraphs(node):
                pending.append(list(graph.node))


def check_expansion(graph: onnx.GraphProto, functions: Mapping[Key, onnx.FunctionProto]) -> None:
    """Refuse functions that call themselves, nest too deep, or expand to too many nodes; every function is looked at once."""
    if not functions:
        return
    calls = {key: [_key(node) for node in _all_nodes(function.node)] for key, function in functions.items()}
    size: dict[Key, int] = {}
    depth: dict[Key, int] = {}
    for start in functions:
        _measure(start, calls, size, depth)
    own = list(_all_nodes(graph.node))
    total = sum(size.get(_key(node), 1) for node in own)
    if total > MAX_EXPANDED + 4 * len(own):
        raise ModelError(
            f"the functions expand to {total:.3g} nodes; more than {MAX_EXPANDED + 4 * len(own)} are not expanded"
        )
    deepest = max((depth[_key(node)] for node in own if _key(node) in depth), default=0)
    if deepest >= MAX_DEPTH:
        raise ModelError(f"functions call each other {deepest} deep; at most {MAX_DEPTH} levels are expanded")


def _measure(start: Key, calls: Mapping[Key, list[Key]], size: dict[Key, int], depth: dict[Key, int]) -> None:
    """Nodes and levels that ``start`` and all it calls expand to, written into ``size`` and ``depth``."""
    stack, open_ = [(start, False)], set()
    while stack:
        key, ready = stack.pop()
        if ready:
            size[key] = sum(size.get(callee, 1) for callee in calls[key])
            depth[key] = 1 + max((depth.get(callee, 0) for callee in calls[key]), default=0)
            open_.discard(key)
        elif key not in size:
            if key in open_:
                raise ModelError(f"function {printable(key[1])!r} calls itself; ONNX functions must not")
            open_.add(key)
            stack.append((key, True))
            for callee in set(calls[key]):
                if callee in open_:
                    raise ModelError(f"function {printable(callee[1])!r} calls itself; ONNX functions must not")
                if callee in calls and callee not in size:
                    stack.append((callee, False))


def all_names(model: onnx.ModelProto) -> tuple[set[str], set[str], set[str]]:
    """Symbolic dims of the inputs, tensors, and nodes with a subgraph, by the names that the user may give values for."""
    graph = model.graph
    symbols = {dim.dim_param for info in graph.input for dim in info.type.tensor_type.shape.dim if dim.dim_param}
    tensors, nodes = {info.name for info in graph.input}, set()
    pending = [graph.node, *(function.node for function in model.functions)]
    while pending:
        for index, node in enumerate(pending.pop()):
            tensors.update(name for name in node.output if name)
            inner = subgraphs(node)
            if inner:
                nodes.add(node.name or f"{node.op_type}_{index}")
            pending.extend(graph.node for graph in inner)
    return symbols, tensors, nodes
