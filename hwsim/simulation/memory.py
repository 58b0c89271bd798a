"""Where tensors lie between the layers: a plan of addresses for one level, by liveness, and what it comes to over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tensor that might stay on the chip. made, used : positions of the first and the last layer that need it there; size, moved : bytes
    of it, and bytes over the chip's edge that staying saves [B]. must : that it stays is decided (weights kept between inferences).
    readers : positions of all layers that read it.
    """

    name: str
    size: int
    made: int
    used: int
    moved: int
    must: bool = False
    readers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor with its address [B]."""

    tensor: Wanted
    offset: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What stays in one level. capacity : None is unlimited [B]. spilled : what does not fit, and goes further out; core : whose level it
    is, -1 where there is one for all. off_chip : the plan of what lies off the chip.
    """

    level: str
    capacity: int | None
    places: tuple[Place, ...] = ()
    spilled: tuple[Wanted, ...] = ()
    core: int = -1
    off_chip: bool = False

    @property
    def kept(self) -> frozenset[str]:
        """Names of what stays."""
        return frozenset(place.tensor.name for place in self.places)

    @property
    def peak(self) -> int:
        """The highest address in use [B]."""
        return max((place.offset + place.tensor.size for place in self.places), default=0)

    @property
    def spilled_bytes(self) -> int:
        """Bytes over the level's outer edge that a level large enough would save [B]."""
        return sum(tensor.moved for tensor in self.spilled)


def plan(level: str, capacity: int | None, wanted: Sequence[Wanted], workspace: Sequence[int] = ()) -> Plan:
    """Give addresses to as much as fits, no two tensors that live at the same time overlapping.

    Tensors are taken one by one and put at the lowest address that is free all their life; what finds none is spilled. Of several
    orders (by the traffic saved for the bytes and layers occupied, by traffic, by size, by execution) the one that spills least counts,
    of equals the one that takes least room. workspace : bytes at the top of the level that each layer needs for its
    tiles [B].
    """
    tried = [_placed(level, capacity, sorted(wanted, key=order), workspace) for order in _ORDERS]
    return min(tried, key=lambda found: (found.spilled_bytes, found.peak))


def _placed(level: str, capacity: int | None, wanted: Sequence[Wanted], workspace: Sequence[int]) -> Plan:
    places: list[Place] = []
    spilled: list[Wanted] = []
    alive: dict[int, list[Place]] = {}  # at each layer
    begun: dict[int, list[Place]] = {}  # made by each layer
    for tensor in wanted:
        room = None
        if capacity is not None:
            taken = (
                max((workspace[layer] for layer in range(tensor.made, tensor.used + 1)), default=0) if workspace else 0
            )
            room = capacity - taken
        beside = list(alive.get(tensor.made, ()))
        for layer in range(tensor.made + 1, tensor.used + 1):
            beside += begun.get(layer, ())
        offset = _lowest(tensor.size, room, beside)
        if offset is None:
            spilled.append(tensor)
            continue
        place = Place(tensor, offset)
        places.append(place)
        begun.setdefault(tensor.made, []).append(place)
        for layer in range(tensor.made, tensor.used + 1):
            alive.setdefault(layer, []).append(place)
    places.sort(key=lambda place: (place.tensor.made, place.offset, place.tensor.name))
    return Plan(level, capacity, tuple(places), tuple(sorted(spilled, key=lambda tensor: (tensor.made, tensor.name))))


def _worth(tensor: Wanted) -> tuple[bool, float, int, str]:
    layers = tensor.used - tensor.made + 1
    return not tensor.must, -tensor.moved / max(1, tensor.size * layers), tensor.made, tensor.name


#: Orders in which tensors are taken.
_ORDERS: tuple[Callable[[Wanted], tuple[bool, float, int, str]], ...] = (
    _worth,
    lambda tensor: (not tensor.must, -tensor.moved, tensor.made, tensor.name),
    lambda tensor: (not tensor.must, -tensor.size, tensor.made, tensor.name),
    lambda tensor: (not tensor.must, tensor.made, 0, tensor.name),
)


def _lowest(size: int, room: int | None, places: Sequence[Place]) -> int | None:
    """The lowest address at which ``size`` bytes are free beside places, None where there is none below ``room``."""
    offset = 0
    for begin, end in sorted((place.offset, place.offset + place.tensor.size) for place in places):
        if begin - offset >= size:
            break
        offset = max(offset, end)
    return offset if room is None or offset + size <= room else None


def followers(found: Plan) -> list[tuple[Wanted, Wanted]]:
    """Pairs of tensors of which the first lies where the second lay last: it must not be written before the second is done with."""
    pairs: list[tuple[Wanted, Wanted]] = []
    ground: list[tuple[int, int, Wanted]] = []  # who lay where last, by address
    for place in sorted(found.places, key=lambda place: place.tensor.made):
        low, high = place.offset, place.offset + place.tensor.size
        kept: list[tuple[int, int, Wanted]] = []
        for begin, end, tensor in ground:
            if end <= low or high <= begin:
                kept.append((begin, end, tensor))
                continue
            pairs.append((place.tensor, tensor))
            kept += [(begin, low, tensor)] if begin < low else []
            kept += [(high, end, tensor)] if high < end else []
        ground = [*kept, (low, high, place.tensor)]
    return pairs


def occupancy(tensors: Sequence[Wanted], starts: Sequence[int], ends: Sequence[int]) -> list[tuple[int, int]]:
    """Bytes alive from each time on: from when the layer that makes a tensor begins to write to the end of all that use it.

    What must stay is there all along. starts, ends : of the layers, when they begin to write and are finished [tick]. Returns (time,
    bytes), times rising.
    """
    if not tensors:
        return []
    change: dict[int, int] = {}
    for tensor in tensors:
        last_end = max(ends) if tensor.must else max(ends[layer] for layer in (tensor.used, *tensor.readers))
        first = 0 if tensor.must else starts[tensor.made]
        change[first] = change.get(first, 0) + tensor.size
        change[last_end] = change.get(last_end, 0) - tensor.size
    alive, found = 0, []
    for time in sorted(change):
        alive += change[time]
        found.append((time, alive))
    return found
