"""Run hwsim and each peer that PyPI carries on one network and write one table: ``python -m tests.benchmarks.peers.run FOLDER [--limit
S]``.

Each peer gets a virtual environment of its own under FOLDER (kept, so a second run does not install again), two runs of the same script
of which the second counts, and a time limit. What it could not do stands in the table in its own words.
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
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import onnx

import hwsim
from hwsim.onnx_io import resolve
from tests.benchmarks.peers.runners import OURS, PEERS, Peer

MODEL = "light_resnet50"


@dataclass(frozen=True)
class Result:
    """cpu_s : user and system time of the process and its children [s]; answer : what it printed; failed : why it did not, in its own
    words.
    """

    name: str
    version: str
    what: str
    cpu_s: float | None
    answer: str
    failed: str = ""


def run(command: list[str], folder: Path, limit: float) -> tuple[float, str, str]:
    """CPU seconds, the last line of output, and the last line of complaint where it failed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return limit, "", f"no answer within {limit:g} s"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    output = done.stdout.strip()
    complaint = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return spent, output, complaint if done.returncode else ""


def peer(which: Peer, folder: Path, arguments: list[str], limit: float) -> Result:
    """Install a peer, ask it twice, keep the second answer."""
    home = folder / which.name
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    _, _, complaint = run([str(python), "-m", "pip", "install", "--quiet", *which.packages], folder, 900)
    if complaint:
        return Result(which.name, "-", which.what, None, "", f"does not install: {complaint[:160]}")
    version = run(
        [str(python), "-c", f"import importlib.metadata as m; print(m.version({which.packages[0]!r}))"], folder, 60
    )[1]
    script = folder / f"{which.name}.py"
    script.write_text(which.script, encoding="utf-8")
    spent, output, complaint = 0.0, "", ""
    for _ in range(2):
        spent, output, complaint = run([str(python), str(script), *arguments], folder, limit)
        if complaint:
            break
    answer = output.splitlines()[-1] if output and not complaint else ""
    return Result(which.name, version, which.what, None if complaint else spent, answer, complaint[:160])


def ours(model: str, folder: Path, limit: float) -> list[Result]:
    """hwsim's own answers; kernels are compiled by the first run."""
    command = shutil.which("hwsim") or "hwsim"
    results = []
    for what, words in OURS:
        arguments = [command, *(word.format(model=model) for word in words)]
        spent, output, complaint = 0.0, "", ""
        for _ in range(2):
            spent, output, complaint = run(arguments, folder, limit)
        found = json.loads(output) if not complaint else {}
        totals = found.get("totals", found)
        answer = {name: totals[name] for name in ("macs", "bops", "cycles", "energy_j") if totals.get(name) is not None}
        results.append(Result("hwsim", hwsim.__version__, what, spent, json.dumps(answer), complaint[:160]))
    return results


def table(results: list[Result]) -> str:
    """Markdown, with machine and date."""
    lines = [
        f"{date.today().isoformat()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"`{MODEL}`, CPU seconds of whole processes.",
        "",
        "| tool | version | asked for | CPU [s] | answer |",
        "|---|---|---|---|---|",
    ]
    for item in results:
        spent = "-" if item.cpu_s is None else f"{item.cpu_s:.2f}"
        lines.append(f"| {item.name} | {item.version} | {item.what} | {spent} | {item.failed or item.answer} |")
    return "\n".join(lines)


def convolutions(folder: Path) -> Path:
    """The convolutions as rows of the peers' layer tables: padded height and width, kernel, channels, filters, stride."""
    prepared = hwsim.prepare(MODEL)
    rows = []
    for layer, work in prepared.priced:
        for nest in work.nests:
            height = (nest.q - 1) * nest.stride_h + nest.s
            width = (nest.p - 1) * nest.stride_w + nest.r
            rows.append((layer.name, height, width, nest.s, nest.r, nest.c, nest.k, nest.stride_h))
    target = folder / "convolutions.json"
    target.write_text(json.dumps(rows), encoding="utf-8")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds that one run may take")
    parser.add_argument("--only", action="append", default=[], help="ask these peers alone")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(resolve(MODEL))), model)
    rows = convolutions(folder)
    results = ours(str(model), folder, arguments.limit)
    for which in PEERS:
        if not arguments.only or which.name in arguments.only:
            results.append(peer(which, folder, [str(model), str(rows)], arguments.limit))
            print(results[-1], file=sys.stderr)
    text = table(results)
    (folder / "peers.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
