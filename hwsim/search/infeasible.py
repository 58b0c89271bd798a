"""Why nothing fits."""

from __future__ import annotations

import math

import numpy as np

from hwsim.errors import Infeasible
from hwsim.kernels.packed import ALWAYS
from hwsim.kernels.search_tile import bits_of
from hwsim.search.problem import build
from hwsim.search.progress import Progress
from hwsim.search.space import Space
from hwsim.search.terms import terms_of
from hwsim.workload import DIMS, OPERANDS


def why(space: Space, progress: Progress) -> Infeasible:
    """The first thing that no mapping gets around: a dim that the factors cannot cover, a tile that is too large, or time."""
    if progress.limited:
        return Infeasible(
            "search", 1, 0, "mappings found in the time given", ("more seconds", "no time limit", "fewer constraints")
        )
    for level in range(space.levels):
        for axis, fan in zip("xy", space.packed.fanout[level], strict=True):
            least = math.prod(
                max(1, int(space.spatial_fixed[level, dim]))
                for dim in range(8)
                if space.along[level, "xy".index(axis), dim] and not space.along[level, 1 - "xy".index(axis), dim]
            )
            if least > fan:
                name = space.hierarchy.levels[level].name
                return Infeasible(
                    name, least, int(fan), f"children along {axis}", (f"smaller spatial factors on {axis}",)
                )
    spatial = np.maximum(1, space.spatial_fixed)
    keep = tuple(
        tuple(bool(rule == ALWAYS) or level == space.levels - 1 for rule in space.packed.keeps[level])
        for level in range(space.levels)
    )
    problem = build(space, keep, spatial, "latency", terms_of(space, keep, spatial[None]))  # type: ignore[arg-type]
    if problem is None:
        return _uncovered(space, spatial)
    for level, name in enumerate(level.name for level in space.hierarchy.levels):
        tile = problem.tables[1, level, :, 0]
        for place in range(3):
            homes = [
                operand for operand in range(3) if keep[level][operand] and space.packed.pool[level, operand] == place
            ]
            need = sum(int(bits_of(operand, tile, problem.nest, problem.sides)) for operand in homes)
            have = int(space.packed.pool_bits[level, place])
            if need > have:
                kept = "+".join(OPERANDS[operand] for operand in homes)
                levers = ("a larger capacity", "narrower operands", "fewer fixed factors at this level or inside of it")
                more = ("single buffering",) if space.hierarchy.levels[level].buffering > 1 else ()
                return Infeasible(name, need, have, f"bits for {kept}", (*levers, *more))
    if space.packed.min_utilization:
        pes = space.hierarchy.pes_x * space.hierarchy.pes_y
        at_work = space.packed.min_utilization * pes
        return Infeasible("mesh", at_work, 0, "PEs at work", ("a lower minimum utilization", "more dims per mesh axis"))
    return Infeasible(
        "mapping", 1, 0, "mappings under all constraints at once", ("fewer constraints", "larger capacities")
    )


def _uncovered(space: Space, spatial: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Infeasible:
    for dim, extent in enumerate(space.extents):
        given = math.prod(int(factor) for factor in spatial[:, dim])
        most = given * math.prod(
            int(fixed) or int(space.at_most[level, dim]) for level, fixed in enumerate(space.fixed[:, dim])
        )
        if most < extent or (space.perfect and extent % given):
            return Infeasible(
                "mapping", extent, most, f"iterations of {DIMS[dim]}", (f"larger or free factors of {DIMS[dim]}",)
            )
    return Infeasible("mapping", 1, 0, "factors that divide the extents", ("imperfect factors", "fewer fixed factors"))
