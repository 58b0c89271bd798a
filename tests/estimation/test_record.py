"""The record: its JSON is a contract, its parts sum to its totals."""

from __future__ import annotations

import json
import math

import pytest

import hwsim

TOP = {
    "schema", "hwsim_version", "model", "device", "settings", "totals", "bands", "from", "layers", "unavailable", "missed",
    "warnings", "notes",
}  # fmt: skip
TOTALS = {
    "latency_s", "cycles", "throughput_per_s", "energy_j", "average_power_w", "area_mm2", "macs", "bops", "parameters",
    "weight_bytes", "dram_bytes", "peak_activation_bytes", "utilization",
}  # fmt: skip
LAYER = {
    "name", "op", "macs", "latency_s", "compute_s", "memory_s", "bound_by", "second_bound_by", "slack", "utilization",
    "spatial_utilization", "energy_j", "energy_by_j", "traffic_bytes", "dram_bytes", "bits", "fused", "mapping", "bound_gap",
}  # fmt: skip


@pytest.fixture(scope="module", params=["eyeriss_v1", "tpu_v1", "a100_sxm_80g", "cortex_m7"])
def estimate(request: pytest.FixtureRequest) -> hwsim.Estimate:
    return hwsim.estimate("light_squeezenet", request.param, rung=None if request.param == "tpu_v1" else "roofline")


def test_json_has_exactly_the_documented_fields(estimate: hwsim.Estimate) -> None:
    record = json.loads(json.dumps(estimate.to_dict(), allow_nan=False))
    assert set(record) == TOP
    assert record["schema"] == "hwsim/estimate/1"
    assert set(record["model"]) == {"name", "sha256", "inputs"}
    assert set(record["device"]) == {"name", "sha256"}
    assert set(record["totals"]) == TOTALS
    assert all(set(layer) == LAYER for layer in record["layers"])
    assert record["model"]["inputs"] == {"data_0": [1, 3, 224, 224]}


def test_parts_sum_to_their_totals(estimate: hwsim.Estimate) -> None:
    totals, layers = estimate.totals, estimate.layers
    assert totals.latency_s == pytest.approx(math.fsum(layer.latency_s for layer in layers), rel=1e-12)
    assert totals.macs == sum(layer.macs for layer in layers) == 349_151_936
    assert totals.dram_bytes == sum(layer.dram_bytes for layer in layers)
    assert totals.throughput_per_s == pytest.approx(1 / totals.latency_s)
    assert sum(share for share, _ in estimate.shares().values()) == pytest.approx(1)
    assert 0 < totals.utilization <= 1


def test_every_layer_is_bound_by_its_largest_term(estimate: hwsim.Estimate) -> None:
    for layer in estimate.layers:
        assert layer.latency_s >= max(layer.compute_s, layer.memory_s)
        assert layer.slack is None or layer.slack >= 1
        assert 0 <= layer.utilization <= 1
        assert layer.bound_by in {"compute", "vector", "overhead", *layer.traffic_bytes}


def test_what_is_not_known_is_null_with_a_reason(estimate: hwsim.Estimate) -> None:
    for name, value in estimate.totals.to_dict().items():
        assert (value is None) == (name in estimate.unavailable)


def test_rows_repr_and_html_escape_names() -> None:
    network = hwsim.Network.builder("<b>x</b>").input("x", (1, 8, 8, 8)).conv(8, name="<script>").build()
    estimate = hwsim.estimate(network, "eyeriss_v1", rung="roofline")
    assert estimate.to_rows()[0]["name"] == "<script>"
    assert estimate.to_rows()[0]["traffic_bytes.dram.read"] > 0
    assert "<script>" not in estimate._repr_html_()
    assert "<b>" not in estimate._repr_html_()
    assert "eyeriss_v1" in repr(estimate)


def test_data_frame_has_a_row_a_layer() -> None:
    pytest.importorskip("pandas")
    estimate = hwsim.estimate("light_squeezenet", "eyeriss_v1", rung="roofline")
    frame = estimate.to_pandas()
    assert len(frame) == len(estimate.layers)
    assert frame["macs"].sum() == estimate.totals.macs


@pytest.mark.parametrize(("batch", "warned"), [(1, False), (100_000, True)])
def test_a_network_larger_than_all_memory_is_told(batch: int, warned: bool) -> None:
    found = hwsim.estimate("light_vgg19", "tpu_v1", rung="roofline", batch=batch)
    need = found.totals.weight_bytes + found.totals.peak_activation_bytes
    assert (need > 8 << 30) == warned
    told = [text for text in found.warnings if "dram of tpu_v1 holds 8.59 GB" in text]
    assert len(told) == warned and all("priced as if" in text for text in told)
