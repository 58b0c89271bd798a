"""GPUs calibrated: a rung that takes the best of several tiles, seen as sums near the values of its constants."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim import load_device
from hwsim.cli import main
from hwsim.device import Device
from hwsim.estimation import Prepared, estimate, prepare
from hwsim.graph import Network
from hwsim.validation import sensitivity
from hwsim.validation.calibration import calibrate
from hwsim.validation.cases import Case, Cases
from hwsim.validation.measured import Measurement
from hwsim.validation.sensitivity import RUNGS, _constants, _kind, changed, near
from hwsim.validation.terms import Terms, pooled
from hwsim.workload import LoopNest, OperandType, Work

BASE = "t4"


def _products() -> Prepared:
    """Products that compute binds, elementwise layers that memory binds, and small ones of which most is the launch."""
    builder = Network.builder("products")
    for place, (rows, side) in enumerate(
        ((512, 1024), (2048, 1024), (512, 4096), (4096, 2048), (64, 512), (1024, 768))
    ):
        builder = builder.input(f"x{place}", (rows, side)).dense(side, bias=False)
    for place, side in enumerate((256, 1024, 2048, 4096, 6144)):
        builder = builder.input(f"e{place}", (side, side)).activation("Neg")
        builder = builder.input(f"s{place}", (side // 16, 64)).activation("Tanh")
    return prepare(builder.build(), passes=())


PRODUCTS = _products()


def _cases(truth: dict[str, float], noise: float, seed: int) -> Cases:
    layers = estimate(PRODUCTS, load_device(BASE, [f"{path}={value}" for path, value in truth.items()])).layers
    random = np.random.default_rng(seed)
    rows = tuple(
        Measurement(layer.name, latency_s=layer.latency_s * math.exp(noise * random.standard_normal()))
        for layer in layers
    )
    return Cases((Case("products", PRODUCTS, rows),))


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    efficiency=st.floats(0.4, 0.85),
    bandwidth=st.floats(0.5, 0.85),
    overhead_us=st.floats(1.0, 12.0),
    noise=st.floats(0.005, 0.04),
    seed=st.integers(0, 1000),
)
def test_constants_of_a_gpu_lie_in_their_intervals(
    efficiency: float, bandwidth: float, overhead_us: float, noise: float, seed: int
) -> None:
    truth = {
        "compute.precisions.float32.efficiency": efficiency,
        "memory.dram.efficiency": bandwidth,
        "overheads.per_kernel_us": overhead_us,
    }
    found = calibrate(_cases(truth, noise, seed), load_device(BASE), samples=20, only=tuple(truth))
    assert found.rung == "gpu"
    fitted = {item.path: item for item in found.constants}
    assert set(fitted) == set(truth)
    for path, value in truth.items():
        item = fitted[path]
        # the intervals are of 99 %, and the search looks for the worst
        slack = 0.5 * (item.high - item.low) + 0.01 * value
        assert item.low - slack <= value <= item.high + slack, path
    assert found.held_out.mape.value is not None and found.held_out.mape.value < 4 * noise + 0.02
    assert not found.worse


@pytest.mark.parametrize("values", [{}, {"memory.dram.efficiency": 0.5, "overheads.per_kernel_us": 0.0}])
def test_parts_make_the_whole_where_they_were_seen(values: dict[str, float]) -> None:
    device = load_device(BASE)
    apart = near(PRODUCTS, device, "gpu", values)
    expected = [layer.latency_s for layer in estimate(PRODUCTS, changed(device, values)).layers]
    assert np.allclose(apart.latency(values), expected)
    assert all((part.seconds >= 0).all() for part in apart.parts)
    slow = {**values, "compute.precisions.float32.efficiency": 0.4}
    (alike,) = pooled((apart,), frozenset())  # all classes of work at the common share
    seen = dict(zip(apart.names, alike.latency(slow), strict=True))
    true = {layer.name: layer.latency_s for layer in estimate(PRODUCTS, changed(device, slow)).layers}
    largest = max(true, key=lambda name: true[name] if name.startswith("dense") else 0.0)
    assert seen[largest] == pytest.approx(true[largest], rel=0.1)


def test_classes_of_work_have_shares_of_their_own() -> None:
    """Windows at 0.4 of the peak, 1x1 convolutions at 0.8, products at what the profile says."""
    builder = Network.builder("mixed")
    for place, (channels, size) in enumerate(((128, 56), (256, 28), (512, 14), (256, 56), (128, 112), (512, 28))):
        builder = builder.input(f"w{place}", (8, channels, size, size)).conv(channels, bias=False)
        builder = builder.input(f"p{place}", (8, 4 * channels, size, size)).conv(channels, kernel=1, bias=False)
        builder = builder.input(f"m{place}", (16 * size, 4 * channels)).dense(2048, bias=False)
    mixed = prepare(builder.build(), passes=())
    path = "compute.precisions.float32.by_class."
    truth = {f"{path}window_3x3": 0.4, f"{path}pointwise": 0.8}
    layers = estimate(mixed, load_device(BASE, [f"{key}={value}" for key, value in truth.items()])).layers
    rows = tuple(Measurement(layer.name, latency_s=layer.latency_s) for layer in layers)
    found = calibrate(Cases((Case("mixed", mixed, rows),)), load_device(BASE), samples=5)
    fitted = {item.path: item.value for item in found.constants}
    assert fitted[f"{path}window_3x3"] == pytest.approx(0.4, rel=0.05)
    assert found.held_out.mape.value is not None and found.uncalibrated.mape.value is not None
    assert found.held_out.mape.value < found.uncalibrated.mape.value / 3


def test_what_binds_may_change_on_the_way() -> None:
    truth = {
        "compute.precisions.float32.efficiency": 0.1,
        "memory.dram.efficiency": 0.3,
        "overheads.per_kernel_us": 40.0,
    }
    found = calibrate(_cases(truth, 0.0, 0), load_device(BASE), samples=2, only=tuple(truth))
    assert found.in_sample.mape.value is not None and found.in_sample.mape.value < 0.02
    assert {item.path: item.value for item in found.constants} == pytest.approx(truth, rel=0.1)


def test_nothing_changed_is_the_same_device() -> None:
    device = load_device(
        BASE, ["overheads.per_kernel_us=3", "overheads.per_inference_us=5", "memory.dram.efficiency=0.7"]
    )
    same = changed(device, {})
    assert (same.precisions, same.memories) == (device.precisions, device.memories)
    assert same.overheads.kernel_s == pytest.approx(3e-6) and same.overheads.inference_s == pytest.approx(5e-6)
    assert same.vector is not None and device.vector is not None
    assert same.vector.ops_per_s == pytest.approx(device.vector.ops_per_s)


def test_what_can_matter_to_a_network() -> None:
    """Bandwidths that are known either way, rates of the functions that it has, and both overheads, beside its classes of work."""
    device = load_device(BASE)
    rates = {"both": (1e9, None, None), "in": (None, 1e9, None), "out": (None, None, 1e9), "free": (None, None, None)}
    memories = [
        replace(device.memories[-1], name=name, shared_bandwidth=shared, read_bandwidth=read, write_bandwidth=write)
        for name, (shared, read, write) in rates.items()
    ]
    assert device.vector is not None
    told = replace(device.vector, by_function={"tanh": 1e12, "exp": 1e12})
    found = [item.path for item in _constants(PRODUCTS, replace(device, memories=tuple(memories), vector=told))]
    assert found == [
        "memory.both.efficiency", "memory.in.efficiency", "memory.out.efficiency",
        "compute.vector.ops_per_cycle", "compute.vector.by_function.tanh", "overheads.per_kernel_us", "overheads.per_inference_us",
    ]  # fmt: skip
    assert "compute.vector" not in "".join(item.path for item in _constants(PRODUCTS, replace(device, vector=None)))


def test_a_changed_device_is_the_one_with_overrides() -> None:
    values = {
        "compute.precisions.float16.efficiency": 0.5,
        "compute.precisions.float16.by_class.pointwise": 0.4,
        "memory.l2.efficiency": 0.25,
        "compute.vector.ops_per_cycle": 99.0,
        "compute.vector.by_function.exp": 7.0,
        "overheads.per_inference_us": 3.0,
    }
    one = changed(load_device(BASE), values)
    other = load_device(BASE, [f"{path}={value}" for path, value in values.items()])
    for part in ("precisions", "memories", "vector", "overheads"):
        assert getattr(one, part) == getattr(other, part)


def test_measurements_of_a_gpu_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = estimate("light_squeezenet", load_device(BASE, ["overheads.per_kernel_us=9"])).layers
    table = tmp_path / "gpu.csv"
    table.write_text("name,latency_us\n" + "".join(f"{layer.name},{layer.latency_s * 1e6}\n" for layer in layers))
    output = tmp_path / "mine.yaml"
    arguments = ("calibrate", "light_squeezenet", "--measured", str(table), "--device", BASE, "--samples", "5")
    assert main((*arguments, "--output", str(output), "--format", "json")) == 0
    record = json.loads(capsys.readouterr().out)
    record = record[0] if isinstance(record, list) else record
    assert record["rung"] == "gpu" and record["held_out"]["mape"]["value"] < 0.01
    assert load_device(output).overheads.kernel_s == pytest.approx(9e-6, rel=0.02)


def _parts(apart: Terms) -> dict[str, list[float]]:
    return {part.constant.path if part.constant else "": part.seconds.tolist() for part in apart.parts}


def test_what_goes_with_each_constant_by_how_the_time_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that take 2 us + 3 us / bandwidth + 5 kernels + 7 inferences each: the parts are just these, at any values."""
    device = load_device(BASE)
    layers = len(PRODUCTS.priced)
    paths = ("memory.dram.efficiency", "overheads.per_kernel_us", "overheads.per_inference_us")
    start = {path: next(item.value for item in _constants(PRODUCTS, device) if item.path == path) for path in paths}

    def times(prepared: Prepared, chip: Device, rung: str, values: Mapping[str, float]) -> np.ndarray:  # type: ignore[type-arg]
        rate, kernel, inference = (values.get(path, start[path]) for path in paths)
        return np.arange(1.0, layers + 1) * (2e-6 + 3e-6 / rate + 5e-6 * kernel + 7e-6 * inference)

    monkeypatch.setattr(sensitivity, "_times", times)
    for values in ({}, {paths[0]: 0.4, paths[1]: 3.0}):
        found = _parts(near(PRODUCTS, device, "gpu", values))
        assert set(found) == {*paths, ""}
        for path, seconds in zip(paths, (3e-6, 5e-6, 7e-6), strict=True):
            assert found[path] == pytest.approx([seconds * place for place in range(1, layers + 1)], rel=1e-6)
        assert found[""] == pytest.approx([2e-6 * place for place in range(1, layers + 1)], rel=1e-6)
    assert near(PRODUCTS, device, "gpu", {}).names == tuple(layer.name for layer, _ in PRODUCTS.priced)
    assert {part.group for part in near(PRODUCTS, device, "gpu", {}).parts} == {"added"}


def test_seconds_that_two_constants_claim_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either of two rates explains all of the time: each gets a half, nothing is left. A time that falls is not explained."""
    device = load_device(BASE)
    layers, rates = len(PRODUCTS.priced), ("memory.dram.efficiency", "memory.l2.efficiency")
    start = {path: next(item.value for item in _constants(PRODUCTS, device) if item.path == path) for path in rates}

    def times(prepared: Prepared, chip: Device, rung: str, values: Mapping[str, float]) -> np.ndarray:  # type: ignore[type-arg]
        slower = max(start[path] / values.get(path, start[path]) for path in rates)
        return np.full(layers, 8e-6 * slower) - 1e-6 * values.get("overheads.per_kernel_us", 0.0)

    monkeypatch.setattr(sensitivity, "_times", times)
    found = _parts(near(PRODUCTS, device, "gpu", {}))
    assert set(found) == {*rates, ""}
    for path in rates:
        assert found[path] == pytest.approx([4e-6 * start[path]] * layers)
    assert found[""] == pytest.approx([0.0] * layers, abs=1e-15)


def test_only_classes_that_a_network_has_are_looked_at() -> None:
    """The common share beside each; nothing of precisions that no layer runs at; the class of most of a layer's work."""
    device = load_device(BASE)
    kinds = {
        (precision.input, name)
        for _, work in PRODUCTS.priced
        if (kind := _kind(work, device))
        for precision, name in [kind]
    }
    assert kinds == {("float32", "matrix")} and _kind(Work(), device) is None
    apart = near(PRODUCTS, device, "gpu", {})
    shares = [part for part in apart.parts if part.constant and ".by_class." in part.constant.path]
    assert [(part.constant.path, part.common.path) for part in shares if part.constant and part.common] == [
        ("compute.precisions.float32.by_class.matrix", "compute.precisions.float32.efficiency")
    ]
    products = [layer.op == "Gemm" for layer, _ in PRODUCTS.priced]
    assert all(seconds == 0 or product for seconds, product in zip(shares[0].seconds, products, strict=True))
    assert set(RUNGS) == {"gpu"}
    mixed = Work((LoopNest(c=8, k=8, p=8), LoopNest(c=8, k=8, q=8, p=8, s=3, r=3)))
    found = _kind(
        replace(
            mixed,
            nests=tuple(
                replace(nest, input=OperandType("float32"), weight=OperandType("float32")) for nest in mixed.nests
            ),
        ),
        device,
    )
    assert found is not None and found[1] == "window_3x3"
