"""A model with what its nodes cost, for viewers that show a node's metadata (Netron does)."""

from __future__ import annotations

import os
from collections.abc import Mapping

from hwsim.errors import ModelError
from hwsim.graph import Network
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.source import load
from hwsim.writing import whole

#: What every key that is written starts with.
PREFIX = "hwsim."


def annotate(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    network: Network,
    facts: Mapping[str, Mapping[str, str]],
) -> int:
    """Write ``source`` to ``target`` with facts in the ``metadata_props`` of its nodes; returns how many nodes got some.

    network : ``source`` as it was read, before any pass. facts : texts by name of a layer of it. Nodes are found by their first output.
    Earlier annotations are replaced; weights stay what they are, and external data is neither opened nor copied.
    Raises ModelError where the source cannot be read or the target not be written.
    """
    model, _ = load(source)
    layer_of = {name: layer.name for layer in network.layers for name in layer.outputs if name}
    found = 0
    for node in model.graph.node:
        kept = [(item.key, item.value) for item in node.metadata_props if not item.key.startswith(PREFIX)]
        del node.metadata_props[:]
        names = (layer_of.get(printable(output)) for output in node.output if output)
        told = facts.get(next((name for name in names if name is not None), ""), {})
        found += bool(told)
        for key, value in [*kept, *((PREFIX + key, value) for key, value in told.items())]:
            node.metadata_props.add(key=key, value=value)
    try:
        with whole(target) as partial:
            partial.write_bytes(model.SerializeToString())
    except OSError as error:
        raise ModelError(f"{target}: cannot be written: {error.strerror or error}") from None
    return found
