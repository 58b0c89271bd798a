"""Plans over several levels on the chip: which tensor stays where, so that least crosses the chip's edge, and then the levels' edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwsim.simulation.memory import Plan, Wanted, plan


@dataclass(frozen=True, slots=True)
class Room:
    """A level that may hold tensors between layers. capacity : None is unlimited [B]; resident : bytes that weights take all along [B]."""

    level: str
    capacity: int | None
    resident: int = 0


def plan_levels(rooms: Sequence[Room], wanted: Sequence[Wanted], layers: int) -> tuple[Plan, ...]:
    """A plan for each level, innermost first. ``spilled`` of a level is what lies neither there nor further in.

    Two ways are tried, innermost level first and outermost level first with what is worth it drawn inwards after; the one by which fewer
    bytes cross the chip's edge counts, of equals that by which fewer cross the levels' edges, from outside. Each is a heuristic: no order
    of taking tensors one by one finds every best plan.
    """
    tried = [_from_inside(rooms, wanted, layers), _from_outside(rooms, wanted, layers)] if len(rooms) > 1 else []
    return min(tried or [_from_inside(rooms, wanted, layers)], key=crossing)


def crossing(plans: Sequence[Plan]) -> tuple[int, ...]:
    """Bytes over the outer edge of each level, outermost first, of tensors that lie further out [B]."""
    return tuple(one.spilled_bytes for one in reversed(plans))


def _from_inside(rooms: Sequence[Room], wanted: Sequence[Wanted], layers: int) -> tuple[Plan, ...]:
    found: list[Plan] = []
    rest = list(wanted)
    for room in rooms:
        found.append(_filled(room, [], rest, layers))
        rest = list(found[-1].spilled)
    return tuple(found)


def _from_outside(rooms: Sequence[Room], wanted: Sequence[Wanted], layers: int) -> tuple[Plan, ...]:
    found: list[Plan] = []
    rest = list(wanted)
    for room in reversed(rooms):
        found.insert(0, _filled(room, [], rest, layers))
        rest = list(found[0].spilled)
    for place, room in enumerate(rooms):
        further_out = [tensor for one in found[place + 1 :] for tensor in _kept(one)]
        found[place] = _filled(room, _kept(found[place]), [*further_out, *rest], layers)
        here = found[place].kept
        rest = [tensor for tensor in rest if tensor.name not in here]
        for other in range(place + 1, len(rooms)):
            places = tuple(one for one in found[other].places if one.tensor.must or one.tensor.name not in here)
            found[other] = replace(found[other], places=places)
    inside: set[str] = set()
    for place, one in enumerate(found):
        inside |= {tensor.name for tensor in _kept(one)}
        spilled = [tensor for tensor in wanted if tensor.name not in inside]
        must = [tensor for tensor in one.spilled if tensor.must]
        found[place] = replace(one, spilled=tuple(sorted([*must, *spilled], key=lambda item: (item.made, item.name))))
    return tuple(found)


def _kept(found: Plan) -> list[Wanted]:
    return [place.tensor for place in found.places if not place.tensor.must]


def _filled(room: Room, kept: Sequence[Wanted], more: Sequence[Wanted], layers: int) -> Plan:
    """A level with weights, what it keeps already, and as much more as fits."""
    weights = [Wanted("weights", room.resident, 0, max(0, layers - 1), room.resident, must=True)]
    own = weights if room.resident else []
    fixed = [replace(tensor, must=True) for tensor in kept]
    found = plan(room.level, room.capacity, [*own, *fixed, *more])
    if any(tensor.must for tensor in found.spilled) and kept:
        return plan(room.level, room.capacity, [*own, *kept])
    plain = {tensor.name: tensor for tensor in kept}
    return replace(
        found,
        places=tuple(
            replace(place, tensor=plain[place.tensor.name]) if place.tensor.name in plain else place
            for place in found.places
        ),
    )
