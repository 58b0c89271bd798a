"""Missing energies from technology: marked, never over a number of the profile, and named where nothing is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

import hwsim
from hwsim.cost.area import area, pe_pitch
from hwsim.cost.fill import with_technology
from hwsim.device import Device, Host, Network, available, load
from hwsim.device.technology import Technology, adder, mac, off_chip_energy, register_file, sram, wire_energy
from hwsim.errors import UsageError
from tests.technology.devices import memory, small

ALADDIN = Technology(40, "aladdin")
LABEL = "technology:aladdin@40nm"


def test_every_missing_energy_is_filled_and_marked() -> None:
    device = with_technology(small())
    unit, vector = mac(ALADDIN, "int8", "int8", "int32").energy, adder(ALADDIN, "int32").energy
    assert unit is not None and vector is not None
    assert device.precisions[0].mac_j == pytest.approx(unit.value)
    assert device.vector is not None and device.vector.op_j == pytest.approx(vector.value)
    spad, buffer, dram = device.memories
    files, macro = register_file(ALADDIN, 64, 8), sram(ALADDIN, 65536, 64)
    for level, read, write in (
        (spad, files.read.value, files.write.value),
        (buffer, macro.read.value / 8, macro.write.value / 8),
        (dram, 8 * off_chip_energy("lpddr4").value, 8 * off_chip_energy("lpddr4").value),
    ):
        assert level.read_j == pytest.approx(dict.fromkeys(("input", "weight", "output"), read))
        assert level.write_j == pytest.approx(dict.fromkeys(("input", "weight", "output"), write))
    assert device.networks[0].hop_j == pytest.approx(8 * wire_energy(ALADDIN, pe_pitch(small(), ALADDIN)).value)
    assert device.static_w == pytest.approx(area(small(), ALADDIN).leakage)
    assert device.area_mm2 == {"estimated": pytest.approx(1e6 * area(small(), ALADDIN).total)}
    added = set(device.quantities)
    assert added == {
        "compute.precisions.int8.mac_pj",
        "compute.vector.op_pj",
        "power.static_mw",
        "area.estimated_mm2",
        "network.buffer_spad.hop_pj_per_byte",
        *(f"memory.{name}.{way}_pj_per_byte" for name in ("spad", "buffer", "dram") for way in ("read", "write")),
    }
    assert {device.quantities[key][2] for key in added} == {LABEL}
    assert {device.qualities[key] for key in added} == {"estimated"}
    value, unit_of_key, _ = device.quantities["memory.dram.read_pj_per_byte"]
    assert value == pytest.approx(64)
    assert unit_of_key == "pJ/B"
    assert device.intervals["memory.dram.read_pj_per_byte"] == pytest.approx((32, 96))


def test_the_range_of_a_mac_is_that_of_the_families() -> None:
    device = with_technology(small(), family="horowitz")
    low, high = device.intervals["compute.precisions.int8.mac_pj"]
    both = [mac(Technology(40, family), "int8", "int8", "int32").energy for family in ("horowitz", "aladdin")]
    assert [low, high] == pytest.approx([1e12 * energy.value for energy in both if energy])
    assert device.precisions[0].mac_j == pytest.approx(low * 1e-12)


def _leakage_without_spad(device: Device) -> float:
    return sum(part.leakage.value for part in area(device).parts if part.level != "spad")


def test_a_number_of_the_profile_always_wins() -> None:
    base = small()
    spad = replace(base.memories[0], read_j={"input": 1e-15}, leakage_w=5.0)
    buffer = replace(base.memories[1], read_j=dict.fromkeys(base.memories[1].keeps, 2e-15))
    given = replace(
        base,
        precisions=(replace(base.precisions[0], mac_j=3e-15),),
        memories=(spad, buffer, base.memories[2]),
        networks=(replace(base.networks[0], hop_j=4e-15),),
        vector=replace(base.vector, op_j=6e-15) if base.vector else None,
        quantities={"compute.precisions.int8.mac_pj": (0.003, "pJ", "jssc17")},
    )
    device = with_technology(given)
    assert device.precisions == given.precisions
    assert device.vector == given.vector
    assert device.networks == given.networks
    assert device.memories[1].read_j == buffer.read_j
    assert device.memories[0].read_j is not None and device.memories[0].read_j["input"] == 1e-15
    assert device.quantities["compute.precisions.int8.mac_pj"][2] == "jssc17"
    assert device.quantities["memory.spad.read_pj_per_byte.weight+output"][2] == LABEL
    assert "memory.spad.read_pj_per_byte.input" not in device.quantities
    assert device.static_w is not None and device.static_w == pytest.approx(_leakage_without_spad(given))
    assert device.standing_w == pytest.approx(device.static_w + 5.0)
    assert with_technology(replace(given, static_w=7.0)).static_w == 7.0
    again = with_technology(device)
    assert (
        again.precisions == device.precisions
        and again.memories == device.memories
        and again.static_w == device.static_w
    )


def test_a_hop_of_zero_that_the_profile_gives_stays() -> None:
    given = small(quantities={"network.buffer_spad.hop_pj_per_byte": (0.0, "pJ/B", "paper")})
    assert with_technology(given).networks[0].hop_j == 0


def test_wires_with_a_price_hide_no_others() -> None:
    """The first network's price stays, the second one's is filled in."""
    levels = (small().memories[0], memory("row", (1, 4), 4096, "sram", width_bits=64), *small().memories[1:])
    given = small(memories=levels, networks=(Network("row", "spad", hop_j=1e-15), Network("buffer", "row")))
    first, second = with_technology(given).networks
    assert (first.hop_j, first.inner, second.inner) == (1e-15, "spad", "row") and second.hop_j > 0


def test_a_hop_is_the_pitch_of_what_lies_inside() -> None:
    """Of four by four PEs: three rows with as many PEs each on average, five and a third."""
    rows = memory("row", (1, 3), 4096, "sram", width_bits=64)
    given = small(memories=(rows, *small().memories[1:]), networks=())
    pitch = pe_pitch(given, ALADDIN)
    assert with_technology(given).networks[0].hop_j == pytest.approx(
        8 * wire_energy(ALADDIN, pitch * (16 / 3) ** 0.5).value
    )


def test_a_level_with_several_instances_inside_gets_a_network() -> None:
    device = with_technology(small(networks=()))
    assert [(network.outer, network.inner) for network in device.networks] == [("buffer", "spad")]
    assert device.networks[0].hop_j > 0
    assert device.networks[0] == replace(Network("buffer", "spad"), hop_j=device.networks[0].hop_j)


def test_what_no_table_describes_stays_unknown_and_is_named() -> None:
    levels = (
        memory("spad", (4, 4), None),
        memory("code", (1, 1), 1024, "flash"),
        memory("dram", (1, 1), None, off_chip=True),
    )
    device = with_technology(small(memories=levels, host=Host()))
    assert [level.read_j for level in device.memories] == [None, None, None]
    assert device.notes[:1] == (
        "memory.spad.read_pj_per_byte: not known (the profile gives no capacity; --set gives it)",
    )
    assert "memory.code.write_pj_per_byte: not known (no tables of flash; --set gives it)" in device.notes
    assert "memory.dram.read_pj_per_byte: not known (the profile gives no memory type; --set gives it)" in device.notes
    assert "host: no tables of link energy" in device.notes


def test_the_node_can_be_asked_for() -> None:
    unknown = with_technology(small(node_nm=None, technology_family=""), 28)
    assert (unknown.node_nm, unknown.technology_family) == (28, "horowitz")
    assert unknown.quantities["compute.precisions.int8.mac_pj"][2] == "technology:horowitz@28nm"
    other = with_technology(small(), 28)
    assert other.node_nm == 40
    assert "missing energies are of 28 nm, the profile's own node is 40 nm" in other.notes
    with pytest.raises(UsageError, match="no technology node"):
        with_technology(small(node_nm=None))
    with pytest.raises(UsageError, match="did you mean aladdin"):
        with_technology(small(), family="aladin")


def test_the_supply_of_the_profile_counts_at_its_own_node() -> None:
    low, high = (with_technology(small(voltage_v=volts)).precisions[0].mac_j for volts in (0.8, 1.0))
    assert low is not None and high is not None
    assert low / high == pytest.approx(0.64)
    assert with_technology(small(voltage_v=0.8), 28).precisions == with_technology(small(), 28).precisions


def test_hcm_has_no_energies() -> None:
    device = with_technology(small(technology_family="hcm"))
    assert device.technology_family == "hcm"
    assert device.quantities["compute.precisions.int8.mac_pj"][2] == "technology:horowitz@40nm"
    assert device.notes[0] == "the hcm family has no energies: estimated with horowitz"


def test_extrapolation_is_one_note() -> None:
    device = with_technology(small(), 7)
    beyond = [note for note in device.notes if "extrapolates its tables" in note]
    assert len(beyond) == 1
    assert "memory.buffer.read_pj_per_byte" in beyond[0]
    # at 28 nm leakage is, and the area of one part, the vector's lanes
    for vector, keys in ((small().vector, "power.static_mw, area.estimated_mm2"), (None, "power.static_mw")):
        made = with_technology(small(vector=vector), 28, "horowitz")
        beyond = [note for note in made.notes if "extrapolates" in note]
        assert beyond == [f"technology:horowitz@28nm extrapolates its tables for {keys}"]


@pytest.fixture(scope="module")
def network() -> hwsim.Network:
    builder = hwsim.Network.builder("small").input("x", (1, 3, 16, 16), "float32")
    return builder.conv(8, kernel=3).relu().global_pool().flatten().dense(10).build()


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("rung", ["roofline", "systolic"])
def test_every_profile_has_energy_and_area_at_28_nm_or_says_what_is_missing(
    name: str, rung: str, network: hwsim.Network
) -> None:
    """Off-chip flash is the one memory that no table has."""
    base = load(name)
    if rung == "systolic" and base.dataflow.stationary is None:
        return
    found = hwsim.estimate(network, with_technology(base, 28), rung=rung)
    assert found.totals.area_mm2
    if base.off_chip is not None and base.off_chip.type == "flash" and base.off_chip.read_j is None:
        assert found.totals.energy_j is None
        assert "energy_j" in found.unavailable
        assert any("no tables of flash" in note for note in found.notes)
        return
    assert found.totals.energy_j
    assert found.bands["energy_j"] is not None
    given = {part: origin for part, origin in found.origins.items() if origin == "profile"}
    if not any("pj_per" in key or "mac_pj" in key for key in base.quantities):
        assert set(given) <= {"leakage", "area_mm2", "host"}


def test_hops_are_as_long_as_what_one_child_covers() -> None:
    """A cluster of 4 of the 16 PEs is twice as wide as a PE."""
    levels = (
        memory("spad", (4, 4), 64, "regfile", width_bits=8),
        memory("cluster", (2, 2), 1024, "sram", width_bits=64),
    )
    device = small(memories=(*levels, *small().memories[1:]), networks=())
    found = {(one.outer, one.inner): one.hop_j for one in with_technology(device).networks}
    pitch = pe_pitch(device, ALADDIN)
    assert found == {
        ("cluster", "spad"): pytest.approx(8 * wire_energy(ALADDIN, pitch).value),
        ("buffer", "cluster"): pytest.approx(8 * wire_energy(ALADDIN, 2 * pitch).value),
    }


def test_a_host_is_said_to_be_priced_as_memory_where_its_energy_is_missing() -> None:
    host = memory("host", (1, 1), None, "host", off_chip=True)
    device = small(memories=(*small().memories[:2], host))
    note = "memory.host: priced as DDR4 (assumed), its link left out"
    assert note in with_technology(device).notes
    one = dict.fromkeys(("input", "weight", "output"), 1e-12)
    assert (
        note
        not in with_technology(
            replace(device, memories=(*device.memories[:2], replace(host, read_j=one, write_j=one)))
        ).notes
    )
    assert note in with_technology(replace(device, memories=(*device.memories[:2], replace(host, read_j=one)))).notes
    assert note not in with_technology(small()).notes


def test_the_area_has_the_range_of_its_overhead() -> None:
    filled, found = with_technology(small()), area(small(), ALADDIN)
    assert found.interval is not None
    assert filled.intervals["area.estimated_mm2"] == pytest.approx([1e6 * edge for edge in found.interval])


def test_the_vector_unit_adds_as_the_first_precision_accumulates() -> None:
    first = small().precisions[0]
    second = replace(first, input="float16", weight="float16", accumulate="float32")
    for precisions in ((first, second), (second, first)):
        device = with_technology(replace(small(), precisions=precisions))
        energy = adder(ALADDIN, precisions[0].accumulate).energy
        assert energy is not None and device.vector is not None
        assert device.vector.op_j == pytest.approx(energy.value)
