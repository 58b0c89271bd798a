"""What zeros are worth to a device: bytes where they are not stored, energy where MACs are gated, cycles where they are skipped.

Three capabilities, each by operand, and each worth nothing to a device without it: a dense array computes on zeros as on anything else.
Zeros of the two operands are taken to fall independently. How far uneven work leaves PEs idle follows from the profile's lanes that wait
for each other and, where they were counted, from the zeros of each output's weights (``estimation.imbalance``), and is its
``skip_efficiency`` where there is more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from hwsim.device import Device
from hwsim.device.records import Operand
from hwsim.estimation.encodings import stored_bits
from hwsim.estimation.imbalance import counted, longest
from hwsim.graph import Tensor
from hwsim.workload import LoopNest

#: Rungs whose PEs pass operands on in step.
IN_STEP = ("systolic", "row_stationary")


def mac_share(nest: LoopNest, device: Device) -> float:
    """Share of the MACs of a nest that switch [1]: those with a zero in a gated or skipped operand do not."""
    return _nonzero(nest, device.sparsity.gated | device.sparsity.skipped)


def access_shares(nest: LoopNest, device: Device) -> dict[Operand, float]:
    """Share of the accesses beside the MACs that happen, by operand [1]: a MAC that does not happen takes no operands.

    A skipped MAC reads nothing. A gated one is known by the zero it has read: it does not read the other operand, and its sum, which
    it would not change, is neither read nor written.
    """
    skipped, gated = device.sparsity.skipped, device.sparsity.gated
    of: dict[Operand, frozenset[Operand]] = {
        "input": skipped | (gated - {"input"}),
        "weight": skipped | (gated - {"weight"}),
        "output": skipped | gated,
    }
    return {operand: _nonzero(nest, zeros) for operand, zeros in of.items()}


def cycle_share(nest: LoopNest, device: Device) -> float:
    """Share of the MACs of a nest that take time [1]: those with a zero in a skipped operand do not."""
    sparsity = device.sparsity
    share = _nonzero(nest, sparsity.skipped)
    if share == 1:
        return 1.0
    if sparsity.lanes > 1:
        window = min(sparsity.sync_macs, -(-nest.macs // sparsity.lanes))
        nonzeros = nest.weight.nonzeros
        if "weight" in sparsity.skipped and len(nonzeros) == nest.g * nest.k:
            other = _nonzero(nest, sparsity.skipped - {"weight"})
            share = counted(nonzeros, nest.c * nest.s * nest.r, sparsity.lanes, window, other)
        else:
            share = longest(window, share, sparsity.lanes) / window
    return min(1.0, share / sparsity.skip_efficiency)


def stored_share(tensor: Tensor, operand: Operand, device: Device) -> float:
    """Size of a tensor off the chip over its dense size [1], at most 1.

    Compressed operands are stored in the profile's ``encoding``, or as they are where that is smaller, and expanded on the way in: nothing
    changes inside of the chip. Only weights are pruned to a pattern.
    """
    if operand not in device.sparsity.compressed or not tensor.bits:
        return 1.0
    sparsity = device.sparsity
    if sparsity.encoding == "bitmask":
        return min(1.0, tensor.density + 1 / tensor.bits)
    pattern = sparsity.structured or (2, 4)
    if sparsity.encoding == "n_m" and (operand != "weight" or tensor.density > pattern[0] / pattern[1]):
        return 1.0
    columns = tensor.shape[-1] if tensor.shape else 1
    stored = stored_bits(
        sparsity.encoding, tensor.elements, tensor.bits, tensor.density, columns=columns, pattern=pattern
    )
    return min(1.0, stored / (tensor.elements * tensor.bits)) if tensor.elements else 1.0


def unused(nests: Iterable[LoopNest], device: Device, rung: str) -> tuple[str, ...]:
    """What to say where a network has zeros that the device computes on all the same, or that a rung gives it no time for."""
    found = {
        operand
        for nest in nests
        for operand, density in (("input", nest.input.density), ("weight", nest.weight.density))
        if density < 1
    }
    said = []
    lost = sorted(found - device.sparsity.skipped - device.sparsity.gated)
    if lost:
        traffic = "fewer bytes off the chip" if set(lost) <= device.sparsity.compressed else "nothing"
        said.append(f"{device.name} computes on zeros of {' and '.join(lost)} as on anything else: they gain {traffic}")
    skipped = sorted(found & device.sparsity.skipped)
    if skipped and rung in IN_STEP:
        said.append(
            f"{device.name} skips zeros of {' and '.join(skipped)}, which saves energy here but no cycles: in the {rung} model operands "
            "pass from PE to PE in step, and none can go ahead (roofline and mapping count what skipping saves)"
        )
    return tuple(said)


def _nonzero(nest: LoopNest, operands: Iterable[Operand]) -> float:
    densities = {"input": nest.input.density, "weight": nest.weight.density}
    return math.prod(densities[operand] for operand in set(operands) if operand in densities)
