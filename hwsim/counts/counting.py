"""Count one mapping: check that it is one and that it fits, run the kernel, make the record."""

from __future__ import annotations

import numpy as np

from hwsim.counts.record import Accesses, Counts, LevelCounts, OperandCounts, Rules, Wires
from hwsim.counts.validity import check_bounds, misplaced, overfull
from hwsim.errors import Infeasible, UsageError
from hwsim.kernels.packed import CountArrays, HierarchyArrays, MappingArrays, NestArrays, empty_counts
from hwsim.kernels.scan import empty_scan, scan_exact, scan_timeloop
from hwsim.mapping import Hierarchy, Mapping
from hwsim.mapping.pack import pack_hierarchy, pack_mapping, pack_nest
from hwsim.workload import LoopNest

_KERNELS = {"exact": scan_exact, "timeloop": scan_timeloop}


def count(
    nest: LoopNest, hierarchy: Hierarchy, mapping: Mapping, rules: Rules = "exact", all_hops: bool = False
) -> Counts | Infeasible:
    """How often everything happens in one repeat of ``nest``, or why the mapping does not fit.

    rules : ``exact`` or ``timeloop``. all_hops : count word-hops of wires that cost no energy, too.
    Raises MappingError for a mapping that is none (wrong number of levels, unknown or repeated dim, factor below 1), for imperfect factors
    under the ``timeloop`` rules, and where a count could exceed 64 bits.
    """
    packed_nest, packed_hierarchy = pack_nest(nest), pack_hierarchy(hierarchy)
    packed = pack_mapping(mapping, len(hierarchy.levels))
    check_bounds(nest, mapping)
    trouble = misplaced(nest, hierarchy, mapping, rules)
    if trouble:
        return trouble
    found = empty_counts(len(hierarchy.levels))
    run(packed_nest, packed_hierarchy, packed, rules, all_hops, found)
    return overfull(nest, hierarchy, packed_hierarchy, found) or counts_of(hierarchy, packed, found, rules)


def run(
    nest: NestArrays, hierarchy: HierarchyArrays, mapping: MappingArrays, rules: Rules, all_hops: bool, out: CountArrays
) -> None:
    """Count packed records into ``out``, unchecked; raises UsageError for unknown rules."""
    if rules not in _KERNELS:
        raise UsageError(f"counting rules {rules!r}: there are exact and timeloop")
    one = MappingArrays._make(array[None] for array in mapping)
    if all_hops:
        hierarchy = hierarchy._replace(hop_j=np.ones_like(hierarchy.hop_j))
    _KERNELS[rules](nest, hierarchy, one, 1, 1.0, False, out, empty_scan(0, len(hierarchy.fanout)))


def counts_of(hierarchy: Hierarchy, mapping: MappingArrays, found: CountArrays, rules: Rules) -> Counts:
    """The record of what a kernel counted."""
    steps, passes, macs, pes = (int(scalar) for scalar in found.scalars)
    levels = []
    for index, level in enumerate(hierarchy.levels):
        operands = [_operand(index, operand, bool(mapping.keep[index, operand]), found) for operand in range(3)]
        used = (int(found.used[index, 0]), int(found.used[index, 1]))
        levels.append(
            LevelCounts(level.name, used, bool(found.incomplete[index]), operands[0], operands[1], operands[2])
        )
    return Counts(rules, tuple(levels), steps, passes, macs, pes, hierarchy.pes_x * hierarchy.pes_y)


def _operand(level: int, operand: int, kept: bool, found: CountArrays) -> OperandCounts:
    total = [int(count) for count in found.accesses[level, operand]]
    busiest = [int(count) for count in found.busiest[level, operand]]
    final, busiest_final, final_up = total, busiest, [0, 0]
    if operand == 2:
        final = [int(count) for count in found.final[level]]
        busiest_final = [int(count) for count in found.busiest_final[level]]
        final_up = [int(count) for count in found.network_final[level]]
    down, up = (int(count) for count in found.network[level, operand])
    busiest_down, busiest_up = (int(count) for count in found.network_busiest[level, operand])
    return OperandCounts(
        kept,
        int(found.tile[level, operand]),
        Accesses(total[0], total[1], total[2], *final),
        Accesses(busiest[0], busiest[1], busiest[2], *busiest_final),
        Wires(down, up, final_up[0], float(found.hops[level, operand])),
        Wires(busiest_down, busiest_up, final_up[1]),
    )
