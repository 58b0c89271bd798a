"""Nodes in an order in which every one finds its inputs."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import onnx

from hwsim.errors import ModelError
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.scope import subgraphs, title


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
