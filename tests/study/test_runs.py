"""Runs: the same as single estimates to the last bit, resumed after being killed, refused where inputs changed."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import hwsim
from hwsim.cli import main
from hwsim.errors import UsageError
from hwsim.estimation import mapped
from hwsim.estimation.residency import residency
from hwsim.study import Study, fast
from hwsim.study.evaluation import TOTALS, Evaluator, evaluate_batch, limits_of
from hwsim.study.kinds import key_of
from hwsim.study.reading import read_study
from hwsim.study.study import opened

BASE = {"model": "light_squeezenet", "device": "ws_16x16", "bits": "w8a8", "rung": "roofline"}


def small(**options: object) -> Study:
    axes = {"clock_mhz": [100, 200, 400], "memory.gbuf.capacity_kib": [64, 128]}
    return Study(axes, base=BASE, **options)  # type: ignore[arg-type]


def test_each_row_is_the_estimate() -> None:
    results = small(constraints={"max_latency_s": 0.01, "min_throughput_per_s": 50}).run()
    for row in results.rows():
        overrides = [f"{name}={row[name]}" for name in ("clock_mhz", "memory.gbuf.capacity_kib")]
        totals = hwsim.estimate(
            "light_squeezenet", "ws_16x16", overrides=overrides, bits="w8a8", rung="roofline"
        ).totals
        assert {name: row[name] for name in TOTALS} == totals.to_dict()
        assert row["residual_max_latency_s"] == totals.latency_s / 0.01 - 1
        assert row["residual_min_throughput_per_s"] == 1 - totals.throughput_per_s / 50
        assert row["feasible"] == (totals.latency_s <= 0.01 and totals.throughput_per_s >= 50)


def test_a_large_study_of_mappings_is_searched_quickly_and_says_so() -> None:
    axes = {"memory.gbuf.capacity_kib": {"range": [64, 114, 1]}}
    base = {**BASE, "rung": "mapping"}
    many, few = Study(axes, base=base), Study({"clock_mhz": [400]}, base=base)
    assert many.base["search"] == "quick" == many.provenance["base"]["search"] and many.chosen
    assert "search" not in few.base and not few.chosen
    assert Study(axes, base={**base, "search": "full"}).base["search"] == "full"
    assert "search" not in Study(axes, base=BASE).base


def test_rows_of_mappings_are_the_estimates_and_have_the_largest_gap() -> None:
    points = [{"memory.gbuf.capacity_kib": kib} for kib in (24, 128)]
    columns = evaluate_batch(points, base={**BASE, "rung": "mapping", "search": "quick"})
    for place, point in enumerate(points):
        overrides = [f"{name}={value}" for name, value in point.items()]
        options = {"overrides": overrides, "bits": "w8a8", "rung": "mapping", "search": "quick", "cache": False}
        single = hwsim.estimate("light_squeezenet", "ws_16x16", **options)  # type: ignore[arg-type]
        assert {name: columns[name][place] for name in TOTALS} == single.totals.to_dict()
        gaps = [layer.bound_gap for layer in single.layers if layer.bound_gap is not None]
        assert columns["bound_gap"][place] == max(gaps) and single.settings["search"] == "quick"


@pytest.mark.parametrize(
    "device", ["ws_16x16", "cortex_m7", "generic_x86_server_core", "edge_tpu", "nnp_i_1100", "simba"]
)
def test_many_at_once_are_the_same_bits(device: str) -> None:
    outer = hwsim.load_device(device).memories[-1].name
    key = f"memory.{outer}.bandwidth_gb_per_s"
    points = [{"clock_mhz": 50.0 + 7 * n, **({key: 0.3 + 0.7 * n} if n % 2 else {})} for n in range(40)]
    base = {"model": "light_squeezenet", "device": device, "rung": "roofline"}
    evaluator = Evaluator(dict(base), limits_of({"max_latency_s": 0.02}))
    some = [point for point in points if len(point) == 1]
    assert fast._group(evaluator, key_of(some[0], ()), some) is not None
    assert fast.rows(evaluator, points) == [evaluator.row(point) for point in points]
    columns = evaluate_batch(points, {"max_latency_s": 0.02}, base)
    assert columns["latency_s"] == [evaluator.row(point)["latency_s"] for point in points]


@pytest.mark.parametrize("device", ["ws_16x16", "edge_tpu", "cortex_m7"])
def test_capacities_and_bits_at_once_are_the_same_bits(device: str) -> None:
    base = {"model": "light_squeezenet", "device": device, "rung": "roofline"}
    inner = next(memory for memory in reversed(hwsim.load_device(device).memories) if not memory.off_chip)
    generator = random.Random(5)
    capacities = [generator.randrange(1 << 10, 1 << 23) for _ in range(25)]
    points = [
        {f"memory.{inner.name}.capacity_bytes": capacity, "bits": bits, **({"clock_mhz": clock} if clock else {})}
        for capacity in capacities
        for bits in ("w8a8", "w4a8")
        for clock in (None, 90, 170.5)
    ]
    generator.shuffle(points)
    alone = Evaluator(dict(base))
    wanted = [alone.row(point) for point in points]
    assert not alone.setups
    together = Evaluator(dict(base))
    assert fast.rows(together, points[:70]) + fast.rows(together, points[70:]) == wanted
    assert evaluate_batch(points, base=base)["latency_s"] == [row["latency_s"] for row in wanted]
    counted = Counted(dict(base))
    assert fast.rows(counted, points) == wanted
    assert counted.calls < 60


@pytest.mark.parametrize("device", ["ws_16x16", "edge_tpu", "cortex_m7"])
def test_capacities_are_grouped_up_to_the_very_byte(device: str) -> None:
    """Where the tensors that stay change, one byte decides: both sides of every such edge, and one in the middle, as single designs."""
    profile = hwsim.load_device(device)
    level = next(memory for memory in reversed(profile.memories) if not memory.off_chip)
    name = f"memory.{level.name}.capacity_bytes"
    network = hwsim.prepare("light_squeezenet", bits="w8a8")
    sizes, size = [], 30_000.0
    while len(sizes) < 30 and size < 1e8:
        sized = hwsim.load_device(device, [f"{name}={int(size)}"])
        least, below = residency(network, [work for _, work in network.priced], sized, True).between[level.name]
        assert least <= int(size) * level.instances < below
        sizes += [int(size), *([int(below) - 1, int(below)] if below < 1e8 and level.instances == 1 else [])]
        size = below + 1
    base = {"model": "light_squeezenet", "device": device, "bits": "w8a8", "rung": "roofline"}
    points = [{name: size} for size in dict.fromkeys(sizes)]
    alone = Evaluator(dict(base))
    wanted = [alone.row(point) for point in points]
    assert fast.rows(Evaluator(dict(base)), points) == wanted
    assert len(points) < 9 or len({row["dram_bytes"] for row in wanted}) > 3


class Counted(Evaluator):
    """How often a design is evaluated one by one."""

    calls = 0

    def estimate(self, point: object) -> hwsim.Estimate:
        self.calls += 1
        return super().estimate(point)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_nest_is_searched_once_for_each_hierarchy(
    threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    search = mapped.best

    def counted(*question: Any, **options: Any) -> Any:
        asked.append(question)
        return search(*question, **options)

    monkeypatch.setattr(mapped, "best", counted)
    table = tmp_path / "layers.csv"
    table.write_text("op,k,c,p,q,r,s\nConv,8,8,6,6,3,3\nConv,8,8,4,4,3,3\nConv,8,8,6,6,3,3\n", encoding="utf-8")
    axes = {"compute.vector.ops_per_cycle": [4, 8, 16], "memory.gbuf.capacity_kib": [16, 64]}
    base = {"model": str(table), "device": "ws_16x16", "bits": "w8a8", "rung": "mapping"}
    results = Study(axes, base=base).run(threads=threads, cache=False)
    assert len(asked) == 2 * 2  # nests by capacities
    rows = list(results.rows())
    assert len(rows) == 6
    for row in rows[::4]:
        overrides = [f"{name}={row[name]}" for name in axes]
        single = hwsim.estimate(table, "ws_16x16", rung="mapping", bits="w8a8", overrides=overrides, cache=False)
        assert {name: row[name] for name in TOTALS} == single.totals.to_dict()


def test_an_order_does_not_matter() -> None:
    points = [{"clock_mhz": 100 + n % 5, "batch": 1 + n % 2} for n in range(40)]
    forward = evaluate_batch(points, base=BASE)
    backward = evaluate_batch(points[::-1], base=BASE)
    assert {name: values[::-1] for name, values in backward.items()} == forward


def test_what_cannot_be_is_a_row_with_a_reason() -> None:
    axes = {"device": ["ws_16x16", "no_such"], "clock_mhz": [100, -5]}
    base = {name: value for name, value in BASE.items() if name != "device"}
    rows = list(Study(axes, base=base, constraints={"max_energy_j": 1}).run().rows())
    assert [row["feasible"] for row in rows] == [1, 0, 0, 0]
    assert "no such device" in str(rows[2]["reason"])
    assert all(row["residual_max_energy_j"] is not None and row["residual_mapping"] in (0.0, 1.0) for row in rows)
    assert rows[1]["latency_s"] is None


def test_yes_and_no_are_values() -> None:
    rows = list(Study({"memory.dram.overlapped": [True, False]}, base=BASE).run().rows())
    assert [row["memory.dram.overlapped"] for row in rows] == [1, 0]
    assert float(rows[0]["latency_s"]) < float(rows[1]["latency_s"])  # type: ignore[arg-type]


def test_results_resume_and_refuse_other_inputs(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    whole = list(small().run().rows())
    first = small().run(store)
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("DELETE FROM points WHERE number IN (1, 4)")
        database.execute("UPDATE points SET c3 = 1.0 WHERE number = 2")
    assert len(list(first.rows())) == 3
    calls: list[tuple[int, int]] = []
    assert list(small().run(store, progress=lambda done, total: calls.append((done, total))).rows()) == whole
    assert calls == [(6, 6)]
    with pytest.raises(UsageError, match="holds results of other inputs"):
        small(constraints={"max_latency_s": 1}).run(store)
    assert list(opened(store).rows()) == whole


def test_files_that_are_no_results(tmp_path: Path) -> None:
    junk = tmp_path / "junk.sqlite"
    junk.write_bytes(b"not a database, but long enough to look at " * 50)
    with pytest.raises(UsageError, match="no study file"):
        small().run(junk)
    with pytest.raises(UsageError, match="no study file"):
        opened(junk)
    with pytest.raises(UsageError, match="no such study file"):
        opened(tmp_path / "none.sqlite")
    with pytest.raises(UsageError, match="cannot be written"):
        small().run(tmp_path / "no" / "folder.sqlite")


def test_exports_are_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the pandas extra")
    results = small().run()
    for ending in ("csv", "parquet"):
        one, two = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
        results.export(one)
        small().run(threads=2).export(two)
        assert one.read_bytes() == two.read_bytes()
    import pandas

    table = pandas.read_parquet(tmp_path / "a.parquet")
    assert list(table["latency_s"]) == [row["latency_s"] for row in results.rows()]
    with pytest.raises(UsageError, match=r"\.csv or a \.parquet"):
        results.export(tmp_path / "a.xlsx")


STUDY = """\
study: killed
base: {model: light_squeezenet, device: ws_16x16, rung: roofline}
axes:
  memory.gbuf.capacity_kib: {range: [16, 128, 2]}
  batch: [1, 2, 4]
"""


def test_killed_at_random_moments_nothing_is_lost(tmp_path: Path) -> None:
    times = int(os.environ.get("HWSIM_TEST_KILLS", "3"))
    file = tmp_path / "killed.yaml"
    file.write_text(STUDY, encoding="utf-8")
    read_study(file).run(tmp_path / "calm.sqlite").export(tmp_path / "calm.csv")
    command = [sys.executable, "-m", "hwsim", "study", "run", str(file)]
    generator = random.Random(11)
    for _ in range(times):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(generator.uniform(0.2, 1.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    opened(tmp_path / "killed.sqlite").export(tmp_path / "killed.csv")
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "calm.csv").read_bytes()


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(STUDY.replace("{range: [16, 128, 2]}", "[16, 128]"), encoding="utf-8")
    assert main(["study", "run", str(file), "--count"]) == 0
    assert "6 designs" in capsys.readouterr().err
    assert main(["study", "run", str(file), "--export", str(tmp_path / "o.csv")]) == 0
    assert "on the front of latency_s and energy_j" in capsys.readouterr().out
    assert main(["study", "front", str(tmp_path / "s.sqlite"), "--by", "batch", "--objective=-throughput_per_s"]) == 0
    assert main(["study", "front", str(tmp_path / "s.sqlite"), "--by", "bach"]) == 2
    assert main(["study", "front", str(tmp_path / "s.sqlite"), "--objective", "speed"]) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("axes:", "axis:", ":3: axis: unknown key (did you mean axes?)"),
        ("[1, 2, 4]", "[1, 1]", ":5: axis batch"),
        ("{range: [16, 128, 2]}", "{rang: [16, 128, 2]}", ":4: axis memory.gbuf.capacity_kib"),
        ("study: killed", "constraints: {max_speed: 3}", ":1: constraints: max_speed"),
        ("study: killed", "where: ['bach > 1']", ":1: where 'bach > 1': no axis bach"),
        ("study: killed", "zip: [[batch, nothing]]", ":1: zip: no axis nothing"),
        ("study: killed", "objectives: [speed]", ":1: objectives: speed is no total"),
        ("base: {", "base: [", "not valid YAML"),
    ],
)
def test_mistakes_in_a_study_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(STUDY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_study(file)
    assert said in str(caught.value)


def test_a_full_disk_leaves_what_is_there(tmp_path: Path) -> None:
    small().run(tmp_path / "full.sqlite")
    before = list(opened(tmp_path / "full.sqlite").rows())
    store = opened(tmp_path / "full.sqlite").store
    (pages,) = store._database.execute("PRAGMA page_count").fetchone()
    store._database.execute(f"PRAGMA max_page_count={pages}")
    row = next(iter(store.rows()))[1]
    with pytest.raises(UsageError, match="intact: run the study again"):
        store.add([(number, row) for number in range(100, 2000)])
    assert list(opened(tmp_path / "full.sqlite").rows()) == before
