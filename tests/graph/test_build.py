"""Networks without ONNX: the builder, layer tables, products and convolutions from a few numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import ModelError, UsageError
from hwsim.graph import Network
from hwsim.graph.build import conv, from_csv, gemm
from hwsim.workload import lower
from hwsim.workload.complexity import complexity


def start(*shape: int) -> object:
    return Network.builder("net").input("x", shape)


@given(
    st.integers(1, 9), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.sampled_from(["same", "valid", 0, 1])
)
def test_windows_of_a_convolution(size, kernel, stride, dilation, padding):
    reach = (kernel - 1) * dilation + 1
    if padding == "same":
        out = -(-size // stride)
    else:
        padded = np.zeros(size + 2 * (padding if padding != "valid" else 0))
        out = len(range(0, len(padded) - reach + 1, stride))
    builder = start(1, 2, size)
    if out < 1:
        with pytest.raises(UsageError, match="does not fit"):
            builder.conv(4, kernel=kernel, stride=stride, dilation=dilation, padding=padding)
        return
    found = builder.conv(4, kernel=kernel, stride=stride, dilation=dilation, padding=padding).build()
    assert found.tensors["conv1"].shape == (1, 4, out)
    assert complexity(found).macs == out * 4 * 2 * kernel


def test_a_branch_and_its_return():
    found = (
        start(2, 8, 6, 6)
        .conv(8)
        .relu()
        .conv(8)
        .add("relu1")
        .at("x")
        .pool(kind="average", stride=1, kernel=1)
        .concat("add1")
        .build()
    )
    assert found.outputs == ("concat1",) and found.tensors["concat1"].shape == (2, 16, 6, 6)
    assert found.inputs == ("x",)


def test_a_transformer_block():
    batch, tokens, width, heads, key_heads = 2, 16, 64, 8, 2
    block = (
        start(batch, tokens, width)
        .layer_norm()
        .attention(heads, key_heads=key_heads)
        .add("x")
        .layer_norm()
        .dense(256)
        .gelu()
        .dense(width)
        .build()
    )
    narrow = width // heads * key_heads
    rows = batch * tokens
    expected = rows * width * (2 * width + 2 * narrow) + 2 * batch * heads * tokens * tokens * (width // heads)
    assert complexity(block).macs == expected + 2 * rows * width * 256
    assert (
        complexity(block).parameters == 2 * 2 * width + width * (2 * width + 2 * narrow) + 2 * width * 256 + 256 + width
    )


def test_three_axes_depthwise_and_types():
    found = start(1, 4, 5, 6, 7).conv(8, kernel=(1, 3, 3), padding=(0, 1, 1), bias=False).build()
    assert complexity(found).macs == 8 * 5 * 6 * 7 * 4 * 9
    found = (
        Network.builder("n")
        .input("x", (1, 4, 8, 8), "int8")
        .depthwise()
        .global_pool()
        .reshape((1, 4))
        .matmul(3)
        .softmax()
        .build()
    )
    assert {nest.weight.dtype for layer in found.layers for nest in lower(layer, found).nests} == {"int8"}
    assert complexity(found).macs == 64 * 4 * 9 + 12


def test_products_of_results():
    found = (
        start(2, 3, 4, 5)
        .transpose(0, 1, 3, 2, name="turned")
        .at("x")
        .matmul("turned")
        .mul("matmul1")
        .sigmoid()
        .batch_norm()
        .build()
    )
    assert found.tensors["matmul1"].shape == (2, 3, 4, 4) and complexity(found).macs == 2 * 3 * 4 * 5 * 4


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: start(1, 3, 8, 8).conv(4, groups=2), "do not divide into 2 groups"),
        (lambda: start(1, 3, 8, 8).conv(4, kernel=(3,)), "needs 2 numbers"),
        (lambda: start(1, 3, 8, 8).conv(4, stride=0), "at least 1"),
        (lambda: start(1, 3, 8, 8).conv(4, padding="reflect"), "neither same, valid"),
        (lambda: start(1, 3).conv(4), "needs 3 axes"),
        (lambda: start(1, 3).add("y"), "no result 'y'"),
        (lambda: start(1, 3, 8, 8).conv(4).add("x"), "do not fit together"),
        (lambda: start(1, 3, 8, 8).conv(4).at("conv2"), "did you mean conv1"),
        (lambda: start(1, 3).relu(name="x"), "be new"),
        (lambda: start(1, 3, 10).attention(3), "does not divide into 3 heads"),
        (lambda: start(1, 3).reshape((4,)), "does not fit"),
        (lambda: start(1, 3).transpose(0, 0), "not an order"),
        (lambda: start(1, 3, 4).concat("x", axis=7), "along axis 7"),
        (lambda: start(2, 3).matmul("x"), "inner extents differ"),
        (lambda: start(1, 3, 4).pool(9), "does not fit"),
        (lambda: start(1, 3, 4).pool(2, kind="sum"), "neither max nor average"),
        (lambda: start(-1, 3), "negative"),
        (lambda: Network.builder("n").relu(), "no input yet"),
        (lambda: Network.builder("n").input("x", (1,), "int99999"), "not a data type"),
        (lambda: start(1, 3).build(), "no layers"),
    ],
)  # fmt: skip
def test_builder_mistakes(mistake, message):
    with pytest.raises(UsageError, match=message):
        mistake()


def test_products_and_convolutions_from_text():
    assert complexity(gemm("4, 5,6")).macs == 120
    found = gemm("4,5,6")
    assert (found.tensors["gemm.input"].shape, found.tensors["gemm.weight"].shape) == ((4, 6), (6, 5))
    found = conv("2,3,10,12,8,5,3,2")
    assert found.tensors["conv.weight"].shape == (8, 3, 3, 5) and found.tensors["conv"].shape == (2, 8, 4, 4)
    assert complexity(found).macs == 2 * 8 * 16 * 3 * 15
    assert complexity(conv("1,3,224,224,64,7,7,2,3")).macs == 112 * 112 * 64 * 147
    assert complexity(conv("1,8,6,6,8,3,3,1,1,8")).macs == 36 * 8 * 9


@pytest.mark.parametrize(
    ("call", "text", "message"),
    [
        (gemm, "1,2", "has 2 numbers, needs 3: M,N,K"),
        (gemm, "1,2,x", "K = 'x' must be a whole number"),
        (gemm, "1,0,3", "N = '0' must be"),
        (gemm, "1,2,-3", "K = '-3'"),
        (gemm, "1,2,9999999999999999", "2.40"),
        (conv, "1,3,4,4,8,7,7,1", "7 x 7 kernel does not fit"),
        (conv, "1,3,8,8,8,3,3", "needs 8: N,C,H,W,K,R,S,stride"),
        (conv, "1,3,8,8,8,3,3,1,1,2", "do not divide into 2 groups"),
        (conv, "1,3,8,8,8,3,3,1,1,1,1", "has 11 numbers"),
    ],
)
def test_text_mistakes(call, text, message):
    with pytest.raises(UsageError, match=message):
        call(text)


TABLE = """# a small network
name,op,n,g,k,c,q,p,s,r,m,stride,pad,bits,weight_bits,repeat
c1,Conv,1,,16,3,8,8,3,3,,1,1,8,4,
act,relu,1,,16,,8,8,,,,,,8,,
c2,Conv,1,2,4,8,4,4,3,3,,2,1,8,,3
fc,Gemm,10,,64,,,,,,2,,,,,
attn,MatMul,7,5,8,,,,,,6,,,,,
"""


def test_a_layer_table(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text(TABLE)
    found = from_csv(path)
    c = complexity(found)
    by_name = {layer.name: layer.macs for layer in c.layers}
    assert by_name == {"c1": 64 * 16 * 27, "act": 0, "c2": 3 * 16 * 8 * 8 * 9, "fc": 2 * 10 * 64, "attn": 5 * 6 * 7 * 8}
    assert found.layers[1].inputs == ("c1",)
    nest = lower(found.layers[0], found).nests[0]
    assert (nest.input.dtype, nest.weight.dtype, nest.elements[0]) == ("int8", "int4", 3 * 64)
    assert (found.name, found.layers[1].op) == ("net", "Relu")
    assert complexity(from_csv(path, batch=4)).macs == 4 * c.macs


def test_all_mistakes_of_a_table_at_once(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(
        "name,op,k,pad,bits,q,s\na,Cov,1,,,,\na,Conv,x,,,,\nb,Conv,4,,70000,,\nc,Conv,4,3,,1,2\nd,Conv,1,,,,,,9\n"
    )
    with pytest.raises(ModelError) as caught:
        from_csv(path)
    lines = [finding.removeprefix(f"{path}:") for finding in caught.value.findings]
    assert [line.split(":")[0] for line in lines] == ["2", "3", "3", "4", "5", "6"]
    assert "did you mean Conv?" in lines[0] and "given twice" in lines[2] and "not a data type" in lines[3]
    assert "pad: 3 on every side leaves no input" in lines[4] and "cells" in lines[5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,op,kk\na,Conv,1\n", "kk: unknown column"),
        ("name,k\na,1\n", "op: this column is needed"),
        ("op,op\nConv,Conv\n", "given twice"),
        ("", "is empty"),
        ("op,k\n", "no rows"),
    ],
)
def test_table_headers(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ModelError, match=message):
        from_csv(path)


@pytest.mark.parametrize("text", ["name,op,m,n\nfc,matmul,64,1000\n", "name,op,m,n,k\nfc,Gemm,64,1000\n"])
def test_a_product_says_how_long_its_sums_are(tmp_path, text):
    path = tmp_path / "net.csv"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"net\.csv:2: k: \w+ needs the length of its sums"):
        from_csv(path)


def test_files_that_are_no_tables(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        from_csv(tmp_path / "nowhere.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ModelError, match="cannot be read"):
        from_csv(tmp_path / "binary.csv")
    (tmp_path / "ok.csv").write_text("op\nConv\n")
    with pytest.raises(UsageError, match="batch 0"):
        from_csv(tmp_path / "ok.csv", batch=0)
