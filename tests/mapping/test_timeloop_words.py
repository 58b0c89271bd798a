"""Timeloop's attributes, tables, nodes, directives and shapes, each in every spelling and at its edges."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.errors import MappingError
from hwsim.mapping import Level
from hwsim.mapping.timeloop import read_timeloop
from tests.mapping.test_timeloop_reader import FLAT, NODE_MAPPING, NODES, PROBLEM, write


def _register(folder: Path, attributes: str) -> Level:
    """The innermost level of the flat architecture with other attributes than its entries and energy."""
    texts = FLAT.replace(
        "entries: 6, instances: 8, meshX: 4, word_bits: 8, vector_access_energy: 0.5, block_size: 1", attributes
    )
    assert texts != FLAT
    return read_timeloop(write(folder, PROBLEM, texts)).hierarchy.levels[0]


@pytest.mark.parametrize(
    ("attributes", "block", "capacity"),
    [
        ("depth: 5", 1, 5), ("depth: 5, width: 32", 1, 5), ("depth: 5, width: 32, word_bits: 8", 4, 20),
        ("memory_depth: 3, memory_width: 8, datawidth: 8", 1, 3),
        ("data_storage_depth: 2, data_storage_width: 64, word-bits: 16", 4, 8), ("depth: 5, block_size: 3", 3, 15),
        ("depth: 5, block-size: 2, width: 32, word_bits: 8", 2, 10),
        ("entries: 7, width: 32, word_bits: 8", 4, 7), ("entries: 0", 1, 0), ("entries: Infinity, depth: 3", 1, None),
        ("depth: .inf, width: 16, wordbits: 8", 2, None), ("depth: 5, width: 3, word_bits: 1", 3, 15), ("sizeKB: 1, word_bits: 1", 1, 8192),
        ("sizeKB: 1, word_bits: 16", 1, 512), ("sizeKB: 0.001, word_bits: 8", 1, 1),
        ("sizeKB: 3, depth: 1, data_width: 12", 1, 2048), ("entries: 4, sizeKB: 3, word_bits: 8", 1, 4),
        ("word_bits: 8", 1, None),
    ],
)  # fmt: skip
def test_words_of_a_level_and_of_one_access(tmp_path: Path, attributes: str, block: int, capacity: int | None) -> None:
    level = _register(tmp_path, f"{attributes}, instances: 8, meshX: 4")
    assert (level.block_bits, level.storage[0].bits, level.storage[0].operands) == (block, capacity, (True, True, True))
    assert (level.mesh_x, level.mesh_y, level.keeps, level.read_j, level.hop_j, level.buffering) == (
        4,
        2,
        ("free",) * 3,
        None,
        0.0,
        1,
    )


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ("depth: 5, width: 30, word_bits: 8", "a width of 30 bits is not a whole number of words of 8 bits"),
        ("word_bits: 0", "expected a whole number from 1 on, not 0"),
        ("cluster-size: 2", "cluster-size 2: only 1 is supported"),
        ("network_drain_latency: 1", "network_drain_latency 1: only 0 is supported"),
        ("multicast: false", "multicast False: only true is supported"),
        ("reduction_supported: 1", "reduction_supported 1: only true is supported"),
        ("meshX: 3, instances: 8", "8 instances do not form a mesh with meshX 3"),
        ("meshX: 4, meshY: 3, instances: 8", "8 instances do not form a mesh with meshX 4 and meshY 3"),
        ("meshY: 9, instances: 8", "8 instances do not form a mesh with meshX 1 and meshY 9"),
        ("instances: 0", "expected a whole number from 1 on"), ("meshX: 0", "expected a whole number from 1 on"),
        ("meshY: 0", "expected a whole number from 1 on"),
        ("block_size: 0", "expected a whole number from 1 on"), ("multiple_buffering: 0", "expected a whole number from 1 on"),
        ("entries: -1", "expected a whole number from 0 on"),
    ],
)  # fmt: skip
def test_attributes_that_a_level_cannot_have(tmp_path: Path, attributes: str, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        _register(tmp_path, attributes)


def test_attributes_that_change_nothing_and_those_that_do(tmp_path: Path) -> None:
    idle = "class: x, technology: 45nm, cluster_size: 1, network_fill_latency: 0, network_drain_latency: 0, multicast: true"
    idle += ", reduction_supported: true, num_ports: 2"
    plain = _register(tmp_path, "entries: 6")
    assert _register(tmp_path, f"entries: 6, {idle}") == plain and (plain.mesh_x, plain.mesh_y) == (1, 1)
    told = _register(
        tmp_path,
        "meshX: 2, meshY: 2, energy_per_hop: 3, vector_access_energy: 2, read_bandwidth: 1.5, multiple_buffering: 3, class: DRAM",
    )
    assert (told.mesh_x, told.mesh_y, told.buffering, told.off_chip) == (2, 2, 3, True)
    assert told.hop_j == pytest.approx(
        3e-12, rel=1e-15
    ) and told.read_j == told.fill_j == told.update_j == pytest.approx((2e-12,) * 3, rel=1e-15)
    assert (told.read, told.write, told.shared) == (1.5, None, None)
    for given, mesh in (
        ("instances: 4", (4, 1)),
        ("instances: 4, meshX: 1", (1, 4)),
        ("instances: 8, mesh_y: 2", (4, 2)),
        ("mesh_x: 2", (2, 1)),
        ("meshY: 2", (1, 2)),
    ):
        mac = "instances: 8, meshX: 4"
        small = FLAT.replace(f"name: MAC, {mac}", "name: MAC, meshX: 8, meshY: 4").replace(
            f"entries: 6, {mac}", f"entries: 6, {given}"
        )
        level = read_timeloop(write(tmp_path, PROBLEM, small)).hierarchy.levels[0]
        assert (level.mesh_x, level.mesh_y) == mesh


@pytest.mark.parametrize(
    ("actions", "energies", "mac"),
    [
        ("{name: read, energy: 3}, {name: write, energy: 4}, {name: update, energy: 5}", (3, 4, 5), 1),
        ("{name: read, energy: 3}, {name: write, energy: 4}", (3, 4, 4), 1),
        ("{name: read, energy: 3}", (3, 6, None), 1), ("{name: leak, energy: 0}", (6, 6, None), 1), ("", (6, 6, 6), 1),
    ],
)  # fmt: skip
def test_energies_of_a_table_beside_those_of_a_level(
    tmp_path: Path, actions: str, energies: tuple[float | None, ...], mac: float
) -> None:
    table = f"ERT: {{version: 0.4, tables: [{{name: 'a.b.GLB[1..2]', actions: [{actions}]}}]}}\n"
    hierarchy = read_timeloop(write(tmp_path, PROBLEM, FLAT, table)).hierarchy
    glb = hierarchy.levels[1]
    expected = [None if pj is None else pytest.approx((pj * 1e-12,) * 3, rel=1e-14) for pj in energies]
    assert [glb.read_j, glb.fill_j, glb.update_j] == expected and hierarchy.mac_j == pytest.approx(mac * 1e-12)
    assert (hierarchy.clock_hz, hierarchy.leakage_w, hierarchy.pes_x, hierarchy.pes_y, hierarchy.name) == (
        1e9,
        0.0,
        4,
        2,
        "timeloop",
    )


@pytest.mark.parametrize(
    ("actions", "pj"),
    [("compute 2, mac 3, mac_random 4", 2), ("mac_random 4, mac 3", 3), ("mac_random 4", 4), ("other 5", 1)],
)
def test_energies_of_a_mac(tmp_path: Path, actions: str, pj: float) -> None:
    listed = ", ".join("{{name: {}, energy: {}}}".format(*action.split()) for action in actions.split(", "))
    table = f"ERT: {{tables: [{{name: MAC, actions: [{listed}]}}]}}\n"
    assert read_timeloop(write(tmp_path, PROBLEM, FLAT, table)).hierarchy.mac_j == pytest.approx(pj * 1e-12, rel=1e-14)
    free = FLAT.replace(", word_bits: 8, energy: 1}", "}")
    assert read_timeloop(write(tmp_path, PROBLEM, free)).hierarchy.mac_j is None


def test_fan_outs_one_behind_the_other(tmp_path: Path) -> None:
    """Between two that follow each other stands a level that holds nothing; sizes and meshes of a container are its own."""
    inner = "  - !Container\n    name: column\n    spatial: {meshY: 3}\n"
    inner += "    attributes: {depth: 99, instances: 7, vector_access_energy: 2}\n"
    text = NODES.replace("  - !Parallel", f"{inner}  - !Parallel").replace(
        "attributes: {depth: 6, width: 8, vector_access_energy: 0.5}", "attributes: {width: 8}"
    )
    hierarchy = read_timeloop(write(tmp_path, PROBLEM, text)).hierarchy
    assert [(level.name, level.mesh_x, level.mesh_y) for level in hierarchy.levels] == [
        ("Reg", 4, 6), ("above column", 4, 2), ("GLB", 1, 1), ("DRAM", 1, 1),
    ]  # fmt: skip
    passage, register = hierarchy.levels[1], hierarchy.levels[0]
    assert passage.keeps == ("never",) * 3 and passage.storage[0].bits is None and register.storage[0].bits is None
    assert register.read_j == pytest.approx((2e-12,) * 3) and (hierarchy.pes_x, hierarchy.pes_y) == (4, 6)
    spread = "mapping:\n- !Spatial {target: column, factors: [C=3]}\n- !Spatial {target: PE, factors: [K=4]}\n"
    spread += "- {target: DRAM, type: temporal, factors: [K=2, C=3, P=4, R=3]}\n"
    mapping = read_timeloop(write(tmp_path, PROBLEM, text, spread)).mapping
    assert (
        mapping is not None
        and mapping.levels[1].spatial_x == (("C", 3),)
        and mapping.levels[2].spatial_x == (("K", 4),)
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    class: intmac\n", "    class: int\n", "no compute node"),
        ("    class: DRAM\n", "    class: ALU\n", "GLB: lies inside of the compute node DRAM, which must be the last"),
        ("technology: 45nm, datawidth: 8}\n", "datawidth: 8}\n    spatial: {meshX: 2}\n", "system: a fan-out needs a storage level"),
        ("spatial: {meshX: 4, meshY: 2}", "spatial: {meshX: 4, meshZ: 2}", "meshZ: not supported"),
        ("    name: PE\n", "", "a name is missing"),
    ],
)  # fmt: skip
def test_nodes_in_the_wrong_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in NODES
    with pytest.raises(MappingError, match=message):
        read_timeloop(write(tmp_path, PROBLEM, NODES.replace(old, new)))
    for name in ("mac", "alu", "compute", "multiplier"):
        for key in ("class", "subclass"):
            text = NODES.replace(
                "class: intmac", f"{key}: My{name.upper()}2" if key == "class" else f"class: x\n    subclass: {name}"
            )
            assert read_timeloop(write(tmp_path, PROBLEM, text)).hierarchy.mac_j == pytest.approx(1e-12)


@pytest.mark.parametrize(
    ("directive", "temporal", "spatial"),
    [
        ("type: temporal, factors: 'R3 C=2, K<=1'", None, None),
        ("type: temporal, factors: 'R3,C2', permutation: 'C R'", (("C", 2), ("R", 3)), ((), ())),
        ("type: temporal, factors: {R: 3, C: 2}, permutation: [R, C]", (("R", 3), ("C", 2)), ((), ())),
        ("type: temporal, factors: [R3, C 2], permutation: CR", (("C", 2), ("R", 3)), ((), ())),
        ("type: temporal, factors: 'C2 R3', permutation: R", (("R", 3), ("C", 2)), ((), ())),
        ("type: temporal, factors: 'C1 R3'", (("R", 3),), ((), ())),
        ("type: temporal", (), ((), ())), ("type: temporal, factors: ", (), ((), ())),
        ("type: spatial, factors: 'K2 C2', permutation: 'K C', split: 1", (), ((("K", 2),), (("C", 2),))),
        ("type: spatial, factors: 'K2 C2', permutation: 'K C'", (), ((("K", 2), ("C", 2)), ())),
        ("type: spatial, factors: 'K2 C2', permutation: 'K C', split: 0", (), ((), (("K", 2), ("C", 2)))),
        ("type: spatial, factors: 'K2 C2', permutation: 'C K', split: 2", (), ((("C", 2), ("K", 2)), ())),
    ],
)  # fmt: skip
def test_loops_in_all_their_spellings(tmp_path: Path, directive: str, temporal: object, spatial: object) -> None:
    text = f"mapping:\n- {{target: GLB, {directive}}}\n- {{target: DRAM, type: temporal, factors: 'R0 P0 C0 K0'}}\n"
    if temporal is None:
        with pytest.raises(
            MappingError, match=r"factors: K<=1: a mapping needs a number \(bounds belong to constraints\)"
        ):
            read_timeloop(write(tmp_path, PROBLEM, FLAT, text))
        return
    mapping = read_timeloop(write(tmp_path, PROBLEM, FLAT, text)).mapping
    assert mapping is not None
    glb, dram = mapping.levels[1:]
    assert glb.temporal == temporal and (glb.spatial_x, glb.spatial_y) == spatial and glb.keep == (True, True, True)
    inside: dict[str, int] = {}
    for dim, factor in (*glb.temporal, *glb.spatial_x, *glb.spatial_y):
        inside[dim] = inside.get(dim, 1) * factor
    left = {dim: -(-extent // inside.get(dim, 1)) for dim, extent in (("R", 3), ("P", 4), ("C", 8), ("K", 8))}
    assert dram.temporal == tuple((dim, factor) for dim, factor in left.items() if factor > 1)


@pytest.mark.parametrize(
    ("directives", "message"),
    [
        (
            "- {target: GLB, type: temporal, factors: K0}\n- {target: DRAM, type: temporal, factors: K0}",
            r"factors: K takes what is left here and at file2\.yaml:3",
        ),
        ("- {target: GLB, type: temporal}\n- {target: GLB, type: temporal}", r"GLB: a second temporal directive \(first at .*:3\)"),
        ("- {type: temporal}", "a directive needs a target"), ("- {target: GLB}", r"type \(none\): not supported"),
        ("- {target: GLB, type: temporal, factors: 'K<=2 K3'}", "K is given twice"),
        ("- {target: GLB, type: temporal, factors: K1234567890123456789}", "beyond what 64 bits hold"),
        ("- {target: GLB, type: temporal, permutation: 'K K'}", "permutation: a dim is given twice"),
        ("- {target: GLB, type: temporal, permutation: 'KZ'}", "'Z' is not a dim of the problem"),
        ("- {target: GLB, type: spatial, split: -1}", "expected a whole number from 0 on"),
    ],
)  # fmt: skip
def test_directives_that_do_not_go_together(tmp_path: Path, directives: str, message: str) -> None:
    with pytest.raises(MappingError, match=message.replace("file2", ".*file2")):
        read_timeloop(write(tmp_path, PROBLEM, FLAT, f"\nmapping:\n{directives}\n"))


def test_what_a_mapping_holds_where_the_architecture_says_so_too(tmp_path: Path) -> None:
    """Directives of the mapping win over a node's own; a level that nothing is said of keeps everything."""
    other = NODE_MAPPING + "- {target: Reg, type: dataspace, keep: [Inputs]}\n"
    for texts, keep in (((NODES, NODE_MAPPING), (False, True, False)), ((NODES, other), (True, True, True))):
        mapping = read_timeloop(write(tmp_path, PROBLEM, *texts)).mapping
        assert mapping is not None and mapping.levels[0].keep == keep and mapping.levels[1].keep == (True, True, True)
    limits = "mapspace: {nodes: [{type: utilization, min: 0.75}, {type: parallelism}]}\n"
    assert read_timeloop(write(tmp_path, PROBLEM, FLAT, limits)).hierarchy.min_utilization == 0.0
    words = "mapspace: {template: uber, constraints: [{target: GLB, type: temporal, factors: 'K<=3 C2 P0', permutation: PQ}]}\n"
    constraint = read_timeloop(write(tmp_path, PROBLEM, FLAT, words)).hierarchy.levels[1].constraint
    assert (constraint.order, constraint.fixed, constraint.at_most) == (("P", "Q"), {"C": 2, "P": 0}, {"K": 3})
    assert (constraint.spatial_x, constraint.spatial_y, constraint.spatial_fixed, constraint.spatial_at_most) == (
        None,
        None,
        {},
        {},
    )
    with pytest.raises(MappingError, match="template ruby: not supported"):
        read_timeloop(write(tmp_path, PROBLEM, FLAT, "mapspace: {template: ruby}\n"))


def test_a_shape_by_its_name_and_windows_that_step(tmp_path: Path) -> None:
    """Strides and dilations of height and width from where they are said, else one; rectangles told apart."""
    named = (
        "problem: {shape: cnn-layer, instance: {R: 3, S: 2, P: 4, Q: 5, C: 8, K: 9, N: 2, Wstride: 2, Hdilation: 3}}\n"
    )
    for shape in ("cnn-layer", "cnn_layer.yaml"):
        nest = read_timeloop(write(tmp_path, named.replace("cnn-layer", shape), FLAT)).nest
        assert nest.extents == (2, 1, 9, 8, 5, 4, 2, 3) and (
            nest.stride_w,
            nest.stride_h,
            nest.dilation_w,
            nest.dilation_h,
        ) == (2, 1, 1, 3)
        assert {nest.input.bits, nest.weight.bits, nest.output.bits, nest.accumulator.bits} == {1} and nest.repeat == 1
    with pytest.raises(MappingError, match=r"shape dnn: not supported by name \(write it out, or cnn-layer\)"):
        read_timeloop(write(tmp_path, named.replace("cnn-layer", "dnn"), FLAT))
    plain = PROBLEM.replace("[R, Wdilation], [P, Wstride]", "[R], [P]").replace(
        "[S, Hdilation], [Q, Hstride]", "[S], [Q, Hstride]"
    )
    nest = read_timeloop(write(tmp_path, plain.replace("N: 1}", "N: 1, Hstride: 4}"), FLAT)).nest
    assert (nest.stride_w, nest.stride_h, nest.dilation_w, nest.dilation_h) == (1, 4, 1, 1)
    flat = "problem: {shape: cnn-layer, R: 3, S: 2, P: 4, Q: 5, C: 8, K: 9, N: 2}\n"  # sizes beside the shape
    assert read_timeloop(write(tmp_path, flat, FLAT)).nest.macs == 3 * 2 * 4 * 5 * 8 * 9 * 2
    for size in (0, -1):
        with pytest.raises(MappingError, match="expected a whole number from 1 on"):
            read_timeloop(write(tmp_path, flat.replace("R: 3", f"R: {size}"), FLAT))
