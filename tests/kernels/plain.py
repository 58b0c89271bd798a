"""Functions that only kernels call, as Python runs them."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any


def plain(function: Any, made: dict[Any, Any] | None = None) -> Callable[..., Any]:
    """A function as it is written, with what it calls: compiled, it has no way in from Python."""
    made = {} if made is None else made
    written = getattr(function, "py_func", function)
    if written not in made:
        names = dict(written.__globals__)
        made[written] = types.FunctionType(written.__code__, names, written.__name__, written.__defaults__)
        for name in written.__code__.co_names:
            if isinstance(getattr(names.get(name), "py_func", names.get(name)), types.FunctionType):
                names[name] = plain(names[name], made)
    return made[written]  # type: ignore[no-any-return]
