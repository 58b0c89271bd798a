"""Multiples of padding: found where the device fills up, left out where it does not, and written so that the profile has them."""

from __future__ import annotations

import math
from collections.abc import Callable
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
from hwsim.validation import padding
from hwsim.validation.calibration import Calibration, Fitted
from hwsim.validation.cases import Case, Cases
from hwsim.validation.constants import entry_name
from hwsim.validation.measured import Measurement
from hwsim.validation.padding import MULTIPLES, calibrate_padding, with_padding
from hwsim.validation.profile import profile_text
from hwsim.validation.statistics import NAMES, Figure, Statistics


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
    assert MULTIPLES == (1, 4, 8, 16, 32, 64)


def _found(error: float | None, in_sample: float | None = None) -> Calibration:
    nothing = Statistics(9, *[Figure(None)] * len(NAMES))
    held, inside = (replace(nothing, median_ape=Figure(value)) for value in (error, in_sample))
    constant = Fitted("overheads.per_kernel_us", 1.0, 2.0, 1.0, 3.0, 9)
    return Calibration("base", "roofline", (constant,), (), 7, "layer", 5, held, inside, nothing, nothing, notes=("a",))


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ({}, {}),
        ({(4, 1): 0.91}, {}),  # less than a tenth better
        ({(4, 1): 0.9}, {}),  # just a tenth
        ({(4, 1): 0.89}, {"K": 4}),
        ({(4, 1): 0.5, (8, 1): 0.46, (64, 1): 0.44}, {"K": 64}),  # each beside the best so far
        ({(1, 64): 0.5}, {"C": 64}),
        ({(16, 1): 0.5, (16, 8): 0.1, (1, 8): 0.0}, {"K": 16, "C": 8}),  # C is tried with the K that was kept
        ({(16, 1): 0.5, (1, 16): 0.1}, {"K": 16}),
    ],
)
def test_a_multiple_is_kept_where_it_leaves_a_tenth_less(
    monkeypatch: pytest.MonkeyPatch, errors: dict[tuple[int, int], float], chosen: dict[str, int]
) -> None:
    tried: list[tuple[int, int]] = []

    def calibrated(found: Cases, device: Callable[[str], Device], **settings: object) -> Calibration:
        assert settings == {"samples": 3}
        (padded,) = {item.padded for item in device("mode").precisions}
        sizes = dict(padded)
        tried.append((sizes.get("K", 1), sizes.get("C", 1)))
        return _found(errors.get(tried[-1], 1.0))

    monkeypatch.setattr(padding, "calibrate", calibrated)
    device = _plain()
    best = calibrate_padding(Cases(()), lambda _mode: device, samples=3)
    first = chosen.get("K", 1)
    assert tried == [(1, 1), *((k, 1) for k in MULTIPLES[1:]), *((first, c) for c in MULTIPLES[1:])]
    kept = [Fitted(f"compute.precisions.{entry_name(item)}.padded.{dim}", 1, size, size, size, 7)
            for item in device.precisions for dim, size in chosen.items()]  # fmt: skip
    assert list(best.constants[1:]) == kept
    assert best.notes[0] == "a" and len(best.notes) == (2 if chosen else 1)


def test_where_nothing_is_held_out_the_rows_themselves_say_the_error() -> None:
    assert padding._error(_found(0.25, 9.0)) == 0.25 and padding._error(_found(0.0, 9.0)) == 0.0
    assert padding._error(_found(None, 0.5)) == 0.5 and padding._error(_found(None)) == 0.0


def test_a_multiple_of_one_is_none_and_others_stay() -> None:
    device = with_padding(_plain(), {"P": 2, "K": 8})
    assert {item.padded for item in device.precisions} == {(("P", 2), ("K", 8))}
    assert {item.padded for item in with_padding(device, {"K": 1, "C": 4}).precisions} == {(("P", 2), ("C", 4))}
    assert {item.padded for item in with_padding(device, {}).precisions} == {(("P", 2), ("K", 8))}


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
