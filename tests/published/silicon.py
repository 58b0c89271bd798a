"""Published cores with the little that is needed to estimate their area: node, MACs by type, memories on the chip.

One rule makes the list: every core with a published area at hand whose MACs and memories are known. The rule, and that the median counts
NVDLA's fourteen configurations one by one, were written down after first ratios had been seen, Eyeriss' among them, so its agreement is
no blind test: with NVDLA counted once Eyeriss comes out 28 to 36 % too small. Dies are left out
(pads, memory controllers and links are not modelled), and so is Eyeriss, which the fraction is not fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.device import Array, Device, Memory, Pool, Precision


@dataclass(frozen=True, slots=True)
class Core:
    """A core as published: ``area`` [m²], and where that and its structure are from."""

    device: Device
    area: float
    source: str


def _core(
    name: str,
    node_nm: float,
    macs: tuple[int, int],
    dtype: str,
    memories: dict[str, int],
    area_mm2: float,
    source: str,
    per_pe: bool = False,
) -> Core:
    """memories : capacity [B] by name, one of each on the chip, or in every PE."""
    x, y = macs
    mesh = macs if per_pe else (1, 1)
    pool = frozenset[str]({"input", "weight", "output"})
    levels = tuple(
        Memory(level, *mesh, (Pool(pool, size),), {"input": "always", "weight": "always", "output": "always"})  # type: ignore[arg-type]
        for level, size in memories.items()
    )
    precision = Precision(dtype, dtype, "int32", 1)
    device = Device(name, "accelerator", source, 1e9, Array(x, y), (precision,), levels, node_nm=node_nm)
    return Core(device, area_mm2 * 1e-6, source)


_PRIMER = (
    "nvdla.org primer, Example Area and Performance with NVDLA: the maker's synthesis estimates, memories included"
)
#: int8 MACs, convolution buffer [KiB], area at 28 and 16 nm [mm²].
_NVDLA = (
    ((64, 32), 512, 5.5, 3.3),
    ((64, 16), 256, 3.0, 1.8),
    ((32, 16), 256, 2.3, 1.4),
    ((16, 16), 256, 1.7, 1.0),
    ((16, 8), 256, 1.4, 0.84),
    ((8, 8), 128, 0.91, 0.55),
    ((8, 4), 128, 0.85, 0.51),
)
_KIB = 1024
CORES: tuple[Core, ...] = (
    *(
        _core(f"nvdla_{x * y}_{node}nm", node, (x, y), "int8", {"buffer": kib * _KIB}, area, _PRIMER)
        for (x, y), kib, at_28, at_16 in _NVDLA
        for node, area in ((28, at_28), (16, at_16))
    ),
    _core(
        "diannao", 65, (16, 16), "int16", {"nbin": 2 * _KIB, "nbout": 2 * _KIB, "sb": 32 * _KIB}, 3.02,
        "Chen et al., DianNao, ASPLOS 2014: area and node in the abstract, after layout; 256 multipliers and buffers recalled",
    ),
    _core(
        "shidiannao", 65, (8, 8), "int16", {"nbin": 64 * _KIB, "nbout": 64 * _KIB, "sb": 128 * _KIB, "ib": 32 * _KIB}, 4.86,
        "Du et al., ShiDianNao, ISCA 2015: area and node in the abstract, layout; 64 PEs and buffers recalled",
    ),
    _core(
        "eie_pe", 45, (1, 1), "int16", {"matrix": 128 * _KIB, "pointers": 32 * _KIB, "activations": 2 * _KIB}, 0.638024,
        "Han et al., EIE, ISCA 2016, Table II, one PE (secondary transcription); memory sizes recalled", per_pe=True,
    ),
)  # fmt: skip
