"""CPU time of serving: a thousand tokens of GPT-2, each priced with the cache as long as it is then."""

from __future__ import annotations

import hwsim
from hwsim.system.decoder import GPT2
from hwsim.system.language import traced
from hwsim.system.serving import serve
from tests.shared import SHARED, needs_shared


def test_a_thousand_tokens_of_gpt2(benchmark):
    device = hwsim.load_device("a100_sxm_80g")
    found = benchmark.pedantic(lambda: serve(GPT2, device, 128, 1000), rounds=1)
    assert len(found.token_s) == 999
    assert benchmark.stats.stats.min < 10


@needs_shared
def test_a_thousand_tokens_of_gpt2s_graph(benchmark):
    device = hwsim.load_device("a100_sxm_80g")
    graph = traced(hwsim.prepare(SHARED / "models" / "gpt2__dyn18.onnx", bits="fp16"))
    found = benchmark.pedantic(lambda: serve(graph, device, 128, 1000), rounds=1)
    assert len(found.token_s) == 999
    assert benchmark.stats.stats.min < 10
