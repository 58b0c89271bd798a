"""Answers of searches for mappings, shared by many estimates and threads: each nest is searched once for each hierarchy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

from hwsim.errors import Infeasible
from hwsim.search import Found

#: Answers kept at most; a whole network has some dozens.
MOST = 20_000


class Answers:
    """What was found, by question. A question that is being worked on is waited for, not asked again."""

    def __init__(self) -> None:
        self._found: dict[Hashable, Found | Infeasible] = {}
        self._asked: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, question: Hashable, search: Callable[[], Found | Infeasible]) -> Found | Infeasible:
        """The answer to a question, searched for by the first who asks."""
        with self._lock:
            known = self._found.get(question)
            if known is not None:
                return known
            asked = self._asked.setdefault(question, threading.Lock())
        with asked:
            known = self._found.get(question)
            if known is None:
                known = search()
                with self._lock:
                    if len(self._found) >= MOST:
                        self._found.clear()
                    self._found[question] = known
                    self._asked.pop(question, None)
        return known
