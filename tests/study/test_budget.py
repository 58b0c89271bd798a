"""HCM's worked example and its workflow; Karbachevsky et al., Sustainability 13(2):717, 2021, doi:10.3390/su13020717."""

from __future__ import annotations

import json
import math

import pytest

import hwsim
from hwsim.cli import main
from hwsim.errors import UsageError
from hwsim.study import budget, needed
from hwsim.study.budget import buffer_area_mm2

#: ResNet-18's layer 11: 3×3, 256 to 256 channels, 14×14 outputs.
LAYER = hwsim.Network.builder("l11").input("x", (1, 256, 14, 14)).conv(256, kernel=3, bias=False).build()
WITHIN = {"area_mm2": 1.0, "clock_hz": 800e6, "bandwidth_bit_per_s": 153.6e9}


@pytest.mark.parametrize(
    ("bits", "pes", "peak", "intensity", "attained", "bound"),
    [
        (16, 196, 1568, 11.63, 1568, "compute"),
        (8, 676, 5408, 23.26, 3573, "memory"),
        (4, 1849, 14792, 46.53, 7147, "memory"),
    ],
)
def test_worked_example(bits: int, pes: int, peak: float, intensity: float, attained: float, bound: str) -> None:
    found = budget(LAYER, bits, **WITHIN)
    (layer,) = found.layers
    assert (found.pes, layer.bound_by) == (pes, bound)
    assert found.peak_op_per_s / 1e9 == pytest.approx(peak, abs=0.5)
    assert layer.intensity_op_per_bit == pytest.approx(intensity, abs=0.005)
    assert layer.attained_op_per_s / 1e9 == pytest.approx(attained, abs=0.5)
    assert not found.extrapolated
    assert layer.groups == (-(-256 // found.side)) ** 2


def test_few_channels_leave_pes_idle() -> None:
    narrow = hwsim.Network.builder("n").input("x", (1, 4, 14, 14)).conv(8, kernel=3, bias=False).build()
    found = budget(narrow, 4, **(WITHIN | {"bandwidth_bit_per_s": 1e15}))
    (layer,) = found.layers
    assert (layer.bound_by, layer.idle_pes, layer.partial_bits) == ("channels", 1849 - 32, 0)
    assert layer.latency_s == pytest.approx(14 * 14 / 800e6)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_back_is_the_inverse_of_forth(bits: int) -> None:
    back = needed(LAYER, bits, latency_s=2e-4, clock_hz=800e6)
    there = WITHIN | {"area_mm2": back.area_mm2 * (1 + 1e-9), "bandwidth_bit_per_s": back.bandwidth_bit_per_s}
    assert budget(LAYER, bits, **there).latency_s <= 2e-4
    slower = there | {"bandwidth_bit_per_s": back.bandwidth_bit_per_s * 0.999}
    assert budget(LAYER, bits, **slower).latency_s > 2e-4
    smaller = there | {"area_mm2": back.area_mm2 * ((back.side - 1) / back.side) ** 2 * 1.0001}
    assert budget(LAYER, bits, **(smaller | {"bandwidth_bit_per_s": 1e18})).latency_s > 2e-4


def test_a_buffer_takes_area_and_keeps_sums() -> None:
    plain, buffered = budget(LAYER, 8, **WITHIN), budget(LAYER, 8, **WITHIN, buffer_bytes=32 * 1024)
    assert buffered.buffer_mm2 == buffer_area_mm2(32 * 1024) > 0.01
    assert buffered.side == math.isqrt(math.floor((1 - buffered.buffer_mm2) * 1e6 / plain.pe_um2)) < plain.side
    # a block of 26 outputs of 14 x 14 sums of about 27 bits is 17 kB
    assert plain.layers[0].partial_bits > 0 == buffered.layers[0].partial_bits
    assert budget(LAYER, 8, **WITHIN, buffer_bytes=8 * 1024).layers[0].partial_bits > 0
    back = needed(LAYER, 8, latency_s=2e-4, clock_hz=800e6, buffer_bytes=32 * 1024)
    there = {"area_mm2": back.area_mm2 * (1 + 1e-9), "bandwidth_bit_per_s": back.bandwidth_bit_per_s}
    assert budget(LAYER, 8, **(WITHIN | there), buffer_bytes=32 * 1024).latency_s <= 2e-4
    assert back.area_mm2 == needed(LAYER, 8, latency_s=2e-4, clock_hz=800e6).area_mm2 + back.buffer_mm2
    with pytest.raises(UsageError, match="beside a buffer"):
        budget(LAYER, 8, **WITHIN, buffer_bytes=64 << 20)


def test_no_array_makes_what_channels_forbid() -> None:
    assert needed(LAYER, 8, latency_s=1e-9, clock_hz=800e6).side == 0


def test_mistakes_are_said() -> None:
    with pytest.raises(UsageError, match="holds no PE"):
        budget(LAYER, 16, **(WITHIN | {"area_mm2": 1e-4}))
    with pytest.raises(UsageError, match="bits"):
        budget(LAYER, 0, **WITHIN)
    with pytest.raises(UsageError, match="clock_hz"):
        budget(LAYER, 8, **(WITHIN | {"clock_hz": -1.0}))


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["budget", "light_squeezenet", "--area-mm2", "1", "--clock-mhz", "800", "--bandwidth-gbit", "153.6"]
    assert main([*command, "--bits", "4,8,32", "--target-latency-s", "1e-9"]) == 1
    out = capsys.readouterr().out
    assert "extrapolation" in out and "does not make it" in out
    assert main([*command, "--bits", "8", "--format", "json", "--target-latency-s", "0.1"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "hwsim/budget/1" and record["budgets"][0]["pes"] == 676
    assert main([*command, "--bits", "8,x"]) == 2
