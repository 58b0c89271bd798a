"""Sizes of the address sets of one image axis, {i*stride + j*dilation - pad}, clipped to the image, and of their intersections.

A set is given by where it starts and how far it extends in windows (``x``, ``ex``) and in the kernel (``k``, ``ek``). With stride = a*g and
dilation = b*g, (i, j) and (i - b, j + a) are the same address. Taking of each address the point with the largest j, a set falls into
rows without common addresses: for each of the last a values of j all i, and for each of the first b values of i the other j.
"""

from __future__ import annotations

from hwsim.kernels.counting_hops import gcd
from hwsim.kernels.jit import lean_kernel
from hwsim.kernels.packed import Int


@lean_kernel
def _rows(ex: int, ek: int, stride: int, dilation: int, divisor: int) -> tuple[int, int]:
    """Rows along the windows, and along the kernel."""
    along_x = min(ek, stride // divisor)
    return along_x, min(ex, dilation // divisor) if ek > along_x else 0


@lean_kernel
def _clip(start: int, step: int, count: int, size: int) -> tuple[int, int]:
    """First value and number of the values start + n*step, n < count, that lie in [0, size)."""
    if start < 0:
        skipped = (-start + step - 1) // step
        start += skipped * step
        count -= skipped
    if count > 0 and start + (count - 1) * step >= size:
        count = (size - start + step - 1) // step
    return start, max(count, 0)


@lean_kernel
def _row(number: int, x: int, ex: int, k: int, ek: int, axes: Int, side: int, divisor: int) -> tuple[int, int, int]:
    """First value, step and number of values of one row. axes [2, 4] : stride, dilation, pad, size of
    height and width; side : which."""
    stride, dilation, size = axes[side, 0], axes[side, 1], axes[side, 3]
    base = x * stride + k * dilation - axes[side, 2]
    along_x = min(ek, stride // divisor)
    if number < along_x:
        start, count = _clip(base + (ek - 1 - number) * dilation, stride, ex, size)
        return start, stride, count
    start, count = _clip(base + (number - along_x) * stride, dilation, ek - along_x, size)
    return start, dilation, count


@lean_kernel
def _common(a: int, step: int, count: int, b: int, other_step: int, other_count: int) -> int:
    """Values that two rows share."""
    if count <= 0 or other_count <= 0:
        return 0
    if step == other_step:
        if (a - b) % step:
            return 0
        last = min(a + (count - 1) * step, b + (other_count - 1) * step)
        return max(0, (last - max(a, b)) // step + 1)
    period = other_step // gcd(step, other_step)
    first = 0
    while first < period and (a + first * step - b) % other_step:
        first += 1
    if first == period:
        return 0
    low, high = max(a, b), min(a + (count - 1) * step, b + (other_count - 1) * other_step)
    a += first * step
    step *= period
    if a < low:
        a += (low - a + step - 1) // step * step
    return (high - a) // step + 1 if a <= high else 0


@lean_kernel
def set_size(x: int, ex: int, k: int, ek: int, axes: Int, side: int) -> int:
    """Addresses of a tile on one axis. axes [2, 4] : stride, dilation, pad, size of
    height and width; side : which."""
    stride, dilation, size = axes[side, 0], axes[side, 1], axes[side, 3]
    divisor = gcd(stride, dilation)
    low = x * stride + k * dilation - axes[side, 2]
    if low >= 0 and low + (ex - 1) * stride + (ek - 1) * dilation < size:
        return ex * ek - max(0, ex - dilation // divisor) * max(0, ek - stride // divisor)
    along_x, along_k = _rows(ex, ek, stride, dilation, divisor)
    total = 0
    for number in range(along_x + along_k):
        _, _, count = _row(number, x, ex, k, ek, axes, side, divisor)
        total += count
    return total


@lean_kernel
def common_size(x: int, ex: int, k: int, ek: int, y: int, ey: int, m: int, em: int, axes: Int, side: int) -> int:
    """Addresses that two tiles (x, ex, k, ek) and (y, ey, m, em) share."""
    stride, dilation = axes[side, 0], axes[side, 1]
    divisor = gcd(stride, dilation)
    along_x, along_k = _rows(ex, ek, stride, dilation, divisor)
    along_y, along_m = _rows(ey, em, stride, dilation, divisor)
    total = 0
    for number in range(along_x + along_k):
        start, step, count = _row(number, x, ex, k, ek, axes, side, divisor)
        for other in range(along_y + along_m):
            other_start, other_step, other_count = _row(other, y, ey, m, em, axes, side, divisor)
            total += _common(start, step, count, other_start, other_step, other_count)
    return total


@lean_kernel
def contains(address: int, x: int, ex: int, k: int, ek: int, axes: Int, side: int) -> bool:
    """Whether a tile touches an address of the image."""
    for j in range(ek):
        ahead = address - (x * axes[side, 0] + (k + j) * axes[side, 1] - axes[side, 2])
        if ahead % axes[side, 0] == 0 and 0 <= ahead // axes[side, 0] < ex:
            return True
    return False
