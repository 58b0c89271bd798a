"""Problems whose optimum is known, through the command that users of the reference would run."""

from __future__ import annotations

import json

import pytest

from hwsim.cli import main
from tests.shared import SHARED, needs_shared

#: EDP [pJ x cycles] and cycles: the spaces were exhausted.
OPTIMA = {
    "rs_layer1": (5.1655e14, 688128),
    "rs_layer4": (7.6442e14, 688128),
    "rs_fc": (5.41884e11, 5120),
    "ws_layer1": (1.894071e14, 451584),
}


@needs_shared
@pytest.mark.parametrize("name", OPTIMA)
def test_optimum_is_reached_and_proven(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = SHARED / "golden" / "mapper" / f"{name}.yaml"
    assert main(["timeloop", str(file), "--no-cache", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["edp"] == pytest.approx(OPTIMA[name][0], rel=1e-4)
    assert found["cycles"] == OPTIMA[name][1]
    assert found["bound_gap"] == 0


@needs_shared
def test_a_free_space_has_an_answer_with_its_gap(capsys: pytest.CaptureFixture[str]) -> None:
    file = SHARED / "golden" / "mapper" / "free_layer1.yaml"
    assert main(["timeloop", str(file), "--no-cache", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["bound_gap"] < 0.25
    assert found["edp"] < 6e14
