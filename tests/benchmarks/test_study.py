"""Studies: rooflines a second, and NSGA-II beside random draws on the shipped space. ``python -m pytest tests/benchmarks/test_study.py``"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

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


def test_two_threads_beside_two_processes(tmp_path: Path) -> None:
    """Mapping searches by two threads of one process: at least 0.9 of the rate of two processes with half of the work each."""
    code = (
        "import sys, time; from hwsim.study import Study\n"
        "clocks, threads = [int(word) for word in sys.argv[1].split(',')], int(sys.argv[2])\n"
        f"study = Study({{'clock_mhz': clocks}}, base={ {**BASE, 'model': 'light_squeezenet', 'rung': 'mapping'}!r})\n"
        "Study({'clock_mhz': [99]}, base=study.base).run(cache=False); print('ready', flush=True); input()\n"
        "start = time.perf_counter(); study.run(threads=threads, cache=False); print(time.perf_counter() - start)\n"
    )

    def seconds(parts: list[list[int]], threads: int) -> float:
        command = [[sys.executable, "-c", code, ",".join(map(str, part)), str(threads)] for part in parts]
        running = [subprocess.Popen(one, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for one in command]
        for one in running:
            assert one.stdout is not None and one.stdout.readline() == "ready\n"
        for one in running:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        return max(float(one.communicate()[0]) for one in running)

    clocks = list(range(100, 108))
    ratios = []
    for _ in range(3):
        processes = seconds([clocks[::2], clocks[1::2]], 1)
        ratios.append(processes / seconds([clocks], 2))
    print("two threads over two processes:", [f"{ratio:.3f}" for ratio in ratios])
    assert max(ratios) >= 0.9


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
