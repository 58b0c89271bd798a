"""Fronts of many designs: Pareto, hypervolume, the best under budgets, the knee. All objectives are minimized unless said otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwsim.errors import UsageError

Reals = NDArray[np.float64]


def _matrix(costs: ArrayLike) -> Reals:
    matrix = np.asarray(costs, dtype=np.float64)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise UsageError("objectives: needs a table of finite numbers, a row a design")
    return matrix


def pareto(costs: ArrayLike) -> NDArray[np.int64]:
    """Rows that no other row beats: nowhere worse and somewhere better. [N, D] -> positions, ascending; of equal rows all stay.

    Sorted by the sum of ranks, each row is compared with the front found so far (Kung, Luccio, Preparata, JACM 22(4), 1975, gives the
    bound).
    """
    matrix = _matrix(costs)
    unique, position = np.unique(matrix, axis=0, return_inverse=True)
    if unique.shape[1] == 1:
        keep = np.array([True] + [False] * (len(unique) - 1), np.bool_)[: len(unique)]
    elif unique.shape[1] == 2:
        # rows ascend in the first objective: those stay that are below all before in the second
        keep = unique[:, 1] < np.concatenate(([np.inf], np.minimum.accumulate(unique[:, 1])[:-1]))
    else:
        keep = np.zeros(len(unique), np.bool_)
        front = np.empty((0, unique.shape[1]))
        for row in np.argsort(unique.sum(axis=1), kind="stable"):
            if not (front <= unique[row]).all(axis=1).any():
                keep[row] = True
                front = np.vstack([front, unique[row]])
    return np.flatnonzero(keep[position.reshape(-1)])


def hypervolume(costs: ArrayLike, reference: Sequence[float]) -> float:
    """Volume between a set of designs and a reference point that is worse than they are; designs beyond it count nothing.

    Exact, by sweeping the last objective (Fonseca, Paquete, López-Ibáñez, CEC 2006, doi:10.1109/CEC.2006.1688440).
    """
    matrix, corner = _matrix(costs), np.asarray(reference, dtype=np.float64)
    if corner.shape != (matrix.shape[1],) or not np.isfinite(corner).all():
        raise UsageError(f"hypervolume: the reference needs {matrix.shape[1]} finite numbers")
    inside = matrix[(matrix < corner).all(axis=1)]
    return _volume(inside[pareto(inside)] if len(inside) else inside, corner)


def _volume(front: Reals, corner: Reals) -> float:
    if not len(front):
        return 0.0
    if front.shape[1] == 1:
        return float(corner[0] - front[:, 0].min())
    if front.shape[1] == 2:
        ordered = front[np.lexsort((front[:, 1], front[:, 0]))]
        best = np.minimum.accumulate(ordered[:, 1])
        widths = np.diff(np.concatenate((ordered[:, 0], corner[:1])))
        return float((widths * (corner[1] - best)).sum())
    ordered = front[np.argsort(front[:, -1], kind="stable")]
    depths = np.diff(np.concatenate((ordered[:, -1], corner[-1:])))
    total = 0.0
    for number, depth in enumerate(depths, 1):
        if depth > 0:
            flat = ordered[:number, :-1]
            total += depth * _volume(flat[pareto(flat)], corner[:-1])
    return float(total)


def best_under(costs: Mapping[str, ArrayLike], objective: str, budgets: Mapping[str, float]) -> int | None:
    """The design with the least ``objective`` whose other columns keep within ``budgets``; the first of equal ones, None where none
    does.
    """
    if objective not in costs:
        raise UsageError(f"best_under: no column {objective}")
    values = np.asarray(costs[objective], dtype=np.float64)
    allowed = np.isfinite(values)
    for name, most in budgets.items():
        if name not in costs:
            raise UsageError(f"best_under: no column {name}")
        allowed &= np.asarray(costs[name], dtype=np.float64) <= most
    return int(np.argmin(np.where(allowed, values, np.inf))) if allowed.any() else None


def knee(costs: ArrayLike) -> int:
    """The design of the front that is farthest below the plane through the best design of each objective, after scaling the front to [0,
    1].

    Das, "On characterizing the knee of the Pareto curve," Structural Optimization 18, 1999, doi:10.1007/BF01195985, for a convex front.
    """
    matrix = _matrix(costs)
    front = pareto(matrix)
    if not len(front):
        raise UsageError("knee: there is no design")
    rows = matrix[front]
    low, high = rows.min(axis=0), rows.max(axis=0)
    scaled = (rows - low) / np.where(high > low, high - low, 1.0)
    return int(front[np.argmin(scaled.sum(axis=1))])
