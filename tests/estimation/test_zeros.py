"""Zeros are worth something only to a device that can use them: not stored, gated or skipped, each for itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

import hwsim
from hwsim.cli.main import main
from hwsim.device import Device
from hwsim.device.records import Sparsity
from hwsim.errors import UsageError
from hwsim.estimation import LayerEstimate
from hwsim.graph import Network

BOTH = frozenset({"input", "weight"})
DENSITY = {"activation": 0.4, "weight": 0.25}


@pytest.fixture(scope="module")
def network() -> Network:
    return (
        Network.builder("one").input("x", (1, 64, 28, 28), "int16").conv(64, kernel=3, bias=False, name="conv").build()
    )


def _device(rung: str = "roofline", **sparsity: object) -> Device:
    device = hwsim.load_device("eyeriss_v1")
    dataflow = replace(device.dataflow, stationary="weight") if rung == "systolic" else device.dataflow
    return replace(device, dataflow=dataflow, sparsity=Sparsity(**sparsity))  # type: ignore[arg-type]


def _layer(network: Network, density: dict[str, float], rung: str = "roofline", **sparsity: object) -> LayerEstimate:
    prepared = hwsim.prepare(network, bits="w16a16", density=density)
    (layer,) = hwsim.estimate(prepared, _device(rung, **sparsity), rung=rung).layers
    return layer


@pytest.mark.parametrize("rung", ["roofline", "systolic"])
def test_a_dense_array_gains_nothing(network: Network, rung: str) -> None:
    assert _layer(network, DENSITY, rung) == _layer(network, {}, rung)


@pytest.mark.parametrize("rung", ["roofline", "systolic"])
def test_density_one_changes_nothing_for_any_device(network: Network, rung: str) -> None:
    every = {"compressed": frozenset({"input", "weight", "output"}), "gated": BOTH, "skipped": BOTH}
    assert _layer(network, {"activation": 1.0, "weight": 1.0}, rung, **every) == _layer(network, {}, rung)


@pytest.mark.parametrize("rung", ["roofline", "systolic"])
@pytest.mark.parametrize(("operands", "share"), [({"input"}, 0.4), ({"weight"}, 0.25), (BOTH, 0.1)])
def test_gating_lowers_the_energy_of_macs_and_of_the_registers_beside_them(
    network: Network, rung: str, operands: set[str], share: float
) -> None:
    plain, gated = _layer(network, DENSITY, rung), _layer(network, DENSITY, rung, gated=frozenset(operands))
    assert plain.energy_by_j is not None and gated.energy_by_j is not None
    assert gated.energy_by_j["mac"] == pytest.approx(share * plain.energy_by_j["mac"])
    assert gated.energy_by_j["spad"] < plain.energy_by_j["spad"]
    assert {**gated.energy_by_j, "mac": 0, "spad": 0} == {**plain.energy_by_j, "mac": 0, "spad": 0}
    assert (gated.latency_s, gated.compute_s, gated.traffic_bytes) == (
        plain.latency_s,
        plain.compute_s,
        plain.traffic_bytes,
    )


def test_skipping_lowers_cycles_and_energy_of_macs_but_no_traffic(network: Network) -> None:
    plain, skipped = _layer(network, DENSITY), _layer(network, DENSITY, skipped=BOTH)
    assert plain.energy_by_j is not None and skipped.energy_by_j is not None
    assert skipped.compute_s == pytest.approx(0.1 * plain.compute_s)
    assert skipped.energy_by_j["mac"] == pytest.approx(0.1 * plain.energy_by_j["mac"])
    assert skipped.traffic_bytes == plain.traffic_bytes
    assert skipped.macs == plain.macs
    assert 0 < skipped.utilization <= 1


@pytest.mark.parametrize(
    ("sparsity", "reads"),
    [
        ({"gated": frozenset({"input"})}, 1 + 0.4 + 2 * 0.4),
        ({"gated": frozenset({"weight"})}, 0.25 + 1 + 2 * 0.25),
        ({"gated": BOTH}, 0.25 + 0.4 + 2 * 0.1),
        ({"skipped": BOTH}, 4 * 0.1),
        ({"skipped": frozenset({"input"}), "gated": frozenset({"weight"})}, 0.1 + 0.4 + 2 * 0.1),
    ],
)
def test_what_a_mac_that_does_not_happen_leaves_in_its_registers(
    network: Network, sparsity: dict[str, frozenset[str]], reads: float
) -> None:
    """Worked by hand: a dense MAC reads input and weight, reads and writes its sum; all 16 bits, all one price."""
    layer = _layer(network, DENSITY, **sparsity)
    per_byte = hwsim.load_device("eyeriss_v1").memories[0].read_j
    assert layer.energy_by_j is not None and per_byte is not None
    assert layer.energy_by_j["spad"] == pytest.approx(layer.macs * 2 * per_byte["input"] * reads)


def test_a_rigid_array_cannot_skip_and_says_so(network: Network) -> None:
    plain, skipped = _layer(network, DENSITY, "systolic"), _layer(network, DENSITY, "systolic", skipped=BOTH)
    assert skipped.compute_s == plain.compute_s
    prepared = hwsim.prepare(network, bits="w16a16", density=DENSITY)
    (said,) = [note for note in hwsim.estimate(prepared, _device("systolic", skipped=BOTH)).notes if "zeros" in note]
    assert "skips zeros of input and weight, which saves energy here but no cycles: in the systolic model" in said
    assert not any("zeros" in note for note in hwsim.estimate(prepared, _device(skipped=BOTH), rung="roofline").notes)


def test_mappings_are_searched_for_what_skipping_leaves_to_do() -> None:
    """A PE that passes over nine MACs in ten is one that does ten times as many a cycle: the same mapping, times and bound."""
    small = Network.builder("s").input("x", (1, 8, 6, 6), "int8").conv(8, kernel=3, bias=False, name="conv").build()
    dense = hwsim.load_device("ws_16x16")
    skipping = replace(dense, sparsity=Sparsity(skipped=BOTH))
    fast = replace(
        dense,
        precisions=tuple(replace(p, macs_per_pe_per_cycle=10 * p.macs_per_pe_per_cycle) for p in dense.precisions),
    )

    def layer(device: Device, **density: float) -> LayerEstimate:
        prepared = hwsim.prepare(small, bits="w8a8", density=density)
        (found,) = hwsim.estimate(
            prepared, device, rung="mapping", objective="latency", search="quick", cache=False
        ).layers
        return found

    plain, skipped, faster = layer(dense), layer(skipping, activation=0.4, weight=0.25), layer(fast)
    assert skipped.compute_s == pytest.approx(faster.compute_s)
    assert skipped.latency_s == pytest.approx(faster.latency_s) and skipped.latency_s < plain.latency_s
    assert (skipped.mapping, skipped.traffic_bytes) == (faster.mapping, faster.traffic_bytes)
    assert plain.energy_by_j is not None and skipped.energy_by_j is not None
    assert skipped.energy_by_j["mac"] == pytest.approx(0.1 * plain.energy_by_j["mac"])
    assert layer(dense, activation=0.4, weight=0.25).latency_s == plain.latency_s
    assert layer(skipping, weight=0.0).compute_s < plain.compute_s / 1000


def test_compression_lowers_traffic_off_the_chip_alone(network: Network) -> None:
    """64·28·28 inputs and outputs and 64·64·9 weights of 2 bytes; compressed, density and one bit in sixteen."""
    plain, packed = _layer(network, DENSITY), _layer(network, DENSITY, compressed=frozenset({"input", "weight"}))
    inputs, weights = 64 * 28 * 28 * 2, 64 * 64 * 9 * 2
    assert plain.dram_bytes == 2 * inputs + weights
    assert packed.dram_bytes == pytest.approx(inputs * (0.4 + 1 / 16) + weights * (0.25 + 1 / 16) + inputs)
    assert packed.traffic_bytes["gbuf"] == plain.traffic_bytes["gbuf"]
    assert plain.energy_by_j is not None and packed.energy_by_j is not None
    assert packed.energy_by_j["dram"] == pytest.approx(plain.energy_by_j["dram"] * packed.dram_bytes / plain.dram_bytes)
    assert packed.energy_by_j["mac"] == plain.energy_by_j["mac"]
    assert packed.compute_s == plain.compute_s
    assert packed.latency_s < plain.latency_s


def test_a_tensor_that_is_hardly_sparse_is_stored_as_it_is(network: Network) -> None:
    dense = _layer(network, {"activation": 0.99}, compressed=frozenset({"input", "output"}))
    assert dense.dram_bytes == _layer(network, {}).dram_bytes


def test_a_name_wins_over_a_role_and_a_wrong_one_is_told(network: Network) -> None:
    prepared = hwsim.prepare(network, density={"activation": 0.5, "x": 0.2})
    assert prepared.works[0].nests[0].input.density == 0.2
    with pytest.raises(UsageError, match=r"no such tensor \(did you mean weight\?\)"):
        hwsim.prepare(network, density={"weigth": 0.5})
    with pytest.raises(UsageError, match=r"1\.5 is not a share from 0 to 1"):
        hwsim.prepare(network, density={"x": 1.5})


def test_densities_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = [
        "estimate",
        "--conv",
        "1,64,28,28,64,3,3,1",
        "--device",
        "eyeriss_v1",
        "--model",
        "roofline",
        "--format",
        "csv",
    ]
    assert main(line) == 0
    dense = capsys.readouterr().out
    assert main([*line, "--density", "activation=0.4"]) == 0
    sparse = capsys.readouterr().out
    column = dense.splitlines()[0].split(",").index("energy_by_j.mac")
    energies = [float(text.splitlines()[1].split(",")[column]) for text in (dense, sparse)]
    assert energies[1] == pytest.approx(0.4 * energies[0])
    assert main([*line, "--density", "activation=most"]) == 2
    assert "expected a share from 0 to 1" in capsys.readouterr().err
