from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from hwsim.device import Device, available, check, describe, load, peak, precision_for
from hwsim.device.library import shipped_folder

NAMES = sorted(path.stem for path in shipped_folder().glob("*.yaml"))
FIRST = [
    "eyeriss_v1",
    "tpu_v1",
    "edge_tpu",
    "nnp_i_1100",
    "nvdla_full",
    "a100_sxm_80g",
    "h100_sxm",
    "t4",
    "v100",
    "jetson_orin_agx",
    "cortex_a76",
    "cortex_m7",
    "generic_x86_server_core",
    "hcm_28nm",
    "simba_like",
    "ws_16x16",
    "ws_128x128",
    "ethos_u55_like",
]
OWN_WORDS = {"estimated", "fitted", "arithmetic"}


@pytest.fixture(scope="module")
def devices() -> dict[str, Device]:
    return {name: load(name) for name in NAMES}


def test_what_must_be_there_is_there() -> None:
    assert set(FIRST) <= set(NAMES) <= set(available())
    assert len(NAMES) >= 30


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_sound_and_named_after_its_file(name: str, devices: dict[str, Device]) -> None:
    assert check(name) == ()
    assert devices[name].name == name
    assert Path(devices[name].path).stem == name
    assert describe(devices[name])


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_a_source_that_is_used(name: str, devices: dict[str, Device]) -> None:
    device = devices[name]
    cited = {source for _, _, source in device.quantities.values()}
    assert cited <= set(device.sources) | OWN_WORDS
    assert set(device.sources) <= cited
    unknown = [
        key
        for key, (_, _, source) in device.quantities.items()
        if source != "arithmetic" and key not in device.qualities
    ]
    assert unknown == [], "numbers of no stated quality"
    assert all(len(text) > 15 for text in device.sources.values())


@pytest.mark.parametrize("name", NAMES)
def test_dimensions_are_plausible(name: str, devices: dict[str, Device]) -> None:
    device = devices[name]
    assert 1e8 <= device.clock_hz <= 5e9
    for index, precision in enumerate(device.precisions):
        assert 5e7 <= peak(device, index) <= 1e16
        if precision.published_ops_per_s:
            assert math.isclose(peak(device, index), precision.published_ops_per_s, rel_tol=0.02)
        assert precision.mac_j is None or 1e-14 <= precision.mac_j <= 1e-10
    assert device.off_chip is not None
    assert device.off_chip.shared_bandwidth is not None
    assert 1e8 <= device.off_chip.shared_bandwidth <= 1e13
    for memory in device.memories:
        for energies in (memory.read_j, memory.write_j):
            assert all(1e-15 <= energy <= 1e-9 for energy in (energies or {}).values())
    reads = [max(memory.read_j.values()) for memory in device.memories if memory.read_j]
    assert reads == sorted(reads), "farther memory costs no less"
    assert device.node_nm is None or 3 <= device.node_nm <= 180
    assert all(0.05 <= area <= 50_000 for area in device.area_mm2.values())


@pytest.mark.parametrize("name", NAMES)
def test_powers_and_areas_are_plausible(name: str, devices: dict[str, Device]) -> None:
    """Idle below average below peak; all MACs at once within the highest power; work per watt and per area as chips of 7 to 65 nm do."""
    device = devices[name]
    power = device.power_w
    order = [power[kind] for kind in ("idle", "average", "peak") if kind in power]
    assert order == sorted(order)
    assert (device.static_w or 0) <= min(order, default=math.inf)
    highest = max((watts for kind, watts in power.items() if kind not in {"cap", "thermal_cap"}), default=None)
    fastest = max(peak(device, index) for index in range(len(device.precisions)))
    if highest is not None:
        assert 1e-3 <= fastest / 1e12 / highest <= 20, "Top/s per watt"
        for index, precision in enumerate(device.precisions):
            assert precision.mac_j is None or precision.mac_j * peak(device, index) / 2 <= highest
    area = device.area_mm2
    assert area.get("core", 0) <= area.get("die", math.inf)
    assert all(1e-3 <= fastest / 1e12 / area[kind] <= 10 for kind in ("core", "die") if kind in area), "Top/s per mm²"
    inner = [memory.shared_bandwidth * memory.instances for memory in device.memories[:-1] if memory.shared_bandwidth]
    outer = device.memories[-1].shared_bandwidth or 0
    assert not inner or max(inner) >= outer, "something on the chip is at least as fast as off chip"


@pytest.mark.parametrize("name", NAMES)
def test_every_type_finds_a_precision(name: str, devices: dict[str, Device]) -> None:
    for dtype in (
        "float32",
        "float16",
        "bfloat16",
        "float8e4m3fn",
        "int8",
        "uint8",
        "int4",
        "int16",
        "bool",
        "float64",
        "int64",
    ):
        precision, note = precision_for(devices[name], dtype, dtype)
        assert precision in devices[name].precisions
        assert (note is None) == (
            precision.input == precision.weight == dtype.removeprefix("u")
            or (dtype[:6], precision.input) == ("float8", "float8")
        )


@pytest.mark.parametrize("name", [name for name in NAMES if load(name).operating_points])
def test_operating_points_load(name: str) -> None:
    clocks = [load(name, [f"operating_point={point}"]).clock_hz for point in load(name).operating_points]
    assert clocks == sorted(clocks, reverse=True)


def test_a_precision_in_the_modes_of_the_tx2() -> None:
    peaks = [peak(load("jetson_tx2", [f"operating_point={mode}"]), 0) for mode in ("maxn", "maxp", "maxq")]
    assert peaks == [
        pytest.approx(1.33e12, rel=0.02),
        pytest.approx(1.15e12, rel=0.02),
        pytest.approx(0.87e12, rel=0.02),
    ]


def test_eyeriss_energies_stand_in_the_published_ratios(devices: dict[str, Device]) -> None:
    device = devices["eyeriss_v1"]
    mac = device.precisions[0].mac_j
    assert mac is not None
    ratios = [2 * memory.read_j["input"] / mac for memory in device.memories if memory.read_j]
    assert ratios == [pytest.approx(1), pytest.approx(6), pytest.approx(200)]


def test_hcm_peaks(devices: dict[str, Device]) -> None:
    # used PEs · (k² + 1) · f of the worked example: 14792 Gop/s at 4 bits
    device = devices["hcm_28nm"]
    assert device.array.pes * 10 * device.clock_hz == pytest.approx(14792e9)


def test_the_table_of_profiles_lists_every_one_with_its_estimated_figures(devices: dict[str, Device]) -> None:
    table = (shipped_folder() / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines() if line.startswith("| `")]
    assert [row[1].strip("`") for row in rows] == NAMES
    for name, row in zip(NAMES, rows, strict=True):
        quantities, qualities = devices[name].quantities, devices[name].qualities
        assert row[3] == f"{sum(qualities.get(key) == 'estimated' for key in quantities)} of {len(quantities)}"


def test_profiles_read_alike_in_any_yaml_reader() -> None:
    for name in NAMES:
        assert yaml.safe_load((shipped_folder() / f"{name}.yaml").read_text(encoding="utf-8"))["name"] == name
