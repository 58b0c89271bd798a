"""MACs of real networks, to the last digit, with the passes and without.

Sources: the light_* graphs of the onnx wheel; the manifest of the exported models, whose counts agree with PyTorch's FlopCounterMode
(torchvision and transformers).
"""

from __future__ import annotations

import csv

import pytest

from hwsim.graph.passes import apply
from hwsim.onnx_io import read
from hwsim.workload import lower
from hwsim.workload.complexity import complexity
from tests.shared import SHARED, needs_shared

LIGHT = {
    "light_resnet50": 4_089_184_256,
    "light_densenet121": 2_834_161_664,
    "light_vgg19": 19_632_062_464,
    "light_squeezenet": 349_151_936,
    "light_bvlc_alexnet": 654_560_384,
    "light_inception_v1": 1_431_556_352,
    "light_inception_v2": 2_018_851_840,
    "light_shufflenet": 124_664_528,
    "light_zfnet512": 1_481_727_008,
}
MODELS = SHARED / "models"


def rows(name: str) -> list[dict[str, str]]:
    path = MODELS / name
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


EXPORTED = [row for row in rows("manifest.csv") if row["mac_unknown"] == "0" and (MODELS / row["file"]).is_file()]


@pytest.mark.parametrize(("name", "macs"), LIGHT.items())
def test_graphs_of_the_onnx_wheel(name, macs):
    network = read(name)
    assert complexity(network).macs == macs
    assert complexity(apply(network)).macs == macs


@needs_shared
@pytest.mark.parametrize("row", EXPORTED, ids=lambda row: row["name"])
def test_exported_networks(row):
    network = read(MODELS / row["file"])
    found, folded = complexity(network), complexity(apply(network))
    assert found.macs == int(row["macs"]) and not found.unknown
    assert folded.macs == found.macs
    assert folded.traffic_bytes <= found.traffic_bytes
    assert folded.peak_activation_bytes <= found.peak_activation_bytes


@needs_shared
def test_the_manifest_agrees_with_pytorch():
    counted = {row["name"].split("__")[0].removeprefix("tv_"): int(row["macs"]) for row in EXPORTED}
    truth = {row["model"]: row["flopcounter_macs_exact"] for row in rows("truth_torchvision.csv")}
    truth |= {row["model"]: row["expected_macs"] for row in rows("truth_transformers.csv")}
    both = set(counted) & set(truth)
    assert len(both) >= 15
    assert {name: counted[name] for name in both} == {name: int(float(truth[name])) for name in both}


@needs_shared
def test_parameters_where_the_exporter_kept_them_all():
    for row in EXPORTED:
        if row["name"] in ("tv_alexnet__leg17", "lstm_lm__dyn18"):
            assert complexity(read(MODELS / row["file"])).parameters == int(row["torch_params"])


@needs_shared
def test_quantized_exports_lower_to_narrow_operands():
    expected = {"qdq_s8s8_pc": ("int8", "int8"), "qdq_w4": ("uint8", "int4"), "qop_u8s8": ("uint8", "int8")}
    for suffix, types in expected.items():
        network = apply(read(MODELS / f"tv_mobilenet_v2__leg17__{suffix}.onnx"))
        nests = [nest for layer in network.layers for nest in lower(layer, network).nests]
        assert {(nest.input.dtype, nest.weight.dtype) for nest in nests} == {types}
        assert {nest.accumulator.dtype for nest in nests} == {"int32"}
        original = read(MODELS / "tv_mobilenet_v2__leg17.onnx")
        weights = sum(tensor.parameters for tensor in original.tensors.values() if len(tensor.shape) > 1)
        assert complexity(network).parameters == weights  # int32 biases, scales and zero points are not parameters
