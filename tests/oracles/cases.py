"""Random nests, hierarchies and mappings, small enough to execute loop by loop."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hwsim.mapping import Hierarchy, Level, LevelLoops, Mapping, Storage
from hwsim.workload import DIMS, Dim, LoopNest, OperandType

BITS = OperandType("int8")


def random_case(rng: random.Random, perfect: bool, most: int = 600) -> tuple[LoopNest, Hierarchy, Mapping]:
    """A nest of at most ``most`` MACs, and a mapping that covers it, over 2 to 5 levels with meshes, bypass and any wires.

    perfect : all factors divide, no padding (what the timeloop rules take).
    """
    depth = rng.randint(2, 5)
    factors: dict[Dim, list[int]] = {dim: [] for dim in DIMS}
    macs = 1
    dims = rng.sample(DIMS, rng.randint(2, 6))
    slots: list[dict[str, list[tuple[Dim, int]]]] = [{"t": [], "x": [], "y": []} for _ in range(depth)]
    for _ in range(rng.randint(2, 9)):
        dim, factor = rng.choice(dims), rng.choice((2, 2, 2, 3, 3, 4, 5))
        level, kind = rng.randrange(depth), rng.choice(("t", "t", "t", "x", "y"))
        if macs * factor > most or any(dim == there for there, _ in slots[level][kind]):
            continue
        macs *= factor
        factors[dim].append(factor)
        slots[level][kind].append((dim, factor))
    for slot in slots:
        for pairs in slot.values():
            rng.shuffle(pairs)
    extents = {dim: _extent(rng, factors[dim], perfect) for dim in DIMS}
    nest = _nest(rng, extents, perfect)
    mapping = Mapping(
        tuple(
            LevelLoops(tuple(slot["t"]), tuple(slot["x"]), tuple(slot["y"]), _keep(rng, level == depth - 1))
            for level, slot in enumerate(slots)
        )
    )
    return nest, _hierarchy(rng, slots, perfect), mapping


def _extent(rng: random.Random, factors: Sequence[int], perfect: bool) -> int:
    product = 1
    for factor in factors:
        product *= factor
    return product if perfect or rng.random() < 0.4 else rng.randint(1, product)


def _nest(rng: random.Random, extents: dict[Dim, int], perfect: bool) -> LoopNest:
    stride = [rng.choice((1, 1, 1, 2, 3)) for _ in range(2)]
    dilation = [rng.choice((1, 1, 1, 2, 3)) for _ in range(2)]
    pad, size = [0, 0], [0, 0]
    for axis, (position, kernel) in enumerate((("Q", "S"), ("P", "R"))):
        reach = (extents[position] - 1) * stride[axis] + (extents[kernel] - 1) * dilation[axis] + 1
        if not perfect and rng.random() < 0.6:
            pad[axis] = rng.randint(0, min(4, reach))
            size[axis] = max(1, reach - pad[axis] - rng.randint(-1, 4))
    return LoopNest(
        **{dim.lower(): extent for dim, extent in extents.items()},  # type: ignore[arg-type]
        stride_h=stride[0],
        stride_w=stride[1],
        dilation_h=dilation[0],
        dilation_w=dilation[1],
        pad_top=pad[0],
        pad_left=pad[1],
        height=size[0],
        width=size[1],
        input=BITS,
        weight=BITS,
        output=BITS,
    )


def _keep(rng: random.Random, everything: bool) -> tuple[bool, bool, bool]:
    if everything:
        return True, True, True
    return rng.random() < 0.6, rng.random() < 0.6, rng.random() < 0.6


def _hierarchy(rng: random.Random, slots: list[dict[str, list[tuple[Dim, int]]]], perfect: bool) -> Hierarchy:
    levels, across, down = [], 1, 1
    for number in range(len(slots) - 1, -1, -1):
        levels.append(
            Level(
                f"level{number}",
                across,
                down,
                storage=(Storage((True, True, True), None),),
                keeps=("free", "free", "free"),
                multicast=perfect or rng.random() < 0.8,
                reduce=perfect or rng.random() < 0.8,
            )
        )
        for _, factor in slots[number]["x"]:
            across *= factor
        for _, factor in slots[number]["y"]:
            down *= factor
    return Hierarchy("random", tuple(levels[::-1]), across, down, pass_level=rng.randint(-1, len(slots) - 1))
