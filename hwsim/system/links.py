"""Links between devices, and what the exchanges of parallel programs take over them.

Ring algorithms move (n - 1)/n of the data each step round: Thakur, Rabenseifner, Gropp, "Optimization of collective communication
operations in MPICH," IJHPCA 19(1), 2005, doi:10.1177/1094342005051521.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """bandwidth : each way [B/s]; latency_s : of the first byte [s]; energy : [J/B], None unknown."""

    bandwidth: float
    latency_s: float = 0.0
    energy: float | None = None

    def time(self, size: float) -> float:
        """Time to send ``size`` bytes [s]; nothing sent takes nothing."""
        return self.latency_s + size / self.bandwidth if size else 0.0


def all_reduce_s(size: float, devices: int, link: Link) -> float:
    """Sum ``size`` bytes over all devices so that each has the result [s]: 2 (n - 1) steps of size / n."""
    return 2 * all_gather_s(size, devices, link)


def all_gather_s(size: float, devices: int, link: Link) -> float:
    """Bring the parts of ``size`` bytes that lie on n devices to all of them [s]: n - 1 steps of size / n."""
    return (devices - 1) * link.time(size / devices)


def all_to_all_s(size: float, devices: int, link: Link) -> float:
    """Each device sends an equal part of its ``size`` bytes to every other [s]."""
    return (devices - 1) * link.time(size / devices)
