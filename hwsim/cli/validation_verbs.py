"""``hwsim validate`` and ``calibrate``: their options, and what they do."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from hwsim.cli.arguments import (
    add_device_arguments,
    add_model_arguments,
    add_output_arguments,
    device,
    emit,
)
from hwsim.cli.measure_verb import own_benchmarks
from hwsim.cli.measured_networks import Reader, in_mode, names, progress
from hwsim.errors import UsageError

if TYPE_CHECKING:
    from hwsim.device import Device
    from hwsim.validation.calibration import Calibration
    from hwsim.validation.comparison import Comparison
    from hwsim.validation.join import Join
    from hwsim.validation.measured import Measurement

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

#: Bars of ``validate``: option, what it bounds, and whether the figure must stay below it.
_BARS = {
    "max_mape": ("mape", 0.01, "mean absolute error", "%"),
    "max_median_ape": ("median_ape", 0.01, "median absolute error", "%"),
    "min_within_10": ("within_10", 0.01, "share of rows within 10 %", "%"),
    "min_within_25": ("within_25", 0.01, "share of rows within 25 %", "%"),
    "min_spearman": ("spearman", 1.0, "rank correlation (Spearman)", ""),
    "max_total_error": ("total_error", 0.01, "error of the total", "%"),
}


def add_validate(verb: Verbs) -> None:
    """The parser of ``hwsim validate``."""
    parser = verb.add_parser(
        "validate",
        help="predictions beside measured data, and how wrong they are",
        description="Predict what was measured and compare. MEASURED is a CSV or JSON table of ours, or what onnxruntime, trtexec, "
        "PyTorch's profiler or Vela wrote. Exit code 1 where a bar is missed.",
    )
    add_model_arguments(parser)
    parser.add_argument("measured", metavar="MEASURED", help="the measured data, after the models")
    group = parser.add_argument_group("the device")
    group.add_argument("--device", metavar="NAME", required=True, help="shipped profile or YAML file")
    add_device_arguments(group)
    group.add_argument(
        "--model", metavar="RUNG", help="roofline, cpu, systolic, gpu or mapping (default: the most detailed there is)"
    )
    group = parser.add_argument_group("the comparison")
    group.add_argument(
        "--quantity",
        choices=("latency", "energy", "power", "traffic"),
        help="what to compare (default: what was measured)",
    )
    group.add_argument(
        "--clock-mhz", metavar="MHZ", type=float, help="clock of a file that gives cycles (default: the device's)"
    )
    group.add_argument("--fastest", action="store_true", help="compare with the fastest run of each row, where known")
    for name, (_, _, text, unit) in _BARS.items():
        bound = "at most" if name.startswith("max") else "at least"
        told = f"a bar: {text} {bound} X {unit}".rstrip().replace("%", "%%")
        group.add_argument(f"--{name.replace('_', '-')}", metavar="X", type=float, help=told)
    group.add_argument(
        "--seed", metavar="N", type=int, default=0, help="of the resampling behind the intervals (default 0)"
    )
    add_output_arguments(parser)
    parser.add_argument("--top", metavar="N", type=int, default=15, help="worst rows to show (default 15)")
    parser.add_argument(
        "--page", metavar="FILE", help="write a page with pictures for a browser (needs the extra report)"
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        action="append",
        default=[],
        help="draw error by class of work where the file's name starts with errors, else predicted against measured: "
        ".png, .svg, .pdf or .json",
    )
    parser.set_defaults(run=validate)


def validate(arguments: argparse.Namespace) -> int:
    """``hwsim validate``."""
    from hwsim.report import files, validation_tables
    from hwsim.report.pictures import checked, save_picture
    from hwsim.validation.cases import cases, check_modes
    from hwsim.validation.comparison import compare
    from hwsim.validation.measured import fastest
    from hwsim.validation.readers import read

    for path in arguments.plot:
        checked(path)
    chosen = device(arguments.device, arguments)
    clock = chosen.clock_hz if arguments.clock_mhz is None else arguments.clock_mhz * 1e6
    data = read(arguments.measured, clock_hz=clock)
    if arguments.fastest:
        data = fastest(data)
    found = cases(names(arguments), [data], Reader(arguments))
    check_modes(found, chosen)
    comparison = compare(
        found,
        lambda mode: in_mode(arguments, chosen, mode),
        rung=arguments.model,
        quantity=arguments.quantity,
        seed=arguments.seed,
    )
    if not comparison.entries:
        raise UsageError(f"{arguments.measured}: no row could be compared: {_why(comparison)}")
    if arguments.page:
        from hwsim.report.validation_page import page

        files.save(page(comparison), arguments.page)
    for path in arguments.plot:
        from hwsim.report import agreement

        errors = PurePath(path).name.startswith("errors")
        save_picture((agreement.errors if errors else agreement.agreement)(comparison), path)
    if arguments.format == "json":
        emit(arguments, files.json_text([comparison.to_dict()]))
    elif arguments.format == "csv":
        emit(arguments, files.csv_text(comparison.to_rows()))
    else:
        emit(arguments, validation_tables.comparison_text(comparison, arguments.top))
    for note in data.notes:
        print(f"note: {arguments.measured}: {note}", file=sys.stderr)
    missed = _missed(arguments, comparison)
    for line in missed:
        print(line, file=sys.stderr)
    return 1 if missed else 0


def add_calibrate(verb: Verbs) -> None:
    """The parser of ``hwsim calibrate``."""
    parser = verb.add_parser(
        "calibrate",
        help="fit constants of a profile to measured data",
        description="Fit efficiencies, bandwidths, vector rates and overheads to measured latencies and write a profile that extends the "
        "original. The error of rows held out is always given. Exit code 1 where it is worse than that of the profile as it was.",
    )
    add_model_arguments(parser)
    group = parser.add_argument_group("the data")
    group.add_argument(
        "--measured",
        metavar="FILE",
        action="append",
        default=[],
        help="measured data (repeatable; as many as models where rows name none)",
    )
    group.add_argument(
        "--clock-mhz", metavar="MHZ", type=float, help="clock of files that give cycles (default: the device's)"
    )
    group.add_argument(
        "--from-measure",
        action="store_true",
        help="measure this CPU by micro-benchmarks (needs onnxruntime) and fit to them too",
    )
    group.add_argument("--fastest", action="store_true", help="fit to the fastest run of each row, where known")
    group.add_argument("--threads", metavar="N", type=int, default=1, help="cores to measure with (default 1)")
    group = parser.add_argument_group("the device")
    group.add_argument("--device", metavar="NAME", required=True, help="shipped profile or YAML file to start from")
    add_device_arguments(group)
    group.add_argument(
        "--model",
        metavar="RUNG",
        help="roofline, cpu, gpu or systolic (default: the most detailed of them that the profile supports)",
    )
    group = parser.add_argument_group("the fit")
    group.add_argument(
        "--fit", metavar="KEY", action="append", default=[], help="fit only this key of the profile (repeatable)"
    )
    group.add_argument(
        "--fit-padding",
        action="store_true",
        help="also try multiples to which K and C are filled up (ten times as long)",
    )
    group.add_argument(
        "--hold-out",
        choices=("model", "layer", "mode"),
        help="what is left out at a time (default: model where there are several)",
    )
    group.add_argument(
        "--samples", metavar="N", type=int, default=100, help="of the bootstrap behind the intervals (default 100)"
    )
    group.add_argument("--seed", metavar="N", type=int, default=0, help="of everything random (default 0)")
    group = parser.add_argument_group("the answer")
    group.add_argument("--output", metavar="FILE", help="profile to write (default: show only what was found)")
    group.add_argument("--format", choices=("table", "json"), default="table")
    parser.set_defaults(run=calibrate)


def calibrate(arguments: argparse.Namespace) -> int:
    """``hwsim calibrate``."""
    from hwsim.device import load
    from hwsim.validation.calibration import calibrate as fit
    from hwsim.validation.cases import Cases, cases, check_modes
    from hwsim.validation.comparison import joins_of
    from hwsim.validation.energies import calibrate_energies, has_energies, has_latencies
    from hwsim.validation.machine import machine
    from hwsim.validation.measured import fastest
    from hwsim.validation.padding import calibrate_padding
    from hwsim.validation.readers import read

    if not arguments.measured and not arguments.from_measure:
        raise UsageError("no measured data given: --measured FILE, or --from-measure for this machine's CPU")
    if arguments.set or arguments.technology:
        raise UsageError(
            "--set and --technology change a profile on the way: write them into a file that extends it, and calibrate that"
        )
    chosen = device(arguments.device, arguments)
    if arguments.output:
        _check_output(Path(arguments.output), arguments.device)
    clock = chosen.clock_hz if arguments.clock_mhz is None else arguments.clock_mhz * 1e6
    data = [read(path, clock_hz=clock) for path in arguments.measured]
    if arguments.fastest:
        data = [fastest(item) for item in data]
    found = cases(names(arguments), data, Reader(arguments)) if data else Cases(())
    check_modes(found, chosen)
    matched = joins_of(found), found.strays  # of the files: micro-benchmarks of our own all find their layers
    if arguments.from_measure:
        own = own_benchmarks(arguments.threads)
        read_off = machine([case for case, _ in own], lambda given: load(arguments.device, given), progress=progress)
        for note in read_off.notes:
            print(f"note: {note}", file=sys.stderr)
        arguments.set = [*read_off.overrides]
        chosen = device(arguments.device, arguments)
        found = Cases((*found.cases, *(case for case, _ in own)), found.strays)
        data += [measured for _, measured in own]
    of_mode = functools.partial(in_mode, arguments, chosen)
    sources = [(item.path, item.sha256) for item in data]
    energies = None
    if has_energies(found):
        energies = calibrate_energies(
            found,
            of_mode,
            rung=arguments.model,
            hold_out=arguments.hold_out,
            samples=arguments.samples,
            seed=arguments.seed,
            data=sources,
        )
    if energies is not None and not has_latencies(found):
        return _answer(arguments, chosen, energies, None, matched)
    calibration = (calibrate_padding if arguments.fit_padding else fit)(
        found,
        of_mode,
        rung=arguments.model,
        only=tuple(arguments.fit),
        # of micro-benchmarks each is the only one of its kind: left out as a whole, nothing would say what it attains
        hold_out=arguments.hold_out or ("layer" if not arguments.measured else None),
        samples=arguments.samples,
        seed=arguments.seed,
        data=sources,
        progress=progress,
    )
    return _answer(arguments, chosen, calibration, energies, matched)


def _check_output(path: Path, name: str) -> None:
    """Raises UsageError, before anything is fitted, for a place where the profile cannot be written, or would extend itself."""
    from hwsim.device.library import find
    from hwsim.device.tree import chain

    if path.is_dir():
        raise UsageError(f"--output {path}: is a folder; name a file")
    if path.resolve() in {file.resolve() for file in chain(find(name))}:
        raise UsageError(
            f"--output {path}: {name} is this file or extends it, and what is written extends {name}: name another file"
        )


def _answer(
    arguments: argparse.Namespace,
    chosen: Device,
    calibration: Calibration,
    energies: Calibration | None,
    matched: tuple[Mapping[str, Join], Sequence[tuple[Measurement, str]]],
) -> int:
    """Print and write what was fitted: of times, or of energies alone, or of both; and which rows found no layer."""
    from hwsim.report import files, validation_tables
    from hwsim.validation.comparison import joins_record
    from hwsim.validation.profile import profile_text, verdict

    both = [calibration, *([energies] if energies is not None else [])]
    if arguments.format == "json":
        print(files.json_text([item.to_dict() | joins_record(*matched) for item in both]))
    else:
        texts = [validation_tables.calibration_text(item) for item in both]
        rows = "\n".join(validation_tables.joins_lines(*matched, left="not fitted to"))
        print("\n\n".join([*texts, rows] if rows else texts))
    if arguments.output:
        text = profile_text(calibration, chosen, arguments.output, energies, arguments.set)
        files.save(text, arguments.output)
        print(
            f"{arguments.output}: written; use it with --device {arguments.output} --model {calibration.rung}",
            file=sys.stderr,
        )
    worse = [item for item in both if item.worse]
    for item in worse:
        print(f"worse: {verdict(item)}", file=sys.stderr)
    return 1 if worse else 0


def _missed(arguments: argparse.Namespace, comparison: Comparison) -> list[str]:
    """The bars that the comparison misses, in words; a statistic that there is none of misses its bar."""
    lines = []
    for name, (key, scale, text, unit) in _BARS.items():
        bar = getattr(arguments, name)
        if bar is None:
            continue
        figure = getattr(comparison.statistics, key)
        if figure.value is None:
            lines.append(f"missed: {text}: {figure.reason}")
            continue
        value = abs(figure.value) / scale if name == "max_total_error" else figure.value / scale
        if value > bar if name.startswith("max") else value < bar:
            bound = "above" if name.startswith("max") else "below"
            lines.append(f"missed: {text} is {value:.3g} {unit}".rstrip() + f", {bound} {bar:g} {unit}".rstrip())
    return lines


def _why(comparison: Comparison) -> str:
    reasons = [reason for join in comparison.joins.values() for _, reason in join.strays]
    reasons += [reason for _, reason in comparison.strays]
    return reasons[0] if reasons else f"none gives {comparison.quantity}, or the profile cannot predict it"
