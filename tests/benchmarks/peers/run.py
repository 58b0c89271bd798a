"""Run hwsim and each peer that PyPI carries on one network: ``python -m tests.benchmarks.peers.run FOLDER [--write]``.

Each peer gets a virtual environment of its own under FOLDER (kept, so a second run does not install again), asked as a whole process (the
median of three runs after a first one that compiles or caches) and inside a running process (asked again). Where a run takes more than
20 s, one run gives both. Times are CPU seconds, children included. What a peer could not do stands in the table in its own words.
``--write`` puts the table into README.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median

import onnx

import hwsim
from hwsim.onnx_io import resolve
from hwsim.onnx_io.generation import write as write_onnx
from tests.benchmarks.peers.runners import QUESTIONS, TAIL, Question

MODEL = "light_resnet50"
README = Path(__file__).resolve().parents[3] / "README.md"
BEGIN, END = "<!-- python -m tests.benchmarks.peers.run FOLDER --write -->", "<!-- end of speed -->"
_SLOW = 20.0


@dataclass(frozen=True)
class Result:
    """whole_s, inner_s : CPU seconds; answer : numbers by name; failed : why there is none, in the tool's words."""

    version: str
    whole_s: float | None = None
    inner_s: float | None = None
    answer: dict[str, float] | None = None
    failed: str = ""


class FailedError(Exception):
    """A tool did not answer; its last words."""


def run(command: list[str], folder: Path, limit: float) -> tuple[float, str]:
    """CPU seconds of a command and its children, and the last line that it printed; raises FailedError."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        raise FailedError(f"no answer within {limit:g} s") from None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise FailedError((done.stderr.strip().splitlines() or ["no message"])[-1][:200])
    lines = done.stdout.strip().splitlines()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, lines[-1] if lines else ""


def asked(whole: list[str], inner: list[str], folder: Path, limit: float, version: str) -> Result:
    """A tool as a whole process and inside of one."""
    try:
        first, line = run(whole, folder, limit)
        if first > _SLOW and whole[: len(inner)] == inner:
            told = json.loads(line)
            return Result(version, first, told["inner_s"], told["answer"])
        times = [run(whole, folder, limit)[0] for _ in range(1 if first > _SLOW else 3)]
        told = json.loads(run([*inner, "inner"], folder, 2 * limit)[1])
    except FailedError as reason:
        return Result(version, failed=str(reason))
    return Result(version, median(times), told["inner_s"], told["answer"])


def peer(question: Question, folder: Path, paths: list[str], limit: float, python: str) -> Result:
    """Install a peer and ask it."""
    home = folder / question.name
    inside = str(home / "bin" / "python")
    if not Path(inside).exists():
        subprocess.run([python, "-m", "venv", str(home)], check=True, capture_output=True)
    try:
        run([inside, "-m", "pip", "install", "--quiet", *question.packages], folder, 900)
        version = run(
            [inside, "-c", f"import importlib.metadata as m; print(m.version({question.packages[0]!r}))"], folder, 60
        )[1]
    except FailedError as reason:
        return Result("-", failed=f"does not install: {reason}")
    script = folder / f"{question.name}_asked.py"
    script.write_text(question.theirs + TAIL, encoding="utf-8")
    command = [inside, str(script), *paths]
    return asked(command, command, folder, limit, version)


def ours(question: Question, folder: Path, paths: list[str], limit: float) -> Result:
    """The same of hwsim."""
    profile = str(Path(__file__).with_name("tpu_like.yaml"))
    script = folder / f"hwsim_for_{question.name}.py"
    text = question.ours.format(profile=profile) if "{profile}" in question.ours else question.ours
    script.write_text(text + TAIL, encoding="utf-8")
    hwsim_command = shutil.which("hwsim") or "hwsim"
    words = [word.format(model=paths[0], convolutions=paths[2], profile=profile) for word in question.command]
    return asked([hwsim_command, *words], [sys.executable, str(script), *paths], folder, limit, hwsim.__version__)


def table(pairs: list[tuple[Question, Result, Result]]) -> str:
    """Markdown, with machine and date."""
    lines = [
        f"{date.today().isoformat()}, {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, hwsim "
        f"{hwsim.__version__}, `{MODEL}`: CPU seconds, as a whole process / inside a running one.",
        "",
        "| asked | peer | peer [s] | hwsim [s] | peer ÷ hwsim | answers, peer and hwsim |",
        "|---|---|---|---|---|---|",
    ]
    for question, theirs, own in pairs:
        ratio = "-"
        if theirs.whole_s and own.whole_s and theirs.inner_s and own.inner_s:
            ratio = f"{_figure(theirs.whole_s / own.whole_s)} / {_figure(theirs.inner_s / own.inner_s)}"
        answers = _told(own) if theirs.failed else f"{_told(theirs)}; {_told(own)}"
        said = f"could not: {theirs.failed.replace('|', '/')}" if theirs.failed else ""
        lines.append(
            f"| {question.asked} | {question.name} {theirs.version} | {_seconds(theirs)} | {_seconds(own)} | {ratio} | "
            f"{'; '.join(part for part in (said, answers) if part)} |"
        )
    return "\n".join(lines)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return next(line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _seconds(result: Result) -> str:
    if result.whole_s is None or result.inner_s is None:
        return "-"
    return f"{_figure(result.whole_s)} / {_figure(result.inner_s)}"


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.3g}"


def _told(result: Result) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in (result.answer or {}).items())


def convolutions(folder: Path) -> tuple[Path, Path]:
    """The convolutions alone, for tools that do not read the whole graph.

    As JSON: rows of SCALE-Sim's layer tables, padded height and width, kernel, channels, filters, stride. As ONNX: each by itself.
    """
    rows = []
    built = hwsim.Network.builder("convolutions")
    for layer, work in hwsim.prepare(MODEL).priced:
        for nest in work.nests if layer.op == "Conv" else ():
            height = (nest.q - 1) * nest.stride_h + nest.s
            width = (nest.p - 1) * nest.stride_w + nest.r
            rows.append((layer.name, height, width, nest.s, nest.r, nest.c, nest.k, nest.stride_h))
            built.input(f"{layer.name}_in", (1, nest.c, height, width))
            built.conv(nest.k, kernel=(nest.s, nest.r), stride=nest.stride_h, padding=0, bias=False, name=layer.name)
    table, graph = folder / "convolutions.json", folder / "convolutions.onnx"
    table.write_text(json.dumps(rows), encoding="utf-8")
    write_onnx(built.build(), graph)
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(graph)), graph)
    return table, graph


def write(text: str) -> None:
    """Put the table between its marks in README."""
    readme = README.read_text(encoding="utf-8")
    before, rest = readme.split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds that one run may take")
    parser.add_argument("--only", action="append", default=[], help="ask these peers alone")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the peers' environments")
    parser.add_argument("--write", action="store_true", help="put the table into README")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(resolve(MODEL))), model)
    paths = [str(model), *map(str, convolutions(folder))]
    kept = folder / "results.json"
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() and arguments.only else {}
    for question in QUESTIONS:
        if not arguments.only or question.name in arguments.only:
            python = arguments.python
            if question.python and sys.version_info < (3, 12):
                python = shutil.which("python3.12") or python
            own = ours(question, folder, paths, arguments.limit)
            theirs = peer(question, folder, paths, arguments.limit, python)
            known[question.name] = [asdict(theirs), asdict(own)]
            kept.write_text(json.dumps(known, indent=1), encoding="utf-8")
            print(question.name, theirs, own, file=sys.stderr)
    pairs = [
        (question, *(Result(**item) for item in known[question.name]))
        for question in QUESTIONS
        if question.name in known
    ]
    text = table(pairs)  # type: ignore[arg-type]
    (folder / "peers.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    if arguments.write:
        write(text)


if __name__ == "__main__":
    main()
