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
from hwsim.mapping.text import as_dict, load_mapping, loop_nest, parse_mapping, save_mapping, to_yaml
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


def test_what_is_written_line_by_line() -> None:
    """Names that YAML would read as something else in quotes; only loops that there are; tiles of more than one, never beyond an extent."""
    names = ("a_b", "1st", "two words", "x9")
    hierarchy = Hierarchy("four", tuple(Level(name) for name in names))
    loops = (
        LevelLoops((("C", 3), ("P", 4)), keep=(False, True, False)), LevelLoops(keep=(False, False, False)),
        LevelLoops((), (("K", 2), ("C", 5)), (("P", 2),), (True, False, True)), LevelLoops((("P", 2), ("C", 2))),
    )  # fmt: skip
    mapping = Mapping(loops)
    nest = LoopNest(c=20, k=2, p=6)
    told = [
        "-- x9: input, weight, output kept",
        "for c in 2  # tiles of 15",
        "  for p in 2  # tiles of 6",
        "    -- two words: input, output kept",
        "    spread y p in 2  # tiles of 4",
        "      spread x c in 5  # tiles of 3",
        "        spread x k in 2",
        "          -- 1st: nothing kept; of it",
        "          -- a_b: weight kept",
        "          for p in 4",
        "            for c in 3",
        "              O += W * I",
    ]
    assert loop_nest(nest, hierarchy, mapping, {"1st": "of it", "other": "x", "x9": ""}).splitlines() == told
    written = [
        "schema: hwsim/mapping/1", "levels:",
        "  - name: x9", "    keep: [input, weight, output]", "    temporal: [C=2, P=2]",
        '  - name: "two words"', "    keep: [input, output]", "    spatial_x: [C=5, K=2]", "    spatial_y: [P=2]",
        '  - name: "1st"', "    keep: []",
        "  - name: a_b", "    keep: [weight]", "    temporal: [P=4, C=3]",
    ]  # fmt: skip
    head = "# Levels and loops from the outside in. DIM=FACTOR; factors of a dim multiply to its extent, or beyond it."
    assert to_yaml(hierarchy, mapping).splitlines() == [head, *written]
    plain = [line.replace("; of it", "") for line in told]
    assert to_yaml(hierarchy, mapping, nest).splitlines() == [head, *(f"#   {line}" for line in plain), *written]
    assert parse_mapping(to_yaml(hierarchy, mapping), hierarchy) == mapping
    assert as_dict(hierarchy, mapping) == {
        "schema": "hwsim/mapping/1",
        "levels": [
            {
                "name": "x9",
                "keep": ["input", "weight", "output"],
                "temporal": ["C=2", "P=2"],
                "spatial_x": [],
                "spatial_y": [],
            },
            {
                "name": "two words",
                "keep": ["input", "output"],
                "temporal": [],
                "spatial_x": ["C=5", "K=2"],
                "spatial_y": ["P=2"],
            },
            {"name": "1st", "keep": [], "temporal": [], "spatial_x": [], "spatial_y": []},
            {"name": "a_b", "keep": ["weight"], "temporal": ["P=4", "C=3"], "spatial_x": [], "spatial_y": []},
        ],
    }


def test_what_a_level_leaves_out_and_how_loops_may_be_written() -> None:
    """Everything is kept; spaces and small letters are fine; a file without a schema is one of this."""
    text = "levels:\n- {name: buffer, temporal: [' k = 2 ', c=1]}\n- {name: dram, keep: [weight]}\n"
    found = parse_mapping(text, HIERARCHY)
    assert found.levels == (LevelLoops((("C", 1), ("K", 2))), LevelLoops(keep=(False, True, False)))
    for wrong, message in (
        ("[k=-1]", r"m:2: temporal: 'k=-1' is not DIM=FACTOR with a dim of N G K C Q P S R and a whole number from 1 on"),
        ("[k=1.5]", "is not DIM=FACTOR"), ("[KC=2]", "is not DIM=FACTOR"), ("['']", "is not DIM=FACTOR"),
        ("[k=2, K=3]", "m:2: temporal: K is given twice"),
    ):  # fmt: skip
        with pytest.raises(MappingError, match=message):
            parse_mapping(text.replace("[' k = 2 ', c=1]", wrong), HIERARCHY, "m")
    for wrong, message in (
        ("levels: []", "^m:1: levels: buffer, dram missing$"), ("schema: hwsim/mapping/1", "^m:1: levels are missing$"),
        ("levels: [{keep: []}]", "^m:1: a level needs a name$"), ("levels: 3", "^m:1: expected a list$"),
        ("levels: [{name: dram, keep: [bias]}]", "^m:1: keep: bias is not one of input, weight, output$"),
    ):  # fmt: skip
        with pytest.raises(MappingError, match=message):
            parse_mapping(wrong, HIERARCHY, "m")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MappingError, match=r"m\.yaml: not a UTF-8 text$"):
        load_mapping(tmp_path / "m.yaml", HIERARCHY)
    (tmp_path / "m.yaml").write_text("\ufeff" + to_yaml(HIERARCHY, MAPPING), encoding="utf-8")
    assert load_mapping(tmp_path / "m.yaml", HIERARCHY) == MAPPING
