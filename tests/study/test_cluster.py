"""Studies on a real cluster of separate processes that are killed. Set HWSIM_TEST_CLUSTER=1 to run all of it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hwsim.errors import UsageError
from hwsim.study import Study
from hwsim.study.cluster import CHUNK_S, LARGEST, resized

BASE = {"model": "light_squeezenet", "device": "ws_16x16", "rung": "roofline"}
cluster_wanted = pytest.mark.skipif(not os.environ.get("HWSIM_TEST_CLUSTER"), reason="processes: HWSIM_TEST_CLUSTER=1")


def study() -> Study:
    axes = {"batch": [1, 2, 3], "memory.gbuf.capacity_kib": {"range": [16, 415, 1]}}
    return Study(axes, base={**BASE, "counting": "exact"})


def test_chunks_find_their_size() -> None:
    size = 16
    for _ in range(10):
        size = resized(size, size * 0.001)
    assert size == CHUNK_S / 0.001
    assert resized(100, 60.0) == 1 and resized(16, 0.0) == 64 and resized(LARGEST, 1e-9) == LARGEST


def test_no_scheduler_is_said() -> None:
    pytest.importorskip("distributed", reason="needs the cluster extra")
    with pytest.raises(UsageError, match="--scheduler"):
        study().run(scheduler="nonsense://127.0.0.1:1")


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of an undisturbed run."""
    folder = tmp_path_factory.mktemp("calm")
    study().run(folder / "s.sqlite").export(folder / "s.csv")
    return (folder / "s.csv").read_bytes()


class Cluster:
    """A scheduler and workers as processes of their own, any of which may be killed."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.file = folder / "scheduler.json"
        self.scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        while not self.file.exists():
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text(encoding="utf-8"))["address"]
        self.workers = [self.worker() for _ in range(workers)]

    def _start(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", str(self.file), *options]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def worker(self) -> subprocess.Popen[bytes]:
        return self._start("dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", "--death-timeout", "20")

    def kill_a_worker(self, generator: random.Random) -> None:
        place = generator.randrange(len(self.workers))
        self.workers[place].send_signal(signal.SIGKILL)
        self.workers[place].wait()
        self.workers[place] = self.worker()

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed", reason="needs the cluster extra")
    found = Cluster(tmp_path, 2)
    yield found
    found.close()


def exported(store: Path) -> bytes:
    study().run(store).export(store.with_suffix(".csv"))
    return store.with_suffix(".csv").read_bytes()


@cluster_wanted
def test_killed_workers_lose_nothing(cluster: Cluster, tmp_path: Path, calm: bytes) -> None:
    """A worker is killed at a random moment of each of several runs (HWSIM_TEST_KILLS), which all end."""
    generator = random.Random(7)
    for number in range(int(os.environ.get("HWSIM_TEST_KILLS", "3"))):
        moment, killed = generator.randrange(1, 900), []

        def kill(done: int, _: int, moment: int = moment, killed: list[int] = killed) -> None:
            if done >= moment and not killed:
                killed.append(done)
                cluster.kill_a_worker(generator)

        results = study().run(tmp_path / f"{number}.sqlite", scheduler=cluster.address, progress=kill)
        assert killed and len(list(results.rows())) == 1200
        assert exported(tmp_path / f"{number}.sqlite") == calm


@cluster_wanted
def test_a_killed_scheduler_is_said_and_the_run_resumes(cluster: Cluster, tmp_path: Path, calm: bytes) -> None:
    store = tmp_path / "s.sqlite"
    with pytest.raises(UsageError, match="run the study again to go on"):
        study().run(store, scheduler=cluster.address, progress=_after(200, cluster.scheduler.kill))
    there = 0

    def first(done: int, _: int) -> None:
        nonlocal there
        there = there or done

    study().run(store, progress=first)
    assert there > 200
    assert exported(store) == calm


def _after(points: int, act: Callable[[], None]) -> Callable[[int, int], None]:
    def told(done: int, _: int) -> None:
        if done >= points:
            act()

    return told


@cluster_wanted
def test_the_run_itself_is_killed_and_resumes(cluster: Cluster, tmp_path: Path, calm: bytes) -> None:
    """kill -9 of the command, of workers, of both, at random moments; the exported table is the same bytes."""
    generator = random.Random(3)
    file = tmp_path / "s.yaml"
    file.write_text(
        "base: {model: light_squeezenet, device: ws_16x16, rung: roofline, counting: exact}\n"
        "axes:\n  batch: [1, 2, 3]\n  memory.gbuf.capacity_kib: {range: [16, 415, 1]}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "hwsim", "study", "run", str(file), "--scheduler", cluster.address]
    for _ in range(int(os.environ.get("HWSIM_TEST_KILLS", "3"))):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(generator.uniform(0.5, 3.5))
        if generator.random() < 0.5:
            cluster.kill_a_worker(generator)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run([*command, "--export", str(tmp_path / "s.csv")], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "s.csv").read_bytes() == calm
