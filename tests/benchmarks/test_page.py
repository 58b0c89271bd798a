"""A page of a network of 1,500 layers: its size, and how long a browser takes until it can be used."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import hwsim
from hwsim.report.page import page
from hwsim.report.sheet import sheet
from tests.browser import DRAWN, Page, browse

LAYERS = 1500


def long_page() -> str:
    built = hwsim.Network.builder("long").input("x", (1, 16, 32, 32))
    for number in range(LAYERS // 2):
        built.conv(16, kernel=3, name=f"stage{number // 50}/block{number}/Conv_{number}").pool(3, stride=1, padding=1)
    prepared = hwsim.prepare(built.build(), passes=())
    device = hwsim.load_device("eyeriss_v1")
    return page([sheet(hwsim.estimate(prepared, device, rung="mapping"), prepared, device)])


def test_page_of_1500_layers(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    start = time.process_time()
    text = long_page()
    made = time.process_time() - start
    target = tmp_path / "long.html"
    target.write_text(text, encoding="utf-8")
    size = target.stat().st_size
    assert size < 10_000_000

    async def look(shown: Page) -> dict[str, float]:
        await shown.open(target.as_uri())
        await shown.until(DRAWN)
        assert await shown.ask("document.querySelectorAll('table.layers tbody tr').length") == LAYERS
        assert shown.complaints == []
        found = await shown.ask(
            "(() => { const page = performance.getEntriesByType('navigation')[0];"
            " const drawn = performance.getEntriesByName('drawn')[0].startTime;"
            " return { readable: page.domInteractive, loaded: page.loadEventEnd, drawn }; })()"
        )
        return dict(found)

    times = [browse(look) for _ in range(3)]
    middle = {name: sorted(one[name] for one in times)[1] / 1000 for name in times[0]}
    print(f"\n{size / 1e6:.2f} MB, made in {made:.2f} s of CPU; seconds: {middle}")
    assert middle["drawn"] < 2, middle
