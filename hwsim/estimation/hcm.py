"""The roofline in operations per bit, as HCM draws it: the same model in other units.

Karbachevsky et al., "Early-Stage Neural Network Hardware Performance Analysis," Sustainability 13(2):717, 2021,
doi:10.3390/su13020717. A k×k kernel is k²+1 operations there: its products and one accumulation.
"""

from __future__ import annotations

from dataclasses import replace

from hwsim.device import Device, precision_for
from hwsim.estimation.records import LayerEstimate
from hwsim.workload import LoopNest, Work
from hwsim.workload.hcm import operations


def bit_view(layer: LayerEstimate, work: Work, device: Device) -> LayerEstimate:
    """The layer with its roofline point: operations, traffic [bit], intensity [op/bit], peak and attained rate [op/s].

    The peak is what the device could do on this layer's kernels with every PE busy.
    """
    done = sum(operations(nest) for nest in work.nests)
    moved = 8 * layer.dram_bytes
    least = sum(nest.macs / _mac_rate(nest, device) for nest in work.nests)
    extra = {
        "operations": done,
        "traffic_bits": moved,
        "intensity_op_per_bit": done / moved if moved else 0.0,
        "peak_op_per_s": done / least if least else 0.0,
        "attained_op_per_s": done / layer.latency_s if layer.latency_s else 0.0,
    }
    return replace(layer, extra=extra)


def _mac_rate(nest: LoopNest, device: Device) -> float:
    """MACs per second with every PE busy [1/s]; an HCM element finishes one kernel a cycle however small it is."""
    precision, _ = precision_for(device, nest.input.dtype, nest.weight.dtype)
    rate = device.array.pes * precision.macs_per_pe_per_cycle * device.clock_hz
    if device.pe_kernel is None:
        return rate
    height, width = device.pe_kernel
    passes = -(-nest.s // height) * -(-nest.r // width)
    return rate * nest.s * nest.r / (passes * height * width)
