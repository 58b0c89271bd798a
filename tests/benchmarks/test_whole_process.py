"""CPU time of whole processes, start to end, compiled kernels cached and no result cached.

Run with ``python -m pytest tests/benchmarks --benchmark-only``. The times are CPU seconds of the child process, which other work
on the machine disturbs less than wall time; each is compared with nothing here, but printed beside the budget the project keeps to.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from pytest_benchmark.fixture import BenchmarkFixture

from tests.shared import SHARED, needs_shared


def child_seconds(*argv: str) -> float:
    """CPU seconds of ``hwsim`` with these arguments [s]."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "hwsim", *argv], check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(benchmark: BenchmarkFixture, budget: float, *argv: str, rounds: int = 3) -> None:
    child_seconds(*argv)
    seconds: list[float] = []
    benchmark.pedantic(lambda: seconds.append(child_seconds(*argv)), rounds=rounds, iterations=1)
    benchmark.extra_info |= {"cpu_s": min(seconds), "budget_s": budget}


def test_help(benchmark: BenchmarkFixture) -> None:
    measure(benchmark, 0.1, "--help")


def test_densenet121_to_json(benchmark: BenchmarkFixture) -> None:
    measure(
        benchmark,
        1.5,
        "estimate",
        "light_densenet121",
        "--device",
        "eyeriss_v1",
        "--model",
        "roofline",
        "--format",
        "json",
    )


@needs_shared
def test_swin_with_its_6261_nodes(benchmark: BenchmarkFixture) -> None:
    path = str(SHARED / "models" / "tv_swin_t__leg17.onnx")
    measure(benchmark, 4.0, "estimate", path, "--device", "eyeriss_v1", "--model", "roofline", "--format", "json")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain of 200,000 Relu nodes."""
    nodes = [helper.make_node("Relu", [f"t{index}"], [f"t{index + 1}"], name=f"r{index}") for index in range(200_000)]
    shape = [1, 64, 8, 8]
    inputs = [helper.make_tensor_value_info("t0", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("t200000", TensorProto.FLOAT, shape)]
    path = tmp_path_factory.mktemp("chain") / "chain.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, "chain", inputs, outputs)), path)
    return path


def test_chain_of_200000_nodes(benchmark: BenchmarkFixture, chain: Path) -> None:
    measure(
        benchmark,
        60,
        "estimate",
        str(chain),
        "--device",
        "eyeriss_v1",
        "--model",
        "roofline",
        "--format",
        "json",
        rounds=1,
    )
