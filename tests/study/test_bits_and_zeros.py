"""Bits and zeros as axes: by layer, by accumulator, on bit-serial and bit-parallel arrays, counted in the weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import hwsim
from hwsim.cli import main
from hwsim.device import precision_for, throughput_by_bits
from hwsim.study import Study

BASE = {"model": "light_squeezenet", "device": "ws_16x16", "rung": "roofline"}


def test_bits_of_single_layers_are_axes() -> None:
    names = [layer.name for layer in hwsim.prepare("light_squeezenet").network.layers if layer.op == "Conv"]
    axes = {f"bits.{names[0]}": ["w8a8", "w2a8"], "bits.*": ["w4a8", "w8a8"]}
    rows = list(Study(axes, base=BASE).run().rows())
    for row in rows:
        spec = f"{names[0]}={row[f'bits.{names[0]}']},*={row['bits.*']}"
        single = hwsim.estimate("light_squeezenet", "ws_16x16", bits=spec, rung="roofline")
        assert row["dram_bytes"] == single.totals.dram_bytes
    assert len({row["weight_bytes"] for row in rows}) == 4


def test_accumulators_are_an_axis() -> None:
    key = "compute.precisions.int16.accumulate"
    rows = list(Study({key: ["int16", "int32"]}, base={**BASE, "device": "eyeriss_v1"}).run().rows())
    assert float(rows[0]["energy_j"]) < float(rows[1]["energy_j"])  # type: ignore[arg-type]
    wide = hwsim.estimate("light_squeezenet", "eyeriss_v1", rung="roofline", overrides=[f"{key}=int32"])
    assert wide.layers[0].bits["accumulator"] == 32
    assert rows[1]["energy_j"] == wide.totals.energy_j


SERIAL = """\
extends: ws_16x16
name: serial
default_source: estimated
compute:
  precisions: [{input: int8, weight: int8, serial: weight, macs_per_pe_per_cycle: 1, mac_pj: 1}]
"""
PARALLEL = """\
extends: ws_16x16
name: parallel
default_source: estimated
compute:
  precisions:
    - {input: int8, weight: int8, macs_per_pe_per_cycle: 1, mac_pj: 1}
    - {input: int4, weight: int4, macs_per_pe_per_cycle: 4, mac_pj: 0.3}
"""


@pytest.mark.parametrize(
    ("text", "speeds"),
    [
        (SERIAL, {"w8a8": 1.0, "w4a8": 2.0, "w3a8": 8 / 3, "w1a8": 8.0, "w4a4": 2.0}),
        (PARALLEL, {"w8a8": 1.0, "w4a8": 1.0, "w4a4": 4.0, "w2a2": 4.0, "w5a4": 1.0}),
    ],
)
def test_throughput_against_bits(tmp_path: Path, text: str, speeds: dict[str, float]) -> None:
    path = tmp_path / "array.yaml"
    path.write_text(text, encoding="utf-8")
    net = hwsim.Network.builder("c").input("x", (1, 64, 28, 28), "int8").conv(64, kernel=3).build()
    for rung in ("roofline", "mapping"):
        times = {
            bits: hwsim.estimate(net, str(path), rung=rung, bits=bits, objective="latency").layers[0].compute_s
            for bits in speeds
        }
        for bits, speed in speeds.items():
            reached = times["w8a8"] / times[bits]
            if rung == "roofline":
                assert reached == pytest.approx(speed, rel=0.01), bits
            else:  # a mapping may leave PEs idle where memory binds
                assert min(1.5, speed) * 0.99 <= reached <= speed * 1.01, bits
    device = hwsim.load_device(str(path))
    runs, said = precision_for(device, "int8", "int4")
    assert runs.mac_j == pytest.approx(0.5e-12 if "serial" in text else 1e-12)
    assert said is not None
    peaks = {(row["weight_bits"], row["activation_bits"]): row["ops_per_s"] for row in throughput_by_bits(device)}
    assert float(peaks[4, 8]) / float(peaks[8, 8]) == speeds["w4a8"]  # type: ignore[arg-type]


def test_the_table_of_peaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "bits", "unpu", "ws_16x16"]) == 0
    assert "691 Gop/s" in capsys.readouterr().out
    assert main(["device", "bits", "unpu", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["peaks"]
    found = {row["weight_bits"]: row["ops_per_s"] for row in rows if row["activation_bits"] == 16}
    assert found[16] == pytest.approx(345.6e9)
    assert found[8] == 2 * found[16]


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> str:
    weights = np.random.default_rng(0).standard_normal((64, 64, 3, 3)).astype(np.float32)
    weights.reshape(-1)[::4] = 0
    weights.reshape(-1)[1::4] = 0
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64, 28, 28]) for name in ("x", "y")]
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="c", pads=[1, 1, 1, 1])
    graph = helper.make_graph([node], "p", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    path = tmp_path_factory.mktemp("pruned") / "pruned.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return str(path)


def test_sums_of_single_layers_are_narrower_where_it_is_said() -> None:
    """Partial sums go over the buffer's ports at the width of the layer; what a device's accumulators do not hold is cut to theirs."""
    net = (
        hwsim.Network.builder("s").input("x", (1, 64, 28, 28), "int8").conv(64, kernel=3, name="a").relu()
        .conv(64, kernel=3, name="b").build()
    )  # fmt: skip

    def layers(bits: str) -> dict[str, tuple[int | None, float]]:
        made = hwsim.estimate(net, "ws_16x16", bits=bits, rung="mapping", search="quick", cache=False)
        return {layer.name: (layer.bits["accumulator"], layer.energy_by_j["gbuf"]) for layer in made.layers}  # type: ignore[index]

    plain, some = layers("w8a8"), layers("b=w8a8p16,*=w8a8p32")
    assert plain["a"][0] == plain["b"][0] == 32 and some["a"] == plain["a"]
    assert some["b"][0] == 16 and some["b"][1] < plain["b"][1]
    narrow = hwsim.load_device("ws_16x16", ["compute.precisions.int8.accumulate=int24"])
    wide = hwsim.estimate(net, narrow, bits="w8a8p32", rung="roofline")
    assert {layer.bits["accumulator"] for layer in wide.layers if layer.macs} == {24}


@pytest.mark.parametrize(
    ("capability", "cycles", "energy", "moved", "said"),
    [
        ([], 1.0, False, False, "gain nothing"),
        (["sparsity.compressed=[weight]"], 1.0, True, True, "gain fewer bytes off the chip"),
        (["sparsity.compressed=[weight]", "sparsity.encoding=n_m"], 1.0, True, True, "fewer bytes off the chip"),
        (["sparsity.gated=[weight]"], 1.0, True, False, ""),
        (["sparsity.skipped=[weight]"], 0.5, True, False, ""),
        (["sparsity.skipped=[weight]", "sparsity.skip_efficiency=0.8"], 0.625, True, False, ""),
    ],
)
def test_what_zeros_of_the_weights_gain_from_the_command_line(
    capability: list[str],
    cycles: float,
    energy: bool,
    moved: bool,
    said: str,
    pruned: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--device", "ws_16x16", "--bits", "w8a8", "--model", "roofline", "--format", "json"]
    options += [word for one in capability for word in ("--set", one)]
    dense, sparse = [
        json.loads(capsys.readouterr().out)
        for more in ([], ["--sparsity", "from-weights"])
        if main(["estimate", pruned, *options, *more]) == 0
    ]
    before, after = dense["totals"], sparse["totals"]
    assert after["cycles"] == pytest.approx(cycles * before["cycles"], rel=0.01)
    assert (after["energy_j"] < before["energy_j"]) == energy
    assert (after["dram_bytes"] < before["dram_bytes"]) == moved
    assert (said in json.dumps(sparse)) and ("computes on zeros" in json.dumps(sparse)) == bool(said)
    axes = {"density.weight": ["counted", 0.5], "density.x": [1]}
    base = {"model": pruned, "device": "ws_16x16", "bits": "w8a8", "rung": "roofline"}
    base |= dict(one.split("=") for one in capability if "[" not in one)
    assert len({row["dram_bytes"] for row in Study(axes, base=base).run().rows()}) == 1


def test_words_in_place_of_numbers_are_a_reason() -> None:
    axes = {"batch": [1, "two"], "density.weight": [0.5, "few", True]}
    rows = list(Study(axes, base=BASE).run().rows())
    assert [row["feasible"] for row in rows] == [1, 0, 0, 0, 0, 0]
    assert "is not a share" in str(rows[1]["reason"]) and "is not a whole number" in str(rows[3]["reason"])
