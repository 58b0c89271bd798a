"""Studies on a real cluster of separate processes, one of whose workers is killed. Set HWSIM_TEST_CLUSTER=1 to run it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hwsim.errors import UsageError
from hwsim.study import Study

BASE = {"model": "light_squeezenet", "device": "ws_16x16", "rung": "roofline"}


def study() -> Study:
    return Study({"batch": [1, 2, 3], "memory.gbuf.capacity_kib": {"range": [16, 416, 1]}}, base=BASE)


def test_no_scheduler_is_said() -> None:
    pytest.importorskip("distributed", reason="needs the cluster extra")
    with pytest.raises(UsageError, match="--scheduler"):
        study().run(scheduler="nonsense://127.0.0.1:1")


@pytest.mark.skipif(not os.environ.get("HWSIM_TEST_CLUSTER"), reason="starts processes: HWSIM_TEST_CLUSTER=1")
def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the cluster extra")
    study().run(tmp_path / "alone.sqlite").export(tmp_path / "alone.csv")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        victim = next(iter(cluster.workers.values())).pid
        killed: list[int] = []

        def kill(done: int, _: int) -> None:
            if done and not killed:
                killed.append(done)
                os.kill(victim, signal.SIGKILL)

        results = study().run(tmp_path / "many.sqlite", scheduler=cluster.scheduler_address, progress=kill)
    results.export(tmp_path / "many.csv")
    assert killed
    assert (tmp_path / "many.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
