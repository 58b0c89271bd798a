"""Measured rows joined to the layers they are of, with a report of what did not join.

A row finds its layer by the tensor it writes, by node name (of the layer or of a node folded into it), by a name that a runtime
made of either, or else by the order of the layers of its operator, as a framework's calls do (``calls``). Rows of one name are repeats of
one another: their median counts. Rows of different names in one layer are its parts: they add up. Where a profile lists all that ran, a
layer without a row of its own ran inside of another: it is counted with the layer that feeds it, or else with one that it feeds.
"""

from __future__ import annotations

import statistics as plain
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hwsim.estimation import Prepared
from hwsim.graph import Layer
from hwsim.validation.calls import by_layer
from hwsim.validation.measured import Measurement, relative_spread
from hwsim.validation.naming import candidates

#: Share of the measured time in rows that found no layer, up to which layers without a row are taken to have run inside of others.
STRAY_SHARE = 0.05
#: Why a row has no layer although its name is known: neither does it stand for another layer, nor is its time lost.
_VIEW = "its layer costs nothing here (a view of another tensor)"


@dataclass(frozen=True, slots=True)
class Joined:
    """A measured row and the priced layers that it is of. by : what joined them (output, name, order, operator, model)."""

    row: Measurement
    layers: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class Join:
    """All rows of one network. joined : those with layers; strays : rows without any, and why; silent : priced layers without a row;
    placed : layers counted with a neighbour's row; overhead_s : time of rows that belong to no layer [s]; notes : in words.
    """

    joined: tuple[Joined, ...]
    strays: tuple[tuple[Measurement, str], ...] = ()
    silent: tuple[str, ...] = ()
    placed: tuple[str, ...] = ()
    overhead_s: float = 0.0
    notes: tuple[str, ...] = field(default=())


def join(rows: Sequence[Measurement], prepared: Prepared, complete: bool = False) -> Join:
    """Join the rows of one network to its layers; complete : whether the rows list all that ran."""
    priced = [layer for layer, _ in prepared.priced]
    notes: list[str] = []
    called, sums, runs = by_layer([row for row in rows if row.scope == "call"], priced)
    if runs > 1:
        notes.append(f"the network ran {runs} times, by the number of its layers: the median of each counts")
    rows = _merged([row for row in rows if row.scope != "call"] + sums, notes)
    layer_rows = [row for row in rows if row.scope == "layer"]
    found, strays = _by_name(layer_rows, prepared)
    found += [Joined(row, (name,), "order") for row, name in called]
    found += _by_order(
        [row for row, reason in strays if reason != _VIEW], priced, {name for item in found for name in item.layers}
    )
    settled = {id(item.row) for item in found}
    strays = [(row, reason) for row, reason in strays if id(row) not in settled]
    units = _units(found, notes)
    taken = {name for item in units for name in item.layers}
    placed: tuple[str, ...] = ()
    if complete and units and _share(strays, layer_rows) <= STRAY_SHARE:
        units, placed = _placed(units, prepared, taken)
        taken.update(placed)
    by_operator, unknown = _by_operator([row for row in rows if row.scope == "operator"], priced)
    strays += unknown
    units += by_operator
    units += [Joined(row, tuple(layer.name for layer in priced), "model") for row in rows if row.scope == "model"]
    overhead = sum(row.latency_s or 0.0 for row in rows if row.scope == "overhead")
    covered = taken | {name for item in by_operator for name in item.layers}
    silent = tuple(layer.name for layer in priced if layer.name not in covered) if covered else ()
    return Join(tuple(units), tuple(strays), silent, placed, overhead, tuple(notes))


def _merged(rows: Sequence[Measurement], notes: list[str]) -> list[Measurement]:
    """Rows of the same thing as one: the median of each figure, the spread from all of them."""
    same: dict[tuple[str, str, str], list[Measurement]] = defaultdict(list)
    for row in rows:
        same[row.scope, row.name, row.output].append(row)
    repeated = sum(len(group) > 1 for group in same.values())
    if repeated:
        notes.append(f"{repeated} names stand in several rows: taken as repeats, the median counts")
    return [_median(group) for group in same.values()]


def _median(group: Sequence[Measurement]) -> Measurement:
    if len(group) == 1:
        return group[0]

    def middle(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return plain.median(known) if known else None

    times = [row.latency_s for row in group if row.latency_s is not None]
    return replace(
        group[0],
        latency_s=middle(row.latency_s for row in group),
        minimum_s=middle(row.minimum_s for row in group),
        energy_j=middle(row.energy_j for row in group),
        power_w=middle(row.power_w for row in group),
        dram_bytes=middle(row.dram_bytes for row in group),
        repeats=sum(row.repeats or 1 for row in group),
        spread=relative_spread(times),
    )


@dataclass(frozen=True, slots=True)
class _Index:
    """Layers by node name and by the tensors they write; names of layers that cost nothing."""

    nodes: Mapping[str, str]
    tensors: Mapping[str, str]
    free: frozenset[str]

    def find(self, name: str) -> tuple[str, str] | None:
        """The layer behind a name, and by what it was found; names of blocked layout are of tensors first."""
        places = [(self.nodes, "name"), (self.tensors, "output")]
        if name.endswith("_nchwc"):
            places.reverse()
        for text in candidates(name):
            for place, by in places:
                if text in place:
                    return place[text], by
        return None


def _index(prepared: Prepared) -> _Index:
    nodes: dict[str, str] = {}
    tensors: dict[str, str] = {}
    for layer in prepared.network.layers:
        tensors.update({name: layer.name for name in (*layer.outputs, *layer.inside) if name})
        for member in layer.members:
            tensors.update(dict.fromkeys(member.inside, layer.name))
            nodes.setdefault(member.name, layer.name)
            tensors.update({name: layer.name for name in member.outputs if name})
        nodes.update(dict.fromkeys((*layer.fused, layer.name), layer.name))
    priced = {layer.name for layer, _ in prepared.priced}
    return _Index(
        nodes, tensors, frozenset(layer.name for layer in prepared.network.layers if layer.name not in priced)
    )


def _by_name(rows: Sequence[Measurement], prepared: Prepared) -> tuple[list[Joined], list[tuple[Measurement, str]]]:
    index = _index(prepared)
    found: list[Joined] = []
    strays: list[tuple[Measurement, str]] = []
    for row in rows:
        layers: list[str] = []
        by = ""
        if row.output in index.tensors:
            layers, by = [index.tensors[row.output]], "output"
        for name in (row.name, *row.covers):
            hit = index.find(name) if name else None
            if hit:
                layers.append(hit[0])
                by = by or hit[1]
        kept = tuple(dict.fromkeys(name for name in layers if name not in index.free))
        if kept:
            found.append(Joined(row, kept, by))
        elif layers:
            strays.append((row, _VIEW))
        else:
            strays.append((row, "no layer, node or tensor of that name"))
    return found, strays


def _by_order(rows: Sequence[Measurement], priced: Sequence[Layer], taken: set[str]) -> list[Joined]:
    """Rows without a name that is known, to the layers of their operator in order, where there are as many of either."""
    waiting: dict[str, list[Measurement]] = defaultdict(list)
    for row in rows:
        waiting[row.op].append(row)
    found: list[Joined] = []
    for op, group in waiting.items():
        open_layers = [layer.name for layer in priced if layer.name not in taken and (layer.op == op or not op)]
        if len(open_layers) == len(group):
            found += [Joined(row, (name,), "order") for row, name in zip(group, open_layers, strict=True)]
            taken.update(open_layers)
    return found


def _units(found: Sequence[Joined], notes: list[str]) -> list[Joined]:
    """Rows that share a layer as one, with the sum of their figures."""
    owner: dict[str, int] = {}
    groups: list[list[Joined]] = []
    for item in found:
        homes = sorted({owner[name] for name in item.layers if name in owner})
        home = homes[0] if homes else len(groups)
        if not homes:
            groups.append([])
        for other in homes[1:]:
            groups[home] += groups[other]
            groups[other] = []
        groups[home].append(item)
        owner.update({name: home for entry in groups[home] for name in entry.layers})
    several = [group for group in groups if len(group) > 1]
    if several:
        notes.append(
            f"{sum(map(len, several))} rows are parts of {len(several)} layers here: their figures are added up"
        )
    return [_sum(group) for group in groups if group]


def _sum(group: Sequence[Joined]) -> Joined:
    if len(group) == 1:
        return group[0]
    rows = [item.row for item in group]

    def total(values: Sequence[float | None]) -> float | None:
        return None if any(value is None for value in values) else sum(value for value in values if value is not None)

    largest = max(rows, key=lambda row: row.latency_s or 0.0)
    latency = total([row.latency_s for row in rows])
    spread: float | None = None
    if latency and all(row.spread is not None for row in rows):
        spread = sum(((row.spread or 0.0) * (row.latency_s or 0.0)) ** 2 for row in rows) ** 0.5 / latency
    row = replace(
        largest,
        covers=tuple(
            dict.fromkeys(name for item in rows for name in (item.name, *item.covers) if name != largest.name)
        ),
        latency_s=latency,
        minimum_s=total([row.minimum_s for row in rows]),
        energy_j=total([row.energy_j for row in rows]),
        dram_bytes=total([row.dram_bytes for row in rows]),
        power_w=None,
        spread=spread,
    )
    return Joined(row, tuple(dict.fromkeys(name for item in group for name in item.layers)), group[0].by)


def _placed(units: Sequence[Joined], prepared: Prepared, taken: set[str]) -> tuple[list[Joined], tuple[str, ...]]:
    """Layers without a row given to a row of their operator on the same operand (slices that a runtime does at once), else to the row of
    the layer that feeds them, or that they feed. A layer with MACs does not run inside of one without.
    """
    priced = [layer for layer, _ in prepared.priced]
    works = {layer.name for layer, work in prepared.priced if work.macs}
    writer = {tensor: layer.name for layer in priced for tensor in layer.outputs if tensor}
    home = {name: place for place, item in enumerate(units) for name in item.layers}
    heavy = {place for name, place in home.items() if name in works}
    beside = {(layer.op, layer.inputs[:1]): home[layer.name] for layer in priced if layer.name in home and layer.inputs}
    placed: list[str] = []

    def put(layer: Layer, place: int | None) -> None:
        if place is not None and (layer.name not in works or place in heavy):
            home[layer.name] = place
            placed.append(layer.name)

    for layer in priced:
        if layer.name not in taken:
            feeder = next((home[writer[name]] for name in layer.inputs if writer.get(name) in home), None)
            put(layer, beside.get((layer.op, layer.inputs[:1]), feeder))
    readers: dict[str, list[str]] = defaultdict(list)
    for layer in priced:
        for name in layer.inputs:
            readers[name].append(layer.name)
    for layer in reversed(priced):
        if layer.name not in home:
            put(layer, next((home[name] for tensor in layer.outputs for name in readers[tensor] if name in home), None))
    extra: dict[int, list[str]] = defaultdict(list)
    for name in placed:
        extra[home[name]].append(name)
    grown = [replace(item, layers=(*item.layers, *extra[place])) for place, item in enumerate(units)]
    return grown, tuple(placed)


def _share(strays: Sequence[tuple[Measurement, str]], rows: Sequence[Measurement]) -> float:
    total = sum(row.latency_s or 0.0 for row in rows)
    lost = sum(row.latency_s or 0.0 for row, reason in strays if reason != _VIEW)
    return lost / total if total else 0.0


def _by_operator(
    rows: Sequence[Measurement], priced: Sequence[Layer]
) -> tuple[list[Joined], list[tuple[Measurement, str]]]:
    found: list[Joined] = []
    strays: list[tuple[Measurement, str]] = []
    for row in rows:
        op = row.op or row.name
        layers = tuple(layer.name for layer in priced if layer.op == op)
        if layers:
            found.append(Joined(row, layers, "operator"))
        else:
            strays.append((row, f"the network has no priced layer of operator {op}"))
    return found, strays
