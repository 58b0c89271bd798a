"""This machine's CPU measured with onnxruntime: pinned, warmed up, many runs, the fast ones reported, drift of the clock said.

onnxruntime executes the file it is given: measure files that you trust.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics as plain
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hwsim.errors import UsageError, with_extra
from hwsim.estimation import Prepared
from hwsim.validation import readers
from hwsim.validation.join import join
from hwsim.validation.measured import Measured, Measurement, relative_spread
from hwsim.validation.traces import summary

#: Slow-down of a fixed loop, or of the second half of the runs, beyond which it is said [1].
DRIFT = 0.05
#: Of the profiler's times, which are cut and not rounded [s].
_RESOLUTION = 1e-6
#: Runs without the profiler, then as many with it [1].
_TURN = 5


@dataclass(frozen=True, slots=True)
class Effort:
    """How to measure. threads [1]; runs, warm_up [1]; seconds : after which no further run is started, once there are ``fewest`` [s]."""

    threads: int = 1
    runs: int = 50
    warm_up: int = 5
    seconds: float = 10.0
    fewest: int = 7

    def __post_init__(self) -> None:
        for name, least in (("threads", 1), ("runs", 1), ("warm_up", 0), ("seconds", 0)):
            given = getattr(self, name)
            if not given >= least:
                raise UsageError(f"--{name.replace('_', '-')} {given}: must be at least {least}")


def measure(
    path: str | os.PathLike[str], prepared: Prepared, effort: Effort | None = None, *, model: str = ""
) -> Measured:
    """Run a file and report a row a node, one of the whole model and those of what belongs to no layer.

    prepared : the same file as hwsim reads it, for the shapes of its inputs and the names of its layers. model : its name in the rows.
    Latencies are 10th percentiles over the runs; ``minimum_s`` is the fastest. Whole-model times come from runs without the profiler, a
    few at a time between a few with it, so that both see the same machine.
    Raises UsageError where onnxruntime is missing or refuses the file.
    """
    effort = effort or Effort()
    runtime = _runtime()
    model = model or Path(path).stem
    with _pinned(effort.threads) as pinned:
        reference = _reference_loop()
        with tempfile.TemporaryDirectory() as folder:
            plain_runs, profile = _timed(runtime, path, prepared, effort, folder)
        reference_after = _reference_loop()
    low, least, spread = summary([seconds * 1e6 for seconds in plain_runs])
    whole = Measurement(
        model, scope="model", latency_s=low * 1e-6, minimum_s=least * 1e-6, repeats=len(plain_runs), spread=spread
    )
    layers = [row for row in profile.rows if row.scope == "layer"]
    covered = _with_layers(layers, prepared)
    shared: Mapping[str, Any] = {
        "model": model,
        "device": platform.processor() or platform.machine(),
        "batch": prepared.settings.get("batch"),
        "source": f"onnxruntime {runtime.__version__}, {effort.threads} thread{'s' if effort.threads > 1 else ''}",
    }
    beside = [row for row in profile.rows if row.scope == "overhead"]
    covered = [_rounded_down(row) for row in covered]
    rows = tuple(replace(row, where="", **shared) for row in (*covered, whole, *beside))
    notes = _drift(plain_runs, reference, reference_after) + (
        () if pinned else ("this system cannot pin threads to cores",)
    )
    return Measured(rows, form="own measurement", complete=True, notes=notes)


def quietest(measured: Sequence[Measured]) -> Measured:
    """Several measurements of the same network as one, at the fastest run of each row: what other programs disturb least.

    The spread is that between the measurements' fastest runs.
    """
    first = measured[0]
    fast: dict[tuple[str, str], list[float]] = {}
    for item in measured:
        for row in item.rows:
            if row.minimum_s is not None:
                fast.setdefault((row.scope, row.name), []).append(row.minimum_s)
    rows = []
    for row in first.rows:
        times = fast.get((row.scope, row.name), [])
        spread = relative_spread(times) if len(times) > 1 else row.spread
        least = min(times, default=row.minimum_s)
        rows.append(replace(row, latency_s=least or row.latency_s, minimum_s=least, spread=spread))
    return replace(first, rows=tuple(rows), notes=())


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise UsageError(f"onnxruntime is not installed: {with_extra('measure')}") from None
    return onnxruntime


@contextlib.contextmanager
def _pinned(threads: int) -> Iterator[bool]:
    """Keep this process on as many cores as it has threads, the last ones: the first serve interrupts."""
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    before = os.sched_getaffinity(0)
    if threads > len(before):
        raise UsageError(f"--threads {threads}: this process may use {len(before)} cores")
    os.sched_setaffinity(0, set(sorted(before)[-threads:]))
    try:
        yield True
    finally:
        os.sched_setaffinity(0, before)


def _reference_loop() -> float:
    """Time of a fixed piece of work that fits the innermost cache, the fastest of several [s]: it follows the clock."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        total = 0
        for step in range(100_000):
            total += step & 7
        times.append(time.perf_counter() - start)
    return min(times)


def _session(runtime: Any, path: str | os.PathLike[str], effort: Effort, profile: str = "") -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = effort.threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = profile
    try:
        return runtime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own types, which only it can name
        raise UsageError(f"{os.fspath(path)}: onnxruntime cannot load it: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _feeds(session: Any, prepared: Prepared, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Random inputs in the shapes that hwsim bound."""
    generator = np.random.default_rng(0)
    feeds: dict[str, Any] = {}
    for given in session.get_inputs():
        tensor = prepared.network.tensors.get(given.name)
        shape = tensor.shape if tensor is not None else tuple(given.shape)
        if any(not isinstance(extent, int) for extent in shape):
            raise UsageError(
                f"{os.fspath(path)}: input {given.name}: shape {list(shape)} is not known; bind it with --dim or --shape"
            )
        feeds[given.name] = _random(given.type, shape, generator)
    return feeds


def _random(kind: str, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
    types: Mapping[str, Any] = {"float": np.float32, "double": np.float64, "float16": np.float16, "bool": np.bool_}
    name = kind.removeprefix("tensor(").removesuffix(")")
    dtype = types.get(name) or np.dtype(name)
    if np.issubdtype(dtype, np.floating):
        return generator.standard_normal(shape).astype(dtype)
    return generator.integers(0, 2, shape).astype(dtype)


def _timed(
    runtime: Any, path: str | os.PathLike[str], prepared: Prepared, effort: Effort, folder: str
) -> tuple[list[float], Measured]:
    """Durations of whole runs [s], and the profile of as many others."""
    plain_session = _session(runtime, path, effort)
    profiled = _session(runtime, path, effort, profile=str(Path(folder) / "profile"))
    feeds = _feeds(plain_session, prepared, path)
    _repeat(plain_session, feeds, effort.warm_up, effort.seconds / 4, path)
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < effort.runs and (len(times) < effort.fewest or time.perf_counter() - begun < 2 * effort.seconds):
        count = min(_TURN, effort.runs - len(times))
        times += _repeat(plain_session, feeds, count, effort.seconds, path)
        _repeat(profiled, feeds, count, effort.seconds, path)
    return times, readers.read(profiled.end_profiling())


def _repeat(
    session: Any, feeds: Mapping[str, Any], runs: int, seconds: float, path: str | os.PathLike[str]
) -> list[float]:
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < runs and (not times or time.perf_counter() - begun < seconds):
        start = time.perf_counter()
        try:
            session.run(None, feeds)
        except Exception as error:  # as above
            raise UsageError(f"{os.fspath(path)}: onnxruntime cannot run it: {_first_line(error)}") from None
        times.append(time.perf_counter() - start)
    return times


def _rounded_down(row: Measurement) -> Measurement:
    """A row of onnxruntime's profile, whose times are cut to whole microseconds, at the middle of what it may have been."""
    if row.latency_s is None or row.minimum_s is None:
        return row
    return replace(row, latency_s=row.latency_s + _RESOLUTION / 2, minimum_s=row.minimum_s + _RESOLUTION / 2)


def _with_layers(rows: list[Measurement], prepared: Prepared) -> list[Measurement]:
    """Rows that name the layers which ran in them."""
    joined = join(rows, prepared, complete=True).joined
    found = {item.row.name: item for item in joined}
    named = [replace(found[row.name].row, covers=found[row.name].layers) if row.name in found else row for row in rows]
    inside = {name for item in joined for name in item.row.covers}
    return [row for row in named if row.name in found or row.name not in inside]


def _drift(times: list[float], before: float, after: float) -> tuple[str, ...]:
    """What the clock did meanwhile, in words; nothing where it kept still."""
    notes = []
    change = after / before - 1
    if abs(change) > DRIFT:
        notes.append(
            f"clock drift: a fixed loop took {100 * change:+.0f} % after the runs: measure again on a quiet machine"
        )
    half = len(times) // 2
    if half >= 5:
        change = plain.median(times[half:]) / plain.median(times[:half]) - 1
        if abs(change) > DRIFT:
            notes.append(f"clock drift: the second half of the runs took {100 * change:+.0f} %")
    return tuple(notes)
