"""The most that a system answers within a limit on latency: the batch is searched."""

from __future__ import annotations

from collections.abc import Callable

from hwsim.errors import Infeasible, ModelError, UsageError
from hwsim.estimation import Prepared
from hwsim.system.record import SystemEstimate

LARGEST_BATCH = 1 << 14


def within_limit(
    prepared_at: Callable[[int], Prepared],
    price: Callable[[Prepared], SystemEstimate | Infeasible],
    limit_s: float,
    largest: int = LARGEST_BATCH,
) -> SystemEstimate | Infeasible:
    """The batch with the highest throughput whose latency, or 99th percentile under arrivals, keeps to ``limit_s`` [s].

    prepared_at : the network at a batch; one that cannot be bound ends the search there. Latency is taken to grow with the batch: batches
    double until one misses the limit or does not fit, then the last step is halved. Infeasible where even one input takes longer.
    """
    if not limit_s > 0:
        raise UsageError("a limit on the latency is above 0")
    tried: dict[int, SystemEstimate] = {}

    def keeps(batch: int) -> bool:
        try:
            prepared = prepared_at(batch)
        except ModelError:
            if not tried:
                raise
            return False
        if int(str(prepared.settings["batch"])) != batch:
            return False
        found = price(prepared)
        if isinstance(found, Infeasible) or found.percentile_s(99) > limit_s:
            return False
        tried[batch] = found
        return True

    low, high = 0, 1
    while high <= largest and keeps(high):
        low, high = high, 2 * high
    while high - low > 1 and low:
        middle = (low + high) // 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    if tried:
        return max(tried.values(), key=lambda found: found.throughput_per_s)
    found = price(prepared_at(1))
    if isinstance(found, Infeasible):
        return found
    return Infeasible(
        found.system,
        found.percentile_s(99),
        limit_s,
        "s for the smallest batch",
        ("a longer limit", "faster devices", "a lower rate"),
    )
