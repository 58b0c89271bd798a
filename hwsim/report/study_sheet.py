"""The results of a study as plain rows: what its page and its pictures are drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwsim.errors import UsageError
from hwsim.report.study_tables import figure
from hwsim.report.text import safe
from hwsim.study.axes import Value
from hwsim.study.fronts import hypervolume, pareto
from hwsim.study.study import Results

#: Designs drawn at most: more is neither seen nor quick.
DRAWN = 2000
_STEPS = 200
FRONT, FEASIBLE, NOT = "on the front", "feasible", "not feasible"


@dataclass(frozen=True, slots=True)
class Designs:
    """What a study found.

    parameters : axes and derived parameters that differ between designs; objectives : minimized, ``-NAME`` maximized.
    drawn : designs with every objective known, the front first, then evenly chosen others; each has ``index`` (its number in the
    study), ``kind``, its ``values`` as they are and its ``words`` with units, both by column (parameters, then objectives).
    volumes : share of the box between the best and the worst of each objective that the front covers [1], by evaluation.
    counts : designs by kind. reasons : why designs are not feasible, and how many.
    """

    study: str
    parameters: tuple[str, ...]
    objectives: tuple[str, ...]
    drawn: tuple[Mapping[str, Any], ...]
    volumes: tuple[Mapping[str, Any], ...]
    counts: Mapping[str, int]
    reasons: Mapping[str, int]
    provenance: Mapping[str, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the values of a design."""
        return (*self.parameters, *self.objectives)


def designs(results: Results, objectives: Sequence[str] = ()) -> Designs:
    """Everything to draw of a study; raises UsageError where no design has all objectives."""
    wanted = tuple(objectives) or results.objectives
    rows = list(results.numbered())
    known = [(number, row) for number, row in rows if all(row[_plain(name)] is not None for name in wanted)]
    if not known:
        raise UsageError(f"nothing to draw: no design has {' and '.join(map(_plain, wanted))}")
    feasible = [place for place, (_, row) in enumerate(known) if row["feasible"]]
    costs = {place: [_cost(known[place][1], name) for name in wanted] for place in feasible}
    front = {feasible[place] for place in pareto(list(costs.values()))} if feasible else set()
    parameters = [name for name in results.names if len({str(row[name]) for _, row in known}) > 1]
    kinds = [FRONT if place in front else FEASIBLE if place in costs else NOT for place in range(len(known))]
    chosen = sorted(_even(sorted(front), DRAWN)) + _even(
        [place for place in range(len(known)) if place not in front], max(0, DRAWN - len(front))
    )
    reasons: dict[str, int] = {}
    for _, row in rows:
        if row["reason"]:
            reasons[safe(str(row["reason"]))] = reasons.get(safe(str(row["reason"])), 0) + 1
    return Designs(
        study=safe(str(results.provenance.get("study", "study"))),
        parameters=tuple(parameters),
        objectives=wanted,
        drawn=tuple(_design(*known[place], kinds[place], parameters, wanted) for place in chosen),
        volumes=tuple(_volumes(results.turns(), {known[place][0]: cost for place, cost in costs.items()})),
        counts={"evaluated": len(rows)} | {kind: kinds.count(kind) for kind in (FRONT, FEASIBLE)},
        reasons=dict(sorted(reasons.items(), key=lambda item: -item[1])),
        provenance=results.provenance,
    )


def _design(
    number: int, row: Mapping[str, Value], kind: str, parameters: Sequence[str], objectives: Sequence[str]
) -> dict[str, Any]:
    values = [*(row[name] for name in parameters), *(row[_plain(name)] for name in objectives)]
    words = [_word(row[name]) for name in parameters] + [figure(row, name) for name in objectives]
    return {"index": number, "kind": kind, "values": values, "words": words}


def _volumes(turns: Sequence[int], costs: Mapping[int, Sequence[float]]) -> list[dict[str, Any]]:
    """The covered share of the box after 1, 2, ... evaluations, at no more than ``_STEPS`` places and where it grew."""
    if not costs:
        return []
    lows = [min(column) for column in zip(*costs.values(), strict=True)]
    highs = [max(column) for column in zip(*costs.values(), strict=True)]
    spans = [high - low or 1.0 for low, high in zip(lows, highs, strict=True)]
    corner = [1.0 + 1e-9] * len(lows)
    step = max(1, math.ceil(len(turns) / _STEPS))
    found: list[dict[str, Any]] = []
    front: list[list[float]] = []
    for start in range(0, len(turns), step):
        fresh = [costs[number] for number in turns[start : start + step] if number in costs]
        front += [[(value - low) / span for value, low, span in zip(cost, lows, spans, strict=True)] for cost in fresh]
        front = [front[place] for place in pareto(front)] if front else []
        share = hypervolume(front, corner) if front else 0.0
        found.append({"evaluations": min(start + step, len(turns)), "share": share, "front": len(front)})
    return found


def _even(places: Sequence[int], count: int) -> list[int]:
    """At most ``count`` of them, evenly spread."""
    if len(places) <= count:
        return list(places)
    return [places[turn * len(places) // count] for turn in range(count)]


def _word(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else safe(str(value))


def _plain(objective: str) -> str:
    return objective.removeprefix("-")


def _cost(row: Mapping[str, Value], objective: str) -> float:
    value = float(row[_plain(objective)])  # type: ignore[arg-type]
    return -value if objective.startswith("-") else value
