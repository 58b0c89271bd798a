"""The energy of a mapped layer by level, operand and component, through the command line: parts sum to their total."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from hwsim.cli.main import main

LAYER = ["map", "--gemm", "16,32,64", "--device"]


def _record(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*LAYER, *words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def _parts(record: dict[str, Any]) -> list[float]:
    moved = [operand for level in record["levels"].values() for operand in level.values()]
    return [record["mac_j"], record["leakage_j"], *(part[key] for part in moved for key in ("access_j", "wires_j"))]


@pytest.mark.parametrize("device", ["eyeriss_v1", "ws_16x16"])
def test_parts_by_level_and_operand_sum_to_the_energy(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = _record(capsys, device)
    parts = _parts(record)
    assert all(part >= 0 for part in parts)
    assert math.fsum(parts) == pytest.approx(record["energy_j"])


def test_without_energies_they_are_null_until_a_technology_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    bare = _record(capsys, "simba")
    assert bare["energy_j"] is None and set(_parts(bare)) == {None}
    filled = _record(capsys, "simba", "--technology", "16nm")
    assert math.fsum(_parts(filled)) == pytest.approx(filled["energy_j"])
    assert filled["levels"]["global_buffer"]["input"]["wires_j"] > 0
