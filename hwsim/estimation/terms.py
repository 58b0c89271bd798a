"""From the times of one layer's resources to its latency, and to what binds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """Latency [s] and the two terms that matter most."""

    latency_s: float
    bound_by: str
    second_bound_by: str | None
    slack: float | None


def combine(overlapped: Mapping[str, float], added: Mapping[str, float]) -> Bound:
    """The largest of the overlapped terms plus all that add [s].

    What binds is the largest single term; ``slack`` is how many times it exceeds the second (None where no other takes time).
    """
    latency = max(overlapped.values(), default=0.0) + sum(added.values())
    ranked = sorted([*overlapped.items(), *added.items()], key=lambda item: -item[1])
    ranked = [item for item in ranked if item[1] > 0]
    if not ranked:
        return Bound(latency, "compute", None, None)
    if len(ranked) == 1:
        return Bound(latency, ranked[0][0], None, None)
    return Bound(latency, ranked[0][0], ranked[1][0], ranked[0][1] / ranked[1][1])
