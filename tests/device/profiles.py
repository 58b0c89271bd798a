"""Small profiles for tests."""

from __future__ import annotations

from pathlib import Path

TINY = """\
name: tiny
kind: accelerator
description: a small array
sources: {paper: "A. Author, A Paper, 2020", lab: {text: "our bench", quality: measured}}
default_source: paper
technology: {node_nm: 28, voltage_v: 1.0, threshold_v: 0.3}
clock_mhz: 500
compute:
  pe_array: {x: 8, y: 4}
  cores: 2
  precisions:
    - {input: int8, weight: int8, accumulate: int32, macs_per_pe_per_cycle: 1, mac_pj: 0.5}
    - {name: fast, input: int8, weight: int4, macs_per_pe_per_cycle: 2}
  vector: {ops_per_cycle: 16, by_function: {exp: 2}, op_pj: 0.1}
memory:
  - {name: rf, per: pe, capacity_bytes: {input: 24, weight: 448, output: 48}, pj_per_byte: 0.2}
  - name: gbuf
    per: core
    capacity_kib: {"input+output": 100, weight: 8}
    keeps: {weight: free}
    ports: {read: 2, write: 1}
    width_bits: 64
    buffering: 2
    read_pj_per_byte: {input: 3, "weight+output": 4}
    write_pj_per_bit: 0.5
    leakage_mw: {value: 2, source: lab, interval: [1, 3]}
  - {name: dram, off_chip: true, capacity_gib: 1, bandwidth_gb_per_s: 12.8, pj_per_bit: 8, overlapped: false, retains: [weight]}
network:
  - {between: [gbuf, rf], bytes_per_cycle: {input: 2, weight: 8}, multicast: false, hop_pj_per_byte: 0.1}
dataflow:
  min_utilization: 0.25
  spatial: {x: [K], y: [C]}
  gbuf: {temporal: {order_inner_to_outer: [P, Q], fixed: {R: 0}, at_most: {K: 16}}}
overheads: {per_kernel_us: 2, per_pass_cycles: 10, pass_level: gbuf, per_inference_us: 5}
sparsity: {compressed: [weight], gated: [input], structured: {kept: 2, of: 4, speedup: 1.8}}
host: {link_gb_per_s: 4, latency_us: 10, pj_per_byte: 20}
area: {core_mm2: 1.5}
power: {static_mw: 3, tdp_w: 0.2, thermal: {ambient_c: 40, max_c: 100, resistance_c_per_w: 30}}
operating_points:
  - {name: low, voltage_v: 0.8, clock_mhz: 250, set: {memory.dram.bandwidth_gb_per_s: 6.4}}
  - {name: follow, voltage_v: 0.8}
"""


def write(folder: Path, text: str, name: str = "tiny") -> Path:
    """A profile file in ``folder``."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def replaced(old: str, new: str) -> str:
    """The small profile with one passage replaced."""
    assert old in TINY
    return TINY.replace(old, new)
