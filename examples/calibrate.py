"""Calibrate a profile on measured layers and see what that is worth on layers it has not seen: a minute's work, here on made-up data.

With real data the rows come from ``hwsim measure``, from a profiler of a runtime, or from a table of your own.
"""

from __future__ import annotations

import random

import hwsim
from hwsim.estimation import prepare
from hwsim.validation.calibration import calibrate
from hwsim.validation.cases import Case, Cases
from hwsim.validation.comparison import compare
from hwsim.validation.measured import Measurement


def measured(model: str, chip: hwsim.Device) -> Case:
    """What a stopwatch with 3 % of noise would say about every layer of a network on a chip."""
    dice = random.Random(model)
    prepared = prepare(model)
    layers = hwsim.estimate(prepared, chip, rung="roofline").layers
    rows = tuple(Measurement(layer.name, latency_s=layer.latency_s * dice.gauss(1, 0.03)) for layer in layers)
    return Case(model, prepared, rows)


sheet = hwsim.load_device("cortex_a72")
# the chip as it really is, which nobody knows: slower than its data sheet, and with an overhead for every layer
truth = {"compute.precisions.float32.efficiency": 0.6, "memory.dram.efficiency": 0.7, "overheads.per_kernel_us": 30}
chip = hwsim.load_device("cortex_a72", [f"{key}={value}" for key, value in truth.items()])

cases = Cases(tuple(measured(model, chip) for model in ("light_squeezenet", "light_shufflenet", "light_resnet50")))
before = compare(cases, sheet, rung="roofline").statistics
found = calibrate(cases, sheet, rung="roofline", hold_out="model", samples=20)

for item in found.constants:
    print(f"{item.path:55s} {item.before:8.3g} -> {item.value:8.3g}  ({item.low:.3g} to {item.high:.3g})")
print(f"error by the data sheet           {before.mape.value:.1%}")
print(f"error on networks not seen        {found.held_out.mape.value:.1%}")
print(f"error of the guess ~ MACs         {found.baseline.mape.value:.1%}")
