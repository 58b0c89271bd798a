"""Real networks: every one in the onnx package and in the reference material."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
import pytest

from hwsim.graph import Network
from hwsim.onnx_io import read, wheel_models
from tests.shared import SHARED, needs_shared

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"


def consistent(network: Network) -> None:
    """Every tensor that a layer touches is there, made before it is read, and layers have names of their own."""
    made = set(network.inputs) | {name for name, tensor in network.tensors.items() if tensor.role != "activation"}
    in_loops = {name for layer in network.layers if layer.repeat != 1 for name in layer.inputs}
    for layer in network.layers:
        assert all(not name or name in made or name in in_loops for name in layer.inputs), layer
        made.update(layer.outputs)
    assert len({layer.name for layer in network.layers}) == len(network.layers)
    assert all(name in network.tensors for layer in network.layers for name in (*layer.inputs, *layer.outputs) if name)
    assert all(name in network.tensors for name in network.outputs)


def convolution_macs(network: Network) -> int:
    """Out elements · C_in/groups · kernel, and M·N·K of Gemm."""
    total = 0
    for layer in network.layers:
        if layer.op == "Conv":
            total += network.tensors[layer.outputs[0]].elements * math.prod(network.tensors[layer.inputs[1]].shape[1:])
        elif layer.op == "Gemm":
            weight = network.tensors[layer.inputs[1]].shape
            total += network.tensors[layer.outputs[0]].shape[0] * math.prod(weight)
    return total


#: The totals that the reference material gives for these graphs.
MACS = {
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


@pytest.mark.parametrize("name", wheel_models())
def test_networks_of_the_onnx_package(name: str) -> None:
    network = read(name)
    consistent(network)
    assert convolution_macs(network) == MACS[name]
    assert network.notes == ()


@pytest.mark.parametrize("path", sorted(DATA.glob("[ps]*/*/model.onnx")), ids=lambda path: path.parent.name)
def test_operator_models_of_the_onnx_package(path: Path) -> None:
    network = read(path)
    consistent(network)
    declared = {info.name: info for info in onnx.load_model(path, load_external_data=False).graph.output}
    for name in network.outputs:
        info = declared.get(name)
        dims = [] if info is None else [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        if dims and all(dims):
            assert network.tensors[name].shape == tuple(dims)


@needs_shared
@pytest.mark.parametrize("path", sorted((SHARED / "models").glob("*.onnx")), ids=lambda path: path.stem)
def test_reference_networks(path: Path) -> None:
    network = read(path)
    consistent(network)
    assert not any("unknown" in note for note in network.notes)


@needs_shared
@pytest.mark.parametrize(
    ("name", "learned"),
    [
        ("tv_alexnet__leg17", 61_100_840),
        ("tv_vgg16__leg17", 138_357_544),
        ("lstm_lm__dyn18", 2_871_016),
        ("llama_prefill__dyn18", 19_468_800),
        ("bert_base__dyn18", 109_482_240 - 768 * 768 - 768),  # the pooler is not exported
        ("bert_base__dyn23", 109_482_240 - 768 * 768 - 768),
        ("bert_tiny__leg17", 4_385_920 - 128 * 128 - 128),
        ("tv_resnet18__leg17", 11_689_512 - 4_800),  # batch norm folded: one number a channel instead of two
        ("tv_resnet50__leg17", 25_557_032 - 26_560),
        ("tv_mobilenet_v2__leg17", 3_504_872 - 17_056),
        ("tv_shufflenet_v2_x1_0__leg17", 2_278_604 - 8_090),
        ("tv_densenet121__leg17", 7_978_856 - 7_488),
    ],
)
def test_parameters_are_those_of_pytorch(name: str, learned: int) -> None:
    """manifest.csv, torch_params: what folding and what is not exported takes away, and vectors merged because they are equal."""
    network = read(SHARED / "models" / f"{name}.onnx")
    assert sum(tensor.parameters for tensor in network.tensors.values()) == learned


@needs_shared
def test_a_quantized_export_has_the_parameters_of_its_original() -> None:
    def weights(name: str) -> int:
        network = read(SHARED / "models" / f"{name}.onnx")
        return sum(tensor.parameters for tensor in network.tensors.values() if len(tensor.shape) > 1)

    original = weights("tv_mobilenet_v2__leg17")
    for kind in ("qdq_s8s8_pc", "qdq_w4", "qop_u8s8"):
        assert weights(f"tv_mobilenet_v2__leg17__{kind}") == original


@needs_shared
def test_experts_take_the_tokens_that_the_user_gives() -> None:
    path = SHARED / "models" / "switch_small__leg17.onnx"
    network = read(path)
    rows = next(
        layer for layer in network.layers if layer.op == "NonZero" and network.tensors[layer.outputs[0]].shape[1] == 64
    )
    name = rows.outputs[0]
    assert read(path, dims={name: 5}).tensors[name].shape[1] == 5
