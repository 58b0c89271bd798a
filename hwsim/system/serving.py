"""Serving a language model on one device: prefill, decode with a growing cache, concurrency, and where decode turns from memory to
compute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hwsim.device import Device, Memory
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
    of the decoding time. unavailable : why a quantity is None.
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
    unavailable: Mapping[str, str] = field(default_factory=dict)

    @property
    def average_power_w(self) -> float | None:
        """Energy over the time from prompt to last token [W]."""
        return None if self.energy_j is None else self.energy_j / self.latency_s

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
        more = {name: getattr(self, name) for name in ("latency_s", "mean_token_s", "tokens_per_s", "average_power_w")}
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
    level that keeps it, ``""`` for the outermost; the room of the cache at its fullest is taken from that level throughout, so weights and
    activations that would stay there give way to it.
    Infeasible where weights, cache and activations exceed the device's memory.
    """
    if prompt < 1 or tokens < 1:
        raise UsageError("a prompt and an answer have at least one token")
    cache = decoder.cache_bytes(prompt + tokens - 1, batch)
    placed = _with_cache(decoder, device, cache_memory, cache)
    if isinstance(placed, Infeasible):
        return placed
    rest, held = placed
    first = estimate(decoder.run(prompt, prompt, batch), rest, rung=rung, held=held)
    # the first new token comes with the prefill; the last is never fed back
    steps = range(prompt + 1, prompt + tokens)
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
    times: list[float] = []
    joules = first.totals.energy_j
    binding: dict[str, float] = {}
    step = decoder.step(prompt + 1, batch) if steps else None
    known: dict[int, Known] = {}
    for context in steps:
        assert step is not None
        layers = layers_again(step(context), rest, rung, known, held)
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
        (
            *(
                (f"{cache:,} B of {cache_memory} keep keys and values: weights and activations share the rest",)
                if held
                else ()
            ),
            *first.warnings,
        ),
        {} if joules is not None else {"energy_j": first.unavailable.get("energy_j", "not known of every token")},
    )


def _cache_store(device: Device, name: str) -> Memory | None:
    """The level on the chip that keeps the cache; None for the outermost memory."""
    store = activation_store(device)
    outermost = device.memories[-1].name if device.memories else ""
    if name in ("", outermost):
        return None
    if store is None or name != store.name:
        places = [outermost] if store is None else [store.name, outermost]
        raise UsageError(
            f"{name}: {device.name} can keep keys and values in {' or '.join(places)}{nearest(name, places)}"
        )
    return store


def _with_cache(
    decoder: LanguageModel, device: Device, name: str, size: int
) -> tuple[Device, frozenset[str]] | Infeasible:
    """The device with ``size`` bytes less in the level that keeps the cache, and the tensors of the cache that stay there."""
    store = _cache_store(device, name)
    if store is None:
        return device, frozenset()
    space = level_capacity(store, ("input", "weight"))
    if space is not None and size > space:
        return Infeasible(name, size, space, "B of keys and values", ("the outermost memory", "a narrower cache"))
    memories = tuple(_without(memory, size) if memory is store else memory for memory in device.memories)
    return replace(device, memories=memories), decoder.cache_names()


def _without(memory: Memory, size: int) -> Memory:
    """A level with ``size`` bytes less, all instances together: of pools for inputs alone first, then of those that hold weights."""
    left = -(-size // memory.instances)
    pools = list(memory.pools)
    for index in sorted(range(len(pools)), key=lambda index: "weight" in pools[index].operands):
        room = pools[index].capacity
        if not pools[index].operands & {"input", "weight"}:
            continue
        if room is None:
            break
        taken = min(room, left)
        pools[index] = replace(pools[index], capacity=room - taken)
        left -= taken
    return replace(memory, pools=tuple(pools))


def decode_step(
    decoder: LanguageModel, device: Device, context: int, batch: int, rung: str | None = None, cache_memory: str = ""
) -> Estimate:
    """The estimate of one further token for each of ``batch`` sequences; raises UsageError where their cache exceeds its level."""
    placed = _with_cache(decoder, device, cache_memory, decoder.cache_bytes(context, batch))
    if isinstance(placed, Infeasible):
        raise UsageError(str(placed))
    rest, held = placed
    return estimate(decoder.run(1, context, batch), rest, rung=rung, held=held)


def _most_sequences(decoder: LanguageModel, device: Device, context: int, cache_memory: str) -> int | None:
    """Sequences whose cache has room in the level on the chip that keeps it; None where nothing limits them there."""
    store = _cache_store(device, cache_memory)
    space = None if store is None else level_capacity(store, ("input", "weight"))
    return None if space is None else space // decoder.cache_bytes(context, 1)


def concurrency(
    decoder: LanguageModel,
    device: Device,
    context: int,
    batches: Sequence[int],
    rung: str | None = None,
    cache_memory: str = "",
) -> list[dict[str, float | str]]:
    """Time of a token, tokens a second and what binds, by number of sequences decoded together; those whose cache exceeds ``cache_memory``
    are left out.
    """
    rows: list[dict[str, float | str]] = []
    most = _most_sequences(decoder, device, context, cache_memory)
    for batch in batches:
        if most is not None and batch > most:
            continue
        made = decode_step(decoder, device, context, batch, rung, cache_memory)
        latency = made.totals.latency_s
        bound, _ = next(iter(made.shares().items()), ("", (0.0, 0)))
        rows.append(
            {"batch": batch, "token_s": latency, "tokens_per_s": batch / latency if latency else 0.0, "bound_by": bound}
        )
    return rows


def turning_batch(
    decoder: LanguageModel,
    device: Device,
    context: int,
    rung: str | None = None,
    largest: int = 1 << 16,
    cache_memory: str = "",
) -> int | None:
    """The smallest batch at which the products with weights spend more time bound by compute than by memory; None up to ``largest``, or to
    the most sequences whose cache ``cache_memory`` has room for.

    Attention itself never turns: every sequence reads a cache of its own. On a roofline the closed form is
    peak [op/s] x bytes of a weight / (2 x bandwidth [B/s]).
    """

    first = decoder.run(1, context, 1)

    def turned(batch: int) -> bool:
        made = decode_step(decoder, device, context, batch, rung, cache_memory)
        weighted = {
            layer.name for layer, work in first.priced if any(nest.weight_role == "parameter" for nest in work.nests)
        }
        products = [layer for layer in made.layers if layer.name in weighted]
        computing = math.fsum(layer.latency_s for layer in products if layer.bound_by == "compute")
        return computing > 0.5 * math.fsum(layer.latency_s for layer in products)

    most = _most_sequences(decoder, device, context, cache_memory)
    largest = largest if most is None else min(largest, most)
    low, high = 0, 1
    while high <= largest and not turned(high):
        if high == largest:
            return None
        low, high = high, min(2 * high, largest)
    if high > largest:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if turned(middle) else (middle, high)
    return high
