"""Names that runtimes give fused nodes, mapped back."""

from __future__ import annotations

import pytest

from hwsim.validation.naming import candidates, is_overhead, parts


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("conv1", "conv1"),
        ("relu1_out_nchwc", "relu1_out"),
        ("fused conv1", "conv1"),
        ("fused Conv_3_nchwc", "Conv_3"),
        ("MatMul_7_token_12", "MatMul_7"),
        ("norm_out_bn_nchwc", "norm_out"),
        ("scale_out_mul_nchwc", "scale_out"),
        ("conv1_quant", "conv1"),
        ("/encoder/Add/GeluFusion/", "/encoder/Add"),
        ("conv1_kernel_time", "conv1"),
    ],
)
def test_marks_of_onnxruntime_come_off(name: str, original: str) -> None:
    assert candidates(name)[0] == name
    assert original in candidates(name)


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("Conv_0 + Relu_1", ("Conv_0", "Relu_1")),
        ("Conv_0 || Conv_2", ("Conv_0", "Conv_2")),
        ("PWN(Sigmoid_1, Mul_2)", ("Sigmoid_1", "Mul_2")),
        ("PWN(Sigmoid_1) + Mul_2", ("Sigmoid_1", "Mul_2")),
        ("{ForeignNode[/a/MatMul.../b/Add]}", ("/a/MatMul", "/b/Add")),
        ("plain", ("plain",)),
    ],
)
def test_lists_of_tensorrt_come_apart(name: str, nodes: tuple[str, ...]) -> None:
    assert parts(name) == nodes


@pytest.mark.parametrize(
    ("name", "op", "overhead"),
    [
        ("ReorderInput_token_3", "ReorderInput", True),
        ("Reformatting CopyNode for Input Tensor 0 to Conv_0", "", True),
        ("Memcpy", "MemcpyToHost", True),
        ("conv1", "Conv", False),
        ("transformer/MatMul", "MatMul", False),
    ],
)
def test_what_runtimes_put_in_belongs_to_no_layer(name: str, op: str, overhead: bool) -> None:
    assert is_overhead(name, op) is overhead
