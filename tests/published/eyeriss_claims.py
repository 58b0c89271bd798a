"""Everything published of Eyeriss at hand, beside what hwsim answers: ``python -m tests.published.eyeriss_claims``.

AlexNet's convolutions, batch 4, at 1 V: JSSC 52(1), 2017, Tables III and V; ISSCC 2016, Fig. 14.5.6 and 14.5.7; areas: JSSC's text. What
is predicted is what ``--model row_stationary`` answers with plans of its own, given the zeros of inputs and outputs; areas and energies by
part are of the tables. A bar is how far predicted over published may be from 1, none where a source says "about".
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache

import hwsim
from hwsim.cost.area import area
from hwsim.device import load
from hwsim.estimation.records import LayerEstimate
from tests.published.eyeriss import BATCH, LAYERS, Layer, banked, power_ratios, runs, shares
from tests.published.eyeriss_passes import MEASURED

#: Active PEs: JSSC 2017, Table V.
ACTIVE_PES = {"CONV1": 154, "CONV2": 135, "CONV3": 156, "CONV4": 156, "CONV5": 156}
#: Shares of the power, ISSCC 2016, and of the core's area, JSSC 2017 ("two-thirds", "nearly half").
SPLIT = {"PE array": 0.778, "network": 0.156, "buffer": 0.027}


@dataclass(frozen=True, slots=True)
class Claim:
    """A published figure and a predicted one, in ``unit``; bar : how far their ratio may be from 1 [1], None where nothing is asked."""

    what: str
    unit: str
    published: float
    predicted: float
    bar: float | None

    @property
    def ratio(self) -> float:
        """Predicted over published [1]."""
        return self.predicted / self.published

    @property
    def held(self) -> bool | None:
        """Whether the bar is held, None without one."""
        return None if self.bar is None else abs(self.ratio - 1) <= self.bar


@lru_cache(maxsize=1)
def answers() -> tuple[LayerEstimate, ...]:
    """What the rung says of each convolution."""
    return tuple(_answer(layer) for layer in LAYERS)


def _answer(layer: Layer) -> LayerEstimate:
    builder = hwsim.Network.builder(layer.name).input("x", (BATCH, layer.channels, layer.size, layer.size), "int16")
    network = (
        builder.conv(
            layer.filters, kernel=layer.kernel, stride=layer.stride, padding=layer.padding, groups=layer.groups, bias=False
        )
        .relu()
        .build()
    )  # fmt: skip
    density = {"x": 1 - layer.zeros, network.outputs[0]: MEASURED[layer.name][3]}
    (found,) = hwsim.estimate(hwsim.prepare(network, density=density), "eyeriss_v1", rung="row_stationary").layers
    return found


def claims() -> list[Claim]:
    """All of them: times, traffic and power by layer, totals, the split of the power, areas."""
    found: list[Claim] = []
    for layer, answer in zip(LAYERS, answers(), strict=True):
        processing, dram, *_ = MEASURED[layer.name]
        buffer = answer.traffic_bytes["gbuf"]
        found += [
            Claim(f"{layer.name}, processing", "ms", 1e3 * processing, 1e3 * answer.compute_s, 0.10),
            Claim(f"{layer.name}, with DRAM", "ms", 1e3 * layer.seconds, 1e3 * answer.latency_s, None),
            Claim(f"{layer.name}, DRAM", "MB", dram, 1e-6 * answer.dram_bytes, 0.15),
            Claim(f"{layer.name}, buffer", "MB", layer.buffer_mb, 1e-6 * (buffer.read + buffer.write), 0.15),
            Claim(f"{layer.name}, active PEs", "", ACTIVE_PES[layer.name], 168 * answer.spatial_utilization, None),
            Claim(f"{layer.name}, power of the chip", "mW", 1e3 * layer.watts, 1e3 * _chip_watts(answer), 0.15),
        ]
    seconds = sum(answer.latency_s for answer in answers())
    joules = sum(_chip_watts(answer) * answer.latency_s for answer in answers())
    measured_s = sum(layer.seconds for layer in LAYERS)
    measured_j = sum(layer.seconds * layer.watts for layer in LAYERS)
    processing = sum(row[0] for row in MEASURED.values())
    found += [
        Claim("all, processing", "ms", 1e3 * processing, 1e3 * sum(one.compute_s for one in answers()), 0.05),
        Claim("all, with DRAM", "ms", 1e3 * measured_s, 1e3 * seconds, 0.10),
        Claim("all, power of the chip", "mW", 1e3 * measured_j / measured_s, 1e3 * joules / seconds, 0.15),
    ]
    return [*found, *_powers(), *_areas()]


def _chip_watts(answer: LayerEstimate) -> float:
    assert answer.energy_by_j is not None
    return sum(joules for name, joules in answer.energy_by_j.items() if name != "dram") / answer.latency_s


def _powers() -> list[Claim]:
    """Power by layer after one factor fitted on the total, of what switches on the published mappings; and the split of that."""
    found = runs()
    ratios = power_ratios(found)
    powers = [
        Claim(f"{layer.name}, power, one factor fitted", "mW", 1e3 * layer.watts, 1e3 * layer.watts * ratios[layer.name], 0.15)
        for layer in LAYERS
    ]  # fmt: skip
    relative, banks = shares(found), shares(runs(banked()))
    split = [Claim(f"power, share of the {name}", "%", 100 * SPLIT[name], 100 * relative[name], None) for name in SPLIT]
    split += [
        Claim(f"the same, buffer as banks, {name}", "%", 100 * SPLIT[name], 100 * banks[name], None) for name in SPLIT
    ]
    return powers + split


def _areas() -> list[Claim]:
    found = area(load("eyeriss_v1"))
    part = found.shares
    storage = part["register_files"] + part["buffers"]
    return [
        Claim("area of the core", "mm²", 12.25, 1e6 * found.total, 0.25),
        Claim("area, storage", "% of the core", 100 * 2 / 3, 100 * storage, None),
        Claim("area, register files", "% of the core", 50, 100 * part["register_files"], None),
        Claim("area, register files over buffer", "", 2.5, part["register_files"] / part["buffers"], None),
        Claim("area, multipliers and adders", "% of the core", 7.4, 100 * part["mac_array"], None),
    ]


def lines() -> list[str]:
    """The table in Markdown."""
    made = ["| what | published | predicted | ratio | bar | held |", "|---|---|---|---|---|---|"]
    for one in claims():
        bar = "" if one.bar is None else f"± {100 * one.bar:.0f} %"
        held = {None: "", True: "yes", False: "NO"}[one.held]
        figures = f"{one.published:.4g} {one.unit} | {one.predicted:.4g} | {one.ratio:.2f}"
        made.append(f"| {one.what} | {figures} | {bar} | {held} |")
    return made


if __name__ == "__main__":
    print("\n".join(lines()))
    sys.exit(any(one.held is False for one in claims()))
