"""Weights that stay on the chip, and what is said of those that do not."""

from __future__ import annotations

import hwsim


def test_what_of_the_weights_streams_is_said_beside_what_stays() -> None:
    """The first layer's weights leave the second's too little; alone they would fit, but for those of one that is larger than all."""
    builder = hwsim.Network.builder("net").input("x", (1, 2048))
    told = hwsim.estimate(builder.dense(2048, bias=False).dense(3072, bias=False).build(), "edge_tpu").warnings
    words = "weights of 6,291,456 B do not fit what other weights (4,194,304 B) leave of sram (8,388,608 B)"
    assert any(warning.startswith(words) for warning in told)
    alone = hwsim.Network.builder("net").input("x", (1, 4096)).dense(4096, bias=False).build()
    words = "weights of 16,777,216 B do not fit sram (8,388,608 B) and stream"
    assert any(warning.startswith(words) for warning in hwsim.estimate(alone, "edge_tpu").warnings)
