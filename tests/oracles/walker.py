"""The slow truth of counting in the exact rules: execute every loop, with real sets of addresses in every instance.

``walk`` makes the arrays that ``hwsim.kernels`` makes, from nothing but the definition of a mapping:

* A child (an instance of a level, or a PE) has at every step one tile per operand: the addresses that its loops will touch. What is not
  in the tile it held before is new and arrives; padding has no address.
* Children of one instance whose tile and whose part already held are equal need the same new part: one message serves them where the
  network multicasts. A network that does not sends one message to each child below it, and they stay apart further out.
* A PE holds nothing: it needs its operands at every step.
* Children that hold the same output tile at a time add up on the way outwards where the network reduces. An output tile that leaves is read
  once in every child that worked on it. One that comes back to an instance that holds sums for it is read there and goes to one child.
  Every other update adds to the sum that is there, and reads it, unless there is none.
* A tile of outputs leaves together with the tile around it.
* An update is final where it leaves a complete sum behind, a word on its way or read where it is one. Where several instances work on
  one output, or a network leaves its sums apart, none of theirs counts as final, even if the last one to work has it all.

``python -m tests.oracles.walker 100000`` compares so many random cases with the kernel (a quarter of an hour; ``--shard 0 4`` a fourth).
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from hwsim.counts.counting import run
from hwsim.kernels.packed import CountArrays, empty_counts
from hwsim.mapping import Hierarchy, Mapping
from hwsim.mapping.pack import pack_hierarchy, pack_mapping, pack_nest
from hwsim.workload import DIMS, LoopNest
from tests.oracles.cases import random_case

INPUT, WEIGHT, OUTPUT = range(3)
READ, FILL, UPDATE = range(3)
RELEVANT = ("NGCQPSR", "GKCSR", "NGKQP")
#: Results that the walker makes; it leaves hops and instances at work to others.
COMPARED = (
    "accesses",
    "busiest",
    "final",
    "busiest_final",
    "tile",
    "incomplete",
    "network",
    "network_busiest",
    "network_final",
)
#: MACs of the nests of random cases, at most, in turn.
MOST = (60, 60, 150, 400)
Tile = dict[str, range]
Address = tuple[int, ...]
Place = tuple[int, ...]
Sums = dict[Address, int]
Tags = tuple[Place, ...]
Tally = dict[tuple[int, str], dict[Place, int]]


@dataclass(frozen=True)
class Loop:
    level: int
    kind: str
    dim: str
    factor: int
    step: int


def loops_of(mapping: Mapping) -> list[Loop]:
    """All loops from the outside in, with the points that one step of each skips."""
    inner = dict.fromkeys(DIMS, 1)
    found = []
    for level, loops in enumerate(mapping.levels):
        for kind, pairs in (("x", loops.spatial_x), ("y", loops.spatial_y), ("t", loops.temporal)):
            for dim, factor in pairs:
                found.append(Loop(level, kind, dim, factor, inner[dim]))
                inner[dim] *= factor
    return found[::-1]


class Walk:
    """One mapping of one nest, executed."""

    def __init__(self, nest: LoopNest, hierarchy: Hierarchy, mapping: Mapping) -> None:
        self.nest, self.hierarchy, self.mapping = nest, hierarchy, mapping
        self.loops = loops_of(mapping)
        self.extent = dict(zip(DIMS, nest.extents, strict=True))
        self.depth = len(hierarchy.levels)

    def inside(self, level: int, dim: str) -> int:
        """Nominal extent of a dim inside of one instance of ``level`` (-1: a PE)."""
        return math.prod(loop.factor for loop in self.loops if loop.level <= level and loop.dim == dim)

    def steps(self, level: int) -> Iterator[tuple[int, ...]]:
        """Indices of the temporal loops outside of the tiles of ``level``, in order."""
        return itertools.product(*(range(loop.factor) for loop in self.outside(level, "t")))

    def outside(self, level: int, kinds: str) -> list[Loop]:
        return [loop for loop in self.loops if loop.level > level and loop.kind in kinds]

    def children(self, level: int) -> list[tuple[int, ...]]:
        """Spatial indices of all instances of ``level``."""
        return list(itertools.product(*(range(loop.factor) for loop in self.outside(level, "xy"))))

    def tile(self, level: int, step: tuple[int, ...], child: tuple[int, ...]) -> Tile | None:
        """Points of each dim that a child works on in a step; None where it is idle."""
        start = dict.fromkeys(DIMS, 0)
        pairs = (*zip(self.outside(level, "t"), step, strict=True), *zip(self.outside(level, "xy"), child, strict=True))
        for loop, index in pairs:
            start[loop.dim] += index * loop.step
        tile = {dim: range(start[dim], min(start[dim] + self.inside(level, dim), self.extent[dim])) for dim in DIMS}
        return tile if all(tile.values()) else None

    def addresses(self, operand: int, tile: Tile) -> frozenset[Address]:
        nest = self.nest
        if operand == WEIGHT:
            return frozenset(itertools.product(*(tile[dim] for dim in "GKCSR")))
        if operand == OUTPUT:
            return frozenset(itertools.product(*(tile[dim] for dim in "NGKQP")))
        rows = {q * nest.stride_h + s * nest.dilation_h - nest.pad_top for q in tile["Q"] for s in tile["S"]}
        columns = {p * nest.stride_w + r * nest.dilation_w - nest.pad_left for p in tile["P"] for r in tile["R"]}
        data = (rows & set(range(nest.input_height)), columns & set(range(nest.input_width)))
        return frozenset(itertools.product(tile["N"], tile["G"], tile["C"], *data))

    def ancestor(self, level: int, child: tuple[int, ...], above: int) -> tuple[int, ...]:
        """Spatial indices of the instance of ``above`` that a child of ``level`` lies in."""
        return tuple(index for loop, index in zip(self.outside(level, "xy"), child, strict=True) if loop.level > above)

    def first_of_group(self, level: int, child: tuple[int, ...], above: int) -> bool:
        """Whether a child has index 0 in all reductions between it and ``above``."""
        pairs = zip(self.outside(level, "xy"), child, strict=True)
        return all(index == 0 for loop, index in pairs if loop.level <= above and loop.dim in "CSR")

    def merged(
        self, level: int, above: int, messages: dict[tuple[int, ...], object], shares: list[bool]
    ) -> dict[int, dict[tuple[int, ...], list[object]]]:
        """Messages of each instance of every level up to ``above``: one a key where the level's network shares, else one a child.

        Messages that a network keeps apart stay apart further out: nothing there could copy or add them.
        """
        at: dict[Place, list[object]] = {child: [(key, ())] for child, key in messages.items()}
        found = {}
        below = level
        for outer in range(level + 1, above + 1):
            gathered: dict[Place, list[object]] = defaultdict(list)
            for child, keys in at.items():
                parent = self.ancestor(below, child, outer)
                apart = () if shares[outer] else child[len(parent) :]
                gathered[parent].extend((key, (*tags, apart)) for key, tags in keys)  # type: ignore[misc]
            if shares[outer]:
                gathered = defaultdict(list, {place: list(dict.fromkeys(keys)) for place, keys in gathered.items()})
            found[outer] = {place: [key for key, _ in keys] for place, keys in gathered.items()}  # type: ignore[misc]
            at, below = dict(gathered), outer
        return found


def walk(nest: LoopNest, hierarchy: Hierarchy, mapping: Mapping) -> CountArrays:
    """Counts of one repeat in the exact rules, ``hops`` left at 0."""
    run = Walk(nest, hierarchy, mapping)
    out = empty_counts(run.depth)
    work = [step for step in run.steps(-1) if any(run.tile(-1, step, child) for child in run.children(-1))]
    out.scalars[0] = len(work)
    out.scalars[2] = nest.macs // nest.repeat
    out.scalars[1] = 1
    if hierarchy.pass_level >= 0:
        at = [index for index, loop in enumerate(run.outside(-1, "t")) if loop.level >= hierarchy.pass_level]
        out.scalars[1] = len({tuple(step[index] for index in at) for step in work})
    for operand in range(3):
        kept = [index for index, loops in enumerate(mapping.levels) if loops.keep[operand]]
        if operand == OUTPUT:
            _Outputs(run, out).walk()
        else:
            for child, parent in zip([-1, *kept[:-1]], kept, strict=True):
                _walk_operand(run, operand, child, parent, out)
        for level in kept:
            tiles = [run.tile(level, step, child) for step in run.steps(level) for child in run.children(level)]
            out.tile[level, operand] = max(len(run.addresses(operand, tile)) for tile in tiles if tile)
    for level in range(run.depth):
        updates, fills = out.accesses[level, OUTPUT, UPDATE], out.accesses[level, OUTPUT, FILL]
        out.incomplete[level] = updates != out.final[level, UPDATE] or fills > 0
    return out


def _add(out: CountArrays, level: int, operand: int, direction: int, by_instance: dict[tuple[int, ...], int]) -> None:
    out.accesses[level, operand, direction] += sum(by_instance.values())
    out.busiest[level, operand, direction] += max(by_instance.values(), default=0)


def _walk_operand(run: Walk, operand: int, child: int, parent: int, out: CountArrays) -> None:
    """Inputs and weights on their way from ``parent`` to the tiles of ``child`` (-1: PEs)."""
    held: dict[tuple[int, ...], frozenset[Address]] = {}
    fills: dict[tuple[int, ...], int] = defaultdict(int)
    words: dict[int, dict[tuple[int, ...], int]] = defaultdict(lambda: defaultdict(int))
    shares = [level.multicast for level in run.hierarchy.levels]
    for step in run.steps(child):
        messages: dict[tuple[int, ...], object] = {}
        for place in run.children(child):
            tile = run.tile(child, step, place)
            if tile is None:
                continue
            need = run.addresses(operand, tile)
            before = held.get(place, frozenset()) if child >= 0 else frozenset()
            held[place] = need
            fills[place] += len(need - before)
            if need - before:
                messages[place] = (need, need & before)
        for level, by_place in run.merged(child, parent, messages, shares).items():
            for place, keys in by_place.items():
                words[level][place] += sum(len(need) - len(old) for need, old in keys)  # type: ignore[misc]
    if child >= 0:
        _add(out, child, operand, FILL, fills)
    _add(out, parent, operand, READ, words[parent])
    for level in range(child + 1, parent + 1):
        out.network[level, operand, 0] = sum(words[level].values())
        out.network_busiest[level, operand, 0] = max(words[level].values(), default=0)


@dataclass
class _Group:
    """Children of one instance that work on the same outputs. home : that instance; tile : theirs at present; members : who worked on
    it since it arrived, with the sums that they hold."""

    home: Place
    tile: frozenset[Address]
    members: dict[Place, Sums]


class _Outputs:
    """Sums of outputs, moved as the loops run: every sum is the number of products in it."""

    def __init__(self, run: Walk, out: CountArrays) -> None:
        self.run, self.out = run, out
        self.kept = [index for index, loops in enumerate(run.mapping.levels) if loops.keep[OUTPUT]]
        self.complete = run.extent["C"] * run.extent["S"] * run.extent["R"]
        self.shares = [level.reduce for level in run.hierarchy.levels]
        self.groups: dict[int, dict[Place, _Group]] = {level: {} for level in self.kept}
        self.words: Tally = defaultdict(lambda: defaultdict(int))
        self.shared = [self.is_shared(level) for level in range(run.depth)]
        self.apart: set[int] = set()
        top: Sums = defaultdict(int)
        self.groups[self.kept[-1]][()] = _Group((), frozenset(), {(): top})

    def walk(self) -> None:
        run = self.run
        loops = run.outside(-1, "t")
        for step in run.steps(-1):
            changed = {}
            for level in self.kept[:-1]:
                outer = tuple(index for loop, index in zip(loops, step, strict=True) if loop.level > level)
                changed[level] = self.tiles(level, outer)
            for level in self.kept[:-1]:
                for group, (tile, _) in changed[level].items():
                    if group in self.groups[level] and self.groups[level][group].tile != tile:
                        self.drain(level, group)
            for level, parent in reversed(list(zip(self.kept[:-1], self.kept[1:], strict=True))):
                for group, (tile, members) in changed[level].items():
                    self.arrive(level, parent, group, tile, members)
            self.multiply(step)
        for level in self.kept[:-1]:
            for group in list(self.groups[level]):
                self.drain(level, group)
        self.tally()

    def is_shared(self, level: int) -> bool:
        """Whether several instances of a level ever work on one output."""
        owner: dict[Address, Place] = {}
        for step in self.run.steps(level):
            for place in self.run.children(level):
                tile = self.run.tile(level, step, place)
                for address in self.run.addresses(OUTPUT, tile) if tile else ():
                    if owner.setdefault(address, place) != place:
                        return True
        return False

    def group(self, level: int, place: Place, parent: int) -> Place:
        pairs = zip(self.run.outside(level, "xy"), place, strict=True)
        return tuple(index for loop, index in pairs if loop.level > parent or loop.dim not in "CSR")

    def parent_of(self, level: int) -> int:
        return next(above for above in self.kept if above > level)

    def tiles(self, level: int, step: tuple[int, ...]) -> dict[Place, tuple[frozenset[Address], list[Place]]]:
        """Tile and members of every group of a level that is at work in a step."""
        found: dict[Place, tuple[frozenset[Address], list[Place]]] = {}
        for place in self.run.children(level):
            tile = self.run.tile(level, step, place)
            if tile is not None:
                group = self.group(level, place, self.parent_of(level))
                found.setdefault(group, (self.run.addresses(OUTPUT, tile), []))[1].append(place)
        return found

    def sums_at(self, level: int, place: Place) -> Sums:
        """What an instance holds."""
        if level == self.kept[-1]:
            return self.groups[level][()].members[()]
        return self.groups[level][self.group(level, place, self.parent_of(level))].members[place]

    def add(self, level: int, kind: str, place: Place, words: int, final: int = 0) -> None:
        self.words[level, kind][place] += words
        self.words[level, f"final {kind}"][place] += 0 if self.shared[level] else final

    def arrive(self, level: int, parent: int, group: Place, tile: frozenset[Address], members: list[Place]) -> None:
        run = self.run
        if group not in self.groups[level]:
            first = next(place for place in members if run.first_of_group(level, place, parent))
            self.groups[level][group] = _Group(run.ancestor(level, first, parent), tile, {})
            above = self.sums_at(parent, run.ancestor(level, first, parent))
            back = {address: above.pop(address) for address in tile if above.get(address)}
            assert len(back) in (0, len(tile))
            self.groups[level][group].members[first] = defaultdict(int, back)
            self.add(parent, "read", run.ancestor(level, first, parent), len(back))
            self.add(level, "fill", first, len(back))
            for between in range(level + 1, parent + 1):
                self.add(between, "down", run.ancestor(level, first, between), len(back))
        for place in members:
            self.groups[level][group].members.setdefault(place, defaultdict(int))

    def drain(self, level: int, group: Place) -> None:
        """Empty a tile, after all that lie inside of it."""
        visit, parent = self.groups[level][group], self.parent_of(level)
        inside = self.kept[self.kept.index(level) - 1] if level != self.kept[0] else None
        if inside is not None:
            for inner, stay in list(self.groups[inside].items()):
                if stay.home in visit.members:
                    self.drain(inside, inner)
        del self.groups[level][group]
        messages = {}
        for place, sums in visit.members.items():
            self.add(
                level, "read", place, len(visit.tile), sum(sums[address] == self.complete for address in visit.tile)
            )
            messages[place] = sums
        self.send(level, parent, messages, visit.tile)

    def multiply(self, step: tuple[int, ...]) -> None:
        """One step of all PEs: their products go to the innermost level that keeps outputs."""
        run, parent = self.run, self.kept[0]
        by_group: dict[Place, tuple[frozenset[Address], dict[Place, Sums]]] = {}
        for place in run.children(-1):
            tile = run.tile(-1, step, place)
            if tile is not None:
                tile_addresses = run.addresses(OUTPUT, tile)
                group = self.group(-1, place, parent)
                by_group.setdefault(group, (tile_addresses, {}))[1][place] = defaultdict(
                    int, dict.fromkeys(tile_addresses, 1)
                )
        for addresses, messages in by_group.values():
            self.send(-1, parent, messages, addresses)

    def send(self, level: int, parent: int, messages: dict[Place, Sums], tile: frozenset[Address]) -> None:
        """Sums on their way from children to ``parent``, added up where the networks reduce."""
        run = self.run
        at: dict[Place, dict[Tags, Sums]] = {place: {(): sums} for place, sums in messages.items()}
        below, size = level, len(tile)
        place = run.ancestor(level, next(iter(messages)), parent)
        held = self.sums_at(parent, place)
        for outer in range(level + 1, parent + 1):
            gathered: dict[Place, dict[Tags, Sums]] = defaultdict(dict)
            for child, several in at.items():
                home = run.ancestor(below, child, outer)
                into = gathered[home]
                for tags, sums in several.items():
                    mark = (*tags, () if self.shares[outer] else child[len(home) :])
                    into[mark] = _added([into[mark], sums], tile) if mark in into else sums
            if any(len(several) > 1 for several in gathered.values()):
                self.apart.add(outer)
            alone = sum(len(several) for several in gathered.values()) == 1
            for where, several in gathered.items():
                for sums in several.values():
                    before = held if level < 0 and alone else {}
                    final = sum(sums[address] + before.get(address, 0) == self.complete for address in tile)
                    self.add(outer, "up", where, size, final)
            at, below = gathered, outer
        for sums in at[place].values():
            self.add(parent, "read", place, sum(held.get(address, 0) > 0 for address in tile))
            for address in tile:
                held[address] = held.get(address, 0) + sums[address]
            self.add(parent, "update", place, size, sum(held[address] == self.complete for address in tile))

    def tally(self) -> None:
        out = self.out
        for level in range(self.run.depth):
            for direction, kind in ((READ, "read"), (FILL, "fill"), (UPDATE, "update")):
                words, final = self.words[level, kind], self.words[level, f"final {kind}"]
                out.accesses[level, OUTPUT, direction] = sum(words.values())
                out.busiest[level, OUTPUT, direction] = max(words.values(), default=0)
                out.final[level, direction] = sum(final.values())
                out.busiest_final[level, direction] = max(final.values(), default=0)
            for direction, kind in ((0, "down"), (1, "up")):
                out.network[level, OUTPUT, direction] = sum(self.words[level, kind].values())
                out.network_busiest[level, OUTPUT, direction] = max(self.words[level, kind].values(), default=0)
            final = self.words[level, "final up"] if level not in self.apart else {}
            out.network_final[level, 0] = sum(final.values())
            out.network_final[level, 1] = max(final.values(), default=0)


def _added(several: list[Sums], tile: frozenset[Address]) -> Sums:
    return defaultdict(int, {address: sum(sums[address] for sums in several) for address in tile})


def differences(seed: int, most: int = 60) -> list[str]:
    """Fields in which the kernel and the walker differ on one random case."""
    nest, hierarchy, mapping = random_case(random.Random(seed), perfect=seed % 3 == 0, most=most)
    expected, found = walk(nest, hierarchy, mapping), empty_counts(len(hierarchy.levels))
    run(pack_nest(nest), pack_hierarchy(hierarchy), pack_mapping(mapping, len(hierarchy.levels)), "exact", False, found)
    same = {name: bool((getattr(expected, name) == getattr(found, name)).all()) for name in COMPARED}
    same["scalars"] = bool((expected.scalars[:3] == found.scalars[:3]).all())
    return [name for name, equal in same.items() if not equal]


def main() -> int:
    """Returns 1 where a case differs. The seeds of a shard are those that leave its number when divided by the number of shards."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracles.walker", description="Random mappings against the kernel."
    )
    parser.add_argument("cases", type=int, nargs="?", default=1000, help="seeds 0 to CASES - 1")
    parser.add_argument("--shard", type=int, nargs=2, default=(0, 1), metavar=("NUMBER", "OF"))
    arguments = parser.parse_args()
    seeds = range(arguments.shard[0], arguments.cases, arguments.shard[1])
    wrong = {seed: found for seed in seeds if (found := differences(seed, most=MOST[seed % len(MOST)]))}
    print(f"{len(seeds):,} random mappings, {len(wrong)} differ", *wrong.items(), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
