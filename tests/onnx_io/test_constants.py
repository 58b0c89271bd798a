"""What is known beforehand: folding, roles, parameters counted once, bit widths."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hwsim.graph import Network
from hwsim.onnx_io import read
from tests.onnx_io.build import floats, model, node, unseen


def parameters(network: Network) -> int:
    return sum(tensor.parameters for tensor in network.tensors.values())


def ops(network: Network) -> list[str]:
    return [layer.op for layer in network.layers]


def test_shape_arithmetic_leaves_no_layers() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axes", "n1"),
        node("Concat", "n1 rest", "t", axis=0),
        node("Reshape", "x t", "y"),
    ]
    made = model(nodes, {"x": [2, 3, 4]}, weights={"zero": np.int64(0), "axes": np.int64([0]), "rest": np.int64([-1])})
    network = read(made)
    assert ops(network) == ["Reshape"]
    assert network.tensors["y"].shape == (2, 12)
    assert network.tensors["t"].role == "constant"


def test_weights_in_constant_nodes() -> None:
    shape = helper.make_tensor("v", TensorProto.INT64, [4], [4, 3, 3, 3])
    nodes = [node("Constant", "", "s", value=shape), node("ConstantOfShape", "s", "w"), node("Conv", "x w", "y")]
    network = read(model(nodes, {"x": [1, 3, 8, 8]}))
    assert ops(network) == ["Conv"]
    assert network.tensors["w"].role == "parameter"
    assert parameters(network) == 108


@pytest.mark.parametrize(
    ("attribute", "shape"),
    [
        ({"value_float": 2.0}, ()),
        ({"value_floats": [1.0, 2.0]}, (2,)),
        ({"value_int": 3}, ()),
        ({"value_ints": [1, 2, 3]}, (3,)),
    ],
)
def test_constants_as_attributes(attribute: dict[str, Any], shape: tuple[int, ...]) -> None:
    network = read(
        model(
            [node("Constant", "", "c", **attribute), node("Cast", "c", "d", to=1), node("Add", "x d", "y")],
            {"x": [2, 1]},
        )
    )
    assert network.tensors[network.layers[-1].inputs[1]].shape == shape


def test_weights_shared_by_identity_are_one_tensor() -> None:
    nodes = [node("Identity", "w", "v"), node("MatMul", "x w", "a"), node("MatMul", "a v", "y")]
    network = read(model(nodes, {"x": [1, 5]}, weights={"w": floats(5, 5)}))
    assert [layer.inputs[1] for layer in network.layers] == ["w", "w"]
    assert parameters(network) == 25


def test_a_tied_embedding_counts_once_though_it_is_turned() -> None:
    nodes = [node("Gather", "table ids", "e"), node("Transpose", "table", "t", perm=[1, 0]), node("MatMul", "e t", "y")]
    made = model(nodes, {"ids": (TensorProto.INT64, [1, 7])}, weights={"table": unseen(TensorProto.FLOAT, 1000, 16)})
    network = read(made)
    assert ops(network) == ["Gather", "MatMul"]
    assert network.tensors["t"].shape == (16, 1000)
    assert parameters(network) == 16000


def test_rows_gathered_ahead_of_time_stand_for_the_whole_table() -> None:
    nodes = [node("Gather", "table ids", "e"), node("Add", "x e", "y")]
    made = model(
        nodes, {"x": [1, 4, 16]}, weights={"table": unseen(TensorProto.FLOAT, 512, 16), "ids": np.int64([[0, 1, 2, 3]])}
    )
    network = read(made)
    assert ops(network) == ["Add"]
    assert network.tensors["e"].elements == 64
    assert parameters(network) == 512 * 16


def test_statistics_masks_and_scalars_are_no_parameters() -> None:
    nodes = [
        node("BatchNormalization", "x a b m v", "n"),
        node("Mul", "n half", "h"),
        node("Add", "h mask", "z"),
        node("Softmax", "z", "y", axis=-1),
    ]
    weights = {
        "a": floats(3),
        "b": floats(3),
        "m": floats(3),
        "v": floats(3),
        "half": np.float32(0.5),
        "mask": floats(1, 1, 8, 8),
    }
    network = read(model(nodes, {"x": [1, 3, 8, 8]}, weights=weights))
    assert {name for name, tensor in network.tensors.items() if tensor.role == "parameter"} == {"a", "b"}


def test_random_numbers_are_not_constant() -> None:
    network = read(model([node("RandomNormal", "", "r", shape=[1, 4]), node("Add", "x r", "y")], {"x": [1, 4]}))
    assert ops(network) == ["RandomNormal", "Add"]


def test_huge_constants_are_never_made() -> None:
    nodes = [node("Expand", "c s", "e"), node("Add", "x e", "y")]
    made = model(nodes, {"x": [1 << 15, 1 << 14]}, weights={"c": floats(1), "s": np.int64([1 << 15, 1 << 14])})
    network = read(made)
    assert ops(network) == ["Add"]
    assert network.tensors["e"].shape == (1 << 15, 1 << 14)


def test_sparse_initializer_has_its_dense_shape() -> None:
    made = model([node("MatMul", "x w", "y")], {"x": [1, 8]})
    sparse = helper.make_sparse_tensor(
        helper.make_tensor("w", TensorProto.FLOAT, [4], [1.0] * 4),
        helper.make_tensor("i", TensorProto.INT64, [4], [0, 5, 9, 30]),
        [8, 4],
    )
    made.graph.sparse_initializer.append(sparse)
    tensor = read(made).tensors["w"]
    assert (tensor.shape, tensor.density, tensor.role) == ((8, 4), 4 / 32, "parameter")


def test_zeros_are_counted_on_demand_only() -> None:
    weight = floats(4, 4)
    weight[0] = 0
    made = model([node("MatMul", "x w", "y")], {"x": [1, 4]}, weights={"w": weight})
    assert read(made).tensors["w"].density == 1.0
    assert read(made, read_weights=True).tensors["w"].density == 0.75


def test_zeros_of_a_quantized_weight_are_its_zero_point() -> None:
    weight = np.full((4, 4), 7, np.uint8)
    weight[0] = 128
    nodes = [node("DequantizeLinear", "w s z", "f"), node("MatMul", "x f", "y")]
    made = model(nodes, {"x": [1, 4]}, weights={"w": weight, "s": np.float32(0.1), "z": np.uint8(128)})
    assert read(made, read_weights=True).tensors["w"].density == 0.75


def packed(name: str, *dims: int) -> onnx.TensorProto:
    count = int(np.prod(dims))
    return TensorProto(name=name, data_type=TensorProto.INT4, dims=dims, raw_data=b"\x11" * (-(-count // 2)))


def test_four_bit_weights_are_stored_packed() -> None:
    nodes = [node("DequantizeLinear", "w s", "f", axis=0, block_size=4), node("MatMul", "x f", "y")]
    network = read(model(nodes, {"x": [1, 8]}, weights={"w": packed("w", 8, 3), "s": floats(2, 3)}, opset=21))
    tensor = network.tensors["w"]
    assert (tensor.dtype, tensor.bytes, tensor.role, tensor.parameters) == ("int4", 12, "parameter", 24)
    assert network.tensors["s"].role == "constant"
    assert ops(network) == ["DequantizeLinear", "MatMul"]


def test_a_transposed_quantized_weight_is_turned_where_it_is_stored() -> None:
    nodes = [
        node("DequantizeLinear", "w s", "f", axis=0),
        node("Transpose", "f", "t", perm=[1, 0]),
        node("MatMul", "x t", "y"),
    ]
    network = read(model(nodes, {"x": [1, 8]}, weights={"w": np.ones((3, 8), np.int8), "s": floats(3)}))
    assert ops(network) == ["DequantizeLinear", "MatMul"]
    turned = network.layers[0]
    assert network.tensors[turned.inputs[0]].shape == (8, 3)
    assert turned.attributes["axis"] == 1
    assert parameters(network) == 24


def test_quantization_by_hand_keeps_the_stored_type() -> None:
    nodes = [node("Cast", "w", "f", to=1), node("Mul", "f s", "g"), node("MatMul", "x g", "y")]
    network = read(model(nodes, {"x": [1, 8]}, weights={"w": np.ones((8, 3), np.int8), "s": floats(3)}))
    assert ops(network) == ["Cast", "Mul", "MatMul"]
    assert (network.tensors["w"].dtype, network.tensors["w"].role) == ("int8", "parameter")


def test_scales_zero_points_and_integer_biases_are_constants() -> None:
    names = "x xs xz w ws wz ys yz b"
    weights = {
        "xs": np.float32(1),
        "xz": np.uint8(0),
        "w": np.ones((4, 3, 3, 3), np.int8),
        "ws": floats(4),
        "wz": np.zeros(4, np.int8),
    }
    weights |= {"ys": np.float32(1), "yz": np.uint8(0), "b": np.ones(4, np.int32)}
    network = read(model([node("QLinearConv", names, "y")], {"x": (TensorProto.UINT8, [1, 3, 8, 8])}, weights=weights))
    assert {name for name, tensor in network.tensors.items() if tensor.role == "parameter"} == {"w"}
    assert parameters(network) == 108


def test_constant_inputs_become_attributes() -> None:
    nodes = [node("TopK", "x k", "v i"), node("Pad", "v p", "q"), node("Slice", "q s e", "y")]
    weights = {"k": np.int64([3]), "p": np.int64([0, 1, 0, 1]), "s": np.int64([0]), "e": np.int64([1])}
    network = read(model(nodes, {"x": [2, 9]}, weights=weights))
    assert network.layers[0].attributes["k"] == 3
    assert network.layers[1].attributes["pads"] == (0, 1, 0, 1)
    assert network.layers[2].attributes["ends"] == (1,)


def test_windows_are_spelled_out() -> None:
    made = model(
        [node("Conv", "x w", "y", auto_pad="SAME_LOWER", strides=[2, 2])],
        {"x": [1, 3, 7, 8]},
        weights={"w": floats(4, 3, 3, 4)},
    )
    attributes = read(made).layers[0].attributes
    assert attributes["kernel_shape"] == (3, 4)
    assert attributes["pads"] == (1, 1, 1, 1)
    assert (attributes["dilations"], attributes["group"]) == ((1, 1), 1)
    assert "auto_pad" not in attributes
