"""with_bits: the same network in other data types, to ask what a lower precision would cost."""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from hwsim.errors import UsageError, nearest
from hwsim.graph.network import Network
from hwsim.graph.records import Layer, Tensor, dtype_bits, dtype_kind

#: Short names of floating-point types.
FLOATS = {
    "fp64": "float64",
    "fp32": "float32",
    "tf32": "tfloat32",
    "fp16": "float16",
    "bf16": "bfloat16",
    "fp8": "float8e4m3fn",
    "fp4": "float4e2m1",
}
_ITEM = r"\d+|[a-z]+\d+"
_PAIR = re.compile(rf"(?:w({_ITEM}))?(?:a({_ITEM}))?(?:p({_ITEM}))?")
_INTEGER = re.compile(r"(u?int)(\d+)")
_WIDEST = 32
#: Operators whose stored weights are blobs of packed bits: their width is an attribute and stays.
_PACKED = frozenset({"MatMulNBits", "MatMulBnb4", "MatMulFpQ4", "QMoE", "GatherBlockQuantized"})


class Format(NamedTuple):
    """Data types of one rule; "" leaves what there is."""

    weight: str
    activation: str
    accumulator: str = ""


class Rule(NamedTuple):
    """A glob over layer names, and the types for the layers that it matches."""

    glob: str
    format: Format


def with_bits(network: Network, spec: str) -> Network:
    """The network with other types for parameters and activations.

    spec : ``w8a8`` (weights int8, activations int8), ``w4a16``, ``a16`` (activations only), ``w4`` (weights only), ``int8``, ``fp16``,
    ``bf16``, ``fp8``, ``fp32`` (both), ``w4afp16`` (mixed), ``w8a8p24`` (sums of 24 bits, where the device's are wider), or rules by layer
    name with globs, ``conv1=w8a8,*=w4a8``: the first rule that matches a layer holds. wN, aN and pN are signed integers.

    An activation takes the type of the first layer that reads it (a layer's bits are those of its operands), or of the one that writes it
    where nobody does. Every parameter takes the type of the weights, biases too. What stays as it is: integers wider than 16 bits and
    booleans, being indices, shapes, masks and accumulators; constants; packed weights (MatMulNBits).
    Raises UsageError for a spec that is malformed or names no layer.
    """
    rules = parse_bits(spec)
    matched: set[str] = set()
    tensors = dict(network.tensors)
    settled: set[str] = set()
    formats = [_first(rules, layer.name, matched) for layer in network.layers]
    _refuse_unmatched(network, rules, matched)
    for layer, chosen in zip(network.layers, formats, strict=True):
        for part in layer.members or (layer,):
            for name in part.inputs:
                _settle(tensors, settled, name, chosen, part)
    for layer, chosen in zip(network.layers, formats, strict=True):
        for part in layer.members or (layer,):
            for name in part.outputs:
                _settle(tensors, settled, name, chosen, part)
    layers = [
        replace(layer, accumulator=chosen.accumulator) if chosen.accumulator else layer
        for layer, chosen in zip(network.layers, formats, strict=True)
    ]
    return network.with_layers(layers, tensors, f"data types set to {spec}")


def parse_bits(spec: str) -> tuple[Rule, ...]:
    """The rules of a spec, in order; raises UsageError naming the part that is no format."""
    rules = []
    for part in spec.split(","):
        glob, equals, text = part.strip().rpartition("=")
        if not text.strip() or (equals and not glob.strip()):
            raise UsageError(f"bits {spec!r}: {part!r} is empty; write a format (w8a8, fp16) or layer=format")
        rules.append(Rule(glob.strip() or "*", _format(text.strip().lower(), spec)))
    return tuple(rules)


def _format(text: str, spec: str) -> Format:
    pair = _PAIR.fullmatch(text)
    if pair and any(pair.groups()):
        weight, activation, sums = pair.groups()
        return Format(_dtype(weight or "", spec), _dtype(activation or "", spec), _dtype(sums or "", spec))
    both = _dtype(text, spec)
    return Format(both, both)


def _dtype(text: str, spec: str) -> str:
    """``8`` and ``int8`` are int8, ``fp16`` is float16, "" is ""."""
    if not text or text in FLOATS:
        return FLOATS.get(text, "")
    found = _INTEGER.fullmatch(f"int{text}" if text.isdigit() else text)
    if found and 1 <= int(found.group(2)) <= _WIDEST:
        return f"{found.group(1)}{int(found.group(2))}"
    if found:
        raise UsageError(f"bits {spec!r}: {text} is not a width; integers have 1 to {_WIDEST} bits")
    names = (*FLOATS, "int8", "int4", "int16", "w8a8", "w4a8", "w4a16", "a16")
    hint = nearest(text, names) or "; write w8a8, w4a16, a8, int8, fp16, bf16, fp8 or fp32"
    raise UsageError(f"bits {spec!r}: {text!r} is not a format{hint}")


def _first(rules: tuple[Rule, ...], name: str, matched: set[str]) -> Format:
    for rule in rules:
        if rule.glob in ("*", name) or fnmatchcase(name, rule.glob):
            matched.add(rule.glob)
            return rule.format
    return Format("", "")


def _refuse_unmatched(network: Network, rules: tuple[Rule, ...], matched: set[str]) -> None:
    names = [layer.name for layer in network.layers]
    for rule in rules:
        if rule.glob != "*" and rule.glob not in matched and not any(fnmatchcase(name, rule.glob) for name in names):
            raise UsageError(f"bits: no layer is called {rule.glob!r}{nearest(rule.glob, names)}")


def _settle(tensors: dict[str, Tensor], settled: set[str], name: str, chosen: Format, layer: Layer) -> None:
    """Give a tensor its type, unless it has one already or is of a kind that keeps it."""
    tensor = tensors.get(name)
    if tensor is None or name in settled or tensor.role == "constant":
        return
    settled.add(name)
    if tensor.role == "activation":
        dtype = chosen.activation
    else:
        dtype = chosen.weight
        if layer.op in _PACKED:
            return
    if dtype and _changes(tensor.dtype):
        tensors[name] = replace(tensor, dtype=dtype)


def _changes(dtype: str) -> bool:
    kind = dtype_kind(dtype)
    return kind == "float" or (kind == "int" and dtype_bits(dtype) <= 16)
