"""The one call: a model, a device, an estimate."""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

from hwsim.counts import Rules
from hwsim.device import Device, precision_for
from hwsim.device.cores import cores_of, one_core
from hwsim.errors import AssumptionWarning, UnknownOperatorWarning, UsageError, nearest
from hwsim.estimation import bands, cpu, energy, gpu, passes, rigid, roofline, zeros
from hwsim.estimation.answers import Answers
from hwsim.estimation.assembly import Assumptions
from hwsim.estimation.balance import Aim, balanced
from hwsim.estimation.conversion import converted
from hwsim.estimation.cores import Chip
from hwsim.estimation.hcm import bit_view
from hwsim.estimation.keeping import keep
from hwsim.estimation.limits import limited
from hwsim.estimation.mapped import Mapper, Progress, Search
from hwsim.estimation.pieces import WAYS, by_hand, on_one
from hwsim.estimation.prepare import Model, Prepared, prepare
from hwsim.estimation.priced import Priced
from hwsim.estimation.records import Estimate, LayerEstimate, Totals
from hwsim.estimation.residency import residency
from hwsim.estimation.simulated import Simulated, simulated
from hwsim.graph import Layer, Network
from hwsim.search import Effort, Objective
from hwsim.version import __version__
from hwsim.workload import Work

_LOG = logging.getLogger(__name__)
#: From the simplest to the most detailed.
RUNGS = ("roofline", "cpu", "systolic", "gpu", "row_stationary", "mapping", "simulate")
_PRICES = {
    "roofline": roofline.price,
    "cpu": cpu.price,
    "systolic": rigid.price,
    "gpu": gpu.price,
    "row_stationary": passes.price,
}
#: Rungs whose layers are not cut into tiles that the simulator could run.
_WHOLE = frozenset({"cpu", "gpu", "row_stationary"})


def estimate(
    model: Model | Prepared,
    device: str | os.PathLike[str] | Device,
    *,
    rung: str | None = None,
    tiles: str | None = None,
    units: Literal["byte", "bit"] = "byte",
    keep_activations: bool | None = None,
    overrides: Sequence[str] = (),
    limits: Mapping[str, float] | None = None,
    objective: Objective | None = None,
    counting: Rules = "exact",
    search: Effort = "full",
    search_seconds: float | None = None,
    cache: bool = True,
    answers: Answers | None = None,
    progress: Progress | None = None,
    held: frozenset[str] = frozenset(),
    cores: str = "together",
    place: Sequence[str] = (),
    aim: Aim = "latency",
    **preparation: Any,
) -> Estimate:
    """Latency, energy and area of a model on a device.

    model : see ``prepare``; its keyword arguments (batch, dims, shapes, trips, bits, passes) are taken here too. device : a shipped
    profile's name, a path to one, or a Device. rung : ``roofline``, ``cpu``, ``systolic``, ``gpu`` or ``mapping`` (default: the most
    detailed of them that the profile supports), or ``simulate``, which runs the layers of ``tiles``, one of them but ``cpu`` and ``gpu``,
    in simulated time.
    units : ``bit`` gives HCM's view, in which every tensor moves once. keep_activations : whether tensors may stay on chip between
    layers (in the mapping rung they do not). overrides : ``dotted.path=value`` on the profile.
    objective, counting, search (``full`` or ``quick``), search_seconds, cache : of the mapping rung's search, see ``search.best``
    (row-stationary passes take the fastest plan for ``latency``, else that of least energy in memories);
    progress is told what is being searched; answers : searches shared with other calls.
    held : tensors that stay on the chip whatever else does (not in the simulator, which gives everything an address).
    cores : in the simulator, how layers are spread over the cores of a chip: ``together`` (they are one array), ``channels`` or ``rows``
    of each layer, ``layers``, or ``auto``, the best of these for ``aim``; place : single layers, ``LAYER=channels``, ``LAYER=rows`` or
    ``LAYER=CORE``.
    limits : largest average_power_w, energy_j, latency_s, area_mm2; what misses them is in ``Estimate.missed``.
    Raises ModelError, ProfileError, UsageError.
    """
    prepared = model if isinstance(model, Prepared) else prepare(model, **preparation)
    if not isinstance(device, Device):
        from hwsim.device import load

        device = load(device, overrides)
    elif overrides:
        raise UsageError(f"{device.name}: overrides apply to a profile as it is loaded, not to a finished Device")
    answer, rung = _rungs(device, rung, tiles, units)
    keeps = _keeps(rung, units, keep_activations)
    prepared, conversions = converted(prepared, device)
    said = Assumptions()
    works = [work for _, work in prepared.priced]
    spread = _spread(answer, device, cores, place, aim)
    asked = Search(objective, counting, search_seconds, cache, search)
    priced_on = one_core(device) if spread else device
    mapper = Mapper(priced_on, asked, progress, answers) if rung == "mapping" else None
    price = mapper.price if mapper else _price(rung, objective)
    simulation = balance = None
    if spread:
        chip = Chip(prepared, device, rung, price, mapper, keeps, said)
        balance = balanced(chip, spread, by_hand(prepared, chip.number, place), aim)
        simulation, notes = balance.simulated, balance.simulated.notes
        layers = list(simulation.layers)
    elif answer == "simulate":
        kept = keep(prepared, device, on_one(prepared), 1, keeps)
        stays, notes = kept.residencies[0], kept.residencies[0].notes
        records = [price(layer, work, prepared.network, device, stays, said) for layer, work in prepared.priced]
        priced = [Priced(*pair, record) for pair, record in zip(prepared.priced, records, strict=True)]
        simulation = simulated(priced, prepared.network, device, rung, mapper, stays, kept.plans)
        layers = list(simulation.layers)
    else:
        stays = residency(prepared, works, device, keeps, keep_weights=units == "byte", near=rung == "cpu").with_held(
            held
        )
        notes = stays.notes
        layers = [price(layer, work, prepared.network, device, stays, said) for layer, work in prepared.priced]
        layers = _with_inference_overhead(layers, device.overheads.inference_s)
    layers = energy.with_host(layers, prepared, device)
    if units == "bit":
        layers = [bit_view(layer, work, device) for layer, (_, work) in zip(layers, prepared.priced, strict=True)]
    settings = {
        "model": answer,
        **({"tiles": rung} if simulation else {}),
        **prepared.settings,
        "units": units,
        "keep_activations": keeps,
        **({"cores": cores, "place": list(place), "aim": aim, "placement": balance.chosen} if balance else {}),
        "overrides": list(overrides),
        "technology": bands.technologies(device),
        **(mapper.settings if mapper else {}),
        **({"objective": objective} if rung == "row_stationary" else {}),
        "folded": [*prepared.folded, *([f"free at run time: {prepared.free}"] if prepared.free else [])],
    }
    totals = _totals(prepared, device, layers, simulation)
    pairs = {(nest.input.dtype, nest.weight.dtype) for work in works for nest in work.nests}
    used = tuple({precision_for(device, *pair)[0]: None for pair in sorted(pairs)})
    if rung == "roofline" and totals.energy_j is not None:
        said.add(
            "the roofline's energy takes every tensor once over each level and MACs' operands at the innermost: a lower bound"
        )
    unknown = _unknown(prepared)
    assumed = (*prepared.warnings, *notes, *said.warnings, *(mapper.warnings if mapper else ()))
    for category, texts in ((UnknownOperatorWarning, unknown), (AssumptionWarning, assumed)):
        for text in texts:
            warnings.warn(text, category, stacklevel=2)
    found = Estimate(
        model={
            "name": prepared.network.name,
            "sha256": prepared.network.sha256,
            "inputs": {name: list(prepared.network.tensors[name].shape) for name in prepared.network.inputs},
        },
        device={"name": device.name, "sha256": device.sha256},
        settings=settings,
        totals=totals,
        layers=tuple(layers),
        unavailable=_unavailable(device, layers),
        warnings=(*unknown, *assumed),
        notes=(
            *conversions,
            *said.notes,
            *_missing(device),
            *zeros.unused((nest for work in works for nest in work.nests), device, rung),
            *device.notes,
        ),
        hwsim_version=__version__,
        bands={
            "energy_j": bands.energy_band(device, layers, used),
            "latency_s": bands.latency_band(device, layers, used),
            "area_mm2": bands.area_band(device, totals.area_mm2),
        },
        origins=bands.origins(device, layers, used),
        simulation=simulation,
    )
    _LOG.info("%s on %s: %s model, %d layers", prepared.network.name, device.name, answer, len(layers))
    return limited(found, device, limits or {})


@dataclass(frozen=True, slots=True)
class Known:
    """A layer's record as it was priced, with the work and what stayed on the chip then."""

    work: Work
    stays: tuple[bool, ...]
    record: LayerEstimate


def layers_again(
    prepared: Prepared, device: Device, rung: str | None, known: dict[int, Known], held: frozenset[str] = frozenset()
) -> tuple[LayerEstimate, ...]:
    """The layers of ``estimate``, for networks that are priced many times with little changed between (a cache that grows).

    known : records by position, reused where the work and what stays on chip are the same, and added to. The simulator has no such
    short cut: its layers depend on each other.
    """
    answer, rung = _rungs(device, rung, None, "byte")
    if answer in ("simulate", "cpu"):
        return estimate(prepared, device, rung=answer, held=held).layers
    keeps = _keeps(rung, "byte", None)
    prepared, _ = converted(prepared, device)
    stays = residency(prepared, [work for _, work in prepared.priced], device, keeps).with_held(held)
    mapper = Mapper(device, Search(None, "exact", None, True), None) if rung == "mapping" else None
    price, said = mapper.price if mapper else _PRICES[rung], Assumptions()
    layers = []
    fresh: dict[Hashable, LayerEstimate] = {}  # blocks of a network repeat: what differs in names alone is priced once
    for position, (layer, work) in enumerate(prepared.priced):
        inside = tuple(stays.stays(name) for name, _ in (*work.reads, *work.writes))
        found = known.get(position)
        if found is None or found.stays != inside or not (found.work is work or found.work == work):
            alike = _likeness(layer, work, inside, prepared.network)
            record = fresh.get(alike)
            if record is None:
                record = fresh[alike] = price(layer, work, prepared.network, device, stays, said)
            found = Known(work, inside, replace(record, name=layer.name, fused=layer.fused))
            known[position] = found
        layers.append(found.record)
    return tuple(energy.with_host(_with_inference_overhead(layers, device.overheads.inference_s), prepared, device))


def _likeness(layer: Layer, work: Work, inside: tuple[bool, ...], network: Network) -> Hashable:
    """All of a layer that its price depends on, names left out."""
    moved = [network.tensors[name] for name, _ in (*work.reads, *work.writes)]
    operands = [network.tensors[name] for name in (*layer.inputs, *layer.outputs) if name in network.tensors]
    return (
        (layer.op, layer.domain, layer.repeat, tuple(member.op for member in layer.members), repr(layer.attributes)),
        (work.nests, work.vectors, work.moves, work.known),
        tuple(size for _, size in (*work.reads, *work.writes)),
        (len(work.reads), inside, tuple((one.role, one.dtype, one.density) for one in moved)),
        tuple((one.role, one.dtype) for one in operands),
    )


def _price(rung: str, objective: Objective | None) -> Callable[..., LayerEstimate]:
    """What prices the layers on a rung that searches no mappings."""
    return partial(passes.price, objective=objective) if rung == "row_stationary" else _PRICES[rung]


def _with_inference_overhead(layers: list[LayerEstimate], overhead: float) -> list[LayerEstimate]:
    """The first layer carries what every inference costs once, so that parts sum to the total."""
    if not overhead or not layers:
        return layers
    first = layers[0]
    latency = first.latency_s + overhead
    bound_by = first.bound_by if first.latency_s >= overhead else "overhead"
    scaled = first.utilization * first.latency_s / latency
    return [replace(first, latency_s=latency, bound_by=bound_by, utilization=scaled), *layers[1:]]


#: PEs of an array whose mappings are searched without being asked for: ways to spread a nest grow with the array.
_SEARCHABLE = 1 << 16


def default_rung(device: Device) -> str:
    """The most detailed rung that a profile supports.

    ``systolic`` where it declares the dataflow of a rigid array; ``cpu`` where it says how a CPU's kernels are built; ``gpu`` for a GPU
    whose bandwidth it gives; ``mapping`` for an
    accelerator whose hierarchy reaches from the edge of the chip through a buffer into no more PEs than a search takes in seconds; else
    ``roofline``.
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


def _rungs(device: Device, rung: str | None, tiles: str | None, units: str) -> tuple[str, str]:
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


def _spread(answer: str, device: Device, cores: str, place: Sequence[str], aim: str) -> str:
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


def _keeps(rung: str, units: str, asked: bool | None) -> bool:
    """Whether activations may stay on chip between layers; raises UsageError where the rung cannot do what is asked."""
    if rung == "mapping":
        if asked:
            raise UsageError(
                "--keep-activations: the mapping model runs layer by layer, each from and to the outermost level"
            )
        return False
    return units == "byte" if asked is None else asked


def _totals(
    prepared: Prepared, device: Device, layers: Sequence[LayerEstimate], simulation: Simulated | None = None
) -> Totals:
    latency = math.fsum(layer.latency_s for layer in layers)
    energies = [layer.energy_j for layer in layers]
    energy = None if None in energies else math.fsum(value for value in energies if value is not None)
    complexity = prepared.complexity
    batch = int(str(prepared.settings["batch"]))
    ideal = math.fsum(layer.utilization * _span(layer) for layer in layers)
    interval = simulation.interval_s if simulation else latency
    return Totals(
        latency_s=latency,
        cycles=math.ceil(latency * device.clock_hz * (1 - 1e-12)),
        throughput_per_s=batch / interval if interval else 0.0,
        energy_j=energy,
        average_power_w=energy / latency if energy is not None and latency else None,
        area_mm2=_area(device),
        macs=sum(layer.macs for layer in layers),
        bops=complexity.bops,
        parameters=complexity.parameters,
        weight_bytes=complexity.weight_bytes,
        dram_bytes=sum(layer.dram_bytes for layer in layers),
        peak_activation_bytes=complexity.peak_activation_bytes,
        utilization=ideal / latency if latency else 0.0,
    )


def _span(layer: LayerEstimate) -> float:
    """Time that the utilization of a layer refers to [s]."""
    return layer.extra["end_s"] - layer.extra["start_s"] if "end_s" in layer.extra else layer.latency_s


def _area(device: Device) -> float | None:
    name = bands.area_name(device)
    return None if name is None else device.area_mm2[name]


def _unavailable(device: Device, layers: Sequence[LayerEstimate]) -> Mapping[str, str]:
    reasons: dict[str, str] = {}
    if any(layer.energy_j is None for layer in layers):
        reason = "the profile does not give all energies (--technology 28nm, say, estimates the missing ones)"
        if bands.technologies(device):
            reason = "neither the profile nor technology tables give all energies; the warnings name what is not known"
        reasons["energy_j"] = reasons["average_power_w"] = reason
    if _area(device) is None:
        reasons["area_mm2"] = "the profile gives no area (--technology 28nm, say, estimates it)"
    return reasons


def _unknown(prepared: Prepared) -> list[str]:
    unknown: dict[str, int] = {}
    for layer, work in zip(prepared.network.layers, prepared.works, strict=True):
        if not work.known:
            name = f"{layer.domain}.{layer.op}" if layer.domain else layer.op
            unknown[name] = unknown.get(name, 0) + 1
    if not unknown:
        return []
    listed = ", ".join(f"{name} ×{count}" for name, count in sorted(unknown.items()))
    return [f"operators hwsim does not know are priced by their tensor traffic alone: {listed}"]


def _missing(device: Device) -> list[str]:
    silent = [
        memory.name
        for memory in device.memories
        if memory.off_chip and memory.read_bandwidth is None and memory.shared_bandwidth is None
    ]
    return [f"{device.name} gives no bandwidth of {name}: its transfers take no time here" for name in silent]
