"""Facts about accelerators at hand, and where a profile says the same."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass

from hwsim.device import Device, peak
from tests.shared import SHARED

#: Devices of the facts by the profiles that stand for them; the others have no profile.
PROFILES: dict[str, tuple[str, ...]] = {
    "eyeriss_v1": ("eyeriss_v1",), "eyeriss_v2": ("eyeriss_v2",), "diannao": ("diannao",), "shidiannao": ("shidiannao",),
    "unpu": ("unpu",), "moons_40nm_envision_predecessor": ("envision_like",), "tpu_v1": ("tpu_v1",),
    "haswell_E5_2699v3": ("haswell_e5_2699v3",), "tpu_v2": ("tpu_v2",), "tpu_v3": ("tpu_v3",), "tpu_v4": ("tpu_v4",),
    "tpu_v4i": ("tpu_v4i",), "tpu_v5e": ("tpu_v5e",), "coral_edgetpu": ("edge_tpu",), "nvdla_large_2048": ("nvdla_full", "nvdla_full_16nm"),
    "nvdla_small_64": ("nvdla_small",), "simba_chip": ("simba",), "ethos_u55_128": ("ethos_u55_128",),
    "ethos_u55_256": ("ethos_u55_256",), "ethos_u65_512": ("ethos_u65_512",), "hailo8": ("hailo_8",),
    "jetson_tx2": ("jetson_tx2",), "zcu104_dpu": ("zcu104_dpu",), "t4": ("t4",), "v100_pcie": ("v100",), "a100_pcie_40": ("a100_pcie_40g",),
    "p100_pcie": ("p100",),
    "p4": ("p4",), "h100_sxm": ("h100_sxm",), "l4": ("l4",), "rtx_4090": ("rtx_4090",), "mi300x": ("mi300x",), "mi210": ("mi210",),
    "myriad_x": ("movidius_ncs2",), "graphcore_gc200": ("graphcore_gc200",), "groq_tsp": ("groq_tsp",),
    "cerebras_wse2": ("cerebras_wse2",), "rpi4_cortex_a72": ("cortex_a72", "raspberry_pi_4"), "rpi5_cortex_a76": ("cortex_a76",),
    "stm32h747_cortex_m7": ("cortex_m7",), "stm32l4r5_cortex_m4": ("cortex_m4",), "stm32n6_npu": ("stm32n6",),
    "orin_agx_64": ("jetson_orin_agx", "jetson_orin_dla"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """One row. basis : V read in a primary text, T in a third party's, S transcribed, U recalled and not verified."""

    device: str
    field: str
    value: float
    basis: str


def facts() -> list[Fact]:
    """Rows of single numbers about devices that there is a profile of."""
    with (SHARED / "measured" / "accelerator_facts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    found = []
    for row in rows:
        number = re.match(r"[0-9.]+", row["value"])
        if number and row["device"] in PROFILES and row["field"] in FIELDS:
            found.append(Fact(row["device"], row["field"], float(number[0]), row["basis"]))
    return found


Reading = tuple[str, Callable[[Device], "float | None"]]


def _level(number: int, unit: float, *names: str) -> Callable[[Device], float | None]:
    """Capacity of all instances of the levels with one of these names, or of the level at a place [unit]."""

    def capacity(device: Device) -> float | None:
        levels = [level for level in device.memories if level.name in names] or (
            [] if names else [device.memories[number]]
        )
        sizes = [level.capacity for level in levels]
        if not sizes or None in sizes:
            return None
        return sum((level.capacity or 0) * (level.instances if names else 1) for level in levels) / unit

    return capacity


def _bandwidth(device: Device) -> float | None:
    rate = device.memories[-1].shared_bandwidth
    return None if rate is None or not device.memories[-1].off_chip else rate / 1e9


def _peak(*types: str) -> Callable[[Device], float | None]:
    def tera(device: Device) -> float | None:
        for index, precision in enumerate(device.precisions):
            if precision.input in types:
                return peak(device, index) / 1e12
        return None

    return tera


def _sparse(device: Device) -> float | None:
    dense = _peak("int8")(device)
    return None if dense is None else dense * device.sparsity.structured_speedup


def _on_chip(device: Device) -> float:
    """Storage on the chip beside registers [B]."""
    levels = [level for level in device.memories if not level.off_chip and level.type not in {"register", "regfile"}]
    return sum((level.capacity or 0) * level.instances for level in levels)


def _inner_rate(device: Device) -> float | None:
    """Bandwidth of all instances of the outermost level on the chip [B/s]."""
    level = [level for level in device.memories if not level.off_chip][-1]
    return None if level.shared_bandwidth is None else level.shared_bandwidth * level.instances


def _rate_at(weight: str) -> Callable[[Device], float | None]:
    """Peak with weights of one type [op/s]."""

    def rate(device: Device) -> float | None:
        found = [peak(device, index) for index, one in enumerate(device.precisions) if one.weight == weight]
        return found[0] if found else None

    return rate


def _power(name: str, unit: float) -> Callable[[Device], float | None]:
    return lambda device: device.power_w[name] / unit if name in device.power_w else None


def _macs(device: Device) -> float:
    return device.array.pes * device.precisions[0].macs_per_pe_per_cycle


#: Fields by the key of a profile that its source stands at, and what the profile makes of it.
FIELDS: dict[str, Reading] = {
    "node_nm": ("technology.node_nm", lambda device: device.node_nm),
    **dict.fromkeys(("core_MHz", "boost_MHz", "clock_MHz"), ("clock_mhz", lambda device: device.clock_hz / 1e6)),
    "core_area_mm2": ("area.core_mm2", lambda device: device.area_mm2.get("core")),
    "area_mm2_16nm": ("area.core_mm2", lambda device: device.area_mm2.get("core") if device.node_nm == 16 else None),
    "area_mm2_28nm": ("area.core_mm2", lambda device: device.area_mm2.get("core") if device.node_nm == 28 else None),
    "area_mm2": ("area", lambda device: device.area_mm2.get("core") or device.area_mm2.get("die")),
    "die_mm2": ("area.die_mm2", lambda device: device.area_mm2.get("die")),
    "tdp_W": ("power.tdp", lambda device: device.power_w.get("tdp")),
    "power_mW": ("power.average", lambda device: 1e3 * (device.power_w.get("average") or 0) or None),
    **dict.fromkeys(("macs", "macs_int8"), ("compute.pe_array.x", _macs)),
    **dict.fromkeys(("sm", "cu", "tiles"), ("compute.pe_array.x", lambda device: device.array.pes)),
    "pe_rows": ("compute.pe_array.y", lambda device: device.array.y),
    "pe_cols": ("compute.pe_array.x", lambda device: device.array.x),
    "dram_GBps": ("memory.*.bandwidth_gb_per_s", _bandwidth),
    **dict.fromkeys(("dram_GB", "hbm_GB", "hbm_GiB", "memory_GB"), ("memory.*.capacity_gib", _level(-1, 2**30))),
    "l2_MB": ("memory.l2.capacity_mib", _level(0, 2**20, "l2")),
    "unified_buffer_MiB": ("memory.unified_buffer.", _level(0, 2**20, "unified_buffer")),
    "accumulators_MiB": ("memory.accumulators.", _level(0, 2**20, "accumulators")),
    "vmem_MiB": ("memory.vmem.", _level(0, 2**20, "vmem")),
    "global_buffer_kB": ("memory.global_buffer.", _level(0, 1024, "global_buffer")),
    "glb_kB": ("memory.gbuf.", _level(0, 1024, "gbuf")),
    "gpu_sparse_int8_TOPS": ("peak", lambda device: _sparse(device) if device.kind != "accelerator" else None),
    "dla2x_sparse_int8_TOPS": ("peak", lambda device: _sparse(device) if device.kind == "accelerator" else None),
    "on_chip_MiB": ("memory.*.capacity", lambda device: _on_chip(device) / 2**20),
    "on_chip_MB": ("memory.*.capacity", lambda device: _on_chip(device) / 2**20),
    "sram_MB": ("memory.*.capacity", lambda device: _on_chip(device) / 2**20),
    "on_chip_GBps": ("memory.*.bandwidth", lambda device: (_inner_rate(device) or 0) / 1e9),
    "sram_TBps": ("memory.*.bandwidth", lambda device: (_inner_rate(device) or 0) / 1e12),
    "infinity_cache_MB": ("memory.infinity_cache.", _level(0, 2**20, "infinity_cache")),
    "power_W": ("power.*", lambda device: max(device.power_w.values(), default=None)),
    "power_peak_avg_mW": ("power.peak", _power("peak", 1e-3)),
    "power_min_mean_max_W": ("power.idle", _power("idle", 1)),
    "peak_GMACs": ("peak", lambda device: peak(device, 0) / 2e9),
    "peak_GOPS_1b": ("peak", lambda device: (_rate_at("int1")(device) or 0) / 1e9),
    "fp32_matrix_TFLOPS": ("peak", _peak("float32")),
    "cores": ("compute.cores", lambda device: device.array.cores if device.kind == "cpu" and device.array.cores > 1 else None),
    "conv_buffer_kB": ("memory.cbuf.capacity_kib.input+weight", _level(0, 1024, "cbuf")),
    "peak_int8_TOPS": ("peak", _peak("int8")),
    "int8_TOPS": ("peak", _peak("int8")),
    "peak_bf16_TFLOPS": ("peak", _peak("bfloat16")),
    **dict.fromkeys(("fp16_tensor_TFLOPS", "fp16_TFLOPS", "peak_fp16_TFLOPS"), ("peak", _peak("float16"))),
    "fp8_TFLOPS": ("peak", _peak("float8", "float8e4m3fn")),
    "tf32_TFLOPS": ("peak", _peak("tfloat32")),
    **dict.fromkeys(("fp32_TFLOPS", "peak_fp32_TFLOPS"), ("peak", _peak("float32"))),
    "peak_TOPS": ("peak", _peak("int8")),
    **dict.fromkeys(("peak_GOPS", "peak_GOPS_16b"), ("peak", lambda device: 1e3 * (_peak("int16", "int8")(device) or 0))),
}  # fmt: skip
