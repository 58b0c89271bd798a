"""Pages and pictures: complete, escaped, deterministic; drawn by a real browser where there is one."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("altair", reason="needs the report extra")
pytest.importorskip("vl_convert", reason="needs the report extra")

import hwsim
from hwsim.errors import UsageError
from hwsim.report import charts, pictures
from hwsim.report.page import page
from hwsim.report.sheet import Sheet, sheet
from tests.browser import DRAWN, Page, browse

EVIL = "<img src=x onerror=alert(1)>\x1b[31m</script>"


@pytest.fixture(scope="module")
def sheets() -> list[Sheet]:
    prepared = hwsim.prepare("light_squeezenet")
    made = []
    for name in ("eyeriss_v1", "tpu_v1"):
        device = hwsim.load_device(name)
        made.append(sheet(hwsim.estimate(prepared, device, rung="roofline"), prepared, device))
    return made


class Outline(HTMLParser):
    """Tags that are open, tags seen, and the text of cells."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: dict[str, int] = {}
        self.open: list[str] = []
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.rows += tag == "tr"
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    assert not found.open
    return found


def test_page_says_everything_without_scripts(sheets: list[Sheet]) -> None:
    text = page(sheets)
    assert len(text) < 2_000_000
    without = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    seen = outline(without)
    for one in sheets:
        assert one.title in without
        assert seen.rows > 2 * len(one.layers)
        for row in one.layers:
            assert f">{row['layer']}<" in without
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", without)


def values(specification: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the first (or only) layer of a chart."""
    first = specification.get("layer", [specification])[0]
    return list(specification["datasets"][first["data"]["name"]])


def test_specifications_hold_every_layer(sheets: list[Sheet]) -> None:
    text = page(sheets[:1])
    found = re.search(r'id="specifications">(.*?)</script>', text, flags=re.DOTALL)
    assert found
    plain = json.loads(found[1])
    assert {name.rstrip("0") for name in plain} == {"roofline", "time", "energy", "memory", "area"}
    drawn = values(plain["time0"])
    assert sum(row["latency_s"] for row in drawn) == pytest.approx(sheets[0].estimate.totals.latency_s)
    spent = values(plain["energy0"])
    assert sum(row["high_j"] - row["low_j"] for row in spent) == pytest.approx(sheets[0].estimate.totals.energy_j)


def evil_sheet() -> Sheet:
    built = hwsim.Network.builder(EVIL).input(EVIL, (1, 3, 8, 8)).conv(4, kernel=3, name=f"{EVIL}2").relu().build()
    prepared = hwsim.prepare(built)
    device = hwsim.load_device("eyeriss_v1")
    return sheet(hwsim.estimate(prepared, device, rung="roofline"), prepared, device)


def test_markup_in_names_is_text() -> None:
    text = page([evil_sheet()])
    assert "<img" not in text.split('<script type="module">')[0]
    assert "\x1b" not in text
    assert outline(re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)).tags.get("img") is None


def test_alive_bytes_reach_the_peak(sheets: list[Sheet]) -> None:
    for one in sheets:
        assert max(row["bytes"] for row in one.alive) == one.estimate.totals.peak_activation_bytes


@pytest.mark.parametrize("name", list(charts.CHARTS))
def test_pictures_are_the_same_bytes_each_time(sheets: list[Sheet], name: str, tmp_path: Path) -> None:
    for ending, magic in (("json", b"{"), ("svg", b"<svg"), ("png", b"\x89PNG")):
        first, second = tmp_path / f"{name}.{ending}", tmp_path / f"{name}_again.{ending}"
        pictures.save_named(str(first), sheets)
        pictures.save_named(str(second), sheets)
        assert first.read_bytes().startswith(magic)
        assert first.read_bytes() == second.read_bytes()


def test_devices_side_by_side(sheets: list[Sheet], tmp_path: Path) -> None:
    target = tmp_path / "devices.pdf"
    pictures.save_named(str(target), sheets)
    assert target.read_bytes().startswith(b"%PDF")
    rows = values(charts.to_dict(charts.devices(sheets)))
    assert {row["run"] for row in rows} == {one.title for one in sheets}
    assert sum(row["share"] for row in rows) == pytest.approx(len(sheets))


def test_names_of_pictures(tmp_path: Path, sheets: list[Sheet]) -> None:
    assert charts.named("a/roofline-2.svg") == "roofline"
    with pytest.raises(UsageError, match=r"did you mean roofline"):
        charts.named("roofine.png")
    with pytest.raises(UsageError, match=r"ends in \.png"):
        pictures.save_named(str(tmp_path / "time.bmp"), sheets)
    with pytest.raises(UsageError, match="cannot be written"):
        pictures.save_named(str(tmp_path / "no" / "time.svg"), sheets)


def test_what_is_not_known_is_said_and_not_drawn(sheets: list[Sheet]) -> None:
    with pytest.raises(UsageError, match="no energy to draw"):
        charts.energy(sheets[1])
    assert "no energy to draw" in page(sheets[1:])


async def drawn(shown: Page, target: Path) -> None:
    """Open a page and wait until all its pictures are there."""
    await shown.open(target.as_uri())
    await shown.until(DRAWN)
    assert await shown.ask("[...document.querySelectorAll('.picture')].every((place) => place.querySelector('.marks'))")


def test_a_browser_draws_every_picture(tmp_path: Path, sheets: list[Sheet]) -> None:
    target = tmp_path / "report.html"
    target.write_text(page([*sheets, evil_sheet()]), encoding="utf-8")

    async def look(shown: Page) -> None:
        await drawn(shown, target)
        bright = await shown.ask("getComputedStyle(document.body).backgroundColor")
        # hover over the middle of a bar: the tooltip names a layer
        for name in ("time0", "roofline0"):
            await shown.ask(f"document.getElementById('{name}').scrollIntoView({{block: 'center'}})")
            mark = await shown.ask(
                f"(() => {{ const all = [...document.querySelectorAll('#{name} :is(.mark-rect, .mark-symbol).role-mark path')];"
                " const box = all.map((one) => one.getBoundingClientRect()).sort((a, b) => b.width * b.height - a.width * a.height)[0];"
                " return [box.left + box.width / 2, box.top + box.height / 2]; })()"
            )
            await shown.point(*mark)
            told = await shown.until("document.querySelector('#vg-tooltip-element.visible')?.textContent")
            assert any(row["layer"] in told for row in sheets[0].layers)
        await shown.point(*mark, click=True)
        await shown.until("!!document.querySelector('tr:target')")
        # a key chooses the order of the bars
        await shown.ask("document.querySelector('#time0 input[type=radio]').focus()")
        for kind in ("keyDown", "keyUp"):
            await shown.call(
                "Input.dispatchKeyEvent", type=kind, key="ArrowDown", code="ArrowDown", windowsVirtualKeyCode=40
            )
        await shown.until("document.querySelectorAll('#time0 input[type=radio]')[1].checked")
        await shown.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        await shown.until(f"getComputedStyle(document.body).backgroundColor != '{bright}'")
        await shown.until("!!document.querySelector('#time0 svg.marks text[fill=\"#ececec\"]')")
        await shown.call("Emulation.setEmulatedMedia", media="print", features=[])
        pages = await shown.call("Page.printToPDF", printBackground=False)
        assert base64.b64decode(pages["data"]).startswith(b"%PDF")
        assert shown.complaints == []
        assert [url for url in shown.requests if not url.startswith(("file:", "data:"))] == []
        assert await shown.ask("document.querySelectorAll('img').length") == 0

    browse(look)


def test_without_scripts_the_tables_are_there(tmp_path: Path, sheets: list[Sheet]) -> None:
    target = tmp_path / "report.html"
    target.write_text(page(sheets[:1]), encoding="utf-8")

    async def look(shown: Page) -> None:
        await shown.call("Emulation.setScriptExecutionDisabled", value=True)
        await shown.open(target.as_uri())
        root = await shown.call("DOM.getDocument")
        rows = await shown.call("DOM.querySelectorAll", nodeId=root["root"]["nodeId"], selector="table.layers tbody tr")
        assert len(rows["nodeIds"]) == len(sheets[0].layers)
        assert shown.complaints == []

    browse(look)


def test_memory_stands_beside_the_level_that_holds_activations(sheets: list[Sheet]) -> None:
    """TPU v1's outermost memory on the chip is its FIFO of weights; activations live in 24 MiB, Eyeriss' in 100 KiB."""
    eyeriss, tpu = sheets
    assert (eyeriss.capacity, tpu.capacity) == (102_400, 24 * 2**20)
    texts = [json.dumps(charts.to_dict(charts.memory(one))) for one in sheets]
    assert "holds activations: 102 kB" in texts[0] and "far above" not in texts[0]
    assert "holds activations: 25.2 MB, far above" in texts[1]


def test_colours_keep_their_meaning_from_picture_to_picture(sheets: list[Sheet]) -> None:
    def colours(drawn: Any) -> dict[str, str]:
        scale = charts.to_dict(drawn)["encoding"]["color"]["scale"]
        return dict(zip(scale["domain"], scale["range"], strict=True))

    found = [colours(charts.time(one)) for one in sheets] + [colours(charts.energy(sheets[0]))]
    assert {one["dram"] for one in found} == {charts.PALETTE[1]}
    for one in found:
        assert len(set(one.values())) == len(one), "no two names share a colour"
