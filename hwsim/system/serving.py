"""Serving a language model on one device: prefill, decode with a growing cache, concurrency, and where decode turns from memory to
compute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hwsim.device import Device
from hwsim.errors import Infeasible, UsageError, nearest
from hwsim.estimation import Estimate, estimate
from hwsim.estimation.residency import activation_store, level_capacity
from hwsim.estimation.run import Known, layers_again
from hwsim.system.language import LanguageModel
from hwsim.system.run import capacity

SCHEMA = "hwsim/serving/1"


@dataclass(frozen=True, slots=True)
class Serving:
    """One batch of sequences from prompt to end.

    first_token_s : prefill of the whole prompt [s]; token_s : each further token of a sequence [s], in order. memory_bytes : weights,
    the cache at its fullest and activations [B]. energy_j : of everything, None where the profile gives none. bound_by : what binds most
    of the decoding time.
    """

    device: str
    rung: str
    batch: int
    prompt: int
    first_token_s: float
    token_s: tuple[float, ...]
    weight_bytes: int
    cache_bytes: int
    memory_bytes: int
    energy_j: float | None
    bound_by: str
    warnings: tuple[str, ...] = ()

    @property
    def latency_s(self) -> float:
        """From prompt to last token [s]."""
        return self.first_token_s + math.fsum(self.token_s)

    @property
    def mean_token_s(self) -> float:
        """Mean time of a further token [s]; 0 where there is none."""
        return math.fsum(self.token_s) / len(self.token_s) if self.token_s else 0.0

    @property
    def tokens_per_s(self) -> float:
        """Tokens of all sequences a second while decoding [1/s]."""
        return self.batch / self.mean_token_s if self.token_s else 0.0

    def to_dict(self) -> dict[str, Any]:
        """``hwsim/serving/1``."""
        plain = {name: value for name, value in asdict(self).items() if name != "token_s"}
        more = {name: getattr(self, name) for name in ("latency_s", "mean_token_s", "tokens_per_s")}
        ends = (
            {"first_decoded_token_s": self.token_s[0], "last_decoded_token_s": self.token_s[-1]} if self.token_s else {}
        )
        return {"schema": SCHEMA, **plain, **more, **ends, "decoded_tokens": len(self.token_s)}


def serve(
    decoder: LanguageModel,
    device: Device,
    prompt: int,
    tokens: int,
    batch: int = 1,
    *,
    rung: str | None = None,
    cache_memory: str = "",
) -> Serving | Infeasible:
    """Price a batch of sequences: prefill ``prompt`` tokens, which gives the first new one, then decode the rest of ``tokens`` one by one.

    Every step is priced with the cache as long as it is then. cache_memory : the
    level that keeps it, ``""`` for the outermost; weights that the profile retains there do not give way to it.
    Infeasible where weights, cache and activations exceed the device's memory.
    """
    if prompt < 1 or tokens < 1:
        raise UsageError("a prompt and an answer have at least one token")
    held, space = _cache_place(decoder, device, cache_memory)
    first = estimate(decoder.run(prompt, prompt, batch), device, rung=rung, held=held)
    # the first new token comes with the prefill; the last is never fed back
    steps = range(prompt + 1, prompt + tokens)
    cache = decoder.cache_bytes(prompt + tokens - 1, batch)
    memory = first.totals.weight_bytes + cache + first.totals.peak_activation_bytes
    room = capacity(device)
    if room is not None and memory > room:
        return Infeasible(
            device.name,
            memory,
            room,
            "B of weights, cache and activations",
            ("a smaller batch", "a shorter context", "narrower weights or cache"),
        )
    if held and space is not None and cache > space:
        return Infeasible(
            cache_memory, cache, space, "B of keys and values", ("the outermost memory", "a narrower cache")
        )
    times: list[float] = []
    joules = first.totals.energy_j
    binding: dict[str, float] = {}
    step = decoder.step(prompt + 1, batch) if steps else None
    known: dict[int, Known] = {}
    for context in steps:
        assert step is not None
        layers = layers_again(step(context), device, rung, known, held)
        times.append(math.fsum(layer.latency_s for layer in layers))
        spent = [layer.energy_j for layer in layers if layer.energy_j is not None]
        joules = None if joules is None or len(spent) < len(layers) else joules + math.fsum(spent)
        for layer in layers:
            binding[layer.bound_by] = binding.get(layer.bound_by, 0.0) + layer.latency_s
    bound_by = max(binding, key=lambda name: binding[name]) if binding else next(iter(first.shares()), "")
    return Serving(
        device.name,
        str(first.settings["model"]),
        batch,
        prompt,
        first.totals.latency_s,
        tuple(times),
        first.totals.weight_bytes,
        cache,
        memory,
        joules,
        bound_by,
        first.warnings,
    )


def _cache_place(decoder: LanguageModel, device: Device, name: str) -> tuple[frozenset[str], int | None]:
    """Tensors of the cache that stay on the chip, and the bytes that its level has for them [B] (None unknown)."""
    store = activation_store(device)
    outermost = device.memories[-1].name if device.memories else ""
    if name in ("", outermost):
        return frozenset(), None
    if store is None or name != store.name:
        places = [outermost] if store is None else [store.name, outermost]
        raise UsageError(
            f"{name}: {device.name} can keep keys and values in {' or '.join(places)}{nearest(name, places)}"
        )
    return decoder.cache_names(), level_capacity(store, ("input", "weight"))


def decode_step(
    decoder: LanguageModel, device: Device, context: int, batch: int, rung: str | None = None, cache_memory: str = ""
) -> Estimate:
    """The estimate of one further token for each of ``batch`` sequences."""
    held, _ = _cache_place(decoder, device, cache_memory)
    return estimate(decoder.run(1, context, batch), device, rung=rung, held=held)


def concurrency(
    decoder: LanguageModel, device: Device, context: int, batches: Sequence[int], rung: str | None = None
) -> list[dict[str, float | str]]:
    """Time of a token, tokens a second and what binds, by number of sequences decoded together."""
    rows: list[dict[str, float | str]] = []
    for batch in batches:
        made = decode_step(decoder, device, context, batch, rung)
        latency = made.totals.latency_s
        bound, _ = next(iter(made.shares().items()), ("", (0.0, 0)))
        rows.append(
            {"batch": batch, "token_s": latency, "tokens_per_s": batch / latency if latency else 0.0, "bound_by": bound}
        )
    return rows


def turning_batch(
    decoder: LanguageModel, device: Device, context: int, rung: str | None = None, largest: int = 1 << 16
) -> int | None:
    """The smallest batch at which the products with weights spend more time bound by compute than by memory; None up to ``largest``.

    Attention itself never turns: every sequence reads a cache of its own. On a roofline the closed form is
    peak [op/s] x bytes of a weight / (2 x bandwidth [B/s]).
    """

    first = decoder.run(1, context, 1)

    def turned(batch: int) -> bool:
        made = decode_step(decoder, device, context, batch, rung)
        weighted = {
            layer.name for layer, work in first.priced if any(nest.weight_role == "parameter" for nest in work.nests)
        }
        products = [layer for layer in made.layers if layer.name in weighted]
        computing = math.fsum(layer.latency_s for layer in products if layer.bound_by == "compute")
        return computing > 0.5 * math.fsum(layer.latency_s for layer in products)

    high = 1
    while not turned(high):
        high *= 2
        if high > largest:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if turned(middle) else (middle, high)
    return high
