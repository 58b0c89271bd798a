"""What each verb does: call one function, print."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwsim.cli.arguments import device, emit, limits, prepared_models
from hwsim.cli.progress import clear, progress
from hwsim.errors import UsageError

if TYPE_CHECKING:
    from hwsim.device import Device
    from hwsim.estimation import Estimate, Prepared


def estimate(arguments: argparse.Namespace) -> int:
    """``hwsim estimate``."""
    from hwsim.cli.colour import coloured, in_colour
    from hwsim.estimation import estimate as run
    from hwsim.report import files, tables

    if not arguments.device:
        raise UsageError("no device given: --device NAME ('hwsim devices' lists them)")
    devices = [device(name, arguments) for name in arguments.device]
    estimates = [
        run(
            _with_algorithm(model, chosen, arguments),
            chosen,
            rung=arguments.model,
            tiles=arguments.tiles,
            units=arguments.units,
            keep_activations=arguments.keep_activations,
            limits=limits(arguments),
            objective=arguments.objective,
            counting=arguments.counting,
            search=arguments.search,
            search_seconds=arguments.search_seconds,
            cache=not arguments.no_cache,
            progress=progress(),
        )
        for model in prepared_models(arguments)
        for chosen in devices
    ]
    clear()
    if arguments.format == "json":
        text = files.json_text([estimate.to_dict() for estimate in estimates])
    elif arguments.format in ("csv", "markdown", "parquet"):
        single = len(estimates) == 1
        rows = [
            ({} if single else {"model": item.model["name"], "device": item.device["name"]}) | row
            for item in estimates
            for row in item.to_rows()
        ]
        if arguments.format == "parquet":
            if not arguments.output:
                raise UsageError("--format parquet is for a file: give --output FILE")
            files.save_parquet(rows, arguments.output)
            return _missed(estimates)
        text = files.csv_text(rows) if arguments.format == "csv" else files.markdown_text(rows)
    elif len(estimates) == 1:
        text = tables.estimate_text(estimates[0], 15 if arguments.top is None else arguments.top, arguments.wide)
    else:
        parts = [tables.comparison_text(estimates)]
        if arguments.top is not None:
            parts += [tables.estimate_text(item, arguments.top, arguments.wide) for item in estimates]
        text = "\n\n".join(parts)
    if arguments.annotate:
        _annotate(arguments, estimates)
    emit(arguments, coloured(text) if arguments.format == "table" and in_colour(arguments) else text)
    return _missed(estimates)


def _missed(estimates: Sequence[Estimate]) -> int:
    """Say which limits are missed; the exit code."""
    from hwsim.report.text import safe

    missed = [f"{item.model['name']} on {item.device['name']}: {text}" for item in estimates for text in item.missed]
    for sentence in missed:
        print(f"hwsim: {safe(sentence)}", file=sys.stderr)
    return 1 if missed else 0


def _with_algorithm(model: Prepared, chosen: Device, arguments: argparse.Namespace) -> Prepared:
    if arguments.algorithm is None:
        return model
    from hwsim.system.algorithms import with_algorithm

    return with_algorithm(model, chosen, arguments.algorithm, arguments.algorithm_levels)


def _annotate(arguments: argparse.Namespace, estimates: Sequence[Estimate]) -> None:
    """``--annotate``: the model's own file with what its nodes cost."""
    from hwsim.cli.arguments import binding
    from hwsim.onnx_io import read
    from hwsim.onnx_io.annotated import annotate
    from hwsim.report.node_facts import node_facts

    if len(estimates) != 1 or len(arguments.models) != 1 or arguments.models[0].endswith(".csv"):
        raise UsageError("--annotate takes one ONNX model on one device")
    network = read(arguments.models[0], **binding(arguments))
    number = annotate(arguments.models[0], arguments.annotate, network, node_facts(estimates[0]))
    print(f"{arguments.annotate} written: {number} nodes carry results", file=sys.stderr)


def area(arguments: argparse.Namespace) -> int:
    """``hwsim area``."""
    from hwsim.cost.area import area as estimated
    from hwsim.cost.area import own_technology
    from hwsim.device import load
    from hwsim.device.technology import Technology, parse_node
    from hwsim.report import area_tables, files

    chosen = load(arguments.name, arguments.set)
    if arguments.technology:
        family = arguments.family or chosen.technology_family or "horowitz"
        technology = Technology(parse_node(arguments.technology), family)
    else:
        technology = own_technology(chosen)
        if arguments.family:
            technology = Technology(technology.node_nm, arguments.family, technology.voltage_v)
    found = estimated(chosen, technology)
    if arguments.format == "json":
        emit(arguments, files.json_text([area_tables.plain(chosen, found)]))
    elif arguments.format == "csv":
        emit(arguments, files.csv_text(area_tables.plain(chosen, found)["parts"]))
    else:
        emit(arguments, area_tables.text(chosen, found))
    return 0


def complexity(arguments: argparse.Namespace) -> int:
    """``hwsim complexity``."""
    from hwsim.report import complexity_tables, files

    found = [prepared.complexity for prepared in prepared_models(arguments)]
    if arguments.format == "json":
        text = files.json_text([item.to_dict() for item in found])
    elif arguments.format == "csv":
        text = files.csv_text(layer.to_dict() for item in found for layer in item.layers)
    else:
        text = "\n\n".join(complexity_tables.text(item, arguments.top, arguments.bops_convention) for item in found)
    emit(arguments, text)
    return 0


def devices(arguments: argparse.Namespace) -> int:
    """``hwsim devices``."""
    from hwsim.device import available, load
    from hwsim.report import device_tables, files

    found = [load(name) for name in available()]
    if arguments.format == "json":
        print(files.json_text([device_tables.summary(device) for device in found]))
    else:
        print(device_tables.listing(found))
    return 0


def device_show(arguments: argparse.Namespace) -> int:
    """``hwsim device show``."""
    from hwsim.device import describe

    print(describe(device(arguments.name, arguments)))
    return 0


def device_bits(arguments: argparse.Namespace) -> int:
    """``hwsim device bits``."""
    from hwsim.device import throughput_by_bits
    from hwsim.report import device_tables, files

    rows = [{"device": name} | row for name in arguments.names for row in throughput_by_bits(device(name, arguments))]
    if arguments.format == "json":
        emit(arguments, files.json_text([{"schema": "hwsim/bits/1", "peaks": rows}]))
    elif arguments.format == "csv":
        emit(arguments, files.csv_text(rows))
    else:
        emit(arguments, device_tables.by_bits(rows))
    return 0


def device_check(arguments: argparse.Namespace) -> int:
    """``hwsim device check``."""
    from hwsim.device import check
    from hwsim.errors import ProfileError

    findings = [finding for path in arguments.files for finding in check(path)]
    if findings:
        raise ProfileError(*findings)
    for path in arguments.files:
        print(f"{path}: a valid profile")
    return 0


def device_schema(arguments: argparse.Namespace) -> int:
    """``hwsim device schema``."""
    import json

    from hwsim.device import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def models(arguments: argparse.Namespace) -> int:
    """``hwsim models``."""
    from hwsim.onnx_io import wheel_models

    print("\n".join(wheel_models()))
    return 0
