"""Where compiled kernels lie, and which of them are believed."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hwsim.kernels import jit
from hwsim.kernels.compiled import Files, own
from hwsim.kernels.packed import (
    ALWAYS,
    BUS,
    FREE,
    INPUT,
    MESH,
    NEIGHBOUR,
    NEVER,
    OUTPUT,
    READ,
    UNLIMITED,
    UPDATE,
    WEIGHT,
)


def test_numbers_that_arrays_hold() -> None:
    assert (INPUT, WEIGHT, OUTPUT, READ, UPDATE) == (0, 1, 2, 0, 2) and UNLIMITED == 2**62
    assert (NEVER, ALWAYS, FREE) == (MESH, BUS, NEIGHBOUR) == (0, 1, 2)


def test_a_file_is_believed_where_it_is_whole(tmp_path: Path) -> None:
    """Named by its function and a hash of what it is of; not where a byte of it or of its checksum differs, or it ends too early."""
    files = Files(tmp_path, "room.function")
    assert files.load(("a", 1)) is None
    files.save(("a", 1), {"code": b"x" * 50})
    files.save(("b", 1), [3])
    assert files.load(("a", 1)) == {"code": b"x" * 50} and files.load(("b", 1)) == [3] and files.load(("c", 1)) is None
    assert Files(tmp_path, "room.other").load(("a", 1)) is None
    (path,) = tmp_path.glob(f"room.function-{hashlib.sha256(repr(('a', 1)).encode()).hexdigest()[:32]}.kernel")
    data = path.read_bytes()
    assert data[:32] == hashlib.sha256(data[32:]).digest() and pickle.loads(data[32:]) == {"code": b"x" * 50}
    for place in (0, 31, 32, len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert files.load(("a", 1)) is None
    for end in (0, 31, 32, len(data) - 1):
        path.write_bytes(data[:end])
        assert files.load(("a", 1)) is None
    Files(tmp_path / "nowhere" / "else", "f").save("k", 1)  # a folder that cannot be written is no reason to fail


@pytest.mark.skipif(jit._FOLDER is None, reason="no folder for kernels can be written")
def test_kernels_from_files_need_nothing_that_only_compiling_does() -> None:
    """Neither what Numba makes of lists, nor of functions that kernels call."""
    code = """
import sys
from hwsim.device import load
from hwsim.kernels import search_exchange, search_whole
from hwsim.mapping import from_device
from hwsim.search import best
from hwsim.workload import LoopNest
nest = LoopNest(k=64, c=64, p=56)
found = best(nest, from_device(load("eyeriss_v1"), nest), cache=False, effort="quick")
lists, functions = "numba.cpython.listobj" in sys.modules, "made" in vars(search_whole.descend)
print(found.lower_bound, len(search_exchange.climb.signatures), lists, functions)
"""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    told = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]  # the first one has kernels compiled that are not there yet
    assert told[1].split() == [told[0].split()[0], "1", "False", "False"]


def test_a_folder_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    for mode, mine in ((0o700, True), (0o755, True), (0o775, False), (0o702, False), (0o722, False), (0o744, True)):
        tmp_path.chmod(mode)
        assert own(tmp_path) == mine
    tmp_path.chmod(0o700)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert not own(link) or not link.lstat().st_mode & 0o022  # a link is looked at itself


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWSIM_CACHE_DIR", "/a")
    assert jit.cache_root() == Path("/a")
    monkeypatch.delenv("HWSIM_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert jit.cache_root() == Path("/b/hwsim")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(Path, "home", lambda: Path("/c"))
    assert jit.cache_root() == Path("/c/.cache/hwsim")


def test_kernels_of_other_code_or_switches_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in the cache that can be written; else one of this user's own among temporary files, else none."""
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path / "cache"))
    switches = ("NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_DEBUG_ARRAY_OPT")
    for switch in switches:
        monkeypatch.delenv(switch, raising=False)
    first = jit._kernel_cache()
    assert first is not None and Path(first).parent == tmp_path / "cache" and Path(first).is_dir()
    assert (
        Path(first).name.startswith("kernels-")
        and len(Path(first).name) == len("kernels-") + 16
        and jit._kernel_cache() == first
    )
    for switch in switches:
        monkeypatch.setenv(switch, "7")
        assert jit._kernel_cache() != first
        monkeypatch.delenv(switch)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: str(tmp_path / "cache") not in str(path) and access(path, mode)
    )
    spare = jit._kernel_cache()
    assert spare is not None and Path(spare) == tmp_path / f"hwsim-{os.getuid()}-{Path(first).name}"
    assert Path(spare).stat().st_mode & 0o777 == 0o700
    Path(spare).chmod(0o777)
    assert jit._kernel_cache() is None
    Path(spare).chmod(0o700)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert jit._kernel_cache() is None
    monkeypatch.undo()
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = jit._kernel_cache()
    assert elsewhere is not None and Path(elsewhere).parent == tmp_path


def test_kernels_of_changed_sources_or_another_compiler_lie_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "jit.py"))
    seen = [jit._kernel_cache()]
    for name, text in (("a.py", "1"), ("b.py", "2"), ("a.py", "2"), ("b.py", "1")):
        (tmp_path / name).write_text(text)
        seen.append(jit._kernel_cache())
    (tmp_path / "c.txt").write_text("3")
    assert jit._kernel_cache() == seen[-1]
    monkeypatch.setattr(jit.numba, "__version__", "0")
    seen.append(jit._kernel_cache())
    monkeypatch.setattr(jit.sys, "version_info", (9, 9, 9, "final", 0))
    seen.append(jit._kernel_cache())
    assert None not in seen and len(set(seen)) == 7


def test_what_is_passed_is_itself_without_a_compiler() -> None:
    def function(x: int) -> None:
        return None

    assert jit.passed(function, (1,)) is function
