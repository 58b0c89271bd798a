"""The cpu rung taken apart, fitted, and what a machine says of itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwsim import load_device
from hwsim.cost.cpu import core_of, cycles
from hwsim.device import Device
from hwsim.estimation import estimate, prepare
from hwsim.graph import Network
from hwsim.validation.calibration import calibrate
from hwsim.validation.cases import Case, Cases
from hwsim.validation.constants import of_key
from hwsim.validation.machine import caches, clock_of, machine
from hwsim.validation.measured import Measurement
from hwsim.validation.profile import profile_text
from hwsim.validation.terms import terms

BASE = "generic_x86_server_core"
TRUTH = {
    "clock_mhz": 3000.0,
    "compute.precisions.float32.efficiency": 0.8,
    "memory.l3.efficiency": 0.4,
    "overheads.per_kernel_us": 3.0,
    "kernels.tile_cycles": 30.0,
    "compute.vector.by_function.pool": 5.0,
}
NETWORKS = {name: prepare(name) for name in ("light_squeezenet", "light_shufflenet")}


def _cases(noise: float, *changes: str) -> Cases:
    device = load_device(BASE, [*(f"{path}={value}" for path, value in TRUTH.items()), *changes])
    generator = np.random.default_rng(1)
    found = []
    for name, prepared in NETWORKS.items():
        layers = estimate(prepared, device).layers
        rows = [
            Measurement(layer.name, latency_s=layer.latency_s * math.exp(noise * generator.standard_normal()))
            for layer in layers
        ]
        rows.append(Measurement(name, scope="model", latency_s=sum(layer.latency_s for layer in layers)))
        found.append(Case(name, prepared, tuple(rows)))
    return Cases(tuple(found))


def test_parts_make_the_whole_again() -> None:
    device = load_device(BASE)
    for prepared in NETWORKS.values():
        apart = terms(prepared, device, "cpu")  # raises where they do not
        expected = [layer.latency_s for layer in estimate(prepared, device).layers]
        assert np.allclose(apart.latency({}), expected)
        paths = {part.constant.path for part in apart.parts if part.constant is not None}
        assert {"kernels.tile_cycles", "memory.l3.by_operand.weight", "overheads.per_kernel_us"} <= paths


def test_an_inference_takes_its_own_time_once() -> None:
    prepared = NETWORKS["light_squeezenet"]
    device = load_device(BASE, ["overheads.per_inference_us=500"])
    apart = terms(prepared, device, "cpu")
    expected = [layer.latency_s for layer in estimate(prepared, device).layers]
    assert np.allclose(apart.latency({}), expected)
    without = apart.latency({"overheads.per_inference_us": 0.0})
    assert (apart.latency({}) - without).sum() == pytest.approx(500e-6)


def test_a_fit_finds_the_constants_of_a_core(tmp_path: Path) -> None:
    found = _cases(0.02)
    fitted = calibrate(found, load_device(BASE, ["clock_mhz=3000"]), samples=10, hold_out="layer")
    assert fitted.rung == "cpu"
    assert fitted.in_sample.mape.value is not None and fitted.in_sample.mape.value < 0.03
    assert fitted.held_out.mape.value is not None and fitted.held_out.mape.value < 0.08
    assert not fitted.worse
    intervals = {item.path: (item.low, item.high) for item in fitted.constants}
    for path, truth in TRUTH.items():
        assert path == "clock_mhz" or intervals[path][0] <= truth <= intervals[path][1], path
    low, high = intervals["compute.precisions.float32.by_class.pointwise"]
    assert low <= 0.8 <= high and high - low < 0.06
    output = tmp_path / "mine.yaml"
    output.write_text(
        profile_text(fitted, load_device(BASE), str(output), machine=["clock_mhz=3000"]), encoding="utf-8"
    )
    mine = load_device(output)
    assert mine.clock_hz == 3e9
    for name, prepared in NETWORKS.items():
        truth = sum(row.latency_s or 0 for row in found.cases[list(NETWORKS).index(name)].rows if row.scope != "model")
        assert estimate(prepared, mine).totals.latency_s == pytest.approx(truth, rel=0.05)


def test_a_machine_says_its_caches_and_its_products_the_clock(tmp_path: Path) -> None:
    for index, (kind, level, size) in enumerate(
        [
            ("Data", 1, "48K"),
            ("Instruction", 1, "64K"),
            ("Unified", 2, "2M"),
            ("Unified", 3, "64M"),
            ("Odd", 4, "x"),
            ("Unified", 5, "1G"),
        ]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, value in (("type", kind), ("level", level), ("size", size)):
            (folder / name).write_text(f"{value}\n")
    sizes = caches(tmp_path)
    assert sizes == {1: 48 * 1024, 2: 2 * 1024**2, 3: 64 * 1024**2, 5: 1024**3}
    assert caches(tmp_path / "none") == {}
    found = _cases(0.0, "compute.precisions.float32.efficiency=1", "kernels.tile_cycles=0")
    clock = clock_of(found.cases, load_device(BASE))
    assert clock is not None and 2.7e9 < clock <= 3.0e9
    told = machine(found.cases, lambda given: load_device(BASE, given), sizes)
    keys = dict(text.split("=") for text in told.overrides)
    assert keys["memory.l1.capacity_kib"] == "48" and keys["memory.l2.capacity_kib"] == "2048"
    assert int(keys["memory.l3.capacity_kib"]) in {size * 1024 for size in (8, 16, 32, 64)}
    assert machine(found.cases, lambda given: load_device("cortex_a72", given), sizes).overrides == ()


def test_a_small_outermost_cache_is_taken_as_it_is() -> None:
    """Of a cache of 6 MiB none of the sizes that are tried fits: all of it serves this core. Without a size the profile's is the most."""
    found = _cases(0.0)
    few = [replace(case, rows=case.rows[:12]) for case in found.cases[:1]]
    for size, tried in ((6 * 1024**2 + 5, ["6144"]), (1024**2 - 1, ["1024"]), (20 * 1024**2, ["8192", "16384"])):
        said: list[str] = []
        told = machine(few, lambda given: load_device(BASE, given), {3: size}, said.append)
        keys = dict(text.split("=") for text in told.overrides)
        assert keys["memory.l3.capacity_kib"] in tried and len(said) == len(tried)
        assert "memory.l1.capacity_kib" not in keys  # nobody said
        clock = clock_of(few, load_device(BASE))
        assert clock is not None and float(keys["clock_mhz"]) == pytest.approx(clock / 1e6, abs=0.5)
        assert told.notes[-1].endswith(f"by the fit of {len(tried)} sizes")
    nothing = machine([], lambda given: load_device(BASE, given), {1: 48 * 1024, 2: 2 * 1024**2, 3: 64 * 1024**2})
    assert nothing.overrides == (
        "memory.l1.capacity_kib=48",
        "memory.l2.capacity_kib=2048",
    )  # without products neither clock nor share
    device = load_device(BASE)
    own = [memory for memory in device.memories if memory.type == "cache"][-1].capacity or 0
    for sizes, most in (({}, own), ({3: 200 * 1024**2}, 200 * 1024**2)):
        said = []
        machine(few, lambda given: load_device(BASE, given), sizes, said.append)
        assert said == [f"trying l3 of {2**power} MiB" for power in range(3, 8) if 2**power * 1024**2 <= most]


def test_of_sizes_that_fit_about_as_well_the_smallest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {8: 1.06, 16: 1.04, 32: 1.0, 64: 1.01}
    of_size = {size * 1024**2: loss for size, loss in losses.items()}
    monkeypatch.setattr("hwsim.validation.machine.loss_of", lambda cases, device: of_size[device.memories[-2].capacity])
    found = _cases(0.0)
    told = machine(found.cases, lambda given: load_device(BASE, given), {3: 64 * 1024**2})
    assert "memory.l3.capacity_kib=16384" in told.overrides


def test_a_start_takes_no_longer_than_its_lines_from_memory() -> None:
    def most(*changes: str) -> float:
        constant, common = of_key(("start", "dram", "product", ""), load_device(BASE, changes))
        assert common is None and constant.path == "memory.dram.product_start_us"
        return constant.most

    assert most() == 50
    assert most("memory.dram.product_start_us=80") == 80


def test_caches_that_are_said_in_part(tmp_path: Path) -> None:
    """What is broken is left out and hides nothing behind it; only what belongs to the data counts, the last of a level."""
    for index, parts in enumerate(
        [
            ("Data", "one", "48K"),
            ("Data", "2", ""),
            ("Data", "3", "7Q"),
            ("Data",),
            ("Unified", "4", "3K"),
            ("Data", "4", "5K"),
            ("Instruction", "6", "1K"),
        ]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, value in zip(("type", "level", "size"), parts, strict=False):
            (folder / name).write_text(f" {value}\n")
    (tmp_path / "other").mkdir()
    assert caches(tmp_path) == {4: 5 * 1024}


def test_only_long_products_of_one_nest_show_the_clock() -> None:
    """Rows of operators, of several products at once, without a time, or of 50 µs and less say nothing; cores share the work."""
    builder = Network.builder("products").input("x", (512, 512))
    for place in range(2):
        builder = builder.dense(512, bias=False, name=f"d{place}")
    found = prepare(builder.relu(name="end").build(), passes=())
    device = load_device(BASE)
    (first, work), *_ = found.priced
    steps = cycles(work.nests[0], core_of(device)).steps

    def clock(*rows: Measurement, cores: int = 1) -> float | None:
        chip = replace(device, array=replace(device.array, cores=cores))
        return clock_of([Case("p", found, rows)], chip)

    assert first.name == "d0" and clock() is None and clock(Measurement("end", latency_s=1.0)) is None
    assert clock(Measurement("d0", latency_s=1e-3)) == pytest.approx(steps / 1e-3)
    assert clock(Measurement("d0", latency_s=1e-3), cores=2) == pytest.approx(steps / 2e-3)
    assert clock(Measurement("d0", latency_s=5e-5)) is None and clock(
        Measurement("d0", latency_s=5.1e-5)
    ) == pytest.approx(steps / 5.1e-5)
    assert (
        clock(Measurement("d0", energy_j=1.0)) is None
        and clock(Measurement("d0", covers=("d1",), latency_s=1e-3)) is None
    )
    assert clock(Measurement("d0", covers=("end",), latency_s=1e-3)) == pytest.approx(steps / 1e-3)
    assert clock(Measurement("Gemm", scope="operator", latency_s=1e-3)) is None
    assert clock(Measurement("d0", latency_s=2e-3), Measurement("d1", latency_s=1e-3)) == pytest.approx(steps / 1e-3)


def test_what_a_machine_says_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes in whole KiB of all caches but the outermost, of which some MiB serve the core; the clock in whole MHz."""
    monkeypatch.setattr("hwsim.validation.machine.clock_of", lambda cases, device: 2.3456e9)
    seen: list[tuple[str, ...]] = []

    def load(given: Sequence[str]) -> Device:
        seen.append(tuple(given))
        return load_device(BASE, given)

    monkeypatch.setattr("hwsim.validation.machine.loss_of", lambda cases, device: 1.0)
    one = [Case("p", NETWORKS["light_squeezenet"], ())]
    said: list[str] = []
    told = machine(one, load, {1: 33 * 1024 + 5, 2: 2**20, 3: 16 * 2**20}, said.append)
    small = ("memory.l1.capacity_kib=33", "memory.l2.capacity_kib=1024")
    assert told.overrides == (*small, "clock_mhz=2346", "memory.l3.capacity_kib=8192")
    assert told.notes == (
        "l1: 33 KiB, as the operating system says", "l2: 1024 KiB, as the operating system says",
        "clock: 2346 MHz, at which no product is faster than its kernel can be", "l3: 8 MiB of it serve this core, by the fit of 2 sizes",
    )  # fmt: skip
    assert said == ["trying l3 of 8 MiB", "trying l3 of 16 MiB"]
    assert seen == [
        (),
        small,
        *((*small, "clock_mhz=2346", f"memory.l3.capacity_kib={size * 1024}") for size in (8, 16)),
    ]
    for most, tried in (
        (8 * 2**20 - 1, [7]),
        (8 * 2**20, [8]),
        (2**20 + 5, [1]),
        (5, [1]),
        (999 * 2**20, [8, 16, 32, 64, 128]),
    ):
        said.clear()
        machine(one, load, {3: most}, said.append)
        assert said == [f"trying l3 of {size} MiB" for size in tried]
    nobody = machine([], load, {1: 1024})
    assert nobody.overrides == ("memory.l1.capacity_kib=1", "clock_mhz=2346") and len(nobody.notes) == 2


@pytest.mark.parametrize(
    ("losses", "chosen"),
    [((1.05, 1.0, 1.0), 8), ((1.0501, 1.0, 1.0), 16), ((1.0, 0.9, 0.8), 32), ((2.0, 1.0, 1.05), 16)],
)
def test_of_sizes_within_a_twentieth_the_smallest(
    monkeypatch: pytest.MonkeyPatch, losses: tuple[float, ...], chosen: int
) -> None:
    of_size = dict(zip((8 * 2**20, 16 * 2**20, 32 * 2**20), losses, strict=True))
    monkeypatch.setattr("hwsim.validation.machine.clock_of", lambda cases, device: None)
    monkeypatch.setattr("hwsim.validation.machine.loss_of", lambda cases, device: of_size[device.memories[-2].capacity])
    told = machine(
        [Case("p", NETWORKS["light_squeezenet"], ())], lambda given: load_device(BASE, given), {3: 32 * 2**20}
    )
    assert told.overrides == (f"memory.l3.capacity_kib={chosen * 1024}",)
