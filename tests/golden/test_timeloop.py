"""The reference program's vectors, ours and those beside the repository; the reader makes the same problem of the YAML beside a vector."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwsim.cost import price
from hwsim.cost.timeloop import timeloop_record
from hwsim.counts import Counts, count
from hwsim.errors import Infeasible, MappingError
from hwsim.mapping.timeloop import read_timeloop
from tests.golden import timeloop
from tests.shared import SHARED, needs_shared

OWN = Path(__file__).with_name("timeloop_vectors")
GOLDEN = SHARED / "golden" / "timeloop"


def test_own_vectors() -> None:
    """Worked by hand: see the ``derivation`` in each file."""
    assert timeloop.main([str(OWN)]) == 0


def test_a_wrong_vector_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vector = json.loads((OWN / "matmul.json").read_text())
    vector["expected_link_transfers_disabled"]["levels"]["Buf"]["dataspaces"]["Weights"]["fills_total"] += 2
    (tmp_path / "wrong.json").write_text(json.dumps(vector))
    assert timeloop.main([str(tmp_path)]) == 1
    assert "1 vectors, 1 mismatches" in capsys.readouterr().out


def test_nothing_to_check_is_a_failure(tmp_path: Path) -> None:
    assert timeloop.main([str(tmp_path)]) == 1


@needs_shared
def test_all_vectors_at_hand(capsys: pytest.CaptureFixture[str]) -> None:
    assert timeloop.main([str(GOLDEN)]) == 0
    assert "243 vectors, 0 mismatches" in capsys.readouterr().out


@needs_shared
@pytest.mark.parametrize("path", sorted((GOLDEN / "yaml").glob("*.yaml")), ids=lambda path: path.stem)
def test_yaml_reads_as_its_vector(path: Path) -> None:
    vector = json.loads((GOLDEN / f"{path.stem}.json").read_text())
    problem = read_timeloop([path])
    expected = timeloop.hierarchy_of(vector["architecture"], vector.get("ert"))
    assert problem.mapping == timeloop.mapping_of(vector["mapping_outer_to_inner"])
    for level, other in zip(problem.hierarchy.levels, expected.levels, strict=True):
        for name in (
            "name",
            "mesh_x",
            "mesh_y",
            "storage",
            "buffering",
            "read",
            "write",
            "block_bits",
            "read_j",
            "fill_j",
            "update_j",
        ):
            assert getattr(level, name) == pytest.approx(getattr(other, name)), name
    counts = count(problem.nest, problem.hierarchy, problem.mapping, "timeloop")
    found = vector["expected_link_transfers_disabled"]
    if "error" in found:
        assert isinstance(counts, Infeasible)
        return
    assert isinstance(counts, Counts)
    record = timeloop_record(problem, problem.mapping, counts, price(counts, problem.hierarchy, problem.nest))
    assert record["schema"] == "hwsim/timeloop/1"
    assert record["cycles"] == pytest.approx(found["cycles"], abs=1)
    assert record["energy_pj"] == pytest.approx(found["energy_total_pJ"], rel=1e-5)
    assert record["edp"] == pytest.approx(record["energy_pj"] * record["cycles"])


@needs_shared
def test_constraints_read_without_a_mapping() -> None:
    problem = read_timeloop([SHARED / "golden" / "mapper" / "rs_layer1.yaml"])
    assert problem.mapping is None
    dummy = next(level for level in problem.hierarchy.levels if level.name == "DummyBuffer")
    assert dummy.keeps == ("never", "never", "never")
    assert dummy.constraint.spatial_x == ("N", "P", "Q", "R")
    assert dummy.constraint.spatial_fixed["S"] == 0
    assert "C" not in dummy.constraint.spatial_fixed


def test_errors_are_mapping_errors(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        read_timeloop([tmp_path / "absent.yaml"])
