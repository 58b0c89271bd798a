"""The verb compose: networks one after another, side by side, behind doubt, or in coded pieces."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from hwsim.cli.arguments import above_zero, add_answer_arguments, add_device_arguments, device, emit, positive
from hwsim.errors import Infeasible, UsageError

if TYPE_CHECKING:
    from hwsim.system.part import Part
    from hwsim.system.profile import System

KINDS = ("series", "ensemble", "cascade", "coded", "flow")


def add(verb: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``hwsim compose``."""
    parser = verb.add_parser(
        "compose",
        help="several networks: series, ensemble, cascade, coded pieces, or the flow of a system file",
        description=(
            "Mean latency, percentiles, throughput, energy and memory of networks put together. series: one after the other; ensemble: "
            "side by side on the same input; cascade: FAST SLOW, the slow one for a share of inputs; coded: pieces of one network, any k "
            "of n of which suffice; flow: the networks that the system's own file names."
        ),
        epilog=(
            "examples:\n"
            "  hwsim compose cascade light_squeezenet light_resnet50 --device tpu_v1 --escalation 0.2 --budget-ms 1\n"
            "  hwsim compose ensemble light_squeezenet light_squeezenet --system glacier_point_v2 --bits w8a8 --against light_resnet50\n"
            "  hwsim compose coded light_resnet50 --device tpu_v1 --count 32 --straggling 1\n"
            "  hwsim compose flow --system mine.yaml"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", metavar="KIND", choices=KINDS, help=", ".join(KINDS))
    parser.add_argument("models", metavar="MODEL", nargs="*", help="ONNX file, layer CSV or short name, in order")
    parser.add_argument("--batch", metavar="N", type=positive, help="bind the leading dim of every input (default 1)")
    parser.add_argument("--bits", metavar="SPEC", help="operand bits of all networks: w8a8, fp16")
    group = parser.add_argument_group("the devices")
    group.add_argument("--system", metavar="NAME", help="shipped system or YAML file")
    group.add_argument(
        "--device", metavar="NAME", help="instead of a system: a device, or --count of them without links"
    )
    group.add_argument("--count", metavar="N", type=positive, default=1, help="how many of --device (default 1)")
    group.add_argument(
        "--on",
        metavar="INSTANCE",
        action="append",
        default=[],
        help="device of the next network (repeatable; default: in turn)",
    )
    add_device_arguments(group)
    parser.add_argument(
        "--model", metavar="RUNG", help="roofline, systolic, mapping or simulate (default: as estimate)"
    )
    parser.add_argument(
        "--escalation", metavar="P", type=float, help="cascade: share of inputs that go on to the slow network"
    )
    parser.add_argument(
        "--budget-ms", metavar="MS", type=above_zero, help="cascade: mean latency to find the largest share for"
    )
    parser.add_argument(
        "--against", metavar="MODEL", help="ensemble: a wide network to compare with, on one of the devices"
    )
    parser.add_argument(
        "--needed", metavar="K", type=positive, default=0, help="coded: pieces that suffice (default: the best)"
    )
    parser.add_argument(
        "--straggling", metavar="X", type=float, default=1.0, help="coded: mean random time over fixed time (default 1)"
    )
    add_answer_arguments(parser)
    parser.set_defaults(run=compose)


def compose(arguments: argparse.Namespace) -> int:
    """``hwsim compose``."""
    from hwsim.report import files, flow_tables
    from hwsim.system.flow import against, run_flow

    system = _system(arguments)
    if arguments.kind == "flow" and arguments.models:
        raise UsageError("compose flow: the networks are those of the system's file; leave MODEL out")
    budget = None if arguments.budget_ms is None else arguments.budget_ms / 1e3
    parts = () if arguments.kind == "flow" else _parts(arguments, system)
    found = run_flow(system, parts, rung=arguments.model, kind=arguments.kind, budget_s=budget)
    if isinstance(found, Infeasible):
        print(f"hwsim: it does not fit: {found}", file=sys.stderr)
        return 1
    if arguments.against:
        found = against(found, system, arguments.against, arguments.bits, arguments.batch, arguments.model)
    emit(arguments, files.json_text([found.to_dict()]) if arguments.format == "json" else flow_tables.flow_text(found))
    return 0


def _system(arguments: argparse.Namespace) -> System:
    from hwsim.system.profile import copies, load_system

    if (arguments.system is None) == (arguments.device is None):
        raise UsageError("compose: give --system, or --device for one device or --count of them")
    if arguments.system:
        return load_system(arguments.system)
    return copies(device(arguments.device, arguments), arguments.count)


def _parts(arguments: argparse.Namespace, system: System) -> list[Part]:
    from hwsim.system.part import Part

    kind, models = arguments.kind, arguments.models
    needed = {"cascade": 2, "coded": 1}.get(kind)
    if (needed and len(models) != needed) or not models:
        raise UsageError(f"compose {kind}: takes {needed or 'at least 1'} networks, not {len(models)}")
    if arguments.escalation is not None and kind != "cascade":
        raise UsageError("--escalation is for a cascade")
    if kind == "cascade" and arguments.escalation is None:
        raise UsageError("compose cascade: give --escalation, the share of inputs that go on to the slow network")
    if arguments.against and kind != "ensemble":
        raise UsageError("--against is for an ensemble")
    places = arguments.on or list(system.workers)
    how = {"bits": arguments.bits, "batch": arguments.batch}
    if kind == "coded":
        return [
            Part(
                _short(models[0]),
                models[0],
                tuple(places),
                straggling=arguments.straggling,
                needed=arguments.needed,
                **how,
            )
        ]
    names = _names(models)
    parts = []
    for number, (name, model) in enumerate(zip(names, models, strict=True)):
        before = (names[number - 1],) if number and kind != "ensemble" else ()
        chance = arguments.escalation if kind == "cascade" and number else None
        parts.append(Part(name, model, (places[number % len(places)],), before, chance, **how))
    return parts


def _short(model: str) -> str:
    return model.rpartition("/")[2].removesuffix(".onnx")


def _names(models: list[str]) -> list[str]:
    """Short names, numbered where one stands several times."""
    shorts = [_short(model) for model in models]
    return [
        short if shorts.count(short) == 1 else f"{short}.{shorts[:number].count(short)}"
        for number, short in enumerate(shorts)
    ]
