"""Studies: rooflines a second, and NSGA-II beside random draws on the shipped space. ``python -m pytest tests/benchmarks/test_study.py``"""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from hwsim.study import Study, hypervolume, search
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
