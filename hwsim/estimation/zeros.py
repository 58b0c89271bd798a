"""What zeros are worth to a device: bytes where they are not stored, energy where MACs are gated, cycles where they are skipped.

Three capabilities, each by operand, and each worth nothing to a device without it: a dense array computes on zeros as on anything else.
Zeros of the two operands are taken to fall independently, and skipping to keep all PEs equally busy, which real chips only approach.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from hwsim.device import Device
from hwsim.device.records import Operand
from hwsim.graph import Tensor
from hwsim.workload import LoopNest


def mac_share(nest: LoopNest, device: Device) -> float:
    """Share of the MACs of a nest that switch [1]: those with a zero in a gated or skipped operand do not."""
    return _nonzero(nest, device.sparsity.gated | device.sparsity.skipped)


def cycle_share(nest: LoopNest, device: Device) -> float:
    """Share of the MACs of a nest that take time [1]: those with a zero in a skipped operand do not."""
    return _nonzero(nest, device.sparsity.skipped)


def stored_share(tensor: Tensor, operand: Operand, device: Device) -> float:
    """Size of a tensor off the chip over its dense size [1], at most 1.

    Compressed operands are stored as one bit an element that tells zeros from others, and the others (sizes of run-length and other codes
    lie within some per cent of that). They are expanded on the way in: nothing changes inside of the chip.
    """
    if operand not in device.sparsity.compressed or not tensor.bits:
        return 1.0
    return min(1.0, tensor.density + 1 / tensor.bits)


def _nonzero(nest: LoopNest, operands: Iterable[Operand]) -> float:
    densities = {"input": nest.input.density, "weight": nest.weight.density}
    return math.prod(densities[operand] for operand in set(operands) if operand in densities)
