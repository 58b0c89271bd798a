"""A CPU measured with onnxruntime, by a fit to micro-benchmarks alone: networks that it has not seen.

The bars of whole networks and ranks are met; three quarters of the layers that repeat within 10 % are to be predicted within 10 %, which a
fit to the other networks too reaches (README has that figure, and says of which kinds the others are).
"""

from __future__ import annotations

import pytest

from tests.published import own_cpu


@pytest.fixture(scope="module")
def result() -> own_cpu.Result:
    return own_cpu.from_microbenchmarks()


def test_whole_networks_are_predicted_from_microbenchmarks(result: own_cpu.Result) -> None:
    assert result.networks.n == 8
    assert result.networks.mape.value is not None and result.networks.mape.value <= 0.15
    assert result.macs.mape.value is not None and result.networks.mape.value < result.macs.mape.value / 2


def test_layers_are_ranked_and_most_are_close(result: own_cpu.Result) -> None:
    assert result.layers.spearman.value is not None and result.layers.spearman.value >= 0.93
    assert result.layers.median_ape.value is not None and result.layers.median_ape.value <= 0.08
    count, share = result.repeatable
    assert count > 400 and share >= 0.7
    assert 0 < result.noise < result.layers.median_ape.value
