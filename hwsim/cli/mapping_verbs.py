"""The verbs about single mappings: ``hwsim map`` and ``hwsim timeloop``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hwsim.cli.arguments import device, emit, prepared_models
from hwsim.errors import Infeasible, UsageError, nearest

if TYPE_CHECKING:
    from hwsim.estimation import Prepared
    from hwsim.graph import Layer
    from hwsim.workload import Work


def map_layer(arguments: argparse.Namespace) -> int:
    """``hwsim map``."""
    from hwsim.cost import price
    from hwsim.counts import count
    from hwsim.estimation.conversion import converted
    from hwsim.estimation.mapped import default_objective
    from hwsim.mapping import from_device
    from hwsim.mapping.text import load_mapping, save_mapping
    from hwsim.report import files, mapping_tables
    from hwsim.report.mapping_tables import Placed
    from hwsim.search import best

    models = prepared_models(arguments)
    if len(models) > 1:
        raise UsageError("hwsim map takes one model: it shows one layer")
    chosen = device(arguments.device, arguments)
    prepared, said = converted(models[0], chosen)
    layer, work = _layer(prepared, arguments.layer)
    records, texts = [], []
    for index, nest in enumerate(work.nests):
        hierarchy = from_device(chosen, nest)
        objective = arguments.objective or default_objective(hierarchy)
        name = layer.name if len(work.nests) == 1 else f"{layer.name} (nest {index + 1} of {len(work.nests)})"
        if arguments.mapping:
            given = load_mapping(arguments.mapping, hierarchy)
            counts = count(nest, hierarchy, given, arguments.counting)
            if isinstance(counts, Infeasible):
                return _refused(name, counts)
            placed = Placed(name, nest, hierarchy, given, counts, price(counts, hierarchy, nest), objective)
        else:
            search = partial(
                best, seconds=arguments.search_seconds, cache=not arguments.no_cache, effort=arguments.search
            )
            found = search(nest, hierarchy, objective, arguments.counting)
            if isinstance(found, Infeasible):
                return _refused(name, found)
            placed = Placed(name, nest, hierarchy, found.mapping, found.counts, found.cost, objective, found)
        if arguments.save:
            target = arguments.save if index == 0 else f"{arguments.save}.{index + 1}"
            save_mapping(target, hierarchy, placed.mapping, nest)
        records.append(mapping_tables.plain(placed))
        texts.append(mapping_tables.text(placed))
    if arguments.format == "json":
        emit(arguments, files.json_text(records))
    else:
        emit(arguments, "\n\n".join([*texts, *(f"note: {note}" for note in said)]))
    return 0


def _refused(name: str, reason: Infeasible) -> int:
    print(f"hwsim: {name}: no mapping: {reason}", file=sys.stderr)
    return 1


def _layer(prepared: Prepared, name: str | None) -> tuple[Layer, Work]:
    candidates = [(layer, work) for layer, work in prepared.priced if work.nests]
    if not candidates:
        raise UsageError(f"{prepared.network.name}: no layer has MACs, so there is nothing to map")
    if name is None:
        return max(candidates, key=lambda pair: pair[1].macs)
    for layer, work in prepared.priced:
        if name in (layer.name, *layer.fused):
            if not work.nests:
                raise UsageError(f"--layer {name}: {layer.op} has no MACs, so there is nothing to map")
            return layer, work
    names = [layer.name for layer, _ in candidates]
    hint = nearest(name, names) or f"; the largest is {max(candidates, key=lambda pair: pair[1].macs)[0].name}"
    raise UsageError(f"--layer {name}: {prepared.network.name} has no layer of that name{hint}")


def timeloop(arguments: argparse.Namespace) -> int:
    """``hwsim timeloop``."""
    from hwsim.report import files, mapping_tables

    records: list[dict[str, Any]] = []
    code = 0
    for name, group in _runs(arguments.files):
        record = _run(name, group, arguments)
        if record is None:
            code = 1
        else:
            records.append(record)
    if records:
        if arguments.format == "json":
            emit(arguments, files.json_text(records))
        else:
            emit(arguments, "\n\n".join(mapping_tables.timeloop_text(record) for record in records))
    return code


def _runs(paths: list[str]) -> list[tuple[str, list[str]]]:
    """Files that hold a problem, each with all the files that hold none."""
    from pathlib import Path

    from hwsim.mapping.timeloop_yaml import read_files

    problems: list[str] = []
    others: list[str] = []
    for path in paths:
        (problems if "problem" in read_files([Path(path)]) else others).append(path)
    if not problems:
        raise UsageError(f"{', '.join(paths)}: no file has a problem: Timeloop's problem file is needed too")
    return [(path, [path, *others]) for path in problems]


def _run(name: str, paths: list[str], arguments: argparse.Namespace) -> dict[str, Any] | None:
    from hwsim.cost import price
    from hwsim.cost.timeloop import timeloop_record
    from hwsim.counts import count
    from hwsim.mapping.timeloop import read_timeloop
    from hwsim.search import best

    problem = read_timeloop(paths)
    nest, hierarchy = problem.nest, problem.hierarchy
    if problem.mapping is not None:
        counts = count(nest, hierarchy, problem.mapping, "timeloop")
        if isinstance(counts, Infeasible):
            _refused(name, _in_words(counts))
            return None
        return {"file": name, **timeloop_record(problem, problem.mapping, counts, price(counts, hierarchy, nest))}
    search = partial(best, seconds=arguments.search_seconds, cache=not arguments.no_cache, effort=arguments.search)
    found = search(nest, hierarchy, arguments.objective or "edp", "timeloop", perfect=True)
    if isinstance(found, Infeasible):
        _refused(name, _in_words(found))
        return None
    return {"file": name, **timeloop_record(problem, found.mapping, found.counts, found.cost, found.bound_gap)}


def _in_words(reason: Infeasible) -> Infeasible:
    """Timeloop counts in words: its files are read with operands of one bit each."""
    return replace(reason, unit=reason.unit.replace("bits", "words"))
