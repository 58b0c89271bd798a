"""A small device whose every part can be added up by hand."""

from __future__ import annotations

from dataclasses import replace

from hwsim.device import Array, Device, Memory, Network, Pool, Precision, Vector

ALL = {"input": "always", "weight": "always", "output": "always"}


def memory(name: str, mesh: tuple[int, int], capacity: int | None, kind: str = "", **more: object) -> Memory:
    """A level with one pool for all operands."""
    pool = Pool(frozenset({"input", "weight", "output"}), capacity)
    return replace(Memory(name, *mesh, (pool,), ALL, type=kind), **more)  # type: ignore[arg-type]


def small(**more: object) -> Device:
    """4 × 4 int8 PEs with a 64-byte register file each, a 64 KiB buffer, LPDDR4 and four vector lanes, 40 nm, no energies."""
    device = Device(
        name="small",
        kind="accelerator",
        description="for tests",
        clock_hz=1e9,
        array=Array(4, 4),
        precisions=(Precision("int8", "int8", "int32", 1.0),),
        memories=(
            memory("spad", (4, 4), 64, "regfile", width_bits=8),
            memory("buffer", (1, 1), 65536, "sram", width_bits=64),
            memory("dram", (1, 1), None, "lpddr4", off_chip=True),
        ),
        vector=Vector(4e9),
        networks=(Network("buffer", "spad", {"input": 1e9, "weight": 1e9, "output": 4e9}),),
        node_nm=40,
        technology_family="aladdin",
    )
    return replace(device, **more)  # type: ignore[arg-type]
