"""Language models from graphs: the same counts as the graph at its own size, as another export of it, and as the shape written down."""

from __future__ import annotations

from dataclasses import replace

import pytest

import hwsim
from hwsim.errors import Infeasible, ModelError, UsageError
from hwsim.estimation import Prepared
from hwsim.system.decoder import GPT2, Decoder, prepared_pass
from hwsim.system.language import Graph, traced
from hwsim.system.serving import Serving, concurrency, decode_step, serve
from tests.shared import SHARED, needs_shared

DEVICE = hwsim.load_device("v100")
SMALL = Decoder(layers=2, width=64, heads=4, hidden=128, vocabulary=100)


def graph(name: str, cache: str = "") -> Graph:
    return traced(hwsim.prepare(SHARED / "models" / f"{name}.onnx", bits="fp16"), cache)


def plain(tokens: int) -> Prepared:
    """A small transformer written with products, transposes and a softmax, as exporters do."""
    built = hwsim.Network.builder("plain").input("x", (1, tokens, 64), "float16")
    for number in range(2):
        before = f"end{number - 1}" if number else "x"
        at = f"a{number}"
        built.at(before).layer_norm(name=f"{at}.norm")
        for part in ("q", "k", "v"):
            built.at(f"{at}.norm").dense(64, bias=False, name=f"{at}.{part}.dense")
            built.reshape((1, tokens, 4, 16)).transpose(0, 2, 1, 3, name=f"{at}.{part}")
        built.at(f"{at}.k").transpose(0, 1, 3, 2, name=f"{at}.turned")
        built.at(f"{at}.q").matmul(f"{at}.turned", name=f"{at}.scores").softmax(name=f"{at}.weights")
        built.matmul(f"{at}.v", name=f"{at}.mixed").transpose(0, 2, 1, 3).reshape((1, tokens, 64))
        built.dense(64, bias=False).add(before, name=f"{at}.attended").layer_norm()
        built.dense(128, bias=False).gelu().dense(64, bias=False).add(f"{at}.attended", name=f"end{number}")
    return hwsim.prepare(built.dense(100, bias=False).build())


@pytest.mark.parametrize("tokens", [16, 24])  # 16 is the width of a head, too
def test_a_graph_counts_at_other_sizes_what_it_would_have_been_built_with(tokens: int) -> None:
    found, other = traced(plain(tokens)), plain(40)
    assert found.run(tokens, tokens).complexity.macs == plain(tokens).complexity.macs
    assert found.run(40, 40).complexity.macs == other.complexity.macs
    for one, two in zip(found.run(40, 40).works, other.works, strict=True):
        assert [nest.extents for nest in one.nests] == [nest.extents for nest in two.nests]
        assert one.vectors == two.vectors
        assert one.moves == two.moves
    assert found.run(1, 40, 3).complexity.macs == 3 * (2 * (4 * 64 * 64 + 2 * 64 * 128 + 2 * 40 * 64) + 64 * 100)
    assert found.cache_bytes(10) == SMALL.cache_bytes(10)


def test_a_further_step_is_the_same_as_a_new_pass() -> None:
    found = traced(plain(16))
    moved, fresh = found.step(20, 2)(33), found.run(1, 33, 2)
    assert moved.works == fresh.works
    assert moved.network == fresh.network


def test_a_served_graph_is_priced_step_by_step() -> None:
    found = traced(plain(16))
    made = serve(found, DEVICE, 8, 5)
    assert isinstance(made, Serving)
    for number, seconds in enumerate(made.token_s):
        assert seconds == pytest.approx(decode_step(found, DEVICE, 9 + number, 1).totals.latency_s, rel=1e-12)


def test_the_cache_has_its_own_type_and_place() -> None:
    wide, narrow = traced(plain(16)), traced(plain(16), "int4")
    assert narrow.cache_bytes(100) * 4 == wide.cache_bytes(100)

    def moved(decoder: Graph | Decoder, **options: str) -> float:
        return decode_step(decoder, DEVICE, 4096, 1, "roofline", **options).totals.dram_bytes

    assert moved(wide) - moved(narrow) == pytest.approx(0.75 * wide.cache_bytes(4096), rel=0.01)
    inner = hwsim.load_device("tpu_v4i")
    small = replace(GPT2, weights="int4")
    outside = decode_step(small, inner, 1000, 1, "roofline").totals.dram_bytes
    inside = decode_step(small, inner, 1000, 1, "roofline", "cmem").totals.dram_bytes
    # the cache without what is appended, and with it
    assert small.cache_bytes(1000) <= outside - inside <= small.cache_bytes(1001)
    with pytest.raises(UsageError, match="cmem or hbm"):
        decode_step(small, inner, 10, 1, None, "sram")


def test_weights_give_way_to_a_cache_in_their_memory() -> None:
    """GPT-2's 16-bit weights fill all of the level: what the cache takes of it streams in, but for tensors that end up with no place."""
    inner = hwsim.load_device("tpu_v4i")
    matrix = 2 * GPT2.width * GPT2.vocabulary

    def streamed(batch: int) -> float:
        made = decode_step(GPT2, inner, 1000, batch, "roofline", "cmem")
        return made.totals.dram_bytes

    taken = GPT2.cache_bytes(1000, 3) - GPT2.cache_bytes(1000, 1)
    largest = 2 * GPT2.width * GPT2.hidden
    assert taken - largest <= streamed(3) - streamed(1) <= taken + matrix
    with pytest.raises(UsageError, match="keys and values"):
        decode_step(GPT2, inner, 1000, 4, "roofline", "cmem")
    rows = concurrency(GPT2, inner, 1000, (1, 2, 4), "roofline", "cmem")
    assert [row["batch"] for row in rows] == [1, 2]
    found = serve(GPT2, inner, 990, 10, 4, rung="roofline", cache_memory="cmem")
    assert isinstance(found, Infeasible)


def test_what_is_no_language_model_is_said() -> None:
    with pytest.raises(UsageError, match="no input of tokens"):
        traced(hwsim.prepare("light_squeezenet"))
    dense = hwsim.Network.builder("d").input("x", (1, 4, 8)).dense(8).build()
    with pytest.raises(UsageError, match="no transformer"):
        traced(hwsim.prepare(dense))


@needs_shared
def test_gpt2s_graph_is_gpt2() -> None:
    found = graph("gpt2__dyn18")
    for tokens, context, batch in ((128, 128, 1), (1, 700, 1), (1, 64, 5)):
        # the graph makes logits for all tokens, the shape written down for the last
        more = batch * (tokens - 1) * 768 * 50257
        expected = prepared_pass(GPT2, tokens, context, batch).complexity.macs + more
        assert found.run(tokens, context, batch).complexity.macs == expected
    assert found.cache_bytes(1000) == GPT2.cache_bytes(1000)


@needs_shared
def test_prefill_and_decode_exports_of_one_model_agree() -> None:
    prefill, decode = graph("llama_prefill__dyn18"), graph("llama_decode__dyn23")
    for context in (2, 256, 900):
        assert prefill.run(1, context).complexity.macs == decode.run(1, context).complexity.macs
        assert prefill.cache_bytes(context) == decode.cache_bytes(context)


@needs_shared
def test_tokens_of_all_experts_are_given_by_one_pattern() -> None:
    """Where routing hides them every expert is taken to see all 64 tokens; 8 experts that share them see 8 each."""
    path = SHARED / "models" / "switch_small__leg17.onnx"

    def macs(tokens: int) -> int:
        return hwsim.prepare(path, dims={"*experts*NonZero_?_output_0": tokens}).complexity.macs

    assert macs(64) == hwsim.prepare(path).complexity.macs
    each = (macs(64) - macs(8)) / 56
    assert macs(1) == macs(64) - 63 * each
    assert each > 0
    with pytest.raises(ModelError, match="nothing of that name"):
        hwsim.prepare(path, dims={"*expertz*": 8})
