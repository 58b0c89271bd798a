"""Plugins: what other installed packages add, found by entry points. A broken one is told in one line, never ignored."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hwsim.errors import UsageError

#: Folders of device profiles (a path), and handlers of operators (a mapping of ``domain::Operator`` to a handler).
DEVICES, OPERATORS = "hwsim.devices", "hwsim.operators"


@lru_cache(maxsize=8)
def plugins(group: str) -> tuple[tuple[str, Any], ...]:
    """Name and content of every entry point of a group, sorted by name; raises UsageError for one that cannot be loaded."""
    from importlib.metadata import entry_points

    found = []
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        try:
            found.append((point.name, point.load()))
        except Exception as error:
            raise UsageError(
                f"plugin {point.name} ({point.value}) of {group} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
    return tuple(found)
