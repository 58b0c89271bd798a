"""Single arrivals collected into batches by one server."""

from __future__ import annotations

import numpy as np

from hwsim.kernels.jit import kernel
from hwsim.kernels.packed import Float


@kernel
def collected(arrivals: Float, service: Float, wait: float, ends: Float, starts: Float, sizes: Float) -> int:
    """Go through arrivals [N] [s], ascending; returns the number of batches.

    service [B] : times of batches of 1, 2, ... [s]. wait : how long the first of a batch waits for others at most [s]. ends [N] : when the
    batch of each ends [s]; starts, sizes [N] : of each batch.
    """
    most, count = service.shape[0], arrivals.shape[0]
    first, batches, free = 0, 0, 0.0
    while first < count:
        full = arrivals[first + most - 1] if first + most <= count else np.inf
        start = max(free, min(arrivals[first] + wait, full))
        last = first + 1
        while last < count and last < first + most and arrivals[last] <= start:
            last += 1
        free = start + service[last - first - 1]
        ends[first:last] = free
        starts[batches], sizes[batches] = start, last - first
        batches += 1
        first = last
    return batches
