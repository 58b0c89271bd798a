"""Scenarios as MLPerf names them: single stream, multi-stream, offline and a server with Poisson arrivals.

MLPerf inference: Reddi et al., ISCA 2020, doi:10.1109/ISCA45697.2020.00045. The server serves one query after the other, each as long as
the last (M/D/1); its waiting times are Erlang's, summed in exact decimals because the terms alternate.
"""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass

from hwsim.errors import UsageError

_DIGITS = 220


@dataclass(frozen=True, slots=True)
class Server:
    """Queries that arrive at random, ``rate`` a second, and take ``service_s`` each, on ``replicas`` devices that share them evenly.

    A dispatcher that chooses at random keeps the arrivals of each replica Poisson.
    """

    rate: float
    service_s: float
    replicas: int = 1

    def __post_init__(self) -> None:
        if not (self.rate >= 0 and self.service_s > 0 and self.replicas >= 1):
            raise UsageError("server: needs a rate of at least 0, a service time above 0 and a replica")

    @property
    def load(self) -> float:
        """Share of the time that each device works [1]; at 1 or more the queue grows without end."""
        return self.rate / self.replicas * self.service_s

    @property
    def mean_s(self) -> float:
        """Mean latency, waiting included [s]: Pollaczek and Khinchine; infinite at a load of 1 or more."""
        if self.load >= 1:
            return math.inf
        return self.service_s * (1 + self.load / (2 * (1 - self.load)))

    def within(self, latency_s: float) -> float:
        """Share of queries answered within ``latency_s`` [1]."""
        waited = latency_s - self.service_s
        if waited < 0 or self.load >= 1:
            return 0.0
        with decimal.localcontext() as context:
            context.prec = _DIGITS
            load, steps = decimal.Decimal(self.load), decimal.Decimal(waited / self.service_s)
            term = decimal.Decimal(0)
            for number in range(int(steps) + 1):
                power = load * (steps - number)
                term += (-power) ** number / math.factorial(number) * power.exp() if number else power.exp()
            return float(min(decimal.Decimal(1), (1 - load) * term))

    def percentile(self, share: float) -> float:
        """Latency that a ``share`` of queries does not exceed [s]; infinite at a load of 1 or more."""
        if not 0 < share < 1:
            raise UsageError(f"percentile {share}: a share between 0 and 1")
        if self.load >= 1:
            return math.inf
        low, high = self.service_s, 2 * self.service_s
        if self.within(low) >= share:
            return low
        while self.within(high) < share:
            low, high = high, 2 * high
        while high - low > 1e-9 * high:
            middle = (low + high) / 2
            if self.within(middle) < share:
                low = middle
            else:
                high = middle
        return high


def largest_rate(service_s: float, latency_s: float, share: float = 0.99, replicas: int = 1) -> float:
    """The most queries a second of which a ``share`` is answered within ``latency_s`` [1/s]; 0 where a single one is too slow."""
    if service_s > latency_s:
        return 0.0
    low, high = 0.0, replicas / service_s
    for _ in range(60):
        middle = (low + high) / 2
        if Server(middle, service_s, replicas).within(latency_s) >= share:
            low = middle
        else:
            high = middle
    return low
