"""Timeloop's directives (target, type, factors, permutation, split, keep, bypass) as loops or as constraints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hwsim.device import LevelConstraint
from hwsim.mapping.hierarchy import Hierarchy, Keep
from hwsim.mapping.record import LevelLoops
from hwsim.mapping.record import Mapping as LoopMapping
from hwsim.mapping.timeloop_problem import Names
from hwsim.mapping.timeloop_yaml import Entry
from hwsim.workload import DIMS, Dim, LoopNest

_TYPES = {
    "datatype": "keep",
    "dataspace": "keep",
    "bypass": "keep",
    "bypassing": "keep",
    "temporal": "temporal",
    "spatial": "spatial",
}
_FACTOR = re.compile(r"([A-Za-z_][A-Za-z_]*)\s*(<=|=|)\s*([0-9]+)")


@dataclass(slots=True)
class _Loops:
    """One directive. where : its entry; factors by dim, 0 for what is left; at_most; order : dims inner to outer; split : on x."""

    where: Entry
    factors: dict[Dim, int] = field(default_factory=dict)
    at_most: dict[Dim, int] = field(default_factory=dict)
    order: tuple[Dim, ...] = ()
    split: int | None = None


@dataclass(slots=True)
class Directives:
    """All directives, by level: loops in time, loops in space, operands kept or not, and the least share of MACs at work."""

    temporal: dict[int, _Loops] = field(default_factory=dict)
    spatial: dict[int, _Loops] = field(default_factory=dict)
    keeps: dict[int, dict[int, bool]] = field(default_factory=dict)
    min_utilization: float = 0.0


def read_directives(listed: Sequence[Entry], hierarchy: Hierarchy, fans: Mapping[str, int], names: Names) -> Directives:
    """Sort directives by level and kind; raises MappingError for an unknown target, type, dim or key, and for one given twice.

    fans : for the nodes of a v0.4 architecture that fan out, the level whose spatial loops that is.
    """
    found = Directives()
    places = {level.name: index for index, level in enumerate(hierarchy.levels)}
    for entry in listed:
        entry.only(
            "target",
            "type",
            "factors",
            "permutation",
            "split",
            "keep",
            "bypass",
            "min",
            "no_multicast_no_reduction",
            "no_reuse",
        )
        kind = entry.keys["type"].text() if "type" in entry.keys else entry.tag.lower()
        if kind in ("utilization", "parallelism"):
            found.min_utilization = entry.keys["min"].number() if "min" in entry.keys else 0.0
            continue
        if kind not in _TYPES:
            entry.fail(
                f"type {kind or '(none)'}: not supported (temporal, spatial, datatype, dataspace, bypass, utilization)"
            )
        for key in ("no_multicast_no_reduction", "no_reuse"):
            if key in entry.keys and (
                entry.keys[key].items if isinstance(entry.keys[key].value, list) else entry.keys[key].value
            ):
                entry.keys[key].fail(f"{key}: not supported")
        if "target" not in entry.keys:
            entry.fail("a directive needs a target")
        target = entry.keys["target"].text()
        level = _target(entry, target, kind, places, fans)
        if _TYPES[kind] == "keep":
            _keep(entry, names, found.keeps.setdefault(level, {}))
            continue
        loops = found.temporal if kind == "temporal" else found.spatial
        if level in loops:
            entry.fail(f"{target}: a second {kind} directive (first at {loops[level].where.where})")
        loops[level] = _loops(entry, names)
    return found


def _target(entry: Entry, target: str, kind: str, places: Mapping[str, int], fans: Mapping[str, int]) -> int:
    own = target in fans and kind == "spatial" and (target not in places or entry.tag == "own")
    if own:
        return fans[target]
    if target not in places:
        entry.fail(f"target {target}: no such level (the architecture has {', '.join(places)})")
    return places[target]


def _keep(entry: Entry, names: Names, keeps: dict[int, bool]) -> None:
    for key, held in (("keep", True), ("bypass", False)):
        for name in entry.keys[key].items if key in entry.keys else []:
            operand = names.operand(name.text(), name)
            if keeps.get(operand, held) is not held:
                name.fail(f"{name.text()} is both kept and bypassed")
            keeps[operand] = held


def _words(entry: Entry) -> list[str]:
    if isinstance(entry.value, dict):
        return [f"{key}={item.text()}" for key, item in entry.keys.items()]
    if isinstance(entry.value, list):
        return [item.text() for item in entry.items]
    return [] if entry.value is None else [entry.text()]


def _loops(entry: Entry, names: Names) -> _Loops:
    found = _Loops(entry)
    if "factors" in entry.keys:
        where = entry.keys["factors"]
        for words in _words(where):
            rest = _FACTOR.sub("", words).replace(",", " ").strip()
            if rest:
                where.fail(f"factors: {rest!r} is not a dim and a number (R3, R=3, R<=3)")
            for name, relation, number in _FACTOR.findall(words):
                dim = names.dim(name, where)
                if dim in found.factors or dim in found.at_most or len(number) > 18:
                    where.fail(f"factors: {name} is given twice, or beyond what 64 bits hold")
                (found.at_most if relation == "<=" else found.factors)[dim] = int(number)
    if "permutation" in entry.keys:
        where = entry.keys["permutation"]
        order = [names.dim(name, where) for words in _words(where) for name in _letters(words, names)]
        if len(set(order)) != len(order):
            where.fail("permutation: a dim is given twice")
        found.order = tuple(order)
    if "split" in entry.keys:
        found.split = entry.keys["split"].whole()
    return found


def _letters(words: str, names: Names) -> list[str]:
    """Dims of a permutation: separated by spaces or commas, or run together where every dim has one letter."""
    parts = words.replace(",", " ").split()
    if all(len(name) == 1 for name in names.dims):
        return [letter for part in parts for letter in part]
    return parts


def as_mapping(found: Directives, hierarchy: Hierarchy, nest: LoopNest) -> LoopMapping:
    """The mapping that directives spell out: dims that are not listed have factor 1, 0 takes what is left, operands are kept by default."""
    extents = dict(zip(DIMS, nest.extents, strict=True))
    left = _remaining(found, extents)
    levels = []
    for index, _ in enumerate(hierarchy.levels):
        temporal, spatial = found.temporal.get(index), found.spatial.get(index)
        keeps = found.keeps.get(index, {})
        along_x, along_y = _axes(spatial, left)
        levels.append(
            LevelLoops(
                temporal=_pairs(temporal, left) if temporal else (),
                spatial_x=along_x,
                spatial_y=along_y,
                keep=(keeps.get(0, True), keeps.get(1, True), keeps.get(2, True)),
            )
        )
    return LoopMapping(tuple(levels))


def _remaining(found: Directives, extents: Mapping[Dim, int]) -> dict[Dim, int]:
    """What a factor of 0 stands for, by dim."""
    left = dict(extents)
    zeros: dict[Dim, Entry] = {}
    for loops in (*found.temporal.values(), *found.spatial.values()):
        for dim, limit in loops.at_most.items():
            loops.where.fail(f"factors: {dim}<={limit}: a mapping needs a number (bounds belong to constraints)")
        for dim, factor in loops.factors.items():
            if factor == 0 and dim in zeros:
                loops.where.fail(f"factors: {dim} takes what is left here and at {zeros[dim].where}")
            if factor == 0:
                zeros[dim] = loops.where
            else:
                left[dim] = -(-left[dim] // factor)
    return left


def _ordered(loops: _Loops) -> list[Dim]:
    return [*loops.order, *(dim for dim in loops.factors if dim not in loops.order)]


def _pairs(loops: _Loops, left: Mapping[Dim, int], dims: Sequence[Dim] | None = None) -> tuple[tuple[Dim, int], ...]:
    pairs = ((dim, loops.factors.get(dim, 1) or left[dim]) for dim in (_ordered(loops) if dims is None else dims))
    return tuple((dim, factor) for dim, factor in pairs if factor > 1)


def _axes(
    loops: _Loops | None, left: Mapping[Dim, int]
) -> tuple[tuple[tuple[Dim, int], ...], tuple[tuple[Dim, int], ...]]:
    """Loops along x and y: the first ``split`` of the permutation on x, all of them where there is no split."""
    if loops is None:
        return (), ()
    order = _ordered(loops)
    split = len(order) if loops.split is None else loops.split
    return _pairs(loops, left, order[:split]), _pairs(loops, left, order[split:])


def constrain(found: Directives, hierarchy: Hierarchy) -> Hierarchy:
    """The hierarchy with directives as constraints on any mapping: operands that are not listed are free, dims that are not, too."""
    levels = []
    for index, level in enumerate(hierarchy.levels):
        keeps = found.keeps.get(index, {})
        kept: list[Keep] = [
            level.keeps[operand] if operand not in keeps else "always" if keeps[operand] else "never"
            for operand in range(3)
        ]
        if index == len(hierarchy.levels) - 1:
            kept = ["always"] * 3
        temporal, spatial = found.temporal.get(index), found.spatial.get(index)
        along_x, along_y = _allowed(spatial)
        constraint = LevelConstraint(
            order=temporal.order if temporal else (),
            fixed=_by_name(temporal.factors) if temporal else {},
            at_most=_by_name(temporal.at_most) if temporal else {},
            spatial_x=along_x,
            spatial_y=along_y,
            spatial_fixed=_by_name(spatial.factors) if spatial else {},
            spatial_at_most=_by_name(spatial.at_most) if spatial else {},
        )
        levels.append(replace(level, keeps=(kept[0], kept[1], kept[2]), constraint=constraint))
    return replace(hierarchy, levels=tuple(levels), min_utilization=found.min_utilization)


def _allowed(loops: _Loops | None) -> tuple[tuple[Dim, ...] | None, tuple[Dim, ...] | None]:
    """Dims that may be spread along x and y, None for any."""
    if loops is None or loops.split is None:
        return None, None
    rest = tuple(dim for dim in DIMS if dim not in loops.order)
    if loops.split <= len(loops.order):
        return loops.order[: loops.split], (*loops.order[loops.split :], *rest)
    if any(loops.factors.get(dim) != 1 for dim in rest if dim != "G") and loops.split < len(DIMS) - 1:
        loops.where.fail(
            f"split {loops.split} of a permutation of {len(loops.order)} dims: name the dims that lie on x"
        )
    return (*loops.order, *rest), ()


def _by_name(factors: Mapping[Dim, int]) -> dict[str, int]:
    return {str(dim): factor for dim, factor in factors.items()}
