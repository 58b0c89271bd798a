"""Language models: counts by hand, growth of the cache, the turning point against its closed form."""

from __future__ import annotations

import pytest

import hwsim
from hwsim.device import precision_for
from hwsim.errors import Infeasible, UsageError
from hwsim.estimation import estimate
from hwsim.system.decoder import GPT2, Decoder, at_context, network, prepared_pass
from hwsim.system.serving import Serving, concurrency, decode_step, serve, turning_batch

DEVICE = hwsim.load_device("a100_sxm_80g")
SMALL = Decoder(layers=2, width=64, heads=4, hidden=128, vocabulary=100, key_heads=2, gated=True)


@pytest.mark.parametrize("decoder", [GPT2, SMALL])
@pytest.mark.parametrize(("tokens", "context", "batch"), [(1, 9, 1), (1, 9, 3), (8, 8, 2), (4, 9, 1)])
def test_macs_and_parameters_by_hand(decoder: Decoder, tokens: int, context: int, batch: int) -> None:
    found = prepared_pass(decoder, tokens, context, batch).complexity
    products = decoder.layers * decoder.layer_parameters * tokens + decoder.width * decoder.vocabulary
    attention = 2 * decoder.layers * tokens * context * decoder.width
    assert found.macs == batch * (products + attention)
    matrices = decoder.layers * decoder.layer_parameters + decoder.width * decoder.vocabulary
    assert matrices <= found.parameters <= matrices + 5 * decoder.width * decoder.layers


def test_gpt2_has_its_published_size() -> None:
    """124 M parameters, 1024 positions among them (Radford et al. 2019, as released)."""
    found = prepared_pass(GPT2, 1, 1).complexity.parameters + 1024 * 768
    assert found == pytest.approx(124.4e6, rel=0.002)


def test_another_context_is_the_same_as_a_new_pass() -> None:
    moved, fresh = at_context(prepared_pass(SMALL, 1, 5, 2), 9), prepared_pass(SMALL, 1, 9, 2)
    assert moved.works == fresh.works
    assert estimate(moved, DEVICE).totals == estimate(fresh, DEVICE).totals


def served(decoder: Decoder, prompt: int, tokens: int, batch: int = 1) -> Serving:
    found = serve(decoder, DEVICE, prompt, tokens, batch)
    assert isinstance(found, Serving)
    return found


def test_tokens_take_longer_as_the_cache_grows() -> None:
    found = served(SMALL, 4, 12)
    assert len(found.token_s) == 11
    assert list(found.token_s) == sorted(found.token_s)
    assert found.latency_s == pytest.approx(found.first_token_s + sum(found.token_s))
    assert found.cache_bytes == 2 * 2 * 15 * 32 * 2
    assert found.to_dict()["tokens_per_s"] == pytest.approx(1 / found.mean_token_s)
    assert served(SMALL, 4, 1).token_s == ()


def test_each_step_is_priced_with_its_own_cache() -> None:
    found = served(SMALL, 4, 6)
    for number, seconds in enumerate(found.token_s):
        assert seconds == decode_step(SMALL, DEVICE, 5 + number, 1).totals.latency_s


def test_a_narrow_cache_and_narrow_weights_move_less() -> None:
    def moved(decoder: Decoder) -> float:
        return decode_step(decoder, DEVICE, 1024, 8, "roofline").totals.dram_bytes

    def narrow(**types: str) -> Decoder:
        return Decoder(12, 768, 12, 3072, 50257, **types)  # type: ignore[arg-type]

    plain = moved(narrow())
    assert plain - moved(narrow(cache="int8")) == pytest.approx(GPT2.cache_bytes(1024, 8) / 2, rel=0.01)
    weights = GPT2.layers * GPT2.layer_parameters + GPT2.width * GPT2.vocabulary
    assert plain - moved(narrow(weights="int4")) == pytest.approx(1.5 * weights, rel=0.01)


def test_decode_turns_where_the_closed_form_says() -> None:
    """On the roofline a product of B rows with K x C weights is bound by compute from B = peak · bytes / (2 · bandwidth) on, activations
    beside.
    """
    device = hwsim.load_device("tpu_v4i")
    types = device.precisions[0].input
    decoder = Decoder(2, 4096, 32, 16384, 32000, weights=types, activations=types, cache=types)
    precision, _ = precision_for(device, types, types)
    peak = 2 * device.array.pes * precision.macs_per_pe_per_cycle * device.clock_hz * precision.efficiency
    outer = device.memories[-1]
    bandwidth = (outer.shared_bandwidth or outer.read_bandwidth or 0.0) * outer.efficiency
    width = network(decoder, 1, 1).tensors["head.weight"].bits / 8
    closed = peak * width / (2 * bandwidth)
    found = turning_batch(decoder, device, 16, rung="roofline")
    assert found == pytest.approx(closed, rel=0.15)


def test_throughput_grows_with_concurrency() -> None:
    rows = concurrency(GPT2, DEVICE, 512, (1, 8, 64))
    rates = [float(row["tokens_per_s"]) for row in rows]
    assert rates == sorted(rates)


def test_what_does_not_fit_or_makes_no_sense_is_said() -> None:
    assert isinstance(serve(Decoder(96, 12288, 96, 49152, 50257), DEVICE, 8, 2), Infeasible)
    with pytest.raises(UsageError, match="at least one token"):
        serve(SMALL, DEVICE, 0, 1)
    with pytest.raises(UsageError, match="heads"):
        Decoder(1, 10, 3, 4, 4)
    with pytest.raises(UsageError, match="context"):
        network(SMALL, 5, 4)
