"""What a mistake in a profile reads like: file, line, dotted key, what is wrong, what would help."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.device import load
from hwsim.errors import ProfileError
from tests.device.profiles import replaced, write

NUMBER = "must be a number, or {value: ..., source: ...}"
OPERANDS = "must be input, weight, output or several joined by +"
WORD = "must be a word of letters, digits and _ that starts with a letter"
DTYPES = "not a data type (int1 to int64, uint1 to uint64, float8 to float64, bfloat16, tfloat32)"

#: passage, what stands there instead, line, dotted key, message
KEYS = [
    ("capacity_kib", "capacity_kb", 19, "memory.gbuf.capacity_kb", "unknown key (did you mean capacity_kib?)"),
    ("clock_mhz: 500", "clock_mhz: {vale: 3}", 7, "clock_mhz.vale", "unknown key (did you mean value?)"),
    ("clock_mhz: 500\n", "", 0, "clock_mhz", "missing"),
    ("x: 8, ", "", 9, "compute.pe_array.x", "missing"),
    ("name: rf, per: pe", "per: pe", 16, "memory.0.name", "missing"),
    ("gbuf: {temporal", "gbuf: {temporl", 33, "dataflow.gbuf.temporl", "unknown key (did you mean temporal?)"),
    ("  gbuf: {temp", "  gbuff: {temp", 33, "dataflow.gbuff", "unknown key, and no memory level (did you mean gbuf?)"),
    (
        "min_utilization: 0.25",
        "min_utilisation: 2",
        31,
        "dataflow.min_utilisation",
        "unknown key, and no memory level (did you mean min_utilization?)",
    ),
    (
        "capacity_gib: 1",
        "capacity_gib: 1, capacity_mib: 5",
        27,
        "memory.dram",
        "gives both capacity_mib and capacity_gib",
    ),
    ("per: core", "per: core\n    mesh: {x: 1, y: 1}", 17, "memory.gbuf", "gives both per and mesh"),
    ("name: dram", "name: gbuf", 27, "memory.gbuf", "a second entry of this name"),
    (
        "name: fast, input: int8, weight: int4",
        "input: int8, weight: int8",
        13,
        "compute.precisions.int8",
        "a second entry of this name",
    ),
]
VALUES = [
    (
        "kind: accelerator",
        "kind: gp",
        2,
        "kind",
        "must be one of accelerator, gpu, cpu, mcu, system (did you mean gpu?)",
    ),
    ("clock_mhz: 500", "clock_mhz: fast", 7, "clock_mhz", NUMBER),
    ("clock_mhz: 500", "clock_mhz: true", 7, "clock_mhz", NUMBER),
    ("clock_mhz: 500", "clock_mhz: .nan", 7, "clock_mhz", "must be a finite number"),
    ("clock_mhz: 500", "clock_mhz: 1e999", 7, "clock_mhz", "must be a finite number"),
    ("clock_mhz: 500", "clock_mhz: {value: .inf}", 7, "clock_mhz.value", "must be a finite number"),
    ("clock_mhz: 500", "clock_mhz: 0", 7, "clock_mhz", "must be above 0"),
    ("x: 8", "x: 8.5", 9, "compute.pe_array.x", "must be a whole number from 1 to 2^31"),
    ("min_utilization: 0.25", "min_utilization: 2", 31, "dataflow.min_utilization", "must be above 0 and at most 1"),
    (
        "order_inner_to_outer: [P, Q]",
        "order_inner_to_outer: [P, X]",
        33,
        "dataflow.gbuf.temporal.order_inner_to_outer.1",
        "must be one of N, G, K, C, Q, P, S, R",
    ),
    ("{input: 24, weight", "{inputs: 24, weight", 16, "memory.rf.capacity_bytes.inputs", OPERANDS),
    ("weight: 448, ", "retains: [weight], ", 16, "memory.rf.capacity_bytes.retains", OPERANDS),
    ("{input: 24, weight", '{"input+weight": 24, weight', 16, "memory.rf.capacity_bytes", "names an operand twice"),
    ("{weight: free}", "{weight: maybe}", 20, "memory.gbuf.keeps.weight", "must be one of always, never, free"),
    (
        "{weight: free}",
        "[weigth]",
        20,
        "memory.gbuf.keeps",
        "must list input, weight, output, or map them to always, never, free",
    ),
    ("off_chip: true", "off_chip: 1", 27, "memory.dram.off_chip", "must be true or false"),
    ("name: dram", "name: 'd ram'", 27, "memory.d ram.name", WORD),
    ("lab: {text", "9lab: {text", 4, "sources.9lab", WORD),
    ("input: int8, weight: int4", "input: int8, weight: nibble", 13, "compute.precisions.fast.weight", DTYPES),
    ("between: [gbuf, rf]", "between: [gbuf]", 29, "network.0.between", "must have at least 2 entries"),
    ("description: a small array", "description: [a]", 3, "description", "must be text"),
    ("area: {core_mm2: 1.5}", "area: 1.5", 37, "area", "must be a mapping of keys"),
    (
        "structured: {kept: 2, of: 4, speedup: 1.8}",
        "structured: 2",
        35,
        "sparsity.structured",
        "must be a mapping of keys",
    ),
    ("source: lab", "source: labb", 26, "memory.gbuf.leakage_mw", "source labb is not in sources (did you mean lab?)"),
    ("default_source: paper", "default_source: [a]", 5, "default_source", "must be a key of sources"),
]
CONTRADICTIONS = [
    ("input: 24,", "input: 0.2,", 16, "memory.rf", "a capacity below one byte"),
    ("max_c: 100", "max_c: 30", 38, "power.thermal.max_c", "must be above ambient_c"),
    ("between: [gbuf, rf]", "between: [rf, gbuf]", 29, "network.rf_gbuf.between", "must name the outer level first"),
    (
        "between: [gbuf, rf]",
        "between: [gbf, rf]",
        29,
        "network.gbf_rf.between",
        "no memory level gbf (did you mean gbuf?)",
    ),
    ("pass_level: gbuf", "pass_level: gbf", 34, "overheads.pass_level", "no memory level gbf (did you mean gbuf?)"),
    (
        "name: rf, per: pe",
        "name: rf, per: pe, off_chip: true",
        16,
        "memory.rf.off_chip",
        "only the last level may be off chip",
    ),
    ("overlapped: false", "keeps: [input, output]", 27, "memory.dram", "the last level must keep weight"),
    (
        "overlapped: false",
        "keeps: [input, output]",
        27,
        "memory.dram.retains",
        "retains weight, which it does not keep",
    ),
    ("name: rf, per: pe,", "name: rf, per: pe, keeps: [],", 16, "memory.rf", "keeps no operand at all"),
    (
        "input: 24, weight: 448, output: 48}",
        "weight: 448}, keeps: {input: free}",
        16,
        "memory.rf.keeps",
        "keeps input, for which it has no capacity",
    ),
    ("per: core", "mesh: {x: 3, y: 2}", 18, "memory.gbuf.mesh", "3 × 2 instances do not divide the 16 × 4 PEs"),
    ("per: core", "mesh: {x: 3, y: 2}", 17, "memory.gbuf", "3 × 2 instances do not divide the 16 × 4 of rf"),
    (
        "operating_points:",
        "operating_point: lo\noperating_points:",
        39,
        "operating_point",
        "no operating point lo (did you mean low?)",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "message"), KEYS + VALUES + CONTRADICTIONS)
def test_a_mistake_is_one_line(tmp_path: Path, old: str, new: str, line: int, key: str, message: str) -> None:
    path = write(tmp_path, replaced(old, new))
    with pytest.raises(ProfileError) as caught:
        load(path)
    where = f"{path}:{line}" if line else f"{path}"
    assert f"{where}: {key}: {message}" in caught.value.findings
    assert len(caught.value.findings) <= 3


@pytest.mark.parametrize(
    ("old", "new"), [("weight: 448, ", ""), ("output: 48}", "output: 48}, keeps: [input]"), ("per: core", "per: chip")]
)
def test_what_is_legal(tmp_path: Path, old: str, new: str) -> None:
    assert load(write(tmp_path, replaced(old, new))).name == "tiny"
