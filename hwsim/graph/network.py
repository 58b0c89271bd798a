"""Network: layers in a topological order over named tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from hwsim.errors import ModelError
from hwsim.graph.records import Layer, Tensor

if TYPE_CHECKING:
    import networkx

    from hwsim.graph.builder import Builder


@dataclass(frozen=True)
class Network:
    """A directed acyclic graph of layers.

    layers : in a topological order. tensors : every tensor that a layer reads or writes, by name.
    inputs, outputs : names of the graph's own. notes : what was assumed on the way here (one sentence each).
    sha256 : of the file it was read from, "" when built in Python.
    """

    name: str
    layers: tuple[Layer, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sha256: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def producers(self) -> Mapping[str, Layer]:
        """The layer that writes each tensor."""
        return {name: layer for layer in self.layers for name in layer.outputs if name}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Layer, ...]]:
        """The layers that read each tensor, in order; a graph output nobody reads is absent."""
        found: dict[str, list[Layer]] = {}
        for layer in self.layers:
            for name in dict.fromkeys(layer.inputs):
                if name:
                    found.setdefault(name, []).append(layer)
        return {name: tuple(layers) for name, layers in found.items()}

    @cached_property
    def graph(self) -> networkx.DiGraph:  # type: ignore[type-arg]
        """The same as a networkx graph: layer names, an edge for each tensor passed on (attribute ``tensor``)."""
        import networkx

        graph: networkx.DiGraph[str] = networkx.DiGraph()
        graph.add_nodes_from((layer.name, {"layer": layer}) for layer in self.layers)
        for layer in self.layers:
            for name in layer.inputs:
                if name in self.producers:
                    graph.add_edge(self.producers[name].name, layer.name, tensor=name)
        return graph

    @staticmethod
    def builder(name: str) -> Builder:
        """A network in a few lines of Python, without a file: ``Network.builder("tiny").input("x", (1, 3, 32, 32)).conv(16).build()``."""
        from hwsim.graph.builder import Builder

        return Builder(name)

    def with_layers(self, layers: Iterable[Layer], tensors: Mapping[str, Tensor] | None = None, *notes: str) -> Network:
        """A copy with other layers (and tensors), and the notes appended: the form of every pass."""
        return replace(
            self,
            layers=tuple(layers),
            tensors=self.tensors if tensors is None else tensors,
            notes=self.notes + notes,
        )


def in_topological_order(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The same layers, producers before consumers, otherwise in the order given (Kahn, linear in edges).

    Raises ModelError naming a layer on a cycle.
    """
    layers = tuple(layers)
    producer = {name: index for index, layer in enumerate(layers) for name in layer.outputs if name}
    waits = [0] * len(layers)
    followers: list[list[int]] = [[] for _ in layers]
    for index, layer in enumerate(layers):
        for name in set(layer.inputs):
            if name and name in producer:
                waits[index] += 1
                followers[producer[name]].append(index)
    import heapq

    ready = [index for index, count in enumerate(waits) if count == 0]
    ordered: list[Layer] = []
    while ready:
        index = heapq.heappop(ready)
        ordered.append(layers[index])
        for follower in followers[index]:
            waits[follower] -= 1
            if waits[follower] == 0:
                heapq.heappush(ready, follower)
    if len(ordered) < len(layers):
        stuck = next(layer for index, layer in enumerate(layers) if waits[index] > 0)
        raise ModelError(f"node {stuck.name!r}: the graph has a cycle through it; ONNX graphs must be acyclic")
    return tuple(ordered)
