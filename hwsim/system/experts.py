"""Experts on several devices: each keeps its part of them for the tokens of all, and rows travel there and back.

GShard: Lepikhin et al., ICLR 2021, arXiv:2006.16668; Switch: Fedus, Zoph, Shazeer, JMLR 23, 2022. Every device has a batch of its own
for the rest of the network. Tokens are taken to spread evenly; ``chance.Routing`` says what a capacity drops of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from hwsim.errors import UsageError
from hwsim.estimation import Prepared
from hwsim.graph import Tensor
from hwsim.workload import Work
from hwsim.workload.nest import LoopNest

#: Operators that hold experts.
OPERATORS = ("MoE", "QMoE")
Dispatch = Literal["gather", "one-hot"]


@dataclass(frozen=True, slots=True)
class Experts:
    """What each device runs, and the bytes that its tokens travel in all before and after each layer with experts [B], by layer."""

    prepared: Prepared
    sent: Mapping[str, int]


def spread_experts(
    prepared: Prepared, devices: int, dispatch: Dispatch = "gather", capacity_factor: float | None = None
) -> Experts:
    """The share of one of ``devices``: a part of every layer's experts, its own batch of everything else.

    dispatch : ``gather`` moves rows, ``one-hot`` multiplies by a matrix of zeros and ones each way (twice tokens x slots x width MACs).
    capacity_factor : room of an expert over its fair share, all of which it computes and receives; None for just the tokens there are.
    Raises UsageError for a network without experts, or with fewer than devices.
    """
    works: list[Work] = []
    sent: dict[str, int] = {}
    tensors: dict[str, Tensor] = dict(prepared.network.tensors)
    for layer, work in zip(prepared.network.layers, prepared.works, strict=True):
        if layer.op not in OPERATORS or not work.nests:
            works.append(work)
            continue
        total = next(
            (tensors[name].shape[0] for name in layer.inputs if name in tensors and tensors[name].role == "parameter"),
            1,
        )
        if total < devices:
            raise UsageError(f"{layer.name}: {total} experts do not spread over {devices} devices")
        room = 1.0 if capacity_factor is None else capacity_factor
        nests = tuple(_share(nest, devices, room) for nest in work.nests)
        first = work.nests[0]
        rows = first.g * first.p
        slots = int(rows * room)
        sent[layer.name] = 2 * slots * first.c * first.input.bits // 8
        if dispatch == "one-hot":
            tokens = prepared.network.tensors[layer.inputs[0]].elements // first.c
            there = LoopNest(
                k=first.c,
                c=tokens,
                p=slots,
                input=first.input,
                weight=first.input,
                output=first.input,
                weight_role="activation",
            )
            nests = (there, *nests, replace(there, c=slots, p=tokens))
        reads = []
        for name, size in work.reads:
            part = prepared.network.tensors[name].role == "parameter"
            reads.append((name, -(-size // devices) if part else size))
            if part:
                tensors[name] = replace(tensors[name], shape=(-(-prepared.network.tensors[name].elements // devices),))
        works.append(replace(work, nests=nests, reads=tuple(reads)))
    if not sent:
        raise UsageError(f"{prepared.network.name}: has no layer with experts (operators {' and '.join(OPERATORS)})")
    made = replace(prepared, network=replace(prepared.network, tensors=tensors), works=tuple(works))
    return Experts(made, sent)


def _share(nest: LoopNest, devices: int, room: float) -> LoopNest:
    """Fewer experts, each with the tokens of all devices."""
    groups = -(-nest.g // devices)
    rows = -(-int(nest.g * nest.p * room) // groups)
    return replace(nest, g=groups, p=rows, width=0)
