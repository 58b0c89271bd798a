"""Liveness: how much memory activations take when the layers run one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.graph import Network
from hwsim.graph.operators import VALUELESS
from hwsim.workload.work import Work


def peak_activation_bytes(network: Network, works: Sequence[Work]) -> tuple[int, str]:
    """The most bytes of activations alive at once, in the order of the layers, and the name of the layer that is running then.

    While a layer runs its operands and its results are alive; a tensor is freed after its last reader, the network's inputs too, and its
    outputs are kept. A free layer's result is its operand under another name: it takes nothing and keeps the operand alive.
    """
    peak = sum(network.tensors[name].bytes for name in _entering(network))
    where = network.layers[0].name if network.layers else ""
    for layer, live in zip(network.layers, activation_bytes(network, works), strict=True):
        if live > peak:
            peak, where = live, layer.name
    return peak, where


def activation_bytes(network: Network, works: Sequence[Work]) -> list[int]:
    """Bytes of activations alive while each layer runs [B], by the rules of ``peak_activation_bytes``."""
    held = aliases(network, works)
    last_use = _last_uses(network, held)
    alive = {name: network.tensors[name].bytes for name in _entering(network)}
    live = sum(alive.values())
    amounts = []
    for index, layer in enumerate(network.layers):
        for name in layer.outputs:
            if name in network.tensors and name not in held and name not in alive:
                alive[name] = network.tensors[name].bytes
                live += alive[name]
        amounts.append(live)
        for name in (*layer.inputs, *layer.outputs):
            root = held.get(name, name)
            if root in alive and last_use.get(root, -1) <= index:
                live -= alive.pop(root)
    return amounts


def _entering(network: Network) -> list[str]:
    return [
        name
        for name in dict.fromkeys(network.inputs)
        if name in network.tensors and network.tensors[name].role == "activation"
    ]


def aliases(network: Network, works: Sequence[Work]) -> dict[str, str]:
    """The tensor whose bytes each result of a free layer is."""
    held: dict[str, str] = {}
    for layer, work in zip(network.layers, works, strict=True):
        if work.free and layer.op not in VALUELESS and layer.inputs and layer.inputs[0]:
            root = held.get(layer.inputs[0], layer.inputs[0])
            held.update((name, root) for name in layer.outputs if name)
    return held


def _last_uses(network: Network, held: dict[str, str]) -> dict[str, int]:
    """Position of the last layer that reads each tensor; one past the end for what the network returns."""
    last_use: dict[str, int] = {}
    for index, layer in enumerate(network.layers):
        for name in layer.inputs:
            last_use[held.get(name, name)] = index
    for name in network.outputs:
        last_use[held.get(name, name)] = len(network.layers)
    return last_use
