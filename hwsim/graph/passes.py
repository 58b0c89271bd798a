"""Passes: functions from Network to Network that fold what a compiler would fold. Each can be called alone or switched off."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hwsim.errors import UsageError, nearest
from hwsim.graph.batch_norm import fold_batch_norm
from hwsim.graph.fusion import fuse_elementwise
from hwsim.graph.network import Network
from hwsim.graph.quantization import fold_quantization

Pass = Callable[[Network], Network]

#: In the order in which they are run.
PASSES: dict[str, Pass] = {
    "batch_norm": fold_batch_norm,
    "quantization": fold_quantization,
    "elementwise": fuse_elementwise,
}


def apply(network: Network, passes: Sequence[str] = tuple(PASSES)) -> Network:
    """Run the named passes, in the order of ``PASSES`` whatever the order given; MACs never change.

    Raises UsageError for a name that is none of them.
    """
    for name in passes:
        if name not in PASSES:
            raise UsageError(
                f"pass {name!r}: there is none{nearest(name, list(PASSES))}; choose from {', '.join(PASSES)}"
            )
    for name, function in PASSES.items():
        if name in passes:
            network = function(network)
    return network


__all__ = ["PASSES", "apply", "fold_batch_norm", "fold_quantization", "fuse_elementwise"]
