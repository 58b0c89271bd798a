"""What zeros are worth to a device: bytes where they are not stored, energy where MACs are gated, cycles where they are skipped.

Three capabilities, each by operand, and each worth nothing to a device without it: a dense array computes on zeros as on anything else.
Zeros of the two operands are taken to fall independently. How far uneven work leaves PEs idle follows from the profile's lanes that wait
for each other (``estimation.imbalance``), and is its ``skip_efficiency`` where there is more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from hwsim.device import Device
from hwsim.device.records import Operand
from hwsim.estimation.encodings import stored_bits
from hwsim.estimation.imbalance import longest
from hwsim.graph import Tensor
from hwsim.workload import LoopNest


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


def unused(nests: Iterable[LoopNest], device: Device) -> str | None:
    """What to say where a network has zeros that the device computes on all the same; None where there is nothing to say."""
    found = {
        operand
        for nest in nests
        for operand, density in (("input", nest.input.density), ("weight", nest.weight.density))
        if density < 1
    }
    lost = sorted(found - device.sparsity.skipped - device.sparsity.gated)
    if not lost:
        return None
    traffic = "fewer bytes off the chip" if set(lost) <= device.sparsity.compressed else "nothing"
    return f"{device.name} computes on zeros of {' and '.join(lost)} as on anything else: they gain {traffic}"


def _nonzero(nest: LoopNest, operands: Iterable[Operand]) -> float:
    densities = {"input": nest.input.density, "weight": nest.weight.density}
    return math.prod(densities[operand] for operand in set(operands) if operand in densities)
