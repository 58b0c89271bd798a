"""Networks of one layer, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.records import Attribute
from hwsim.workload import Work, lower


def activation(name: str, *shape: int, dtype: str = "float32") -> Tensor:
    return Tensor(name, shape, dtype)


def parameter(name: str, *shape: int, dtype: str = "float32") -> Tensor:
    return Tensor(name, shape, dtype, "parameter")


def network(layers: Sequence[Layer], tensors: Sequence[Tensor]) -> Network:
    """Layers over tensors; inputs are what no layer writes, outputs what none reads."""
    written = {name for layer in layers for name in layer.outputs}
    read = {name for layer in layers for name in layer.inputs}
    return Network(
        "test",
        tuple(layers),
        {tensor.name: tensor for tensor in tensors},
        tuple(t.name for t in tensors if t.role == "activation" and t.name not in written and t.name in read),
        tuple(t.name for t in tensors if t.name in written and t.name not in read),
    )


def single(
    op: str,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    attributes: dict[str, Attribute] | None = None,
    domain: str = "",
    repeat: int = 1,
) -> Network:
    names = tuple(tensor.name if tensor else "" for tensor in inputs)
    layer = Layer("node", op, names, tuple(t.name for t in outputs), attributes or {}, domain, repeat)
    return network([layer], [t for t in (*inputs, *outputs) if t is not None])


def work(*args, **named) -> Work:
    """What the one layer of ``single`` asks for."""
    found = single(*args, **named)
    return lower(found.layers[0], found)
