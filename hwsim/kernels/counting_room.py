"""Room that counting in the exact rules works in, made once for many mappings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwsim.kernels.counting_axis import AxisRoom
from hwsim.kernels.jit import lean_kernel, nested_kernel
from hwsim.kernels.packed import Bool, Int, MappingArrays


class Room(NamedTuple):
    """Room to count in.

    tile [L + 2, 8] : nominal extents inside of each level, row 0 of a PE, and in the last row those of the nest. step_y, step_t [L, 8] :
    extents inside of a level's spatial loops along y, and of its temporal ones. temporal [8 L, 4], spatial [16 L, 4] : loops from the
    outside in. always, multicast [L], leaves [2, L] : ``_flow``. flows [3, 2, L, L, 2] : words on their way, total and of the busiest, by
    operand, level that keeps it and all levels inside of that down to the next that does; first as networks share, then as if all of them
    did. own [L] : ``_distinct``. sums [8, 4], cut [8] : by dim. busy [places] : words by place along height and width. axis : of axes.
    """

    tile: Int
    step_y: Int
    step_t: Int
    temporal: Int
    spatial: Int
    always: Bool
    leaves: Bool
    flows: Int
    own: Int
    sums: Int
    cut: Int
    busy: Int
    axis: AxisRoom


@nested_kernel
def room_for(levels: int, places: int) -> Room:
    """Room for a hierarchy of so many levels, and so many instances along height and width of an image."""
    return Room(
        np.ones((levels + 2, 8), np.int64),
        np.empty((levels, 8), np.int64),
        np.empty((levels, 8), np.int64),
        np.empty((levels * 8, 4), np.int64),
        np.empty((levels * 16, 4), np.int64),
        np.ones(levels, np.bool_),
        np.zeros((2, levels), np.bool_),
        np.zeros((3, 2, levels, levels, 2), np.int64),
        np.empty(levels, np.int64),
        np.empty((8, 4), np.int64),
        np.empty(8, np.int64),
        np.empty(places, np.int64),
        AxisRoom(
            np.empty((2, 4), np.int64),
            np.empty((4, 2), np.int64),
            np.empty((2, 3, places), np.int64),
            np.empty((places, 11), np.int64),
            np.empty((places, 2), np.int64),
        ),
    )


@lean_kernel
def places_across(row: int, mappings: MappingArrays) -> int:
    """Instances along height and width of an image that a mapping spreads over, kernel included."""
    places = 1
    for level in range(mappings.keep.shape[1]):
        for dim in range(4, 8):
            places *= mappings.spatial_x[row, level, dim] * mappings.spatial_y[row, level, dim]
    return places
