"""What a record says where nothing is said, and what follows from its figures."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from typing import Any

import pytest

from hwsim.device import Array, Device, Memory, Pool
from hwsim.device.keys import ALTERNATIVES, UNITS, alternatives, unit
from hwsim.device.records import (
    Dataflow,
    Host,
    Kernels,
    LevelConstraint,
    Network,
    Overheads,
    Precision,
    Sparsity,
    Vector,
)

NONE: frozenset[str] = frozenset()
#: Nothing costs nothing, limits nothing and is unknown; shares are whole, there is one of each, and what flows hides behind the rest.
DEFAULTS: dict[type, dict[str, Any]] = {
    Array: {"cores": 1},
    Precision: {
        "mac_j": None, "tile": None, "efficiency": 1.0, "published_ops_per_s": None, "by_class": (), "padded": (), "serial": "",
    },
    Vector: {"by_function": {}, "op_j": None},
    Pool: {},
    Memory: {
        "off_chip": False, "buffering": 1, "read_bandwidth": None, "write_bandwidth": None, "shared_bandwidth": None, "read_j": None,
        "write_j": None, "block": 0, "overlapped": True, "retains": NONE, "efficiency": 1.0, "setup_cycles": 0.0, "leakage_w": None,
        "type": "", "read_ports": 0, "write_ports": 0, "shared_ports": 0, "width_bits": 0, "banks": 0, "by_operand": (),
        "kernel_start_s": 0.0, "product_start_s": 0.0,
    },
    Network: {"bandwidth": {}, "multicast": True, "reduce": True, "hop_j": 0.0, "topology": "mesh"},
    LevelConstraint: {
        "order": (), "fixed": {}, "at_most": {}, "spatial_x": None, "spatial_y": None, "spatial_fixed": {}, "spatial_at_most": {},
    },
    Dataflow: {"stationary": None, "levels": {}, "min_utilization": 0.0, "fusion": ""},
    Overheads: {"kernel_s": 0.0, "pass_cycles": 0.0, "pass_level": "", "inference_s": 0.0},
    Kernels: {
        "spare_share": 0.0, "cache_share": 1.0, "tile_cycles": 0.0, "result_cycles": 0.0, "call_s": 0.0, "run_cycles": 0.0,
    },
    Sparsity: {
        "compressed": NONE, "gated": NONE, "skipped": NONE, "structured": None, "structured_speedup": 1.0, "encoding": "bitmask",
        "lanes": 1, "sync_macs": 1, "skip_efficiency": 1.0,
    },
    Host: {"bandwidth": None, "latency_s": 0.0, "j_per_byte": None},
    Device: {
        "vector": None, "algorithms": (), "networks": (), "dataflow": Dataflow(), "overheads": Overheads(), "kernels": None,
        "sparsity": Sparsity(), "host": None, "node_nm": None, "voltage_v": None, "technology_family": "", "area_mm2": {},
        "power_w": {}, "static_w": None, "sources": {}, "quantities": {}, "qualities": {}, "intervals": {}, "operating_points": (),
        "operating_point": "", "pe_kernel": None, "pe_bits": None, "sha256": "", "path": "", "notes": (),
    },
}  # fmt: skip


@pytest.mark.parametrize("record", DEFAULTS)
def test_what_is_not_said(record: type) -> None:
    found = {
        item.name: item.default if item.default_factory is MISSING else item.default_factory()
        for item in fields(record)
        if item.default is not MISSING or item.default_factory is not MISSING
    }
    assert found == DEFAULTS[record]


def _memory(name: str, *sizes: int | None, **more: Any) -> Memory:
    return Memory(name, 2, 3, tuple(Pool(frozenset({"input"}), size) for size in sizes), {"input": "always"}, **more)


def test_what_follows_from_levels() -> None:
    assert [_memory("m", *sizes).capacity for sizes in ((3,), (3, 4), (3, None), (None,), (), (0, 0))] == [
        3,
        7,
        None,
        None,
        0,
        0,
    ]
    assert _memory("m", 1).instances == 6 and Array(3, 5, 7).pes == 105
    device = Device("box", "accelerator", "", 1e9, Array(1, 1), (), (_memory("a", 1), _memory("b", 1)))
    assert device.off_chip is None and replace(device, memories=()).off_chip is None
    outer = _memory("c", 1, off_chip=True)
    assert replace(device, memories=(*device.memories, outer)).off_chip == outer
    assert replace(device, memories=(outer, *device.memories)).off_chip is None


@pytest.mark.parametrize(
    ("static", "leaks", "idle", "standing"),
    [
        (None, (None, None), None, None), (3.0, (None, None), None, 3.0), (None, (None, 2.0), None, 2.0), (3.0, (1.0, 2.0), None, 6.0),
        (3.0, (1.0, 2.0), 5.0, 6.0), (3.0, (1.0, 2.0), 7.0, 7.0), (None, (None, None), 7.0, 7.0), (0.0, (None, None), None, 0.0),
    ],
)  # fmt: skip
def test_power_that_always_flows(
    static: float | None, leaks: tuple[float | None, ...], idle: float | None, standing: float | None
) -> None:
    """Leakage of all, or all that idles where that is more."""
    memories = tuple(_memory("m", 1, leakage_w=leak) for leak in leaks)
    power = {"tdp": 99.0} | ({} if idle is None else {"idle": idle})
    device = Device("box", "accelerator", "", 1e9, Array(1, 1), (), memories, static_w=static, power_w=power)
    assert device.standing_w == standing


#: Of each key a profile may have: how its unit is printed, and a unit of it in SI.
KEYS = {
    "capacity_bytes": ("B", 1), "capacity_kib": ("KiB", 2**10), "capacity_mib": ("MiB", 2**20), "capacity_gib": ("GiB", 2**30),
    "width_bits": ("bit", 1), "clock_mhz": ("MHz", 1e6), "node_nm": ("nm", 1), "voltage_v": ("V", 1), "max_c": ("°C", 1),
    "resistance_c_per_w": ("K/W", 1), "read_gb_per_s": ("GB/s", 1e9), "link_gbit_per_s": ("Gbit/s", 125e6),
    "read_bytes_per_cycle": ("B/cycle", 1), "bytes_per_cycle": ("B/cycle", 1), "hop_pj_per_byte": ("pJ/B", 1e-12),
    "read_pj_per_bit": ("pJ/bit", 8e-12), "pj_per_byte": ("pJ/B", 1e-12), "pj_per_bit": ("pJ/bit", 8e-12), "mac_pj": ("pJ", 1e-12),
    "latency_us": ("µs", 1e-6), "idle_mw": ("mW", 1e-3), "tdp_w": ("W", 1), "die_mm2": ("mm²", 1), "peak_tops": ("Top/s", 1e12),
    "tile_cycles": ("cycle", 1), "ops_per_cycle": ("op/cycle", 1), "by_function": ("op/cycle", 1),
    "macs_per_pe_per_cycle": ("MAC/cycle", 1), "efficiency": ("", 1), "cores": ("", 1),
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_units_are_in_the_keys(key: str) -> None:
    name, factor = unit(key)
    assert name == KEYS[key][0] and factor == pytest.approx(KEYS[key][1], rel=1e-15)


def test_there_are_no_further_units_and_the_longest_ending_says_which() -> None:
    assert {unit(key)[0] for key in KEYS} - {""} == {name for name, _ in UNITS.values()}
    assert len([key for key in KEYS if unit(key)[0]]) == len(UNITS) + 1  # bytes_per_cycle stands alone and at the end


def test_keys_that_say_the_same() -> None:
    assert alternatives("capacity_kib") == ("capacity_bytes", "capacity_mib", "capacity_gib")
    assert alternatives("per") == ("mesh",) and alternatives("mesh") == ("per",) and alternatives("name") == ()
    assert all(set(alternatives(key)) == set(row) - {key} for row in ALTERNATIVES for key in row)
