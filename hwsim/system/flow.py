"""Networks that feed each other on the devices of a system: series, ensembles, cascades, coded pieces, in one record.

A flow is a graph without cycles whose parts are networks. A part starts when all that it waits for have ended and its input has come over
the links; it runs with a probability, and parts of one device take turns in their order. All outcomes of chance are walked through, so
means and percentiles are exact.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hwsim.errors import Infeasible, UsageError, nearest
from hwsim.estimation import Estimate, Prepared, estimate, prepare
from hwsim.system.chance import Cascade, Redundancy, best_redundancy
from hwsim.system.flow_record import Flow, Job, Load
from hwsim.system.part import Part, ordered
from hwsim.system.profile import System
from hwsim.system.run import capacity

MAX_DOUBTS = 12
SHARES = (50, 90, 99)
#: Rate of random times that are nothing beside any other [1/s].
_STEADY = 1e18


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Parts that run, its probability [1], latency [s] with what is coded taking no time, whether it holds coded pieces."""

    running: frozenset[str]
    probability: float
    latency_s: float
    coded: bool


def compose(
    parts: Sequence[Part], jobs: Mapping[str, Job], system: System, *, kind: str = "flow", budget_s: float | None = None
) -> Flow | Infeasible:
    """Price a flow whose networks are estimated.

    jobs : by name of the part, on the device it runs on (for coded pieces the whole job on one of them). kind : a name for it. budget_s :
    mean latency that the escalation of a cascade is solved for [s]. Infeasible where the networks of a device exceed its memory (coded
    pieces are counted whole). Raises UsageError for more than one coded network or one beside others, ProfileError for a missing link.
    """
    parts = ordered(parts)
    _known(parts, system)
    if sum(1 for part in parts if part.probability is not None) > MAX_DOUBTS:
        raise UsageError(f"more than {MAX_DOUBTS} networks run by chance")
    loads = _memory(parts, jobs, system)
    if isinstance(loads, Infeasible):
        return loads
    coded = [part for part in parts if part.coded]
    if len(coded) > 1:
        raise UsageError(f"{coded[1].name}: one coded network is enough: {coded[0].name} is one already")
    redundancy = _redundancy(coded[0], jobs[coded[0].name]) if coded else None
    outcomes = _outcomes(parts, jobs, system)
    mean = math.fsum(
        one.probability * (one.latency_s + (redundancy.mean if redundancy and one.coded else 0.0)) for one in outcomes
    )
    reached = {part.name: math.fsum(one.probability for one in outcomes if part.name in one.running) for part in parts}
    busy, joules, warnings = _work(parts, jobs, system, reached, redundancy)
    bound_by, interval = max(busy.items(), key=lambda item: item[1])
    by_name = {load.name: load for load in loads}
    return Flow(
        system=system.name,
        kind=kind,
        latency_s=mean,
        percentiles_s={percent: _percentile(outcomes, redundancy, percent / 100) for percent in SHARES},
        interval_s=interval,
        energy_j=joules,
        macs=math.fsum(reached[part.name] * jobs[part.name].totals.macs * _copies(part, redundancy) for part in parts),
        reached=reached,
        loads=tuple(
            Load(name, seconds, by_name[name].networks, by_name[name].memory_bytes, by_name[name].capacity_bytes)
            if name in by_name
            else Load(name, seconds)
            for name, seconds in busy.items()
        ),
        bound_by=bound_by,
        settings={"networks": [part.to_dict() for part in parts], "budget_s": budget_s},
        facts={**_cascade_facts(parts, jobs, system, budget_s), **_coded_facts(redundancy)},
        warnings=warnings,
        unavailable={} if joules is not None else _no_energy(parts, jobs),
    )


def run_flow(
    system: System,
    parts: Sequence[Part] = (),
    *,
    rung: str | None = None,
    kind: str = "flow",
    budget_s: float | None = None,
) -> Flow | Infeasible:
    """Read the networks of ``parts`` (without them, those that the system names), estimate each where it runs, and ``compose`` them."""
    parts = ordered(parts or system.networks)
    if not parts:
        raise UsageError(f"{system.name}: names no networks of its own: give some")
    _known(parts, system)
    models: dict[tuple[str, str | None, int | None], Prepared] = {}
    made: dict[tuple[Any, str], Estimate] = {}
    jobs = {}
    for part in parts:
        how = (part.model, part.bits, part.batch)
        if how not in models:
            models[how] = prepare(part.model, bits=part.bits, batch=part.batch)
        network, device = models[how].network, system.devices[part.on[0]]
        if (how, device.name) not in made:
            made[how, device.name] = estimate(models[how], device, rung=rung)
        size = sum(network.tensors[name].bytes for name in network.inputs if name in network.tensors)
        jobs[part.name] = Job(made[how, device.name], size)
    return compose(parts, jobs, system, kind=kind, budget_s=budget_s)


def against(
    flow: Flow, system: System, model: str, bits: str | None = None, batch: int | None = None, rung: str | None = None
) -> Flow:
    """The same flow with how it compares with one wide network on the first worker."""
    device = system.devices[system.workers[0]]
    wide = estimate(prepare(model, bits=bits, batch=batch), device, rung=rung).totals
    ratio = wide.latency_s / flow.latency_s if flow.latency_s else None
    facts = {
        "wide_s": wide.latency_s,
        "speedup_over_wide": ratio,
        "macs_over_wide": flow.macs / wide.macs if wide.macs else None,
    }
    return replace(flow, facts={**flow.facts, **facts})


def _known(parts: Sequence[Part], system: System) -> None:
    for part in parts:
        for name in part.on:
            if name not in system.devices:
                raise UsageError(
                    f"{part.name}: {system.name} has no device {name}{nearest(name, list(system.devices))}"
                )
        kinds = {system.devices[name].name for name in part.on}
        if len(kinds) > 1:
            raise UsageError(f"{part.name}: coded pieces need equal devices, and these are {', '.join(sorted(kinds))}")


def _redundancy(part: Part, job: Job) -> Redundancy:
    """The job's own time is the fixed part, ``straggling`` times it the mean of the random one."""
    fixed = job.totals.latency_s
    sent, rate = len(part.on), 1 / (part.straggling * fixed) if part.straggling and fixed else _STEADY
    return Redundancy(sent, part.needed, fixed, rate) if part.needed else best_redundancy(sent, fixed, rate)


def _copies(part: Part, redundancy: Redundancy | None) -> float:
    """Work done for one run, over the work of the network [1]; coded pieces are counted as if none were called off."""
    return redundancy.work if part.coded and redundancy else 1.0


def _outcomes(parts: Sequence[Part], jobs: Mapping[str, Job], system: System) -> list[_Outcome]:
    doubtful = [part for part in parts if part.probability is not None]
    found: dict[frozenset[str], float] = {}
    for draws in itertools.product((True, False), repeat=len(doubtful)):
        drawn = {part.name: yes for part, yes in zip(doubtful, draws, strict=True)}
        share = math.prod(part.chance if drawn[part.name] else 1 - part.chance for part in doubtful)
        running: set[str] = set()
        for part in parts:
            if drawn.get(part.name, True) and all(before in running for before in part.after):
                running.add(part.name)
        if share:
            key = frozenset(running)
            found[key] = found.get(key, 0.0) + share
    outcomes = []
    for names, share in found.items():
        own = [part for part in parts if part.name in names]
        least, more = _latency(own, jobs, system, 0.0), _latency(own, jobs, system, 1.0)
        coded = any(part.coded for part in own)
        if coded and not math.isclose(more - least, 1.0, abs_tol=1e-9):
            raise UsageError("a coded network runs by itself: nothing else may run beside it")
        outcomes.append(_Outcome(names, share, least, coded))
    return sorted(outcomes, key=lambda one: one.latency_s)


def _latency(parts: Sequence[Part], jobs: Mapping[str, Job], system: System, coded_s: float) -> float:
    """From the first start to the last end [s]; coded_s : what coded pieces take together."""
    free: dict[str, float] = {}
    ends: dict[str, float] = {}
    by_name = {part.name: part for part in parts}
    for part in parts:
        ready = 0.0 if part.after else _from_host(part, jobs, system)
        for name in part.after:
            before = by_name[name]
            link = system.between(before.on[0], part.on[0])
            ready = max(ready, ends[name] + (link.time(jobs[part.name].input_bytes) if link else 0.0))
        start = max([ready, *(free.get(name, 0.0) for name in part.on)])
        took = coded_s if part.coded else jobs[part.name].totals.latency_s
        ends[part.name] = start + took
        free.update(dict.fromkeys(part.on, ends[part.name]))
    return max(ends.values(), default=0.0)


def _from_host(part: Part, jobs: Mapping[str, Job], system: System) -> float:
    link = system.between(system.host, part.on[0]) if system.host else None
    return link.time(jobs[part.name].input_bytes) if link else 0.0


def _percentile(outcomes: Sequence[_Outcome], redundancy: Redundancy | None, share: float) -> float:
    """Latency that a ``share`` of inputs does not exceed [s]."""
    if redundancy is None or not any(one.coded for one in outcomes):
        total = 0.0
        for one in outcomes:
            total += one.probability
            if total >= share - 1e-12:
                return one.latency_s
        return outcomes[-1].latency_s

    def within(seconds: float) -> float:
        return math.fsum(
            one.probability
            * (redundancy.within(seconds - one.latency_s) if one.coded else float(one.latency_s <= seconds))
            for one in outcomes
        )

    low, high = 0.0, outcomes[-1].latency_s + redundancy.percentile(max(share, 0.5))
    while within(high) < share:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < share else (low, middle)
    return high


def _memory(parts: Sequence[Part], jobs: Mapping[str, Job], system: System) -> list[Load] | Infeasible:
    """Weights of all networks of a device and the activations of the hungriest, with what they must fit in."""
    loads = []
    for instance in dict.fromkeys(name for part in parts for name in part.on):
        own = [part for part in parts if instance in part.on]
        totals = [jobs[part.name].totals for part in own]
        need = sum(one.weight_bytes for one in totals) + max(one.peak_activation_bytes for one in totals)
        room = capacity(system.devices[instance])
        if room is not None and need > room:
            names = ", ".join(part.name for part in own)
            return Infeasible(
                instance, need, room, f"B of {names}", ("another device", "narrower types", "a smaller batch")
            )
        loads.append(Load(instance, 0.0, tuple(part.name for part in own), need, room))
    return loads


def _work(
    parts: Sequence[Part],
    jobs: Mapping[str, Job],
    system: System,
    reached: Mapping[str, float],
    redundancy: Redundancy | None,
) -> tuple[dict[str, float], float | None, tuple[str, ...]]:
    """Busy seconds of each device and link an input, joules an input, and what the joules lack."""
    busy: dict[str, float] = {}
    joules: float | None = 0.0
    silent = False
    for part in parts:
        share, totals = reached[part.name], jobs[part.name].totals
        for instance in part.on:
            took = redundancy.mean if part.coded and redundancy else totals.latency_s
            busy[instance] = busy.get(instance, 0.0) + share * took
        if joules is not None:
            joules = None if totals.energy_j is None else joules + share * totals.energy_j * _copies(part, redundancy)
        starts = [name for before in part.after for name in [next(one for one in parts if one.name == before).on[0]]]
        for start in starts or ([system.host] if system.host else []):
            for one, other in system.path(start, part.on[0]):
                link, size = system.graph.edges[one, other]["link"], jobs[part.name].input_bytes
                busy[f"{one}->{other}"] = busy.get(f"{one}->{other}", 0.0) + share * link.busy(size)
                silent = silent or (link.energy is None and size > 0)
                if joules is not None and link.energy is not None:
                    joules += share * size * link.energy
    warnings = (
        ("energy is that of the devices: the system gives none of its links",) if silent and joules is not None else ()
    )
    return busy, joules, warnings


def _no_energy(parts: Sequence[Part], jobs: Mapping[str, Job]) -> dict[str, str]:
    """Why the whole has no energy: what the first network without one says."""
    silent = next(part.name for part in parts if jobs[part.name].totals.energy_j is None)
    return {"energy_j": f"{silent}: {jobs[silent].estimate.unavailable.get('energy_j', 'not known')}"}


def _cascade_facts(
    parts: Sequence[Part], jobs: Mapping[str, Job], system: System, budget_s: float | None
) -> dict[str, float | None]:
    """Of a fast network and the slow one behind its doubt: break-even escalation in time and energy, and what a budget allows."""
    doubtful = [part for part in parts if part.probability is not None]
    if len(parts) != 2 or len(doubtful) != 1 or not doubtful[0].after:
        if budget_s is not None:
            raise UsageError("a budget is for a cascade of a fast network and a slow one behind it")
        return {}
    slow = doubtful[0]
    fast = next(part for part in parts if part.name == slow.after[0])
    link = system.between(fast.on[0], slow.on[0])
    size = jobs[slow.name].input_bytes
    first, second = jobs[fast.name].totals, jobs[slow.name].totals
    entry = _from_host(fast, jobs, system)
    time = Cascade(entry + first.latency_s, second.latency_s, slow.chance, link.time(size) if link else 0.0)
    facts: dict[str, float | None] = {
        "slow_alone_s": entry + second.latency_s,
        "break_even_escalation": max(0.0, (second.latency_s + entry - time.fast) / (time.link + time.slow)),
    }
    if first.energy_j is not None and second.energy_j is not None:
        wires = 0.0 if link is None or link.energy is None else link.energy * size
        energy = Cascade(first.energy_j, second.energy_j, slow.chance, wires)
        facts |= {"slow_alone_j": second.energy_j, "break_even_escalation_energy": energy.break_even}
    if budget_s is not None:
        facts |= {"budget_s": budget_s, "largest_escalation": time.largest_escalation(budget_s)}
    return facts


def _coded_facts(redundancy: Redundancy | None) -> dict[str, float | None]:
    if redundancy is None:
        return {}
    plain = Redundancy(redundancy.sent, redundancy.sent, redundancy.fixed, redundancy.rate)
    return {
        "sent": redundancy.sent,
        "needed": redundancy.needed,
        "uncoded_mean_s": plain.mean,
        "speedup_over_uncoded": plain.mean / redundancy.mean,
        "work_over_uncoded": redundancy.work / plain.work,
    }
