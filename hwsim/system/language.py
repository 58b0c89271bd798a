"""Language models from graphs: one pass at any number of tokens, with the keys and values of those before them in a cache.

A graph is given for one number of tokens. How each of its tensors grows with the tokens, the context and the batch is traced through the
layers, and work is scaled by that: products with weights by the tokens, products of activations with each other (attention) by tokens
times context. Their second operands are the keys and values: all but those of the new tokens are read from the cache. Concatenation
with a past is an append.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal, Protocol

from hwsim.errors import UsageError
from hwsim.estimation import Prepared
from hwsim.estimation.prepare import unaliased
from hwsim.graph import Layer, Network, Tensor
from hwsim.workload import LoopNest, Work
from hwsim.workload.work import DataMove, VectorOp

#: How a tensor grows: not at all, with the batch, its context, its tokens (appended: of a graph's whole context only the new ones), or
#: tokens times context.
Growth = Literal["none", "batch", "context", "appended", "tokens", "scores"]
_ORDER: tuple[Growth, ...] = ("none", "batch", "context", "appended", "tokens", "scores")
#: Operators between a projection and the product that reads it, which the cache holds the result of.
_ON_THE_WAY = ("Reshape", "Transpose", "Unsqueeze", "Squeeze", "Expand", "Mul", "Identity", "Cast", "Tile", "Slice")


class LanguageModel(Protocol):
    """What serving needs: a pass, further tokens by context, bytes of the cache [B]."""

    def run(self, tokens: int, context: int, batch: int = 1) -> Prepared:
        """One pass over ``tokens`` new tokens of each of ``batch`` sequences, ``context`` with those in the cache."""

    def step(self, context: int, batch: int = 1) -> Callable[[int], Prepared]:
        """One further token, by the context."""

    def cache_bytes(self, context: int, batch: int = 1) -> int:
        """Keys and values of ``context`` tokens of each sequence [B]."""

    def cache_names(self) -> frozenset[str]:
        """Tensors that are the cache, and those appended to it."""


@dataclass(frozen=True)
class Graph:
    """A language model as its graph has it.

    batch, tokens, context : extents that the graph was read with [1]. growth : by tensor. caches : by layer of a product of activations,
    elements of one token's keys or values that it reads of one sequence [1]. cache : type of the cache, "" for that of the operand.
    """

    prepared: Prepared
    batch: int
    tokens: int
    context: int
    growth: Mapping[str, Growth]
    caches: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    cache: str = ""

    def cache_bytes(self, context: int, batch: int = 1) -> int:
        """Keys and values of ``context`` tokens of each sequence in all layers [B]."""
        return sum(
            Tensor("", (batch, context, elements), self._type(name)).bytes
            for name, elements in dict(self.caches.values()).items()
        )

    def cache_names(self) -> frozenset[str]:
        """Tensors that are the cache, and those appended to it."""
        return frozenset(one for name, _ in self.caches.values() for one in (name, f"{name}.cache"))

    def step(self, context: int, batch: int = 1) -> Callable[[int], Prepared]:
        """One further token, by the number of tokens in the cache with it: what does not read the cache stays the same record."""
        first = self.run(1, context, batch)
        network = self.prepared.network
        grows = [self._grows(layer) for layer in network.layers]
        longer = [name for name, growth in self.growth.items() if growth in ("context", "scores")]

        def at(tokens: int) -> Prepared:
            extents = self._extents(1, tokens, batch)
            works = tuple(
                self._scaled(layer, work, extents) if growing else old
                for layer, work, old, growing in zip(
                    network.layers, self.prepared.works, first.works, grows, strict=True
                )
            )
            tensors = {**first.network.tensors, **self._sized(longer, extents), **self._held(extents)}
            return replace(first, network=replace(first.network, tensors=tensors), works=works)

        return at

    def run(self, tokens: int, context: int, batch: int = 1) -> Prepared:
        """One pass; raises UsageError where the context does not hold the new tokens."""
        if not 1 <= tokens <= context or batch < 1:
            raise UsageError(
                f"{tokens} tokens in a context of {context}: the context holds the new tokens, and a batch is at least 1"
            )
        extents = self._extents(tokens, context, batch)
        network = self.prepared.network
        works = tuple(
            self._scaled(layer, work, extents) for layer, work in zip(network.layers, self.prepared.works, strict=True)
        )
        held = self._held(extents)
        made = replace(
            network,
            tensors={**network.tensors, **self._sized(self.growth, extents), **held},
            inputs=(*(name for name in network.inputs if self.growth.get(name) != "context"), *held),
            outputs=(*network.outputs, *(name.removesuffix(".cache") for name in held)),
        )
        settings = {**self.prepared.settings, "batch": batch}
        return replace(self.prepared, network=made, works=works, settings=settings)

    def _type(self, name: str) -> str:
        return self.cache or self.prepared.network.tensors[name].dtype

    def _grows(self, layer: Layer) -> bool:
        names = (*layer.inputs, *layer.outputs)
        return layer.name in self.caches or any(self.growth.get(name) in ("context", "scores") for name in names)

    def _extents(self, tokens: int, context: int, batch: int) -> _Extents:
        more, new, longer = (
            Fraction(batch, self.batch),
            Fraction(tokens, self.tokens),
            Fraction(context, self.context),
        )
        factors: dict[Growth, Fraction] = {
            "none": Fraction(1),
            "batch": more,
            "context": more * longer,
            "appended": more * Fraction(tokens, self.context),
            "tokens": more * new,
            "scores": more * new * longer,
        }
        return _Extents(context, batch, more, new, longer, factors)

    def _sized(self, names: Iterable[str], at: _Extents) -> dict[str, Tensor]:
        """Activations as large as they are then."""
        tensors = self.prepared.network.tensors
        return {
            name: replace(tensors[name], shape=(_times(tensors[name].elements, at.factors[self.growth[name]]),))
            for name in names
            if self.growth[name] != "none" and tensors[name].role == "activation"
        }

    def _held(self, at: _Extents) -> dict[str, Tensor]:
        """The caches: inputs of the pass, to which it appends."""
        return {
            f"{name}.cache": Tensor(f"{name}.cache", (at.batch, at.context, elements), self._type(name))
            for name, elements in self.caches.values()
        }

    def _scaled(self, layer: Layer, work: Work, at: _Extents) -> Work:
        result = _first(self.growth[name] for name in layer.outputs if name in self.growth)
        grown = at.factors[result]
        held = self.caches.get(layer.name)
        reads = []
        for name, size in work.reads:
            growth = self.growth.get(name, "none")
            if held is not None and name == layer.inputs[1]:
                own = Tensor("", (at.batch, at.context, held[1]), self._type(held[0]))
                reads.append((f"{held[0]}.cache", own.bytes))
            elif result == "appended" and growth == "context":
                continue
            elif growth == "none" and layer.op == "Gather":
                reads.append((name, _times(size, grown)))
            else:
                reads.append((name, _times(size, at.factors[growth])))
        made = replace(
            work,
            nests=tuple(
                self._nest(nest, result, held, result == "scores" or (len(work.nests) > 1 and not number), at)
                for number, nest in enumerate(work.nests)
            ),
            vectors=tuple(
                VectorOp(one.function, _times(one.operations, grown), _times(one.elements, grown))
                for one in work.vectors
            ),
            moves=tuple(DataMove(_times(one.read_bytes, grown), _times(one.write_bytes, grown)) for one in work.moves),
            reads=tuple(reads),
            writes=tuple((name, _times(size, at.factors[self.growth.get(name, "none")])) for name, size in work.writes),
        )
        # under the names of what views stand for, so that work that does not change stays the same object in every step
        return made if made.free else unaliased(made, self.prepared.aliases)

    def _nest(
        self, nest: LoopNest, result: Growth, held: tuple[str, int] | None, scores: bool, at: _Extents
    ) -> LoopNest:
        """scores : whether the columns of this product of activations are the keys; else its reduction is the values."""
        rows = at.new if result in ("tokens", "scores") else Fraction(1)
        if result == "none":
            return nest
        if held is None:
            return replace(nest, p=_times(nest.p, rows * at.more), width=0)
        second = replace(nest.weight, dtype=self._type(held[0])) if self.cache else nest.weight
        made = replace(nest, g=_times(nest.g, at.more), p=_times(nest.p, rows), width=0, weight=second)
        if scores:
            return replace(made, k=_times(nest.k, at.longer))
        return replace(made, c=_times(nest.c, at.longer))


@dataclass(frozen=True, slots=True)
class _Extents:
    """context, batch [1]; more, new, longer : batch, tokens and context over those of the graph [1]; factors : by growth [1]."""

    context: int
    batch: int
    more: Fraction
    new: Fraction
    longer: Fraction
    factors: Mapping[Growth, Fraction]


def _times(count: int, factor: Fraction) -> int:
    return -(-count * factor.numerator // factor.denominator)


def _first(growths: Iterable[Growth]) -> Growth:
    return next(iter(growths), "none")


def traced(prepared: Prepared, cache: str = "") -> Graph:
    """Trace how the tensors of a language model's graph grow.

    cache : type of the keys and values kept, "" for as the graph has them. Raises UsageError for a graph without an input of tokens, or
    without products of activations with each other.
    """
    network = prepared.network
    tokens_in = _token_input(network)
    shape = network.tensors[tokens_in].shape
    past = [name for name in network.inputs if "past" in name.lower() and len(network.tensors[name].shape) >= 4]
    before = network.tensors[past[0]].shape[-2] if past else 0
    tokens = shape[1]
    context = tokens + before
    growth: dict[str, Growth] = {tokens_in: "tokens", **dict.fromkeys(past, "context")}
    for name in network.inputs:
        if name not in growth and name in network.tensors and network.tensors[name].shape[-1:] == (context,):
            growth[name] = "context" if past else "tokens"
    caches: dict[str, tuple[str, int]] = {}
    makers = {name: layer for layer in network.layers for name in layer.outputs}
    for layer, work in zip(network.layers, prepared.works, strict=True):
        found = _growth(layer, work, network, growth, tokens)
        second = layer.inputs[1] if len(layer.inputs) > 1 else ""
        first, both = growth.get(layer.inputs[0] if layer.inputs else "", "none"), len(work.nests) > 1
        if any(nest.weight_role == "activation" for nest in work.nests) and growth.get(second, "none") != "none":
            found = "tokens" if first == "scores" or both else "scores"
            root, elements = _kept(second, makers, network)
            caches[layer.name] = (root, (2 if both else 1) * elements // (shape[0] * context))
        growth.update((name, found) for name in layer.outputs if name in network.tensors)
    if not caches:
        raise UsageError(f"{network.name}: no product of activations with each other: this is no transformer's graph")
    return Graph(prepared, shape[0], tokens, context, growth, caches, cache)


def _token_input(network: Network) -> str:
    inputs = [network.tensors[name] for name in network.inputs if name in network.tensors]
    whole = [tensor for tensor in inputs if "int" in tensor.dtype and len(tensor.shape) == 2]
    named = [tensor for tensor in whole if "ids" in tensor.name.lower() and "position" not in tensor.name.lower()]
    for tensor in (*named, *whole, *(tensor for tensor in inputs if len(tensor.shape) == 3)):
        return tensor.name
    raise UsageError(f"{network.name}: has no input of tokens (batch, tokens) or (batch, tokens, width)")


def _growth(layer: Layer, work: Work, network: Network, growth: Mapping[str, Growth], tokens: int) -> Growth:
    """How results grow: as the fastest operand; a concatenation with a past appends its new part; one token of all is the batch."""
    operands: list[Growth] = [growth.get(name, "none") for name in layer.inputs if name]
    found: Growth = max(operands, key=_ORDER.index, default="none")
    if layer.op == "Concat" and "context" in operands:
        return "appended" if "tokens" in operands else "context"
    if found == "tokens" and tokens > 1 and layer.op in ("Slice", "Gather", "GatherND", "ReduceMean", "ReduceSum"):
        sizes = [
            network.tensors[name].elements
            for name in layer.inputs
            if growth.get(name) == "tokens" and name in network.tensors
        ]
        made = next((network.tensors[name].elements for name in layer.outputs if name in network.tensors), 0)
        if sizes and made * tokens == max(sizes) and not work.nests:
            return "batch"
    return found


def _kept(name: str, makers: Mapping[str, Layer], network: Network) -> tuple[str, int]:
    """The tensor that the cache holds of an operand, and its elements [1]: the smallest on the way back to what computed or appended it."""
    root, elements = name, network.tensors[name].elements
    while (maker := makers.get(name)) is not None and maker.op in _ON_THE_WAY:
        before = next(
            (one for one in maker.inputs if one in network.tensors and network.tensors[one].role == "activation"), ""
        )
        if not before or network.tensors[before].elements > elements:
            break
        name = before
        root, elements = name, network.tensors[name].elements
    return root, elements
