"""Transformer decoders as networks: a pass over some tokens, with the keys and values of those before them in a cache.

Vaswani et al., "Attention is all you need," NeurIPS 2017; grouped key heads: Ainslie et al., EMNLP 2023, arXiv:2305.13245; gated
feed-forward layers: Shazeer, arXiv:2002.05202.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hwsim.errors import UsageError
from hwsim.estimation import Prepared, prepare
from hwsim.graph import Layer, Network, Tensor
from hwsim.workload.lower import lower

_CACHES = ("key_cache", "value_cache")


@dataclass(frozen=True, slots=True)
class Decoder:
    """Shape of a language model.

    key_heads : heads of keys and values, 0 for as many as there are queries. hidden : width inside the feed-forward layers. gated : they
    have a third matrix. Types are those of ONNX: weights may be ``int4`` beside ``float16`` activations; cache is that of keys and values.
    """

    layers: int
    width: int
    heads: int
    hidden: int
    vocabulary: int
    key_heads: int = 0
    gated: bool = False
    weights: str = "float16"
    activations: str = "float16"
    cache: str = "float16"

    def __post_init__(self) -> None:
        keys = self.key_heads or self.heads
        if (
            min(self.layers, self.width, self.heads, self.hidden, self.vocabulary) < 1
            or self.width % self.heads
            or self.heads % keys
        ):
            raise UsageError("decoder: extents are at least 1, the width divides into heads, and those into key heads")

    @property
    def key_width(self) -> int:
        """Numbers of one token's keys in one layer [1]."""
        return self.width // self.heads * (self.key_heads or self.heads)

    @property
    def layer_parameters(self) -> int:
        """Weights of the products of one layer [1]: query, key, value, output and the feed-forward matrices."""
        return 2 * self.width * (self.width + self.key_width) + (3 if self.gated else 2) * self.width * self.hidden

    def cache_bytes(self, context: int, batch: int = 1) -> int:
        """Keys and values of ``context`` tokens in all layers [B]."""
        tensor = Tensor("", (batch, context, self.key_width), self.cache)
        return 2 * self.layers * tensor.bytes

    def run(self, tokens: int, context: int, batch: int = 1) -> Prepared:
        """See ``prepared_pass``."""
        return prepared_pass(self, tokens, context, batch)

    def cache_names(self) -> frozenset[str]:
        """Tensors that are the cache, and those appended to it."""
        names = [f"layer{number}.{kind}" for number in range(self.layers) for kind in ("key", "value")]
        return frozenset([*names, *(f"{name}_cache" for name in names)])

    def step(self, context: int, batch: int = 1) -> Callable[[int], Prepared]:
        """One further token, by the number of tokens in the cache with it."""
        first = prepared_pass(self, 1, context, batch)
        return lambda tokens: at_context(first, tokens)


#: GPT-2 small: Radford et al., 2019, "Language models are unsupervised multitask learners," table 2.
GPT2 = Decoder(layers=12, width=768, heads=12, hidden=3072, vocabulary=50257)


def network(decoder: Decoder, tokens: int, context: int, batch: int = 1) -> Network:
    """One pass over ``tokens`` new tokens of each sequence, ``context`` of them (the new ones included) in the cache at its end.

    The embedding rows are gathered, and logits are made for the last token alone. New keys and values are written to the cache.
    """
    if not 1 <= tokens <= context or batch < 1:
        raise UsageError(
            f"{tokens} tokens in a context of {context}: the context holds the new tokens, and a batch is at least 1"
        )
    width = decoder.width
    built = Network.builder(f"decoder{tokens}").input("x", (batch, tokens, width), decoder.activations)
    written: list[str] = []
    for number in range(decoder.layers):
        before = f"layer{number - 1}" if number else "x"
        at = f"layer{number}"
        built.at(before).layer_norm(name=f"{at}.norm1")
        for part, columns in (("query", width), ("key", decoder.key_width), ("value", decoder.key_width)):
            built.at(f"{at}.norm1").dense(columns, bias=False, name=f"{at}.{part}")
        written += [f"{at}.key", f"{at}.value"]
        built.at(f"{at}.query").activation("Identity", name=f"{at}.heads")
        built.dense(width, bias=False, name=f"{at}.project").add(before, name=f"{at}.attended").layer_norm(
            name=f"{at}.norm2"
        )
        if decoder.gated:
            built.dense(decoder.hidden, bias=False, name=f"{at}.gate").sigmoid(name=f"{at}.sigmoid")
            built.at(f"{at}.norm2").dense(decoder.hidden, bias=False, name=f"{at}.up").mul(
                f"{at}.sigmoid", name=f"{at}.gated"
            )
        else:
            built.dense(decoder.hidden, bias=False, name=f"{at}.up").gelu(name=f"{at}.gelu")
        built.dense(width, bias=False, name=f"{at}.down").add(f"{at}.attended", name=at)
    made = built.build()
    return _complete(decoder, made, tokens, context, batch, written)


def _complete(decoder: Decoder, made: Network, tokens: int, context: int, batch: int, written: list[str]) -> Network:
    """Put the caches, the attention, the head and the types in."""
    tensors = dict(made.tensors)
    caches: list[str] = []
    for number in range(decoder.layers):
        for kind in _CACHES:
            name = f"layer{number}.{kind}"
            tensors[name] = Tensor(name, (batch, context, decoder.key_width), decoder.cache)
            caches.append(name)
    layers: list[Layer] = []
    attributes = {"q_num_heads": decoder.heads, "kv_num_heads": decoder.key_heads or decoder.heads}
    for layer in made.layers:
        if layer.name.endswith(".heads"):
            at = layer.name.removesuffix(".heads")
            operands = (layer.inputs[0], *(f"{at}.{kind}" for kind in _CACHES))
            layers.append(Layer(layer.name, "Attention", operands, layer.outputs, attributes))
        else:
            layers.append(layer)
    for name, tensor in tensors.items():
        if tensor.role == "parameter" and len(tensor.shape) > 1:
            tensors[name] = replace(tensor, dtype=decoder.weights)
    last = f"layer{decoder.layers - 1}"
    tensors["last"] = Tensor("last", (batch, decoder.width), decoder.activations)
    tensors["head.weight"] = Tensor("head.weight", (decoder.width, decoder.vocabulary), decoder.weights, "parameter")
    tensors["logits"] = Tensor("logits", (batch, decoder.vocabulary), decoder.activations)
    layers += [
        Layer("last", "Slice", (last,), ("last",)),
        Layer("head", "Gemm", ("last", "head.weight"), ("logits",)),
    ]
    metadata = {"batch": str(batch)}
    outputs = ("logits", *written)
    return replace(
        made, layers=tuple(layers), tensors=tensors, inputs=("x", *caches), outputs=outputs, metadata=metadata
    )


def prepared_pass(decoder: Decoder, tokens: int, context: int, batch: int = 1) -> Prepared:
    """``network``, read and lowered."""
    return prepare(network(decoder, tokens, context, batch))


def at_context(prepared: Prepared, context: int) -> Prepared:
    """The same pass with another number of tokens in the cache: only what reads it is lowered anew."""
    tensors = dict(prepared.network.tensors)
    for name, tensor in tensors.items():
        if name.endswith(_CACHES):
            tensors[name] = replace(tensor, shape=(tensor.shape[0], context, tensor.shape[2]))
    made = replace(prepared.network, tensors=tensors)
    works = tuple(
        lower(layer, made) if layer.op == "Attention" else work
        for layer, work in zip(made.layers, prepared.works, strict=True)
    )
    return replace(prepared, network=made, works=works)
