"""One network cut into equal parts that run side by side: by channels (tensor parallel) or by rows of its feature maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from hwsim.estimation import Prepared
from hwsim.graph import Network, Tensor
from hwsim.workload import LoopNest, VectorOp, Work
from hwsim.workload.work import DataMove

Cut = Literal["channels", "rows"]


@dataclass(frozen=True, slots=True)
class Shard:
    """What each of ``parts`` devices runs, and what it exchanges with the others for each layer.

    gathered : bytes of whole tensors that every device must have after the layer of that name [B]. halo : bytes that it takes from its
    neighbours before it [B].
    """

    prepared: Prepared
    gathered: Mapping[str, int]
    halo: Mapping[str, int]


def shard(prepared: Prepared, parts: int, by: Cut) -> Shard:
    """The largest of ``parts`` equal parts.

    channels : groups, heads or output channels of every product are divided, weights with them; every device then gets the whole result (no
    layout is kept from layer to layer, so the exchange is an upper bound). rows : positions are divided, weights are on every device, and
    windows reach over the cut. What does not divide runs whole everywhere.
    """
    if parts == 1:
        return Shard(prepared, {}, {})
    network = prepared.network
    tensors: dict[str, Tensor] = dict(network.tensors)
    works: list[Work] = []
    gathered: dict[str, int] = {}
    halo: dict[str, int] = {}
    for layer, work in zip(network.layers, prepared.works, strict=True):
        if work.free or not work.nests:
            works.append(_lighter(work, network, parts, by))
            continue
        nests = tuple(_part(nest, parts, by) for nest in work.nests)
        divided = nests != work.nests
        if divided and by == "channels":
            gathered[layer.name] = sum(size for _, size in work.writes)
            for name in layer.inputs:
                if name in tensors and tensors[name].role == "parameter":
                    tensors[name] = replace(tensors[name], shape=(-(-network.tensors[name].elements // parts),))
        if divided and by == "rows":
            halo[layer.name] = sum(_halo(nest) for nest in work.nests)
        works.append(_divided(work, nests, network, parts, by) if divided else work)
    made = replace(prepared, network=replace(network, tensors=tensors), works=tuple(works))
    return Shard(made, gathered, {name: size for name, size in halo.items() if size})


def _part(nest: LoopNest, parts: int, by: Cut) -> LoopNest:
    if by == "channels":
        for dim in ("g", "k"):
            extent = getattr(nest, dim)
            if extent >= parts:
                return replace(nest, **{dim: -(-extent // parts)})
        return nest
    for dim in ("q", "p", "n"):
        extent = getattr(nest, dim)
        if extent >= parts:
            share = -(-extent // parts)
            if dim == "q":
                return replace(nest, q=share, height=0, pad_top=0)
            return replace(nest, p=share, width=0, pad_left=0) if dim == "p" else replace(nest, n=share)
    return nest


def _halo(nest: LoopNest) -> int:
    """Bytes of the rows that windows reach beyond one cut, on both sides [B]."""
    rows = max(0, (nest.s - 1) * nest.dilation_h + 1 - nest.stride_h)
    return nest.n * nest.g * nest.c * rows * nest.input_width * nest.input.bits // 8 * nest.repeat


def _divided(work: Work, nests: tuple[LoopNest, ...], network: Network, parts: int, by: Cut) -> Work:
    groups = all(new.g != old.g for new, old in zip(nests, work.nests, strict=True))

    def read(name: str, size: int) -> int:
        weight = network.tensors[name].role != "activation"
        whole = weight if by == "rows" else not (weight or groups)
        return size if whole else -(-size // parts)

    return replace(
        work,
        nests=nests,
        vectors=_fewer(work.vectors, parts),
        reads=tuple((name, read(name, size)) for name, size in work.reads),
        writes=tuple((name, -(-size // parts)) for name, size in work.writes),
    )


def _lighter(work: Work, network: Network, parts: int, by: Cut) -> Work:
    """Work without products: divided by rows; by channels every device does all of it, for it has the whole tensor."""
    if by == "channels" or work.free:
        return work
    return replace(
        work,
        vectors=_fewer(work.vectors, parts),
        moves=tuple(DataMove(-(-move.read_bytes // parts), -(-move.write_bytes // parts)) for move in work.moves),
        reads=tuple(
            (name, -(-size // parts) if network.tensors[name].role == "activation" else size)
            for name, size in work.reads
        ),
        writes=tuple((name, -(-size // parts)) for name, size in work.writes),
    )


def _fewer(vectors: tuple[VectorOp, ...], parts: int) -> tuple[VectorOp, ...]:
    return tuple(VectorOp(op.function, -(-op.operations // parts), -(-op.elements // parts)) for op in vectors)
