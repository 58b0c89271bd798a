"""kill -9 at random moments, many processes at once, disks that are full, folders that cannot be written."""

from __future__ import annotations

import errno
import os
import random
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest

from hwsim.errors import UsageError
from hwsim.graph import Network
from hwsim.kernels import jit
from hwsim.kernels.compiled import Files, keep, own
from hwsim.mapping import LevelLoops, Mapping
from hwsim.onnx_io import read
from hwsim.onnx_io.generation import write
from hwsim.report.files import save
from hwsim.search import best, cache
from hwsim.search.cache import Entry
from hwsim.study import Study
from hwsim.study.reading import read_study
from hwsim.writing import whole
from tests.faults.children import hwsim, killed, together
from tests.search.test_cache_and_limits import NEST, hierarchy

TIMES = int(os.environ.get("HWSIM_TEST_KILLS", "20"))
PROCESSES = 10


def entry(number: int) -> Entry:
    loops = LevelLoops(tuple(("K", 2 + number % 7) for _ in range(200)), (), (), (True, True, True))
    return Entry(Mapping((loops,)), float(number), number, 1.0)


def _entry(file: Path, number: int) -> None:
    cache.write(file, entry(number))


def _kernel(file: Path, number: int) -> None:
    Files(file.parent, file.stem).save("key", bytes([number % 256]) * 100_000)


def _network(file: Path, number: int) -> None:
    write(Network.builder("n").input("x", (1, 64)).dense(number % 10 + 1).build(), file)


def _report(file: Path, number: int) -> None:
    save(f"{number % 10}" * 100_000, str(file))


def _entry_is_whole(file: Path) -> bool:
    found = cache.read(file)
    return found is not None and found == entry(int(found.lower_bound))


def _kernel_is_whole(file: Path) -> bool:
    found = Files(file.parent, file.stem).load("key")
    return found is not None and found == found[:1] * 100_000


def _network_is_whole(file: Path) -> bool:
    return 1 <= read(file).tensors[read(file).outputs[0]].shape[-1] <= 10


def _report_is_whole(file: Path) -> bool:
    text = file.read_text(encoding="utf-8").strip()
    return text == text[:1] * 100_000


WRITERS = {
    "mapping": (_entry, _entry_is_whole),
    "kernel": (_kernel, _kernel_is_whole),
    "network": (_network, _network_is_whole),
    "report": (_report, _report_is_whole),
}
Writer = Callable[[Path, int], None]
Check = Callable[[Path], bool]


@pytest.mark.parametrize(("write", "is_whole"), WRITERS.values(), ids=WRITERS)
def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path, write: Writer, is_whole: Check) -> None:
    file, generator = tmp_path / "kept.json", random.Random(2)
    write(file, 0)
    for _ in range(TIMES):
        killed(lambda number: write(file, number + 1), generator)
        assert is_whole(file)


@pytest.mark.parametrize(("write", "is_whole"), WRITERS.values(), ids=WRITERS)
def test_ten_processes_write_one_file(tmp_path: Path, write: Writer, is_whole: Check) -> None:
    file = tmp_path / "kept.json"
    write(file, 0)

    def work(number: int) -> None:
        for turn in range(10):
            write(file, number * 10 + turn)
            assert is_whole(file)

    assert together(work, PROCESSES) == [0] * PROCESSES
    assert is_whole(file) and not list(tmp_path.glob(".*"))


def test_ten_processes_on_one_cold_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path))
    expected = best(NEST, hierarchy(), cache=False)

    def work(_: int) -> None:
        assert best(NEST, hierarchy()) == expected

    assert together(work, PROCESSES) == [0] * PROCESSES
    (file,) = tmp_path.rglob("*.json")
    assert cache.read(file) is not None


def _tripled(number: int) -> int:
    return 3 * number


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_ten_processes_compile_on_one_cold_cache(tmp_path: Path) -> None:
    """Each compiles, and leaves one whole file for all: what comes after compiles nothing."""

    def compiled() -> Any:
        made = numba.njit(nogil=True)(_tripled)
        keep(made, str(tmp_path))
        return made

    def work(number: int) -> None:
        assert compiled()(number) == 3 * number

    assert together(work, PROCESSES) == [0] * PROCESSES
    (file,) = tmp_path.iterdir()
    assert file.suffix == ".kernel"
    later = compiled()
    assert later(7) == 21 and sum(later.stats.cache_hits.values()) == 1 and not later.stats.cache_misses


def test_two_versions_share_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path))
    first = best(NEST, hierarchy())
    (mine,) = tmp_path.rglob("*.json")
    monkeypatch.setattr(cache, "_version", lambda: "9.9.9 of another day")
    assert cache.place(NEST, hierarchy(), "edp", "exact", False) != mine
    assert best(NEST, hierarchy()) == first  # searched, not taken from the other version
    assert len(list(tmp_path.rglob("*.json"))) == 2


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_keeps_no_mapping_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path))
    expected = best(NEST, hierarchy(), cache=False)
    monkeypatch.setattr(os, "fdopen", _full)
    monkeypatch.setattr(Path, "write_text", _full)
    assert best(NEST, hierarchy()) == expected
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_full_disk_keeps_no_kernel_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_bytes", _full)
    Files(tmp_path, "kernel").save("key", 1)
    assert not list(tmp_path.iterdir())


def test_a_report_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    page = tmp_path / "e.json"
    page.write_text("old", encoding="utf-8")
    asked = ("estimate", "light_squeezenet", "--device", "tpu_v1", "--format", "json", "--output", str(page))
    found = hwsim(*asked, room=2000)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == f"hwsim: error: {page}: cannot be written: File too large\n"
    assert page.read_text(encoding="utf-8") == "old" and [*tmp_path.iterdir()] == [page]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_answer_that_does_not_fit_is_one_line() -> None:
    import subprocess
    import sys

    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "hwsim", "models"]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr == "hwsim: error: the answer cannot be written: No space left on device\n"


STUDY = """\
base: {model: light_squeezenet, device: ws_16x16, rung: roofline}
axes: {memory.gbuf.capacity_kib: {range: [16, 1000, 2]}}
"""


def test_a_study_that_does_not_fit_goes_on_later(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(STUDY, encoding="utf-8")
    found = hwsim("study", "run", str(file), room=60_000)
    assert found.returncode == 2
    assert found.stderr.splitlines()[-1].startswith(f"hwsim: error: {tmp_path}/s.sqlite: cannot be written (")
    assert "run the study again" in found.stderr and "Traceback" not in found.stderr
    read_study(file).run(tmp_path / "s.sqlite").export(tmp_path / "again.csv")
    read_study(file).run(tmp_path / "calm.sqlite").export(tmp_path / "calm.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "calm.csv").read_bytes()


def test_no_folder_to_write_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = best(NEST, hierarchy(), cache=False)
    monkeypatch.setenv("HWSIM_CACHE_DIR", "/dev/null/nowhere")
    assert best(NEST, hierarchy()) == expected
    asked = ("estimate", "light_squeezenet", "--device", "ws_16x16", "--model", "roofline")
    usual = hwsim(*asked)
    for place in ("/dev/null/nowhere", "/proc/nowhere"):
        found = hwsim(*asked, HWSIM_CACHE_DIR=place, HOME=place, XDG_CACHE_HOME=place)
        assert (found.returncode, found.stdout, found.stderr) == (0, usual.stdout, "")


def test_no_home_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jit, "cache_root", _full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = jit._kernel_cache()
    assert folder is not None and stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
    Path(folder).chmod(0o777)  # others may have put code there
    assert jit._kernel_cache() is None and not own(Path(folder))


def test_clocks_that_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is found by what it holds, not by when; time limits are of the clock that only goes forward."""
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path))
    jumps = random.Random(1)
    monkeypatch.setattr(time, "time", lambda: jumps.uniform(-1e9, 1e10))
    first = best(NEST, hierarchy())
    (file,) = tmp_path.rglob("*.json")
    for moment in (0, 4e9):
        os.utime(file, (moment, moment))
        assert best(NEST, hierarchy()) == first
    base = {"model": "light_squeezenet", "device": "ws_16x16", "rung": "roofline"}
    path = tmp_path / "s.sqlite"
    rows = list(Study({"clock_mhz": [100, 200]}, base=base).run(path).rows())
    os.utime(path, (0, 0))
    assert list(Study({"clock_mhz": [100, 200]}, base=base).run(path).rows()) == rows


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []
    listener = threading.Thread(target=lambda: heard.append(pipe.read_text(encoding="utf-8")))
    listener.start()
    save("the answer", str(pipe))
    listener.join()
    assert heard == ["the answer\n"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_stays_one_and_modes_stay(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old", encoding="utf-8")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save("new", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text(encoding="utf-8") == "new\n"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o640


def test_what_fails_halfway_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole(tmp_path / "new") as partial:
        partial.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="cannot be written"):
        save("text", str(tmp_path / "no folder" / "new"))
