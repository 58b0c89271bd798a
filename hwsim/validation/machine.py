"""What of a profile this machine says itself, before constants are fitted: its caches, and the clock that its products show.

The operating system gives the sizes of caches. Of the outermost, which other cores (and other tenants of a virtual machine) use too, a core
gets a part that only measurements show: a few sizes up to the given one are tried, the smallest whose fit is about the best stays. No
product runs faster than the structure of its kernels allows: the fastest of the micro-benchmarks gives a clock that the vector units reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwsim.cost.cpu import core_of, cycles
from hwsim.device import Device
from hwsim.validation.calibration import loss_of
from hwsim.validation.cases import Case, Cases
from hwsim.validation.join import join

#: Where Linux describes the caches of the first core.
_FOLDER = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}
#: Sizes of the outermost cache that are tried, as powers of two [MiB].
_TRIED = (8, 16, 32, 64, 128)
#: Of sizes whose fits are worse than the best by no more than that the smallest is taken: behind a larger one too few rows lie to tell what
#: is beyond it [1].
_AS_GOOD = 0.05
#: Products shorter than that show the cost of a call as well [s].
_SHORT = 5e-5


@dataclass(frozen=True, slots=True)
class Machine:
    """Overrides of a profile as ``device.load`` takes them, and where each is from, by dotted key."""

    overrides: tuple[str, ...]
    notes: tuple[str, ...]


def caches(folder: Path = _FOLDER) -> dict[int, int]:
    """Bytes of the data caches of the first core by level, as Linux gives them [B]; none elsewhere."""
    found: dict[int, int] = {}
    for index in sorted(folder.glob("index*")):
        try:
            kind, level, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
            if kind in ("Data", "Unified"):
                found[int(level)] = int(size[:-1]) * _UNITS[size[-1]]
        except (OSError, ValueError, KeyError, IndexError):
            continue
    return found


def clock_of(cases: Sequence[Case], device: Device) -> float | None:
    """The least clock at which no product of the micro-benchmarks beats its kernel's structure [Hz]; None where there are none."""
    core = core_of(device)
    found = []
    for case in cases:
        works = {layer.name: work for layer, work in case.prepared.priced}
        for item in join(case.rows, case.prepared).joined:
            nests = [nest for name in item.layers for nest in works[name].nests]
            seconds = item.row.latency_s
            if len(nests) == 1 and seconds and seconds > _SHORT and item.row.scope == "layer":
                faster = device.array.cores
                found.append(cycles(nests[0], core).steps / faster / seconds)
    return max(found, default=None)


def machine(
    cases: Sequence[Case],
    load: Callable[[Sequence[str]], Device],
    sizes: dict[int, int] | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Machine:
    """What of a CPU's profile the machine decides.

    cases : micro-benchmarks measured on it. load : the profile with overrides. sizes : of its caches by level [B], by default as the
    operating system says.
    """
    device = load(())
    if device.kernels is None:
        return Machine((), ())
    sizes = caches() if sizes is None else sizes
    levels = [memory for memory in device.memories if memory.type == "cache"]
    chosen: list[str] = []
    notes: list[str] = []
    for place, memory in enumerate(levels, start=1):
        if place in sizes and place < len(levels):
            chosen.append(f"memory.{memory.name}.capacity_kib={sizes[place] // 1024}")
            notes.append(f"{memory.name}: {sizes[place] // 1024} KiB, as the operating system says")
    clock = clock_of(cases, load(chosen))
    if clock is not None:
        chosen.append(f"clock_mhz={clock / 1e6:.0f}")
        notes.append(f"clock: {clock / 1e6:.0f} MHz, at which no product is faster than its kernel can be")
    if len(levels) > 1 and len(cases) > 0:
        outer = levels[-1]
        most = sizes.get(len(levels), outer.capacity or 0)
        tried = [size for size in _TRIED if size * 1024**2 <= most] or [max(1, most // 1024**2)]
        losses = {}
        for size in tried:
            progress(f"trying {outer.name} of {size} MiB")
            key = f"memory.{outer.name}.capacity_kib={size * 1024}"
            losses[size] = loss_of(Cases(tuple(cases)), load([*chosen, key]))
        best = min(size for size in tried if losses[size] <= (1 + _AS_GOOD) * min(losses.values()))
        chosen.append(f"memory.{outer.name}.capacity_kib={best * 1024}")
        notes.append(f"{outer.name}: {best} MiB of it serve this core, by the fit of {len(tried)} sizes")
    return Machine(tuple(chosen), tuple(notes))
