"""Mutation testing: ``python -m tests.mutation COVERAGE RESULTS --mutants 500`` (``pip install cosmic-ray coverage``).

Mutants are cosmic-ray's, drawn evenly over rooms and, within a room, evenly over the places that can be changed; one operator is drawn for
each place. Type annotations and the flags of decorators are left out, as nothing runs there. The JIT is off, so that kernels are what
their text says. A mutant meets the tests that cover its lines, quickest first, as COVERAGE has it, the data of runs of the tests,

    NUMBA_DISABLE_JIT=1 COVERAGE_FILE=FOLDER/data coverage run -p --branch --source=hwsim -m pytest --junitxml=FOLDER/all.xml

(then COVERAGE is ``FOLDER/data``). Tests that fail without a change are left out: those that did in these runs, and one that is the first
to kill is asked without a change before it is believed. Nothing on disk is changed, and nothing is imported twice: a mutant is a fork of
a process that has imported everything, in which one function gets other code. What runs as a module is imported is imported anew.
RESULTS gets a JSON line for each mutant; a second run goes on. ``--again TEST...`` asks more tests about those not yet killed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import gc
import importlib.abc
import importlib.util
import json
import os
import pkgutil
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
ROOMS = ("counts", "kernels", "cost", "mapping", "workload", "device", "validation")
#: What the tests of one mutant may take together, as they took in the baseline [s]; and the memory of one [B].
LONGEST_S, MEMORY = 30.0, 6 << 30


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
    killer: str = ""


@dataclass(frozen=True)
class Covering:
    """Which tests run a line, by module and line; what each test takes [s]; and the lines that run as a module is imported."""

    tests: Mapping[str, Mapping[int, set[str]]]
    seconds: dict[str, float]
    imported: Mapping[str, set[int]]


def main() -> int:
    """Returns 1 where fewer than nine of ten mutants are killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("coverage", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--mutants", type=int, default=500)
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS), choices=ROOMS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--again", nargs="*", metavar="TEST", help="ask these too (tests.cost.test_gpu.test_name) about survivors"
    )
    arguments = parser.parse_args()
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    covering = _covering(arguments.coverage)
    done = _results(arguments.results)
    if arguments.again is None:
        each = -(-arguments.mutants // len(arguments.rooms))
        left = [mutant for mutant in _drawn(arguments.rooms, each, arguments.seed) if _key(asdict(mutant)) not in done]
    else:
        left = [Mutant(**row) for row in done.values() if not _dead(row)]
    _warm([*covering.seconds, *(arguments.again or ())])
    trusted: dict[str, bool] = {}
    for mutant in left:
        found = asdict(_tried(mutant, covering, trusted, arguments.again or ()))
        done[_key(found)] = found
        with arguments.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
    return _summary(list(done.values()))


def _results(path: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Rows of a file by mutant; the last one of a mutant counts."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return {_key(row): row for row in rows}


def _key(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["module"], row["operator"], row["occurrence"]


def _dead(row: Mapping[str, Any]) -> bool:
    return row["outcome"] in ("killed", "timeout")


def _summary(rows: Sequence[Mapping[str, Any]]) -> int:
    for room in dict.fromkeys(row["room"] for row in rows):
        outcomes = Counter(row["outcome"] for row in rows if row["room"] == room)
        share = sum(_dead(row) for row in rows if row["room"] == room) / sum(outcomes.values())
        print(f"{room}: {share:.1%} killed", dict(outcomes))
    share = sum(map(_dead, rows)) / len(rows) if rows else 0.0
    print(f"{len(rows)} mutants, {share:.1%} killed")
    for row in rows:
        if not _dead(row):
            print(f"{row['outcome']}: {row['module']}:{row['line']}: {row['change']}")
    return int(share < 0.9)


def _covering(data: Path) -> Covering:
    from coverage import CoverageData

    seconds: dict[str, float] = defaultdict(float)
    broken: set[str] = set()
    for report in data.parent.glob("*.xml"):
        for case in ElementTree.parse(report).iter("testcase"):
            seconds[_name(case)] += float(case.get("time") or 0)
            broken |= {_name(case)} if _broken(case) else set()
    for name in broken:  # what fails without a change would kill every mutant
        print(f"left out, as it fails without any change: {name}", file=sys.stderr)
        del seconds[name]
    tests: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    imported: dict[str, set[int]] = defaultdict(set)
    for part in [data] if data.is_file() else sorted(data.parent.glob(f"{data.name}.*")):
        kept = CoverageData(basename=str(part))
        kept.read()
        for file in kept.measured_files():
            module = f"hwsim/{file.partition('/hwsim/')[2]}"
            for line, contexts in kept.contexts_by_lineno(file).items():
                tests[module][line] |= {context for context in contexts if context in seconds}
                if "" in contexts:
                    imported[module].add(line)
    return Covering(tests, seconds, imported)


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
        by_room.append([_one_of(places[place], generator) for place in chosen])
    return [mutant for row in zip(*by_room, strict=False) for mutant in row]


def _one_of(mutants: list[Mutant], generator: random.Random) -> Mutant:
    """One change of a place that is still Python: some put an operator where a keyword-only mark or an unpacking was."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import MutationVisitor

    generator.shuffle(mutants)
    source = (ROOT / mutants[0].module).read_text(encoding="utf-8")
    for mutant in mutants:
        changed = MutationVisitor.mutate_code(source, plugins.get_operator(mutant.operator)(), mutant.occurrence)
        with contextlib.suppress(SyntaxError):
            compile(changed, mutant.module, "exec", dont_inherit=True)
            return mutant
    return mutants[0]


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


def _warm(tests: Sequence[str]) -> None:
    """Import all of hwsim and the tests, so that forks need not; properties that fail are not made smaller."""
    import hypothesis
    import pytest  # noqa: F401

    importlib.import_module("tests.conftest")

    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutants", hypothesis.settings.get_profile("fixed"), phases=phases)
    hypothesis.settings.load_profile("mutants")
    import hwsim

    for found in pkgutil.walk_packages(hwsim.__path__, "hwsim."):
        if not found.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # an extra that is not installed
                importlib.import_module(found.name)
    for name in sorted({test.rpartition(".")[0] for test in tests}):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _tried(mutant: Mutant, covering: Covering, trusted: dict[str, bool], more: Sequence[str]) -> Mutant:
    from cosmic_ray import plugins
    from cosmic_ray.mutating import MutationVisitor

    source = (ROOT / mutant.module).read_text(encoding="utf-8")
    changed = MutationVisitor.mutate_code(source, plugins.get_operator(mutant.operator)(), mutant.occurrence)
    change = f"{source.splitlines()[mutant.line - 1].strip()} -> {_difference(source, changed)}"
    lines = covering.tests.get(mutant.module, {})
    tests = set().union(*(lines.get(line, set()) for line in range(mutant.line, mutant.last + 1)))
    if not _inside_a_function(source, mutant.line):  # whichever test was the first to import the module has its lines
        tests = set().union(*lines.values())  # it runs as the module is imported, and may show anywhere
        tests |= {name for name in covering.seconds if name.startswith(f"tests.{mutant.room}.")}
    start, (chosen, total) = time.perf_counter(), _chosen(tests, covering.seconds, more)
    while True:
        outcome, killer = _run(mutant, changed, chosen, 10 + 4 * total, covering) if chosen else ("uncovered", "")
        if not killer or trusted.setdefault(
            killer, _run(None, "", [killer], 60 + 4 * total, covering)[0] == "survived"
        ):
            break
        print(f"left out, as it fails without any change: {killer}", file=sys.stderr)
        chosen.remove(killer)
        covering.seconds.pop(killer, None)
    spent = round(time.perf_counter() - start, 1)
    found = {"change": change, "outcome": outcome, "tests": len(chosen), "seconds": spent, "killer": killer}
    return Mutant(**{**asdict(mutant), **found})


def _inside_a_function(source: str, line: int) -> bool:
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return any(node.body[0].lineno <= line <= (node.end_lineno or 0) for node in functions)


def _chosen(tests: set[str], seconds: Mapping[str, float], more: Sequence[str]) -> tuple[list[str], float]:
    """The quickest that fit, and what they take together [s]."""
    chosen, total = list(more), 5.0 * bool(more)
    for name in sorted((name for name in tests if name in seconds), key=lambda name: seconds[name]):
        if total + seconds[name] <= LONGEST_S or not chosen:
            chosen.append(name)
            total += seconds[name]
    return chosen, total


def _difference(before: str, after: str) -> str:
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((new.strip() for old, new in pairs if old != new), "(a line less)")


def _run(mutant: Mutant | None, source: str, tests: Sequence[str], limit: float, covering: Covering) -> tuple[str, str]:
    """The outcome and which test killed, of a mutant or (None) of what is there; limit : of CPU [s]."""
    folder = tempfile.mkdtemp(prefix="mutant-")
    child = os.fork()
    if child == 0:
        code = 9
        try:
            code = _child(mutant, source, tests, limit, covering, Path(folder))
        finally:
            os._exit(code)
    end, status = time.monotonic() + 20 * limit, None
    while status is None and time.monotonic() < end:
        done, found = os.waitpid(child, os.WNOHANG)
        status = found if done else time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    killer = (Path(folder) / "killer").read_text() if (Path(folder) / "killer").exists() else ""
    shutil.rmtree(folder, ignore_errors=True)
    if status is None or os.WIFSIGNALED(status):
        return "timeout", ""
    return {0: "survived", 1: "killed", 2: "killed"}.get(os.waitstatus_to_exitcode(status), "not run"), killer


def _child(
    mutant: Mutant | None, source: str, tests: Sequence[str], limit: float, covering: Covering, folder: Path
) -> int:
    import pytest

    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 1))
    os.environ["HWSIM_CACHE_DIR"] = str(folder / "cache")  # what a mutant finds is no answer for the next
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silent, stream)
    sys.dont_write_bytecode = True
    if mutant is not None and not _exchanged(mutant, source, covering):
        try:
            _imported_anew(mutant, source, tests)
        except BaseException:
            return 1

    class Killer:
        @staticmethod
        def pytest_runtest_logreport(report: pytest.TestReport) -> None:
            if report.failed:
                name = report.nodeid.partition("[")[0].replace(".py::", ".").replace("/", ".")
                (folder / "killer").write_text(name)

    ids = [f"{test.rpartition('.')[0].replace('.', '/')}.py::{test.rpartition('.')[2]}" for test in tests]
    options = ["-x", "-q", "--assert=plain", "--hypothesis-profile=mutants", f"--basetemp={folder / 'tests'}"]
    unused = ("cacheprovider", "randomly", "xdist", "timeout", "benchmark")
    options += [part for name in unused for part in ("-p", f"no:{name}")]
    return int(pytest.main([*options, *ids], plugins=[Killer()]))


def _exchanged(mutant: Mutant, source: str, covering: Covering) -> bool:
    """Give the one function that differs its other code; False where more than a function differs, or where it has run already."""
    path = ROOT / mutant.module
    old = compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)
    pair = _differing(old, compile(source, str(path), "exec", dont_inherit=True))
    if pair is None:
        return False
    before, after = pair
    lines = {line for _, _, line in before.co_lines() if line} - {before.co_firstlineno}
    if lines & covering.imported.get(mutant.module, set()):
        return False
    gc.unfreeze()
    functions = [found for found in gc.get_objects() if isinstance(found, FunctionType) and found.__code__ == before]
    functions = [found for found in functions if found.__code__.co_filename == str(path)]
    for function in functions:
        function.__code__ = after
    return bool(functions)


def _differing(old: CodeType, new: CodeType) -> tuple[CodeType, CodeType] | None:
    """The outermost function that differs, if nothing else does."""
    if old.co_flags & 0x1:  # optimized: a function
        return (old, new) if old.co_freevars == new.co_freevars else None
    inner = [[part for part in code.co_consts if isinstance(part, CodeType)] for code in (old, new)]
    plain = [[part for part in code.co_consts if not isinstance(part, CodeType)] for code in (old, new)]
    if old.co_code != new.co_code or repr(plain[0]) != repr(plain[1]) or len(inner[0]) != len(inner[1]):
        return None
    pairs = [(one, other) for one, other in zip(*inner, strict=True) if one != other]
    return _differing(*pairs[0]) if len(pairs) == 1 else None


def _imported_anew(mutant: Mutant, source: str, tests: Sequence[str]) -> None:
    """Import hwsim, with the changed module in it, and the tests once more; raises what the change breaks there."""
    kept = ("tests", "tests.conftest", "tests.mutation")
    for name in [name for name in sys.modules if name.partition(".")[0] in ("hwsim", "tests") and name not in kept]:
        del sys.modules[name]
    name = mutant.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    sys.meta_path.insert(0, _Finder(name, source, ROOT / mutant.module))
    importlib.import_module(name)
    for module in sorted({test.rpartition(".")[0] for test in tests}):
        importlib.import_module(module)


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
