"""The one call: a model, a device, an estimate."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from hwsim.counts import Rules
from hwsim.device import Device, precision_for
from hwsim.device.cores import one_core
from hwsim.errors import AssumptionWarning, UnknownOperatorWarning, UsageError
from hwsim.estimation import bands, energy, roofline, zeros
from hwsim.estimation.answers import Answers
from hwsim.estimation.assembly import Assumptions
from hwsim.estimation.conversion import converted
from hwsim.estimation.hcm import bit_view
from hwsim.estimation.limits import limited
from hwsim.estimation.mapped import Mapper, Progress, Search
from hwsim.estimation.prepare import Model, Prepared, prepare
from hwsim.estimation.records import Estimate, LayerEstimate
from hwsim.estimation.residency import residency
from hwsim.estimation.rungs import Aim, Price, keeps_activations, rungs_of, spread_of
from hwsim.estimation.totals import missing_bandwidths, overfull, totals_of, unavailable, unknown_operators
from hwsim.graph import Layer, Network
from hwsim.search import Effort, Objective
from hwsim.version import __version__
from hwsim.workload import Work

if TYPE_CHECKING:
    from hwsim.estimation.balance import Balanced
    from hwsim.estimation.simulated import Simulated

_LOG = logging.getLogger(__name__)


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
    device = _loaded(device, overrides)
    answer, rung = rungs_of(device, rung, tiles, units)
    keeps = keeps_activations(rung, units, keep_activations)
    prepared, conversions = converted(prepared, device)
    said = Assumptions()
    works = [work for _, work in prepared.priced]
    spread = spread_of(answer, device, cores, place, aim)
    asked = Search(objective, counting, search_seconds, cache, search)
    priced_on = one_core(device) if spread else device
    mapper = Mapper(priced_on, asked, progress, answers) if rung == "mapping" else None
    price = mapper.price if mapper else _price(rung, objective)
    simulation = balance = None
    if spread:
        balance = _on_cores(prepared, device, rung, price, mapper, keeps, said, spread, place, aim)
        simulation, notes = balance.simulated, balance.simulated.notes
        layers = list(simulation.layers)
    elif answer == "simulate":
        simulation, notes = _in_time(prepared, device, rung, price, mapper, keeps, said)
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
    totals = totals_of(prepared, device, layers, simulation)
    pairs = {(nest.input.dtype, nest.weight.dtype) for work in works for nest in work.nests}
    used = tuple({precision_for(device, *pair)[0]: None for pair in sorted(pairs)})
    if rung == "roofline" and totals.energy_j is not None:
        said.add(
            "the roofline's energy takes every tensor once over each level and MACs' operands at the innermost: a lower bound"
        )
    unknown = unknown_operators(prepared)
    assumed = (
        *prepared.warnings,
        *notes,
        *overfull(prepared, device),
        *said.warnings,
        *(mapper.warnings if mapper else ()),
    )
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
        unavailable=unavailable(device, layers),
        warnings=(*unknown, *assumed),
        notes=(
            *conversions,
            *said.notes,
            *missing_bandwidths(device),
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


def _on_cores(
    prepared: Prepared,
    device: Device,
    rung: str,
    price: Price,
    mapper: Mapper | None,
    keeps: bool,
    said: Assumptions,
    spread: str,
    place: Sequence[str],
    aim: Aim,
) -> Balanced:
    """Layers spread over the cores of a chip. This, and the simulator, is imported when it is asked for: it takes long to load."""
    from hwsim.estimation.balance import balanced
    from hwsim.estimation.cores import Chip
    from hwsim.estimation.pieces import by_hand

    chip = Chip(prepared, device, rung, price, mapper, keeps, said)
    return balanced(chip, spread, by_hand(prepared, chip.number, place), aim)


def _in_time(
    prepared: Prepared, device: Device, rung: str, price: Price, mapper: Mapper | None, keeps: bool, said: Assumptions
) -> tuple[Simulated, tuple[str, ...]]:
    """Layers in simulated time on a device that is one array, and what stays on chip then, in words."""
    from hwsim.estimation.keeping import keep
    from hwsim.estimation.pieces import on_one
    from hwsim.estimation.priced import Priced
    from hwsim.estimation.simulated import simulated

    kept = keep(prepared, device, on_one(prepared), 1, keeps)
    stays = kept.residencies[0]
    records = [price(layer, work, prepared.network, device, stays, said) for layer, work in prepared.priced]
    priced = [Priced(*pair, record) for pair, record in zip(prepared.priced, records, strict=True)]
    return simulated(priced, prepared.network, device, rung, mapper, stays, kept.plans), stays.notes


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
    answer, rung = rungs_of(device, rung, None, "byte")
    if answer in ("simulate", "cpu"):
        return estimate(prepared, device, rung=answer, held=held).layers
    keeps = keeps_activations(rung, "byte", None)
    prepared, _ = converted(prepared, device)
    stays = residency(prepared, [work for _, work in prepared.priced], device, keeps).with_held(held)
    mapper = Mapper(device, Search(None, "exact", None, True), None) if rung == "mapping" else None
    price, said = mapper.price if mapper else _price(rung, None), Assumptions()
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


def _loaded(device: str | os.PathLike[str] | Device, overrides: Sequence[str]) -> Device:
    """A device as a record."""
    if isinstance(device, Device):
        if overrides:
            raise UsageError(f"{device.name}: overrides apply to a profile as it is loaded, not to a finished Device")
        return device
    from hwsim.device import load

    if not isinstance(device, str | os.PathLike):
        raise UsageError(f"device {device!r}: must be the name of a profile, a path or a Device")
    return load(device, overrides)


def _price(rung: str, objective: Objective | None) -> Price:
    """What prices the layers on a rung that searches no mappings; each is imported when it is asked for, they take long to load."""
    if rung == "roofline":
        return roofline.price
    if rung == "cpu":
        from hwsim.estimation import cpu

        return cpu.price
    if rung == "gpu":
        from hwsim.estimation import gpu

        return gpu.price
    if rung == "systolic":
        from hwsim.estimation import rigid

        return rigid.price
    from hwsim.estimation import passes

    return partial(passes.price, objective=objective)


def _with_inference_overhead(layers: list[LayerEstimate], overhead: float) -> list[LayerEstimate]:
    """The first layer carries what every inference costs once, so that parts sum to the total."""
    if not overhead or not layers:
        return layers
    first = layers[0]
    latency = first.latency_s + overhead
    bound_by = first.bound_by if first.latency_s >= overhead else "overhead"
    scaled = first.utilization * first.latency_s / latency
    return [replace(first, latency_s=latency, bound_by=bound_by, utilization=scaled), *layers[1:]]
