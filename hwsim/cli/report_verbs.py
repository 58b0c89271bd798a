"""The verbs that show estimates: report, compare, diff, why, completion."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hwsim.cli.arguments import (
    add_answer_arguments,
    add_device_arguments,
    add_model_arguments,
    add_search_arguments,
    device,
    emit,
    prepared_models,
)
from hwsim.cli.doctor import doctor
from hwsim.cli.progress import clear, progress
from hwsim.errors import UsageError, nearest, with_extra

if TYPE_CHECKING:
    from hwsim.device import Device
    from hwsim.estimation import Estimate, Prepared

Verbs = argparse._SubParsersAction
_METRICS = ("latency_s", "energy_j", "average_power_w", "throughput_per_s", "utilization", "dram_bytes", "area_mm2")


def add_report(verb: Verbs[argparse.ArgumentParser]) -> None:
    """``hwsim report``."""
    parser = verb.add_parser(
        "report",
        help="a page with pictures of an estimate, for a browser",
        description="One self-contained HTML page: cards, roofline, time, energy, memory, area, layers, mappings. Needs the extra report.",
        epilog="example:\n  hwsim report light_resnet50 --device eyeriss_v1 --device tpu_v1 -o report.html --plot roofline.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_run(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the page to write (default: report.html, unless --plot is given)"
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        action="append",
        default=[],
        help="write one picture, named by what it shows: roofline, time, energy, memory, area, devices with .png, .svg, .pdf or .json",
    )
    parser.set_defaults(run=report)


def add_compare(verb: Verbs[argparse.ArgumentParser]) -> None:
    """``hwsim compare``."""
    parser = verb.add_parser(
        "compare",
        help="one quantity of several models on several devices, as a matrix",
        description="Models down, devices across.",
        epilog="example:\n  hwsim compare light_resnet50 light_squeezenet --device edge_tpu --device t4 --metric energy_j",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_run(parser)
    parser.add_argument(
        "--metric", metavar="NAME", default="latency_s", help=f"one of {', '.join(_METRICS)} (default latency_s)"
    )
    add_answer_arguments(parser, "csv")
    parser.set_defaults(run=compare)


def add_diff(verb: Verbs[argparse.ArgumentParser]) -> None:
    """``hwsim diff``."""
    parser = verb.add_parser(
        "diff",
        help="two saved estimates, layer by layer",
        description="What changed between two estimates saved with 'hwsim estimate ... --format json --output FILE'.",
        epilog="example:\n  hwsim diff before.json after.json --top 30",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", metavar="A.json")
    parser.add_argument("after", metavar="B.json")
    parser.add_argument("--top", metavar="N", type=int, default=15, help="layers to show (default 15)")
    add_answer_arguments(parser)
    parser.set_defaults(run=diff)


def add_why(verb: Verbs[argparse.ArgumentParser]) -> None:
    """``hwsim why``."""
    parser = verb.add_parser(
        "why",
        help="why one layer takes as long as it does, in words",
        description="What binds a layer, by how much, and what would help.",
        epilog="example:\n  hwsim why light_resnet50 n143 --device eyeriss_v1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_arguments(parser)
    _add_device(parser)
    parser.set_defaults(run=explain_layer)


def add_doctor(verb: Verbs[argparse.ArgumentParser]) -> None:
    """``hwsim doctor``."""
    parser = verb.add_parser("doctor", help="versions, extras, cache: is this installation well?")
    parser.set_defaults(run=doctor)


def add_completion(verb: Verbs[argparse.ArgumentParser]) -> None:
    """``hwsim completion``."""
    parser = verb.add_parser(
        "completion",
        help="print a script that completes commands and options in your shell",
        description="Needs the extra completion. bash: hwsim completion bash > ~/.local/share/bash-completion/completions/hwsim",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh", "fish"))
    parser.set_defaults(run=completion)


def _add_run(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the device")
    group.add_argument(
        "--device", metavar="NAME", action="append", default=[], help="shipped profile or YAML file (repeatable)"
    )
    add_device_arguments(group)
    parser.add_argument(
        "--model", metavar="RUNG", help="roofline, cpu, systolic, gpu or mapping (default: the most detailed there is)"
    )
    add_search_arguments(parser)


def _runs(
    arguments: argparse.Namespace, models: list[Prepared] | None = None
) -> list[tuple[Estimate, Prepared, Device]]:
    from hwsim.estimation import estimate

    if not arguments.device:
        raise UsageError("no device given: --device NAME ('hwsim devices' lists them)")
    devices = [device(name, arguments) for name in arguments.device]
    found = []
    for prepared in prepared_models(arguments) if models is None else models:
        for chosen in devices:
            made = estimate(
                prepared,
                chosen,
                rung=arguments.model,
                objective=arguments.objective,
                search=arguments.search,
                search_seconds=arguments.search_seconds,
                cache=not arguments.no_cache,
                progress=progress(),
            )
            found.append((made, prepared, chosen))
    clear()
    return found


def report(arguments: argparse.Namespace) -> int:
    """``hwsim report``."""
    from hwsim.report import charts, pictures
    from hwsim.report.files import save
    from hwsim.report.page import page
    from hwsim.report.sheet import sheet

    for path in arguments.plot:
        charts.named(path)
        pictures.checked(path)
    sheets = [sheet(*run) for run in _runs(arguments)]
    for path in arguments.plot:
        pictures.save_named(path, sheets)
        print(f"{path} written")
    if arguments.output or not arguments.plot:
        target = arguments.output or "report.html"
        save(page(sheets), target)
        print(f"{target} written: open it in a browser")
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """``hwsim compare``."""
    from hwsim.report import files, matrices

    if arguments.metric not in _METRICS:
        raise UsageError(
            f"--metric {arguments.metric}: there is no such total{nearest(arguments.metric, _METRICS)}; choose from {', '.join(_METRICS)}"
        )
    estimates = [made for made, _, _ in _runs(arguments)]
    rows = matrices.rows(estimates, arguments.metric)
    if arguments.format == "json":
        emit(arguments, files.json_text([{"schema": matrices.SCHEMA, "metric": arguments.metric, "rows": rows}]))
    elif arguments.format == "csv":
        emit(arguments, files.csv_text(rows))
    else:
        emit(arguments, matrices.text(estimates, arguments.metric))
    return 0


def diff(arguments: argparse.Namespace) -> int:
    """``hwsim diff``."""
    from hwsim.report import differences, files

    found = differences.compare(differences.load_estimate(arguments.before), differences.load_estimate(arguments.after))
    emit(arguments, files.json_text([found]) if arguments.format == "json" else differences.text(found, arguments.top))
    return 0


def explain_layer(arguments: argparse.Namespace) -> int:
    """``hwsim why``."""
    from hwsim.report.why import why

    if len(arguments.models) + len(arguments.gemm) + len(arguments.conv) < 2:
        raise UsageError("hwsim why takes a model and a layer: hwsim why MODEL LAYER --device NAME")
    *arguments.models, name = arguments.models
    texts = [why(made, chosen, name) for made, _, chosen in _runs(arguments)]
    print("\n\n".join(texts))
    return 0


def completion(arguments: argparse.Namespace) -> int:
    """``hwsim completion``."""
    from hwsim.cli.parser import build_parser

    try:
        import shtab
    except ImportError:
        raise UsageError(f"completion needs shtab: {with_extra('completion')}") from None
    if arguments.shell not in shtab.SUPPORTED_SHELLS:
        raise UsageError(
            f"{arguments.shell}: this shtab completes {', '.join(shtab.SUPPORTED_SHELLS)}; a newer one may know it"
        )
    print(shtab.complete(build_parser(), arguments.shell))
    return 0
