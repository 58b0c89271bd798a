"""Which designs are priced together: those that share all but clock, bandwidths, capacities and the sides of the array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwsim.device.keys import unit
from hwsim.study.axes import Value

#: Values that a group shares, names of those that differ, and types of the former: 1, 1.0 and true are different values.
Key = tuple[tuple[tuple[str, Value], ...], tuple[str, ...], tuple[type, ...]]
#: Keys of a memory level that scale with nothing, and those that go with the clock.
PER_SECOND = ("bandwidth_gb_per_s", "read_gb_per_s", "write_gb_per_s")
PER_CYCLE = ("bytes_per_cycle", "read_bytes_per_cycle", "write_bytes_per_cycle")
ARRAY = ("compute.pe_array.x", "compute.pe_array.y")
_CAPACITIES = ("capacity_bytes", "capacity_kib", "capacity_mib", "capacity_gib")


def key_of(point: Mapping[str, Value], fixed: Sequence[str]) -> Key:
    """What all designs of a group share: the values that matter, and the names of those that may differ.

    fixed : names that may not. Names with an underscore are numbers of the study's own, which no estimate depends on.
    """
    varying = tuple(name for name, value in point.items() if name not in fixed and varies(name, value))
    rest = tuple((name, value) for name, value in point.items() if name[0] != "_" and name not in varying)
    return (rest, varying, tuple(map(type, dict(rest).values())))


def varies(name: str, value: Value) -> bool:
    """Whether a value is one that a whole group may differ in."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e15:
        return False
    parts = name.split(".")
    if sized(name):
        return 1 <= value * unit(parts[2])[1] < 1 << 53
    return name in ("clock_mhz", *ARRAY) or (
        len(parts) == 3 and parts[0] == "memory" and parts[2] in (*PER_SECOND, *PER_CYCLE)
    )


def sized(name: str) -> bool:
    """Whether a path is the capacity of a whole memory level."""
    parts = name.split(".")
    return len(parts) == 3 and parts[0] == "memory" and parts[2] in _CAPACITIES


def capacity(name: str) -> bool:
    """Whether a path is a capacity of a memory level."""
    parts = name.split(".")
    return len(parts) in (3, 4) and parts[0] == "memory" and parts[2].startswith("capacity_")
