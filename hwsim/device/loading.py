"""From a name or a file to a Device: read, merge, override, validate, resolve; every mistake of a file in one ProfileError."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hwsim.device import schema
from hwsim.device.findings import findings, keys_at
from hwsim.device.keys import unit
from hwsim.device.library import find
from hwsim.device.operating import at_operating_point, clock_scale, energy_scale
from hwsim.device.precision import label
from hwsim.device.records import Device
from hwsim.device.resolve import resolve
from hwsim.device.tree import NAMED, OVERRIDE, Tree, is_number, load_tree, numbers, override, plain, shown
from hwsim.device.yaml_reader import Steps
from hwsim.errors import ProfileError, nearest

#: Sources that need no entry in ``sources``.
OWN_WORDS = ("estimated", "fitted", "arithmetic")
PEAK_TOLERANCE = 0.02


def load(name_or_path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Device:
    """The Device of a profile.

    name_or_path : a shipped name, one in a folder of ``HWSIM_DEVICE_PATH``, or a file. overrides : ``dotted.path=value``, as
    ``memory.gbuf.capacity_kib=216`` or ``operating_point=low``. Raises ProfileError with every mistake of the file, one a line.
    """
    path = find(name_or_path)
    base = load_tree(path)
    changed = _overridden(base, overrides)
    tree = at_operating_point(changed)
    if tree is not changed:
        tree = _overridden(tree, overrides)
    profile = _validated(tree)
    device, found = resolve(profile, energy_scale(base, tree), clock_scale(base, tree))
    if found:
        raise ProfileError(*(tree.finding(steps, message) for steps, message in found))
    return _with_record(device, profile, tree, path)


def check(name_or_path: str | os.PathLike[str]) -> tuple[str, ...]:
    """What is wrong with a profile, one line each; empty where it is good.

    Beyond what stops it from loading: a published peak that PEs × MACs × clock × 2 misses by more than 2 %.
    """
    try:
        device = load(name_or_path)
    except ProfileError as error:
        return error.findings
    where = shown(Path(device.path))
    return tuple(
        f"{where}: compute.precisions.{label(p.input, p.weight)}: peak_tops is {p.published_ops_per_s / 1e12:g}, "
        f"but {device.array.pes} PEs × {p.macs_per_pe_per_cycle:g} MACs × 2 × clock make {peak(device, i) / 1e12:.4g}"
        for i, p in enumerate(device.precisions)
        if p.published_ops_per_s and abs(peak(device, i) / p.published_ops_per_s - 1) > PEAK_TOLERANCE
    )


def peak(device: Device, index: int) -> float:
    """Peak of a device in its precision number ``index`` [op/s], 1 MAC = 2 ops."""
    return 2 * device.array.pes * device.precisions[index].macs_per_pe_per_cycle * device.clock_hz


def _overridden(tree: Tree, overrides: Sequence[str]) -> Tree:
    problems: list[str] = []
    for assignment in overrides:
        try:
            tree = override(tree, assignment)
        except ProfileError as error:
            problems.extend(error.findings)
    if problems:
        raise ProfileError(*problems)
    return tree


def _validated(tree: Tree) -> schema.Profile:
    problems = _unknown_levels(tree)
    value = dict(tree.value)
    if problems:
        known = {key: inner for key, inner in value["dataflow"].items() if ("dataflow", key) not in problems}
        value["dataflow"] = known
    lines = [tree.finding(steps, message) for steps, message in problems.items()]
    profile: schema.Profile | None = None
    try:
        profile = schema.Profile.model_validate(_listed(value, ()))
    except ValidationError as error:
        lines.extend(findings(error, tree))
    lines.extend(_sources(tree))
    if lines or profile is None:
        raise ProfileError(*sorted(lines, key=_line_number))
    return profile


def _line_number(finding: str) -> int:
    parts = finding.split(":")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def _unknown_levels(tree: Tree) -> dict[Steps, str]:
    dataflow, memory = tree.value.get("dataflow"), tree.value.get("memory")
    if not isinstance(dataflow, dict):
        return {}
    names = [*keys_at(("dataflow",)), *(memory if isinstance(memory, dict) else ())]
    return {
        ("dataflow", key): f"unknown key, and no memory level{nearest(key, names)}"
        for key in dataflow
        if key not in names
    }


def _listed(value: Any, steps: Steps) -> Any:
    """Mappings by name as the lists they were written as."""
    if isinstance(value, dict):
        inner = {key: _listed(entry, (*steps, key)) for key, entry in value.items()}
        return list(inner.values()) if steps in NAMED else inner
    return value


def _sources(tree: Tree) -> list[str]:
    known = tree.value.get("sources")
    keys = [*(known if isinstance(known, dict) else ()), *OWN_WORDS]
    lines = []
    for steps, _ in numbers(tree.value):
        cited = tree.cites.get(steps)
        if cited is None:
            lines.append(
                tree.finding(steps, "no source: write {value: ..., source: ...}, or give the file a default_source")
            )
        elif cited not in keys and cited != OVERRIDE:
            lines.append(tree.finding(steps, f"source {cited} is not in sources{nearest(cited, keys)}"))
    return lines


def _unit_of(steps: Steps) -> str:
    for step in reversed(steps[-2:]):
        text = unit(str(step))[0]
        if text:
            return text
    return ""


def _with_record(device: Device, profile: schema.Profile, tree: Tree, path: Path) -> Device:
    """The device with what is known about its numbers, and a hash of what it says."""
    texts = {key: source.text for key, source in profile.sources.items()}
    default = {key: source.quality for key, source in profile.sources.items() if source.quality}
    quantities: dict[str, tuple[float, str, str]] = {}
    qualities: dict[str, str] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for steps, value in numbers(tree.value):
        dotted, cited = ".".join(str(step) for step in steps), tree.cites.get(steps) or ""
        quantities[dotted] = (float(value), _unit_of(steps), cited)
        raw = _at(tree.value, steps)
        own = raw if isinstance(raw, dict) else {}
        quality = own.get("quality") or default.get(cited) or (cited if cited in {"estimated", "fitted"} else None)
        if quality:
            qualities[dotted] = quality
        if isinstance(own.get("interval"), list):
            intervals[dotted] = (float(own["interval"][0]), float(own["interval"][1]))
    return replace(
        device,
        sources=texts,
        quantities=quantities,
        qualities=qualities,
        intervals=intervals,
        sha256=_sha256(tree.value),
        path=os.fspath(path),
    )


def _at(value: Any, steps: Steps) -> Any:
    for step in steps:
        value = value[step]
    return value


def _canonical(value: Any) -> Any:
    if is_number(value):
        return float(value)
    bare = plain(value)
    if bare is not value:
        return float(bare)
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items() if key != "source"}
    return [_canonical(inner) for inner in value] if isinstance(value, list) else value


def _sha256(tree: dict[str, Any]) -> str:
    """Hash of what a profile says, whoever says it: values without sources, texts and the order of keys (levels keep theirs)."""
    said = {key: value for key, value in tree.items() if key not in {"sources", "description", "notes"}}
    listed = _listed(_canonical(said), ())
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()
