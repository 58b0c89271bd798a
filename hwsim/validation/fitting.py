"""Constants fitted to rows, robustly and within bounds: Levenberg-Marquardt on log ratios under Huber's loss.

Residuals are log(predicted / measured): a factor of two counts the same either way, for short rows and long ones. Errors
beyond ``HUBER`` count linearly, so that single rows cannot pull the fit. Each constant is drawn to what the profile says, the more
weakly the less that is known. Rates are fitted as logarithms, overheads as they are. After Huber, Robust Statistics, 1981, and
Marquardt, SIAM J. Appl. Math. 11(2), 1963.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.validation.constants import Constant
from hwsim.validation.terms import ADDED, Terms

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
#: Log ratio beyond which an error counts linearly [1].
HUBER = 0.1
#: Strength of the draw to the data sheet. Of 0.1, 0.2 and 0.4 the one that did best on held-out rows of the tables in
#: ``tests/published/edge_families.py`` taken together.
_PRIOR = 0.4
#: Where there are this many rows a constant and they scatter little, the draw is that much times their scatter: good data win.
_ROWS_EACH, _PER_SCATTER = 2, 3.0
#: Share of a typical row's time that an overhead of which nothing is known is expected to take [1].
OVERHEAD = 0.1
_STEPS, _LOOSENED = 40, 3


@dataclass(frozen=True, slots=True)
class Row:
    """One measured row. terms : which of the networks; layers : places of its layers in it; measured : [s]; weight : trust [1].

    beside : of the measured time what no layer took (changes of layout), which layers are not fitted to [s].
    """

    terms: int
    layers: tuple[int, ...]
    measured: float
    weight: float = 1.0
    beside: float = 0.0


class Problem:
    """Rows and what their layers are made of, as arrays.

    constants : (C,) what is fitted. Inside: seconds (layers, C) with every constant at 1, fixed (layers, groups) what nothing changes.
    """

    def __init__(self, terms: Sequence[Terms], rows: Sequence[Row], constants: Sequence[Constant]) -> None:
        self.constants = tuple(constants)
        place = {constant.path: index for index, constant in enumerate(constants)}
        groups = list(dict.fromkeys(part.group for item in terms for part in item.parts if part.group != ADDED)) or [""]
        starts = np.cumsum([0, *(len(item.names) for item in terms)])
        layers, self.groups = int(starts[-1]), len(groups)
        self.seconds = np.zeros((self.groups + 1, layers, len(constants)))
        self.fixed = np.zeros((self.groups + 1, layers))
        for item, start in zip(terms, starts, strict=False):
            here = slice(int(start), int(start) + len(item.names))
            for part in item.parts:
                group = self.groups if part.group == ADDED else groups.index(part.group)
                if part.constant is not None and part.constant.path in place:
                    self.seconds[group, here, place[part.constant.path]] += part.seconds
                elif part.constant is None:
                    self.fixed[group, here] += part.seconds
                else:
                    value = part.constant.value
                    self.fixed[group, here] += (
                        part.seconds / value if part.constant.kind == "rate" else part.seconds * value
                    )
        self.members = np.concatenate([np.asarray(row.layers, np.int64) + starts[row.terms] for row in rows])
        self.first = np.cumsum([0, *(len(row.layers) for row in rows)])[:-1]
        self.measured = np.asarray([row.measured for row in rows])
        self.target = np.maximum(self.measured - np.asarray([row.beside for row in rows]), 0.1 * self.measured)
        self.weight = np.asarray([row.weight for row in rows])
        self.rate = np.asarray([constant.kind == "rate" for constant in constants], bool)
        self.scale = np.asarray([self._scale(index, constant) for index, constant in enumerate(constants)])
        self.least = self.inside([constant.least for constant in constants])
        self.most = self.inside([constant.most for constant in constants])
        self.sheet = np.clip(self.inside([constant.value for constant in constants]), self.least, self.most)
        self.doubt = np.asarray(
            [np.log(constant.doubt) if constant.kind == "rate" else constant.doubt for constant in constants]
        )
        self.draw, self.drawn = self._drawing(place)
        self.strength = _PRIOR

    def _scale(self, index: int, constant: Constant) -> float:
        """What an overhead is counted in: its value, or so much that the median of the rows that pay it spends ``OVERHEAD`` of its time."""
        paid = np.add.reduceat(self.seconds.sum(axis=0)[self.members, index], self.first)
        rows = paid > 0
        return max(constant.value, OVERHEAD * float(np.median(self.measured[rows] / paid[rows])) if rows.any() else 1.0)

    def _drawing(self, place: dict[str, int]) -> tuple[Array, Array]:
        """(C, C) and (C,): ``draw @ x - drawn`` is how far each constant is from where it is drawn, in doubts.

        A special case whose common constant is fitted too is drawn to that one, everything else to what the profile says.
        """
        draw = np.diag(1 / self.doubt)
        drawn = self.sheet / self.doubt
        for index, constant in enumerate(self.constants):
            if constant.parent in place:
                draw[index, place[constant.parent]] = -draw[index, index]
                drawn[index] = 0.0
        return draw, drawn

    def inside(self, values: Sequence[float] | Array) -> Array:
        """Constants as the fit has them: logarithms of rates, overheads over a typical row."""
        given = np.asarray(values, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.rate, np.log(given), given / self.scale)

    def outside(self, x: Array) -> Array:
        """Constants in the unit of their keys."""
        with np.errstate(over="ignore"):
            return np.where(self.rate, np.exp(x), x * self.scale)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Seconds of each row, (rows,), and their derivatives to x, (rows, C)."""
        factor = np.where(self.rate, np.exp(-np.where(self.rate, x, 0.0)), x * self.scale)
        slope = np.where(self.rate, -factor, self.scale)
        spent = self.seconds @ factor + self.fixed
        busiest = np.argmax(spent[: self.groups], axis=0)
        layers = np.arange(spent.shape[1])
        time = spent[busiest, layers] + spent[self.groups]
        change = (self.seconds[busiest, layers] + self.seconds[self.groups]) * slope
        return np.add.reduceat(time[self.members], self.first), np.add.reduceat(
            change[self.members], self.first, axis=0
        )

    def residuals(self, x: Array) -> tuple[Array, Array]:
        """Log ratios of the rows, (rows,), and their derivatives, (rows, C)."""
        predicted, change = self.predict(x)
        predicted = np.maximum(predicted, 1e-15)
        return np.log(predicted / self.target), change / predicted[:, None]

    def shares(self, x: Array) -> Array:
        """Share of each row's time that each constant decides [1], (rows, C)."""
        predicted, change = self.predict(x)
        spent = np.where(self.rate, -change, change * x)
        shares: Array = np.abs(spent) / np.maximum(predicted, 1e-15)[:, None]
        return shares

    def loss(self, x: Array, times: Array) -> float:
        """Huber's loss of the rows, each counted ``times``, without the draw to the data sheet."""
        size = np.abs(self.residuals(x)[0])
        each = np.where(size <= HUBER, 0.5 * size**2, HUBER * (size - 0.5 * HUBER))
        return float((each * self.weight * times).sum())

    def objective(self, x: Array, times: Array) -> float:
        """The loss and the draw to the data sheet."""
        return self.loss(x, times) + 0.5 * self.strength**2 * float(((self.draw @ x - self.drawn) ** 2).sum())


def solve(problem: Problem, start: Array, times: Array | None = None, frozen: NDArray[np.bool_] | None = None) -> Array:
    """The best x near ``start``. times : how often each row counts (a bootstrap's weights); frozen : constants that stay."""
    times = np.ones(problem.measured.size) if times is None else times
    stays = np.zeros(start.size, bool) if frozen is None else frozen
    x = np.clip(start, problem.least, problem.most)
    best = problem.objective(x, times)
    damping = 1e-3
    for _ in range(_STEPS):
        step = _direction(problem, x, times, stays)
        if step is None:
            break
        gradient, curvature, free = step
        improved = False
        for _ in range(12):
            matrix = curvature + damping * np.diag(np.diag(curvature) + 1e-12)
            move = np.zeros_like(x)
            move[free] = -np.linalg.solve(matrix, gradient)
            trial = np.clip(x + np.clip(move, -2.0, 2.0), problem.least, problem.most)
            value = problem.objective(trial, times)
            if value < best:
                improved = best - value > 1e-10 * (1 + best)
                x, best, damping = trial, value, max(damping / 5, 1e-9)
                break
            damping *= 4
        if not improved:
            break
    return x


def _direction(
    problem: Problem, x: Array, times: Array, stays: NDArray[np.bool_]
) -> tuple[Array, Array, NDArray[np.bool_]] | None:
    """Gradient and curvature over the constants that can move; None where none can."""
    errors, slopes = problem.residuals(x)
    weight = problem.weight * times * np.minimum(1.0, HUBER / np.maximum(np.abs(errors), 1e-12))
    gradient = slopes.T @ (weight * errors) + problem.strength**2 * problem.draw.T @ (problem.draw @ x - problem.drawn)
    at_bound = ((x <= problem.least) & (gradient > 0)) | ((x >= problem.most) & (gradient < 0))
    free = ~(at_bound | stays)
    if not free.any():
        return None
    curvature = (
        slopes[:, free].T @ (weight[:, None] * slopes[:, free])
        + problem.strength**2 * problem.draw[:, free].T @ problem.draw[:, free]
    )
    return gradient[free], curvature, free


def best(problem: Problem, times: Array | None = None, starts: int = 4, seed: int = 0) -> Array:
    """The best x from the data sheet's values and from some at random: the largest of several terms has more than one valley."""
    generator = np.random.default_rng(seed)
    times = np.ones(problem.measured.size) if times is None else times
    tries = [problem.sheet]
    for _ in range(starts - 1):
        low = np.maximum(problem.least, problem.sheet - np.where(problem.rate, np.log(20.0), 0.0))
        high = np.minimum(problem.most, problem.sheet + np.where(problem.rate, np.log(20.0), 1.0))
        tries.append(generator.uniform(low, high))
    found = [solve(problem, start, times) for start in tries]
    x = min(found, key=lambda x: problem.objective(x, times))
    for _ in range(_LOOSENED if problem.measured.size >= _ROWS_EACH * x.size else 0):
        problem.strength = min(_PRIOR, max(1e-3, _PER_SCATTER * scatter(problem, x)))
        x = solve(problem, x, times)
    return x


def scatter(problem: Problem, x: Array) -> float:
    """Standard deviation of the rows' log ratios, by their median [1]."""
    errors = np.abs(problem.residuals(x)[0])
    return 1.4826 * float(np.median(errors)) * math.sqrt(errors.size / max(1, errors.size - x.size))
