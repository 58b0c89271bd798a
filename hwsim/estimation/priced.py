"""Priced: one layer, its work, and what an analytical rung says of it."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.estimation.records import LayerEstimate
from hwsim.graph import Layer
from hwsim.workload import Work


@dataclass(frozen=True, slots=True)
class Priced:
    """One layer with its work and what an analytical rung says of it."""

    layer: Layer
    work: Work
    record: LayerEstimate
