"""Vitis AI 2.5 model zoo, README's table of the ZCU104: frames a second of one thread, whose networks are those of papers.

Tolerance: 20 % on networks held out, half of the naive guess's: the bar that was set for embedded hardware.
"""

from __future__ import annotations

from tests.published.edge_families import accuracy, family
from tests.shared import needs_shared

NAME = "Vitis AI, ZCU104 DPU"


@needs_shared
def test_networks_held_out() -> None:
    found = accuracy(family(NAME))
    assert found.held_out <= 0.20
    assert found.held_out < found.baseline / 2
    assert found.held_out < found.uncalibrated
