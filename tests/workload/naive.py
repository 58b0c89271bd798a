"""Slow truth: multiplications counted one by one, by walking the definition of each operator."""

from __future__ import annotations

from itertools import product


def convolution(batch, channels, filters, groups, image, kernel, stride, pad, dilation):
    """(multiplications, output shape), with padding elements multiplied too, as every framework counts."""
    result = [
        (size + 2 * p - (taps - 1) * d - 1) // s + 1
        for size, taps, s, p, d in zip(image, kernel, stride, pad, dilation, strict=True)
    ]
    count = 0
    for _ in range(batch):
        for _filter in range(filters):
            for _place in product(*map(range, result)):
                for _channel in range(channels // groups):
                    for _tap in product(*map(range, kernel)):
                        count += 1
    return count, (batch, filters, *result)


def transposed(batch, channels, filters, groups, image, kernel):
    """Multiplications of a transposed convolution: every input element scatters into every tap of its group's filters."""
    count = 0
    for _ in range(batch):
        for _channel in range(channels):
            for _place in product(*map(range, image)):
                for _filter in range(filters // groups):
                    for _tap in product(*map(range, kernel)):
                        count += 1
    return count


def phase_taps(taps, stride, dilation):
    """Taps that meet each residue of the output index, walked over one axis: {residue: [input offsets]}."""
    phases = {}
    for tap in range(taps):
        phases.setdefault((tap * dilation) % stride, []).append((tap * dilation) // stride)
    return phases


def einsum(equation, extents):
    """Multiplications of a two-operand product: one for each assignment of all its indices."""
    left = equation.split("->")[0]
    indices = sorted(set(left) - {","})
    return sum(1 for _ in product(*(range(extents[index]) for index in indices)))


def matmul(a, b):
    """Multiplications of numpy's broadcast product, by its definition."""
    import numpy as np

    left, right = np.ones(a, dtype=np.int64), np.ones(b, dtype=np.int64)
    return int(np.matmul(left, right).sum())
