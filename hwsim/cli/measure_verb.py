"""``hwsim measure``, and the micro-benchmarks that ``calibrate --from-measure`` runs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from hwsim.cli.arguments import add_model_arguments, add_output_arguments, emit
from hwsim.cli.measured_networks import Reader, progress
from hwsim.errors import UsageError

if TYPE_CHECKING:
    from hwsim.validation.cases import Case
    from hwsim.validation.measured import Measured
    from hwsim.validation.measuring import Effort

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


#: How often all micro-benchmarks are run, with how many runs each, in how many seconds: others on the machine are not busy all the time.
_ROUNDS, _RUNS, _SECONDS = 3, 16, 3.0


def add_measure(verb: Verbs) -> None:
    """The parser of ``hwsim measure``."""
    parser = verb.add_parser(
        "measure",
        help="time networks on this machine's CPU with onnxruntime",
        description="Run networks with onnxruntime, pinned and warmed up, and write their latencies in the form that validate and "
        "calibrate read. onnxruntime EXECUTES the files: measure only files that you trust.",
    )
    add_model_arguments(parser)
    group = parser.add_argument_group("the measurement")
    group.add_argument("--threads", metavar="N", type=int, default=1, help="cores to use (default 1)")
    group.add_argument("--runs", metavar="N", type=int, default=50, help="runs of each network (default 50)")
    group.add_argument("--warm-up", metavar="N", type=int, default=5, help="runs before those (default 5)")
    group.add_argument(
        "--seconds", metavar="S", type=float, default=10.0, help="start no further run after so long (default 10)"
    )
    group.add_argument(
        "--random-weights", action="store_true", help="put random weights where the file keeps them outside"
    )
    add_output_arguments(parser)
    parser.set_defaults(run=measure_models)


def measure_models(arguments: argparse.Namespace) -> int:
    """``hwsim measure``."""
    from hwsim.report import files, validation_tables
    from hwsim.validation.measured import Measured
    from hwsim.validation.measuring import Effort
    from hwsim.validation.tables import to_json, to_rows

    if not arguments.models:
        raise UsageError("no model given: name the ONNX files to run")
    effort = Effort(arguments.threads, arguments.runs, arguments.warm_up, arguments.seconds)
    print("note: onnxruntime executes these files: measure only what you trust", file=sys.stderr)
    found = []
    for model in arguments.models:
        progress(f"measuring {model}")
        found.append(_measured(model, arguments, effort))
        _say(model, found[-1])
    rows = Measured(tuple(row for item in found for row in item.rows))
    if arguments.format == "json":
        emit(arguments, files.json_text([to_json(rows)]))
    elif arguments.format == "csv" or arguments.output:
        emit(arguments, files.csv_text(to_rows(rows)))
    else:
        print(validation_tables.measured_text(rows))
    if arguments.output:
        print(f"{arguments.output}: written", file=sys.stderr)
    return 0


def _measured(model: str, arguments: argparse.Namespace, effort: Effort) -> Measured:
    """One network run from its file, or from a copy with random weights."""
    import tempfile
    from pathlib import Path

    from hwsim.onnx_io import resolve
    from hwsim.validation.measuring import measure

    prepared = Reader(arguments)(model, None, None)
    path = resolve(model)
    if not arguments.random_weights:
        return measure(path, prepared, effort, model=Path(model).stem)
    from hwsim.onnx_io.generation import fill

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        fill(path, copy)
        return measure(copy, prepared, effort, model=Path(model).stem)


def own_benchmarks(threads: int) -> list[tuple[Case, Measured]]:
    """Micro-benchmarks of this CPU, measured now, some time apart, of which the fastest runs count.

    Only rows of the layers between begin and end: the whole of such a network is mostly its many inputs and outputs, which no real one has.
    """
    import hashlib
    import tempfile
    from dataclasses import replace
    from pathlib import Path

    from hwsim.estimation import prepare
    from hwsim.onnx_io.generation import write
    from hwsim.validation.cases import Case
    from hwsim.validation.measuring import Effort, measure, quietest
    from hwsim.validation.microbenchmarks import ENDS, FUSED, microbenchmarks

    networks = list(microbenchmarks())
    effort = Effort(threads=threads, runs=_RUNS, seconds=_SECONDS)
    rounds: dict[str, list[Measured]] = {}
    prepared = {net.name: prepare(net) if net.name == FUSED else prepare(net, passes=()) for net in networks}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(_ROUNDS):
            for place, network in enumerate(networks):
                done = turn * len(networks) + place + 1
                progress(f"measuring {network.name} ({done} of {_ROUNDS * len(networks)})")
                path = Path(folder) / f"{network.name}.onnx"
                if not turn:
                    write(network, path)
                rounds.setdefault(network.name, []).append(
                    measure(path, prepared[network.name], effort, model=network.name)
                )
    found = []
    for network in networks:
        whole = quietest(rounds[network.name])
        measured = replace(
            whole, rows=tuple(row for row in whole.rows if row.scope == "layer" and not row.name.startswith(ENDS))
        )
        digest = hashlib.sha256(repr(measured.rows).encode()).hexdigest()
        measured = replace(measured, path=network.name, sha256=digest)
        found.append((Case(network.name, prepared[network.name], measured.rows), measured))
    return found


def _say(name: str, measured: Measured) -> None:
    for note in measured.notes:
        print(f"note: {name}: {note}", file=sys.stderr)
