"""Links between devices, and what the exchanges of parallel programs take over them.

Ring algorithms move (n - 1)/n of the data each step round: Thakur, Rabenseifner, Gropp, "Optimization of collective communication
operations in MPICH," IJHPCA 19(1), 2005, doi:10.1177/1094342005051521.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Link:
    """bandwidth : each way [B/s]; latency_s : of the first byte [s]; energy : [J/B], None unknown.

    stop_and_wait : a message waits until the one before has arrived, so that latency takes throughput; else messages follow each other
    on the wire and latency only delays them.
    """

    bandwidth: float
    latency_s: float = 0.0
    energy: float | None = None
    stop_and_wait: bool = False

    def time(self, size: float) -> float:
        """Time to send ``size`` bytes [s]; nothing sent takes nothing."""
        return self.latency_s + size / self.bandwidth if size else 0.0

    def busy(self, size: float, messages: float = 1) -> float:
        """Time for which ``messages`` of ``size`` bytes together keep one direction from sending others [s]."""
        return size / self.bandwidth + (messages * self.latency_s if self.stop_and_wait and size else 0.0)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes and messages of one batch by hop, each direction by itself."""

    size: Counter[tuple[str, str]] = field(default_factory=Counter)
    messages: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, hops: Iterable[tuple[str, str]], size: int, messages: int = 1) -> None:
        """``messages`` of ``size`` bytes together over each of the hops; nothing sent is no message."""
        for hop in hops:
            self.size[hop] += size
            self.messages[hop] += messages if size else 0


def all_reduce_s(size: float, devices: int, link: Link) -> float:
    """Sum ``size`` bytes over all devices so that each has the result [s]: 2 (n - 1) steps of size / n."""
    return 2 * all_gather_s(size, devices, link)


def all_gather_s(size: float, devices: int, link: Link) -> float:
    """Bring the parts of ``size`` bytes that lie on n devices to all of them [s]: n - 1 steps of size / n."""
    return (devices - 1) * link.time(size / devices)


def all_to_all_s(size: float, devices: int, link: Link) -> float:
    """Each device sends an equal part of its ``size`` bytes to every other [s]."""
    return (devices - 1) * link.time(size / devices)
