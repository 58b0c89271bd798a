"""From a model to the work it asks for: import, bits, passes and lowering, done once for all devices."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral
from pathlib import Path

from hwsim.errors import UsageError
from hwsim.graph import Layer, Network
from hwsim.graph.passes import PASSES, apply
from hwsim.workload import Work
from hwsim.workload.complexity import Complexity, complexity
from hwsim.workload.liveness import aliases
from hwsim.workload.lower import lower

Model = str | os.PathLike[str] | Network


@dataclass(frozen=True)
class Prepared:
    """A network ready to be priced. works : what each layer asks for, in the order of ``network.layers``. folded : what the passes did;
    warnings : what was assumed on import. settings : how to get here again. aliases : the tensor whose bytes a reshaped view is.
    """

    network: Network
    works: tuple[Work, ...]
    settings: Mapping[str, object]
    folded: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def complexity(self) -> Complexity:
        """The device-free record."""
        return complexity(self.network, self.works)

    @cached_property
    def priced(self) -> tuple[tuple[Layer, Work], ...]:
        """The layers that ask for something, with their work, in which views stand under the name of what they view."""
        pairs = zip(self.network.layers, self.works, strict=True)
        return tuple((layer, unaliased(work, self.aliases)) for layer, work in pairs if not work.free)

    @property
    def free(self) -> str:
        """The operators that cost nothing at run time, counted: ``Reshape ×16``."""
        counts = Counter(layer.op for layer, work in zip(self.network.layers, self.works, strict=True) if work.free)
        return ", ".join(f"{op} ×{count}" for op, count in sorted(counts.items()))


def prepare(
    model: Model,
    *,
    batch: int | None = None,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    trips: Mapping[str, int] | None = None,
    bits: str | None = None,
    density: Mapping[str, float] | None = None,
    count_zeros: bool = False,
    passes: Sequence[str] = tuple(PASSES),
) -> Prepared:
    """Read a model and lower it.

    model : a path to an ONNX file or a layer CSV, a short name (``light_resnet50``), or a Network. batch, dims, shapes, trips : see
    ``onnx_io.read``. bits : ``w8a8``, ``conv1=w8a8,*=w4a8``, ``fp16``. density : share of nonzero elements by ``activation``, ``weight`` or
    name of a tensor. count_zeros : whether to count them in the weights of the file. passes : names of graph.passes.PASSES to run.
    Raises ModelError or UsageError.
    """
    _check(batch, bits)
    network = _read(model, batch, dims or {}, shapes or {}, trips or {}, count_zeros)
    warnings = network.notes
    network = apply(network, tuple(passes))
    folded = network.notes[len(warnings) :]
    if bits:
        from hwsim.graph.precision import with_bits

        network = with_bits(network, bits)
    if density:
        from hwsim.graph.density import with_density

        network = with_density(network, density)
    settings = {
        "batch": _leading(network),
        "dims": dict(dims or {}),
        "bits": bits,
        "density": dict(density or {}),
        "count_zeros": count_zeros,
        "passes": list(passes),
    }
    if count_zeros and all(tensor.density == 1 for tensor in network.tensors.values() if tensor.role == "parameter"):
        warnings = (*warnings, f"{network.name}: no zeros were found in weights that the file holds itself")
    return lowered(network, Prepared(network, (), settings, folded, warnings))


def _check(batch: object, bits: object) -> None:
    """Raises UsageError for what is of another kind than it should be."""
    if batch is not None and (isinstance(batch, bool) or not isinstance(batch, Integral)):
        raise UsageError(f"batch {batch!r}: must be a whole number")
    if bits is not None and not isinstance(bits, str):
        raise UsageError(f"bits {bits!r}: must be a text such as w8a8")


def lowered(network: Network, like: Prepared) -> Prepared:
    """A network lowered, with the settings and remarks of another record."""
    works = tuple(lower(layer, network) for layer in network.layers)
    return replace(like, network=network, works=works, aliases=aliases(network, works))


def _read(
    model: Model,
    batch: int | None,
    dims: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
    trips: Mapping[str, int],
    count_zeros: bool,
) -> Network:
    if isinstance(model, Network):
        if batch is not None or dims or shapes or trips:
            raise UsageError(
                f"{model.name}: batch, dims and shapes are bound when a file is read, not on a finished Network"
            )
        return model
    if str(model).endswith(".csv"):
        from hwsim.graph.build import from_csv

        if dims or shapes or trips:
            raise UsageError(f"{model}: a layer CSV has fixed shapes; --dim, --shape and --trips are for ONNX files")
        return from_csv(Path(model)) if batch is None else from_csv(Path(model), batch=batch)
    from hwsim.onnx_io import read

    return read(model, batch=batch, dims=dims, shapes=shapes, trips=trips, read_weights=count_zeros)


def _leading(network: Network) -> int:
    """Inferences that one run of the network makes: what its maker says, else the leading extent of its first input."""
    if "batch" in network.metadata:
        return int(network.metadata["batch"])
    shapes = [network.tensors[name].shape for name in network.inputs if name in network.tensors]
    return next((shape[0] for shape in shapes if shape), 1)


def unaliased(work: Work, aliases: Mapping[str, str]) -> Work:
    """The same work, reading tensors under the name of what they view; itself where it reads no view."""
    if not any(name in aliases for name, _ in work.reads):
        return work
    return replace(work, reads=tuple((aliases.get(name, name), size) for name, size in work.reads))
