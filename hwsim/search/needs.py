"""What PEs need along the axes of an image: tables of it for a nest, and the least of each."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.packed import Int
from hwsim.kernels.search_needs import tabulate_needs
from hwsim.search.space import Space

#: Pairs of a position and a tap that are looked at to tabulate an axis, at most.
_LOOKED_AT = 20_000_000


def needs_of(space: Space) -> tuple[Int, Int]:
    """``Problem.needs`` and ``Problem.starts`` of a space; starts are -1 where an axis is not tabulated."""
    if not space.exact:
        return np.zeros((2, 0, 0), np.int64), np.full((2, 2, 2), -1, np.int64)
    return _needs(space.axis(0), space.axis(1))


@lru_cache(maxsize=64)
def _needs(*axes: tuple[int, int, int, int, int, int]) -> tuple[Int, Int]:
    """The same of both axes, in the exact rules."""
    tables = [_table(*axis) for axis in axes]
    needs = np.zeros((2, *(max(table[0].shape[place] for table in tables) for place in range(2))), np.int64)
    starts = np.full((2, 2, max(table[1].shape[1] for table in tables)), -1, np.int64)
    for axis, (found, begins) in enumerate(tables):
        needs[axis, : found.shape[0], : found.shape[1]] = found
        starts[axis, :, : begins.shape[1]] = begins
    return needs, starts


def share_of(space: Space, levels: list[int], spread: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Least share of all steps of all PEs that need an input which no other one gets with it, padding left out [T].

    levels : those whose networks share; spread [T, L, 8] : children. None where some dim is spread over two of them, or not tabulated.
    """
    share = np.ones(len(spread))
    for axis in range(2):
        position, tap, *_ = own = space.axis(axis)
        children = spread[:, levels][:, :, [4 + axis, 6 + axis]].astype(np.int64)
        if ((children > 1).sum(axis=1) > 1).any():
            return None
        number = np.minimum(children.prod(axis=1), (position, tap))
        least = _least(*own)
        if least is None:
            if (number > 1).all(axis=1).any():
                return None
            share *= space.data[axis] / (position * tap)
        else:
            share *= least[number[:, 0], number[:, 1]] / (position * tap)
    return share


def least_inputs(space: Space, nearest: int) -> float:
    """Least inputs that PEs take from the level ``nearest``, the innermost that keeps them, whatever is spread over its children [1].

    Children share over K, and along each axis as ``share_of`` has it; the product of all these numbers is at most that of all children.
    """
    total = float(math.prod(space.extents[:4])) * space.data[0] * space.data[1]
    levels = [level for level in range(nearest + 1) if space.packed.fanout[level].prod() > 1]
    if not space.exact or len(levels) > 1:
        return 0.0
    if not levels or not space.packed.multicast[levels[0]]:
        return total
    reach = int(space.packed.fanout[levels[0]].prod())
    high, wide = (_by_children(pairs, *space.axis(axis)) for axis, pairs in enumerate(space.data))
    if high is None or wide is None:
        return 0.0
    (children, words), (others, theirs) = high, wide
    alike = np.arange(min(space.extents[2], reach), 0, -1)  # children that share over K, more of them first
    rests, first = np.unique(reach // alike, return_index=True)
    least = math.inf
    for rest, number in zip(rests, alike[first], strict=True):
        some = children <= rest
        place = np.searchsorted(others, rest // children[some], side="right") - 1
        least = min(least, float((words[some] * theirs[place]).min()) * -(-space.extents[2] // int(number)))
    return least * math.prod(space.extents[dim] for dim in (0, 1, 3))


@lru_cache(maxsize=64)
def _by_children(
    pairs: int, position: int, tap: int, stride: int, dilation: int, pad: int, size: int
) -> tuple[Int, NDArray[np.float64]] | None:
    """Numbers of children along an axis, ascending from 1, and the least that so many or fewer need; one needs all ``pairs``."""
    least = _least(position, tap, stride, dilation, pad, size)
    if least is None:
        if min(position, tap) > 1:
            return None
        least = np.full((2, 2), pairs)
    children = np.arange(len(least))[:, None] * np.arange(least.shape[1])
    ranked = np.argsort(children, axis=None, kind="stable")
    ranked = ranked[children.reshape(-1)[ranked] > 0]
    numbers, first = np.unique(children.reshape(-1)[ranked], return_index=True)
    words = np.minimum.accumulate(np.minimum.reduceat(least.reshape(-1)[ranked].astype(np.float64), first))
    return numbers, words


@lru_cache(maxsize=64)
def _table(position: int, tap: int, stride: int, dilation: int, pad: int, size: int) -> tuple[Int, Int]:
    """Needs [A, B] and starts [2, E + 1] of one axis, without entries where none are shared or that would be long."""
    numbers = [-(-extent // np.arange(1, extent + 1)) for extent in (position, tap)]
    entries = [int(number.sum()) for number in numbers]
    if min(position, tap) == 1 or entries[0] * entries[1] * position * tap > _LOOKED_AT:
        return np.zeros((0, 0), np.int64), np.full((2, 2), -1, np.int64)
    starts = np.full((2, max(position, tap) + 1), -1, np.int64)
    for place, number in enumerate(numbers):
        starts[place, 1 : len(number) + 1] = np.cumsum(number) - number
    needs = np.zeros((entries[0], entries[1]), np.int64)
    tabulate_needs(np.array((position, tap)), np.array((stride, dilation, pad, size)), starts, needs)
    return needs, starts


@lru_cache(maxsize=64)
def _least(position: int, tap: int, stride: int, dilation: int, pad: int, size: int) -> Int | None:
    """The least that so many children along positions and along taps need, whatever lies between them [positions + 1, taps + 1]."""
    needs, starts = _table(position, tap, stride, dilation, pad, size)
    if not len(needs):
        return None
    places = []
    for place, extent in enumerate((position, tap)):
        step, number = np.arange(1, extent + 1), np.arange(extent + 1)[:, None]
        places.append(starts[place, step] + np.clip(number, 1, -(-extent // step)) - 1)
    least = needs[places[0]].min(axis=1)  # [positions + 1, B]
    found: Int = least[:, places[1]].min(axis=2)
    return found
