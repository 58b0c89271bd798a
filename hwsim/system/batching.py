"""A server that collects single queries into batches, run on random arrivals.

Queries arrive one by one (Poisson). Whenever the server is free it takes all that wait, up to a largest batch, as soon as the batch is full
or the first of them has waited long enough; a query is answered when its batch is. For batches of one this is M/D/1 (``system.queue``);
there is no closed form for the rest, so a fixed sequence of random arrivals is gone through, and the same question has the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import UsageError
from hwsim.kernels.batching import collected

#: Arrivals gone through, and those before the server is taken as settled: latencies of M/D/1 come out within 1 % up to a load of 0.9.
_ARRIVALS, _SETTLING = 2_000_000, 50_000
_HALVINGS = 24


@dataclass(frozen=True, slots=True)
class Batched:
    """What queries meet. latencies : of each query in turn [s]; load : share of the time that the server works [1]; mean_batch : [1]."""

    latencies: NDArray[np.float64]
    load: float
    mean_batch: float

    @property
    def mean_s(self) -> float:
        """Mean latency, waiting included [s]."""
        return float(self.latencies.mean())

    def percentile(self, share: float) -> float:
        """Latency that a ``share`` of queries does not exceed [s]."""
        place = min(len(self.latencies), max(1, math.ceil(share * len(self.latencies)))) - 1
        return float(np.partition(self.latencies, place)[place])

    def within(self, latency_s: float) -> float:
        """Share of queries answered within ``latency_s`` [1]."""
        return float((self.latencies <= latency_s * (1 + 1e-12)).mean())


def stable(rate: float, service_s: Sequence[float]) -> bool:
    """Whether full batches, one after the other, answer more than arrives."""
    return rate * service_s[-1] < len(service_s)


def batched(rate: float, service_s: Sequence[float], wait_s: float) -> Batched:
    """Latencies of single queries, ``rate`` a second, in batches.

    service_s : time of a batch of 1, 2, ... queries, its length the largest batch [s]; wait_s : how long the first of a batch waits for
    others at most [s]. Raises UsageError for numbers that make no sense, and for a rate that the server cannot keep up with.
    """
    if not rate > 0 or not service_s or min(service_s) <= 0 or not 0 <= wait_s < math.inf:
        raise UsageError("batching: needs a rate, service times above 0 and a wait of at least 0")
    if not stable(rate, service_s):
        raise UsageError(f"batching: {rate:g} queries a second are more than batches of {len(service_s)} answer")
    arrivals, times = _units() / rate, np.array(service_s, np.float64)
    ends, starts, sizes = (np.empty(_ARRIVALS) for _ in range(3))
    batches = collected(arrivals, times, wait_s, ends, starts, sizes)
    settled = int(np.searchsorted(starts[:batches], arrivals[_SETTLING]))
    taken = sizes[settled:batches]
    busy = float(times[taken.astype(np.int64) - 1].sum())
    return Batched((ends - arrivals)[_SETTLING:], busy / float(ends[-1] - starts[settled]), float(taken.mean()))


def largest_rate(service_s: Sequence[float], wait_s: float, latency_s: float, share: float) -> float:
    """The most queries a second of which a ``share`` is answered within ``latency_s`` [1/s]; 0 where a single one is too slow."""
    if service_s[0] > latency_s:
        return 0.0
    low, high = 0.0, len(service_s) / service_s[-1]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if stable(middle, service_s) and batched(middle, service_s, wait_s).within(latency_s) >= share:
            low = middle
        else:
            high = middle
    return low


@lru_cache(maxsize=1)
def _units() -> NDArray[np.float64]:
    """Times of arrivals at one a second [s]."""
    return np.cumsum(np.random.default_rng(0).exponential(size=_ARRIVALS))
