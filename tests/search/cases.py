"""Random small nests on small hierarchies, with constraints, whose mappings can all be priced."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hwsim.device import LevelConstraint
from hwsim.mapping import Hierarchy, Level, Storage
from hwsim.workload import DIMS, LoopNest, OperandType

_TYPES = tuple(OperandType(name) for name in ("int4", "int8", "int16"))


def random_problem(seed: int) -> tuple[LoopNest, Hierarchy, bool, bool]:
    """A nest, a hierarchy, whether the rules are exact, and whether factors must divide."""
    pick = random.Random(seed)
    depth = pick.choice((2, 2, 3, 3, 3, 4))
    exact = pick.random() < 0.6
    perfect = not exact or pick.random() < 0.4
    most = {2: 90, 3: 36, 4: 12}[depth]
    return _nest(pick, most if perfect else most // 2), _hierarchy(pick, depth), exact, perfect


def sliding_problem(seed: int) -> tuple[LoopNest, Hierarchy, bool, bool]:
    """The same with a long window that slides over many positions, in the exact rules and any factors."""
    pick = random.Random(f"wide {seed}")
    positions, taps = pick.choice((3, 4, 5, 6, 7)), pick.choice((2, 3, 4, 5, 6, 7))
    fields = {"q": positions, "s": taps, "k": pick.choice((1, 1, 2))}
    fields |= {"stride_h": pick.choice((1, 1, 2, 3)), "dilation_h": pick.choice((1, 1, 2))}
    reach = (positions - 1) * fields["stride_h"] + (taps - 1) * fields["dilation_h"] + 1
    if pick.random() < 0.4:
        fields["pad_top"] = pick.choice((1, 2))
        fields["height"] = max(1, reach - fields["pad_top"] - pick.choice((0, 1, 2)))
    types = {name: OperandType(pick.choice(("int4", "int8"))) for name in ("input", "weight", "output")}
    nest = LoopNest(**fields, **types, accumulator=OperandType("int16"))  # type: ignore[arg-type]
    return nest, _hierarchy(pick, pick.choice((2, 3))), True, False


def uneven_problem(seed: int) -> tuple[LoopNest, Hierarchy, bool, bool]:
    """The same in the exact rules where factors seldom divide: extents that are odd, and any factors."""
    pick = random.Random(f"uneven {seed}")
    fields = {dim.lower(): pick.choice((3, 3, 5, 5, 7)) for dim in pick.sample("NKCQPSR", pick.choice((2, 2, 3)))}
    types = {name: OperandType(pick.choice(("int4", "int8"))) for name in ("input", "weight", "output")}
    nest = LoopNest(**fields, **types, accumulator=OperandType("int16"))  # type: ignore[arg-type]
    return nest, _hierarchy(pick, pick.choice((2, 3, 3))), True, False


def returning_problem(seed: int) -> tuple[LoopNest, Hierarchy, bool, bool]:
    """A window on a chip that holds a few inputs next to the MACs and nothing but sums outside of them: filters bring the inputs back."""
    pick = random.Random(f"returning {seed}")
    byte = OperandType("int8")
    nest = LoopNest(q=4, s=pick.choice((2, 3)), k=2, input=byte, weight=byte, output=byte, accumulator=byte)

    def priced(joules: float) -> dict[str, tuple[float, float, float]]:
        return dict.fromkeys(("read_j", "fill_j", "update_j"), (joules,) * 3)

    def room(words: int | None) -> tuple[Storage]:
        return (Storage((True, True, True), None if words is None else 8 * words),)

    levels = (
        Level("L0", 1, 1, storage=room(pick.choice((3, 4))), keeps=("always", "never", "never"), **priced(0.1)),
        Level("L1", 1, 1, storage=room(pick.choice((1, 2, 4, 8))), keeps=("never", "never", "always"), **priced(1.0)),
        Level("L2", 1, 1, storage=room(None), keeps=("always",) * 3, **priced(50.0), off_chip=True),
    )
    return nest, Hierarchy("returning", levels, 1, 1, mac_j=1.0, clock_hz=1.0), True, True


def _nest(pick: random.Random, most: int) -> LoopNest:
    extents = dict.fromkeys(DIMS, 1)
    for _ in range(20):
        dim = pick.choice(DIMS)
        grown = {**extents, dim: pick.choice((2, 3, 4, 5, 6, 7))}
        product = 1
        for extent in grown.values():
            product *= extent
        if product <= most and sum(extent > 1 for extent in grown.values()) <= 3:
            extents = grown
    fields = {dim.lower(): extent for dim, extent in extents.items()}
    fields |= {name: pick.choice((1, 1, 1, 2, 3)) for name in ("stride_h", "stride_w", "dilation_h", "dilation_w")}
    for axis, (position, tap, side) in {"h": ("q", "s", "height"), "w": ("p", "r", "width")}.items():
        reach = (fields[position] - 1) * fields[f"stride_{axis}"] + (fields[tap] - 1) * fields[f"dilation_{axis}"] + 1
        before = pick.choice((0, 0, 0, 1, 2))
        if before and reach > before:
            fields["pad_top" if axis == "h" else "pad_left"] = before
            fields[side] = max(1, reach - before - pick.choice((0, 1)))
    types = {name: pick.choice(_TYPES) for name in ("input", "weight", "output")}
    return LoopNest(**fields, **types, accumulator=OperandType(pick.choice(("int16", "int32"))))  # type: ignore[arg-type]


def _hierarchy(pick: random.Random, depth: int) -> Hierarchy:
    meshes = [(1, 1)]
    for _ in range(depth - 1):
        across, down = meshes[0]
        meshes.insert(0, (across * pick.choice((1, 1, 2, 3)), down * pick.choice((1, 1, 2))))
    inner_x, inner_y = meshes[0][0] * pick.choice((1, 1, 2)), meshes[0][1] * pick.choice((1, 1, 2))
    while inner_x * inner_y > 6:
        meshes = [(1, 1) if pick.random() < 0.5 else mesh for mesh in meshes]
        meshes[-1] = (1, 1)
        meshes = _falling(meshes)
        inner_x, inner_y = meshes[0]
    levels = tuple(_level(pick, index, depth, mesh) for index, mesh in enumerate(meshes))
    return Hierarchy(
        "small",
        levels,
        inner_x,
        inner_y,
        macs_per_pe=pick.choice((1.0, 1.0, 0.5, 2.0)),
        mac_j=pick.choice((1.0, 20.0)),
        clock_hz=1.0,
        leakage_w=pick.choice((None, 0.0, 5.0)),
        pass_cycles=pick.choice((0.0, 0.0, 3.0)),
        pass_level=pick.choice((0, depth - 1)),
        min_utilization=pick.choice((0.0, 0.0, 0.0, 0.5)),
    )


def _falling(meshes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Meshes in which every level's instances are a multiple of those of the next."""
    found = [(1, 1)]
    for across, down in reversed(meshes[:-1]):
        outer_x, outer_y = found[0]
        found.insert(0, (across if across % outer_x == 0 else outer_x, down if down % outer_y == 0 else outer_y))
    return found


def _level(pick: random.Random, index: int, depth: int, mesh: tuple[int, int]) -> Level:
    top = index == depth - 1
    split = not top and pick.random() < 0.4
    rate = (None, None, 4.0, 16.0)
    size = None if top else pick.choice((None, 32, 64, 160, 400))
    pools = (Storage((True, True, True), size),)
    if split:
        pools = (Storage((True, False, True), size), Storage((False, True, False), pick.choice((None, 32, 96))))
    keeps = ["always" if top else pick.choice(("always", "free", "free", "never")) for _ in range(3)]
    energy = tuple(pick.choice((0.0, 0.5, 3.0)) * 4**index for _ in range(3))
    written = tuple(pick.choice((1.0, 1.5)) * joules for joules in energy)
    return Level(
        f"L{index}",
        *mesh,
        storage=pools,
        keeps=(keeps[0], keeps[1], keeps[2]),  # type: ignore[arg-type]
        buffering=pick.choice((1, 1, 2)),
        read=pick.choice(rate),
        write=pick.choice(rate),
        shared=pick.choice((None, None, 8.0)),
        read_j=(energy[0], energy[1], energy[2]),
        fill_j=(written[0], written[1], written[2]),
        update_j=(written[0], written[1], written[2]),
        network_bits_per_cycle=(None, pick.choice(rate), pick.choice(rate)),
        multicast=pick.random() < 0.8,
        reduce=pick.random() < 0.8,
        overlapped=pick.random() < 0.8,
        off_chip=top,
        constraint=_constraint(pick),
    )


def _constraint(pick: random.Random) -> LevelConstraint:
    if pick.random() < 0.6:
        return LevelConstraint()
    some = [dim for dim in DIMS if pick.random() < 0.3]
    pick.shuffle(some)
    return LevelConstraint(
        order=tuple(some[:2]) if pick.random() < 0.4 else (),
        fixed={pick.choice(DIMS): pick.choice((1, 1, 2))} if pick.random() < 0.3 else {},
        at_most={pick.choice(DIMS): pick.choice((1, 2, 3))} if pick.random() < 0.4 else {},
        spatial_x=tuple(dim for dim in DIMS if pick.random() < 0.6) if pick.random() < 0.4 else None,
        spatial_y=tuple(dim for dim in DIMS if pick.random() < 0.6) if pick.random() < 0.4 else None,
        spatial_at_most={pick.choice(DIMS): pick.choice((1, 2))} if pick.random() < 0.2 else {},
    )
