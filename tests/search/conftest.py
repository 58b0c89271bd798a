"""Bounds are tested where no space is so small that all of it is priced instead."""

from __future__ import annotations

import pytest

from hwsim.search import exhaustive


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustive, "MOST", 0)
