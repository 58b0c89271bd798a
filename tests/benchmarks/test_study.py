"""Studies: rooflines a second, and NSGA-II beside random draws on the shipped space. ``python -m pytest tests/benchmarks/test_study.py``"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest

from hwsim.study import Study, evaluate_batch, hypervolume, search
from hwsim.study.evaluation import Evaluator
from hwsim.study.reading import read_study

BASE = {"model": "light_resnet50", "device": "ws_16x16", "bits": "w8a8", "rung": "roofline"}
SPACE = Path(__file__).parents[2] / "examples" / "constrained_space.yaml"


def test_rooflines_a_second(tmp_path: Path) -> None:
    """At least 20,000 whole networks a second and core, kept on disk."""
    axes = {"clock_mhz": {"range": [100, 1099, 1]}, "memory.dram.bandwidth_gb_per_s": {"range": [1, 50, 1]}}
    start = time.process_time()
    Study(axes, base=BASE).run(tmp_path / "s.sqlite")
    assert 50_000 / (time.process_time() - start) >= 20_000


def test_a_million_designs_in_bounded_memory(tmp_path: Path) -> None:
    axes = {
        "clock_mhz": {"range": [100, 1099, 1]},
        "memory.dram.bandwidth_gb_per_s": {"range": [1, 100, 1]},
        "compute.pe_array.x": [4, 8, 12, 16, 20, 24, 28, 32, 48, 64],
    }
    Study(axes, base=BASE).run(tmp_path / "s.sqlite").export(tmp_path / "s.csv")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1_000_000


def test_capacities_and_bits_a_second() -> None:
    """The same rate where buffers, arrays, bits and clocks vary."""
    axes = {
        "clock_mhz": {"range": [100, 599, 1]},
        "memory.gbuf.capacity_kib": [16, 64, 128, 256, 512],
        "bits": ["w8a8", "w4a8"],
        "compute.pe_array.x": [4, 8, 16, 32],
    }
    points = list(Study(axes, base=BASE).space.points())
    start = time.process_time()
    evaluate_batch(points, base=BASE)
    assert len(points) / (time.process_time() - start) >= 20_000


def test_capacities_alone_a_second() -> None:
    """The same rate where every design has a capacity of its own."""
    points = [{"memory.gbuf.capacity_bytes": 16_384 + 61 * number} for number in range(20_000)]
    start = time.process_time()
    evaluate_batch(points, base=BASE)
    assert len(points) / (time.process_time() - start) >= 20_000


def test_a_mapping_sweep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """200 buffers and arrays, each with every nest of ResNet-50 mapped, nothing on disk: under a minute of two cores.

    ``HWSIM_SWEEP_POINTS`` takes fewer.
    """
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path))
    axes = {
        "memory.gbuf.capacity_kib": {"log": [16, 512, 20]},
        "compute.pe_array.x": [8, 16],
        "compute.pe_array.y": [4, 8, 12, 16, 32],
    }
    study = Study(axes, base={**BASE, "rung": "mapping"})
    count = int(os.environ.get("HWSIM_SWEEP_POINTS", study.space.cardinality))
    each = study.space.cardinality // count
    points = list(study.space.points())[::each]
    evaluator = Evaluator(dict(study.base), cache=False)
    Evaluator(dict(study.base), cache=False).row({**points[0], "clock_mhz": 499})  # compiles
    start = time.process_time()
    rows = [evaluator.row(point) for point in points]
    took = (time.process_time() - start) / len(points)
    gaps = sorted(float(row["bound_gap"]) for row in rows)  # type: ignore[arg-type]
    print(f"{took:.2f} s of CPU a point, gaps of the worst layers {gaps[0]:.2f} to {gaps[-1]:.2f}")
    assert 200 * took / 2 < 60


_WORKER = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from hwsim.study.evaluation import Evaluator
base, pool = json.loads(sys.argv[1]), ThreadPoolExecutor(2)
Evaluator(base, cache=False).row({"clock_mhz": 99})
print("ready", flush=True)
for line in sys.stdin:
    threads, points = json.loads(line)
    evaluator, start = Evaluator(base, cache=False), time.perf_counter()
    list((pool.map if threads > 1 else map)(evaluator.row, points))
    print(time.perf_counter() - start, flush=True)
"""


@pytest.mark.parametrize(("effort", "points"), [("quick", 4), ("full", 2)])
def test_two_threads_beside_two_processes(effort: str, points: int) -> None:
    """Mapping searches by two threads: at least 0.9 of the rate of two processes with half of the work each.

    Workers stay; threads and processes take turns over fresh designs, and the median of the ratios counts: others may use the machine.
    """
    base = {**BASE, "model": "light_squeezenet", "rung": "mapping", "search": effort}
    command = [sys.executable, "-c", _WORKER, json.dumps(base)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    def seconds(asked: dict[int, tuple[int, list[dict[str, int]]]]) -> float:
        for number, question in asked.items():
            print(json.dumps(question), file=workers[number].stdin, flush=True)
        return max(float(workers[number].stdout.readline()) for number in asked)  # type: ignore[union-attr]

    assert all(worker.stdout is not None and worker.stdout.readline() == "ready\n" for worker in workers)
    ratios = []
    for turn in range(11):
        designs = [
            {"clock_mhz": 100 + turn * points + place, "compute.pe_array.x": 8 + place % 4} for place in range(points)
        ]
        asked = [{0: (1, designs[::2]), 1: (1, designs[1::2])}, {2: (2, designs)}]
        first = seconds(asked[turn % 2])
        second = seconds(asked[1 - turn % 2])
        ratios.append(second / first if turn % 2 else first / second)
    for worker in workers:
        worker.kill()
    print("two threads over two processes:", [f"{ratio:.2f}" for ratio in sorted(ratios)])
    assert median(ratios) >= 0.9


def test_a_scheduler_costs_less_than_a_millisecond_a_point(tmp_path: Path) -> None:
    """Wall time of a run on one worker over that of the same run in this process, a point."""
    distributed = pytest.importorskip("distributed", reason="needs the cluster extra")
    axes = {"clock_mhz": {"range": [100, 599, 1]}, "memory.dram.bandwidth_gb_per_s": {"range": [1, 40, 1]}}
    study = Study(axes, base=BASE)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        study.run(tmp_path / "warm.sqlite", scheduler=cluster.scheduler_address)
        start = time.perf_counter()
        study.run(tmp_path / "many.sqlite", scheduler=cluster.scheduler_address)
        far = time.perf_counter() - start
    start = time.perf_counter()
    study.run(tmp_path / "alone.sqlite")
    overhead = (far - (time.perf_counter() - start)) / 20_000
    print(f"{overhead * 1e6:.0f} us a point")
    assert overhead < 1e-3


def test_search_comes_near_the_true_front(tmp_path: Path) -> None:
    """2,000 evaluations of 300,000: at least 0.99 of the hypervolume as the mean of 5 seeds, 0.97 at worst."""
    pytest.importorskip("pymoo", reason="needs the search extra")
    study = read_study(SPACE)
    true = _costs(study.run(tmp_path / "all.sqlite").front())
    reference = [max(column) * 1.1 for column in zip(*true, strict=True)]
    whole = hypervolume(true, reference)
    shares: dict[str, list[float]] = {"nsga2": [], "random": []}
    for method, found in shares.items():
        for seed in range(5):
            rows = search(study, 2000, seed=seed, method=method).results.front()  # type: ignore[arg-type]
            found.append(hypervolume(_costs(rows), reference) / whole)
    print(len(true), shares)
    assert sum(shares["nsga2"]) / 5 >= 0.99 and min(shares["nsga2"]) >= 0.97
    assert sum(shares["random"]) < sum(shares["nsga2"])


def _costs(rows: list[dict[str, object]]) -> list[list[float]]:
    return [[float(row["latency_s"]), float(row["_silicon_mm2"])] for row in rows]  # type: ignore[arg-type]
