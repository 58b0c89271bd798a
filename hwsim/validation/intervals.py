"""How well a fitted constant is known: the wider of what resampled rows give and of what the rows find plausible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwsim.validation.fitting import Array, Problem, scatter, solve

#: Two-sided level of the intervals, and the normal distribution's quantile for it.
LEVEL = 0.99
_NORMAL = 2.5758
_FEWEST_GROUPS = 8


def bootstrap(problem: Problem, x: Array, groups: Sequence[str], samples: int, seed: int) -> Array:
    """Constants refitted to resampled rows, (samples, C): whole groups (models) where there are eight, else single rows."""
    generator = np.random.default_rng(seed)
    names = sorted(set(groups))
    if len(names) >= _FEWEST_GROUPS:
        member = np.searchsorted(names, np.asarray(groups))
        drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), samples)
        times = drawn[:, member].astype(np.float64)
    else:
        rows = problem.measured.size
        times = generator.multinomial(rows, np.full(rows, 1 / rows), samples).astype(np.float64)
    return np.asarray([solve(problem, x, weights) for weights in times])


def plausible(problem: Problem, x: Array) -> list[tuple[float, float]]:
    """For each constant, inside the fit, the range in which the rows' loss rises by no more than chance allows, others refitted.

    The scale of chance is that of the residuals themselves, by their median (Venzon and Moolgavkar, Applied Statistics 37(1), 1988).
    """
    rows, constants = problem.measured.size, x.size
    sigma = max(scatter(problem, x), 1e-4)
    times = np.ones(rows)
    allowed = problem.loss(x, times) + 0.5 * student(rows - constants) ** 2 * sigma**2

    def allows(index: int, value: float) -> bool:
        trial = x.copy()
        trial[index] = value
        frozen = np.zeros(constants, bool)
        frozen[index] = True
        return problem.loss(solve(problem, trial, times, frozen), times) <= allowed

    return [
        (_edge(problem, x, index, -1.0, allows), _edge(problem, x, index, 1.0, allows)) for index in range(constants)
    ]


def student(freedom: int) -> float:
    """Student's quantile at ``LEVEL``, two-sided: the scale of chance is known from few rows [1].

    Cornish and Fisher's expansion to the third term (Abramowitz and Stegun, 26.7.5), within 1 % from five degrees of freedom; fewer count
    as four, the expansion's limit.
    """
    n, z = max(4, freedom), _NORMAL
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3


def _edge(problem: Problem, x: Array, index: int, direction: float, allows: object) -> float:
    """The furthest value in one direction that is allowed, to a hundredth of the step that leaves it."""
    assert callable(allows)
    bound = float(problem.least[index] if direction < 0 else problem.most[index])
    inside, step = float(x[index]), 0.02
    outside = inside
    for _ in range(12):
        outside = float(np.clip(inside + direction * step, problem.least[index], problem.most[index]))
        if not allows(index, outside):
            break
        inside = outside
        if inside == bound:
            return bound
        step *= 2
    else:
        return inside
    for _ in range(6):
        middle = (inside + outside) / 2
        if allows(index, middle):
            inside = middle
        else:
            outside = middle
    return outside


def hull(problem: Problem, x: Array, drawn: Array, likely: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The smallest range, in the unit of the key, that holds the value, the resampled ones (percentiles) and the plausible ones."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0) if len(drawn) else (x, x)
    edges = np.asarray(likely)
    least = problem.outside(np.minimum(np.minimum(low, edges[:, 0]), x))
    most = problem.outside(np.maximum(np.maximum(high, edges[:, 1]), x))
    return [(float(a), float(b)) for a, b in zip(least, most, strict=True)]
