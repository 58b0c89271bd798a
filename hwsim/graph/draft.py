"""Draft: a network while a pass edits it, with who reads and writes what kept up to date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from hwsim.graph.network import Network
from hwsim.graph.records import Layer, Tensor


class Draft:
    """An editable copy of a network. Dropped layers leave a hole, so that positions stay valid; every edit costs its own operands only.

    readers : positions of the layers that read each tensor. writer : position of the layer that writes it.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.layers: list[Layer | None] = list(network.layers)
        self.tensors: dict[str, Tensor] = dict(network.tensors)
        self.results = frozenset(network.outputs)
        self.writer: dict[str, int] = {}
        self.readers: dict[str, dict[int, None]] = {}
        for index, layer in enumerate(network.layers):
            self._enter(index, layer)

    def present(self) -> Iterator[tuple[int, Layer]]:
        """Positions and layers that are still there, in order, as they are at that moment."""
        for index in range(len(self.layers)):
            layer = self.layers[index]
            if layer is not None:
                yield index, layer

    def only_reader(self, name: str) -> int | None:
        """Position of the one layer that reads a tensor, None where there are none or several, or the network returns it."""
        readers = self.readers.get(name, {})
        return next(iter(readers)) if len(readers) == 1 and name not in self.results else None

    def known_ahead(self, name: str) -> bool:
        """Whether a tensor is stored with the model."""
        return name in self.tensors and self.tensors[name].role != "activation"

    def drop(self, index: int) -> None:
        """Take a layer out."""
        layer = self.layers[index]
        assert layer is not None
        self._leave(index, layer)
        self.layers[index] = None

    def put(self, index: int, layer: Layer) -> None:
        """Put a layer in the place of what stands there."""
        old = self.layers[index]
        if old is not None:
            self._leave(index, old)
        self.layers[index] = layer
        self._enter(index, layer)

    def read_instead(self, old: str, new: str) -> None:
        """Make every reader of a tensor read another one; results of the network keep their name."""
        for index in tuple(self.readers.get(old, ())):
            layer = self.layers[index]
            assert layer is not None
            self.put(index, _renamed(layer, old, new))

    def finish(self, *notes: str) -> Network:
        """The edited network; tensors that nobody names any more are left out."""
        kept = [layer for layer in self.layers if layer is not None]
        named = {*self.network.inputs, *self.network.outputs}
        for layer in kept:
            named.update(layer.inputs, layer.outputs)
            for member in layer.members:
                named.update(member.inputs, member.outputs)
        tensors = {name: tensor for name, tensor in self.tensors.items() if name in named}
        return self.network.with_layers(kept, tensors, *notes)

    def _enter(self, index: int, layer: Layer) -> None:
        for name in layer.outputs:
            if name:
                self.writer[name] = index
        for name in layer.inputs:
            if name:
                self.readers.setdefault(name, {})[index] = None

    def _leave(self, index: int, layer: Layer) -> None:
        for name in layer.outputs:
            if self.writer.get(name) == index:
                del self.writer[name]
        for name in layer.inputs:
            if name in self.readers:
                self.readers[name].pop(index, None)


def _renamed(layer: Layer, old: str, new: str) -> Layer:
    inputs = tuple(new if name == old else name for name in layer.inputs)
    members = tuple(_renamed(member, old, new) for member in layer.members)
    return replace(layer, inputs=inputs, members=members)


def listed(counts: Counter[str]) -> str:
    """``53 BatchNormalization and 2 Mul``: what a note says was folded."""
    parts = [f"{count} {name}" for name, count in counts.most_common()]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
