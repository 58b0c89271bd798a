"""A mapping reads as a loop nest, and its YAML comes back as it was."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import MappingError
from hwsim.mapping import Hierarchy, Level, LevelLoops, Mapping
from hwsim.mapping.pack import pack_mapping, unpack_mapping
from hwsim.mapping.text import load_mapping, loop_nest, parse_mapping, save_mapping, to_yaml
from hwsim.workload import LoopNest
from tests.oracles.cases import random_case

HIERARCHY = Hierarchy("two", (Level("buffer", 2, 1), Level("dram")), 2)
MAPPING = Mapping(
    (LevelLoops((("C", 3), ("P", 2)), keep=(True, False, True)), LevelLoops((("K", 4),), spatial_x=(("K", 2),)))
)
NEST = LoopNest(k=7, c=3, p=2)


def test_loop_nest_reads_from_the_outside_in() -> None:
    assert loop_nest(NEST, HIERARCHY, MAPPING, {"buffer": "5 words"}) == "\n".join(
        [
            "-- dram: input, weight, output kept",
            "for k in 4  # tiles of 2",
            "  spread x k in 2",
            "    -- buffer: input, output kept; 5 words",
            "    for p in 2",
            "      for c in 3",
            "        O += W * I",
        ]
    )


@given(seed=st.integers(0, 2**32))
def test_yaml_and_arrays_come_back_as_they_were(seed: int) -> None:
    nest, hierarchy, mapping = random_case(random.Random(seed), perfect=False)
    assert parse_mapping(to_yaml(hierarchy, mapping, nest), hierarchy) == mapping
    assert unpack_mapping(pack_mapping(mapping, len(hierarchy.levels))) == mapping


def test_a_saved_file_loads(tmp_path: Path) -> None:
    save_mapping(tmp_path / "mapping.yaml", HIERARCHY, MAPPING, NEST)
    assert load_mapping(tmp_path / "mapping.yaml", HIERARCHY) == MAPPING
    with pytest.raises(MappingError, match="cannot be written"):
        save_mapping(tmp_path / "none" / "mapping.yaml", HIERARCHY, MAPPING)
    with pytest.raises(MappingError, match="cannot be read"):
        load_mapping(tmp_path / "none.yaml", HIERARCHY)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: dram", "name: drum", r"mapping:4: drum: no such level \(the hierarchy has buffer, dram\)"),
        ("name: dram", "name: buffer", "given twice"),
        ("[K=4]", "[K=4, K=2]", "K is given twice"),
        ("[K=4]", "[K=0]", "is not DIM=FACTOR"),
        ("[K=4]", "[Z=4]", "is not DIM=FACTOR"),
        ("[K=4]", "[K]", "is not DIM=FACTOR"),
        ("keep: [input, output]", "keep: [inputs]", "inputs is not one of"),
        ("temporal", "temporl", r"temporl: not supported \(did you mean temporal\?\)"),
        ("schema: hwsim/mapping/1", "schema: hwsim/mapping/2", "this is hwsim/mapping/1"),
        ("levels:", "level:", "did you mean levels"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, message: str) -> None:
    text = to_yaml(HIERARCHY, MAPPING)
    assert old in text
    with pytest.raises(MappingError, match=message):
        parse_mapping(text.replace(old, new, 1), HIERARCHY)


def test_a_missing_level_is_named() -> None:
    with pytest.raises(MappingError, match="levels: buffer missing"):
        parse_mapping("levels: [{name: dram}]", HIERARCHY)


@pytest.mark.parametrize(("factor", "fits"), [(2**62 - 1, True), (2**62, False)])
def test_factors_have_62_bits(factor: int, fits: bool) -> None:
    written = to_yaml(HIERARCHY, MAPPING, NEST).replace("K=4", f"K={factor}")
    if fits:
        assert parse_mapping(written, HIERARCHY).levels[1].temporal == (("K", factor),)
    else:
        with pytest.raises(MappingError, match="is not DIM=FACTOR"):
            parse_mapping(written, HIERARCHY)
