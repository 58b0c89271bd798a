"""The verb about studies: ``hwsim study run``, ``search``, ``front``, ``report``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hwsim.cli.arguments import add_answer_arguments, emit
from hwsim.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

Verbs = argparse._SubParsersAction


def add(verb: Verbs[argparse.ArgumentParser]) -> None:
    """``hwsim study`` and what it can do."""
    parser = verb.add_parser("study", help="many designs: sweeps, constraints, Pareto fronts, resumable")
    what = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    run = what.add_parser(
        "run",
        help="evaluate every design of a study file",
        description="Evaluates what the store does not hold yet, then shows the front. Interrupted or killed, the same command goes on.",
        epilog="example:\n  hwsim study run buffers.yaml --export buffers.csv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("file", metavar="FILE.yaml")
    run.add_argument(
        "--store", metavar="FILE", help="where results are kept (default: beside the study, ending in .sqlite)"
    )
    run.add_argument(
        "--threads", metavar="N", type=int, default=1, help="mapping searches at the same time (default 1)"
    )
    run.add_argument(
        "--scheduler", metavar="ADDRESS", default="", help="evaluate on the workers of a dask.distributed scheduler"
    )
    run.add_argument("--count", action="store_true", help="say how many designs there are, and stop")
    run.add_argument("--no-cache", action="store_true", help="neither read nor keep mapping searches on disk")
    _shown(run)
    run.set_defaults(run=study_run)
    search = what.add_parser(
        "search",
        help="look for the front of a space that is too large for run",
        description="Evaluates at most so many designs of a study file, chosen by NSGA-II (rooflines), by Optuna's TPE (designs that "
        "take long each), or all of them where that is cheaper, and says which. The same search goes on where it was.",
        epilog="example:\n  hwsim study search space.yaml --evaluations 2000 --seed 1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    search.add_argument("file", metavar="FILE.yaml")
    search.add_argument("--evaluations", metavar="N", type=int, default=500, help="most designs (default 500)")
    search.add_argument("--method", choices=("auto", "enumerate", "nsga2", "nsga3", "tpe", "random"), default="auto")
    search.add_argument("--seed", metavar="N", type=int, default=0, help="of everything random (default 0)")
    search.add_argument("--population", metavar="N", type=int, default=100, help="of NSGA (default 100)")
    search.add_argument(
        "--store", metavar="FILE", help="where results are kept (default: beside the study, ending in .search.sqlite)"
    )
    _shown(search)
    search.set_defaults(run=study_search)
    front = what.add_parser("front", help="the front of results that are there")
    front.add_argument("store", metavar="FILE.sqlite")
    _shown(front)
    front.set_defaults(run=study_front)
    report = what.add_parser(
        "report",
        help="a page with pictures of results that are there, for a browser",
        description="Pareto front, parallel coordinates, hypervolume over evaluations, and the designs as tables. Needs the extra report.",
        epilog="example:\n  hwsim study report buffers.sqlite -o buffers.html --plot pareto.svg",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument("store", metavar="FILE.sqlite")
    _objectives(report)
    report.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the page to write (default: beside the results, unless --plot is given)",
    )
    report.add_argument(
        "--plot",
        metavar="FILE",
        action="append",
        default=[],
        help="write one picture, named by what it shows: pareto, parameters, hypervolume with .png, .svg, .pdf or .json",
    )
    report.set_defaults(run=study_report)


def _objectives(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--objective",
        metavar="TOTAL",
        action="append",
        default=[],
        help="a total to minimize; --objective=-TOTAL maximizes it (repeatable; default: those of the study)",
    )


def _shown(parser: argparse.ArgumentParser) -> None:
    _objectives(parser)
    parser.add_argument("--by", metavar="AXIS", default="", help="one front for each value of an axis")
    parser.add_argument("--top", metavar="N", type=int, default=20, help="designs to show (default 20)")
    parser.add_argument("--export", metavar="FILE", help="write all rows as .csv or .parquet")
    add_answer_arguments(parser)


def study_run(arguments: argparse.Namespace) -> int:
    """``hwsim study run``."""
    from pathlib import Path

    from hwsim.study.reading import read_study

    if arguments.threads < 1:
        raise UsageError("--threads: at least 1")
    study = read_study(arguments.file)
    store = Path(arguments.store or Path(arguments.file).with_suffix(".sqlite"))
    print(
        f"{study.name}: {study.space.cardinality:,} designs{' before filters and conditions' if study.space.pruned else ''}",
        file=sys.stderr,
    )
    if study.chosen:
        print(
            f"{study.name}: mappings by the quick search (base: {{search: full}} searches each in full)",
            file=sys.stderr,
        )
    if arguments.count:
        return 0
    arguments.interrupted = _kept(store)
    results = study.run(
        store, arguments.threads, _progress(), cache=not arguments.no_cache, scheduler=arguments.scheduler
    )
    _clear()
    return _answer(results, arguments)


def study_search(arguments: argparse.Namespace) -> int:
    """``hwsim study search``."""
    from pathlib import Path

    from hwsim.study.reading import read_study
    from hwsim.study.search import search

    if arguments.seed < 0:
        raise UsageError("--seed: at least 0")
    study = read_study(arguments.file)
    store = Path(arguments.store or Path(arguments.file).with_suffix(".search.sqlite"))
    arguments.interrupted = _kept(store)
    found = search(
        study,
        arguments.evaluations,
        seed=arguments.seed,
        method=arguments.method,
        store=store,
        population=arguments.population,
    )
    print(f"{study.name}: {found.said}; {found.evaluations:,} evaluated", file=sys.stderr)
    return _answer(found.results, arguments)


def _kept(store: Path) -> str:
    return f"interrupted: {store} keeps what is done; the same command goes on from there"


def study_front(arguments: argparse.Namespace) -> int:
    """``hwsim study front``."""
    from hwsim.study.study import opened

    return _answer(opened(arguments.store), arguments)


def study_report(arguments: argparse.Namespace) -> int:
    """``hwsim study report``."""
    from pathlib import Path

    from hwsim.report import study_charts
    from hwsim.report.charts import named
    from hwsim.report.files import save
    from hwsim.report.pictures import checked, save_picture
    from hwsim.report.study_page import page
    from hwsim.report.study_sheet import designs
    from hwsim.study.study import opened

    _check_objectives(arguments.objective)
    wanted = {path: named(path, study_charts.CHARTS) for path in arguments.plot}
    for path in wanted:
        checked(path)
    found = designs(opened(arguments.store), arguments.objective)
    for path, name in wanted.items():
        save_picture(study_charts.CHARTS[name](found), path)
        print(f"{path} written")
    if arguments.output or not wanted:
        target = arguments.output or str(Path(arguments.store).with_suffix(".html"))
        save(page(found), target)
        print(f"{target} written: open it in a browser")
    return 0


def _check_objectives(objectives: Sequence[str]) -> None:
    from hwsim.study.evaluation import TOTALS

    unknown = next((name for name in objectives if name.removeprefix("-") not in TOTALS), None)
    if unknown is not None:
        raise UsageError(f"--objective {unknown}: is no total ({', '.join(TOTALS)})")


def _answer(results: object, arguments: argparse.Namespace) -> int:
    from hwsim.report import files, study_tables
    from hwsim.study.study import Results

    assert isinstance(results, Results)
    _check_objectives(arguments.objective)
    if arguments.by and arguments.by not in results.names:
        raise UsageError(f"--by {arguments.by}: is no axis of this study ({', '.join(results.names)})")
    if arguments.export:
        results.export(arguments.export)
        print(f"{arguments.export} written", file=sys.stderr)
    front = results.front(arguments.objective, arguments.by)
    if arguments.format == "json":
        emit(arguments, files.json_text([{"schema": "hwsim/front/1", "front": front}]))
    else:
        emit(arguments, study_tables.front_text(results, arguments.objective, arguments.by, arguments.top))
    return 0 if front else 1


def _progress() -> Callable[[int, int], None] | None:
    """Done, rate and time left on one line of a terminal."""
    if not sys.stderr.isatty():
        return None
    start, first = time.perf_counter(), [-1]

    def show(done: int, total: int) -> None:
        if first[0] < 0:
            first[0] = done
        rate = (done - first[0]) / (time.perf_counter() - start + 1e-9)
        left = f", {(total - done) / rate:,.0f} s left" if rate else ""
        sys.stderr.write(f"\r\x1b[K{done:,} of {total:,} designs, {rate:,.0f}/s{left}")
        sys.stderr.flush()

    return show


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
