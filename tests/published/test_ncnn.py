"""ncnn, benchmark/README.md: floating-point networks on a Raspberry Pi 4 and both kinds of cores of an RK3588.

Tolerance: 20 % on networks held out, half of the naive guess's: the bar that was set for embedded hardware.
"""

from __future__ import annotations

from tests.published.edge_families import accuracy, family
from tests.shared import needs_shared

NAME = "ncnn, Cortex-A72, A76 and A55"


@needs_shared
def test_networks_held_out() -> None:
    found = accuracy(family(NAME))
    assert found.held_out <= 0.20
    assert found.held_out < found.baseline / 2
    assert found.held_out < found.uncalibrated
