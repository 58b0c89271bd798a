"""The rungs of the ladder, from the simplest model to the most detailed: which a profile supports, and what goes together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from hwsim.device import Device
from hwsim.device.cores import cores_of
from hwsim.errors import UsageError, nearest
from hwsim.estimation.assembly import Assumptions
from hwsim.estimation.records import LayerEstimate
from hwsim.estimation.residency import Residency
from hwsim.graph import Layer, Network
from hwsim.workload import Work

#: What prices a layer on a rung.
Price = Callable[[Layer, Work, Network, Device, Residency, Assumptions], LayerEstimate]
#: How a network is spread over the cores of a chip: as one array, by parts of every layer, by whole layers, or as found best; and what for.
WAYS = ("together", "channels", "rows", "layers", "auto")
Aim = Literal["latency", "throughput"]
#: From the simplest to the most detailed.
RUNGS = ("roofline", "cpu", "systolic", "gpu", "row_stationary", "mapping", "simulate")
#: Rungs whose layers are not cut into tiles that the simulator could run.
_WHOLE = frozenset({"cpu", "gpu", "row_stationary"})
#: PEs of an array whose mappings are searched without being asked for: ways to spread a nest grow with the array.
_SEARCHABLE = 1 << 16


def default_rung(device: Device) -> str:
    """The most detailed rung that a profile supports.

    ``systolic`` where it declares the dataflow of a rigid array; ``cpu`` where it says how a CPU's kernels are built; ``gpu`` for a GPU
    whose bandwidth it gives; ``mapping`` for an accelerator whose hierarchy reaches from the edge of the chip through a buffer into no
    more PEs than a search takes in seconds; else ``roofline``.
    """
    if device.dataflow.stationary:
        return "systolic"
    if device.kind == "cpu" and device.kernels is not None:
        return "cpu"
    if device.kind == "gpu" and device.off_chip is not None and device.off_chip.shared_bandwidth is not None:
        return "gpu"
    inside = [memory for memory in device.memories if not memory.off_chip and memory.instances >= device.array.pes]
    buffers = [memory for memory in device.memories if not memory.off_chip and memory.instances < device.array.pes]
    searchable = device.kind == "accelerator" and device.array.pes <= _SEARCHABLE
    return "mapping" if searchable and inside and buffers and device.off_chip else "roofline"


def rungs_of(device: Device, rung: str | None, tiles: str | None, units: str) -> tuple[str, str]:
    """The rung that answers and the analytical one that prices; raises UsageError for what there is not, or does not go together."""
    answer = rung or default_rung(device)
    analytical = RUNGS[:-1]
    streamed = tuple(name for name in analytical if name not in _WHOLE)
    for option, name, known in (("--model", answer, RUNGS), ("--tiles", tiles or analytical[0], streamed)):
        if name not in known:
            raise UsageError(
                f"{option} {name}: there is no such model{nearest(name, list(known))}; choose from {', '.join(known)}"
            )
    if answer != "simulate":
        if tiles:
            raise UsageError(f"--tiles {tiles}: only --model simulate runs the tiles of another model")
        return answer, answer
    if units == "bit":
        raise UsageError("--units bit: HCM's view has no tiles to simulate; leave it out, or use --model roofline")
    own = default_rung(device)
    return answer, tiles or (
        "roofline" if own in _WHOLE else own
    )  # tiles of a GPU run beside each other, not one by one


def spread_of(answer: str, device: Device, cores: str, place: Sequence[str], aim: str) -> str:
    """How layers are spread over cores, "" where they run on all together; raises UsageError for what there is not."""
    for option, name, known in (("--cores", cores, WAYS), ("--aim", aim, get_args(Aim))):
        if name not in known:
            raise UsageError(
                f"{option} {name}: there is no such way{nearest(name, list(known))}; choose from {', '.join(known)}"
            )
    if cores == "together" and not place:
        return ""
    if answer != "simulate":
        raise UsageError(f"--cores {cores}: only --model simulate runs cores beside each other")
    if cores_of(device) == 1:
        return ""
    return "auto" if cores == "together" else cores


def keeps_activations(rung: str, units: str, asked: bool | None) -> bool:
    """Whether activations may stay on chip between layers; raises UsageError where the rung cannot do what is asked."""
    if rung == "mapping":
        if asked:
            raise UsageError(
                "--keep-activations: the mapping model runs layer by layer, each from and to the outermost level"
            )
        return False
    return units == "byte" if asked is None else asked
