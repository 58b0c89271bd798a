"""Time of matrix products on GPUs, from data-sheet figures and a few constants that all GPUs share.

A product C[m, n] = A[m, k] B[k, n] is cut into tiles of C, one to a block of threads; a block stays on its SM and goes through the whole
reduction (or an equal part of it) in slabs that it stages in shared memory. So

    time = waves of blocks x time of a block        (tiles stick out of C, and the last wave is not full: both are paid for)
    at least  bytes that blocks fetch / L2 rate,  and  bytes that L2 does not hold any more / memory rate

and the library takes the tile and split that is fastest. What blocks of one wave share is fetched once as long as the panels that they
walk along fit in L2. Work that would take more power than the board's limit leaves runs at a lower clock: power is what multiplying,
L2 and memory take for the time of the SMs, so that small tiles, which move more, are slowed down more.
The structure is that of common knowledge of GEMM libraries [1]_; the constants are fitted, once for all devices
(``tests/published/gpus.py``).

.. [1] NVIDIA, "Matrix Multiplication Background User's Guide" (tile and wave quantization), docs.nvidia.com/deeplearning/performance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from hwsim.device import Device, Memory, precision_for
from hwsim.device.technology.off_chip import off_chip_energy, off_chip_types
from hwsim.errors import ProfileError
from hwsim.kernels.gpu import Chip, gemm_times

Numbers = npt.ArrayLike
Floats = npt.NDArray[np.float64]

#: Tiles of C that libraries have, rows x columns, and blocks of each that an SM holds. The last two need matrix instructions.
TILES = (
    (128, 128),
    (128, 64),
    (64, 128),
    (64, 64),
    (128, 32),
    (32, 128),
    (64, 32),
    (32, 64),
    (32, 32),
    (256, 128),
    (128, 256),
)
_MATRIX_ONLY = 2
#: Tiles of a framework's batched products without matrix instructions: before L1 held global memory (Pascal), with it, and of Ampere on.
_BATCHED = (((64, 128),), ((64, 128), (64, 64), (32, 128), (128, 32)), ((128, 128),))
_THREADS = 32768  # elements of C that the registers of an SM hold


@dataclass(frozen=True, slots=True)
class Constants:
    """What all GPUs share, fitted to NeuSight's and DeepBench's products on seven devices together; but for ``flop_j``, which is what two
    boards take at many operations a byte (te42kyfo/gpu-benches, gpu-roofline: A100 and A40), and ``reach_bytes``, what the first
    tables of Pascal cover (Jia et al., arXiv:1804.06826).

    memory_share : of the memory's bandwidth that long transfers attain [1]. strided_share : the same where pieces are short and the chip
    does not keep what it read in L1 (before Volta) [1]. l1_misses : share of what blocks fetch that L1 does not
    catch [1]. spread : how far apart blocks of a wave are on their way along
    the reduction, as a share of it: what L2 has to hold for them to share [1].
    tile_share : of the peak that a 128 x 128 tile attains; tile_loss : how it falls for smaller ones [element]. slab_cycles : least
    time of a slab of 8 [cycle]. alone : elements of C on an SM at which half of the latency is hidden [1]. The last three also for
    matrix instructions.
    wave_s, split_s : start of a wave, summing up of a split reduction [s]. flop_j : of a float32 operation at 14 nm [J],
    and ``matrix_flop``, ``integer_flop`` those of matrix instructions and of 8-bit integers, relative to it [1]. l2_j : of a byte
    from L2 into an SM at 14 nm [J]. standing_w : of the board [W].
    droop : exponent with which the clock follows the power that is left [1]; not fitted: halfway between a third, where the voltage
    falls along with the clock, and 1, at the least voltage.
    reach_bytes : what the first tables of translation cover [B]; walk : how much longer a short piece takes beyond it [1];
    bare_tile_loss : the loss of smaller tiles [element]. These three only where L1 does not keep what was read (before Volta).
    gather_share : of a product's rate that a convolution attains, whose rows are gathered; winograd_share : the same of the 36 products
    of a Winograd convolution [1].
    """

    memory_share: float = 0.901
    strided_share: float = 0.484
    l1_misses: float = 0.67
    spread: float = 0.24
    tile_share: float = 0.941
    tile_loss: float = 15.1
    slab_cycles: float = 193.0
    alone: float = 2040.0
    matrix_tile_share: float = 1.0
    matrix_tile_loss: float = 15.8
    matrix_slab_cycles: float = 100.0
    wave_s: float = 3.43e-06
    split_s: float = 1.16e-06
    flop_j: float = 1.8e-11
    l2_j: float = 3.7e-11
    matrix_flop: float = 0.0629
    integer_flop: float = 0.116
    standing_w: float = 25.6
    droop: float = 0.667
    reach_bytes: float = 32000000.0
    walk: float = 0.574
    bare_tile_loss: float = 30.7
    gather_share: float = 0.83
    winograd_share: float = 0.9


SHARED = Constants()


@dataclass(frozen=True, slots=True)
class Calls:
    """How calls are timed: the longest of ``floor_s`` and ``gap_s`` plus the kernel's own time.

    burst_s : kernel time up to which the board's power limit is not felt, since calls pause [s]. eager : a framework's choice of
    kernels, in which a batched product has few tiles to choose from. again_s : of each further kernel of a call [s]. All are fitted,
    with ``Constants``.
    """

    floor_s: float
    gap_s: float
    burst_s: float = 0.0
    eager: bool = False
    again_s: float = 3e-6


#: Calls of a library that queue up behind each other (DeepBench).
QUEUED = Calls(4.73e-06, 2.93e-06)
#: Single elementwise calls of PyTorch timed from outside (LLMCompass, on one A100).
EAGER_VECTOR = Calls(48e-6, 48e-6)
#: Single calls of PyTorch between two events (NeuSight): of a linear layer, and of a batched product.
EAGER_LINEAR = Calls(5.41e-05, 4.52e-05, 0.29e-3, True)
EAGER_BATCHED = Calls(4.59e-05, 3.02e-05, 0.29e-3, True)
#: The same of a convolution, whose algorithm is looked up and given its workspace.
EAGER_CONVOLUTION = Calls(0.3e-3, 0.3e-3, 0.29e-3, True, 15e-6)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU at one precision, from the data-sheet figures of its profile.

    sms : streaming multiprocessors or compute units [1]. macs_per_cycle : of one [1]. matrix : by matrix instructions. most : share of the
    peak that the profile says is attainable [1]. memory_rate : as attained [B/s]. l2_rate [B/s], l2_bytes [B]. power_w : limit of the
    board, node_nm : of the chip; None where the profile gives none. memory_j : of a byte of memory, by its type [J]. l1 : reads of
    global memory are kept in L1 (Volta and later). modern : bfloat16 or float8 matrix instructions (Ampere and later).
    """

    name: str
    sms: int
    clock_hz: float
    macs_per_cycle: float
    matrix: bool
    integer: bool
    most: float
    memory_rate: float
    memory_known: bool
    l2_bytes: float
    l2_rate: float | None
    power_w: float | None
    node_nm: float | None
    memory_j: float
    l1: bool
    modern: bool


#: L2 bandwidth of a chip whose profile gives none: bytes to each SM in a cycle [B].
_L2_BYTES_PER_CYCLE = 32.0
_MODERN = frozenset({"bfloat16", "tfloat32", "float8"})


def gpu(device: Device, dtype: str = "float32", weight_dtype: str | None = None, *, packed: bool = True) -> Gpu:
    """The figures of a device that the model of GPUs takes, for operands of one type.

    packed : 8-bit integers lie as matrix instructions want them (an inference engine's do); a plain product of integers before
    Ampere runs on four-way dot products instead, at four times the float32 rate. Raises ProfileError for a device that is no GPU.
    """
    off_chip = device.off_chip
    if device.kind != "gpu" or off_chip is None or off_chip.shared_bandwidth is None:
        raise ProfileError(
            f"{device.path or device.name}: kind: the model of GPUs needs a gpu with an off-chip memory of known bandwidth"
        )
    precision, _ = precision_for(device, dtype, weight_dtype or dtype)
    matrix = any(item.tile for item in device.precisions)
    modern = any(item.tile and item.input in _MODERN for item in device.precisions)
    rate, tiled, integer = precision.macs_per_pe_per_cycle, precision.tile is not None, precision.input.endswith("int8")
    if integer and tiled and not packed and not modern:
        single, _ = precision_for(device, "float32", "float32")
        rate, tiled = min(rate, 4 * single.macs_per_pe_per_cycle), False
    caches = [memory for memory in device.memories if not memory.off_chip and memory.instances == 1]
    l2: Memory | None = caches[-1] if caches else None
    return Gpu(
        name=device.name,
        sms=device.array.pes,
        clock_hz=device.clock_hz,
        macs_per_cycle=rate,
        matrix=tiled,
        integer=integer,
        most=precision.efficiency,
        memory_rate=off_chip.shared_bandwidth * off_chip.efficiency,
        memory_known=off_chip.efficiency < 1,
        l2_bytes=float(l2.capacity or 0) if l2 else 0.0,
        l2_rate=l2.shared_bandwidth if l2 else None,
        power_w=device.power_w.get("tdp"),
        node_nm=device.node_nm,
        memory_j=8 * off_chip_energy(off_chip.type).value if off_chip.type in off_chip_types() else 0.0,
        l1=matrix,
        modern=modern,
    )


def pack(chip: Gpu, calls: Calls, constants: Constants = SHARED) -> Chip:
    """The chip as the kernel takes it."""
    matrix = chip.matrix
    relative = constants.matrix_flop if matrix else constants.integer_flop if chip.integer else 1.0
    node = chip.node_nm / 14 if chip.node_nm else 0.0  # energy falls in proportion to the node
    power_w = math.inf
    if chip.power_w is not None and chip.node_nm is not None:
        power_w = max(chip.power_w - constants.standing_w, 0.1 * chip.power_w)
    l2_rate = chip.l2_rate or _L2_BYTES_PER_CYCLE * chip.sms * chip.clock_hz
    return Chip(
        sms=float(chip.sms),
        macs_per_cycle=float(chip.macs_per_cycle),
        clock_hz=chip.clock_hz,
        most=chip.most,
        memory_rate=memory_rate(chip, constants),
        strided=1.0 if chip.l1 else constants.strided_share,
        l2_bytes=chip.l2_bytes,
        l2_rate=l2_rate,
        l1_misses=constants.l1_misses,
        tile_share=constants.matrix_tile_share if matrix else constants.tile_share,
        tile_loss=constants.matrix_tile_loss
        if matrix
        else constants.tile_loss
        if chip.l1
        else constants.bare_tile_loss,
        slab_cycles=constants.matrix_slab_cycles if matrix else constants.slab_cycles,
        alone=constants.alone,
        wave_s=constants.wave_s,
        split_s=constants.split_s,
        burst_s=calls.burst_s,
        spread=constants.spread,
        mac_j=2 * constants.flop_j * relative * node,
        l2_j=constants.l2_j * node,
        memory_j=chip.memory_j,
        power_w=power_w,
        droop=constants.droop,
        reach_bytes=constants.reach_bytes,
        walk=0.0 if chip.l1 else constants.walk,
    )


@dataclass(frozen=True, slots=True)
class Products:
    """Times of products, one element each. seconds : with what a call costs [s]; kernel_s, compute_s, l2_s, memory_s [s]; memory_bytes,
    l2_bytes [B].

    tile_rows, tile_columns, splits : what the library is taken to choose [1].
    """

    seconds: Floats
    kernel_s: Floats
    compute_s: Floats
    l2_s: Floats
    memory_s: Floats
    memory_bytes: Floats
    l2_bytes: Floats
    tile_rows: Floats
    tile_columns: Floats
    splits: Floats


Layout = Literal["N", "T"]


def products(
    chip: Gpu,
    m: Numbers,
    n: Numbers,
    k: Numbers,
    *,
    batch: Numbers = 1,
    bits: int = 32,
    output_bits: int = 32,
    a_along_k: npt.ArrayLike = True,
    b_along_k: npt.ArrayLike = False,
    a_bytes: Numbers | None = None,
    b_bytes: Numbers | None = None,
    splits: bool | None = None,
    calls: Calls = QUEUED,
    constants: Constants = SHARED,
) -> Products:
    """Times of ``batch`` products C[m, n] = A[m, k] B[k, n] each; all numbers may be arrays, which broadcast.

    bits, output_bits : of an element of A and B, and of C [bit]. a_along_k, b_along_k : the reduction is the dim that is contiguous in
    memory.
    a_bytes, b_bytes : unique bytes of all of A and B where they are fewer than their elements (the input of a convolution) [B].
    splits : whether reductions may be split over blocks (None: where there is no batch).
    """
    size, out = bits / 8, output_bits / 8
    given = [np.asarray(value, float) for value in (batch, m, n, k)]
    along = [np.asarray(value, bool) for value in (a_along_k, b_along_k)]
    b_, m_, n_, k_, a_k, b_k = np.broadcast_arrays(*given, *along)
    unique_a = b_ * m_ * k_ * size if a_bytes is None else np.broadcast_to(np.asarray(a_bytes, float), b_.shape)
    unique_b = b_ * k_ * n_ * size if b_bytes is None else np.broadcast_to(np.asarray(b_bytes, float), b_.shape)
    split = (b_ == 1) if splits is None else np.full(b_.shape, splits)
    menu = np.where(b_ > 1, 2, np.where(a_k & b_k, 1, 0))
    columns = (b_, m_, n_, k_, np.full(b_.shape, size), unique_a, unique_b, a_k, b_k, split, b_ * m_ * n_ * out, menu)
    problems = np.stack([np.asarray(column, float).ravel() for column in columns], axis=1)
    tiles = np.array([(*tile, _resident(tile)) for tile in TILES], float)
    rows = len(problems)
    times, traffic, chosen = np.zeros((rows, 4)), np.zeros((rows, 2)), np.zeros((rows, 2), np.int64)
    gemm_times(problems, tiles, _menus(chip, calls), pack(chip, calls, constants), times, traffic, chosen)
    shape = b_.shape
    kernel_s, compute_s, l2_s, memory_s = (times[:, place].reshape(shape) for place in range(4))
    return Products(
        seconds=np.maximum(calls.floor_s, calls.gap_s + kernel_s),
        kernel_s=kernel_s,
        compute_s=compute_s,
        l2_s=l2_s,
        memory_s=memory_s,
        memory_bytes=traffic[:, 0].reshape(shape),
        l2_bytes=traffic[:, 1].reshape(shape),
        tile_rows=tiles[chosen[:, 0], 0].reshape(shape),
        tile_columns=tiles[chosen[:, 0], 1].reshape(shape),
        splits=np.asarray(2.0 ** chosen[:, 1], float).reshape(shape),
    )


def memory_rate(chip: Gpu, constants: Constants) -> float:
    """What long transfers attain [B/s]."""
    return chip.memory_rate * (1.0 if chip.memory_known else constants.memory_share)


#: Times that elementwise operations, softmax and normalization read their input, and write a result: a softmax reads its rows twice, for
#: the largest and
#: the sum, and for the result.
PASSES = {
    "softmax": (2, 1),
    "layernorm": (1, 1),
    "gelu": (1, 1),
    "relu": (1, 1),
    "tanh": (1, 1),
    "add": (2, 1),
    "mul": (2, 1),
    "div": (2, 1),
}


def vector_times(
    chip: Gpu, elements: Numbers, function: str, *, bits: int = 32, calls: Calls = QUEUED, constants: Constants = SHARED
) -> Floats:
    """Times of elementwise work, softmax and normalization over ``elements`` results [s]: bytes over the memory's bandwidth."""
    reads, writes = PASSES[function]
    size = np.asarray(elements, float) * (reads + writes) * bits / 8
    return np.maximum(calls.floor_s, calls.gap_s + size / memory_rate(chip, constants))


def _resident(tile: tuple[int, int]) -> int:
    """Blocks of a tile that an SM holds at a time [1]: as many as its registers have room for, at most 8."""
    return max(1, min(8, _THREADS // (tile[0] * tile[1])))


def _menus(chip: Gpu, calls: Calls) -> npt.NDArray[np.int64]:
    """Tiles that there are for single products, for those with both operands along the reduction, and for batched ones [menu, tile].

    A framework's batched products come with few tiles, whatever the shape, and without L1 none but those of 4096 elements are used
    where both operands lie along the reduction: so NeuSight recorded.
    """
    single = np.ones(len(TILES), np.int64)
    if not chip.matrix:
        single[-_MATRIX_ONLY:] = 0
    along, batched = single.copy(), single.copy()
    if calls.eager:
        for place, (rows, columns) in enumerate(TILES):
            if not chip.l1:
                along[place] *= rows * columns == 64 * 64
            if not chip.matrix:
                batched[place] *= (rows, columns) in _BATCHED[chip.modern + chip.l1]
    return np.stack([single, along, batched])


def with_launch(calls: Calls, launch_s: float) -> Calls:
    """The same calls at another cost of a launch [s]."""
    return replace(calls, floor_s=launch_s, gap_s=launch_s)
