"""Counts in the exact rules: what buffers that hold one tile per operand really move, in closed form over the loops.

A tile is the product of a set of indices per dim (per axis of an image, for inputs). Steps are told apart by the outermost temporal loop
that advances, all loops inside of it going from their last index back to the first. For each such loop the words that arrive, summed
over all steps and all places, are the product over dims of the sums of tile sizes, less the product of the sums of what was there already:
both factorize, for the loops of a dim do not depend on those of another. What a level reads is the same sum over one child of each
group that needs the same; what outputs move follows from how often their tiles arrive.
"""

from __future__ import annotations

from hwsim.kernels.counting_axis import AxisRoom, axis_sums, axis_tile
from hwsim.kernels.counting_dims import DIM, FACTOR, LEVEL, STEP, dim_sums, places_of, start_of, tiles_of
from hwsim.kernels.counting_room import Room
from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import (
    FILL,
    INPUT,
    OUTPUT,
    READ,
    UPDATE,
    Bool,
    CountArrays,
    HierarchyArrays,
    Int,
    MappingArrays,
    NestArrays,
)

#: For each operand and dim (N, G, K, C, Q, P, S, R): 0 does not matter, 1 an index of its own, 2 one of two in an axis of the input.
_ROLE = (1, 1, 0, 1, 2, 2, 2, 2, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0)
#: Rows of ``AxisRoom.pair``, by side: places, how many the first column stands for, overlaps, which row of sums arrives.
_PLACES, _ALIKE, _OVERLAPS, _WHICH = range(4)


@lean_kernel
def _flow(
    operand: int,
    level: int,
    upto: int,
    temporal: Int,
    spatial: Int,
    shares: Bool,
    leaves: Bool,
    room: Room,
    result: Int,
) -> None:
    """Words that arrive at the tiles of ``level`` (-1: PEs, at every step), one message for each group of children of ``upto``.

    shares [L] : levels whose network serves several children with one message. leaves [L] : levels with which a tile of ``level``
    leaves. result [2] : of all instances of ``upto``, and of the busiest.
    """
    tile, sums, cut, busy, pair = room.tile, room.sums, room.cut, room.busy, room.axis.pair
    last = tile.shape[0] - 3
    for side in range(2):
        pair[_PLACES, side], pair[_ALIKE, side] = 1, 0
        if operand == INPUT:
            pair[_PLACES, side] = places_of(4 + side, upto, last, spatial) * places_of(6 + side, upto, last, spatial)
    places = pair[_PLACES, 0] * pair[_PLACES, 1]
    for place in range(places):
        busy[place] = 0
    for dim in range(8):
        cut[dim] = 0
    loops = 0
    while loops < temporal.shape[0] and temporal[loops, LEVEL] > level:
        if level < 0:
            cut[temporal[loops, DIM]] += 1
        loops += 1
    total = 0
    for event in range(
        8 + (2 * loops if level >= 0 else 0)
    ):  # all dims, then of every loop: it advances, it has advanced
        first = event < 8
        dim = event if first else temporal[(event - 8) // 2, DIM]
        advance = not first and event % 2 == 0
        if not first and not advance:
            cut[dim] += 1
        role = _ROLE[operand * 8 + dim]
        if role < 2:
            found = dim_sums(dim, level, upto, role == 1, cut[dim], advance, tile, temporal, spatial, shares, leaves)
            sums[dim, 0], sums[dim, 1], sums[dim, 2], sums[dim, 3] = (
                found.total,
                found.first,
                found.total_kept,
                found.first_kept,
            )
        elif not (first and dim >= 6):
            side = dim & 1
            moving = (1 if dim < 6 else 2) if advance else 0
            cut_x, cut_k = cut[4 + side], cut[6 + side]
            pair[_ALIKE, side] = axis_sums(
                side, level, upto, cut_x, cut_k, moving, tile, temporal, spatial, shares, room.axis
            )
        if event == 7 or advance:
            total += _product(operand, sums, room.axis, busy, advance)
    result[0], result[1] = total, 0
    for place in range(places):
        result[1] = max(result[1], busy[place])


@lean_kernel
def _product(operand: int, sums: Int, axis: AxisRoom, busy: Int, keeps: bool) -> int:
    """Words that arrive in all steps of one kind; ``busy`` gains those of each place along height and width.

    sums [8, 4] : of the dims; axis : of the axes; keeps : whether what was there already stays.
    """
    arriving = first = 1
    kept = first_kept = 1 if keeps else 0
    for dim in range(8):
        if _ROLE[operand * 8 + dim] == 2:
            continue
        arriving, first = arriving * sums[dim, 0], first * sums[dim, 1]
        kept, first_kept = kept * sums[dim, 2], first_kept * sums[dim, 3]
    if operand != INPUT:
        busy[0] += first - first_kept
        return arriving - kept
    rows, pair = axis.rows, axis.pair
    for side in range(2):
        pair[_OVERLAPS, side] = 0
        for place in range(1 if pair[_ALIKE, side] else pair[_PLACES, side]):
            pair[_OVERLAPS, side] += rows[side, 1, place]
    for side in range(2):
        # Children that need the same get one message whatever they hold of this side, if nothing of the whole is held.
        which = 2 if kept == 0 or pair[_OVERLAPS, 1 - side] == 0 else 0
        tiles = 0
        for place in range(1 if pair[_ALIKE, side] else pair[_PLACES, side]):
            tiles += rows[side, which, place]
        arriving *= tiles * max(1, pair[_ALIKE, side])
        pair[_WHICH, side] = which
    for side in range(2):
        kept *= pair[_OVERLAPS, side] * max(1, pair[_ALIKE, side])
    for one in range(1 if pair[_ALIKE, 0] else pair[_PLACES, 0]):
        for other in range(1 if pair[_ALIKE, 1] else pair[_PLACES, 1]):
            busy[one * pair[_PLACES, 1] + other] += (
                first * rows[0, pair[_WHICH, 0], one] * rows[1, pair[_WHICH, 1], other]
                - first_kept * rows[0, 1, one] * rows[1, 1, other]
            )
    return arriving - kept


@lean_kernel
def _distinct(level: int, tile: Int, temporal: Int) -> int:
    """Outputs that the instance of ``level`` at index 0 works on in the course of the run."""
    words, extents = 1, tile.shape[0] - 1
    for dim in range(8):
        if _ROLE[OUTPUT * 8 + dim]:
            tiles = tiles_of(dim, level, tile[extents, dim], temporal)
            own = tile[level + 1, dim]
            words *= (tiles - 1) * own + min(own, tile[extents, dim] - start_of(dim, level, tiles - 1, temporal))
    return words


@lean_kernel
def _complete(low: int, high: int, tile: Int, spatial: Int, reduces: Bool) -> bool:
    """Whether sums that leave ``high`` are complete: no reduction is spread over instances further out, and none of those over what lies
    between ``low`` and ``high`` is left open by a network that does not reduce."""
    for row in range(spatial.shape[0]):
        dim, at = spatial[row, DIM], spatial[row, LEVEL]
        spread = not _ROLE[OUTPUT * 8 + dim] and tile[tile.shape[0] - 1, dim] > spatial[row, STEP]
        if spread and (at > high or (at > low and not reduces[at])):
            return False
    return True


@lean_kernel
def _append(factors: Int, order: Int, steps: Int, level: int, count: int, rows: Int) -> int:
    """Append the loops of one level and kind, outside first, to ``rows`` from ``count`` on; returns the new count."""
    for place in range(7, -1, -1):
        dim = order[level, place]
        if factors[level, dim] > 1:
            rows[count, DIM], rows[count, FACTOR] = dim, factors[level, dim]
            rows[count, STEP], rows[count, LEVEL] = steps[level, dim], level
            count += 1
    return count


@lean_kernel
def count_exact(
    row: int, nest: NestArrays, hierarchy: HierarchyArrays, mappings: MappingArrays, room: Room, out: CountArrays
) -> None:
    """Count mapping ``row`` of many, a valid one, into zeroed ``out``, with messages in ``out.hops``."""
    keep, spatial_x, spatial_y = mappings.keep[row], mappings.spatial_x[row], mappings.spatial_y[row]
    levels = keep.shape[0]
    axes, tile, flows = room.axis.axes, room.tile, room.flows
    for side in range(2):
        axes[side, 0], axes[side, 1] = nest.stride[side], nest.dilation[side]
        axes[side, 2], axes[side, 3] = nest.pad[side], nest.size[side]
    for dim in range(8):
        tile[0, dim], tile[levels + 1, dim] = 1, nest.extents[dim]
        for level in range(levels):
            room.step_y[level, dim] = tile[level, dim] * spatial_x[level, dim]
            room.step_t[level, dim] = room.step_y[level, dim] * spatial_y[level, dim]
            tile[level + 1, dim] = room.step_t[level, dim] * mappings.temporal[row, level, dim]
    number = places = 0
    for level in range(levels - 1, -1, -1):
        number = _append(mappings.temporal[row], mappings.order[row], room.step_t, level, number, room.temporal)
        places = _append(spatial_y, mappings.order_y[row], room.step_y, level, places, room.spatial)
        places = _append(spatial_x, mappings.order_x[row], tile, level, places, room.spatial)
    temporal, spatial = room.temporal[:number], room.spatial[:places]
    _count_steps(hierarchy.pass_level, temporal, spatial_x, spatial_y, tile, out.used, out.scalars)
    for level in range(levels - 1):
        room.leaves[1, level] = keep[level, OUTPUT]
    for job in range(6 * levels * levels):
        operand, shared = job // (2 * levels * levels), job // (levels * levels) % 2
        parent, upto = job // levels % levels, job % levels
        child = _inside(parent, operand, keep)
        flow = flows[operand, shared, parent, upto]
        flow[0] = flow[1] = 0
        if not keep[parent, operand] or upto > parent or upto < child or (shared and (operand != OUTPUT or child < 0)):
            continue
        shares = room.always if shared else hierarchy.reduce if operand == OUTPUT else hierarchy.multicast
        _flow(operand, child, upto, temporal, spatial, shares, room.leaves[operand // 2], room, flow)
    for operand in range(2):
        _count_operand(operand, keep, flows, out)
    _count_outputs(tile, temporal, spatial, hierarchy.reduce, keep, flows, room.own, out)
    for level in range(levels):
        for operand in range(3):
            if keep[level, operand]:
                out.tile[level, operand] = _tile(operand, level, tile, temporal, spatial, axes)
            out.hops[level, operand] = out.network[level, operand, 0] + out.network[level, operand, 1]
        updates, fills = out.accesses[level, OUTPUT, UPDATE], out.accesses[level, OUTPUT, FILL]
        out.incomplete[level] = 1 if updates != out.final[level, UPDATE] or fills > 0 else 0


@lean_kernel
def _tile(operand: int, level: int, tile: Int, temporal: Int, spatial: Int, axes: Int) -> int:
    """Words of the largest tile of a level."""
    words = 1
    for dim in range(8):
        if _ROLE[operand * 8 + dim] == 1:
            words *= min(tile[level + 1, dim], tile[tile.shape[0] - 1, dim])
    if operand == INPUT:
        for side in range(2):
            words *= axis_tile(side, level, tile, temporal, spatial, axes)
    return words


@lean_kernel
def _count_steps(
    pass_level: int, temporal: Int, spatial_x: Int, spatial_y: Int, tile: Int, used: Int, scalars: Int
) -> None:
    """Steps, passes, MACs, PEs and instances at work."""
    levels, passes, macs, steps = used.shape[0], 1, 1, 1
    for dim in range(8):
        extent = tile[levels + 1, dim]
        macs *= extent
        steps *= tiles_of(dim, -1, extent, temporal)
        if pass_level >= 0:
            inner = 1  # a pass is what lies inside of the temporal loops of its level
            for row in range(temporal.shape[0]):
                if temporal[row, DIM] == dim and temporal[row, LEVEL] < pass_level:
                    inner *= temporal[row, FACTOR]
            passes *= (tiles_of(dim, -1, extent, temporal) + inner - 1) // inner
    across = down = 1
    for level in range(levels - 1, -1, -1):
        used[level, 0], used[level, 1] = across, down
        for dim in range(8):
            x, y, inside = spatial_x[level, dim], spatial_y[level, dim], tile[level, dim]
            children = (min(tile[levels + 1, dim], inside * x * y) + inside - 1) // inside
            across *= min(x, children)
            down *= (children + x - 1) // x
    scalars[0], scalars[1], scalars[2], scalars[3] = steps, passes, macs, across * down


@lean_kernel
def _inside(level: int, operand: int, keep: Bool) -> int:
    """The next level inside of ``level`` that keeps an operand, -1 for PEs."""
    inner = level - 1
    while inner >= 0 and not keep[inner, operand]:
        inner -= 1
    return inner


@lean_kernel
def _count_operand(operand: int, keep: Bool, flows: Int, out: CountArrays) -> None:
    """Inputs or weights: fills of each level that keeps them, words on the wires down to it, reads where they come from."""
    for level in range(keep.shape[0]):
        if not keep[level, operand]:
            continue
        child = _inside(level, operand, keep)
        if child >= 0:
            out.accesses[child, operand, FILL] = flows[operand, 0, level, child, 0]
            out.busiest[child, operand, FILL] = flows[operand, 0, level, child, 1]
        for between in range(child + 1, level + 1):
            out.network[between, operand, 0] = flows[operand, 0, level, between, 0]
            out.network_busiest[between, operand, 0] = flows[operand, 0, level, between, 1]
        out.accesses[level, operand, READ] = flows[operand, 0, level, level, 0]
        out.busiest[level, operand, READ] = flows[operand, 0, level, level, 1]


@lean_kernel
def _count_outputs(
    tile: Int, temporal: Int, spatial: Int, reduces: Bool, keep: Bool, flows: Int, own: Int, out: CountArrays
) -> None:
    """Outputs. With A the words that arrive at a level's tiles, and Z those that start there from nothing:

    * a tile that leaves is read once: A reads; it goes outwards, added up where networks reduce: U updates further out;
    * of what arrives at one child of each group, what the level further out has not started from nothing comes from there: fills, and
      reads there; Z is all that arrives but for those;
    * every other update reads what it is added to, so that a level reads U - Z for what is inside of it.

    The outermost level starts every output once. So does, in the course of the run, an instance at index 0 of every reduction.
    own [L] : room for ``_distinct`` of each level.
    """
    levels = keep.shape[0]
    every = 1
    for dim in range(8):
        if _ROLE[OUTPUT * 8 + dim]:
            every *= tile[levels + 1, dim]
    nothing = every
    for level in range(levels):
        own[level] = _distinct(level, tile, temporal)
    for level in range(levels - 1, -1, -1):
        if not keep[level, OUTPUT]:
            continue
        child = _inside(level, OUTPUT, keep)
        if _complete(level, level, tile, spatial, reduces):
            out.final[level, UPDATE], out.busiest_final[level, UPDATE] = every, own[level]
            if level < levels - 1:
                out.final[level, READ], out.busiest_final[level, READ] = every, own[level]
        for between in range(child + 1, level + 1):
            out.network[between, OUTPUT, 1] = flows[OUTPUT, 0, level, between, 0]
            out.network_busiest[between, OUTPUT, 1] = flows[OUTPUT, 0, level, between, 1]
            if _complete(child, between, tile, spatial, reduces):
                out.network_final[between, 0], out.network_final[between, 1] = every, own[between]
        updates, busiest = flows[OUTPUT, 0, level, level, 0], flows[OUTPUT, 0, level, level, 1]
        out.accesses[level, OUTPUT, UPDATE], out.busiest[level, OUTPUT, UPDATE] = updates, busiest
        out.accesses[level, OUTPUT, READ] += updates - nothing
        out.busiest[level, OUTPUT, READ] += busiest - own[level]
        if child < 0:
            break
        back, stays = flows[OUTPUT, 1, level, level, 0] - nothing, flows[OUTPUT, 1, level, child, 0]
        for between in range(child + 1, level + 1):
            out.network[between, OUTPUT, 0] = back
            out.network_busiest[between, OUTPUT, 0] = flows[OUTPUT, 1, level, between, 1] - own[between]
        busiest = flows[OUTPUT, 1, level, child, 1]
        out.accesses[child, OUTPUT, FILL], out.busiest[child, OUTPUT, FILL] = back, busiest - own[child]
        out.accesses[child, OUTPUT, READ], out.busiest[child, OUTPUT, READ] = stays, busiest
        nothing = stays - back
