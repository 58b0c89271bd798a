"""Arguments that several verbs share, and the values they hold."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from hwsim.errors import UsageError

if TYPE_CHECKING:
    from hwsim.device import Device
    from hwsim.estimation import Prepared
    from hwsim.graph import Network

#: Option, field of the totals that it limits, unit.
_LIMITS = (
    ("--max-power-w", "average_power_w", "W"),
    ("--max-energy-j", "energy_j", "J"),
    ("--max-latency-s", "latency_s", "s"),
    ("--max-area-mm2", "area_mm2", "mm2"),
)
#: Formats that a file's name tells.
_SUFFIXES = {".json": "json", ".csv": "csv", ".parquet": "parquet"}
PASS_NAMES = ("batch_norm", "quantization", "elementwise")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL and everything that says how to read it."""
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="*",
        help="ONNX file, layer CSV, or the short name of a graph (see 'hwsim models')",
    )
    group = parser.add_argument_group("the network")
    group.add_argument(
        "--gemm", metavar="M,N,K", action="append", default=[], help="a matrix product instead of a file"
    )
    group.add_argument(
        "--conv", metavar="N,C,H,W,K,R,S,STRIDE", action="append", default=[], help="a convolution instead of a file"
    )
    group.add_argument("--batch", metavar="N", type=positive, help="bind the leading dim of every input (default 1)")
    group.add_argument("--dim", metavar="NAME=VALUE", action="append", default=[], help="bind a symbolic dim")
    group.add_argument(
        "--shape", metavar="INPUT=1x3x640x640", action="append", default=[], help="set the shape of an input"
    )
    group.add_argument(
        "--trips", metavar="NODE=N", action="append", default=[], help="trip count of a Loop that the file hides"
    )
    group.add_argument("--bits", metavar="SPEC", help="operand bits: w8a8, fp16, or by layer: conv1=w8a8,*=w4a8")
    group.add_argument(
        "--density",
        metavar="NAME=SHARE",
        action="append",
        default=[],
        help="share of nonzero elements of all weights, all activations, or a tensor: weight=0.4, or weight=counted from the file",
    )
    group.add_argument(
        "--sparsity",
        choices=("from-weights",),
        help="count the zeros of the weights that the file holds: the same as --density weight=counted",
    )
    group.add_argument(
        "--no-fold",
        metavar="PASS",
        action="append",
        default=[],
        choices=(*PASS_NAMES, "all"),
        help=f"leave out a pass: {', '.join(PASS_NAMES)}, or all",
    )


def add_device_arguments(group: argparse._ActionsContainer) -> None:
    """What changes a profile on the way."""
    group.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="override a number: --set clock_mhz=100"
    )
    group.add_argument(
        "--technology", metavar="NODE", help="estimate the energies that the profile lacks, at a node like 28nm"
    )
    group.add_argument(
        "--family", metavar="NAME", help="technology tables to use: horowitz, aladdin or hcm (default: the profile's)"
    )


def device(name: str, arguments: argparse.Namespace) -> Device:
    """The profile of that name with --set and --technology applied."""
    from hwsim.device import load

    found = load(name, arguments.set)
    if arguments.technology:
        from hwsim.cost.fill import with_technology
        from hwsim.device.technology import parse_node

        found = with_technology(found, parse_node(arguments.technology), arguments.family or "")
    elif arguments.family:
        raise UsageError("--family chooses among technology tables: give --technology NODE too")
    return found


def add_limit_arguments(parser: argparse.ArgumentParser) -> None:
    """Limits on the totals."""
    group = parser.add_argument_group(
        "limits (exit code 1 where one is missed; power caps of the profile hold as well)"
    )
    for option, _, unit in _LIMITS:
        what = option.removeprefix("--max-").rpartition("-")[0]
        group.add_argument(option, metavar=unit, type=above_zero, help=f"largest {what} [{unit}]")


def limits(arguments: argparse.Namespace) -> dict[str, float]:
    """The limits that the command line sets, by field of the totals."""
    given = {name: getattr(arguments, option.removeprefix("--").replace("-", "_")) for option, name, _ in _LIMITS}
    return {name: most for name, most in given.items() if most is not None}


def add_search_arguments(parser: argparse.ArgumentParser) -> None:
    """What the mapping search minimizes, how it counts, how long it may take."""
    group = parser.add_argument_group("the search for mappings (--model mapping)")
    group.add_argument(
        "--objective", choices=("edp", "energy", "latency"), help="default: EDP, or latency without energies"
    )
    group.add_argument(
        "--search",
        choices=("full", "quick"),
        default="full",
        help="quick: good mappings in hundredths of a second, with wider gaps (default full)",
    )
    group.add_argument(
        "--search-seconds",
        metavar="S",
        type=above_zero,
        help="time limit of one search (default: a fixed amount of work)",
    )
    group.add_argument("--no-cache", action="store_true", help="neither read nor keep search results on disk")


def add_output_arguments(parser: argparse.ArgumentParser, *more: str) -> None:
    """--format and --output in a group of their own; more : formats beside table, json and csv."""
    add_answer_arguments(parser.add_argument_group("the answer"), "csv", *more)


def add_answer_arguments(group: argparse._ActionsContainer, *more: str) -> None:
    """--format and --output; more : formats beside table and json."""
    formats = ("table", "json", *more)
    group.set_defaults(formats=formats)
    by_name = [suffix for suffix, name in _SUFFIXES.items() if name in formats]
    group.add_argument(
        "--format", choices=formats, help=f"default: what --output's name ends in ({', '.join(by_name)}), else table"
    )
    group.add_argument("--output", metavar="FILE", help="write there instead of printing")


def settle_format(arguments: argparse.Namespace) -> None:
    """Choose the format where none was given, by the suffix of the file; raises UsageError for one that the command does not write."""
    formats = getattr(arguments, "formats", ())
    if not formats or arguments.format is not None:
        return
    suffix = PurePath(arguments.output or "").suffix.lower()
    arguments.format = _SUFFIXES.get(suffix, "table")
    if arguments.format not in formats:
        raise UsageError(
            f"--output {arguments.output}: this command does not write {suffix}: "
            f"name the file otherwise, or choose --format {' or '.join(formats)}"
        )


def emit(arguments: argparse.Namespace, text: str) -> None:
    """Print the answer, or save it where --output says."""
    if arguments.output:
        from hwsim.report.files import save

        save(text, arguments.output)
    else:
        print(text)


def prepared_models(arguments: argparse.Namespace) -> list[Prepared]:
    """Every network that the command line names, read and lowered; raises UsageError where it names none."""
    from hwsim.estimation import prepare

    passes = () if "all" in arguments.no_fold else tuple(name for name in PASS_NAMES if name not in arguments.no_fold)
    densities = dict(_pairs("--density", arguments.density))
    counted = densities.get("weight") == "counted" and bool(densities.pop("weight"))
    counted = counted or getattr(arguments, "sparsity", None) == "from-weights"
    chosen: dict[str, Any] = {
        "bits": arguments.bits,
        "density": {name: _share(name, text) for name, text in densities.items()},
        "passes": passes,
    }
    found = [prepare(model, **binding(arguments), **chosen, count_zeros=counted) for model in arguments.models]
    found += [prepare(network, **chosen) for network in _given(arguments)]
    if not found:
        raise UsageError("no model given: name an ONNX file, a layer CSV, --gemm M,N,K or --conv N,C,H,W,K,R,S,STRIDE")
    return found


def binding(arguments: argparse.Namespace) -> dict[str, Any]:
    """How to read a model: what --batch, --dim, --shape and --trips bind."""
    return {
        "batch": arguments.batch,
        "dims": {name: _count(name, value) for name, value in _pairs("--dim", arguments.dim).items()},
        "shapes": {name: _shape(name, value) for name, value in _pairs("--shape", arguments.shape).items()},
        "trips": {name: _count(name, value) for name, value in _pairs("--trips", arguments.trips).items()},
    }


def _given(arguments: argparse.Namespace) -> list[Network]:
    if not arguments.gemm and not arguments.conv:
        return []
    from hwsim.graph.build import conv, gemm

    return [gemm(text) for text in arguments.gemm] + [conv(text) for text in arguments.conv]


def above_zero(text: str) -> float:
    """A number above 0, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    if re.fullmatch(r"0*[1-9]\d{9,}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is more than 999999999, the most that is taken")
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _pairs(option: str, texts: Sequence[str]) -> Mapping[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals or not name or not value:
            raise UsageError(f"{option} {text}: expected NAME=VALUE")
        pairs[name] = value
    return pairs


def _count(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,15}", text) or int(text) < 1:
        raise UsageError(f"{name}={text}: expected a whole number of at least 1")
    return int(text)


def _share(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--density {name}={text}: expected a share from 0 to 1") from None


def _shape(name: str, text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d{1,15}([x,]\d{1,15})*", text):
        raise UsageError(f"--shape {name}={text}: expected extents joined by x, as in {name}=1x3x224x224")
    return tuple(_count(name, extent) for extent in re.split("[x,]", text))
