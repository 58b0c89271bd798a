"""Multiples of padding: found where the device fills up, left out where it does not, and written so that the profile has them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hwsim import load_device
from hwsim.device import Device
from hwsim.estimation import Prepared, estimate, prepare
from hwsim.graph import Network
from hwsim.validation.cases import Case, Cases
from hwsim.validation.measured import Measurement
from hwsim.validation.padding import MULTIPLES, calibrate_padding, with_padding
from hwsim.validation.profile import profile_text


def _odd() -> Prepared:
    """Pointwise convolutions of channels that are multiples of nothing in particular, large enough that compute binds."""
    builder = Network.builder("odd")
    for place, channels in enumerate((3, 5, 9, 12, 17, 23, 31, 33, 40, 47, 60, 65)):
        builder = builder.input(f"x{place}", (1, 64, 64, 64)).conv(channels, kernel=3, bias=False)
    return prepare(builder.build(), passes=())


NETWORK = _odd()


def _rows(device: Device, noise: float, seed: int = 1) -> Cases:
    random = np.random.default_rng(seed)
    rows = tuple(
        Measurement(layer.name, latency_s=layer.latency_s * math.exp(noise * random.standard_normal()))
        for layer in estimate(NETWORK, device, rung="roofline").layers
    )
    return Cases((Case("odd", NETWORK, rows),))


def _plain() -> Device:
    device = load_device("cortex_a72")
    return replace(device, precisions=tuple(replace(item, padded=()) for item in device.precisions))


def test_multiples_are_powers_of_two() -> None:
    assert MULTIPLES[0] == 1 and all(multiple & (multiple - 1) == 0 for multiple in MULTIPLES)
    assert list(MULTIPLES) == sorted(MULTIPLES)


@pytest.mark.parametrize("truth", [16, 1])
def test_the_multiple_that_the_device_fills_up_to_is_found(truth: int, tmp_path: Path) -> None:
    device = _plain()
    found = calibrate_padding(
        _rows(with_padding(device, {"K": truth}), 0.01), lambda _mode: device, rung="roofline", samples=5
    )
    multiples = {item.path: item.value for item in found.constants if ".padded." in item.path}
    if truth == 1:
        assert not multiples
        return
    assert multiples["compute.precisions.float32.padded.K"] == truth
    assert found.held_out.median_ape.value is not None and found.held_out.median_ape.value < 0.03
    output = tmp_path / "mine.yaml"
    output.write_text(profile_text(found, device, str(output)))
    (precision,) = (item for item in load_device(output).precisions if item.input == "float32")
    assert dict(precision.padded)["K"] == truth


@settings(max_examples=2, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.sampled_from([1, 4, 8, 16, 32, 64]), st.floats(0.001, 0.03), st.integers(0, 1000))
def test_any_multiple_is_found_through_noise(truth: int, noise: float, seed: int) -> None:
    device = _plain()
    rows = _rows(with_padding(device, {"K": truth}), noise, seed)
    found = calibrate_padding(rows, lambda _mode: device, rung="roofline", samples=1)
    chosen = {item.value for item in found.constants if ".padded.K" in item.path}
    assert chosen == ({truth} if truth > 1 else set())
