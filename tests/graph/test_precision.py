"""with_bits: what each format changes, which rule holds, and what a wrong one says."""

from __future__ import annotations

import pytest

from hwsim.errors import UsageError
from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.passes import apply
from hwsim.graph.precision import Format, Rule, parse_bits, with_bits
from hwsim.workload import lower


def two() -> Network:
    return Network.builder("two").input("x", (1, 3, 8, 8)).conv(4).relu().conv(4, name="last").build()


def types(network: Network) -> dict[str, tuple[str, str, str]]:
    found = {}
    for layer in network.layers:
        for nest in lower(layer, network).nests:
            found[layer.name] = (nest.input.dtype, nest.weight.dtype, nest.output.dtype)
    return found


@pytest.mark.parametrize(
    ("spec", "weight", "activation"),
    [
        ("w8a8", "int8", "int8"),
        ("w4a16", "int4", "int16"),
        ("W4A8", "int4", "int8"),
        ("a16", "", "int16"),
        ("w4", "int4", ""),
        ("int8", "int8", "int8"),
        ("uint4", "uint4", "uint4"),
        ("8", "int8", "int8"),
        ("fp16", "float16", "float16"),
        ("bf16", "bfloat16", "bfloat16"),
        ("fp8", "float8e4m3fn", "float8e4m3fn"),
        ("fp32", "float32", "float32"),
        ("w4afp16", "int4", "float16"),
    ],
)
def test_formats(spec, weight, activation):
    assert parse_bits(spec) == (Rule("*", Format(weight, activation)),)
    found = types(with_bits(two(), spec))
    assert set(found.values()) == {(activation or "float32", weight or "float32", activation or "float32")}


def test_the_first_rule_that_matches_holds():
    found = types(with_bits(two(), "conv*=w8a8, *=w2a4"))
    assert found == {"conv1": ("int8", "int8", "int4"), "last": ("int4", "int2", "int4")}


def test_sums_have_a_width_of_their_own() -> None:
    assert parse_bits("last=w8a8p24,*=p16") == (
        Rule("last", Format("int8", "int8", "int24")),
        Rule("*", Format("", "", "int16")),
    )
    found = with_bits(two(), "last=w8a8p24,*=w4a8")
    assert {layer.name: layer.accumulator for layer in found.layers}["last"] == "int24"
    assert sum(bool(layer.accumulator) for layer in found.layers) == 1


def test_layers_without_a_rule_keep_their_types():
    found = types(with_bits(two(), "last=w4a4"))
    assert found == {"conv1": ("float32", "float32", "float32"), "last": ("int4", "int4", "int4")}


def test_fused_layers_follow_their_name():
    found = types(with_bits(apply(two()), "conv1=w8a8,*=w4a4"))
    assert found == {"conv1": ("int8", "int8", "int4"), "last": ("int4", "int4", "int4")}


def test_integers_accumulate_in_int32_and_floats_in_float32():
    for spec, kind in (("w4a4", "int32"), ("fp16", "float32"), ("w4afp16", "float32")):
        network = with_bits(two(), spec)
        assert lower(network.layers[0], network).nests[0].accumulator.dtype == kind


def test_indices_masks_constants_and_packed_weights_stay():
    kept = [
        Tensor("table", (100, 8), role="parameter"), Tensor("index", (4,), "int64"), Tensor("rows", (4, 8)),
        Tensor("blob", (16, 1, 4), "uint8", "parameter"), Tensor("scale", (16,), role="constant"), Tensor("y", (4, 16)),
    ]  # fmt: skip
    layers = (
        Layer("gather", "Gather", ("table", "index"), ("rows",)),
        Layer(
            "product", "MatMulNBits", ("rows", "blob", "scale"), ("y",), {"K": 8, "N": 16, "bits": 4}, "com.microsoft"
        ),
    )
    network = Network("n", layers, {tensor.name: tensor for tensor in kept}, ("index",), ("y",))
    after = with_bits(network, "w4a8").tensors
    assert {name: tensor.dtype for name, tensor in after.items()} == {
        "table": "int4", "index": "int64", "rows": "int8", "blob": "uint8", "scale": "float32", "y": "int8",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("x8", "'x8' is not a format"),
        ("fp17", "did you mean fp16"),
        ("w99a8", "99 is not a width"),
        ("w0", "0 is not a width"),
        ("", "empty"),
        ("w8a8,", "empty"),
        ("=w8a8", "empty"),
        ("conv9=w8a8", "no layer is called 'conv9' .did you mean conv1"),
        ("conv1=", "empty"),
    ],
)
def test_what_is_wrong_is_said(spec, message):
    with pytest.raises(UsageError, match=message):
        with_bits(two(), spec)


def test_a_rule_that_another_one_hides_is_no_mistake():
    assert with_bits(two(), "*=w8a8,conv1=w4a4").notes == ("data types set to *=w8a8,conv1=w4a4",)
