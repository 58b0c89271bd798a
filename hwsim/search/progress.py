"""The state of one search."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from hwsim.mapping import Mapping

#: How many times the budget a search may spend that has found nothing.
_UNTIL_FOUND = 8


@dataclass(slots=True)
class Progress:
    """The state of one search: the best mapping so far, the least bound of what was given up, the work done."""

    budget: int
    deadline: float
    value: float = math.inf
    given_up: float = math.inf
    mapping: Mapping | None = None
    priced: int = 0
    evaluated: int = 0
    limited: bool = False

    @property
    def exhausted(self) -> bool:
        """Whether the budget of work or time is spent."""
        return self.late or self.left <= 0

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        if time.perf_counter() > self.deadline and self.mapping:
            self.limited = True
        return self.limited

    @property
    def left(self) -> int:
        """Tiles that may still be looked at; more of them while there is no mapping at all."""
        return self.budget * (1 if self.mapping else _UNTIL_FOUND) - self.priced
