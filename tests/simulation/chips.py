"""Small chips of several cores, written as profiles."""

from __future__ import annotations

from pathlib import Path

from hwsim.device import Device, load

PROFILE = """
name: many
kind: accelerator
description: a chip of small cores
sources: {{none: made up for tests}}
default_source: none
clock_mhz: 100
compute:
  cores: {cores}
  pe_array: {{x: 4, y: 4}}
  precisions: [{{input: int8, weight: int8, accumulate: int32, macs_per_pe_per_cycle: 1}}]
  vector: {{ops_per_cycle: {vector}}}
memory:
  - {{name: buffer, type: sram, per: core, capacity_kib: {buffer}{retains}}}
  {shared}
  - {{name: dram, type: ddr4, off_chip: true{bandwidth}}}
"""


def many(
    folder: Path,
    cores: int,
    bandwidth: float | None = 1.0,
    buffer: float = 64,
    shared: float | None = None,
    retains: bool = False,
) -> Device:
    """A chip of ``cores`` arrays of 4 × 4. bandwidth : of DRAM [GB/s], None without limit; buffer, shared : [KiB]."""
    text = PROFILE.format(
        cores=cores,
        vector=4 * cores,
        buffer=buffer,
        retains=", retains: [weight]" if retains else "",
        shared="" if shared is None else f"- {{name: llc, type: sram, capacity_kib: {shared}}}",
        bandwidth="" if bandwidth is None else f", bandwidth_gb_per_s: {bandwidth}",
    )
    path = folder / f"many_{cores}_{bandwidth}_{buffer}_{shared}_{retains}.yaml"
    path.write_text(text)
    return load(path)
