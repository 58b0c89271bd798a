"""Powers of chips as published, beside what technology tables make of the same work.

The list was fixed before the first comparison, by one rule: every power at hand of a chip whose profile has a node, at a known supply
and rate of work. Left out are therefore UNPU and Simba (efficiencies at a supply that is not said), thermal design powers, and boards.
Each chip does a convolution or product that fills it, mapped by hand as its paper says it works, so that no search enters.
Of NVDLA the average power on ResNet-50 at 16 nm is taken, at the maker's own frames per second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hwsim.cost import price
from hwsim.cost.fill import with_technology
from hwsim.counts import count
from hwsim.device import Device, Memory, load
from hwsim.device.records import Operand
from hwsim.errors import Infeasible
from hwsim.mapping import Mapping, from_device
from hwsim.mapping.record import LevelLoops
from hwsim.workload import OPERANDS, Dim, LoopNest, OperandType
from tests.published.eyeriss import LAYERS, counted_nest

FAMILIES = ("horowitz", "aladdin")
Loops = tuple[tuple[Dim, int], ...]


@dataclass(frozen=True, slots=True)
class Power:
    """A published power. work : nests and mappings that the chip runs one after the other, and the MACs a second that it does [1/s].

    density : share of the MACs that are done [1]. source : of the power and the rate.
    """

    name: str
    device: Device
    published_mw: float
    work: Callable[[Device], list[tuple[LoopNest, Mapping]]]
    macs_per_s: float
    source: str

    @property
    def node_nm(self) -> float:
        """Node [nm]."""
        return self.device.node_nm or 0.0


def estimated(power: Power) -> list[float]:
    """Estimated power without off-chip memory [mW], by family."""
    return [1e3 * _watts(power, family) for family in FAMILIES]


def _watts(power: Power, family: str) -> float:
    """Energy of a MAC with all that goes with it, times MACs a second, and leakage [W]."""
    device = with_technology(bare(power.device), family=family)
    joules = macs = 0.0
    for nest, mapping in power.work(device):
        hierarchy = from_device(device, nest)
        counts = count(nest, hierarchy, mapping)
        assert not isinstance(counts, Infeasible), f"{power.name}: {counts}"
        energy = price(counts, hierarchy, nest).energy
        assert energy is not None, power.name
        off_chip = sum(energy.levels[level.name].storage for level in device.memories if level.off_chip)
        there = sum(energy.levels[level.name].fills[OPERANDS.index(name)] for level, name in _retained(device))
        joules += energy.total - energy.leakage - off_chip - there
        macs += nest.macs
    return joules / macs * power.macs_per_s + (device.standing_w or 0.0)


def _retained(device: Device) -> list[tuple[Memory, Operand]]:
    """What stays in a level from one inference to the next: it is not brought again."""
    return [(level, name) for level in device.memories for name in level.retains]


def off_chip_share(power: Power) -> float:
    """Time that the off-chip memory needs for what the mappings move, over the time of the work at the rate that is claimed [1].

    Above 1 a chip could not work at that rate: it would wait.
    """
    needed = taken = 0.0
    for nest, mapping in power.work(power.device):
        hierarchy = from_device(power.device, nest)
        counts = count(nest, hierarchy, mapping)
        assert not isinstance(counts, Infeasible)
        memory = power.device.memories[-1]
        assert memory.off_chip and memory.shared_bandwidth
        words = {"input": nest.input.bits, "weight": nest.weight.bits, "output": nest.output.bits}
        stays = {name for _, name in _retained(power.device)}
        for name, operand in zip(OPERANDS, counts.levels[-1].operands, strict=True):
            bits = 0 if name in stays else sum(operand.total.bits(words[name], nest.accumulator.bits))
            needed += bits / 8 / memory.shared_bandwidth
        taken += nest.macs / power.macs_per_s
    return needed / taken


def bare(device: Device) -> Device:
    """A device without any energy or power of its own: technology has to give them all."""
    return replace(
        device,
        precisions=tuple(replace(one, mac_j=None) for one in device.precisions),
        memories=tuple(replace(one, read_j=None, write_j=None, leakage_w=None) for one in device.memories),
        networks=tuple(replace(one, hop_j=0.0) for one in device.networks),
        vector=replace(device.vector, op_j=None) if device.vector else None,
        static_w=None,
        power_w={},
        quantities={key: found for key, found in device.quantities.items() if "pj_per" not in key},
    )


def _one(nest: LoopNest, *levels: LevelLoops) -> Callable[[Device], list[tuple[LoopNest, Mapping]]]:
    return lambda device: [(nest, Mapping(levels))]


def _types(nest: LoopNest, operand: str, accumulate: str, weight: str = "") -> LoopNest:
    one = OperandType(operand)
    return replace(
        nest, input=one, weight=OperandType(weight or operand), output=one, accumulator=OperandType(accumulate)
    )


def _nvdla(x: int, y: int, buffer_kib: int, average_mw: float, frames_per_s: float) -> Power:
    """Atomic operations of x kernels by y channels; weights stay for a stripe of 16 positions, sums for all channels and taps."""
    settings = [
        f"compute.pe_array.x={x}",
        f"compute.pe_array.y={y}",
        f"memory.cbuf.capacity_kib.input+weight={buffer_kib}",
    ]
    base = "nvdla_small" if (x, y) == (8, 8) else "nvdla_full_16nm"
    device = load(base, settings if base == "nvdla_full_16nm" else [])
    nest = _types(LoopNest(k=64, c=64, q=16, p=16, s=3, r=3), "int8", "int32")
    work = _one(
        nest,
        LevelLoops(keep=(False, True, False)),
        LevelLoops(
            temporal=(("P", 16), ("C", 64 // y), ("R", 3), ("S", 3)),
            spatial_x=(("K", x),),
            spatial_y=(("C", y),),
            keep=(False, False, True),
        ),
        LevelLoops(temporal=(("K", 64 // x), ("Q", 16)), keep=(True, True, False)),
        LevelLoops(),
    )
    source = "nvdla.org primer: average power on ResNet-50 at 16 nm, the maker's estimate, at its frames per second"
    resnet50_macs = 4_089_184_256
    return Power(f"nvdla_{x * y}, ResNet-50", device, average_mw, work, frames_per_s * resnet50_macs, source)


def _eyeriss(device: Device) -> list[tuple[LoopNest, Mapping]]:
    return [counted_nest(layer, device)[:2] for layer in LAYERS]


def _diannao() -> Power:
    """16 outputs by 16 inputs a cycle from the three buffers, sums back and forth to NBout.

    The weights in SB serve 64 positions: with fewer its memory could not bring them as fast as the array works.
    """
    work = _one(
        _types(LoopNest(k=32, c=256, p=64), "int16", "int32"),
        LevelLoops(
            temporal=(("C", 16), ("P", 4), ("K", 2)),
            spatial_x=(("K", 16),),
            spatial_y=(("C", 16),),
            keep=(False, True, False),
        ),
        LevelLoops(keep=(True, False, False)),
        LevelLoops(keep=(False, False, True)),
        LevelLoops(temporal=(("P", 16),)),
    )
    return Power("diannao", load("diannao"), 485, work, 256 * 980e6, "ASPLOS 2014, abstract; at its peak")


def _shidiannao() -> Power:
    """8 by 8 output positions of one map; a window of inputs passes from PE to PE, the weight is broadcast, sums stay."""
    work = _one(
        _types(LoopNest(k=4, c=8, q=8, p=8, s=5, r=5), "int16", "int32"),
        LevelLoops(keep=(False, False, True)),
        LevelLoops(
            temporal=(("R", 5), ("S", 5)), spatial_x=(("P", 8),), spatial_y=(("Q", 8),), keep=(True, False, False)
        ),
        LevelLoops(temporal=(("C", 8), ("K", 4))),
        LevelLoops(),
    )
    return Power("shidiannao", load("shidiannao"), 320, work, 64 * 1e9, "ISCA 2015, abstract; at its peak")


def _eie() -> Power:
    """Rows of a matrix over 64 PEs, each with its own weights, an activation for all."""
    work = _one(
        _types(LoopNest(k=2048, c=256), "int16", "int32", "int4"),
        LevelLoops(temporal=(("K", 32), ("C", 256))),
        LevelLoops(spatial_x=(("K", 64),)),
    )
    return Power("eie", load("eie"), 600, work, 51e9, "ISCA 2016, abstract: 102 GOP/s, 600 mW")


def _envision() -> Power:
    """16 outputs by 16 positions a cycle, of a layer whose weights stay in the memory."""
    work = _one(
        _types(LoopNest(k=64, c=64, q=32, p=16, s=3, r=3), "int16", "int48"),
        LevelLoops(temporal=(("C", 64), ("R", 3), ("S", 3)), keep=(False, False, True)),
        LevelLoops(temporal=(("Q", 8), ("K", 4)), spatial_x=(("K", 16),), spatial_y=(("P", 16),)),
        LevelLoops(temporal=(("Q", 4),)),
    )
    return Power("envision_like", load("envision_like"), 288, work, 256 * 204e6, "arXiv:1606.05094, abstract; highest")


def _powers() -> tuple[Power, ...]:
    times = sum(layer.seconds for layer in LAYERS)
    return (
        Power(
            "eyeriss_v1, AlexNet CONV",
            load("eyeriss_v1"),
            278,
            _eyeriss,
            2663e6 / times,
            "ISSCC 2016, Fig. 14.5.6, at 1 V",
        ),
        _diannao(),
        _shidiannao(),
        _eie(),
        _envision(),
        _nvdla(32, 64, 512, 291, 269),
        _nvdla(16, 64, 256, 143, 153),
        _nvdla(16, 32, 256, 80, 93),
        _nvdla(16, 16, 256, 48, 46),
        _nvdla(8, 16, 256, 31, 20),
        _nvdla(8, 8, 128, 21, 7.3),
        _nvdla(4, 8, 128, 17, 3.6),
    )


POWERS = _powers()
