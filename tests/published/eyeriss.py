"""AlexNet on the Eyeriss chip as it was run: the published row-stationary mappings, priced with the profile's relative energies.

Shapes, zeros, times and powers are those of the chip: ISSCC 2016, Fig. 14.5.6, and JSSC 52(1), 2017, Tables III and V, batch 4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import hwsim
from hwsim.cost import Energy, price
from hwsim.cost.fill import with_technology
from hwsim.counts import Counts, count
from hwsim.counts.row_stationary import Plan
from hwsim.counts.row_stationary_loops import loops
from hwsim.device import Device, load
from hwsim.errors import Infeasible
from hwsim.estimation import zeros
from hwsim.estimation.conversion import converted
from hwsim.mapping import Mapping, from_device
from hwsim.workload import LoopNest

BATCH = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution as run. rows : m, n, e, p, q, r, t of JSSC's Table III; zeros : of its input [1]; measured: [s], [W]; buffer_mb :
    [MB].
    """

    name: str
    channels: int
    size: int
    filters: int
    kernel: int
    stride: int
    padding: int
    groups: int
    rows: tuple[int, int, int, int, int, int, int]
    zeros: float
    seconds: float
    watts: float
    buffer_mb: float


LAYERS = (
    Layer("CONV1", 3, 227, 96, 11, 4, 0, 1, (96, 1, 7, 16, 1, 1, 2), 0.0001, 20.9e-3, 0.332, 18.5),
    Layer("CONV2", 96, 27, 256, 5, 1, 2, 2, (64, 1, 27, 16, 2, 1, 1), 0.387, 41.9e-3, 0.288, 77.6),
    Layer("CONV3", 256, 13, 384, 3, 1, 1, 1, (64, 4, 13, 16, 4, 1, 4), 0.725, 23.6e-3, 0.266, 50.2),
    Layer("CONV4", 384, 13, 384, 3, 1, 1, 2, (64, 4, 13, 16, 3, 2, 2), 0.793, 18.4e-3, 0.235, 37.4),
    Layer("CONV5", 384, 13, 256, 3, 1, 1, 2, (64, 4, 13, 16, 3, 2, 2), 0.776, 10.5e-3, 0.236, 24.9),
)
#: Fully connected layers: inputs and outputs.
DENSE = {"FC6": (9216, 4096), "FC7": (4096, 4096), "FC8": (4096, 1000)}


@dataclass(frozen=True, slots=True)
class Run:
    """A layer priced. energy : as if nothing were zero [J]; gated : what switches on the chip by part, zeros gated [J]; standing : what
    flows all the time by the profile [J].
    """

    layer: Layer
    counts: Counts
    energy: Energy
    gated: dict[str, float]
    standing: float

    @property
    def buffer_mb(self) -> float:
        """Words through the global buffer's ports [MB]."""
        return sum(sum(operand.total.bits(16, 16)) for operand in self.counts.levels[1]) / 8e6


def runs(device: Device | None = None) -> list[Run]:
    """Every convolution on its published mapping, with the energies of the profile or of another device."""
    return [_run(layer, device or load("eyeriss_v1")) for layer in LAYERS]


def banked() -> Device:
    """The profile with its buffer's energy from technology tables: 27 banks of 64-bit words, not one memory above 100 kB."""
    device = load("eyeriss_v1")
    memories = tuple(
        replace(level, read_j=None, write_j=None) if level.name == "gbuf" else level for level in device.memories
    )
    return with_technology(replace(device, memories=memories))


def _run(layer: Layer, device: Device) -> Run:
    nest, _, counts = counted_nest(layer, device)
    energy = price(counts, from_device(device, nest), nest).energy
    assert energy is not None
    inner, shares = energy.levels["spad"], zeros.access_shares(nest, device)
    happen = (shares["input"], shares["weight"], shares["output"])
    accesses = zip(happen, inner.reads, inner.updates, strict=True)
    gated = {
        "mac": energy.mac * zeros.mac_share(nest, device),
        "spad": sum(inner.fills) + sum(share * (read + update) for share, read, update in accesses),
        "gbuf": energy.levels["gbuf"].storage,
        "network": energy.network,
    }
    return Run(layer, counts, energy, gated, (device.standing_w or 0.0) * layer.seconds)


def _nest(layer: Layer, device: Device) -> LoopNest:
    builder = hwsim.Network.builder(layer.name).input("x", (BATCH, layer.channels, layer.size, layer.size), "int16")
    builder = builder.conv(
        layer.filters, kernel=layer.kernel, stride=layer.stride, padding=layer.padding, groups=layer.groups, bias=False
    )
    prepared = hwsim.prepare(builder.build(), density={"x": 1 - layer.zeros})
    return converted(prepared, device)[0].works[0].nests[0]


def counted_nest(layer: Layer, device: Device) -> tuple[LoopNest, Mapping, Counts]:
    """Nest, published mapping, counts; filters pass the buffer by where those of a pass are more than it holds (CONV1)."""
    nest = _nest(layer, device)
    for through in (True, False):
        placed = mapping(nest, layer, device, through)
        found = count(nest, from_device(device, nest), placed)
        if not isinstance(found, Infeasible):
            return nest, placed, found
    raise AssertionError(f"{layer.name}: {found}")


def mapping(nest: LoopNest, layer: Layer, device: Device, filters_through_buffer: bool) -> Mapping:
    """A row of Table III as loops."""
    return loops(nest, Plan(*layer.rows), device.array.x, filters_through_buffer)


def fitted_scale(found: list[Run], standing: bool = False) -> float:
    """The one factor that brings the energy of all layers to the chip's [1]: fitted on the total, to nothing else.

    standing : with the profile's idle power, whose source is the power of the whole chip: no layer of the table below is in it, their
    total is.
    """
    return sum(run.layer.watts * run.layer.seconds for run in found) / sum(_spent(run, standing) for run in found)


def power_ratios(found: list[Run], standing: bool = False) -> dict[str, float]:
    """Predicted over measured power of each layer, after the fitted factor [1]."""
    scale = fitted_scale(found, standing)
    return {run.layer.name: scale * _spent(run, standing) / run.layer.seconds / run.layer.watts for run in found}


def shares(found: list[Run]) -> dict[str, float]:
    """Share of the PE array, the network and the buffer in what switches [1]."""
    parts = {name: sum(run.gated[name] for run in found) for name in found[0].gated}
    total = sum(parts.values())
    array = parts["mac"] + parts["spad"]
    return {"PE array": array / total, "network": parts["network"] / total, "buffer": parts["gbuf"] / total}


def _spent(run: Run, standing: bool) -> float:
    return sum(run.gated.values()) + (run.standing if standing else 0.0)


def buffer_of_row(layer: Layer, rows: tuple[int, int, int, int, int, int, int]) -> float:
    """Words through the global buffer's ports with another row of Table III [MB]."""
    return _run(replace(layer, rows=rows), load("eyeriss_v1")).buffer_mb
