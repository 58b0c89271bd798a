"""Flow: what networks that feed each other cost, and its JSON form (``hwsim/flow/1``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hwsim.estimation import Estimate
from hwsim.estimation.records import Totals

SCHEMA = "hwsim/flow/1"


@dataclass(frozen=True, slots=True)
class Job:
    """A network on the device that runs it, and the bytes it is given [B], which travel to it over the links."""

    estimate: Estimate
    input_bytes: int

    @property
    def totals(self) -> Totals:
        """Of the estimate."""
        return self.estimate.totals


@dataclass(frozen=True, slots=True)
class Load:
    """One device or link: seconds that it is busy for one input on average [s], memory of its networks [B], capacity_bytes None unknown."""

    name: str
    busy_s: float
    networks: tuple[str, ...] = ()
    memory_bytes: int = 0
    capacity_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """What one input costs.

    latency_s : mean [s]; percentiles_s : by per cent [s]. interval_s : between inputs in a full system, the busiest device or link [s].
    energy_j : mean, None where something gives none. macs : mean [1]. reached : probability that each network runs [1]. cascades :
    break-even and the like, of each part that runs by chance, in time and in energy. unavailable : why a quantity is None.
    """

    system: str
    kind: str
    latency_s: float
    percentiles_s: Mapping[int, float]
    interval_s: float
    energy_j: float | None
    macs: float
    reached: Mapping[str, float]
    loads: tuple[Load, ...]
    bound_by: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, float | None] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    unavailable: Mapping[str, str] = field(default_factory=dict)

    @property
    def throughput_per_s(self) -> float:
        """Inputs a second in a full system [1/s]."""
        return 1 / self.interval_s if self.interval_s else 0.0

    @property
    def average_power_w(self) -> float | None:
        """Energy over the interval: the power of a full system [W]."""
        return None if self.energy_j is None or not self.interval_s else self.energy_j / self.interval_s

    def to_dict(self) -> dict[str, Any]:
        """``hwsim/flow/1``."""
        return {
            "schema": SCHEMA,
            "system": self.system,
            "kind": self.kind,
            "settings": dict(self.settings),
            "totals": {
                "latency_mean_s": self.latency_s,
                **{f"latency_{percent}_s": seconds for percent, seconds in self.percentiles_s.items()},
                "interval_s": self.interval_s,
                "throughput_per_s": self.throughput_per_s,
                "energy_j": self.energy_j,
                "average_power_w": self.average_power_w,
                "memory_bytes": sum(load.memory_bytes for load in self.loads),
                "macs": self.macs,
            },
            "bound_by": self.bound_by,
            "reached": dict(self.reached),
            "busy_s": {load.name: load.busy_s for load in self.loads},
            "memory_bytes": {load.name: load.memory_bytes for load in self.loads if load.networks},
            "facts": dict(self.facts),
            "warnings": list(self.warnings),
            "unavailable": dict(self.unavailable),
        }
