"""The verb ``simulate``: a run in simulated time, its timeline and what it waited for."""

from __future__ import annotations

import argparse

from hwsim.cli.arguments import (
    add_answer_arguments,
    add_device_arguments,
    add_model_arguments,
    add_search_arguments,
    device,
    emit,
    prepared_models,
)
from hwsim.cli.progress import clear, progress
from hwsim.errors import UsageError

Verbs = argparse._SubParsersAction


def add(verb: Verbs[argparse.ArgumentParser]) -> None:
    """``simulate``."""
    parser = verb.add_parser(
        "simulate",
        help="all layers in simulated time: a timeline, who waits for what, the critical path",
        description="Run a network's tiles on the engines of a device in simulated time, and say what waits for what.",
        epilog="examples:\n  hwsim simulate light_resnet50 --device tpu_v1 --explain --trace run.json\n"
        "  hwsim simulate light_squeezenet --device zcu104_dpu --cores auto --explain",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_arguments(parser)
    group = parser.add_argument_group("the device")
    group.add_argument("--device", metavar="NAME", required=True, help="shipped profile or YAML file")
    add_device_arguments(group)
    parser.add_argument(
        "--tiles", metavar="RUNG", help="whose tiles run: roofline, systolic or mapping (default: the device's own)"
    )
    parser.add_argument(
        "--keep-activations",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="let tensors that fit stay on chip between layers",
    )
    cores = parser.add_argument_group("several cores")
    cores.add_argument(
        "--cores",
        metavar="WAY",
        default="together",
        help="together (one array, the default), channels or rows of each layer, layers, or auto: the best of these",
    )
    cores.add_argument(
        "--place",
        metavar="LAYER=WAY",
        action="append",
        default=[],
        help="decide for one layer or a pattern: channels, rows or a core's number (may be repeated)",
    )
    cores.add_argument(
        "--aim", metavar="AIM", default="latency", help="what --cores balances: latency (default) or throughput"
    )
    add_search_arguments(parser)
    parser.add_argument("--trace", metavar="FILE", help="write a Chrome trace, to open in ui.perfetto.dev")
    parser.add_argument("--explain", action="store_true", help="name the critical path and what each wait cost")
    parser.add_argument("--top", metavar="N", type=int, default=15, help="rows of each table (default 15)")
    add_answer_arguments(parser)
    parser.set_defaults(run=simulate)


def simulate(arguments: argparse.Namespace) -> int:
    """``hwsim simulate``."""
    from hwsim.estimation import estimate
    from hwsim.report import files, simulation_tables
    from hwsim.report.trace import trace_text

    chosen = device(arguments.device, arguments)
    models = prepared_models(arguments)
    if len(models) > 1:
        raise UsageError(f"{len(models)} models given: simulate takes one at a time")
    found = estimate(
        models[0],
        chosen,
        rung="simulate",
        tiles=arguments.tiles,
        keep_activations=arguments.keep_activations,
        cores=arguments.cores,
        place=arguments.place,
        aim=arguments.aim,
        objective=arguments.objective,
        search=arguments.search,
        search_seconds=arguments.search_seconds,
        cache=not arguments.no_cache,
        progress=progress(),
    )
    clear()
    if arguments.trace:
        files.save(trace_text(found), arguments.trace)
    if arguments.format == "json":
        emit(arguments, files.json_text([simulation_tables.plain(found)]))
    else:
        emit(arguments, simulation_tables.text(found, arguments.explain, arguments.top))
    return 0
