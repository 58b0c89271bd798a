"""``hwsim device show``: every number with unit and source, and what two families of tables say of the same MAC."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from hwsim.cli.main import main
from hwsim.device import Array, Device, Precision, describe, load
from hwsim.device.technology import Technology, mac_energies


def _row(text: str, key: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{key} ")]
    return re.split(r"  +", line)


@pytest.mark.parametrize(("name", "dtype"), [("ws_16x16", "int8"), ("ws_16x16", "int16"), ("nvdla_full", "int8")])
def test_both_families_are_printed_for_every_precision(name: str, dtype: str) -> None:
    device = load(name)
    found = mac_energies(Technology(device.node_nm or 0), Precision(dtype, dtype, "int32", 1))
    assert set(found) == {"horowitz", "aladdin"}
    for family, energy in found.items():
        _, figure, source = _row(describe(device), f"MAC {dtype} by {family}")
        assert float(figure.split()[0]) == pytest.approx(energy.value * 1e12, rel=5e-3)
        assert source == f"technology:{family}@{device.node_nm:g}nm"


def test_families_disagree_by_four_on_an_8_bit_mac_at_45_nm() -> None:
    text = describe(load("ws_16x16"))
    small, large = (float(_row(text, f"MAC int8 by {family}")[1].split()[0]) for family in ("horowitz", "aladdin"))
    assert 3 < large / small < 5


def test_the_profiles_own_energy_stands_beside_them() -> None:
    text = describe(load("eyeriss_v1"))
    assert _row(text, "compute.precisions.int16.mac_pj")[1:] == ["1.7 pJ", "estimated"]
    assert _row(text, "MAC int16 by horowitz")[1] == "1.59 pJ"


def test_without_a_node_there_is_none_until_one_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert "by horowitz" not in describe(load("cortex_a53"))
    assert main(["device", "show", "cortex_a53", "--technology", "28nm"]) == 0
    shown = capsys.readouterr().out
    assert _row(shown, "MAC int8 by horowitz")[2] == "technology:horowitz@28nm"
    assert _row(shown, "compute.precisions.int8.mac_pj")[2] == "technology:horowitz@28nm"


def test_family_and_operating_points_stand_at_the_head() -> None:
    assert "technology tables horowitz, the profile's choice" in describe(load("eyeriss_v1"))
    assert "operating points high, nominal, low: --set operating_point=NAME" in describe(load("eyeriss_v1"))
    assert "operating point low of high, nominal, low" in describe(load("eyeriss_v1", ["operating_point=low"]))
    assert "technology tables horowitz, by default" in describe(load("tpu_v1"))
    assert "technology tables" not in describe(load("cortex_a53"))


def test_what_a_small_device_says() -> None:
    """2 x 2 PEs of 3 MACs at 500 MHz: 12 MACs, two operations each; notes and sources only where there are any."""
    device = Device(
        "small",
        "accelerator",
        "for tests",
        5e8,
        Array(2, 2),
        (Precision("int8", "int8", "int32", 3.0),),
        (),
        sha256="ab",
    )
    shown = describe(device)
    assert _row(shown, "peak int8") == ["peak int8", "0.012 Top/s", "PEs × MACs × 2 × clock"]
    assert _row(shown, "PEs") == ["PEs", "4", "arithmetic"]
    assert "notes" not in shown and "sources" not in shown
    noted = describe(replace(device, notes=("first", "second"), sources={"paper": "A. Author"}))
    assert noted.endswith("\n\nsources\n  paper: A. Author\n\nnotes\n  first\n  second")


def test_a_quality_is_said_once() -> None:
    """Where the source is the quality's own word, as in ``estimated``, it does not stand twice."""
    device = Device("small", "accelerator", "", 5e8, Array(2, 2), (Precision("int8", "int8", "int32", 3.0),), ())
    words = "estimated"
    device = replace(
        device,
        quantities={"a": (1.0, "pJ", words), "b": (2.0, "pJ", "a paper")},
        qualities={"a": "".join(words), "b": "paper"},
        intervals={"b": (1.0, 3.0)},
    )
    shown = describe(device)
    assert _row(shown, "a") == ["a", "1 pJ", "estimated"]
    assert _row(shown, "b") == ["b", "2 pJ [1, 3] (paper)", "a paper"]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """Keys and figures of both tables stand in the same columns; a line ends with its last word."""
    device = Device(
        "small", "accelerator", "for tests", 5e8, Array(2, 3, 4), (Precision("int8", "int4", "int32", 1.5),
        Precision("int8", "int8", "int32", 1.0)), (),
        path="p.yaml", sha256="ab", quantities={"a.long.key.of.it": (12.5, "pJ/B", "paper"), "b": (3.0, "", "")},
        qualities={"b": "zeal"}, operating_points=("low", "high"),
    )  # fmt: skip
    assert describe(device).splitlines() == [
        "small (accelerator): for tests",
        "file p.yaml",
        "sha256 ab",
        "operating points low, high: --set operating_point=NAME",
        "",
        "a.long.key.of.it  12.5 pJ/B    paper",
        "b                 3 (zeal)",
        "",
        "PEs               24           arithmetic",
        "peak int8×int4    0.036 Top/s  PEs × MACs × 2 × clock",
        "peak int8         0.024 Top/s  PEs × MACs × 2 × clock",
    ]
    odd = replace(
        device, node_nm=28.0, precisions=(Precision("complex64", "complex64", "complex64", 1.0),), operating_point="low"
    )
    shown = describe(odd)
    assert "MAC" not in shown.replace("MACs", "") and "operating point low of low, high" in shown
    assert describe(replace(device, quantities={"a": (1.0, "pJ", "b")}, qualities={"a": "a"})).splitlines()[
        5
    ].split() == ["a", "1", "pJ", "(a)", "b"]
