"""The slow truth of wires: the segments that a message drives on its way to the children that need it, as sets.

A message enters one instance of a level at column 0, in the middle of the rows of its children. Segments along y are half a hop long,
since the middle of an even number of rows lies between two of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from hwsim.device.records import Topology
from tests.oracles.walker import INPUT, OUTPUT, WEIGHT, Place, Walk

Segment = tuple[str, int, int]


def mean_wires(run: Walk, level: int, operand: int, topology: Topology) -> float:
    """Wires of one message of an operand below a level, mean over its groups of children [hop]."""
    groups = children_by_need(run, level, operand)
    fan = run.hierarchy.fanout(level)
    if topology == "neighbour":
        return sum(len(members) for members in groups) / len(groups)
    if topology == "bus":
        return sum(_on_buses(members, fan, operand == OUTPUT) for members in groups) / len(groups)
    ways = [sum(_length(way(members, fan[1])) for members in groups) for way in (_row_first, _column_first)]
    return min(ways) / len(groups)


def children_by_need(run: Walk, level: int, operand: int) -> list[list[tuple[int, int]]]:
    """Places (x, y) of the children of the first instance of a level, together where they need the same."""
    groups: dict[Hashable, list[tuple[int, int]]] = defaultdict(list)
    loops = run.outside(level - 1, "xy")
    step = tuple(0 for _ in run.outside(level - 1, "t"))
    for child in run.children(level - 1):
        if any(index for loop, index in zip(loops, child, strict=True) if loop.level > level):
            continue
        at, size = {"x": 0, "y": 0}, {"x": 1, "y": 1}
        for loop, index in reversed(list(zip(loops, child, strict=True))):
            if loop.level == level:
                at[loop.kind] += index * size[loop.kind]
                size[loop.kind] *= loop.factor
        groups[_need(run, level, operand, step, child)].append((at["x"], at["y"]))
    return list(groups.values())


def _need(run: Walk, level: int, operand: int, step: tuple[int, ...], child: Place) -> Hashable:
    tile = run.tile(level - 1, step, child)
    assert tile is not None
    if operand == WEIGHT:
        return tuple(tile[dim] for dim in "GKCSR")
    if operand == OUTPUT:
        return tuple(tile[dim] for dim in "NGKQP")
    assert operand == INPUT
    nest = run.nest
    rows = frozenset(q * nest.stride_h + s * nest.dilation_h for q in tile["Q"] for s in tile["S"])
    columns = frozenset(p * nest.stride_w + r * nest.dilation_w for p in tile["P"] for r in tile["R"])
    return (*(tile[dim] for dim in "NGC"), rows, columns)


def _row_first(members: list[tuple[int, int]], rows: int) -> set[Segment]:
    driven: set[Segment] = set()
    for x, y in members:
        driven |= {("x", column, rows - 1) for column in range(x)} | _upright(x, rows - 1, 2 * y)
    return driven


def _column_first(members: list[tuple[int, int]], rows: int) -> set[Segment]:
    driven: set[Segment] = set()
    for x, y in members:
        driven |= {("x", column, 2 * y) for column in range(x)} | _upright(0, rows - 1, 2 * y)
    return driven


def _upright(column: int, start: int, end: int) -> set[Segment]:
    return {("y", column, half) for half in range(min(start, end), max(start, end))}


def _length(driven: set[Segment]) -> float:
    return sum(1.0 if kind == "x" else 0.5 for kind, _, _ in driven)


def _on_buses(members: list[tuple[int, int]], fan: tuple[int, int], sums: bool) -> float:
    across, down = fan[0] - 1, fan[1] - 1
    if sums:
        return len(members) - 1 + down + across
    return down + across * len({y for _, y in members})
