"""Cost: what a mapped nest takes, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


def added(parts: Iterable[float]) -> float:
    """Sum from left to right, which Python's own is not from 3.12 on: the scan kernel adds so, and both give the same last bit."""
    total = 0.0
    for part in parts:
        total += part
    return total


@dataclass(frozen=True, slots=True)
class Transfer:
    """One port or set of wires at work. level : its name; kind : ``read``, ``write``, ``shared`` or ``network``; cycles [1]."""

    level: str
    kind: str
    cycles: float


@dataclass(frozen=True, slots=True)
class LevelEnergy:
    """Energy at one level and on the wires below it [J], per operand (input, weight, output)."""

    reads: tuple[float, float, float] = (0.0, 0.0, 0.0)
    fills: tuple[float, float, float] = (0.0, 0.0, 0.0)
    updates: tuple[float, float, float] = (0.0, 0.0, 0.0)
    wires: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def storage(self) -> float:
        """Of the level without its wires [J]."""
        return added(self.reads) + added(self.fills) + added(self.updates)


@dataclass(frozen=True, slots=True)
class Energy:
    """Where energy goes [J]: in MACs, at each level by name, in wires, and leaking away."""

    mac: float
    levels: Mapping[str, LevelEnergy]
    leakage: float

    @property
    def network(self) -> float:
        """Of all wires [J]."""
        return added(added(level.wires) for level in self.levels.values())

    @property
    def total(self) -> float:
        """Everything [J]."""
        return self.mac + added(level.storage for level in self.levels.values()) + self.network + self.leakage


@dataclass(frozen=True, slots=True)
class Cost:
    """Latency and energy of a nest, all its repeats.

    seconds [s]; cycles [1]; joules [J], None where the hierarchy does not give all energies (``missing`` names the first that it does not);
    compute_cycles : with ramp-up; transfers : busiest instance of every level, all repeats [cycle]; bound_by, second_bound_by :
    ``compute``, a level's name, or ``network``; slack : how many times longer the first takes than the second, inf where there is none;
    utilization : MACs done / MACs possible in the latency [1].
    """

    seconds: float
    cycles: int
    joules: float | None
    compute_cycles: float
    transfers: tuple[Transfer, ...]
    bound_by: str
    second_bound_by: str
    slack: float
    utilization: float
    spatial_utilization: float
    energy: Energy | None = None
    missing: str = ""
    level_cycles: Mapping[str, int] = field(default_factory=dict)

    @property
    def edp(self) -> float | None:
        """Energy times latency [J s]."""
        return None if self.joules is None else self.joules * self.seconds
