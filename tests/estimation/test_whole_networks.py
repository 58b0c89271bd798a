"""Real graphs: what is summed adds up, more of a resource never takes longer, more of a task never takes less."""

from __future__ import annotations

import math
from functools import cache

import pytest

import hwsim
from hwsim.estimation import Estimate, Prepared

NETWORKS = ("light_squeezenet", "light_shufflenet", "light_inception_v1", "light_resnet50")
#: A rung of each kind that needs no search, on devices whose numbers can be changed.
PLACES = (
    ("tpu_v1", "roofline"),
    ("tpu_v1", "systolic"),
    ("edge_tpu", "roofline"),
    ("a100_sxm_80g", "roofline"),
    ("t4", "gpu"),
)
ROUNDING = 1 + 1e-9


@cache
def prepared(name: str, bits: str = "w8a8", batch: int = 1) -> Prepared:
    return hwsim.prepare(name, bits=bits, batch=batch)


@cache
def estimate(name: str, device: str, rung: str, bits: str = "w8a8", batch: int = 1, *changes: str) -> Estimate:
    return hwsim.estimate(prepared(name, bits, batch), hwsim.load_device(device, list(changes)), rung=rung)


@pytest.mark.parametrize(("device", "rung"), PLACES)
@pytest.mark.parametrize("name", NETWORKS)
def test_layers_add_up(name: str, device: str, rung: str) -> None:
    found, works = estimate(name, device, rung), prepared(name).works
    totals = found.totals
    assert math.fsum(layer.latency_s for layer in found.layers) == pytest.approx(totals.latency_s, rel=1e-12)
    assert sum(layer.macs for layer in found.layers) == totals.macs == prepared(name).complexity.macs
    assert totals.macs == sum(nest.macs for work in works for nest in work.nests)
    assert sum(layer.dram_bytes for layer in found.layers) == pytest.approx(totals.dram_bytes, rel=1e-12)
    for layer in found.layers:
        parts = [layer.traffic_bytes[memory.name] for memory in hwsim.load_device(device).memories if memory.off_chip]
        assert sum(part.read + part.write for part in parts) == pytest.approx(layer.dram_bytes)
        if layer.energy_by_j is not None:
            assert math.fsum(value or 0.0 for value in layer.energy_by_j.values()) == pytest.approx(layer.energy_j)
        assert layer.latency_s * ROUNDING >= max(layer.compute_s, 0.0)
        assert 0 <= layer.utilization <= ROUNDING
    if totals.energy_j is not None:
        assert math.fsum(layer.energy_j or 0.0 for layer in found.layers) == pytest.approx(totals.energy_j)


@pytest.mark.parametrize(("device", "rung"), PLACES)
@pytest.mark.parametrize("name", NETWORKS)
def test_more_bandwidth_and_a_faster_clock_never_take_longer(name: str, device: str, rung: str) -> None:
    plain = hwsim.load_device(device)
    (dram,) = [memory for memory in plain.memories if memory.off_chip]
    before = math.inf
    for gigabytes in (0.5, 4, 30, 31, 320, 5000):
        change = f"memory.{dram.name}.bandwidth_gb_per_s={gigabytes}"
        seconds = estimate(name, device, rung, "w8a8", 1, change).totals.latency_s
        assert seconds <= before * ROUNDING, gigabytes
        before = seconds
    before = math.inf
    for factor in (0.5, 1.0, 1.3):
        seconds = estimate(
            name, device, rung, "w8a8", 1, f"clock_mhz={plain.clock_hz * factor / 1e6!r}"
        ).totals.latency_s
        assert seconds <= before * ROUNDING, factor
        before = seconds


@pytest.mark.parametrize(("device", "rung"), PLACES)
@pytest.mark.parametrize("name", NETWORKS)
def test_more_bits_are_never_cheaper(name: str, device: str, rung: str) -> None:
    spec = ("w4a4", "w4a8", "w8a8", "w8a16", "w16a16")
    if rung == "gpu":  # its kernels of 8-bit integers start more cheaply than those of any other type, of 4 bits too
        spec = ("w8a8", "w8a16", "w16a16")
    few = estimate(name, device, rung, spec[0]).totals
    for bits in spec[1:]:
        more = estimate(name, device, rung, bits).totals
        assert more.latency_s * ROUNDING >= few.latency_s, bits
        assert more.dram_bytes >= few.dram_bytes and more.weight_bytes >= few.weight_bytes and more.bops >= few.bops
        assert more.peak_activation_bytes >= few.peak_activation_bytes and more.macs == few.macs
        if few.energy_j is not None and more.energy_j is not None:
            assert more.energy_j * ROUNDING >= few.energy_j, bits
        few = more


@pytest.mark.parametrize(("device", "rung"), PLACES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_takes_no_less_than_one(name: str, device: str, rung: str) -> None:
    """Nor more than one by one, unless its activations no longer fit on the chip."""
    one, four = (estimate(name, device, rung, "w8a8", batch).totals for batch in (1, 4))
    assert four.macs == 4 * one.macs and four.parameters == one.parameters
    assert one.latency_s <= four.latency_s * ROUNDING
    if four.dram_bytes <= 4 * one.dram_bytes and rung != "gpu":  # where other tiles can leave a longer tail
        assert four.latency_s <= 4 * one.latency_s * ROUNDING
