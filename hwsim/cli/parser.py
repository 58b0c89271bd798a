"""All verbs and their options; nothing heavy is imported to parse them."""

from __future__ import annotations

import argparse

from hwsim.cli import (
    compose_verbs,
    design_verbs,
    examples,
    mapping_verbs,
    measure_verb,
    report_verbs,
    scenario_verbs,
    simulate_verbs,
    study_verbs,
    system_verbs,
    validation_verbs,
    verbs,
)
from hwsim.cli.arguments import (
    add_answer_arguments,
    add_device_arguments,
    add_limit_arguments,
    add_model_arguments,
    add_output_arguments,
    add_search_arguments,
)
from hwsim.cli.usage import Parser
from hwsim.version import __version__

_EXAMPLES = """\
examples:
  hwsim estimate light_resnet50 --device eyeriss_v1       where does the time go?
  hwsim estimate model.onnx --device edge_tpu --device t4 --bits w8a8
  hwsim estimate --gemm 1024,1024,1024 --device a100_sxm_80g --bits fp16
  hwsim complexity model.onnx --batch 8                   MACs, parameters, bit operations, memory
  hwsim devices                                           what profiles are there?

exit codes: 0 done, 1 a negative answer (nothing feasible), 2 a mistake in what was given, 130 interrupted
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the ``hwsim`` command."""
    parser: argparse.ArgumentParser = Parser(
        prog="hwsim",
        description="Latency, energy and area of a neural network on an accelerator, before either exists.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hwsim {__version__}")
    parser.set_defaults(run=None)
    verb = parser.add_subparsers(title="commands", metavar="COMMAND")
    _estimate(verb)
    _complexity(verb)
    _devices(verb)
    _map(verb)
    _timeloop(verb)
    _area(verb)
    validation_verbs.add_validate(verb)
    validation_verbs.add_calibrate(verb)
    measure_verb.add_measure(verb)
    report_verbs.add_report(verb)
    report_verbs.add_compare(verb)
    report_verbs.add_diff(verb)
    report_verbs.add_why(verb)
    report_verbs.add_doctor(verb)
    report_verbs.add_completion(verb)
    simulate_verbs.add(verb)
    study_verbs.add(verb)
    design_verbs.add_budget(verb)
    design_verbs.add_explain(verb)
    system_verbs.add(verb)
    scenario_verbs.add(verb)
    compose_verbs.add(verb)
    models = verb.add_parser("models", help="list the graphs that have a short name")
    models.set_defaults(run=verbs.models)
    examples.explain(parser)
    return parser


def _estimate(verb: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verb.add_parser(
        "estimate",
        help="what a network costs on a device, layer by layer",
        description="Latency, energy and area of networks on devices. Several models or devices are put side by side.",
    )
    add_model_arguments(parser)
    group = parser.add_argument_group("the device")
    group.add_argument(
        "--device", metavar="NAME", action="append", default=[], help="shipped profile or YAML file (repeatable)"
    )
    add_device_arguments(group)
    group = parser.add_argument_group("the model of the device")
    group.add_argument(
        "--model",
        metavar="RUNG",
        help="roofline, cpu, systolic, gpu, row_stationary, mapping (default: the most detailed there is), or simulate: in simulated time",
    )
    group.add_argument(
        "--tiles", metavar="RUNG", help="with --model simulate: the model whose tiles run (default: as without)"
    )
    group.add_argument(
        "--units", choices=("byte", "bit"), default="byte", help="bit: HCM's roofline in operations per bit"
    )
    group.add_argument(
        "--keep-activations",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="let tensors that fit stay on chip between layers",
    )
    group.add_argument(
        "--algorithm", metavar="NAME", help="winograd_f2, winograd_f4 or strassen, where the device declares it"
    )
    group.add_argument("--algorithm-levels", metavar="N", type=int, default=1, help="levels of Strassen's (default 1)")
    add_search_arguments(parser)
    parser.add_argument(
        "--counting",
        choices=("exact", "timeloop"),
        default="exact",
        help="rules by which accesses are counted (default exact)",
    )
    add_limit_arguments(parser)
    add_output_arguments(parser, "markdown", "parquet")
    parser.add_argument(
        "--top", metavar="N", type=int, default=None, help="layers to show (default 15; all are summed)"
    )
    parser.add_argument(
        "--wide", action="store_true", help="more columns: shapes' energy, traffic, intensity, gap, a bar for the share"
    )
    parser.add_argument("--no-color", action="store_true", help="no colours on a terminal (NO_COLOR does the same)")
    parser.add_argument(
        "--annotate", metavar="OUT.onnx", help="write the model with each node's results in its metadata, for Netron"
    )
    parser.set_defaults(run=verbs.estimate)


def _complexity(verb: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verb.add_parser(
        "complexity",
        help="MACs, parameters, bit operations and memory, without a device",
        description="What a network asks for, whatever runs it. 1 MAC is 2 operations; HCM counts k·k+1 for a k×k kernel.",
    )
    add_model_arguments(parser)
    parser.add_argument(
        "--bops-convention", choices=("hcm", "product"), default="hcm", help="how bit operations are counted"
    )
    add_output_arguments(parser)
    parser.add_argument("--top", metavar="N", type=int, default=15, help="layers to show (default 15)")
    parser.set_defaults(run=verbs.complexity)


def _devices(verb: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    listing = verb.add_parser("devices", help="list the device profiles")
    listing.add_argument("--format", choices=("table", "json"), default="table")
    listing.set_defaults(run=verbs.devices)
    parser = verb.add_parser("device", help="show, check or describe device profiles")
    what = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    show = what.add_parser("show", help="print a resolved profile with the source of every number")
    show.add_argument("name", metavar="NAME")
    add_device_arguments(show)
    show.set_defaults(run=verbs.device_show)
    bits = what.add_parser(
        "bits",
        help="peak by the widths of weights and activations",
        description="What a device reaches with integers of each width: wider hardware runs narrower ones at its own rate, an array of "
        "several precisions at that of the next wider, a bit-serial one as many times faster as they are narrower.",
        epilog="example:\n  hwsim device bits unpu t4",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bits.add_argument("names", metavar="NAME", nargs="+", help="shipped profile or YAML file")
    add_device_arguments(bits)
    add_output_arguments(bits)
    bits.set_defaults(run=verbs.device_bits)
    check = what.add_parser("check", help="validate profile files")
    check.add_argument("files", metavar="FILE", nargs="+")
    check.set_defaults(run=verbs.device_check)
    schema = what.add_parser("schema", help="print the JSON Schema of profiles, for editors")
    schema.set_defaults(run=verbs.device_schema)


def _area(verb: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verb.add_parser(
        "area",
        help="silicon area of a device by component, beside what was published",
        description="Area estimated from technology tables: MAC array, storage, network, vector unit, controllers and wiring.",
    )
    parser.add_argument("name", metavar="NAME", help="shipped profile or YAML file")
    add_device_arguments(parser)
    add_output_arguments(parser)
    parser.set_defaults(run=verbs.area)


def _map(verb: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verb.add_parser(
        "map",
        help="the best mapping of one layer, as a loop nest",
        description="Tile, order and spread one layer over a device's memories; with --mapping, price a mapping that you bring.",
    )
    add_model_arguments(parser)
    parser.add_argument("--layer", metavar="NAME", help="which layer (default: the one with most MACs)")
    group = parser.add_argument_group("the device")
    group.add_argument("--device", metavar="NAME", required=True, help="shipped profile or YAML file")
    add_device_arguments(group)
    add_search_arguments(parser)
    parser.add_argument(
        "--counting", choices=("exact", "timeloop"), default="exact", help="rules of counting (default exact)"
    )
    parser.add_argument("--mapping", metavar="FILE", help="price this mapping instead of searching")
    parser.add_argument("--save", metavar="FILE", help="write the mapping as YAML, to edit and bring back")
    add_answer_arguments(parser)
    parser.set_defaults(run=mapping_verbs.map_layer)


def _timeloop(verb: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verb.add_parser(
        "timeloop",
        help="run Timeloop's input files: cycles, energy, counts, or the best mapping",
        description=(
            "Reads problem, architecture and mapping or constraints in Timeloop's formats and answers in its rules. A file with a problem "
            "is one run; files without one (an architecture, constraints) are added to every run."
        ),
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="YAML in the flat or the v0.4 format")
    add_search_arguments(parser)
    add_answer_arguments(parser)
    parser.set_defaults(run=mapping_verbs.timeloop)
