"""Networks one after the other, side by side, or one behind another's doubt: estimates in, cost out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.errors import UsageError
from hwsim.estimation import Estimate
from hwsim.system.chance import Cascade
from hwsim.system.links import Link


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one input: latency_s [s], interval_s between inputs in a full system [s], energy_j [J] (None unknown), macs [1]."""

    latency_s: float
    interval_s: float
    energy_j: float | None
    macs: float

    @property
    def throughput_per_s(self) -> float:
        """Inputs a second [1/s]."""
        return 1 / self.interval_s if self.interval_s else 0.0


def series(estimates: Sequence[Estimate], links: Sequence[Link | None] = (), sizes: Sequence[float] = ()) -> Cost:
    """Networks one after the other, each on a device of its own; links : between neighbours, which carry ``sizes`` bytes [B]."""
    if not estimates or len(links) not in (0, len(estimates) - 1) or len(sizes) != len(links):
        raise UsageError("series: needs networks, and a link and a size between each two or none at all")
    times = [estimate.totals.latency_s for estimate in estimates]
    sending = [link.time(size) if link else 0.0 for link, size in zip(links, sizes, strict=True)]
    wires = [
        0.0 if link is None else None if link.energy is None else link.energy * size
        for link, size in zip(links, sizes, strict=True)
    ]
    joules = _sum([*(estimate.totals.energy_j for estimate in estimates), *wires])
    return Cost(
        math.fsum(times) + math.fsum(sending), max([*times, *sending]), joules, sum(e.totals.macs for e in estimates)
    )


def ensemble(estimates: Sequence[Estimate], devices: int = 1) -> Cost:
    """Networks that all see the same input, dealt out to equal ``devices``, the longest first to the least loaded (Graham's rule)."""
    if not estimates or devices < 1:
        raise UsageError("ensemble: needs networks and at least one device")
    loads = [0.0] * devices
    for seconds in sorted((estimate.totals.latency_s for estimate in estimates), reverse=True):
        loads[loads.index(min(loads))] += seconds
    joules = _sum([estimate.totals.energy_j for estimate in estimates])
    return Cost(max(loads), max(loads), joules, sum(estimate.totals.macs for estimate in estimates))


@dataclass(frozen=True, slots=True)
class CascadeCost:
    """A cascade in time [s] and in energy [J] (None unknown)."""

    time: Cascade
    energy: Cascade | None


def cascade(
    fast: Estimate, slow: Estimate, escalation: float, link: Link | None = None, size: float = 0.0
) -> CascadeCost:
    """The fast network, and the slow one behind ``link`` for a share ``escalation`` of inputs of ``size`` bytes."""
    sending = link.time(size) if link else 0.0
    time = Cascade(fast.totals.latency_s, slow.totals.latency_s, escalation, sending)
    wires = 0.0 if link is None else None if link.energy is None else link.energy * size
    if fast.totals.energy_j is None or slow.totals.energy_j is None or wires is None:
        return CascadeCost(time, None)
    return CascadeCost(time, Cascade(fast.totals.energy_j, slow.totals.energy_j, escalation, wires))


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None
