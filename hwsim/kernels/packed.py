"""What kernels take and give: named tuples of arrays, shapes in the field docs.

Everywhere L is the number of levels, innermost first. The eight dims are in the order N, G, K, C, Q, P, S, R (hwsim.workload.DIMS), the
operands input, weight, output, the axes of an image height, width, the axes of a mesh x, y, and the directions read, fill, update.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.int64]
Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

N, G, K, C, Q, P, S, R = range(8)
INPUT, WEIGHT, OUTPUT = range(3)
READ, FILL, UPDATE = range(3)
#: Yes and no as values: of ``True`` and ``False`` themselves Numba would compile every callee once more.
YES, NO = cast(bool, np.bool_(True)), cast(bool, np.bool_(False))
#: Capacity of a pool without limit [bit].
UNLIMITED = 1 << 62
#: Values of ``HierarchyArrays.keeps``.
NEVER, ALWAYS, FREE = range(3)
#: Values of ``HierarchyArrays.topology``.
MESH, BUS, NEIGHBOUR = range(3)


class NestArrays(NamedTuple):
    """A loop nest.

    extents [8]. stride, dilation, pad, size [2] : of (height, width); size is that of the unpadded input.
    bits [4] : of input, weight, output, accumulator.
    """

    extents: Int
    stride: Int
    dilation: Int
    pad: Int
    size: Int
    bits: Int


class HierarchyArrays(NamedTuple):
    """A hierarchy; figures of one instance, rates per cycle and in bits.

    mesh [L, 2] : instances on the chip along (x, y). fanout [L, 2] : children of one instance, level 0's children being PEs.
    pool [L, 3] : the pool that an operand lives in, by number. pool_bits [L, 3] : usable bits of each pool, after buffering.
    keeps [L, 3] : NEVER, ALWAYS or FREE. bandwidth [L, 3] : read, write, shared [bit/cycle], inf unlimited.
    energy [L, 3 directions, 3 operands] : of one access [J], nan unknown. block [L] : bits of one access, 0 where energy is per bit.
    network [L, 3] : wires to all children, per operand [bit/cycle], inf unlimited. multicast, reduce [L]. hop_j [L] : [J/bit/hop].
    topology [L] : of those wires, MESH, BUS or NEIGHBOUR.
    overlapped [L]. macs_per_pe [1]; mac_j [J], nan unknown; clock_hz [Hz]; leakage_w [W], nan unknown; pass_cycles [1]; pass_level,
    -1 none; min_utilization [1].
    """

    mesh: Int
    fanout: Int
    pool: Int
    pool_bits: Int
    keeps: Int
    bandwidth: Float
    energy: Float
    block: Int
    network: Float
    multicast: Bool
    reduce: Bool
    hop_j: Float
    topology: Int
    overlapped: Bool
    macs_per_pe: float
    mac_j: float
    clock_hz: float
    leakage_w: float
    pass_cycles: float
    pass_level: int
    min_utilization: float


class MappingArrays(NamedTuple):
    """A mapping. From the inside, the loops of a level are its spatial x, its spatial y, then its temporal ones.

    temporal, spatial_x, spatial_y [L, 8] : factors, 1 where there is no loop. order [L, 8] : temporal dims, inner to outer, a permutation
    of all eight. order_x, order_y [L, 8] : the same for the spatial loops of one axis (neighbours differ in the first one).
    keep [L, 3]. Arrays of many mappings have one more axis in front.
    """

    temporal: Int
    spatial_x: Int
    spatial_y: Int
    order: Int
    order_x: Int
    order_y: Int
    keep: Bool


class CountArrays(NamedTuple):
    """Results of counting one mapping, in words of an operand.

    accesses [L, 3 operands, 3 directions] : totals over all instances. busiest [L, 3, 3] : of the busiest instance, each direction by
    itself. final [L, 3 directions], busiest_final [L, 3] : how many of the outputs' accesses carry final values; the rest is incomplete.
    tile [L, 3] : elements of the largest tile, 0 where not kept. incomplete [L] : 1 where the outputs held are incomplete at some time.
    used [L, 2] : instances at work. network [L, 3, 2] : words on the wires below a level, all instances: (down, up); up is 0 for inputs
    and weights. network_busiest [L, 3, 2] : below the busiest instance. network_final [L, 2] : outputs' final words up, in total and
    below the busiest instance. hops [L, 3] : word-hops of all instances.
    scalars [4] : compute steps (the temporal trips of the busiest PE), passes, MACs of one repeat, PEs at work.
    """

    accesses: Int
    busiest: Int
    final: Int
    busiest_final: Int
    tile: Int
    incomplete: Int
    used: Int
    network: Int
    network_busiest: Int
    network_final: Int
    hops: Float
    scalars: Int


def empty_counts(levels: int) -> CountArrays:
    """Zeroed results for ``levels`` levels."""
    return CountArrays(
        accesses=np.zeros((levels, 3, 3), np.int64),
        busiest=np.zeros((levels, 3, 3), np.int64),
        final=np.zeros((levels, 3), np.int64),
        busiest_final=np.zeros((levels, 3), np.int64),
        tile=np.zeros((levels, 3), np.int64),
        incomplete=np.zeros(levels, np.int64),
        used=np.ones((levels, 2), np.int64),
        network=np.zeros((levels, 3, 2), np.int64),
        network_busiest=np.zeros((levels, 3, 2), np.int64),
        network_final=np.zeros((levels, 2), np.int64),
        hops=np.zeros((levels, 3), np.float64),
        scalars=np.zeros(4, np.int64),
    )
