"""What a study makes of the futures of a scheduler, with one that runs in this process and loses what it is told to lose."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hwsim.errors import UsageError
from hwsim.study import Study, cluster

BASE = {"model": "light_squeezenet", "device": "ws_16x16", "rung": "roofline"}


class Future:
    """Done when it is asked for; what becomes of it is said at the start."""

    def __init__(self, work: Callable[[], Any], status: str) -> None:
        self.work, self.status = work, status

    def result(self) -> Any:
        return self.work()

    def exception(self) -> Exception:
        return ValueError("out of memory")


class Stream:
    """The futures that are done, and those that are added meanwhile."""

    def __init__(self, futures: list[Future], loop: object) -> None:
        self.futures = list(futures)

    def add(self, future: Future) -> None:
        self.futures.append(future)

    def __iter__(self) -> Iterator[Future]:
        while self.futures:
            yield self.futures.pop(0)


class Client:
    """Two workers of three threads. fates : what becomes of each future, in the order of their starts; then all are well."""

    def __init__(self, fates: list[str]) -> None:
        self.fates, self.status, self.loop, self.started, self.closed = fates, "running", None, 0, False

    def nthreads(self) -> dict[str, int]:
        return {"one": 2, "other": 1}

    def submit(self, function: Callable[..., Any], *arguments: Any, pure: bool) -> Future:
        assert not pure  # equal chunks of two studies are not one
        status = self.fates[self.started] if self.started < len(self.fates) else "finished"
        self.started += 1
        return Future(lambda: function(*arguments), status)

    def close(self, timeout: float) -> None:
        self.closed = True


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], Client]:
    def started(fates: list[str]) -> Client:
        client = Client(fates)
        module = types.SimpleNamespace(Client=lambda address, timeout: client, as_completed=Stream)
        monkeypatch.setattr(cluster, "importlib", types.SimpleNamespace(import_module=lambda name: module))
        return client

    return started


def study() -> Study:
    return Study({"batch": [1, 2], "memory.gbuf.capacity_kib": {"range": [16, 95, 1]}}, base=BASE)


def test_rows_are_those_of_one_process_and_what_dies_with_a_worker_is_asked_for_again(
    scheduler: Callable[[list[str]], Client], tmp_path: Path
) -> None:
    study().run(tmp_path / "alone.sqlite").export(tmp_path / "alone.csv")
    client = scheduler(["finished", "lost", "finished", "lost", "lost"])
    study().run(tmp_path / "s.sqlite", scheduler="tcp://here").export(tmp_path / "s.csv")
    assert client.closed and client.started > 6
    assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()


@pytest.mark.parametrize(("fate", "why"), [("error", "out of memory"), ("cancelled", "cancelled")])
def test_a_scheduler_that_is_lost_is_said_and_the_same_study_goes_on(
    scheduler: Callable[[list[str]], Client], tmp_path: Path, fate: str, why: str
) -> None:
    file = tmp_path / "s.sqlite"
    client = scheduler(["finished", "finished", fate])
    with pytest.raises(UsageError, match=f"tcp://here: lost .*{why}.*run the study again"):
        study().run(file, scheduler="tcp://here")
    assert client.closed
    again = scheduler([])
    study().run(file, scheduler="tcp://here").export(tmp_path / "again.csv")
    assert 0 < again.started < 12
    study().run(tmp_path / "alone.sqlite").export(tmp_path / "alone.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(cluster, "importlib", types.SimpleNamespace(import_module=missing))
    with pytest.raises(UsageError, match="cluster"):
        study().run(scheduler="tcp://here")
