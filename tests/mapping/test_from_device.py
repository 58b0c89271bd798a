"""A profile's figures arrive per cycle, per instance and in bits."""

from __future__ import annotations

import pytest

from hwsim.device import Array, Device, LevelConstraint, Memory, Network, Overheads, Pool, Precision, load
from hwsim.device.records import Dataflow
from hwsim.errors import ProfileError
from hwsim.mapping import Storage, from_device
from hwsim.workload import LoopNest

EVERYTHING = frozenset({"input", "weight", "output"})


def device(*memories: Memory, **fields: object) -> Device:
    precision = Precision("int8", "int8", "int32", 2.0, 1e-12, efficiency=0.5)
    standard = {
        "name": "chip",
        "kind": "accelerator",
        "description": "",
        "clock_hz": 1e9,
        "array": Array(4, 2, 2),
        "precisions": (precision,),
        "memories": memories,
    }
    return Device(**(standard | fields))  # type: ignore[arg-type]


SPAD = Memory(
    "spad",
    8,
    2,
    (Pool(frozenset({"weight"}), 16),),
    {"weight": "always"},
    read_bandwidth=2e9,
    read_j={"weight": 8e-13},
    write_j={"weight": 16e-13},
)
DRAM = Memory(
    "dram",
    1,
    1,
    (Pool(EVERYTHING, None),),  # type: ignore[arg-type]
    {"input": "free", "weight": "free", "output": "free"},
    off_chip=True,
    shared_bandwidth=4e9,
    efficiency=0.5,
    block=8,
    read_j={"input": 1e-12, "weight": 1e-12, "output": 1e-12},
    write_j={"input": 2e-12, "weight": 2e-12, "output": 2e-12},
    overlapped=False,
)


def test_figures_are_per_cycle_and_in_bits() -> None:
    constraint = LevelConstraint(order=("C",))
    found = from_device(
        device(
            SPAD,
            DRAM,
            networks=(Network("dram", "spad", {"weight": 1e9}, multicast=False, hop_j=8e-15),),
            dataflow=Dataflow(levels={"spad": constraint}, min_utilization=0.25),
            overheads=Overheads(pass_cycles=7, pass_level="dram"),
            static_w=0.5,
        ),
        LoopNest(),
    )
    spad, dram = found.levels
    assert (found.pes_x, found.pes_y, found.macs_per_pe, found.mac_j, found.leakage_w) == (8, 2, 1.0, 1e-12, 0.5)
    assert (found.pass_cycles, found.pass_level, found.min_utilization) == (7, 1, 0.25)
    assert spad.storage == (Storage((False, True, False), 128),)
    assert spad.keeps == ("never", "always", "never")
    assert (spad.read, spad.write, spad.block_bits) == (16.0, None, 0)
    assert spad.read_j is not None
    assert spad.read_j[1] == pytest.approx(1e-13)
    assert spad.update_j is not None
    assert spad.update_j[1] == pytest.approx(2e-13)
    assert spad.constraint == constraint
    assert (dram.shared, dram.block_bits, dram.overlapped, dram.off_chip) == (16.0, 64, False, True)
    assert dram.keeps == ("always", "always", "always")
    assert dram.read_j == pytest.approx((8e-12, 8e-12, 8e-12))
    assert dram.network_bits_per_cycle == (None, 8.0, None)
    assert (dram.multicast, dram.reduce, dram.hop_j) == (False, True, pytest.approx(1e-15))


def test_energy_of_an_operand_that_is_not_given_is_none() -> None:
    partly = Memory("dram", 1, 1, (Pool(EVERYTHING, None),), {}, read_j={"input": 1e-12})  # type: ignore[arg-type]
    assert from_device(device(partly), LoopNest()).levels[0].read_j is None


def test_no_memories_and_a_mesh_that_does_not_divide_are_profile_errors() -> None:
    with pytest.raises(ProfileError, match="memory: no levels"):
        from_device(device(), LoopNest())
    odd = Memory("odd", 3, 1, (Pool(EVERYTHING, None),), {})  # type: ignore[arg-type]
    with pytest.raises(ProfileError, match=r"memory\.odd\.per: 3 x 1 instances do not divide the 8 x 2"):
        from_device(device(odd, DRAM), LoopNest())


@pytest.mark.parametrize("name", ["eyeriss_v1", "simba_like", "ws_16x16", "ws_128x128", "nvdla_full", "ethos_u55_like"])
def test_shipped_profiles_have_a_hierarchy(name: str) -> None:
    found = from_device(load(name), LoopNest(k=64, c=64, p=56, q=56, s=3, r=3, input=LoopNest().input))
    assert len(found.levels) >= 2
    assert found.levels[-1].keeps == ("always", "always", "always")


def test_a_device_without_memories_is_named_by_its_file() -> None:
    with pytest.raises(ProfileError, match=r"^chip: memory: no levels"):
        from_device(device(), LoopNest())
    with pytest.raises(ProfileError, match=r"^mine\.yaml: memory: no levels"):
        from_device(device(path="mine.yaml"), LoopNest())


def test_hops_are_priced_by_the_bit() -> None:
    found = from_device(device(SPAD, DRAM, networks=(Network("dram", "spad", hop_j=8e-12),)), LoopNest())
    assert [level.hop_j for level in found.levels] == [0.0, pytest.approx(1e-12)]


def test_every_operand_has_its_own_figures() -> None:
    """Input, weight and output told apart: pools, what is kept, energies of reading and writing, wires."""
    pools = (Pool(frozenset({"input", "output"}), 3), Pool(frozenset({"weight"}), None))
    joules = {"input": 8e-12, "weight": 16e-12, "output": 24e-12}
    level = Memory(
        "buf", 2, 1, pools, {"input": "never", "output": "always"}, buffering=2, write_bandwidth=3e9, shared_bandwidth=5e9, efficiency=0.5,
        read_j=joules, write_j={name: 2 * value for name, value in joules.items()},  # type: ignore[arg-type]
    )  # fmt: skip
    wires = Network("buf", "pe", {"input": 1e9, "output": 3e9}, multicast=True, reduce=False, topology="bus")
    found, outer = from_device(device(level, DRAM, networks=(wires,)), LoopNest()).levels
    assert found.storage == (Storage((True, False, True), 24), Storage((False, True, False), None))
    assert found.keeps == ("never", "free", "always") and (found.mesh_x, found.mesh_y, found.buffering) == (2, 1, 2)
    assert (found.read, found.write, found.shared) == (None, 12.0, 20.0)
    assert found.read_j == pytest.approx((1e-12, 2e-12, 3e-12))
    assert found.fill_j == found.update_j == pytest.approx((2e-12, 4e-12, 6e-12))
    assert found.network_bits_per_cycle == (8.0, None, 24.0)
    assert (found.multicast, found.reduce, found.topology, found.overlapped, found.off_chip) == (
        True,
        False,
        "bus",
        True,
        False,
    )
    assert (
        outer.network_bits_per_cycle == (None, None, None)
        and outer.topology == "mesh"
        and outer.constraint == LevelConstraint()
    )
    assert outer.read_j == pytest.approx((8e-12,) * 3) and outer.fill_j == outer.update_j == pytest.approx(
        (16e-12,) * 3
    )


def test_an_operand_that_is_not_held_costs_nothing() -> None:
    found = from_device(device(SPAD, DRAM), LoopNest()).levels[0]
    assert found.read_j == (0.0, pytest.approx(1e-13), 0.0)
    blocks = from_device(
        device(Memory("spad", 8, 2, SPAD.pools, {}, block=4, read_j={"weight": 1e-12}), DRAM), LoopNest()
    ).levels[0]
    assert (blocks.read_j, blocks.fill_j, blocks.block_bits) == ((0.0, pytest.approx(4e-12), 0.0), None, 32)
    assert blocks.keeps == ("never", "free", "never")


def test_what_a_chip_is_besides_its_levels() -> None:
    plain = from_device(device(SPAD, DRAM), LoopNest())
    assert (
        plain.name,
        plain.clock_hz,
        plain.leakage_w,
        plain.pass_cycles,
        plain.pass_level,
        plain.min_utilization,
    ) == ("chip", 1e9, None, 0.0, -1, 0.0)
    passes = from_device(
        device(SPAD, DRAM, overheads=Overheads(pass_cycles=3, pass_level="spad"), clock_hz=5e8), LoopNest()
    )
    assert (passes.pass_cycles, passes.pass_level, passes.clock_hz, passes.levels[0].read) == (3, 0, 5e8, 32.0)
    for mesh in ((1, 2), (8, 2)):
        levels = (Memory("a", *mesh, (Pool(EVERYTHING, None),), {}), Memory("b", 1, 4, (Pool(EVERYTHING, None),), {}))  # type: ignore[arg-type]
        with pytest.raises(
            ProfileError,
            match=rf"^chip: memory\.b\.per: 1 x 4 instances do not divide the {mesh[0]} x {mesh[1]} inside of them",
        ):
            from_device(device(*levels), LoopNest())
