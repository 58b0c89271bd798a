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
    return Bound(latency, *ranked({**overlapped, **added}))


def ranked(terms: Mapping[str, float]) -> tuple[str, str | None, float | None]:
    """The largest term, the second, and how many times the first exceeds it."""
    first, second = sorted([*terms.items(), ("", 0.0), ("", 0.0)], key=lambda item: -item[1])[:2]
    if not first[1]:
        return "compute", None, None
    if not second[1]:
        return first[0], None, None
    return first[0], second[0], first[1] / second[1]
