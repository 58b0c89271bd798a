"""Coral, "Edge TPU performance benchmarks" (coral.ai), Table 1: an accelerator behind USB, and a development board.

Tolerance: 20 % on networks held out, half of the naive guess's: the bar that was set for embedded hardware. Weights beyond 8 MB stream over
the link, which is what the naive guess does not know.
"""

from __future__ import annotations

from tests.published.edge_families import accuracy, family
from tests.shared import needs_shared

NAME = "Coral Edge TPU"


@needs_shared
def test_networks_held_out() -> None:
    found = accuracy(family(NAME))
    assert found.held_out <= 0.20
    assert found.held_out < found.baseline / 2
    assert found.held_out < found.uncalibrated
