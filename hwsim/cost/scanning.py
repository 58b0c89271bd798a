"""Count and price many mappings of one nest at once: a hundred times faster than one by one through records."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from hwsim.counts import Rules
from hwsim.counts.validity import check_nest
from hwsim.errors import MappingError, UsageError
from hwsim.kernels.packed import Bool, Float, Int, MappingArrays, empty_counts
from hwsim.kernels.scan import FITS, ScanArrays, empty_scan, scan_exact, scan_timeloop
from hwsim.mapping import Hierarchy, Mapping
from hwsim.mapping.pack import pack_hierarchy, pack_mappings, pack_nest
from hwsim.workload import LoopNest

_KERNELS = {"exact": scan_exact, "timeloop": scan_timeloop}
#: Words for ``Scan.status``.
REASONS = (
    "fits",
    "not a mapping (a factor below 1, or an order that is not a permutation of the dims)",
    "too many iterations to count in 64 bits",
    "the factors of a dim do not make its extent",
    "more children than the mesh has",
    "an operand kept where it may not be, or bypassed where it must be kept",
    "tiles larger than a pool",
)


@dataclass(frozen=True, slots=True)
class Scan:
    """What M mappings of a nest cost, all repeats, and what they do in one repeat.

    rules : counting rules. arrays : ``status`` [M], 0 for a mapping that fits; ``cycles`` [M]; ``joules`` [M] [J], nan where an energy
    is not known; counts of one repeat, see ``ScanArrays``. Rows of mappings that do not fit hold nothing of use. clock_hz : [Hz].
    """

    rules: Rules
    arrays: ScanArrays
    clock_hz: float

    def __len__(self) -> int:
        return len(self.arrays.status)

    @property
    def valid(self) -> Bool:
        """Which mappings fit [M]."""
        fits: Bool = self.arrays.status == FITS
        return fits

    @property
    def seconds(self) -> Float:
        """Latency [M] [s], inf where a mapping does not fit."""
        return np.where(self.valid, self.arrays.cycles / self.clock_hz, np.inf)

    @property
    def joules(self) -> Float:
        """Energy [M] [J], inf where a mapping does not fit, nan where an energy is not known."""
        return np.where(self.valid, self.arrays.joules, np.inf)

    @property
    def edp(self) -> Float:
        """Energy times latency [M] [J s], inf where a mapping does not fit, nan where an energy is not known."""
        joules = np.where(self.valid, self.arrays.joules, 0.0)  # what does not fit was never priced
        return np.where(self.valid, joules * self.arrays.cycles / self.clock_hz, np.inf)

    def reason(self, row: int) -> str:
        """Why one mapping does not fit, in words; ``count`` tells the level and the numbers."""
        return REASONS[int(self.arrays.status[row])]


def scan(
    nest: LoopNest,
    hierarchy: Hierarchy,
    mappings: MappingArrays | Sequence[Mapping],
    rules: Rules = "exact",
    threads: int = 1,
) -> Scan:
    """Check, count and price many mappings of ``nest``; each as ``count`` and ``price`` would, without sharing anything between two.

    mappings : records, or arrays [M, L, .] as ``pack_mappings`` makes them. rules : ``exact`` or ``timeloop``. threads : over which the
    mappings are split. A mapping that does not fit is a row with a status, not an error. Raises MappingError for records that are no
    mapping and for a nest that cannot be counted in 64 bits, UsageError for unknown rules.
    """
    if rules not in _KERNELS:
        raise UsageError(f"counting rules {rules!r}: there are exact and timeloop")
    check_nest(nest)
    levels = len(hierarchy.levels)
    arrays = mappings if isinstance(mappings, MappingArrays) else pack_mappings(mappings, levels)
    _check_shapes(arrays, levels)
    results = empty_scan(len(arrays.keep), levels)
    edges = np.linspace(0, len(arrays.keep), max(1, threads) + 1).astype(np.int64)

    def part(first: int, last: int) -> None:
        _KERNELS[rules](
            pack_nest(nest),
            pack_hierarchy(hierarchy),
            MappingArrays._make(array[first:last] for array in arrays),
            nest.repeat,
            growth(nest),
            True,
            empty_counts(levels),
            ScanArrays._make(array[first:last] for array in results),
        )

    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, edges[:-1], edges[1:]))
    else:
        part(0, len(arrays.keep))
    return Scan(rules, results, hierarchy.clock_hz)


def growth(nest: LoopNest) -> float:
    """How much larger than its iterations any sum of bits of a mapping can be: a box's addresses for each point, nine directions, bits."""
    spread = (nest.stride_h + nest.dilation_h) * (nest.stride_w + nest.dilation_w)
    return 16.0 * spread * max(nest.input.bits, nest.weight.bits, nest.output.bits, nest.accumulator.bits)


def _check_shapes(arrays: MappingArrays, levels: int) -> None:
    number = len(arrays.keep)
    for name, array in arrays._asdict().items():
        wanted = (number, levels, 3 if name == "keep" else 8)
        if array.shape != wanted or array.dtype != (np.bool_ if name == "keep" else np.int64):
            raise MappingError(f"mappings: {name} is {array.dtype} {array.shape}, not {wanted} of int64 (keep: bool)")


def rows(arrays: MappingArrays, chosen: Int) -> MappingArrays:
    """Some of many mappings, by their numbers or a mask."""
    return MappingArrays._make(array[chosen] for array in arrays)
