"""What hwsim promises to those who import it: names, types, plugins."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import hwsim
from hwsim.device.library import available, find
from hwsim.errors import UsageError, plugins
from hwsim.graph import Layer, Network, Tensor
from hwsim.workload.call import Call, Demand
from hwsim.workload.work import VectorOp

lowering = importlib.import_module("hwsim.workload.lower")  # the package has a function of that name


def test_top_level_names_are_pinned() -> None:
    """A name that goes away or changes is a break: deprecate it first, for one minor version, and say so in the changelog."""
    assert {
        "Complexity", "Device", "Estimate", "HwsimError", "HwsimWarning", "Network", "__version__", "complexity", "devices", "estimate",
        "load_device", "prepare", "read",
    } <= set(hwsim.__all__)  # fmt: skip
    for name in hwsim.__all__:
        assert getattr(hwsim, name) is not None
    assert set(hwsim.__all__) <= set(dir(hwsim))
    with pytest.raises(AttributeError, match="no attribute 'estimat'"):
        hwsim.estimat  # type: ignore[attr-defined]  # noqa: B018


def test_the_package_is_typed() -> None:
    assert (Path(hwsim.__file__).parent / "py.typed").is_file()


def test_importing_is_light() -> None:
    code = "import sys, hwsim, hwsim.cli.parser; hwsim.cli.parser.build_parser(); "
    code += "print([m for m in ('numba', 'onnx', 'networkx', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


PROFILE = """\
name: {name}
kind: cpu
description: A core of a plugin
sources: {{me: mine}}
default_source: me
clock_mhz: 100
compute: {{pe_array: {{x: 1, y: 1}}, precisions: [{{input: int8, weight: int8, accumulate: int32, macs_per_pe_per_cycle: 1}}]}}
memory: [{{name: dram, off_chip: true, bandwidth_gb_per_s: 1}}]
"""


def squares(call: Call) -> Demand:
    return Demand(vectors=(VectorOp("mul", 7 * call.result().elements, call.result().elements),))


def plugged(monkeypatch: pytest.MonkeyPatch, group: str, value: str) -> None:
    """Pretend that a package with an entry point is installed."""
    plugins.plugins.cache_clear()
    lowering._plugged.cache_clear()
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [EntryPoint("mine", value, group)] if group == wanted else []
    )
    wanted = group


@pytest.fixture(autouse=True)
def fresh() -> None:
    plugins.plugins.cache_clear()
    lowering._plugged.cache_clear()


FOLDER = ""


def test_a_plugin_brings_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "plugged_core.yaml").write_text(PROFILE.format(name="plugged_core"), encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "FOLDER", str(tmp_path))
    plugged(monkeypatch, "hwsim.devices", f"{__name__}:FOLDER")
    assert "plugged_core" in available()
    assert find("plugged_core") == tmp_path / "plugged_core.yaml"
    assert hwsim.estimate("light_squeezenet", "plugged_core").totals.latency_s > 0


MINE = {"my.domain::Squares": squares}


def test_a_plugin_brings_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {name: Tensor(name, (2, 5)) for name in "xy"}
    layer = Layer("squares", "Squares", ("x",), ("y",), domain="my.domain")
    network = Network("n", (layer,), tensors, ("x",), ("y",))
    assert not lowering.lower(layer, network).known
    plugged(monkeypatch, "hwsim.operators", f"{__name__}:MINE")
    work = lowering.lower(layer, network)
    assert work.known
    assert work.vectors[0].operations == 70


def test_a_broken_plugin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, "hwsim.devices", "no_such_module:FOLDER")
    with pytest.raises(UsageError, match=r"plugin mine .* cannot be loaded: ModuleNotFoundError"):
        available()
