"""Timeloop's files: flat and v0.4 say the same, words have their meaning, and what is not supported is named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.cost import price
from hwsim.counts import Counts, count
from hwsim.errors import MappingError
from hwsim.mapping import LevelLoops
from hwsim.mapping.timeloop import TimeloopProblem, read_timeloop

PROBLEM = """
problem:
  shape:
    name: conv
    dimensions: [R, S, P, Q, C, K, N]
    coefficients: [{name: Wstride, default: 2}, {name: Hstride, default: 1}, {name: Wdilation, default: 1}, {name: Hdilation, default: 1}]
    data_spaces:
    - {name: Weights, projection: [[[C]], [[K]], [[R]], [[S]]]}
    - {name: Inputs, projection: [[[N]], [[C]], [[R, Wdilation], [P, Wstride]], [[S, Hdilation], [Q, Hstride]]]}
    - {name: Outputs, projection: [[[N]], [[K]], [[Q]], [[P]]], read_write: true}
  instance: {R: 3, S: 1, P: 4, Q: 1, C: 8, K: 8, N: 1}
"""
FLAT = """
arch:
  arithmetic: {name: MAC, instances: 8, meshX: 4, word_bits: 8, energy: 1}
  storage:
  - {name: Reg, entries: 6, instances: 8, meshX: 4, word_bits: 8, vector_access_energy: 0.5, block_size: 1}
  - {name: GLB, entries: 4096, instances: 1, meshX: 1, word_bits: 8, vector_access_energy: 6, block_size: 4,
     read_bandwidth: 4, write_bandwidth: 4}
  - {name: DRAM, technology: DRAM, instances: 1, word_bits: 8, vector_access_energy: 100, block_size: 8, shared_bandwidth: 2}
"""
MAPPING = """
mapping:
- {target: Reg, type: temporal, factors: R3 C2, permutation: RC}
- {target: Reg, type: datatype, keep: [Weights], bypass: [Inputs, Outputs]}
- {target: GLB, type: spatial, factors: K=4 C=2, permutation: K C, split: 1}
- {target: GLB, type: temporal, factors: [P4, "C=2"], permutation: [P, C]}
- {target: DRAM, type: temporal, factors: K0}
"""
NODES = """
architecture:
  version: 0.4
  nodes:
  - !Container
    name: system
    attributes: {technology: 45nm, datawidth: 8}
  - !Component
    name: DRAM
    class: DRAM
    attributes: {width: 64, shared_bandwidth: 2, vector_access_energy: 100}
  - !Component
    name: GLB
    class: smartbuffer_SRAM
    attributes: {depth: 1024, width: 32, read_bandwidth: 4, write_bandwidth: 4, vector_access_energy: 6}
  - !Container
    name: PE
    spatial: {meshX: 4, meshY: 2}
  - !Parallel
    nodes:
    - !Component
      name: Reg
      class: smartbuffer_RF
      attributes: {depth: 6, width: 8, vector_access_energy: 0.5}
      constraints:
        dataspace: {keep: [Weights], bypass: [Inputs, Outputs]}
  - !Component
    name: MAC
    class: intmac
    attributes: {energy: 1}
"""
NODE_MAPPING = """
mapping:
- !Temporal {target: Reg, factors: [R=3, C=2], permutation: [R, C]}
- !Spatial {target: PE, factors: [K=4, C=2], permutation: [K, C], split: 1}
- {target: GLB, type: temporal, factors: [P=4, C=2], permutation: [P, C]}
- {target: DRAM, type: temporal, factors: [K=2]}
"""


def write(folder: Path, *texts: str) -> list[Path]:
    paths = []
    for number, text in enumerate(texts):
        paths.append(folder / f"file{number}.yaml")
        paths[-1].write_text(text)
    return paths


def priced(problem: TimeloopProblem) -> tuple[Counts, int, float | None]:
    assert problem.mapping is not None
    counts = count(problem.nest, problem.hierarchy, problem.mapping, "timeloop")
    assert isinstance(counts, Counts)
    cost = price(counts, problem.hierarchy, problem.nest)
    return counts, cost.cycles, cost.joules


def test_a_mapping_in_all_its_spellings(tmp_path: Path) -> None:
    problem = read_timeloop(write(tmp_path, PROBLEM, FLAT, MAPPING))
    assert problem.nest.extents == (1, 1, 8, 8, 1, 4, 1, 3)
    assert problem.nest.stride_w == 2
    assert problem.mapping is not None
    assert problem.mapping.levels == (
        LevelLoops((("R", 3), ("C", 2)), keep=(False, True, False)),
        LevelLoops((("P", 4), ("C", 2)), (("K", 4),), (("C", 2),)),
        LevelLoops((("K", 2),)),
    )
    glb = problem.hierarchy.levels[1]
    assert (glb.block_bits, glb.read, glb.storage[0].bits) == (4, 4, 4096)
    assert glb.read_j == pytest.approx((6e-12, 6e-12, 6e-12))
    assert problem.hierarchy.fanout(1) == (4, 2)


def test_flat_and_nodes_price_the_same(tmp_path: Path) -> None:
    flat = priced(read_timeloop(write(tmp_path, PROBLEM + FLAT + MAPPING)))
    nodes = priced(read_timeloop(write(tmp_path, PROBLEM, NODES, NODE_MAPPING)))
    assert flat == nodes


TABLES = """
ERT:
  version: 0.4
  tables:
  - {name: "system.GLB[1..1]", actions: [{name: read, energy: 3}, {name: write, energy: 4}, {name: leak, energy: 0}]}
  - {name: system.MAC, actions: [{name: compute, energy: 2}]}
"""


def test_energies_of_a_table(tmp_path: Path) -> None:
    """What the table does not give as an update costs as a write; what it does not name keeps its own energy."""
    hierarchy = read_timeloop(write(tmp_path, PROBLEM, NODES, TABLES)).hierarchy
    glb = next(level for level in hierarchy.levels if level.name == "GLB")
    assert (glb.read_j, glb.fill_j, glb.update_j) == tuple((pytest.approx(pj * 1e-12),) * 3 for pj in (3, 4, 4))
    assert hierarchy.mac_j == pytest.approx(2e-12)
    assert hierarchy.levels[0].read_j == pytest.approx((0.5e-12,) * 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{name: read, energy: 3}", "{energy: 3}", r"file2\.yaml:5: name is missing"),
        ("{name: read, energy: 3}", "{name: read}", r"file2\.yaml:5: energy is missing"),
        ("{name: leak, energy: 0}", "{name: leak, energy: 1}", "leakage of an energy table is not supported"),
        ("energy: 3", "energy: -3", "expected a finite number of at least 0"),
        ("{name: system.MAC, ", "{", "a name is missing"),
    ],
)
def test_what_is_wrong_in_a_table(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        read_timeloop(write(tmp_path, PROBLEM, NODES, TABLES.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  - !Parallel\n    nodes:", "  - !Parallel\n    name:", r"file1\.yaml:\d+: nodes is missing"),
        ("        dataspace: {keep", "        sparse: {keep", "sparse: this constraint is not supported"),
        ("  - !Component\n    name: DRAM", "  - !Thing\n    name: DRAM", "tag !Thing: not supported"),
    ],
)
def test_what_is_wrong_in_nodes(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in NODES
    with pytest.raises(MappingError, match=message):
        read_timeloop(write(tmp_path, PROBLEM, NODES.replace(old, new), NODE_MAPPING))


def test_what_lies_off_the_chip(tmp_path: Path) -> None:
    for texts in ((PROBLEM, FLAT, MAPPING), (PROBLEM, NODES, NODE_MAPPING)):
        problem = read_timeloop(write(tmp_path, *texts))
        assert [
            (level.name, level.off_chip) for level in problem.hierarchy.levels if level.keeps != ("never",) * 3
        ] == [
            ("Reg", False),
            ("GLB", False),
            ("DRAM", True),
        ]


@pytest.mark.parametrize(
    ("given", "capacity"),
    [
        ("entries: 6", 6),
        ("entries: inf", None),
        ("sizeKB: 3", 3 * 1024),
        ("depth: 5", 5),
        ("depth: .inf", None),
        ("", None),
    ],
)
def test_capacities_in_words(tmp_path: Path, given: str, capacity: int | None) -> None:
    texts = FLAT.replace("entries: 6,", f"{given}," if given else "")
    register = read_timeloop(write(tmp_path, PROBLEM, texts)).hierarchy.levels[0]
    assert register.storage[0].bits == capacity  # a word counts as one bit


@pytest.mark.parametrize(("given", "times"), [("", 1), ("multiple_buffering: 1,", 1), ("multiple_buffering: 2,", 2)])
def test_buffers_that_are_held_twice(tmp_path: Path, given: str, times: int) -> None:
    texts = FLAT.replace("Reg, ", f"Reg, {given} ")
    assert read_timeloop(write(tmp_path, PROBLEM, texts)).hierarchy.levels[0].buffering == times


@pytest.mark.parametrize(("given", "mesh"), [("meshX: 1", (1, 1)), ("meshY: 1", (1, 1)), ("word_bits: 8", (1, 1))])
def test_a_mesh_that_is_not_said_is_one(tmp_path: Path, given: str, mesh: tuple[int, int]) -> None:
    texts = FLAT.replace("GLB, entries: 4096, instances: 1, meshX: 1, word_bits: 8", f"GLB, entries: 4096, {given}")
    texts = texts if "word_bits" in given else texts.replace(given, f"{given}, word_bits: 8")
    level = read_timeloop(write(tmp_path, PROBLEM, texts, MAPPING)).hierarchy.levels[1]
    assert (level.mesh_x, level.mesh_y) == mesh


@pytest.mark.parametrize("mesh", ["instances: 8, meshX: 4", "instances: 8, meshY: 2", "meshX: 4, meshY: 2"])
def test_meshes_by_any_two_of_their_numbers(tmp_path: Path, mesh: str) -> None:
    texts = FLAT.replace("entries: 6, instances: 8, meshX: 4", f"entries: 6, {mesh}")
    register = read_timeloop(write(tmp_path, PROBLEM, texts)).hierarchy.levels[0]
    assert (register.mesh_x, register.mesh_y) == (4, 2)


@pytest.mark.parametrize(
    ("given", "along_x", "along_y"),
    [
        ("", None, None),
        ("permutation: C K, split: 2", "CK", "NGQPSR"),
        ("permutation: C K, split: 0", "", "CKNGQPSR"),
        ("factors: N1 Q1 P1 S1 R1, permutation: C K, split: 5", "CKNGQPSR", ""),
        ("permutation: C K, split: 7", "CKNGQPSR", ""),
    ],
)
def test_dims_that_may_be_spread(tmp_path: Path, given: str, along_x: str | None, along_y: str | None) -> None:
    text = f"mapspace: {{constraints: [{{target: GLB, type: spatial, {given}}}]}}"
    constraint = read_timeloop(write(tmp_path, PROBLEM, FLAT, text)).hierarchy.levels[1].constraint
    assert (constraint.spatial_x, constraint.spatial_y) == tuple(
        None if dims is None else tuple(dims) for dims in (along_x, along_y)
    )


@pytest.mark.parametrize("split", [3, 6])
def test_a_split_among_dims_without_a_place(tmp_path: Path, split: int) -> None:
    text = f"mapspace: {{constraints: [{{target: GLB, type: spatial, permutation: C K, split: {split}}}]}}"
    with pytest.raises(MappingError, match=f"split {split} of a permutation of 2 dims: name the dims that lie on x"):
        read_timeloop(write(tmp_path, PROBLEM, FLAT, text))


def test_the_input_is_the_operand_that_is_called_so(tmp_path: Path) -> None:
    for first, second, order in (("Input", "B", ("Input", "B", "Z")), ("A", "my_inputs", ("my_inputs", "A", "Z"))):
        text = f"""
problem:
  shape:
    name: product
    dimensions: [M, K, L]
    data_spaces:
    - {{name: {first}, projection: [[[M]], [[K]]]}}
    - {{name: {second}, projection: [[[K]], [[L]]]}}
    - {{name: Z, projection: [[[M]], [[L]]], read_write: true}}
  instance: {{M: 2, K: 3, L: 5}}
"""
        assert read_timeloop(write(tmp_path, text, FLAT)).names.spaces == order


def test_dims_are_recognized_by_what_they_index(tmp_path: Path) -> None:
    matmul = """
problem:
  shape:
    name: matmul
    dimensions: [batch, rows, columns, inner]
    data_spaces:
    - {name: A, projection: [[[batch]], [[rows]], [[inner]]]}
    - {name: B, projection: [[[batch]], [[inner]], [[columns]]]}
    - {name: Z, projection: [[[batch]], [[rows]], [[columns]]], read_write: true}
  instance: {batch: 2, rows: 3, columns: 5, inner: 7}
"""
    problem = read_timeloop(write(tmp_path, matmul, FLAT))
    assert problem.nest.macs == 2 * 3 * 5 * 7
    assert problem.nest.g == 2
    assert problem.names.theirs["G"] == "batch"
    assert problem.names.spaces == ("B", "A", "Z")
    assert {problem.nest.k, problem.nest.n} == {3, 5}
    assert problem.nest.c == 7


def test_constraints(tmp_path: Path) -> None:
    constraints = """
mapspace:
  constraints:
  - {target: Reg, type: bypass, keep: [Weights], bypass: [Inputs]}
  - {target: Reg, type: temporal, factors: R0 P1 K<=2, permutation: R C}
  - {target: GLB, type: spatial, factors: N1 P1, permutation: "K,C", split: 1}
  - {target: MAC, type: utilization, min: 0.5}
"""
    problem = read_timeloop(write(tmp_path, PROBLEM, FLAT, constraints))
    assert problem.mapping is None
    register, buffer, dram = problem.hierarchy.levels
    assert register.keeps == ("never", "always", "free")
    assert dram.keeps == ("always", "always", "always")
    assert register.constraint.order == ("R", "C")
    assert register.constraint.fixed == {"R": 0, "P": 1}
    assert register.constraint.at_most == {"K": 2}
    assert buffer.constraint.spatial_x == ("K",)
    assert buffer.constraint.spatial_y is not None
    assert buffer.constraint.spatial_y[0] == "C"
    assert buffer.constraint.spatial_fixed == {"N": 1, "P": 1}
    assert problem.hierarchy.min_utilization == 0.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Reg, entries", "Reg, network_fill_latency: 3, entries", r"file1\.yaml:5: network_fill_latency 3"),
        ("Reg, entries", "Reg, cluster_size: 4, entries", r"cluster_size 4: only 1"),
        ("Reg, entries", "Reg, wire_energy: 4, entries", r"file1\.yaml:5: wire_energy: not supported"),
        ("Reg, entries: 6", "Reg, entries: six", "expected a number"),
        (
            "instances: 8, meshX: 4, word_bits: 8, vector",
            "instances: 8, meshX: 3, word_bits: 8, vector",
            "do not form a mesh",
        ),
        ("{target: Reg, type: temporal", "{target: Rag, type: temporal", "target Rag: no such level"),
        ("type: temporal, factors: R3 C2", "type: temporl, factors: R3 C2", "type temporl: not supported"),
        ("factors: R3 C2", "factors: R3 C2 C3", "C is given twice"),
        ("factors: R3 C2", "factors: R3 X2", "'X' is not a dim"),
        ("factors: R3 C2", "factors: R3 C2 !", "is not a dim and a number"),
        ("permutation: RC}", "permutation: RCR}", "a dim is given twice"),
        ("factors: K0", "factors: K0 P0", None),
        ("bypass: [Inputs, Outputs]", "bypass: [Weights]", "both kept and bypassed"),
        ("bypass: [Inputs, Outputs]", "bypass: [Biases]", "'Biases' is not a data space"),
        ("instance: {R: 3", "instance: {R: 3, densities: {Weights: 0.5}", "not supported"),
        ("instance: {R: 3, ", "instance: {", "extent of dim R is missing"),
        ("read_write: true", "read_write: false", "data spaces"),
        ("projection: [[[N]], [[C]]", "projection: [[[N, Wstride]], [[C]]", "Inputs: a coefficient outside of a sum"),
        ("arch:", "arch: {subtree: []}\nextra:", "not supported"),
        ("mapping:", "maping:", r"maping: not supported \(did you mean mapping\?\)"),
        ("mapping:", "problem:", "given already at"),
        ("factors: R3 C2", "factors: R<=3 C2", "a mapping needs a number"),
        (
            "MAC, instances: 8, meshX: 4",
            "MAC, instances: 12, meshX: 6",
            "Reg: 4 x 2 instances do not divide the 6 x 2 of MAC",
        ),
        ("GLB, entries: 4096, instances: 1, meshX: 1", "GLB, instances: 3, meshX: 3", "GLB: 3 x 1 .* the 4 x 2 of Reg"),
        (
            "Reg, entries: 6, instances: 8, meshX: 4, word_bits: 8",
            "Reg, sizeKB: 1, instances: 8, meshX: 4",
            "needs word_bits",
        ),
        (
            "vector_access_energy: 6",
            "vector_access_energy: -6",
            r"file1\.yaml:6: expected a finite number of at least 0, not -6",
        ),
        ("vector_access_energy: 6", "vector_access_energy: 1e999", "expected a finite number"),
        ("Reg, entries: 6", "Reg, sizeKB: .inf", "expected a finite number"),
        ("Reg, entries: 6", "Reg, multiple_buffering: .inf, entries: 6", "expected a whole number from 1 on"),
        ("Reg, entries: 6", "Reg, multiple_buffering: 1.5, entries: 6", "expected a whole number from 1 on"),
        ("word_bits: 8, energy: 1", "word_bits: .nan, energy: 1", "expected a number"),
        ("{name: MAC, ", "{", r"file1\.yaml:3: a name is missing"),
        ("name: Reg, ", "name: [Reg], ", r"file1\.yaml:5: expected a word"),
        ("name: Reg, ", "name: ~, ", r"file1\.yaml:5: expected a word"),
        ("instance: {R: 3", "instance: {R: 3, other: {}", "other: not a dim or coefficient"),
        ("instance: {R: 3", "instance: {R: 3, densities: {}", None),
        ("[[[C]], [[K]], [[R]], [[S]]]", "[[[X]], [[K]], [[R]], [[S]]]", r"\['X'\]: a term is \[dim\]"),
        ("[[[C]], [[K]], [[R]], [[S]]]", "[[[C, Wstride, R]], [[K]], [[R]], [[S]]]", r"a term is \[dim\]"),
        ("[[[C]], [[K]], [[R]], [[S]]]", "[[[C, R]], [[K]], [[R]], [[S]]]", r"\['C', 'R'\]: a term is \[dim\]"),
        ("[[[C]], [[K]], [[R]], [[S]]]", "[[[C]], [[C]], [[R]], [[S]]]", "Weights: a dim used twice"),
        (
            "[[[N]], [[K]], [[Q]], [[P]]]",
            "[[[N]], [[K]], [[Q], [P]]]",
            "Outputs: a dim used twice, or a sum outside of Inputs",
        ),
        ("read_write: true", "read_write: false", "3 data spaces, none read_write"),
        ("    - {name: Weights, projection: [[[C]], [[K]], [[R]], [[S]]]}\n", "", "2 data spaces, one read_write"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    texts = [text.replace(old, new, 1) for text in (PROBLEM, FLAT, MAPPING)]
    assert texts != [PROBLEM, FLAT, MAPPING]
    if message is None:
        read_timeloop(write(tmp_path, *texts))
        return
    with pytest.raises(MappingError, match=message):
        read_timeloop(write(tmp_path, *texts))


@pytest.mark.parametrize("key", ["no_reuse", "no_multicast_no_reduction"])
@pytest.mark.parametrize(("value", "says"), [("false", False), ("[]", False), ("true", True), ("[Inputs]", True)])
def test_reuse_that_is_forbidden_is_not_supported(tmp_path: Path, key: str, value: str, says: bool) -> None:
    """A directive may say that there is none to forbid."""
    text = MAPPING.replace("type: spatial,", f"type: spatial, {key}: {value},")
    if says:
        with pytest.raises(MappingError, match=rf"file2\.yaml:5: {key}: not supported"):
            read_timeloop(write(tmp_path, PROBLEM, FLAT, text))
    else:
        assert read_timeloop(write(tmp_path, PROBLEM, FLAT, text)).mapping is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("a: [1, 2", "not valid YAML"),
        ("a: 1\na: 2", "given twice"),
        ("a: *b", "no anchor before it"),
        ("[1]", "expected keys, not a list"),
        ("{{include_text('x')}}\n", "a key must be a plain word"),
        ("a: [1, '{{x}}'\n", "a Jinja template: render it first"),
        ("a: [1, 2", r"not valid YAML(?!.*Jinja)"),
        (
            "a: &x [1]\n"
            + "".join(f"b{n}: &y{n} [{', '.join([f'*y{n - 1}' if n else '*x'] * 9)}]\n" for n in range(7)),
            "more than",
        ),
        ("a: " + "[" * 60 + "]" * 60, "nested more than"),
        ("a: " + "9" * 60, "characters"),
        ("--- 1\n--- 2", r"file0\.yaml:2: a second document"),
        ("a: 1\nb:\n  c: 1\n  [1]: 2", r"file0\.yaml:4: a key must be a plain word"),
    ],
)
def test_hostile_yaml_ends_in_one_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        read_timeloop(write(tmp_path, text))


def test_binary_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "binary.yaml", tmp_path / "none.yaml", tmp_path):
        with pytest.raises(MappingError):
            read_timeloop([path])
    with pytest.raises(MappingError, match="no architecture"):
        read_timeloop(write(tmp_path, PROBLEM))
    with pytest.raises(MappingError, match=r"none\.yaml: cannot be read: No such file or directory$"):
        read_timeloop([tmp_path / "none.yaml"])


def test_the_outermost_level_keeps_everything_whatever_is_asked(tmp_path: Path) -> None:
    lines = (f"  - {{target: {name}, type: bypass, bypass: [Inputs]}}" for name in ("DRAM", "GLB"))
    asked = "\n".join(("mapspace:", "  constraints:", *lines, ""))
    levels = read_timeloop(write(tmp_path, PROBLEM, FLAT, asked)).hierarchy.levels
    assert levels[2].keeps == ("always",) * 3 and levels[1].keeps[0] == "never"


def test_rates_of_reading_writing_and_both_are_told_apart(tmp_path: Path) -> None:
    """In words a cycle of a level's own width."""
    several = FLAT.replace(
        "read_bandwidth: 4, write_bandwidth: 4", "read_bandwidth: 4, write_bandwidth: 3, shared_bandwidth: 5"
    )
    glb = read_timeloop(write(tmp_path, PROBLEM, several, MAPPING)).hierarchy.levels[1]
    rates = (glb.read, glb.write, glb.shared)
    assert all(rate is not None for rate in rates)
    assert [rate / 4 for rate in rates if rate] == pytest.approx([rates[0] / 4, rates[0] * 3 / 16, rates[0] * 5 / 16])  # type: ignore[operator]


def test_a_coefficient_without_a_default_is_one(tmp_path: Path) -> None:
    bare = PROBLEM.replace("{name: Wstride, default: 2}", "{name: Wstride}")
    assert read_timeloop(write(tmp_path, bare, FLAT, MAPPING)).nest.stride_w == 1


def test_a_size_in_kilobytes_is_of_words_of_any_width(tmp_path: Path) -> None:
    """A level of one bit a word holds as many words as bits."""
    sized = FLAT.replace(
        "name: GLB, entries: 4096, instances: 1, meshX: 1, word_bits: 8",
        "name: GLB, sizeKB: 2, instances: 1, meshX: 1, word_bits: 1",
    )
    assert sized != FLAT
    pool = read_timeloop(write(tmp_path, PROBLEM, sized, MAPPING)).hierarchy.levels[1].storage[0]
    wide = FLAT.replace(
        "name: GLB, entries: 4096, instances: 1, meshX: 1, word_bits: 8",
        "name: GLB, entries: 16384, instances: 1, meshX: 1, word_bits: 1",
    )
    assert pool == read_timeloop(write(tmp_path, PROBLEM, wide, MAPPING)).hierarchy.levels[1].storage[0]


def test_where_nothing_is_said_no_share_of_the_pes_must_work(tmp_path: Path) -> None:
    assert read_timeloop(write(tmp_path, PROBLEM, FLAT, MAPPING)).hierarchy.min_utilization == 0


def test_broken_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"file0\.yaml:3: not valid YAML"):
        read_timeloop(write(tmp_path, "problem:\n  shape: [\n  }\n", FLAT, MAPPING))
