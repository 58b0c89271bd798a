"""Mutation testing: ``python -m tests.mutation COVERAGE RESULTS --mutants 500`` (``pip install cosmic-ray coverage``).

Mutants are cosmic-ray's, drawn evenly over rooms and, within a room, evenly over the places that can be changed; one operator is drawn for
each each place. Type annotations and the flags of decorators are left out, as nothing runs there. The JIT is off, so that kernels are what
their text says. A mutant meets the tests that cover its lines, quickest first, as COVERAGE has it, the data of runs of the tests,

    NUMBA_DISABLE_JIT=1 COVERAGE_FILE=FOLDER/data coverage run -p --branch --source=hwsim -m pytest --junitxml=FOLDER/all.xml

(then COVERAGE is ``FOLDER/data``), and those that fail without a change are left out. Nothing on disk is changed: a mutant is the source
that one process imports. RESULTS gets a JSON line for each mutant; a second run goes on.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
ROOMS = ("counts", "kernels", "cost", "mapping", "workload", "device", "validation")
#: CPU that the tests of one mutant may take together, as they took in the baseline [s]; and the memory of one [B].
LONGEST_S, MEMORY = 15.0, 6 << 30
#: Modules of the test run that every mutant would import again.
_PRELOADED = (
    "numpy",
    "numba",
    "onnx",
    "pydantic",
    "networkx",
    "hypothesis",
    "pytest",
    "yaml",
    "rich",
    "pandas",
    "scipy",
)


@dataclass(frozen=True)
class Mutant:
    """A change. line, last : of what is changed; outcome : killed, timeout, survived, or uncovered where no test runs the lines."""

    room: str
    module: str
    line: int
    last: int
    operator: str
    occurrence: int
    change: str = ""
    outcome: str = ""
    tests: int = 0
    seconds: float = 0.0


def main() -> int:
    """Returns 1 where fewer than nine of ten mutants are killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("coverage", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--mutants", type=int, default=500)
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS), choices=ROOMS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard", type=int, nargs=2, default=(0, 1), metavar=("NUMBER", "OF"))
    arguments = parser.parse_args()
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    for name in _PRELOADED:
        importlib.import_module(name)
    covering, seconds = _covering(arguments.coverage)
    done = (
        [json.loads(line) for line in arguments.results.read_text().splitlines()] if arguments.results.exists() else []
    )
    known = {(row["module"], row["operator"], row["occurrence"]) for row in done}
    drawn = _drawn(arguments.rooms, -(-arguments.mutants // len(arguments.rooms)), arguments.seed)
    for number, mutant in enumerate(drawn):
        if (
            number % arguments.shard[1] != arguments.shard[0]
            or (mutant.module, mutant.operator, mutant.occurrence) in known
        ):
            continue
        found = asdict(_tried(mutant, covering, seconds))
        done.append(found)
        with arguments.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
    return _summary(done)


def _summary(rows: Sequence[Mapping[str, Any]]) -> int:
    killed = {"killed", "timeout"}
    for room in dict.fromkeys(row["room"] for row in rows):
        outcomes = Counter(row["outcome"] for row in rows if row["room"] == room)
        share = sum(outcomes[name] for name in killed) / sum(outcomes.values())
        print(f"{room}: {share:.1%} killed", dict(outcomes))
    share = sum(row["outcome"] in killed for row in rows) / len(rows) if rows else 0.0
    print(f"{len(rows)} mutants, {share:.1%} killed")
    for row in rows:
        if row["outcome"] not in killed:
            print(f"{row['outcome']}: {row['module']}:{row['line']}: {row['change']}")
    return int(share < 0.9)


def _covering(data: Path) -> tuple[dict[str, dict[int, set[str]]], dict[str, float]]:
    """Tests by module and line, and what each test took [s]."""
    from coverage import CoverageData

    seconds: dict[str, float] = defaultdict(float)
    broken: set[str] = set()
    for report in data.parent.glob("*.xml"):
        for case in ElementTree.parse(report).iter("testcase"):
            seconds[_name(case)] += float(case.get("time") or 0)
            broken |= {_name(case)} if _broken(case) else set()
    for name in broken:  # the baseline: what fails without a change would kill every mutant
        print(f"left out, as it fails without any change: {name}", file=sys.stderr)
        del seconds[name]
    found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for part in [data] if data.is_file() else sorted(data.parent.glob(f"{data.name}.*")):
        kept = CoverageData(basename=str(part))
        kept.read()
        for file in kept.measured_files():
            module = file.partition("/hwsim/")[2]
            for line, contexts in kept.contexts_by_lineno(file).items():
                found[f"hwsim/{module}"][line] |= {context for context in contexts if context in seconds}
    return found, seconds


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname')}.{str(case.get('name')).partition('[')[0]}"


def _broken(case: ElementTree.Element) -> bool:
    return any(case.find(kind) is not None for kind in ("failure", "error"))


def _drawn(rooms: Sequence[str], each: int, seed: int) -> list[Mutant]:
    """So many mutants of each room, room by room in turn."""
    by_room = []
    for room in rooms:
        places: dict[tuple[str, Any], list[Mutant]] = defaultdict(list)
        for path in sorted((ROOT / "hwsim" / room).rglob("*.py")):
            for place, mutant in _mutants(room, path):
                places[mutant.module, place].append(mutant)
        generator = random.Random(f"{seed} {room}")
        chosen = generator.sample(sorted(places, key=str), min(each, len(places)))
        by_room.append([generator.choice(places[place]) for place in chosen])
    return [mutant for row in zip(*by_room, strict=False) for mutant in row]


def _mutants(room: str, path: Path) -> Iterator[tuple[Any, Mutant]]:
    from cosmic_ray import ast as trees
    from cosmic_ray import plugins

    module, source = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    idle = list(_idle(ast.parse(source)))

    class Positions(trees.Visitor):  # type: ignore[misc]
        def __init__(self, operator: Any) -> None:
            self.operator, self.found = operator, []  # type: ignore[var-annotated]

        def visit(self, node: Any) -> Any:
            self.found += list(self.operator.mutation_positions(node))
            return node

    tree = trees.get_ast(source)
    for name in plugins.operator_names():
        if any(part in name for part in ("ecorator", "Variable")):  # those of variables ask for which
            continue
        visitor = Positions(plugins.get_operator(name)())
        visitor.walk(tree)
        for occurrence, (start, end) in enumerate(visitor.found):
            if not any(first <= start and end <= last for first, last in idle):
                yield (start, end), Mutant(room, module, start[0], end[0], name, occurrence)


def _idle(tree: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Places that nothing runs: annotations, decorators, imports for types."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts += node.decorator_list
        if isinstance(node, ast.FunctionDef):
            parts.append(node.returns)
        if isinstance(node, ast.AnnAssign | ast.arg):
            parts.append(node.annotation)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            parts.append(node)
        for part in parts:
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno or 0, part.end_col_offset or 0)  # type: ignore[attr-defined]


def _tried(mutant: Mutant, covering: Mapping[str, Mapping[int, set[str]]], seconds: Mapping[str, float]) -> Mutant:
    from cosmic_ray import plugins
    from cosmic_ray.mutating import MutationVisitor

    source = (ROOT / mutant.module).read_text(encoding="utf-8")
    operator = plugins.get_operator(mutant.operator)()
    changed = MutationVisitor.mutate_code(source, operator, mutant.occurrence)
    lines = covering.get(mutant.module, {})
    tests = set().union(*(lines.get(line, set()) for line in range(mutant.line, mutant.last + 1)))
    if not tests:  # run as the module is imported, or never
        tests = set().union(*lines.values()) if mutant.line in lines else set()
    chosen, total = [], 0.0
    for name in sorted((name for name in tests if name in seconds), key=lambda name: seconds[name]):
        if total + seconds[name] <= LONGEST_S or not chosen:
            chosen.append(name)
            total += seconds[name]
    start = time.perf_counter()
    outcome = _run(mutant.module, changed, chosen, 30 + 6 * total) if chosen else "uncovered"
    spent = round(time.perf_counter() - start, 1)
    change = f"{source.splitlines()[mutant.line - 1].strip()} -> {_difference(source, changed)}"
    fields = {**asdict(mutant), "change": change, "outcome": outcome, "tests": len(chosen), "seconds": spent}
    return Mutant(**fields)


def _difference(before: str, after: str) -> str:
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((new.strip() for old, new in pairs if old != new), "(a line less)")


def _run(module: str, source: str, tests: Sequence[str], timeout: float, options: Sequence[str] = ("-x",)) -> str:
    child = os.fork()
    if child == 0:
        code = 9
        try:
            code = _child(module, source, tests, options)
        finally:
            os._exit(code)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def _child(module: str, source: str, tests: Sequence[str], options: Sequence[str]) -> int:
    import pytest

    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (900, 900))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    sys.meta_path.insert(0, _Finder(name, source, ROOT / module))
    sys.dont_write_bytecode = True
    ids = [f"{test.rpartition('.')[0].replace('.', '/')}.py::{test.rpartition('.')[2]}" for test in tests]
    return int(pytest.main([*options, "-q", "--assert=plain", "-p", "no:cacheprovider", "--hypothesis-seed=0", *ids]))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Imports one module from a changed source."""

    def __init__(self, name: str, source: str, path: Path) -> None:
        self._name, self._source, self._path = name, source, path

    def find_spec(self, name: str, path: object, target: ModuleType | None = None) -> Any:
        if name != self._name:
            return None
        inside = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, self._path, loader=self, submodule_search_locations=inside)

    def get_filename(self, _: str) -> str:
        return str(self._path)

    def get_data(self, _: str) -> bytes:
        return self._source.encode()


if __name__ == "__main__":
    sys.exit(main())
