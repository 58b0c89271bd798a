"""Time of convolutions on GPUs: as matrix products, and by Winograd's algorithms where a library has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwsim.cost.gpu import QUEUED, SHARED, Calls, Constants, Floats, Gpu, Numbers, memory_rate, products


def convolutions(
    chip: Gpu,
    n: Numbers,
    c: Numbers,
    k: Numbers,
    kernel: tuple[Numbers, Numbers],
    output: tuple[Numbers, Numbers],
    size: tuple[Numbers, Numbers],
    *,
    stride: Numbers = 1,
    bits: int = 32,
    output_bits: int | None = None,
    calls: Calls = QUEUED,
    constants: Constants = SHARED,
) -> Floats:
    """Times of convolutions with N images, C channels, K filters [s]; all numbers may be arrays.

    kernel, output, size : height and width of the window, the output, the input. The fastest of the implicit product, whose rows are
    gathered, and where windows are 3 x 3 with unit strides and multiplied without matrix instructions, of two forms of Winograd's
    convolution (Lavin and Gray, CVPR 2016): F(2 x 2, 3 x 3) in one kernel, and F(4 x 4, 3 x 3) as 36 products between transforms.
    """
    out = output_bits or bits
    given = (n, c, k, *kernel, *output, *size, stride)
    n_, c_, k_, high, wide, tall, broad, rows, columns, steps = np.broadcast_arrays(
        *(np.asarray(value, float) for value in given)
    )
    c_ = _aligned(chip, bits) * np.ceil(c_ / _aligned(chip, bits))
    inputs, weights = n_ * c_ * rows * columns * bits / 8, k_ * c_ * high * wide * bits / 8
    cudnn = replace(calls, eager=False)
    plain = products(
        chip, n_ * tall * broad, k_, c_ * high * wide, bits=bits, output_bits=out, a_along_k=False, calls=cudnn, constants=constants,
        a_bytes=inputs, b_bytes=weights, splits=False,
    )  # fmt: skip
    kernel_s = plain.kernel_s / constants.gather_share
    if not chip.matrix and not chip.integer:
        able = (high == 3) & (wide == 3) & (steps == 1)
        small = _small_winograd(chip, (n_, c_, k_), (tall, broad), inputs, (bits, out), cudnn, constants)
        moved = inputs + weights + n_ * k_ * tall * broad * out / 8
        large = _large_winograd(chip, (n_, c_, k_), (tall, broad), moved, calls, constants)
        kernel_s = np.where(able, np.minimum(kernel_s, np.minimum(small, large)), kernel_s)
    return np.maximum(calls.floor_s, calls.gap_s + kernel_s)


def _aligned(chip: Gpu, bits: int) -> int:
    """Input channels that are stored together, so that instructions on vectors of a few operands can read them [1]."""
    if chip.matrix:
        return 256 // bits if chip.integer else 128 // bits
    return 32 // bits if chip.integer else 1


def _small_winograd(
    chip: Gpu,
    sizes: tuple[Floats, Floats, Floats],
    output: tuple[Floats, Floats],
    inputs: Floats,
    bits: tuple[int, int],
    calls: Calls,
    constants: Constants,
) -> Floats:
    """F(2 x 2, 3 x 3) [s]: 16 products of C x K for every 2 x 2 outputs, whose transforms stay on the SM; filters are transformed before.

    A block takes 32 of these squares, 16 x 8 outputs of one image, so that images which are no multiple of that leave some idle.
    """
    n, c, k = sizes
    tall, broad = output
    squares = 32 * np.minimum(np.ceil(tall / 16) * np.ceil(broad / 8), np.ceil(tall / 8) * np.ceil(broad / 16))
    found = products(
        chip, n * squares, k, c, batch=16, bits=bits[0], output_bits=bits[1], a_along_k=False, calls=calls, constants=constants,
        a_bytes=inputs, b_bytes=16 * k * c * bits[0] / 8,
    )  # fmt: skip
    result: Floats = found.kernel_s + k * c * (9 + 16) * bits[0] / 8 / memory_rate(chip, constants)
    return result


def _large_winograd(
    chip: Gpu,
    sizes: tuple[Floats, Floats, Floats],
    output: tuple[Floats, Floats],
    moved: Floats,
    calls: Calls,
    constants: Constants,
) -> Floats:
    """F(4 x 4, 3 x 3) [s]: transforms of inputs, filters and outputs through memory in float32, and 36 products between them."""
    n, c, k = sizes
    places = n * np.ceil(output[0] / 4) * np.ceil(output[1] / 4)
    found = products(chip, places, k, c, batch=36, a_along_k=False, calls=calls, constants=constants)
    transforms = (moved + 36 * 4 * (places * (c + k) + k * c)) / memory_rate(chip, constants)
    result: Floats = found.kernel_s / constants.winograd_share + transforms + 3 * calls.again_s
    return result
