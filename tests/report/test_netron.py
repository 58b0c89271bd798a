"""An annotated model in Netron: a headless Chromium clicks nodes and reads what stands beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hwsim
from hwsim.cli import main
from hwsim.report.node_facts import node_facts
from tests.browser import Page, browse

_SIDEBAR = (
    "[document.querySelector('#sidebar').textContent,"
    " ...[...document.querySelectorAll('#sidebar input')].map((one) => one.value)].join(' ')"
)


def test_netron_shows_the_results_of_a_node(tmp_path: Path) -> None:
    netron = pytest.importorskip("netron", reason="needs netron (pip install '.[dev]')")
    target = tmp_path / "annotated.onnx"
    command = ["estimate", "light_squeezenet", "--device", "eyeriss_v1", "--model", "roofline"]
    assert main([*command, "--annotate", str(target)]) == 0
    estimate = hwsim.estimate("light_squeezenet", "eyeriss_v1", rung="roofline")
    facts = node_facts(estimate)
    last_of = {op: [layer.name for layer in estimate.layers if layer.op == op][-1] for op in ("Conv", "Softmax")}

    async def look(page: Page) -> None:
        await page.open(f"http://127.0.0.1:{port}/")
        # the first start asks for consent; nothing but loopback is reached either way
        await page.until("document.body?.classList.contains('notification')")
        await page.ask("document.querySelector('#message-button').click()")
        await page.until("document.body?.classList.contains('default') && !!document.querySelector('g.graph-node')")
        for op, layer in last_of.items():
            await page.ask(
                "(() => { const nodes = [...document.querySelectorAll('g.graph-node')]"
                f".filter((node) => node.querySelector('text').textContent == '{op}');"
                " const low = (node) => node.getBoundingClientRect().bottom;"
                " nodes.sort((a, b) => low(b) - low(a))[0].querySelector('path').dispatchEvent("
                "new MouseEvent('click', { bubbles: true })); })()"
            )
            shown = await page.until(
                f"(() => {{ const told = {_SIDEBAR}; return told.includes('hwsim.') && told; }})()"
            )
            told = re.sub(r"\s+", " ", shown)
            for key, value in facts[layer].items():
                assert f"hwsim.{key}" in told
                assert value in told

    host, port = netron.start(str(target), address=("127.0.0.1", 0), browse=False)
    try:
        assert host == "127.0.0.1"
        browse(look)
    finally:
        netron.stop((host, port))
