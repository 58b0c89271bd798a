"""SystemEstimate: what a network costs on several devices, and its JSON form (``hwsim/system/1``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hwsim.estimation import Estimate
from hwsim.system.queue import Server

SCHEMA = "hwsim/system/1"


@dataclass(frozen=True, slots=True)
class Share:
    """What one device does in one pass of the batch.

    layers : names. compute_s : its layers [s]; exchange_s : what it sends and waits for [s]. memory_bytes : weights and the activations
    alive at most; capacity_bytes : None unknown. energy_j : None where its profile gives none.
    """

    instance: str
    device: str
    layers: tuple[str, ...]
    compute_s: float
    exchange_s: float
    memory_bytes: int
    capacity_bytes: int | None
    energy_j: float | None


@dataclass(frozen=True, slots=True)
class SystemEstimate:
    """One network on a system.

    latency_s : of one batch through an idle system [s]; interval_s : between batches in a full one [s], the slowest device or link.
    bubble_share : share of the devices' time that stays idle while ``microbatches`` pass a pipeline [1]. links : seconds that each link
    is busy a batch, by its ends. copies : batches that are served side by side. queries_per_s : batches that arrive at random [1/s], None
    for one at a time. bound_by : the instance or link that sets the interval. device : the estimate of the single device
    where there is one.
    """

    model: Mapping[str, Any]
    system: str
    settings: Mapping[str, Any]
    latency_s: float
    interval_s: float
    throughput_per_s: float
    energy_j: float | None
    link_energy_j: float | None
    macs: int
    shares: tuple[Share, ...]
    links: Mapping[str, float]
    bound_by: str
    bubble_share: float = 0.0
    unavailable: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    alone: Estimate | None = None
    copies: int = 1
    queries_per_s: float | None = None

    def percentile_s(self, percent: int) -> float:
        """Latency that ``percent`` of a hundred batches do not exceed [s]: the latency itself without arrivals, for times do not vary;
        else with the wait before a full system, as ``queue.Server`` has it; infinite where more arrive than leave.
        """
        server = self._server()
        return self.latency_s if server is None else self.latency_s - self.interval_s + server.percentile(percent / 100)

    @property
    def latency_mean_s(self) -> float:
        """Mean latency, waiting included [s]."""
        server = self._server()
        return self.latency_s if server is None else self.latency_s - self.interval_s + server.mean_s

    def _server(self) -> Server | None:
        return (
            Server(self.queries_per_s, self.interval_s, self.copies) if self.queries_per_s and self.interval_s else None
        )

    @property
    def average_power_w(self) -> float | None:
        """Energy over the interval: the power of a full system [W]."""
        return None if self.energy_j is None or not self.interval_s else self.energy_j / self.interval_s

    @property
    def memory_bytes(self) -> int:
        """Memory of all devices together [B]."""
        return sum(share.memory_bytes for share in self.shares)

    def to_dict(self) -> dict[str, Any]:
        """``hwsim/system/1``."""
        return {
            "schema": SCHEMA,
            "model": dict(self.model),
            "system": self.system,
            "settings": dict(self.settings),
            "totals": {
                "latency_s": self.latency_s,
                "latency_mean_s": _finite(self.latency_mean_s),
                **{f"latency_{percent}_s": _finite(self.percentile_s(percent)) for percent in (50, 90, 99)},
                "interval_s": self.interval_s,
                "throughput_per_s": self.throughput_per_s,
                "energy_j": self.energy_j,
                "link_energy_j": self.link_energy_j,
                "average_power_w": self.average_power_w,
                "memory_bytes": self.memory_bytes,
                "macs": self.macs,
                "bubble_share": self.bubble_share,
            },
            "bound_by": self.bound_by,
            "devices": [asdict(share) for share in self.shares],
            "links_s": dict(self.links),
            "unavailable": dict(self.unavailable),
            "warnings": list(self.warnings),
        }


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
