"""What chance does to time: cascades, k of n with stragglers, experts that overflow. Closed forms; tests hold them against Monte Carlo."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hwsim.errors import UsageError


@dataclass(frozen=True, slots=True)
class Cascade:
    """A fast model whose doubtful answers go on to a slow one.

    fast, slow : cost of one inference, times [s] or energies [J]. escalation : probability that an input goes on [1]. link : cost of
    sending it on, 0 on one device.
    """

    fast: float
    slow: float
    escalation: float
    link: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.escalation <= 1 and self.fast >= 0 and self.slow >= 0 and self.link >= 0):
            raise UsageError("cascade: escalation is a probability, costs are at least 0")

    @property
    def mean(self) -> float:
        """Expected cost: c_f + p·(link + c_s), in the unit of the parts."""
        return self.fast + self.escalation * (self.link + self.slow)

    def percentile(self, share: float) -> float:
        """The cost that a ``share`` of all inputs does not exceed; there are two values only."""
        if not 0 < share <= 1:
            raise UsageError(f"cascade: percentile {share}: a share above 0 and at most 1")
        return self.fast + (0.0 if share <= 1 - self.escalation else self.link + self.slow)

    @property
    def break_even(self) -> float:
        """Escalation at which the cascade costs as much as the slow model alone [1]; 0 where it never pays."""
        return max(0.0, min(1.0, (self.slow - self.fast) / (self.link + self.slow))) if self.link + self.slow else 0.0

    def largest_escalation(self, budget: float) -> float | None:
        """The most inputs that may go on with the mean within ``budget`` [1]; None where the fast model alone exceeds it."""
        if self.fast > budget:
            return None
        further = self.link + self.slow
        return min(1.0, (budget - self.fast) / further) if further else 1.0


def harmonic(first: int, last: int) -> float:
    """Sum of 1/i for i from ``first`` to ``last`` [1]."""
    return math.fsum(1.0 / number for number in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class Redundancy:
    """A job cut into ``needed`` pieces and coded into ``sent``: it is done when any ``needed`` of them are.

    A piece holds 1/needed of the work and takes that share of ``fixed`` + an exponential time of mean 1/``rate`` [s]: the shifted
    exponential of Lee et al., "Speeding up distributed machine learning using codes," IEEE Trans. Inf. Theory 64(3), 2018,
    doi:10.1109/TIT.2017.2736066. Code and decode are free here.
    """

    sent: int
    needed: int
    fixed: float = 1.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not (1 <= self.needed <= self.sent and self.rate > 0 and self.fixed >= 0):
            raise UsageError(
                f"{self.needed} of {self.sent}: needs 1 <= needed <= sent, a rate above 0 and a fixed time of at least 0"
            )

    @property
    def mean(self) -> float:
        """Expected time of the job [s]: the k-th smallest of n exponentials has mean (H_n - H_(n-k)) / rate."""
        tail = harmonic(self.sent - self.needed + 1, self.sent)
        return (self.fixed + tail / self.rate) / self.needed

    @property
    def work(self) -> float:
        """Work done over the work of the uncoded job [1]."""
        return self.sent / self.needed

    def within(self, seconds: float) -> float:
        """Share of jobs done within ``seconds`` [1]."""
        spare = seconds * self.needed - self.fixed
        return at_least(self.sent, self.needed, -math.expm1(-self.rate * spare)) if spare > 0 else 0.0

    def percentile(self, share: float) -> float:
        """Time that a ``share`` of jobs does not exceed [s]: the k-th order statistic, inverted by bisection."""
        if not 0 < share < 1:
            raise UsageError(f"percentile {share}: a share between 0 and 1")
        low, high = 0.0, 1.0
        while at_least(self.sent, self.needed, high) < share:
            low, high = high, (1 + high) / 2
        for _ in range(200):
            middle = (low + high) / 2
            if at_least(self.sent, self.needed, middle) < share:
                low = middle
            else:
                high = middle
        return (self.fixed - math.log1p(-high) / self.rate) / self.needed


def at_least(tries: int, least: int, probability: float) -> float:
    """Probability of at least ``least`` successes in ``tries`` of ``probability`` each [1]."""
    return math.fsum(binomial(tries, count, probability) for count in range(least, tries + 1))


def binomial(tries: int, count: int, probability: float) -> float:
    """Probability of exactly ``count`` successes [1], by logarithms."""
    if probability <= 0 or probability >= 1:
        return float(count == (tries if probability >= 1 else 0))
    ways = math.lgamma(tries + 1) - math.lgamma(count + 1) - math.lgamma(tries - count + 1)
    return math.exp(ways + count * math.log(probability) + (tries - count) * math.log1p(-probability))


def best_redundancy(sent: int, fixed: float = 1.0, rate: float = 1.0) -> Redundancy:
    """The number of pieces that gives the least mean time on ``sent`` workers."""
    return min((Redundancy(sent, needed, fixed, rate) for needed in range(1, sent + 1)), key=lambda choice: choice.mean)


@dataclass(frozen=True, slots=True)
class Routing:
    """Tokens sent to experts at random: top-``chosen`` of ``experts``, each of which takes at most its capacity.

    capacity_factor : room of an expert over its fair share [1]; math.inf never drops. Switch: Fedus, Zoph, Shazeer, JMLR 23, 2022,
    Eq. 3: capacity = tokens · chosen / experts · capacity_factor.
    """

    tokens: int
    experts: int
    chosen: int = 1
    capacity_factor: float = 1.0

    def __post_init__(self) -> None:
        if not (self.tokens >= 1 and 1 <= self.chosen <= self.experts and self.capacity_factor > 0):
            raise UsageError("experts: needs tokens, 1 <= chosen <= experts and a capacity factor above 0")

    @property
    def capacity(self) -> float:
        """Tokens that one expert takes [1]: whole, unless unlimited."""
        fair = self.tokens * self.chosen / self.experts
        return math.inf if math.isinf(self.capacity_factor) else math.ceil(fair * self.capacity_factor - 1e-9)

    @property
    def slots(self) -> float:
        """Rows that all experts compute, empty ones included: with a capacity, every expert runs it whole [1]."""
        return self.tokens * self.chosen if math.isinf(self.capacity) else self.capacity * self.experts

    @property
    def dropped(self) -> float:
        """Expected share of assignments that find their expert full [1], tokens choosing alike and independently."""
        if math.isinf(self.capacity):
            return 0.0
        tries, share = self.tokens, self.chosen / self.experts
        excess = math.fsum(
            (count - self.capacity) * binomial(tries, count, share)
            for count in range(int(self.capacity) + 1, tries + 1)
        )
        return excess * self.experts / (self.tokens * self.chosen)

    def dispatch_macs(self, width: int) -> int:
        """MACs of sending tokens to experts and back by one-hot products [n, E·C] x [n, d], as Switch does on TPUs; gathering has none."""
        return 2 * self.tokens * int(self.slots) * width

    def exchange_bytes(self, width: int, element_bytes: float) -> float:
        """Bytes of the rows that leave for their experts and come back: twice slots x width [B], on one device or over links."""
        return 2 * self.slots * width * element_bytes
