from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hwsim.device import Device, LevelConstraint, Pool, check, describe, json_schema, load, published, schema
from hwsim.device.keys import ALTERNATIVES
from hwsim.device.loading import _line_number
from hwsim.errors import ProfileError
from tests.device.profiles import TINY, replaced, write


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write(tmp_path, TINY)


def findings(path: Path, *overrides: str) -> list[str]:
    """What is wrong, without the folder."""
    with pytest.raises(ProfileError) as caught:
        load(path, overrides)
    return [finding.replace(f"{path.parent}/", "") for finding in caught.value.findings]


def test_every_key_becomes_si_once(tiny: Path) -> None:
    device = load(tiny)
    assert (device.name, device.kind, device.clock_hz, device.node_nm, device.voltage_v) == (
        "tiny",
        "accelerator",
        5e8,
        28,
        1.0,
    )
    assert (device.array.x, device.array.y, device.array.cores, device.array.pes) == (8, 4, 2, 64)
    first, fast = device.precisions
    assert (first.accumulate, first.mac_j, first.efficiency) == ("int32", 0.5e-12, 1.0)
    assert (fast.weight, fast.accumulate, fast.macs_per_pe_per_cycle, fast.mac_j) == ("int4", "int32", 2, None)
    assert device.vector is not None
    assert (device.vector.ops_per_s, device.vector.by_function, device.vector.op_j) == (
        8e9,
        {"exp": 1e9},
        pytest.approx(1e-13),
    )
    assert device.overheads.kernel_s == pytest.approx(2e-6)
    assert (device.overheads.pass_cycles, device.overheads.pass_level) == (10, "gbuf")
    assert device.overheads.inference_s == pytest.approx(5e-6)
    assert device.sparsity.compressed == {"weight"}
    assert (device.sparsity.structured, device.sparsity.structured_speedup) == ((2, 4), 1.8)
    assert device.host is not None
    assert (device.host.bandwidth, device.host.latency_s) == (4e9, pytest.approx(1e-5))
    assert device.host.j_per_byte == pytest.approx(2e-11)
    assert device.area_mm2 == {"core": 1.5}
    assert device.static_w == pytest.approx(3e-3)
    assert device.power_w == {"tdp": 0.2, "thermal_cap": 2.0}


def test_memory_levels(tiny: Path) -> None:
    rf, gbuf, dram = load(tiny).memories
    assert [(m.mesh_x, m.mesh_y) for m in (rf, gbuf, dram)] == [(16, 4), (2, 1), (1, 1)]
    assert set(rf.pools) == {
        Pool(frozenset({"input"}), 24),
        Pool(frozenset({"weight"}), 448),
        Pool(frozenset({"output"}), 48),
    }
    assert set(gbuf.pools) == {Pool(frozenset({"input", "output"}), 102400), Pool(frozenset({"weight"}), 8192)}
    assert gbuf.keeps == {"input": "always", "weight": "free", "output": "always"}
    assert (gbuf.read_bandwidth, gbuf.write_bandwidth, gbuf.shared_bandwidth) == (8e9, 4e9, None)
    assert (gbuf.read_ports, gbuf.write_ports, gbuf.width_bits, gbuf.buffering) == (2, 1, 64, 2)
    assert gbuf.read_j == {
        "input": pytest.approx(3e-12),
        "weight": pytest.approx(4e-12),
        "output": pytest.approx(4e-12),
    }
    assert gbuf.write_j == dict.fromkeys(("input", "weight", "output"), pytest.approx(4e-12))
    assert gbuf.leakage_w == pytest.approx(2e-3)
    assert (dram.capacity, dram.shared_bandwidth, dram.overlapped, dram.retains) == (2**30, 12.8e9, False, {"weight"})
    assert dram.read_j == dict.fromkeys(("input", "weight", "output"), pytest.approx(64e-12))
    assert load(tiny).off_chip == dram


@pytest.mark.parametrize(
    ("per", "mesh"),
    [("pe", (16, 4)), ("sm", (16, 4)), ("row", (2, 4)), ("column", (16, 1)), ("core", (2, 1)), ("chip", (1, 1))],
)
def test_where_instances_lie(tmp_path: Path, per: str, mesh: tuple[int, int]) -> None:
    path = write(tmp_path, replaced("name: rf, per: pe", f"name: rf, per: {per}"))
    level = load(path, ["memory.gbuf.per=chip"]).memories[0]
    assert (level.mesh_x, level.mesh_y) == mesh


def test_explicit_mesh(tmp_path: Path) -> None:
    gbuf = load(write(tmp_path, replaced("per: core", "mesh: {x: 4, y: 2}"))).memories[1]
    assert (gbuf.mesh_x, gbuf.mesh_y, gbuf.instances) == (4, 2, 8)
    assert findings(write(tmp_path, replaced("per: core", "mesh: {x: 3, y: 2}"))) == [
        "tiny.yaml:18: memory.gbuf.mesh: 3 × 2 instances do not divide the 16 × 4 PEs",
        "tiny.yaml:17: memory.gbuf: 3 × 2 instances do not divide the 16 × 4 of rf",
    ]


def test_capacities_and_bandwidths_in_other_units(tmp_path: Path) -> None:
    text = replaced("capacity_gib: 1, bandwidth_gb_per_s: 12.8", "bandwidth_gbit_per_s: 8").replace(
        '"input+output": 100, weight: 8', '"input+weight+output": {value: 2, source: lab}'
    )
    text = text.replace("capacity_kib", "capacity_mib").replace("ports: {read: 2, write: 1}", "bytes_per_cycle: 4")
    _, gbuf, dram = load(write(tmp_path, text)).memories
    assert (gbuf.capacity, gbuf.shared_bandwidth, gbuf.read_bandwidth) == (2 * 2**20, 2e9, None)
    assert (dram.capacity, dram.shared_bandwidth) == (None, 1e9)


def test_network_and_dataflow(tiny: Path) -> None:
    device = load(tiny)
    (wires,) = device.networks
    assert (wires.outer, wires.inner, wires.multicast, wires.reduce) == ("gbuf", "rf", False, True)
    assert wires.bandwidth == {"input": 1e9, "weight": 4e9}
    assert wires.hop_j == pytest.approx(1e-13)
    flow = device.dataflow
    assert flow.min_utilization == 0.25
    assert flow.levels == {
        "gbuf": LevelConstraint(("P", "Q"), {"R": 0}, {"K": 16}, ("K",), ("C",)),
        "dram": LevelConstraint(spatial_x=("K",), spatial_y=("C",)),
    }


def test_every_number_has_a_unit_and_a_source(tiny: Path) -> None:
    device = load(tiny)
    assert device.quantities["memory.gbuf.capacity_kib.input+output"] == (100, "KiB", "paper")
    assert device.quantities["memory.gbuf.leakage_mw"] == (2, "mW", "lab")
    assert device.quantities["compute.precisions.fast.macs_per_pe_per_cycle"] == (2, "MAC/cycle", "paper")
    assert device.quantities["network.gbuf_rf.bytes_per_cycle.weight"] == (8, "B/cycle", "paper")
    assert device.qualities["memory.gbuf.leakage_mw"] == "measured"
    assert device.intervals == {"memory.gbuf.leakage_mw": (1, 3)}
    assert device.sources == {"paper": "A. Author, A Paper, 2020", "lab": "our bench"}
    assert all(source for _, _, source in device.quantities.values())


def test_a_section_may_name_its_source(tmp_path: Path) -> None:
    device = load(write(tmp_path, replaced("area: {core_mm2", "area: {source: lab, core_mm2")))
    assert device.quantities["area.core_mm2"] == (1.5, "mm²", "lab")


def test_numbers_without_a_source_are_all_named(tmp_path: Path) -> None:
    lines = findings(
        write(
            tmp_path,
            replaced("default_source: paper\n", "").replace(
                "per_kernel_us: 2", "per_kernel_us: {value: 2, source: paper}"
            ),
        )
    )
    assert (
        "tiny.yaml:6: clock_mhz: no source: write {value: ..., source: ...}, or give the file a default_source" in lines
    )
    assert not any("per_kernel_us" in line or "leakage_mw" in line for line in lines)
    assert len(lines) > 40


def test_an_only_source_is_that_of_every_number(tmp_path: Path) -> None:
    text = replaced("default_source: paper\n", "").replace('paper: "A. Author, A Paper, 2020", ', "")
    assert load(write(tmp_path, text)).quantities["clock_mhz"] == (500, "MHz", "lab")


def test_a_source_must_be_known(tmp_path: Path) -> None:
    assert findings(write(tmp_path, replaced("source: lab", "source: labb"))) == [
        "tiny.yaml:26: memory.gbuf.leakage_mw: source labb is not in sources (did you mean lab?)"
    ]


def test_all_mistakes_of_a_file_come_at_once_in_its_order(tmp_path: Path) -> None:
    text = (
        replaced("clock_mhz: 500", "clock_mhz: -1")
        .replace("capacity_kib", "capacity_kb")
        .replace("latency_us", "latency_ms")
    )
    lines = findings(write(tmp_path, text))
    assert [line.split(": ")[1] for line in lines] == ["clock_mhz", "memory.gbuf.capacity_kb", "host.latency_ms"]


@pytest.mark.parametrize(
    ("override", "finding"),
    [
        ("memory.gbuf.capacity_kb=1", "--set memory.gbuf.capacity_kb: unknown key (did you mean capacity_kib?)"),
        (
            "memory.gbuff.capacity_kib=1",
            "--set memory.gbuff.capacity_kib: memory has no entry gbuff (did you mean gbuf?)",
        ),
        ("memory.zzz.capacity_kib=1", "--set memory.zzz.capacity_kib: memory has no entry zzz (it has rf, gbuf, dram)"),
        ("clock_mhz", "--set clock_mhz: must read dotted.path=value"),
        ("=3", "--set =3: must read dotted.path=value"),
        ("clock_mhz.x.y=3", "--set clock_mhz.x.y: clock_mhz holds no further keys"),
        ("clock_mhz=quick", "--set clock_mhz: must be a number, or {value: ..., source: ...}"),
        ("clock=5", "--set clock: unknown key (did you mean clock_mhz?)"),
        ("operating_point=lo", "--set operating_point: no operating point lo (did you mean low?)"),
        ("compute.pe_array={x: 1", "--set compute.pe_array: not valid YAML: did not find expected ',' or '}'"),
        ("compute.cores=0", "--set compute.cores: must be a whole number from 1 to 2^31"),
        ("clock_mhz=" + "9" * 60, "--set clock_mhz: a number of 60 characters (at most 40)"),
    ],
)
def test_a_mistaken_override_names_itself(tiny: Path, override: str, finding: str) -> None:
    assert findings(tiny, override) == [finding]


def test_all_mistaken_overrides_come_at_once(tiny: Path) -> None:
    assert len(findings(tiny, "a.b", "memory.x.y=1")) == 2


def test_overrides(tiny: Path) -> None:
    device = load(
        tiny,
        [
            "memory.gbuf.capacity_kib=216",
            "compute.pe_array.x=16",
            "clock_mhz=1e3",
            "compute.precisions.int8.mac_pj=0.25",
        ],
    )
    assert device.memories[1].pools == (Pool(frozenset({"input", "weight", "output"}), 216 * 1024),)
    assert (device.array.x, device.clock_hz, device.precisions[0].mac_j) == (16, 1e9, 0.25e-12)
    assert device.quantities["clock_mhz"] == (1000, "MHz", "override")
    assert load(tiny, ["memory.gbuf.capacity_kib.weight=16"]).memories[1].pools[1].capacity == 16384
    assert load(tiny, ["memory.gbuf.keeps=[weight, input, output]"]).memories[1].keeps["weight"] == "always"
    assert load(tiny, ["host=null"]).host is None
    assert load(tiny, ["clock_mhz.value=100"]).clock_hz == 1e8
    assert load(tiny, ["compute.precisions.int8.mac_pj.value=3"]).precisions[0].mac_j == pytest.approx(3e-12)
    assert load(tiny, ["power.cap_w=2"]).power_w["cap"] == 2


def test_an_override_in_another_unit_replaces_the_first(tiny: Path) -> None:
    assert load(tiny, ["memory.dram.capacity_mib=512", "memory.dram.bytes_per_cycle=4"]).memories[2].capacity == 2**29
    assert load(tiny, ["memory.dram.bytes_per_cycle=4"]).memories[2].shared_bandwidth == 2e9


def test_the_hash_is_of_what_is_said(tmp_path: Path, tiny: Path) -> None:
    first = load(tiny).sha256
    assert load(tiny, ["clock_mhz=500"]).sha256 == first
    assert load(tiny, ["clock_mhz={value: 500.0, source: lab}"]).sha256 == first
    assert load(tiny, ["clock_mhz=501"]).sha256 != first
    assert load(tiny, ["dataflow.gbuf.temporal.order_inner_to_outer=[Q, P]"]).sha256 != first
    assert load(write(tmp_path, replaced("A Paper", "Another Paper"), "other")).sha256 == first
    assert load(write(tmp_path, TINY.replace("\n", "\r\n"), "crlf")).sha256 == first


def test_operating_points(tiny: Path) -> None:
    base, low, follow = load(tiny), load(tiny, ["operating_point=low"]), load(tiny, ["operating_point=follow"])
    assert (low.clock_hz, low.voltage_v, low.operating_point, low.operating_points) == (
        2.5e8,
        0.8,
        "low",
        ("low", "follow"),
    )
    assert low.memories[2].shared_bandwidth == 6.4e9
    assert low.precisions[0].mac_j == pytest.approx(0.64 * 0.5e-12)
    rf, _, dram = low.memories
    assert rf.read_j is not None
    assert rf.read_j["input"] == pytest.approx(0.64 * 0.2e-12)
    assert dram.read_j == base.memories[2].read_j
    # V / (V - Vt)^1.3: 1.25 times at 0.8 V against 1 V is (1 / 0.8) · (0.5 / 0.7)^1.3
    assert follow.clock_hz == pytest.approx(5e8 * (1 / 0.8) * (0.5 / 0.7) ** 1.3)
    assert load(tiny, ["operating_point=low", "clock_mhz=300"]).clock_hz == 3e8
    assert load(tiny, ["operating_point=low", "operating_points.low.clock_mhz=200"]).clock_hz == 2e8
    assert len({base.sha256, low.sha256, follow.sha256}) == 3


def test_a_point_below_the_threshold_is_refused(tiny: Path) -> None:
    (line,) = findings(tiny, "operating_points.follow.voltage_v=0.2", "operating_point=follow")
    assert line.startswith("--set operating_points.follow.voltage_v: supply of 0.2 V: not above the threshold")


@pytest.mark.parametrize(
    ("override", "found"),
    [
        (f"{key}={value}", f"--set {key}: {found}")
        for key in ("operating_points.follow.voltage_v", "technology.voltage_v", "clock_mhz")
        for value, found in (
            ("0", "must be above 0"), ("-1", "must be above 0"), ("high", "must be a number, or {value: ..., source: ...}"),
        )
    ],
)  # fmt: skip
def test_a_point_of_no_clock_or_supply_is_what_is_found(tiny: Path, override: str, found: str) -> None:
    assert findings(tiny, override, "operating_point=follow")[-1] == found


def test_without_a_threshold_the_clock_follows_the_law_of_the_node(tiny: Path) -> None:
    clock = load(tiny, ["technology.threshold_v=null", "technology.node_nm=45", "operating_point=follow"]).clock_hz
    assert 2e8 < clock < 5e8
    assert (
        load(tiny, ["technology.threshold_v=null", "technology.node_nm=null", "operating_point=follow"]).clock_hz == 5e8
    )


def test_energy_follows_an_overridden_voltage(tiny: Path) -> None:
    assert load(tiny, ["technology.voltage_v=0.5"]).precisions[0].mac_j == pytest.approx(0.125e-12)


EXTENDING = """\
name: child
extends: ./tiny.yaml
description: a child
sources: {note: "a note"}
default_source: note
clock_mhz: 800
host: null
compute: {precisions: [{name: fast, macs_per_pe_per_cycle: 4}, {input: float16, weight: float16, macs_per_pe_per_cycle: 0.5}]}
memory:
  - {name: l2, capacity_kib: 512}
  - {name: dram, bandwidth_gbit_per_s: 80}
"""


def test_extends_merges_by_name(tmp_path: Path, tiny: Path) -> None:
    device = load(write(tmp_path, EXTENDING, "child"))
    assert (device.name, device.kind, device.clock_hz, device.host) == ("child", "accelerator", 8e8, None)
    assert [memory.name for memory in device.memories] == ["rf", "gbuf", "l2", "dram"]
    assert device.memories[3].shared_bandwidth == 10e9
    assert [(p.input, p.weight, p.macs_per_pe_per_cycle) for p in device.precisions] == [
        ("int8", "int8", 1),
        ("int8", "int4", 4),
        ("float16", "float16", 0.5),
    ]
    assert device.quantities["clock_mhz"][2] == "note"
    assert device.quantities["memory.dram.capacity_gib"][2] == "paper"
    assert load(tiny).clock_hz == 5e8


def test_a_mistake_is_reported_in_the_file_that_makes_it(tmp_path: Path, tiny: Path) -> None:
    write(tmp_path, replaced("latency_us", "latency_ms"))
    child = write(tmp_path, EXTENDING.replace("host: null\n", "").replace("clock_mhz: 800", "clock_mhz: 0"), "child")
    assert sorted(findings(child)) == [
        "child.yaml:6: clock_mhz: must be above 0",
        "tiny.yaml:36: host.latency_ms: unknown key (did you mean latency_us?)",
    ]


def test_circles_and_dead_ends_of_extends(tmp_path: Path) -> None:
    write(tmp_path, "name: a\nextends: ./b.yaml\n", "a")
    b = write(tmp_path, "name: b\nextends: ./a.yaml\n", "b")
    (line,) = findings(b)
    assert line == "b.yaml:2: extends: goes round in a circle, or too far: b -> a -> b"
    (line,) = findings(write(tmp_path, "name: c\nextends: eyeris_v1\n", "c"))
    assert line == "c.yaml:2: extends: eyeris_v1: no such device (did you mean eyeriss_v1?)"
    (line,) = findings(write(tmp_path, "name: d\nextends: [a]\n", "d"))
    assert line == "d.yaml:2: extends: must be the name or path of one profile"


def test_extending_a_shipped_profile(tmp_path: Path) -> None:
    device = load(
        write(
            tmp_path,
            "name: mine\nextends: eyeriss_v1\ndescription: mine\nclock_mhz: {value: 250, source: estimated}\n",
            "mine",
        )
    )
    assert (device.name, device.clock_hz, device.array.x) == ("mine", 2.5e8, 14)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"- a\n- b\n", "a profile is a mapping of keys"),
        (b"just text", "a profile is a mapping of keys"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
        (b"---\n", "a profile is a mapping of keys"),
        (b"a: 1\n" * 300_000, "larger than"),
    ],
)
def test_files_that_are_no_profile(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    (line,) = findings(path)
    assert line.startswith("x.yaml: ")
    assert message in line


HCM = """\
name: h
kind: accelerator
description: d
default_source: estimated
clock_mhz: 800
area_budget_mm2: 1
pe: {kernel: [3, 3], bits: 8}
memory: [{name: dram, off_chip: true, bandwidth_gbit_per_s: 153.6}]
"""


@pytest.mark.parametrize(("bits", "used"), [(16, 196), (8, 676), (4, 1849)])
def test_pes_in_an_area_budget(tmp_path: Path, bits: int, used: int) -> None:
    device = load(write(tmp_path, HCM), [f"pe.bits={bits}"])
    assert device.array.pes == used
    assert (device.precisions[0].input, device.precisions[0].macs_per_pe_per_cycle) == (f"int{bits}", 9)
    assert (device.pe_kernel, device.pe_bits, device.area_mm2) == ((3, 3), bits, {"budget": 1.0})
    assert device.notes == ()


def test_extrapolated_pes_are_noted_and_impossible_ones_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HCM)
    assert load(path, ["pe.bits=32"]).notes == ("PE area of 32 bits extrapolates a fit of 2 to 16 bits",)
    assert load(path, ["pe.kernel=[5, 5]"]).notes == ("PE area of a 5×5 kernel extrapolates a fit of 3×3",)
    assert load(path, ["pe.area_fit=linear"]).array.x == 26
    assert findings(path, "area_budget_mm2=0.001") == ["--set area_budget_mm2: smaller than one PE"]
    assert findings(path, "area_budget_mm2=null") == ["tiny.yaml: area_budget_mm2: missing"]
    assert "compute.pe_array: missing (or pe with area_budget_mm2)" in findings(path, "pe=null")[0]


def test_passes_are_those_of_the_outermost_level_on_the_chip_unless_said(tiny: Path) -> None:
    assert load(tiny, ["overheads.pass_level=rf"]).overheads.pass_level == "rf"
    assert load(tiny, ["overheads.pass_level=null"]).overheads.pass_level == "gbuf"
    assert load(tiny, ["overheads.pass_level=null", "overheads.per_pass_cycles=null"]).overheads.pass_level == ""


def test_check_compares_the_published_peak(tmp_path: Path) -> None:
    good = write(tmp_path, replaced("mac_pj: 0.5", "mac_pj: 0.5, peak_tops: 0.064"))
    assert check(good) == ()
    (line,) = check(write(tmp_path, replaced("mac_pj: 0.5", "mac_pj: 0.5, peak_tops: 0.066")))
    assert "peak_tops is 0.066, but 64 PEs × 1 MACs × 2 × clock make 0.064" in line
    assert check(write(tmp_path, replaced("clock_mhz: 500", "clock_mhz: 0")))[0].endswith("clock_mhz: must be above 0")


def test_description_shows_every_number_with_its_source(tiny: Path) -> None:
    device = load(tiny, ["operating_point=low"])
    text = describe(device)
    rows = {line.split()[0]: line for line in text.splitlines() if line}
    assert all(key in rows and rows[key].endswith(source) for key, (_, _, source) in device.quantities.items())
    assert "2 mW [1, 3] (measured)" in rows["memory.gbuf.leakage_mw"]
    assert "operating point low of low, follow" in text
    assert "paper: A. Author, A Paper, 2020" in text
    assert device.sha256 in text


def test_json_schema_describes_what_editors_need() -> None:
    told = json_schema()
    assert told["additionalProperties"] is False
    assert told["if"] == {"not": {"required": ["extends"]}}
    assert {"name", "kind", "clock_mhz", "memory"} <= set(told["then"]["required"])
    assert told["$defs"]["Memory"]["required"] == ["name"]
    assert told["$defs"]["Quantity"]["required"] == ["value"]
    assert {"type": "null"} in told["properties"]["network"]["anyOf"]
    memory = told["$defs"]["Memory"]
    assert memory["additionalProperties"] is False
    assert {"capacity_kib", "read_pj_per_byte", "keeps"} <= set(memory["properties"])
    assert {"$ref": "#/$defs/Quantity"} in told["properties"]["clock_mhz"]["anyOf"]
    assert told["$defs"]["Dataflow"]["additionalProperties"] == {"$ref": "#/$defs/LevelDataflow"}


def _paths(value: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, inner in entries for path in _paths(inner, (*at, key)))]


WHOLE = yaml.safe_load(TINY)
JUNK = st.sampled_from(
    [
        None,
        True,
        "",
        "on",
        -1,
        0,
        1e400,
        float("nan"),
        10**30,
        3.7,
        [],
        {},
        [[]],
        {"value": "x"},
        {"x": 1},
        "weight",
        [1, "a"],
    ]
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.sampled_from(_paths(WHOLE)[1:]), JUNK, st.booleans())
def test_broken_profiles_never_crash(tmp_path: Path, place: tuple[object, ...], junk: object, remove: bool) -> None:
    whole = copy.deepcopy(WHOLE)
    here = whole
    for step in place[:-1]:
        here = here[step]
    if remove:
        del here[place[-1]]
    else:
        here[place[-1]] = junk
    path = write(tmp_path, yaml.safe_dump(whole, sort_keys=False))
    for overrides in ((), ("operating_point=low",), ("operating_point=follow",)):
        try:
            device = load(path, overrides)
        except ProfileError as error:
            assert error.findings
            assert all(finding.startswith((str(path), "--set ")) for finding in error.findings)
        else:
            assert isinstance(device, Device)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.data())
def test_broken_text_never_crashes(tmp_path: Path, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TINY)))
    length = data.draw(st.integers(0, 30))
    text = TINY[:start] + data.draw(st.text(max_size=12)) + TINY[start + length :]
    path = tmp_path / "tiny.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path)
    except ProfileError as error:
        assert error.findings


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.text(max_size=30))
def test_any_override_is_taken_or_refused(assignment: str) -> None:
    for text in (assignment, f"memory.{assignment}", f"clock_mhz={assignment}", f"compute.{assignment}=1"):
        try:
            load("hcm_28nm", [text])
        except ProfileError as error:
            assert error.findings


def test_a_path_of_the_word_value_alone_is_an_unknown_key() -> None:
    with pytest.raises(ProfileError, match="value: unknown key"):
        load("eyeriss_v1", ["value=3"])


def test_tiles_and_hops_that_are_not_given(tmp_path: Path) -> None:
    text = replaced("macs_per_pe_per_cycle: 2}", "macs_per_pe_per_cycle: 2, tile: [16, 8, 4]}")
    text = text.replace(", hop_pj_per_byte: 0.1", "")
    device = load(write(tmp_path, text))
    assert [precision.tile for precision in device.precisions] == [None, (16, 8, 4)]
    assert [network.hop_j for network in device.networks] == [0.0]
    assert (device.sparsity.lanes, device.sparsity.sync_macs) == (1, 1)


def test_what_is_not_said_costs_nothing() -> None:
    """Of a record that is made in Python."""
    from hwsim.device import Memory, Overheads, Sparsity

    assert Overheads() == Overheads(0.0, 0.0)
    assert (Sparsity().lanes, Sparsity().sync_macs, Sparsity().skip_efficiency) == (1, 1, 1.0)
    plain = Memory("m", 1, 1, (Pool(frozenset({"input"}), None),), {"input": "always"})  # type: ignore[arg-type]
    assert (plain.leakage_w, plain.read_j, plain.efficiency, plain.setup_cycles, plain.buffering) == (
        None,
        None,
        1.0,
        0,
        1,
    )


def test_zeros_that_are_said_in_part(tmp_path: Path) -> None:
    from hwsim.device import Sparsity

    text = replaced(", gated: [input], structured: {kept: 2, of: 4, speedup: 1.8}", "")
    assert load(write(tmp_path, text)).sparsity == Sparsity(compressed=frozenset({"weight"}))


def test_a_link_and_kernels_that_are_said_in_part(tmp_path: Path) -> None:
    """What is not said of a link to a host takes no time; of a library's kernels it is one of each, and free."""
    path = tmp_path / "p.yaml"
    path.write_text("name: p\nextends: generic_x86_server_core\ndefault_source: estimated\nhost: {link_gb_per_s: 16}\n")
    device = load(path)
    assert device.host is not None
    assert (device.host.bandwidth, device.host.latency_s, device.host.j_per_byte) == (16e9, 0.0, None)
    assert {(memory.kernel_start_s, memory.product_start_s) for memory in device.memories[:2]} == {(0.0, 0.0)}
    starts = load(path, ["memory.l2.kernel_start_us=2", "memory.l2.product_start_us=3"])
    second = next(memory for memory in starts.memories if memory.name == "l2")
    assert (second.kernel_start_s, second.product_start_s) == pytest.approx((2e-6, 3e-6))
    said = load(path, ["host.latency_us=2", "host.pj_per_bit=3"]).host
    assert said is not None and said.latency_s == pytest.approx(2e-6) and said.j_per_byte == pytest.approx(24e-12)


@pytest.mark.parametrize("fusion", ["", "cache", "recompute", "any"])
def test_what_a_profile_says_of_fusing(tmp_path: Path, fusion: str) -> None:
    path = tmp_path / "p.yaml"
    said = f"dataflow: {{fusion: {fusion}}}\n" if fusion else ""
    path.write_text(f"name: p\nextends: ws_16x16\ndefault_source: estimated\n{said}")
    assert load(path).dataflow.fusion == fusion


def test_what_files_of_their_own_must_have_and_what_parts() -> None:
    """Keys are asked for only where nothing is extended; of parts only names, a number's value and a source's text."""
    told = json_schema()
    assert (
        told["then"] == {"required": ["name", "kind", "description", "clock_mhz", "memory"]} and "required" not in told
    )
    asked = {name: part["required"] for name, part in told["$defs"].items() if "required" in part}
    assert asked == {"Memory": ["name"], "OperatingPoint": ["name"], "Quantity": ["value"], "SourceText": ["text"]}
    open_keys = {key for key, part in told["properties"].items() if {"type": "null"} in part.get("anyOf", ())}
    assert set(told["properties"]) - open_keys == set(told["then"]["required"])
    assert (told["$schema"], told["title"]) == ("https://json-schema.org/draft/2020-12/schema", "hwsim device profile")


def test_the_order_of_keys_says_nothing_and_that_of_levels_does(tmp_path: Path, tiny: Path) -> None:
    first = load(tiny).sha256
    turned = (
        replaced("{x: 8, y: 4}", "{y: 4, x: 8.0}")
        .replace("kind: accelerator\n", "")
        .replace("clock_mhz", "kind: accelerator\nclock_mhz", 1)
    )
    assert load(write(tmp_path, turned, "turned")).sha256 == first
    said = replaced("description: a small array", "description: another").replace(
        "area: {core", "area: {source: lab, core"
    )
    assert load(write(tmp_path, said + "notes: [a]\n", "said")).sha256 == first
    for old, new in (
        ("x: 8", "x: 16"),
        ("multicast: false", "multicast: true"),
        ("{x: [K], y: [C]}", "{x: [C], y: [K]}"),
        ("name: fast, ", ""),
    ):
        assert load(write(tmp_path, replaced(old, new), "other")).sha256 != first


def test_mistakes_come_in_the_order_of_their_lines(tmp_path: Path) -> None:
    """Line 7 before line 36 before line 9 of no file; those without a line first."""
    text = (
        replaced("clock_mhz: 500", "clock_mhz: 0")
        .replace("latency_us", "latency_ms")
        .replace("kind: accelerator\n", "")
        .replace("x: 8", "x: 0")
    )
    lines = [line.split(":")[1].strip() for line in findings(write(tmp_path, text))]
    assert lines == ["kind", "6", "8", "35"]
    assert [_line_number(text) for text in ("a:12: b: c:3", "a: b", "a", "a:x: b", "--set a: b", "a:7")] == [
        12,
        0,
        0,
        0,
        0,
        7,
    ]


@pytest.mark.parametrize(
    ("peak", "good"), [(0.064, True), (0.0653, True), (0.0654, False), (0.0628, True), (0.0627, False)]
)
def test_a_published_peak_may_be_two_percent_off(tmp_path: Path, peak: float, good: bool) -> None:
    assert (check(write(tmp_path, replaced("mac_pj: 0.5", f"mac_pj: 0.5, peak_tops: {peak}"))) == ()) == good


def test_units_and_qualities_of_numbers(tmp_path: Path) -> None:
    """The unit is in the last key or the one before it; a number is known as it says, else as its source, else as its own word."""
    text = replaced(
        "core_mm2: 1.5",
        "core_mm2: {value: 1.5, source: estimated}, die_mm2: {value: 2, source: fitted, quality: vendor}",
    )
    text = text.replace("memory.dram.bandwidth", "memory.dram.bandwidth").replace(
        "tdp_w: 0.2", "tdp_w: {value: 0.2, source: arithmetic}"
    )
    device = load(write(tmp_path, text))
    units = {key: unit for key, (_, unit, _) in device.quantities.items()}
    assert units["memory.rf.capacity_bytes.input"] == "B" and units["compute.vector.by_function.exp"] == "op/cycle"
    assert (
        units["compute.pe_array.x"]
        == units["dataflow.gbuf.temporal.fixed.R"]
        == units["sparsity.structured.kept"]
        == ""
    )
    assert (
        units["memory.gbuf.read_pj_per_byte.weight+output"] == "pJ/B"
        and units["power.thermal.resistance_c_per_w"] == "K/W"
    )
    known = {key: device.qualities.get(key) for key in ("area.core_mm2", "area.die_mm2", "power.tdp_w", "clock_mhz")}
    assert known == {"area.core_mm2": "estimated", "area.die_mm2": "vendor", "power.tdp_w": None, "clock_mhz": None}
    assert device.qualities["memory.gbuf.leakage_mw"] == "measured"


def test_a_point_that_changes_no_supply_leaves_energies(tmp_path: Path) -> None:
    """Of a profile that does not know its supply, or its clock's law; what a point sets is cited as the point says."""
    text = replaced(", voltage_v: 1.0", "").replace("power: {static_mw: 3", "power: {idle_mw: 6, static_mw: 3")
    path = write(tmp_path, text)
    base, low, follow = (load(path, point) for point in ((), ["operating_point=low"], ["operating_point=follow"]))
    assert base.voltage_v is None and low.voltage_v == follow.voltage_v == 0.8
    assert [device.precisions[0].mac_j for device in (base, low, follow)] == [0.5e-12] * 3
    assert [device.clock_hz for device in (base, low, follow)] == [5e8, 2.5e8, 5e8]
    assert [device.power_w["idle"] for device in (base, low, follow)] == pytest.approx([6e-3, 3e-3, 6e-3])
    known = write(tmp_path, text.replace("node_nm: 28,", "node_nm: 28, voltage_v: 1.0,"), "known")
    slow = load(known, ["operating_point=low"])
    assert slow.power_w["idle"] == pytest.approx(6e-3 * 0.64 * 0.5) and slow.power_w["tdp"] == 0.2
    assert slow.notes == ("energies of the chip are the profile's times 0.64, the square of the supply's ratio",)
    cited = load(known, ["operating_point=low"]).quantities
    assert (
        cited["clock_mhz"][2]
        == cited["technology.voltage_v"][2]
        == cited["memory.dram.bandwidth_gb_per_s"][2]
        == "paper"
    )
    assert load(known, ["operating_point=follow"]).quantities["clock_mhz"][2] == "arithmetic"
    both = replaced("set: {memory.dram", "set: {clock_mhz: 125, memory.dram.off_chip: true, memory.dram")
    device = load(write(tmp_path, both, "both"), ["operating_point=low"])
    assert device.clock_hz == 1.25e8 and device.quantities["clock_mhz"][2] == "paper"


def test_points_that_are_none(tmp_path: Path) -> None:
    for old, new, message in (
        (
            "operating_points:\n  - {name: low",
            "operating_point: 3\noperating_points:\n  - {name: low",
            "no operating point 3 (it has low, follow)",
        ),
        (
            "operating_points:\n  - {name: low",
            "operating_point: lo\noperating_points:\n  - {name: lowest",
            "no operating point lo (it has lowest, follow)",
        ),
    ):
        assert any(
            line.endswith(f"operating_point: {message}") for line in findings(write(tmp_path, replaced(old, new)))
        )
    bare = TINY.partition("operating_points:")[0] + "operating_point: low\n"
    assert any(
        line.endswith("no operating point low (the profile has none)") for line in findings(write(tmp_path, bare))
    )


@pytest.mark.parametrize("name", ["a", "A_9", "x" * 64, "x" * 65, "9a", "", "a-b", "é"])
def test_names_are_words(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, replaced("name: tiny", f"name: '{name}'"))
    if name in ("a", "A_9", "x" * 64):
        assert load(path).name == name
    else:
        assert findings(path) == [
            "tiny.yaml:1: name: must be a word of letters, digits and _ that starts with a letter"
        ]


@pytest.mark.parametrize("row", ALTERNATIVES)
def test_one_unit_a_quantity(row: tuple[str, ...]) -> None:
    """Every section that has two keys of a row refuses them together, and either is fine alone."""
    models = [
        model
        for model in (schema.Memory, schema.Network, published.Power, published.Host)
        if set(row) <= set(model.model_fields)
    ]
    assert models
    values = {"per": "pe", "mesh": {"x": 1, "y": 1}}
    for model in models:
        needed = {"name": "m"} if model is schema.Memory else {"between": ["a", "b"]} if model is schema.Network else {}
        for key in row:
            assert model.model_validate({**needed, key: values.get(key, 1)})
        with pytest.raises(ValidationError, match=f"gives both {row[0]} and {row[1]}"):
            model.model_validate({**needed, **{key: values.get(key, 1) for key in row}})


@pytest.mark.parametrize(
    ("old", "new", "fine"),
    [
        ("fixed: {R: 0}", "fixed: {R: 2147483648}", True), ("fixed: {R: 0}", "fixed: {R: 2147483649}", False),
        ("fixed: {R: 0}", "fixed: {R: -1}", False),
        ("at_most: {K: 16}", "at_most: {K: 1}", True), ("at_most: {K: 16}", "at_most: {K: 0}", False),
        ("at_most: {K: 16}", "at_most: {K: 2147483648}", True), ("at_most: {K: 16}", "at_most: {K: 2147483649}", False),
    ],
)  # fmt: skip
def test_factors_of_loops(tmp_path: Path, old: str, new: str, fine: bool) -> None:
    path = write(tmp_path, replaced(old, new))
    if fine:
        assert load(path)
    else:
        assert len(findings(path)) == 1


def test_levels_that_say_how_they_are_built(tmp_path: Path) -> None:
    """Ports times their width where no bandwidth is given; nothing where either is not known."""
    text = replaced("ports: {read: 2, write: 1}", "ports: {read: 2, shared: 3}").replace(
        "width_bits: 64", "width_bits: 64\n    banks: 5\n    block_bytes: 9\n    type: sram"
    )
    gbuf = load(write(tmp_path, text)).memories[1]
    assert (gbuf.read_ports, gbuf.write_ports, gbuf.shared_ports, gbuf.width_bits, gbuf.banks, gbuf.block) == (
        2,
        0,
        3,
        64,
        5,
        9,
    )
    assert (gbuf.read_bandwidth, gbuf.write_bandwidth, gbuf.shared_bandwidth) == (
        8e9,
        None,
        12e9,
    ) and gbuf.type == "sram"
    narrow = load(write(tmp_path, text.replace("    width_bits: 64\n", ""))).memories[1]
    assert (narrow.read_bandwidth, narrow.shared_bandwidth, narrow.width_bits) == (None, None, 0)
    given = load(write(tmp_path, text.replace("    width_bits", "    write_gb_per_s: 2\n    width_bits"))).memories[1]
    assert (given.read_bandwidth, given.write_bandwidth, given.shared_bandwidth) == (None, 2e9, None)
    cycles = load(
        write(tmp_path, text.replace("    width_bits", "    read_bytes_per_cycle: 3\n    width_bits"))
    ).memories[1]
    assert (cycles.read_bandwidth, cycles.shared_bandwidth) == (1.5e9, None)
    rf = load(write(tmp_path, text)).memories[0]
    assert (rf.read_ports, rf.banks, rf.block, rf.buffering, rf.type, rf.efficiency, rf.setup_cycles) == (
        0,
        0,
        0,
        1,
        "",
        1.0,
        0.0,
    )
    more = replaced("off_chip: true,", "off_chip: true, efficiency: 0.5, setup_cycles: 7, by_operand: {weight: 0.25},")
    dram = load(write(tmp_path, more)).memories[2]
    assert (dram.efficiency, dram.setup_cycles, dram.by_operand) == (0.5, 7, (("weight", 0.25),))


def test_what_a_level_keeps(tmp_path: Path) -> None:
    """What it has room for unless it says otherwise; free and never may be said of either, always only of what has room."""
    for keeps, kept, found in (
        ("", ("always", "always", "never"), []), (", keeps: {input: never}", ("never", "always", "never"), []),
        (", keeps: {output: never, input: free}", ("free", "always", "never"), []),
        (", keeps: {output: always}", None, ["keeps output, for which it has no capacity"]),
        (", keeps: {output: free}", None, ["keeps output, for which it has no capacity"]),
        (", keeps: {input: never, weight: never}", None, ["keeps no operand at all"]),
        (", retains: [output]", None, ["retains output, which it does not keep"]),
        (", retains: [input, weight]", ("always", "always", "never"), []),
    ):  # fmt: skip
        path = write(tmp_path, replaced("weight: 448, output: 48}", f"weight: 448}}{keeps}"))
        if kept is None:
            assert [line.rpartition(": ")[2] for line in findings(path)] == found
        else:
            assert tuple(load(path).memories[0].keeps[name] for name in ("input", "weight", "output")) == kept


def test_meshes_divide_the_one_inside(tmp_path: Path) -> None:
    """Along either axis; both the array's and the next level's."""
    for mesh, said in (
        ("{x: 16, y: 4}", 0),
        ("{x: 16, y: 3}", 2),
        ("{x: 5, y: 4}", 2),
        ("{x: 1, y: 1}", 0),
        ("{x: 32, y: 4}", 2),
    ):
        path = write(tmp_path, replaced("per: core", f"mesh: {mesh}"))
        assert (len(findings(path)) if said else len(load(path).memories) - 3) == said
    for mesh, fine in (
        ("{x: 8, y: 1}", True),
        ("{x: 4, y: 2}", False),
    ):  # an outer level of more rows than the inner one has
        path = write(
            tmp_path,
            replaced("name: rf, per: pe", f"name: rf, mesh: {mesh}").replace("per: core", "mesh: {x: 4, y: 1}"),
        )
        assert load(path).memories[0].mesh_x == (8 if fine else 4)
        outer = write(
            tmp_path,
            replaced("name: rf, per: pe", f"name: rf, mesh: {mesh}").replace("per: core", "mesh: {x: 4, y: 2}"),
        )
        if fine:
            assert findings(outer) == ["tiny.yaml:17: memory.gbuf: 4 × 2 instances do not divide the 8 × 1 of rf"]


def test_sums_and_serial_operands(tmp_path: Path) -> None:
    """Integers are summed in int32, anything else in float32 unless said; only integers come a bit a cycle."""

    def one(text: str) -> Path:
        return write(tmp_path, replaced("name: fast, input: int8, weight: int4", text))

    for pair, sums in (
        ("uint8 int4", "int32"),
        ("int8 float16", "int32"),
        ("float16 int8", "float32"),
        ("bfloat16 bfloat16", "float32"),
    ):
        first, second = pair.split()
        assert load(one(f"name: fast, input: {first}, weight: {second}")).precisions[1].accumulate == sums
        path = one(f"name: fast, input: {first}, weight: {second}, serial: weight, accumulate: float64")
        if "float" in pair:
            assert findings(path) == ["tiny.yaml:13: compute.precisions.fast.serial: only integers come a bit a cycle"]
            nameless = findings(one(f"input: {first}, weight: {second}, serial: weight"))
            name = first if first == second else f"{first}_{second}"
            assert nameless == [f"tiny.yaml:13: compute.precisions.{name}.serial: only integers come a bit a cycle"]
        else:
            assert (load(path).precisions[1].serial, load(path).precisions[1].accumulate) == ("weight", "float64")
    more = load(
        one(
            "name: fast, input: int8, weight: int4, efficiency: 0.5, by_class: {gemv: 0.25}, padded: {K: 8}, peak_tops: 2"
        )
    ).precisions[1]
    assert (more.efficiency, more.by_class, more.padded, more.published_ops_per_s) == (
        0.5,
        (("gemv", 0.25),),
        (("K", 8),),
        2e12,
    )
