"""The state of one search."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from hwsim.mapping import Mapping

#: How far what is proven may be from what was found, for a search without a time limit to go on when its patience is over.
_HOPEFUL = 0.2
#: How many times the budget a search may spend that has found nothing.
_UNTIL_FOUND = 8


@dataclass(slots=True)
class Progress:
    """The state of one search: the best mapping so far, the least bound of what was given up, the work done.

    patience : work after which it goes on only where a proof is near.
    """

    budget: int
    deadline: float
    patience: float = math.inf
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

    def hopeless(self, least: float) -> bool:
        """Whether a proof is so far off, by the least bound of all that waits, that what is left of the work would hardly bring it."""
        return self.priced > self.patience and self.mapping is not None and least < (1 - _HOPEFUL) * self.value

    @property
    def left(self) -> int:
        """Tiles that may still be looked at; more of them while there is no mapping at all."""
        return self.budget * (1 if self.mapping else _UNTIL_FOUND) - self.priced
