"""What hwsim promises to those who import it: names, types, plugins."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import hwsim
from hwsim.device.library import available, find
from hwsim.errors import UnknownOperatorWarning, UsageError, plugins
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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hwsim.prepare(3), "model 3: must be a path"),
        (lambda: hwsim.estimate(None, "tpu_v1"), "model None: must be a path"),
        (lambda: hwsim.estimate("light_resnet50", None), "device None: must be the name"),
        (lambda: hwsim.estimate("light_resnet50", "tpu_v1", bits=8), "bits 8: must be a text"),
        (lambda: hwsim.estimate("light_resnet50", "tpu_v1", batch=1.5), "batch 1.5: must be a whole number"),
        (lambda: hwsim.estimate("light_resnet50", "tpu_v1", batch=True), "batch True: must be a whole number"),
    ],
)
def test_what_is_of_another_kind_is_told(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def test_warnings_have_categories() -> None:
    network = Network(
        "odd",
        (Layer("twist", "Twist", ("x",), ("y",), domain="strange"),),
        {"x": Tensor("x", (1, 8), "float32"), "y": Tensor("y", (1, 8), "float32")},
        ("x",),
        ("y",),
    )
    with pytest.warns(UnknownOperatorWarning, match=r"strange\.Twist") as caught:
        made = hwsim.estimate(network, "tpu_v1", rung="roofline")
    assert {str(item.message) for item in caught} == set(made.warnings)
    assert all(issubclass(item.category, hwsim.HwsimWarning) for item in caught)


def test_what_is_done_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="hwsim"):
        hwsim.estimate("light_squeezenet", "tpu_v1", rung="roofline")
    assert any("roofline model" in record.message for record in caplog.records)


def test_threads_do_not_disturb_each_other() -> None:
    questions = [
        (model, device, rung)
        for model in ("light_squeezenet", "light_shufflenet")
        for device, rung in (
            ("tpu_v1", "systolic"),
            ("t4", "roofline"),
            ("tpu_v1", "simulate"),
            ("edge_tpu", "roofline"),
        )
    ]
    prepared = {model: hwsim.prepare(model) for model in ("light_squeezenet", "light_shufflenet")}

    def ask(question: tuple[str, str, str]) -> dict[str, object]:
        model, device, rung = question
        return hwsim.estimate(prepared[model], device, rung=rung).to_dict()

    alone = [ask(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, questions * 2)) == alone * 2
