"""Threads, hash seeds, locales, instruction sets, warm and cold caches change no byte of an answer.

HWSIM_TEST_MACHINES=1 also compiles the kernels for processors without this one's instructions (a minute of CPU each).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hwsim
from hwsim.estimation import Prepared
from tests.determinism.answers import answers, small

ROOT = Path(__file__).parents[2]
_PLAIN = {"NPY_DISABLE_CPU_FEATURES": " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", []))}  # type: ignore[call-overload]
SURROUNDINGS = {
    "threads, hash seed, locale, time zone": (
        3,
        {"PYTHONHASHSEED": "77", "LC_ALL": "C", "PYTHONUTF8": "0", "TZ": "Asia/Tokyo"},
    ),
    "plain instructions in NumPy and BLAS": (1, {"PYTHONHASHSEED": "5", "OPENBLAS_CORETYPE": "Prescott", **_PLAIN}),
}
MACHINES = {
    "generic x86": (1, {"NUMBA_CPU_NAME": "generic", **_PLAIN}),
    "Haswell": (1, {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"}),
}


@pytest.fixture(scope="module")
def here() -> str:
    return answers(1)


def _elsewhere(threads: int, surroundings: dict[str, str]) -> str:
    command = [sys.executable, "-m", "tests.determinism.answers", str(threads)]
    environment = {**os.environ, **surroundings}
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout[:-1]


@pytest.mark.parametrize(("threads", "surroundings"), SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_surroundings_change_no_byte(here: str, threads: int, surroundings: dict[str, str]) -> None:
    assert _elsewhere(threads, surroundings) == here


@pytest.mark.skipif(
    "HWSIM_TEST_MACHINES" not in os.environ, reason="HWSIM_TEST_MACHINES=1 compiles for other processors"
)
@pytest.mark.parametrize(("threads", "surroundings"), MACHINES.values(), ids=MACHINES)
def test_other_processors_change_no_byte(here: str, threads: int, surroundings: dict[str, str]) -> None:
    assert _elsewhere(threads, surroundings) == here


def test_a_warm_cache_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path))
    network: Prepared = hwsim.prepare(small(), bits="w8a8")
    never, cold, warm = (
        hwsim.estimate(network, "ws_16x16", rung="mapping", cache=cache).to_dict() for cache in (False, True, True)
    )
    assert list(tmp_path.rglob("*.json"))
    assert never == cold == warm
