"""A study that is interrupted inside of a search."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

STUDY = """\
base: {model: light_squeezenet, device: ws_16x16, bits: w8a8, rung: mapping}
axes: {memory.gbuf.capacity_kib: {range: [16, 200, 1]}}
"""


def start(file: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hwsim", "study", "run", str(file)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


def test_an_interrupted_search_says_what_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(STUDY, encoding="utf-8")
    running = start(file, HWSIM_CACHE_DIR=os.environ.get("HWSIM_CACHE_DIR", str(tmp_path / "cache")))
    while not (tmp_path / "s.sqlite").exists():
        time.sleep(0.05)
    time.sleep(1.0)
    running.send_signal(signal.SIGINT)
    interrupted = time.perf_counter()
    _, said = running.communicate(timeout=60)
    print(f"ended {time.perf_counter() - interrupted:.2f} s after the interrupt")
    assert running.returncode == 130
    assert "keeps what is done; the same command goes on from there" in said and "Traceback" not in said
