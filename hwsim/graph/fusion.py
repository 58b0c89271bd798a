"""fuse_elementwise: elementwise followers join the layer before them, so that what lies between never moves."""

from __future__ import annotations

import heapq
from collections import Counter

from hwsim.graph.draft import Draft, listed
from hwsim.graph.network import Network
from hwsim.graph.operators import ABSORBING, CONVOLUTIONS, ELEMENTWISE, PRODUCTS, known_domain
from hwsim.graph.records import Layer

#: Layers looked at ahead of the last point where one tensor leaves the group: the tanh form of gelu takes eight.
_AHEAD = 16
#: Readers of a tensor that can all be in one group.
_READERS = 8
_FOLLOWING = ELEMENTWISE | {"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"}
_NETWORK = -1  # stands among a tensor's readers where the network itself returns it


def fuse_elementwise(network: Network) -> Network:
    """Fuse activations, residual and bias additions, clips, casts and quantizations into the layer before them.

    A group is a layer (a product, convolution, pooling, normalization, reduction or elementwise one) and elementwise layers with as many
    results, reshapes between them included, grown as long as exactly one tensor leaves it: chains, and diamonds such as x · sigmoid(x) or a
    gelu written out. A layer with MACs further down has the first claim on an addition that joins two branches. A group stands where its
    last member stood, so the order stays topological. ``Layer.members`` keeps what is inside; notes say how many were fused. Linear in
    layers.
    """
    draft = Draft(network)
    macs = [index for index, layer in draft.present() if layer.op in CONVOLUTIONS | PRODUCTS]
    others = [index for index, layer in draft.present() if layer.op not in CONVOLUTIONS | PRODUCTS]
    taken = bytearray(len(draft.layers))
    fused: Counter[str] = Counter()
    groups: list[list[int]] = []
    for head in (*reversed(macs), *others):
        if taken[head]:
            continue
        group = _grow(draft, head, taken)
        if len(group) > 1:
            groups.append(group)
            for index in group:
                taken[index] = 1
    for group in groups:
        layers = [layer for index in group if (layer := draft.layers[index]) is not None]
        fused.update(layer.op for layer in layers[1:])
        for index in group:
            draft.drop(index)
        draft.put(group[-1], grouped(layers))
    if not fused:
        return network
    return draft.finish(f"fused {listed(fused)} into the layers before them")


def grouped(layers: list[Layer]) -> Layer:
    """One layer made of several, named after the first; the last one's results leave it."""
    members = [member for layer in layers for member in (layer.members or (layer,))]
    written = {name for member in members for name in member.outputs}
    head = layers[0]
    first = head.inputs
    extra = dict.fromkeys(name for layer in layers[1:] for name in layer.inputs if name and name not in written)
    fused = [*head.fused]
    for layer in layers[1:]:
        fused += [layer.name, *layer.fused]
    return Layer(
        head.name,
        head.op,
        (*first, *(name for name in extra if name not in first)),
        layers[-1].outputs,
        head.attributes,
        head.domain,
        head.repeat,
        tuple(fused),
        tuple(members),
    )


def _grow(draft: Draft, head: int, taken: bytearray) -> list[int]:
    """Positions of the group of one head, itself first."""
    layer = draft.layers[head]
    assert layer is not None
    if not _can_lead(layer) or layer.outputs[0] not in draft.tensors:
        return [head]
    result = layer.outputs[0]
    elements = draft.tensors[result].elements
    group, committed = [head], 1
    waiting = {result: _readers(draft, result)}
    candidates = sorted(waiting[result])
    if len(candidates) > _READERS:
        return [head]
    while candidates and len(group) - committed < _AHEAD:
        index = heapq.heappop(candidates)
        follower = draft.layers[index] if index != _NETWORK and not taken[index] else None
        if follower is None or not _can_follow(draft, follower, elements, layer.repeat):
            break
        group.append(index)
        for name in follower.inputs:
            if name in waiting:
                waiting[name].discard(index)
                if not waiting[name]:
                    del waiting[name]
        result = follower.outputs[0]
        waiting[result] = _readers(draft, result)
        if len(waiting) == 1 and follower.op in ELEMENTWISE:
            committed = len(group)
        if len(waiting[result]) > _READERS:
            break
        for reader in waiting[result]:
            if reader not in candidates:
                heapq.heappush(candidates, reader)
    return group[:committed]


def _readers(draft: Draft, name: str) -> set[int]:
    """Who waits for a tensor; the network does where it returns it, or where nobody reads it."""
    readers = set(draft.readers.get(name, ()))
    if name in draft.results or not readers:
        readers.add(_NETWORK)
    return readers


def _can_lead(layer: Layer) -> bool:
    return known_domain(layer) and len(layer.outputs) == 1 and (layer.op in ELEMENTWISE or layer.op in ABSORBING)


def _can_follow(draft: Draft, layer: Layer, elements: int, repeat: int) -> bool:
    if layer.op not in _FOLLOWING or len(layer.outputs) != 1 or layer.repeat != repeat or not known_domain(layer):
        return False
    result = draft.tensors.get(layer.outputs[0])
    return result is not None and result.elements == elements
