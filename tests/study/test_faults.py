"""A study that is interrupted inside of a search."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from hwsim.kernels.jit import cache_root
from tests.faults.children import heeding

STUDY = """\
base: {model: light_squeezenet, device: ws_16x16, bits: w8a8, rung: mapping}
axes: {memory.gbuf.capacity_kib: {range: [16, 200, 1]}}
"""


def start(file: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hwsim", "study", "run", str(file)]
    with heeding():
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )


def without_mappings(folder: Path) -> Path:
    """A cache with the kernels of the own one, which take long to compile, and no mapping that was ever found."""
    folder.mkdir()
    for kernels in cache_root().glob("kernels-*"):
        (folder / kernels.name).symlink_to(kernels.resolve(), target_is_directory=True)
    return folder


def test_an_interrupted_search_says_what_is_kept(tmp_path: Path) -> None:
    file, cache = tmp_path / "s.yaml", without_mappings(tmp_path / "cache")
    file.write_text(STUDY, encoding="utf-8")
    running = start(file, HWSIM_CACHE_DIR=str(cache))
    while not any(one.is_file() for one in cache.glob("mappings/**/*")):
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate()
    assert running.returncode == 130
    assert "keeps what is done; the same command goes on from there" in said and "Traceback" not in said
