"""Batch-norm folding: what goes, what stays, what does not change."""

from __future__ import annotations

import pytest

from hwsim.errors import UsageError
from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.passes import PASSES, apply, fold_batch_norm
from hwsim.workload.complexity import complexity


def normalized(op: str = "Conv", bias: bool = False, **tensors: Tensor) -> Network:
    """x -> op -> BatchNormalization -> Relu -> y."""
    shape = (1, 8) if op == "Gemm" else (1, 8, 6, 6)
    weight = {"Conv": (8, 4, 1, 1), "ConvTranspose": (4, 8, 1, 1), "Gemm": (4, 8)}[op]
    known = [Tensor("w", weight, role="parameter"), Tensor("b", (8,), role="parameter")]
    known += [Tensor(name, (8,), role="parameter") for name in ("gamma", "beta")]
    known += [Tensor(name, (8,), role="constant") for name in ("mean", "variance")]
    layers = (
        Layer("head", op, ("x", "w", "b") if bias else ("x", "w"), ("a",)),
        Layer("norm", "BatchNormalization", ("a", "gamma", "beta", "mean", "variance"), ("n",)),
        Layer("relu", "Relu", ("n",), ("y",)),
    )
    found = {tensor.name: tensor for tensor in known if bias or tensor.name != "b"}
    found |= {name: Tensor(name, shape) for name in "any"}
    found["x"] = Tensor("x", (1, 4, *shape[2:]))
    return Network("normalized", layers, found | tensors, ("x",), ("y",))


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose", "Gemm"])
@pytest.mark.parametrize("bias", [True, False])
def test_scale_and_shift_go_into_weights_and_bias(op, bias):
    before = normalized(op, bias)
    after = fold_batch_norm(before)
    assert [layer.name for layer in after.layers] == ["head", "relu"]
    head = after.layers[0]
    assert (head.outputs, head.fused) == (("n",), ("norm",))
    assert head.inputs == ("x", "w", "b" if bias else "beta")
    assert set(after.tensors) == {"x", "w", "b" if bias else "beta", "n", "y"}
    assert complexity(after).macs == complexity(before).macs
    assert after.notes == ("folded 1 BatchNormalization into the layers before them",)


def test_a_second_reader_keeps_the_normalization():
    plain = normalized()
    read_twice = Network(
        "n",
        (*plain.layers, Layer("other", "Relu", ("a",), ("z",))),
        {**plain.tensors, "z": Tensor("z", (1, 8, 6, 6))},
        ("x",),
        ("y", "z"),
    )
    assert fold_batch_norm(read_twice) is read_twice
    returned = Network("n", plain.layers, plain.tensors, ("x",), ("y", "a"))
    assert fold_batch_norm(returned) is returned


def test_a_scale_that_is_computed_keeps_the_normalization():
    plain = normalized(gamma=Tensor("gamma", (8,)))
    assert fold_batch_norm(plain) is plain


def test_computed_weights_keep_the_normalization_unless_they_are_dequantized():
    plain = normalized(w=Tensor("w", (8, 4, 1, 1)))
    assert fold_batch_norm(plain) is plain
    stored = Tensor("stored", (8, 4, 1, 1), "int8", "parameter")
    layers = (Layer("widen", "DequantizeLinear", ("stored", "scale"), ("w",)), *plain.layers)
    quantized = Network(
        "q", layers, {**plain.tensors, "stored": stored, "scale": Tensor("scale", (), role="constant")}, ("x",), ("y",)
    )
    assert [layer.name for layer in fold_batch_norm(quantized).layers] == ["widen", "head", "relu"]


@pytest.mark.parametrize("shape", [(8, 1, 1), (1, 8, 1, 1), (), (1,)])
def test_constants_per_channel_fold_too(shape):
    plain = normalized()
    scale, shift = (Tensor(name, shape, role="constant") for name in ("scale", "shift"))
    layers = (
        *plain.layers[:2],
        Layer("times", "Mul", ("scale", "n"), ("m",)),
        Layer("plus", "Add", ("m", "shift"), ("o",)),
        Layer("relu", "Relu", ("o",), ("y",)),
    )
    wide = {name: Tensor(name, (1, 8, 6, 6)) for name in "mo"}
    after = fold_batch_norm(
        Network("n", layers, {**plain.tensors, **wide, "scale": scale, "shift": shift}, ("x",), ("y",))
    )
    assert [layer.name for layer in after.layers] == ["head", "relu"]
    assert after.layers[0].fused == ("norm", "times", "plus")


@pytest.mark.parametrize("shape", [(1, 8, 6, 6), (6,), (6, 6), (2, 8, 1, 1)])
def test_constants_of_another_form_stay(shape):
    plain = normalized()
    out = (2, 8, 6, 6) if shape[0] == 2 else (1, 8, 6, 6)
    layers = (*plain.layers[:2], Layer("times", "Mul", ("n", "scale"), ("y",)))
    tensors = {**plain.tensors, "scale": Tensor("scale", shape, role="constant"), "y": Tensor("y", out)}
    after = fold_batch_norm(Network("n", layers, tensors, ("x",), ("y",)))
    assert [layer.name for layer in after.layers] == ["head", "times"]


def test_passes_can_be_chosen_and_misspelt():
    plain = normalized()
    assert len(apply(plain, ()).layers) == 3
    assert len(apply(plain, ("batch_norm",)).layers) == 2
    assert len(apply(plain, tuple(PASSES)).layers) == 1
    with pytest.raises(UsageError, match="batch_norm"):
        apply(plain, ("batchnorm",))
