"""A network on a system: alone, in a pipeline, cut by channels or rows, or as a copy on every device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from hwsim.device import Device
from hwsim.errors import Infeasible, UsageError, nearest
from hwsim.estimation import Estimate, Prepared, estimate
from hwsim.estimation.conversion import converted
from hwsim.system.experts import Dispatch, spread_experts
from hwsim.system.links import Traffic, all_gather_s, all_to_all_s
from hwsim.system.pipeline import Stage, balance, cut_bytes, weight_bytes
from hwsim.system.profile import System
from hwsim.system.record import Share, SystemEstimate
from hwsim.system.shard import Cut, shard
from hwsim.workload.liveness import activation_bytes

WAYS = ("pipeline", "channels", "rows", "data", "experts")


def run(
    prepared: Prepared,
    system: System,
    way: str = "pipeline",
    *,
    workers: Sequence[str] = (),
    cuts: Sequence[str] = (),
    microbatches: int = 8,
    rung: str | None = None,
    dispatch: Dispatch = "gather",
    capacity_factor: float | None = None,
    queries_per_s: float | None = None,
) -> SystemEstimate | Infeasible:
    """Price a network on the devices of a system.

    way : ``pipeline`` deals out layers, ``channels`` and ``rows`` divide each layer, ``data`` gives every device a copy and a batch of
    its own, ``experts`` the same but for experts, which are spread (dispatch, capacity_factor : see ``spread_experts``). workers :
    instances to use (default: all but the host). cuts : names of the layers that start the second, third, ... stage of a pipeline made
    by hand; without them it is balanced under the devices' memories. microbatches : batches that follow each other, for the bubble.
    queries_per_s : batches that arrive at random (Poisson), for the percentiles [1/s]; None for one at a time.
    Infeasible where the weights do not fit. Raises UsageError for unknown names, or a network that devices cannot run.
    """
    if way not in WAYS:
        raise UsageError(
            f"{way}: there is no such way to divide a network{nearest(way, WAYS)}; choose from {', '.join(WAYS)}"
        )
    chosen = tuple(workers) or system.workers
    for name in chosen:
        if name not in system.devices:
            raise UsageError(f"{name}: {system.name} has no such device{nearest(name, list(system.devices))}")
    if cuts and way != "pipeline":
        raise UsageError("cuts are for a pipeline")
    if microbatches < 1:
        raise UsageError(f"{microbatches} microbatches: needs at least 1")
    if queries_per_s is not None and not queries_per_s >= 0:
        raise UsageError(f"{queries_per_s} queries a second: at least 0")
    if way == "pipeline":
        found = _pipeline(prepared, system, chosen, cuts, microbatches, rung)
    elif way == "data":
        found = _copies(prepared, system, chosen, rung)
    elif way == "experts":
        found = _experts(prepared, system, chosen, rung, dispatch, capacity_factor)
    else:
        found = _divided(prepared, system, chosen, "channels" if way == "channels" else "rows", rung)
    if isinstance(found, Infeasible) or queries_per_s is None:
        return found
    return replace(found, queries_per_s=queries_per_s, settings={**found.settings, "queries_per_s": queries_per_s})


def capacity(device: Device) -> int | None:
    """Bytes of the outermost memory, where weights and activations must fit [B]; None unknown."""
    outer = device.memories[-1] if device.memories else None
    return None if outer is None or outer.capacity is None else outer.capacity * outer.instances


def _estimates(prepared: Prepared, system: System, workers: Sequence[str], rung: str | None) -> dict[str, Estimate]:
    """One estimate for each kind of device."""
    kinds = {system.devices[name].name: system.devices[name] for name in workers}
    return {name: estimate(prepared, device, rung=rung) for name, device in kinds.items()}


def _pipeline(
    prepared: Prepared, system: System, workers: Sequence[str], cuts: Sequence[str], microbatches: int, rung: str | None
) -> SystemEstimate | Infeasible:
    made = _estimates(prepared, system, workers, rung)
    devices = [system.devices[name] for name in workers]
    times = np.array([[layer.latency_s for layer in made[device.name].layers] for device in devices])
    sizes, crossing = weight_bytes(prepared), cut_bytes(prepared)
    ways = [*(system.path(one, other) for one, other in pairwise(workers)), ()]
    if cuts:
        stages = _by_hand(prepared, cuts, len(workers))
    else:
        edges = system.graph.edges
        handing = np.array(
            [
                [max((edges[hop]["link"].busy(int(size)) for hop in way), default=0.0) for size in crossing]
                for way in ways
            ]
        )
        limits = [math.inf if (room := capacity(device)) is None else float(room) for device in devices]
        found = balance(times, sizes, handing, limits)
        if isinstance(found, Infeasible):
            return found
        stages = found
    alive = _alive(prepared)
    names = [layer.name for layer, _ in prepared.priced]
    traffic = Traffic()
    shares = []
    latency = _host(prepared, system, workers[stages[0].worker], workers[stages[-1].worker], traffic)
    for stage, following in zip(stages, [*stages[1:], None], strict=True):
        worker = workers[stage.worker]
        device = system.devices[worker]
        own = made[device.name].layers[stage.first : stage.last]
        sending = 0.0
        if following is not None:
            size = int(crossing[stage.last - 1])
            link = system.between(worker, workers[following.worker])
            sending = link.time(size) if link else 0.0
            traffic.add(system.path(worker, workers[following.worker]), size)
        compute = math.fsum(layer.latency_s for layer in own)
        energies = [layer.energy_j for layer in own]
        memory = int(sizes[stage.first : stage.last].sum()) + int(max(alive[stage.first : stage.last]))
        room = capacity(device)
        if room is not None and memory > room:
            return Infeasible(
                worker,
                memory,
                room,
                "B of weights and activations",
                ("more stages", "narrower types", "a smaller batch"),
            )
        joules = None if None in energies else math.fsum(value for value in energies if value is not None)
        shares.append(
            Share(worker, device.name, tuple(names[stage.first : stage.last]), compute, sending, memory, room, joules)
        )
        latency += compute + sending
    alone = made[shares[0].device] if len(made) == 1 and len(shares) == 1 else None
    settings = {"way": "pipeline", "microbatches": microbatches, "cuts": [share.layers[0] for share in shares[1:]]}
    return _record(
        prepared, system, next(iter(made.values())), settings, latency, shares, traffic, 1, alone, microbatches
    )


def _by_hand(prepared: Prepared, cuts: Sequence[str], workers: int) -> tuple[Stage, ...]:
    names = [layer.name for layer, _ in prepared.priced]
    unknown = next((name for name in cuts if name not in names), None)
    if unknown is not None:
        raise UsageError(
            f"{unknown}: {prepared.network.name} has no layer of that name to cut at{nearest(unknown, names)}"
        )
    places = [names.index(name) for name in cuts]
    if places != sorted(set(places)) or 0 in places:
        raise UsageError(
            "cuts: name each stage's first layer once, in the order of the network, without its very first"
        )
    if len(places) >= workers:
        raise UsageError(f"{len(places)} cuts make {len(places) + 1} stages: there are {workers} devices")
    ends = [0, *places, len(names)]
    return tuple(Stage(number, first, last) for number, (first, last) in enumerate(pairwise(ends)))


def _copies(
    prepared: Prepared, system: System, workers: Sequence[str], rung: str | None
) -> SystemEstimate | Infeasible:
    made = _estimates(prepared, system, workers, rung)
    traffic = Traffic()
    shares, slowest = [], 0.0
    for worker in workers:
        device = system.devices[worker]
        own = made[device.name]
        memory = own.totals.weight_bytes + own.totals.peak_activation_bytes
        room = capacity(device)
        if room is not None and memory > room:
            return Infeasible(
                worker,
                memory,
                room,
                "B of weights and activations",
                ("a pipeline", "narrower types", "a smaller batch"),
            )
        host = _host(prepared, system, worker, worker, traffic)
        names = tuple(layer.name for layer in own.layers)
        shares.append(Share(worker, device.name, names, own.totals.latency_s, host, memory, room, own.totals.energy_j))
        slowest = max(slowest, own.totals.latency_s + host)
    alone = next(iter(made.values())) if len(workers) == 1 else None
    return _record(
        prepared, system, next(iter(made.values())), {"way": "data"}, slowest, shares, traffic, len(workers), alone
    )


def _divided(
    prepared: Prepared, system: System, workers: Sequence[str], by: Cut, rung: str | None
) -> SystemEstimate | Infeasible:
    device = _alike(system, workers)
    part = shard(converted(prepared, device)[0], len(workers), by)
    made = estimate(part.prepared, device, rung=rung)
    ring = [(one, other) for one, other in zip(workers, (*workers[1:], workers[0]), strict=True) if one != other]
    links = [link for one, other in ring if (link := system.between(one, other))]
    traffic = Traffic()
    exchange = 0.0
    if links:
        slowest = min(links, key=lambda link: link.bandwidth)
        exchange = math.fsum(all_gather_s(size, len(workers), slowest) for size in part.gathered.values())
        exchange += math.fsum(slowest.time(size) for size in part.halo.values())
        each = sum(part.gathered.values()) * (len(workers) - 1) / len(workers) + sum(part.halo.values())
        messages = (len(workers) - 1) * len(part.gathered) + len(part.halo)
        for one, other in ring:
            traffic.add(system.path(one, other), int(each), messages)
    host = _host(prepared, system, workers[0], workers[0], traffic)
    memory = made.totals.weight_bytes + made.totals.peak_activation_bytes
    room = capacity(device)
    if room is not None and memory > room:
        return Infeasible(workers[0], memory, room, "B of weights and activations", ("more devices", "narrower types"))
    names = tuple(layer.name for layer in made.layers)
    shares = [
        Share(name, device.name, names, made.totals.latency_s, exchange, memory, room, made.totals.energy_j)
        for name in workers
    ]
    latency = made.totals.latency_s + exchange + host
    alone = made if len(workers) == 1 else None
    return _record(prepared, system, made, {"way": by}, latency, shares, traffic, 1, alone)


def _experts(
    prepared: Prepared,
    system: System,
    workers: Sequence[str],
    rung: str | None,
    dispatch: Dispatch,
    capacity_factor: float | None,
) -> SystemEstimate | Infeasible:
    device = _alike(system, workers)
    part = spread_experts(converted(prepared, device)[0], len(workers), dispatch, capacity_factor)
    made = estimate(part.prepared, device, rung=rung)
    traffic = Traffic()
    exchange = 0.0
    pairs = [(one, other) for one in workers for other in workers if one != other]
    links = [link for one, other in pairs if (link := system.between(one, other))]
    if links:
        slowest = min(links, key=lambda link: link.bandwidth)
        exchange = math.fsum(2 * all_to_all_s(size / 2, len(workers), slowest) for size in part.sent.values())
        for one, other in pairs:
            # to the experts and back
            traffic.add(system.path(one, other), sum(part.sent.values()) // len(workers), 2 * len(part.sent))
    hosts = [_host(prepared, system, name, name, traffic) for name in workers]
    memory = made.totals.weight_bytes + made.totals.peak_activation_bytes
    room = capacity(device)
    if room is not None and memory > room:
        return Infeasible(workers[0], memory, room, "B of weights and activations", ("more devices", "narrower types"))
    names = tuple(layer.name for layer in made.layers)
    spent = made.totals.energy_j
    shares = [Share(name, device.name, names, made.totals.latency_s, exchange, memory, room, spent) for name in workers]
    settings = {"way": "experts", "dispatch": dispatch, "capacity_factor": capacity_factor}
    latency = made.totals.latency_s + exchange + max(hosts)
    alone = made if len(workers) == 1 and dispatch == "gather" and capacity_factor is None else None
    return _record(prepared, system, made, settings, latency, shares, traffic, len(workers), alone)


def _alike(system: System, workers: Sequence[str]) -> Device:
    """The device that all workers are; raises UsageError where they differ."""
    kinds = {system.devices[name].name for name in workers}
    if len(kinds) > 1:
        raise UsageError(
            f"equal parts need equal devices, and these are {', '.join(sorted(kinds))}: name some with the workers"
        )
    return system.devices[workers[0]]


def _host(prepared: Prepared, system: System, first: str, last: str, traffic: Traffic) -> float:
    """Time from the host to the first device and back from the last [s], their bytes added to ``traffic``."""
    if not system.host:
        return 0.0
    tensors = prepared.network.tensors
    total = 0.0
    for start, end, names in (
        (system.host, first, prepared.network.inputs),
        (last, system.host, prepared.network.outputs),
    ):
        size = sum(tensors[name].bytes for name in names if name in tensors)
        link = system.between(start, end)
        if link is not None:
            total += link.time(size)
            traffic.add(system.path(start, end), size)
    return total


def _record(
    prepared: Prepared,
    system: System,
    like: Estimate,
    settings: Mapping[str, Any],
    latency: float,
    shares: Sequence[Share],
    traffic: Traffic,
    batches: int,
    alone: Estimate | None,
    microbatches: int = 1,
) -> SystemEstimate:
    edges = system.graph.edges
    # ways there and back are separate: each direction of a link has its own bandwidth
    busy = {
        f"{hop[0]}->{hop[1]}": edges[hop]["link"].busy(size, traffic.messages[hop])
        for hop, size in traffic.size.items()
    }
    together = {
        share.instance: share.compute_s + (0.0 if settings["way"] in ("pipeline", "data") else share.exchange_s)
        for share in shares
    }
    bound_by, interval = max({**together, **busy}.items(), key=lambda item: item[1])
    energies = [share.energy_j for share in shares]
    spent = [(size, edges[hop]["link"].energy) for hop, size in traffic.size.items()]
    wires = None if any(energy is None for _, energy in spent) else sum(size * energy for size, energy in spent)
    joules = None if None in energies else math.fsum(value for value in energies if value is not None) + (wires or 0.0)
    unavailable = dict(like.unavailable)
    warnings = list(like.warnings)
    if spent and wires is None:
        unavailable["link_energy_j"] = "the system gives no energy of its links"
        if joules is not None:
            warnings.append("energy is that of the devices: the system gives none of its links")
    batch = int(like.settings["batch"]) * batches
    used = sum(share.compute_s for share in shares)
    span = latency + (microbatches - 1) * interval
    return SystemEstimate(
        model=like.model,
        system=system.name,
        settings={**{name: value for name, value in like.settings.items() if name != "folded"}, **settings},
        latency_s=latency,
        interval_s=interval,
        throughput_per_s=batch / interval if interval else 0.0,
        energy_j=joules,
        link_energy_j=wires,
        macs=prepared.complexity.macs * batches,
        shares=tuple(shares),
        links=busy,
        bound_by=bound_by,
        bubble_share=1 - microbatches * used / (len(shares) * span) if span else 0.0,
        unavailable=unavailable,
        warnings=tuple(warnings),
        alone=alone,
        copies=batches,
    )


def _alive(prepared: Prepared) -> list[int]:
    """Bytes of activations alive while each priced layer runs [B]."""
    amounts = activation_bytes(prepared.network, prepared.works)
    return [amount for amount, work in zip(amounts, prepared.works, strict=True) if not work.free]
