"""Constants of a profile fitted to measured rows, with what they are worth on rows they have not seen: behind ``hwsim calibrate``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.device import Device
from hwsim.errors import UsageError
from hwsim.estimation.rungs import default_rung
from hwsim.validation.cases import Cases
from hwsim.validation.constants import Constant
from hwsim.validation.fitting import Array, Problem, best
from hwsim.validation.gathering import Gathered, HoldOut, gather
from hwsim.validation.intervals import bootstrap, hull, plausible
from hwsim.validation.statistics import Statistics, proportional, statistics
from hwsim.validation.terms import CLASS, OPERAND, Terms, is_special, pooled

SCHEMA = "hwsim/calibration/1"
#: A constant is fitted where it decides this share of the time of this many rows.
SHARE, SUPPORT = 0.1, 2
#: How often parts that hold near some values only are seen again near what was fitted.
_VIEWS = 4
#: A function of the vector unit gets a rate of its own where it decides this share of the time of this many rows.
OWN_SHARE, OWN_SUPPORT = 0.3, 3


@dataclass(frozen=True, slots=True)
class Fitted:
    """One fitted constant in the unit of its key, with its 99 % interval. rows : how many it decides."""

    path: str
    before: float
    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a fit found. The statistics are of layers where layers were measured, else of whole models.

    held_out : of rows predicted by constants fitted without them; in_sample : by constants fitted to all; uncalibrated : by the
    profile as it was; baseline : of the guess proportional to MACs, its factor fitted without them. models_* : the same of whole
    models, where layers were measured too and whole models or modes were held out. undetermined : constants that the data do not
    decide, kept as they were.
    """

    device: str
    rung: str
    constants: tuple[Fitted, ...]
    undetermined: tuple[str, ...]
    rows: int
    hold_out: HoldOut
    folds: int
    held_out: Statistics
    in_sample: Statistics
    uncalibrated: Statistics
    baseline: Statistics
    models_held_out: Statistics | None = None
    models_uncalibrated: Statistics | None = None
    data: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def worse(self) -> bool:
        """Whether the calibrated profile is further from rows it has not seen than the profile as it was."""
        after, before = self.held_out.mape.value, self.uncalibrated.mape.value
        return after is not None and before is not None and after > before

    @property
    def values(self) -> dict[str, float]:
        """Fitted values by dotted key."""
        return {item.path: item.value for item in self.constants}

    def to_dict(self) -> dict[str, Any]:
        """The JSON record ``hwsim/calibration/1``."""
        record = asdict(self) | {"data": [{"file": path, "sha256": digest} for path, digest in self.data]}
        return {"schema": SCHEMA, **record, "worse_than_uncalibrated": self.worse}


def calibrate(
    found: Cases,
    device: Device | Callable[[str], Device],
    *,
    rung: str | None = None,
    only: Sequence[str] = (),
    hold_out: HoldOut | None = None,
    samples: int = 100,
    seed: int = 0,
    data: Sequence[tuple[str, str]] = (),
    progress: Callable[[str], None] = lambda text: None,
) -> Calibration:
    """Fit constants to the latencies of all cases.

    device : one device, or the device of an operating point by its name. only : dotted keys to fit (default: all that the data decide).
    hold_out : what is left out at a time; by default whole models where there are two, else groups of equal layers. samples : of
    the bootstrap behind the intervals. data : file and hash of what is fitted to, for the record. progress : told what is being done.
    Raises UsageError where there is too little to fit, or a rung cannot be taken apart.
    """
    of_mode = device if callable(device) else lambda mode: device
    base = of_mode("")
    rung = rung or fitted_rung(base)
    hold_out = hold_out or ("model" if len({case.name for case in found.cases}) > 1 else "layer")
    progress("taking the model apart")
    gathered = gather(found.cases, of_mode, rung, hold_out)
    if len(gathered.rows) < 2:
        raise UsageError(
            f"calibration: {len(gathered.rows)} rows with a latency found their layers, at least 2 must (hwsim validate says why)"
        )
    progress("fitting")
    sheet = _sheet(gathered)
    gathered, problem, x = _settled(gathered, only, seed)
    if not problem.constants:
        wanted = f" (asked for: {', '.join(only)})" if only else ""
        raise UsageError(f"calibration: no constant of the profile decides the time of these rows{wanted}")
    held_out, guess, folds = _held_out(gathered, only, seed, progress)
    progress("intervals")
    spans = hull(problem, x, bootstrap(problem, x, gathered.models, samples, seed), plausible(problem, x))
    measured, layers = problem.measured, ~gathered.whole
    wholes = gathered.whole & (hold_out != "layer")

    def against(predicted: Array, rows: NDArray[np.bool_]) -> Statistics:
        return statistics(predicted[rows], measured[rows], seed=seed)

    return Calibration(
        device=base.name,
        rung=rung,
        constants=_fitted(problem, x, spans),
        undetermined=_undetermined(gathered, problem),
        rows=len(gathered.rows),
        hold_out=hold_out,
        folds=folds,
        held_out=against(held_out, layers),
        in_sample=against(problem.predict(x)[0], layers),
        uncalibrated=against(sheet, layers),
        baseline=against(guess, layers),
        models_held_out=against(held_out, wholes) if wholes.any() else None,
        models_uncalibrated=against(sheet, wholes) if wholes.any() else None,
        data=tuple(data),
        notes=(*_bound_notes(problem, x), *_fold_notes(folds, hold_out)),
    )


def loss_of(found: Cases, device: Device, seed: int = 0) -> float:
    """How far the best fit stays from the rows, to compare devices by what is not fitted [1]."""
    problem, x = _fit(gather(found.cases, lambda mode: device, fitted_rung(device), "layer"), (), seed)
    return problem.loss(x, np.ones(problem.measured.size)) / problem.measured.size


def fitted_rung(device: Device) -> str:
    """The most detailed rung of a device that can be taken apart into what its constants contribute."""
    own = default_rung(device)
    return own if own in ("cpu", "gpu", "systolic") else "roofline"


def _fold_notes(folds: int, hold_out: HoldOut) -> tuple[str, ...]:
    return () if folds > 1 else (f"nothing could be held out by {hold_out}: there is only one",)


def _bound_notes(problem: Problem, x: Array) -> tuple[str, ...]:
    """Constants that the rows would have beyond what is physical: a peak, a clock or a bandwidth of the profile is too low."""
    at = [problem.constants[place].path for place in np.flatnonzero(x >= problem.most - 1e-9)]
    fast = [path for path in at if path.endswith("efficiency") or is_special(path)]
    if not fast:
        return ()
    return (f"at the most there can be: {', '.join(fast)}: is the profile's peak, clock or bandwidth too low?",)


def _fitted(problem: Problem, x: Array, spans: Sequence[tuple[float, float]]) -> tuple[Fitted, ...]:
    decided = (problem.shares(x) >= SHARE).sum(axis=0)
    found = zip(problem.constants, problem.outside(x), spans, decided, strict=True)
    return tuple(
        Fitted(constant.path, constant.value, float(value), low, high, int(rows))
        for constant, value, (low, high), rows in found
    )


def _undetermined(data: Gathered, problem: Problem) -> tuple[str, ...]:
    """Constants of the profile that were not fitted."""
    every = {part.constant.path for item in data.terms for part in item.parts if part.constant is not None}
    left = every - {constant.path for constant in problem.constants}
    return tuple(sorted(path for path in left if not is_special(path) or path in data.given))


def _held_out(
    data: Gathered, only: Sequence[str], seed: int, progress: Callable[[str], None]
) -> tuple[Array, Array, int]:
    """Predictions of every row by constants, and by a factor on MACs, fitted without its fold; NaN where there is one fold only."""
    folds = sorted(set(data.labels))
    predicted, guess = np.full(len(data.rows), np.nan), np.full(len(data.rows), np.nan)
    for place, fold in enumerate(folds if len(folds) > 1 else []):
        progress(f"held out: {place + 1} of {len(folds)}")
        out = np.asarray([label == fold for label in data.labels])
        predicted[out], guess[out] = _without(data, out, only, seed)
    return predicted, guess, len(folds)


def _constants(found: Sequence[Terms]) -> list[Constant]:
    """All constants, and the common ones that special cases among them follow."""
    known: dict[str, Constant] = {}
    for item in found:
        for part in item.parts:
            if part.constant is not None:
                known.setdefault(part.constant.path, part.constant)
                if part.common is not None and part.constant.parent:
                    known.setdefault(part.common.path, part.common)
    return list(known.values())


def _fit(data: Gathered, only: Sequence[str], seed: int) -> tuple[Problem, Array]:
    """Fit what the data decide: all constants first, then again those that decide enough rows.

    A special case that decides too little goes with its common constant, any other constant stays as the profile has it.
    """
    own = _special(data, only)
    dropped: set[str] = set()
    while True:
        apart = pooled(data.terms, own)
        constants = [c for c in _constants(apart) if c.path not in dropped and (not only or c.path in only)]
        problem = Problem(apart, data.rows, constants)
        if not constants:
            return problem, np.zeros(0)
        x = best(problem, seed=seed)
        support = (problem.shares(x) >= SHARE).sum(axis=0)
        parents = {constant.parent for constant in constants if constant.parent}
        weak = {c.path for c, rows in zip(constants, support, strict=True) if rows < SUPPORT and c.path not in parents}
        if only or not weak:
            return problem, x
        own -= weak
        dropped |= {path for path in weak if not is_special(path) or path in data.given}


def _settled(data: Gathered, only: Sequence[str], seed: int) -> tuple[Gathered, Problem, Array]:
    """The best fit; where networks' parts hold near some values only, seen again near what was fitted, a few times: the best of these."""
    problem, x = _fit(data, only, seed)
    if data.again is None or not problem.constants:
        return data, problem, x
    found: list[tuple[float, Gathered, Problem, Array]] = []
    for _ in range(_VIEWS):
        values = dict(zip([c.path for c in problem.constants], problem.outside(x), strict=True))
        data = replace(data, terms=data.again(values))
        own = frozenset(path for path in values if is_special(path)) | data.given
        here = Problem(pooled(data.terms, own), data.rows, problem.constants)
        at = here.inside(problem.outside(x))
        found.append((here.loss(at, np.ones(here.measured.size)), data, here, at))
        problem, x = _fit(data, only, seed)
    _, data, problem, x = min(found, key=lambda item: item[0])
    return data, problem, x


def _special(data: Gathered, only: Sequence[str]) -> frozenset[str]:
    """Special cases to start with: what the profile gives, all classes of work, and functions that take enough of the time."""
    single = Problem(data.terms, data.rows, _constants(data.terms))
    enough = (single.shares(single.sheet) >= OWN_SHARE).sum(axis=0) >= OWN_SUPPORT
    found = {c.path for c, wanted in zip(single.constants, enough, strict=True) if wanted and is_special(c.path)}
    classes = {c.path for c in single.constants if CLASS in c.path or OPERAND in c.path}
    return frozenset((set() if only else found | classes) | data.given | set(only))


def _without(data: Gathered, out: NDArray[np.bool_], only: Sequence[str], seed: int) -> tuple[Array, Array]:
    """Predictions of some rows by constants, and by a factor on MACs, that are fitted to the others."""
    rest, left = data.subset(~out), data.subset(out)
    rest, problem, x = _settled(rest, only, seed)
    values: Mapping[str, float] = dict(zip([c.path for c in problem.constants], problem.outside(x), strict=True))
    own = frozenset(path for path in values if is_special(path)) | data.given
    latency = [item.latency(values) for item in pooled(rest.terms, own)]
    predicted = np.asarray([latency[row.terms][list(row.layers)].sum() for row in left.rows])
    factor = proportional(rest.macs, [row.measured for row in rest.rows])
    return predicted, left.macs * (factor if factor is not None else np.nan)


def _sheet(data: Gathered) -> Array:
    """Predictions of all rows by the profile as it is [s]."""
    latency = [item.latency({}) for item in data.terms]
    return np.asarray([latency[row.terms][list(row.layers)].sum() for row in data.rows])
