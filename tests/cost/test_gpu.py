from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import asdict, astuple, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.cost.gpu import (
    EAGER_BATCHED,
    EAGER_CONVOLUTION,
    EAGER_LINEAR,
    EAGER_VECTOR,
    QUEUED,
    SHARED,
    TILES,
    Calls,
    Constants,
    Gpu,
    gpu,
    pack,
    products,
    vector_times,
)
from hwsim.cost.gpu_convolutions import _large_winograd, _small_winograd, convolutions
from hwsim.device import available, load
from hwsim.device.technology import off_chip_energy, off_chip_types
from hwsim.errors import ProfileError
from hwsim.kernels.gpu import gemm_times

FREE = replace(
    SHARED, slab_cycles=0.0, alone=1e-9, wave_s=0.0, split_s=0.0, tile_loss=0.0, tile_share=1.0, flop_j=1e-30
)
FAST = replace(gpu(load("v100")), memory_rate=1e30, l2_rate=1e30, power_w=None)
_LOADED = {name: load(name) for name in ("v100", "t4", "a100_sxm_80g", "p4", "mi210", "l4")}
EXTENT = st.integers(1, 3000)


def scheduled(m: int, n: int, k: int, batch: int, tile: tuple[int, int], splits: int) -> float:
    """Time of the last block [s], dealt out one by one: an SM holds several and shares its multipliers among them."""
    resident = max(1, min(8, 32768 // (tile[0] * tile[1])))
    blocks = batch * -(-m // tile[0]) * -(-n // tile[1]) * splits
    depth = math.ceil(k / splits / 8) * 8
    block = tile[0] * tile[1] * depth / (FAST.macs_per_cycle * FAST.clock_hz)
    busy = [(0.0, sm) for sm in range(FAST.sms)]
    heapq.heapify(busy)
    left = blocks
    while left:  # a wave at a time: blocks of a wave start together
        wave = min(left, FAST.sms * resident)
        for _ in range(wave):
            end, sm = heapq.heappop(busy)
            heapq.heappush(busy, (end + block, sm))
        left -= wave
    return max(end for end, _ in busy)


@settings(max_examples=60, deadline=None)
@given(EXTENT, EXTENT, st.integers(1, 2000), st.sampled_from([1, 1, 3, 40]))
def test_without_memory_time_is_that_of_blocks_dealt_out(m: int, n: int, k: int, batch: int) -> None:
    found = products(FAST, m, n, k, batch=batch, constants=FREE, calls=replace(QUEUED, floor_s=0, gap_s=0))
    splits = [2**p for p in range(6) if p == 0 or (batch == 1 and k / 2**p >= 128)]

    def few(tile: tuple[int, int], split: int) -> bool:
        """Splitting makes two waves at most."""
        blocks = -(-m // tile[0]) * -(-n // tile[1]) * split
        return split == 1 or blocks <= 2 * FAST.sms * max(1, min(8, 32768 // (tile[0] * tile[1])))

    least = min(
        scheduled(m, n, k, batch, tile, split)
        for tile, split in itertools.product(TILES[:-2], splits)
        if few(tile, split)
    )  # the last two tiles are those of matrix instructions
    assert float(found.kernel_s) == pytest.approx(least, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(EXTENT, EXTENT, EXTENT)
def test_no_product_beats_the_peak_or_the_memory(m: int, n: int, k: int) -> None:
    for name in ("v100", "t4", "a100_sxm_80g", "p4", "mi210"):
        chip = gpu(_LOADED[name])
        found = products(chip, m, n, k)
        peak = m * n * k / (chip.macs_per_cycle * chip.sms * chip.clock_hz)
        once = 4 * (m * k + k * n + m * n)
        assert float(found.kernel_s) >= max(peak, once / chip.memory_rate) * (1 - 1e-9)
        assert float(found.memory_bytes) >= once
        assert float(found.seconds) >= float(found.kernel_s)


def test_arrays_answer_as_single_products_do() -> None:
    chip = gpu(_LOADED["t4"])
    m, n, k, batch = (
        np.array([35, 4096, 700]),
        np.array([700, 16, 700]),
        np.array([2048, 4096, 31]),
        np.array([1, 1, 9]),
    )
    together = products(chip, m, n, k, batch=batch, calls=EAGER_LINEAR).seconds
    alone = [
        float(products(chip, *row, batch=b, calls=EAGER_LINEAR).seconds) for *row, b in zip(m, n, k, batch, strict=True)
    ]
    assert together.tolist() == alone


def test_tiles_and_waves_are_whole() -> None:
    chip = FAST
    full = products(chip, 128 * 80, 128, 512, constants=FREE).kernel_s
    more = products(chip, 128 * 80 + 1, 128, 512, constants=FREE).kernel_s
    assert float(more) > 1.01 * float(full)
    assert float(products(chip, 129, 127, 512, constants=FREE, splits=False).tile_rows) < 128


def _slowed(name: str, m: int, n: int, k: int) -> float:
    """Time of a product over that of the same board with power to spare [1]."""
    board = gpu(_LOADED[name])
    cold = products(replace(board, power_w=None), m, n, k)
    return float(products(board, m, n, k).kernel_s / cold.kernel_s)


def test_a_board_without_power_to_spare_runs_slower() -> None:
    assert _slowed("v100", 8192, 8192, 8192) == 1
    assert 1.4 < _slowed("t4", 8192, 8192, 8192) < 3
    assert _slowed("t4", 8192, 8192, 8192) > _slowed("t4", 64, 64, 8192) >= 1


@settings(max_examples=40, deadline=None)
@given(EXTENT, EXTENT, EXTENT)
def test_a_limited_board_takes_the_power_that_its_clock_leaves(m: int, n: int, k: int) -> None:
    """With t the time of SM and L2 at full clock, and t' at the lower one: t' / t = (joules / (t power)) ^ droop, by what moves."""
    board = gpu(_LOADED["t4"])
    found = products(board, m, n, k, splits=False)
    down, across = np.ceil(m / found.tile_rows), np.ceil(n / found.tile_columns)
    macs = down * found.tile_rows * across * found.tile_columns * k
    joules = 12 / 14 * (2 * SHARED.flop_j * macs + SHARED.l2_j * found.l2_bytes) + board.memory_j * found.memory_bytes
    through = float(found.l2_bytes) / (board.l2_rate or 0)
    slowed = float(found.l2_s) / through
    full = max(float(found.compute_s) / slowed, through)
    asked = float(joules) / full / (70 - SHARED.standing_w)
    assert slowed == pytest.approx(max(1.0, asked) ** SHARED.droop, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(EXTENT, EXTENT, EXTENT, st.floats(1, 3), st.sampled_from(["t4", "p4", "l4"]))
def test_more_bandwidth_is_never_slower_and_more_bits_never_faster(
    m: int, n: int, k: int, more: float, name: str
) -> None:
    board = gpu(_LOADED[name])
    assert board.l2_rate is not None
    seconds = float(products(board, m, n, k).seconds)
    for better in (replace(board, memory_rate=more * board.memory_rate), replace(board, l2_rate=more * board.l2_rate)):
        assert float(products(better, m, n, k).seconds) <= seconds * (1 + 1e-12)
    assert float(products(board, m, n, k, bits=16, output_bits=16).seconds) <= seconds * (1 + 1e-12)


@pytest.mark.parametrize("calls", [EAGER_LINEAR, EAGER_BATCHED, EAGER_CONVOLUTION])
def test_calls_of_a_framework_pause_so_that_short_kernels_run_cool(calls: Calls) -> None:
    """Of a fifth of a millisecond the board's limit is hardly felt, of a hundred it is as where calls queue up."""
    board = gpu(_LOADED["t4"])
    cool = replace(board, power_w=None)

    def slowed(side: int, how: Calls) -> float:
        one, other = (products(chip, side, side, side, calls=how).kernel_s for chip in (board, cool))
        return float(one / other)

    assert float(products(cool, 1024, 1024, 512, calls=calls).kernel_s) < 3e-4
    assert 1 <= slowed(700, calls) < 1 + 0.5 * (slowed(700, QUEUED) - 1)
    assert slowed(8192, calls) == pytest.approx(slowed(8192, QUEUED), rel=0.01)


@pytest.mark.parametrize("calls", [QUEUED, EAGER_VECTOR, EAGER_LINEAR, EAGER_BATCHED, EAGER_CONVOLUTION])
def test_a_call_costs_microseconds_whatever_it_asks_for(calls: Calls) -> None:
    """Of those that queue up behind each other a few; tens of a framework's; of a convolution, which looks up its algorithm, the most."""
    board = gpu(_LOADED["t4"])
    least = float(vector_times(board, 1, "relu", calls=calls))
    low, high = (1e-6, 1e-5) if calls is QUEUED else (1e-5, 1e-3)
    assert least == pytest.approx(calls.floor_s, rel=1e-6) and low < calls.floor_s <= min(
        high, EAGER_CONVOLUTION.floor_s
    )
    assert 0.5 * calls.floor_s < calls.gap_s <= calls.floor_s
    long = float(vector_times(board, 1e9, "relu", calls=calls))
    assert long == pytest.approx(
        calls.gap_s + 8e9 / (board.memory_rate * (1 if board.memory_known else SHARED.memory_share))
    )
    assert calls.eager == (calls not in (QUEUED, EAGER_VECTOR))  # of elementwise work there is nothing to choose


@pytest.mark.parametrize(
    "size", [(8, 17), (16, 8), (8, 16), (9, 16), (17, 8), (16, 9), (7, 15), (15, 7), (33, 33), (1, 1), (40, 24)]
)
def test_blocks_of_winograd_s_convolution_lie_the_better_way(size: tuple[int, int]) -> None:
    """A block has 16 x 8 outputs: a product of 32 rows for each, of as many blocks as cover the image one way or the other."""
    chip, free = replace(gpu(_LOADED["p4"]), memory_rate=2e10), replace(QUEUED, floor_s=0.0, gap_s=0.0)
    tall, broad = size
    blocks = min(math.ceil(tall / a) * math.ceil(broad / b) for a, b in ((16, 8), (8, 16)))
    inputs, weights = 4.0 * 3 * 64 * (tall + 2) * (broad + 2), 4.0 * 64 * 96
    found = products(
        chip, 3 * 32 * blocks, 96, 64, batch=16, a_along_k=False, a_bytes=inputs, b_bytes=16 * weights, calls=free
    )
    sizes = tuple(np.array(float(number)) for number in (3, 64, 96, tall, broad))
    seconds = _small_winograd(chip, sizes[:3], sizes[3:], np.array(inputs), (32, 32), free, SHARED)  # type: ignore[arg-type]
    assert float(seconds) == pytest.approx(float(found.kernel_s) + 25 * weights / chip.memory_rate)


@pytest.mark.parametrize("size", [(4, 4), (5, 8), (13, 27)])
def test_36_products_lie_between_transforms_through_memory(size: tuple[int, int]) -> None:
    """Of 4 x 4 outputs each; inputs, filters and results are transformed as float32, in three kernels."""
    chip, free = gpu(_LOADED["p4"]), replace(QUEUED, floor_s=0.0, gap_s=0.0)
    places = 3 * math.ceil(size[0] / 4) * math.ceil(size[1] / 4)
    found = products(chip, places, 96, 64, batch=36, a_along_k=False, calls=EAGER_CONVOLUTION)
    sizes = tuple(np.array(float(number)) for number in (3, 64, 96, *size))
    seconds = _large_winograd(chip, sizes[:3], sizes[3:], np.array(5e6), EAGER_CONVOLUTION, SHARED)  # type: ignore[arg-type]
    moved = 5e6 + 36 * 4 * (places * (64 + 96) + 64 * 96)
    expected = float(found.kernel_s) / SHARED.winograd_share + moved / chip.memory_rate + 3 * EAGER_CONVOLUTION.again_s
    assert float(seconds) == pytest.approx(expected)
    assert float(found.kernel_s) != float(products(chip, places, 96, 64, batch=36, calls=free).kernel_s)


def test_convolutions_take_the_fastest_way() -> None:
    """Windows that Winograd's convolution is for take less than others of as much work; strides and matrix instructions have none."""
    plain = gpu(_LOADED["v100"])
    calls = replace(QUEUED, floor_s=0, gap_s=0)
    sizes = (32, 256, 256)

    def seconds(chip: Gpu, window: tuple[int, int], stride: int = 1) -> float:
        return float(
            convolutions(chip, *sizes, window, (32, 32), (32 * stride, 32 * stride), stride=stride, calls=calls)
        )

    assert seconds(plain, (3, 3)) < 0.75 * seconds(plain, (9, 1))
    assert seconds(plain, (3, 3), 2) > 1.3 * seconds(plain, (3, 3))
    matrix = gpu(_LOADED["v100"], "float16")
    assert seconds(matrix, (3, 3)) == pytest.approx(seconds(matrix, (9, 1)), rel=0.01)
    least = 32 * 32 * 32 * 256 * 256 * 9 / 4 / (plain.macs_per_cycle * plain.sms * plain.clock_hz)
    assert seconds(plain, (3, 3)) > least  # a quarter of the products is the most that F(4 x 4, 3 x 3) saves


def test_channels_are_stored_in_groups_for_narrow_types() -> None:
    calls = replace(QUEUED, floor_s=0, gap_s=0)
    for dtype, bits, group in (("float16", 16, 8), ("int8", 8, 32)):
        chip = gpu(_LOADED["t4"], dtype)
        one, full = (
            float(convolutions(chip, 8, c, 64, (5, 5), (64, 64), (64, 64), bits=bits, calls=calls)) for c in (1, group)
        )
        assert one == full


def test_every_gpu_profile_has_what_the_model_needs() -> None:
    kinds = {name: load(name) for name in available()}
    gpus = [device for device in kinds.values() if device.kind == "gpu"]
    assert len(gpus) >= 17
    for device in gpus:
        for dtype in ("float32", "float16", "int8"):
            found = products(gpu(device, dtype), [1, 512, 4096], [1000, 512, 4096], [2048, 512, 4096])
            assert np.all(np.isfinite(found.seconds)) and np.all(found.seconds > 0)
    with pytest.raises(ProfileError, match=r"eyeriss_v1.*kind: the model of GPUs needs a gpu"):
        gpu(kinds["eyeriss_v1"])


def test_integers_of_a_plain_product_run_on_dot_products_before_ampere() -> None:
    turing = load("t4")
    assert gpu(turing, "int8", packed=False).macs_per_cycle == 256
    assert gpu(turing, "int8").macs_per_cycle == 1024
    assert gpu(load("a100_sxm_80g"), "int8", packed=False).macs_per_cycle == 2048


def test_constants_are_within_bounds() -> None:
    """Shares of what is attained, the exponent of the clock, and what operations take beside float32 ones are no more than all of it."""
    shares = ("memory_share", "strided_share", "l1_misses", "spread", "tile_share", "matrix_tile_share", "droop")
    shares += ("gather_share", "winograd_share", "matrix_flop", "integer_flop")
    assert all(0 < getattr(Constants(), name) <= 1 for name in shares)


@settings(max_examples=30, deadline=None)
@given(EXTENT, EXTENT, st.integers(1, 2000))
def test_without_l2_every_block_fetches_its_panels_and_with_all_of_it_nothing_comes_twice(
    m: int, n: int, k: int
) -> None:
    chip = replace(gpu(_LOADED["v100"]), l2_rate=1e30)
    once = 4 * (m * k + k * n + m * n)
    assert float(products(replace(chip, l2_bytes=1e18), m, n, k, splits=False).memory_bytes) == once
    found = products(replace(chip, l2_bytes=0.0), m, n, k, splits=False)
    across, down = math.ceil(n / float(found.tile_columns)), math.ceil(m / float(found.tile_rows))
    assert float(found.memory_bytes) == 4 * (across * m * k + down * k * n + m * n)


def test_a_reduction_of_one_wave_takes_at_least_its_slabs_and_every_wave_starts() -> None:
    fast = replace(FAST, macs_per_cycle=1e12)
    constants = replace(FREE, slab_cycles=100.0, wave_s=5e-6)
    one_wave = float(products(fast, 128, 128, 800, constants=constants, splits=False).kernel_s)
    assert one_wave == pytest.approx(100 * 100 / FAST.clock_hz + 5e-6)
    slots = FAST.sms * 8  # of the smallest tiles, an SM holds eight blocks; 128 x 128 are two
    many = products(fast, 128 * FAST.sms * 2, 128 * 2, 800, constants=constants, splits=False)
    waves = math.ceil(FAST.sms * 4 / (FAST.sms * 2))
    assert slots > FAST.sms
    assert float(many.kernel_s) == pytest.approx(waves * one_wave)
    partial = products(fast, 128 * FAST.sms * 2 + 1, 128, 800, constants=constants, splits=False)
    assert float(partial.kernel_s) == pytest.approx(2 * one_wave)


def test_tiles_are_powers_of_two_up_to_the_largest_of_each_kind() -> None:
    sides = (128, 64, 32)
    assert set(TILES[:-2]) == set(itertools.product(sides, sides)) and len(TILES) == 11
    assert set(TILES[-2:]) == {(256, 128), (128, 256)}


@pytest.mark.parametrize(("name", "largest"), [("v100", 256), ("p4", 128)])
def test_the_largest_tiles_need_matrix_instructions(name: str, largest: int) -> None:
    found = products(gpu(_LOADED[name], "float16"), 4096, 8192, 8192, bits=16, output_bits=16, splits=False)
    assert max(float(found.tile_rows), float(found.tile_columns)) == largest


def test_batched_products_of_a_framework_have_few_tiles() -> None:
    """On Pascal 64 x 128, on Ampere without matrix instructions 128 x 128, whatever the shape; on Volta four."""
    sizes = [3, 40, 100, 500, 5000]
    old = products(gpu(_LOADED["p4"]), sizes, 777, 64, batch=50, calls=EAGER_BATCHED)
    assert {*zip(old.tile_rows, old.tile_columns, strict=True)} == {(64.0, 128.0)}
    some = products(gpu(_LOADED["v100"]), sizes, [[9], [50], [777]], 64, batch=50, calls=EAGER_BATCHED)
    tiles = {*zip(some.tile_rows.ravel(), some.tile_columns.ravel(), strict=True)}
    four = {(64.0, 128.0), (64.0, 64.0), (32.0, 128.0), (128.0, 32.0)}
    assert tiles <= four and len(tiles) > 1
    # as many products as fill the SMs once, each of them one tile: that tile is the one
    fitting = products(gpu(_LOADED["v100"]), *zip(*four, strict=True), 2048, batch=80, calls=EAGER_BATCHED)  # type: ignore[arg-type]
    assert {*zip(fitting.tile_rows, fitting.tile_columns, strict=True)} == four
    new = products(gpu(_LOADED["a100_sxm_80g"]), sizes, 777, 64, batch=50, calls=EAGER_BATCHED)
    assert {*zip(new.tile_rows, new.tile_columns, strict=True)} == {(128.0, 128.0)}


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True), (False, False)])
def test_where_both_operands_lie_along_the_reduction_an_old_framework_has_one_size_of_tiles(
    first: bool, second: bool
) -> None:
    sizes = [40, 500, 5000]
    old = products(gpu(_LOADED["p4"]), sizes, 777, 640, calls=EAGER_LINEAR, a_along_k=first, b_along_k=second)
    assert (set(old.tile_rows * old.tile_columns) == {64 * 64}) == (first and second)


#: Tensors that are read and written.
PASSES = {"softmax": 3, "layernorm": 2, "gelu": 2, "relu": 2, "tanh": 2, "add": 3, "mul": 3, "div": 3}


@pytest.mark.parametrize("name", PASSES)
def test_elementwise_work_takes_its_bytes(name: str) -> None:
    """A million elements of two bytes; the data sheet's bandwidth is attained in part, one that was measured in full."""
    chip = replace(gpu(_LOADED["v100"]), memory_rate=1e12, memory_known=True)
    transfer = PASSES[name] * 2e6 / 1e12
    assert float(vector_times(chip, 1e6, name, bits=16)) == pytest.approx(QUEUED.gap_s + transfer)
    sheet = replace(chip, memory_known=False)
    assert float(vector_times(sheet, 1e6, name, bits=16)) == pytest.approx(
        QUEUED.gap_s + transfer / SHARED.memory_share
    )
    assert float(vector_times(chip, 1, name, bits=16)) == QUEUED.floor_s


def test_convolutions_are_products_of_gathered_rows() -> None:
    """5 x 5 over 2 images of 64 channels; of 3 x 3 the fastest of that, of 16 products of blocks of 16 x 8 outputs, and of 36 products."""
    chip, free = gpu(_LOADED["p4"]), replace(QUEUED, floor_s=0.0, gap_s=0.0)
    inputs, outputs, weights = 2 * 64 * 30 * 30 * 4, 2 * 96 * 27 * 27 * 4, 64 * 96 * 4

    def product(rows: int, depth: int, batch: int, **given: int) -> float:
        found = products(chip, rows, 96, depth, batch=batch, calls=free, a_along_k=False, splits=False, **given)  # type: ignore[arg-type]
        return float(found.kernel_s)

    def convolution(side: int, out: int, stride: int = 1) -> float:
        shape = (chip, 2, 64, 96, (side, side), (out, out), (30, 30))
        return float(convolutions(*shape, stride=stride, calls=free))

    five = product(2 * 26 * 26, 64 * 25, 1, a_bytes=inputs, b_bytes=25 * weights)
    assert convolution(5, 26) == pytest.approx(five / SHARED.gather_share)
    direct = product(2 * 27 * 27, 64 * 9, 1, a_bytes=inputs, b_bytes=9 * weights) / SHARED.gather_share
    small = product(2 * 32 * 2 * 4, 64, 16, a_bytes=inputs, b_bytes=16 * weights) + 25 * weights / chip.memory_rate
    moved = inputs + outputs + 9 * weights + 36 * (2 * 7 * 7 * (64 + 96) * 4 + weights)
    large = product(2 * 7 * 7, 64, 36) / SHARED.winograd_share + moved / chip.memory_rate + 3 * free.again_s
    assert chip.memory_known
    assert convolution(3, 27) == pytest.approx(min(direct, small, large)) and min(small, large) < direct
    assert convolution(3, 27, stride=2) == pytest.approx(direct)


def test_a_cache_of_unknown_bandwidth_gives_each_sm_32_bytes_a_cycle() -> None:
    chip = replace(gpu(_LOADED["v100"]), l2_rate=None)
    given = replace(chip, l2_rate=32.0 * chip.sms * chip.clock_hz)
    found, expected = (products(one, 700, 900, 1100, constants=FREE) for one in (chip, given))
    assert float(found.l2_s) == float(expected.l2_s) > 0


def test_the_last_level_that_all_sms_share_is_the_cache() -> None:
    device = _LOADED["a100_sxm_80g"]
    (cache,) = [memory for memory in device.memories if not memory.off_chip and memory.instances == 1]
    assert (gpu(device).l2_bytes, gpu(device).l2_rate) == (cache.capacity, cache.shared_bandwidth)
    assert gpu(replace(device, memories=device.memories[-1:])).l2_bytes == 0


def test_parts_of_a_reduction_are_written_and_read_again() -> None:
    """Sums of 64 x 64 over 100,000: each part is written in float32 and read once."""
    chip = replace(gpu(_LOADED["v100"]), l2_bytes=1e18, l2_rate=1e30)
    found = products(chip, 64, 64, 100_000)
    assert float(found.splits) > 1
    assert float(found.memory_bytes) == 4 * (2 * 64 * 100_000 + 64 * 64) + 8 * 64 * 64 * float(found.splits)


@pytest.mark.parametrize(
    ("name", "dtype", "bits", "group"),
    [("t4", "int8", 8, 32), ("t4", "float16", 16, 8), ("v100", "float16", 16, 8), ("p4", "int8", 8, 4), ("p4", "float32", 32, 1)],
)  # fmt: skip
def test_channels_that_one_instruction_takes_are_stored_together(name: str, dtype: str, bits: int, group: int) -> None:
    """Matrix instructions take 16 bytes of floats, 32 of integers; dot products four integers of a byte; plain ones any channel."""
    chip, calls = gpu(_LOADED[name], dtype), replace(QUEUED, floor_s=0, gap_s=0)

    def seconds(channels: int) -> float:
        found = convolutions(chip, 8, channels, 64, (5, 5), (64, 64), (64, 64), bits=bits, calls=calls)
        return float(found)

    assert seconds(group + 1) == seconds(2 * group) and seconds(1) == seconds(group)
    assert seconds(64 * group) < seconds(64 * group + 1) == seconds(65 * group) < seconds(65 * group + 1)


def test_energy_of_memory_and_power_above_what_the_board_takes_anyway() -> None:
    for device in _LOADED.values():
        chip = gpu(device)
        kind = device.memories[-1].type
        known = 8 * off_chip_energy(kind).value if kind in off_chip_types() else 0.0
        assert chip.memory_j == pytest.approx(known)
        given = pack(chip, QUEUED).power_w
        if chip.power_w is None or chip.node_nm is None:
            assert given == math.inf
        else:
            assert given == pytest.approx(max(chip.power_w - SHARED.standing_w, 0.1 * chip.power_w))
    small = replace(gpu(_LOADED["t4"]), power_w=SHARED.standing_w / 2)
    assert pack(small, QUEUED).power_w == pytest.approx(0.1 * SHARED.standing_w / 2)
    assert pack(replace(small, power_w=None), QUEUED).power_w == math.inf


def _alone(chip: Gpu, tile: tuple[int, int], held: int, constants: Constants, *problem: float) -> tuple[Any, Any]:
    """Times and traffic of one product (batch, m, n, k, unsplit) of float32 in tiles of one size, of which an SM holds so many."""
    batch, m, n, k = problem
    row = (batch, m, n, k, 4.0, 4 * batch * m * k, 4 * batch * k * n, 0, 0, 0, 4 * batch * m * n, 0)
    times, traffic, chosen = np.zeros((1, 4)), np.zeros((1, 2)), np.zeros((1, 2), np.int64)
    packed = pack(chip, QUEUED, constants)
    gemm_times(
        np.array([row], float),
        np.array([[*tile, held]], float),
        np.ones((1, 1), np.int64),
        packed,
        times,
        traffic,
        chosen,
    )
    return times[0], traffic[0]


@pytest.mark.parametrize(
    ("problem", "touched"),
    [
        # two SMs with two blocks of 128 x 128 each: a wave of 2 x 2 blocks touches 256 rows and as many columns
        ((1, 1024, 1024, 512), 512),
        ((1, 1024, 128, 512), 4 * 128 + 128), ((1, 128, 1024, 512), 128 + 4 * 128),  # of one column, or one row, four blocks of it
        ((8, 128, 128, 512), 4 * 256), ((8, 256, 128, 512), 2 * (256 + 128)),  # as many products as a wave has room for
        ((8, 384, 128, 512), 2 * (384 + 128)),  # the second one of which is not all of it
    ],
)  # fmt: skip
def test_what_a_wave_touches_is_fetched_once_as_far_as_l2_holds_it(problem: tuple[int, ...], touched: int) -> None:
    batch, m, n, k = problem
    chip = replace(FAST, sms=2, l2_bytes=0.3 * touched * k * 4 * SHARED.spread)
    _, (moved, through) = _alone(chip, (128, 128), 2, SHARED, *problem)
    down, across = m // 128, n // 128
    again = 0.7  # of what L2 does not hold
    a, b = batch * m * k * (1 + again * (across - 1)), batch * k * n * (1 + again * (down - 1))
    assert moved == pytest.approx(4 * (a + b + batch * m * n))
    assert through == pytest.approx(4 * batch * down * across * (128 + 128) * k * SHARED.l1_misses)


@pytest.mark.parametrize("tile", TILES)
def test_smaller_tiles_attain_less_of_the_peak(tile: tuple[int, int]) -> None:
    """All of the share of a 128 x 128 one where 1 / rows + 1 / columns is a 64th; more of it costs tile_loss times as much."""
    constants = replace(FREE, tile_share=0.9, tile_loss=20.0)
    (_, compute, _, _), _ = _alone(replace(FAST, sms=1), tile, 1, constants, 1, tile[0], tile[1], 800)
    share = 0.9 * (1 + 20 / 64) / (1 + 20 * (1 / tile[0] + 1 / tile[1]))
    assert compute == pytest.approx(tile[0] * tile[1] * 800 / (FAST.macs_per_cycle * FAST.clock_hz * min(1.0, share)))


def test_constants_are_those_of_the_last_fit() -> None:
    """Figures in README and in tests/published come of these: who changes one fits and tells them anew."""
    assert asdict(SHARED) == {
        "memory_share": 0.901, "strided_share": 0.484, "l1_misses": 0.67, "spread": 0.24, "tile_share": 0.941, "tile_loss": 15.1,
        "slab_cycles": 193.0, "alone": 2040.0, "matrix_tile_share": 1.0, "matrix_tile_loss": 15.8, "matrix_slab_cycles": 100.0,
        "wave_s": 3.43e-6, "split_s": 1.16e-6, "flop_j": 1.8e-11, "l2_j": 3.7e-11, "matrix_flop": 0.0629, "integer_flop": 0.116,
        "standing_w": 25.6, "droop": 0.667, "reach_bytes": 32e6, "walk": 0.574, "bare_tile_loss": 30.7, "gather_share": 0.83,
        "winograd_share": 0.9,
    }  # fmt: skip
    assert [astuple(calls) for calls in (QUEUED, EAGER_VECTOR, EAGER_LINEAR, EAGER_BATCHED, EAGER_CONVOLUTION)] == [
        (4.73e-6, 2.93e-6, 0.0, False, 3e-6), (48e-6, 48e-6, 0.0, False, 3e-6), (5.41e-5, 4.52e-5, 0.29e-3, True, 3e-6),
        (4.59e-5, 3.02e-5, 0.29e-3, True, 3e-6), (0.3e-3, 0.3e-3, 0.29e-3, True, 15e-6),
    ]  # fmt: skip


@pytest.mark.parametrize("matrix", [True, False])
@pytest.mark.parametrize("l1", [True, False])
@pytest.mark.parametrize("integer", [True, False])
def test_a_chip_as_its_kernel_takes_it(matrix: bool, l1: bool, integer: bool) -> None:
    """Energies fall with the node; the board's own power is off its limit, a tenth of which is left at least."""
    chip = Gpu("g", 10, 1e9, 64.0, matrix, integer, 0.9, 1e11, False, 2e6, 3e11, 100.0, 28.0, 5e-11, l1, False)
    found = pack(chip, Calls(1e-6, 2e-6, 3e-6), SHARED)
    assert (found.sms, found.macs_per_cycle, found.clock_hz, found.most, found.l2_bytes, found.l2_rate) == (
        10.0,
        64.0,
        1e9,
        0.9,
        2e6,
        3e11,
    )
    assert (
        found.strided == (1.0 if l1 else 0.484)
        and found.l1_misses == 0.67
        and found.spread == 0.24
        and found.alone == 2040.0
    )
    assert found.tile_share == (1.0 if matrix else 0.941) and found.slab_cycles == (100.0 if matrix else 193.0)
    assert found.tile_loss == (15.8 if matrix else 15.1 if l1 else 30.7)
    relative = 0.0629 if matrix else 0.116 if integer else 1.0
    assert found.mac_j == pytest.approx(2 * 1.8e-11 * relative * 2) and found.l2_j == pytest.approx(7.4e-11)
    assert (found.wave_s, found.split_s, found.burst_s, found.droop) == (3.43e-6, 1.16e-6, 3e-6, 0.667)
    assert (
        found.memory_rate == pytest.approx(0.901e11)
        and pack(replace(chip, memory_known=True), QUEUED).memory_rate == 1e11
    )
    assert found.power_w == pytest.approx(74.4)
    assert pack(replace(chip, power_w=28.0), QUEUED).power_w == pytest.approx(2.8)
    for unknown in (replace(chip, power_w=None), replace(chip, node_nm=None)):
        assert pack(unknown, QUEUED).power_w == math.inf
    assert pack(replace(chip, node_nm=None), QUEUED).mac_j == 0.0
    assert pack(replace(chip, l2_rate=None), QUEUED).l2_rate == pytest.approx(32 * 10 * 1e9)
