"""A network in types that a device computes: float32 becomes int16 on a chip that has nothing else, and it is said.

Sums are as wide as the accumulators of the precision that runs them (16 bits on Eyeriss, 32 on most others), or narrower where a layer
says so.
"""

from __future__ import annotations

from dataclasses import replace

from hwsim.device import Device, Precision, precision_for
from hwsim.estimation.prepare import Prepared, lowered
from hwsim.graph import dtype_bits, dtype_kind
from hwsim.workload import LoopNest, OperandType


def converted(prepared: Prepared, device: Device) -> tuple[Prepared, tuple[str, ...]]:
    """The same network with every type that is too wide for the device's MACs replaced by the one it would run as.

    Narrower types stay as they are stored (int4 weights on an int8 device move as int4). Returns the network and a sentence for each
    replacement of a type; without any change, the very same record.
    """
    targets: dict[str, str] = {}
    pairs = {(nest.input.dtype, nest.weight.dtype) for work in prepared.works for nest in work.nests}
    for input_dtype, weight_dtype in sorted(pairs):
        precision = _target(device, input_dtype, weight_dtype)
        for have, runs in ((input_dtype, precision.input), (weight_dtype, precision.weight)):
            if dtype_bits(runs) < dtype_bits(have):
                targets[have] = runs
    if not targets:
        return _accumulating(prepared, device), ()
    network = prepared.network
    tensors = {
        name: replace(tensor, dtype=targets[tensor.dtype])
        if tensor.dtype in targets and tensor.role != "constant"
        else tensor
        for name, tensor in network.tensors.items()
    }
    said = tuple(
        f"{device.name} does not compute {have}: the network is taken as converted to {runs} (--bits chooses other types)"
        for have, runs in targets.items()
    )
    return _accumulating(lowered(replace(network, tensors=tensors), prepared), device), said


def _accumulating(prepared: Prepared, device: Device) -> Prepared:
    """The same work with accumulators of the device's widths, or the layer's; the very same record where they are already."""

    def at_width(nest: LoopNest, asked: str) -> LoopNest:
        precision, _ = precision_for(device, nest.input.dtype, nest.weight.dtype)
        narrower = asked and dtype_bits(asked) < dtype_bits(precision.accumulate)
        sums = asked if narrower else precision.accumulate
        return nest if nest.accumulator.dtype == sums else replace(nest, accumulator=OperandType(sums))

    works = []
    for layer, work in zip(prepared.network.layers, prepared.works, strict=True):
        nests = tuple([at_width(nest, layer.accumulator) for nest in work.nests])
        same = all(new is old for new, old in zip(nests, work.nests, strict=True))
        works.append(work if same else replace(work, nests=nests))
    if all(new is old for new, old in zip(works, prepared.works, strict=True)):
        return prepared
    return replace(prepared, works=tuple(works))


def _target(device: Device, input_dtype: str, weight_dtype: str) -> Precision:
    """The precision a pair of types runs as. Floats on a device without any become its fastest integers of at least 8 bits, the wider ones
    where two are as fast: that is what such a chip is made for.
    """
    precision, _ = precision_for(device, input_dtype, weight_dtype)
    narrower = dtype_bits(precision.input) < dtype_bits(input_dtype) or dtype_bits(precision.weight) < dtype_bits(
        weight_dtype
    )
    if not narrower or dtype_kind(precision.input) == dtype_kind(input_dtype):
        return precision
    integers = [item for item in device.precisions if min(dtype_bits(item.input), dtype_bits(item.weight)) >= 8]
    return max(integers, key=lambda item: (item.macs_per_pe_per_cycle, dtype_bits(item.input)), default=precision)
