"""Pages and pictures of studies and of validations: what they show is what was found; a browser draws and links them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("altair", reason="needs the report extra")
pytest.importorskip("vl_convert", reason="needs the report extra")

from hwsim.cli import main
from hwsim.report import study_charts
from hwsim.report.charts import to_dict
from hwsim.report.study_page import page
from hwsim.report.study_sheet import FRONT, Designs, designs
from hwsim.study import Study, hypervolume, search
from hwsim.study.study import opened
from tests.browser import DRAWN, Page, browse
from tests.report.test_pages import outline

_AXES = {
    "clock_mhz": [100, 400, 900],
    "memory.dram.bandwidth_gb_per_s": {"log": [1, 16, 5]},
    "memory.gbuf.capacity_kib": [32, 256],
}


def study(**more: Any) -> Study:
    base = {"model": "light_squeezenet", "device": "ws_16x16", "bits": "w8a8", "rung": "roofline"}
    return Study(_AXES, base, objectives=["latency_s", "average_power_w"], name="<b>clock</b> and bus", **more)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("study") / "found.sqlite"
    study().run(target).store.close()
    return target


@pytest.fixture(scope="module")
def found(store: Path) -> Designs:
    return designs(opened(store))


def test_a_file_knows_its_objectives_and_its_front(store: Path, found: Designs) -> None:
    assert found.objectives == ("latency_s", "average_power_w")
    assert found.parameters == tuple(_AXES)
    front = [row["index"] for row in found.drawn if row["kind"] == FRONT]
    costs = {number: (row["latency_s"], row["average_power_w"]) for number, row in opened(store).numbered()}
    beaten = {
        number for number, cost in costs.items()
        if any(a <= cost[0] and b <= cost[1] and (a, b) != cost for a, b in costs.values())
    }  # fmt: skip
    assert beaten
    assert sorted(front) == sorted(set(costs) - beaten)


def test_hypervolume_grows_to_that_of_the_whole(store: Path, found: Designs) -> None:
    costs = [(row["latency_s"], row["average_power_w"]) for row in opened(store).rows()]
    lows, highs = (tuple(map(pick, zip(*costs, strict=True))) for pick in (min, max))
    box = (highs[0] - lows[0]) * (highs[1] - lows[1])
    shares = [row["share"] for row in found.volumes]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(hypervolume(costs, highs) / box, rel=1e-6)


def test_a_search_keeps_the_order_of_its_evaluations(tmp_path: Path) -> None:
    target = tmp_path / "search.sqlite"
    made = search(study(), 6, method="random", seed=3, store=target).results
    turns = made.turns()
    assert len(turns) == 6
    assert turns != sorted(turns)
    assert opened(target).turns() == turns
    assert designs(made).volumes[-1]["evaluations"] == 6


def test_maximized_words_and_one_objective() -> None:
    axes = {"device": ["ws_16x16", "tpu_v1"], "batch": [1, 2]}
    base = {"model": "light_squeezenet", "bits": "w8a8", "rung": "roofline"}
    made = designs(Study(axes, base, objectives=["-throughput_per_s"]).run())
    best = next(row for row in made.drawn if row["kind"] == FRONT)
    assert best["values"][-1] == max(row["values"][-1] for row in made.drawn)
    for draw in study_charts.CHARTS.values():
        to_dict(draw(made))


def test_page_holds_every_design_without_scripts(found: Designs) -> None:
    without = re.sub(r"<script.*?</script>", "", page(found), flags=re.DOTALL)
    assert "<b>" not in without
    assert outline(without).rows > len(found.drawn)
    for row in found.drawn:
        assert f'id="design-{row["index"]}"' in without


def test_commands_write_pages_and_the_same_pictures(store: Path, tmp_path: Path, capsys: Any) -> None:
    paths = [tmp_path / f"{name}{more}.svg" for name in study_charts.CHARTS for more in ("", "_again")]
    plots = [word for path in paths for word in ("--plot", str(path))]
    assert main(["study", "report", str(store), "-o", str(tmp_path / "study.html"), *plots]) == 0
    assert (tmp_path / "study.html").stat().st_size < 2_000_000
    for name in study_charts.CHARTS:
        assert (tmp_path / f"{name}.svg").read_bytes() == (tmp_path / f"{name}_again.svg").read_bytes()
    assert main(["study", "report", str(store), "--plot", str(tmp_path / "parato.png")]) == 2
    assert "did you mean pareto" in capsys.readouterr().err


def test_browser_links_designs_and_lines(found: Designs, tmp_path: Path) -> None:
    target = tmp_path / "study.html"
    target.write_text(page(found), encoding="utf-8")

    async def look(shown: Page) -> None:
        await shown.open(target.as_uri())
        await shown.until(DRAWN)
        place = await shown.ask(
            "(() => { const box = document.querySelector('#designs svg.marks').getBoundingClientRect();"
            " return [box.left, box.top, box.width, box.height]; })()"
        )
        await shown.ask("window.before = document.querySelector('#designs svg.marks').outerHTML")
        await shown.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0] + 80, y=place[1] + 20)
        await shown.call(
            "Input.dispatchMouseEvent",
            type="mousePressed",
            x=place[0] + 80,
            y=place[1] + 20,
            button="left",
            clickCount=1,
        )
        for way in (0.3, 0.6, 1.0):
            await shown.call(
                "Input.dispatchMouseEvent",
                type="mouseMoved", x=place[0] + 80 + 200 * way, y=place[1] + 20 + 200 * way, button="left", buttons=1,
            )  # fmt: skip
        await shown.call(
            "Input.dispatchMouseEvent", type="mouseReleased", x=place[0] + 280, y=place[1] + 220, button="left"
        )
        await shown.until("window.before != document.querySelector('#designs svg.marks').outerHTML")
        await shown.ask("location.hash = document.querySelector('details:not([open]) tr[id]').id")
        await shown.until("document.querySelector('tr:target').closest('details').open")
        assert shown.complaints == []
        assert [url for url in shown.requests if not url.startswith(("file:", "data:"))] == []

    browse(look)


def test_validation_page_and_pictures(tmp_path: Path, capsys: Any) -> None:
    import hwsim

    layers = hwsim.estimate("light_squeezenet", "cortex_a72", rung="roofline").layers
    rows = [f"layer,{layer.name},{layer.latency_s * 1e6 * (1.5 if layer.op == 'Conv' else 1.0)}" for layer in layers]
    (tmp_path / "measured.csv").write_text("\n".join(["scope,name,latency_us", *rows]), encoding="utf-8")
    command = ["validate", "light_squeezenet", str(tmp_path / "measured.csv"), "--device", "cortex_a72"]
    more = ["--page", str(tmp_path / "page.html"), "--plot", str(tmp_path / "errors.json")]
    assert main([*command, *more, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["work"] for row in told["layers"] if row["op"] == "Conv"} <= {
        "stem",
        "pointwise",
        "window_3x3",
        "window",
    }
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    without = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    outline(without)
    assert re.search(r'<td class="text">pointwise</td><td class="number">\d+</td>.*?0\.67×', without)
    specification = json.loads((tmp_path / "errors.json").read_text(encoding="utf-8"))
    assert len(specification["layer"]) == 3
