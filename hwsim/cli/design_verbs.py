"""The verbs about designing: ``hwsim budget`` and ``hwsim explain``."""

from __future__ import annotations

import argparse
import re

from hwsim.cli.arguments import (
    above_zero,
    add_device_arguments,
    add_model_arguments,
    add_output_arguments,
    emit,
    prepared_models,
)
from hwsim.cli.progress import clear, progress
from hwsim.errors import UsageError

Verbs = argparse._SubParsersAction


def add_budget(verb: Verbs[argparse.ArgumentParser]) -> None:
    """The parser of ``hwsim budget``."""
    parser = verb.add_parser(
        "budget",
        help="HCM's workflow: what a network does in an area, and what a target takes",
        description="PEs of each bit-width in an area at 28 nm, peak, roofline and bottleneck of each layer in operations per bit. With "
        "--target-latency-s, also the other way round: the array, area and bus that a target takes.",
        epilog="example:\n  hwsim budget light_resnet50 --area-mm2 1 --bits 4,8,16 --clock-mhz 800 --bandwidth-gbit 153.6",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="ONNX file, layer CSV, or the short name of a graph")
    parser.add_argument(
        "--area-mm2", metavar="MM2", type=above_zero, required=True, help="area of the PEs, and of the buffer if any"
    )
    parser.add_argument(
        "--buffer-kib", metavar="KIB", type=above_zero, default=0.0, help="SRAM that takes its share of the area"
    )
    parser.add_argument("--bits", metavar="B,B", required=True, help="widths to compare, as in 4,8,16")
    parser.add_argument("--clock-mhz", metavar="MHZ", type=above_zero, required=True)
    parser.add_argument("--bandwidth-gbit", metavar="GBIT", type=above_zero, required=True, help="of the bus, a second")
    parser.add_argument("--target-latency-s", metavar="S", type=above_zero, help="work backwards from this latency too")
    parser.add_argument("--batch", metavar="N", type=int, help="bind the leading dim of every input")
    parser.add_argument("--top", metavar="N", type=int, default=15, help="layers to show (default 15)")
    add_output_arguments(parser)
    parser.set_defaults(run=run_budget)


def run_budget(arguments: argparse.Namespace) -> int:
    """``hwsim budget``: exit code 1 where no bit-width makes the target within the budget."""
    from hwsim.report import budget_tables, files
    from hwsim.study.budget import budget, needed

    if not re.fullmatch(r"\d{1,2}(,\d{1,2})*", arguments.bits):
        raise UsageError(f"--bits {arguments.bits}: widths joined by commas, as in 4,8,16")
    widths = [int(text) for text in arguments.bits.split(",")]
    clock, bus, buffer = arguments.clock_mhz * 1e6, arguments.bandwidth_gbit * 1e9, arguments.buffer_kib * 1024
    found = [
        budget(
            arguments.model,
            bits,
            area_mm2=arguments.area_mm2,
            clock_hz=clock,
            bandwidth_bit_per_s=bus,
            buffer_bytes=buffer,
            batch=arguments.batch,
        )
        for bits in widths
    ]
    target = arguments.target_latency_s
    back = (
        [
            needed(arguments.model, bits, latency_s=target, clock_hz=clock, buffer_bytes=buffer, batch=arguments.batch)
            for bits in widths
        ]
        if target
        else []
    )
    if arguments.format == "json":
        record = {
            "schema": "hwsim/budget/1",
            "area_mm2": arguments.area_mm2,
            "clock_hz": clock,
            "bandwidth_bit_per_s": bus,
            "buffer_bytes": buffer,
            "target_latency_s": target,
            "budgets": [item.to_dict() for item in found],
            "needed": [item.to_dict() for item in back],
        }
        emit(arguments, files.json_text([record]))
    elif arguments.format == "csv":
        rows = [{"bits": item.bits} | row for item in found for row in item.to_dict()["layers"]]
        emit(arguments, files.csv_text(rows))
    else:
        emit(arguments, budget_tables.text(found, back, target, arguments.area_mm2, bus, arguments.top))
    return 1 if target and all(item.latency_s > target for item in found) else 0


def add_explain(verb: Verbs[argparse.ArgumentParser]) -> None:
    """The parser of ``hwsim explain``."""
    parser = verb.add_parser(
        "explain",
        help="which constants of a device matter, and what would move the bottleneck",
        description="Changes every number of a profile by a tenth and shows what the totals do; for what binds, the smallest change that "
        "moves it and the value above which more gains nothing; what twice the capacity of each memory saves.",
    )
    add_model_arguments(parser)
    group = parser.add_argument_group("the device")
    group.add_argument("--device", metavar="NAME", required=True, help="shipped profile or YAML file")
    add_device_arguments(group)
    parser.add_argument(
        "--model", metavar="RUNG", help="roofline, cpu, systolic, gpu or mapping (default: the most detailed there is)"
    )
    add_output_arguments(parser)
    parser.add_argument("--top", metavar="N", type=int, default=15, help="constants to show (default 15)")
    parser.set_defaults(run=run_explain)


def run_explain(arguments: argparse.Namespace) -> int:
    """``hwsim explain``."""
    from hwsim.report import budget_tables, files
    from hwsim.study.sensitivity import explain

    if arguments.technology or arguments.family:
        raise UsageError("--technology: explain changes the profile's own numbers; leave it out")
    found = [
        explain(model, arguments.device, rung=arguments.model, overrides=tuple(arguments.set), progress=progress())
        for model in prepared_models(arguments)
    ]
    clear()
    if arguments.format == "json":
        emit(arguments, files.json_text([item.to_dict() for item in found]))
    elif arguments.format == "csv":
        emit(arguments, files.csv_text(row for item in found for row in item.to_dict()["effects"]))
    else:
        emit(arguments, "\n\n".join(budget_tables.explain_text(item, arguments.top) for item in found))
    return 0
