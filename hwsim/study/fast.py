"""Many rooflines at once: designs that differ in clock, bandwidths, capacities and the size of the array alone are priced as columns of
numbers.

What a layer computes and moves does not depend on those, so it is worked out once; times follow by the operations that the roofline
does, in the same order on the same doubles, and so to the same last digit. Capacities count by what they let stay on the chip: each
design that is worked out says between which capacities the same tensors stay, and those in between are priced with it. Whatever else
differs between two designs (a network, its bits, its batch) puts them into different groups. What was worked out for a group is kept for
the next points of its kind; a group that is seen once, or of another kind, is evaluated point by point. Up to three designs of a new
group are evaluated both ways, and the slow way decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hwsim.device.keys import unit
from hwsim.study.axes import Value
from hwsim.study.columns import priced_all
from hwsim.study.evaluation import Evaluator, Row
from hwsim.study.kinds import ARRAY, Key, capacity, key_of, sized
from hwsim.study.setup import Setup, alike_of, made_of

#: From this size on, the middle and the last design of a new group are evaluated one by one too.
SMALL = 8
#: Groups that are remembered at most.
_REMEMBERED = 4096


def rows(
    evaluator: Evaluator, points: Sequence[Mapping[str, Value]], each: Callable[..., Iterable[Row]] = map
) -> list[Row]:
    """A row a point, in their order. each : ``map``, or a pool's, for those that are evaluated one by one."""
    found: list[Row | None] = [None] * len(points)
    groups: dict[Key, list[int]] = {}
    for index, point in enumerate(points):
        groups.setdefault(key_of(point, ()), []).append(index)
    single: list[int] = []
    waiting = list(groups.items())
    while waiting:
        key, members = waiting.pop()
        chosen = [points[index] for index in members]
        made = _group(evaluator, key, chosen)
        if made is None and any(name in ARRAY for name in key[1]):
            parts: dict[Key, list[int]] = {}
            for index in members:
                parts.setdefault(key_of(points[index], ARRAY), []).append(index)
            waiting += parts.items()
        elif made is None:
            single += members
        else:
            for place, index in enumerate(members):
                found[index] = made[place]
    single.sort()
    for index, row in zip(single, each(evaluator.row, [points[index] for index in single]), strict=True):
        found[index] = row
    return [row for row in found if row is not None]


def _group(evaluator: Evaluator, key: Key, points: Sequence[Mapping[str, Value]]) -> list[Row] | None:
    """Rows of the designs of a group, None where they have to be evaluated one by one."""
    kept = evaluator.setups
    setup = kept.get(key)
    if any(map(sized, key[1])):
        return None if setup is False else _of_sizes(evaluator, key, points)
    if setup is None:
        alike = alike_of(evaluator, key, points[0]) if any(map(capacity, dict(key[0]))) else None
        known = kept.get(alike)
        if known is not None:
            setup = kept[key] = known
        elif len(points) == 1 and (alike or key) not in evaluator.seen:
            if len(evaluator.seen) >= _REMEMBERED:
                evaluator.seen.clear()
            evaluator.seen.add(alike or key)
            return None
        else:
            return _set_up(evaluator, key, alike, points)
    return priced_all(evaluator, setup, points) if isinstance(setup, Setup) else None


def _of_sizes(evaluator: Evaluator, key: Key, points: Sequence[Mapping[str, Value]]) -> list[Row] | None:
    """Rows of designs whose capacities differ: those where the same tensors stay together, one after the other."""
    if key not in evaluator.setups and len(points) == 1 and key not in evaluator.seen:
        evaluator.seen.add(key)
        return None
    if len(evaluator.setups) >= _REMEMBERED:
        evaluator.setups.clear()
    setups: list[Setup] = evaluator.setups.setdefault(key, [])
    if len(setups) >= _REMEMBERED:
        setups.clear()
    names = [name for name in key[1] if sized(name)]
    sizes = np.array(
        [[int(point[name] * unit(name.split(".")[2])[1]) for name in names] for point in points],  # type: ignore[operator]
        np.float64,
    )
    left, place = np.ones(len(points), np.bool_), 0
    found: list[Row] = [{}] * len(points)
    while left.any():
        fresh = place == len(setups)
        if fresh:
            setup, first = made_of(evaluator, key, points[int(np.flatnonzero(left)[0])])
            if setup is None:
                evaluator.setups[key] = False
                return None
            setups.append(setup)
        setup = setups[place]
        least, below = np.array(setup.between).T
        members = np.flatnonzero(left & (sizes >= least).all(axis=1) & (sizes < below).all(axis=1)).tolist()
        chosen = [points[index] for index in members]
        made = priced_all(evaluator, setup, chosen) if chosen else []
        largest = int(sizes[members].sum(axis=1).argmax()) if chosen else 0
        if made is None or (fresh and not (made and _agree(evaluator, first, chosen, made, {largest}))):
            evaluator.setups[key] = False
            return None
        for index, row in zip(members, made, strict=True):
            found[index] = row
        left[members] = False
        place += 1
    return found


def _agree(
    evaluator: Evaluator, first: Row | None, points: Sequence[Mapping[str, Value]], made: list[Row], places: set[int]
) -> bool:
    """Whether the first of a new group, and of a larger one those at ``places``, have the rows that single evaluations give."""
    checked = places - {0} if len(points) >= SMALL else set()
    return first == made[0] and all(evaluator.row(points[place]) == made[place] for place in checked)


def _set_up(evaluator: Evaluator, key: Key, alike: Any, points: Sequence[Mapping[str, Value]]) -> list[Row] | None:
    """Work out a new group, price it, and compare with designs that are evaluated one by one; remember what came of it."""
    if len(evaluator.setups) >= _REMEMBERED:
        evaluator.setups.clear()
    setup, first = made_of(evaluator, key, points[0])
    made = None if setup is None else priced_all(evaluator, setup, points)
    if made is not None and not _agree(evaluator, first, points, made, {len(points) // 2, len(points) - 1}):
        made = None
    for name in (key, alike):
        if name is not None:
            evaluator.setups[name] = setup if made is not None else False
    return made
