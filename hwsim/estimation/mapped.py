"""The mapping rung: every MAC nest on its best mapping, vector work and data moves on the same hierarchy.

Each layer runs by itself: its tensors come from the outermost level and go back there. Identical nests are searched once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from hwsim.counts import Rules
from hwsim.device import Device
from hwsim.errors import Infeasible
from hwsim.estimation import beside, energy, roofline, zeros
from hwsim.estimation.answers import Answers
from hwsim.estimation.assembly import Assumptions, assemble, operand_bits, transfer_time
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.estimation.terms import ranked
from hwsim.graph import Layer, Network
from hwsim.mapping import Hierarchy, from_device
from hwsim.mapping.text import as_dict
from hwsim.search import Effort, Found, Objective, best
from hwsim.workload import OPERANDS, LoopNest, Work

_NOTHING = Residency()
#: Told the name of the layer whose nests are searched next.
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Search:
    """How to search. objective : None is EDP, or latency where the profile gives no energy; seconds : time limit a nest [s]; effort : see
    ``search.best``.
    """

    objective: Objective | None = None
    rules: Rules = "exact"
    seconds: float | None = None
    cache: bool = True
    effort: Effort = "full"


class Mapper:
    """Prices layers, and remembers the nests that it has searched. answers : what other estimates have found, None without them."""

    def __init__(
        self, device: Device, search: Search, progress: Progress | None = None, answers: Answers | None = None
    ) -> None:
        self._device = device
        self._search = search
        self._progress = progress
        self._answers = None if search.seconds is not None else answers
        self._found: dict[LoopNest, Found | Infeasible] = {}
        self._objectives: set[str] = set()
        self._unmapped: dict[str, str] = {}
        self._limited = 0

    @property
    def settings(self) -> dict[str, object]:
        """What the search was asked for."""
        return {
            "objective": self._search.objective or "+".join(sorted(self._objectives)) or None,
            "counting": self._search.rules,
            "search": self._search.effort,
            "search_seconds": self._search.seconds,
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """Layers without a mapping, searches cut short."""
        found: list[str] = []
        if self._unmapped:
            name, reason = next(iter(self._unmapped.items()))
            found.append(
                f"{len(self._unmapped)} layer(s) have no mapping on {self._device.name} and are priced on the roofline, "
                f"the first: {name} ({reason})"
            )
        if self._limited:
            found.append(f"{self._limited} search(es) ended at the time limit: another machine may find other mappings")
        return tuple(found)

    def best(self, nest: LoopNest) -> Found | Infeasible:
        """The best mapping of one repeat of a nest."""
        nest = replace(nest, repeat=1)
        if nest not in self._found:
            hierarchy = _skipping(from_device(self._device, nest), nest, self._device)
            asked = self._search
            objective = asked.objective or default_objective(hierarchy)
            self._objectives.add(objective)
            plain = replace(nest, weight=replace(nest.weight, nonzeros=()))  # what they are worth, the hierarchy says
            again = partial(best, seconds=asked.seconds, cache=asked.cache, effort=asked.effort)
            search = partial(again, plain, hierarchy, objective, asked.rules)
            question = (plain, repr(hierarchy), objective, asked.rules, asked.effort)
            found = search() if self._answers is None else self._answers.get(question, search)
            self._limited += isinstance(found, Found) and found.limited
            self._found[nest] = found
        return self._found[nest]

    def price(
        self, layer: Layer, work: Work, network: Network, device: Device, residency: Residency, said: Assumptions
    ) -> LayerEstimate:
        """One layer: its nests one after the other; what nobody can map is priced on the roofline and named in a warning."""
        if self._progress and work.nests:
            self._progress(layer.name)
        placed: list[tuple[LoopNest, Found]] = []
        for nest in work.nests:
            found = self.best(nest)
            if isinstance(found, Infeasible):
                self._unmapped[layer.name] = str(found)
                return roofline.price(layer, work, network, device, _NOTHING, said)
            placed.append((nest, found))
        if not placed:
            return beside.price(layer, work, network, device, _NOTHING, said)
        return _mapped(layer, work, network, device, placed, said)


def _skipping(hierarchy: Hierarchy, nest: LoopNest, device: Device) -> Hierarchy:
    """The hierarchy whose PEs do more MACs in a cycle where they pass over those on zeros: searched, bounded and priced as such."""
    share = max(zeros.cycle_share(nest, device), 1 / max(1, nest.macs))
    return hierarchy if share == 1 else replace(hierarchy, macs_per_pe=hierarchy.macs_per_pe / share)


def default_objective(hierarchy: Hierarchy) -> Objective:
    """EDP, or latency where the hierarchy lacks an energy."""
    known = hierarchy.mac_j is not None and all(
        level.read_j is not None or all(keep == "never" for keep in level.keeps) for level in hierarchy.levels
    )
    return "edp" if known else "latency"


def extra_traffic(work: Work, device: Device) -> dict[str, Traffic]:
    """What a layer moves beside the operands of its nests: other inputs of the operators folded into it."""
    kinds = [(nest, nest.elements, nest.repeat) for nest in work.nests]
    read = sum((size[0] * nest.input.bits + size[1] * nest.weight.bits) * times for nest, size, times in kinds) // 8
    written = sum(size[2] * nest.output.bits * times for nest, size, times in kinds) // 8
    extra = Traffic(
        max(0, sum(size for _, size in work.reads) - read), max(0, sum(size for _, size in work.writes) - written)
    )
    outer = {memory.name for memory in beside.outer_levels(device)}
    return {memory.name: extra if memory.name in outer else Traffic() for memory in device.memories}


def _mapped(
    layer: Layer,
    work: Work,
    network: Network,
    device: Device,
    placed: list[tuple[LoopNest, Found]],
    said: Assumptions,
) -> LayerEstimate:
    extra = extra_traffic(work, device)
    plain = roofline.compute(work, device, said)
    alone = assemble(layer, replace(work, nests=()), network, device, replace(plain, mac_s=0.0), extra)
    clock = device.clock_hz
    terms: dict[str, float] = {
        "compute": 0.0,
        "vector": plain.vector_s,
        "overhead": device.overheads.kernel_s * layer.repeat,
    }
    for nest, found in placed:
        terms["compute"] += found.cost.compute_cycles * nest.repeat / clock
        for name, cycles in _longest(found):
            terms[name] = terms.get(name, 0.0) + cycles * nest.repeat / clock
    nests_s = sum(found.cost.seconds * nest.repeat for nest, found in placed)
    exposed = sum(transfer_time(memory, extra[memory.name]) for memory in device.memories if not memory.overlapped)
    latency = max(nests_s, plain.vector_s) + exposed + terms["overhead"]
    first, second, slack = ranked(terms)
    moved = {
        memory.name: _sum_traffic([extra[memory.name], *(_traffic(nest, found, place) for nest, found in placed)])
        for place, memory in enumerate(device.memories)
    }
    levels = {memory.name: terms.get(memory.name, 0.0) for memory in device.memories}
    macs = sum(nest.macs for nest, _ in placed)
    record = replace(
        alone,
        macs=work.macs,
        latency_s=latency,
        compute_s=max(terms["compute"], plain.vector_s),
        memory_s=max(levels.values(), default=0.0),
        bound_by=first,
        second_bound_by=second,
        slack=slack,
        utilization=plain.ideal_s / latency if latency else 0.0,
        spatial_utilization=sum(found.cost.spatial_utilization * nest.macs for nest, found in placed) / macs
        if macs
        else 0.0,
        traffic_bytes=moved,
        dram_bytes=sum(
            moved[memory.name].read + moved[memory.name].write for memory in device.memories if memory.off_chip
        ),
        bits=operand_bits(layer, work, network),
        mapping=[as_dict(from_device(device, nest), found.mapping) for nest, found in placed],
        bound_gap=max(found.bound_gap for _, found in placed),
    )
    return energy.attach(record, device, _energies(placed, extra, work, device, said))


def _longest(found: Found) -> Iterator[tuple[str, float]]:
    """The busiest port of each level, and the wires, in cycles of one repeat."""
    longest: dict[str, float] = {}
    for transfer in found.cost.transfers:
        name = "network" if transfer.kind == "network" else transfer.level
        longest[name] = max(longest.get(name, 0.0), transfer.cycles)
    yield from longest.items()


def _traffic(nest: LoopNest, found: Found, place: int) -> Traffic:
    """Bytes over the ports of one level, all instances and repeats."""
    read = write = 0
    for operand, counts in zip(OPERANDS, found.counts.levels[place], strict=True):
        word = {"input": nest.input.bits, "weight": nest.weight.bits, "output": nest.output.bits}[operand]
        reads, fills, updates = counts.total.bits(word, nest.accumulator.bits)
        read += reads
        write += fills + updates
    return Traffic(read * nest.repeat / 8, write * nest.repeat / 8)


def _sum_traffic(parts: list[Traffic]) -> Traffic:
    return Traffic(sum(part.read for part in parts), sum(part.write for part in parts))


def _energies(
    placed: list[tuple[LoopNest, Found]], extra: Mapping[str, Traffic], work: Work, device: Device, said: Assumptions
) -> dict[str, float | None]:
    parts: dict[str, float | None] = {"vector": energy.of_vector(work, device, said)} | beside.level_energies(
        extra, device
    )
    for nest, found in placed:
        spending = found.cost.energy
        if spending is None:
            return {"mac": None}
        spent = {name: level.storage for name, level in spending.levels.items()}
        spent |= _beside_macs(nest, found, device)
        spent |= {"mac": spending.mac * zeros.mac_share(nest, device), "network": spending.network}
        for name, joules in spent.items():
            before = parts.get(name, 0.0)
            parts[name] = None if before is None else before + joules * nest.repeat
    return parts


def _beside_macs(nest: LoopNest, found: Found, device: Device) -> dict[str, float]:
    """Energy of the innermost level where it lies inside the PEs [J]: less what MACs on zeros do not read and write."""
    inner = device.memories[0]
    if inner.instances < device.array.pes or found.cost.energy is None:
        return {}
    level, shares = found.cost.energy.levels[inner.name], zeros.access_shares(nest, device)
    happen = [shares[operand] for operand in OPERANDS]
    moving = zip(happen, level.reads, level.updates, strict=True)
    return {inner.name: sum(level.fills) + sum(share * (read + update) for share, read, update in moving)}
